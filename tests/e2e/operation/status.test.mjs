// The status codes that clients act upon, each through HAProxy: what is asked, and what must come.

import { after, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import fs from 'node:fs';
import http2 from 'node:http2';
import os from 'node:os';
import path from 'node:path';
import { paramsOf, Peer, request } from '../lib/fastcgi.mjs';
import { asOperator, startGateway, testCertificate, waitFor } from '../lib/gateway.mjs';
import { ask, dial } from '../lib/raw.mjs';
import { initializeParams, JSON_HEADERS, openSession, openStream, rpc } from '../lib/stream.mjs';

const initialize = rpc(1, 'initialize', initializeParams());
const ping = rpc(2, 'ping');
const notification = JSON.stringify({ jsonrpc: '2.0', method: 'notifications/initialized' });
const reply = JSON.stringify({ jsonrpc: '2.0', id: 'mgw-1', result: {} });
const SSE = { accept: 'text/event-stream' };
const stateless = { 'mcp-protocol-version': '2026-07-28' };
const app = 'https://app.example.com';
const waitCall = rpc(5, 'tools/call', { name: 'wait', arguments: { seconds: 60 } });

/** An open stream of the sse era, with the address of its messages. */
const openSse = async (gateway, headers) => {
  const stream = await openStream(`${gateway.url}/sse`, { headers });
  if (stream.response.status !== 200) return stream;
  return Object.assign(stream, { endpoint: (await stream.event((e) => e.name === 'endpoint')).data });
};

/** What must be so in an answer: { status, code, json, headers: { name: pattern }, body }. */
function check(answer, { status, code, headers = {}, body, data, id }) {
  assert.equal(answer.status, status, `HTTP ${answer.status} ${answer.body}`);
  if (code !== undefined) {
    assert.equal(answer.json?.jsonrpc, '2.0', answer.body);
    assert.equal(answer.json.error.code, code, answer.body);
    assert.ok(answer.json.error.message.length > 10, 'says what is wrong');
    assert.equal(answer.json.id, id);
  }
  if (data) data(answer.json.error.data);
  for (const [name, pattern] of Object.entries(headers)) assert.match(answer.headers[name] ?? '(none)', pattern, name);
  if (body !== undefined) assert.match(answer.body, body);
  else if (status >= 400 && status !== 405) assert.ok(answer.body.length > 0, 'an error says what is wrong');
}

const supported = ({ supported: names, requested }) => {
  assert.deepEqual(names, ['2026-07-28', '2025-11-25', '2025-06-18', '2025-03-26', '2024-11-05']);
  assert.match(requested, /^\d{4}-\d\d-\d\d$/);
};
const RETRY = { 'retry-after': /^[1-9]\d*$/ };

describe('the status table', { timeout: 120000 }, () => {
  let gateway, live, old, sse, getStream;
  before(async () => {
    gateway = await startGateway({
      settings: { ALLOWED_ORIGINS: app, BODY_MAX_BYTES: 200000, HEAD_MAX_BYTES: 10000, KEEPALIVE_S: 1 },
    });
    live = (await openSession(gateway.url)).headers;
    old = (await openSession(gateway.url, '2025-03-26')).headers;
    sse = await openSse(gateway);
    getStream = await openStream(`${gateway.url}/mcp`, { headers: { ...live, ...SSE } });
  });
  after(async () => {
    sse.close();
    getStream.close();
    await gateway.stop();
  });

  const post = (body, headers = live) => () => ['/mcp', { method: 'POST', headers, body }];
  const message = (body, headers = JSON_HEADERS) => () => [sse.endpoint, { method: 'POST', headers, body }];
  const get = (where, headers, method = 'GET') => () => [where, { method, headers: typeof headers === 'function' ? headers() : headers }];
  // Sessions are opened before the tests, after this table is read: their headers are taken late.
  const inSession = (more, of = () => live) => () => ({ ...of(), ...more });
  const postIn = (body, more = {}, of = () => live) => () => ['/mcp', { method: 'POST', headers: { ...of(), ...more }, body }];
  const without = (name) => () => {
    const { [name]: _, ...rest } = live;
    return rest;
  };

  const table = {
    'a session (the session era)': [
      ['initialize', post(initialize, JSON_HEADERS), { status: 200, headers: { 'mcp-session-id': /^test\./, 'content-type': /^application\/json$/ } }],
      ['a call in it', postIn(ping), { status: 200, body: /"result":\{\}/ }],
      ['a call at /mcp/', postIn(ping), { status: 200, body: /"result":\{\}/ }, '/mcp/'],
      ['a call that takes events alone', postIn(ping, { accept: 'text/event-stream' }), { status: 200, headers: { 'content-type': /^text\/event-stream$/ } }],
      ['a call that takes events, and JSON not', postIn(ping, { accept: 'application/json;q=0, text/event-stream' }), { status: 200, headers: { 'content-type': /^text\/event-stream$/ } }],
      ['a call at //mcp', postIn(ping), { status: 404 }, '//mcp'],
      ['POST in an unknown one', postIn(ping, { 'mcp-session-id': 'test.nobody' }), { status: 404, code: -32600, id: 2 }],
      ['a notification in an unknown one', postIn(notification, { 'mcp-session-id': 'test.nobody' }), { status: 404, code: -32600 }],
      ['GET in an unknown one', get('/mcp', inSession({ ...SSE, 'mcp-session-id': 'other.nobody' })), { status: 404, code: -32600 }],
      ['DELETE in an unknown one', get('/mcp', inSession({ 'mcp-session-id': 'x' }), 'DELETE'), { status: 404, code: -32600 }],
      ['an id of 8,000 characters', postIn(ping, { 'mcp-session-id': 'x'.repeat(8000) }), { status: 404, code: -32600, id: 2 }],
      ['an id of the sse era', () => ['/mcp', { method: 'POST', headers: { ...live, 'mcp-session-id': sse.endpoint.split('=')[1] }, body: ping }], { status: 404, code: -32600, id: 2 }],
      ['POST without one', () => ['/mcp', { method: 'POST', headers: without('mcp-session-id')(), body: ping }], { status: 400, code: -32600, id: 2 }],
      ['GET without one', get('/mcp', SSE), { status: 400, code: -32600 }],
      ['DELETE without one', get('/mcp', {}, 'DELETE'), { status: 400, code: -32600 }],
    ],
    'a message (the sse era)': [
      ['with an unknown sessionId', post(ping, JSON_HEADERS), { status: 404 }, '/message?sessionId=test.nobody'],
      ['without a sessionId', post(ping, JSON_HEADERS), { status: 404 }, '/message'],
      ['with a sessionId of the session era', () => [`/message?sessionId=${live['mcp-session-id']}`, { method: 'POST', headers: JSON_HEADERS, body: ping }], { status: 404 }],
      ['a request', message(ping), { status: 202, body: /^$/ }],
      ['a notification', message(notification), { status: 202, body: /^$/ }],
      ['a response', message(reply), { status: 202, body: /^$/ }],
      ['not JSON', message('{"jsonrpc'), { status: 400, code: -32700 }],
      ['not a message', message('{"id": 1}'), { status: 400, code: -32600, id: 1 }],
      ['a batch', message(`[${ping}]`), { status: 400, code: -32600 }],
      ['another Content-Type', message(ping, { 'content-type': 'text/plain' }), { status: 415, code: -32600 }],
      ['GET', () => [sse.endpoint, {}], { status: 405, headers: { allow: /\bPOST\b/ } }],
    ],
    'what needs no answer (the session era)': [
      ['a notification', postIn(notification), { status: 202, body: /^$/ }],
      ['a response', postIn(reply), { status: 202, body: /^$/ }],
      ['an error', postIn('{"jsonrpc": "2.0", "id": "mgw-1", "error": {"code": 1, "message": "no"}}'), { status: 202, body: /^$/ }],
      ['a batch of both, where batches are', postIn(`[${notification}, ${reply}]`, {}, () => old), { status: 202, body: /^$/ }],
    ],
    'streams': [
      ['GET /mcp', get('/mcp', inSession(SSE)), { status: 200, headers: { 'content-type': /^text\/event-stream$/, 'cache-control': /^no-cache, no-transform$/, 'x-accel-buffering': /^no$/ } }],
      ['GET /mcp without Accept', get('/mcp', () => { const { accept: _, ...rest } = live; return rest; }), { status: 406 }],
      ['GET /mcp for JSON', get('/mcp', inSession({ accept: 'application/json' })), { status: 406 }],
      ['GET /mcp that refuses streams', get('/mcp', inSession({ accept: 'application/json, text/event-stream;q=0' })), { status: 406 }],
      ['GET /sse', get('/sse', {}), { status: 200, headers: { 'content-type': /^text\/event-stream$/ } }],
      ['GET /sse/', get('/sse/', {}), { status: 200, headers: { 'content-type': /^text\/event-stream$/ } }],
      ['POST /sse', post(initialize, JSON_HEADERS), { status: 405, headers: { allow: /\bGET\b/ } }, '/sse'],
      ['DELETE /sse', get('/sse', {}, 'DELETE'), { status: 405, headers: { allow: /\bGET\b/ } }],
      ['HEAD /sse', get('/sse', {}, 'HEAD'), { status: 405, headers: { allow: /\bGET\b/ } }],
      ['PUT /mcp', postIn(ping), { status: 405, headers: { allow: /GET.*POST|POST.*GET/ } }, '/mcp', 'PUT'],
      ['TRACE /mcp', get('/mcp', {}, 'TRACE'), { status: 405, headers: { allow: /POST/ } }],
    ],
    'bodies': [
      ['not JSON', postIn('{"jsonrpc": "2.0", "id": 1,'), { status: 400, code: -32700, id: 1 }],
      ['nothing', postIn(''), { status: 400, code: -32700 }],
      ['a number', postIn('7'), { status: 400, code: -32700 }],
      ['another protocol', postIn('{"jsonrpc": "1.0", "id": 1, "method": "ping"}'), { status: 400, code: -32600, id: 1 }],
      ['an object that is no message', postIn('{"jsonrpc": "2.0", "id": 1}'), { status: 400, code: -32600, id: 1 }],
      ['an array of what is none', postIn('[1]', {}, () => old), { status: 400, code: -32600 }],
      ['an empty batch', postIn('[]', {}, () => old), { status: 400, code: -32600 }],
      ['a batch, where batches are', postIn(`[${ping}, ${notification}]`, {}, () => old), { status: 200, body: /^\[\{.*\}\]$/ }],
      ['a batch, where they are not', postIn(`[${ping}]`), { status: 400, code: -32600 }],
      ['initialize in a batch', postIn(`[${initialize}]`), { status: 400, code: -32600 }],
      ['initialize without a version', postIn(rpc(1, 'initialize', {})), { status: 400, code: -32602, id: 1 }],
      ['another Content-Type', postIn(ping, { 'content-type': 'text/plain' }), { status: 415, code: -32600 }],
      ['application/json with a charset', postIn(ping, { 'content-type': 'Application/JSON; charset=utf-8' }), { status: 200 }],
      ['over the limit', postIn('x'.repeat(200001)), { status: 413 }],
      ['without a length', postIn(ping, { 'transfer-encoding': 'chunked' }), { status: 200 }],
      // HAProxy must tell FastCGI the length: such a body has to fit its buffer.
      ['without a length, over what HAProxy holds', postIn('x'.repeat(40000), { 'transfer-encoding': 'chunked' }), { status: 400 }],
      ['far over the limit', postIn('x'.repeat(10 << 20)), { status: 413 }],
      ['over the limit (the sse era)', message('x'.repeat(10 << 20)), { status: 413 }],
    ],
    'versions': [
      ['unknown', postIn(ping, { 'mcp-protocol-version': '1999-01-01' }), { status: 400, code: -32022, id: 2, data: supported }],
      ['unknown, on GET', get('/mcp', inSession({ ...SSE, 'mcp-protocol-version': '1999-01-01' })), { status: 400, code: -32022, data: supported }],
      ['no date', postIn(ping, { 'mcp-protocol-version': 'latest' }), { status: 400, code: -32022, id: 2 }],
      ['none: as before there was the header', () => ['/mcp', { method: 'POST', headers: without('mcp-protocol-version')(), body: ping }], { status: 200 }],
      ['of the stateless era, without what it carries', postIn(ping, stateless), { status: 400, code: -32020, id: 2 }],
      ['of the stateless era in _meta, but not in the header', postIn(rpc(1, 'tools/list', { _meta: { 'io.modelcontextprotocol/protocolVersion': '2026-07-28' } })), { status: 400, code: -32020, id: 1 }],
      ['of the stateless era, on GET', get('/mcp', { ...SSE, ...stateless }), { status: 405, headers: { allow: /^POST$/ } }],
      ['of the stateless era, on DELETE', get('/mcp', stateless, 'DELETE'), { status: 405, headers: { allow: /^POST$/ } }],
    ],
    'Origin': [
      ['not allowed', postIn(ping, { origin: 'https://evil.example' }), { status: 403 }],
      ['not allowed, on GET /sse', get('/sse', { origin: 'https://evil.example' }), { status: 403 }],
      ['not allowed, on /message', message(ping, { ...JSON_HEADERS, origin: 'https://evil.example' }), { status: 403 }],
      ['not allowed, on OPTIONS', get('/mcp', { origin: 'https://evil.example' }, 'OPTIONS'), { status: 403 }],
      ['null', postIn(ping, { origin: 'null' }), { status: 403 }],
      ['like an allowed one', postIn(ping, { origin: `${app}.evil.example` }), { status: 403 }],
      ['like localhost', postIn(ping, { origin: 'http://localhost.evil.example' }), { status: 403 }],
      ['allowed', postIn(ping, { origin: app }), {
        status: 200,
        headers: { 'access-control-allow-origin': /^https:\/\/app\.example\.com$/, 'access-control-expose-headers': /Mcp-Session-Id, MCP-Protocol-Version/, vary: /\bOrigin\b/ },
      }],
      ['allowed, on a stream', get('/sse', { origin: 'http://localhost:6274' }), { status: 200, headers: { 'access-control-allow-origin': /^http:\/\/localhost:6274$/, 'access-control-expose-headers': /Mcp-Session-Id/ } }],
      ['allowed, on an error', postIn(ping, { origin: app, 'mcp-session-id': 'gone' }), { status: 404, code: -32600, id: 2, headers: { 'access-control-allow-origin': /^https:\/\/app/ } }],
      ...['/mcp', '/sse', '/message'].map((where) => [`preflight of ${where}`,
        get(where, { origin: app, 'access-control-request-method': 'POST', 'access-control-request-headers': 'mcp-session-id' }, 'OPTIONS'), {
          status: 204, body: /^$/,
          headers: {
            'access-control-allow-origin': /^https:\/\/app\.example\.com$/, 'access-control-allow-methods': /GET, POST, DELETE/,
            'access-control-allow-headers': /Authorization.*Content-Type.*Mcp-Session-Id.*MCP-Protocol-Version.*Last-Event-ID/i,
          },
        }]),
    ],
    'heads': [
      ['over head_max_bytes', get('/health', { 'x-big': 'x'.repeat(12000) }), { status: 431 }],
      // HAProxy 2.6 calls 400 what newer versions call 431.
      ['over what HAProxy takes', get('/health', { 'x-big': 'x'.repeat(40000) }), { status: [400, 431] }],
      ['more than a hundred headers', get('/health', Object.fromEntries(Array.from({ length: 150 }, (_, i) => [`x-${i}`, 'x']))), { status: [400, 431] }],
    ],
    'paths': [
      ['unknown', get('/', {}), { status: 404 }],
      ['/health', get('/health', {}), { status: 200, body: /^\{"status":"ok"\}\n$/ }],
      ['POST /health', get('/health', {}, 'POST'), { status: 405, headers: { allow: /GET/ } }],
      ['/ready', get('/ready', {}), { status: 200 }],
      ...['', '/mcp', '/sse', '/message'].map((of) => [`what an authorization server would be for${of}`, get(`/.well-known/oauth-protected-resource${of}`, {}), { status: 404 }]),
      ['an authorization server', get('/.well-known/oauth-authorization-server', {}), { status: 404 }],
    ],
  };

  const security = { 'x-content-type-options': /^nosniff$/, 'x-frame-options': /^DENY$/, 'referrer-policy': /^no-referrer$/, 'content-security-policy': /default-src 'none'/, 'x-request-id': /^[0-9a-f-]{36}$/ };

  for (const [group, rows] of Object.entries(table)) {
    describe(group, () => {
      for (const [name, what, expected, otherPath, otherMethod] of rows) {
        test(`${name}: ${[expected.status].flat().join(' or ')}${expected.code ? `, ${expected.code}` : ''}`, async () => {
          const [where, init] = what();
          const answer = await ask(gateway.url, otherPath ?? where, { ...init, method: otherMethod ?? init.method });
          if (Array.isArray(expected.status)) assert.ok(expected.status.includes(answer.status), `HTTP ${answer.status}`);
          else check(answer, { ...expected, headers: { ...expected.headers, ...security } });
        });
      }
    });
  }

  test('an unknown session is 404 at once', async () => {
    const since = performance.now();
    for (let i = 0; i < 20; i++) check(await ask(gateway.url, '/mcp', { method: 'POST', headers: { ...live, 'mcp-session-id': `test.${i}` }, body: ping }), { status: 404 });
    assert.ok(performance.now() - since < 2000, `20 of them took ${performance.now() - since} ms`);
  });

  test('a second GET stream is allowed, and the first lives on', async () => {
    const second = await openStream(`${gateway.url}/mcp`, { headers: { ...live, ...SSE } });
    assert.equal(second.response.status, 200);
    const seen = getStream.comments.length;
    await waitFor(() => getStream.comments.length > seen && second.comments.length > 0, 'keep-alives on both');
    assert.equal(getStream.end, undefined);
    second.close();
  });

  test('who takes events alone gets the answer as one, and its session', async () => {
    const { headers } = await openSession(gateway.url, undefined, { accept: 'text/event-stream' });
    const response = await fetch(`${gateway.url}/mcp`, { method: 'POST', headers, body: rpc(7, 'ping') });
    const data = /^data: (\{.*\})$/m.exec(await response.text());
    assert.deepEqual(JSON.parse(data[1]), { jsonrpc: '2.0', id: 7, result: {} });
  });

  test('DELETE ends a session with 204, from then on it is 404', async () => {
    const { headers } = await openSession(gateway.url);
    check(await ask(gateway.url, '/mcp', { method: 'DELETE', headers }), { status: 204, body: /^$/ });
    check(await ask(gateway.url, '/mcp', { method: 'POST', headers, body: ping }), { status: 404, code: -32600, id: 2 });
  });

  const inner = ['/metrics', '/admin/announce', '/haproxy/stats', '/haproxy/metrics'];
  const odd = ['//metrics', '/%6detrics', '/METRICS', '/metrics/', '/./metrics', '/mcp/../metrics', '/mcp/%2e%2e/metrics', '/health/../metrics',
    '/metrics?x', '/metrics;x', '/metrics%00', '/admin//announce', '/%2fmetrics', '\\metrics', 'http://x/metrics', '/mcp#/metrics', '/ready\t/metrics'];
  for (const where of [...inner, ...odd]) {
    test(`${JSON.stringify(where)} is refused from outside`, async () => {
      for (const method of ['GET', 'POST']) {
        const line = await dial(gateway);
        line.send(`${method} ${where} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}`);
        const text = await line.ended;
        assert.match(text, /^HTTP\/1\.1 40[034] /);
        assert.doesNotMatch(text, /mgw_|haproxy_|"streams"/);
        if (/^HTTP\/1\.1 404/.test(text)) assert.match(text, /x-content-type-options: nosniff/i);
      }
    });
  }

  test('inner paths are refused over HTTP/2 too, absolute or odd', async () => {
    const client = http2.connect(gateway.tls, { ca: testCertificate().ca });
    for (const where of [...inner, '//metrics', '/%6detrics', '/mcp/../metrics']) {
      const stream = client.request({ ':path': where });
      const [headers] = await once(stream, 'response');
      assert.equal(headers[':status'], 404, where);
      stream.close();
    }
    client.close();
  });

  test('inside they answer, but not to a web page', async () => {
    const headers = asOperator;
    check(await ask(gateway.stats, '/metrics', { headers }), { status: 200, body: /^mgw_streams \d+$/m });
    check(await ask(gateway.stats, '/haproxy/metrics', { headers }), { status: 200, body: /^haproxy_/m });
    check(await ask(gateway.stats, '/admin/announce', { method: 'POST', headers, body: '{"message": "x"}' }), { status: 200, body: /"streams"/ });
    check(await ask(gateway.stats, '/admin/announce', { method: 'POST', headers: { ...headers, origin: 'http://localhost:1' }, body: '{"message": "x"}' }), { status: 403 });
    for (const where of ['/mcp', '/nothing', '/admin/nothing']) {
      const answer = await ask(gateway.stats, where, { headers: { ...headers, ...SSE } });
      check(answer, { status: 404, headers: { 'content-type': /text\/plain/ }, body: /status page is at \/, metrics at \/metrics/ });
      assert.doesNotMatch(answer.body, /\/mcp/);
    }
  });
});

describe('who calls', { timeout: 60000 }, () => {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'mgw-status-'));
  const tokens = path.join(dir, 'tokens.json');
  const user = (email, token, expires) => ({ email, sha256: createHash('sha256').update(token).digest('hex'), ...(expires && { expires }) });
  const bearer = (token) => ({ authorization: `Bearer ${token}` });
  let gateway, ada;
  before(async () => {
    const users = [user('ada@example.com', 'mgw_ada'), user('bob@example.com', 'mgw_bob'), user('old@example.com', 'mgw_old', '2020-01-01T00:00:00Z')];
    fs.writeFileSync(tokens, JSON.stringify({ users }), { mode: 0o600 });
    gateway = await startGateway({ settings: { AUTH_TOKENS_FILE: tokens } });
    ada = (await openSession(gateway.url, undefined, bearer('mgw_ada'))).headers;
  });
  after(async () => {
    await gateway.stop();
    fs.rmSync(dir, { recursive: true });
  });

  const requests = {
    'POST /mcp': (headers) => ['/mcp', { method: 'POST', headers: { ...JSON_HEADERS, ...headers }, body: initialize }],
    'GET /mcp': (headers) => ['/mcp', { headers: { ...SSE, ...headers } }],
    'DELETE /mcp': (headers) => ['/mcp', { method: 'DELETE', headers }],
    'GET /sse': (headers) => ['/sse', { headers }],
    'POST /message': (headers) => ['/message?sessionId=x', { method: 'POST', headers: { ...JSON_HEADERS, ...headers }, body: ping }],
  };
  const wrong = {
    'no token': [{}, /^Bearer$/],
    'an unknown token': [bearer('mgw_eve'), /^Bearer error="invalid_token"$/],
    'an expired token': [bearer('mgw_old'), /^Bearer error="invalid_token"$/],
    'half a token': [bearer('mgw_ad'), /^Bearer error="invalid_token"$/],
    'a token and more': [bearer('mgw_ada, Bearer mgw_ada'), /^Bearer$/],
    'another scheme': [{ authorization: `Basic ${Buffer.from('ada@example.com:mgw_ada').toString('base64')}` }, /^Bearer$/],
    'a name in place of the token': [{ 'remote-user': 'ada@example.com' }, /^Bearer$/],
  };
  for (const [request, make] of Object.entries(requests)) {
    for (const [name, [headers, challenge]] of Object.entries(wrong)) {
      test(`${request} with ${name}: 401`, async () => {
        check(await ask(gateway.url, ...make(headers)), { status: 401, headers: { 'www-authenticate': challenge, 'cache-control': /^no-store$/ } });
      });
    }
  }

  test('nothing in the refusal is made from what the client says of us', async () => {
    const headers = { ...JSON_HEADERS, host: 'evil.example', 'x-forwarded-host': 'evil.example', forwarded: 'host=evil.example' };
    const answer = await ask(gateway.url, '/mcp', { method: 'POST', headers, body: initialize });
    check(answer, { status: 401 });
    assert.doesNotMatch(JSON.stringify(answer), /evil/);
  });

  test('the session of another user is 404, and goes on', async () => {
    const theirs = { ...ada, ...bearer('mgw_bob') };
    check(await ask(gateway.url, '/mcp', { method: 'POST', headers: theirs, body: ping }), { status: 404, code: -32600, id: 2 });
    check(await ask(gateway.url, '/mcp', { headers: { ...theirs, ...SSE } }), { status: 404, code: -32600 });
    check(await ask(gateway.url, '/mcp', { method: 'DELETE', headers: theirs }), { status: 404, code: -32600 });
    check(await ask(gateway.url, '/mcp', { method: 'POST', headers: ada, body: ping }), { status: 200 });
    const stream = await openSse(gateway, bearer('mgw_ada'));
    check(await ask(gateway.url, stream.endpoint, { method: 'POST', headers: { ...JSON_HEADERS, ...bearer('mgw_bob') }, body: ping }), { status: 404 });
    check(await ask(gateway.url, stream.endpoint, { method: 'POST', headers: { ...JSON_HEADERS, ...bearer('mgw_ada') }, body: ping }), { status: 202 });
    stream.close();
  });

  test('a preflight needs no token', async () => {
    const headers = { origin: 'http://localhost:6274', 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization' };
    check(await ask(gateway.url, '/mcp', { method: 'OPTIONS', headers }), { status: 204, headers: { 'access-control-allow-origin': /localhost/ } });
  });
});

