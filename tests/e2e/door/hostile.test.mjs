// Malformed and hostile input through HAProxy. In each case: a clear error or a plain answer, the process lives, and a
// witness, a client that has had its streams open all the while, does not notice.

import { after, afterEach, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { Peer, TYPE, begin, pairs, paramsOf, record, request } from '../lib/fastcgi.mjs';
import { asOperator, startGateway, waitFor } from '../lib/gateway.mjs';
import { ask, dial } from '../lib/raw.mjs';
import { initializeParams, JSON_HEADERS, openSession, openStream, rpc } from '../lib/stream.mjs';

const initialize = rpc(1, 'initialize', initializeParams());
const ping = rpc(2, 'ping');
const echo = (message, id = 3) => rpc(id, 'tools/call', { name: 'echo', arguments: { message } });
const nested = (levels, open, close, inside = '') => open.repeat(levels) + inside + close.repeat(levels);
const call = (params) => `{"jsonrpc": "2.0", "id": 3, "method": "tools/call", "params": ${params}}`;
const echoRaw = (text) => call(`{"name": "echo", "arguments": {"message": ${text}}}`);

let gateway, live, witness;
const metric = async (name) => Number(new RegExp(`^${name} (\\d+)`, 'm').exec((await ask(gateway.stats, '/metrics', { headers: asOperator })).body)[1]);
const streams = async () => (await ask(gateway.stats, '/health', { headers: asOperator })).json.streams;

before(async () => {
  gateway = await startGateway({
    settings: { KEEPALIVE_S: 0.1, BODY_TIMEOUT_S: 2, SESSIONS_MAX: 20, ALLOWED_ORIGINS: '*', STREAM_QUEUE_MAX_BYTES: 200000, NODE: 'test' },
  });
  live = (await openSession(gateway.url, '2025-03-26')).headers;
  const session = await openSession(gateway.url);
  const sse = await openStream(`${gateway.url}/sse`);
  const get = await openStream(`${gateway.url}/mcp`, { headers: { ...session.headers, accept: 'text/event-stream' } });
  const endpoint = (await sse.event((e) => e.name === 'endpoint')).data;
  // What the cases send in `live` shall not be ended with the longest idle session.
  const kept = await openStream(`${gateway.url}/mcp`, { headers: { ...live, accept: 'text/event-stream' } });
  witness = { streams: [sse, get, kept], get, sse, endpoint, session, pid: gateway.mgw.pid };
});

/** The witness: keep-alives go on on all of its streams. */
afterEach(async () => {
  assert.equal(gateway.mgw.exit, undefined, 'mgw must live');
  const seen = witness.streams.map((stream) => stream.comments.length);
  await waitFor(() => witness.streams.every((stream, i) => stream.comments.length > seen[i]), 'a keep-alive on each stream of the witness', 5000);
  assert.ok(witness.streams.every((stream) => stream.end === undefined));
});

after(async () => {
  // After all of it the witness works, on the streams and in the sessions that it has had from the start.
  const response = await fetch(`${gateway.url}${witness.endpoint}`, { method: 'POST', headers: JSON_HEADERS, body: initialize });
  assert.equal(response.status, 202);
  assert.equal((await witness.sse.event((e) => e.json?.id === 1)).json.result.serverInfo.name, 'mgw');
  const answer = await ask(gateway.url, '/mcp', { method: 'POST', headers: witness.session.headers, body: echo('still here') });
  assert.equal(answer.json.result.content[0].text, 'still here');
  await ask(gateway.stats, '/admin/announce', { method: 'POST', headers: asOperator, body: '{"message": "all well"}' });
  await witness.get.event((e) => e.json?.params?.data === 'all well');
  for (const stream of witness.streams) stream.close();
  await waitFor(async () => await streams() === 0 && await metric('mgw_calls') === 0, 'all streams and calls to be gone');
  await waitFor(async () => await metric('mgw_connections') <= 2, 'all connections to be gone');
  assert.equal(gateway.mgw.pid, witness.pid);
  assert.equal(gateway.mgw.count(/FastCGI/), 0, 'nothing of it reaches FastCGI as garbage');
  await gateway.stop();
});

const send = (body, headers = {}) => ask(gateway.url, '/mcp', { method: 'POST', headers: { ...live, ...headers }, body });

describe('bodies', { timeout: 120000 }, () => {
  const PARSE = { status: 400, code: -32700 };
  const INVALID = { status: 400, code: -32600 };
  const PARAMS = { status: 200, code: -32602 };
  const METHOD = { status: 200, code: -32601 };
  const FINE = { status: 200 };
  const bytes = (...parts) => Buffer.concat(parts.map((part) => Buffer.from(part)));
  const cases = {
    'JSON cut off': ['{"jsonrpc": "2.0", "id": 3, "method": "ping"', PARSE],
    'JSON cut off in a string': ['{"jsonrpc": "2', PARSE],
    'JSON cut off in an escape': ['{"jsonrpc": "2.0\\u00', PARSE],
    'JSON and more': [`${ping}}`, PARSE],
    'two messages': [`${ping}${ping}`, PARSE],
    'a byte order mark': [`\ufeff${ping}`, FINE],
    'UTF-16': [Buffer.from(ping, 'utf16le'), PARSE],
    'only zeros': [Buffer.alloc(1000), PARSE],
    'a comment': [`/* */${ping}`, PARSE],
    'single quotes': ["{'jsonrpc': '2.0'}", PARSE],
    '100 levels of arrays': [nested(100, '[', ']'), PARSE],
    '100 levels of objects': [call(nested(100, '{"a":', '}', '1')), PARSE],
    '100 levels in the arguments': [echoRaw(nested(100, '[', ']')), PARSE],
    '500,000 levels, never closed': ['['.repeat(500000), PARSE],
    '500,000 levels of objects': ['{"a":'.repeat(500000), PARSE],
    'brackets that close nothing': [']'.repeat(100000), PARSE],
    '60 levels in the arguments': [call(`{"name": "echo", "arguments": {"message": "deep", "x": ${nested(60, '[', ']')}}}`), FINE],
    'a method of bytes that are no UTF-8': [bytes('{"jsonrpc": "2.0", "id": 3, "method": "', [0xff, 0xfe], '"}'), METHOD],
    'overlong UTF-8': [bytes(echoRaw('"').slice(0, -3), [0xc0, 0xaf], '"}}}'), { ...FINE, text: '\ufffd\ufffd' }],
    'UTF-8 cut off': [bytes('{"jsonrpc": "2.0", "id": "', [0xe2, 0x82], '", "method": "ping"}'), { ...FINE, body: /"id":"\ufffd"/ }],
    'a surrogate in UTF-8': [bytes('{"jsonrpc": "2.0", "id": "', [0xed, 0xa0, 0x80], '", "method": "ping"}'), { ...FINE, body: /"id":"\ufffd"/ }],
    'a lone surrogate': [echoRaw('"\\ud800"'), { ...FINE, text: '\ufffd' }],
    'a lone low surrogate': [echoRaw('"\\udc00 x"'), { ...FINE, text: '\ufffd x' }],
    'surrogates the wrong way round': [echoRaw('"\\udc00\\ud800"'), { ...FINE, text: '\ufffd\ufffd' }],
    'a pair of surrogates': [echoRaw('"\\ud83d\\ude00"'), { ...FINE, text: '\u{1f600}' }],
    'a NUL in a string': [echoRaw('"a\\u0000b"'), { ...FINE, text: 'a\0b' }],
    'a NUL in a method': ['{"jsonrpc": "2.0", "id": 3, "method": "ping\\u0000x"}', INVALID],
    'a NUL in a name': [call('{"name": "echo\\u0000x", "arguments": {"message": "x"}}'), PARAMS],
    'a NUL in a URI': ['{"jsonrpc": "2.0", "id": 3, "method": "resources/read", "params": {"uri": "a\\u0000b"}}', PARAMS],
    'a NUL in a level': ['{"jsonrpc": "2.0", "id": 3, "method": "logging/setLevel", "params": {"level": "info\\u0000"}}', PARAMS],
    'a NUL in a key': [call('{"name\\u0000": 1, "name": "echo", "arguments": {"message": "x"}, "name\\u0000x": 1}'), { ...FINE, text: 'x' }],
    'a raw control character in a string': [echoRaw('"a\nb"'), { ...FINE, text: 'a\nb' }],
    'a key twice': ['{"jsonrpc": "2.0", "id": 3, "id": 4, "method": "ping"}', { ...FINE, body: /"id":4/ }],
    'the method twice, once escaped': ['{"jsonrpc": "2.0", "id": 3, "method": "ping", "\\u006dethod": "tools/list"}', { ...FINE, body: /"tools":\[/ }],
    'a number over all bounds': [echoRaw('1e999'), { ...FINE, isError: true }],
    'an integer over all bounds': [echoRaw('9'.repeat(400)), { ...FINE, isError: true }],
    'an integer of a million digits': [echoRaw('9'.repeat(1000000)), { ...FINE, isError: true }],
    'NaN': [echoRaw('NaN'), { ...FINE, isError: true }],
    'an id over all bounds': [`{"jsonrpc": "2.0", "id": ${'9'.repeat(30)}, "method": "ping"}`, { ...FINE, body: /"id":9{30}\D/ }],
    'the largest id': ['{"jsonrpc": "2.0", "id": 9223372036854775807, "method": "ping"}', { ...FINE, body: /"id":9223372036854775807/ }],
    'the smallest id': ['{"jsonrpc": "2.0", "id": -9223372036854775808, "method": "ping"}', { ...FINE, body: /"id":-9223372036854775808/ }],
    'an integer written with a fraction': ['{"jsonrpc": "2.0", "id": 1.0, "method": "ping"}', { ...FINE, body: /"id":1.0/ }],
    'params that are null': ['{"jsonrpc": "2.0", "id": 3, "method": "ping", "params": null}', FINE],
    'an empty id': ['{"jsonrpc": "2.0", "id": "", "method": "ping"}', { ...FINE, body: /"id":""/ }],
    'an id of 100,000 characters': [`{"jsonrpc": "2.0", "id": "${'i'.repeat(100000)}", "method": "ping"}`, INVALID],
    'an id with a NUL': ['{"jsonrpc": "2.0", "id": "a\\u0000b", "method": "ping"}', { ...FINE, body: /"id":"a\\u0000b"/ }],
    ...Object.fromEntries(['null', '{}', '[]', 'true', '1.5', '{"$ref": "#"}'].map((id) => [`the id ${id}`, [`{"jsonrpc": "2.0", "id": ${id}, "method": "ping"}`, INVALID]])),
    ...Object.fromEntries(['7', '"x"', 'null', 'true', '{}', '[{}]', '{"jsonrpc": "2.0"}', '{"jsonrpc": 2.0, "id": 1, "method": "ping"}', '{"jsonrpc": "2.0", "id": 1, "method": 7}',
      '{"jsonrpc": "2.0", "id": 1, "method": null}', '{"jsonrpc": "2.0", "id": 1, "method": "ping", "params": [1]}',
      '{"jsonrpc": "2.0", "id": 1, "method": "ping", "result": {}}', '{"jsonrpc": "2.0", "id": 1, "result": {}, "error": {}}', '{"jsonrpc": "2.0", "result": {}}',
      '{"jsonrpc": "2.0", "id": 1, "error": {}}', '{"jsonrpc": "2.0", "id": 1, "error": "no"}', '{"jsonrpc": "2.0", "id": null, "result": {}}']
      .map((text) => [text, [text, /^[7"nt]/.test(text) ? PARSE : INVALID]])),
    'names that JavaScript knows': [call('{"__proto__": {"name": "x"}, "constructor": 1, "toString": null, "name": "__proto__"}'), PARAMS],
    'a method of Object': ['{"jsonrpc": "2.0", "id": 3, "method": "constructor"}', METHOD],
    'a method of 1 MB': [`{"jsonrpc": "2.0", "id": 3, "method": "${'m'.repeat(1 << 20)}"}`, METHOD],
    'a method with line ends': ['{"jsonrpc": "2.0", "id": 3, "method": "a\\r\\n2026 INFO [MCP] forged"}', METHOD],
    'a method of formats': ['{"jsonrpc": "2.0", "id": 3, "method": "%s%n%s%n"}', METHOD],
    'a name of 1 MB': [call(`{"name": "${'\u00e4'.repeat(1 << 19)}"}`), PARAMS],
    ...Object.fromEntries(['null', '7', '[]', '{}', '"echo\\n"', '""'].map((name) => [`the name ${name}`, [call(`{"name": ${name}}`), PARAMS]])),
    ...Object.fromEntries(['null', '7', '[]', '"x"', '{"message": null}', '{"message": {}}'].map((args) => [`the arguments ${args}`, [call(`{"name": "echo", "arguments": ${args}}`), { ...FINE, isError: true }]])),
    ...Object.fromEntries(['-1', '1e300', '"5"', 'null', '3601'].map((s) => [`waiting ${s} seconds`, [call(`{"name": "wait", "arguments": {"seconds": ${s}}}`), { ...FINE, isError: true }]])),
    '_meta that is no object': [call('{"name": "echo", "arguments": {"message": "x"}, "_meta": 7}'), { ...FINE, text: 'x' }],
    'a progress token that is an object': [call('{"name": "echo", "arguments": {"message": "x"}, "_meta": {"progressToken": {"a": [1]}}}'), { ...FINE, text: 'x' }],
    'a cursor that is an object': ['{"jsonrpc": "2.0", "id": 3, "method": "tools/list", "params": {"cursor": {}}}', FINE],
    'a version that is an object': [rpc(1, 'initialize', { protocolVersion: {} }), { status: 400, code: -32602 }],
    'a version of 100,000 characters': [rpc(1, 'initialize', { ...initializeParams(), protocolVersion: 'v'.repeat(100000) }), FINE],
    'a cancellation of nothing': ['{"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": {}}}', { status: 202 }],
    'a cancellation without params': ['{"jsonrpc": "2.0", "method": "notifications/cancelled"}', { status: 202 }],
    'an unknown notification': ['{"jsonrpc": "2.0", "method": "notifications/\\u0001", "params": {"x": []}}', { status: 202 }],
    'the answer to no question': ['{"jsonrpc": "2.0", "id": "mgw-99999999999999999999", "result": null}', { status: 202 }],
    'a batch of 100,000 notifications': [`[${Array(100000).fill('{"jsonrpc":"2.0","method":"x"}').join()}]`, { status: 413 }],
    'a batch of 100,000 answers to nothing': [`[${Array(100000).fill('{"jsonrpc":"2.0","id":1,"result":0}').join()}]`, { status: 413 }],
    'a batch of a million numbers': [`[${Array(1000000).fill('1').join()}]`, { status: 413 }],
    'a batch of batches': [`[[${ping}]]`, INVALID],
    'a batch of 64 calls': [`[${Array.from({ length: 64 }, (_, i) => echo('x', i)).join()}]`, FINE],
    'a batch of 64 calls with one id': [`[${Array(64).fill(ping).join()}]`, FINE],
    'a batch of 10,000 calls': [`[${Array.from({ length: 10000 }, (_, i) => echo('x', i)).join()}]`, { status: 413 }],
    'a string of 4 MB': [echo('m'.repeat(4 << 20)), { status: 413 }],
    'a string of 3 MB, which is fine': [echo('m'.repeat(3 << 20)), { ...FINE, body: /m{3145728}/ }],
    'a million escapes': [echoRaw(`"${'\\u0041'.repeat(500000)}"`), { ...FINE, body: /A{500000}/ }],
    'many members': [call(`{"name": "echo", "arguments": {${Array.from({ length: 40000 }, (_, i) => `"k${i}":0`).join()}, "message": "x"}}`), { ...FINE, text: 'x' }],
    '10 MB': ['x'.repeat(10 << 20), { status: 413 }],
  };
  for (const [name, [body, expected]] of Object.entries(cases)) {
    test(`${name}: ${expected.status}${expected.code ? `, ${expected.code}` : ''}`, async () => {
      const answer = await send(body);
      assert.equal(answer.status, expected.status, answer.body.slice(0, 300));
      if (expected.code) {
        assert.equal(answer.json?.error?.code, expected.code, answer.body.slice(0, 300));
        assert.ok(answer.json.error.message.length > 10 && answer.json.error.message.length < 600);
      } else if (expected.status === 200) {
        assert.ok(!answer.json.error, answer.body.slice(0, 300));
      }
      if (expected.body) assert.match(answer.body, expected.body);
      if (expected.isError) assert.equal(answer.json.result.isError, true);
      if (expected.text !== undefined) assert.equal(answer.json.result.content[0].text, expected.text);
    });
  }

  test('none of it has come into the log', () => {
    assert.equal(gateway.mgw.count(/forged|mmmm|%n/), 0);
    assert.equal(gateway.mgw.count(/^(?!\d{4}-\d\d-\d\dT)/), 0, 'every line is one of its own');
  });

  for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', 'application/jsonp', 'application/json-rpc', '"', 'application/json\x01']) {
    test(`Content-Type ${JSON.stringify(type)}: 415`, async () => {
      const line = await dial(gateway);
      line.send(`POST /mcp HTTP/1.1\r\nHost: x\r\nContent-Type: ${type}\r\nMcp-Session-Id: ${live['mcp-session-id']}\r\nContent-Length: ${ping.length}\r\nConnection: close\r\n\r\n${ping}`);
      assert.match(await line.ended, /^HTTP\/1\.1 415 [^]*Content-Type must be application\/json/);
    });
  }

  test('a body that is compressed: 415, and what only says so of plain text is taken', async () => {
    const send = (coding, body) => fetch(`${gateway.url}/mcp`, { method: 'POST', headers: { ...live, 'content-encoding': coding }, body });
    const response = await send('gzip', gzipSync(ping));
    assert.deepEqual([response.status, (await response.json()).error.message], [415, 'compressed bodies are not taken (Content-Encoding)']);
    for (const coding of ['identity', 'utf-8', '']) assert.equal((await send(coding, ping)).status, 200, coding);
  });

  test('no Content-Type: 415', async () => {
    const { 'content-type': _, ...headers } = live;
    assert.equal((await ask(gateway.url, '/mcp', { method: 'POST', headers, body: ping })).status, 415);
  });
});

describe('heads', { timeout: 120000 }, () => {
  /** Sends bytes as they are, and gives all that comes until the end. */
  const raw = async (...parts) => (await dial(gateway)).send(...parts).ended;
  const withHeader = (header, path = '/mcp') => raw(Buffer.from(
    `GET ${path} HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\nConnection: close\r\n${header}\r\n\r\n`, 'latin1'));
  const injected = /^x-evil:/im;

  for (const name of ['Mcp-Session-Id', 'Last-Event-ID', 'Origin', 'Host', 'MCP-Protocol-Version', 'Authorization', 'Accept']) {
    for (const [how, end] of Object.entries({ CRLF: '\r\n', LF: '\n', CR: '\r', NUL: '\0', 'a fold': '\r\n ' })) {
      test(`${name} with ${how}`, async () => {
        const text = await withHeader(`${name}: http://localhost${end}X-Evil: 1`);
        assert.match(text, /^HTTP\/1\.1 (4\d\d) /);
        assert.doesNotMatch(text, injected);
      });
    }
  }

  for (const [what, value] of Object.entries({
    'a control character': 'http://localhost\x01', 'a DEL': 'http://x\x7f', 'a tab': 'http://x\ty', 'bytes that are no UTF-8': 'http://x\xff\xfe', 'two of them': 'http://a\r\nOrigin: http://b',
  })) {
    test(`an Origin with ${what}, even where all are allowed: 403`, async () => {
      assert.match(await withHeader(`Origin: ${value}`), /^HTTP\/1\.1 40[03] /);
    });
  }

  test('bytes that are no UTF-8 in a version: 400, and told what is spoken here', async () => {
    const text = await withHeader('MCP-Protocol-Version: \xff\xfe');
    assert.match(text, /^HTTP\/1\.1 400 [^]*-32022[^]*"supported":\["2026-07-28"/);
  });

  for (const host of ['', 'a"b', 'a\\b', 'x'.repeat(300), '<script>', 'localhost:99999']) {
    test(`the Host ${JSON.stringify(host.slice(0, 20))} changes nothing`, async () => {
      const text = await raw(`GET /health HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
      if (/^HTTP\/1\.1 400/.test(text)) return;
      assert.match(text, /^HTTP\/1\.1 200[^]*\{"status":"ok"\}\n$/);
    });
  }

  for (const id of ['', '0', '-', '1-', '-1', '0-0', '1-0', '2-4294967295', '4294967295-4294967295', '4294967296-1', '99999999999999999999-1', '2-1-1', '2-0x10', ' 2-1', '3-1', 'x'.repeat(5000), '%00', '\xff']) {
    test(`Last-Event-ID ${JSON.stringify(id.slice(0, 30))}: a stream that works, or its end`, async () => {
      const session = await openSession(gateway.url); // an id may well name a channel, and take its stream over
      const line = await dial(gateway);
      line.send(Buffer.from(`GET /mcp HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\nMcp-Session-Id: ${session.id}\r\nLast-Event-ID: ${id}\r\n\r\n`, 'latin1'));
      await waitFor(() => /: keep-alive\n|\r\n0\r\n\r\n$/.test(line.text), () => line.text);
      assert.match(line.text, /^HTTP\/1\.1 200 /);
      line.socket.destroy();
    });
  }

  const oddities = {
    'no HTTP at all': ['\x16\x03\x01\x02\x00\x01\x00\x01\xfc', /^(HTTP\/1\.1 400 |$)/],
    'noise': ['\x80\xff\x00\x01'.repeat(500), /^(HTTP\/1\.1 400 |$)/],
    'a request line of 100,000 characters': [`GET /${'a'.repeat(100000)} HTTP/1.1\r\n\r\n`, /^HTTP\/1\.1 4(00|14) /],
    'a query of 13,000 characters': [`GET /health?${'a'.repeat(13000)} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`, /^HTTP\/1\.1 200 /],
    'a query of 20,000 characters': [`GET /health?${'a'.repeat(20000)} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`, /^HTTP\/1\.1 414 [^]*too long/],
    'a method of its own': ['MCP /mcp HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n', /^HTTP\/1\.1 405 /],
    'CONNECT': ['CONNECT metrics:80 HTTP/1.1\r\nHost: metrics:80\r\nConnection: close\r\n\r\n', /^HTTP\/1\.1 40[04] /],
    'HTTP/0.9': ['GET /health\r\n', /^(HTTP\/1\.[01] 400 |$)/],
    'two lengths': [`POST /mcp HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n123456`, /^HTTP\/1\.1 400 /],
    'a negative length': ['POST /mcp HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n', /^HTTP\/1\.1 400 /],
    'a length over all bounds': ['POST /mcp HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999999\r\n\r\n', /^HTTP\/1\.1 4(00|13) /],
    'a length of 9 exabytes': ['POST /mcp HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9000000000000000000\r\n\r\n' + 'x'.repeat(50000), /^HTTP\/1\.1 413 /],
    'a length and chunks': ['POST /mcp HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n0\r\n\r\nGET /metrics HTTP/1.1\r\nHost: x\r\n\r\n', /^HTTP\/1\.1 4(00|15) /],
    'a chunk that is none': ['POST /mcp HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n', /^HTTP\/1\.1 400 /],
  };
  for (const [name, [bytes, expected]] of Object.entries(oddities)) {
    test(name, async () => {
      const line = await dial(gateway);
      line.send(Buffer.from(bytes, 'latin1'));
      await waitFor(() => line.closed || (line.text.length > 0 && expected.test(line.text)), 'an answer');
      assert.match(line.text, expected);
      assert.doesNotMatch(line.text, /mgw_streams/);
      line.socket.destroy();
    });
  }

  test('a body longer than its length is the next request, and a bad one', async () => {
    const line = await dial(gateway);
    line.send(`POST /mcp HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nMcp-Session-Id: ${live['mcp-session-id']}\r\nContent-Length: ${ping.length}\r\n\r\n${ping}{"more": true}\r\n\r\n`);
    assert.match(await line.ended, /^HTTP\/1\.1 200 [^]*\{\}\}HTTP\/1\.1 400 /);
  });

  test('a body shorter than its length, and then the end', async () => {
    const before = await metric('mgw_calls_total');
    for (const n of [1000, 100000]) {
      const line = await dial(gateway);
      line.socket.end(`POST /mcp HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nMcp-Session-Id: ${live['mcp-session-id']}\r\nContent-Length: ${n}\r\n\r\n${ping}`);
      assert.match(await line.ended, /^(HTTP\/1\.1 4\d\d |$)/);
    }
    assert.equal(await metric('mgw_calls_total'), before);
  });
});

describe('clients that are slow, rude or many', { timeout: 120000 }, () => {
  const head = (length) => `POST /mcp HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nMcp-Session-Id: ${live['mcp-session-id']}\r\nContent-Length: ${length}\r\n\r\n`;

  test('a head that comes byte by byte is served', async () => {
    const line = await dial(gateway);
    line.socket.setNoDelay(true);
    for (const byte of Buffer.from(head(ping.length) + ping)) {
      line.send(Buffer.from([byte]));
      await sleep(2);
    }
    await waitFor(() => /\{\}\}$/.test(line.text), 'the answer');
    line.socket.destroy();
  });

  test('a head that does not end: 408 from HAProxy; a body that does not end: 408 from mgw, much earlier', async () => {
    const since = Date.now();
    const lines = await Promise.all([dial(gateway), dial(gateway)]);
    lines[0].send('GET /health HTTP/1.1\r\nHost: x\r\n');
    lines[1].send(head(1000000), 'x'.repeat(100000)); // more than HAProxy waits for
    await waitFor(() => lines[1].text, 'the answer to the body');
    assert.match(lines[1].text, /^HTTP\/1\.1 408 [^]*did not arrive in time/);
    assert.ok(Date.now() - since >= 1900 && Date.now() - since < 8000, `after ${Date.now() - since} ms`);
    assert.match(await lines[0].ended, /^HTTP\/1\.1 408 /);
    lines[1].socket.destroy();
  });

  test('a body that drips is refused in the same time', async () => {
    const line = await dial(gateway);
    line.send(head(1000000), 'x'.repeat(100000));
    const drip = setInterval(() => line.send('x'), 100);
    await waitFor(() => line.text, 'the answer');
    clearInterval(drip);
    assert.match(line.text, /^HTTP\/1\.1 408 /);
    line.socket.destroy();
  });

  test('a burst of sessions: the longest idle ones go, live ones stay', async () => {
    const ids = new Set();
    for (let i = 0; i < 10; i++) {
      const answers = await Promise.all(Array.from({ length: 30 }, () => ask(gateway.url, '/mcp', { method: 'POST', headers: JSON_HEADERS, body: initialize })));
      for (const { status, headers } of answers) {
        assert.equal(status, 200);
        ids.add(headers['mcp-session-id']);
      }
    }
    assert.equal(ids.size, 300, 'no id twice');
    assert.ok((await ask(gateway.stats, '/health', { headers: asOperator })).json.sessions <= 20);
    assert.equal((await send(ping)).status, 200);
  });

  test('a client that does not read: its stream ends, once, and others get all', async () => {
    const messages = Array.from({ length: 40 }, (_, i) => `${i}:${'y'.repeat(500000)}`);
    const deaf = await dial(gateway);
    deaf.send('GET /sse HTTP/1.1\r\nHost: x\r\n\r\n');
    await waitFor(() => /event: endpoint/.test(deaf.text), 'the stream');
    deaf.socket.pause();
    const [before, from] = [await metric('mgw_streams_overflowed_total'), gateway.mgw.lines.length];
    for (const message of messages) {
      await ask(gateway.stats, '/admin/announce', { method: 'POST', headers: asOperator, body: JSON.stringify({ message }) });
      await witness.get.event((e) => e.json?.params?.data === message);
    }
    await gateway.mgw.line(/WARN \[MCP\] stream \S+ \(anonymous\) ended: the client does not read, 200000 bytes wait \(stream_queue_max_bytes\)/, { from });
    await gateway.mgw.line(/Client disconnected/, { from });
    assert.equal(await metric('mgw_streams_overflowed_total'), before + 1);
    assert.equal(gateway.mgw.count(/does not read/, from), 1);
    const count = await streams();
    assert.equal(count, witness.streams.length);
    deaf.socket.destroy();
  });

  test('more in one go than may wait: the stream ends where the cap is met, without a gap', async () => {
    // On mgw's own socket: how much HAProxy holds in between is not known.
    const peer = (await Peer.connect(gateway.socket)).send(request(1, '/sse'));
    const path = /data: (.*)\n/.exec((await peer.stdout(1, /data: .*\n\n/)).body)[1];
    const post = (body) => ask(gateway.url, path, { method: 'POST', headers: JSON_HEADERS, body });
    await post(rpc('hello', 'initialize', initializeParams('2025-03-26'))); // which has batches
    await peer.stdout(1, /"id":"hello"/);
    peer.socket.pause();
    const [before, from] = [await metric('mgw_streams_overflowed_total'), gateway.mgw.lines.length];
    assert.equal((await post(`[${Array.from({ length: 60 }, (_, i) => echo(i % 2 ? 'small' : 'b'.repeat(60000), i)).join()}]`)).status, 202);
    await gateway.mgw.line(/Client disconnected/, { from });
    peer.socket.resume();
    const { body } = await peer.answer(1);
    peer.close();
    const ids = [...body.matchAll(/"id":(\d+)/g)].map(([, id]) => Number(id));
    assert.ok(ids.length > 2 && ids.length < 60, `the cap lies within: ${ids}`);
    assert.deepEqual(ids, Array.from(ids, (_, i) => i));
    assert.equal(await metric('mgw_streams_overflowed_total'), before + 1);
    assert.equal(gateway.mgw.count(/does not read/, from), 1);
  });

  test('clients that leave before it is the turn of what they have sent', async () => {
    const big = `{"jsonrpc": "2.0", "id": 3, "method": "ping", "params": {"pad": [${Array(200000).fill('0').join()}]}}`;
    const records = [...big.matchAll(/[^]{1,60000}/g)].map(([piece]) => record(TYPE.STDIN, 1, piece));
    const whole = Buffer.concat([begin(1), record(TYPE.PARAMS, 1, pairs(paramsOf('/mcp', { body: big, headers: live }))), record(TYPE.PARAMS, 1, ''), ...records, record(TYPE.STDIN, 1, '')]);
    const peers = await Promise.all(Array.from({ length: 40 }, () => Peer.connect(gateway.socket)));
    await Promise.all(peers.map((peer) => new Promise((resolve) => {
      peer.socket.write(whole, () => {
        peer.socket.destroy();
        resolve();
      });
    })));
    await waitFor(async () => await metric('mgw_connections') <= witness.streams.length + 2, 'their connections to be gone');
  });

  test('200 clients that connect and reset at random moments', async () => {
    let seed = 42;
    const random = (n) => (seed = (seed * 1103515245 + 12345) % 2147483648) % n; // the same in every run
    const requests = [
      'GET /sse HTTP/1.1\r\nHost: x\r\n\r\n', head(ping.length) + ping, head(500000) + 'x'.repeat(100000), head(1).replace('Mcp-', 'X-') + initialize,
      `GET /mcp HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\nMcp-Session-Id: ${live['mcp-session-id']}\r\n\r\n`,
      head(0).replace(/: 0\r/, `: ${rpc(8, 'tools/call', { name: 'wait', arguments: { seconds: 0.05 } }).length}\r`) + rpc(8, 'tools/call', { name: 'wait', arguments: { seconds: 0.05 } }),
    ];
    await Promise.all(Array.from({ length: 200 }, async () => {
      await sleep(random(1000));
      const line = await dial(gateway);
      const bytes = requests[random(requests.length)];
      line.send(bytes.slice(0, 1 + random(bytes.length * 2)));
      await sleep(random(60));
      if (random(4) === 0) line.socket.end();
      else line.socket.resetAndDestroy();
      if (random(4) === 0) await sleep(random(100));
      line.socket.destroy();
    }));
    await waitFor(async () => await streams() === witness.streams.length, 'their streams to be gone');
    await waitFor(async () => await metric('mgw_connections') <= witness.streams.length + 2, 'their connections to be gone');
  });
});
