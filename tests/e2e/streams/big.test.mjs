// Big answers: they pass through in bounded memory, as fast as their client reads, and nobody else waits for them.

import { after, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';
import { once } from 'node:events';
import { connectClient, textOf, trustingFetch } from '../lib/clients.mjs';
import { startGateway, waitFor } from '../lib/gateway.mjs';
import { messageOf, post } from '../lib/stateless.mjs';
import { JSON_HEADERS, initializeParams, openSession, openStream, rpc } from '../lib/stream.mjs';

const MB = 1 << 20;
const result = (id, value) => JSON.stringify({ jsonrpc: '2.0', id, result: value });

/** An MCP server whose tool `big` answers with so many bytes of text: by JSON or as an event, and may break off. */
async function startBig() {
  const written = { bytes: 0, open: 0 };
  const told = {}; // the GET stream, and what a pause waits for
  told.isSeen = new Promise((resolve) => { told.seen = resolve; });
  const write = async (res, text) => {
    written.bytes += text.length;
    if (!res.write(text)) await Promise.race([once(res, 'drain'), once(res, 'close')]);
  };
  const big = async (res, id, { bytes, sse, pretty, end, pause }) => {
    const space = pretty ? '\n  ' : '';
    res.setMaxListeners(0);
    written.open++;
    res.once('close', () => { written.open--; });
    res.writeHead(200, { 'content-type': sse ? 'text/event-stream' : 'application/json' });
    if (sse) await write(res, ': hello\n\nevent: message\nid: 7\ndata: ');
    await write(res, `{${space}"result":${space}{"content":[${space}{"type":"text","text":"`);
    const line = 'All work and no play makes \\"Jack\\" a dull boy \\u00e9\\n'.repeat(300);
    for (let left = bytes; left > 0 && !res.destroyed; left -= line.length) await write(res, line.slice(0, left >= line.length ? line.length : 0));
    if (pause === 'within') await new Promise((resolve) => { setTimeout(resolve, 60000).unref(); res.once('close', resolve); });
    if (pause === 'between') {
      await write(res, '"},');
      await new Promise((resolve) => { setTimeout(resolve, 1500); });
      await write(res, '{"type":"text","text":"');
    }
    if (pause === 'told') await told.isSeen; // what the test has said by the other stream
    if (end === 'cut') return res.destroy();
    if (end === 'garbage') return res.end('"}]]}}\n\n');
    await write(res, `"}]}${space},"jsonrpc":"2.0","id":${id}}`);
    return res.end(sse ? '\n\n' : '\n');
  };
  const server = http.createServer(async (req, res) => {
    if (req.method === 'GET') {
      told.stream = res.writeHead(200, { 'content-type': 'text/event-stream' });
      return res.flushHeaders();
    }
    if (req.method !== 'POST') return res.writeHead(405).end();
    const chunks = [];
    for await (const chunk of req) chunks.push(chunk);
    const { id, method, params } = JSON.parse(Buffer.concat(chunks));
    if (id === undefined) return res.writeHead(202).end();
    if (method === 'tools/call') return big(res, id, params.arguments);
    const answer = method === 'initialize' ? { protocolVersion: params.protocolVersion, capabilities: { tools: {} }, serverInfo: { name: 'big', version: '1' } }
      : { tools: [{ name: 'big', inputSchema: { type: 'object' }, annotations: { readOnlyHint: true } }] };
    return res.writeHead(200, { 'content-type': 'application/json' }).end(result(id, answer));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${server.address().port}/mcp`, written, told,
    stop: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** The same by HTTP+SSE: its answers are events of one stream, their id last. */
async function startBigSse() {
  const written = { bytes: 0 };
  const streams = [];
  const write = async (stream, text) => {
    written.bytes += text.length;
    if (!stream.write(text)) await Promise.race([once(stream, 'drain'), once(stream, 'close')]);
  };
  const big = async (stream, id, { bytes }) => {
    await write(stream, 'event: message\ndata: {"result":{"content":[{"type":"text","text":"');
    const line = 'All work and no play makes \\"Jack\\" a dull boy \\u00e9\\n'.repeat(300);
    for (let left = bytes; left >= line.length && !stream.destroyed; left -= line.length) await write(stream, line);
    await write(stream, `"}]},"jsonrpc":"2.0","id":${id}}\n\n`);
  };
  const server = http.createServer(async (req, res) => {
    if (req.method === 'GET') {
      const n = streams.push(res.setMaxListeners(0).writeHead(200, { 'content-type': 'text/event-stream' })) - 1;
      return write(res, `event: endpoint\ndata: /message?${n}\n\n`);
    }
    const chunks = [];
    for await (const chunk of req) chunks.push(chunk);
    const { id, method, params } = JSON.parse(Buffer.concat(chunks));
    const stream = streams[new URL(req.url, 'http://localhost').search.slice(1)];
    res.writeHead(202).end();
    if (id === undefined) return undefined;
    if (method === 'tools/call') return big(stream, id, params.arguments);
    const answer = method === 'initialize' ? { protocolVersion: '2024-11-05', capabilities: { tools: {} }, serverInfo: { name: 'big', version: '1' } }
      : { tools: [{ name: 'big', inputSchema: { type: 'object' } }] };
    return write(stream, `event: message\ndata: ${result(id, answer)}\n\n`);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${server.address().port}/sse`, type: 'sse', written,
    stop: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** Waits until an upstream writes no more. */
async function rest(written) {
  let before;
  await waitFor(async () => {
    const rests = before === written.bytes;
    before = written.bytes;
    await new Promise((resolve) => { setTimeout(resolve, 300); });
    return rests;
  }, 'the upstream to rest');
}

const hash = (text) => createHash('sha256').update(text).digest('hex');
const rssKb = (pid) => Number(/VmRSS:\s+(\d+)/.exec(fs.readFileSync(`/proc/${pid}/status`, 'utf8'))[1]);
const callBig = (args, name = 'big_big') => rpc(5, 'tools/call', { name, arguments: args });
const lengthOf = (bytes) => {
  const line = 'All work and no play makes "Jack" a dull boy \u00e9\n'.repeat(300);
  const raw = 'All work and no play makes \\"Jack\\" a dull boy \\u00e9\\n'.repeat(300).length;
  return { text: line.repeat(Math.floor(bytes / raw)) };
};

describe('a big answer', { timeout: 180000 }, () => {
  let big, gateway;
  before(async () => {
    big = await startBig();
    gateway = await startGateway({ config: { mcpServers: { big: { url: big.url } } } });
  });
  after(async () => {
    await gateway.stop();
    await big.stop();
  });

  for (const [how, args] of [['JSON', {}], ['JSON with line ends', { pretty: true }], ['an event', { sse: true }]]) {
    for (const kind of ['http', 'sse']) {
      test(`that comes as ${how} is whole (${kind})`, async () => {
        const client = await connectClient(gateway.url, kind);
        const answer = await client.callTool({ name: 'big_big', arguments: { bytes: 3 * MB, ...args } });
        assert.equal(hash(textOf(answer)), hash(lengthOf(3 * MB).text));
        await client.close();
      });
    }
  }

  for (const [how, args, accept] of [['an event', { sse: true }], ['JSON', {}], ['JSON', { pretty: true }, 'application/json']]) {
    test(`that comes as ${how} is whole for a client of 2026-07-28, and has what the revision adds (${accept ?? 'a stream'})`, async () => {
      const message = messageOf('tools/call', { name: 'big_big', arguments: { bytes: 3 * MB, ...args } });
      const { text, json } = await post(gateway.url, message, accept && { accept });
      assert.equal(hash(textOf(json.result)), hash(lengthOf(3 * MB).text));
      assert.equal(json.result.resultType, 'complete');
      assert.match(text.slice(0, 200), /"result":{"resultType":"complete",/, 'it was relayed');
    });
  }

  for (const http2 of [false, true]) {
    // HAProxy 2.6 ends a cut HTTP/2 body in order: there such answers are gathered before they are sent.
    test(`is plain JSON for a client that takes no stream, and never looks whole when it breaks off (HTTP/${http2 ? 2 : 1.1})`, async () => {
      const by = trustingFetch({ http2 });
      const session = await openSession(gateway.tls, undefined, {}, by);
      const call = (args) => by(`${gateway.tls}/mcp`, {
        method: 'POST', headers: { ...session.headers, accept: 'application/json' }, body: callBig({ bytes: 3 * MB, ...args }),
      });
      for (const sse of [false, true]) {
        const response = await call({ sse });
        assert.equal(response.headers.get('content-type'), 'application/json');
        assert.equal(response.headers.get('content-length') !== null, http2);
        assert.equal(hash(textOf((await response.json()).result)), hash(lengthOf(3 * MB).text));
        for (const end of ['cut', 'garbage']) {
          const broken = await call({ sse, end });
          if (http2) assert.match((await broken.json()).error.message, /upstream big: /);
          else await assert.rejects(broken.text(), TypeError);
        }
      }
      await by.close();
    });
  }

  for (const end of ['cut', 'garbage']) {
    test(`that ends badly (${end}, an event) ends in one clear error`, async () => {
      const session = await openSession(gateway.url);
      const stream = await openStream(`${gateway.url}/mcp`, {
        method: 'POST', headers: session.headers, body: callBig({ bytes: 3 * MB, end, sse: true }),
      });
      await stream.ended();
      const answers = stream.events.filter((e) => e.json?.id === 5);
      assert.equal(answers.length, 1);
      assert.match(answers[0].json.error.message, /upstream big: /);
      assert.equal(stream.end, 'closed');
    });

    for (const sse of [false, true]) {
      test(`that ends badly (${end}, ${sse ? 'an event' : 'JSON'}) ends in one clear error for a client of HTTP+SSE`, async () => {
        const client = await connectClient(gateway.url, 'sse');
        await assert.rejects(client.callTool({ name: 'big_big', arguments: { bytes: 3 * MB, end, sse } }), /upstream big: /);
        await client.close();
      });
    }
  }

  for (const [how, sse] of [['JSON', false], ['an event', true]]) {
    // The Python SDK reads no event whose line has a mebibyte.
    test(`goes on as ${how}, as its server sent it, to a client that takes both`, async () => {
      const session = await openSession(gateway.url);
      const response = await fetch(`${gateway.url}/mcp`, { method: 'POST', headers: session.headers, body: callBig({ bytes: 3 * MB, sse }) });
      assert.equal(response.headers.get('content-type'), sse ? 'text/event-stream' : 'application/json');
      await response.text();
    });
  }

  test('is whole though its user may hold less than what waits for a client that reads late', async () => {
    const tight = await startGateway({ config: { mcpServers: { big: { url: big.url } } }, settings: { MEMORY_PER_USER_MAX_BYTES: 100000 } });
    const session = await openSession(tight.url);
    for (const args of [{ sse: true }, {}]) {
      const response = await fetch(`${tight.url}/mcp`, { method: 'POST', headers: session.headers, body: callBig({ bytes: 20 * MB, ...args }) });
      await rest(big.written); // all on the way is full
      const text = await response.text();
      const json = args.sse ? text.split('\n').filter((line) => line.startsWith('data: {')).at(-1).slice(6) : text;
      assert.equal(hash(textOf(JSON.parse(json).result)), hash(lengthOf(20 * MB).text));
    }
    await tight.stop();
  });

  test('that pauses between two values is kept alive, one that stalls within a value ends in an error', async () => {
    const live = await startGateway({ config: { mcpServers: { big: { url: big.url } } }, settings: { KEEPALIVE_S: 0.4 } });
    const session = await openSession(live.url);
    const call = (args) => openStream(`${live.url}/mcp`, { method: 'POST', headers: session.headers, body: callBig({ bytes: 3 * MB, sse: true, ...args }) });
    const between = await call({ pause: 'between' });
    await between.ended();
    assert.ok(between.comments.filter((c) => c === ': keep-alive').length >= 2, `${between.comments}`);
    const { content } = between.events.find((e) => e.json?.id === 5).json.result;
    assert.equal(hash(content[0].text), hash(lengthOf(3 * MB).text));
    assert.equal(content.length, 2);
    const within = await call({ pause: 'within' });
    await within.ended();
    assert.match(within.events.find((e) => e.json?.id === 5).json.error.message, /upstream big: it stalled/);
    await live.stop();
  });

  test('whose client stalls until the proxy cuts it is given up', async () => {
    const impatient = await startGateway({ config: { mcpServers: { big: { url: big.url } } }, haproxy: { MGW_CLIENT_TIMEOUT: '1s' } });
    const session = await openSession(impatient.url);
    const response = await fetch(`${impatient.url}/mcp`, { method: 'POST', headers: session.headers, body: callBig({ bytes: 400 * MB, sse: true }) });
    const reader = response.body.getReader();
    await reader.read();
    assert.equal(big.written.open, 1);
    await impatient.mgw.line(/Client disconnected/);
    await waitFor(() => big.written.open === 0, 'the upstream to be told');
    await assert.rejects(async () => { while (!(await reader.read()).done); }, /terminated/);
    await impatient.stop();
  });

  test('whose client leaves is not fetched to its end', async () => {
    const session = await openSession(gateway.url);
    const abort = new AbortController();
    const response = await fetch(`${gateway.url}/mcp`, {
      method: 'POST', headers: session.headers, body: callBig({ bytes: 400 * MB }), signal: abort.signal,
    });
    const reader = response.body.getReader();
    await reader.read();
    await fetch(`${gateway.url}/mcp`, { method: 'DELETE', headers: session.headers });
    abort.abort();
    const before = big.written.bytes;
    await waitFor(async () => {
      const now = big.written.bytes;
      await new Promise((resolve) => { setTimeout(resolve, 200); });
      return now === big.written.bytes;
    }, 'the upstream to stop');
    assert.ok(big.written.bytes - before < 100 * MB, 'it was told');
  });
});

test('a big answer that has begun as JSON stays so: what its server says meanwhile goes by the other stream', { timeout: 60000 }, async () => {
  const big = await startBig();
  const gateway = await startGateway({ config: { mcpServers: { big: { url: big.url } } } });
  const session = await openSession(gateway.url);
  const stream = await openStream(`${gateway.url}/mcp`, { headers: session.headers });
  await waitFor(() => big.told.stream, 'the gateway to listen');
  const response = await fetch(`${gateway.url}/mcp`, { method: 'POST', headers: session.headers, body: callBig({ bytes: 3 * MB, pause: 'told' }) });
  assert.equal(response.headers.get('content-type'), 'application/json');
  big.told.stream.write(`event: message\ndata: ${JSON.stringify({ jsonrpc: '2.0', method: 'notifications/message', params: { level: 'info', data: 'meanwhile' } })}\n\n`);
  await stream.event((e) => e.json?.params?.data === 'meanwhile');
  big.told.seen();
  assert.equal(hash(textOf((await response.json()).result)), hash(lengthOf(3 * MB).text));
  stream.close();
  await gateway.stop();
  await big.stop();
});

for (const [kind, start] of [['HTTP', startBig], ['HTTP+SSE', startBigSse]]) {
  test(`50 MB pass in a few buffers, at the pace of a client that pauses, and nobody waits for it (${kind})`, { timeout: 120000 }, async () => {
    const big = await start();
    const gateway = await startGateway({ release: true, config: { mcpServers: { big: { url: big.url, type: big.type } } } });
    const sessions = [await openSession(gateway.url), await openSession(gateway.url)];
    const post = (session, body) => fetch(`${gateway.url}/mcp`, { method: 'POST', headers: session.headers, body });
    const drink = async (sse, accept) => {
      const session = accept ? { headers: { ...sessions[0].headers, accept } } : sessions[0];
      const response = await post(session, callBig({ bytes: 50 * MB, sse }));
      const parts = [];
      const since = big.written.bytes;
      let peak = 0;
      let hasPaused = false;
      for await (const chunk of response.body) {
        parts.push(Buffer.from(chunk));
        peak = Math.max(peak, rssKb(gateway.mgw.pid));
        if (hasPaused || parts.length < 100) continue;
        hasPaused = true;
        // Nobody reads now: the upstream must come to rest, and others be served.
        await rest(big.written);
        assert.ok(big.written.bytes - since < 40 * MB, `${big.written.bytes - since} bytes were taken from it`);
        const other = await (await post(sessions[1], rpc(6, 'tools/call', { name: 'echo', arguments: { message: 'me too' } }))).json();
        assert.equal(textOf(other.result), 'me too');
      }
      const text = Buffer.concat(parts).toString();
      const data = text.startsWith('{') ? [text] : text.split('\n').filter((l) => l.startsWith('data: ')).map((l) => l.slice(6)).filter((d) => d !== '');
      assert.equal(data.length, 1);
      assert.equal(hash(textOf(JSON.parse(data[0]).result)), hash(lengthOf(50 * MB).text));
      return peak;
    };
    await drink(false); // a heap has its working size only after some use
    const before = rssKb(gateway.mgw.pid);
    for (const how of [[false], [true], [false, 'application/json']]) {
      const peak = await drink(...how);
      assert.ok(peak - before <= 2048, `memory grew by ${peak - before} kB (${how})`);
    }
    await gateway.stop();
    await big.stop();
  });
}

/** A session of the sse era whose stream is read only when it is asked for: next(fits) is the first event that fits, with its bytes. */
async function openEraA(url) {
  const response = await fetch(`${url}/sse`, { headers: { accept: 'text/event-stream' } });
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  let parts = [];
  const next = async (fits, onChunk) => {
    for (;;) {
      const text = parts.length === 1 ? parts[0] : parts.join('');
      const end = text.indexOf('\n\n');
      if (end >= 0) {
        const data = /^data: (.*)$/ms.exec(text.slice(0, end))?.[1] ?? '';
        parts = [text.slice(end + 2)];
        if (fits(data)) return data;
        continue;
      }
      for (let ended = false; !ended;) {
        const { value, done } = await reader.read();
        assert.ok(!done, 'the stream is open');
        parts.push(decoder.decode(value, { stream: true }));
        ended = parts.at(-1).includes('\n\n') || parts.at(-1).startsWith('\n');
        await onChunk?.();
      }
    }
  };
  const endpoint = await next((data) => data.startsWith('/message'));
  const send = (body) => fetch(`${url}${endpoint}`, { method: 'POST', headers: JSON_HEADERS, body });
  await send(rpc(1, 'initialize', initializeParams('2024-11-05')));
  await next((data) => data.includes('"id":1'));
  await send(JSON.stringify({ jsonrpc: '2.0', method: 'notifications/initialized' }));
  return { send, next, close: () => reader.cancel() };
}

test('50 MB pass in a few buffers to a client of the sse era, whose other answers come after', { timeout: 120000 }, async () => {
  const big = await startBig();
  const gateway = await startGateway({ release: true, config: { mcpServers: { big: { url: big.url } } } });
  const session = await openEraA(gateway.url);
  const drink = async (sse) => {
    let peak = 0;
    let chunks = 0;
    const since = big.written.bytes;
    await session.send(callBig({ bytes: 50 * MB, sse }));
    const data = await session.next((text) => text.includes('"result":'), async () => {
      peak = Math.max(peak, rssKb(gateway.mgw.pid));
      if (++chunks !== 100) return;
      await rest(big.written);
      assert.ok(big.written.bytes - since < 40 * MB, `${big.written.bytes - since} bytes were taken from it`);
      await session.send(rpc(6, 'tools/call', { name: 'echo', arguments: { message: 'after' } }));
    });
    const { id, result: { content } } = JSON.parse(data);
    assert.equal(id, 5);
    assert.equal(hash(content[0].text), hash(lengthOf(50 * MB).text));
    assert.equal(textOf(JSON.parse(await session.next((text) => text.includes('"id":6'))).result), 'after');
    return peak;
  };
  await drink(false);
  const before = rssKb(gateway.mgw.pid);
  for (const sse of [false, true]) {
    const peak = await drink(sse);
    assert.ok(peak - before <= 2048, `memory grew by ${peak - before} kB (${sse ? 'an event' : 'JSON'})`);
  }
  await session.close();
  await gateway.stop();
  await big.stop();
});
