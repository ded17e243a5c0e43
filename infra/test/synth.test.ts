// The whole of it, as an operator runs it: without an account, and with nothing looked up.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import { App, Stack } from 'aws-cdk-lib';
import { Bucket } from 'aws-cdk-lib/aws-s3';
import { addChecks } from '../lib/app.ts';
import { infra, made } from './lib/made.ts';

const out = process.env.MGW_INFRA_OUT ?? path.join(infra, '../build/infra/cdk.out');

function cdk(...args: string[]): string {
  return execFileSync(process.execPath, [path.join(infra, 'node_modules/aws-cdk/bin/cdk'), ...args, '--no-notices', '--output', out], {
    cwd: infra,
    encoding: 'utf8',
    // Nobody's credentials, and no way out.
    env: {
      PATH: `${path.dirname(process.execPath)}:/usr/bin:/bin`, HOME: '/nonexistent', CDK_DISABLE_CLI_TELEMETRY: '1', AWS_EC2_METADATA_DISABLED: 'true',
      HTTPS_PROXY: 'http://127.0.0.1:9', CI: '1',
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

describe('cdk', () => {
  test('synth needs no account and no network', () => {
    fs.rmSync(out, { recursive: true, force: true });
    cdk('synth', '--quiet');
    const manifest = JSON.parse(fs.readFileSync(path.join(out, 'manifest.json'), 'utf8'));
    assert.equal(manifest.missing, undefined);
    for (const stack of ['MgwRegistry', 'Mgw']) assert.ok(fs.existsSync(path.join(out, `${stack}.template.json`)));
  });

  test('no secret stands in a template', () => {
    const template = fs.readFileSync(path.join(out, 'Mgw.template.json'), 'utf8');
    assert.doesNotMatch(template, /"SecretString"/);
  });
});

describe('cdk-nag', () => {
  const shapes = [{}, { cloudflare: true }, { tasks: { min: 2, max: 4 }, state: 'memory' as const }, { secrets: { A: 'mgw/a' }, tokensSecret: undefined }];
  for (const changes of shapes) {
    test(`finds nothing that is not explained: ${JSON.stringify(changes)}`, () => {
      const { app } = made(changes);
      addChecks(app);
      app.synth();
    });
  }

  test('would find something', () => {
    const app = new App();
    new Bucket(new Stack(app, 'Bad'), 'Open');
    addChecks(app);
    assert.throws(() => app.synth(), /[Vv]alidation/);
  });
});
