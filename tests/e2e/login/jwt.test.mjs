// Tokens of an issuer (auth.jwt): the npm package oidc-provider signs them, the package jose makes those that are odd. mgw takes
// what is good, refuses all else with what RFC 6750 names, and is in nobody's hands while an issuer is down, hangs or lies.

import assert from 'node:assert/strict';
import http from 'node:http';
import { once } from 'node:events';
import { after, before, describe, test } from 'node:test';
import { SignJWT, exportSPKI, importJWK } from 'jose';
import { connectClient, textOf } from '../lib/clients.mjs';
import { asOperator, startGateway, waitFor } from '../lib/gateway.mjs';
import { algorithms, makeKey, OidcProvider } from '../lib/oidc.mjs';

const publicUrl = 'https://mcp.example.com';
const resource = `${publicUrl}/mcp`;
const initialize = {
  jsonrpc: '2.0', id: 1, method: 'initialize',
  params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'test', version: '1' } },
};

const configOf = (...jwt) => ({ mcpServers: {}, gateway: { public_url: publicUrl, auth: { jwt } } });

/** POSTs initialize with that token: { status, challenge, text, retryAfter, ms }. */
async function ask(gateway, token, path = '/mcp') {
  const began = performance.now();
  const response = await fetch(gateway.url + path, {
    method: 'POST', body: JSON.stringify(initialize),
    headers: {
      'content-type': 'application/json', accept: 'application/json, text/event-stream',
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
    },
  });
  return {
    status: response.status, challenge: response.headers.get('www-authenticate'), retryAfter: response.headers.get('retry-after'),
    text: await response.text(), ms: performance.now() - began,
  };
}

/** FastCGI connections that are open. */
async function connections(gateway) {
  const response = await fetch(`${gateway.stats}/metrics`, { headers: asOperator });
  return Number(/^mgw_connections (\d+)$/m.exec(await response.text())[1]);
}

/** The gateway knows the keys of all its issuers. */
const ready = (gateway, n = 1) => waitFor(() => gateway.mgw.count(/\[auth\] issuer .*: \d+ keys/) >= n, 'the keys of the issuers');

const metadata = async (gateway, path) => {
  const response = await fetch(`${gateway.url}/.well-known/oauth-protected-resource${path}`);
  return { status: response.status, body: response.ok ? await response.json() : undefined };
};

describe('without an issuer', { timeout: 60000 }, () => {
  let gateway;
  before(async () => { gateway = await startGateway({ config: { mcpServers: {} } }); });
  after(() => gateway.stop());

  test('no protected resource metadata lead clients to a login that cannot end', async () => {
    for (const path of ['', '/mcp', '/sse']) assert.equal((await metadata(gateway, path)).status, 404, path);
    assert.equal((await ask(gateway)).status, 200, 'everybody of this machine is anonymous');
  });
});

