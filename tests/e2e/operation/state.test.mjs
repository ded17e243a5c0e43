// What outlives mgw: the folder it stands in, who may have it, and what is said when it cannot be used.

import { describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { mgwRelease, startGateway } from '../lib/gateway.mjs';

const folder = (t) => {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'mgw-state-'));
  t.after(() => fs.rmSync(dir, { recursive: true }));
  return dir;
};
const modesOf = (dir) => Object.fromEntries(fs.readdirSync(dir).map((name) => [name, fs.statSync(path.join(dir, name)).mode & 0o777]));
const start = (dir, options = {}) => startGateway({ alone: true, config: { mcpServers: {}, gateway: { state_dir: dir } }, ...options });

describe('what outlives mgw', { timeout: 60000 }, () => {
  test('stands in a folder that is made, for its own eyes alone', async (t) => {
    const dir = path.join(folder(t), 'state');
    const gateway = await start(dir, { release: true });
    assert.equal(fs.statSync(dir).mode & 0o777, 0o700);
    assert.deepEqual(modesOf(dir), Object.fromEntries(
      ['state.db', 'state.db-shm', 'state.db-wal', 'state.key', 'state.lock'].map((name) => [name, 0o600]),
    ));
    const key = fs.readFileSync(path.join(dir, 'state.key'), 'utf8');
    await gateway.mgw.stop();
    assert.deepEqual(fs.readdirSync(dir).sort(), ['state.db', 'state.key', 'state.lock']);
    const again = await start(dir, { release: true });
    assert.equal(fs.readFileSync(path.join(dir, 'state.key'), 'utf8'), key);
    assert.equal(gateway.mgw.lines.join('\n').includes(key) || again.mgw.lines.join('\n').includes(key), false);
    assert.equal(again.mgw.count(/WARN|ERROR/), again.mgw.count(/no users are configured|run as root/), again.mgw.tail());
    await again.mgw.stop();
  });

  test('is one process\'s, which the next one may kill', async (t) => {
    const dir = folder(t);
    const gateway = await start(dir);
    await assert.rejects(start(dir), /ERROR \[mgw\] .*: another mgw uses this folder \(state_dir\): each needs its own/);
    gateway.mgw.child.kill('SIGKILL');
    await gateway.mgw.exited;
    const next = await start(dir);
    await next.stop();
  });

  test('of another key is told, and is not lost', async (t) => {
    const dir = folder(t);
    await (await start(dir)).stop();
    fs.renameSync(path.join(dir, 'state.key'), path.join(dir, 'elsewhere'));
    await assert.rejects(start(dir), /state\.key: is missing, and the records beside it are sealed by it: put it back/);
    fs.renameSync(path.join(dir, 'elsewhere'), path.join(dir, 'state.key'));
    await (await start(dir)).stop();
  });

  test('can be saved while mgw runs, and be put back', async (t) => {
    const dir = folder(t);
    const [saved, restored] = [path.join(folder(t), 'saved.db'), folder(t)];
    const gateway = await start(dir);
    const { status, stderr } = spawnSync('python3', ['-c', `
import sqlite3, sys
source, target = sqlite3.connect(sys.argv[1]), sqlite3.connect(sys.argv[2])
source.backup(target)
`, path.join(dir, 'state.db'), saved], { encoding: 'utf8' });
    assert.equal(status, 0, stderr);
    await gateway.stop();
    fs.copyFileSync(saved, path.join(restored, 'state.db'));
    fs.copyFileSync(path.join(dir, 'state.key'), path.join(restored, 'state.key'));
    await (await start(restored)).stop();
  });

  test('is looked at by --check-config, which makes nothing', (t) => {
    const dir = folder(t);
    const check = (gateway) => {
      const file = path.join(dir, 'mgw.json');
      fs.writeFileSync(file, JSON.stringify({ mcpServers: {}, gateway }, null, 1));
      return spawnSync(mgwRelease, ['--check-config', file], { encoding: 'utf8', env: {} });
    };
    assert.equal(check({ state_dir: 'state' }).status, 0);
    assert.deepEqual(fs.readdirSync(dir), ['mgw.json']);
    const { status, stderr } = check({ state_dir: 'none/state' });
    assert.equal(status, 1);
    assert.match(stderr, /mgw\.json:\d+:.* gateway\.state_dir: .*\/none\/state cannot be written: No such file or directory/);
    assert.match(check({ state_dir: 'mgw.json' }).stderr, /gateway\.state_dir: .*mgw\.json cannot be written: Not a directory/);
    assert.match(check({ state_key_old: 'short' }).stderr, /gateway\.state_key_old: must have 32 characters at least/);
  });
});
