// Upstreams that misbehave in every way we could think of. Whatever they do: the client gets one answer, in time, that
// names the server and the cause; other upstreams do not notice; a call is repeated only where that is safe.

import { after, afterEach, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { FaultServer, answerTo, beginSse, event, fault, sendJson, tools } from '../lib/fault_server.mjs';
import { startGateway, top, waitFor } from '../lib/gateway.mjs';
import { initializeParams, JSON_HEADERS, openSession, openStream, rpc } from '../lib/stream.mjs';

const settings = { UPSTREAM_RETRY_S: 0.05, UPSTREAM_RETRY_MAX_S: 30, UPSTREAM_OPEN_TIMEOUT_S: 2, CALLS_PER_SESSION_MAX: 8, ANSWER_GRACE_MS: 100 };
const IN_TIME_MS = 5000;

/** A client that takes JSON alone, so that each answer is one JSON-RPC message. */
class Client {
  #id = 1;

  static async open(gateway) {
    const client = new Client();
    client.url = `${gateway.url}/mcp`;
    const { headers } = await openSession(gateway.url);
    client.headers = { ...headers, accept: 'application/json' };
    return client;
  }

  /** { result } or { error }; the id is checked. Its own id: (client.lastId). */
  async request(method, params, init = {}) {
    const id = ++this.#id;
    const response = await fetch(this.url, { method: 'POST', headers: this.headers, body: rpc(id, method, params), ...init });
    const answer = await response.json();
    assert.equal(answer.id, id);
    return answer;
  }

  get lastId() {
    return this.#id;
  }

  call(name, args = {}) {
    return this.request('tools/call', { name, arguments: args });
  }

  async notify(method, params) {
    await fetch(this.url, { method: 'POST', headers: this.headers, body: JSON.stringify({ jsonrpc: '2.0', method, params }) });
  }

  async names() {
    const names = [];
    for (let cursor; ;) {
      const { result } = await this.request('tools/list', cursor ? { cursor } : {});
      names.push(...result.tools.map((t) => t.name));
      if (!(cursor = result.nextCursor)) return names;
    }
  }

  stream() {
    return openStream(this.url, { headers: { ...this.headers, accept: 'text/event-stream' } });
  }

  end() {
    return fetch(this.url, { method: 'DELETE', headers: this.headers }).then((r) => r.text());
  }
}

const textOf = ({ result, error }) => result?.content?.[0]?.text ?? error?.message;

/** A gateway with a server that misbehaves (up) and one that does not (witness), which must answer at any time. */
function bench(config = {}, more = {}) {
  const b = {};
  before(async () => {
    b.up = await FaultServer.start();
    b.witness = await FaultServer.start();
    b.gateway = await startGateway({
      settings: { ...settings, ...more },
      config: { mcpServers: { up: { url: b.up.url, ...config }, witness: { url: b.witness.url } } },
    });
    b.open = async () => {
      const client = await Client.open(b.gateway);
      await client.names();
      b.up.seen = [];
      return client;
    };
    b.checkWitness = async (client) => {
      const started = Date.now();
      assert.equal(textOf(await client.call('witness_write')), 'did write');
      assert.ok(Date.now() - started < 2000, `the witness took ${Date.now() - started} ms`);
    };
    /** The server behaves again: the breaker must find that out. */
    b.heal = async (client) => {
      b.up.faults = {};
      await waitFor(async () => textOf(await client.call('up_read')) === 'did read', 'the upstream to be used again');
    };
  });
  after(async () => {
    await b.gateway.stop();
    await b.up.stop();
    await b.witness.stop();
  });
  return b;
}

const half = Buffer.from('ü').subarray(0, 1);
const cutJson = (req, res, msg) => {
  res.writeHead(200, { 'content-type': 'application/json', 'content-length': 10000 });
  res.write(JSON.stringify(answerTo(msg)), () => req.socket.resetAndDestroy());
};
/** An answer without an end, until the gateway has had enough. */
const endless = (head, piece) => (req, res) => {
  const more = () => {
    while (!res.destroyed && res.write(piece));
  };
  res.writeHead(200, { 'content-type': head });
  res.on('drain', more);
  more();
};
const mebibyte = Buffer.alloc(1 << 20, 'x');

// The fault of tools/call, the cause that the client is told, and how often a tool without harm is tried.
const callFaults = {
  'resets before it answers': [(req) => req.socket.resetAndDestroy(), /the connection closed before it answered$/, 2],
  'resets in the middle of JSON': [cutJson, /the connection closed in the middle of its answer$/, 2],
  'resets in the middle of a stream': [fault.sse((msg) => [event(answerTo(msg)).slice(0, 30)], { isCut: true }), /the connection closed in the middle of its answer$/, 2],
  'ends its stream without an answer': [fault.sse(() => [': hello\n\n']), /its stream ended without an answer/, 2],
  'ends its stream in the middle of an event': [fault.sse((msg) => [event(answerTo(msg)).slice(0, -3)]), /its stream ended without an answer/, 2],
  'sends garbage as a stream': [fault.sse(() => ['\x00\xff\r\r\ndata\n:::\ndata: {\n\nid: \0\n\n', 'data: nothing\n\n']), /its stream ended without an answer/, 2],
  'answers with a page': [(req, res) => res.writeHead(200, { 'content-type': 'text/html' }).end('<h1>Welcome</h1>'), /it sent no JSON-RPC answer \(HTTP 200\)/, 1],
  'answers with nothing': [(req, res) => res.writeHead(200).end(), /it sent no JSON-RPC answer \(HTTP 200\)/, 1],
  'takes the call for a notification': [fault.status(202), /it sent no JSON-RPC answer \(HTTP 202\)/, 1],
  'redirects the call to a page': [fault.status(302, { location: '/elsewhere' }), /^upstream up: it redirects to where we do not follow$/, 1],
  'redirects to another origin': [fault.status(307, { location: 'http://127.0.0.1:1/mcp?key=1' }), /^upstream up: it redirects to where we do not follow$/, 1],
  'redirects nowhere': [fault.status(302), /it answered HTTP 302/, 1],
  'wants credentials': [fault.status(401, { 'www-authenticate': 'Bearer' }), /it answered HTTP 401/, 1],
  'answers HTTP 500': [fault.status(500), /it answered HTTP 500/, 1],
  'is away behind its proxy': [fault.status(503), /it answered HTTP 503/, 2],
  'speaks no HTTP': [(req) => req.socket.end('SSH-2.0-OpenSSH_9.2\r\n'), /its answer cannot be read as HTTP$/, 2],
  'answers another request': [fault.json((msg) => ({ ...answerTo(msg), id: msg.id + 1000 })), /it sent no JSON-RPC answer/, 1],
  'answers with a text cut short': [fault.json((msg) => JSON.stringify(answerTo(msg)).slice(0, -2)), /its answer cannot be read: the text ends too early/, 1],
  'answers with a result that is none': [fault.json((msg) => answerTo(msg, 'done')), /its answer cannot be read: its result is no object/, 1],
  'nests without end': [fault.json(() => '['.repeat(1e6)), /it sent no JSON-RPC answer/, 1],
  'sends more than 64 MB of JSON': [endless('application/json', mebibyte), /its answer is over 64 MB/, 1],
  'sends an event of more than 64 MB': [endless('text/event-stream', Buffer.concat([Buffer.from('data: '), mebibyte.subarray(7), Buffer.from('\n')])), /it sent an event over 64 MB/, 1],
};

describe('a call to an upstream that', { timeout: 120000 }, () => {
  const b = bench();
  let client;
  before(async () => { client = await b.open(); });
  afterEach(() => b.heal(client));

  for (const [name, [misbehave, cause, nHarmless]] of Object.entries(callFaults)) {
    test(`${name} ends with one error`, async () => {
      b.up.faults['tools/call'] = misbehave;
      b.up.seen = [];
      for (const [tool, nTimes] of [['write', 1], ['read', nHarmless]]) {
        const started = Date.now();
        const [{ error }] = await Promise.all([client.call(`up_${tool}`), b.checkWitness(client)]);
        assert.match(error.message, /^upstream up: /);
        assert.match(error.message, cause);
        assert.ok(Date.now() - started < IN_TIME_MS, `it took ${Date.now() - started} ms`);
        assert.equal(b.up.count('tools/call', tool), nTimes, `${tool} was called so often`);
      }
    });
  }

  test('answers with an error that has no id: the error is the answer', async () => {
    b.up.faults['tools/call'] = fault.json(() => ({ jsonrpc: '2.0', id: null, error: { code: -32700, message: 'I cannot read' } }));
    assert.deepEqual((await client.call('up_write')).error, { code: -32700, message: 'I cannot read' });
  });

  test('answers twice, answers nobody and notes foreign progress: the first answer is the answer', async () => {
    const progress = (token) => event({ jsonrpc: '2.0', method: 'notifications/progress', params: { progressToken: token, progress: 1 } });
    b.up.faults['tools/call'] = fault.sse((msg) => [
      ...[0, -1, 1e15, 1.5, 'x', null, {}, msg.id + 77].flatMap((id) => [event({ ...answerTo(msg), id }), progress(id)]),
      event({ jsonrpc: '2.0', method: 'notifications/progress' }), progress(msg.id),
      event(answerTo(msg)), event(answerTo(msg, { content: [{ type: 'text', text: 'second' }] })),
    ]);
    assert.equal(textOf(await client.call('up_write')), 'did write');
  });

  test('repeats with idempotentHint what was cut', async () => {
    b.up.seen = [];
    b.up.faults['tools/call'] = (req, res, msg, server) => {
      delete server.faults['tools/call'];
      req.socket.resetAndDestroy();
    };
    assert.equal(textOf(await client.call('up_again')), 'did again');
    assert.equal(b.up.count('tools/call', 'again'), 2);
  });

  test('cuts its stream again and again, without anything new, is asked for the rest five times', async () => {
    let nAsked = 0;
    b.up.faults['tools/call'] = fault.sse(() => ['id: 7\nretry: 1\ndata:\n\n']);
    b.up.faults.GET = (req, res, msg, server) => {
      if (req.headers['last-event-id'] !== '7') return server.answer(req, res, msg);
      nAsked++;
      return beginSse(res).end();
    };
    assert.match((await client.call('up_write')).error.message, /^upstream up: its stream ended without an answer/);
    assert.equal(nAsked, 5);
  });

  test('redirects all that is asked of it to another of its addresses is followed there', async () => {
    const redirect = (req, res, msg, server) => {
      if (req.url === '/moved') server.answer(req, res, msg, req.headers['mcp-session-id']);
      else res.writeHead(req.method === 'GET' ? 302 : 307, { location: '/moved' }).end('<h1>moved</h1>');
    };
    b.up.faults = { initialize: redirect, 'notifications/initialized': redirect, 'tools/call': redirect, GET: redirect, DELETE: redirect };
    const fresh = await Client.open(b.gateway);
    const session = [...b.up.sessions].at(-1);
    assert.equal(textOf(await fresh.call('up_write')), 'did write');
    await waitFor(() => b.up.streams.size > 0, 'the GET stream');
    await fresh.end();
    await waitFor(() => !b.up.sessions.has(session), 'the DELETE');
  });

  test('is dead ends with an error, and works when it is back', async () => {
    await b.up.stop();
    const { error } = await client.call('up_write');
    assert.equal(error.message, 'upstream up: cannot be reached');
    await b.checkWitness(client);
    await b.up.listen();
  });

  test('fails three times in a row is left alone for a while, then tried by one alone', async () => {
    b.up.seen = [];
    b.up.faults['tools/call'] = fault.status(502);
    const from = b.gateway.mgw.lines.length;
    for (let i = 0; i < 3; i++) assert.match((await client.call('up_write')).error.message, /HTTP 502/);
    assert.match((await client.call('up_write')).error.message, /^upstream up: is left alone for a while, after failures in a row$/);
    assert.equal(b.up.count('tools/call'), 3);
    await b.gateway.mgw.line(/WARN \[upstream\] up: failed 3 times in a row, left alone/, { from });
    await b.heal(client);
    await b.gateway.mgw.line(/\[upstream\] up: works again/, { from });
  });

  for (const status of [402, 408, 413, 425, 429, 451, 500, 501, 505, 599]) {
    test(`refuses one user's calls with ${status} is there for the next call all the same`, async () => {
      b.up.faults['tools/call'] = fault.status(status);
      for (let i = 0; i < 4; i++) assert.match((await client.call('up_write')).error.message, new RegExp(`HTTP ${status}`));
      b.up.faults = {};
      assert.equal(textOf(await client.call('up_write')), 'did write');
    });
  }

  test('fails many at once is tried again as soon as if one had failed', async () => {
    const waiting = [];
    b.up.faults['tools/call'] = (req, res) => waiting.push(res);
    const calls = Array.from({ length: 7 }, () => client.call('up_write'));
    await waitFor(() => waiting.length === 7, 'the calls at the upstream');
    for (const res of waiting) res.writeHead(502).end();
    await Promise.all(calls);
    const failed = Date.now();
    await b.heal(client); // 0.05 s doubled three times; for each failure it would be 6 s
    assert.ok(Date.now() - failed < 3000, `it took ${Date.now() - failed} ms`);
  });
});

describe('a silent upstream', { timeout: 60000 }, () => {
  const b = bench({ timeout_s: 0.5 });

  test('fails the call after timeout_s, is told, and is not asked twice', async () => {
    const client = await b.open();
    b.up.faults['tools/call'] = fault.hang;
    for (const tool of ['write', 'read']) {
      const started = Date.now();
      assert.match((await client.call(`up_${tool}`)).error.message, /^upstream up: it has been silent for 0.5 s \(timeout_s\)/);
      assert.ok(Date.now() - started < 3000);
      const [asked, ...more] = b.up.all('tools/call', tool);
      assert.deepEqual(more, []);
      await waitFor(() => b.up.all('notifications/cancelled').some((m) => m.params.requestId === asked.id), 'the cancel');
    }
    await b.checkWitness(client);
  });

  test('fails no call that goes on to tell its progress', async () => {
    const client = await b.open();
    b.up.faults['tools/call'] = async (req, res, msg) => {
      beginSse(res);
      for (let i = 1; i <= 5; i++) {
        await sleep(200);
        res.write(event({ jsonrpc: '2.0', method: 'notifications/message', params: { level: 'info', data: i } }));
      }
      res.end(event(answerTo(msg)));
    };
    await waitFor(async () => textOf(await client.call('up_write')) === 'did write', 'the breaker to close');
    assert.equal(textOf(await client.call('up_write')), 'did write');
    b.up.faults = {};
  });
});

describe('the lists', { timeout: 120000 }, () => {
  const b = bench({}, { CATALOG_AGE_S: 0.001 });
  let client;
  const ofUp = (names) => names.filter((n) => n.startsWith('up_'));
  const listed = async () => {
    const started = Date.now();
    const names = await client.names();
    assert.ok(names.includes('witness_read'));
    assert.ok(Date.now() - started < IN_TIME_MS, `it took ${Date.now() - started} ms`);
    return ofUp(names);
  };
  before(async () => { client = await b.open(); });
  afterEach(() => { b.up.faults = {}; });

  test('come without an upstream that does not answer', async () => {
    const fresh = await Client.open(b.gateway);
    b.up.faults['tools/list'] = fault.hang;
    assert.deepEqual(ofUp(await fresh.names()), []);
    assert.deepEqual(ofUp(await fresh.names()), [], 'it is waited for once');
    assert.equal(b.up.count('tools/list'), 1, 'the request that is on its way is not repeated');
    b.up.faults = {};
    // It is asked again when the first request has had its time.
    await waitFor(async () => ofUp(await fresh.names()).length > 0, 'the list');
    assert.deepEqual(ofUp(await fresh.names()), tools.map((t) => `up_${t.name}`));
  });

  test('come without an upstream that answers with an error, for as long as it does', async () => {
    const fresh = await Client.open(b.gateway);
    b.up.faults['tools/list'] = fault.json((msg) => ({ jsonrpc: '2.0', id: msg.id, error: { code: -32603, message: 'not now' } }));
    assert.deepEqual(ofUp(await fresh.names()), []);
    await b.gateway.mgw.line(/WARN \[upstream\] up: tools\/list was answered with an error: not now/);
    b.up.faults = {};
    assert.deepEqual(ofUp(await fresh.names()), tools.map((t) => `up_${t.name}`));
  });

  test('that page for ever end', async () => {
    b.up.seen = [];
    let n = 0;
    b.up.faults['tools/list'] = fault.json((msg) => answerTo(msg, { tools: [{ name: `t${++n}` }], nextCursor: `after ${n}` }));
    assert.equal((await listed()).length, 200);
    assert.equal(b.up.count('tools/list'), 200);
  });

  test('of 20,001 entries have 20,000', async () => {
    const many = Array.from({ length: 20001 }, (_, i) => ({ uri: `fault://${i}`, name: 'x' }));
    b.up.faults['resources/list'] = fault.json((msg) => answerTo(msg, { resources: many }));
    // At this age each of the 20 pages is a fetch: what is asked here is the first.
    const { result } = await client.request('resources/list', {});
    assert.equal(result.resources.length, 1000);
    await b.gateway.mgw.line(/WARN \[upstream\] up: resources\/list: more than 20000 entries are left out/);
  });

  test('over list_max_bytes have what fits, in one page or in many', async () => {
    const own = await startGateway({ settings: { ...settings, LIST_MAX_BYTES: 65536, CATALOG_AGE_S: 0.001 }, config: { mcpServers: { up: { url: b.up.url } } } });
    const fresh = await Client.open(own);
    const tool = (n) => ({ name: `t${n}`, description: 'd'.repeat(1000) });
    const pages = { 1: 100, 100: 1 }; // tools a page: pages that there are
    for (const [size, n] of Object.entries(pages)) {
      const page = (k) => Array.from({ length: Number(size) }, (_, i) => tool(k * Number(size) + i));
      b.up.faults['tools/list'] = fault.json((msg) => {
        const k = Number(msg.params?.cursor ?? 0);
        return answerTo(msg, { tools: page(k), ...(k + 1 < n && { nextCursor: String(k + 1) }) });
      });
      b.up.seen = [];
      const from = own.mgw.lines.length;
      const names = ofUp(await fresh.names());
      assert.ok(names.length > 20 && names.length < 66, `${names.length} tools of 1 kB`);
      assert.ok(b.up.count('tools/list') < 67, `${b.up.count('tools/list')} pages`);
      await own.mgw.line(/WARN \[upstream\] up: tools\/list: the rest of it is left out \(list_max_bytes\)/, { from });
    }
    await own.stop();
  });

  test('of 1,001 templates, which are tried one by one, have 1,000', async () => {
    const many = Array.from({ length: 1001 }, (_, i) => ({ uriTemplate: `fault://${i}/{x}`, name: 'x' }));
    b.up.faults['resources/templates/list'] = fault.json((msg) => answerTo(msg, { resourceTemplates: many }));
    const { result } = await client.request('resources/templates/list', {});
    assert.deepEqual([result.resourceTemplates.length, result.nextCursor], [1000, undefined]);
    await b.gateway.mgw.line(/WARN \[upstream\] up: resources\/templates\/list: more than 1000 entries are left out/);
  });

  test('come without an upstream whose answer has more than a million values', async () => {
    for (const [n, expected] of [[900000, 'its list'], [1100000, undefined]]) {
      b.up.faults['tools/list'] = (req, res, msg) => {
        const text = JSON.stringify(answerTo(msg, { tools: [{ name: 'its list', inputSchema: { type: 'object' } }], x: 0 }));
        sendJson(res, text.replace('"x":0', `"x":[0${',0'.repeat(n)}]`));
      };
      const fresh = await Client.open(b.gateway);
      assert.deepEqual(ofUp(await fresh.names()), expected ? [`up_${expected}`] : []);
    }
  });

  test('of 20,000 resources are merged in time', async () => {
    const many = Array.from({ length: 20000 }, (_, i) => ({ uri: `fault://${i}`, name: 'x' }));
    b.up.faults['resources/list'] = fault.json((msg) => answerTo(msg, { resources: many }));
    const started = Date.now();
    const { result } = await client.request('resources/list', {});
    assert.equal(result.resources.length, 1000);
    assert.ok(Date.now() - started < IN_TIME_MS, `it took ${Date.now() - started} ms`);
  });

  test('have no entries without names, twice, or of another type', async () => {
    const odd = [null, 7, 'x', [], {}, { name: 7 }, { name: null }, { title: 'no name' }, { name: 'a' }, { name: 'a' }, { name: '' }];
    for (const [value, left] of [[odd, ['up_a']], [{ name: 'x' }, ['up_x']], ['tools', []], [7, []], [null, []], [true, []]]) {
      b.up.faults['tools/list'] = fault.json((msg) => answerTo(msg, { tools: value, nextCursor: 7 }));
      assert.deepEqual((await listed()).filter((n) => n !== 'up_'), left);
      await b.checkWitness(client);
    }
    for (const result of [[], 'x', 7, null]) {
      b.up.faults['tools/list'] = fault.json((msg) => ({ ...answerTo(msg), result }));
      assert.deepEqual(await listed(), []);
    }
  });

  test('that changed while they were fetched are fetched again', async () => {
    const fresh = await startGateway({ settings, config: { mcpServers: { up: { url: b.up.url } } } });
    const before = new Set(b.up.sessions);
    const other = await Client.open(fresh);
    const stream = await other.stream();
    const session = await waitFor(() => [...b.up.sessions].find((id) => !before.has(id)), 'its session');
    await waitFor(() => b.up.all('GET').some((m) => m.session === session), 'the GET stream');
    const changed = { jsonrpc: '2.0', method: 'notifications/tools/list_changed' };
    b.up.faults['tools/list'] = async (req, res, msg, server) => {
      server.push(changed);
      await stream.event((e) => e.json?.method === changed.method);
      sendJson(res, answerTo(msg, { tools: [{ name: 'old' }] }));
    };
    assert.deepEqual(ofUp(await other.names()), ['up_old']);
    b.up.faults = {};
    assert.deepEqual(ofUp(await other.names()), tools.map((t) => `up_${t.name}`));
    stream.close();
    await fresh.stop();
  });

  test('that change in a storm do not drown anybody', async () => {
    const stream = await client.stream();
    const changed = { jsonrpc: '2.0', method: 'notifications/tools/list_changed' };
    const nHeard = () => stream.events.filter((e) => e.json?.method === changed.method).length;
    await waitFor(() => {
      b.up.push(changed);
      return nHeard() > 0;
    }, 'the GET stream');
    for (let i = 0; i < 2000; i++) b.up.push(changed);
    await b.checkWitness(client);
    await waitFor(() => nHeard() >= 2000, 'the storm');
    assert.equal((await listed()).length, tools.length);
    stream.close();
  });
});

describe('an answer that grows without an end is cut where its upstream may hold no more', { timeout: 60000 }, () => {
  const big = 'x'.repeat(6 << 20);
  const unended = (type, head) => (req, res) => {
    res.writeHead(200, { 'content-type': type });
    res.write(head + big);
  };
  const json = unended('application/json', '{"jsonrpc":"2.0","id":1,"result":{"x":"');
  const stream = unended('text/event-stream', 'data: ');
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'mgw-faults-'));
  after(() => fs.rmSync(dir, { recursive: true, force: true }));
  const kinds = {
    'a list as JSON': ['tools/list', json],
    'a list as an event': ['tools/list', stream],
    'an event of the oldest transport': ['GET', unended('text/event-stream', 'event: endpoint\ndata: /mcp\n\ndata: '), { type: 'sse' }],
    'what a REST API answers': ['GET', json, { rest: path.join(dir, 'api.json') }],
  };
  for (const [name, [method, misbehave, more]] of Object.entries(kinds)) {
    test(name, async () => {
      const up = await FaultServer.start();
      const api = { base_url: up.url, tools: { write: { description: 'x', inputSchema: { type: 'object' }, method: 'GET', path: '/x' } } };
      fs.writeFileSync(path.join(dir, 'api.json'), JSON.stringify(api));
      const own = await startGateway({
        settings: { ...settings, MEMORY_PER_USER_MAX_BYTES: 4 << 20, UPSTREAM_OPEN_TIMEOUT_S: 60 },
        config: { mcpServers: { up: more?.rest ? more : { url: up.url, ...more } } },
      });
      const cut = new Promise((resolve) => {
        up.faults[method] = (req, res) => {
          res.on('close', resolve);
          misbehave(req, res);
        };
      });
      const client = await Client.open(own);
      const answer = method === 'GET' ? client.call('up_write') : client.names();
      await cut;
      await answer;
      await own.stop();
      await up.stop();
    });
  }
});

