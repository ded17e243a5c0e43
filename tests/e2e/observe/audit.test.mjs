// The audit (docs/audit.md): a line for each call and each decision, whatever becomes of the call, of mgw, of the disk.

import { after, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { startGateway, waitFor } from '../lib/gateway.mjs';
import { startLogin } from '../lib/login.mjs';
import { JSON_HEADERS, openSession, rpc } from '../lib/stream.mjs';
import { UpstreamServer } from '../lib/upstream_server.mjs';

const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'mgw-audit-'));
const mounted = [];
after(() => {
  for (const dir of mounted) execFileSync('umount', ['-l', dir]);
  fs.rmSync(scratch, { recursive: true, force: true });
});

/** The lines of a file, or of a program's output; each is JSON, and none is torn. */
const linesOf = (text) => {
  assert.ok(text === '' || text.endsWith('\n'), 'the last line is whole');
  return text.split('\n').slice(0, -1).map((line) => JSON.parse(line));
};
const read = (file) => linesOf(fs.readFileSync(file, 'utf8'));
const calls = (lines) => lines.filter((line) => line.kind === 'call');

const call = (gateway, session, id, name, args, init = {}) => fetch(`${gateway.url}/mcp`, {
  method: 'POST', headers: session.headers, body: rpc(id, 'tools/call', { name, arguments: args }), ...init,
}).then((r) => r.text());
const cancel = (gateway, session, requestId) => fetch(`${gateway.url}/mcp`, {
  method: 'POST', headers: session.headers,
  body: JSON.stringify({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId } }),
});
const statelessCall = (gateway, id, name, args, signal) => fetch(`${gateway.url}/mcp`, {
  method: 'POST', signal,
  headers: { ...JSON_HEADERS, 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/call', 'mcp-name': name },
  body: rpc(id, 'tools/call', {
    name, arguments: args,
    _meta: {
      'io.modelcontextprotocol/protocolVersion': '2026-07-28',
      'io.modelcontextprotocol/clientInfo': { name: 'stateless', version: '2' },
      'io.modelcontextprotocol/clientCapabilities': {},
    },
  }),
});

describe('lines of calls', { timeout: 120000 }, () => {
  test('N calls give N lines: answered, failed, timed out, cancelled, left by their client, and lost when mgw is killed', async () => {
    const file = path.join(scratch, 'kill.log');
    const upstream = await UpstreamServer.start();
    const gateway = await startGateway({
      config: {
        mcpServers: { up: { url: upstream.url, timeout_s: 1, prefix: 'up_' } },
        gateway: { audit: { file, arguments: true, mask: ['secret'] } },
      },
    });
    const session = await openSession(gateway.url);
    const expected = new Map(); // n -> outcome
    let n = 0;
    const run = (outcome, name, more = {}) => {
      expected.set(++n, outcome);
      return call(gateway, session, n + 100, name, { n, ...more });
    };
    await run('ok', 'up_hello', { secret: 'of mine', deep: [{ Secret: { a: 1 } }] });
    await run('ok', 'echo', { message: 'x' });
    await run('error', 'no_such_tool');
    await run('tool_error', 'wait', { seconds: 'none' });
    const late = run('timeout', 'up_hang');
    const cancelled = run('cancelled', 'up_hang');
    const id = n + 100;
    await waitFor(() => upstream.seen.filter((s) => s === 'call hang').length >= 2, 'both to hang');
    await cancel(gateway, session, id);
    const leaving = new AbortController();
    expected.set(++n, 'cancelled');
    const left = statelessCall(gateway, 1, 'up_hang', { n }, leaving.signal).catch(() => 'left');
    await waitFor(() => upstream.seen.filter((s) => s === 'call hang').length >= 3, 'the third to hang');
    leaving.abort();
    assert.equal(await left, 'left');
    await Promise.all([late, cancelled]);

    // Many at once, and some that last, when mgw is killed.
    const answered = new Set();
    let isOver = false;
    const worker = async () => {
      while (!isOver) {
        const mine = ++n;
        const answer = await call(gateway, session, mine + 100, 'up_hello', { n: mine }).catch(() => '');
        if (/hello from upstream/.test(answer)) answered.add(mine);
      }
    };
    const waiting = [];
    for (let i = 0; i < 5; i++) waiting.push(run('lost', 'wait', { seconds: 60 }).catch(() => 'cut'));
    const workers = Array.from({ length: 8 }, worker);
    await waitFor(() => answered.size > 200, '200 answers');
    gateway.mgw.child.kill('SIGKILL');
    isOver = true;
    await Promise.all([...workers, ...waiting, gateway.mgw.exited]);
    gateway.mgw = await gateway.startMgw();
    await gateway.mgw.line(/WARN \[audit\] \d+ lines of a former process are written now/);
    await gateway.stop();
    await upstream.stop();

    const lines = read(file), byN = Map.groupBy(calls(lines).filter((l) => l.arguments?.n), (l) => l.arguments.n);
    for (const [number, of] of byN) assert.equal(of.length, 1, `call ${number} has ${of.length} lines`);
    for (const number of answered) assert.equal(byN.get(number)?.[0].outcome, 'ok', `call ${number} was answered`);
    for (const [number, outcome] of expected) assert.equal(byN.get(number)?.[0].outcome, outcome, `call ${number}`);
    const arrived = upstream.requests.filter((r) => r.body?.method === 'tools/call').map((r) => r.body.params.arguments.n);
    for (const number of arrived) assert.equal(byN.get(number)?.length, 1, `call ${number}, which the server has seen, has a line`);
    assert.equal(new Set(lines.map((l) => l.id)).size, lines.length, 'ids are of one line each');
    assert.deepEqual(lines.filter((l) => l.kind !== 'call').map((l) => l.kind), ['start', 'start', 'stop']);

    const line = byN.get(1)[0];
    assert.deepEqual(line.arguments, { n: 1, secret: '***', deep: [{ Secret: '***' }] });
    assert.match(line.time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
    assert.match(line.request_id, /^[0-9a-f-]{36}$/);
    const { user, client, client_version, revision, server, method, tool } = line;
    assert.deepEqual({ user, client, client_version, revision, server, method, tool }, {
      user: 'anonymous', client: 'raw', client_version: '1', revision: '2025-11-25', server: 'up', method: 'tools/call', tool: 'up_hello',
    });
    assert.equal(line.session, session.id);
    for (const key of ['duration_us', 'bytes_in', 'bytes_out']) assert.ok(line[key] > 0, key);
    const failed = byN.get(3)[0];
    assert.equal(failed.code, -32602);
    assert.equal(byN.get(7)[0].client, 'stateless');
    assert.deepEqual(calls(lines).filter((l) => l.method === 'initialize').map((l) => [l.client, l.client_version, l.revision]), [['raw', '1', '2025-11-25']]);
    assert.ok(!fs.readdirSync(scratch).some((name) => name.startsWith('kill.log.')), 'no journal is left behind');
  });

  test('arguments are no part of lines where that is not switched on, and lines go to standard output for "-"', async () => {
    const gateway = await startGateway({ config: { mcpServers: {}, gateway: { audit: { file: '-' } } } });
    const session = await openSession(gateway.url);
    await call(gateway, session, 5, 'echo', { message: 'private' });
    await gateway.mgw.line(/"tool":"echo"/);
    await gateway.stop();
    const lines = linesOf(gateway.mgw.lines.filter((l) => l.startsWith('{"time":')).map((l) => `${l}\n`).join(''));
    const echo = lines.find((l) => l.tool === 'echo');
    assert.equal(echo.outcome, 'ok');
    assert.ok(!JSON.stringify(lines).includes('private'));
    assert.equal(lines.at(-1).kind, 'stop');
  });

  test('who listens has a line when they are let in', async () => {
    const file = path.join(scratch, 'listen.log');
    const gateway = await startGateway({ config: { mcpServers: {}, gateway: { audit: { file } } } });
    const leave = new AbortController();
    const response = await fetch(`${gateway.url}/mcp`, {
      method: 'POST', signal: leave.signal,
      headers: { ...JSON_HEADERS, 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'subscriptions/listen' },
      body: rpc(1, 'subscriptions/listen', {
        notifications: { toolsListChanged: true },
        _meta: {
          'io.modelcontextprotocol/protocolVersion': '2026-07-28',
          'io.modelcontextprotocol/clientInfo': { name: 'ear', version: '1' },
          'io.modelcontextprotocol/clientCapabilities': {},
        },
      }),
    });
    assert.equal(response.status, 200);
    const listens = () => read(file).filter((l) => l.method === 'subscriptions/listen');
    await waitFor(() => listens().length === 1, 'its line, while it listens');
    leave.abort();
    await gateway.stop();
    assert.deepEqual(listens().map((l) => [l.outcome, l.client]), [['ok', 'ear']]);
  });
});

describe('a file that is moved away', { timeout: 120000 }, () => {
  test('SIGHUP makes a new one, and each call has its line in one of the two', async () => {
    const file = path.join(scratch, 'rotate.log');
    const gateway = await startGateway({ config: { mcpServers: {}, gateway: { audit: { file, arguments: true } } } });
    const session = await openSession(gateway.url);
    let n = 0, isOver = false;
    const done = [];
    const worker = async () => {
      while (!isOver) {
        const mine = ++n;
        await call(gateway, session, mine + 100, 'echo', { message: 'x', n: mine });
        done.push(mine);
      }
    };
    const workers = Array.from({ length: 4 }, worker);
    for (let i = 1; i <= 3; i++) {
      const before = done.length;
      await waitFor(() => done.length > before + 20, 'some calls');
      fs.renameSync(file, `${file}.${i}`);
      gateway.mgw.child.kill('SIGHUP');
      await waitFor(() => fs.existsSync(file), 'the new file');
    }
    isOver = true;
    await Promise.all(workers);
    await gateway.stop();
    const lines = ['', '.1', '.2', '.3'].flatMap((end) => read(`${file}${end}`));
    const numbers = calls(lines).map((l) => l.arguments?.n).filter(Boolean);
    assert.deepEqual(numbers.toSorted((a, b) => a - b), done.toSorted((a, b) => a - b));
    assert.equal(lines.filter((l) => l.kind === 'reload' && l.outcome === 'ok').length, 3);
  });

  test('SIGHUP turns it on, where the file can be written; where it goes stays until mgw is started again', async () => {
    const file = path.join(scratch, 'later.log');
    const gateway = await startGateway({ config: { mcpServers: {} } });
    const session = await openSession(gateway.url);
    const reload = async (audit, pattern) => {
      const from = gateway.mgw.lines.length;
      fs.writeFileSync(path.join(gateway.dir, 'mgw.json'), JSON.stringify({ mcpServers: {}, gateway: { audit } }));
      gateway.mgw.child.kill('SIGHUP');
      await gateway.mgw.line(pattern, { from });
    };
    const running = call(gateway, session, 1, 'wait', { seconds: 1 });
    await reload({ file: `${scratch}/nowhere/a.log` }, /ERROR \[mgw\] gateway\.audit\.file: .*nowhere\/a\.log: No such file or directory/);
    await gateway.mgw.line(/the configuration stays as it was/);
    await call(gateway, session, 2, 'echo', { message: 'before' });
    await reload({ file, arguments: true }, /configuration read again/);
    await call(gateway, session, 3, 'echo', { message: 'after' });
    await running;
    await reload({ file: `${file}.other`, arguments: true }, /WARN \[mgw\] gateway\.audit\.file: stays as it was until mgw is started again/);
    await reload({ arguments: true }, /gateway\.audit\.file: stays as it was/);
    await call(gateway, session, 4, 'echo', { message: 'still' });
    const old = await gateway.replace();
    await old.exited;
    await call(gateway, session, 5, 'echo', { message: 'off' });
    await gateway.stop();
    assert.ok(!fs.existsSync(`${file}.other`));
    const lines = read(file);
    assert.deepEqual(calls(lines).map((l) => l.arguments?.message), ['after', 'still'], 'a line of each call that began with it on');
    assert.deepEqual(lines.filter((l) => l.kind !== 'call').map((l) => l.kind), ['start', 'reload', 'reload', 'reload', 'stop']);
  });
});

/** A disk of that many bytes; undefined: none can be mounted here. */
const smallDisk = (name, bytes) => {
  const dir = path.join(scratch, name);
  fs.mkdirSync(dir);
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes}`, 'tmpfs', dir], { stdio: 'ignore' });
  } catch {
    return undefined;
  }
  mounted.push(dir);
  return dir;
};

describe('a full disk', { timeout: 120000 }, () => {
  const canMount = smallDisk('probe', 4096) !== undefined;
  const skip = canMount ? false : 'no file system can be mounted here';
  // Beside what lines wait in there is room for some.
  const start = async (name, audit) => {
    const dir = smallDisk(name, 18 << 20), file = path.join(dir, 'audit.log');
    const gateway = await startGateway({ config: { mcpServers: {}, gateway: { audit: { file, arguments: true, ...audit } } } });
    const session = await openSession(gateway.url);
    let n = 0;
    const run = async () => {
      const mine = ++n;
      // A slow answer comes as an event.
      const answer = JSON.parse(/\{.*\}/.exec(await call(gateway, session, mine + 100, 'echo', { message: 'x'.repeat(8000), n: mine }))[0]);
      return { n: mine, answer };
    };
    fs.writeFileSync(path.join(dir, 'filler'), Buffer.alloc(1900 << 10));
    return { dir, file, gateway, session, run };
  };

  test('calls are refused while their lines cannot be written, and no line is lost, torn or doubled', { skip }, async () => {
    const { dir, file, gateway, run } = await start('refuse');
    const done = [];
    let refused;
    await waitFor(async () => {
      const { n, answer } = await run();
      if (answer.error) refused = answer.error;
      else done.push(n);
      return refused;
    }, 'a call to be refused');
    assert.equal(refused.code, -32000);
    assert.match(refused.message, /the gateway cannot write its audit/);
    assert.match(await gateway.mgw.line(/ERROR \[audit\]/), /audit\.log cannot be written: No space left on device: calls are refused/);
    assert.ok(done.length > 5, `${done.length} calls went well`);
    fs.rmSync(path.join(dir, 'filler'));
    await waitFor(async () => {
      const { n, answer } = await run();
      if (!answer.error) done.push(n);
      return !answer.error;
    }, 'calls to go on');
    await gateway.mgw.line(/INFO \[audit\] .* is written again/);
    await gateway.stop();
    const numbers = calls(read(file)).map((l) => l.arguments?.n).filter(Boolean);
    assert.deepEqual(numbers.toSorted((a, b) => a - b), done);
  });

  test('what waits when mgw is killed with a full disk is written by the next one', { skip }, async () => {
    const { dir, file, gateway, run } = await start('killed');
    const done = [];
    await waitFor(async () => {
      const { n, answer } = await run();
      if (!answer.error) done.push(n);
      return answer.error;
    }, 'a call to be refused');
    gateway.mgw.child.kill('SIGKILL');
    await gateway.mgw.exited;
    fs.rmSync(path.join(dir, 'filler'));
    // The old journal and the new one do not both fit beside the lines: that is for who sizes the disk.
    execFileSync('mount', ['-o', `remount,size=${40 << 20}`, dir]);
    gateway.mgw = await gateway.startMgw();
    await gateway.stop();
    const numbers = calls(read(file)).map((l) => l.arguments?.n).filter(Boolean);
    assert.deepEqual(numbers.toSorted((a, b) => a - b), done);
  });

  test('calls go on where that is configured', { skip }, async () => {
    const { gateway, run, dir } = await start('go_on', { when_unwritable: 'go_on' });
    for (let i = 0; i < 400; i++) assert.equal((await run()).answer.error, undefined);
    assert.match(await gateway.mgw.line(/ERROR \[audit\]/), /No space left on device: calls go on/);
    fs.rmSync(path.join(dir, 'filler'));
    await gateway.stop();
  });
});

describe('lines of decisions', { timeout: 120000 }, () => {
  test('a sign-in, a registration, consent, tokens, their refusal and their end, each with who and from where', async () => {
    const file = path.join(scratch, 'decisions.log');
    const login = await startLogin({ gateway: { audit: { file } } });
    const refused = await login.fetch(`${login.base}/mcp`, { method: 'POST', headers: { ...JSON_HEADERS, authorization: 'Bearer none-of-ours' }, body: rpc(1, 'ping') });
    assert.equal(refused.status, 401);
    const bare = await login.fetch(`${login.base}/mcp`, { method: 'POST', headers: JSON_HEADERS, body: rpc(1, 'ping') });
    assert.equal(bare.status, 401);
    await login.client({ account: 'ada' });
    const kinds = () => read(file).map((l) => `${l.kind} ${l.outcome}`);
    await waitFor(() => kinds().includes('tokens ok'), 'tokens');
    const lines = read(file);
    const of = (kind) => lines.filter((l) => l.kind === kind);
    assert.deepEqual(of('token').map((l) => [l.outcome, l.reason]), [['refused', 'not known']], 'who has no token is only told how to get one');
    assert.equal(of('sign_in')[0].user, 'ada@example.com');
    assert.equal(of('registration')[0].outcome, 'ok');
    assert.equal(of('consent')[0].user, 'ada@example.com');
    assert.equal(of('authorization')[0].outcome, 'ok');
    assert.equal(of('tokens')[0].user, 'ada@example.com');
    assert.equal(of('tokens')[0].reason, 'code');
    for (const kind of ['token', 'sign_in', 'registration', 'consent', 'tokens']) {
      assert.match(of(kind)[0].address, /^127\.0\.0\.1$/, kind);
      assert.match(of(kind)[0].request_id, /^[0-9a-f-]{36}$/, kind);
    }
    await login.stop();
    const text = fs.readFileSync(file, 'utf8');
    assert.ok(!text.includes('none-of-ours'), 'no token stands in it');
  });
});
