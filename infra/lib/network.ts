// Who reaches whom: clients the load balancer, it the tasks, they the file system.

import { Annotations } from 'aws-cdk-lib';
import { CfnPrefixList, Peer, Port, SecurityGroup, Vpc, type IVpc } from 'aws-cdk-lib/aws-ec2';
import { Construct } from 'constructs';
import { cloudflareIpv4 } from './cloudflare.ts';
import { explain } from './explain.ts';
import type { Settings } from './settings.ts';

/** HAProxy's plain listener; its inside port (8404) stays on the task's loopback. */
export const taskPort = 8080;
const nfsPort = 2049;

export class Network extends Construct {
  readonly vpc: IVpc;
  readonly balancer: SecurityGroup;
  readonly task: SecurityGroup;
  readonly state: SecurityGroup;

  constructor(scope: Construct, id: string, settings: Settings) {
    super(scope, id);
    const { network } = settings;
    this.vpc = Vpc.fromVpcAttributes(this, 'Vpc', {
      vpcId: network.vpcId,
      availabilityZones: network.availabilityZones,
      publicSubnetIds: network.publicSubnetIds,
      privateSubnetIds: network.privateSubnetIds,
    });
    Annotations.of(this.vpc).acknowledgeWarning('@aws-cdk/aws-ec2:noSubnetRouteTableId', 'No route is made here.');
    this.balancer = this.#group('Balancer', 'clients to the load balancer', false);
    this.task = this.#group('Task', 'the load balancer to HAProxy; upstreams are anywhere', true);
    this.state = this.#group('State', 'tasks to what outlives them', false);
    this.#letClientsIn(settings);
    this.balancer.addEgressRule(this.task, Port.tcp(taskPort), 'HAProxy');
    this.task.addIngressRule(this.balancer, Port.tcp(taskPort), 'the load balancer alone');
    this.state.addIngressRule(this.task, Port.tcp(nfsPort), 'NFS');
  }

  #group(id: string, description: string, allowAllOutbound: boolean): SecurityGroup {
    return new SecurityGroup(this, id, { vpc: this.vpc, description, allowAllOutbound, disableInlineRules: true });
  }

  #letClientsIn(settings: Settings): void {
    if (settings.cloudflare) {
      const list = new CfnPrefixList(this, 'Cloudflare', {
        prefixListName: 'mgw-cloudflare',
        addressFamily: 'IPv4',
        maxEntries: cloudflareIpv4.length + 5,
        entries: cloudflareIpv4.map((cidr) => ({ cidr })),
      });
      this.balancer.addIngressRule(Peer.prefixList(list.attrPrefixListId), Port.tcp(443), 'Cloudflare');
      return;
    }
    for (const cidr of settings.clients) this.balancer.addIngressRule(Peer.ipv4(cidr), Port.tcp(443), 'clients');
    explain(this.balancer, { 'AwsSolutions-EC23': 'Clients are anywhere unless "clients" or "cloudflare" says otherwise; mgw and HAProxy judge each request.' });
  }
}