describe('the session with an upstream', { timeout: 120000 }, () => {
  const b = bench();
  let client;
  before(async () => { client = await b.open(); });
  afterEach(() => b.heal(client));

  test('forgotten in mid-call is made again, and the call is sent once more, whatever it does', async () => {
    b.up.seen = [];
    b.up.sessions.clear();
    assert.equal(textOf(await client.call('up_write')), 'did write');
    assert.deepEqual(b.up.all('tools/call').map((m) => b.up.sessions.has(m.session)), [false, true]);
    assert.equal(b.up.count('initialize'), 1);
  });

  test('refused with 400 is made again, and the old one ended when no call runs in it', async () => {
    const own = await Client.open(b.gateway);
    const held = [];
    b.up.faults['tools/call'] = (req, res, msg) => held.push(() => sendJson(res, answerTo(msg)));
    const running = own.call('up_write');
    await waitFor(() => held.length === 1, 'the call in the old session');
    const old = b.up.all('tools/call').at(-1).session;
    b.up.seen = [];
    b.up.faults['tools/call'] = (req, res, msg, server) => (
      req.headers['mcp-session-id'] === old ? res.writeHead(400).end() : server.answer(req, res, msg));
    assert.equal(textOf(await own.call('up_write')), 'did write');
    assert.deepEqual(b.up.all('tools/call').map((m) => m.session === old), [true, false]);
    await own.call('up_write'); // it stays
    assert.equal(b.up.count('DELETE'), 0);
    held[0]();
    assert.equal(textOf(await running), 'did write');
    await waitFor(() => b.up.count('DELETE') > 0, 'the end of the old session');
    assert.deepEqual(b.up.all('DELETE').map((m) => m.session), [old]);
    assert.equal(b.up.count('initialize'), 1);
    await own.end();
    await waitFor(() => b.up.count('DELETE') === 2, 'the end of the new one');
  });

  test('forgotten is not ended', async () => {
    const own = await Client.open(b.gateway);
    await own.call('up_write');
    b.up.seen = [];
    const old = new Set(b.up.sessions);
    b.up.sessions.clear();
    assert.equal(textOf(await own.call('up_write')), 'did write');
    await own.end();
    await waitFor(() => b.up.count('DELETE') > 0, 'the end of the new session');
    assert.deepEqual(b.up.all('DELETE').filter((m) => old.has(m.session)), []);
  });

  test('forgotten for good is not made again and again at once', async () => {
    for (const method of ['notifications/initialized', 'tools/call', 'GET']) b.up.faults[method] = fault.status(404);
    b.up.seen = [];
    assert.match((await client.call('up_write')).error.message, /^upstream up: /);
    await b.checkWitness(client);
    await b.gateway.mgw.line(/up: forgets its sessions before they are of use/);
    const n = b.up.count('initialize');
    await sleep(1000);
    assert.ok(b.up.count('initialize') - n < 15, `${b.up.count('initialize') - n} in a second`);
  });

  test('that cannot be opened costs its entries only, whatever the reason', async () => {
    const broken = {
      hang: fault.hang, html: callFaults['answers with a page'][0], refused: fault.json((msg) => ({ jsonrpc: '2.0', id: msg.id, error: { code: 1, message: 'no' } })),
      odd: fault.json((msg) => answerTo(msg, 7)), reset: (req) => req.socket.resetAndDestroy(), status: fault.status(429, { 'retry-after': '1' }),
    };
    for (const [name, misbehave] of Object.entries(broken)) {
      b.up.faults.initialize = misbehave;
      const started = Date.now();
      const other = await Client.open(b.gateway);
      assert.ok(Date.now() - started < IN_TIME_MS, `${name}: opened after ${Date.now() - started} ms`);
      await b.checkWitness(other);
      assert.match((await other.call('up_write')).error.message, /^upstream up: /, name);
      await other.end();
      await b.heal(client);
    }
  });

  test('with a version that would smuggle in a header sends nothing of the kind', async () => {
    b.up.faults.initialize = fault.json((msg) => answerTo(msg, { protocolVersion: '1\r\nX-Evil: 1', capabilities: { tools: {} } }));
    const other = await Client.open(b.gateway);
    assert.match((await other.call('up_write')).error.message, /^upstream up: /);
    await b.checkWitness(other);
    await other.end();
  });

  test('has its subscriptions again when it is made again', async () => {
    b.up.faults['resources/list'] = fault.json((msg) => answerTo(msg, { resources: ['a', 'b'].map((name) => ({ uri: `fault://up/${name}`, name })) }));
    await client.request('resources/list', {});
    for (const [verb, name] of [['subscribe', 'a'], ['subscribe', 'b'], ['unsubscribe', 'b']]) {
      assert.deepEqual((await client.request(`resources/${verb}`, { uri: `fault://up/${name}` })).result, {});
    }
    b.up.seen = [];
    b.up.sessions.clear();
    assert.equal(textOf(await client.call('up_write')), 'did write');
    await waitFor(() => b.up.count('resources/subscribe') > 0, 'the subscription');
    assert.deepEqual(b.up.all('resources/subscribe').map((m) => m.params.uri), ['fault://up/a']);
    assert.equal(b.up.count('resources/unsubscribe'), 0);
  });

  test('has 1,000 subscriptions again at most', async () => {
    const uris = Array.from({ length: 1004 }, (_, i) => `fault://up/${i}`);
    b.up.faults['resources/list'] = fault.json((msg) => answerTo(msg, { resources: uris.map((uri) => ({ uri, name: 'x' })) }));
    const own = await b.open();
    await own.request('resources/list', {});
    for (let i = 0; i < uris.length; i += 8) await Promise.all(uris.slice(i, i + 8).map((uri) => own.request('resources/subscribe', { uri })));
    assert.ok(b.up.count('resources/subscribe') > 1000);
    b.up.seen = [];
    b.up.sessions.clear();
    assert.equal(textOf(await own.call('up_write')), 'did write');
    await waitFor(() => b.up.count('resources/subscribe') >= 1000, 'the subscriptions');
    assert.equal(textOf(await own.call('up_write')), 'did write');
    assert.equal(b.up.count('resources/subscribe'), 1000);
    await own.end();
  });

  test('is not flooded by its own stream: retry: 0 and an end', async () => {
    b.up.faults.GET = fault.sse(() => ['retry: 0\n\n']);
    const other = await Client.open(b.gateway);
    await waitFor(() => b.up.count('GET') > 0, 'the GET stream');
    const n = b.up.count('GET');
    await sleep(500);
    assert.ok(b.up.count('GET') - n <= 8, `${b.up.count('GET') - n} in half a second`);
    await other.end();
  });

  test('has a stream again after one with an event of more than 64 MB', async () => {
    b.up.faults.GET = callFaults['sends an event of more than 64 MB'][0];
    b.up.seen = [];
    const other = await Client.open(b.gateway);
    const stream = await other.stream();
    await waitFor(() => b.up.count('GET') > 0, 'the GET stream');
    b.up.faults = {};
    await waitFor(() => b.up.count('GET') > 1, 'another one');
    stream.close();
    await other.end();
  });

  test('has a stream while its client listens, calls, or has subscribed, and none while it is idle', async () => {
    const up = await FaultServer.start();
    up.faults['resources/list'] = fault.json((msg) => answerTo(msg, { resources: [{ uri: 'fault://up/a', name: 'a' }] }));
    const gateway = await startGateway({ settings, config: { mcpServers: { up: { url: up.url } } } });
    const open = () => waitFor(() => up.streams.size === 1, 'the GET stream');
    const closed = () => waitFor(() => up.streams.size === 0, 'its end');
    const client = await Client.open(gateway);
    await client.call('up_write');
    await open();
    await closed();
    const stream = await client.stream();
    await open();
    stream.close();
    await closed();
    // What the server would have said meanwhile is asked for.
    const asked = up.count('tools/list');
    await client.names();
    assert.equal(up.count('tools/list'), asked + 1);
    await closed();
    await client.request('resources/list', {});
    await client.request('resources/subscribe', { uri: 'fault://up/a' });
    const n = up.count('GET');
    await sleep(3000);
    assert.deepEqual([up.streams.size, up.count('GET')], [1, n]);
    await client.request('resources/unsubscribe', { uri: 'fault://up/a' });
    await closed();
    await client.end();
    await gateway.stop();
    await up.stop();
  });

  test('has no stream where GET answers with a page', async () => {
    b.up.faults.GET = callFaults['answers with a page'][0];
    b.up.seen = [];
    const other = await Client.open(b.gateway);
    await other.names();
    await waitFor(() => b.up.count('GET') > 0, 'the GET');
    await sleep(1500);
    assert.equal(b.up.count('GET'), 1);
    await other.end();
  });
});

