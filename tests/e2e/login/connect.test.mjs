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
  /** A browser in which the user has signed in; account: as whom at the provider. */
  all.person = async (name, account = name) => {
    const browser = new PlainBrowser({ fetch, account });
    await browser.open(`${base}/oauth/sign-in?to=/connect`);
    await browser.press(/sign in/i, { fields: { token: tokens[name] } });
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
});
