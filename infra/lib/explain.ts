// What cdk-nag finds and we mean so: each with its reason, at the construct that it is about.

import { Validations } from 'aws-cdk-lib';
import type { IConstruct } from 'constructs';

export function explain(construct: IConstruct, reasons: Record<string, string>): void {
  for (const [id, reason] of Object.entries(reasons)) Validations.of(construct).acknowledge({ id, reason });
}
