// The images of a release: built again, they are the same bytes, and run.

import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

const top = path.resolve(import.meta.dirname, '../..');
const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'mgw-images-'));
const tag = `mgw-haproxy:test-${process.pid}`;
const docker = (...args) => execFileSync('docker', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

after(() => fs.rmSync(dir, { recursive: true }));

const make = (file) => {
  const script = `. tools/common.sh; . tools/release.sh; release_image HEAD mgw-haproxy ${tag} && python3 tools/image.py ${tag} ${file}`;
  execFileSync('bash', ['-euc', script], { cwd: top, stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, SOURCE_DATE_EPOCH: '1700000000', MGW_BUILD_NETWORK: 'host' } });
  return createHash('sha256').update(fs.readFileSync(file)).digest('hex');
};

test("an image of a release, built again, is the same bytes, and has the settings of its Dockerfile", { timeout: 900000 }, () => {
  const [first, second] = ['first.tar.gz', 'second.tar.gz'].map((name) => path.join(dir, name));
  assert.equal(make(second), make(first));
  const settings = () => {
    const { Env, User, Entrypoint, Volumes, StopSignal, Healthcheck } = JSON.parse(docker('inspect', tag))[0].Config;
    return { Env, User, Entrypoint, Volumes, StopSignal, Healthcheck };
  };
  const built = settings();
  docker('rmi', '-f', tag);
  docker('load', '-i', first);
  assert.deepEqual(settings(), built);
  assert.match(docker('run', '--rm', '--network', 'none', '--entrypoint', 'haproxy', tag, '-v'), /^HAProxy version 2\.6/);
  assert.equal(docker('run', '--rm', '--network', 'none', '--entrypoint', 'id', tag, '-un'), 'mgw-haproxy\n');
  docker('rmi', '-f', tag);
});
