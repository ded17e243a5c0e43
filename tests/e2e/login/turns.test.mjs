// People and clients who are signed in, or about to be, while mgw reads its configuration again or another process takes over:
// what goes on by itself, and what must not.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { assertClean, waitFor } from '../lib/gateway.mjs';
import { allow, registered, startLogin } from '../lib/login.mjs';
import { startApp } from '../lib/login_app.mjs';
import { reload, replace, turns } from '../lib/login_turns.mjs';
import { OidcProvider } from '../lib/oidc.mjs';
import { openStream, rpc } from '../lib/stream.mjs';

const cookiesOf = (browser) => browser.cookies.filter(({ host }) => host === 'localhost').map(({ name, value }) => `${name}=${value}`).join('; ');

/** An MCP session of the app's user, by a token. */
async function openSession(login, app, token) {
  const response = await app.ping(token);
  assert.equal(response.status, 200);
  await response.text();
  const headersWith = (bearer) => ({
    'content-type': 'application/json', accept: 'application/json, text/event-stream', authorization: `Bearer ${bearer}`,
    'mcp-session-id': response.headers.get('mcp-session-id'), 'mcp-protocol-version': '2025-11-25',
  });
  return {
    say: (bearer, method) => login.fetch(`${login.base}/mcp`, { method: 'POST', headers: headersWith(bearer), body: rpc(7, method) }),
    listen: (bearer) => openStream(`${login.base}/mcp`, { fetch: login.fetch, headers: { ...headersWith(bearer), accept: 'text/event-stream' } }),
  };
}

/** What the status page's own script opens. */
const watch = (login, browser) => openStream(`${login.base}/status/events`, { fetch: login.fetch, headers: { cookie: cookiesOf(browser), 'sec-fetch-site': 'same-origin' } });

for (const way of ['SIGHUP', '--replace']) {
  describe(`${way} while people are signed in`, { timeout: 180000 }, () => {
    let login;
    before(async () => { login = await startLogin({ config: { policy: { groups: { admins: ['ada@example.com'] }, rules: [{ who: ['@example.com'], allow: { tools: ['*'] } }] } } }); });
    after(() => login.stop());
    const turn = () => turns[way](login);

    test('a session and its stream go on with the token that opened them, and with one that was refreshed since', async () => {
      const app = await startApp(login, 'ada');
      const tokens = await app.redeem(await app.allow());
      const session = await openSession(login, app, tokens.access_token);
      const stream = await session.listen(tokens.access_token);
      await turn();
      assert.equal((await session.say(tokens.access_token, 'tools/list')).status, 200);
      const next = await app.refresh(tokens.refresh_token);
      assert.equal((await session.say(next.access_token, 'tools/list')).status, 200);
      assert.equal(stream.end, undefined, 'the stream has not been cut');
      assert.equal((await app.post('/oauth/revoke', { token: next.refresh_token })).status, 200);
      await stream.ended();
      assert.equal((await session.say(next.access_token, 'tools/list')).status, 401);
    });

    test('somebody else gets nothing by a session that has gone through it', async () => {
      const [ada, bob] = [await startApp(login, 'ada'), await startApp(login, 'bob')];
      const [mine, theirs] = [await ada.redeem(await ada.allow()), await bob.redeem(await bob.allow())];
      const session = await openSession(login, ada, mine.access_token);
      await turn();
      assert.equal((await session.say(theirs.access_token, 'tools/list')).status, 404);
      assert.equal((await session.say(mine.access_token, 'tools/list')).status, 200);
    });

    test('a client that registered before signs its user in, one with a secret too', async () => {
      const apps = [await startApp(login, 'bob'), await startApp(login, 'bob', { more: { token_endpoint_auth_method: 'client_secret_post' } })];
      await turn();
      for (const app of apps) {
        const tokens = await app.redeem(await app.allow(), { client_secret: app.registered.client_secret });
        assert.equal((await app.ping(tokens.access_token)).status, 200, JSON.stringify(tokens));
      }
    });

    test('a browser is signed in still, and signing out is for good', async () => {
      const app = await startApp(login, 'bob');
      await app.allow();
      await turn();
      const from = app.browser.visited.length;
      assert.match((await app.browser.open(`${login.base}/connect`)).html, /bob@example\.com/);
      assert.equal(app.browser.visited.length, from + 1, 'without a way to the provider');
      const before = cookiesOf(app.browser);
      await app.browser.open(`${login.base}/connect`);
      await app.browser.press(/^sign out/i);
      await turn();
      const page = await login.fetch(`${login.base}/connect`, { headers: { cookie: before, accept: 'text/html' }, redirect: 'manual' });
      assert.notEqual(page.status, 200, 'the cookie that was kept is none');
    });

    test('who watches the status page comes back to it without signing in, and sees who is there', async () => {
      const browser = login.browser('ada');
      await browser.open(`${login.base}/`);
      assert.match(browser.page.html, /status/i);
      const bob = await startApp(login, 'bob');
      const session = await openSession(login, bob, (await bob.redeem(await bob.allow())).access_token);
      await (await session.say((await bob.redeem(await bob.allow())).access_token, 'tools/list')).text();
      const first = await watch(login, browser);
      await first.event(({ data }) => data.includes('bob@example.com'));
      await turn();
      const again = await watch(login, browser);
      await again.event(({ data }) => data.includes('bob@example.com'));
      for (const stream of [first, again]) stream.close();
    });

    test('a sign-in whose code the provider is asked about meanwhile ends', async () => {
      const browser = login.browser('ada');
      const back = await browser.open(`${login.base}/oauth/sign-in`, { until: `${login.base}/oauth/callback` });
      let free;
      login.provider.hold = new Promise((resolve) => { free = resolve; });
      const asked = login.provider.count('/token');
      const answer = login.fetch(back, { redirect: 'manual', headers: { cookie: cookiesOf(browser) } });
      await waitFor(() => login.provider.count('/token') > asked, 'the code to be exchanged');
      const old = way === 'SIGHUP' ? undefined : await replace(login);
      if (!old) await reload(login);
      free();
      login.provider.hold = undefined;
      const response = await answer;
      assert.equal(response.status, 200);
      assert.match(await response.text(), /ada@example\.com/);
      const cookie = response.headers.getSetCookie().map((line) => line.split(';')[0]).join('; ');
      assert.equal((await login.fetch(`${login.base}/connect`, { headers: { cookie, accept: 'text/html' }, redirect: 'manual' })).status, 200);
      if (old) {
        assert.deepEqual(await old.exited, { code: 0, signal: null }, old.tail());
        assertClean(old);
      }
    });

    test('of many clients that refresh meanwhile, none loses its login', async () => {
      const apps = await Promise.all(Array.from({ length: 8 }, () => startApp(login, 'ada')));
      const tokens = [];
      for (const app of apps) tokens.push((await app.redeem(await app.allow())).refresh_token);
      let isOver = false;
      const all = apps.map(async (app, i) => {
        let n = 0;
        for (; !isOver || n < 2; n++) {
          const next = await app.refresh(tokens[i]);
          assert.equal(next.status, 200, JSON.stringify(next));
          tokens[i] = next.refresh_token;
        }
        return n;
      });
      for (let i = 0; i < 3; i++) await turn();
      isOver = true;
      for (const n of await Promise.all(all)) assert.ok(n >= 2);
    });
  });
}

