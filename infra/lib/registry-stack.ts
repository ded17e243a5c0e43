// Where the images are: a stack of its own, since they must be there before a service can start.

import { RemovalPolicy, Stack, type StackProps } from 'aws-cdk-lib';
import { Repository, TagMutability } from 'aws-cdk-lib/aws-ecr';
import type { Construct } from 'constructs';

export const imageNames = { mgw: 'mgw', haproxy: 'mgw-haproxy' };

export class RegistryStack extends Stack {
  constructor(scope: Construct, id: string, props: StackProps) {
    super(scope, id, props);
    for (const name of Object.values(imageNames)) this.#repository(name);
  }

  /** A tag is never another image: an older task definition brings back what it ran. */
  #repository(name: string): void {
    new Repository(this, name, {
      repositoryName: name,
      imageScanOnPush: true,
      imageTagMutability: TagMutability.IMMUTABLE,
      removalPolicy: RemovalPolicy.RETAIN,
      lifecycleRules: [{ maxImageCount: 50, description: 'the last 50: more than one rolls back to' }],
    });
  }
}
