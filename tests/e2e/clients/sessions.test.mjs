// Sessions of Streamable HTTP: several streams, what is replayed and what is not, and every way that a session ends.

import { after, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { connectClient, textOf } from '../lib/clients.mjs';
import { startConformanceServer } from '../lib/conformance_server.mjs';
import { asOperator, startGateway, waitFor } from '../lib/gateway.mjs';
import { openSession, openStream, rpc } from '../lib/stream.mjs';
import { UpstreamServer } from '../lib/upstream_server.mjs';

const post = (gateway, session, body, headers = {}) =>
  fetch(`${gateway.url}/mcp`, { method: 'POST', headers: { ...session.headers, ...headers }, body });
const openGet = (gateway, session, headers = {}) => openStream(`${gateway.url}/mcp`, { headers: { ...session.headers, accept: 'text/event-stream', ...headers } });
const ping = async (gateway, session) => (await post(gateway, session, rpc(9, 'ping'))).status;
const isLog = (event) => event.json?.method === 'notifications/message';
const dataOf = (stream) => stream.events.filter(isLog).map((event) => event.json.params.data);
const streamsOf = async (gateway) => (await (await fetch(`${gateway.stats}/health`, { headers: asOperator })).json()).streams;

const metric = async (gateway, name) => Number(new RegExp(`^${name} (\\d+)`, 'm').exec(await (await fetch(`${gateway.stats}/metrics`, { headers: asOperator })).text())[1]);

/** Closes a stream, and waits until the gateway knows. */
async function cut(gateway, stream) {
  const from = gateway.mgw.lines.length;
  stream.close();
  await gateway.mgw.line(/Client disconnected/, { from });
}

describe('a session with an upstream that speaks unasked', { timeout: 120000 }, () => {
  let gateway, upstream;
  before(async () => {
    upstream = await UpstreamServer.start();
    gateway = await startGateway({
      settings: { KEEPALIVE_S: 0.5, ANSWER_GRACE_MS: 300, REPLAY_MAX_BYTES: 8192 }, config: { mcpServers: { up: { url: upstream.url } } },
    });
  });
  after(async () => {
    await gateway.stop();
    await upstream.stop();
  });

  const open = async () => {
    const session = await openSession(gateway.url);
    await post(gateway, session, JSON.stringify({ jsonrpc: '2.0', method: 'notifications/initialized' }));
    const { sessionId } = upstream.session.transport;
    await post(gateway, session, rpc(2, 'tools/list')); // who only says hello has no stream upstream
    await waitFor(() => upstream.requests.some((r) => r.method === 'GET' && r.headers['mcp-session-id'] === sessionId), 'the upstream GET stream');
    session.server = upstream.session.server;
    return session;
  };
  /** The ping's answer says that the gateway has taken what was said before it. */
  const say = async (session, data) => {
    await session.server.sendLoggingMessage({ level: 'info', data });
    await session.server.ping();
  };

  test('has an id that begins with the node and a dot, another one each time', async () => {
    const [a, b] = [await openSession(gateway.url), await openSession(gateway.url)];
    assert.match(a.id, /^test\.[A-Za-z0-9_-]{20,}$/);
    assert.notEqual(a.id, b.id);
  });

  test('sends each message to the newest of its live streams, and to no other', async () => {
    const session = await open();
    const first = await openGet(gateway, session);
    await say(session, 'one');
    await first.event(isLog);
    const second = await openGet(gateway, session);
    await say(session, 'two');
    await second.event(isLog);
    const third = await openGet(gateway, session);
    await say(session, 'three');
    await third.event(isLog);
    await cut(gateway, third);
    await say(session, 'four');
    await second.event((e) => e.json?.params?.data === 'four');
    await cut(gateway, second);
    await say(session, 'five');
    await first.event((e) => e.json?.params?.data === 'five');
    assert.deepEqual([first, second, third].map(dataOf), [['one', 'five'], ['two', 'four'], ['three']]);
    await cut(gateway, first);
  });

  test('replays after a cut what came meanwhile: in order, once', async () => {
    const session = await open();
    const before = await openGet(gateway, session);
    await say(session, 'before');
    const last = await before.event(isLog);
    await cut(gateway, before);
    for (const data of ['m0', 'm1', 'm2']) await say(session, data);
    const next = await openGet(gateway, session, { 'last-event-id': last.id });
    await next.event((e) => e.json?.params?.data === 'm2');
    await say(session, 'after');
    await next.event((e) => e.json?.params?.data === 'after');
    assert.deepEqual(dataOf(next), ['m0', 'm1', 'm2', 'after']);
    const ids = [last, ...next.events.filter(isLog)].map((e) => e.id);
    assert.equal(new Set(ids).size, 5, `ids must differ: ${ids}`);
    await cut(gateway, next);
    // Again from the first cut: all that followed comes again, under the ids that it had.
    const again = await openGet(gateway, session, { 'last-event-id': last.id });
    await again.event((e) => e.json?.params?.data === 'after');
    assert.deepEqual(again.events.filter(isLog).map((e) => e.id), ids.slice(1));
    await cut(gateway, again);
  });

  test('keeps what comes while no stream is open for the next GET', async () => {
    const session = await open();
    for (const data of ['k0', 'k1']) await say(session, data);
    const stream = await openGet(gateway, session);
    await stream.event((e) => e.json?.params?.data === 'k1');
    await say(session, 'live');
    await stream.event((e) => e.json?.params?.data === 'live');
    assert.deepEqual(dataOf(stream), ['k0', 'k1', 'live']);
    await cut(gateway, stream);
    const other = await openGet(gateway, session);
    await say(session, 'later');
    await other.event((e) => e.json?.params?.data === 'later');
    assert.deepEqual(dataOf(other), ['later'], 'what was sent does not come again unasked');
    await cut(gateway, other);
  });

  test('drops the oldest when more comes than replay_max_bytes', async () => {
    const session = await open();
    const stream = await openGet(gateway, session);
    await say(session, 'start');
    const last = await stream.event(isLog);
    await cut(gateway, stream);
    const text = 'x'.repeat(1000);
    for (let i = 0; i < 30; i++) await say(session, `${i}:${text}`);
    await say(session, `big:${'y'.repeat(20000)}`); // alone over the cap: not kept
    await say(session, 'end');
    const next = await openGet(gateway, session, { 'last-event-id': last.id });
    await next.event((e) => e.json?.params?.data === 'end');
    const numbers = dataOf(next).filter((d) => d !== 'end').map((d) => Number(d.split(':')[0]));
    assert.ok(numbers.length >= 4 && numbers.length <= 8, `8 KiB hold a few of them: ${numbers}`);
    assert.deepEqual(numbers, Array.from({ length: numbers.length }, (_, i) => 30 - numbers.length + i));
    await cut(gateway, next);
  });

  for (const revision of ['2025-03-26', '2025-06-18', '2025-11-25']) {
    test(`answers a slow POST whose stream was cut on a GET with Last-Event-ID (${revision})`, async () => {
      const session = await openSession(gateway.url, revision);
      const slow = await openStream(`${gateway.url}/mcp`, {
        method: 'POST', headers: session.headers,
        body: rpc(5, 'tools/call', { name: 'wait', arguments: { seconds: 2 }, _meta: { progressToken: 'p' } }),
      });
      assert.match(slow.response.headers.get('content-type'), /^text\/event-stream/);
      // The first event with an id: from 2025-11-25 an empty one at once, before that the first progress.
      const { id, data } = await slow.event(() => true);
      if (revision === '2025-11-25') assert.equal(data, '');
      else assert.match(data, /notifications\/progress/);
      assert.match(id, /^\d+-\d+$/);
      await cut(gateway, slow);
      const resumed = await openGet(gateway, session, { 'last-event-id': id });
      const answer = await resumed.event((e) => e.json?.id === 5);
      assert.match(textOf(answer.json.result), /2/);
      await resumed.ended();
      assert.equal(resumed.end, 'closed');
      assert.equal(resumed.events.filter((e) => e.json?.id === 5).length, 1);
      // After the end the same id still gives the answer: the client may have lost this stream too.
      const late = await openGet(gateway, session, { 'last-event-id': id });
      await late.event((e) => e.json?.id === 5);
      await late.ended();
    });
  }

  test('answers on the replay what came while the client was away', async () => {
    const session = await openSession(gateway.url);
    const slow = await openStream(`${gateway.url}/mcp`, {
      method: 'POST', headers: session.headers, body: rpc(6, 'tools/call', { name: 'wait', arguments: { seconds: 1 } }),
    });
    const { id } = await slow.event(() => true);
    await cut(gateway, slow);
    await waitFor(async () => (await metric(gateway, 'mgw_calls')) === 0, 'the call to end');
    const resumed = await openGet(gateway, session, { 'last-event-id': id });
    await resumed.event((e) => e.json?.id === 6);
    await resumed.ended();
  });

  test('leaves no stream behind', async () => {
    await waitFor(async () => (await streamsOf(gateway)) === 0, 'all streams to be gone');
  });
});

test('what is kept for replay in all sessions of a user leaves half of the user\'s memory for calls', { timeout: 60000 }, async () => {
  const max = 260000;
  const upstream = await UpstreamServer.start();
  const gateway = await startGateway({ settings: { MEMORY_PER_USER_MAX_BYTES: max, REPLAY_MAX_BYTES: 100000 }, config: { mcpServers: { up: { url: upstream.url } } } });
  const streams = [];
  for (let i = 0; i < 12; i++) {
    const session = await openSession(gateway.url);
    streams.push(await openGet(gateway, session));
    await post(gateway, session, JSON.stringify({ jsonrpc: '2.0', method: 'notifications/initialized' }));
    const { sessionId } = upstream.session.transport;
    await waitFor(() => upstream.requests.some((r) => r.method === 'GET' && r.headers['mcp-session-id'] === sessionId), 'the upstream GET stream');
    streams.at(-1).server = upstream.session.server;
  }
  for (const stream of streams) {
    for (let i = 0; i < 8; i++) await stream.server.sendLoggingMessage({ level: 'info', data: `${i}${'x'.repeat(3000)}` });
    await stream.event((event) => isLog(event) && event.json.params.data.startsWith('7'));
  }
  const kept = await metric(gateway, 'mgw_memory_bytes{kind="replay"}');
  assert.ok(kept > 50000 && kept <= max / 2, `${kept} bytes are kept`);
  const answer = await post(gateway, await openSession(gateway.url), rpc(2, 'tools/call', { name: 'echo', arguments: { message: 'y'.repeat(10000) } }), { accept: 'application/json' });
  assert.match(await answer.text(), /y{10000}/);
  for (const stream of streams) stream.close();
  await gateway.stop();
  await upstream.stop();
});

describe('the end of a session', { timeout: 120000 }, () => {
  const within = async (options, use) => {
    const gateway = await startGateway(options);
    try {
      await use(gateway);
    } finally {
      await gateway.stop();
    }
  };

  test('DELETE ends it: its streams close, and it is 404 from then on', () => within({}, async (gateway) => {
    const session = await openSession(gateway.url);
    const other = await openSession(gateway.url);
    const stream = await openGet(gateway, session);
    const remove = () => fetch(`${gateway.url}/mcp`, { method: 'DELETE', headers: session.headers });
    const removed = await remove();
    assert.ok(removed.status === 204 || removed.status === 200, `HTTP ${removed.status}`);
    await stream.ended();
    assert.equal(stream.end, 'closed');
    assert.equal(await ping(gateway, session), 404);
    assert.equal((await openGet(gateway, session)).response.status, 404);
    assert.equal((await remove()).status, 404);
    assert.equal(await ping(gateway, other), 200);
  }));

  test('DELETE ends its running calls too', () => within({ settings: { ANSWER_GRACE_MS: 200 } }, async (gateway) => {
    const session = await openSession(gateway.url);
    const slow = await openStream(`${gateway.url}/mcp`, {
      method: 'POST', headers: session.headers, body: rpc(5, 'tools/call', { name: 'wait', arguments: { seconds: 60 } }),
    });
    await fetch(`${gateway.url}/mcp`, { method: 'DELETE', headers: session.headers });
    await slow.ended();
    assert.match(slow.events.at(-1).json.error.message, /session has ended/);
    assert.equal(await metric(gateway, 'mgw_calls'), 0);
  }));

  test('it expires when idle, and not while a stream is open', () => within({ settings: { SESSION_IDLE_S: 1 } }, async (gateway) => {
    const idle = await openSession(gateway.url);
    const streaming = await openSession(gateway.url);
    const stream = await openGet(gateway, streaming);
    await gateway.mgw.line(/INFO \[MCP\] session expired/);
    assert.equal(await ping(gateway, idle), 404);
    assert.equal(await ping(gateway, streaming), 200);
    assert.equal(stream.end, undefined);
    const from = gateway.mgw.lines.length;
    stream.close();
    await gateway.mgw.line(/session expired/, { from });
    assert.equal(await ping(gateway, streaming), 404);
    assert.equal(await metric(gateway, 'mgw_sessions'), 0);
  }));

  test('it expires though a call runs that nobody waits for', () => within({ settings: { SESSION_IDLE_S: 1, ANSWER_GRACE_MS: 100 } }, async (gateway) => {
    const wait = rpc(1, 'tools/call', { name: 'wait', arguments: { seconds: 600 } });
    const [left, cutEarly, waiting] = [await openSession(gateway.url), await openSession(gateway.url), await openSession(gateway.url)];
    const start = (session, headers) => openStream(`${gateway.url}/mcp`, { method: 'POST', headers: { ...session.headers, ...headers }, body: wait });
    const [stream, kept] = [await start(left), await start(waiting)];
    const json = new AbortController(); // nothing is answered to this one before it leaves
    fetch(`${gateway.url}/mcp`, { method: 'POST', headers: { ...cutEarly.headers, accept: 'application/json' }, body: wait, signal: json.signal }).catch(() => {});
    await waitFor(async () => await metric(gateway, 'mgw_calls') === 3, 'the calls to run');
    const resumed = await openGet(gateway, left, { 'last-event-id': stream.events[0].id }); // takes the call over
    await stream.ended();
    json.abort();
    await waitFor(async () => await metric(gateway, 'mgw_sessions') === 2, 'the session of the JSON client to expire');
    assert.deepEqual([resumed.end, kept.end], [undefined, undefined]);
    resumed.close();
    await waitFor(async () => await metric(gateway, 'mgw_sessions') === 1, 'the session of the stream to expire');
    assert.equal(await metric(gateway, 'mgw_calls'), 1);
    assert.equal(kept.end, undefined);
    kept.close();
    await waitFor(async () => await metric(gateway, 'mgw_sessions') === 0, 'the last session to expire');
  }));

  test('at sessions_max the longest idle one goes, or a newcomer waits', () => within({ settings: { SESSIONS_MAX: 3 } }, async (gateway) => {
    const [a, b, c] = [await openSession(gateway.url), await openSession(gateway.url), await openSession(gateway.url)];
    assert.equal(await ping(gateway, a), 200); // now b is the longest idle
    const d = await openSession(gateway.url);
    assert.deepEqual(await Promise.all([a, b, c, d].map((s) => ping(gateway, s))), [200, 404, 200, 200]);
    const streams = await Promise.all([a, c, d].map((s) => openGet(gateway, s)));
    await assert.rejects(openSession(gateway.url), /HTTP 503/);
    assert.deepEqual(await Promise.all([a, c, d].map((s) => ping(gateway, s))), [200, 200, 200]);
    await Promise.all(streams.map((stream) => cut(gateway, stream)));
    await openSession(gateway.url);
  }));

  test('after a restart it is 404 at once, and a new initialize works', () => within({}, async (gateway) => {
    const session = await openSession(gateway.url);
    const client = await connectClient(gateway.url, 'http');
    await gateway.mgw.stop();
    gateway.mgw = await gateway.startMgw();
    await waitFor(() => fetch(`${gateway.url}/ready`).then((r) => r.ok), 'the gateway to be ready');
    assert.equal(await ping(gateway, session), 404);
    assert.equal((await openGet(gateway, session)).response.status, 404);
    await assert.rejects(client.callTool({ name: 'echo', arguments: { message: 'x' } }), (error) => error.code === 404);
    await client.close();
    const next = await connectClient(gateway.url, 'http');
    assert.equal(textOf(await next.callTool({ name: 'echo', arguments: { message: 'x' } })), 'x');
    await next.close();
  }));
});

describe('a session of an older revision than its upstream speaks', { timeout: 60000 }, () => {
  let gateway, server;
  before(async () => {
    server = await startConformanceServer();
    gateway = await startGateway({ config: { mcpServers: { up: { url: server.url, prefix: '' } } } });
  });
  after(async () => {
    await gateway.stop();
    await server.stop();
  });

  const audio = async (revision) => {
    const session = await openSession(gateway.url, revision);
    const answer = await post(gateway, session, rpc(2, 'tools/call', { name: 'test_audio_content', arguments: {} }));
    return (await answer.json()).result.content[0];
  };

  test('gets content in a form that its revision has', async () => {
    const { type, data, mimeType } = await audio('2025-03-26');
    assert.equal(type, 'audio');
    assert.deepEqual(await audio('2024-11-05'), { type: 'resource', resource: { uri: 'mgw:audio', mimeType, blob: data } });
  });
});
