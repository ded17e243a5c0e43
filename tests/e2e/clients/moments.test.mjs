// What comes when nobody expects it: methods of another era, questions before and inside of big answers, ends of those who
// are still at their beginning.

import { after, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { textOf } from '../lib/clients.mjs';
import { record, Peer, request, TYPE } from '../lib/fastcgi.mjs';
import { answerTo, beginSse, event, fault, FaultServer, sendJson, tools } from '../lib/fault_server.mjs';
import { startGateway, waitFor } from '../lib/gateway.mjs';
import { LocalServer } from '../lib/local_server.mjs';
import { headersOf, listen, messageOf, post, subscriptionId, VERSION } from '../lib/stateless.mjs';
import { StatelessServer } from '../lib/stateless_server.mjs';
import { initializeParams, JSON_HEADERS, openSession, openStream, rpc } from '../lib/stream.mjs';

const call = (name, args = {}, more = {}, options = {}) => messageOf('tools/call', { name, arguments: args, ...more }, options);
const listenFor = (notifications) => messageOf('subscriptions/listen', { notifications });
const isAck = (e) => e.json?.method === 'notifications/subscriptions/acknowledged';

describe('a client that mixes up the eras', { timeout: 60000 }, () => {
  let gateway;
  before(async () => { gateway = await startGateway(); });
  after(() => gateway.stop());
  const alien = [
    ['server/discover', {}], ['subscriptions/listen', { notifications: { toolsListChanged: true } }], ['tasks/get', { taskId: 'x' }],
  ];

  test('is told in a session that it does not know the methods of 2026-07-28', async () => {
    const { headers } = await openSession(gateway.url);
    for (const [method, params] of alien) {
      const response = await fetch(`${gateway.url}/mcp`, { method: 'POST', headers, body: rpc(2, method, params) });
      assert.deepEqual([response.status, (await response.json()).error?.code], [200, -32601], method);
    }
  });

  test('is told so over HTTP+SSE too, whose requests have no answer of their own', async () => {
    const sse = await openStream(`${gateway.url}/sse`);
    const endpoint = (await sse.event((e) => e.name === 'endpoint')).data;
    const send = (body) => fetch(`${gateway.url}${endpoint}`, { method: 'POST', headers: JSON_HEADERS, body });
    await send(rpc(1, 'initialize', initializeParams('2024-11-05')));
    for (const [method, params] of alien) {
      await send(rpc(method, method, params));
      assert.equal((await sse.event((e) => e.json?.id === method)).json.error?.code, -32601);
    }
    sse.close();
  });

  test('opens a session with initialize, whatever its header says', async () => {
    const response = await fetch(`${gateway.url}/mcp`, {
      method: 'POST', headers: { ...JSON_HEADERS, 'mcp-protocol-version': VERSION }, body: rpc(1, 'initialize', initializeParams()),
    });
    assert.deepEqual([response.status, (await response.json()).result?.protocolVersion], [200, '2025-11-25']);
    assert.ok(response.headers.get('mcp-session-id'));
  });

  test('cannot listen where it takes no stream', async () => {
    for (const accept of ['application/json', '*/*']) {
      const { status, json } = await post(gateway.url, listenFor({ toolsListChanged: true }), { accept });
      assert.deepEqual([status, json.error.code, json.id], [406, -32600, 1]);
    }
  });
});

describe('a listener whose resources have no known owner yet', { timeout: 60000 }, () => {
  let one, two;
  const start = (settings) => startGateway({ config: { mcpServers: { one: { url: one.url }, two: { url: two.url } } }, settings });
  before(async () => {
    [one, two] = [await FaultServer.start(), await FaultServer.start()];
    one.faults['resources/list'] = fault.hang;
  });
  after(() => Promise.all([one.stop(), two.stop()]));
  const message = listenFor({ resourceSubscriptions: ['x://y'] });

  test('is sent away when the proxy is reloaded', async () => {
    const gateway = await start({});
    const peer = await Peer.connect(gateway.socket);
    peer.send(request(1, '/mcp', { body: JSON.stringify(message), headers: headersOf(message) }));
    await waitFor(() => one.count('resources/list') === 1, 'the lists to be asked for');
    const { body } = await peer.send(record(TYPE.ABORT_REQUEST, 1)).answer(1);
    assert.match(body, /"resultType":"complete"/);
    await gateway.stop();
  });

  test('does not hold up a drain', async () => {
    const gateway = await start({ DRAIN_S: 60 });
    one.seen.length = 0;
    const stream = await listen(gateway.url, message);
    await waitFor(() => one.count('resources/list') === 1, 'the lists to be asked for');
    const stopped = gateway.stop();
    await stream.ended();
    assert.equal(stream.events.at(-1).json.result?._meta[subscriptionId], 1);
    await stopped;
  });
});

describe('a resource that several listen to', { timeout: 60000 }, () => {
  let upstream, gateway;
  before(async () => {
    upstream = await FaultServer.start();
    gateway = await startGateway({
      config: { mcpServers: { up: { url: upstream.url } } }, settings: { UPSTREAM_RETRY_S: 0.2, UPSTREAM_RETRY_MAX_S: 0.2 },
    });
  });
  after(async () => {
    await gateway.stop();
    await upstream.stop();
  });
  const uris = (method) => upstream.all(method).map((m) => m.params.uri);

  test('stays subscribed to when one leaves while another has not begun', async () => {
    let answerSlow;
    upstream.faults['resources/subscribe'] = (req, res, msg, server) => {
      if (msg.params.uri === 'fault://slow') answerSlow = () => server.answer(req, res, msg);
      else server.answer(req, res, msg);
    };
    const first = await listen(gateway.url, listenFor({ resourceSubscriptions: ['fault://a', 'fault://b'] }));
    await first.event(isAck);
    const second = await listen(gateway.url, listenFor({ resourceSubscriptions: ['fault://a', 'fault://slow'] }));
    await waitFor(() => answerSlow, 'the slow subscription to arrive');
    first.close();
    await waitFor(() => uris('resources/unsubscribe').includes('fault://b'), 'the other resource to be let go');
    answerSlow();
    const ack = await second.event(isAck);
    assert.deepEqual(ack.json.params.notifications.resourceSubscriptions, ['fault://a', 'fault://slow']);
    assert.deepEqual(uris('resources/unsubscribe'), ['fault://b']);
    second.close();
    await waitFor(() => uris('resources/unsubscribe').length === 3, 'the rest to be let go');
    delete upstream.faults['resources/subscribe'];
  });

  test('is subscribed to a few at a time where many are', async () => {
    const many = Array.from({ length: 40 }, (_, i) => `fault://many/${i}`);
    const held = [];
    let most = 0;
    upstream.faults['resources/subscribe'] = (req, res, msg, server) => {
      most = Math.max(most, held.push(() => server.answer(req, res, msg)));
    };
    const stream = await listen(gateway.url, listenFor({ resourceSubscriptions: many }));
    for (let n = 0; n < many.length; n++) (await waitFor(() => held.shift(), 'another subscription'))();
    const ack = await stream.event(isAck);
    assert.deepEqual(ack.json.params.notifications.resourceSubscriptions, many);
    assert.ok(most <= 16, `${most} at once`);
    stream.close();
    delete upstream.faults['resources/subscribe'];
  });

  test('is not subscribed to again for who has left while its server was down', async () => {
    const stream = await listen(gateway.url, listenFor({ resourceSubscriptions: ['fault://gone'] }));
    const kept = await listen(gateway.url, listenFor({ resourceSubscriptions: ['fault://kept'] }));
    await Promise.all([stream.event(isAck), kept.event(isAck)]);
    upstream.sessions.clear();
    upstream.faults.initialize = fault.status(503);
    let from = gateway.mgw.lines.length;
    await post(gateway.url, call('up_write'));
    await gateway.mgw.line(/entries are missing/, { from });
    from = gateway.mgw.lines.length;
    stream.close();
    await gateway.mgw.line(/Client disconnected/, { from });
    upstream.seen.length = 0;
    delete upstream.faults.initialize;
    await waitFor(() => uris('resources/subscribe').includes('fault://kept'), 'the resource that is listened to');
    await post(gateway.url, messageOf('resources/list'));
    assert.deepEqual(uris('resources/subscribe'), ['fault://kept']);
    kept.close();
  });
});

describe('an upstream that loses calls', { timeout: 60000 }, () => {
  /** HTTP+SSE at one address; calls are not answered, but for those after the first stream. */
  class SseServer extends LocalServer {
    calls = [];
    n = 0;

    forget() {}

    async serve(req, res) {
      if (req.method === 'GET') {
        this.stream = beginSse(res);
        this.n++;
        res.write('event: endpoint\ndata: /message\n\n');
        return;
      }
      let text = '';
      for await (const chunk of req) text += chunk;
      const msg = JSON.parse(text);
      if (req.url !== '/message') return res.writeHead(405).end();
      res.writeHead(202).end();
      if (msg.method === 'tools/list') this.stream.write(event({ jsonrpc: '2.0', id: msg.id, result: { tools } }));
      else if (msg.method === 'tools/call' && this.n === 1) this.calls.push(msg);
      else if (msg.id !== undefined) this.stream.write(event(answerTo(msg)));
    }
  }

  test('with its stream of HTTP+SSE gets those again that do no harm twice', async () => {
    const upstream = await SseServer.start();
    const gateway = await startGateway({ config: { mcpServers: { up: { url: upstream.url } } } });
    await post(gateway.url, messageOf('tools/list'));
    const answers = Promise.all(['read', 'again', 'write', 'read'].map((name, id) => post(gateway.url, call(`up_${name}`, {}, {}, { id }))));
    await waitFor(() => upstream.calls.length === 4, 'the calls to arrive');
    upstream.stream.destroy();
    const said = (await answers).map(({ json }) => (json.result ? textOf(json.result) : json.error.code));
    assert.deepEqual(said, ['did read', 'did again', -32603, 'did read']);
    await gateway.stop();
    await upstream.stop();
  });

  test('and its session, and comes back as one of 2026-07-28, is not told what was meant for the session', async () => {
    const upstream = await FaultServer.start();
    upstream.faults['server/discover'] = fault.status(404);
    const gateway = await startGateway({ config: { mcpServers: { up: { url: upstream.url } } } });
    await post(gateway.url, messageOf('tools/list'));
    await waitFor(() => upstream.streams.size === 1, 'the stream of the session');
    let discover;
    upstream.faults['server/discover'] = (req, res, msg) => {
      discover = () => sendJson(res, answerTo(msg, { resultType: 'complete', supportedVersions: [VERSION], capabilities: { tools: {} } }));
    };
    upstream.faults['tools/call'] = (req, res, msg) => sendJson(res, answerTo(msg));
    upstream.faults.initialize = fault.json((msg) => ({ jsonrpc: '2.0', id: msg.id, error: { code: -32022, message: 'gone', data: { supported: [VERSION] } } }));
    upstream.sessions.clear();
    upstream.push({ jsonrpc: '2.0', id: 'ping', method: 'ping' });
    await waitFor(() => discover, 'the gateway to ask how it is spoken to');
    discover();
    const { json } = await post(gateway.url, call('up_read'));
    assert.equal(textOf(json.result), 'did read');
    await gateway.stop();
    await upstream.stop();
  });
});

describe('a question', { timeout: 60000 }, () => {
  const canElicit = { capabilities: { elicitation: {} } };
  const canRoots = { capabilities: { roots: {} } };

  for (const accept of ['application/json, text/event-stream', 'application/json']) {
    test(`right before a big answer comes first: ${accept}`, async () => {
      const upstream = await FaultServer.start();
      let finish;
      upstream.faults['tools/call'] = (req, res, msg) => {
        const answer = event(answerTo(msg, { content: [{ type: 'text', text: 'x'.repeat(1e6) }] }));
        beginSse(res).write(event({ jsonrpc: '2.0', id: 7, method: 'roots/list' }) + answer.slice(0, -9));
        finish = () => res.end(answer.slice(-9));
      };
      upstream.faults.reply = (req, res) => {
        res.writeHead(202).end();
        finish();
      };
      const gateway = await startGateway({ config: { mcpServers: { up: { url: upstream.url } } } });
      const { json: { result } } = await post(gateway.url, call('up_read', {}, {}, canRoots), { accept });
      assert.equal(result.resultType, 'input_required');
      const inputResponses = { [Object.keys(result.inputRequests)[0]]: { roots: [] } };
      const { json } = await post(gateway.url, call('up_read', {}, { requestState: result.requestState, inputResponses }, { id: 2, ...canRoots }), { accept });
      assert.deepEqual([json.id, textOf(json.result).length], [2, 1e6]);
      await gateway.stop();
      await upstream.stop();
    });
  }

  describe('of a server of 2026-07-28 that is as big as a big answer', () => {
    let upstream, gateway;
    before(async () => {
      upstream = await StatelessServer.start();
      upstream.answers['tools/call'] = ({ params }) => (params.inputResponses
        ? { content: [{ type: 'text', text: `${params.inputResponses.key.action} in ${params.requestState}` }] }
        : {
          resultType: 'input_required',
          requestState: 'theirs',
          inputRequests: {
            key: {
              method: 'elicitation/create',
              params: { mode: 'form', message: 'm'.repeat(1e6), requestedSchema: { type: 'object', properties: {} } },
            },
          },
        });
      gateway = await startGateway({ config: { mcpServers: { up: { url: upstream.url } } } });
    });
    after(async () => {
      await gateway.stop();
      await upstream.stop();
    });

    test('comes to a client of its era with a state of ours', async () => {
      const { json: { result: { requestState, inputRequests } } } = await post(gateway.url, call('up_tool', {}, {}, canElicit));
      assert.equal(inputRequests.key.params.message.length, 1e6);
      const inputResponses = { key: { action: 'decline' } };
      const { json } = await post(gateway.url, call('up_tool', {}, { requestState, inputResponses }, { id: 2, ...canElicit }));
      assert.equal(textOf(json.result), 'decline in theirs');
    });

    test('comes to a client with a session as a request', async () => {
      const session = await openSession(gateway.url);
      const stream = await openStream(`${gateway.url}/mcp`, { method: 'POST', headers: session.headers, body: rpc(2, 'tools/call', { name: 'up_tool', arguments: {} }) });
      const { json } = await stream.event((e) => e.json?.method === 'elicitation/create');
      await fetch(`${gateway.url}/mcp`, {
        method: 'POST', headers: session.headers, body: JSON.stringify({ jsonrpc: '2.0', id: json.id, result: { action: 'decline' } }),
      });
      assert.equal(textOf((await stream.event((e) => e.json?.id === 2)).json.result), 'decline in theirs');
    });
  });
});