describe('what an upstream asks', { timeout: 60000 }, () => {
  const b = bench();
  let client, stream;
  const ask = (id, params) => ({ jsonrpc: '2.0', id, method: 'elicitation/create', params });
  const reply = (id, result) => fetch(client.url, { method: 'POST', headers: client.headers, body: JSON.stringify({ jsonrpc: '2.0', id, result }) });
  const replyTo = (id) => b.up.all('reply').find((m) => m.id === id);
  before(async () => {
    client = await b.open();
    stream = await client.stream();
    await waitFor(() => b.up.streams.size > 0, 'the GET stream');
  });
  after(() => stream.close());

  test('with odd ids is answered under them', async () => {
    for (const id of ['', 0, -1, 9007199254740991, 'a"\\\u0000\n', 'mgw-1']) {
      b.up.push(ask(id, { n: String(id) }));
      const asked = await stream.event((e) => e.json?.params?.n === String(id));
      assert.match(asked.json.id, /^mgw-\d+$/);
      await reply(asked.json.id, { action: 'accept' });
      await waitFor(() => replyTo(id), `the reply to ${id}`);
      assert.deepEqual(replyTo(id).result, { action: 'accept' });
    }
    for (const id of [null, 1.5, {}, [1], true]) b.up.push(ask(id, { n: 'wrong' }));
    await b.checkWitness(client);
    assert.ok(!stream.events.some((e) => e.json?.params?.n === 'wrong'));
  });

  test('beyond calls_per_session_max is refused at once', async () => {
    for (let i = 0; i < 40; i++) b.up.push(ask(1000 + i, { n: 'many' }));
    await waitFor(() => b.up.all('reply').filter((m) => m.error && m.id >= 1000).length === 32, 'the refusals');
    assert.match(replyTo(1039).error.message, /too many requests wait for this client/);
    await b.checkWitness(client);
  });

  test('and then cancels is cancelled for the client, under the id it knows', async () => {
    const asked = await stream.event((e) => e.json?.params?.n === 'many');
    b.up.push({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 1000 } });
    const cancelled = await stream.event((e) => e.json?.method === 'notifications/cancelled');
    assert.equal(cancelled.json.params.requestId, asked.json.id);
  });

  test('in a session that is over then is not answered in the next', async () => {
    const asked = stream.events.filter((e) => e.json?.params?.n === 'many').at(-1);
    b.up.seen = [];
    b.up.sessions.clear();
    assert.equal(textOf(await client.call('up_write')), 'did write');
    await reply(asked.json.id, { action: 'accept' });
    assert.equal(textOf(await client.call('up_write')), 'did write');
    assert.equal(b.up.count('reply'), 0);
  });

  test('and takes no answer to costs no call', async () => {
    b.up.faults.reply = fault.status(500);
    b.up.seen = [];
    for (let i = 0; i < 5; i++) b.up.push({ jsonrpc: '2.0', id: i, method: 'ping' });
    await waitFor(() => b.gateway.mgw.count(/WARN \[upstream\] up: it answered HTTP 500/) === 5, 'the refused replies');
    assert.equal(textOf(await client.call('up_write')), 'did write');
  });

  test('in a flood while it takes no answers is bounded', async () => {
    const before = b.up.count('reply');
    b.up.faults.reply = fault.hang;
    for (let i = 0; i < 1000; i++) b.up.push({ jsonrpc: '2.0', id: i, method: 'ping' });
    await b.gateway.mgw.line(/WARN \[upstream\] up: it takes no messages, one more is dropped/);
    await b.checkWitness(client);
    const replies = b.up.count('reply') - before;
    assert.ok(replies > 0 && replies <= 256, `${replies} replies`);
    b.up.faults = {};
  });
});