describe('auth.login that has changed', { timeout: 180000 }, () => {
  test('a reload keeps logins where nothing of them is kept on the disk', async () => {
    const login = await startLogin({ gateway: { state_dir: undefined } });
    const app = await startApp(login, 'ada');
    const tokens = await app.redeem(await app.allow());
    const open = await startApp(login, 'bob');
    await open.open();
    await reload(login);
    assert.equal((await app.ping(tokens.access_token)).status, 200);
    assert.ok((await app.refresh(tokens.refresh_token)).access_token);
    const late = await open.redeem(await open.browser.press(allow, { until: open.redirect }));
    assert.equal((await open.ping(late.access_token)).status, 200);
    await login.stop();
  });

  test('who may not sign in any more is out at once: stream, token and browser; who may, stays', async () => {
    const login = await startLogin({ accounts: { ada: {}, eve: { email: 'eve@partner.example' } }, login: { domains: ['example.com', 'partner.example'] } });
    const [ada, eve] = [await startApp(login, 'ada'), await startApp(login, 'eve')];
    const [stays, goes] = [await ada.redeem(await ada.allow()), await eve.redeem(await eve.allow())];
    const stream = await (await openSession(login, eve, goes.access_token)).listen(goes.access_token);
    await reload(login, (of) => { of.domains = ['example.com']; });
    await stream.ended();
    assert.equal((await eve.ping(goes.access_token)).status, 401);
    assert.equal((await eve.refresh(goes.refresh_token)).error, 'invalid_grant');
    assert.equal((await eve.browser.open(`${login.base}/connect`)).status, 403);
    assert.equal((await ada.ping(stays.access_token)).status, 200);
    await login.stop();
  });

  test('another provider: who signs in at that moment begins anew, who has signed in stays', async () => {
    const login = await startLogin();
    const other = await OidcProvider.start({ accounts: { ada: {}, bob: {} }, clients: [{ ...registered, redirect_uris: [`${login.base}/oauth/callback`] }] });
    const app = await startApp(login, 'ada');
    const tokens = await app.redeem(await app.allow());
    const half = login.browser('bob');
    const back = await half.open(`${login.base}/oauth/sign-in`, { until: `${login.base}/oauth/callback` });
    await reload(login, (of) => { of.issuer = other.issuer; });
    const page = await half.open(back);
    assert.equal(page.status, 400, page.html);
    assert.match(page.html, /Begin anew/);
    assert.equal(other.count('/token'), 0, 'the code of one provider is not shown to the other');
    assert.match((await half.open(`${login.base}/connect`)).html, /bob@example\.com/);
    assert.ok(other.count('/token') > 0);
    assert.equal((await app.ping(tokens.access_token)).status, 200);
    assert.ok((await app.refresh(tokens.refresh_token)).access_token);
    assert.match((await app.browser.open(`${login.base}/connect`)).html, /ada@example\.com/);
    await login.stop();
    await other.stop();
  });
});
