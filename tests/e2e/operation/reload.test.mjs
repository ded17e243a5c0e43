// SIGHUP takes a whole new configuration while clients, streams and calls go on. How many streams:
// MGW_RELOAD_STREAMS (./dev soak has 9000).

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { ToolListChangedNotificationSchema } from '@modelcontextprotocol/sdk/types.js';
import { connectClient, textOf, trustingFetch } from '../lib/clients.mjs';
import { startGateway, waitFor } from '../lib/gateway.mjs';
import { listen, messageOf } from '../lib/stateless.mjs';
import { openStream } from '../lib/stream.mjs';
import { UpstreamServer } from '../lib/upstream_server.mjs';

const STREAMS = Number(process.env.MGW_RELOAD_STREAMS ?? 40);
const RELOADS = 100;
const rest = (dir, name) => {
  const file = path.join(dir, `${name}.rest.json`);
  fs.writeFileSync(file, JSON.stringify({ tools: { t: { description: 'd', method: 'GET', path: '/t' } } }));
  return { rest: file, base_url: 'http://127.0.0.1:9' };
};

describe('a configuration that is read again', { timeout: 120000 }, () => {
  let gateway, notes, other, fetch;

  const entry = (server) => ({ url: server.url });
  const write = (config) => fs.writeFileSync(path.join(gateway.dir, 'mgw.json'), typeof config === 'string' ? config : JSON.stringify(config, null, 2));
  const reload = async (config, pattern = /INFO \[mgw\] configuration read again/) => {
    const from = gateway.mgw.lines.length;
    write(config);
    gateway.mgw.child.kill('SIGHUP');
    return gateway.mgw.line(pattern, { from });
  };
  const names = async (client) => (await client.listTools()).tools.map((tool) => tool.name);
  const descriptors = () => fs.readdirSync(`/proc/${gateway.mgw.pid}/fd`).length;

  before(async () => {
    [notes, other] = [await UpstreamServer.start(), await UpstreamServer.start()];
    fetch = trustingFetch();
    gateway = await startGateway({ config: { mcpServers: { notes: entry(notes) } } });
  });

  after(async () => {
    fetch.close();
    await gateway.stop();
    await notes.stop();
    await other.stop();
  });

  for (const kind of ['http', 'sse']) {
    test(`brings new tools to clients that are there, and says so (${kind})`, async () => {
      await reload({ mcpServers: { notes: entry(notes) } });
      const client = await connectClient(gateway.tls, kind, { fetch });
      let n = 0;
      client.setNotificationHandler(ToolListChangedNotificationSchema, () => { n++; });
      assert.ok((await names(client)).some((name) => name.startsWith('notes_')));
      await waitFor(() => gateway.mgw.count(/Client connected/) > 0, 'its stream');
      await reload({ mcpServers: { notes: entry(notes), other: entry(other) } });
      await waitFor(() => n > 0, 'list_changed');
      assert.ok((await names(client)).some((name) => name.startsWith('other_')));
      await reload({ mcpServers: { notes: entry(notes) } });
      await waitFor(() => n > 1, 'list_changed');
      assert.ok(!(await names(client)).some((name) => name.startsWith('other_')));
      await client.close();
    });
  }

  test('tells clients without a session by what they listen with', async () => {
    const stream = await listen(gateway.url, messageOf('subscriptions/listen', { notifications: { toolsListChanged: true } }));
    await stream.event((e) => e.json?.method === 'notifications/subscriptions/acknowledged');
    await reload({ mcpServers: { notes: entry(notes), other: entry(other) } });
    await stream.event((e) => e.json?.method === 'notifications/tools/list_changed');
    assert.equal(stream.end, undefined);
    stream.close();
  });

  test('ends no stream and no call in a hundred times, and leaves nothing behind', async () => {
    const plain = { mcpServers: { notes: entry(notes) } };
    const more = { mcpServers: { extra: rest(gateway.dir, 'extra'), notes: entry(notes) }, gateway: { keepalive_s: 20 } };
    await reload(plain);
    const client = await connectClient(gateway.tls, 'http', { fetch });
    const streams = [];
    for (let i = 0; i < STREAMS; i++) streams.push(await openStream(`${gateway.url}/sse`));
    const before = { sessions: notes.sessions.size, deletes: notes.count('DELETE') };
    await reload(more);
    await reload(plain);
    const held = descriptors();
    const call = client.callTool({ name: 'wait', arguments: { seconds: 3 } });
    for (let i = 0; i < RELOADS; i++) await reload(i % 2 === 0 ? more : plain);
    assert.match(textOf(await call), /./);
    assert.equal(streams.filter((stream) => stream.end !== undefined).length, 0);
    assert.deepEqual({ sessions: notes.sessions.size, deletes: notes.count('DELETE') }, before);
    await waitFor(() => descriptors() <= held, 'no more descriptors than before');
    for (const stream of streams) stream.close();
    await client.close();
  });

  test('with a fault leaves all as it was, and says file, line and key', async () => {
    await reload({ mcpServers: { notes: entry(notes) } });
    const client = await connectClient(gateway.tls, 'http', { fetch });
    const all = await names(client);
    const line = await reload(`{\n "mcpServers": {},\n "gateway": {\n  "drain_s": -1\n }\n}`, /mgw\.json:\d+: /);
    assert.match(line, /ERROR \[mgw\] .*mgw\.json:4: gateway\.drain_s: must be a number/);
    await reload('{', /the configuration stays as it was/);
    assert.deepEqual(await names(client), all);
    await client.close();
  });

  test('has calls at what is gone end, or tells why they cannot', async () => {
    const slow = { mcpServers: { notes: entry(notes), other: entry(other) }, gateway: { drain_s: 1 } };
    await reload(slow);
    const client = await connectClient(gateway.tls, 'http', { fetch });
    await names(client);
    const call = client.callTool({ name: 'other_hang', arguments: {} });
    call.catch(() => {});
    await waitFor(() => other.requests.some((r) => r.body?.params?.name === 'hang'), 'the call');
    await reload({ mcpServers: { notes: entry(notes) }, gateway: { drain_s: 1 } });
    await assert.rejects(call, /upstream other: it has been taken out of the configuration/);
    await client.close();
  });
});
