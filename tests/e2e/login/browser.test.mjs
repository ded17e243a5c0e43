// People sign in with a browser: at an OpenID provider (oidc-provider, in Chromium and in a plain browser), or by a token that they
// paste; what goes wrong is told on a page, and what is forged is refused.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { startChromium } from '../lib/chromium.mjs';
import { freePort, mgwSanitized, startGateway, waitFor } from '../lib/gateway.mjs';
import { registered, startLogin } from '../lib/login.mjs';
import { OidcProvider } from '../lib/oidc.mjs';
import { PlainBrowser } from '../lib/plain_browser.mjs';

const signedIn = (page, email) => {
  assert.equal(page.status, 200, page.html);
  assert.equal(page.url.pathname, '/connect');
  assert.match(page.html, new RegExp(email));
};
const refused = (page, status, text) => {
  assert.match(page.html, text);
  assert.equal(page.status, status);
  assert.match(page.html, /Try again|Begin anew|Go back/);
};

describe('signing in at a provider', { timeout: 120000 }, () => {
  let login, provider, base;
  before(async () => {
    login = await startLogin({
      accounts: {
        ada: { groups: ['mail', 'dev'] }, bob: {}, eve: { email: 'eve@evil.example' }, una: { email_verified: false }, nil: { email: undefined },
        many: { groups: Array.from({ length: 150 }, (_, i) => `a-group-with-a-long-name-${i}`) },
      },
      login: { domains: ['example.com'] },
    });
    ({ provider, base } = login);
  });
  after(() => login.stop());

  const callbackOf = async (browser) => {
    const back = await browser.open(`${base}/oauth/sign-in`, { until: `${base}/oauth/callback` });
    assert.ok(back instanceof URL, `${back.html}`);
    return back;
  };

  test('leads to where it was needed, and the cookie is for this host alone', async () => {
    const browser = login.browser('ada');
    signedIn(await browser.open(`${base}/connect`), 'ada@example.com');
    const cookie = browser.cookies.find(({ name }) => name === '__Host-mgw');
    assert.ok(cookie.secure && cookie.path === '/');
    assert.deepEqual(browser.refused, []);
    const asked = provider.requests.find(({ path: at }) => at === '/auth').query;
    assert.equal(asked.get('response_type'), 'code');
    assert.equal(asked.get('code_challenge_method'), 'S256');
    assert.equal(asked.get('redirect_uri'), `${base}/oauth/callback`);
    assert.equal(asked.get('scope'), 'openid email profile');
    assert.ok(asked.get('nonce') && asked.get('state'));
    assert.match(await login.gateway.mgw.line(/signed in/), /user=ada@example\.com/);
  });

  test('in Chromium, with two tabs at once', async () => {
    const chromium = await startChromium();
    const visit = await chromium.visit({ account: 'ada', provider, script: false });
    const other = await visit.context.newPage();
    provider.asks = true;
    await Promise.all([visit.page.goto(`${base}/connect`), other.goto(`${base}/connect?second=1`)]);
    for (const page of [visit.page, other]) {
      await page.getByRole('button', { name: 'ada' }).click();
      await page.waitForURL(/\/connect/);
      assert.match(await page.locator('body').innerText(), /ada@example\.com/);
    }
    provider.asks = false;
    const cookies = await visit.context.cookies(base);
    const mine = cookies.find(({ name }) => name === '__Host-mgw');
    assert.deepEqual([mine.secure, mine.httpOnly, mine.sameSite], [true, true, 'Lax']);
    await visit.close();
    await chromium.close();
  });

  test('a return path of 4 kB comes through, in two tabs', async () => {
    const browser = login.browser('ada');
    const paths = ['a', 'b'].map((c) => `/connect?x=${c.repeat(4000)}`);
    const backs = [];
    for (const to of paths) backs.push(await browser.open(`${base}${to}`, { until: `${base}/oauth/callback` }));
    for (const [i, back] of backs.entries()) {
      const page = await browser.open(back);
      assert.equal(page.url.pathname + page.url.search, paths[i]);
      assert.equal(page.status, 200);
    }
    assert.deepEqual(browser.cookies.filter(({ name }) => /path/.test(name)), [], 'nothing is left');
  });

  test('a third long path at once ends at the page that is always there', async () => {
    const browser = login.browser('ada');
    const backs = [];
    for (const c of ['a', 'b', 'c']) backs.push(await browser.open(`${base}/connect?x=${c.repeat(4000)}`, { until: `${base}/oauth/callback` }));
    const ends = [];
    for (const back of backs) ends.push((await browser.open(back)).url.search.length);
    assert.deepEqual(ends.sort((a, b) => a - b), [0, 4003, 4003]);
  });

  test('a path that is longer still is told to be', async () => {
    const page = await login.browser('ada').open(`${base}/connect?x=${'a'.repeat(7000)}`);
    assert.equal(page.status, 400);
    assert.match(page.html, /too long/);
  });

  for (const [account, text] of [
    ['eve', /not of an organization/], ['una', /has been verified/], ['nil', /which email address/], ['many', /more groups than a browser can keep/],
  ]) {
    test(`an account that is not let in is told why (${account})`, async () => {
      const browser = login.browser(account);
      refused(await browser.open(`${base}/connect`), 403, text);
      assert.ok(!browser.cookies.some(({ name }) => name === '__Host-mgw'));
    });
  }

  test('who was refused is asked for another account', async () => {
    const browser = login.browser('eve');
    await browser.open(`${base}/connect`);
    const [, again] = /href="([^"]+)">Try again/.exec(browser.page.html);
    const from = provider.requests.length;
    browser.account = 'ada';
    browser.cookies = browser.cookies.filter(({ name }) => /mgw/.test(name)); // the provider forgets
    signedIn(await browser.open(new URL(again, base)), 'ada@example.com');
    assert.equal(provider.requests.slice(from).find(({ path: at }) => at === '/auth').query.get('prompt'), 'login');
  });

  test('a browser that keeps no cookies is told so', async () => {
    const browser = login.browser('ada');
    const back = await callbackOf(browser);
    browser.cookies = [];
    refused(await browser.open(back), 400, /keeps no cookies/);
  });

  test('a way back is good once', async () => {
    const browser = login.browser('ada');
    const back = await callbackOf(browser);
    signedIn(await browser.open(back), 'ada@example.com');
    refused(await browser.open(back), 400, /is over already/);
  });

  test('and once, where it is gone twice at the same time', async () => {
    const browser = login.browser('ada');
    const back = await callbackOf(browser);
    const cookie = browser.cookies.map(({ name, value }) => `${name}=${value}`).join('; ');
    const both = await Promise.all([1, 2].map(() => login.fetch(back, { redirect: 'manual', headers: { cookie } })));
    assert.deepEqual(both.map(({ status }) => status).sort(), [200, 400]);
  });

  test('a way back of another browser is refused: nobody is signed in as somebody else by a link', async () => {
    const back = await callbackOf(login.browser('bob'));
    const victim = login.browser('ada');
    await callbackOf(victim);
    refused(await victim.open(back), 400, /none of this browser/);
    assert.ok(!victim.cookies.some(({ name }) => name === '__Host-mgw'));
  });

  test('a code of another login is refused: it fits neither verifier nor nonce', async () => {
    const thief = login.browser('ada');
    const [stolen, own] = [await callbackOf(login.browser('bob')), await callbackOf(thief)];
    own.searchParams.set('code', stolen.searchParams.get('code'));
    refused(await thief.open(own), 400, /not good any more/);
    assert.ok(!thief.cookies.some(({ name }) => name === '__Host-mgw'));
  });

  test('a state that was changed, or is none, is refused', async () => {
    const browser = login.browser('ada');
    const back = await callbackOf(browser);
    const state = back.searchParams.get('state');
    for (const bad of ['', 'mgw1.', `${state}A`, state.slice(0, -1), state.slice(0, 30) + (state[30] === 'A' ? 'B' : 'A') + state.slice(31), 'x'.repeat(8000)]) {
      back.searchParams.set('state', bad);
      refused(await browser.open(back), 400, /not a sign-in that began here/);
    }
    back.searchParams.delete('state');
    refused(await browser.open(back), 400, /not a sign-in that began here/);
  });

  test('another issuer\'s answer is refused, and one of no issuer', async () => {
    for (const change of [(query) => query.set('iss', 'https://evil.example'), (query) => query.delete('iss')]) {
      const browser = login.browser('ada');
      const back = await callbackOf(browser);
      const before = provider.grants.length;
      change(back.searchParams);
      refused(await browser.open(back), 502, /do not agree/);
      assert.equal(provider.grants.length, before, 'the code has gone nowhere');
    }
  });

  test('what stands there twice is not taken', async () => {
    const browser = login.browser('ada');
    const back = await callbackOf(browser);
    const page = await browser.open(`${back}&code=another`);
    assert.equal(page.status, 400);
    assert.match(page.html, /cannot be read/);
  });

  test('a user who says no is told, and so is what the provider says', async () => {
    provider.denies = true;
    refused(await login.browser('ada').open(`${base}/connect`), 403, /said no/);
    provider.denies = false;
    const browser = login.browser('ada');
    const back = await callbackOf(browser);
    back.searchParams.delete('code');
    back.searchParams.set('error', '<b>odd</b>');
    const page = await browser.open(back);
    assert.equal(page.status, 502);
    assert.ok(!page.html.includes('odd'));
  });

  test('a provider that is down is told of, and when it is back people sign in', async () => {
    const browser = login.browser('ada');
    const back = await callbackOf(browser);
    await provider.stop();
    refused(await browser.open(back), 503, /cannot be reached/);
    await provider.listen();
    signedIn(await browser.open(`${base}/connect`), 'ada@example.com');
  });

  test('a browser that leaves while the provider thinks leaves nothing behind', async () => {
    const browser = login.browser('ada');
    const back = await callbackOf(browser);
    const cookie = browser.cookies.map(({ name, value }) => `${name}=${value}`).join('; ');
    let free;
    const from = provider.requests.length;
    provider.hold = new Promise((resolve) => { free = resolve; });
    const leave = new AbortController();
    const gone = login.fetch(back, { redirect: 'manual', headers: { cookie }, signal: leave.signal }).catch((error) => error.name);
    await waitFor(() => provider.requests.slice(from).some(({ path: at }) => at === '/token'), 'the code to be exchanged');
    leave.abort();
    assert.equal(await gone, 'AbortError');
    free();
    provider.hold = undefined;
    signedIn(await login.browser('bob').open(`${base}/connect`), 'bob@example.com');
  });

  test('an ID token that is not what it must be lets nobody in', async () => {
    const now = Math.floor(Date.now() / 1000);
    const cases = {
      'for another client': { aud: 'another' },
      'of another issuer': { iss: 'https://evil.example' },
      'of another login': { nonce: 'another' },
      'too old': { exp: now - 3600, iat: now - 7200 },
      'with another access token': { at_hash: 'AAAAAAAAAAAAAAAAAAAAAA' },
      'given to another client': { azp: 'another' },
    };
    for (const [name, claims] of Object.entries(cases)) {
      const browser = login.browser('ada');
      const back = await callbackOf(browser);
      const nonce = provider.requests.filter(({ path: at }) => at === '/auth').at(-1).query.get('nonce');
      provider.instead = async (req, res, at) => {
        if (at !== '/token') return false;
        const id = await provider.sign({ sub: 'ada', email: 'ada@example.com', email_verified: true, aud: 'gateway', nonce, ...claims }, { typ: 'JWT' });
        res.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ access_token: 'a', token_type: 'Bearer', id_token: id }));
        return true;
      };
      refused(await browser.open(back), 502, /do not agree/);
      assert.ok(!browser.cookies.some(({ name: it }) => it === '__Host-mgw'), name);
    }
    provider.instead = undefined;
  });

  test('a token endpoint that lies, hangs or floods is borne', async () => {
    const answers = {
      'no JSON': (res) => res.end('<html>'),
      'no ID token': (res) => res.end('{"access_token":"a","token_type":"Bearer"}'),
      'an error of its own': (res) => { res.statusCode = 500; res.end('oops'); },
      'ten megabytes': (res) => res.end(' '.repeat(10 << 20)),
      'a cut': (res) => res.destroy(),
      'a redirect': (res) => res.writeHead(307, { location: 'https://evil.example/' }).end(),
      'a wrong client': (res) => res.writeHead(401).end('{"error":"invalid_client"}'),
    };
    for (const [name, answer] of Object.entries(answers)) {
      const browser = login.browser('ada');
      const back = await callbackOf(browser);
      provider.instead = (req, res, at) => at === '/token' && (answer(res), true);
      const page = await browser.open(back);
      assert.ok([502, 503].includes(page.status), `${name}: ${page.status}`);
      assert.match(page.html, /do not agree|cannot be reached/);
      provider.instead = undefined;
    }
  });

  test('signing out ends the cookie itself, not only in this browser', async () => {
    const browser = login.browser('ada');
    signedIn(await browser.open(`${base}/connect`), 'ada@example.com');
    const copy = [...browser.cookies];
    const page = await browser.press(/sign out/i);
    assert.match(page.html, /Signed out/);
    assert.ok(!browser.cookies.some(({ name }) => name === '__Host-mgw'));
    const cookie = copy.map(({ name, value }) => `${name}=${value}`).join('; ');
    const response = await login.fetch(`${base}/connect`, { redirect: 'manual', headers: { cookie } });
    assert.equal(response.status, 303, 'the old cookie is nobody');
    assert.ok(response.headers.get('location').startsWith(provider.issuer));
  });

  test('nothing secret is in the log', () => {
    const log = login.gateway.mgw.lines.join('\n');
    for (const secret of ['the secret of the gateway', 'mgw1.', 'code=', '__Host-']) assert.ok(!log.includes(secret), secret);
  });
});

