// Clients of MCP 2026-07-28 on the same endpoint as all others: what a server must answer, by requests written by
// hand; what upstreams of older revisions ask, and the retries that answer them; subscriptions.

import { after, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { textOf } from '../lib/clients.mjs';
import { startGateway, startIdleProxy, waitFor } from '../lib/gateway.mjs';
import { startServer2 } from '../lib/matrix/server2.mjs';
import { headersOf, listen, logLevel, messageOf, metaOf, post, serverInfo, subscriptionId, VERSION } from '../lib/stateless.mjs';
import { openSession, rpc } from '../lib/stream.mjs';
import { UpstreamServer } from '../lib/upstream_server.mjs';

const call = (name, args = {}, options = {}) => messageOf('tools/call', { name, arguments: args }, options);
const listenFor = (notifications, options) => messageOf('subscriptions/listen', { notifications }, options);
const isAck = (e) => e.json?.method === 'notifications/subscriptions/acknowledged';
const roots = { roots: [{ uri: 'file:///home' }] };
const canRoots = { capabilities: { roots: {} } };

describe('a client of MCP 2026-07-28', { timeout: 120000 }, () => {
  let upstream, gateway;
  before(async () => {
    upstream = await UpstreamServer.start();
    gateway = await startGateway({
      config: { mcpServers: { up: { url: upstream.url } } }, settings: { KEEPALIVE_S: 0.3, ANSWER_GRACE_MS: 100, INPUT_WAIT_S: 30 },
    });
  });
  after(async () => {
    await gateway.stop();
    await upstream.stop();
  });

  describe('gets an answer', () => {
    test('to server/discover, with everything that it must hold', async () => {
      const { status, json, headers } = await post(gateway.url, messageOf('server/discover'));
      assert.equal(status, 200);
      assert.equal(json.result.resultType, 'complete');
      assert.ok(json.result.supportedVersions.includes(VERSION));
      assert.ok(json.result.supportedVersions.includes('2025-11-25'));
      assert.ok(json.result.ttlMs >= 0);
      assert.equal(json.result.cacheScope, 'private');
      assert.equal(json.result._meta[serverInfo].name, 'mgw');
      assert.deepEqual(json.result.capabilities.resources, { listChanged: true, subscribe: true });
      assert.equal(headers.get('mcp-session-id'), null);
    });

    test('to lists, calls and reads, with what the revision adds to them', async () => {
      const list = await post(gateway.url, messageOf('tools/list'));
      assert.ok(list.json.result.tools.some((t) => t.name === 'up_hello'));
      assert.deepEqual([list.json.result.resultType, list.json.result.cacheScope], ['complete', 'private']);
      const hello = await post(gateway.url, call('up_hello'));
      assert.equal(textOf(hello.json.result), 'hello from upstream');
      assert.equal(hello.json.result.resultType, 'complete');
      assert.equal('ttlMs' in hello.json.result, false);
      assert.equal(hello.json.result._meta[serverInfo].name, 'mgw');
      const read = await post(gateway.url, messageOf('resources/read', { uri: 'test://a' }));
      assert.deepEqual([read.json.result.contents[0].text, read.json.result.ttlMs >= 0], ['a', true]);
    });

    test('without a session id, whatever it sends', async () => {
      const { status, headers } = await post(gateway.url, messageOf('tools/list'), { 'mcp-session-id': 'made-up', 'last-event-id': '4-2' });
      assert.deepEqual([status, headers.get('mcp-session-id')], [200, null]);
    });

    test('while clients with sessions use the same endpoint', async () => {
      const session = await openSession(gateway.url);
      const [old, stateless] = await Promise.all([
        fetch(`${gateway.url}/mcp`, { method: 'POST', headers: { ...session.headers, accept: 'application/json' }, body: rpc(2, 'tools/list') }),
        post(gateway.url, messageOf('tools/list')),
      ]);
      const { result } = await old.json();
      assert.equal('resultType' in result, false);
      assert.deepEqual(result.tools, stateless.json.result.tools);
      await fetch(`${gateway.url}/mcp`, { method: 'DELETE', headers: session.headers });
      await waitFor(() => upstream.sessions.size === 1, 'the session to end upstream');
    });

    test('that is told as whose protocol it is', async () => {
      const { json } = await post(gateway.url, call('gateway_status'));
      assert.match(json.result.content[0].text, /protocol 2026-07-28\n/);
    });

    test('that is a stream with keep-alives when it is slow', async () => {
      const stream = await listen(gateway.url, call('wait', { seconds: 1.2 }));
      assert.equal(stream.response.headers.get('content-type'), 'text/event-stream');
      const answer = await stream.event((e) => e.json?.id === 1);
      assert.equal(answer.id, undefined);
      assert.equal(answer.json.result.resultType, 'complete');
      assert.ok(stream.comments.filter((c) => c === ': keep-alive').length >= 2, stream.comments.join());
      await stream.ended();
    });
  });

  describe('is refused', () => {
    const hello = call('up_hello');
    const without = (key) => {
      const message = structuredClone(hello);
      delete message.params._meta[`io.modelcontextprotocol/${key}`];
      return message;
    };
    const cases = [
      ['a header Mcp-Method that is missing', hello, { 'mcp-method': undefined }, 400, -32020],
      ['a header Mcp-Method that says something else', hello, { 'mcp-method': 'tools/list' }, 400, -32020],
      ['a header Mcp-Name that is missing', hello, { 'mcp-name': undefined }, 400, -32020],
      ['a header Mcp-Name that says something else', hello, { 'mcp-name': 'echo' }, 400, -32020],
      ['a header MCP-Protocol-Version that is missing', hello, { 'mcp-protocol-version': undefined }, 400, -32020],
      ['a header MCP-Protocol-Version of another revision', hello, { 'mcp-protocol-version': '2025-11-25' }, 400, -32020],
      ['a header MCP-Protocol-Version against a _meta of a revision that nobody speaks',
        call('up_hello', {}, { meta: { 'io.modelcontextprotocol/protocolVersion': 'v999.0.0' } }), {}, 400, -32020],
      ['a header Mcp-Method that says something else, though _meta lacks what it must have', without('clientCapabilities'), { 'mcp-method': 'tools/list' }, 400, -32020],
      ['initialize, which is gone', messageOf('initialize'), {}, 404, -32601],
      ['initialize, which is gone, though it names an older revision', messageOf('initialize', { protocolVersion: '2025-11-25' }), {}, 404, -32601],
      ['no protocolVersion in _meta', without('protocolVersion'), {}, 400, -32602],
      ['no clientCapabilities in _meta', without('clientCapabilities'), {}, 400, -32602],
      ['a log level that is none', call('up_hello', {}, { meta: { [logLevel]: 'loud' } }), {}, 400, -32602],
      ['a method that is not known', messageOf('no/such'), {}, 404, -32601],
      ['ping, which is gone', messageOf('ping'), {}, 404, -32601],
      ['logging/setLevel, which is gone', messageOf('logging/setLevel', { level: 'info' }), {}, 404, -32601],
      ['resources/subscribe, which is gone', messageOf('resources/subscribe', { uri: 'test://a' }), {}, 404, -32601],
    ];
    for (const [what, message, headers, status, code] of cases) {
      test(`for ${what}: ${status}, ${code}`, async () => {
        const answer = await post(gateway.url, message, headers);
        assert.deepEqual([answer.status, answer.json.error.code, answer.json.id], [status, code, 1], answer.text);
        assert.ok(answer.json.error.message.length > 10);
      });
    }

    test('for a revision that is not spoken, which names those that are', async () => {
      const message = call('up_hello', {}, { meta: { 'io.modelcontextprotocol/protocolVersion': '2099-01-01' } });
      const { status, json } = await post(gateway.url, message, { 'mcp-protocol-version': '2099-01-01' });
      assert.deepEqual([status, json.error.code, json.error.data.requested], [400, -32022, '2099-01-01']);
      assert.ok(json.error.data.supported.includes(VERSION));
    });

    test('for a batch, a response and a text that is no JSON', async () => {
      for (const [body, code] of [
        [JSON.stringify([hello]), -32600],
        [JSON.stringify({ jsonrpc: '2.0', id: 1, result: {} }), -32600],
        ['{', -32700],
      ]) {
        const response = await fetch(`${gateway.url}/mcp`, { method: 'POST', headers: headersOf(hello), body });
        assert.deepEqual([response.status, (await response.json()).error.code], [400, code]);
      }
    });

    test('with 405 and Allow for GET and DELETE', async () => {
      for (const method of ['GET', 'DELETE']) {
        const response = await fetch(`${gateway.url}/mcp`, { method, headers: { 'mcp-protocol-version': VERSION, accept: 'text/event-stream' } });
        assert.deepEqual([response.status, response.headers.get('allow')], [405, 'POST']);
      }
    });

    test('and a name in Base64 is not', async () => {
      const { status } = await post(gateway.url, hello, { 'mcp-name': `=?base64?${Buffer.from('up_hello').toString('base64')}?=` });
      assert.equal(status, 200);
    });

    test('and a notification is accepted', async () => {
      const message = { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 1, _meta: metaOf() } };
      const { status, text } = await post(gateway.url, message, { 'mcp-method': undefined });
      assert.deepEqual([status, text], [202, '']);
    });
  });

  test('that closes its connection has cancelled the call', async () => {
    upstream.seen.length = 0;
    const stream = await listen(gateway.url, call('up_hang'));
    await waitFor(() => upstream.seen.includes('call hang'), 'the call to arrive');
    stream.close();
    await waitFor(() => upstream.seen.includes('hang cancelled'), 'the upstream to hear of it');
  });

  describe('whose call the upstream has a question about', () => {
    const ask = async (id = 1, more = {}) => {
      const { json, status } = await post(gateway.url, messageOf('tools/call', { name: 'up_ask', arguments: {}, ...more }, { id, ...canRoots }));
      assert.equal(status, 200);
      assert.equal(json.id, id);
      assert.equal(json.result.resultType, 'input_required');
      const [[key, request]] = Object.entries(json.result.inputRequests);
      return { key, request, requestState: json.result.requestState };
    };
    const retry = (id, params, options = canRoots) => post(gateway.url, messageOf('tools/call', { name: 'up_ask', arguments: {}, ...params }, { id, ...options }));

    test('is asked by the answer, and its retry makes the call go on', async () => {
      const { key, request, requestState } = await ask();
      assert.equal(request.method, 'roots/list');
      const { json } = await retry(2, { requestState, inputResponses: { [key]: roots } });
      assert.deepEqual([json.id, json.result.resultType, textOf(json.result)], [2, 'complete', 'roots: file:///home']);
    });

    test('is asked again when its retry does not hold what was asked for', async () => {
      const first = await ask();
      const second = await ask(2, { requestState: first.requestState, inputResponses: {} });
      assert.deepEqual([second.key, second.request], [first.key, first.request]);
      const { json } = await retry(3, { requestState: second.requestState, inputResponses: { [second.key]: roots, other: {} } });
      assert.equal(textOf(json.result), 'roots: file:///home');
    });

    test('may use a state once', async () => {
      const { key, requestState } = await ask();
      await retry(2, { requestState, inputResponses: { [key]: roots } });
      const { status, json } = await retry(3, { requestState, inputResponses: { [key]: roots } });
      assert.deepEqual([status, json.error.code], [400, -32602]);
      assert.match(json.error.message, /no call waits for this input any more/);
    });

    test('may not change the state, or use it for another request', async () => {
      const { key, requestState } = await ask();
      const forged = requestState.slice(0, -3) + (requestState.endsWith('AAA') ? 'BBB' : 'AAA');
      for (const answer of [
        await retry(2, { requestState: forged, inputResponses: { [key]: roots } }),
        await retry(3, { requestState, inputResponses: { [key]: roots }, arguments: { other: true } }),
        await post(gateway.url, messageOf('tools/call', { name: 'up_hello', arguments: {}, requestState }, canRoots)),
      ]) {
        assert.deepEqual([answer.status, answer.json.error.code], [400, -32602], answer.text);
      }
      const { json } = await retry(4, { requestState, inputResponses: { [key]: roots } });
      assert.equal(textOf(json.result), 'roots: file:///home');
    });

    test('is not asked for what it cannot do: the upstream is told at once', async () => {
      const { json } = await retry(1, {}, {});
      assert.match(textOf(json.result), /^refused within two seconds: .*capability/);
    });
  });

  describe('that listens', () => {
    test('hears of what it calls by no URI, by the URI that all are told', async () => {
      const stream = await listen(gateway.url, listenFor({ resourceSubscriptions: ['test://a b'] }, { id: 'l-blank' }));
      const ack = await stream.event(isAck);
      assert.deepEqual(ack.json.params.notifications.resourceSubscriptions, ['test://a b']);
      await upstream.session.server.sendResourceUpdated({ uri: 'test://a b' });
      const told = await stream.event((e) => e.json?.method === 'notifications/resources/updated');
      assert.equal(told.json.params.uri, 'test://a%20b');
      stream.close();
    });

    test('gets an acknowledgment first, then what it asked for, tagged, and nothing else', async () => {
      const stream = await listen(gateway.url, listenFor({ toolsListChanged: true, resourceSubscriptions: ['test://a', 'test://none'] }, { id: 'l-1' }));
      await stream.event(isAck);
      assert.deepEqual(stream.events[0].json.params.notifications.toolsListChanged, true);
      assert.ok(stream.events[0].json.params.notifications.resourceSubscriptions.includes('test://a'));
      await upstream.session.server.sendPromptListChanged?.().catch(() => {});
      await upstream.session.server.sendResourceUpdated({ uri: 'test://b' });
      await upstream.session.server.sendResourceUpdated({ uri: 'test://a' });
      await upstream.session.server.sendToolListChanged();
      await stream.event((e) => e.json?.method === 'notifications/tools/list_changed');
      assert.deepEqual(stream.events.map((e) => e.json.method.replace('notifications/', '')),
        ['subscriptions/acknowledged', 'resources/updated', 'tools/list_changed']);
      assert.ok(stream.events.every((e) => e.json.params._meta[subscriptionId] === 'l-1'));
      stream.close();
      await waitFor(() => upstream.seen.includes('unsubscribe test://a'), 'the subscription to end upstream');
    });

    test('beside others: each hears what it wants, under its own id', async () => {
      const [one, two] = await Promise.all([
        listen(gateway.url, listenFor({ resourceSubscriptions: ['test://a'] }, { id: 1 })),
        listen(gateway.url, listenFor({ toolsListChanged: true }, { id: 2 })),
      ]);
      await Promise.all([one.event(isAck), two.event(isAck)]);
      await upstream.session.server.sendToolListChanged();
      await upstream.session.server.sendResourceUpdated({ uri: 'test://a' });
      await Promise.all([one.event((e) => e.json.method.endsWith('updated')), two.event((e) => e.json.method.endsWith('list_changed'))]);
      assert.deepEqual([one, two].map((s) => s.events.map((e) => e.json.params._meta[subscriptionId])), [[1, 1], [2, 2]]);
      one.close();
      two.close();
    });

    test('is kept alive', async () => {
      const stream = await listen(gateway.url, listenFor({ toolsListChanged: true }));
      await waitFor(() => stream.comments.filter((c) => c === ': keep-alive').length >= 3, 'three keep-alives');
      stream.close();
    });

    test('is refused a filter that is none', async () => {
      for (const notifications of [undefined, 'all', { toolsListChanged: 'yes' }, { resourceSubscriptions: [1] }]) {
        const { json } = await post(gateway.url, listenFor(notifications));
        assert.equal(json.error.code, -32602, JSON.stringify(notifications));
      }
    });

    test('to more than 1,000 resources is told that this is too much', async () => {
      const uris = Array.from({ length: 1001 }, (_, i) => `test://${i}`);
      const { json } = await post(gateway.url, listenFor({ resourceSubscriptions: uris }));
      assert.deepEqual(json.error, { code: -32602, message: 'params.notifications.resourceSubscriptions: no more than 1000' });
    });
  });
});

