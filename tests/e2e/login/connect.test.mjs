// Users connect accounts of their own: at a provider that behaves as Google does, before described REST APIs, and at an MCP server
// with OAuth of its own.

import { after, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { ElicitationCompleteNotificationSchema, ElicitRequestSchema, ToolListChangedNotificationSchema } from '@modelcontextprotocol/sdk/types.js';
import { connectClient, textOf, trustingFetch } from '../lib/clients.mjs';
import { mgwSanitized, startGateway, top, waitFor } from '../lib/gateway.mjs';
import { calendar, gmail, Google } from '../lib/google.mjs';
import { OauthServer } from '../lib/oauth_server.mjs';
import { PlainBrowser } from '../lib/plain_browser.mjs';
import { messageOf, post } from '../lib/stateless.mjs';

const owner = { client_id: 'owner', client_secret: 'secret-of-the-owner' };
const users = { ada: 'ada@example.com', bob: 'bob@example.com' };
const linkIn = (text) => /https?:\/\/\S+\/connect\/start\?\S+/.exec(text)?.[0];

/** A gateway with tokens of two users: { gateway, base, tokens, person(name), client(name), stateless(name, ...), stop() }. */
async function startWith(config) {
  const tokens = {};
  let base;
  const gateway = await startGateway({
    config: (at) => {
      base = at.tls;
      const file = path.join(at.dir, 'tokens');
      for (const [name, email] of Object.entries(users)) {
        tokens[name] = execFileSync(mgwSanitized, ['token', email, '--file', file], { encoding: 'utf8' }).trim().split('\n').at(-1);
      }
      const { gateway: more, ...servers } = config(at);
      return {
        ...servers,
        gateway: { public_url: at.tls, state_dir: path.join(at.dir, 'state'), allow_private_documents: true, auth: { tokens_file: file }, ...more },
      };
    },
  });
  const fetch = trustingFetch();
  const all = { gateway, base, tokens, fetch, clients: [] };
  const browsers = {};
  /** A browser in which the user has signed in: the one of before, or a new one (which may not be had often). */
  all.person = async (name, { isNew = false } = {}) => {
    if (browsers[name] && !isNew) return browsers[name];
    const browser = new PlainBrowser({ fetch, account: name });
    await browser.open(`${base}/oauth/sign-in?to=/connect`);
    await browser.press(/sign in/i, { fields: { token: tokens[name] } });
    browsers[name] ??= browser;
    return browser;
  };
  all.client = async (name, { capabilities, setUp } = {}) => {
    const client = await connectClient(base, 'http', { fetch, headers: { authorization: `Bearer ${tokens[name]}` }, capabilities, setUp });
    all.clients.push(client);
    return client;
  };
  all.stateless = (name, tool, args = {}, { capabilities, more = {}, id } = {}) => post(
    gateway.url, messageOf('tools/call', { name: tool, arguments: args, ...more }, { capabilities, id }), { authorization: `Bearer ${tokens[name]}` });
  all.restart = async (signal) => {
    await gateway.mgw.stop(signal);
    gateway.mgw = await gateway.startMgw();
    // HAProxy may have found that it was gone, and finds that it is back at its next check.
    await waitFor(async () => (await globalThis.fetch(`${gateway.url}/ready`)).status === 200, 'HAProxy to see it again');
  };
  all.stop = async () => {
    for (const client of all.clients) await client.close().catch(() => {});
    await gateway.stop();
    await fetch.close();
  };
  return all;
}

const call = async (client, name, args = {}) => client.callTool({ name, arguments: args });
const idsIn = (result) => JSON.parse(textOf(result)).messages.map(({ id }) => id);

describe('an account at a provider as Google', { timeout: 120000 }, () => {
  let google, all;
  before(async () => {
    google = await Google.start({ accounts: { ada: {}, bob: {} }, ttl: { AccessToken: 3600 } });
    all = await startWith(({ tls, dir }) => {
      google.options.clients.push({ ...owner, redirect_uris: [`${tls}/connect/callback`] });
      google.begin();
      const api = JSON.parse(fs.readFileSync(path.join(top, 'examples/gmail.json'), 'utf8'));
      fs.writeFileSync(path.join(dir, 'gmail.json'), JSON.stringify({ ...api, base_url: google.api.url }));
      return {
        gateway: { calls_per_session_max: 256, calls_per_user_max: 256 },
        mcpServers: {
          gmail: {
            rest: 'gmail.json',
            oauth: { preset: 'google', issuer: google.issuer, ...owner, scopes: ['openid', 'email', gmail.read, gmail.send] },
          },
        },
      };
    });
  });
  after(async () => {
    await all.stop();
    await google.stop();
  });

  test('a call without one is answered with a link; after consent the same call works, for its user alone', async () => {
    const [ada, bob] = [await all.client('ada'), await all.client('bob')];
    const asked = await call(ada, 'gmail_list');
    assert.equal(asked.isError, true);
    assert.match(textOf(asked), /gmail needs an account of yours\. To connect it, open https:/);
    const browser = await all.person('ada');
    const page = await browser.open(linkIn(textOf(asked)));
    assert.deepEqual([page.status, page.url.pathname, page.url.searchParams.get('done')], [200, '/connect', 'gmail']);
    assert.match(page.html, /gmail is connected\. You can close this page/);
    assert.match(page.html, /Connected as <strong>ada@example\.com<\/strong> since \d{4}-/);
    assert.deepEqual(idsIn(await call(ada, 'gmail_list', { maxResults: 1 })), ['ada-0']);
    assert.equal((await call(bob, 'gmail_list')).isError, true, 'bob has connected nothing');

    const second = await all.person('bob');
    await second.open(linkIn(textOf(await call(bob, 'gmail_list'))));
    assert.deepEqual(idsIn(await call(bob, 'gmail_list', { maxResults: 1 })), ['bob-0']);
    assert.deepEqual(idsIn(await call(ada, 'gmail_list', { maxResults: 1 })), ['ada-0']);
  });

  test('clients without a session call as their user, too', async () => {
    for (const name of ['ada', 'bob']) {
      const { json } = await all.stateless(name, 'gmail_list', { maxResults: 1 });
      assert.deepEqual(idsIn(json.result), [`${name}-0`]);
    }
  });

  test('another user\'s link is refused, and connects nothing', async () => {
    const before = google.grants.length;
    const link = linkIn(textOf(await disconnected('ada')));
    const browser = await all.person('bob');
    const page = await browser.open(link);
    assert.deepEqual([page.status, /given to somebody else/.test(page.html)], [403, true]);
    assert.equal((await call(await all.client('ada'), 'gmail_list')).isError, true);
    assert.equal(google.grants.length, before, 'the provider has not been asked for a token');
    const forged = await browser.open(link.replace(/t=.{20}/, 't=mgw1.AAAAAAAAAAAAAAA'));
    assert.deepEqual([forged.status, /none of this gateway/.test(forged.html)], [400, true]);
  });

  /** The user's next call is one of who is not connected: its result. */
  async function disconnected(name) {
    const browser = await all.person(name);
    await browser.open(`${all.base}/connect`);
    if (browser.page.forms.some((form) => form.action === '/connect/end')) await browser.press('Disconnect');
    return call(await all.client(name), 'gmail_list');
  }

  async function connected(name) {
    const asked = await disconnected(name);
    const browser = await all.person(name);
    await browser.open(linkIn(textOf(asked)));
    return browser;
  }

  test('who disconnects is revoked at the provider, and not connected here', async () => {
    const browser = await connected('ada');
    const token = google.grants.at(-1);
    assert.equal(token.grant_type, 'authorization_code');
    await browser.open(`${all.base}/connect`);
    const form = browser.page.forms.find(({ action }) => action === '/connect/end');
    const other = await all.person('bob');
    const crossed = await other.open(`${all.base}/connect/end`, { method: 'POST', body: new URLSearchParams(form.fields).toString() });
    assert.equal(crossed.status, 403, 'another browser\'s form is none');
    const n = google.revoked.length;
    const page = await browser.press('Disconnect');
    assert.match(page.html, /Not connected/);
    assert.equal(google.revoked.length, n + 1);
    assert.equal((await call(await all.client('ada'), 'gmail_list')).isError, true);
  });

  test('a way back is good once, in the browser and for the login that began it', async () => {
    const link = linkIn(textOf(await disconnected('ada')));
    const browser = await all.person('ada');
    const back = await browser.open(link, { until: `${all.base}/connect/callback` });
    const thief = await all.person('bob');
    assert.equal((await thief.open(back)).status, 403, 'another user');
    assert.equal((await (await all.person('ada', { isNew: true })).open(back)).status, 403, 'another login of the same user');
    assert.equal((await new PlainBrowser({ fetch: all.fetch }).open(back)).status, 403, 'nobody');
    const tampered = new URL(back);
    tampered.searchParams.set('state', `${back.searchParams.get('state').slice(0, -4)}AAAA`);
    assert.equal((await browser.open(tampered)).status, 400);
    const mixed = new URL(back);
    mixed.searchParams.set('iss', 'https://evil.example');
    assert.deepEqual([(await browser.open(mixed)).status, /another provider/.test(browser.page.html)], [400, true]);
    const lacking = new URL(back);
    lacking.searchParams.delete('iss');
    assert.equal((await browser.open(lacking)).status, 400, 'it announces iss, and has sent none');
    const twice = new URL(`${back}&state=x`);
    assert.equal((await browser.open(twice)).status, 400);
    const [one, two] = await Promise.all([browser, Object.assign(new PlainBrowser({ fetch: all.fetch, account: 'ada' }), { cookies: [...browser.cookies] })].map((it) => it.open(back)));
    assert.deepEqual([one.status, two.status].sort(), [200, 400], 'at once on two connections');
    assert.equal((await browser.open(back)).status, 400, 'once more');
    assert.deepEqual(idsIn(await call(await all.client('ada'), 'gmail_list', { maxResults: 1 })), ['ada-0']);
  });

  test('a user who says no is told so, and can begin again', async () => {
    const link = linkIn(textOf(await disconnected('ada')));
    const browser = await all.person('ada');
    google.denies = true;
    const page = await browser.open(link);
    google.denies = false;
    assert.deepEqual([page.status, /you have not agreed/.test(page.html)], [403, true]);
    assert.equal((await browser.open(link)).status, 200);
  });

  test('what was not granted is shown, and the rest works', async () => {
    google.refused.add(gmail.send);
    const browser = await connected('ada');
    google.refused.clear();
    assert.match(browser.page.html, new RegExp(`have not granted it[^]*${gmail.send}`));
    assert.deepEqual(idsIn(await call(await all.client('ada'), 'gmail_list', { maxResults: 1 })), ['ada-0']);
    await all.gateway.mgw.line(/\[connect\] gmail: connected, with less than was asked for .*gmail\.send/);
  });

  test('200 calls at once refresh once, and a restart keeps what was granted', async () => {
    await connected('ada');
    await connected('bob');
    await google.endAccessTokens();
    const ada = await all.client('ada');
    const before = google.refreshes.length;
    const results = await Promise.all(Array.from({ length: 200 }, () => call(ada, 'gmail_list', { maxResults: 1 })));
    assert.deepEqual(new Set(results.flatMap(idsIn)), new Set(['ada-0']));
    assert.equal(google.refreshes.length - before, 1);
    await all.restart('SIGKILL');
    assert.deepEqual(idsIn(await call(await all.client('bob'), 'gmail_list', { maxResults: 1 })), ['bob-0']);
    assert.deepEqual(idsIn(await call(await all.client('ada'), 'gmail_list', { maxResults: 1 })), ['ada-0']);
    assert.equal(google.refreshes.length - before, 2, 'bob\'s, since his token was ended, too');
  });

  test('a grant that the provider has ended asks for consent again, and says so', async () => {
    await connected('ada');
    await google.endRefreshTokens('ada');
    await google.endAccessTokens();
    const ada = await all.client('ada');
    const asked = await call(ada, 'gmail_list');
    assert.equal(asked.isError, true);
    assert.match(textOf(asked), /connected at gmail is so no more: the provider has ended it/);
    const browser = await all.person('ada');
    await browser.open(`${all.base}/connect`);
    assert.match(browser.page.html, /No longer connected: the provider has ended it/);
    await browser.open(linkIn(textOf(asked)));
    assert.deepEqual(idsIn(await call(ada, 'gmail_list', { maxResults: 1 })), ['ada-0']);
  });

  test('a provider that is down has ended nothing', async () => {
    await connected('ada');
    await google.endAccessTokens();
    google.instead = (req, res) => req.url.startsWith('/token') && (res.writeHead(503).end(), true);
    const ada = await all.client('ada');
    const failed = await call(ada, 'gmail_list');
    google.instead = undefined;
    assert.equal(failed.isError, true);
    assert.match(textOf(failed), /HTTP 503/);
    assert.equal(linkIn(textOf(failed)), undefined);
    assert.deepEqual(idsIn(await call(ada, 'gmail_list', { maxResults: 1 })), ['ada-0']);
  });

  test('killed at any moment of the way, it has a whole grant or none', async () => {
    for (const moment of ['started', 'code', 'token', 'told']) {
      const link = linkIn(textOf(await disconnected('ada')));
      const browser = await all.person('ada');
      const back = await browser.open(link, { until: `${all.base}/connect/callback` });
      if (moment === 'started') await all.restart('SIGKILL');
      let release;
      if (moment === 'code') {
        google.hold = new Promise((resolve) => { release = resolve; });
        const opened = browser.open(back).catch(() => {});
        const n = google.requests.length;
        await waitFor(() => google.requests.length > n, 'the code to be on its way');
        await all.restart('SIGKILL');
        release();
        google.hold = undefined;
        await opened;
      } else {
        await browser.open(back);
        if (moment === 'told') await all.restart('SIGKILL');
      }
      const result = await call(await all.client('ada'), 'gmail_list', { maxResults: 1 });
      if (moment === 'code') assert.ok(linkIn(textOf(result)), 'it was never told: it is connected anew');
      else assert.deepEqual(idsIn(result), ['ada-0'], moment);
    }
  });

  test('nothing of it is in the log, the metrics or the arguments', async () => {
    const metrics = await (await fetch(`${all.gateway.stats.replace(/\d+$/, all.gateway.statsPort)}/`).catch(() => ({ text: () => '' }))).text();
    const log = all.gateway.mgw.lines.join('\n') + metrics + fs.readFileSync(`/proc/${all.gateway.mgw.pid}/cmdline`, 'utf8');
    for (const grant of google.grants) {
      for (const secret of [grant.code, grant.code_verifier, grant.refresh_token]) assert.ok(!secret || !log.includes(secret));
    }
    assert.ok(!log.includes(owner.client_secret));
  });
});

describe('an account at an MCP server with OAuth of its own', { timeout: 120000 }, () => {
  let server, all;
  const elicitation = { elicitation: { url: {} } };
  before(async () => {
    server = await OauthServer.start();
    all = await startWith(() => ({ mcpServers: { notes: { url: server.url, oauth: {} } } }));
  });
  after(async () => {
    await all.stop();
    await server.stop();
  });

  /** A client that opens what it is asked to open, in this browser. */
  const opening = (name, browser, told) => all.client(name, {
    capabilities: elicitation,
    setUp: (client) => {
      client.setRequestHandler(ElicitRequestSchema, async ({ params }) => {
        told.push(params);
        setTimeout(() => browser.open(params.url).then((page) => { told.page = page; }), 50);
        return { action: 'accept' };
      });
      client.setNotificationHandler(ElicitationCompleteNotificationSchema, ({ params }) => { told.complete = params.elicitationId; });
    },
  });

  async function disconnect(name) {
    const browser = await all.person(name);
    await browser.open(`${all.base}/connect`);
    if (browser.page.forms.some((form) => form.action === '/connect/end')) await browser.press('Disconnect');
  }

  test('its lists come by list_changed after consent, found and registered by discovery', async () => {
    let changed = 0;
    const ada = await all.client('ada', { setUp: (client) => client.setNotificationHandler(ToolListChangedNotificationSchema, () => { changed++; }) });
    assert.deepEqual((await ada.listTools()).tools.filter(({ name }) => name.startsWith('notes_')), []);
    assert.match(textOf(await call(ada, 'gateway_status')), /server notes: not connected/);
    const asked = await call(ada, 'notes_whoami');
    assert.match(textOf(asked), /notes needs an account of yours/);
    await (await all.person('ada')).open(linkIn(textOf(asked)));
    await waitFor(() => changed > 0, 'list_changed');
    await waitFor(async () => (await ada.listTools()).tools.some(({ name }) => name === 'notes_whoami'), 'its tools');
    assert.equal(textOf(await call(ada, 'notes_whoami')), 'you are ada@example.com');
    const { query } = server.provider.requests.find(({ path: at }) => at === '/auth');
    assert.deepEqual([query.get('resource'), query.get('code_challenge_method')], [server.url, 'S256']);
    assert.equal(server.provider.count('/reg'), 1);
  });

  test('a client that opens addresses is asked to, and the call goes on after consent', async () => {
    const told = [];
    const bob = await opening('bob', await all.person('bob'), told);
    assert.equal(textOf(await call(bob, 'notes_whoami')), 'you are bob@example.com');
    assert.deepEqual([told.length, told[0].mode, told.complete], [1, 'url', told[0].elicitationId]);
    assert.equal(server.provider.count('/reg'), 1, 'registered once for all');
  });

  test('a client that is asked and declines gets the link in a text', async () => {
    await disconnect('bob');
    const bob = await all.client('bob', {
      capabilities: elicitation,
      setUp: (client) => client.setRequestHandler(ElicitRequestSchema, async () => ({ action: 'decline' })),
    });
    const asked = await call(bob, 'notes_whoami');
    assert.ok(asked.isError && linkIn(textOf(asked)));
  });

  test('a client without a session is asked by input_required', async () => {
    await disconnect('bob');
    const first = await all.stateless('bob', 'notes_whoami', {}, { capabilities: elicitation });
    const { resultType, inputRequests, requestState } = first.json.result;
    const [[key, request]] = Object.entries(inputRequests);
    assert.deepEqual([resultType, request.method, request.params.mode, request.params.elicitationId], ['input_required', 'elicitation/create', 'url', undefined]);
    const retry = all.stateless('bob', 'notes_whoami', {}, {
      capabilities: elicitation, id: 2, more: { requestState, inputResponses: { [key]: { action: 'accept' } } },
    });
    await (await all.person('bob')).open(request.params.url);
    assert.equal(textOf((await retry).json.result), 'you are bob@example.com');
    await disconnect('bob');
    const plain = await all.stateless('bob', 'notes_whoami');
    assert.ok(plain.json.result.isError && linkIn(textOf(plain.json.result)));
  });

  test('a scope that a call lacks is asked for, with those that were granted', async () => {
    const told = [];
    const ada = await opening('ada', await all.person('ada'), told);
    assert.equal(textOf(await call(ada, 'notes_write')), 'written by ada@example.com');
    assert.match(told[0]?.message ?? '', /wants more than was granted/);
    const last = server.provider.requests.filter(({ path: at }) => at === '/auth').at(-1);
    assert.deepEqual(last.query.get('scope').split(' ').sort(), ['read', 'write']);
  });
});

describe('who an upstream\'s authorization server is, and who we are there', { timeout: 120000 }, () => {
  const rigs = [];
  after(async () => {
    for (const rig of rigs.reverse()) await rig.stop();
  });

  async function startAt(server, { oauth = {}, gateway } = {}) {
    rigs.push(server);
    const all = await startWith(() => ({ mcpServers: { notes: { url: server.url, oauth } }, gateway }));
    rigs.push(all);
    return all;
  }

  /** The page at which ada's way to her account ends. */
  async function connect(all) {
    const ada = await all.client('ada');
    const link = linkIn(textOf(await call(ada, 'notes_whoami')));
    return { ada, page: await (await all.person('ada')).open(link) };
  }

  test('a server that takes client ID metadata documents reads ours', async () => {
    const trusting = trustingFetch();
    rigs.push({ stop: () => trusting.close() });
    const server = await OauthServer.start({
      provider: { cimd: true, registration: false, configure: (configuration) => { configuration.fetch = (url, init) => trusting(url, init); } },
    });
    const all = await startAt(server);
    const { ada, page } = await connect(all);
    assert.equal(page.status, 200, page.html);
    assert.equal(textOf(await call(ada, 'notes_whoami')), 'you are ada@example.com');
    const { query } = server.provider.requests.find(({ path: at }) => at === '/auth');
    assert.equal(query.get('client_id'), `${all.base}/oauth/client.json`);
    const document = await (await all.fetch(query.get('client_id'))).json();
    assert.deepEqual([document.client_id, document.redirect_uris], [query.get('client_id'), [`${all.base}/connect/callback`]]);
  });

  test('a server that lists to everybody, and names no metadata, as Google\'s do', async () => {
    const server = await OauthServer.start();
    server.listsOpenly = true;
    server.namesMetadata = false;
    const all = await startAt(server);
    const ada = await all.client('ada');
    assert.ok((await ada.listTools()).tools.some(({ name }) => name === 'notes_whoami'), 'listed without a grant');
    assert.equal(server.requests.filter(({ token }) => token).length, 0);
    const { page } = await connect(all);
    assert.equal(page.status, 200, page.html);
    assert.equal(textOf(await call(ada, 'notes_whoami')), 'you are ada@example.com');
    await (await all.person('ada')).open(`${all.base}/connect`);
    await (await all.person('ada')).press('Disconnect');
    assert.ok((await ada.listTools()).tools.some(({ name }) => name === 'notes_whoami'), 'listed without a grant again');
    assert.ok(linkIn(textOf(await call(ada, 'notes_whoami'))));
  });

  test('what a server names at another address is not asked, unless it is public', async () => {
    const server = await OauthServer.start();
    const all = await startAt(server, { gateway: { allow_private_documents: false } });
    const { page } = await connect(all);
    assert.deepEqual([page.status, /cannot be connected now/.test(page.html)], [502, true]);
    assert.deepEqual(server.provider.requests, []);
  });

  test('metadata of another issuer, or without S256, are refused', async () => {
    const server = await OauthServer.start();
    const all = await startAt(server);
    const sound = await (await fetch(`${server.provider.issuer}/.well-known/openid-configuration`)).json();
    for (const [change, why] of [[{ issuer: 'http://127.0.0.1:1' }, /another issuer/], [{ code_challenge_methods_supported: ['plain'] }, /PKCE with S256/]]) {
      server.provider.instead = (req, res) => req.url.includes('.well-known') && (res.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ ...sound, ...change })), true);
      const { page } = await connect(all);
      assert.equal(page.status, 502);
      assert.match(page.html, why);
    }
    server.provider.instead = (req, res) => req.url.includes('.well-known') && (res.writeHead(200).end('x'.repeat(10 << 20)), true);
    assert.equal((await connect(all)).page.status, 502, '10 MB');
    server.provider.instead = undefined;
    assert.equal((await connect(all)).page.status, 200);
  });
});

