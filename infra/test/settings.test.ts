import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { describe, test } from 'node:test';
import { SettingsError, configBytesMax, readSettings, settingsOf } from '../lib/settings.ts';
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
    ['a size that Fargate has not', { cpu: 256, memoryMiB: 4096 }, /no task of 256 units and 4096 MiB/],
    ['a number of units that it has not', { cpu: 300 }, /no task of 300 units/],
    ['several tasks with one state', { tasks: { min: 1, max: 2 } }, /a folder of its own/],
    ['fewer tasks at most than at least', { tasks: { min: 3, max: 2 }, state: 'memory' }, /max no less/],
  ];
  for (const [what, changes, message] of wrong) {
    test(`${what} is told`, () => {
      assert.throws(() => settingsOf({ ...example.settings, ...changes }), (e) => e instanceof SettingsError && message.test(e.message));
    });
  }

  test('the sizes that Fargate has are taken', () => {
    for (const [cpu, memoryMiB] of [[256, 512], [256, 2048], [1024, 8192], [4096, 30720], [16384, 122880]])
      assert.equal(settingsOf({ ...example.settings, cpu, memoryMiB }).cpu, cpu);
  });

  test('a configuration that is too long for a task definition is told', () => {
    const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'mgw-settings-'));
    const file = path.join(dir, 'settings.json');
    fs.writeFileSync(file, JSON.stringify(example.settings));
    fs.writeFileSync(path.join(dir, 'mgw.json'), JSON.stringify({ mcpServers: {}, x: 'y'.repeat(configBytesMax) }));
    assert.throws(() => readSettings(file), (e) => e instanceof SettingsError && /"config": a task definition holds 64 kB/.test(e.message));
    fs.rmSync(dir, { recursive: true });
  });
});
