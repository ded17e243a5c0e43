// What MCP 2026-07-28 asks for and no other test shows: see docs/conformance.md. Clients of that revision, written by hand,
// before a server of it that says whatever a test wants.

import { after, before, beforeEach, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { ListRootsResultSchema } from '@modelcontextprotocol/sdk/types.js';
import { answerTo, beginSse, event, sendJson, StatelessFaultServer } from '../lib/fault_server.mjs';
import { startGateway, waitFor } from '../lib/gateway.mjs';
import { ask } from '../lib/raw.mjs';
import { headersOf, listen, logLevel, messageOf, post } from '../lib/stateless.mjs';
import { UpstreamServer } from '../lib/upstream_server.mjs';

const call = (name, options = {}, more = {}) => messageOf('tools/call', { name, arguments: {}, ...more }, options);
const form = { method: 'elicitation/create', params: { message: 'who?', requestedSchema: { type: 'object', properties: {} } } };
const roots = { method: 'roots/list' };
const canAll = { elicitation: {}, roots: {} };

describe('a client of 2026-07-28 before a server of 2026-07-28', { timeout: 60000 }, () => {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'mgw-conformance-'));
  const bearer = (name) => ({ authorization: `Bearer mgw_${name}` });
  let up, gateway;
  before(async () => {
    const users = ['ada', 'bob'].map((name) => ({ email: `${name}@example.com`, sha256: createHash('sha256').update(`mgw_${name}`).digest('hex') }));
    fs.writeFileSync(path.join(dir, 'tokens.json'), JSON.stringify({ users }), { mode: 0o600 });
    up = await StatelessFaultServer.start();
    gateway = await startGateway({
      config: { mcpServers: { up: { url: up.url } } },
      settings: { AUTH_TOKENS_FILE: path.join(dir, 'tokens.json'), KEEPALIVE_S: 0.3, ANSWER_GRACE_MS: 100 },
    });
    const capabilities = { tools: { listChanged: true }, resources: {}, completions: {} };
    answering(() => ({ resultType: 'complete', supportedVersions: ['2026-07-28'], capabilities }), 'server/discover');
    await send(messageOf('tools/list'));
  });
  after(async () => {
    await gateway.stop();
    await up.stop();
    fs.rmSync(dir, { recursive: true });
  });
  beforeEach(() => {
    up.faults = {};
    up.seen = [];
  });
  const send = (message, headers = {}) => post(gateway.url, message, { ...bearer('ada'), ...headers });
  const open = (message) => listen(gateway.url, message, { headers: { ...headersOf(message), ...bearer('ada') } });
  const answering = (make, method = 'tools/call') => {
    up.faults[method] = (req, res, msg) => sendJson(res, answerTo(msg, make(msg)));
  };
  const refusing = (error, status = 200, method = 'tools/call') => {
    up.faults[method] = (req, res, msg) => sendJson(res, { jsonrpc: '2.0', id: msg.id, error }, status);
  };
  const needs = (result) => ({ resultType: 'input_required', ...result });

  test('is told by server/discover what there is', async () => {
    const { capabilities } = (await send(messageOf('server/discover'))).json.result;
    assert.deepEqual(Object.keys(capabilities).sort(), ['completions', 'logging', 'resources', 'tools']);
    assert.equal(capabilities.tools.listChanged, true);
  });

  test('from another machine finds nothing, unless it is told where', async () => {
    // Linux has all of 127.0.0.0/8: an address that is not bound.
    for (const port of [gateway.httpPort, gateway.tlsPort, gateway.statsPort]) {
      await assert.rejects(ask(`http://127.0.0.2:${port}`, '/health'), { code: 'ECONNREFUSED' });
    }
  });

  test('is not known by a token in the URL', async () => {
    const message = messageOf('tools/list');
    const { status } = await ask(gateway.url, '/mcp?access_token=mgw_ada', { method: 'POST', headers: headersOf(message), body: JSON.stringify(message) });
    assert.equal(status, 401);
  });

  test('gets its id back as it was', async () => {
    for (const id of ['1', 1, '', 'ü', 9007199254740991]) assert.equal((await send(messageOf('tools/list', {}, { id }))).json.id, id);
  });

  test('may write the names of headers as it likes', async () => {
    const message = call('up_read');
    const headers = Object.fromEntries(Object.entries({ ...headersOf(message), ...bearer('ada') })
      .map(([name, value]) => [name.replace(/[a-z]/g, (c, i) => (i % 2 ? c : c.toUpperCase())), value]));
    const { status, body } = await ask(gateway.url, '/mcp', { method: 'POST', headers, body: JSON.stringify(message) });
    assert.equal(status, 200, body);
  });

  test('may send a header Mcp-Param-* that no tool has asked for', async () => {
    assert.equal((await send(call('up_read'), { 'mcp-param-region': 'somewhere' })).status, 200);
  });

  test('from a page of another origin is refused: 403', async () => {
    const message = call('up_read');
    const headers = { ...headersOf(message), ...bearer('ada'), origin: 'https://evil.example' };
    assert.equal((await ask(gateway.url, '/mcp', { method: 'POST', headers, body: JSON.stringify(message) })).status, 403);
    assert.equal(up.count('tools/call'), 0);
  });

  test('gets the same list every time, whoever it says it is', async () => {
    const lists = [];
    for (const [name, capabilities] of [['raw', {}], ['other', canAll], ['raw', {}]]) {
      const meta = { 'io.modelcontextprotocol/clientInfo': { name, version: '2' } };
      lists.push((await send(messageOf('tools/list', {}, { capabilities, meta }))).json.result.tools);
    }
    assert.deepEqual(lists[1], lists[0]);
    assert.deepEqual(lists[2], lists[0]);
    assert.ok(lists[0].length > 3);
  });

  test('is refused a cursor that was not given out', async () => {
    for (const method of ['tools/list', 'resources/list', 'resources/templates/list', 'prompts/list']) {
      assert.equal((await send(messageOf(method, { cursor: 'made up' }))).json.error.code, -32602, method);
    }
  });

  test('is told of a resource, a prompt or a tool that is not there with -32602', async () => {
    refusing({ code: -32002, message: 'not found' }, 200, 'resources/read');
    for (const message of [
      messageOf('resources/read', { uri: 'fault://gone' }), messageOf('prompts/get', { name: 'nothing' }), call('nothing'),
    ]) {
      assert.equal((await send(message)).json.error.code, -32602);
    }
  });

  test('may keep a list no longer than its server lets it be kept', async () => {
    for (const [ttlMs, least, most] of [[60000, 50000, 60000], [0, 0, 0]]) {
      up.ttlMs = ttlMs;
      await waitFor(async () => {
        const { json: { result } } = await send(messageOf('tools/list'));
        return result.ttlMs >= least && result.ttlMs <= most;
      }, `a ttlMs of ${least} to ${most}`, 2000);
      up.tell('notifications/tools/list_changed', {}); // the next is fetched anew
    }
  });

  test('gets streams that tell proxies not to buffer them', async () => {
    up.faults['tools/call'] = (req, res, msg) => setTimeout(() => sendJson(res, answerTo(msg, { resultType: 'complete', content: [] })), 300);
    for (const message of [call('up_read'), messageOf('subscriptions/listen', { notifications: { toolsListChanged: true } })]) {
      const { response: { headers }, close } = await open(message);
      assert.deepEqual([headers.get('content-type'), headers.get('x-accel-buffering')], ['text/event-stream', 'no']);
      close();
    }
  });

  test('gets its own answer, though all give the same id and the same progress token', async () => {
    const progress = (token, value) => event({ jsonrpc: '2.0', method: 'notifications/progress', params: { progressToken: token, progress: value } });
    const waiting = [];
    up.faults['tools/call'] = (req, res, msg) => {
      beginSse(res).write(progress(msg.params._meta.progressToken, msg.params.arguments.n));
      waiting.push({ res, msg });
    };
    const streams = await Promise.all([1, 2, 3, 4].map((n) => open(call('up_read', { meta: { progressToken: 'mine' } }, { arguments: { n } }))));
    await waitFor(() => waiting.length === 4, 'all calls to arrive');
    assert.equal(new Set(waiting.map(({ msg }) => msg.id)).size, 4);
    assert.equal(new Set(waiting.map(({ msg }) => msg.params._meta.progressToken)).size, 4);
    for (const { res, msg } of waiting.reverse()) {
      const { n } = msg.params.arguments;
      const late = progress(msg.params._meta.progressToken, n + 1);
      res.end(event(answerTo(msg, { resultType: 'complete', content: [{ type: 'text', text: `${n}` }] })) + late);
    }
    for (const [i, stream] of streams.entries()) {
      await stream.ended();
      const told = stream.events.filter((e) => e.json.method).map((e) => e.json.params);
      assert.ok(told.length > 0 && told.every(({ progressToken, progress: value }) => progressToken === 'mine' && Math.round(value) === i + 1), JSON.stringify(told));
      assert.deepEqual([stream.events.at(-1).json.id, stream.events.at(-1).json.result.content[0].text], [1, `${i + 1}`], 'the answer is the last event');
    }
  });

  test('is logged to in the stream of a request that wants it, at its level, and nowhere else', async () => {
    const listener = await open(messageOf('subscriptions/listen', { notifications: { toolsListChanged: true } }, { id: 'l' }));
    await listener.event((e) => e.json?.method === 'notifications/subscriptions/acknowledged');
    up.faults['tools/call'] = (req, res, msg) => {
      beginSse(res);
      for (const level of ['info', 'warning', 'error']) res.write(event({ jsonrpc: '2.0', method: 'notifications/message', params: { level, data: level } }));
      res.end(event(answerTo(msg, { resultType: 'complete', content: [] })));
    };
    const logged = async (meta) => (await send(call('up_read', { meta }))).events.filter((e) => e.method).map((e) => e.params.level);
    assert.deepEqual(await logged({ [logLevel]: 'warning' }), ['warning', 'error']);
    assert.deepEqual(await logged({}), []);
    assert.equal(up.all('tools/call').at(-1).params._meta[logLevel], undefined);
    up.tell('notifications/tools/list_changed', {});
    await listener.event((e) => e.json?.method === 'notifications/tools/list_changed');
    assert.equal(listener.events.length, 2);
    listener.close();
  });

  test('is not asked by a request of the server, and the server gets no response', async () => {
    up.faults['tools/call'] = (req, res, msg) => {
      beginSse(res).write(event({ jsonrpc: '2.0', id: 7, ...roots }));
      res.end(event(answerTo(msg, { resultType: 'complete', content: [] })));
    };
    const { events, json } = await send(call('up_read', { capabilities: canAll }));
    assert.equal(json.result.resultType, 'complete');
    assert.deepEqual(events.filter((e) => e.method), []);
    await send(messageOf('tools/list')); // behind a response, were there one
    assert.equal(up.count('reply'), 0);
  });

  describe('is told of an error', () => {
    test('of a capability that it lacks: 400, with what is needed', async () => {
      const data = { requiredCapabilities: { elicitation: { form: {} } } };
      refusing({ code: -32021, message: 'you cannot be asked', data }, 400);
      const { status, json } = await send(call('up_write'));
      assert.deepEqual([status, json.error.code, json.error.data], [400, -32021, data]);
    });

    for (const [code, told] of [[-32002, -32602], [-32042, -32603], [-32050, -32603], [-32099, -32603], [-32000, -32000], [1234, 1234]]) {
      test(`${code} as ${told}`, async () => {
        refusing({ code, message: 'it says so' });
        const { json } = await send(call('up_write'));
        assert.equal(json.error.code, told);
      });
    }
  });

  describe('that the server asks for input', () => {
    test('gets the state sealed, and the server gets it back as it was, in a request of its own', async () => {
      const requestState = '{"π": [1, 2.0]}';
      up.faults['tools/call'] = (req, res, msg) => sendJson(res, answerTo(msg, msg.params.requestState === undefined
        ? needs({ inputRequests: { who: form }, requestState }) : { resultType: 'complete', content: [] }));
      const { json: { result } } = await send(call('up_write', { capabilities: canAll }));
      assert.deepEqual(result.inputRequests, { who: form });
      assert.ok(!result.requestState.includes('π') && result.requestState !== requestState);
      const inputResponses = { who: { action: 'accept', content: {} } };
      const retry = call('up_write', { id: 2, capabilities: canAll }, { inputResponses, requestState: result.requestState });
      assert.deepEqual((await send(retry, bearer('bob'))).json.error.code, -32602, 'the state of another user');
      assert.equal((await send(retry)).json.result.resultType, 'complete');
      const [first, second] = up.all('tools/call');
      assert.deepEqual([second.params.inputResponses, second.params.requestState], [inputResponses, requestState]);
      assert.notEqual(first.id, second.id);
    });

    test('without a state: the retry has none', async () => {
      up.faults['tools/call'] = (req, res, msg) => sendJson(res, answerTo(msg, msg.params.inputResponses === undefined
        ? needs({ inputRequests: { who: form } }) : { resultType: 'complete', content: [] }));
      const { json: { result } } = await send(call('up_write', { capabilities: canAll }));
      assert.equal('requestState' in result, false);
      const inputResponses = { who: { action: 'decline' } };
      assert.equal((await send(call('up_write', { id: 2, capabilities: canAll }, { inputResponses }))).json.result.resultType, 'complete');
      assert.equal('requestState' in up.all('tools/call')[1].params, false);
    });

    // A server that breaks the rules: no client of ours is told so in our name.
    const bad = {
      'and does not say for which': {},
      'with a state that is no string': { inputRequests: { a: roots }, requestState: 7 },
      'of a kind that there is not': { inputRequests: { a: { method: 'tools/list' } } },
    };
    for (const [how, result] of Object.entries(bad)) {
      test(`${how} is not asked: the call ends in an error`, async () => {
        answering(() => needs(result));
        const { json } = await send(call('up_write', { capabilities: canAll }));
        assert.equal(json.result, undefined, JSON.stringify(json.result));
        assert.equal(json.error.code, -32603);
        assert.match(json.error.message, /input/);
      });
    }

    test('is refused input and a state that are none', async () => {
      for (const more of [{ inputResponses: 'all' }, { inputResponses: [] }, { inputResponses: { who: 'me' } }, { requestState: 7 }]) {
        const { status, json } = await send(call('up_write', { capabilities: canAll }, more));
        assert.deepEqual([status, json.error?.code], [400, -32602], JSON.stringify(more));
      }
      assert.equal(up.count('tools/call'), 0);
    });

    test('that it cannot give is not asked: it is told what it lacks', async () => {
      answering(() => needs({ inputRequests: { a: roots, b: form } }));
      const { status, json } = await send(call('up_write', { capabilities: { roots: {} } }));
      assert.deepEqual([status, json.error.code, json.error.data], [400, -32021, { requiredCapabilities: { elicitation: { form: {} } } }]);
    });

    test('where that may not be is not asked: the request ends in an error', async () => {
      answering(() => needs({ inputRequests: { a: roots } }), 'completion/complete');
      answering(() => needs({ inputRequests: { a: roots } }), 'resources/read');
      const ref = { type: 'ref/resource', uri: 'fault://a' };
      const { json } = await send(messageOf('completion/complete', { ref, argument: { name: 'a', value: '' } }, { capabilities: canAll }));
      assert.equal(json.error.code, -32603, JSON.stringify(json));
      const read = await send(messageOf('resources/read', { uri: 'fault://a' }, { capabilities: canAll }));
      assert.equal(read.json.result.resultType, 'input_required', 'here it may be');
    });
  });
});