describe('signing in, otherwise', { timeout: 120000 }, () => {
  test('claims that the ID token lacks are asked for at UserInfo; groups decide', async () => {
    const login = await startLogin({
      accounts: { ada: { groups: ['dev'] }, bob: { groups: ['sales'] } },
      provider: { configure: (c) => { c.conformIdTokenClaims = true; } },
      login: { groups: ['dev'], scopes: ['openid', 'email', 'groups'] },
    });
    signedIn(await login.browser('ada').open(`${login.base}/connect`), 'ada@example.com');
    assert.ok(login.provider.count('/me') >= 1);
    refused(await login.browser('bob').open(`${login.base}/connect`), 403, /none of the groups/);
    await login.stop();
  });

  test('UserInfo of another account is not taken', async () => {
    const login = await startLogin({ accounts: { ada: {} }, provider: { configure: (c) => { c.conformIdTokenClaims = true; } } });
    login.provider.instead = (req, res, at) => {
      if (at !== '/me') return false;
      res.writeHead(200, { 'content-type': 'application/json' }).end('{"sub":"bob","email":"bob@example.com","email_verified":true}');
      return true;
    };
    refused(await login.browser('ada').open(`${login.base}/connect`), 403, /which email address/);
    await login.stop();
  });

  test('a login outlives a restart, where the state does', async () => {
    const login = await startLogin();
    const browser = login.browser('ada');
    signedIn(await browser.open(`${login.base}/connect`), 'ada@example.com');
    await login.gateway.mgw.stop();
    login.gateway.mgw = await login.gateway.startMgw();
    await waitFor(() => login.fetch(`${login.base}/ready`).then((r) => r.ok, () => false), 'the gateway to be ready');
    const from = browser.visited.length;
    signedIn(await browser.open(`${login.base}/connect`), 'ada@example.com');
    assert.equal(browser.visited.length, from + 1, 'without a way to the provider');
    await login.stop();
  });

  test('a provider that has never been there is told of, and waited for', async () => {
    const port = await freePort();
    const login = await startLogin({ login: { issuer: `http://127.0.0.1:${port}` } });
    refused(await login.browser('ada').open(`${login.base}/connect`), 503, /cannot be reached/);
    const provider = await OidcProvider.start({ port, clients: [{ ...registered, redirect_uris: [`${login.base}/oauth/callback`] }] });
    await login.gateway.mgw.line(/\[auth\] issuer .* keys/);
    signedIn(await login.browser('ada').open(`${login.base}/connect`), 'ada@example.com');
    await login.stop();
    await provider.stop();
  });

  test('a gateway that goes down waits for a sign-in that is under way', async () => {
    const login = await startLogin();
    const browser = login.browser('ada');
    const back = await browser.open(`${login.base}/oauth/sign-in`, { until: `${login.base}/oauth/callback` });
    const cookie = browser.cookies.map(({ name, value }) => `${name}=${value}`).join('; ');
    let free;
    login.provider.hold = new Promise((resolve) => { free = resolve; });
    const answer = login.fetch(back, { redirect: 'manual', headers: { cookie } });
    await waitFor(() => login.provider.count('/token') > 0, 'the code to be exchanged');
    login.gateway.mgw.child.kill('SIGTERM');
    await login.gateway.mgw.line(/draining/);
    free();
    const response = await answer;
    assert.equal(response.status, 200);
    assert.match(await response.text(), /ada@example\.com/);
    await login.gateway.mgw.exited;
    await login.stop();
  });

  test('a token that is pasted signs in where there is no provider', async () => {
    let token, file;
    const gateway = await startGateway({
      config: ({ url, dir }) => {
        file = path.join(dir, 'tokens.json');
        token = execFileSync(mgwSanitized, ['token', 'ada@example.com', '--file', file], { encoding: 'utf8' }).split('\n')[0];
        return { gateway: { public_url: url, auth: { tokens_file: file } } };
      },
    });
    const chromium = await startChromium();
    for (const look of ['light', 'dark', 'phone']) {
      const visit = await chromium.visit({ look });
      await visit.open(`${gateway.url}/oauth/sign-in`);
      await visit.mustBeAccessible();
      await visit.mustFit();
      await visit.picture('sign-in');
      await visit.page.getByLabel('Token').fill('wrong');
      await visit.press('Sign in');
      await visit.page.getByRole('alert').waitFor();
      await visit.mustBeAccessible();
      await visit.picture('sign-in-refused');
      await visit.page.getByLabel('Token').fill(token);
      await visit.press('Sign in');
      await visit.page.waitForURL(/\/connect$/);
      assert.match(await visit.text, /ada@example\.com/);
      visit.errors = visit.errors.filter((error) => !/status of 403/.test(error));
      assert.deepEqual(visit.errors, [], 'nothing that the page\'s policy forbids');
      await visit.close();
    }
    await chromium.close();
    const browser = new PlainBrowser();
    await browser.open(`${gateway.url}/connect`);
    assert.match(browser.page.html, /Paste your token/);
    await browser.press('Sign in', { fields: { token: 'wrong' } });
    assert.equal(browser.page.status, 403);
    signedIn(await browser.press('Sign in', { fields: { token } }), 'ada@example.com');
    fs.writeFileSync(file, '{"users": []}');
    gateway.mgw.child.kill('SIGHUP');
    await waitFor(async () => /Paste your token/.test((await browser.open(`${gateway.url}/connect`)).html), 'the cookie to be none, as the token');
    await gateway.stop();
  });
});