// Where a call can be when its client cancels it, or leaves: how it gets there, and what the upstream has seen of it.
const states = {
  'while its session opens': {
    reach: async (b) => {
      b.up.sessions.clear();
      b.up.faults.initialize = fault.hang;
      return () => b.up.count('initialize') > 0;
    },
    method: 'tools/call', nSent: 1,
  },
  'when it has been sent': {
    reach: async (b) => {
      b.up.faults['tools/call'] = fault.hang;
      return () => b.up.count('tools/call') > 0;
    },
    method: 'tools/call', nSent: 1, isTold: true,
  },
  'while it is sent once more': {
    reach: async (b) => {
      let n = 0;
      b.up.faults['tools/call'] = (req) => n++ === 0 && req.socket.resetAndDestroy();
      return () => b.up.count('tools/call') > 1;
    },
    method: 'tools/call', nSent: 2, isTold: true,
  },
  'while lists are fetched': {
    reach: async (b) => {
      b.up.faults['tools/list'] = fault.hang;
      return () => b.up.count('tools/list') > 0;
    },
    method: 'tools/list', nSent: 1, isTold: true,
  },
};

describe('a client', { timeout: 120000 }, () => {
  const b = bench({}, { CATALOG_AGE_S: 0.001 });
  let witness;
  before(async () => { witness = await b.open(); });
  afterEach(async () => {
    await b.heal(witness);
    await b.checkWitness(witness);
  });
  const begin = async (state) => {
    const client = await b.open();
    const isThere = await state.reach(b);
    const call = client.request(state.method, state.method === 'tools/list' ? {} : { name: 'up_read', arguments: {} });
    const id = client.lastId;
    await waitFor(isThere, 'the call to be there');
    return { client, call, id };
  };

  for (const [name, state] of Object.entries(states)) {
    test(`cancels ${name}`, async () => {
      const { client, call, id } = await begin(state);
      call.catch(() => {}); // a cancelled call gets no answer
      await client.notify('notifications/cancelled', { requestId: id });
      const asked = b.up.all(state.method);
      assert.equal(asked.length, state.nSent);
      if (state.isTold) {
        await waitFor(() => b.up.count('notifications/cancelled') > 0, 'the cancel');
        assert.equal(b.up.all('notifications/cancelled')[0].params.requestId, asked[0].id);
      }
      b.up.faults = {};
      await b.heal(client);
      await client.end();
    });

    test(`leaves ${name}`, async () => {
      const { client, call } = await begin(state);
      await client.end();
      assert.match((await call).error.message, /the session has ended/);
    });
  }

  test('leaves while its upstream sessions open', async () => {
    b.up.faults.initialize = fault.hang;
    b.up.seen = [];
    const stream = await openStream(`${b.gateway.url}/mcp`, { method: 'POST', headers: JSON_HEADERS, body: rpc(1, 'initialize', initializeParams()) });
    const id = stream.response.headers.get('mcp-session-id');
    await waitFor(() => b.up.count('initialize') > 0, 'the opening');
    const left = await fetch(`${b.gateway.url}/mcp`, { method: 'DELETE', headers: { ...JSON_HEADERS, 'mcp-session-id': id } });
    assert.equal(left.status, 204);
    await stream.ended();
    assert.match(stream.events.find((e) => e.json).json.error.message, /the session has ended/);
    await b.checkWitness(witness);
    assert.equal(b.up.count('notifications/cancelled'), 0, 'initialize may not be cancelled');
  });

  test('goes away without a word in every state, many times', async () => {
    b.up.faults['tools/call'] = fault.hang;
    for (let i = 0; i < 20; i++) {
      const client = await Client.open(b.gateway);
      const abort = new AbortController();
      const call = client.request('tools/call', { name: 'up_write', arguments: {} }, { signal: abort.signal }).catch(() => {});
      const list = client.request('tools/list', {}, { signal: abort.signal }).catch(() => {});
      await sleep(i * 3);
      abort.abort();
      await Promise.all([call, list, client.end()]);
    }
  });
});

