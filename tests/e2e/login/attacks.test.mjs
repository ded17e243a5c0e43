// What attackers of OAuth try (RFC 9700, and what MCP adds), at the whole gateway with a real provider behind it. SECURITY.md
// has a row for each.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { after, before, describe, test } from 'node:test';
import { testCertificate } from '../lib/gateway.mjs';
import { allow, startLogin } from '../lib/login.mjs';
import { startApp } from '../lib/login_app.mjs';

describe('attacks on signing in', { timeout: 180000 }, () => {
  let login;
  before(async () => { login = await startLogin(); });
  after(() => login.stop());
  const begin = (account = 'ada', options = {}) => startApp(login, account, options);
  const working = async (app) => app.redeem(await app.allow());

  test('redirects that differ from what is registered are led nowhere', async () => {
    const app = await begin('ada', { more: { redirect_uris: ['http://127.0.0.1:1/callback', 'https://app.example.com/cb'] } });
    for (const redirect of [
      'https://app.example.com/CB', 'https://app.example.com/cb/', 'https://app.example.com/cb/more', 'https://app.example.com/x/../cb',
      'https://app.example.com/%63b', 'https://app.example.com/cb?x=1', 'https://app.example.com/cb#x', 'https://app.example.com:444/cb',
      'http://app.example.com/cb', 'https://app.example.com.evil.example/cb', 'https://evil.example/app.example.com/cb', 'https://app.example.com@evil.example/cb',
      'https://evil.example\\@app.example.com/cb', 'https://app.example.com\t/cb', '//app.example.com/cb', 'https://sub.app.example.com/cb',
      'http://127.0.0.1:1/callback/', 'http://127.0.0.1:1/CALLBACK', 'http://localhost:1/callback', 'http://127.0.0.1.evil.example:1/callback', 'http://127.0.0.2:1/callback',
      'http://user@127.0.0.1:1/callback', 'https://127.0.0.1:1/callback', 'javascript:alert(1)', 'data:text/html,x', '',
    ]) {
      const browser = login.browser('ada');
      const page = await browser.open(app.url({ redirect_uri: redirect }), { until: 'nowhere:' });
      assert.equal(page.status, 400, redirect);
      assert.deepEqual(browser.visited.map(({ url }) => new URL(url).pathname), ['/oauth/authorize'], `${redirect}: not even to the provider`);
    }
    const other = 'http://127.0.0.1:40000/callback';
    const end = await app.browser.open(app.url({ redirect_uri: other }), { until: other });
    assert.equal(end instanceof URL || end.status, 200, 'a port on loopback may be any (RFC 8252 7.3)');
  });

  test('what may not be registered as a redirect is not', async () => {
    for (const redirect of [
      'javascript:alert(1)', 'data:text/html,x', 'http://app.example.com/cb', 'https://user@app.example.com/cb', 'https://app.example.com/cb#x', 'https://app.example.com/a/../cb',
      'vbscript:x', 'file:///etc/passwd', 'blob:https://app.example.com/x', 'about:blank', 'not a URL', '', `https://app.example.com/${'x'.repeat(9000)}`,
    ]) {
      const { registered } = await begin('ada', { more: { redirect_uris: ['https://app.example.com/cb', redirect] } });
      assert.deepEqual([registered.status, registered.error], [400, 'invalid_redirect_uri'], redirect);
    }
  });

  test('the answer names its issuer, so that no two can be mixed up', async () => {
    const app = await begin();
    const back = await app.allow();
    const metadata = await (await login.fetch(`${login.base}/.well-known/oauth-authorization-server`)).json();
    assert.equal(metadata.authorization_response_iss_parameter_supported, true);
    assert.deepEqual([back.searchParams.get('iss'), back.searchParams.get('state')], [metadata.issuer, app.state]);
    const refused = await app.open({ response_type: 'token' });
    assert.ok(refused instanceof URL, 'an error is led back too');
    assert.deepEqual([refused.searchParams.get('error'), refused.searchParams.get('iss')], ['unsupported_response_type', metadata.issuer]);
  });

  test('a code is good for its client, its verifier and its redirect alone', async () => {
    const [app, other] = [await begin(), await begin('bob')];
    const attempts = {
      'another verifier': { code_verifier: 'x'.repeat(43) }, 'no verifier': { code_verifier: undefined }, 'another client': { client_id: other.id },
      'another redirect': { redirect_uri: 'http://127.0.0.1:1/other' },
    };
    for (const [name, more] of Object.entries(attempts)) {
      const answer = await app.redeem(await app.allow(), more);
      assert.equal(answer.status, 400, name);
      assert.match(answer.error, /invalid_(grant|request)/, name);
    }
    const answer = await app.redeem(await app.allow(), { resource: 'https://elsewhere.example/mcp' });
    assert.deepEqual([answer.status, answer.error], [400, 'invalid_target']);
  });

  test('without PKCE, or with less of it, nothing begins', async () => {
    const app = await begin();
    for (const more of [{ code_challenge: undefined, code_challenge_method: undefined }, { code_challenge_method: 'plain' }, { code_challenge_method: undefined }, { code_challenge: 'short' }]) {
      const back = await app.open(more);
      assert.ok(back instanceof URL, JSON.stringify(more));
      assert.equal(back.searchParams.get('error'), 'invalid_request', JSON.stringify(more));
      assert.equal(back.searchParams.get('code'), null);
    }
  });

  test('grants that give away too much are not there', async () => {
    const app = await begin();
    for (const grant of ['password', 'client_credentials', 'implicit', 'urn:ietf:params:oauth:grant-type:device_code', '']) {
      const answer = await app.token({ grant_type: grant, username: 'ada', password: 'x' });
      assert.equal(answer.status, 400, grant);
      assert.match(answer.error, grant ? /unsupported_grant_type/ : /unsupported_grant_type|invalid_request/, grant);
    }
  });

  for (const ways of ['one connection', 'two connections']) {
    test(`a code that is used twice at once gives one login, or none (${ways})`, async () => {
      const app = await begin();
      const back = await app.allow();
      const agents = Array.from({ length: 2 }, () => new https.Agent({ keepAlive: true, ca: testCertificate().ca, maxSockets: 1 }));
      const body = new URLSearchParams({
        client_id: app.id, grant_type: 'authorization_code', code: back.searchParams.get('code'), redirect_uri: app.redirect, code_verifier: app.verifier,
      }).toString();
      const send = (agent) => new Promise((resolve, reject) => {
        const request = https.request(`${login.base}/oauth/token`, {
          method: 'POST', agent, headers: { 'content-type': 'application/x-www-form-urlencoded', 'content-length': body.length },
        }, async (response) => {
          let text = '';
          for await (const chunk of response) text += chunk;
          resolve({ status: response.statusCode, ...JSON.parse(text) });
        }).on('error', reject);
        request.end(body);
      });
      const answers = await Promise.all([send(agents[0]), send(agents[ways === 'one connection' ? 0 : 1])]);
      for (const agent of agents) agent.destroy();
      assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 400]);
      assert.equal(answers.find(({ status }) => status === 400).error, 'invalid_grant');
      const given = answers.find(({ status }) => status === 200);
      assert.equal((await app.ping(given.access_token)).status, 401, 'the second use ends what the first gave');
      assert.equal((await app.refresh(given.refresh_token)).error, 'invalid_grant');
    });
  }

  test('a refresh token that was used long ago ends its family', async () => {
    const app = await begin();
    const first = await working(app);
    const second = await app.refresh(first.refresh_token);
    const third = await app.refresh(second.refresh_token);
    assert.equal((await app.ping(third.access_token)).status, 200);
    assert.deepEqual((({ status, error }) => [status, error])(await app.refresh(first.refresh_token)), [400, 'invalid_grant']);
    assert.deepEqual((({ status, error }) => [status, error])(await app.refresh(third.refresh_token)), [400, 'invalid_grant']);
    assert.equal((await app.ping(third.access_token)).status, 401);
    await login.gateway.mgw.line(/ERROR \[OAuth\] ALARM: a refresh token was used again/);
  });

  test('a refresh token is good for its client alone', async () => {
    const [app, other] = [await begin(), await begin('bob')];
    const { refresh_token: token } = await working(app);
    assert.deepEqual((({ status, error }) => [status, error])(await other.refresh(token)), [400, 'invalid_grant']);
  });

  test('no text of ours is good as another, and none that has been changed', async () => {
    const app = await begin();
    const back = await app.allow();
    const code = back.searchParams.get('code');
    const { access_token: access, refresh_token: refresh } = await app.redeem(back);
    for (const [name, text] of Object.entries({ code, refresh, client: app.id })) assert.equal((await app.ping(text)).status, 401, `${name} as an access token`);
    for (const [name, text] of Object.entries({ code, access, client: app.id })) assert.equal((await app.refresh(text)).error, 'invalid_grant', `${name} as a refresh token`);
    for (const [name, text] of Object.entries({ access, refresh, client: app.id })) {
      assert.equal((await app.token({ grant_type: 'authorization_code', code: text, redirect_uri: app.redirect, code_verifier: app.verifier })).error, 'invalid_grant', `${name} as a code`);
    }
    for (const text of [refresh, access, code]) assert.equal((await app.open({ client_id: text })).status, 400, 'as a client');
    const flip = (text, at) => text.slice(0, at) + (text[at] === 'A' ? 'B' : 'A') + text.slice(at + 1);
    for (const at of [0, 1, Math.floor(access.length / 2), access.length - 2]) {
      assert.equal((await app.ping(flip(access, at))).status, 401, `access token, ${at}`);
      assert.equal((await app.refresh(flip(refresh, at % refresh.length))).error, 'invalid_grant');
      assert.equal((await app.open({ client_id: flip(app.id, at % app.id.length) })).status, 400);
    }
    assert.equal((await app.ping(access)).status, 200, 'the true one is still good');
  });

  test('who comes back from the provider with the login of another browser is signed in as nobody', async () => {
    const [attacker, victim] = [await begin('bob'), login.browser('ada')];
    const stopped = [];
    const { browser } = attacker;
    // The attacker stops where the provider leads back to the gateway, and gives the victim that link.
    const original = browser.fetch;
    browser.fetch = (url, init) => {
      if (new URL(url).pathname !== '/oauth/callback') return original(url, init);
      stopped.push(new URL(url));
      return Promise.resolve(new Response('stopped'));
    };
    await attacker.open();
    assert.equal(stopped.length, 1);
    const page = await victim.open(stopped[0]);
    assert.ok(page.status >= 400 && page.status < 500, `${page.status}`);
    const connect = await victim.open(`${login.base}/connect`);
    assert.doesNotMatch(connect.html, /bob@example\.com/);
  });

  test('the form of consent is good in the browser it was made for, and from our own pages, alone', async () => {
    const [app, other] = [await begin('ada'), login.browser('bob')];
    await app.open();
    const [form] = app.browser.page.forms.filter(({ buttons }) => buttons.some(({ text }) => allow.test(text)));
    const pressed = form.buttons.find(({ text }) => allow.test(text));
    const body = new URLSearchParams({ ...form.fields, ...(pressed.name && { [pressed.name]: pressed.value ?? '' }) }).toString();
    const action = new URL(form.action, login.base);
    const attempts = {
      'no browser': login.browser(), 'another browser, signed in': other,
    };
    await other.open(`${login.base}/connect`);
    for (const [name, browser] of Object.entries(attempts)) {
      const end = await browser.open(action, { method: 'POST', body, until: app.redirect });
      assert.ok(!(end instanceof URL) && end.status === 403, `${name}: ${end.status ?? end}`);
    }
    for (const field of Object.keys(form.fields).filter((it) => form.fields[it].length > 16)) {
      const changed = new URLSearchParams(body);
      changed.set(field, changed.get(field).replace(/.$/, (last) => (last === 'A' ? 'B' : 'A')).replace(/^./, (it) => (it === 'A' ? 'B' : 'A')));
      const end = await app.browser.open(action, { method: 'POST', body: changed.toString(), until: app.redirect });
      assert.ok(!(end instanceof URL) && end.status >= 400, `${field} changed: ${end.status ?? end}`);
    }
    const cross = await app.browser.open(action, { method: 'POST', body, until: app.redirect, headers: { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' } });
    assert.ok(!(cross instanceof URL) && cross.status === 403, `from another's page: ${cross.status ?? cross}`);
  });

  test('each client is allowed by itself: a link to another is not carried through in silence', async () => {
    const app = await begin('ada');
    await working(app);
    const other = await begin('ada', { redirect: 'http://127.0.0.1:2/steal', more: { client_name: 'By hand' } });
    other.browser = app.browser;
    for (const more of [{}, { prompt: 'none' }]) {
      const end = await other.open(more);
      if (end instanceof URL) assert.match(end.searchParams.get('error') ?? 'a code', /_required|access_denied|invalid_request/);
      else assert.ok(end.status === 200 && end.forms.some(({ buttons }) => buttons.some(({ text }) => allow.test(text))), 'it is asked for');
    }
  });

  test('no answer to a form sends it on (303, never 307), and none says where the user was', async () => {
    const app = await begin();
    await working(app);
    const posts = app.browser.visited.filter(({ method, url }) => method === 'POST' && url.startsWith(login.base));
    assert.ok(posts.length > 0);
    for (const { status, url } of posts) assert.ok([302, 303].includes(status), `${url}: ${status}`);
    for (const path of ['/connect', '/oauth/authorize']) {
      const response = await login.fetch(`${login.base}${path}`, { redirect: 'manual' });
      assert.equal(response.headers.get('referrer-policy'), 'same-origin');
      assert.match(response.headers.get('cache-control') ?? '', /no-store/, path);
    }
  });

  test('nobody is led out of here by a path, a client or a sign-in that we do not know', async () => {
    const app = await begin();
    for (const path of [
      '/oauth/authorize?client_id=nobody&redirect_uri=https://evil.example/', '/connect?return=//evil.example', '/oauth/sign-in?path=//evil.example', '/oauth/sign-in?return=https://evil.example/',
      '/oauth/callback?state=x&code=y', '/connect/callback?state=x&code=y', '/oauth/sign-out?post_logout_redirect_uri=https://evil.example/',
    ]) {
      await app.browser.open(`${login.base}${path}`, { until: 'https://evil.example' }).catch((error) => assert.fail(`${path}: ${error.message}`));
      for (const { url } of app.browser.visited) assert.doesNotMatch(new URL(url).host, /evil/);
    }
  });

  test('nor by a client that anybody has made, and that asks for nonsense: they see where it leads', async () => {
    const app = await begin('ada', { redirect: 'https://evil.example/cb' });
    for (const more of [{ response_type: 'token' }, { prompt: 'none' }, { resource: 'https://elsewhere.example/mcp' }]) {
      const page = await app.browser.open(app.url(more), { until: 'https://evil.example' });
      assert.ok(!(page instanceof URL), JSON.stringify(more));
      assert.equal(page.status, 400);
      assert.match(page.html, /href="https:\/\/evil\.example\/cb\?error=(unsupported_response_type|login_required|invalid_target)&amp;.*Go back to evil\.example</);
    }
  });

  test('what is over-long is refused, and what is odd too', async () => {
    const app = await begin();
    const long = 'x'.repeat(8000);
    for (const more of [{ state: long }, { scope: long }, { client_id: long }, { code_challenge: long }, { resource: `${login.base}/mcp?${long}` }]) {
      const response = await login.fetch(app.url(more), { redirect: 'manual' });
      const back = response.headers.get('location');
      assert.ok(back ? /[?&]error=invalid_(request|scope|target)/.test(back) : response.status === 400, `${Object.keys(more)}: ${response.status} ${back}`);
      await response.text();
    }
    for (const [type, body] of [
      ['application/json', '{"grant_type":"refresh_token"}'], ['application/x-www-form-urlencoded', 'grant_type=refresh_token&grant_type=authorization_code'],
      ['application/x-www-form-urlencoded', '%zz=%'], ['application/x-www-form-urlencoded', ''], ['application/x-www-form-urlencoded', `grant_type=refresh_token&refresh_token=${'x'.repeat(100000)}`],
    ]) {
      const response = await login.fetch(`${login.base}/oauth/token`, { method: 'POST', headers: { 'content-type': type }, body });
      assert.ok([400, 401, 413, 415].includes(response.status), `${body.slice(0, 40)}: ${response.status}`);
      await response.text();
    }
    for (const body of ['', '[]', '{}', '{"redirect_uris": "x"}', '{"redirect_uris": []}', '{"redirect_uris": [1]}',
      JSON.stringify({ redirect_uris: Array.from({ length: 1000 }, (_, i) => `https://a.example/${i}`) })]) {
      const response = await login.fetch(`${login.base}/oauth/register`, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
      assert.ok([400, 413].includes(response.status), `${body.slice(0, 40)}: ${response.status}`);
      await response.text();
    }
    const named = await begin('ada', { more: { client_name: long } });
    assert.ok(named.registered.status === 201 && named.registered.client_name.length <= 100 && named.id.length < 1000, 'a long name is cut');
  });

  test('a token of another gateway is refused, and so is one for another place', async () => {
    const other = await startLogin();
    const app = await startApp(other, 'ada');
    const { access_token: token, refresh_token: refresh } = await app.redeem(await app.allow());
    assert.equal((await app.ping(token)).status, 200);
    const here = await begin();
    assert.equal((await here.ping(token)).status, 401);
    assert.equal((await here.refresh(refresh)).error, 'invalid_grant');
    await other.stop();
    const refused = await here.open({ resource: 'https://elsewhere.example/mcp' });
    assert.ok(refused instanceof URL);
    assert.equal(refused.searchParams.get('error'), 'invalid_target');
  });

  test('whatever host a client names, what we say of ourselves is as configured', async () => {
    const ask = (path) => new Promise((resolve, reject) => {
      const headers = { host: 'evil.example', 'x-forwarded-host': 'evil.example', 'x-forwarded-proto': 'http', forwarded: 'host=evil.example' };
      http.get(`${login.gateway.url}${path}`, { headers }, async (response) => {
        let text = '';
        for await (const chunk of response) text += chunk;
        resolve({ status: response.statusCode, text: `${JSON.stringify(response.headers)}${text}` });
      }).on('error', reject);
    });
    const app = await begin();
    app.verifier = app.state = 'x'.repeat(43);
    for (const [path, status] of [
      ['/.well-known/oauth-authorization-server', 200], ['/.well-known/oauth-protected-resource/mcp', 200], ['/mcp', 401], [`/oauth/authorize${app.url().search}`, 303], ['/connect', 303],
    ]) {
      const answer = await ask(path);
      assert.equal(answer.status, status, path);
      assert.ok(answer.text.includes(login.base) || answer.text.includes(encodeURIComponent(login.base)), path);
      assert.doesNotMatch(answer.text, /evil\.example/, path);
    }
  });

  test('a token in a query or a form is none', async () => {
    const app = await begin();
    const { access_token: token } = await working(app);
    const response = await login.fetch(`${login.base}/mcp?access_token=${token}`, {
      method: 'POST', headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream' }, body: '{"jsonrpc":"2.0","id":1,"method":"ping"}',
    });
    assert.equal(response.status, 401);
  });

  test('a client document that points inside, hangs, or lies is not believed', async () => {
    let asked = 0;
    const inside = http.createServer((req, res) => { asked++; res.end('{}'); }).listen(0, '127.0.0.1');
    await new Promise((resolve) => { inside.once('listening', resolve); });
    const { port } = inside.address();
    const app = await begin();
    for (const id of [
      `https://127.0.0.1:${port}/client.json`, `http://127.0.0.1:${port}/client.json`, `https://localhost:${port}/client.json`, `https://[::1]:${port}/client.json`, `https://[::ffff:127.0.0.1]:${port}/client.json`,
      `https://2130706433:${port}/client.json`, `https://0x7f.1:${port}/client.json`, `https://169.254.169.254/latest/meta-data`, `https://10.0.0.1/client.json`, 'https://user@example.com/client.json', 'https://example.com/../client.json',
      'https://example.com', 'https://example.com/client.json#x', 'file:///etc/passwd', `${login.base}/oauth/client.json`,
    ]) {
      const page = await app.open({ client_id: id });
      assert.ok(!(page instanceof URL) && page.status >= 400, `${id}: ${page.status ?? page}`);
    }
    assert.equal(asked, 0);
    inside.close();
    inside.closeAllConnections();
  });

  test('a thousand registrations leave nothing behind', async () => {
    const flooded = await startLogin({ options: { release: true, haproxy: { MGW_ADDRESS_REQUESTS: 100000 } } });
    const resident = () => 1024 * Number(/VmRSS:\s+(\d+)/.exec(fs.readFileSync(`/proc/${flooded.gateway.mgw.pid}/status`, 'utf8'))[1]);
    const kept = () => fs.readdirSync(`${flooded.gateway.dir}/state`).reduce((sum, name) => sum + fs.statSync(`${flooded.gateway.dir}/state/${name}`).size, 0);
    const register = async (name) => {
      const response = await flooded.fetch(`${flooded.base}/oauth/register`, {
        method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ client_name: name, redirect_uris: ['https://app.example.com/cb'] }),
      });
      return { status: response.status, ...(await response.json()) };
    };
    const ids = new Set();
    const round = async (i) => {
      for (const { status, client_id: id } of await Promise.all(Array.from({ length: 50 }, (_, n) => register(`${i} ${n}`)))) {
        assert.equal(status, 201);
        ids.add(id);
      }
    };
    await round('first'); // connections and buffers are there now
    const before = { resident: resident(), kept: kept() };
    for (let i = 0; i < 20; i++) await round(i);
    assert.equal(ids.size, 1050);
    assert.ok(resident() - before.resident < 4 << 20, `${resident() - before.resident} bytes more`);
    assert.equal(kept(), before.kept, 'nothing on the disk');
    await flooded.stop();
  });
});
