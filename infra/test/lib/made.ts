// Stacks made of the example's settings, changed as a test wants them.

import path from 'node:path';
import { App } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { makeStacks, type Made } from '../../lib/app.ts';
import { readSettings, settingsOf, type Settings } from '../../lib/settings.ts';

export const infra = path.resolve(import.meta.dirname, '../..');
export const example = readSettings(path.join(infra, 'example.json'));

export function made(changes: Partial<Settings> = {}): Made & { app: App } {
  const app = new App();
  return { app, ...makeStacks(app, settingsOf({ ...example.settings, ...changes }), example.config) };
}

const templates = new Map<string, Template>();

/** The template of the service. */
export function template(changes: Partial<Settings> = {}): Template {
  const key = JSON.stringify(changes, (_, value) => value ?? null);
  if (!templates.has(key)) templates.set(key, Template.fromStack(made(changes).fargate));
  return templates.get(key)!;
}

/** The properties of the only resource of a type. */
export function only(type: string, from = template()): any {
  const all = Object.values(from.findResources(type));
  if (all.length !== 1) throw new Error(`${all.length} of ${type}`);
  return all[0].Properties;
}

export function container(name: string, from = template()): any {
  return only('AWS::ECS::TaskDefinition', from).ContainerDefinitions.find((c: any) => c.Name === name);
}

export function environment(name: string, from = template()): Record<string, string> {
  return Object.fromEntries(container(name, from).Environment.map((e: any) => [e.Name, e.Value]));
}
