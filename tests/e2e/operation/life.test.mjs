// The life of the process: how it starts and what it refuses, what it logs, how it ends.

import { after, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { connectClient, textOf } from '../lib/clients.mjs';
import { assertClean, freePort, mgwSanitized, Program, startGateway, waitFor } from '../lib/gateway.mjs';
import { initializeParams, JSON_HEADERS, openSession, openStream, rpc } from '../lib/stream.mjs';
import { UpstreamServer } from '../lib/upstream_server.mjs';

const waitCall = (seconds) => rpc(5, 'tools/call', { name: 'wait', arguments: { seconds } });
const openPost = (gateway, session, body) => openStream(`${gateway.url}/mcp`, { method: 'POST', headers: session.headers, body });
const openGet = (gateway, session) => openStream(`${gateway.url}/mcp`, { headers: { ...session.headers, accept: 'text/event-stream' } });
const openSse = async (gateway, init) => {
  const stream = await openStream(`${gateway.url}/sse`, init);
  const { data } = await stream.event((e) => e.name === 'endpoint');
  return Object.assign(stream, { endpoint: `${gateway.url}${data}` });
};

const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'mgw-life-'));
after(() => fs.rmSync(scratch, { recursive: true, force: true }));
const scratchFile = (name, text, mode = 0o600) => {
  const file = path.join(scratch, name);
  fs.writeFileSync(file, text, { mode });
  return file;
};
/** Runs mgw to its end. Returns { code, stdout, stderr }. */
const mgw = (args, env = {}) => new Promise((resolve) => {
  execFile(mgwSanitized, args, { env: { ...process.env, ...env }, timeout: 20000 },
    (error, stdout, stderr) => resolve({ code: error?.code ?? 0, stdout, stderr }));
});

describe('going down', { timeout: 120000 }, () => {
  test('on SIGTERM running calls get their answers, streams a retry: and a clean end, and mgw exits with 0', async () => {
    const gateway = await startGateway({ settings: { ANSWER_GRACE_MS: 200 } });
    const [session, quiet] = [await openSession(gateway.url), await openSession(gateway.url)];
    const sse = await openSse(gateway);
    const get = await openGet(gateway, session);
    const quietGet = await openGet(gateway, quiet);
    const slow = await openPost(gateway, session, waitCall(3));
    await fetch(sse.endpoint, { method: 'POST', headers: JSON_HEADERS, body: rpc(1, 'initialize', initializeParams('2024-11-05')) });
    await fetch(sse.endpoint, { method: 'POST', headers: JSON_HEADERS, body: waitCall(3) });
    await sse.event((e) => e.json?.id === 1);
    gateway.mgw.child.kill('SIGTERM');
    await gateway.mgw.line(/INFO \[mgw\] draining: 2 calls have 25 s to end, \d streams/);
    const notice = await fetch(`${gateway.url}/mcp`, { method: 'POST', headers: session.headers, body: '{"jsonrpc":"2.0","method":"notifications/initialized"}' });
    assert.equal(notice.status, 202, 'what running calls may need is taken');
    const ready = await fetch(`${gateway.url}/ready`);
    assert.equal(ready.status, 503);
    for (const [name, method, headers] of [['initialize', 'POST', JSON_HEADERS], ['a stream', 'GET', { accept: 'text/event-stream' }]]) {
      const refused = await fetch(`${gateway.url}${method === 'POST' ? '/mcp' : '/sse'}`, {
        method, headers, body: method === 'POST' ? rpc(1, 'initialize', initializeParams()) : undefined,
      });
      assert.equal(refused.status, 503, name);
    }
    for (const [name, url, headers] of [['a call', `${gateway.url}/mcp`, session.headers], ['a call of the sse era', sse.endpoint, JSON_HEADERS]]) {
      const refused = await fetch(url, { method: 'POST', headers, body: rpc(6, 'ping') });
      assert.equal(refused.status, 503, name);
    }
    await quietGet.ended();
    assert.equal(gateway.mgw.exit, undefined, 'calls are still running');
    const answers = [await slow.event((e) => e.json?.id === 5), await sse.event((e) => e.json?.id === 5)];
    assert.ok(answers.every((e) => /Waited 3 seconds/.test(textOf(e.json.result))), JSON.stringify(answers));
    await Promise.all([slow, sse, get].map((stream) => stream.ended()));
    assert.deepEqual([slow.end, sse.end, get.end, quietGet.end], ['closed', 'closed', 'closed', 'closed']);
    for (const stream of [get, quietGet]) {
      const retry = Number(stream.events.at(-1).retry);
      assert.ok(retry >= 1500 && retry <= 4500, `retry: ${retry} must lie about retry_ms`);
    }
    assert.deepEqual(await gateway.mgw.exited, { code: 0, signal: null });
    assertClean(gateway.mgw);
    gateway.mgw = await gateway.startMgw();
    await gateway.stop();
  });

  test('calls that last longer than drain_s are cut with an error', async () => {
    const gateway = await startGateway({ settings: { ANSWER_GRACE_MS: 200, DRAIN_S: 1 } });
    const slow = await openPost(gateway, await openSession(gateway.url), waitCall(60));
    const exit = await gateway.mgw.stop();
    assert.deepEqual(exit, { code: 0, signal: null });
    assert.equal(gateway.mgw.count(/WARN \[mgw\] 1 calls did not end within drain_s: they are cut/), 1);
    await slow.ended();
    assert.match(slow.events.at(-1).json.error.message, /session has ended/);
    gateway.mgw = await gateway.startMgw();
    await gateway.stop();
  });

  for (const [first, second] of [['SIGTERM', 'SIGTERM'], ['SIGINT', 'SIGTERM']]) {
    test(`a second signal ends it at once, with 1 (${first}, ${second})`, async () => {
      const gateway = await startGateway({ settings: { ANSWER_GRACE_MS: 200 } });
      const slow = await openPost(gateway, await openSession(gateway.url), waitCall(60));
      gateway.mgw.child.kill(first);
      await gateway.mgw.line(/draining: 1 calls/);
      gateway.mgw.child.kill(second);
      assert.deepEqual(await gateway.mgw.exited, { code: 1, signal: null });
      assert.equal(gateway.mgw.count(/WARN \[mgw\] second signal: ended at once/), 1);
      assertClean(gateway.mgw);
      await slow.ended();
      gateway.mgw = await gateway.startMgw();
      await gateway.stop();
    });
  }
});