describe('too many at once', { timeout: 120000 }, () => {
  const within = async (options, use) => {
    const gateway = await startGateway(options);
    const streams = [];
    const hold = async (stream) => {
      assert.equal((await stream).response.status, 200);
      streams.push(await stream);
    };
    try {
      await use(gateway, hold, async () => {
        streams.pop().close();
        await gateway.mgw.line(/Client disconnected/, { from: 0 });
      });
    } finally {
      for (const stream of streams) stream.close();
      await gateway.stop();
    }
  };
  const eventually = (gateway, where, init) => waitFor(async () => (await ask(gateway.url, where, init)).status === 200, 'room for one more');

  for (const setting of ['STREAMS_PER_USER_MAX', 'STREAMS_MAX']) {
    test(`streams (${setting.toLowerCase()}): 429 and Retry-After, and room again when one ends`, () => within({ settings: { [setting]: 2 } }, async (gateway, hold, release) => {
      const { headers } = await openSession(gateway.url);
      await hold(openSse(gateway));
      await hold(openStream(`${gateway.url}/mcp`, { headers: { ...headers, ...SSE } }));
      check(await ask(gateway.url, '/sse'), { status: 429, headers: RETRY });
      check(await ask(gateway.url, '/mcp', { headers: { ...headers, ...SSE } }), { status: 429, headers: RETRY });
      check(await ask(gateway.url, '/mcp', { method: 'POST', headers, body: ping }), { status: 200 });
      await release();
      await eventually(gateway, '/sse');
    }));
  }

  test('calls of a session (calls_per_session_max): 429 and Retry-After', () => within({ settings: { CALLS_PER_SESSION_MAX: 2, ANSWER_GRACE_MS: 100, DRAIN_S: 1 } }, async (gateway, hold) => {
    const { headers } = await openSession(gateway.url, '2025-03-26');
    const [one, two] = ['a', 'b'].map((id) => waitCall.replace('"id":5', `"id":"${id}"`));
    await hold(openStream(`${gateway.url}/mcp`, { method: 'POST', headers, body: one }));
    check(await ask(gateway.url, '/mcp', { method: 'POST', headers, body: `[${two}, ${notification}, ${ping}]` }), { status: 429, headers: RETRY, body: /^\[\{"jsonrpc":"2\.0","id":"b","error":\{[^{}]*\}\},\{"jsonrpc":"2\.0","id":2,"error":\{[^{}]*\}\}\]$/ });
    await hold(openStream(`${gateway.url}/mcp`, { method: 'POST', headers, body: two }));
    check(await ask(gateway.url, '/mcp', { method: 'POST', headers, body: ping }), { status: 429, headers: RETRY });
    check(await ask(gateway.url, '/mcp', { method: 'POST', headers, body: notification }), { status: 202 });
    const cancel = JSON.stringify({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 'a' } });
    check(await ask(gateway.url, '/mcp', { method: 'POST', headers, body: cancel }), { status: 202 });
    check(await ask(gateway.url, '/mcp', { method: 'POST', headers, body: ping }), { status: 200 });
    const sse = await openSse(gateway);
    for (const body of [rpc(1, 'initialize', initializeParams('2024-11-05')), one, two]) {
      check(await ask(gateway.url, sse.endpoint, { method: 'POST', headers: JSON_HEADERS, body }), { status: 202 });
    }
    check(await ask(gateway.url, sse.endpoint, { method: 'POST', headers: JSON_HEADERS, body: ping }), { status: 429, headers: RETRY });
    sse.close();
  }));

  test('messages in a second (calls_per_user_s), requests and notifications: 429 and Retry-After', () => within({ settings: { CALLS_PER_USER_S: 1 } }, async (gateway) => {
    const { headers } = await openSession(gateway.url, '2025-03-26');
    const send = (...messages) => ask(gateway.url, '/mcp', { method: 'POST', headers, body: `[${messages}]` });
    for (const message of [ping, notification]) { // five may be saved up
      check(await send(...Array(6).fill(message)), { status: 429, headers: RETRY });
      await waitFor(async () => [200, 202].includes((await send(message)).status), 'room for one');
    }
  }));

  test('calls that hold more than a user may (memory_per_user_max_bytes): 429 and Retry-After', () => within({ settings: { MEMORY_PER_USER_MAX_BYTES: 4 << 20, ANSWER_GRACE_MS: 0, DRAIN_S: 1 } }, async (gateway, hold) => {
    const { headers } = await openSession(gateway.url);
    const body = (id) => rpc(id, 'tools/call', { name: 'wait', arguments: { seconds: 60, pad: 'x'.repeat(500000) } });
    for (let id = 1; id <= 4; id++) await hold(openStream(`${gateway.url}/mcp`, { method: 'POST', headers, body: body(id) }));
    check(await ask(gateway.url, '/mcp', { method: 'POST', headers, body: body(5) }), { status: 429, headers: RETRY, body: /memory_per_user_max_bytes/ });
    check(await ask(gateway.url, '/mcp', { method: 'POST', headers, body: ping }), { status: 200 });
  }));

  test('values that take more than a user may hold (memory_per_user_max_bytes): 429 and Retry-After', () => within({ settings: { MEMORY_PER_USER_MAX_BYTES: 2000000 } }, async (gateway) => {
    const { headers } = await openSession(gateway.url);
    const send = (n) => ask(gateway.url, '/mcp', { method: 'POST', headers, body: notification.replace(/}$/, `,"params":{"x":[{}${',{}'.repeat(n)}]}}`) });
    check(await send(90000), { status: 429, headers: RETRY, body: /memory_per_user_max_bytes/ });
    const call = rpc(7, 'tools/call', { x: Array(90000).fill({}) });
    check(await ask(gateway.url, '/mcp', { method: 'POST', headers, body: call }), { status: 429, code: -32000, headers: RETRY, id: 7 });
    check(await send(900), { status: 202 });
  }));

  test('sessions, all of them live (sessions_max): 503 and Retry-After', () => within({ settings: { SESSIONS_MAX: 2 } }, async (gateway, hold, release) => {
    for (let i = 0; i < 2; i++) await hold(openSse(gateway));
    check(await ask(gateway.url, '/sse'), { status: 503, headers: RETRY });
    check(await ask(gateway.url, '/mcp', { method: 'POST', headers: JSON_HEADERS, body: initialize }), { status: 503, headers: RETRY });
    await release();
    await eventually(gateway, '/mcp', { method: 'POST', headers: JSON_HEADERS, body: initialize });
  }));

  test('requests and streams of one address (HAProxy): 429 and Retry-After', () => within({ haproxy: { MGW_ADDRESS_STREAMS: 3 } }, async (gateway, hold, release) => {
    for (let i = 0; i < 3; i++) await hold(openSse(gateway));
    check(await ask(gateway.url, '/sse'), { status: 429, code: -32000, headers: RETRY });
    check(await ask(gateway.url, '/health'), { status: 429, code: -32000, headers: RETRY });
    await release();
    await eventually(gateway, '/health');
  }));

  test('requests of one address in 10 s (HAProxy): 429 and Retry-After', () => within({ haproxy: { MGW_ADDRESS_REQUESTS: 30 } }, async (gateway, hold) => {
    await hold(openSse(gateway));
    const answers = [];
    while (answers.length < 40) answers.push(await ask(gateway.url, '/health'));
    assert.ok(answers.slice(0, 5).every(({ status }) => status === 200), 'a few are fine');
    check(answers.at(-1), { status: 429, code: -32000, headers: RETRY });
  }));

  test('connections of one address (HAProxy): refused', () => within({ haproxy: { MGW_ADDRESS_CONNECTIONS: 5 } }, async (gateway) => {
    // fetch() keeps some of its own.
    const lines = await Promise.all(Array.from({ length: 8 }, () => dial(gateway).catch(() => ({ closed: true, socket: { destroy() {} } }))));
    await waitFor(() => lines.filter((line) => line.closed).length >= 3, 'those over the limit to be closed');
    for (const line of lines) line.socket.destroy();
    await waitFor(() => ask(gateway.url, '/health').then(({ status }) => status === 200, () => false), 'room again');
  }));
});

