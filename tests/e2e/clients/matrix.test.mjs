// Clients of every revision of MCP meet upstreams of every revision and a REST API: each does with each all that both know.
// The table is printed at the end; all that mgw says to either side is held against the schema of the revision spoken there.

import { after, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { LocalServer } from '../lib/local_server.mjs';
import { Client1, Client2 } from '../lib/matrix/clients.mjs';
import { schemaOf } from '../lib/matrix/schemas.mjs';
import { seen, Sheet, Stage, upstreams } from '../lib/matrix/stage.mjs';
import { Conversation, HttpTap, Judge } from '../lib/matrix/tap.mjs';
import { openSession, rpc } from '../lib/stream.mjs';

const clients = [
  { title: '2024-11-05 SSE', revision: '2024-11-05', name: 'c2024-11', Client: Client1, path: '/sse' },
  { title: '2025-03-26', revision: '2025-03-26', name: 'c2025-03', Client: Client1, path: '/mcp' },
  { title: '2025-06-18', revision: '2025-06-18', name: 'c2025-06', Client: Client1, path: '/mcp' },
  { title: '2025-11-25', revision: '2025-11-25', name: 'c2025-11', Client: Client1, path: '/mcp' },
  { title: '2026-07-28', revision: '2026-07-28', name: 'c2026-07', Client: Client2, path: '/mcp' },
];

const throughGateway = clients.flatMap((client) => upstreams.map((upstream) => ({ client, upstream, way: 'mgw' })));
const directly = upstreams.filter(({ revision, path: at }) => at || revision === '2026-07-28')
  .map((upstream) => ({ client: clients.find(({ revision }) => revision === upstream.revision), upstream, way: 'nothing' }));

class WrongServer extends LocalServer {
  serve(req, res) {
    res.writeHead(200, { 'content-type': this.answer.type }).end(this.answer.text);
  }

  forget() {}
}

describe('the matrix', { timeout: 150000 }, () => {
  const stage = new Stage();
  const sheet = new Sheet();
  const connected = new Map();
  let gateway;
  before(async () => {
    gateway = await stage.startGateway();
    for (const client of clients) {
      const { Client, revision, name } = client;
      const connecting = stage.connectThrough(gateway, { ...client, connect: (url) => Client.connect(url, revision, name) });
      connecting.catch(() => {}); // each of its squares says so
      connected.set(client.name, connecting);
    }
    await Promise.allSettled(connected.values());
  });
  after(() => stage.stop());

  describe('without mgw', { concurrency: true }, () => {
    for (const square of directly) {
      const { client: { Client, revision, name }, upstream } = square;
      test(`${square.client.title} and ${upstream.title}`, { timeout: 60000 }, async () => {
        const entry = await stage.startUpstream({ ...upstream, title: `${upstream.title}, directly` }, ['client', 'server']);
        const client = await Client.connect(entry.url ? new URL(entry.url) : entry, revision, name);
        await sheet.playAll(square, client, seen(upstream, ''));
        await client.close();
      });
    }
  });

  describe('through mgw', { concurrency: true }, () => {
    for (const square of throughGateway) {
      test(`${square.client.title} and ${square.upstream.title}`, { timeout: 60000 }, async () => {
        await sheet.playAll(square, await connected.get(square.client.name), seen(square.upstream, `${square.upstream.name}_`));
      });
    }
  });

  // Raw, since no SDK sends these.
  for (const { title, revision } of clients.filter((client) => client.Client === Client1 && client.path === '/mcp')) {
    test(`${title}: what is refused, and batches`, { timeout: 30000 }, async () => {
      const url = `http://127.0.0.1:${await stage.tapped(gateway.httpPort, `client ${title}, refused`, revision, ['server'])}`;
      const { headers } = await openSession(url, revision);
      const post = async (body, other = {}) => {
        const answer = await fetch(`${url}/mcp`, { method: 'POST', headers: { ...headers, ...other }, body });
        return { status: answer.status, json: JSON.parse(await answer.text()) };
      };
      const refused = [
        ['{'], ['{}'], [rpc(1.5, 'ping')], [rpc(2, 'no/such')], [rpc(3, 'tools/call')], [rpc(4, 'tools/call', { name: 'nothing' })],
        [rpc(5, 'tools/list', { cursor: 'x' })], [rpc(6, 'logging/setLevel', { level: 'loud' })], [rpc(7, 'initialize', {})],
        [rpc(8, 'ping'), { 'mcp-session-id': 'nobody' }], [rpc(9, 'ping'), { 'mcp-protocol-version': '1999-01-01' }],
      ];
      for (const [body, other] of refused) assert.ok((await post(body, other)).json.error, body);
      const batch = await post(`[${rpc(10, 'ping')}, ${rpc(11, 'tools/list')}, ${rpc(12, 'no/such')}]`);
      if (revision === '2025-03-26') assert.deepEqual(batch.json.map(({ id }) => id).sort(), [10, 11, 12]);
      else assert.equal(batch.status, 400);
    });
  }

  test('all that was said is as the schemas want it', async (t) => {
    await stage.stop();
    assert.deepEqual(stage.violations(t), []);
  });

  test('the table', (t) => {
    sheet.print(t, [...directly, ...throughGateway]);
    assert.equal(sheet.size, directly.length + throughGateway.length);
  });
});

describe('the judge', () => {
  const said = (revision, side, message, method) => schemaOf(revision).problems(side, message, method).length;
  const result = (value) => ({ jsonrpc: '2.0', id: 1, result: value });

  for (const { revision } of clients) {
    const complete = revision < '2026-07-28' ? {} : { resultType: 'complete', ttlMs: 0, cacheScope: 'private' };
    test(`knows right from wrong in ${revision}`, () => {
      const tool = { name: 'say', inputSchema: { type: 'object' } };
      assert.equal(said(revision, 'server', result({ tools: [tool], ...complete }), 'tools/list'), 0);
      assert.notEqual(said(revision, 'server', result({ tools: [{ ...tool, name: 1 }], ...complete }), 'tools/list'), 0);
      assert.notEqual(said(revision, 'server', result({ tools: [tool], ...complete }), undefined), 0, 'not asked for');
      assert.notEqual(said(revision, 'server', { jsonrpc: '2.0', id: 1, error: { code: 'x', message: '' } }), 0);
      assert.notEqual(said(revision, 'client', { jsonrpc: '2.0', id: 1, method: 'tools/call', params: {} }), 0);
      assert.notEqual(said(revision, 'server', { jsonrpc: '2.0', method: 'notifications/initialized' }), 0);
    });
  }

  test('knows which revision has what', () => {
    const elicit = { jsonrpc: '2.0', id: 1, method: 'elicitation/create', params: { message: 'who?', requestedSchema: { type: 'object', properties: {} } } };
    assert.deepEqual(clients.map(({ revision }) => said(revision, 'server', elicit) === 0), [false, false, true, true, false]);
    assert.notEqual(said('2025-11-25', 'server', result({ content: [], resultType: 'complete' }), 'tools/call'), 0);
    assert.notEqual(said('2026-07-28', 'server', result({ content: [] }), 'tools/call'), 0);
  });

  test('wants each change on the stream of who listens, and nothing else there', () => {
    const key = 'io.modelcontextprotocol/subscriptionId';
    const changed = (id) => ({ jsonrpc: '2.0', method: 'notifications/tools/list_changed', params: { _meta: { [key]: id } } });
    const progress = { jsonrpc: '2.0', method: 'notifications/progress', params: { progressToken: 1, progress: 1, _meta: { [key]: 7 } } };
    const judged = new Judge('here', '2026-07-28', ['server']);
    const conversation = new Conversation(judged);
    conversation.saw('client', { jsonrpc: '2.0', id: 7, method: 'subscriptions/listen' });
    conversation.saw('server', changed(7));
    assert.deepEqual(judged.violations, []);
    for (const wrong of [changed(8), changed('7'), progress]) conversation.saw('server', wrong);
    assert.equal(judged.violations.length, 3, judged.violations.join('\n'));
  });

  test('sees what passes a tap, in JSON and in events', async () => {
    const wrong = JSON.stringify({ jsonrpc: '2.0', id: 1, result: {} });
    const server = await WrongServer.start();
    const judged = new Judge('here', '2026-07-28', ['client', 'server']);
    const tap = await HttpTap.startFor(server.port, judged);
    for (const type of ['application/json', 'text/event-stream']) {
      server.answer = { type, text: type === 'application/json' ? wrong : `data: ${wrong}\n\n` };
      judged.violations.length = 0;
      await (await fetch(tap.url, { method: 'POST', body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list', params: {} }) })).text();
      for (const word of [/no ListToolsRequest/, /MCP-Protocol-Version is undefined/, /Mcp-Method is undefined/, /no ListToolsResult/]) {
        assert.ok(judged.violations.some((violation) => word.test(violation)), `${word} is not in ${judged.violations.join('\n')}`);
      }
    }
    await tap.stop();
    await server.stop();
  });
});
