// ./dev up as a person uses it: what it prints, what it starts, how it ends, and what it says when it cannot.

import { describe, test } from 'node:test';
import assert from 'node:assert/strict';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { once } from 'node:events';
import { connectClient, textOf, trustingFetch } from '../lib/clients.mjs';
import { freePort, Program, top, waitFor } from '../lib/gateway.mjs';
import { ask } from '../lib/raw.mjs';

const runDir = path.join(top, 'build/run');
const pidOf = (name) => Number(fs.readFileSync(path.join(runDir, `${name}.pid`), 'utf8'));
const isRunning = (pid) => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

async function devUp(args = [], env = {}) {
  const ports = { MGW_TLS_PORT: await freePort(), MGW_HTTP_PORT: await freePort(), MGW_STATS_PORT: await freePort() };
  const program = new Program('./dev up', path.join(top, 'dev'), ['up', ...args], { cwd: '/', env: { ...process.env, ...ports, ...env } });
  return { program, ports };
}

const basic = (password) => ({ authorization: `Basic ${Buffer.from(`mgw:${password}`).toString('base64')}` });

const scratch = fs.mkdtempSync('/tmp/mgw-up-');
process.on('exit', () => fs.rmSync(scratch, { recursive: true, force: true }));
const scratchFile = (name, text) => {
  const file = path.join(scratch, name);
  fs.writeFileSync(file, text);
  return file;
};

