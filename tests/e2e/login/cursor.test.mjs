// What Cursor does, from a `url` alone in its mcp.json to the call of a tool; and that it goes on with its configured headers where
// nobody can sign in.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { CursorLike, NeedsAuthentication, redirects } from '../lib/cursor.mjs';
import { mgwRelease, startGateway } from '../lib/gateway.mjs';
import { startLogin } from '../lib/login.mjs';

const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'mgw-cursor-'));
after(() => fs.rmSync(scratch, { recursive: true, force: true }));
const say = async (client, message) => (await client.request('tools/call', { name: 'echo', arguments: { message } }))[1].content[0].text;
const tokenOf = (file, email) => execFileSync(mgwRelease, ['token', email, '--file', file], { encoding: 'utf8' }).trim();

describe('Cursor, where people sign in', { timeout: 120000 }, () => {
  const fixed = { client_id: 'cursor-of-the-company', client_secret: 'a secret that stands in its mcp.json' };
  let login;
  before(async () => {
    login = await startLogin({ login: { clients: [{ ...fixed, redirect_uris: redirects, name: 'Cursor' }] } });
  });
  after(() => login.stop());

  for (const where of ['/mcp', '/sse']) {
    test(`finds the place by its first request, registers all its redirects at once, and signs in (${where})`, async () => {
      const cursor = login.cursor({ path: where });
      if (where === '/mcp') assert.ok((await cursor.connect()).some(({ name }) => name === 'echo'));
      else await cursor.signIn();
      assert.deepEqual(cursor.asked.slice(0, 1), [[`/.well-known/oauth-protected-resource${where}`, 200]]);
      assert.deepEqual(cursor.client.redirect_uris, redirects);
      assert.equal(cursor.resource.resource, `${login.base}${where}`);
      if (where === '/mcp') assert.equal(await say(cursor, 'hello'), 'hello');
      cursor.close();
    });
  }

  test('headers that are configured count for nothing there, and it refreshes when its token is no good any more', async () => {
    const cursor = login.cursor({ headers: { Authorization: 'Bearer of-another-age' } });
    await cursor.connect();
    const { refresh_token: first } = cursor.tokens;
    cursor.tokens.access_token = 'not-good-any-more';
    assert.equal(await say(cursor, 'again'), 'again');
    assert.notEqual(cursor.tokens.refresh_token, first);
    cursor.close();
  });

  test('a client that an administrator has registered need not register itself', async () => {
    const auth = { CLIENT_ID: fixed.client_id, CLIENT_SECRET: fixed.client_secret };
    const cursor = login.cursor({ auth });
    await cursor.connect();
    assert.equal(await say(cursor, 'fixed'), 'fixed');
    cursor.close();
    const wrong = login.cursor({ auth: { ...auth, CLIENT_SECRET: 'another' } });
    await assert.rejects(wrong.connect(), (error) => error instanceof NeedsAuthentication && /401.*invalid_client/.test(error.message));
  });

  test('a user who does not allow it is led back with access_denied', async () => {
    const cursor = login.cursor({ visit: login.visitor('bob', { button: /deny|do not|cancel|refuse/i }) });
    await assert.rejects(cursor.connect(), /access_denied/);
  });
});

describe('Cursor, where nobody can sign in', { timeout: 60000 }, () => {
  const tokens = path.join(scratch, 'users.json');
  let gateway;
  let token;
  before(async () => {
    token = tokenOf(tokens, 'ada@example.com');
    gateway = await startGateway({ settings: { AUTH_TOKENS_FILE: tokens, PUBLIC_URL: 'https://mgw.example.com' } });
  });
  after(() => gateway.stop());

  test('gets 404 for both of its discovery requests, and for every other place of metadata, and its headers are honoured', async () => {
    const cursor = new CursorLike(gateway.url, { headers: { Authorization: `Bearer ${token}` } });
    await cursor.connect();
    assert.deepEqual(cursor.asked, [['/.well-known/oauth-protected-resource/mcp', 404], ['/.well-known/oauth-protected-resource', 404]]);
    assert.equal(await say(cursor, 'hello'), 'hello');
    cursor.close();
    for (const place of [
      '/.well-known/oauth-authorization-server', '/.well-known/oauth-authorization-server/mcp', '/.well-known/openid-configuration',
      '/.well-known/openid-configuration/mcp', '/mcp/.well-known/openid-configuration', '/.well-known/oauth-protected-resource/sse',
      '/oauth/authorize',
    ]) {
      assert.equal((await fetch(`${gateway.url}${place}`)).status, 404, place);
    }
    for (const [place, type] of [['/oauth/token', 'application/x-www-form-urlencoded'], ['/oauth/revoke', 'application/x-www-form-urlencoded'], ['/oauth/register', 'application/json']]) {
      assert.equal((await fetch(`${gateway.url}${place}`, { method: 'POST', headers: { 'content-type': type }, body: '' })).status, 404, place);
    }
  });

  test('without a token it is told Bearer, and no more', async () => {
    await assert.rejects(new CursorLike(gateway.url).connect(), (error) => error instanceof NeedsAuthentication && error.message === 'Bearer');
  });
});
