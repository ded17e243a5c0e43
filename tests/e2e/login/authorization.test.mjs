// The authorization server where only real parts can show it: clients that are known by a document and sign (private_key_jwt, by jose),
// and what Chromium makes of the redirect behind the consent page, whose policy must let it through.

import assert from 'node:assert/strict';
import http from 'node:http';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { after, before, describe, test } from 'node:test';
import * as jose from 'jose';
import { startChromium } from '../lib/chromium.mjs';
import { allow, deny, startLogin } from '../lib/login.mjs';
import { startApp } from '../lib/login_app.mjs';

const assertionType = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

/** A client with a document and a set of keys, on this machine. */
async function startDocument() {
  const it = { keys: [], asked: [], redirect: 'http://127.0.0.1:1/callback' };
  const server = http.createServer((req, res) => {
    it.asked.push(req.url);
    const body = req.url === '/keys' ? { keys: it.keys } : { ...it.metadata, ...it.more };
    res.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const base = `http://127.0.0.1:${server.address().port}`;
  it.id = `${base}/client.json`;
  it.metadata = {
    client_id: it.id, client_name: 'Signer', redirect_uris: [it.redirect], token_endpoint_auth_method: 'private_key_jwt', jwks_uri: `${base}/keys`,
  };
  it.newKey = async (algorithm, kid) => {
    const pair = await jose.generateKeyPair(algorithm, { extractable: true });
    it.keys.push({ ...(await jose.exportJWK(pair.publicKey)), kid, use: 'sig' });
    return { algorithm, kid, key: pair.privateKey, publicKey: pair.publicKey };
  };
  it.stop = () => { server.close(); server.closeAllConnections(); };
  return it;
}

describe('clients that sign', { timeout: 120000 }, () => {
  const algorithms = ['ES256', 'RS256', 'PS256', 'EdDSA'];
  const keys = {};
  let login, client;
  before(async () => {
    login = await startLogin({ gateway: { allow_private_documents: true } });
    client = await startDocument();
    for (const algorithm of algorithms) keys[algorithm] = await client.newKey(algorithm, algorithm);
  });
  after(async () => {
    client?.stop();
    await login?.stop();
  });

  const begin = async () => Object.assign(await startApp(login, 'ada'), { id: client.id, redirect: client.redirect });
  const sign = ({ by = keys.ES256, header = {}, ...claims } = {}) => new jose.SignJWT({
    iss: client.id, sub: client.id, aud: `${login.base}/oauth/token`, jti: randomUUID(), exp: Math.floor(Date.now() / 1000) + 60, ...claims,
  }).setProtectedHeader({ alg: by.algorithm, kid: by.kid, ...header }).sign(by.key);
  const signed = (assertion) => ({ client_assertion_type: assertionType, client_assertion: assertion });

  for (const algorithm of algorithms) {
    test(`get tokens, and renew and end them (${algorithm})`, async () => {
      const by = keys[algorithm];
      const app = await begin();
      const tokens = await app.redeem(await app.allow(), { ...signed(await sign({ by })), client_id: undefined });
      assert.equal(tokens.status, 200, JSON.stringify(tokens));
      assert.equal((await app.ping(tokens.access_token)).status, 200);
      const renewed = await app.refresh(tokens.refresh_token, signed(await sign({ by, aud: login.base })));
      assert.equal(renewed.status, 200, JSON.stringify(renewed));
      const ended = await app.post('/oauth/revoke', { token: renewed.refresh_token, ...signed(await sign({ by })) });
      assert.equal(ended.status, 200);
      assert.equal((await app.ping(renewed.access_token)).status, 401);
    });
  }

  test('what is not signed as it must be is refused', async () => {
    const app = await begin();
    const other = await jose.generateKeyPair('ES256');
    const none = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${Buffer.from(JSON.stringify({ iss: client.id, sub: client.id, aud: login.base, exp: 9e9 })).toString('base64url')}.`;
    const secret = new TextEncoder().encode(await jose.exportSPKI(keys.ES256.publicKey));
    const now = Math.floor(Date.now() / 1000);
    const bad = {
      'no assertion': {},
      'another type': { ...signed(await sign()), client_assertion_type: 'urn:x' },
      'no token': signed('x.y.z'),
      'alg none': signed(none),
      'HS256 with the public key': signed(await new jose.SignJWT({ iss: client.id, sub: client.id, aud: login.base, exp: now + 60 }).setProtectedHeader({ alg: 'HS256', kid: 'ES256' }).sign(secret)),
      'another key': signed(await sign({ by: { algorithm: 'ES256', kid: 'ES256', key: other.privateKey } })),
      'a key that nobody knows': signed(await sign({ by: { algorithm: 'ES256', kid: 'two', key: other.privateKey } })),
      'another issuer': signed(await sign({ iss: 'https://a.example' })),
      'another subject': signed(await sign({ sub: 'https://a.example' })),
      'another audience': signed(await sign({ aud: 'https://a.example/oauth/token' })),
      'expired': signed(await sign({ exp: now - 120 })),
      'for too long': signed(await sign({ exp: now + 86400 })),
      'changed': signed((await sign()).replace(/.{10}$/, 'AAAAAAAAAA')),
    };
    for (const [name, more] of Object.entries(bad)) {
      const answer = await app.redeem(await app.allow(), more);
      assert.deepEqual([answer.status, answer.error], [401, 'invalid_client'], `${name}: ${JSON.stringify(answer)}`);
    }
  });

  test('an assertion is good once', async () => {
    const app = await begin();
    const assertion = await sign();
    const tokens = await app.redeem(await app.allow(), signed(assertion));
    assert.equal(tokens.status, 200, JSON.stringify(tokens));
    const again = await app.refresh(tokens.refresh_token, signed(assertion));
    assert.deepEqual([again.status, again.error], [401, 'invalid_client']);
    assert.equal((await app.refresh(tokens.refresh_token, signed(await sign()))).status, 200, 'and spoils nothing');
  });

  test('documents are asked for once, and so are keys', () => {
    assert.deepEqual(client.asked, ['/client.json', '/keys']);
  });

  test('who registered by a document has no secret, and is led nowhere else', async () => {
    const app = await begin();
    const answer = await app.redeem(await app.allow(), { client_secret: 'x' });
    assert.deepEqual([answer.status, answer.error], [401, 'invalid_client']);
    const page = await app.open({ redirect_uri: 'http://127.0.0.1:1/other' });
    assert.equal(page.status, 400);
  });
});

describe('behind the consent page, in Chromium', { timeout: 120000 }, () => {
  let login, chromium;
  before(async () => {
    login = await startLogin();
    chromium = await startChromium();
  });
  after(async () => {
    await chromium?.close();
    await login?.stop();
  });

  /** A server that takes what a redirect brings, at one of this machine's addresses. */
  async function startTarget(host) {
    const server = http.createServer((req, res) => res.end('here')).listen(0, host);
    await once(server, 'listening');
    return { port: server.address().port, stop: () => { server.close(); server.closeAllConnections(); } };
  }

  for (const [host, name] of [['127.0.0.1', '127.0.0.1'], ['127.0.0.1', 'localhost'], ['::1', '[::1]']]) {
    test(`the redirect to ${name} is followed`, async () => {
      const target = await startTarget(host);
      const redirect = `http://${name}:${target.port}/callback`;
      const app = await startApp(login, 'ada', { redirect });
      const visit = await chromium.visit({ account: 'ada', provider: login.provider });
      app.verifier = 'x'.repeat(43);
      app.state = 'a state';
      await visit.open(app.url().href);
      await visit.press(allow);
      await visit.page.waitForURL(`${redirect}?code=**`);
      assert.equal(new URL(visit.page.url()).searchParams.get('state'), 'a state');
      assert.deepEqual(visit.errors.filter((error) => !/favicon/.test(error)), []);
      await visit.close();
      target.stop();
    });
  }

  for (const [what, button, expected] of [['allowed', allow, /^cursor:\/\/anysphere\.cursor-mcp\/oauth\/callback\?code=/], ['not allowed', deny, /\?error=access_denied&/]]) {
    test(`an application's own scheme is let through (${what})`, async () => {
      const app = await startApp(login, 'ada', { redirect: 'cursor://anysphere.cursor-mcp/oauth/callback' });
      const visit = await chromium.visit({ account: 'ada', provider: login.provider });
      app.verifier = 'x'.repeat(43);
      await visit.open(app.url().href);
      const led = visit.page.waitForEvent('requestfailed', ({ url }) => url().startsWith('cursor:')).catch(() => undefined);
      const answered = visit.page.waitForResponse((response) => response.url().endsWith('/oauth/consent'));
      await visit.press(button);
      const response = await answered;
      assert.equal(response.status(), 303);
      assert.match(response.headers().location, expected);
      await Promise.race([led, visit.page.waitForTimeout(500)]);
      assert.deepEqual(visit.errors.filter((error) => /Content Security Policy|form-action/.test(error)), []);
      await visit.close();
    });
  }

  test('the policy is what lets it through: without it Chromium refuses', async () => {
    const app = await startApp(login, 'ada', { redirect: 'cursor://anysphere.cursor-mcp/oauth/callback' });
    const visit = await chromium.visit({ account: 'ada', provider: login.provider });
    await visit.page.route('**/oauth/authorize**', async (route) => {
      const response = await route.fetch({ maxRedirects: 0 });
      const headers = response.headers();
      if (headers['content-security-policy']) headers['content-security-policy'] = headers['content-security-policy'].replace(' cursor:', '');
      await route.fulfill({ response, headers });
    });
    app.verifier = 'x'.repeat(43);
    await visit.open(app.url().href);
    const told = visit.page.waitForEvent('console', (message) => /Content Security Policy/.test(message.text()));
    await visit.press(allow);
    await told;
    await visit.close();
  });
});
