// The idle proof and its counter-proof: a load balancer and a CDN that cut what is silent stand before the gateway.
// With keep-alive off each kind of stream dies at the load balancer's timeout; with it on each lives on, and the tool
// answers without a reconnect. Times in seconds: { keepalive, lb, cdn }.

import { after, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { asOperator, startGateway, startIdleProxy } from './gateway.mjs';
import { headersOf, messageOf } from './stateless.mjs';
import { initializeParams, openSession, openStream, rpc } from './stream.mjs';
import { UpstreamServer } from './upstream_server.mjs';
import { connectClient, textOf, trustingFetch } from './clients.mjs';

async function startChain({ lb, cdn }, keepalive) {
  const upstream = await UpstreamServer.start();
  const gateway = await startGateway({
    settings: { KEEPALIVE_S: keepalive, DRAIN_S: 1 }, config: { mcpServers: { up: { url: upstream.url } } },
  });
  const balancer = await startIdleProxy('lb', gateway.tlsPort, lb * 1000);
  const edge = await startIdleProxy('cdn', balancer.port, cdn * 1000);
  const trusting = trustingFetch();
  return {
    gateway, upstream, url: `https://localhost:${edge.port}`, fetch: trusting,
    stop: async () => {
      await trusting.close();
      await edge.stop();
      await balancer.stop();
      await gateway.stop();
      await upstream.stop();
    },
  };
}

const waitCall = (seconds) => rpc(7, 'tools/call', { name: 'wait', arguments: { seconds } });

const statelessStream = (chain, message) => openStream(`${chain.url}/mcp`, {
  fetch: chain.fetch, method: 'POST', headers: headersOf(message), body: JSON.stringify(message),
});
const waited = async (stream, times) => {
  const answer = await stream.event((e) => e.json?.id === 7, (3 * times.cdn + 20) * 1000);
  assert.match(textOf(answer.json.result), /^Waited/);
};

/** Each kind of stream: how it is opened through the chain. */
const kinds = {
  'the stream of HTTP+SSE': (chain) => openStream(`${chain.url}/sse`, { fetch: chain.fetch }),
  'the GET stream of Streamable HTTP': async (chain) => {
    const session = await openSession(chain.url, undefined, {}, chain.fetch);
    return openStream(`${chain.url}/mcp`, { fetch: chain.fetch, headers: { ...session.headers, accept: 'text/event-stream' } });
  },
  'the stream of a slow POST': async (chain, times) => {
    const session = await openSession(chain.url, undefined, {}, chain.fetch);
    return openStream(`${chain.url}/mcp`, {
      fetch: chain.fetch, method: 'POST', headers: session.headers, body: waitCall(3 * times.cdn),
    });
  },
  'the stream of a slow POST of 2026-07-28': (chain, times) =>
    statelessStream(chain, messageOf('tools/call', { name: 'wait', arguments: { seconds: 3 * times.cdn } }, { id: 7 })),
  'the stream of subscriptions/listen': (chain) =>
    statelessStream(chain, messageOf('subscriptions/listen', { notifications: { toolsListChanged: true } })),
};

/** How a tool is called on that stream, after the silence; resolves when its answer came on it. */
const uses = {
  'the stream of HTTP+SSE': async (chain, stream) => {
    const { data } = await stream.event((e) => e.name === 'endpoint');
    for (const body of [rpc(1, 'initialize', initializeParams('2024-11-05')),
      rpc(2, 'tools/call', { name: 'echo', arguments: { message: 'awake' } })]) {
      const response = await chain.fetch(chain.url + data, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
      assert.equal(response.status, 202);
      await response.text();
    }
    const answer = await stream.event((e) => e.json?.id === 2);
    assert.equal(textOf(answer.json.result), 'awake');
  },
  'the GET stream of Streamable HTTP': async (chain, stream) => {
    const response = await fetch(`${chain.gateway.stats}/admin/announce`, {
      method: 'POST', headers: asOperator, body: JSON.stringify({ message: 'awake' }),
    });
    await response.text();
    await stream.event((e) => e.json?.params?.data === 'awake');
  },
  'the stream of a slow POST': (chain, stream, times) => waited(stream, times),
  'the stream of a slow POST of 2026-07-28': (chain, stream, times) => waited(stream, times),
  'the stream of subscriptions/listen': async (chain, stream) => {
    for (const { server } of chain.upstream.sessions.values()) await server.sendToolListChanged();
    await stream.event((e) => e.json?.method === 'notifications/tools/list_changed');
  },
};

export function idleProof(times) {
  const kindsOfStream = Object.keys(kinds);

  describe(`keep-alive off: what a silent stream meets (load balancer ${times.lb} s)`, () => {
    let chain;
    before(async () => { chain = await startChain(times, 0); });
    after(() => chain.stop());
    test('every kind of stream dies at the idle timeout', async () => {
      const streams = await Promise.all(kindsOfStream.map((kind) => kinds[kind](chain, times)));
      const started = Date.now();
      for (const [i, stream] of streams.entries()) {
        await stream.ended((times.cdn * 2 + 10) * 1000);
        assert.ok(Date.now() - started < times.cdn * 3000, `${kindsOfStream[i]} should be dead, not at its end`);
        assert.ok(!stream.events.some((e) => e.json?.id === 7), `${kindsOfStream[i]} got an answer`);
      }
    });
  });

  describe(`keep-alive every ${times.keepalive} s: nothing is ever silent`, { concurrency: true }, () => {
    let chain;
    before(async () => { chain = await startChain(times, times.keepalive); });
    after(() => chain.stop());
    for (const kind of kindsOfStream) {
      test(`${kind} lives on, and the tool answers without a reconnect`, async () => {
        const stream = await kinds[kind](chain, times);
        // A POST that waits is silent by itself; the others are left alone for three timeouts of the CDN.
        if (!kind.startsWith('the stream of a slow POST')) await sleep(3 * times.cdn * 1000);
        await uses[kind](chain, stream, times); // on this very response: there is nobody who could reconnect
        const comments = stream.comments.filter((c) => c === ': keep-alive').length;
        assert.ok(comments >= (3 * times.cdn) / times.keepalive - 3, `only ${comments} keep-alives came`);
        stream.close();
      });
    }

    for (const client of ['sse', 'http']) {
      const seconds = Math.max(3 * times.keepalive, 3);

      test(`a call of ${seconds} s answers (${client})`, async () => {
        const c = await connectClient(chain.url, client, { fetch: chain.fetch });
        const answer = await c.callTool({ name: 'wait', arguments: { seconds } }, undefined, { timeout: (seconds + 30) * 1000 });
        assert.match(textOf(answer), /^Waited/);
        await c.close();
      });

      test(`with a progress token the client's own, shorter timer is reset (${client})`, async () => {
        const c = await connectClient(chain.url, client, { fetch: chain.fetch });
        const timeout = times.keepalive * 1700;
        const call = (options) => c.callTool({ name: 'wait', arguments: { seconds } }, undefined, { timeout, ...options });
        const values = [];
        const answer = await call({ onprogress: (p) => values.push(p.progress), resetTimeoutOnProgress: true });
        assert.match(textOf(answer), /^Waited/);
        assert.ok(values.length >= 2 && values.every((v, i) => i === 0 || v > values[i - 1]), `must grow: ${values}`);
        await assert.rejects(call({}), /timed out/i, 'without a token only the answer counts');
        await c.close();
      });
    }
  });
}
