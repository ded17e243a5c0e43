// Upstreams of MCP 2026-07-28, made with the official SDK, over HTTP and stdio, behind clients that keep sessions.

import { after, before, beforeEach, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import {
  CreateMessageRequestSchema, ElicitRequestSchema, ResourceUpdatedNotificationSchema, ToolListChangedNotificationSchema,
} from '@modelcontextprotocol/sdk/types.js';
import { connectClient } from '../lib/clients.mjs';
import { FaultServer, StatelessFaultServer, answerTo, event, fault, sendJson, tools } from '../lib/fault_server.mjs';
import { startGateway, top, waitFor } from '../lib/gateway.mjs';
import { initializeParams, openSession, rpc } from '../lib/stream.mjs';
import { messageOf, post } from '../lib/stateless.mjs';
import { Client1 } from '../lib/matrix/clients.mjs';
import { startServer2 } from '../lib/matrix/server2.mjs';

const node = path.join(top, 'tests/e2e/node_modules/.bin/node');
const child = path.join(top, 'tests/e2e/lib/matrix/child.mjs');
const faultChild = path.join(top, 'tests/e2e/lib/fault_child.mjs');
const settings = { UPSTREAM_RETRY_S: 0.05, UPSTREAM_OPEN_TIMEOUT_S: 4, ANSWER_GRACE_MS: 100 };
const textOf = (result) => result.content[0].text;
const isError = (pattern) => (error) => pattern.test(error.message) || assert.fail(error.message);

describe('an upstream without sessions', { timeout: 120000 }, () => {
  let gateway, http;
  const clients = [];
  const connect = async (kind) => {
    const url = new URL(kind === 'sse' ? '/sse' : '/mcp', gateway.url);
    const client = await Client1.connect(url, kind === 'sse' ? '2024-11-05' : '2025-11-25', `client ${clients.length}`);
    clients.push(client);
    return client;
  };

  before(async () => {
    http = await startServer2('h');
    const directory = fs.mkdtempSync('/tmp/mgw-stateless-');
    gateway = await startGateway({
      settings,
      config: { mcpServers: { h: { url: `http://127.0.0.1:${http.port}/mcp` }, s: { command: node, args: [child, 's', '2026-07-28', directory] } } },
    });
  });
  after(async () => {
    for (const client of clients) await client.close();
    await gateway.stop();
    await http.stop();
  });

  for (const kind of ['http', 'sse']) {
    for (const up of ['h', 's']) {
      describe(`${up === 'h' ? 'over HTTP' : 'over stdio'}, with a client over ${kind}`, () => {
        let client;
        before(async () => {
          client = await connect(kind);
        });

        test('lists and calls', async () => {
          const lists = await client.list();
          assert.ok(lists.tools.some(({ name }) => name === `${up}_say`));
          assert.ok(lists.resources.some(({ uri }) => uri === `${up}://hello`));
          const result = await client.call(`${up}_say`, { text: 'grüße' });
          assert.equal(textOf(result), `${up}: grüße`);
          assert.equal(result.resultType, undefined);
          assert.equal(result._meta, undefined);
        });

        test('prompts, completes, reads', async () => {
          assert.match((await client.prompt(`${up}_greet`, { who: 'Ada' })).messages[0].content.text, /Greet Ada/);
          const { completion } = await client.complete({ type: 'ref/prompt', name: `${up}_greet` }, { name: 'who', value: 'A' });
          assert.deepEqual(completion.values, ['Ada', 'Alan']);
          const read = await client.read(`${up}://hello`);
          assert.equal(read.contents[0].text, `this is ${up}://hello`);
          assert.equal(read.ttlMs, undefined);
          await assert.rejects(client.read(`${up}://nothing`), (error) => error.code === -32002);
          await assert.rejects(client.call(`${up}_nope`), isError(/unknown tool/));
          assert.equal((await client.call(`${up}_fail`, {})).isError, true);
        });

        test('tells progress', async () => {
          const seen = [];
          const counted = client.call(`${up}_count`, { key: `${kind}${up}` }, { onprogress: ({ progress }) => seen.push(progress) });
          await waitFor(() => seen.length === 3, 'progress');
          await client.call(`${up}_heard`, { key: `${kind}${up}` });
          assert.equal(textOf(await counted), 'counted');
          assert.deepEqual(seen, [1, 2, 3]);
        });

        test('logs at the level of the session', async () => {
          await client.call(`${up}_log`, { text: 'before' });
          await client.callLogging('warning', `${up}_log`, { text: 'after' });
          await client.logged('after');
          assert.deepEqual(client.logs.map(({ data }) => data), ['after']);
        });

        test('asks the client for input, in rounds', async () => {
          const { name } = client;
          if (kind === 'http') assert.equal(textOf(await client.call(`${up}_elicit`, {})), `accept: ${name}`);
          assert.equal(textOf(await client.call(`${up}_sample`, {})), `sampled: a word of ${name}`);
          assert.equal(textOf(await client.call(`${up}_roots`, {})), `roots: file:///home/${name}`);
          assert.equal(textOf(await client.call(`${up}_interview`, {})), `a word of ${name}, file:///home/${name}, a word of ${name}`);
        });

        test('tells of changes of resources, while they are subscribed to', async () => {
          const [one, other] = ['one', 'other'].map((who) => `${who}-${client.name.at(-1)}`);
          const uris = [one, other].map((who) => `${up}://watched/${who}`);
          await Promise.all(uris.map((uri) => client.sdk.subscribeResource({ uri })));
          await client.call(`${up}_touch`, { who: one });
          await client.updated(uris[0]);
          await client.sdk.unsubscribeResource({ uri: uris[0] });
          await client.call(`${up}_touch`, { who: other });
          await client.updated(uris[1]);
        });

        test('is told of a cancel', async () => {
          const abort = new AbortController();
          const key = `${kind} ${up}`;
          const hung = client.call(`${up}_hang`, { key }, { signal: abort.signal, onprogress: () => abort.abort('enough') });
          await assert.rejects(hung);
          assert.equal(textOf(await client.call(`${up}_cancelled`, { key })), 'cancelled');
        });
      });
    }
  }
});

/** A gateway before one server that misbehaves, and clients of it. */
async function bench({ up, entry = {}, more = {} }) {
  const gateway = await startGateway({ settings: { ...settings, ...more }, config: { mcpServers: { up: { ...(up && { url: up.url }), ...entry } } } });
  const clients = [];
  return {
    gateway,
    connect: async (capabilities = { sampling: {}, elicitation: {}, roots: {} }) => {
      const client = await connectClient(gateway.url, 'http', { capabilities });
      clients.push(client);
      return client;
    },
    stop: async () => {
      for (const client of clients) await client.close();
      await gateway.stop();
      await up?.stop();
    },
  };
}

const read = async (client) => textOf(await client.callTool({ name: 'up_read', arguments: {} }));
/** By a client without sessions: a server is asked in its era first. */
const readStateless = async ({ gateway }, tool = 'up_read') => {
  const { json } = await post(gateway.url, messageOf('tools/call', { name: tool, arguments: {} }));
  if (json.error) throw new Error(json.error.message);
  return textOf(json.result);
};
const error = (code, message, data) => (msg) => ({ jsonrpc: '2.0', id: msg?.id ?? null, error: { code, message, data } });
const json = (make, status) => (req, res, msg) => sendJson(res, make(msg), status);

describe('a server with sessions that answers server/discover with', { timeout: 120000 }, () => {
  const answers = {
    'nothing but 404': fault.status(404),
    'a page': (req, res) => res.writeHead(200, { 'content-type': 'text/html' }).end('<h1>Welcome</h1>'),
    'HTTP 500': fault.status(500),
    'silence': fault.hang,
    'a reset': (req) => req.socket.resetAndDestroy(),
    'an empty stream': fault.sse(() => [': hello\n\n']),
    'an unknown method': json(error(-32601, 'Method not found')),
    'a session that is missing': json(() => error(-32000, 'Bad Request: Server not initialized')(), 400),
    'the versions that it speaks': json(error(-32022, 'Unsupported', { supported: ['2025-11-25', '2025-06-18'], requested: '2026-07-28' }), 400),
    'a result that is none': json((msg) => answerTo(msg, {})),
    'versions that all have sessions': json((msg) => answerTo(msg, { supportedVersions: ['2025-06-18'], capabilities: {} })),
  };
  for (const [name, answer] of Object.entries(answers)) {
    test(name, async () => {
      const up = await FaultServer.start();
      up.faults['server/discover'] = answer;
      const b = await bench({ up });
      assert.equal(await readStateless(b), 'did read');
      assert.equal(await readStateless(b), 'did read');
      assert.equal(await read(await b.connect()), 'did read');
      assert.equal(up.count('server/discover'), 1, 'what was found must be kept');
      await b.stop();
    });
  }

  test('versions that nobody speaks: it is missing, and its calls say why', async () => {
    const up = await FaultServer.start();
    up.faults['server/discover'] = json(error(-32022, 'Unsupported', { supported: ['2099-01-01'], requested: '2026-07-28' }), 400);
    const b = await bench({ up });
    await assert.rejects(readStateless(b), isError(/has refused server\/discover$/));
    assert.equal(up.count('initialize'), 0);
    await b.stop();
  });

  test('HTTP 401: it is not asked to initialize', async () => {
    const up = await FaultServer.start();
    up.faults['server/discover'] = fault.status(401);
    const b = await bench({ up });
    await assert.rejects(readStateless(b), isError(/HTTP 401/));
    assert.equal(up.count('initialize'), 0);
    await b.stop();
  });
});

describe('a child with a session that at server/discover', { timeout: 120000 }, () => {
  for (const [what, nStarts, nLines] of [['exit', 3, 1], ['deaf', 3, 2], ['silent', 2, 1]]) {
    test(`is ${what}`, async () => {
      const directory = fs.mkdtempSync('/tmp/mgw-stateless-');
      const journal = path.join(directory, 'journal');
      const b = await bench({ entry: { command: node, args: [faultChild, journal, `${what} at discover`], start_timeout_s: 4 } });
      const hello = async (client) => textOf(await client.callTool({ name: 'up_hello', arguments: {} }));
      assert.equal(await readStateless(b, 'up_hello'), 'hello from a child');
      assert.equal(await hello(await b.connect()), 'hello from a child');
      const starts = fs.readFileSync(journal, 'utf8').split('\n').filter((line) => line === 'start').length;
      assert.equal(starts, nStarts, 'what was found must be kept');
      const client = await b.connect();
      await assert.rejects(client.callTool({ name: 'up_exit', arguments: {} }), isError(/exited with code 3/));
      assert.equal(await hello(client), 'hello from a child');
      assert.equal(b.gateway.mgw.count(/server\/discover/), nLines, 'also when a child ends later');
      await b.stop();
      fs.rmSync(directory, { recursive: true });
    });
  }
});

describe('a server whose era changes', { timeout: 120000 }, () => {
  test('is found out again, both ways, and nobody notices', async () => {
    let up = await StatelessFaultServer.start();
    const b = await bench({ up: undefined, entry: { url: up.url } });
    const client = await b.connect();
    const become = async (Server) => {
      await up.stop();
      up = await Server.start(up.port);
    };
    assert.equal(await read(client), 'did read');
    await become(FaultServer);
    assert.equal(await read(client), 'did read');
    assert.equal(up.count('initialize'), 1);
    await become(StatelessFaultServer);
    up.faults.initialize = json(error(-32022, 'Unsupported', { supported: ['2026-07-28'], requested: '2025-11-25' }), 400);
    up.faults['tools/call'] = (req, res, msg) => {
      delete up.faults['tools/call'];
      json(error(-32022, 'Unsupported', { supported: ['2026-07-28'] }), 400)(req, res, msg);
    };
    assert.equal(await read(client), 'did read');
    assert.equal(up.count('server/discover'), 1);
    await b.stop();
    await up.stop();
  });
});

describe('a server without sessions', { timeout: 120000 }, () => {
  let up, b;
  before(async () => {
    up = await StatelessFaultServer.start();
    b = await bench({ up, more: { INPUT_WAIT_S: 2 } });
  });
  after(() => b.stop());
  beforeEach(() => {
    up.faults = {};
    up.seen = [];
    up.tools = tools;
    up.ttlMs = 0;
  });
  const answering = (...makes) => {
    up.faults['tools/call'] = (req, res, msg) => sendJson(res, answerTo(msg, (makes.length > 1 ? makes.shift() : makes[0])(msg)));
  };
  const needs = (result) => () => ({ resultType: 'input_required', ...result });
  const done = () => ({ resultType: 'complete', content: [{ type: 'text', text: 'done' }] });
  const sampling = { method: 'sampling/createMessage', params: { messages: [], maxTokens: 1 } };
  const call = (client) => client.callTool({ name: 'up_write', arguments: {} }).then(textOf);

  test('is told with each request who asks, and of no session', async () => {
    const client = await b.connect();
    await client.listTools();
    await read(client);
    await client.close();
    assert.equal(await read(await b.connect()), 'did read'); // what follows the end of a session has come by now
    for (const { method, id, params, headers } of up.seen.filter((m) => m.method !== 'initialize')) {
      assert.ok(id !== undefined, `${method} is no request`);
      const meta = params._meta;
      assert.equal(meta['io.modelcontextprotocol/protocolVersion'], '2026-07-28');
      assert.equal(meta['io.modelcontextprotocol/clientInfo'].name, 'mgw-e2e');
      assert.ok(meta['io.modelcontextprotocol/clientCapabilities'].sampling);
      assert.equal(headers['mcp-protocol-version'], '2026-07-28');
      assert.equal(headers['mcp-method'], method);
      assert.equal(headers['mcp-name'], params.name);
      assert.equal(headers['mcp-session-id'], undefined);
    }
    assert.deepEqual([...new Set(up.seen.map((m) => m.method))].sort(), ['initialize', 'server/discover', 'subscriptions/listen', 'tools/call', 'tools/list']);
  });

  const bad = {
    'asks for input without end': [needs({ requestState: 'again' }), /asks for input without end/, 33],
    'has a requestState that is no string': [needs({ requestState: { a: 1 } }), /a requestState that is no string/, 1],
    'does not say for which input it asks': [needs({}), /does not say for which/, 1],
    'has inputRequests that are no object': [needs({ inputRequests: [sampling] }), /inputRequests that are no object/, 1],
    'asks for what no client gives': [needs({ inputRequests: { a: { method: 'tools/list' } } }), /of a kind that there is not/, 1],
    'has a result of an unknown type': [() => ({ resultType: 'poem' }), /a resultType that is not known/, 1],
  };
  for (const [name, [make, pattern, nCalls]] of Object.entries(bad)) {
    test(`that ${name} is refused`, async () => {
      const client = await b.connect();
      answering(make);
      await assert.rejects(call(client), isError(pattern));
      assert.equal(up.count('tools/call'), nCalls);
    });
  }

  test('asks a client that cannot', async () => {
    const client = await b.connect({});
    answering(needs({ inputRequests: { a: sampling } }));
    await assert.rejects(call(client), isError(/has not said it can give/));
  });

  test('asks a client that takes no stream', async () => {
    const { headers } = await openSession(b.gateway.url, '2025-11-25', {}, (url, init) => fetch(url, {
      ...init, body: rpc(1, 'initialize', { ...initializeParams(), capabilities: { sampling: {} } }),
    }));
    answering(needs({ inputRequests: { a: sampling } }));
    const response = await fetch(`${b.gateway.url}/mcp`, {
      method: 'POST', headers: { ...headers, accept: 'application/json' }, body: rpc(2, 'tools/call', { name: 'up_write', arguments: {} }),
    });
    assert.match((await response.json()).error.message, /the client cannot be asked: it takes no stream/);
  });

  test('asks a client that refuses, and one that never answers', async () => {
    const client = await b.connect();
    client.setRequestHandler(CreateMessageRequestSchema, () => {
      throw new Error('not today');
    });
    answering(needs({ inputRequests: { a: sampling } }));
    await assert.rejects(call(client), isError(/sampling\/createMessage, which the server needs: not today/));
    client.setRequestHandler(CreateMessageRequestSchema, () => new Promise(() => {}));
    await assert.rejects(call(client), isError(/in time \(input_wait_s\)/));
    assert.equal(up.count('tools/call'), 2);
  });

  test('asks a client that declines, in three rounds, each with the answers and the state of its own', async () => {
    const client = await b.connect();
    const form = { method: 'elicitation/create', params: { message: 'who?', requestedSchema: { type: 'object', properties: {} } } };
    client.setRequestHandler(ElicitRequestSchema, () => ({ action: 'decline' }));
    answering(
      needs({ inputRequests: { a: form, b: form }, requestState: 'one' }), needs({ requestState: 'two' }), needs({ inputRequests: { c: form } }), done,
    );
    assert.equal(await call(client), 'done');
    const sent = up.all('tools/call');
    const decline = { action: 'decline' };
    assert.deepEqual(sent.map(({ params: { requestState, inputResponses } }) => ({ requestState, inputResponses })), [
      { requestState: undefined, inputResponses: undefined },
      { requestState: 'one', inputResponses: { a: decline, b: decline } },
      { requestState: 'two', inputResponses: undefined },
      { requestState: undefined, inputResponses: { c: decline } },
    ]);
    assert.equal(new Set(sent.map(({ id }) => id)).size, 4);
  });

  test('asks at length', async () => {
    const client = await b.connect();
    const content = { type: 'text', text: 'x'.repeat(1 << 20) };
    client.setRequestHandler(CreateMessageRequestSchema, ({ params }) => ({ role: 'assistant', model: 'm', content: params.messages[0].content }));
    answering(needs({ inputRequests: { a: { method: sampling.method, params: { messages: [{ role: 'user', content }], maxTokens: 1 } } } }), done);
    assert.equal(await call(client), 'done');
    assert.deepEqual(up.all('tools/call')[1].params.inputResponses.a.content, content);
  });

  test('hears nothing more of a call that is cancelled while its client is asked', async () => {
    const client = await b.connect();
    const abort = new AbortController();
    const send = client.transport.send.bind(client.transport);
    const cancelled = new Promise((resolve) => {
      client.transport.send = async (msg, options) => {
        await send(msg, options);
        if (msg.method === 'notifications/cancelled') resolve(); // the gateway has it: nothing overtakes it now
      };
    });
    const asked = new Promise((resolve) => {
      client.setRequestHandler(CreateMessageRequestSchema, async () => {
        resolve();
        await cancelled;
        return { role: 'assistant', model: 'm', content: { type: 'text', text: 'late' } };
      });
    });
    answering(needs({ inputRequests: { a: sampling } }));
    const called = client.callTool({ name: 'up_write', arguments: {} }, undefined, { signal: abort.signal });
    await asked;
    abort.abort('enough');
    await assert.rejects(called, isError(/enough/));
    up.faults = {};
    assert.equal(await read(client), 'did read'); // behind the late answer
    assert.equal(up.count('tools/call', 'write'), 1);
  });

  test('that dies while the client is asked is sent the answers when it is back', async () => {
    const client = await b.connect();
    client.setRequestHandler(CreateMessageRequestSchema, async () => {
      await up.restart();
      return { role: 'assistant', model: 'm', content: { type: 'text', text: 'word' } };
    });
    answering(needs({ inputRequests: { a: sampling } }), done);
    assert.equal(await call(client), 'done');
  });

  test('that wants other headers is asked for its tools, once', async () => {
    const client = await b.connect();
    const properties = { who: { type: 'string', 'x-mcp-header': 'Who' }, deep: { type: 'object', properties: { n: { type: 'integer', 'x-mcp-header': 'N' } } } };
    up.tools = [...tools, { name: 'who', inputSchema: { type: 'object', properties } }];
    up.faults['tools/call'] = (req, res, msg) => {
      if (req.headers['mcp-param-who'] === '=?base64?w4Q=?=' && req.headers['mcp-param-n'] === '7') return up.answer(req, res, msg);
      return json(error(-32020, 'Header mismatch'), 400)(req, res, msg);
    };
    assert.equal(textOf(await client.callTool({ name: 'up_who', arguments: { who: 'Ä', deep: { n: 7 } } })), 'did who');
    assert.deepEqual(up.seen.filter((m) => m.method !== 'server/discover' && m.method !== 'subscriptions/listen').map((m) => m.method).slice(-3), ['tools/call', 'tools/list', 'tools/call']);
    up.seen = [];
    await assert.rejects(client.callTool({ name: 'up_who', arguments: {} }), isError(/Header mismatch/));
    assert.equal(up.count('tools/call'), 2);
  });

  test('whose tools break the rules of headers loses these alone', async () => {
    up.tools = [...tools, { name: 'broken', inputSchema: { type: 'object', properties: { a: { type: 'number', 'x-mcp-header': 'A' } } } }];
    const names = (await (await b.connect()).listTools()).tools.map(({ name }) => name);
    assert.ok(names.includes('up_read') && !names.includes('up_broken'), `${names}`);
    await b.gateway.mgw.line(/the tool broken is left out: /);
  });

  test('says how long its lists may be kept', async () => {
    const client = await b.connect();
    for (const [ttlMs, nAsked] of [[0, 2], [60000, 0]]) {
      up.ttlMs = ttlMs;
      await client.listTools();
      up.seen = [];
      await client.listTools();
      await client.listTools();
      assert.equal(up.count('tools/list'), nAsked, `with ttlMs ${ttlMs}`);
    }
  });

  test('whose stream is cut is not asked for the rest', async () => {
    const client = await b.connect();
    up.faults['tools/call'] = fault.sse(() => ['id: 1\ndata: \n\n'], { isCut: true });
    await assert.rejects(call(client), isError(/reset|closed|transfer/i));
    assert.equal(up.count('GET'), 0);
    assert.equal(up.count('tools/call'), 1);
  });
});

describe('what a server without sessions tells of', { timeout: 120000 }, () => {
  let up, b, client, updates, changes;
  before(async () => {
    up = await StatelessFaultServer.start();
    b = await bench({ up });
    client = await b.connect();
    updates = [];
    changes = 0;
    client.setNotificationHandler(ResourceUpdatedNotificationSchema, ({ params }) => { updates.push(params); });
    client.setNotificationHandler(ToolListChangedNotificationSchema, () => { changes++; });
    await client.listResources();
  });
  after(() => b.stop());
  const filters = () => [...up.listens.values()].map(({ filter }) => filter);
  const isListening = (uris) => waitFor(() => up.listens.size === 1
    && JSON.stringify(filters()[0].resourceSubscriptions ?? []) === JSON.stringify(uris), `it to listen to ${uris}`);
  const hears = async (uri) => {
    up.tell('notifications/resources/updated', { uri });
    await waitFor(() => updates.some((update) => update.uri === uri), `an update of ${uri}`);
    assert.deepEqual(updates.at(-1), { uri }, 'the tag is for the gateway alone');
    updates.length = 0;
  };

  test('is listened to from the beginning, and follows the subscriptions', async () => {
    await isListening([]);
    assert.deepEqual(filters(), [{ toolsListChanged: true, resourcesListChanged: true }]);
    up.tell('notifications/tools/list_changed', {});
    await waitFor(() => changes === 1, 'the change');
    await client.subscribeResource({ uri: 'fault://a' });
    await client.subscribeResource({ uri: 'fault://b' });
    await isListening(['fault://a', 'fault://b']);
    await hears('fault://b');
    await client.unsubscribeResource({ uri: 'fault://b' });
    await isListening(['fault://a']);
    await hears('fault://a');
    assert.equal(up.count('resources/subscribe') + up.count('resources/unsubscribe'), 0);
  });

  test('is listened to by the new stream before the old one ends', async () => {
    let ended;
    const [[old]] = up.listens;
    up.faults['subscriptions/listen'] = (req, res, msg) => {
      ended = old.closed;
      setTimeout(() => {
        ended ||= old.closed;
        up.hold(res, msg);
      }, 100);
    };
    const subscribed = client.subscribeResource({ uri: 'fault://c' });
    await waitFor(() => ended !== undefined, 'the new stream');
    await hears('fault://a');
    await subscribed;
    assert.equal(ended, false);
    await isListening(['fault://a', 'fault://c']);
    up.faults = {};
    await client.unsubscribeResource({ uri: 'fault://c' });
    await isListening(['fault://a']);
  });

  test('is listened to again when the stream is cut, ends, or the server restarts', async () => {
    const cuts = [
      (res) => res.socket.resetAndDestroy(), (res) => res.end(),
      (res, id) => res.end(event({ jsonrpc: '2.0', id, result: { resultType: 'complete', _meta: { 'io.modelcontextprotocol/subscriptionId': id } } })),
      () => up.restart(),
    ];
    for (const cut of cuts) {
      const [[res, { id }]] = up.listens;
      const before = changes;
      await cut(res, id);
      await waitFor(() => !up.listens.has(res), 'the end');
      await isListening(['fault://a']);
      await waitFor(() => changes > before, 'the client to be told of what may have changed meanwhile');
      await hears('fault://a');
    }
  });

  test('a resource that it does not acknowledge is refused', async () => {
    up.faults['subscriptions/listen'] = (req, res, msg) => {
      const { resourceSubscriptions, ...notifications } = msg.params.notifications;
      up.hold(res, { ...msg, params: { notifications: { ...notifications, resourceSubscriptions: resourceSubscriptions.filter((uri) => uri !== 'fault://no') } } });
    };
    await assert.rejects(client.subscribeResource({ uri: 'fault://no' }), isError(/does not tell of changes of this/));
    up.faults = {};
    await isListening(['fault://a']);
  });

  test('a server that does not know the method is left in peace', async () => {
    await client.listTools(); // what the test before has caused comes to rest
    await new Promise((resolve) => setTimeout(resolve, 300));
    up.faults['subscriptions/listen'] = json(error(-32601, 'Method not found'), 404);
    up.seen = [];
    const other = await b.connect();
    await b.gateway.mgw.line(/subscriptions\/listen was refused: Method not found/);
    await assert.rejects(other.subscribeResource({ uri: 'fault://a' }), isError(/does not tell of such changes/));
    assert.equal(up.count('subscriptions/listen'), 1);
  });
});
