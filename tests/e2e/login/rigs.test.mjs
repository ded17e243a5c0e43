// The parts that the other tests of this folder stand on, without mgw between them: what fails here fails there for no fault of mgw's.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { createRemoteJWKSet, decodeProtectedHeader, jwtVerify } from 'jose';
import { gmail, Google } from '../lib/google.mjs';
import { textOf } from '../lib/clients.mjs';
import { Keeper, signIn } from '../lib/login_client.mjs';
import { OauthServer } from '../lib/oauth_server.mjs';
import { algorithms, OidcProvider } from '../lib/oidc.mjs';
import { PlainBrowser } from '../lib/plain_browser.mjs';

const redirect = 'http://127.0.0.1:1/callback';

test('a provider signs JWTs by each algorithm, and by a new key after a rotation', { timeout: 60000 }, async () => {
  for (const alg of algorithms) {
    const provider = await OidcProvider.start({ alg, accounts: { ada: { groups: ['mail'], hd: 'example.com' } } });
    const keys = createRemoteJWKSet(new URL(`${provider.issuer}/jwks`), { cooldownDuration: 0 });
    const token = await provider.token('ada', { resource: 'https://mcp.example.com/mcp' });
    const { payload } = await jwtVerify(token, keys, { issuer: provider.issuer, audience: 'https://mcp.example.com/mcp', algorithms: [alg], typ: 'at+jwt' });
    assert.deepEqual([payload.sub, payload.email, payload.email_verified, payload.groups, payload.hd], ['ada', 'ada@example.com', true, ['mail'], 'example.com']);
    const { kid } = await provider.rotateKeys({ drop: true });
    const next = await provider.token('ada', { resource: 'https://mcp.example.com/mcp' });
    assert.equal(decodeProtectedHeader(next).kid, kid);
    await jwtVerify(next, keys);
    await provider.stop();
  }
});

describe('clients of the SDK at an MCP server with OAuth of its own', { timeout: 60000 }, () => {
  let server;
  before(async () => { server = await OauthServer.start(); });
  after(() => server.stop());

  for (const [sdk, revision] of [[1, '2025-06-18'], [2, '2025-11-25'], [2, '2026-07-28']]) {
    test(`SDK ${sdk}.x signs in, and is told of a scope that it lacks (${revision})`, async () => {
      const keeper = new Keeper({ redirectUrl: redirect });
      const browser = new PlainBrowser({ account: 'bob' });
      const visit = async (url) => (await browser.open(url, { until: redirect })).searchParams;
      const { client } = await signIn(server.url, { sdk, revision, keeper, visit });
      assert.equal(textOf(await client.callTool({ name: 'whoami', arguments: {} })), 'you are bob@example.com');
      await assert.rejects(client.callTool({ name: 'write', arguments: {} }), /403|Unauthorized/);
      assert.deepEqual([server.calls.at(-1).status, server.calls.at(-1).subject], [403, 'bob']);
      await client.close();
    });
  }
});

describe('a provider that behaves as Google does', { timeout: 60000 }, () => {
  const client = { client_id: 'owner', client_secret: 'secret of the owner' };
  const verifier = 'v'.repeat(43);
  let google, browser;
  before(async () => {
    google = await Google.start({ clients: [{ ...client, redirect_uris: [redirect] }] });
    browser = new PlainBrowser({ account: 'ada' });
  });
  after(() => google.stop());

  const ask = async (fields) => {
    const response = await fetch(`${google.issuer}/token`, { method: 'POST', body: new URLSearchParams({ ...client, ...fields }) });
    return response.json();
  };
  const consent = async (more = {}) => {
    const url = new URL(`${google.issuer}/auth`);
    url.search = new URLSearchParams({
      client_id: client.client_id, response_type: 'code', redirect_uri: redirect, scope: `openid email ${gmail.read} ${gmail.send}`,
      code_challenge_method: 'S256', code_challenge: createHash('sha256').update(verifier).digest('base64url'), ...more,
    });
    const back = await browser.open(url, { until: redirect });
    return ask({ grant_type: 'authorization_code', code: back.searchParams.get('code'), redirect_uri: redirect, code_verifier: verifier });
  };
  const mails = (token) => fetch(`${google.api.url}/gmail/v1/users/me/messages?maxResults=1`, { headers: { authorization: `Bearer ${token}` } });

  test('gives a refresh token at the first consent, and later with prompt=consent alone', async () => {
    assert.equal((await consent()).refresh_token, undefined, 'not offline');
    google.refused.add(gmail.send);
    const { scope } = await consent({ access_type: 'offline', prompt: 'consent' });
    assert.equal(scope, `openid email ${gmail.read}`, 'what was not granted is not in it');
    assert.equal((await consent({ access_type: 'offline' })).refresh_token, undefined, 'not the first');
    const { refresh_token: refresh } = await consent({ access_type: 'offline', prompt: 'consent' });
    const next = await ask({ grant_type: 'refresh_token', refresh_token: refresh });
    assert.ok(next.access_token && !next.refresh_token, 'a refresh brings no other');
  });

  test('has a mailbox for each account, and ends a grant after a week, or when it is revoked', async () => {
    const { refresh_token: refresh, access_token: token } = await consent({ access_type: 'offline', prompt: 'consent' });
    assert.deepEqual((await (await mails(token)).json()).messages, [{ id: 'ada-0', threadId: 'ada-t0' }]);
    await google.endRefreshTokens('ada');
    assert.equal((await ask({ grant_type: 'refresh_token', refresh_token: refresh })).error, 'invalid_grant');
    assert.equal((await mails(token)).status, 200, 'the access token lives on');
    assert.equal((await fetch(`${google.issuer}/revoke?token=${token}`, { method: 'POST' })).status, 200);
    assert.equal((await mails(token)).status, 401);
    assert.ok((await consent({ access_type: 'offline' })).refresh_token, 'the first consent again');
  });
});
