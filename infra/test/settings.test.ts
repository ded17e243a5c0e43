import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { SettingsError, settingsOf } from '../lib/settings.ts';
import { example } from './lib/made.ts';

const { network } = example.settings;

describe('settings', () => {
  const wrong: [string, Record<string, unknown>, RegExp][] = [
    ['one that is missing', { certificateArn: undefined }, /"certificateArn" is missing/],
    ['one that nobody knows', { idleTimeout: 60 }, /no such setting: "idleTimeout"/],
    ['a network without subnets', { network: { ...network, privateSubnetIds: [] } }, /"network\.privateSubnetIds" is missing/],
    ['one public subnet', { network: { ...network, publicSubnetIds: ['subnet-1'], publicSubnetCidrs: ['10.0.0.0/24'] } }, /needs two/],
    ['a public subnet without its network', { network: { ...network, publicSubnetCidrs: ['10.0.0.0/24'] } }, /one for each public subnet/],
    ['an address in the clear', { publicUrl: 'http://mcp.example.com' }, /must begin with https/],
    ['a drain that Fargate does not wait for', { drainSeconds: 111 }, /110 at most/],
    ['several tasks with one state', { tasks: { min: 1, max: 2 } }, /a folder of its own/],
    ['fewer tasks at most than at least', { tasks: { min: 3, max: 2 }, state: 'memory' }, /max no less/],
  ];
  for (const [what, changes, message] of wrong) {
    test(`${what} is told`, () => {
      assert.throws(() => settingsOf({ ...example.settings, ...changes }), (e) => e instanceof SettingsError && message.test(e.message));
    });
  }
});