test('a turn that never ends is logged with where it is, and ends mgw with 70 (turn_limit_s)', { timeout: 60000 }, async () => {
  const file = scratchFile('stuck.json', '{"users": []}');
  const gateway = await startGateway({ alone: true, settings: { AUTH_TOKENS_FILE: file, TURN_LIMIT_S: 2 } });
  fs.rmSync(file);
  execFileSync('mkfifo', ['-m', '600', file]); // to open it waits for who writes into it: nobody
  gateway.mgw.child.kill('SIGHUP');
  await gateway.mgw.line(/WARN \[loop\] a turn has lasted 1 s, and is at .*\+0x/);
  await gateway.mgw.line(/ERROR \[loop\] a turn has lasted 2 s \(turn_limit_s\): mgw ends/);
  assert.deepEqual(await gateway.mgw.exited, { code: 70, signal: null });
  fs.rmSync(file);
  fs.writeFileSync(file, '{"users": []}', { mode: 0o600 });
  gateway.mgw = await gateway.startMgw();
  await gateway.stop();
});

describe('the log', { timeout: 60000 }, () => {
  const formats = {
    text: (line) => /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (?:DEBUG|INFO|WARN|ERROR) (.*)$/.exec(line)?.[1],
    json: (line) => {
      const { time, level, message } = JSON.parse(line);
      assert.match(time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
      assert.match(level, /^(debug|info|warn|error)$/);
      return message;
    },
  };
  for (const [format, messageOf] of Object.entries(formats)) {
    test(`says word for word who comes, who goes, and that keep-alives go out (${format})`, async () => {
      const tokens = path.join(scratch, `tokens-${format}.json`);
      const token = execFileSync(mgwSanitized, ['token', 'dev@example.com', '--file', tokens], { encoding: 'utf8' }).trim();
      const gateway = await startGateway({ settings: { LOG_FORMAT: format, KEEPALIVE_S: 1, AUTH_TOKENS_FILE: tokens } });
      const { mgw: program } = gateway;
      const streams = [];
      for (let i = 0; i < 3; i++) streams.push(await openSse(gateway, { headers: { authorization: `Bearer ${token}` } }));
      const swept = /\[MCP\] : keep-alive sent to 3 streams/;
      const since = Date.now();
      const from = program.lines.length;
      await waitFor(() => program.count(swept, from) >= 3, 'three sweeps');
      const lines = program.count(/keep-alive sent to/, from);
      assert.ok(lines <= (Date.now() - since) / 1000 + 1, `one line an interval: ${lines} in ${Date.now() - since} ms`);
      const comments = streams.map((s) => s.comments.filter((c) => c === ': keep-alive').length);
      assert.ok(comments.every((n) => n >= 3), `keep-alives seen: ${comments}`);
      for (const stream of streams) stream.close();
      await waitFor(() => program.count(/Client disconnected/) === 3, 'three ends');
      const messages = program.lines.map(messageOf);
      assert.ok(messages.every((m) => m !== undefined), `every line has the form:\n${program.tail()}`);
      const idsOf = (pattern) => messages.map((m) => pattern.exec(m)?.[1]).filter(Boolean).sort();
      const connected = idsOf(/^\[MCP\] Client connected: ([A-Za-z0-9_-]+) \(dev@example\.com\)(?: client=127\.0\.0\.1 request=[0-9a-f-]{36})?$/);
      const gone = idsOf(/^\[MCP\] Client disconnected: ([A-Za-z0-9_-]+) \(dev@example\.com\) after [3-9]s$/);
      assert.equal(connected.length, 3);
      for (const { response } of streams) {
        const id = response.headers.get('x-request-id');
        assert.equal(program.count(new RegExp(`Client connected.*${id}`)), 1, 'by the name that the answer and HAProxy\'s log have');
      }
      assert.deepEqual(gone, connected);
      assert.ok(!program.lines.some((line) => line.includes(token)), 'the token is in no line');
      await gateway.stop();
    });
  }

  test('has one form only, also when the tokens cannot be read again', async () => {
    const tokens = path.join(scratch, 'tokens-broken.json');
    execFileSync(mgwSanitized, ['token', 'dev@example.com', '--file', tokens]);
    fs.chmodSync(tokens, 0o644); // a warning comes before the fault, from the start on
    const gateway = await startGateway({ settings: { LOG_FORMAT: 'json', AUTH_TOKENS_FILE: tokens } });
    assert.equal(JSON.parse(await gateway.mgw.line(/chmod 600/)).level, 'warn');
    fs.writeFileSync(tokens, '{"users": [\n');
    gateway.mgw.child.kill('SIGHUP');
    const line = JSON.parse(await gateway.mgw.line(/tokens-broken\.json:\d/));
    assert.equal(line.level, 'error');
    await gateway.stop();
    for (const one of gateway.mgw.lines) JSON.parse(one);
  });
});

test('SIGHUP reads the tokens again: new ones hold, old ones end, a broken file changes nothing', { timeout: 60000 }, async () => {
  const tokens = path.join(scratch, 'tokens-hup.json');
  const make = (email) => execFileSync(mgwSanitized, ['token', email, '--file', tokens], { encoding: 'utf8' }).trim();
  const first = make('one@example.com');
  const gateway = await startGateway({ settings: { AUTH_TOKENS_FILE: tokens } });
  const statusOf = async (token) => (await fetch(`${gateway.url}/mcp`, {
    method: 'POST', headers: { ...JSON_HEADERS, authorization: `Bearer ${token}` }, body: rpc(1, 'initialize', initializeParams()),
  })).status;
  const reload = async (pattern) => {
    const from = gateway.mgw.lines.length;
    gateway.mgw.child.kill('SIGHUP');
    await gateway.mgw.line(pattern, { from });
  };
  const stream = await openSse(gateway, { headers: { authorization: `Bearer ${first}` } });
  const second = make('two@example.com');
  assert.deepEqual([await statusOf(first), await statusOf(second)], [200, 401]);
  await reload(/INFO \[mgw\] configuration read again/);
  assert.deepEqual([await statusOf(first), await statusOf(second)], [200, 200]);
  const whole = fs.readFileSync(tokens, 'utf8');
  fs.writeFileSync(tokens, whole.slice(0, -20));
  await reload(/ERROR .*tokens-hup\.json:\d+: /);
  await gateway.mgw.line(/ERROR \[mgw\] the configuration stays as it was/);
  assert.deepEqual([await statusOf(first), await statusOf(second)], [200, 200]);
  const users = JSON.parse(whole).users.filter((user) => user.email !== 'one@example.com');
  fs.writeFileSync(tokens, JSON.stringify({ users }));
  await reload(/INFO \[mgw\] configuration read again/);
  assert.deepEqual([await statusOf(first), await statusOf(second)], [401, 200]);
  await waitFor(() => stream.end !== undefined, 'the end of the stream that the old token opened');
  await gateway.stop();
});

describe('listening', { timeout: 60000 }, () => {
  const echoes = async (gateway) => {
    const client = await connectClient(gateway.url, 'http');
    const answer = textOf(await client.callTool({ name: 'echo', arguments: { message: 'x' } }));
    await client.close();
    return answer === 'x';
  };
  const script = (name, text) => scratchFile(name, `#!/bin/sh\n${text}\n`, 0o755);

  test('removes a socket that nobody answers on, and its own when it ends', async () => {
    const gateway = await startGateway();
    await gateway.mgw.stop('SIGKILL');
    assert.ok(fs.existsSync(gateway.socket), 'a killed process leaves its socket');
    gateway.mgw = await gateway.startMgw();
    await waitFor(() => fetch(`${gateway.url}/ready`).then((r) => r.ok), 'the gateway to be ready');
    assert.ok(await echoes(gateway));
    await gateway.mgw.stop();
    assert.ok(!fs.existsSync(gateway.socket));
    gateway.mgw = await gateway.startMgw();
    await gateway.stop();
  });

  test('does not take a socket from a process that answers on it, nor a file that is none', async () => {
    const gateway = await startGateway();
    const second = new Program('second', mgwSanitized, [], { env: gateway.env });
    assert.deepEqual(await second.exited, { code: 1, signal: null });
    const line = await second.line(/cannot listen/);
    assert.match(line, /ERROR \[mgw\] cannot listen: .*fcgi\.sock.*(another|answers|in use)/);
    assert.ok(await echoes(gateway));
    const file = scratchFile('precious', 'text');
    const third = await mgw([], { MGW_LISTEN: `unix:${file}` });
    assert.equal(third.code, 1);
    assert.match(third.stderr, /cannot listen: .*precious/);
    assert.equal(fs.readFileSync(file, 'utf8'), 'text');
    await gateway.stop();
  });

  test('on TCP', async () => {
    const port = await freePort();
    const gateway = await startGateway({ settings: { LISTEN: `tcp:127.0.0.1:${port}` }, haproxy: { MGW_BACKEND: `127.0.0.1:${port}` } });
    assert.ok(await echoes(gateway));
    const second = await mgw([], { MGW_LISTEN: `tcp:127.0.0.1:${port}` });
    assert.equal(second.code, 1);
    assert.match(second.stderr, /another process listens there/);
    await gateway.stop();
  });

  test('on an inherited descriptor 0 (spawn-fcgi)', async () => {
    const bin = script('spawn', `exec spawn-fcgi -n -s "\${MGW_LISTEN#unix:}" -M 0666 -- "${mgwSanitized}"`);
    const gateway = await startGateway({ bin });
    await gateway.mgw.line(/listening on an inherited socket/);
    assert.ok(await echoes(gateway));
    await gateway.stop();
  });

  const few = () => script('few', `ulimit -n 100\nexec "${mgwSanitized}"`);

  test('streams leave descriptors for calls', async () => {
    const gateway = await startGateway({ bin: few() });
    await gateway.mgw.line(/INFO \[mgw\] streams_max is 40000, but the descriptors allow 53 streams/);
    const streams = await Promise.all(Array.from({ length: 90 }, () => openStream(`${gateway.url}/sse`)));
    const served = streams.filter((s) => s.response.status === 200);
    const refused = streams.filter((s) => s.response.status === 429 && s.response.headers.get('retry-after'));
    assert.deepEqual([served.length, refused.length], [53, 37]);
    assert.ok(await echoes(gateway));
    for (const stream of served) stream.close();
    await waitFor(() => gateway.mgw.count(/Client disconnected/) >= 53, 'the streams to be gone');
    (await openSse(gateway)).close();
    await gateway.stop();
  });

  test('out of descriptors it rests, and goes on when some are free', async () => {
    const gateway = await startGateway({ bin: few() });
    const silent = Array.from({ length: 120 }, () => net.connect(gateway.socket));
    await gateway.mgw.line(/WARN No new connections for now: out of file descriptors/);
    for (const socket of silent) socket.destroy();
    await gateway.mgw.line(/INFO New connections are taken again/);
    await waitFor(() => fetch(`${gateway.url}/ready`).then((r) => r.ok), 'HAProxy to find it again');
    assert.ok(await echoes(gateway));
    await gateway.stop();
  });
});

describe('memory', { timeout: 120000 }, () => {
  test('where the system gives none, mgw ends with one line and 71, and starts again', async () => {
    const gateway = await startGateway({ release: true, settings: { MEMORY_MAX_BYTES: 1e9, SESSIONS_PER_USER_MAX: 0 } });
    const open = () => fetch(`${gateway.url}/mcp`, { method: 'POST', headers: JSON_HEADERS, body: rpc(1, 'initialize', initializeParams()) })
      .then((response) => response.text(), () => {});
    execFileSync('prlimit', ['--pid', gateway.mgw.pid, '--as=1']); // its heap has some hundreds of kilobytes left
    for (let n = 0; n < 4000 && !gateway.mgw.exit; n += 10) await Promise.all(Array.from({ length: 10 }, open));
    assert.deepEqual(await waitFor(() => gateway.mgw.exit, 'mgw to end'), { code: 71, signal: null }, gateway.mgw.tail());
    assert.match(gateway.mgw.lines.at(-1), /ERROR \[mgw\] out of memory: the system gives no \d+ bytes more\. Lower memory_max_bytes, or raise /);
    assert.equal(gateway.mgw.count(/out of memory|refused|WARN \[mgw\] memory/), 1, gateway.mgw.tail());
    gateway.mgw = await gateway.startMgw();
    await openSession(gateway.url);
    await gateway.stop();
  });
});

describe('the command line', { timeout: 60000 }, () => {
  const check = async (name, text) => {
    const file = scratchFile(name, text);
    return { file, ...(await mgw(['--check-config', file])) };
  };

  test('--help names every setting, --version the version', async () => {
    const help = await mgw(['--help']);
    assert.equal(help.code, 0);
    for (const word of ['--check-config', 'token EMAIL', 'keepalive_s', 'MGW_KEEPALIVE_S', 'auth.tokens_file', 'drain_s']) {
      assert.ok(help.stdout.includes(word), word);
    }
    const version = await mgw(['--version']);
    assert.equal(version.code, 0);
    assert.match(version.stdout, /^mgw \d+\.\d+\.\d+\S* /);
  });

  for (const args of [['--nope'], ['nope'], ['--config'], ['token'], ['token', 'a@example.com', '--days', 'many'], ['token', '--nope']]) {
    test(`${args.join(' ')}: exit code 2 and a hint`, async () => {
      const { code, stdout, stderr } = await mgw(args);
      assert.equal(code, 2);
      assert.equal(stdout, '');
      assert.match(stderr, /mgw --help|usage: mgw token/);
    });
  }

  test('--check-config is content with a good file', async () => {
    const { code, stdout, file } = await check('good.json', '{"mcpServers": {"a": {"url": "http://127.0.0.1:1/mcp"}}, "gateway": {"keepalive_s": 0.5}}');
    assert.equal(code, 0);
    assert.equal(stdout, `${file}: ok\n`);
  });

  const faults = [
    ['no JSON', '{\n  "gateway": {\n', /^FILE:\d+:\d+: /m],
    ['an unknown key', '{\n\n  "gatway": {}\n}', /^FILE:3: gatway: /m],
    ['an unknown setting', '{\n  "gateway": {\n    "keepalive": 3\n  }\n}', /^FILE:3: gateway\.keepalive: /m],
    ['a number that is none', '{"gateway": {\n"drain_s": "soon"}}', /^FILE:2: gateway\.drain_s: /m],
    ['a number out of range', '{"gateway": {\n"drain_s": -1}}', /^FILE:2: gateway\.drain_s: /m],
    ['a wrong type', '{"gateway": {\n"listen": 7}}', /^FILE:2: gateway\.listen: must be a string/m],
    ['a missing variable', '{"gateway": {\n\n"node": "${env:MGW_TEST_NOT_SET}"}}', /^FILE:3: gateway\.node: .*MGW_TEST_NOT_SET/m],
    ['a server without url', '{"mcpServers": {\n  "a": {}}}', /^FILE:2: mcpServers\.a: .*url/m],
    ['a server with a wrong url', '{"mcpServers": {\n  "a": {"url": "ftp://x"}}}', /^FILE:2: mcpServers\.a/m],
    ['a nested setting', '{"gateway": {\n"auth": {\n"tokens": ""}}}', /^FILE:3: gateway\.auth\.tokens: /m],
    ['a server that is no object', '{"mcpServers": {\n  "a": "http://127.0.0.1:1/"}}', /^FILE:2: mcpServers\.a/m],
  ];
  for (const [i, [name, text, expected]] of faults.entries()) {
    test(`--check-config names file, line and key of ${name}`, async () => {
      const { code, stderr, stdout, file } = await check(`fault${i}.json`, text);
      assert.equal(code, 1);
      assert.equal(stdout, '');
      assert.match(stderr.replaceAll(file, 'FILE'), expected);
      const started = await mgw(['--config', file]);
      assert.equal(started.code, 1, 'and mgw does not start with it');
    });
  }

  for (const [name, tokens, expected] of [['not there', undefined, /tokens\.json: cannot be read: No such file.*mgw token EMAIL/], ['no file of tokens', '{}', /tokens\.json:1: must be \{"users": \[\.\.\.\]\}/]]) {
    test(`--check-config looks at the tokens: the file is ${name}`, async () => {
      const file = path.join(path.dirname(scratchFile('any', '')), 'tokens.json');
      fs.rmSync(file, { force: true });
      if (tokens) fs.writeFileSync(file, tokens, { mode: 0o600 });
      const { code, stdout, stderr } = await check('tokens.mgw.json', JSON.stringify({ gateway: { auth: { tokens_file: file } } }));
      assert.deepEqual([code, stdout], [1, '']);
      assert.match(stderr, expected);
    });
  }

  test('a file that is not there, and a wrong variable, are named', async () => {
    const missing = await mgw(['--check-config', '/nonexistent/mgw.json']);
    assert.equal(missing.code, 1);
    assert.match(missing.stderr, /^\/nonexistent\/mgw\.json: cannot be read: No such file/);
    const variable = await mgw([], { MGW_KEEPALIVE_S: 'often' });
    assert.equal(variable.code, 1);
    assert.match(variable.stderr, /^MGW_KEEPALIVE_S: /m);
    const tokens = await mgw([], { MGW_AUTH_TOKENS_FILE: '/nonexistent/tokens.json', MGW_LISTEN: `unix:${scratch}/t.sock` });
    assert.equal(tokens.code, 1);
    assert.match(tokens.stderr, /\/nonexistent\/tokens\.json: cannot be read: No such file or directory \(mgw token/);
  });
});

test('a configuration file takes values from the environment, and the environment wins over it', { timeout: 60000 }, async () => {
  const upstream = await UpstreamServer.start();
  const gateway = await startGateway({
    settings: { TEST_PORT: upstream.port, TEST_KEEPALIVE: '7', RETRY_MS: 777 },
    config: {
      mcpServers: { up: { url: 'http://127.0.0.1:${env:MGW_TEST_PORT}/mcp' } },
      gateway: { keepalive_s: '${env:MGW_TEST_KEEPALIVE}', node: 'from-file', retry_ms: 1 },
    },
  });
  await gateway.mgw.line(/keep-alive every 7 s, upstreams: 1/);
  const session = await openSession(gateway.url);
  assert.match(session.id, /^test\./, 'MGW_NODE wins');
  const client = await connectClient(gateway.url, 'http');
  assert.equal(textOf(await client.callTool({ name: 'up_hello', arguments: {} })), 'hello from upstream');
  await client.close();
  await gateway.stop();
  await upstream.stop();
});