const node = path.join(top, 'tests/e2e/node_modules/.bin/node');
const childProgram = path.join(top, 'tests/e2e/lib/fault_child.mjs');

describe('a child process that', { timeout: 120000 }, () => {
  let gateway, witness, client, dir;
  const entry = (name, ...args) => ({ command: node, args: [childProgram, path.join(dir, name), ...args], start_timeout_s: 2 });
  const journal = (name = 'up') => (fs.existsSync(path.join(dir, name)) ? fs.readFileSync(path.join(dir, name), 'utf8').trim().split('\n') : []);
  const count = (line, name) => journal(name).filter((l) => l === line).length;
  const checkWitness = async () => {
    const started = Date.now();
    assert.equal(textOf(await client.call('witness_write')), 'did write');
    assert.ok(Date.now() - started < 2000, `the witness took ${Date.now() - started} ms`);
  };
  before(async () => {
    witness = await FaultServer.start();
    dir = fs.mkdtempSync(path.join(process.env.TMPDIR ?? '/tmp', 'mgw-faults-'));
    gateway = await startGateway({
      settings: { ...settings, UPSTREAM_OPEN_TIMEOUT_S: 5 },
      config: { mcpServers: { up: entry('up'), witness: { url: witness.url } } },
    });
    client = await Client.open(gateway);
    await client.names();
  });
  after(async () => {
    await gateway.stop();
    await witness.stop();
    fs.rmSync(dir, { recursive: true, force: true });
  });
  afterEach(async () => {
    await waitFor(async () => textOf(await client.call('up_hello')) === 'hello from a child', 'the child to work again');
    await checkWitness();
  });

  const faults = {
    exit: /^upstream up: exited with code 3/, kill: /^upstream up: was killed by SIGKILL/, half: /^upstream up: exited with code 0/,
    close_output: /^upstream up: (closed its standard input or output|was killed|exited)/,
  };
  for (const [tool, cause] of Object.entries(faults)) {
    test(`does this in mid-call costs that call one error: ${tool}`, async () => {
      const started = Date.now();
      const [{ error }] = await Promise.all([client.call(`up_${tool}`), checkWitness()]);
      assert.match(error.message, cause);
      assert.ok(Date.now() - started < IN_TIME_MS + 5000, `it took ${Date.now() - started} ms`);
      assert.equal(count(`call ${tool}`), 1);
    });
  }

  test('exits in a call that does no harm is asked once more', async () => {
    assert.match((await client.call('up_exit_read')).error.message, /^upstream up: exited with code 3/);
    assert.equal(count('call exit_read'), 2);
  });

  for (const [tool, pattern] of [['flood_out', /message skipped/], ['flood_err', /stderr: complaint/]]) {
    test(`floods us (${tool}) drowns neither the others nor the log`, async () => {
      const from = gateway.mgw.lines.length;
      const call = client.call(`up_${tool}`);
      let isOver = false;
      call.then(() => { isOver = true; });
      while (!isOver) await checkWitness();
      assert.equal(textOf(await call), 'flooded');
      await gateway.mgw.line(/WARN \[log\] upstream up: \d+ lines were left out/, { from });
      const n = gateway.mgw.count(pattern, from);
      assert.ok(n < 1000, `${n} lines`);
    });
  }

  test('does not read its input costs an error when its queue is full', async () => {
    const other = await Client.open(gateway);
    const body = 'x'.repeat(2 << 20);
    const deaf = other.call('up_deaf');
    await waitFor(() => count('call deaf') > 0, 'the call');
    const calls = Array.from({ length: 6 }, () => other.call('up_hello', { body }));
    assert.match((await Promise.race(calls)).error.message, /^upstream up: does not read its input/);
    await checkWitness();
    await other.end();
    const answers = await Promise.all([deaf, ...calls]);
    assert.ok(answers.every((a) => /does not read its input|the session has ended/.test(a.error.message)), JSON.stringify(answers));
  });

  test('is started again has its subscriptions again', async () => {
    await client.request('resources/list', {});
    assert.deepEqual((await client.request('resources/subscribe', { uri: 'child://a' })).result, {});
    await client.call('up_exit');
    await waitFor(async () => textOf(await client.call('up_hello')) === 'hello from a child', 'the child to work again');
    await waitFor(() => count('subscribe child://a') === 2, 'the subscription');
  });

  test('runs is not touched by those that cannot be started', async () => {
    const other = await startGateway({ settings: { ...settings, CHILDREN_MAX: 1 }, config: { mcpServers: { up: entry('only') } } });
    const first = await Client.open(other);
    await first.names();
    for (let i = 0; i < 4; i++) {
      const next = await Client.open(other);
      const answer = await next.call('up_hello'); // the idle one of the same user makes room as soon as it has ended
      assert.match(answer.error?.message ?? textOf(answer), /^upstream up: .*1 children run already \(children_max\)|^hello from a child$/);
    }
    await waitFor(async () => textOf(await first.call('up_hello')) === 'hello from a child', 'its child to be there again');
    await other.stop();
  });

  test('does not come up costs its entries only', async () => {
    const other = await startGateway({
      settings,
      config: {
        mcpServers: {
          hangs: entry('hangs', 'hang'), leaves: entry('leaves', 'exit after hello'), mute: entry('mute', 'close output'),
          shell: { command: 'sh', args: ['-c', 'printf \'{"jsonrpc":"2.0","id":1,"resu\''], start_timeout_s: 2 }, witness: { url: witness.url },
        },
      },
    });
    const started = Date.now();
    const fresh = await Client.open(other);
    assert.ok(Date.now() - started < 10000, `opened after ${Date.now() - started} ms`);
    assert.ok((await fresh.names()).includes('witness_read'));
    for (const name of ['hangs', 'leaves', 'mute', 'shell']) {
      assert.match((await fresh.call(`${name}_hello`)).error.message, new RegExp(`^upstream ${name}: .`));
    }
    assert.equal(textOf(await fresh.call('witness_write')), 'did write');
    const n = count('start', 'leaves');
    await sleep(1000);
    assert.ok(count('start', 'leaves') - n < 8, `started ${count('start', 'leaves') - n} times in a second`);
    await other.stop();
  });
});
