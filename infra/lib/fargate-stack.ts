// mgw in AWS: a load balancer, a firewall before it, the pair of HAProxy and mgw behind it, and what is kept and seen of them.

import { CfnOutput, Stack, type StackProps } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import { Balancer } from './balancer.ts';
import { Firewall } from './firewall.ts';
import { Network } from './network.ts';
import { Service } from './service.ts';
import type { Settings } from './settings.ts';
import { Alarms, Logs } from './sight.ts';
import { State } from './state.ts';
import { Task } from './task.ts';

export interface FargateStackProps extends StackProps {
  settings: Settings;
  /** mgw's configuration, as its text. */
  config: string;
}

export class FargateStack extends Stack {
  constructor(scope: Construct, id: string, { settings, config, ...props }: FargateStackProps) {
    super(scope, id, props);
    const network = new Network(this, 'Network', settings);
    const balancer = new Balancer(this, 'Balancer', settings, network);
    const logs = new Logs(this, 'Logs', settings);
    const state = settings.state === 'efs' ? new State(this, 'State', network) : undefined;
    const task = new Task(this, 'Task', { settings, config, state, logs });
    new Firewall(this, 'Firewall', settings, balancer.alb.loadBalancerArn);
    const service = new Service(this, 'Service', settings, network, balancer, task, logs.streams);
    // NFS must answer before a task mounts it.
    if (state !== undefined) service.node.addDependency(state.files.mountTargetsAvailable);
    new Alarms(this, 'Alarms', settings, logs, balancer);
    new CfnOutput(this, 'Address', { value: balancer.alb.loadBalancerDnsName, description: 'where the name of publicUrl leads (CNAME)' });
    new CfnOutput(this, 'ClusterName', { value: service.fargate.cluster.clusterName });
    new CfnOutput(this, 'ServiceName', { value: service.fargate.serviceName });
    new CfnOutput(this, 'BalancerArn', { value: balancer.alb.loadBalancerArn });
  }
}
