// The load balancer: TLS ends here, and no silence of ours is longer than its patience.

import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import { SubnetType } from 'aws-cdk-lib/aws-ec2';
import {
  ApplicationListener, ApplicationLoadBalancer, ApplicationProtocol, ApplicationTargetGroup, ListenerAction, SslPolicy, TargetType,
} from 'aws-cdk-lib/aws-elasticloadbalancingv2';
import { BlockPublicAccess, Bucket, BucketEncryption, ObjectOwnership } from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import { explain } from './explain.ts';
import { taskPort, type Network } from './network.ts';
import type { Settings } from './settings.ts';

/** Longer than keepalive_s (30 s), shorter than HAProxy's timeout http-keep-alive (130 s). AWS's default is 60. */
export const idleSeconds = 120;

export class Balancer extends Construct {
  readonly alb: ApplicationLoadBalancer;
  readonly targets: ApplicationTargetGroup;
  readonly listener: ApplicationListener;

  constructor(scope: Construct, id: string, settings: Settings, network: Network) {
    super(scope, id);
    this.alb = new ApplicationLoadBalancer(this, 'Alb', {
      vpc: network.vpc,
      vpcSubnets: { subnetType: SubnetType.PUBLIC },
      internetFacing: true,
      securityGroup: network.balancer,
      idleTimeout: Duration.seconds(idleSeconds),
      deletionProtection: true,
      // Names such as Mcp-Param-project_id are allowed, and would be dropped silently.
      dropInvalidHeaderFields: false,
    });
    this.alb.logAccessLogs(this.#logs(), 'alb');
    this.targets = new ApplicationTargetGroup(this, 'Targets', {
      vpc: network.vpc,
      targetType: TargetType.IP,
      protocol: ApplicationProtocol.HTTP,
      port: taskPort,
      // What mgw lets end while it drains is still carried.
      deregistrationDelay: Duration.seconds(settings.drainSeconds + 5),
      // /ready answers 503 while mgw drains, /health does not.
      healthCheck: {
        path: '/ready', healthyHttpCodes: '200', interval: Duration.seconds(10), timeout: Duration.seconds(5),
        healthyThresholdCount: 2, unhealthyThresholdCount: 3,
      },
      // A browser that signs in comes back to the task that it began at. Clients with sessions need one task, or cookies.
      stickinessCookieDuration: settings.tasks.max > 1 ? Duration.hours(8) : undefined,
    });
    // There is none at port 80: who takes it by mistake should not send a token there twice.
    this.listener = this.alb.addListener('Tls', {
      port: 443,
      protocol: ApplicationProtocol.HTTPS,
      certificates: [{ certificateArn: settings.certificateArn }],
      sslPolicy: SslPolicy.RECOMMENDED_TLS,
      open: false,
      defaultAction: ListenerAction.forward([this.targets]),
    });
  }

  #logs(): Bucket {
    const bucket = new Bucket(this, 'Logs', {
      encryption: BucketEncryption.S3_MANAGED,
      blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
      objectOwnership: ObjectOwnership.BUCKET_OWNER_ENFORCED,
      enforceSSL: true,
      lifecycleRules: [{ expiration: Duration.days(30) }],
      removalPolicy: RemovalPolicy.RETAIN,
    });
    explain(bucket, { 'AwsSolutions-S1': 'This is the bucket of access logs itself.' });
    return bucket;
  }
}
