// Who has what the client asks for, when no list that it has seen shows it: the servers that may have it are asked
// for their lists first, once.

import { after, before, beforeEach, afterEach, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { FaultServer, answerTo, fault, sendJson } from '../lib/fault_server.mjs';
import { startGateway, waitFor } from '../lib/gateway.mjs';
import { openSession, rpc } from '../lib/stream.mjs';

const methods = ['tools/list', 'prompts/list', 'resources/list', 'resources/templates/list'];

/** A server with entries of its own, which says in each answer that it was the one. */
function furnish(server, name, lists) {
  const own = (make) => (req, res, msg) => sendJson(res, answerTo(msg, make(msg)));
  server.faults = {
    initialize: (req, res, msg) => {
      const id = `${name}${server.sessions.size}`;
      server.sessions.add(id);
      const capabilities = { tools: {}, prompts: {}, resources: { subscribe: true }, completions: {} };
      sendJson(res, answerTo(msg, { protocolVersion: msg.params.protocolVersion, serverInfo: { name, version: '1' }, capabilities }), 200, { 'mcp-session-id': id });
    },
    'resources/read': own(({ params }) => ({ contents: [{ uri: params.uri, text: name }] })),
    'resources/subscribe': own(() => ({ name })),
    'completion/complete': own(() => ({ completion: { values: [name] } })),
    'tools/call': own(({ params }) => ({ content: [{ type: 'text', text: `${name} ${params.name}` }] })),
    'prompts/get': own(({ params }) => ({ messages: [], description: `${name} ${params.name}` })),
    ...Object.fromEntries(methods.map((method) => [method, own(() => lists[method] ?? {})])),
  };
}

describe('what no list has shown yet', { timeout: 60000 }, () => {
  let first, second, gateway, headers, lists;
  before(async () => {
    first = await FaultServer.start();
    second = await FaultServer.start();
    gateway = await startGateway({
      settings: { UPSTREAM_OPEN_TIMEOUT_S: 1, ANSWER_GRACE_MS: 10000 },
      config: {
        mcpServers: { first: { url: first.url, prefix: '' }, second: { url: second.url, prefix: '' } },
      },
    });
  });
  after(async () => {
    await gateway.stop();
    await first.stop();
    await second.stop();
  });
  beforeEach(async () => {
    lists = {
      'tools/list': { tools: [{ name: 'hers', inputSchema: { type: 'object' } }] },
      'prompts/list': { prompts: [{ name: 'hers' }] },
      'resources/list': { resources: [{ uri: 'her://one', name: 'one' }] },
      'resources/templates/list': { resourceTemplates: [{ uriTemplate: 'her://{id}/part', name: 'part' }] },
    };
    furnish(first, 'first', {});
    furnish(second, 'second', lists);
    ({ headers } = await openSession(gateway.url));
    first.seen = [];
    second.seen = [];
  });
  afterEach(() => fetch(`${gateway.url}/mcp`, { method: 'DELETE', headers }));

  let id = 1;
  const request = async (method, params, init = {}) => {
    const body = rpc(++id, method, params);
    const response = await fetch(`${gateway.url}/mcp`, { method: 'POST', headers: { ...headers, accept: 'application/json' }, body, ...init });
    return response.json();
  };
  const listed = (server) => server.seen.map((m) => m.method).filter((m) => methods.includes(m));
  const resourceLists = ['resources/list', 'resources/templates/list'];

  for (const uri of ['her://one', 'her://7/part']) {
    test(`reads ${uri} where it is`, async () => {
      assert.equal((await request('resources/read', { uri })).result.contents[0].text, 'second');
      assert.deepEqual([listed(first), listed(second)], [resourceLists, resourceLists]);
      assert.equal((await request('resources/read', { uri })).result.contents[0].text, 'second');
      assert.deepEqual([listed(first), listed(second)], [resourceLists, resourceLists], 'asked once');
    });
  }

  test('subscribes to it, and completes it, where it is', async () => {
    assert.equal((await request('resources/subscribe', { uri: 'her://one' })).result.name, 'second');
    const ref = { type: 'ref/resource', uri: 'her://{id}/part' };
    assert.deepEqual((await request('completion/complete', { ref, argument: { name: 'id', value: 'x' } })).result.completion.values, ['second']);
    assert.equal(first.count('resources/subscribe') + first.count('completion/complete'), 0);
  });

  test('completes a prompt where it is', async () => {
    const ref = { type: 'ref/prompt', name: 'hers' };
    assert.deepEqual((await request('completion/complete', { ref, argument: { name: 'a', value: 'x' } })).result.completion.values, ['second']);
  });

  test('calls a tool, and gets a prompt, where it is', async () => {
    assert.equal((await request('tools/call', { name: 'hers', arguments: {} })).result.content[0].text, 'second hers');
    assert.equal((await request('prompts/get', { name: 'hers' })).result.description, 'second hers');
    assert.deepEqual([listed(first), listed(second)], [['tools/list', 'prompts/list'], ['tools/list', 'prompts/list']]);
  });

  test('that nobody has is an error, and asked for once', async () => {
    for (let i = 0; i < 3; i++) assert.deepEqual((await request('resources/read', { uri: 'his://one' })).error, { code: -32002, message: 'no such resource: his://one' });
    assert.deepEqual([listed(first), listed(second)], [resourceLists, resourceLists]);
  });

  test('and has changed since is looked for again', async () => {
    assert.ok((await request('resources/read', { uri: 'her://new' })).error);
    await waitFor(() => second.streams.size > 0, 'the GET stream');
    lists['resources/list'].resources.push({ uri: 'her://new', name: 'new' });
    second.push({ jsonrpc: '2.0', method: 'notifications/resources/list_changed' });
    await waitFor(async () => (await request('resources/read', { uri: 'her://new' })).result?.contents[0].text === 'second', 'the new resource');
  });

  test('is found beside a server that does not tell its lists', async () => {
    for (const misbehave of [fault.hang, fault.status(500)]) {
      for (const method of resourceLists) first.faults[method] = misbehave;
      ({ headers } = await openSession(gateway.url));
      assert.equal((await request('resources/read', { uri: 'her://one' })).result.contents[0].text, 'second');
    }
  });

  test('keeps its scheme where both list it, if clients tell by that what it is for', async () => {
    const uris = ['ui://view/a.html', 'skill://plan', 'other://x'];
    for (const [server, name] of [[first, 'first'], [second, 'second']]) {
      furnish(server, name, { 'resources/list': { resources: uris.map((uri) => ({ uri, name: uri })) } });
    }
    for (const [uri, owner, theirs] of [
      ['ui://second/view/a.html', 'second', uris[0]], ['ui://first/view/a.html', 'first', uris[0]], ['skill://second/plan', 'second', uris[1]], ['second+other://x', 'second', uris[2]],
    ]) {
      const [content] = (await request('resources/read', { uri })).result.contents;
      assert.equal(content.text, owner, uri);
      assert.ok([uri, theirs].includes(content.uri), content.uri);
    }
    const { resources } = (await request('resources/list', {})).result;
    assert.deepEqual(resources.map(({ uri }) => uri), ['first', 'second'].flatMap((name) => [`ui://${name}/view/a.html`, `skill://${name}/plan`, `${name}+other://x`]));
  });

  test('may be cancelled while it is looked for', async () => {
    for (const method of resourceLists) first.faults[method] = fault.hang;
    const reading = request('resources/read', { uri: 'her://one' });
    reading.catch(() => {}); // a cancelled call gets no answer
    await waitFor(() => listed(first).length === 2, 'the lists to be asked for');
    const cancel = JSON.stringify({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: id } });
    await fetch(`${gateway.url}/mcp`, { method: 'POST', headers, body: cancel });
    await waitFor(() => first.count('notifications/cancelled') === 2, 'the cancels');
    assert.equal(second.count('resources/read'), 0);
  });
});