test('while draining new work is 503 with Retry-After, from mgw and then from HAProxy', { timeout: 60000 }, async () => {
  const gateway = await startGateway({ settings: { ANSWER_GRACE_MS: 100, DRAIN_S: 20 } });
  const { headers } = await openSession(gateway.url);
  const slow = await openStream(`${gateway.url}/mcp`, { method: 'POST', headers, body: waitCall.replace('60', '4') });
  const peer = await Peer.connect(gateway.socket);
  gateway.mgw.child.kill('SIGTERM');
  await gateway.mgw.line(/draining/);
  const requests = {
    1: ['/mcp', { body: initialize }], 2: ['/sse', {}], 3: ['/mcp', { headers: { ...headers, ...SSE } }], 4: ['/ready', {}],
  };
  for (const [id, [where, init]] of Object.entries(requests)) peer.send(request(Number(id), where, init));
  for (const id of [1, 2, 3]) check(await peer.answer(id), { status: 503, headers: RETRY });
  assert.equal((await peer.answer(4)).status, 503);
  peer.close();
  check(await ask(gateway.url, '/mcp', { method: 'POST', headers: JSON_HEADERS, body: initialize }), { status: 503, headers: RETRY });
  check(await ask(gateway.url, '/sse'), { status: 503, headers: RETRY });
  await gateway.haproxy.line(/DOWN/);
  check(await ask(gateway.url, '/mcp', { method: 'POST', headers: JSON_HEADERS, body: initialize }), { status: 503, code: -32603, headers: RETRY });
  await slow.event((e) => e.json?.id === 5);
  await gateway.mgw.exited;
  check(await ask(gateway.url, '/sse'), { status: 503, code: -32603, headers: RETRY });
  gateway.mgw = await gateway.startMgw();
  await gateway.stop();
});
