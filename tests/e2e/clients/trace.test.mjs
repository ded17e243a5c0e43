// Trace context goes through: from a request's _meta or its HTTP headers, to upstreams of every kind in the forms that
// they have; and the line that a call leaves in the log.

import { after, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { textOf } from '../lib/clients.mjs';
import { startGateway, top } from '../lib/gateway.mjs';
import { LocalServer } from '../lib/local_server.mjs';
import { schemaOf } from '../lib/matrix/schemas.mjs';
import { messageOf, post } from '../lib/stateless.mjs';
import { initializeParams, JSON_HEADERS, openSession, openStream, rpc } from '../lib/stream.mjs';
import { startTaskServer } from '../lib/task_server.mjs';
import { UpstreamServer } from '../lib/upstream_server.mjs';

const names = ['traceparent', 'tracestate', 'baggage'];
const pick = (from) => Object.fromEntries(names.filter((name) => from?.[name] !== undefined).map((name) => [name, from[name]]));
const mine = { traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01', tracestate: 'rojo=00f067aa0ba902b7,congo=t61rcWkgMzE', baggage: 'user=ada,tier=gold;of=2' };
const other = { traceparent: '00-11111111111111111111111111111111-2222222222222222-00', tracestate: 'other=1', baggage: 'user=bob' };

/** A server of 2024-11-05: HTTP+SSE. Its one tool answers; what was POSTed is in `requests`. */
class SseServer extends LocalServer {
  requests = [];

  forget() {}

  async serve(req, res) {
    if (req.method === 'GET') {
      this.stream = res.writeHead(200, { 'content-type': 'text/event-stream' });
      res.write('event: endpoint\ndata: /message\n\n');
      return;
    }
    const chunks = [];
    for await (const chunk of req) chunks.push(chunk);
    const body = JSON.parse(Buffer.concat(chunks).toString());
    this.requests.push({ headers: req.headers, body });
    res.writeHead(202).end();
    const results = {
      initialize: { protocolVersion: '2024-11-05', capabilities: { tools: {} }, serverInfo: { name: 'sse', version: '1' } },
      'tools/list': { tools: [{ name: 'hello', inputSchema: { type: 'object' } }] },
    };
    const result = results[body.method] ?? { content: [{ type: 'text', text: 'hello' }] };
    if (body.id !== undefined) this.stream.write(`event: message\ndata: ${JSON.stringify({ jsonrpc: '2.0', id: body.id, result })}\n\n`);
  }
}

class RestServer extends LocalServer {
  requests = [];

  forget() {}

  serve(req, res) {
    this.requests.push({ headers: req.headers, url: req.url });
    res.writeHead(200, { 'content-type': 'application/json' }).end('{"text": "hello"}');
  }
}

describe('trace context', { timeout: 60000 }, () => {
  const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'mgw-trace-'));
  let modern, session, sse, rest, gateway;
  before(async () => {
    modern = await startTaskServer('modern');
    session = await UpstreamServer.start();
    sse = await SseServer.start();
    rest = await RestServer.start();
    const file = path.join(scratch, 'api.json');
    fs.writeFileSync(file, JSON.stringify({
      base_url: rest.url.replace('/mcp', '/'), tools: { hello: { description: 'Says hello.', method: 'POST', path: '/hello', result: '/text' } },
    }));
    const pipe = { command: process.execPath, args: [path.join(top, 'tests/e2e/lib/task_server.mjs'), 'pipe'] };
    gateway = await startGateway({
      config: { mcpServers: { modern: { url: modern.url }, session: { url: session.url }, sse: { url: sse.url, type: 'sse' }, rest: { rest: file }, pipe } },
      settings: { LOG_SLOW_MS: 2000 },
    });
  });
  after(async () => {
    await gateway.stop();
    await Promise.all([modern, session, sse, rest].map((server) => server.stop()));
    fs.rmSync(scratch, { recursive: true, force: true });
  });

  const call = (name, { meta, headers, args = {} } = {}) => post(gateway.url, messageOf('tools/call', { name, arguments: args }, { meta }), headers);
  const last = (server) => server.requests.filter(({ body, url }) => url !== undefined || body?.method === 'tools/call').at(-1);
  const both = (server) => {
    const { headers, body } = last(server);
    return { headers: pick(headers), meta: pick(body.params._meta) };
  };

  for (const [where, sent] of [['_meta', { meta: mine }], ['the HTTP headers', { headers: mine }]]) {
    test(`in ${where} reaches servers over HTTP in both forms`, async () => {
      const servers = { modern_meta: modern, session_hello: session, sse_hello: sse };
      for (const [name, server] of Object.entries(servers)) {
        assert.equal((await call(name, sent)).status, 200);
        assert.deepEqual(both(server), { headers: mine, meta: mine }, name);
      }
      assert.deepEqual(schemaOf('2026-07-28').problems('client', last(modern).body), []);
      assert.deepEqual(schemaOf('2025-11-25').problems('client', last(session).body), []);
      assert.deepEqual(schemaOf('2024-11-05').problems('client', last(sse).body), []);
    });

    test(`in ${where} reaches a program in _meta, and a REST API in headers`, async () => {
      const { json } = await call('pipe_meta', sent);
      assert.deepEqual(pick(JSON.parse(textOf(json.result))), mine);
      assert.equal(textOf((await call('rest_hello', sent)).json.result), 'hello');
      assert.deepEqual(pick(last(rest).headers), mine);
    });
  }

  test('in _meta comes before that in the headers; a tracestate goes with its traceparent', async () => {
    await call('modern_meta', { meta: mine, headers: other });
    assert.deepEqual(both(modern), { headers: mine, meta: mine });
    await call('modern_meta', { meta: pick({ traceparent: mine.traceparent }), headers: other });
    const mixed = { traceparent: mine.traceparent, baggage: other.baggage };
    assert.deepEqual(both(modern), { headers: mixed, meta: mixed });
  });

  const broken = {
    traceparent: ['', 'x', '00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01', '00-00000000000000000000000000000000-b7ad6b7169203331-01', `${mine.traceparent}-more`],
    tracestate: ['Upper=1', 'a=1,a=2', 'no value'],
    baggage: ['no value', 'a=b"c', 'a=1,'],
  };
  for (const [name, values] of Object.entries(broken)) {
    test(`that is invalid is dropped: ${name}`, async () => {
      for (const value of values) {
        const sent = { ...mine, [name]: value };
        const kept = pick(name === 'traceparent' ? { baggage: mine.baggage } : { ...mine, [name]: undefined });
        await call('modern_meta', { meta: sent });
        assert.deepEqual(both(modern), { headers: kept, meta: kept }, `_meta: ${value}`);
        await call('modern_meta', { headers: sent });
        assert.deepEqual(both(modern), { headers: kept, meta: kept }, `headers: ${value}`);
      }
      await call('modern_meta', { meta: { [name]: 7 } });
      assert.deepEqual(both(modern), { headers: {}, meta: {} });
    });
  }

  test('that is invalid in _meta does not hide what the header says, and what is a line end goes nowhere', async () => {
    await call('modern_meta', { meta: { traceparent: 'none', baggage: 'a=1\r\nx-evil: 1' }, headers: other });
    assert.deepEqual(both(modern), { headers: other, meta: other });
    assert.equal(last(modern).headers['x-evil'], undefined);
  });

  test('comes of clients of the older revisions too', async () => {
    const { headers } = await openSession(gateway.url);
    const params = { name: 'modern_meta', arguments: {} };
    const response = await fetch(`${gateway.url}/mcp`, { method: 'POST', headers: { ...headers, ...mine }, body: rpc(2, 'tools/call', params) });
    assert.deepEqual(pick(JSON.parse(textOf((await response.json()).result))), mine);

    const stream = await openStream(`${gateway.url}/sse`);
    const endpoint = (await stream.event((e) => e.name === 'endpoint')).data;
    const send = (body, more = {}) => fetch(`${gateway.url}${endpoint}`, { method: 'POST', headers: { ...JSON_HEADERS, ...more }, body });
    await send(rpc(1, 'initialize', initializeParams('2024-11-05')));
    await stream.event((e) => e.json?.id === 1);
    await send(rpc(2, 'tools/call', { ...params, _meta: mine }), other);
    assert.deepEqual(pick(JSON.parse(textOf((await stream.event((e) => e.json?.id === 2)).json.result))), mine);
    await send(rpc(3, 'tools/call', params), other);
    assert.deepEqual(pick(JSON.parse(textOf((await stream.event((e) => e.json?.id === 3)).json.result))), other);
    stream.close();
  });

  test('that was not sent is not made up', async () => {
    await call('modern_meta');
    assert.deepEqual(both(modern), { headers: {}, meta: {} });
  });

  describe('and the log', () => {
    /** The lines about calls that came while something was done; the failing call at the end shows that there are no more. */
    const linesOf = async (use) => {
      const from = gateway.mgw.lines.length;
      await use();
      await call('no_such_tool');
      await gateway.mgw.line(/no_such_tool/, { from });
      return gateway.mgw.lines.slice(from).filter((line) => /\[MCP\] \w+\/\w+ /.test(line) && !/no_such_tool/.test(line));
    };

    test('have a line for a call whose caller records it', async () => {
      const lines = await linesOf(() => call('modern_meta', { meta: mine, args: { secret: 'hidden' } }));
      assert.equal(lines.length, 1);
      assert.match(lines[0], new RegExp(`INFO \\[MCP\\] tools/call modern_meta \\(anonymous\\) \\d+ ms ok upstream=modern traceparent=${mine.traceparent}$`));
      assert.equal(gateway.mgw.lines.some((line) => line.includes('hidden')), false);
    });

    test('have none for a call that nobody traces, or records, and that is well', async () => {
      const quiet = await linesOf(async () => {
        await call('modern_meta');
        await call('modern_meta', { headers: other });
      });
      assert.deepEqual(quiet, []);
    });

    test('have one for what failed, and for what was slow', async () => {
      const [failed, wrong, slow] = await linesOf(async () => {
        await call('modern_fail');
        await call('echo', { args: { message: 7 } });
        await call('wait', { args: { seconds: 2.1 } });
      });
      assert.match(failed, /tools\/call modern_fail \(anonymous\) \d+ ms error -32603 upstream=modern$/);
      assert.match(wrong, /tools\/call echo \(anonymous\) \d+ ms (tool error|error -32602)$/);
      assert.match(slow, /tools\/call wait \(anonymous\) \d{4,} ms ok$/);
    });

    test('cannot be forged by a name', async () => {
      const lines = await linesOf(() => call('a\nINFO [MCP] tools/call forged', { headers: { 'mcp-name': '=?base64?YQpJTkZPIFtNQ1BdIHRvb2xzL2NhbGwgZm9yZ2Vk?=' } }));
      assert.equal(lines.length, 1);
      assert.match(lines[0], /tools\/call \(anonymous\) \d+ ms error -32602 .*name="a\\nINFO \[MCP\] tools\/call forged"$/);
    });
  });
});
