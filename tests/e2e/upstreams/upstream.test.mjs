// What upstreams do to a gateway: they are away, come back, die, forget, notify and ask; and what they must not get.

import { afterEach, beforeEach, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { ListRootsRequestSchema, LoggingMessageNotificationSchema, ResourceUpdatedNotificationSchema, ToolListChangedNotificationSchema } from '@modelcontextprotocol/sdk/types.js';
import { connectClient, textOf } from '../lib/clients.mjs';
import { freePort, startGateway, waitFor } from '../lib/gateway.mjs';
import { openSession, rpc } from '../lib/stream.mjs';
import { UpstreamServer } from '../lib/upstream_server.mjs';

const callOf = (name, args = {}) => ({ name, arguments: args });
const relaying = (url) => ({ config: { mcpServers: { up: { url } } } });

describe('an upstream', { timeout: 300000 }, () => {
  let upstream, gateway, clients;
  const connect = async (kind, options) => {
    const client = await connectClient(gateway.url, kind, options);
    clients.push(client);
    return client;
  };
  beforeEach(async () => {
    clients = [];
    upstream = await UpstreamServer.start();
    gateway = await startGateway(relaying(upstream.url));
  });
  afterEach(async () => {
    await Promise.all(clients.map((client) => client.close()));
    await gateway.stop();
    await upstream.stop();
  });

  for (const kind of ['sse', 'http']) {
    test(`that forgets the session gets a new one, unseen (${kind})`, async () => {
      const client = await connect(kind);
      assert.equal(textOf(await client.callTool(callOf('up_hello'))), 'hello from upstream');
      await upstream.restart();
      assert.equal(textOf(await client.callTool(callOf('up_hello'))), 'hello from upstream');
      assert.equal(upstream.count('POST', 'initialize'), 2);
    });

    test(`that forgets the session while many calls come makes one new session (${kind})`, async () => {
      const client = await connect(kind);
      await client.callTool(callOf('up_hello'));
      upstream.sessions.clear();
      const answers = await Promise.all(Array.from({ length: 20 }, () => client.callTool(callOf('up_hello'))));
      assert.ok(answers.every((a) => textOf(a) === 'hello from upstream'));
      assert.equal(upstream.count('POST', 'initialize'), 2);
      assert.equal(upstream.sessions.size, 1);
    });

    test(`that notifies on its GET stream is heard (${kind})`, async () => {
      const heard = [];
      const client = await connect(kind, {
        setUp: (c) => c.setNotificationHandler(LoggingMessageNotificationSchema, ({ params }) => { heard.push(params.data); }),
      });
      await waitFor(() => upstream.count('GET') > 0, 'the upstream GET stream');
      await client.callTool(callOf('up_notify', { data: 'n', n: 3 }));
      await waitFor(() => heard.length >= 3, 'the notifications');
      assert.deepEqual(heard, ['n0', 'n1', 'n2']);
    });

    test(`that forgot the session is heard again without a call (${kind})`, async () => {
      const heard = [];
      await connect(kind, {
        setUp: (c) => c.setNotificationHandler(LoggingMessageNotificationSchema, ({ params }) => { heard.push(params.data); }),
      });
      await waitFor(() => upstream.count('GET') > 0, 'the upstream GET stream');
      const gets = upstream.count('GET');
      await upstream.restart();
      await waitFor(() => upstream.session && upstream.count('GET') >= gets + 2, 'a session made again with its GET stream');
      await waitFor(async () => {
        await upstream.session.server.sendLoggingMessage({ level: 'info', data: 'again' });
        return heard.length > 0;
      }, 'the notification');
      assert.equal(heard[0], 'again');
    });

    test(`asks the client on its GET stream and gets the answer (${kind})`, async () => {
      const client = await connect(kind, {
        capabilities: { roots: { listChanged: true } },
        setUp: (c) => c.setRequestHandler(ListRootsRequestSchema, () => ({ roots: [{ uri: 'file:///r' }] })),
      });
      await waitFor(() => upstream.count('GET') > 0, 'the upstream GET stream');
      assert.equal(textOf(await client.callTool(callOf('up_ask', { alone: true }))), 'roots: file:///r');
      assert.equal(textOf(await client.callTool(callOf('up_ask'))), 'roots: file:///r');
    });

    test(`hears of the client's progress with its question (${kind})`, async () => {
      const client = await connect(kind, {
        capabilities: { roots: {} },
        setUp: (c) => c.setRequestHandler(ListRootsRequestSchema, async ({ params }, { sendNotification }) => {
          await sendNotification({ method: 'notifications/progress', params: { progressToken: params._meta.progressToken, progress: 7 } });
          return { roots: [] };
        }),
      });
      await client.callTool(callOf('up_ask'));
      await waitFor(() => upstream.seen.includes('progress 7'), 'the progress at the upstream');
    });

    test(`learns that the client's roots have changed (${kind})`, async () => {
      const client = await connect(kind, { capabilities: { roots: { listChanged: true } } });
      await client.sendRootsListChanged();
      await waitFor(() => upstream.seen.includes('roots changed'), 'roots/list_changed at the upstream');
    });

    test(`completes arguments (${kind})`, async () => {
      const client = await connect(kind);
      const { completion } = await client.complete({
        ref: { type: 'ref/resource', uri: 'test://{x}' }, argument: { name: 'x', value: 'pa' },
      });
      assert.deepEqual(completion.values, ['paris']);
    });

    test(`is subscribed to, tells of updates, and is unsubscribed from (${kind})`, async () => {
      const updated = [];
      const client = await connect(kind, {
        setUp: (c) => c.setNotificationHandler(ResourceUpdatedNotificationSchema, ({ params }) => { updated.push(params.uri); }),
      });
      await client.subscribeResource({ uri: 'test://a' });
      assert.deepEqual(upstream.seen, ['subscribe test://a']);
      await waitFor(() => upstream.count('GET') > 0, 'the upstream GET stream');
      await upstream.session.server.sendResourceUpdated({ uri: 'test://a' });
      await waitFor(() => updated.length > 0, 'resources/updated');
      assert.deepEqual(updated, ['test://a']);
      await client.unsubscribeResource({ uri: 'test://a' });
      assert.deepEqual(upstream.seen, ['subscribe test://a', 'unsubscribe test://a']);
    });

    test(`that dies in mid-call costs that call a clear error, at once (${kind})`, async () => {
      const client = await connect(kind);
      const call = client.callTool(callOf('up_hang'));
      const failed = assert.rejects(call, /upstream up: /);
      await waitFor(() => upstream.seen.includes('call hang'), 'the call at the upstream');
      const died = Date.now();
      await upstream.stop();
      await failed;
      assert.ok(Date.now() - died < 5000, 'the error must not wait for a timer');
      assert.equal(textOf(await client.callTool(callOf('echo', { message: 'ours lives' }))), 'ours lives');
      await upstream.listen();
      assert.equal(textOf(await client.callTool(callOf('up_hello'))), 'hello from upstream');
    });

    test(`never sees the caller's Authorization header (${kind})`, async () => {
      const client = await connect(kind, { headers: { Authorization: 'Bearer secret-of-the-caller', Cookie: 'a=secret' } });
      await client.callTool(callOf('up_hello'));
      await waitFor(() => upstream.count('GET') > 0, 'the upstream GET stream');
      assert.ok(upstream.requests.length >= 4);
      assert.doesNotMatch(JSON.stringify(upstream.requests), /secret|authorization|cookie/i);
    });
  }

  test('is not asked for a task, which nobody has declared (2025-11-25)', async () => {
    const { headers } = await openSession(gateway.url);
    const body = rpc(2, 'tools/call', { ...callOf('up_hello'), task: { ttl: 60000 } });
    const { result } = await (await fetch(`${gateway.url}/mcp`, { method: 'POST', headers, body })).json();
    assert.equal(textOf(result), 'hello from upstream');
    const { params } = upstream.requests.find((r) => r.body?.method === 'tools/call').body;
    assert.deepEqual([params.name, params.task], ['hello', undefined]);
  });

  test('is told with DELETE when a client of the session era ends its session', async () => {
    const client = await connect('http');
    const [id] = upstream.sessions.keys();
    await client.transport.terminateSession();
    await waitFor(() => upstream.sessions.size === 0, 'DELETE at the upstream');
    assert.deepEqual(upstream.requests.filter((r) => r.method === 'DELETE').map((r) => r.headers['mcp-session-id']), [id]);
  });

  test('is told with DELETE when a client of the sse era leaves', async () => {
    const client = await connect('sse');
    assert.equal(upstream.sessions.size, 1);
    await client.close();
    await waitFor(() => upstream.sessions.size === 0, 'DELETE at the upstream');
    assert.equal(upstream.count('DELETE'), 1);
  });

  test('is told with DELETE when the gateway goes down', async () => {
    await connect('http');
    await gateway.mgw.stop();
    await waitFor(() => upstream.sessions.size === 0, 'DELETE at the upstream');
    gateway.mgw = await gateway.startMgw();
  });

  test('that asks a client without a stream gets an error at once', async () => {
    const { headers } = await openSession(gateway.url);
    const initialized = await fetch(`${gateway.url}/mcp`, {
      method: 'POST', headers, body: JSON.stringify({ jsonrpc: '2.0', method: 'notifications/initialized' }),
    });
    assert.equal(initialized.status, 202);
    await fetch(`${gateway.url}/mcp`, { method: 'POST', headers, body: rpc(2, 'tools/list') }); // who only says hello has none
    await waitFor(() => upstream.count('GET') > 0, 'the upstream GET stream');
    // The SDK's server asks only clients with the capability: other servers ask all the same.
    upstream.session.server._clientCapabilities = { roots: {} };
    for (const alone of [true, false]) {
      const response = await fetch(`${gateway.url}/mcp`, {
        method: 'POST', headers: { ...headers, accept: 'application/json' }, body: rpc(7, 'tools/call', callOf('up_ask', { alone })),
      });
      assert.equal(response.status, 200);
      const { result } = await response.json();
      assert.match(textOf(result), /^refused within two seconds: .*client/);
    }
  });
});

describe('an upstream that is down at the start', { timeout: 60000 }, () => {
  for (const kind of ['sse', 'http']) {
    test(`costs its own tools only, and comes back by itself (${kind})`, async () => {
      const port = await freePort();
      const gateway = await startGateway({ ...relaying(`http://127.0.0.1:${port}/mcp`), settings: { UPSTREAM_RETRY_S: 0.1, UPSTREAM_RETRY_MAX_S: 1 } });
      const client = await connectClient(gateway.url, kind);
      const changed = new Promise((resolve) => client.setNotificationHandler(ToolListChangedNotificationSchema, resolve));
      let upstream;
      try {
        const { tools } = await client.listTools();
        assert.deepEqual(tools.map((t) => t.name).sort(), ['echo', 'gateway_status', 'wait']);
        await gateway.mgw.line(/WARN \[upstream\] up: .*its entries are missing until it is back/);
        await assert.rejects(client.callTool(callOf('up_hello')), /upstream up: /);
        upstream = await UpstreamServer.start(port);
        await changed;
        assert.equal(textOf(await client.callTool(callOf('up_hello'))), 'hello from upstream');
        assert.ok((await client.listTools()).tools.some((t) => t.name === 'up_hello'));
      } finally {
        await client.close();
        await gateway.stop();
        await upstream?.stop();
      }
    });
  }
});
