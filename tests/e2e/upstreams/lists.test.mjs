// The merged lists are printed once for all who see the same, kept in memory that is counted, and made anew when a server's list is another.

import { after, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { OddServer } from '../lib/odd_server.mjs';
import { asOperator, startGateway, waitFor } from '../lib/gateway.mjs';
import { messageOf, post } from '../lib/stateless.mjs';
import { openSession, rpc } from '../lib/stream.mjs';

const object = { type: 'object' };
const tool = (name) => ({ name, description: `what ${name} does, \u00e9\n"quoted"`, inputSchema: object });
const tools = (n, prefix = 't') => Array.from({ length: n }, (_, i) => tool(`${prefix}${i}`));

async function ask(gateway, headers, method, params = {}) {
  const response = await fetch(`${gateway.url}/mcp`, { method: 'POST', headers: { ...headers, accept: 'application/json' }, body: rpc(1, method, params) });
  return JSON.parse(await response.text());
}

/** All pages, and how many entries each has. */
async function pages(request) {
  const all = [], sizes = [];
  let cursor;
  do {
    const { result, error } = await request(cursor === undefined ? {} : { cursor });
    if (cursor !== undefined && error?.code === -32602) return pages(request); // the list has become shorter meanwhile
    all.push(...result.tools);
    sizes.push(result.tools.length);
    cursor = result.nextCursor;
  } while (cursor !== undefined);
  return { all, sizes };
}

async function listBytes(gateway) {
  const text = await (await fetch(`${gateway.stats}/metrics`, { headers: asOperator })).text();
  return Number(/^mgw_memory_bytes\{kind="list"\} (\d+)$/m.exec(text)[1]);
}

describe('merged lists', { timeout: 120000 }, () => {
  let first, second, gateway;
  const settings = { CATALOG_AGE_S: 1 };
  before(async () => {
    first = await OddServer.start();
    second = await OddServer.start();
    first.lists['tools/list'] = { tools: tools(1200) };
    second.lists['tools/list'] = { tools: [...tools(1300, 'u'), { ...tool('old'), outputSchema: { type: 'array', items: {} } }] };
    gateway = await startGateway({
      settings,
      config: { mcpServers: { first: { url: first.at('json') }, second: { url: second.at('json'), prefix: 'zwei-' } }, gateway: { builtin_tools: false } },
    });
  });
  after(async () => {
    await gateway.stop();
    await first.stop();
    await second.stop();
  });

  const opened = [];
  const sessionOf = async (revision) => {
    const { headers } = await openSession(gateway.url, revision);
    opened.push(headers);
    return headers;
  };
  const listOf = async (headers) => pages((params) => ask(gateway, headers, 'tools/list', params));
  const ofStateless = () => pages(async (params) => (await post(gateway.url, messageOf('tools/list', params))).json);

  test('are the same for all of a revision, page by page, whoever asks first', async () => {
    const names = [...tools(1200).map(({ name }) => `first_${name}`), ...[...tools(1300, 'u').map(({ name }) => name), 'old'].map((name) => `zwei-${name}`)];
    for (const revision of ['2025-11-25', '2024-11-05', '2025-11-25']) {
      const { all, sizes } = await listOf(await sessionOf(revision));
      assert.deepEqual(sizes, [1000, 1000, 501]);
      assert.deepEqual(all.map(({ name }) => name), names);
      assert.deepEqual(all[7], { ...tool('t7'), name: 'first_t7' });
      assert.equal(all.at(-1).outputSchema, undefined);
    }
  });

  test('have what a client without a session may know beyond', async () => {
    const { all, sizes } = await ofStateless();
    assert.deepEqual(sizes, [1000, 1000, 501]);
    assert.deepEqual(all.at(-1).outputSchema, { type: 'array', items: {} });
    const { json } = await post(gateway.url, messageOf('tools/list'));
    assert.equal(json.result.resultType, 'complete');
    assert.equal(typeof json.result.ttlMs, 'number');
  });

  test('of a cursor that nobody was given there is no page', async () => {
    const headers = await sessionOf();
    for (const cursor of ['0', '-1', '3000', 'x']) assert.equal((await ask(gateway, headers, 'tools/list', { cursor })).error.code, -32602, cursor);
  });

  test('take memory once, however many sessions ask', async () => {
    const one = await listBytes(gateway);
    assert.ok(one > 300_000, String(one));
    for (let i = 0; i < 20; i++) await listOf(await sessionOf('2025-11-25'));
    assert.ok(await listBytes(gateway) <= one, `${await listBytes(gateway)} of ${one}`);
  });

  test('are made anew when a server has another', async () => {
    const headers = await sessionOf();
    second.lists['tools/list'] = { tools: [tool('new')] };
    await waitFor(async () => (await listOf(headers)).all.at(-1).name === 'zwei-new', 'the new list');
    assert.equal((await listOf(headers)).all.length, 1201);
    await waitFor(async () => (await ofStateless()).all.length === 1201, 'the new list, for clients without a session');
    first.lists['tools/list'] = { tools: [] };
    await waitFor(async () => (await listOf(await sessionOf())).all.length === 1, 'a list of one');
    // Sessions that have not asked since hold what they had.
    for (const headers of opened) await fetch(`${gateway.url}/mcp`, { method: 'DELETE', headers });
    await waitFor(async () => (await ofStateless()).all.length === 1 && await listBytes(gateway) < 100_000, 'the old lists to go');
  });
});

test('a list that takes more memory than there is for its server is told, and is nobody else\'s harm', { timeout: 60000 }, async () => {
  const odd = await OddServer.start();
  odd.lists['tools/list'] = { tools: tools(4000) };
  const gateway = await startGateway({
    settings: { MEMORY_PER_USER_MAX_BYTES: 6_000_000 },
    config: { mcpServers: { up: { url: odd.at('json') } }, gateway: { builtin_tools: false } },
  });
  const { headers } = await openSession(gateway.url);
  const { result } = await ask(gateway, headers, 'tools/list');
  await gateway.mgw.line(/WARN \[upstream\] up: .*memory/);
  assert.ok(result === undefined || result.tools.length < 4000);
  assert.equal((await ask(gateway, headers, 'ping')).error, undefined);
  await gateway.stop();
  await odd.stop();
});