describe('a caller\'s own token, exchanged (RFC 8693)', { timeout: 120000 }, () => {
  let server, all, exchanges;
  before(async () => {
    server = await OauthServer.start();
    exchanges = [];
    all = await startWith(() => ({
      mcpServers: {
        notes: { url: server.url, oauth: { token_exchange: { token_url: `${server.provider.issuer}/exchange`, client_id: 'gateway', client_secret: 'its-secret', audience: server.url } } },
      },
      gateway: { auth: { jwt: [{ issuer: server.provider.issuer }] } },
    }));
    // The provider gives a token for the server to who brings one for the gateway.
    server.provider.instead = (req, res) => {
      if (!req.url.startsWith('/exchange')) return false;
      let body = '';
      req.on('data', (chunk) => { body += chunk; }).on('end', async () => {
        const form = Object.fromEntries(new URLSearchParams(body));
        exchanges.push(form);
        const { sub, aud } = JSON.parse(Buffer.from(form.subject_token.split('.')[1], 'base64url'));
        assert.equal(aud, `${all.base}/mcp`);
        const token = await server.provider.sign({ sub, email: `${sub}@example.com`, aud: form.audience, scope: 'read', client_id: form.client_id });
        res.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ access_token: token, token_type: 'Bearer', issued_token_type: form.requested_token_type, expires_in: 600 }));
      });
      return true;
    };
    for (const name of Object.keys(users)) all.tokens[name] = await server.provider.sign({ sub: name, email: users[name], email_verified: true, aud: `${all.base}/mcp` });
  });
  after(async () => {
    await all.stop();
    await server.stop();
  });

  test('each user is themselves there; a token is exchanged once, and ours goes nowhere else', async () => {
    for (const name of ['ada', 'bob']) {
      const client = await all.client(name);
      const results = await Promise.all(Array.from({ length: 8 }, () => call(client, 'notes_whoami')));
      assert.deepEqual(new Set(results.map(textOf)), new Set([`you are ${name}@example.com`]));
      assert.equal(textOf((await all.stateless(name, 'notes_whoami')).json.result), `you are ${name}@example.com`);
    }
    assert.deepEqual(exchanges.map(({ subject_token: token }) => token), [all.tokens.ada, all.tokens.bob]);
    assert.equal(exchanges[0].grant_type, 'urn:ietf:params:oauth:grant-type:token-exchange');
    for (const { token } of server.requests) assert.ok(![all.tokens.ada, all.tokens.bob].includes(token));
  });
});
