// Both stacks; and cdk-nag over them, which lets none be made in which it finds what explain.ts does not explain.

import { Validations, type App } from 'aws-cdk-lib';
import { AwsSolutionsChecks } from 'cdk-nag';
import { FargateStack } from './fargate-stack.ts';
import { RegistryStack } from './registry-stack.ts';
import type { Settings } from './settings.ts';

export interface Made {
  registry: RegistryStack;
  fargate: FargateStack;
}

export function makeStacks(app: App, settings: Settings, config: string): Made {
  const env = { account: settings.account, region: settings.region };
  const registry = new RegistryStack(app, 'MgwRegistry', { env });
  const fargate = new FargateStack(app, 'Mgw', { env, settings, config });
  fargate.addStackDependency(registry);
  return { registry, fargate };
}

export function addChecks(app: App): void {
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
}