describe('a client of MCP 2026-07-28 whose tool wants arguments in headers', { timeout: 60000 }, () => {
  let upstream, gateway;
  before(async () => {
    upstream = await startServer2('next');
    gateway = await startGateway({ config: { mcpServers: { next: { url: upstream.url } } } });
  });
  after(async () => {
    await gateway.stop();
    await upstream.stop();
  });
  const base64 = (text) => `=?base64?${Buffer.from(text).toString('base64')}?=`;

  // The first of them comes before anybody has asked for the list.
  for (const [what, text, header, status] of [
    ['is refused without the header', 'x', undefined, 400],
    ['is refused when the header says something else', 'x', 'y', 400],
    ['is refused when the header is broken Base64', 'x', '=?base64?***?=', 400],
    ['is served when both say the same', 'x', 'x', 200],
    ['is served when the header says it in Base64', 'grüße', base64('grüße'), 200],
  ]) {
    test(what, async () => {
      const { status: got, json } = await post(gateway.url, call('next_say', { text }), { 'mcp-param-text': header });
      assert.equal(got, status, JSON.stringify(json));
      if (status === 200) assert.equal(textOf(json.result), `next: ${text}`);
      else assert.equal(json.error.code, -32020);
    });
  }
});

describe('in time', { timeout: 120000 }, () => {
  let upstream;
  before(async () => { upstream = await UpstreamServer.start(); });
  after(() => upstream.stop());
  const start = (settings) => startGateway({ config: { mcpServers: { up: { url: upstream.url } } }, settings });
  const ask = (gateway, id) => post(gateway.url, messageOf('tools/call', { name: 'up_ask', arguments: {} }, { id, ...canRoots }));

  test('a call whose client does not come back is given up, and its upstream told', async () => {
    const gateway = await start({ INPUT_WAIT_S: 0.5 });
    const { json } = await ask(gateway, 1);
    await gateway.mgw.line(/did not come back with its input in time/);
    const { status, json: late } = await post(gateway.url, messageOf('tools/call', {
      name: 'up_ask', arguments: {}, requestState: json.result.requestState, inputResponses: {},
    }, canRoots));
    assert.deepEqual([status, late.error.code], [400, -32602]);
    await gateway.stop();
  });

  test('a user has room for calls_per_user_max of them, and who listens takes none', async () => {
    const gateway = await start({ CALLS_PER_USER_MAX: 2, ANSWER_GRACE_MS: 100, DRAIN_S: 1 });
    const hello = call('up_hello');
    const greet = () => fetch(`${gateway.url}/mcp`, { method: 'POST', headers: headersOf(hello), body: JSON.stringify(hello) });
    for (let id = 1; id <= 3; id++) await (await listen(gateway.url, listenFor({ toolsListChanged: true }, { id }))).event(isAck);
    assert.equal((await greet()).status, 200);
    const waits = [];
    for (let id = 4; id <= 5; id++) waits.push(await listen(gateway.url, call('wait', { seconds: 60 }, { id })));
    const refused = await greet();
    assert.deepEqual([refused.status, refused.headers.get('retry-after') > 0], [429, true]);
    waits[0].close();
    await waitFor(async () => (await greet()).status === 200, 'room again');
    await gateway.stop();
  });

  test('who listens as often as a user may have streams is refused to listen once more', async () => {
    const gateway = await start({ STREAMS_PER_USER_MAX: 2 });
    const again = () => {
      const message = listenFor({ toolsListChanged: true }, { id: 3 });
      return fetch(`${gateway.url}/mcp`, { method: 'POST', headers: headersOf(message), body: JSON.stringify(message) });
    };
    const streams = [];
    for (let id = 1; id <= 2; id++) streams.push(await listen(gateway.url, listenFor({ toolsListChanged: true }, { id })));
    for (const stream of streams) await stream.event(isAck);
    const refused = await again();
    assert.deepEqual([refused.status, refused.headers.get('retry-after') > 0], [429, true]);
    streams[0].close();
    const more = await waitFor(async () => {
      const response = await again();
      return response.status === 200 && response;
    }, 'room again');
    await more.body.cancel();
    await gateway.stop();
  });

  test('of many calls that wait for input the oldest makes room', async () => {
    const gateway = await start({ CALLS_PER_USER_MAX: 8 });
    const answers = [];
    for (let id = 1; id <= 6; id++) answers.push((await ask(gateway, id)).json);
    assert.ok(answers.every((a) => a.result.resultType === 'input_required'));
    await waitFor(() => gateway.mgw.count(/too many calls wait for input/) === 2, 'two calls to be given up');
    await gateway.stop();
  });

  test('a listener learns of the end when the gateway drains', async () => {
    const gateway = await start({});
    const stream = await listen(gateway.url, listenFor({ toolsListChanged: true }, { id: 'bye' }));
    await stream.event(isAck);
    const stopped = gateway.stop();
    await stream.ended();
    assert.deepEqual(stream.events.at(-1).json, {
      jsonrpc: '2.0', id: 'bye', result: { resultType: 'complete', _meta: { ...stream.events.at(-1).json.result._meta, [subscriptionId]: 'bye' } },
    });
    await stopped;
  });

  test('a waiting call does not hold up a drain', async () => {
    const gateway = await start({ DRAIN_S: 60 });
    await ask(gateway, 1);
    await gateway.stop();
    assert.equal(gateway.mgw.count(/did not end within drain_s/), 0);
  });

  test('a listener and a slow call live through proxies that cut what is idle', async () => {
    const gateway = await start({ KEEPALIVE_S: 0.4, ANSWER_GRACE_MS: 100 });
    const loadBalancer = await startIdleProxy('load_balancer', gateway.httpPort, 1000);
    const cdn = await startIdleProxy('cdn', loadBalancer.port, 1500);
    const url = `http://127.0.0.1:${cdn.port}`;
    const stream = await listen(url, listenFor({ toolsListChanged: true }));
    const slow = await post(url, call('wait', { seconds: 4 }));
    assert.equal(slow.json.result.resultType, 'complete');
    await upstream.session.server.sendToolListChanged();
    await stream.event((e) => e.json?.method === 'notifications/tools/list_changed');
    stream.close();
    await cdn.stop();
    await loadBalancer.stop();
    await gateway.stop();
  });
});
