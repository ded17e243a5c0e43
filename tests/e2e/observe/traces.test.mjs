// Traces (docs/traces.md): what an OpenTelemetry collector gets of calls, and what becomes of them without it.

import { describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { once } from 'node:events';
import fs from 'node:fs';
import http from 'node:http';
import { collector, spansOf, startCollector } from '../lib/collector.mjs';
import { asOperator, freePort, startGateway, waitFor } from '../lib/gateway.mjs';
import { openSession, rpc } from '../lib/stream.mjs';
import { UpstreamServer } from '../lib/upstream_server.mjs';

const call = (gateway, session, id, name, args = {}, headers = {}, meta = undefined) => fetch(`${gateway.url}/mcp`, {
  method: 'POST', headers: { ...session.headers, ...headers }, body: rpc(id, 'tools/call', { name, arguments: args, _meta: meta }),
}).then(answerOf);

// A slow answer comes as an event.
const answerOf = async (response) => JSON.parse(/\{.*\}/.exec(await response.text())[0]);

const trace = '4bf92f3577b34da6a3ce929d0e0e4736', parent = '00f067aa0ba902b7';
const sampled = `00-${trace}-${parent}-01`;

/** A stand-in for a collector that answers as answer() says. */
const startStandIn = async (answer, port = 0) => {
  const batches = [];
  const server = http.createServer(async (req, res) => {
    const chunks = [];
    for await (const chunk of req) chunks.push(chunk);
    const said = answer(batches.length, req);
    const { status, headers = {}, body = {} } = typeof said === 'number' ? { status: said } : said;
    if (status === 200) batches.push(JSON.parse(Buffer.concat(chunks).toString()));
    res.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
  }).listen(port, '127.0.0.1');
  await once(server, 'listening');
  return {
    batches, url: `http://127.0.0.1:${server.address().port}/v1/traces`, spans: () => batches.flatMap(spansOf),
    stop: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
};

describe('a collector', { timeout: 120000, skip: fs.existsSync(collector) ? false : 'no OpenTelemetry collector here (Go)' }, () => {
  test('gets a span for each call and for each upstream request, with the attributes of OpenTelemetry\'s MCP conventions', async () => {
    const [upstream, taker] = [await UpstreamServer.start(), await startCollector()];
    const gateway = await startGateway({
      config: { mcpServers: { up: { url: upstream.url, timeout_s: 1, prefix: 'up_' } }, gateway: { traces: { url: taker.url } } },
    });
    const session = await openSession(gateway.url);
    await fetch(`${gateway.url}/mcp`, { method: 'POST', headers: session.headers, body: rpc(9, 'tools/list') }).then((r) => r.text());
    await call(gateway, session, 'id-1', 'up_hello');
    await call(gateway, session, 11, 'up_hello', {}, { traceparent: sampled, tracestate: 'a=b' });
    await call(gateway, session, 12, 'up_hello', {}, {}, { traceparent: sampled });
    await call(gateway, session, 13, 'up_hello', {}, { traceparent: `00-${trace}-${parent}-00` });
    await call(gateway, session, 14, 'up_hang');
    await call(gateway, session, 15, 'no_such_tool_here');
    await call(gateway, session, 16, 'echo', { message: 'x' });
    const of = (id) => taker.spans().filter((s) => s.attributes['jsonrpc.request.id'] === id);
    await waitFor(() => of('16').length === 1, 'the last call\'s span');
    await gateway.stop();
    const spans = taker.spans();
    const byId = (id) => spans.find((s) => s.attributes['jsonrpc.request.id'] === String(id));
    const children = (span) => spans.filter((s) => s.parentSpanId === span.spanId);

    const first = byId('id-1');
    assert.equal(first.name, 'tools/call up_hello');
    assert.equal(first.kind, 2, 'of a server');
    const post = (span) => spans.find((s) => s.spanId === span.parentSpanId);
    assert.equal(post(first).parentSpanId ?? '', '');
    assert.equal(post(first).name, 'POST /mcp');
    const { 'mgw.request_id': postId, ...ofPost } = post(first).attributes;
    assert.equal(postId, first.attributes['mgw.request_id']);
    assert.deepEqual(ofPost, {
      'http.request.method': 'POST', 'http.route': '/mcp', 'url.path': '/mcp', 'url.scheme': 'http', 'http.response.status_code': 200, 'client.address': '127.0.0.1',
    });
    assert.match(first.traceId, /^[0-9a-f]{32}$/);
    assert.match(first.spanId, /^[0-9a-f]{16}$/);
    const { 'mgw.request_id': requestId, ...attributes } = first.attributes;
    assert.match(requestId, /^[0-9a-f-]{36}$/);
    assert.deepEqual(attributes, {
      'mcp.method.name': 'tools/call', 'gen_ai.tool.name': 'up_hello', 'gen_ai.operation.name': 'execute_tool', 'mcp.protocol.version': '2025-11-25',
      'mcp.session.id': session.id, 'jsonrpc.request.id': 'id-1', 'network.transport': 'tcp', 'network.protocol.name': 'http',
      'mgw.server': 'up', 'mgw.outcome': 'ok',
    });
    const [request] = children(first);
    assert.equal(request.kind, 3, 'of a client');
    assert.equal(request.traceId, first.traceId);
    assert.deepEqual(request.attributes, {
      'mcp.method.name': 'tools/call', 'gen_ai.tool.name': 'up_hello', 'gen_ai.operation.name': 'execute_tool', 'network.transport': 'tcp',
      'network.protocol.name': 'http', 'server.address': '127.0.0.1', 'server.port': upstream.port, 'mgw.server': 'up',
    });
    const times = (s) => [BigInt(s.startTimeUnixNano), BigInt(s.endTimeUnixNano)];
    assert.ok(times(first)[0] <= times(request)[0] && times(request)[1] <= times(first)[1], 'one lies within the other');
    assert.ok(Math.abs(Number(times(first)[1] / 1000000n) - Date.now()) < 60000);

    for (const id of [11, 12]) assert.equal(byId(id).traceId, trace, 'the trace that the client has begun');
    assert.equal(post(byId(11)).parentSpanId, parent, 'its POST was traced');
    assert.equal(byId(12).parentSpanId, parent, 'its message was traced, and not its POST');
    const [{ traceId, spanId }] = byId(12).links;
    assert.ok(spans.some((s) => s.name === 'POST /mcp' && s.traceId === traceId && s.spanId === spanId), 'with which it is linked');
    assert.equal(byId(13), undefined, 'what its client does not record is not recorded');
    const arrived = upstream.requests.filter((r) => r.body?.method === 'tools/call');
    const sent = arrived.map((r) => [r.headers.traceparent, r.body.params._meta?.traceparent, r.headers.tracestate]);
    const ours = (id) => `00-${byId(id).traceId}-${children(byId(id))[0].spanId}-01`;
    assert.deepEqual(sent, [
      [ours('id-1'), ours('id-1'), undefined], [ours(11), ours(11), 'a=b'], [ours(12), ours(12), undefined],
      [`00-${trace}-${parent}-00`, `00-${trace}-${parent}-00`, undefined], [ours(14), ours(14), undefined],
    ]);
    assert.equal(byId(14).attributes['error.type'], 'timeout');
    assert.equal(byId(14).status.code, 2);
    assert.equal(children(byId(14))[0].attributes['error.type'], 'timeout');
    assert.equal(byId(15).name, 'tools/call', 'a name that no list has shown makes no span name');
    assert.equal(byId(15).attributes['rpc.response.status_code'], '-32602');
    assert.equal(byId(15).attributes['error.type'], undefined, 'the client\'s fault is none of the server\'s');
    assert.deepEqual(children(byId(16)), [], 'a built-in tool asks nobody');
    assert.equal(byId(9).name, 'tools/list');
    assert.equal(taker.resource()['service.name'], 'mgw');
    await taker.stop();
    await upstream.stop();
  });
});

describe('sampling, and a collector that is away', { timeout: 120000 }, () => {
  test('of requests without a decision the configured share is traced, and headers go with the spans', async () => {
    const headers = [];
    const taker = await startStandIn((_, req) => { headers.push(req.headers['x-key']); return 200; });
    const gateway = await startGateway({
      config: { mcpServers: {}, gateway: { traces: { url: taker.url, sample: 0.25, headers: { 'X-Key': 'of-the-collector' } } } },
    });
    const session = await openSession(gateway.url);
    const n = 400;
    for (let i = 0; i < n; i += 20) {
      await Promise.all(Array.from({ length: 20 }, (_, j) => call(gateway, session, i + j + 10, 'echo', { message: 'x' })));
    }
    await call(gateway, session, 1000, 'echo', { message: 'x' }, { traceparent: sampled });
    await gateway.stop();
    const spans = taker.spans().filter((s) => s.name === 'tools/call echo' && s.traceId !== trace);
    // 100 of 400: six standard deviations are 52
    assert.ok(spans.length > 48 && spans.length < 152, `${spans.length} of ${n}`);
    assert.equal(taker.spans().filter((s) => s.traceId === trace).length, 2);
    assert.equal(new Set(spans.map((s) => s.traceId)).size, spans.length);
    assert.ok(headers.length > 0 && headers.every((h) => h === 'of-the-collector'));
    await taker.stop();
  });

  test('spans wait for a collector that cannot take them now, and it is told once that it is away', async () => {
    const port = await freePort();
    const gateway = await startGateway({ config: { mcpServers: {}, gateway: { traces: { url: `http://127.0.0.1:${port}/v1/traces` } } } });
    const session = await openSession(gateway.url);
    await call(gateway, session, 1, 'echo', { message: 'x' });
    const told = await gateway.mgw.line(/WARN \[traces\] the collector at .* takes no spans/);
    assert.ok(told.includes(`http://127.0.0.1:${port}`));
    for (let i = 0; i < 50; i++) await call(gateway, session, i + 10, 'echo', { message: 'x' });
    let n = 0;
    const taker = await startStandIn(() => n++ === 0 ? 503 : 200, port);
    await gateway.mgw.line(/INFO \[traces\] the collector at .* takes spans again/, { timeoutMs: 60000 });
    await waitFor(() => taker.spans().filter((s) => /echo/.test(s.name)).length === 51, 'all spans', 60000, new Set(), () => `${taker.spans().length}`);
    await gateway.stop();
    assert.equal(gateway.mgw.count(/takes no spans/), 1);
    await taker.stop();
  });

  test('what a collector refuses for good is dropped, and calls do not wait for it', async () => {
    const taker = await startStandIn(() => 400);
    const gateway = await startGateway({ config: { mcpServers: {}, gateway: { traces: { url: taker.url } } } });
    const session = await openSession(gateway.url);
    for (let i = 0; i < 20; i++) assert.ok((await call(gateway, session, i + 10, 'echo', { message: 'x' })).result);
    await gateway.mgw.line(/takes no spans: HTTP 400/);
    await gateway.stop();
    await taker.stop();
  });

  test('a collector says when it wants to be asked again, and which spans it does not take', async () => {
    const at = [];
    const taker = await startStandIn(() => (at.push(Date.now()) === 1
      ? { status: 429, headers: { 'retry-after': '4' } }
      : { status: 200, body: { partialSuccess: { rejectedSpans: '1', errorMessage: 'too old\u001b[2J' } } }));
    const gateway = await startGateway({ config: { mcpServers: {}, gateway: { traces: { url: taker.url } } } });
    const session = await openSession(gateway.url);
    await call(gateway, session, 1, 'echo', { message: 'x' });
    await gateway.mgw.line(/WARN \[traces\] the collector has refused some spans: too old\?\[2J/, { timeoutMs: 60000 });
    assert.ok(at[1] - at[0] > 3900, 'by itself it would have come back within two seconds');
    const metrics = await (await fetch(`${gateway.stats}/metrics`, { headers: asOperator })).text();
    assert.match(metrics, /^mgw_trace_spans_dropped_total 1$/m);
    assert.match(metrics, /^mgw_trace_spans_sent_total [1-9]\d*$/m);
    await gateway.stop();
    await taker.stop();
  });
});
