// mgw ends, by SIGTERM and by kill -9, at each moment of a login, and begins anew, reads its configuration again, or another process
// takes over: nobody has to sign in again, nothing that was over comes back; and nothing secret is where it does not belong.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { asOperator } from '../lib/gateway.mjs';
import { allow, startLogin } from '../lib/login.mjs';
import { startApp } from '../lib/login_app.mjs';
import { turns } from '../lib/login_turns.mjs';

for (const [way, turn] of Object.entries(turns)) {
  describe(`${way} in the midst of a login`, { timeout: 180000 }, () => {
    let login;
    before(async () => { login = await startLogin(); });
    after(() => login.stop());

    const restart = () => turn(login);
    const begin = (account = 'ada') => startApp(login, account);

    test('before the user signs in at the provider', async () => {
      const app = await begin();
      login.provider.asks = true;
      await app.open();
      login.provider.asks = false;
      await restart();
      await app.browser.press(app.account);
      assert.equal((await app.ping((await app.redeem(await app.browser.press(allow, { until: app.redirect }))).access_token)).status, 200);
    });

    test('while the consent page is open', async () => {
      const app = await begin();
      await app.open();
      await restart();
      const tokens = await app.redeem(await app.browser.press(allow, { until: app.redirect }));
      assert.equal((await app.ping(tokens.access_token)).status, 200);
    });

    test('between the code and its token', async () => {
      const app = await begin();
      const back = await app.allow();
      await restart();
      const tokens = await app.redeem(back);
      assert.equal((await app.ping(tokens.access_token)).status, 200);
    });

    test('after the token: access, refresh and registration go on, and the code stays used', async () => {
      const app = await begin();
      const back = await app.allow();
      const { verifier } = app;
      const tokens = await app.redeem(back);
      await restart();
      assert.equal((await app.ping(tokens.access_token)).status, 200);
      const next = await app.refresh(tokens.refresh_token);
      assert.equal((await app.ping(next.access_token)).status, 200);
      assert.ok((await app.redeem(await app.allow())).access_token, 'the client is still known');
      await restart();
      assert.equal((await app.redeem(back, { code_verifier: verifier })).error, 'invalid_grant', 'a code is good once, whatever was between');
      assert.equal((await app.refresh(next.refresh_token)).error, 'invalid_grant', 'and its second use has ended what the first gave');
    });

    test('in the midst of a refresh: who has no answer asks again, and has a login', async () => {
      const app = await begin();
      let { refresh_token: token } = await app.redeem(await app.allow());
      for (let i = 0; i < 4; i++) {
        const lost = app.refresh(token).catch(() => undefined);
        await new Promise((resolve) => { setTimeout(resolve, i * 3); });
        await restart();
        await lost; // what it may have brought, nobody has read
        const next = await app.refresh(token);
        assert.ok(next.access_token, JSON.stringify(next));
        assert.equal((await app.ping(next.access_token)).status, 200);
        token = next.refresh_token;
      }
    });

    test('after a revocation that was answered: it is still over', async () => {
      const app = await begin('bob');
      const tokens = await app.redeem(await app.allow());
      assert.equal((await app.post('/oauth/revoke', { token: tokens.refresh_token })).status, 200);
      await restart();
      assert.equal((await app.ping(tokens.access_token)).status, 401);
      assert.equal((await app.refresh(tokens.refresh_token)).error, 'invalid_grant');
    });

    test('after an alarm: a family that has ended stays ended', async () => {
      const app = await begin('bob');
      const first = await app.redeem(await app.allow());
      const second = await app.refresh(first.refresh_token);
      const third = await app.refresh(second.refresh_token);
      assert.equal((await app.refresh(first.refresh_token)).error, 'invalid_grant', 'used long ago, with one after it used too');
      await restart();
      assert.equal((await app.refresh(third.refresh_token)).error, 'invalid_grant');
      assert.equal((await app.ping(third.access_token)).status, 401);
    });
  });
}

test('nothing secret stands in a log, a metric, a command line or a status page', { timeout: 90000 }, async () => {
  const login = await startLogin();
  const secrets = [...login.secrets];
  const app = await startApp(login, 'ada');
  await app.open();
  for (const { value } of app.browser.cookies) secrets.push(value);
  for (const form of app.browser.page.forms) secrets.push(...Object.values(form.fields).filter((value) => value.length > 20));
  const back = await app.browser.press(allow, { until: app.redirect });
  secrets.push(back.searchParams.get('code'), app.verifier);
  const tokens = await app.redeem(back);
  const next = await app.refresh(tokens.refresh_token);
  for (const { access_token: access, refresh_token: refresh } of [tokens, next]) secrets.push(access, refresh);
  // What is wrong is told of, and not said either.
  await app.ping(`${next.access_token}x`);
  await app.redeem(back);
  await app.refresh('not-a-token-at-all-0123456789');
  await login.fetch(`${login.base}/oauth/callback?code=a-code-of-a-stranger&state=a-state-of-a-stranger`);
  secrets.push('not-a-token-at-all-0123456789', 'a-code-of-a-stranger', 'a-state-of-a-stranger');
  for (const { url } of app.browser.visited) secrets.push(...['code', 'state'].map((name) => new URL(url).searchParams.get(name)).filter((it) => it?.length > 20));
  assert.ok(secrets.length > 14 && secrets.every((it) => it?.length >= 12), `${secrets.map((it) => it?.length)}`);

  const places = {
    'log of mgw': () => login.gateway.mgw.lines.join('\n'),
    'log of HAProxy': () => login.gateway.haproxy.lines.join('\n'),
    metrics: async () => (await fetch(`${login.gateway.stats}/metrics`, { headers: asOperator })).text(),
    status: async () => (await fetch(`${login.gateway.stats}/admin/status`, { headers: asOperator })).text(),
    'command line': () => fs.readFileSync(`/proc/${login.gateway.mgw.pid}/cmdline`, 'utf8'),
    'state on the disk': () => fs.readdirSync(`${login.gateway.dir}/state`).map((name) => fs.readFileSync(`${login.gateway.dir}/state/${name}`, 'latin1')).join('\n'),
  };
  for (const [place, read] of Object.entries(places)) {
    const text = await read();
    assert.ok(text.length > 0, `${place} is not empty`);
    assert.deepEqual(secrets.filter((secret) => text.includes(secret)), [], place);
  }
  await login.stop();
});

test('who may not come any more after a change of the configuration keeps no client', { timeout: 120000 }, async () => {
  const login = await startLogin({ login: { domains: ['example.com'] } });
  const app = await startApp(login, 'ada');
  let tokens = await app.redeem(await app.allow());
  tokens = await app.refresh(tokens.refresh_token);
  assert.equal((await app.ping(tokens.access_token)).status, 200);
  const file = `${login.gateway.dir}/mgw.json`;
  fs.writeFileSync(file, fs.readFileSync(file, 'utf8').replace('"example.com"', '"elsewhere.example"'));
  await turns.SIGTERM(login);
  assert.equal((await app.refresh(tokens.refresh_token)).error, 'invalid_grant');
  await login.stop();
});