test('what an older server asks without a call is asked of nobody', { timeout: 60000 }, async () => {
  const up = await UpstreamServer.start();
  const gateway = await startGateway({ config: { mcpServers: { up: { url: up.url } } } });
  const stream = await listen(gateway.url, messageOf('subscriptions/listen', { notifications: { toolsListChanged: true } }, { capabilities: canAll }));
  await stream.event((e) => e.json?.method === 'notifications/subscriptions/acknowledged');
  await waitFor(() => up.count('GET') > 0, 'the stream that it asks on');
  await assert.rejects(up.session.server.request(roots, ListRootsResultSchema), /no stream open to be asked on/);
  await up.session.server.sendToolListChanged();
  await stream.event((e) => e.json?.method === 'notifications/tools/list_changed');
  assert.equal(stream.events.length, 2);
  stream.close();
  await gateway.stop();
  await up.stop();
});

test('what a child of 2026-07-28 is listened to for outlives the child', { timeout: 60000 }, async () => {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'mgw-conformance-'));
  const child = path.join(import.meta.dirname, '../lib/matrix/child.mjs');
  const gateway = await startGateway({
    config: { mcpServers: { s: { command: process.execPath, args: [child, 's', '2026-07-28', dir] } } }, settings: { UPSTREAM_RETRY_S: 0.05 },
  });
  const uri = 's://watched/ada';
  const stream = await listen(gateway.url, messageOf('subscriptions/listen', { notifications: { resourceSubscriptions: [uri] } }, { id: 'l' }));
  const updates = () => stream.events.filter((e) => e.json?.method === 'notifications/resources/updated').length;
  const isTold = async () => {
    const before = updates();
    await waitFor(async () => {
      await post(gateway.url, call('s_touch', {}, { arguments: { who: 'ada' } }));
      return updates() > before;
    }, 'an update');
  };
  await isTold();
  const pids = () => gateway.mgw.lines.map((line) => /s: process (\d+) started/.exec(line)?.[1]).filter(Boolean);
  process.kill(Number(pids()[0]), 'SIGKILL');
  await isTold();
  assert.equal(pids().length, 2);
  stream.close();
  await gateway.stop();
  fs.rmSync(dir, { recursive: true });
});
