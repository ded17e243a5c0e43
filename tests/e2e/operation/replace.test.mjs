// One mgw takes over from another, behind the same HAProxy: nothing is lost, and nobody sees it.

import { after, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import { LoggingMessageNotificationSchema } from '@modelcontextprotocol/sdk/types.js';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { connectClient, textOf } from '../lib/clients.mjs';
import { asOperator, assertClean, mgwSanitized, Program, startGateway, waitFor } from '../lib/gateway.mjs';
import { initializeParams, JSON_HEADERS, openSession, openStream, rpc } from '../lib/stream.mjs';
import { messageOf, post, VERSION } from '../lib/stateless.mjs';
import { UpstreamServer } from '../lib/upstream_server.mjs';

const endedWell = async (mgw) => {
  assert.deepEqual(await mgw.exited, { code: 0, signal: null }, mgw.tail());
  assertClean(mgw);
};
const call = (gateway, session, body) => fetch(`${gateway.url}/mcp`, { method: 'POST', headers: session.headers, body });
const waitCall = (id, seconds) => rpc(id, 'tools/call', { name: 'wait', arguments: { seconds } });
const openGet = (gateway, session, headers = {}) =>
  openStream(`${gateway.url}/mcp`, { headers: { ...session.headers, accept: 'text/event-stream', ...headers } });

describe('a process takes over', { timeout: 120000 }, () => {
  let upstream;
  let gateway;
  before(async () => {
    upstream = await UpstreamServer.start();
    gateway = await startGateway({
      config: { mcpServers: { up: { url: upstream.url } } },
      settings: { ANSWER_GRACE_MS: 200 },
    });
  });
  after(async () => {
    await gateway.stop();
    await upstream.stop();
  });

  test('a session goes on under its id, its stream without a break, and a call that runs ends where it began', async () => {
    const session = await openSession(gateway.url);
    const get = await openGet(gateway, session);
    await waitFor(() => upstream.count('GET') > 0, 'mgw to listen upstream');
    const slow = await openStream(`${gateway.url}/mcp`, { method: 'POST', headers: session.headers, body: waitCall(5, 2) });
    const quick = call(gateway, session, waitCall(6, 0.1));
    const old = await gateway.replace();
    assert.equal((await (await quick).text()).includes('Waited'), true);
    const answer = await (await call(gateway, session, rpc(7, 'tools/call', { name: 'up_hello', arguments: {} }))).text();
    assert.match(answer, /hello from upstream/);
    assert.equal(old.exit, undefined, 'a call is still running there');
    for (const s of upstream.sessions.values()) await s.server.sendLoggingMessage({ level: 'info', data: 'news' });
    await get.event((e) => e.json?.params?.data === 'news');
    assert.match(textOf((await slow.event((e) => e.json?.id === 5)).json.result), /Waited 2 seconds/);
    await endedWell(old);
    assert.equal(get.end, undefined, 'the stream has not been cut');
    await upstream.session.server.sendLoggingMessage({ level: 'info', data: 'more' });
    await get.event((e) => e.json?.params?.data === 'more');
    const open = async () => /^mgw_streams_open\{kind="get"\} (\d+)$/m.exec(await (await fetch(`${gateway.stats}/metrics`, { headers: asOperator })).text())?.[1];
    assert.equal(await open(), '1', 'a stream that has come from another process is open here');
    get.close();
    await waitFor(async () => (await open()) === '0', 'it to be open no more');
  });

  test('a client of HTTP+SSE keeps its stream; answers of both processes come by it', async () => {
    const stream = await openStream(`${gateway.url}/sse`);
    const endpoint = `${gateway.url}${(await stream.event((e) => e.name === 'endpoint')).data}`;
    const say = (body) => fetch(endpoint, { method: 'POST', headers: JSON_HEADERS, body });
    await say(rpc(1, 'initialize', initializeParams('2024-11-05')));
    await stream.event((e) => e.json?.id === 1);
    await say('{"jsonrpc":"2.0","method":"notifications/initialized"}');
    await say(waitCall(2, 1.5));
    const old = await gateway.replace();
    assert.equal((await say(rpc(3, 'tools/call', { name: 'up_hello', arguments: {} }))).status, 202);
    assert.match(textOf((await stream.event((e) => e.json?.id === 3)).json.result), /hello from upstream/);
    assert.match(textOf((await stream.event((e) => e.json?.id === 2)).json.result), /Waited 1.5 seconds/);
    await endedWell(old);
    assert.equal(stream.end, undefined);
    stream.close();
  });

  test('what a client says of a call or a question of the old process gets there', async () => {
    const session = await openSession(gateway.url);
    const asking = await openStream(`${gateway.url}/mcp`, {
      method: 'POST', headers: session.headers, body: rpc(5, 'tools/call', { name: 'up_ask', arguments: {} }),
    });
    const question = await asking.event((e) => e.json?.method === 'roots/list');
    const hanging = await openStream(`${gateway.url}/mcp`, { method: 'POST', headers: session.headers, body: rpc(6, 'tools/call', { name: 'up_hang', arguments: {} }) });
    await waitFor(() => upstream.seen.includes('call hang'), 'the call to be upstream');
    const old = await gateway.replace();
    const reply = { jsonrpc: '2.0', id: question.json.id, result: { roots: [{ uri: 'file:///of-the-client' }] } };
    assert.equal((await call(gateway, session, JSON.stringify(reply))).status, 202);
    assert.match(textOf((await asking.event((e) => e.json?.id === 5)).json.result), /file:\/\/\/of-the-client/);
    await call(gateway, session, '{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":6}}');
    await hanging.ended();
    await waitFor(() => upstream.seen.includes('hang cancelled'), 'the cancel to be upstream');
    await endedWell(old);
    await call(gateway, session, rpc(7, 'ping'));
  });

  test('a session that its client ends, ends in both', async () => {
    const session = await openSession(gateway.url);
    const slow = await openStream(`${gateway.url}/mcp`, { method: 'POST', headers: session.headers, body: waitCall(5, 20) });
    const old = await gateway.replace();
    assert.equal((await fetch(`${gateway.url}/mcp`, { method: 'DELETE', headers: session.headers })).status, 204);
    assert.match((await slow.event((e) => e.json?.id === 5)).json.error.message, /the session has ended/);
    await endedWell(old);
    assert.equal((await call(gateway, session, rpc(6, 'ping'))).status, 404);
  });

  test('the stream of a call that was cut goes on, at the process where the call runs; afterwards too', async () => {
    const session = await openSession(gateway.url);
    const slow = await openStream(`${gateway.url}/mcp`, { method: 'POST', headers: session.headers, body: waitCall(5, 3) });
    const lastEventId = (await slow.event((e) => e.id)).id;
    const old = await gateway.replace();
    slow.close();
    const again = await openGet(gateway, session, { 'last-event-id': lastEventId });
    assert.match(textOf((await again.event((e) => e.json?.id === 5)).json.result), /Waited 3 seconds/);
    await again.ended();
    await endedWell(old);
    const later = await openGet(gateway, session, { 'last-event-id': lastEventId });
    assert.match(textOf((await later.event((e) => e.json?.id === 5)).json.result), /Waited 3 seconds/);
  });

  test('a client without sessions is asked by one process, and replies to the other', async () => {
    const canRoots = { capabilities: { roots: {} } };
    const { json } = await post(gateway.url, messageOf('tools/call', { name: 'up_ask', arguments: {} }, canRoots));
    const [key] = Object.keys(json.result.inputRequests);
    const old = await gateway.replace();
    const answer = await post(gateway.url, messageOf('tools/call', {
      name: 'up_ask', arguments: {}, requestState: json.result.requestState, inputResponses: { [key]: { roots: [{ uri: 'file:///late' }] } },
    }, { id: 2, ...canRoots }));
    assert.equal(answer.status, 200, answer.text);
    assert.match(textOf(answer.json.result), /file:\/\/\/late/);
    await endedWell(old);
  });

  test('three in a row while a call of the first runs: what concerns it finds its way', async () => {
    const session = await openSession(gateway.url);
    const get = await openGet(gateway, session);
    const slow = await openStream(`${gateway.url}/mcp`, { method: 'POST', headers: session.headers, body: rpc(5, 'tools/call', { name: 'up_hang', arguments: {} }) });
    await waitFor(() => upstream.seen.filter((s) => s === 'call hang').length > 1, 'the call to be upstream');
    const olds = [await gateway.replace(), await gateway.replace(), await gateway.replace()];
    assert.equal((await call(gateway, session, rpc(6, 'ping'))).status, 200);
    assert.deepEqual(olds.map((old) => old.exit), [undefined, undefined, undefined], 'each waits for the one before it');
    await call(gateway, session, '{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":5}}');
    await slow.ended();
    for (const old of olds) await endedWell(old);
    assert.equal(get.end, undefined);
    get.close();
  });

  test('a client without sessions, and one that begins meanwhile', async () => {
    const running = post(gateway.url, messageOf('tools/call', { name: 'wait', arguments: { seconds: 1.5 } }));
    await waitFor(async () => /mgw_calls_total [1-9]/.test(await (await fetch(`${gateway.stats}/metrics`, { headers: asOperator })).text()), 'the call');
    const old = await gateway.replace();
    const answers = await Promise.all([running, post(gateway.url, messageOf('tools/call', { name: 'up_hello', arguments: {} }))]);
    assert.deepEqual(answers.map((a) => a.status), [200, 200]);
    await endedWell(old);
  });
});

// What a crowd of clients does while processes come and go, counted.
class Crowd {
  calls = 0;
  losses = [];
  longestMs = 0;
  clients = [];
  #over = false;
  #loops = [];

  /** ask(i) makes one call, and throws where its answer is not as it must be. */
  add(name, ask) {
    const loop = async () => {
      for (let i = 0; !this.#over; i++) {
        const at = Date.now();
        try {
          await ask(i);
          this.calls++;
        } catch (error) {
          this.losses.push(`${name}: call ${i}: ${error.message}`);
        }
        this.longestMs = Math.max(this.longestMs, Date.now() - at);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    };
    this.#loops.push(loop());
  }

  async end() {
    this.#over = true;
    await Promise.all(this.#loops);
    await Promise.all(this.clients.map((client) => client.close()));
  }
}

/** The numbers of the events that one has heard: each at least once, none left out. */
class Heard {
  numbers = new Set();
  n = 0;

  take(data) {
    if (!/^n\d+$/.test(data)) return;
    this.numbers.add(Number(data.slice(1)));
    this.n++;
  }

  missing(from, to) {
    const gaps = [];
    for (let i = from; i <= to; i++) if (!this.numbers.has(i)) gaps.push(i);
    return gaps;
  }
}

describe('under load', { timeout: 180000 }, () => {
  const hello = (result) => assert.match(textOf(result), /hello from upstream/);

  /** Reads a stream, and comes back for what it misses as often as it ends. */
  async function follow(gateway, session, heard) {
    const followed = { stream: undefined, n: 0, awayMs: 0, isOver: false, close: () => { followed.isOver = true; followed.stream.close(); } };
    let lastEventId;
    const onEvent = (e) => {
      lastEventId = e.id ?? lastEventId;
      heard.take(e.json?.params?.data ?? '');
    };
    const open = async () => {
      followed.stream = await openStream(`${gateway.url}/mcp`, {
        headers: { ...session.headers, accept: 'text/event-stream', ...lastEventId && { 'last-event-id': lastEventId } }, onEvent,
      });
      followed.n++;
    };
    await open();
    (async () => {
      for (;;) {
        await waitFor(() => followed.stream.end || followed.isOver, 'the end', 1e6);
        if (followed.isOver) return;
        const at = Date.now();
        await new Promise((resolve) => setTimeout(resolve, Number(followed.stream.events.findLast((e) => e.retry)?.retry ?? 0)));
        await open();
        followed.awayMs = Math.max(followed.awayMs, Date.now() - at);
      }
    })();
    return followed;
  }

  async function crowdOf(gateway, crowd, heards, streams, kinds) {
    for (let i = 0; i < 3; i++) {
      for (const kind of kinds) {
        const heard = new Heard();
        const client = await connectClient(gateway.url, kind, {
          setUp: (c) => c.setNotificationHandler(LoggingMessageNotificationSchema, ({ params }) => heard.take(params.data)),
        });
        client.onerror = (error) => crowd.losses.push(`sdk ${kind}: ${error.message}`);
        heards.push([`sdk ${kind} ${i}`, heard]);
        crowd.clients.push(client);
        crowd.add(`sdk ${kind}`, async () => hello(await client.callTool({ name: 'up_hello', arguments: {} })));
      }
      const stateless = new Client({ name: 'stateless', version: '1' }, { versionNegotiation: { mode: { pin: VERSION } } });
      await stateless.connect(new StreamableHTTPClientTransport(new URL('/mcp', gateway.url)));
      crowd.clients.push(stateless);
      crowd.add('sdk stateless', async () => hello(await stateless.callTool({ name: 'up_hello', arguments: {} })));

      const heard = new Heard();
      const session = await openSession(gateway.url);
      streams.push(await follow(gateway, session, heard));
      heards.push([`raw ${i}`, heard]);
      crowd.add('raw', async (n) => {
        const answer = await call(gateway, session, rpc(n, 'tools/call', { name: 'wait', arguments: { seconds: n % 7 === 0 ? 0.5 : 0 } }));
        assert.match(await answer.text(), /Waited/);
      });
      crowd.add('raw, new sessions', async () => {
        const fresh = await openSession(gateway.url);
        const answer = await call(gateway, fresh, rpc(1, 'tools/call', { name: 'up_hello', arguments: {} }));
        assert.match(await answer.text(), /hello from upstream/);
        assert.equal((await fetch(`${gateway.url}/mcp`, { method: 'DELETE', headers: fresh.headers })).status, 204);
        await new Promise((resolve) => setTimeout(resolve, 50));
      });
    }
  }

  async function proof(t, disturb, { kinds = ['http', 'sse'], ...options } = {}) {
    const upstream = await UpstreamServer.start();
    const gateway = await startGateway({ config: { mcpServers: { up: { url: upstream.url } } }, ...options });
    const [crowd, heards, streams] = [new Crowd(), [], []];
    await crowdOf(gateway, crowd, heards, streams, kinds);
    const listening = () => upstream.requests.filter((r) => r.method === 'GET').length >= heards.length;
    await waitFor(listening, 'mgw to listen upstream');
    let n = 0;
    const tell = setInterval(async () => {
      n++;
      for (const { server } of upstream.sessions.values()) server.sendLoggingMessage({ level: 'info', data: `n${n}` }).catch(() => {});
    }, 25);
    await waitFor(() => heards.every(([, heard]) => heard.n > 0), 'all to hear');
    const from = n;
    await disturb(gateway);
    await waitFor(() => crowd.calls > 200, 'calls');
    clearInterval(tell);
    const to = n;
    const missed = () => heards.flatMap(([name, heard]) => heard.missing(from, to).map((gap) => `${name} missed ${gap}`));
    // what is said while a stream is away can come by an answer's stream, before that which the stream comes back for
    await waitFor(() => missed().length === 0, 'all events', 5000, new Set(), () => missed().slice(0, 10).join('\n'))
      .catch((error) => crowd.losses.push(error.message));
    const twice = heards.reduce((sum, [, heard]) => sum + heard.n - heard.numbers.size, 0);
    t.diagnostic(`${crowd.calls} calls, ${crowd.losses.length} lost, the longest ${crowd.longestMs} ms; `
      + `${to - from} events to each of ${heards.length}, ${missed().length} lost, ${twice} heard twice; `
      + `${streams.length} raw streams ended ${streams.reduce((sum, s) => sum + s.n - 1, 0)} times, back within ${Math.max(...streams.map((s) => s.awayMs))} ms`);
    await crowd.end();
    assert.deepEqual(crowd.losses.slice(0, 10), []);
    return { upstream, gateway, streams, end: async () => { for (const s of streams) s.close(); await gateway.stop(); await upstream.stop(); } };
  }

  test('four processes in a row: no call and no event is lost, and no stream is cut', async (t) => {
    const olds = [];
    const { streams, end } = await proof(t, async (gateway) => {
      for (let i = 0; i < 4; i++) {
        olds.push(await gateway.replace());
        await new Promise((resolve) => setTimeout(resolve, 700));
      }
    });
    assert.deepEqual(streams.map((s) => s.n), streams.map(() => 1));
    for (const old of olds) await endedWell(old);
    const at = (old, pattern) => Date.parse(old.lines.find((line) => pattern.test(line)).slice(0, 24));
    t.diagnostic(`from hello to go: ${olds.map((old) => `${at(old, /draining/) - at(old, /is to take over/)} ms`).join(', ')}`);
    await end();
  });

  test('HAProxy is reloaded, and mgw replaced meanwhile: no call and no event is lost, streams come back', async (t) => {
    const { end } = await proof(t, async (gateway) => {
      const from = gateway.haproxy.lines.length;
      gateway.haproxy.child.kill('SIGUSR2');
      await gateway.haproxy.line(/Proxy outside stopped/, { from });
      await endedWell(await gateway.replace());
      // each stream is asked to end at its next byte, and does within five seconds
      await gateway.haproxy.line(/Former worker .* exited with code 0/, { from, timeoutMs: 60000 });
    }, { kinds: ['http'], haproxyArgs: ['-W'], settings: { KEEPALIVE_S: 1, RETRY_MS: 300 } });
    await end();
  });
});

describe('a process that does not go, or does not come', { timeout: 120000, concurrency: 3 }, () => {
  const settings = { ANSWER_GRACE_MS: 200 };
  const replaceFails = async (gateway, pattern) => {
    const program = new Program('mgw', mgwSanitized, ['--replace'], { env: gateway.env });
    await program.line(pattern, { timeoutMs: 30000 });
    assert.equal((await program.exited).code, 1, program.tail());
    assertClean(program);
  };
  const door = (gateway) => `${gateway.socket}.handover`;
  const says = (gateway, text) => new Promise((resolve) => {
    const socket = net.connect(door(gateway));
    let answer = '';
    socket.on('data', (bytes) => { answer += bytes; }).on('error', () => {}).on('close', () => resolve(answer));
    socket.write(text);
  });

  test('nobody serves: it begins as it would without --replace', async () => {
    const gateway = await startGateway({ settings });
    await gateway.mgw.stop();
    gateway.mgw = await gateway.startMgw(['--replace']);
    assert.equal(gateway.mgw.count(/nobody serves here/), 1);
    await gateway.stop();
  });

  test('nonsense at the door ends what said it, and nothing else', async () => {
    const gateway = await startGateway({ settings });
    const session = await openSession(gateway.url);
    assert.equal(fs.statSync(door(gateway)).mode & 0o777, 0o600);
    for (const text of ['nonsense\n', '{"what":1}\n', '[]\n', '\n', '{"do":"ready"}\n', '{"do":"hello","protocol":99}\n', `{"do":"hello"}\n`]) await says(gateway, text);
    const silent = net.connect(door(gateway));
    await new Promise((resolve) => { silent.on('connect', resolve); });
    silent.write('{"do":"ask","id":"x"}\n{"do":"end","id":"' + session.id + '"}\n{"do":');
    assert.equal((await call(gateway, session, rpc(2, 'ping'))).status, 200);
    silent.destroy();
    await endedWell(await gateway.replace());
    assert.equal((await call(gateway, session, rpc(3, 'ping'))).status, 200);
    await gateway.stop();
  });

  test('who says hello and no more does not keep the gateway from its clients', async () => {
    const dir = fs.mkdtempSync('/tmp/mgw-replace-');
    const gateway = await startGateway({ settings: { ...settings, STATE_DIR: `${dir}/state` } });
    const session = await openSession(gateway.url);
    const socket = net.connect(door(gateway));
    socket.write('{"do":"hello","protocol":1}\n');
    await gateway.mgw.line(/is to take over/);
    const waiting = call(gateway, session, rpc(2, 'ping'));
    socket.destroy();
    assert.equal((await waiting).status, 200, 'who has come meanwhile is served');
    assert.equal((await call(gateway, session, rpc(3, 'ping'))).status, 200);
    await endedWell(await gateway.replace());
    assert.equal((await call(gateway, session, rpc(4, 'ping'))).status, 200);
    await gateway.stop();
    fs.rmSync(dir, { recursive: true });
  });

  test('a state that the other keeps is asked for again, ever less often', async () => {
    const dir = fs.mkdtempSync('/tmp/mgw-replace-');
    const gateway = await startGateway({ settings: { ...settings, STATE_DIR: `${dir}/state` } });
    const socket = net.connect(door(gateway));
    socket.write('{"do":"hello","protocol":1}\n');
    await gateway.mgw.line(/is to take over/);
    const keeper = spawn('flock', [`${dir}/state/state.lock`, 'cat'], { stdio: ['pipe', 'pipe', 'inherit'] });
    keeper.stdin.write('kept');
    await once(keeper.stdout, 'data');
    socket.destroy();
    const tries = () => gateway.mgw.lines.filter((line) => /another mgw uses this folder/.test(line)).map((line) => Date.parse(line.slice(0, 24)));
    await waitFor(() => tries().length > 3, 'some tries');
    assert.ok(tries()[3] - tries()[2] >= 790, gateway.mgw.tail());
    keeper.stdin.end();
    await gateway.mgw.line(/the state is this process's again/);
    await endedWell(await gateway.replace());
    const session = await openSession(gateway.url);
    assert.equal((await call(gateway, session, rpc(2, 'ping'))).status, 200);
    await gateway.stop();
    fs.rmSync(dir, { recursive: true });
  });

  test('two at once: one takes over, the other is told so and ends', async () => {
    const gateway = await startGateway({ settings });
    const session = await openSession(gateway.url);
    const old = gateway.mgw;
    const programs = [0, 1].map(() => new Program('mgw', mgwSanitized, ['--replace'], { env: gateway.env }));
    await waitFor(() => programs.some((p) => p.count(/listening on/) > 0) && programs.some((p) => p.exit || p.count(/listening on/) > 0), 'one to serve');
    await endedWell(old);
    const ended = await waitFor(() => programs.find((p) => p.exit), 'the other to end');
    gateway.mgw = programs.find((p) => p !== ended);
    assert.equal((await call(gateway, session, rpc(4, 'ping'))).status, 200);
    await gateway.stop();
  });

  test('one that hangs keeps its clients; the other gives up', async () => {
    const gateway = await startGateway({ settings });
    gateway.mgw.child.kill('SIGSTOP');
    await replaceFails(gateway, /does not let this one take over/);
    gateway.mgw.child.kill('SIGCONT');
    await waitFor(() => fetch(`${gateway.url}/ready`).then((r) => r.ok, () => false), 'HAProxy to find it again');
    const session = await openSession(gateway.url);
    assert.equal((await call(gateway, session, rpc(2, 'ping'))).status, 200);
    await gateway.stop();
  });

  test('one that talks nonsense is not replaced', async () => {
    const gateway = await startGateway({ settings, alone: true });
    await gateway.mgw.stop();
    for (const answer of ['nonsense\n', '{"do":"refuse","why":"no"}\n', '{"do":"welcome"}\n', '{"do":"go"}\n']) {
      const server = net.createServer((socket) => { socket.on('error', () => {}).end(answer); }).listen(door(gateway));
      await replaceFails(gateway, /does not let this one take over/);
      server.close();
    }
    gateway.mgw = await gateway.startMgw();
    await gateway.stop();
  });

  test('one that dies while it gives: its successor serves', async () => {
    const gateway = await startGateway({ settings });
    const session = await openSession(gateway.url);
    const slow = await openStream(`${gateway.url}/mcp`, { method: 'POST', headers: session.headers, body: waitCall(5, 30) });
    const old = await gateway.replace();
    assert.equal((await call(gateway, session, rpc(2, 'ping'))).status, 200);
    old.child.kill('SIGKILL');
    await slow.ended();
    assert.equal((await call(gateway, session, rpc(3, 'ping'))).status, 200);
    assert.equal((await call(gateway, { headers: { ...session.headers, 'mcp-session-id': 'unknown' } }, rpc(4, 'ping'))).status, 404);
    await gateway.stop();
  });
});
