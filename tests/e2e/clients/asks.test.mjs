// What a server with sessions asks clients of each era in the middle of a call, in the spellings of the field.

import { after, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { startGateway } from '../lib/gateway.mjs';
import { LocalServer } from '../lib/local_server.mjs';
import { schemaOf } from '../lib/matrix/schemas.mjs';
import { messageOf, post } from '../lib/stateless.mjs';
import { JSON_HEADERS, openStream, rpc } from '../lib/stream.mjs';

const roots = { roots: [{ uri: 'file:///home/x' }] };
const url = { mode: 'url', message: 'sign in', url: 'https://a.example.com/sign-in', elicitationId: 'e1' };

// Tools, and what the server asks when they are called.
const asks = {
  roots: ['roots/list', undefined], roots_empty: ['roots/list', {}], roots_null: ['roots/list', null], roots_php: ['roots/list', []], roots_meta: ['roots/list', { _meta: { 'example.org/a': 1 } }],
  roots_progress: ['roots/list', { _meta: { progressToken: 7 } }], roots_cursor: ['roots/list', { cursor: 'x' }],
  visit: ['elicitation/create', url],
};

/** Asks by the stream of the call, and answers with what it has heard. */
class Asker extends LocalServer {
  replies = new Map(); // id of the question -> resolve
  calls = [];

  forget() {}

  async serve(req, res) {
    let body = '';
    for await (const chunk of req) body += chunk;
    if (req.method !== 'POST') return res.writeHead(405).end();
    const msg = JSON.parse(body);
    if (msg.method === undefined) this.replies.get(msg.id)?.(msg);
    if (msg.method === undefined || msg.id === undefined) return res.writeHead(202).end();
    if (msg.method === 'tools/call') return this.#call(msg, res);
    return res.writeHead(200, { 'content-type': 'application/json', 'mcp-session-id': 'one' }).end(JSON.stringify({ jsonrpc: '2.0', id: msg.id, ...this.#answer(msg) }));
  }

  #answer({ method, params }) {
    switch (method) {
      case 'initialize':
        return { result: { protocolVersion: params.protocolVersion, capabilities: { tools: {}, resources: {}, tasks: { list: {}, cancel: {}, requests: { tools: { call: {} } } } }, serverInfo: { name: 'asker', version: '1' } } };
      case 'tools/list':
        return { result: { tools: Object.keys(asks).map((name) => ({ name, inputSchema: { type: 'object' }, execution: { taskSupport: 'optional' } })) } };
      case 'resources/list':
        return { result: { resources: [{ uri: 'a:gone', name: 'gone' }] } };
      case 'resources/read':
        return { error: { code: -32002, message: 'Resource not found', data: { uri: params.uri } } };
      default:
        return { error: { code: -32601, message: `no ${method}` } };
    }
  }

  async #call({ id, params }, res) {
    const [method, asked] = asks[params.name];
    const heard = new Promise((resolve) => this.replies.set(params.name, resolve));
    const say = (message) => res.write(`data: ${JSON.stringify({ jsonrpc: '2.0', ...message })}\n\n`);
    this.calls.push(params);
    res.writeHead(200, { 'content-type': 'text/event-stream' });
    say({ id: params.name, method, params: asked });
    const { result, error } = await heard;
    if (params.name === 'visit') say({ method: 'notifications/elicitation/complete', params: { elicitationId: url.elicitationId } });
    say({ id, result: { content: [{ type: 'text', text: JSON.stringify(result ?? error) }] } });
    res.end();
  }
}

describe('what a server asks', { timeout: 60000 }, () => {
  let server, gateway;
  before(async () => {
    server = await Asker.start();
    gateway = await startGateway({ settings: { ANSWER_GRACE_MS: 200, INPUT_WAIT_S: 10 }, config: { mcpServers: { up: { url: server.url } }, gateway: { builtin_tools: false } } });
  });
  after(async () => {
    await gateway.stop();
    await server.stop();
  });

  async function open(revision, capabilities) {
    const response = await fetch(`${gateway.url}/mcp`, { method: 'POST', headers: JSON_HEADERS, body: rpc(1, 'initialize', { protocolVersion: revision, capabilities, clientInfo: { name: 'c', version: '1' } }) });
    const { result } = JSON.parse(/\{"jsonrpc.*/.exec(await response.text())[0]);
    const headers = { ...JSON_HEADERS, 'mcp-session-id': response.headers.get('mcp-session-id'), 'mcp-protocol-version': revision };
    const send = (message) => fetch(`${gateway.url}/mcp`, { method: 'POST', headers, body: typeof message === 'string' ? message : JSON.stringify(message) });
    /** Calls, answers what is asked by `reply`, and returns { asked, heard, told }. */
    const call = async (name, reply, more = {}) => {
      const asked = [], told = [];
      const onEvent = async ({ json }) => {
        if (json?.method === undefined) return;
        assert.deepEqual(schemaOf(revision).problems('server', json), []);
        if (json.id === undefined) return told.push(json);
        asked.push(json);
        await (await send({ jsonrpc: '2.0', id: json.id, result: reply })).text();
      };
      const response = await openStream(`${gateway.url}/mcp`, { method: 'POST', headers, body: rpc(2, 'tools/call', { name: `up_${name}`, ...more }), onEvent, fetch: plainOrStream });
      const answer = response.response.atOnce ?? (await response.event(({ json }) => json?.id === 2)).json;
      return { asked, told, heard: JSON.parse(answer.result.content[0].text) };
    };
    return { result, send, call };
  }
  /** An answer that comes at once is JSON. */
  async function plainOrStream(...args) {
    const response = await fetch(...args);
    if (response.headers.get('content-type')?.startsWith('application/json')) Object.defineProperty(response, 'atOnce', { value: JSON.parse(await response.clone().text()) });
    return response;
  }

  for (const revision of ['2024-11-05', '2025-03-26', '2025-06-18', '2025-11-25']) {
    test(`roots/list with any params reaches a client of ${revision}, and its answer the server`, async () => {
      const client = await open(revision, { roots: {} });
      for (const name of Object.keys(asks).filter((one) => one.startsWith('roots'))) {
        const { asked, heard } = await client.call(name, roots);
        assert.deepEqual([asked.length, asked[0].method, heard], [1, 'roots/list', roots], name);
      }
    });
  }

  test('by URL reaches a client of 2025-11-25 that can, with the end of it', async () => {
    const client = await open('2025-11-25', { elicitation: { form: {}, url: {} } });
    const { asked, told, heard } = await client.call('visit', { action: 'accept' });
    assert.deepEqual([asked[0].params, heard], [url, { action: 'accept' }]);
    assert.deepEqual(told.map(({ method, params }) => [method, params]), [['notifications/elicitation/complete', { elicitationId: 'e1' }]]);
  });

  test('by URL is refused where the client cannot, and the call goes on', async () => {
    for (const [revision, elicitation] of [['2025-11-25', { form: {} }], ['2025-11-25', {}], ['2025-06-18', {}], ['2025-06-18', { url: {} }]]) {
      const { asked, heard } = await (await open(revision, { elicitation })).call('visit', {});
      assert.equal(asked.length, 0);
      assert.match(heard.message, /has not declared this capability|has no elicitation by URL/);
    }
  });

  test('by URL reaches a client of 2026-07-28 as a request for input', async () => {
    const capabilities = { elicitation: { form: {}, url: {} } };
    const { json } = await post(gateway.url, messageOf('tools/call', { name: 'up_visit', arguments: {} }, { capabilities }));
    assert.deepEqual(schemaOf('2026-07-28').problems('server', json, 'tools/call'), []);
    assert.equal(json.result.resultType, 'input_required');
    const [[key, input]] = Object.entries(json.result.inputRequests);
    const { elicitationId, ...shown } = url; // its clients learn the outcome by coming back
    assert.deepEqual(input, { method: 'elicitation/create', params: shown });
    const params = { name: 'up_visit', arguments: {}, requestState: json.result.requestState, inputResponses: { [key]: { action: 'accept' } } };
    const again = await post(gateway.url, messageOf('tools/call', params, { id: 2, capabilities }));
    assert.deepEqual(JSON.parse(again.json.result.content[0].text), { action: 'accept' });
  });

  test('tasks of 2025-11-25 are not declared, and what asks for them is ignored or refused', async () => {
    const client = await open('2025-11-25', { roots: {} });
    assert.equal(client.result.capabilities.tasks, undefined);
    const { heard } = await client.call('roots', roots, { task: { ttl: 1000 } });
    assert.deepEqual(heard, roots);
    assert.equal(server.calls.at(-1).task, undefined);
    for (const method of ['tasks/get', 'tasks/result', 'tasks/cancel', 'tasks/list']) {
      const { error } = await (await client.send(rpc(3, method, { taskId: 'x' }))).json();
      assert.equal(error.code, -32601, method);
    }
  });

  test('a resource that is gone is told with its URI to clients before 2026-07-28', async () => {
    const client = await open('2025-06-18', {});
    const { error } = await (await client.send(rpc(3, 'resources/read', { uri: 'a:gone' }))).json();
    assert.deepEqual(error, { code: -32002, message: 'Resource not found', data: { uri: 'a:gone' } });
  });
});
