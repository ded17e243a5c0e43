// Servers and clients that are not quite what MCP says, as docs/quirks.md has them: a call always ends, what cannot be read
// costs itself alone, and what leaves is valid by the schema of the client's revision.

import { after, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { answers } from './lib/odd_answers.mjs';
import { OddServer } from './lib/odd_server.mjs';
import { mgwRelease, startGateway, top } from './lib/gateway.mjs';
import { schemaOf } from './lib/matrix/schemas.mjs';
import { openSession, rpc } from './lib/stream.mjs';

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
  ], ['good', 'no_schema', 'null_schema', 'php', 'any_of', 'nulls', 'numbers', 'properties', 'bad_output', 'array_output', 'bad_icons', 'big_number'],
  [/up: tools\/list: string_schema is left out: inputSchema/, /up: tools\/list: bad_output: its outputSchema is left out: /, /up: tools\/list: an entry is left out: name/]],
  'prompts/list': ['prompts', 'name', [
    { name: 'good' }, { name: 'nulls', title: null, description: null, arguments: null }, { name: 'arguments', arguments: [{ name: 'a', required: 'true' }, { description: 'no name' }] },
    { name: 'lua', arguments: {} }, { title: 'no name' }, { name: [] },
  ], ['good', 'nulls', 'arguments', 'lua'], [/up: prompts\/list: an entry is left out: name/]],
  'resources/list': ['resources', 'uri', [
    { uri: 'a:good', name: 'good' }, { uri: 'a:nulls', name: null, mimeType: null, size: null, annotations: null }, { uri: 'a:size', name: 'x', size: '12' },
    { uri: 'a:priority', name: 'x', annotations: { priority: 7, audience: ['robot', 'user'] } }, { name: 'no uri' }, { uri: 'no scheme', name: 'x' }, { uri: null, name: 'x' },
  ], ['a:good', 'a:nulls', 'a:size', 'a:priority'], [/up: resources\/list: an entry is left out: uri/, /up: resources\/list: a:size: left out of it: size/]],
  'resources/templates/list': ['resourceTemplates', 'uriTemplate', [
    { uriTemplate: 'a:{x}', name: 'good' }, { uriTemplate: 'b:{x}', name: null, description: null }, { name: 'none' }, { uriTemplate: 5, name: 'x' },
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
