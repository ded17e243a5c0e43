// Servers and clients that are not quite what MCP says, as docs/quirks.md has them: a call always ends, what cannot be read
// costs itself alone, and what leaves is valid by the schema of the client's revision.

import { after, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { answers } from '../lib/odd_answers.mjs';
import { OddServer } from '../lib/odd_server.mjs';
import { mgwRelease, startGateway, top } from '../lib/gateway.mjs';
import { schemaOf } from '../lib/matrix/schemas.mjs';
import { messageOf, post } from '../lib/stateless.mjs';
import { initializeParams, openSession, openStream, rpc } from '../lib/stream.mjs';

// A call that is never answered would meet the test's own end; our progress for it would come twice a second.
const settings = { ANSWER_GRACE_MS: 200, KEEPALIVE_S: 0.5, UPSTREAM_OPEN_TIMEOUT_S: 10 };
const revisions = ['2024-11-05', '2025-03-26', '2025-06-18', '2025-11-25'];

class Client {
  #id = 1;

  static async open(gateway, revision = '2025-11-25') {
    const client = new Client();
    client.url = `${gateway.url}/mcp`;
    client.revision = revision;
    client.headers = { ...(await openSession(gateway.url, revision)).headers, accept: 'application/json' };
    return client;
  }

  /** The text of an answer to the bytes of a body. */
  async post(body) {
    return (await fetch(this.url, { method: 'POST', headers: this.headers, body })).text();
  }

  /** An answer, which its revision's schema must know. */
  async request(method, params) {
    const id = ++this.#id;
    const text = await this.post(rpc(id, method, params));
    const json = JSON.parse(text);
    assert.equal(json.id, id);
    assert.deepEqual(schemaOf(this.revision).problems('server', json, method), [], text.slice(0, 500));
    return { text, ...json };
  }

  call(name, args = {}, token = undefined) {
    return this.request('tools/call', { name, arguments: args, _meta: { progressToken: token } });
  }
}

const server = { json: 'url', event: 'url', sse: 'url', child: 'command' };

describe('an answer that is odd', { timeout: 300000 }, () => {
  let odd, gateway, client;
  before(async () => {
    odd = await OddServer.start();
    gateway = await startGateway({
      settings,
      config: {
        mcpServers: {
          json: { url: odd.at('json') }, event: { url: odd.at('event') }, sse: { url: odd.at('sse'), type: 'sse' },
          child: { command: process.execPath, args: [path.join(top, 'tests/e2e/lib/odd_child.mjs')] },
        },
      },
    });
    client = await Client.open(gateway);
    assert.equal((await client.request('tools/list', {})).result.tools.length, 4 * Object.keys(answers).length + 3);
  });
  after(async () => {
    await gateway.stop();
    await odd.stop();
  });

  for (const by of Object.keys(server)) {
    for (const [name, { text, result, body, error }] of Object.entries(answers)) {
      test(`${name}, by ${by}, ends the call`, async () => {
        const answer = await client.call(`${by}_${name}`, {}, 1);
        if (error) assert.match(answer.error?.message ?? '', new RegExp(error.source.startsWith('^') ? error.source : `^upstream ${by}: .*${error.source}`), answer.text);
        else assert.equal(answer.error, undefined, answer.text);
        if (body) assert.match(answer.text, body);
        if (text !== undefined) assert.equal(answer.result.content[0].text, text);
        if (result) assert.deepEqual(answer.result, result);
      });
    }
  }

  test('costs no server its health', async () => {
    assert.equal(gateway.mgw.count(/left alone/), 0);
    for (const by of Object.keys(server)) assert.equal((await client.call(`${by}_array`)).result.content[0].text, 'good');
  });
});

describe('what a client sends that is odd', { timeout: 60000 }, () => {
  let odd, gateway, client;
  before(async () => {
    odd = await OddServer.start();
    gateway = await startGateway({ settings, config: { mcpServers: { up: { url: odd.at('json') } } } });
    client = await Client.open(gateway);
  });
  after(async () => {
    await gateway.stop();
    await odd.stop();
  });
  const echo = (message, id = 7) => `{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":{"name":"echo","arguments":{"message":${message}}}}`;

  test('half a pair of surrogates in an argument arrives as U+FFFD', async () => {
    assert.equal(JSON.parse(await client.post(echo('"cut \\ud83d"'))).result.content[0].text, 'cut \ufffd');
  });

  for (const number of ['18446744073709551615', '-9223372036854776000', '0.1', '1.0', '3.14159265358979323846']) {
    test(`the number ${number} in an argument reaches the server as it is`, async () => {
      const { promise, resolve } = Promise.withResolvers();
      odd.lists['tools/call'] = { content: [] };
      odd.onBody = resolve;
      await client.post(`{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"up_array","arguments":{"n":${number}}}}`);
      assert.match(await promise, new RegExp(`"n":${number.replace('.', '\\.')}[,}]`));
    });
  }

  for (const written of ['{"z":1.50, "a":"\\u00e9\\/","m":{"name":"up_array","e":[ ]}}', '{}']) {
    test(`what is plain in arguments arrives byte for byte: ${written}`, async () => {
      const { promise, resolve } = Promise.withResolvers();
      odd.lists['tools/call'] = { content: [] };
      odd.onBody = resolve;
      await client.post(`{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"arguments":${written},"name":"up_array"}}`);
      assert.ok((await promise).includes(`"params":{"arguments":${written},"name":"array"}`), await promise);
    });
  }

  test('of two arguments of one name the last arrives', async () => {
    const { promise, resolve } = Promise.withResolvers();
    odd.onBody = resolve;
    await client.post('{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"up_array","arguments":{"a":1.50,"a":2.50}}}');
    assert.match(await promise, /"arguments":\{"a":2\.5\}/);
  });

  test('members that are null count as none', async () => {
    const answer = JSON.parse(await client.post('{"jsonrpc":"2.0","id":7,"method":"tools/list","params":{"cursor":null,"_meta":null}}'));
    assert.ok(answer.result.tools.length > 3);
    assert.deepEqual(JSON.parse(await client.post('{"jsonrpc":"2.0","id":8,"method":"ping","params":null}')), { jsonrpc: '2.0', id: 8, result: {} });
  });

  test('an id past 64 bits comes back as it was written', async () => {
    assert.match(await client.post('{"jsonrpc":"2.0","id":18446744073709551615,"method":"ping"}'), /"id":18446744073709551615,/);
  });

  test('what cannot be read is refused under the id of the request', async () => {
    for (const [body, id] of [[echo('oops', 41), 41], [echo('"x', '"a"').slice(0, -3), 'a'], [echo("'x'", 42), 42]]) {
      const { error, ...rest } = JSON.parse(await client.post(body));
      assert.equal(rest.id, id, body);
      assert.equal(error.code, -32700);
      assert.match(error.message, /\(line 1, column \d+, byte \d+\)$/);
    }
  });
});

const object = { type: 'object' };
const good = { name: 'good', inputSchema: object };

// What a server lists -> what is left of it: names of those that are offered, and what the log says.
const lists = {
  'tools/list': ['tools', 'name', [
    good, { name: 'no_schema' }, { name: 'null_schema', inputSchema: null }, { name: 'php', inputSchema: [], annotations: [], _meta: [] },
    { name: 'any_of', inputSchema: { anyOf: [object] } }, { name: 'nulls', inputSchema: object, title: null, description: null, annotations: null, icons: null, outputSchema: null, _meta: null },
    { name: 'numbers', inputSchema: object, description: 5, annotations: { readOnlyHint: 'true' } },
    { name: 'properties', inputSchema: { type: 'object', properties: { a: null, b: true, c: [] }, required: ['a', null] } },
    { name: 'bad_output', inputSchema: object, outputSchema: { type: 'object', properties: { a: { type: 'int' } } } },
    { name: 'array_output', inputSchema: object, outputSchema: { type: 'array', items: {} } },
    { name: 'bad_icons', inputSchema: object, icons: [{ src: 'no scheme' }, { src: 'https://a/b', sizes: '48x48' }] },
    { name: 'big_number', inputSchema: { type: 'object', properties: { seed: { type: 'integer', maximum: 9223372036854776000 } } } },
    { name: 'string_schema', inputSchema: { type: 'string' } }, { name: 'text_schema', inputSchema: 'object' }, { description: 'no name', inputSchema: object },
    { name: '', inputSchema: object }, { name: 7, inputSchema: object }, null, 'text',
    { name: 'loud', inputSchema: { type: 'OBJECT', properties: { a: true, b: 'string', c: 7 }, required: 'a' } }, { name: 'twice', inputSchema: { type: 'object', required: ['a', 'a', 5] } },
    { name: 'defs', inputSchema: { type: 'object', $schema: 7, $defs: [], additionalProperties: null } }, { name: 'execution', inputSchema: object, execution: { taskSupport: 'sometimes' }, annotations: 'none', icons: 'a.png', _meta: 'x' },
    { name: 'output', inputSchema: object, outputSchema: { anyOf: [object] } }, { name: 'output_true', inputSchema: object, outputSchema: true }, { name: 'blank', inputSchema: object, icons: [{ src: 'https://a/b c.png' }] },
    { name: 'good', inputSchema: object, description: 'the second of its name' }, [good], { tool: good }, { name: 'said', inputSchema: object, description: { en: 'x' }, title: ['x'] },
  ], ['good', 'no_schema', 'null_schema', 'php', 'any_of', 'nulls', 'numbers', 'properties', 'bad_output', 'array_output', 'bad_icons', 'big_number', 'loud', 'twice', 'defs', 'execution', 'output', 'output_true', 'blank', 'said'],
  [/up: tools\/list: good is left out: one of that name stands before it/, /up: tools\/list: string_schema is left out: inputSchema/, /up: tools\/list: bad_output: its outputSchema is left out: /, /up: tools\/list: an entry is left out: name/]],
  'prompts/list': ['prompts', 'name', [
    { name: 'good' }, { name: 'nulls', title: null, description: null, arguments: null }, { name: 'arguments', arguments: [{ name: 'a', required: 'true' }, { description: 'no name' }] },
    { name: 'lua', arguments: {} }, { title: 'no name' }, { name: [] }, { name: 'map', arguments: { a: { required: true } } }, { name: 'words', arguments: ['a', { name: 'b', required: 1, description: 5 }, { name: {} }] },
  ], ['good', 'nulls', 'arguments', 'lua', 'map', 'words'], [/up: prompts\/list: an entry is left out: name/]],
  'resources/list': ['resources', 'uri', [
    { uri: 'a:good', name: 'good' }, { uri: 'a:nulls', name: null, mimeType: null, size: null, annotations: null }, { uri: 'a:size', name: 'x', size: '12' },
    { uri: 'a:priority', name: 'x', annotations: { priority: 7, audience: ['robot', 'user'] } }, { name: 'no uri' }, { uri: 'no scheme', name: 'x' }, { uri: null, name: 'x' },
    { uri: 'file:///my files/\u00fc<1>.txt', name: 'x' }, { uri: 'a:b[1]|{2}^%', name: 'x' }, { uri: 'http://[', name: 'x' }, { uri: 'http://a:b/', name: 'x' }, { uri: 'a:', name: 'x' }, { uri: '/etc/passwd', name: 'x' }, { uri: 'a:line\nend', name: 'x' },
    { uri: 'a:sizes', name: 'x', size: -5 }, { uri: 'a:huge', name: 'x', size: 1e30, annotations: { lastModified: 7, priority: '0.5', audience: 'user' } },
  ], ['a:good', 'a:nulls', 'a:size', 'a:priority', 'file:///my%20files/%C3%BC%3C1%3E.txt', 'a:b%5B1%5D%7C%7B2%7D%5E%25', 'http://%5B', 'a:sizes', 'a:huge'], [/up: resources\/list: an entry is left out: uri/, /up: resources\/list: a:size: left out of it: size/]],
  'resources/templates/list': ['resourceTemplates', 'uriTemplate', [
    { uriTemplate: 'a:{x}', name: 'good' }, { uriTemplate: 'b:{x}', name: null, description: null }, { name: 'none' }, { uriTemplate: 5, name: 'x' }, { uriTemplate: 'c:{', name: 'x' }, { uriTemplate: 'c:{x y}', name: 'x' }, { uriTemplate: 'c:a b{x}', name: 'x' },
  ], ['a:{x}', 'b:{x}'], [/up: resources\/templates\/list: an entry is left out: uriTemplate/]],
};

describe('a list with entries that are none', { timeout: 120000 }, () => {
  let odd, gateway;
  before(async () => {
    odd = await OddServer.start();
    odd.lists.initialize = { protocolVersion: '2025-06-18', capabilities: { tools: {}, prompts: {}, resources: {}, completions: {} }, serverInfo: { name: 'odd', version: '1' } };
    for (const [method, [key, , entries]] of Object.entries(lists)) odd.lists[method] = { [key]: entries, nextCursor: null, _meta: null };
    gateway = await startGateway({ settings, config: { mcpServers: { up: { url: odd.at('json') }, fine: { url: odd.at('event') } }, gateway: { builtin_tools: false } } });
  });
  after(async () => {
    await gateway.stop();
    await odd.stop();
  });

  for (const revision of revisions) {
    for (const [method, [key, id, , names]] of Object.entries(lists)) {
      test(`${method} for a client of ${revision} has the good ones, all as its schema wants them`, async () => {
        const client = await Client.open(gateway, revision);
        const { result } = await client.request(method, {});
        const shown = result[key].map((entry) => entry[id]).filter((name) => !name.startsWith('fine'));
        assert.deepEqual(shown, names.map((name) => (id === 'name' ? `up_${name}` : `up+${name}`)).filter((name) => shown.includes(name)));
        assert.equal(shown.length, names.length, JSON.stringify(shown));
      });
    }
  }

  test('the log names server and entry', () => {
    for (const [, , , , lines] of Object.values(lists)) for (const line of lines) assert.ok(gateway.mgw.count(line) > 0, String(line));
  });

  test('other results are mended as well', async () => {
    const client = await Client.open(gateway);
    odd.lists['prompts/get'] = { messages: [{ role: 'user', content: 'hi' }, { role: 'system', content: { type: 'text', text: 'x' } }], description: null };
    odd.lists['resources/read'] = { contents: { uri: 'a:good', text: 'x', mimeType: null } };
    odd.lists['completion/complete'] = { completion: { values: ['a', 2, null], total: null } };
    assert.deepEqual((await client.request('prompts/get', { name: 'up_good' })).result.messages, [{ role: 'user', content: { type: 'text', text: 'hi' } }]);
    assert.deepEqual((await client.request('resources/read', { uri: 'up+a:good' })).result.contents, [{ uri: 'a:good', text: 'x' }]);
    assert.deepEqual((await client.request('completion/complete', { ref: { type: 'ref/prompt', name: 'up_good' }, argument: { name: 'a', value: '' } })).result.completion, { values: ['a', '2'] });
    await gateway.mgw.line(/up: prompts\/get: left out of a result: /);
  });
});

describe('a list that is odd as a whole', { timeout: 60000 }, () => {
  const tool = (name) => ({ name, inputSchema: object });
  const pages = {
    the_same_cursor_again: [() => ({ tools: [tool('a')], nextCursor: 'same' }), ['a'], /cursors go round/, 2],
    two_cursors_in_turn: [({ cursor }) => ({ tools: [tool('a')], nextCursor: cursor === 'x' ? 'y' : 'x' }), ['a'], /cursors go round/, 4],
    an_empty_cursor: [() => ({ tools: [tool('a')], nextCursor: '' }), ['a'], /cursors go round/, 2],
    numbers_for_cursors: [({ cursor = 0 }) => ({ tools: [tool(`p${cursor}`)], ...(cursor < 3 && { nextCursor: cursor + 1 }) }), ['p0', 'p1', 'p2', 'p3'], undefined, 4],
    no_cursor: [() => ({ tools: [tool('a')], nextCursor: false, _meta: 'x' }), ['a'], undefined, 1],
    one_for_a_list: [() => ({ tools: tool('a') }), ['a'], undefined, 1],
    a_map_for_a_list: [() => ({ tools: { a: { inputSchema: object } } }), [], /an entry is left out: name is missing/, 1],
    a_text_for_a_list: [() => ({ tools: 'none' }), [], /an entry is left out: it is no object/, 1],
    nothing_for_a_list: [() => ({ tools: null }), [], undefined, 1],
  };
  for (const [name, [page, names, line, requests]] of Object.entries(pages)) {
    test(`${name.replaceAll('_', ' ')}: what there is of it is listed, and no more is asked for`, async () => {
      const odd = await OddServer.start();
      odd.lists['tools/list'] = page;
      const gateway = await startGateway({ settings, config: { mcpServers: { up: { url: odd.at('json') } }, gateway: { builtin_tools: false } } });
      const { result } = await (await Client.open(gateway)).request('tools/list', {});
      assert.deepEqual(result.tools.map((entry) => entry.name), names.map((one) => `up_${one}`));
      assert.equal(odd.asked['tools/list'], requests);
      if (line) assert.equal(gateway.mgw.count(line), 1);
      await gateway.stop();
      await odd.stop();
    });
  }
});

test('a URI with a blank is shown as RFC 3986 has it, and reaches its server as it is', { timeout: 60000 }, async () => {
  const odd = await OddServer.start();
  const theirs = 'file:///my files/\u00fc.txt';
  const shown = 'file:///my%20files/%C3%BC.txt';
  odd.lists.initialize = { protocolVersion: '2025-11-25', capabilities: { resources: { subscribe: true } }, serverInfo: { name: 'odd', version: '1' } };
  odd.lists['resources/list'] = { resources: [{ uri: theirs, name: 'x' }] };
  odd.lists['resources/templates/list'] = { resourceTemplates: [] };
  odd.lists['resources/read'] = ({ uri }) => ({ contents: [{ uri, text: uri }] });
  odd.lists['resources/subscribe'] = ({ uri }) => {
    assert.equal(uri, theirs);
    return {};
  };
  for (const other of [[], ['other']]) { // alone, and beside one that lists the same
    const gateway = await startGateway({ settings, config: { mcpServers: Object.fromEntries(['up', ...other].map((name) => [name, { url: odd.at('json') }])) } });
    const client = await Client.open(gateway);
    const { resources } = (await client.request('resources/list', {})).result;
    assert.deepEqual(resources.map(({ uri }) => uri), other.length === 0 ? [shown] : [`up+${shown}`, `other+${shown}`]);
    const { contents } = (await client.request('resources/read', { uri: resources[0].uri })).result;
    assert.deepEqual(contents, [{ uri: shown, text: theirs }]);
    assert.deepEqual((await client.request('resources/subscribe', { uri: resources[0].uri })).result, {});
    await gateway.stop();
  }
  await odd.stop();
});

describe('HTTP that is odd', { timeout: 60000 }, () => {
  const event = (text) => Buffer.from(`event: message\ndata: ${text}\n\n`);
  const stream = (bytes) => (res, text) => res.writeHead(200, { 'content-type': 'text/event-stream' }).end(bytes(text));
  const json = (headers) => (res, text) => res.writeHead(200, headers).end(text);
  const ways = {
    'an event without the blank line behind it': stream((text) => `data: ${text}\n`),
    'an event without the end of its line': stream((text) => `event: message\ndata: ${text}`),
    'CRLF, no blank behind the colon': stream((text) => `event: message\r\ndata:${text}\r\n\r\n`),
    'CR alone': stream((text) => `event: message\rdata: ${text}\r\r`),
    'a line of JSON in each data line': stream((text) => `${JSON.stringify(JSON.parse(text), null, 1).split('\n').map((line) => `data: ${line}\n`).join('')}\n`),
    'pings of its own first': stream((text) => `:\n\nevent: ping\ndata: 2026-01-01T00:00:00Z\n\nevent: ping\ndata: {}\n\ndata\n\nid: 1\nretry: 10\ndata:\n\n${event(text)}`),
    'a byte order mark first': stream((text) => `\ufeff${event(text)}`),
    'an event of another name': stream((text) => `event: response\ndata: ${text}\n\n`),
    'a type in capitals, with a charset': (res, text) => res.writeHead(200, { 'content-type': 'Text/Event-Stream;charset=UTF-8' }).end(event(text)),
    'JSON of no type': json({}), 'JSON as text/plain': json({ 'content-type': 'text/plain' }), 'JSON as octets': json({ 'content-type': 'application/octet-stream' }),
    'JSON with 201': (res, text) => res.writeHead(201, { 'content-type': 'application/json' }).end(text), 'an event with 299': (res, text) => res.writeHead(299, { 'content-type': 'text/event-stream' }).end(event(text)),
    'JSON with a charset': json({ 'content-type': 'application/json; charset=utf-8' }), 'JSON with blanks around': (res, text) => res.writeHead(200, { 'content-type': 'application/json' }).end(`\r\n \t${text}\r\n\r\n`),
  };
  // A call that is refused in words of JSON-RPC: what the client must hear of it.
  const refusals = {
    '400 with its id': [400, (id) => ({ jsonrpc: '2.0', id, error: { code: -32602, message: 'no city' } }), [-32602, /^no city$/]],
    '422 without an id': [422, () => ({ jsonrpc: '2.0', error: { code: -32602, message: 'no city' } }), [-32602, /^no city$/]],
    '400 with an id of nobody': [400, () => ({ jsonrpc: '2.0', id: 'server-error', error: { code: -32600, message: 'Bad Request' } }), [-32600, /^Bad Request$/]],
    '500 with its id as a text': [500, (id) => ({ jsonrpc: '2.0', id: `${id}`, error: { code: -32603, message: 'out of paper', data: { tray: 2 } } }), [-32603, /^out of paper$/]],
    '404 with its id': [404, (id) => ({ jsonrpc: '2.0', id, error: { code: -32601, message: 'no such tool' } }), [-32601, /^no such tool$/]],
    '400 with the id of another': [400, (id) => ({ jsonrpc: '2.0', id: id + 1000, error: { code: -32602, message: 'not for you' } }), [-32603, /it answered HTTP 400$/]],
    '422 with other JSON': [422, () => ({ detail: [{ msg: 'field required' }] }), [-32603, /it answered HTTP 422$/]],
    '500 with a result': [500, (id) => ({ jsonrpc: '2.0', id, result: { content: [] } }), [-32603, /it answered HTTP 500$/]],
    '403 with a token': [403, (id) => ({ jsonrpc: '2.0', id, error: { code: -32000, message: 'Bearer abc may not' } }), [-32603, /it answered HTTP 403$/]],
  };
  const acks = {
    '400 with an error': [400, { 'content-type': 'application/json' }, '{"jsonrpc":"2.0","id":null,"error":{"code":-32601,"message":"Method not found"}}'],
    '200 with null': [200, { 'content-type': 'application/json' }, 'null'], '202 with a word': [202, { 'content-type': 'text/plain' }, 'Accepted'], '204 alone': [204, {}, ''], '200 with nothing': [200, {}, ''],
    '200 with a result': [200, { 'content-type': 'application/json' }, '{"jsonrpc":"2.0","id":null,"result":{}}'],
  };
  let odd, gateway, client;
  const names = [...Object.keys(ways), ...Object.keys(acks), ...Object.keys(refusals)].map((title) => title.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-'));
  before(async () => {
    odd = await OddServer.start();
    odd.lists['tools/list'] = { tools: [good] };
    odd.lists['tools/call'] = { content: [{ type: 'text', text: 'good' }] };
    const plain = odd.serve.bind(odd);
    const [byName, ackOf, refusalOf] = [ways, acks, refusals].map((of) => Object.fromEntries(Object.entries(of).map(([title, value]) => [`/${title.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-')}`, value])));
    odd.serve = async (req, res) => {
      let body = '';
      for await (const chunk of req) body += chunk;
      if (req.method !== 'POST') return plain(Object.assign(req, { url: '/json' }), res);
      const msg = JSON.parse(body);
      if (msg.method === 'initialize' && !refusalOf[req.url]) res.setHeader('mcp-session-id', 'one');
      if (msg.id === undefined && ackOf[req.url]) {
        const [status, headers, text] = ackOf[req.url];
        return res.writeHead(status, headers).end(text);
      }
      if (msg.id === undefined) return res.writeHead(202).end();
      if (msg.method === 'tools/call' && refusalOf[req.url]) {
        const [status, made] = refusalOf[req.url];
        return res.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(made(msg.id)));
      }
      return (byName[req.url] ?? json({ 'content-type': 'application/json' }))(res, odd.say(msg));
    };
    gateway = await startGateway({ settings, config: { mcpServers: Object.fromEntries(names.map((name) => [name, { url: odd.at(name) }])), gateway: { builtin_tools: false } } });
    client = await Client.open(gateway);
  });
  after(async () => {
    await gateway.stop();
    await odd.stop();
  });

  test('costs nothing: all that answer so are listed', async () => {
    assert.deepEqual((await client.request('tools/list', {})).result.tools.map(({ name }) => name), names.map((name) => `${name}_good`));
  });

  for (const [i, title] of [...Object.keys(ways), ...Object.keys(acks)].entries()) {
    test(`${title}${i < Object.keys(ways).length ? '' : ' for a notification'}: is read`, async () => {
      assert.equal((await client.call(`${names[i]}_good`)).result.content[0].text, 'good');
    });
  }

  test('is worth no line in the log', () => assert.equal(gateway.mgw.count(/WARN \[(upstream|catalog)\](?!.*which some clients drop)/), 0, gateway.mgw.tail(40)));

  for (const [title, [, , [code, message]]] of Object.entries(refusals)) {
    test(`${title} for a call: says why`, async () => {
      const { error } = await client.call(`${title.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-')}_good`);
      assert.equal(error.code, code);
      assert.match(error.message, message);
    });
  }
});

test('a server that refuses our version and names its own is asked in one of those', { timeout: 60000 }, async () => {
  const odd = await OddServer.start();
  const asked = {};
  odd.lists['tools/list'] = { tools: [good] };
  odd.lists['tools/call'] = { content: [{ type: 'text', text: 'good' }] };
  odd.serve = async (req, res) => {
    let body = '';
    for await (const chunk of req) body += chunk;
    if (req.method !== 'POST') return res.writeHead(405).end();
    const { id, method, params } = JSON.parse(body);
    if (id === undefined) return res.writeHead(202).end();
    let [status, said] = [200, undefined];
    if (method === 'initialize') (asked[req.url] ??= []).push(params.protocolVersion);
    const supported = { '/none': ['1.0', '2024-10-07'], '/same': ['2025-11-25'] }[req.url] ?? ['2024-11-05', '2025-03-26'];
    if (method === 'initialize' && !(supported.includes(params.protocolVersion) && req.url !== '/same')) {
      status = req.url === '/400' ? 400 : 200;
      said = JSON.stringify({ jsonrpc: '2.0', id, error: { code: -32602, message: 'Unsupported protocol version', data: { supported, requested: params.protocolVersion } } });
    } else if (method === 'initialize') {
      said = JSON.stringify({ jsonrpc: '2.0', id, result: { protocolVersion: params.protocolVersion, capabilities: { tools: {} }, serverInfo: { name: 'odd', version: '1' } } });
    }
    return res.writeHead(status, { 'content-type': 'application/json' }).end(said ?? odd.say({ id, method, params }));
  };
  const paths = ['200', '400', 'none', 'same'];
  const gateway = await startGateway({ settings, config: { mcpServers: Object.fromEntries(paths.map((path) => [path, { url: odd.at(path), era: 'session' }])) } });
  const client = await Client.open(gateway);
  for (const path of ['200', '400']) {
    assert.equal((await client.call(`${path}_good`)).result?.content[0].text, 'good', path);
    assert.deepEqual(asked[`/${path}`].slice(0, 2), ['2025-11-25', '2025-03-26']);
  }
  for (const path of ['none', 'same']) {
    assert.match((await client.call(`${path}_good`)).error.message, /has refused initialize/);
    assert.deepEqual([...new Set(asked[`/${path}`])], ['2025-11-25']);
  }
  await gateway.stop();
  await odd.stop();
});

describe('a greeting that is odd', { timeout: 120000 }, () => {
  const hello = { protocolVersion: '2025-06-18', capabilities: { tools: {} }, serverInfo: { name: 'odd', version: '1' } };
  const greetings = {
    'null for capabilities': { capabilities: null }, 'true for capabilities': { capabilities: true }, 'no capabilities': { capabilities: undefined }, 'a text for capabilities': { capabilities: 'tools' },
    'an array for capabilities': { capabilities: [] }, 'names for capabilities': { capabilities: ['tools', 7] }, 'capabilities that name nothing': { capabilities: {} }, 'true for a capability': { capabilities: { tools: true } },
    'odd capabilities beside': { capabilities: { tools: {}, prompts: 'yes', resources: false, logging: null, experimental: [], extensions: true, tasks: 7 } },
    'no server': { serverInfo: undefined }, 'null for a server': { serverInfo: null }, 'a text for a server': { serverInfo: 'me' }, 'numbers for a server': { serverInfo: { name: 5, version: 1.5 } }, 'a server without a version': { serverInfo: { name: 'x' } },
    'a number for a version': { protocolVersion: 20250618 }, 'no version': { protocolVersion: undefined }, 'null for a version': { protocolVersion: null }, 'a version to come': { protocolVersion: '2031-01-01' }, 'an old version': { protocolVersion: '2024-10-07' },
    'a version of no date': { protocolVersion: '1.0' }, 'an empty version': { protocolVersion: '' }, 'versions': { protocolVersion: ['2025-06-18'] }, 'the version without sessions': { protocolVersion: '2026-07-28' },
    'null for instructions': { instructions: null }, 'a number for instructions': { instructions: 5 }, 'texts for instructions': { instructions: ['a', 'b'] }, 'empty instructions': { instructions: '' }, 'null for _meta': { _meta: null, extra: 1 },
  };
  const names = Object.keys(greetings).map((title) => title.replaceAll(/[^a-z0-9]+/g, '-'));
  let servers, gateway;
  before(async () => {
    servers = await Promise.all(Object.values(greetings).map(async (odd) => {
      const server = await OddServer.start();
      server.lists.initialize = { ...hello, ...odd };
      server.lists['tools/list'] = { tools: [good] };
      server.lists['tools/call'] = ({ name }) => ({ content: [{ type: 'text', text: name }] });
      return server;
    }));
    gateway = await startGateway({ settings, config: { mcpServers: Object.fromEntries(names.map((name, i) => [name, { url: servers[i].at('json') }])), gateway: { builtin_tools: false } } });
  });
  after(async () => {
    await gateway.stop();
    for (const server of servers) await server.stop();
  });

  for (const revision of revisions) {
    test(`costs a client of ${revision} nothing: all are listed, and can be called`, async () => {
      const greeting = await (await fetch(`${gateway.url}/mcp`, { method: 'POST', headers: { 'content-type': 'application/json', accept: 'application/json' }, body: rpc(1, 'initialize', initializeParams(revision)) })).json();
      assert.deepEqual(schemaOf(revision).problems('server', greeting, 'initialize'), []);
      assert.equal(greeting.result.instructions, undefined);
      const client = await Client.open(gateway, revision);
      assert.deepEqual((await client.request('tools/list', {})).result.tools.map(({ name }) => name), names.map((name) => `${name}_good`));
      for (const name of names) assert.equal((await client.call(`${name}_good`)).result.content[0].text, 'good');
    });
  }

  test('costs a client of 2026-07-28 nothing', async () => {
    const { json } = await post(gateway.url, messageOf('server/discover'));
    assert.deepEqual(schemaOf('2026-07-28').problems('server', json, 'server/discover'), []);
    assert.deepEqual((await post(gateway.url, messageOf('tools/list'))).json.result.tools.map(({ name }) => name), names.map((name) => `${name}_good`));
  });

  const params = { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 'c', version: '1' } };
  const greet = (odd) => fetch(`${gateway.url}/mcp`, { method: 'POST', headers: { 'content-type': 'application/json', accept: 'application/json' }, body: rpc(7, 'initialize', { ...params, ...odd }) });
  const clients = {
    'null for capabilities': { capabilities: null }, 'true for capabilities': { capabilities: true }, 'an array for capabilities': { capabilities: [] }, 'no capabilities': { capabilities: undefined },
    'odd capabilities': { capabilities: { roots: true, sampling: null, elicitation: 'x', experimental: [], tasks: 7, extensions: [] } }, 'no client': { clientInfo: undefined }, 'null for a client': { clientInfo: null }, 'a text for a client': { clientInfo: 'x' },
    'numbers for a client': { clientInfo: { name: 5, version: 2, title: null } }, 'a version to come': { protocolVersion: '2031-01-01' }, 'an old version': { protocolVersion: '2024-10-07' }, 'an empty version': { protocolVersion: '' }, 'the version without sessions': { protocolVersion: '2026-07-28' },
  };
  for (const [title, odd] of Object.entries(clients)) {
    test(`by a client, ${title}: is answered, and the session serves`, async () => {
      const response = await greet(odd);
      const { result } = await response.json();
      assert.ok(revisions.includes(result.protocolVersion));
      const headers = { 'content-type': 'application/json', accept: 'application/json', 'mcp-session-id': response.headers.get('mcp-session-id'), 'mcp-protocol-version': result.protocolVersion };
      const { result: list } = await (await fetch(`${gateway.url}/mcp`, { method: 'POST', headers, body: rpc(8, 'tools/list', {}) })).json();
      assert.equal(list.tools.length, names.length);
    });
  }

  test('by a client, whose version is no text: is refused, and told why', async () => {
    for (const protocolVersion of [20250618, undefined, null, ['2025-06-18'], {}]) {
      const response = await greet({ protocolVersion });
      assert.equal(response.status, 400);
      const { id, error } = await response.json();
      assert.deepEqual([id, error.code, error.message], [7, -32602, 'initialize: params.protocolVersion must be a string']);
    }
  });
});