describe('an issuer whose metadata OpenID has a place for', { timeout: 120000 }, () => {
  let provider, gateway;
  before(async () => {
    provider = await OidcProvider.start({ accounts: { ada: { groups: ['mail'] }, bob: { email_verified: false }, eve: { email: 'eve@evil.example' } } });
    gateway = await startGateway({ config: configOf({ issuer: provider.issuer, domains: ['example.com'] }) });
    await ready(gateway);
  });
  after(async () => { await gateway.stop(); await provider.stop(); });

  test('a client with a token that the provider gave out calls a tool, as its user', async () => {
    const token = await provider.token('ada', { resource });
    const client = await connectClient(gateway.url, 'http', { headers: { authorization: `Bearer ${token}` } });
    assert.match(textOf(await client.callTool({ name: 'gateway_status', arguments: {} })), /ada@example\.com/);
    await client.close();
  });

  test('protected resource metadata name the issuer, for each resource', async () => {
    for (const [path, own] of [['', ''], ['/mcp', '/mcp'], ['/sse', '/sse']]) {
      const { status, body } = await metadata(gateway, path);
      assert.equal(status, 200);
      assert.equal(body.resource, publicUrl + own);
      assert.deepEqual(body.authorization_servers, [provider.issuer]);
      assert.deepEqual(body.bearer_methods_supported, ['header']);
      assert.equal(body.scopes_supported, undefined, 'which ones that issuer has nobody knows');
    }
    const preflight = await fetch(`${gateway.url}/.well-known/oauth-protected-resource/mcp`, { headers: { origin: 'http://localhost:6274' } });
    assert.equal(preflight.headers.get('access-control-allow-origin'), 'http://localhost:6274');
    assert.match(preflight.headers.get('access-control-expose-headers'), /WWW-Authenticate/);
  });

  test('who comes without a token is told where the metadata are', async () => {
    const { status, challenge } = await ask(gateway);
    assert.equal(status, 401);
    assert.equal(challenge, `Bearer resource_metadata="${publicUrl}/.well-known/oauth-protected-resource/mcp"`);
    const sse = await fetch(`${gateway.url}/sse`, { headers: { accept: 'text/event-stream' } });
    assert.equal(sse.headers.get('www-authenticate'), `Bearer resource_metadata="${publicUrl}/.well-known/oauth-protected-resource/sse"`);
  });

  const refused = (title, make, why, status = 401) => test(title, async () => {
    const answer = await ask(gateway, await make());
    assert.equal(answer.status, status, answer.text);
    assert.match(answer.text, why);
    if (status !== 401) return;
    assert.match(answer.challenge, /^Bearer resource_metadata="[^"]+", error="invalid_token"/);
    assert.match(answer.challenge, /error_description="/);
  });
  const good = { aud: resource, email: 'ada@example.com', sub: 'ada' };
  const now = () => Math.floor(Date.now() / 1000);
  const base64 = (value) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');

  test('each way to say that it is for us is taken', async () => {
    for (const aud of [resource, `${publicUrl}/sse`, publicUrl, ['x', resource]]) {
      assert.equal((await ask(gateway, await provider.sign({ ...good, aud }))).status, 200, JSON.stringify(aud));
    }
    for (const typ of ['JWT', 'at+jwt', 'application/at+jwt', undefined]) {
      assert.equal((await ask(gateway, await provider.sign(good, { typ }))).status, 200, typ);
    }
  });

  refused('a token for another audience', () => provider.sign({ ...good, aud: 'https://other.example.com/mcp' }), /another audience/);
  refused('a token whose audience only begins as ours does', () => provider.sign({ ...good, aud: `${resource}.evil.example` }), /another audience/);
  refused('a token of another issuer', () => provider.sign({ ...good, iss: 'https://evil.example' }), /no issuer that is known/);
  refused('a token that says it is of our issuer, by a key that is not its', async () => provider.sign(good, { key: await makeKey('RS256', provider.keys[0].kid) }), /signature is wrong/);
  refused('an expired token', () => provider.sign({ ...good, exp: now() - 120 }), /expired/);
  refused('a token that never expires', () => provider.sign({ ...good, exp: undefined }), /never expires/);
  refused('a token that is not valid yet', () => provider.sign({ ...good, nbf: now() + 300 }), /not valid yet/);
  refused('a token for another use', () => provider.sign(good, { typ: 'logout+jwt' }), /another use/);
  refused('a token of a user whose address nobody has verified', () => provider.token('bob', { resource }), /not let in.*verified/s, 403);
  refused('a token of a user of another domain', () => provider.token('eve', { resource }), /none of the domains/, 403);
  refused('a token without a user', () => provider.sign({ aud: resource, sub: 'ada' }), /does not name its user/);
  refused('a token that was tampered with', async () => {
    const [header, payload, signature] = (await provider.sign(good)).split('.');
    return [header, base64({ ...JSON.parse(Buffer.from(payload, 'base64url')), email: 'root@example.com' }), signature].join('.');
  }, /signature is wrong/);
  refused('alg none, with and without a signature', async () => {
    const { payload } = { payload: { iss: provider.issuer, exp: now() + 60, ...good } };
    const answer = await ask(gateway, `${base64({ alg: 'none' })}.${base64(payload)}.AAAA`);
    assert.equal(answer.status, 401);
    return `${base64({ alg: 'none', typ: 'JWT' })}.${base64(payload)}.`;
  }, /algorithm/);
  refused('HS256 with the public key as its secret', async () => {
    const spki = await exportSPKI(await importJWK({ ...provider.keys[0].jwk, d: undefined, p: undefined, q: undefined, dp: undefined, dq: undefined, qi: undefined }, 'RS256'));
    return new SignJWT({ iss: provider.issuer, exp: now() + 60, ...good }).setProtectedHeader({ alg: 'HS256', kid: provider.keys[0].kid })
      .sign(new TextEncoder().encode(spki));
  }, /algorithm/);
  refused('a header that brings a key and names a set', async () => {
    const key = await makeKey('RS256', provider.keys[0].kid);
    const { d, p, q, dp, dq, qi, ...jwk } = key.jwk;
    return provider.sign(good, { key, header: { jwk, jku: `${provider.issuer}/evil`, x5u: `${provider.issuer}/evil` } });
  }, /signature is wrong/);
  refused('a header that must be understood', async () => {
    const [, payload, signature] = (await provider.sign(good)).split('.');
    return [base64({ alg: 'RS256', kid: provider.keys[0].kid, crit: ['b64'], b64: false }), payload, signature].join('.');
  }, /must be understood/);
  refused('a token over the cap', () => provider.sign({ ...good, pad: 'x'.repeat(20000) }), /too long/);
  refused('nonsense in three parts', () => 'eyJ.eyJ.x', /no JSON object/);

  test('what a token says goes into no log', async () => {
    const token = await provider.sign({ ...good, aud: 'https://other.example.com', secret: 'of-the-token' });
    await ask(gateway, token);
    await gateway.mgw.line(/a token is refused: it is for another audience/);
    assert.ok(!gateway.mgw.lines.some((line) => line.includes(token.slice(0, 40)) || line.includes('of-the-token')));
    assert.ok(!provider.requests.some(({ path }) => path === '/evil'), 'nothing that a header names is fetched');
  });

  test('a session belongs to its user, whichever token it is used with', async () => {
    const open = async (email) => {
      const response = await fetch(`${gateway.url}/mcp`, {
        method: 'POST', body: JSON.stringify(initialize),
        headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream', authorization: `Bearer ${await provider.sign({ ...good, email })}` },
      });
      await response.text();
      return response.headers.get('mcp-session-id');
    };
    const list = async (session, email) => (await fetch(`${gateway.url}/mcp`, {
      method: 'POST', body: JSON.stringify({ jsonrpc: '2.0', id: 2, method: 'tools/list' }),
      headers: {
        'content-type': 'application/json', accept: 'application/json, text/event-stream', 'mcp-session-id': session,
        authorization: `Bearer ${await provider.sign({ ...good, email })}`,
      },
    })).status;
    const session = await open('ada@example.com');
    assert.equal(await list(session, 'ada@example.com'), 200, 'another token of hers');
    assert.equal(await list(session, 'bob@example.com'), 404);
  });
});

describe('keys', { timeout: 120000 }, () => {
  for (const alg of algorithms) {
    test(`${alg}: tokens are taken, and of a new key at once`, async () => {
      const provider = await OidcProvider.start({ alg });
      const gateway = await startGateway({ config: configOf({ issuer: provider.issuer }) });
      await ready(gateway);
      assert.equal((await ask(gateway, await provider.token('ada', { resource }))).status, 200);
      await provider.rotateKeys({ drop: true });
      const asked = provider.count('/jwks');
      const token = await provider.token('ada', { resource });
      const answers = await Promise.all(Array.from({ length: 10 }, () => ask(gateway, token)));
      assert.deepEqual(answers.map(({ status }) => status), Array(10).fill(200), 'all that waited for the key');
      assert.equal(provider.count('/jwks'), asked + 1, 'it was asked for once');
      await gateway.stop();
      await provider.stop();
    });
  }

  test('of tokens whose keys nobody has the issuer hears once in a while', async () => {
    const provider = await OidcProvider.start();
    const gateway = await startGateway({ config: configOf({ issuer: provider.issuer }) });
    await ready(gateway);
    const asked = provider.count('/jwks');
    for (let i = 0; i < 20; i++) {
      const { status, text } = await ask(gateway, await provider.sign({ aud: resource, email: 'ada@example.com' }, { key: await makeKey('ES256') }));
      assert.equal(status, 401);
      assert.match(text, /key is not known/);
    }
    assert.equal(provider.count('/jwks'), asked + 1);
    await gateway.stop();
    await provider.stop();
  });

  test('that repeat a kid are tried, and algorithms that are not configured are not taken', async () => {
    const [rsa, other, ec] = [await makeKey('RS256', 'k'), await makeKey('ES256', 'k'), await makeKey('ES256', 'k')];
    const keys = [rsa, other, ec].map(({ jwk: { kty, crv, x, y, n, e, kid } }) => ({ kty, crv, x, y, n, e, kid }));
    const issuer = await startIssuer((req, res, it) => json(res, req.url === '/jwks' ? { keys } : it.metadata));
    const gateway = await startGateway({ config: configOf({ issuer: issuer.issuer, algorithms: ['ES256'] }) });
    await ready(gateway);
    const good = await issuer.sign({}, ec);
    assert.equal((await ask(gateway, good)).status, 200);
    const { status, text } = await ask(gateway, await issuer.sign({}, rsa));
    assert.equal(status, 401);
    assert.match(text, /not one of this issuer's/);
    await gateway.stop();
    issuer.stop();
  });
});

describe('claims', { timeout: 60000 }, () => {
  test('have the names that the configuration gives them', async () => {
    const provider = await OidcProvider.start();
    const gateway = await startGateway({
      config: configOf({ issuer: provider.issuer, audience: ['api://mgw'], claims: { email: 'upn', groups: 'roles' }, groups: ['staff'] }),
    });
    await ready(gateway);
    const sign = (claims) => provider.sign({ aud: 'api://mgw', ...claims });
    assert.equal((await ask(gateway, await sign({ upn: 'ada@example.com', roles: ['staff', 'x'] }))).status, 200);
    assert.equal((await ask(gateway, await sign({ upn: 'ada@example.com', roles: 'staff' }))).status, 200);
    assert.equal((await ask(gateway, await sign({ upn: 'ada@example.com', roles: ['x'] }))).status, 403);
    assert.equal((await ask(gateway, await sign({ upn: 'ada@example.com', groups: ['staff'] }))).status, 403);
    assert.equal((await ask(gateway, await sign({ email: 'ada@example.com', roles: ['staff'] }))).status, 401);
    assert.equal((await ask(gateway, await provider.sign({ aud: resource, upn: 'ada@example.com', roles: ['staff'] }))).status, 401);
    await gateway.stop();
    await provider.stop();
  });
});

/** An issuer that answers as answer(req, res, path) does. */
async function startIssuer(answer) {
  const server = http.createServer((req, res) => { it.asked.push(req.url); answer(req, res, it); });
  const it = { asked: [], key: await makeKey('ES256'), stop: () => { server.closeAllConnections(); server.close(); } };
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  it.issuer = `http://127.0.0.1:${server.address().port}`;
  it.jwks = { keys: [(({ d, ...jwk }) => jwk)(it.key.jwk)] };
  it.metadata = { issuer: it.issuer, jwks_uri: `${it.issuer}/jwks` };
  it.sign = (claims = {}, { alg, kid, privateKey } = it.key) => new SignJWT({
    iss: it.issuer, aud: resource, email: 'ada@example.com', exp: Math.floor(Date.now() / 1000) + 600, ...claims,
  }).setProtectedHeader({ alg, kid }).sign(privateKey);
  return it;
}
const json = (res, value) => res.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(value));
const missing = (res) => res.writeHead(404).end();

describe('issuers that are down, hang or lie', { timeout: 120000 }, () => {
  test('one that is down costs its own tokens, and nobody else', async () => {
    const provider = await OidcProvider.start();
    const gateway = await startGateway({ config: configOf({ issuer: 'http://127.0.0.1:1' }, { issuer: provider.issuer }) });
    await ready(gateway);
    await gateway.mgw.line(/issuer http:\/\/127\.0\.0\.1:1: its metadata cannot be had: its tokens cannot be judged/);
    const away = await ask(gateway, await provider.sign({ iss: 'http://127.0.0.1:1', aud: resource, email: 'ada@example.com' }));
    assert.deepEqual([away.status, away.retryAfter], [503, '5']);
    assert.equal((await ask(gateway, await provider.token('ada', { resource }))).status, 200);
    await gateway.stop();
    await provider.stop();
  });

  test('one that goes down later is not missed', async () => {
    const provider = await OidcProvider.start();
    const gateway = await startGateway({ config: configOf({ issuer: provider.issuer }) });
    await ready(gateway);
    const tokens = [await provider.token('ada', { resource }), await provider.token('bob', { resource })];
    assert.equal((await ask(gateway, tokens[0])).status, 200);
    await provider.stop();
    assert.deepEqual(await Promise.all(tokens.map(async (token) => (await ask(gateway, token)).status)), [200, 200]);
    assert.equal((await ask(gateway, await provider.sign({ aud: resource, email: 'ada@example.com' }, { key: await makeKey('ES256') }))).status, 401);
    await gateway.stop();
  });

  test('while one hangs its requests wait, others do not, and all have an answer', async () => {
    let hung = [];
    const issuer = await startIssuer((req, res, it) => (req.url === '/jwks' ? hung.push(res) : json(res, it.metadata)));
    const provider = await OidcProvider.start();
    const gateway = await startGateway({ config: configOf({ issuer: issuer.issuer }, { issuer: provider.issuer }) });
    await ready(gateway);
    await waitFor(() => hung.length > 0, 'the keys to be asked for');
    const waiting = Array.from({ length: 20 }, async () => ask(gateway, await issuer.sign()));
    assert.equal((await ask(gateway, await provider.token('ada', { resource }))).status, 200);
    const body = JSON.stringify({ ...initialize, params: { ...initialize.params, _meta: { pad: 'x'.repeat(200000) } } });
    const big = fetch(`${gateway.url}/mcp`, {
      method: 'POST', body,
      headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream', authorization: `Bearer ${await issuer.sign()}` },
    });
    const gone = new AbortController();
    const left = fetch(`${gateway.url}/mcp`, {
      method: 'POST', body: JSON.stringify(initialize), signal: gone.signal,
      headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream', authorization: `Bearer ${await issuer.sign()}` },
    }).catch((error) => error.name);
    await waitFor(async () => (await connections(gateway)) >= 22, 'the requests to have come');
    gone.abort();
    assert.equal(await left, 'AbortError');
    for (const res of hung) json(res, issuer.jwks);
    hung = { push: (res) => json(res, issuer.jwks) };
    assert.deepEqual((await Promise.all(waiting)).map(({ status }) => status), Array(20).fill(200));
    assert.equal((await big).status, 200, 'its body came after the keys');
    await gateway.stop();
    await provider.stop();
    issuer.stop();
  });

  test('one that never answers ends as 503', async () => {
    const issuer = await startIssuer(() => {});
    const gateway = await startGateway({ config: configOf({ issuer: issuer.issuer }) });
    await waitFor(() => issuer.asked.length > 0, 'the issuer to be asked');
    const { status, text } = await ask(gateway, await issuer.sign());
    assert.equal(status, 503);
    assert.match(text, /cannot be told now/);
    await gateway.stop();
    issuer.stop();
  });

  const liar = (title, answer, line) => test(title, async () => {
    const issuer = await startIssuer(answer);
    const gateway = await startGateway({ config: configOf({ issuer: issuer.issuer }) });
    await gateway.mgw.line(line);
    assert.equal((await ask(gateway, await issuer.sign())).status, 503);
    await gateway.stop();
    issuer.stop();
  });
  liar('metadata of another issuer', (req, res, it) => json(res, { ...it.metadata, issuer: 'https://evil.example' }), /metadata are another issuer's/);
  liar('metadata that name no keys', (req, res, it) => json(res, { issuer: it.issuer }), /metadata name no keys/);
  liar('metadata that are no JSON', (req, res) => res.end('<html>'), /no JSON object/);
  liar('metadata of 10 MB', (req, res) => res.end('x'.repeat(10 << 20)), /metadata cannot be had/);
  liar('metadata that redirect', (req, res) => res.writeHead(302, { location: '/elsewhere' }).end(), /metadata cannot be had/);
  liar('keys of 10 MB', (req, res, it) => (req.url === '/jwks' ? res.end(JSON.stringify({ keys: [], pad: 'x'.repeat(10 << 20) })) : json(res, it.metadata)), /no keys/);
  liar('keys that are no set', (req, res, it) => json(res, req.url === '/jwks' ? [] : it.metadata), /no keys/);
  liar('keys at an address of the inside that is another\'s', (req, res, it) => json(res, { ...it.metadata, jwks_uri: 'http://127.0.0.1:2/jwks' }), /no keys/);
  liar('keys at a metadata address', (req, res, it) => json(res, { ...it.metadata, jwks_uri: 'http://169.254.169.254/jwks' }), /no keys/);

  test('a thousand keys, and such as are none, are passed over', async () => {
    const issuer = await startIssuer((req, res, it) => json(res, req.url === '/jwks'
      ? { keys: [null, 7, { kty: 'oct', k: 'c2VjcmV0' }, { kty: 'RSA', n: 'AQAB', e: 'AQAB' }, ...it.jwks.keys, ...Array(1000).fill({ kty: 'EC' })] }
      : it.metadata));
    const gateway = await startGateway({ config: configOf({ issuer: issuer.issuer }) });
    await ready(gateway);
    assert.equal((await ask(gateway, await issuer.sign())).status, 200);
    await gateway.stop();
    issuer.stop();
  });

  test('an authorization server has its metadata at the place of RFC 8414, and keys may be named by the configuration', async () => {
    const issuer = await startIssuer((req, res, it) => {
      if (req.url === '/.well-known/oauth-authorization-server/tenant') json(res, { issuer: `${it.issuer}/tenant`, jwks_uri: `${it.issuer}/jwks` });
      else if (req.url.startsWith('/jwks')) json(res, it.jwks);
      else missing(res);
    });
    const gateway = await startGateway({ config: configOf({ issuer: `${issuer.issuer}/tenant` }, { issuer: 'https://id.example.com', jwks_url: `${issuer.issuer}/jwks?p=x` }) });
    await ready(gateway, 2);
    assert.equal((await ask(gateway, await issuer.sign({ iss: `${issuer.issuer}/tenant` }))).status, 200);
    assert.equal((await ask(gateway, await issuer.sign({ iss: 'https://id.example.com' }))).status, 200);
    assert.ok(issuer.asked.includes('/jwks?p=x'));
    await gateway.stop();
    issuer.stop();
  });
});

test('a token that expires ends the session of its user', { timeout: 60000 }, async () => {
  const provider = await OidcProvider.start();
  const gateway = await startGateway({ config: configOf({ issuer: provider.issuer, skew_s: 0 }) });
  await ready(gateway);
  const token = await provider.sign({ aud: resource, email: 'ada@example.com', exp: Math.floor(Date.now() / 1000) + 3 });
  const response = await fetch(`${gateway.url}/sse`, { headers: { accept: 'text/event-stream', authorization: `Bearer ${token}` } });
  assert.equal(response.status, 200);
  for await (const chunk of response.body) void chunk;
  await gateway.mgw.line(/session ended: its user has no valid token any more/);
  const { status, text } = await ask(gateway, token);
  assert.equal(status, 401);
  assert.match(text, /expired/);
  await gateway.stop();
  await provider.stop();
});
