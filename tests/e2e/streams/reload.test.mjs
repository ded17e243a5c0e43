// HAProxy is reloaded (a new certificate, another limit) while streams are open. The old process keeps them and tells mgw,
// at the next byte of each, that it would like them to end. Nothing may be lost on the way to the new process.

import { after, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { LoggingMessageNotificationSchema } from '@modelcontextprotocol/sdk/types.js';
import { connectClient, textOf } from '../lib/clients.mjs';
import { startGateway, waitFor } from '../lib/gateway.mjs';
import { initializeParams, JSON_HEADERS, openSession, openStream, rpc } from '../lib/stream.mjs';
import { UpstreamServer } from '../lib/upstream_server.mjs';

const waitCall = (seconds) => rpc(5, 'tools/call', { name: 'wait', arguments: { seconds } });
const isLog = (event) => event.json?.method === 'notifications/message';

describe('HAProxy reloaded', { timeout: 120000 }, () => {
  let gateway, upstream;
  before(async () => {
    upstream = await UpstreamServer.start();
    gateway = await startGateway({
      haproxyArgs: ['-W'], settings: { KEEPALIVE_S: 0.3, ANSWER_GRACE_MS: 200, RETRY_MS: 300 }, config: { mcpServers: { up: { url: upstream.url } } },
    });
  });
  after(async () => {
    await gateway.stop();
    await upstream.stop();
  });

  /** Resolves when the new process serves; the old one still lives while it has streams. */
  const reload = async () => {
    const from = gateway.haproxy.lines.length;
    gateway.haproxy.child.kill('SIGUSR2');
    await gateway.haproxy.line(/Proxy outside stopped/, { from });
    await waitFor(() => fetch(`${gateway.url}/ready`).then((r) => r.ok, () => false), 'the new process to serve');
    return () => gateway.haproxy.line(/Former worker .* exited with code 0/, { from });
  };
  const openGet = (session, headers = {}) => openStream(`${gateway.url}/mcp`, { headers: { ...session.headers, accept: 'text/event-stream', ...headers } });
  const openPost = (session) => openStream(`${gateway.url}/mcp`, { method: 'POST', headers: session.headers, body: waitCall(6) });

  test('each stream gets an orderly end, a resuming client misses nothing, every call gets its answer', async () => {
    const gets = upstream.count('GET');
    const session = await openSession(gateway.url);
    await fetch(`${gateway.url}/mcp`, { method: 'POST', headers: session.headers, body: '{"jsonrpc":"2.0","method":"notifications/initialized"}' });
    await fetch(`${gateway.url}/mcp`, { method: 'POST', headers: session.headers, body: rpc(2, 'tools/list') }).then((r) => r.text()); // who only says hello has no stream upstream
    await waitFor(() => upstream.count('GET') > gets, 'the upstream GET stream');
    const { server } = upstream.session;
    let said = 0;
    const say = async () => {
      await server.sendLoggingMessage({ level: 'info', data: said++ });
      await server.ping(); // its answer says that mgw has it
    };
    const get = await openGet(session);
    const sse = await openStream(`${gateway.url}/sse`);
    // A client of 2025-06-18 has no event id before the answer, and could not ask for it again.
    const posts = [await openPost(session), await openPost(await openSession(gateway.url, '2025-06-18'))];
    const json = fetch(`${gateway.url}/mcp`, { method: 'POST', headers: { ...session.headers, accept: 'application/json' }, body: waitCall(6) });
    await say();
    await get.event(isLog);

    const gone = await reload();
    while (!get.end) await say();
    await Promise.all([get.ended(), sse.ended()]);
    assert.deepEqual([get.end, sse.end], ['closed', 'closed']);
    assert.ok(Number(get.events.at(-1).retry) > 0, JSON.stringify(get.events.at(-1)));
    await say();
    const last = get.events.filter(isLog).at(-1);
    const resumed = await openGet(session, { 'last-event-id': last.id });
    await say();
    await resumed.event((e) => e.json?.params?.data === said - 1);
    const seen = [get, resumed].flatMap((stream) => stream.events.filter(isLog).map((e) => e.json.params.data));
    assert.deepEqual(seen, Array.from({ length: said }, (_, i) => i));
    resumed.close();

    // A connection that was kept may still lead to the old process, which ends the stream in order: then a client comes back.
    const isGreeted = async () => {
      const again = await openStream(`${gateway.url}/sse`);
      try {
        const { data } = await again.event((e) => e.name === 'endpoint');
        await fetch(gateway.url + data, { method: 'POST', headers: JSON_HEADERS, body: rpc(1, 'initialize', initializeParams('2024-11-05')) });
        return Boolean(await again.event((e) => e.json?.id === 1));
      } catch (error) {
        if (again.end !== 'closed') throw error;
        return false;
      } finally {
        again.close();
      }
    };
    await waitFor(isGreeted, 'a new stream that stays');

    for (const stream of posts) assert.match(textOf((await stream.event((e) => e.json?.id === 5)).json.result), /^Waited/);
    assert.match(textOf((await (await json).json()).result), /^Waited/);
    await gone();
  });

  test("the SDK's client comes back by itself", async () => {
    const heard = [];
    const gets = upstream.count('GET');
    const client = await connectClient(gateway.url, 'http', {
      setUp: (c) => c.setNotificationHandler(LoggingMessageNotificationSchema, ({ params }) => { heard.push(params.data); }),
    });
    await waitFor(() => upstream.count('GET') > gets, 'the upstream GET stream');
    const { server } = upstream.session;
    const say = (data) => server.sendLoggingMessage({ level: 'info', data });
    await say('before');
    await waitFor(() => heard.length === 1, 'the first notification');
    const gone = await reload();
    const slow = client.callTool({ name: 'wait', arguments: { seconds: 1 } });
    await gone(); // all its streams have ended
    await say('after');
    await waitFor(() => heard.length === 2, 'a notification through the new process');
    assert.deepEqual(heard, ['before', 'after']);
    assert.match(textOf(await slow), /^Waited/);
    await client.close();
  });
});