describe('./dev up', { timeout: 120000 }, () => {
  for (const signal of ['SIGINT', 'SIGTERM']) {
    test(`serves at the addresses that it prints, and ${signal} takes both down`, async () => {
      const config = scratchFile('mgw.json', '{"gateway": {"node": "from-file"}}');
      const { program, ports } = await devUp(['--config', config]);
      await program.line(/mgw is up\./, { timeoutMs: 60000 });
      await program.line(/Ctrl-C ends both\./);
      const printed = program.lines.join('\n');
      assert.ok(printed.includes(`https://localhost:${ports.MGW_TLS_PORT}/mcp`));
      const curl = /^ +curl -u "mgw:\$\(cat '(.+)'\)" (http\S+)$/m.exec(printed);
      assert.equal(fs.statSync(curl[1]).mode & 0o777, 0o600);
      const secret = fs.readFileSync(curl[1], 'utf8').trim();
      const metrics = (password) => ask(new URL(curl[2]).origin, new URL(curl[2]).pathname, { headers: basic(password) });
      assert.match((await metrics(secret)).body, /^mgw_streams \d+$/m);
      assert.equal((await metrics('something that is not it')).status, 401);
      const seen = ['mgw', 'haproxy'].map((name) => fs.readFileSync(`/proc/${pidOf(name)}/cmdline`, 'utf8')).join() + printed;
      assert.ok(!seen.includes(secret), 'neither printed nor among the arguments of a program');
      const snippet = JSON.parse(/\{\s+"mcpServers"[\s\S]*?\n {2}\}/.exec(printed)[0]);
      const { url } = snippet.mcpServers.mgw;
      const fetch = trustingFetch({ ca: fs.readFileSync(path.join(runDir, 'localhost.crt'), 'utf8') });
      const client = await connectClient(new URL(url).origin, 'http', { fetch });
      assert.equal(textOf(await client.callTool({ name: 'echo', arguments: { message: 'hello' } })), 'hello');
      assert.match(client.transport.sessionId, /^from-file\./);
      await client.close();
      await fetch.close();
      await program.line(/^mgw +\| .*INFO \[mgw\] .* listening/);
      await program.line(/^haproxy +\| .*"path":"\\?\/mcp"/);

      const pids = [pidOf('mgw'), pidOf('haproxy')];
      assert.ok(pids.every(isRunning));
      assert.deepEqual(await program.stop(signal), { code: 0, signal: null }, program.tail());
      assert.ok(!pids.some(isRunning), 'both are gone');
      assert.deepEqual(fs.readdirSync(runDir).filter((name) => name.endsWith('.pid')), []);
    });
  }

  const refused = async (args, env, pattern) => {
    const { program } = await devUp(args, env);
    const { code } = await program.exited;
    assert.equal(code, 1);
    const last = program.lines.filter((line) => line.startsWith('./dev: '));
    assert.equal(last.length, 1, `one clear line:\n${program.tail()}`);
    assert.match(last[0], pattern);
  };

  test('a port in use is named, with what to do', async () => {
    const server = net.createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address();
    await refused([], { MGW_HTTP_PORT: port }, new RegExp(`port ${port} is in use by .*MGW_HTTP_PORT=`));
    server.close();
  });

  test('a wrong configuration is named', async () => {
    await refused(['--config', scratchFile('bad.json', '{"gateway": {\n"keepalive": 1}}')], {}, /bad\.json: mend the configuration/);
    await refused([], { MGW_CONFIG: path.relative('/', path.join(scratch, 'bad.json')) }, /bad\.json: mend the configuration/);
    await refused(['--config', path.join(scratch, 'none.json')], {}, /cannot read the configuration .*none\.json/);
    await refused(['--nope'], {}, /up does not know --nope/);
    await refused([], { MGW_ADMIN_SECRET: 'short' }, /MGW_ADMIN_SECRET is too short/);
    await refused([], { MGW_TLS_PORT: 'many' }, /MGW_TLS_PORT=many is no port number/);
  });

  test('an mgw that does not start is told, and no address', async () => {
    const { program } = await devUp([], { MGW_AUTH_TOKENS_FILE: path.join(scratch, 'none.json') });
    assert.equal((await program.exited).code, 1);
    assert.match(program.lines.join('\n'), /none\.json: cannot be read[^]*\.\/dev: mgw ended with code 1/);
    assert.ok(!program.lines.includes('mgw is up.'), program.tail());
  });

  test('an mgw that takes over (--replace) is followed, and another after it; all end with ./dev', async () => {
    const { program, ports } = await devUp();
    await program.line(/Ctrl-C ends both\./, { timeoutMs: 60000 });
    const haproxy = pidOf('haproxy');
    const successors = [];
    for (let n = 0; n < 2; n++) {
      const before = pidOf('mgw');
      const env = { ...process.env, MGW_LISTEN: `unix:${runDir}/fcgi.sock`, MGW_NODE: `successor${n}` };
      const successor = new Program('successor', path.join(top, 'build/mgw'), ['--replace'], { env });
      successors.push(successor);
      await program.line(new RegExp(`\\./dev: mgw was replaced: process ${successor.pid} serves`));
      assert.ok(!isRunning(before) && isRunning(haproxy));
      assert.equal(pidOf('mgw'), successor.pid);
      const client = await connectClient(`http://localhost:${ports.MGW_HTTP_PORT}`, 'http');
      assert.match(client.transport.sessionId, new RegExp(`^successor${n}\\.`));
      await client.close();
    }
    assert.deepEqual(await program.stop('SIGINT'), { code: 0, signal: null }, program.tail());
    for (const { exited } of successors) assert.equal((await exited).code, 0);
    assert.ok(!isRunning(haproxy));
  });

  test('ended while the mgw before has a call to end, it ends that, and who has taken over', async () => {
    const { program, ports } = await devUp();
    await program.line(/Ctrl-C ends both\./, { timeoutMs: 60000 });
    const [mgw, haproxy] = [pidOf('mgw'), pidOf('haproxy')];
    const client = await connectClient(`http://localhost:${ports.MGW_HTTP_PORT}`, 'http');
    const answer = client.callTool({ name: 'wait', arguments: { seconds: 4 } });
    await waitFor(() => program.count(/Client connected: /) >= 2, 'its stream, and that of the answer');
    const successor = new Program('successor', path.join(top, 'build/mgw'), ['--replace'], { env: { ...process.env, MGW_LISTEN: `unix:${runDir}/fcgi.sock` } });
    await successor.line(/ listening on /);
    assert.ok(isRunning(mgw));
    assert.deepEqual(await program.stop('SIGINT'), { code: 0, signal: null }, program.tail());
    assert.match(textOf(await answer), /4/);
    assert.equal((await successor.exited).code, 0);
    assert.ok(![mgw, haproxy].some(isRunning));
    await client.close();
  });

  test('one that took over and dies takes HAProxy with it, too', async () => {
    const { program } = await devUp();
    await program.line(/Ctrl-C ends both\./, { timeoutMs: 60000 });
    const haproxy = pidOf('haproxy');
    const successor = new Program('successor', path.join(top, 'build/mgw'), ['--replace'], { env: { ...process.env, MGW_LISTEN: `unix:${runDir}/fcgi.sock` } });
    await program.line(/mgw was replaced/);
    successor.child.kill('SIGKILL');
    await program.line(/\.\/dev: mgw ended: its last lines are where it was started\. Ending HAProxy\./);
    assert.equal((await program.exited).code, 1);
    await waitFor(() => !isRunning(haproxy), 'HAProxy to be gone');
  });

  test('an mgw that dies takes HAProxy with it, and is told', async () => {
    const { program } = await devUp();
    await program.line(/Ctrl-C ends both\./, { timeoutMs: 60000 });
    const haproxy = pidOf('haproxy');
    process.kill(pidOf('mgw'), 'SIGKILL');
    await program.line(/\.\/dev: mgw ended by signal KILL/);
    assert.equal((await program.exited).code, 1);
    await waitFor(() => !isRunning(haproxy), 'HAProxy to be gone');
  });
});