describe('a notification that is odd', { timeout: 60000 }, () => {
  const note = (method, params) => ({ jsonrpc: '2.0', method: `notifications/${method}`, params });
  const message = (params) => note('message', params);
  const token = '$token'; // is replaced by that of the call
  const sent = [
    message({ level: 'warn', data: 1 }), message({ level: 'INFO', data: 2 }), message({ level: 5, data: 3 }), message({ data: 4 }), message({ level: 'fatal', message: 5 }), message({ level: 'info' }), message(undefined), message('text'),
    message({ level: 'error', data: null, logger: 5 }), message({ level: null, data: 6, logger: null, _meta: 'x' }),
    note('progress', { progressToken: token, progress: 1, total: '10', message: 5 }), note('progress', { progressToken: token, progress: 2, total: null, message: null }), note('progress', { progress: 1 }), note('progress'), note('progress', { progressToken: token, progress: '50%' }),
    note('resources/updated'), note('resources/updated', { uri: 5 }), note('resources/updated', { uri: 'no scheme' }), note('resources/updated', { uri: 'file:///a b' }), note('tools/list_changed', null), note('prompts/list_changed', { _meta: 7 }),
    note('elicitation/complete', {}), note('elicitation/complete', { elicitationId: null }),
  ];
  const logged = [['warning', 1], ['info', 2], ['info', 3], ['info', 4], ['critical', 5], ['error', null], ['info', 6]];
  let odd, gateway;
  before(async () => {
    odd = await OddServer.start();
    odd.lists.initialize = { protocolVersion: '2025-11-25', capabilities: { tools: {}, logging: {}, resources: { subscribe: true } }, serverInfo: { name: 'odd', version: '1' } };
    odd.before['tools/call'] = ({ _meta }) => sent.map((one) => JSON.stringify(one).replace('"$token"', JSON.stringify(_meta.progressToken)));
    odd.lists['tools/call'] = { content: [] };
    gateway = await startGateway({ settings, config: { mcpServers: { up: { url: odd.at('event') } } } });
  });
  after(async () => {
    await gateway.stop();
    await odd.stop();
  });

  for (const revision of revisions) {
    test(`reaches a client of ${revision} as its schema wants it, or not at all`, async () => {
      const { headers } = await openSession(gateway.url, revision);
      const heard = [];
      const onEvent = ({ json }) => json && heard.push(json);
      const stream = await openStream(`${gateway.url}/mcp`, { headers: { ...headers, accept: 'text/event-stream' }, onEvent });
      await (await fetch(`${gateway.url}/mcp`, { method: 'POST', headers, body: rpc(2, 'logging/setLevel', { level: 'debug' }) })).text();
      const call = await openStream(`${gateway.url}/mcp`, { method: 'POST', headers, body: rpc(3, 'tools/call', { name: 'up_array', _meta: { progressToken: 't' } }), onEvent });
      await call.event(({ json }) => json?.id === 3);
      await stream.event(({ json }) => json?.method === 'notifications/prompts/list_changed');
      const problems = heard.flatMap((one) => schemaOf(revision).problems('server', one, 'tools/call').map((why) => [why, one]));
      assert.deepEqual(problems, []);
      assert.deepEqual(heard.filter(({ method }) => method === 'notifications/message').map(({ params }) => [params.level, params.data]), logged);
      assert.deepEqual(heard.filter(({ method }) => method === 'notifications/resources/updated').map(({ params }) => params.uri), ['file:///a%20b']);
      assert.equal(heard.filter(({ method }) => method === 'notifications/elicitation/complete').length, 0);
      stream.close();
    });
  }

  test('is told in the log when it says nothing', () => gateway.mgw.line(/up: message skipped: data is missing/));
});

