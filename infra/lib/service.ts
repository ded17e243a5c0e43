// How tasks are run, replaced and counted.

import { Duration } from 'aws-cdk-lib';
import { SubnetType } from 'aws-cdk-lib/aws-ec2';
import { Cluster, ContainerInsights, FargatePlatformVersion, FargateService } from 'aws-cdk-lib/aws-ecs';
import type { IMetric } from 'aws-cdk-lib/aws-cloudwatch';
import { Construct } from 'constructs';
import type { Balancer } from './balancer.ts';
import { taskPort, type Network } from './network.ts';
import type { Settings } from './settings.ts';
import type { Task } from './task.ts';

export class Service extends Construct {
  readonly fargate: FargateService;

  constructor(scope: Construct, id: string, settings: Settings, network: Network, balancer: Balancer, task: Task, streams: IMetric) {
    super(scope, id);
    // A file system is one task's at a time: the old one has ended when the new one starts.
    const isAlone = settings.state === 'efs';
    const cluster = new Cluster(this, 'Cluster', { vpc: network.vpc, containerInsightsV2: ContainerInsights.ENABLED });
    this.fargate = new FargateService(this, 'Fargate', {
      cluster,
      taskDefinition: task.definition,
      platformVersion: FargatePlatformVersion.VERSION1_4,
      desiredCount: settings.tasks.min,
      minHealthyPercent: isAlone ? 0 : 100,
      maxHealthyPercent: isAlone ? 100 : 200,
      circuitBreaker: { enable: true, rollback: true },
      healthCheckGracePeriod: Duration.seconds(60),
      assignPublicIp: false,
      vpcSubnets: { subnetType: SubnetType.PRIVATE_WITH_EGRESS },
      securityGroups: [network.task],
    });
    balancer.targets.addTarget(this.fargate.loadBalancerTarget({ containerName: 'haproxy', containerPort: taskPort }));
    this.fargate.node.addDependency(balancer.listener);
    this.#scale(settings, streams);
  }

  /** Each task tells how many streams it keeps alive, so the average is that of a task. */
  #scale(settings: Settings, streams: IMetric): void {
    const scaling = this.fargate.autoScaleTaskCount({ minCapacity: settings.tasks.min, maxCapacity: settings.tasks.max });
    scaling.scaleToTrackCustomMetric('Streams', {
      metric: streams,
      targetValue: settings.streamsPerTask,
      scaleOutCooldown: Duration.minutes(2),
      // Who scales in ends streams: not for a lull.
      scaleInCooldown: Duration.minutes(30),
    });
  }
}
