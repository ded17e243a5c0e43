// What must outlive a task: mgw's state_dir, on a file system that its user alone can use, encrypted, with a backup each day.

import { RemovalPolicy } from 'aws-cdk-lib';
import { SubnetType } from 'aws-cdk-lib/aws-ec2';
import { AccessPoint, FileSystem, LifecyclePolicy, ThroughputMode } from 'aws-cdk-lib/aws-efs';
import { AccountRootPrincipal, AnyPrincipal, Effect, PolicyDocument, PolicyStatement, type IRole } from 'aws-cdk-lib/aws-iam';
import { Construct } from 'constructs';
import type { Network } from './network.ts';

const use = ['elasticfilesystem:ClientMount', 'elasticfilesystem:ClientWrite'];

/** mgw's user in its image. */
export const mgwUid = '10001';

export class State extends Construct {
  readonly files: FileSystem;
  readonly folder: AccessPoint;

  constructor(scope: Construct, id: string, network: Network) {
    super(scope, id);
    this.files = new FileSystem(this, 'Files', {
      vpc: network.vpc,
      vpcSubnets: { subnetType: SubnetType.PRIVATE_WITH_EGRESS },
      securityGroup: network.state,
      encrypted: true,
      enableAutomaticBackups: true,
      throughputMode: ThroughputMode.ELASTIC,
      lifecyclePolicy: LifecyclePolicy.AFTER_90_DAYS,
      fileSystemPolicy: onlyByRole(),
      removalPolicy: RemovalPolicy.RETAIN,
    });
    this.folder = this.files.addAccessPoint('Mgw', {
      path: '/mgw',
      posixUser: { uid: mgwUid, gid: mgwUid },
      createAcl: { ownerUid: mgwUid, ownerGid: mgwUid, permissions: '0700' },
    });
  }

  letUse(role: IRole): void {
    role.addToPrincipalPolicy(new PolicyStatement({
      actions: use,
      resources: [this.files.fileSystemArn],
      conditions: {
        StringEquals: { 'elasticfilesystem:AccessPointArn': this.folder.accessPointArn },
        Bool: { 'elasticfilesystem:AccessedViaMountTarget': 'true' },
      },
    }));
  }
}

/** Whoever mounts it must have a role that says so, and come by TLS. CDK's own policy lets in all that reach a mount target. */
function onlyByRole(): PolicyDocument {
  return new PolicyDocument({
    statements: [
      new PolicyStatement({ principals: [new AccountRootPrincipal()], actions: use }),
      new PolicyStatement({
        effect: Effect.DENY, principals: [new AnyPrincipal()], actions: ['*'], conditions: { Bool: { 'aws:SecureTransport': 'false' } },
      }),
    ],
  });
}
