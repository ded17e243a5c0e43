// The pages that people see, in Debian's Chromium: signing in, consent, connecting an account. In light, dark and on a phone (their
// pictures are left in build/log/screenshots), for axe-core, without JavaScript, and in somebody else's frame.

import assert from 'node:assert/strict';
import http from 'node:http';
import { once } from 'node:events';
import { after, before, describe, test } from 'node:test';
import { looks, startChromium } from '../lib/chromium.mjs';
import { allow, startLogin } from '../lib/login.mjs';
import { Callback, Keeper } from '../lib/login_client.mjs';
import { OauthServer } from '../lib/oauth_server.mjs';
import { textOf } from '../lib/clients.mjs';

/** Somebody else's page. */
async function serve(html) {
  const server = http.createServer((req, res) => res.writeHead(200, { 'content-type': 'text/html' }).end(`<!doctype html>${html}`)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { url: `http://127.0.0.1:${server.address().port}/`, stop: () => { server.close(); server.closeAllConnections(); } };
}

describe('pages in Chromium', { timeout: 300000 }, () => {
  let login, upstream, chromium, callback;
  before(async () => {
    upstream = await OauthServer.start({ provider: { accounts: { ada: {}, bob: {} } } });
    login = await startLogin({ gateway: { allow_private_documents: true }, config: { mcpServers: { notes: { url: upstream.url, oauth: {} } } } });
    callback = await Callback.start();
    chromium = await startChromium();
  });
  after(async () => {
    await chromium?.close();
    await callback?.stop();
    await login?.stop();
    await upstream?.stop();
  });

  const start = (options = {}) => chromium.visit({ account: 'ada', provider: login.provider, ...options });
  /** A client of the SDK that a person signs in by page(visit), which ends on the redirect. */
  const clientBy = (visit, page = () => visit.press(allow), metadata = {}) => login.client({
    keeper: new Keeper({ redirectUrl: callback.url, metadata: { client_name: 'Notebook <b>of</b> Ada', ...metadata } }), redirect: callback.url,
    visitor: async (url) => {
      await visit.open(url.href);
      await visit.page.getByRole('button', { name: allow }).waitFor(); // by way of the provider, whose last page leads on by itself
      await page();
      const searchParams = await callback.next();
      // Whoever went on before the page behind the redirect is there would break it off.
      await visit.page.waitForURL((url) => url.href.startsWith(callback.url));
      return { searchParams };
    },
  });
  const looked = async (visit, name) => {
    await visit.picture(name);
    await visit.mustFit();
    await visit.mustBeAccessible();
  };
  const good = (visit) => assert.deepEqual(visit.errors, [], 'nothing is wrong on any page');

  for (const look of Object.keys(looks)) {
    test(`consent and connecting, ${look}`, async () => {
      const visit = await start({ look });
      const { client } = await clientBy(visit, async () => {
        const text = await visit.text;
        assert.match(text, /Notebook <b>of<\/b> Ada/, 'the name as it was given, not as HTML');
        assert.match(text, /127\.0\.0\.1/, 'where the answer goes');
        assert.match(text, /ada@example\.com/, 'as whom');
        await looked(visit, 'consent');
        await visit.press(allow);
      });

      await visit.open(`${login.base}/connect`);
      assert.match(await visit.text, /notes/);
      await looked(visit, 'connect');
      await visit.follow(/^connect/i);
      await visit.page.getByText(/notes is connected/).waitFor();
      await looked(visit, 'connected');
      assert.equal(textOf(await client.callTool({ name: 'notes_whoami', arguments: {} })), 'you are ada@example.com');
      await visit.pressThrough(/disconnect/i);
      assert.ok(await visit.page.getByRole('link', { name: /^connect/i }).count() > 0, 'it can be connected again');

      await visit.open(`${login.base}/oauth/authorize?client_id=nobody`);
      assert.equal(await visit.page.evaluate(() => document.contentType), 'text/html');
      visit.errors = visit.errors.filter((error) => !/status of 400/.test(error));
      await looked(visit, 'fault');
      good(visit);
      await client.close();
      await visit.close();
    });
  }

  test('the whole way without JavaScript', async () => {
    const visit = await start({ script: false });
    const { client } = await clientBy(visit);
    await visit.open(`${login.base}/connect`);
    await visit.follow(/^connect/i);
    await visit.page.getByText(/notes is connected/).waitFor();
    assert.equal(textOf(await client.callTool({ name: 'notes_whoami', arguments: {} })), 'you are ada@example.com');
    await visit.pressThrough(/disconnect/i);
    await visit.pressThrough(/sign out/i);
    good(visit);
    await client.close();
    await visit.close();
  });

  test('no page has a script, and each has a policy that lets none in', async () => {
    const visit = await start();
    const seen = [];
    visit.page.on('response', (response) => response.url().startsWith(login.base) && response.headers()['content-type']?.startsWith('text/html') && seen.push(response));
    const { client } = await clientBy(visit, async () => {
      assert.equal(await visit.page.locator('script').count(), 0);
      await visit.press(allow);
    });
    await visit.open(`${login.base}/connect`);
    assert.ok(seen.length >= 2);
    for (const response of seen) {
      const headers = response.headers();
      assert.match(headers['content-security-policy'], /default-src 'none'/);
      assert.match(headers['content-security-policy'], /frame-ancestors 'none'/);
      assert.doesNotMatch(headers['content-security-policy'], /unsafe-|script-src/);
      assert.equal(headers['cache-control'], 'no-store');
      assert.equal(headers['referrer-policy'], 'same-origin');
      assert.equal(headers['x-frame-options'], 'DENY');
    }
    await client.close();
    await visit.close();
  });

  test('the form of consent, sent from a page of somebody else, does nothing', async () => {
    const visit = await start();
    const keeper = new Keeper({ redirectUrl: callback.url });
    let form;
    await assert.rejects(login.client({
      keeper, redirect: callback.url,
      visitor: async (url) => {
        await visit.open(url.href);
        form = await visit.page.locator('form', { hasText: 'Do not allow' }).evaluate((it) => ({ action: it.action, fields: [...new FormData(it)] }));
        throw new Error('the person goes elsewhere');
      },
    }), /goes elsewhere/);
    const escaped = (text) => text.replace(/[&"<]/g, (c) => `&#${c.charCodeAt(0)};`);
    const evil = await serve(`<form method="post" action="${escaped(form.action)}">${[...form.fields, ['decision', 'allow']]
      .map(([name, value]) => `<input type="hidden" name="${escaped(name)}" value="${escaped(value)}">`).join('')}<button>Win a prize</button></form>`);
    await visit.open(evil.url);
    const [answer] = await Promise.all([visit.page.waitForResponse((response) => response.url() === form.action), visit.press('Win a prize')]);
    assert.equal(answer.status(), 403);
    assert.ok(visit.page.url().startsWith(login.base), 'nobody is led to the client');
    await visit.close();
    evil.stop();
  });

  test('no page can be framed', async () => {
    const evil = await serve(`<iframe src="${login.base}/connect" width=800 height=600></iframe>`);
    const visit = await start();
    await visit.open(`${login.base}/connect`);
    await visit.page.getByText('You are signed in as').waitFor(); // by way of the provider, whose last page leads on by itself
    await visit.open(evil.url);
    await visit.page.waitForFunction(() => frames.length === 1);
    const inside = visit.page.frames()[1];
    await assert.doesNotReject(inside.waitForURL(/^chrome-error:/));
    assert.ok(visit.errors.some((error) => /frame/i.test(error)), `${visit.errors}`);
    await visit.close();
    evil.stop();
  });
});
