// Clients of the official SDK (TypeScript, 1.x and 2.x) that sign in at mgw through an OpenID provider, by their own auth code, over
// each transport and in each revision. Python's: sdks/login.test.mjs.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { textOf } from '../lib/clients.mjs';
import { startLogin } from '../lib/login.mjs';
import { Keeper } from '../lib/login_client.mjs';

const redirect = 'http://127.0.0.1:1/callback';
const kinds = [
  { sdk: 1, kind: 'sse', revision: '2024-11-05' },
  { sdk: 1, kind: 'http', revision: '2025-03-26' },
  { sdk: 1, kind: 'http', revision: '2025-06-18' },
  { sdk: 1, kind: 'http', revision: '2025-11-25' },
  { sdk: 2, kind: 'sse', revision: '2024-11-05' },
  { sdk: 2, kind: 'http', revision: '2025-11-25' },
  { sdk: 2, kind: 'http', revision: '2026-07-28' },
];
const nobody = async (url) => { throw new Error(`nobody is to be asked, and is: ${url}`); };
const say = async (client, message) => textOf(await client.callTool({ name: 'echo', arguments: { message } }));

describe('signing in at the gateway', { timeout: 180000 }, () => {
  let login;
  before(async () => { login = await startLogin(); });
  after(() => login.stop());

  for (const { sdk, kind, revision } of kinds) {
    describe(`SDK ${sdk}.x, ${kind}, ${revision}`, () => {
      const keeper = new Keeper({ redirectUrl: redirect });

      test('a client that knows the URL alone signs its user in', async () => {
        const { client } = await login.client({ sdk, kind, revision, keeper, account: 'bob' });
        assert.equal(await say(client, 'hello'), 'hello');
        assert.ok(keeper.saved.tokens.refresh_token && keeper.saved.tokens.expires_in > 0);
        assert.equal(keeper.saved.authorization.searchParams.get('resource'), `${login.base}${kind === 'sse' ? '/sse' : '/mcp'}`);
        await client.close();
      });

      test('it comes back without a browser', async () => {
        const { client } = await login.client({ sdk, kind, revision, keeper, visitor: nobody });
        assert.equal(await say(client, 'again'), 'again');
        await client.close();
      });

      test('it refreshes a token that is no good any more, in the midst of its work, and its refresh token is another then', async () => {
        const { client } = await login.client({ sdk, kind, revision, keeper, visitor: nobody });
        const { refresh_token: old } = keeper.saved.tokens;
        keeper.saved.tokens = { ...keeper.saved.tokens, access_token: `${keeper.saved.tokens.access_token.slice(0, -6)}AAAAAA` };
        assert.equal(await say(client, 'refreshed'), 'refreshed');
        assert.notEqual(keeper.saved.tokens.refresh_token, old);
        await client.close();
      });
    });
  }

  const post = (path, fields) => login.fetch(`${login.base}${path}`, {
    method: 'POST', headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: new URLSearchParams(fields).toString(),
  });
  const ping = (token) => login.fetch(`${login.base}/mcp`, {
    method: 'POST', headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream', authorization: `Bearer ${token}` },
    body: JSON.stringify({
      jsonrpc: '2.0', id: 1, method: 'initialize', params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'raw', version: '1' } },
    }),
  });

  test('a login that is revoked is over: its tokens, and what would renew them', async () => {
    const { client, keeper } = await login.client({ account: 'bob' });
    const { access_token: access, refresh_token: refresh } = keeper.saved.tokens;
    const { client_id: id } = keeper.saved.client;
    assert.equal((await ping(access)).status, 200);
    assert.equal((await post('/oauth/revoke', { token: refresh, token_type_hint: 'refresh_token', client_id: id })).status, 200);
    const refused = await ping(access);
    assert.equal(refused.status, 401);
    assert.match(refused.headers.get('www-authenticate'), /error="invalid_token"/);
    const answer = await post('/oauth/token', { grant_type: 'refresh_token', refresh_token: refresh, client_id: id });
    assert.deepEqual([answer.status, (await answer.json()).error], [400, 'invalid_grant']);
    await assert.rejects(login.client({ keeper, visitor: nobody }), /nobody is to be asked/, 'it asks its user again');
    await client.close();
  });

  test('who signs out of the gateway is asked by the provider again', async () => {
    const browser = login.browser('bob');
    const visitor = login.visitor('bob', { browser });
    const { client } = await login.client({ visitor });
    await client.close();
    const before = login.provider.count('/auth');
    const { client: second } = await login.client({ visitor, keeper: new Keeper({ redirectUrl: redirect }) });
    await second.close();
    assert.equal(login.provider.count('/auth'), before, 'signed in already');
    await browser.open(`${login.base}/connect`);
    await browser.press(/sign out/i);
    const { client: third } = await login.client({ visitor, keeper: new Keeper({ redirectUrl: redirect }) });
    await third.close();
    assert.equal(login.provider.count('/auth'), before + 1);
  });
});
