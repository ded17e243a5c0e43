// Bodies of any framing: with a length, in chunks, by HTTP/2 without a length. What is trusted of a request stays HAProxy's to say.

import { after, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import http from 'node:http';
import http2 from 'node:http2';
import { once } from 'node:events';
import { asOperator, startGateway, testCertificate, waitFor } from '../lib/gateway.mjs';
import { FaultServer, fault } from '../lib/fault_server.mjs';
import { initializeParams, JSON_HEADERS, openSession, rpc } from '../lib/stream.mjs';

const KB = 1024;
const echo = (n) => rpc(7, 'tools/call', { name: 'echo', arguments: { message: 'ü'.repeat(n / 2) } });

/** A POST in pieces. Returns { status, headers, text }. */
async function inChunks(url, headers, pieces, pause) {
  const req = http.request(url, { method: 'POST', headers });
  const responded = once(req, 'response');
  responded.catch(() => {});
  for (const piece of pieces) {
    req.write(piece);
    await pause?.();
  }
  req.end();
  const [res] = await responded;
  const chunks = [];
  for await (const chunk of res) chunks.push(chunk);
  return { status: res.statusCode, headers: res.headers, text: Buffer.concat(chunks).toString() };
}

/** The same by HTTP/2, where a request says no length unless its headers do. */
async function byHttp2(gateway, headers, pieces) {
  const client = http2.connect(gateway.tls, { ca: testCertificate().ca });
  const stream = client.request({ ':method': 'POST', ':path': '/mcp', ...headers });
  for (const piece of pieces) stream.write(piece);
  stream.end();
  const [head] = await once(stream, 'response');
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  client.close();
  return { status: head[':status'], headers: head, text: Buffer.concat(chunks).toString() };
}

const cut = (text, n) => Array.from({ length: Math.ceil(text.length / n) }, (_, i) => text.slice(i * n, (i + 1) * n));

describe('a body without a length', { timeout: 120000 }, () => {
  let up, gateway, session;
  before(async () => {
    up = await FaultServer.start();
    gateway = await startGateway({
      config: { mcpServers: { up: { url: up.url } }, gateway: { auth: { anonymous: true } } },
      settings: { BODY_MAX_BYTES: 1 << 20, ANSWER_GRACE_MS: 100, KEEPALIVE_S: 0.2, HEAD_MAX_BYTES: 8192 },
    });
    session = await openSession(gateway.url);
  });
  after(async () => {
    await gateway.stop();
    await up.stop();
  });

  for (const [how, send] of [
    ['in chunks', (pieces, more) => inChunks(`${gateway.url}/mcp`, { ...session.headers, ...more }, pieces)],
    ['over HTTP/2', (pieces, more) => byHttp2(gateway, { ...session.headers, ...more }, pieces)],
  ]) {
    for (const n of [10, 33 * KB, 100 * KB, 700 * KB]) {
      test(`of ${n} bytes is read (${how})`, async () => {
        const { status, text } = await send(cut(echo(n), 7000));
        assert.equal(status, 200, text);
        assert.equal(JSON.parse(text).result.content[0].text, 'ü'.repeat(n / 2));
      });
    }

    test(`in one piece is read (${how})`, async () => {
      assert.equal((await send([echo(300 * KB)])).status, 200);
    });

    test(`opens a session (${how})`, async () => {
      const params = { ...initializeParams(), clientInfo: { name: 'x', version: 'x'.repeat(33000) } };
      const { status, headers } = await send([rpc(1, 'initialize', params)], { 'mcp-session-id': '' });
      assert.equal(status, 200);
      assert.match(headers['mcp-session-id'], /\./);
    });

    test(`over the limit is refused with what it is (${how})`, async () => {
      const { status, text } = await send(cut(echo(1200 * KB), 64 * KB));
      assert.equal(status, 413);
      assert.match(text, /body_max_bytes/);
    });

    test(`that is no JSON is refused as any other (${how})`, async () => {
      const { status, text } = await send([`{"jsonrpc": ${' '.repeat(40000)}`]);
      assert.equal(status, 400);
      assert.equal(JSON.parse(text).error.code, -32700);
    });

    test(`of another media type is refused (${how})`, async () => {
      assert.equal((await send([echo(40 * KB)], { 'content-type': 'text/plain' })).status, 415);
    });

    test(`behind a head over the limit is refused (${how})`, async () => {
      const { status, text } = await send([echo(40 * KB)], { 'x-long': 'x'.repeat(9000) });
      assert.equal(status, 431);
      assert.match(text, /head_max_bytes/);
    });

    test(`and what a client says of itself are two things (${how})`, async () => {
      const forged = { 'mgw-remote-addr': '198.51.100.7', 'mgw-request-id': 'forged', 'mgw-inside': 'on', 'mgw_remote_addr': '198.51.100.8' };
      const params = { ...initializeParams(), clientInfo: { name: 'x', version: 'x'.repeat(40000) } };
      const from = gateway.mgw.lines.length;
      assert.equal((await send([rpc(1, 'initialize', params)], { ...forged, 'mcp-session-id': '', accept: 'text/event-stream' })).status, 200);
      assert.match(await gateway.mgw.line(/Client connected: /, { from }), /client=127\.0\.0\.1/);
      assert.equal(gateway.mgw.count(/198\.51|forged/), 0);
    });
  }

  test('whose answer takes its time is kept alive, and its client\'s leave is noticed', async () => {
    up.faults['tools/call'] = fault.hang;
    const { headers } = await openSession(gateway.url);
    const req = http.request(`${gateway.url}/mcp`, { method: 'POST', headers });
    req.write(rpc(8, 'tools/call', { name: 'up_write', arguments: { text: 'x'.repeat(40000) } }));
    req.end();
    const [res] = await once(req, 'response');
    let text = '';
    res.on('data', (chunk) => { text += chunk; });
    res.on('error', () => {});
    await waitFor(() => text.split(': keep-alive\n\n').length > 3, 'three keep-alives');
    const from = gateway.mgw.lines.length;
    req.destroy();
    await gateway.mgw.line(/Client disconnected/, { from });
    await fetch(`${gateway.url}/mcp`, { method: 'DELETE', headers });
    up.faults = {};
  });

  test('sent slowly waits for its end, as long as it comes', async () => {
    let n = 0;
    const { status } = await inChunks(`${gateway.url}/mcp`, session.headers, cut(echo(64 * KB), 8 * KB), async () => {
      n++;
      await new Promise((resolve) => { setTimeout(resolve, 20); });
    });
    assert.equal(status, 200);
    assert.ok(n > 4);
  });

  test('whose client breaks off leaves nothing behind', async () => {
    const metric = async () => Number(/^mgw_connections (\d+)$/m.exec(await (await fetch(`${gateway.stats}/metrics`, { headers: asOperator })).text())?.[1]);
    const before = await metric();
    for (let i = 0; i < 5; i++) {
      const req = http.request(`${gateway.url}/mcp`, { method: 'POST', headers: session.headers });
      req.on('error', () => {});
      req.write('x'.repeat(100000), () => req.destroy());
      await new Promise((resolve) => { req.on('close', resolve); });
    }
    await waitFor(async () => (await metric()) <= before, 'the connections to end');
  });
});