test('a description with numbers past 64 bits is read, and names that some clients drop are told of it', (t) => {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'mgw-odd-'));
  t.after(() => fs.rmSync(dir, { recursive: true, force: true }));
  const seed = '{"type":"integer","minimum":-9223372036854776000,"maximum":18446744073709551615}';
  fs.writeFileSync(path.join(dir, 'doc.json'), `{"openapi":"3.0.0","info":{"title":"t","version":"1"},"servers":[{"url":"http://127.0.0.1:9"}],"paths":{"/chat":{"post":{"operationId":"${'chat'.repeat(16)}",
    "requestBody":{"content":{"application/json":{"schema":{"type":"object","properties":{"seed":${seed}}}}}}}}}}`);
  fs.writeFileSync(path.join(dir, 'mgw.json'), JSON.stringify({ mcpServers: { api: { openapi: 'doc.json' } } }));
  const { status, stderr } = spawnSync(mgwRelease, ['--check-config', path.join(dir, 'mgw.json')], { encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  assert.match(stderr, /mcpServers\.api: its tool (chat){16} is called api_(chat){16}, which some clients drop/);
});

describe('names that some clients drop', { timeout: 60000 }, () => {
  const names = ['meta.index', 'browser/click', 'get-thing', 'na\u00efve', '\u{1f525}', 'a b', 'x'.repeat(64), 'y'.repeat(44)];
  let odd;
  before(async () => {
    odd = await OddServer.start();
    odd.lists['tools/list'] = { tools: names.map((name) => ({ name, inputSchema: object })) };
    odd.lists['tools/call'] = { content: [] };
  });
  after(() => odd.stop());
  const open = (gateway) => startGateway({ settings, config: { mcpServers: { up: { url: odd.at('json') } }, gateway: { builtin_tools: false, ...gateway } } });
  const listed = async (client) => (await client.request('tools/list', {})).result.tools.map(({ name }) => name);

  test('stay as they are, and are told', async () => {
    const gateway = await open({});
    assert.deepEqual(await listed(await Client.open(gateway)), names.map((name) => `up_${name}`));
    await gateway.mgw.line(/WARN \[catalog\] up: tools\/list: 6 names are over 60 bytes or have other than letters.*the first is up_meta\.index/);
    await gateway.stop();
  });

  test('are made to fit where that is asked for: each another, always the same, and to be called by', async () => {
    const gateway = await open({ names: 'safe' });
    const client = await Client.open(gateway);
    const shown = await listed(client);
    assert.equal(new Set(shown).size, names.length);
    for (const name of shown) assert.match(name, /^[A-Za-z0-9_-]{1,50}$/);
    assert.deepEqual([shown[2], shown[7]], ['up_get-thing', `up_${'y'.repeat(44)}`]);
    for (const [i, name] of names.entries()) {
      odd.onBody = (body) => { odd.called = JSON.parse(body).params?.name ?? odd.called; };
      assert.equal((await client.call(shown[i])).error, undefined);
      assert.equal(odd.called, name);
    }
    assert.equal(gateway.mgw.count(/names are over/), 0);
    await gateway.stop();
    const again = await open({ names: 'safe' });
    // before any list has been asked for
    const other = await Client.open(again);
    assert.equal((await other.call(shown[0])).error, undefined);
    assert.equal(odd.called, names[0]);
    assert.deepEqual(await listed(other), shown);
    assert.match((await other.call('up_nothing_0123abcd')).error.message, /unknown name/);
    await again.stop();
  });
});
