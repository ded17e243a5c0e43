// Policy: clients of the official SDKs, of both eras, as users of a file of tokens and of an issuer, before a REST API and a server
// on a pipe.

import { after, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Client as Client2, StreamableHTTPClientTransport as Http2 } from '@modelcontextprotocol/client';
import { connectClient, textOf } from '../lib/clients.mjs';
import { mgwRelease, mgwSanitized, startGateway, top, waitFor } from '../lib/gateway.mjs';
import { LocalServer } from '../lib/local_server.mjs';
import { OidcProvider } from '../lib/oidc.mjs';
import { messageOf, post } from '../lib/stateless.mjs';

const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'mgw-policy-'));
after(() => fs.rmSync(scratch, { recursive: true, force: true }));

const everything = path.join(top, 'tests/e2e/node_modules/@modelcontextprotocol/server-everything/dist/index.js');
const publicUrl = 'https://mcp.example.com';
const resource = `${publicUrl}/mcp`;

/** A mailbox: lists, deletes, and answers with much. */
class MailServer extends LocalServer {
  asked = [];

  forget() {}

  serve(req, res) {
    this.asked.push(`${req.method} ${req.url}`);
    const text = req.url.includes('/all') ? 'ä'.repeat(50000) : 'done';
    res.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ text }));
  }
}

const tool = (method, at, annotations) => ({
  description: 'A tool.', inputSchema: { type: 'object' }, method, path: at, result: '/text', annotations,
});
const description = path.join(scratch, 'mail.json');
fs.writeFileSync(description, JSON.stringify({
  base_url: 'http://127.0.0.1/',
  tools: {
    list: tool('GET', '/list', { readOnlyHint: true }), all: tool('GET', '/all', { readOnlyHint: true }),
    delete: tool('POST', '/delete', { destructiveHint: true }), label: tool('POST', '/label', { destructiveHint: false }),
  },
}));

const rules = [
  { who: ['group:admins'], allow: { servers: ['*'] } },
  { who: ['*'], deny: { servers: ['*'] }, if: { destructiveHint: true } },
  { who: ['group:mail'], allow: { tools: ['mail_label'] }, scopes: ['mail.write'] },
  { who: ['group:mail'], allow: { tools: ['mail_all'] }, limits: { result_max_bytes: 1000 } },
  { who: ['group:mail'], allow: { servers: ['mail'] }, limits: { calls_per_minute: 3 } },
  { who: ['group:guests'], allow: { servers: ['box'], tools: ['box_echo'], prompts: ['*'] } },
];

const eras = {
  '2025-11-25': (url, headers) => connectClient(url, 'http', { headers }),
  'HTTP+SSE': (url, headers) => connectClient(url, 'sse', { headers }),
  '2026-07-28': async (url, headers) => {
    const client = new Client2({ name: 'mgw-e2e', version: '1.0.0' }, { versionNegotiation: { mode: { pin: '2026-07-28' } } });
    await client.connect(new Http2(new URL('/mcp', url), { requestInit: { headers } }));
    return client;
  },
};

describe('policy', { timeout: 180000 }, () => {
  let mail, provider, gateway, tokens;
  before(async () => {
    mail = await MailServer.start();
    provider = await OidcProvider.start({});
    const file = path.join(scratch, 'tokens.json');
    tokens = Object.fromEntries(['ada', 'bob', 'eve'].map((name) => [
      name, execFileSync(mgwRelease, ['token', `${name}@example.com`, '--file', file], { encoding: 'utf8' }).trim(),
    ]));
    gateway = await startGateway({
      config: {
        mcpServers: { mail: { rest: description, base_url: mail.url }, box: { command: process.execPath, args: [everything], scope: 'session' } },
        gateway: { public_url: publicUrl, auth: { tokens_file: file, jwt: [{ issuer: provider.issuer, audience: [resource] }] } },
        policy: { groups: { admins: ['ada@example.com'], mail: ['bob@example.com', 'group:mail'] }, rules },
      },
    });
    await waitFor(() => gateway.mgw.count(/\[auth\] issuer .*: \d+ keys/) >= 1, 'the keys of the issuer');
  });
  after(async () => {
    await gateway.stop();
    await Promise.all([mail.stop(), provider.stop()]);
  });

  const as = (token) => ({ authorization: `Bearer ${token}` });
  const jwt = (claims) => provider.sign({ sub: 'carol', email: 'carol@example.com', aud: resource, ...claims });
  const namesOf = async (client) => (await client.listTools()).tools.map((t) => t.name).sort();

  for (const [era, connect] of Object.entries(eras)) {
    test(`users see and call what is theirs: ${era}`, async () => {
      const [ada, bob] = await Promise.all(['ada', 'bob'].map((name) => connect(gateway.url, as(tokens[name]))));
      await waitFor(async () => (await namesOf(ada)).includes('box_echo'), 'the program that takes its time');
      const all = await namesOf(ada);
      for (const name of ['mail_delete', 'box_echo', 'gateway_status']) assert.ok(all.includes(name), name);
      assert.deepEqual(await namesOf(bob), ['mail_all', 'mail_label', 'mail_list']);
      assert.equal(textOf(await ada.callTool({ name: 'mail_delete', arguments: {} })), 'done');
      const n = mail.asked.length;
      for (const name of ['mail_delete', 'box_echo', 'gateway_status', 'nothing'])
        await assert.rejects(bob.callTool({ name, arguments: {} }), new RegExp(`unknown name: ${name}`), name);
      assert.equal(mail.asked.length, n);
      await Promise.all([ada.close(), bob.close()]);
    });

    test(`a result that is too long is cut, and says so: ${era}`, async () => {
      const bob = await connect(gateway.url, as(tokens.bob));
      const { content } = await bob.callTool({ name: 'mail_all', arguments: {} });
      assert.equal(content[0].text, 'ä'.repeat(500));
      assert.match(content[1].text, /1000 of 100000 bytes of text are above/);
      await bob.close();
    });
  }

  test('a server of which nothing is for a user is not started for them', async () => {
    const { pid } = gateway.mgw.child;
    // Those of sessions that are over may go meanwhile.
    const programs = () => fs.readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean);
    const before = programs();
    const hasNew = () => programs().some((each) => !before.includes(each));
    const bob = await connectClient(gateway.url, 'http', { headers: as(tokens.bob) });
    await bob.listTools();
    assert.equal(hasNew(), false);
    const ada = await connectClient(gateway.url, 'http', { headers: as(tokens.ada) });
    await waitFor(hasNew, 'the program for who may use it');
    await Promise.all([ada.close(), bob.close()]);
  });

  test('too many calls are told with 429 and when there is room', async () => {
    const ask = (headers) => post(gateway.url, messageOf('tools/call', { name: 'mail_list', arguments: {} }), headers);
    const token = await jwt({ email: 'dan@example.com', groups: ['mail'] });
    for (let i = 0; i < 3; i++) assert.equal((await ask(as(token))).status, 200);
    const { status, headers, json } = await ask(as(token));
    assert.equal(status, 429);
    assert.ok(Number(headers.get('retry-after')) > 0);
    assert.equal(json.error.data.retryAfterSeconds, Number(headers.get('retry-after')));
    assert.equal((await ask(as(tokens.bob))).status, 200, 'another user has a count of their own');
  });

  test('a scope that a token lacks is asked for by 403, and with it the same call works', async () => {
    const ask = async (scope) => post(gateway.url, messageOf('tools/call', { name: 'mail_label', arguments: {} }), as(await jwt({ groups: ['mail'], scope })));
    const { status, headers, json } = await ask('openid mcp');
    assert.equal(status, 403);
    const challenge = headers.get('www-authenticate');
    assert.match(challenge, /^Bearer /);
    assert.match(challenge, /error="insufficient_scope"/);
    assert.match(challenge, /scope="openid mcp mail\.write"/);
    assert.match(challenge, /resource_metadata="https:\/\/mcp\.example\.com\/\.well-known\/oauth-protected-resource\/mcp"/);
    assert.equal(json.error.data.scope, 'openid mcp mail.write');
    assert.equal((await ask('openid mcp mail.write')).status, 200);
  });

  test('other groups in a newer token count at once, and the client is told', async () => {
    const headers = as(await jwt({ groups: ['mail'] }));
    let told = 0;
    const client = await connectClient(gateway.url, 'http', {
      headers, setUp: (c) => { c.fallbackNotificationHandler = async ({ method }) => { told += method === 'notifications/tools/list_changed'; }; },
    });
    assert.deepEqual(await namesOf(client), ['mail_all', 'mail_label', 'mail_list']);
    headers.authorization = `Bearer ${await jwt({ groups: ['guests'] })}`;
    await assert.rejects(client.callTool({ name: 'mail_list', arguments: {} }), /unknown name/);
    await waitFor(() => told > 0, 'list_changed');
    await waitFor(async () => (await namesOf(client)).includes('box_echo'), 'the server that is theirs now');
    assert.deepEqual(await namesOf(client), ['box_echo']);
    assert.match(textOf(await client.callTool({ name: 'box_echo', arguments: { message: 'hello' } })), /hello/);
    await client.close();
  });
});

describe('mgw policy check', { timeout: 60000 }, () => {
  const file = path.join(scratch, 'check.json');
  fs.writeFileSync(file, JSON.stringify({
    mcpServers: { mail: { rest: description, base_url: 'http://127.0.0.1/' }, box: { command: '/bin/true' } },
    policy: { groups: { admins: ['ada@example.com'], mail: ['bob@example.com'] }, rules },
  }, null, 1));
  const check = (...args) => spawnSync(mgwSanitized, ['policy', 'check', ...args, '--config', file], { encoding: 'utf8' });

  test('tells which rule decides, and by its status what', () => {
    const denied = check('bob@example.com', 'mail_delete');
    assert.deepEqual([denied.status, denied.stdout.split('\n')[0]], [1, 'denied: mail_delete of server mail, for bob@example.com']);
    assert.match(denied.stdout, /rule 2 \(line \d+\) denies tools \* whose destructiveHint is true of \* to \*\n {6}it decides\n$/);
    const allowed = check('ada@example.com', 'mail_delete');
    assert.deepEqual([allowed.status, allowed.stdout.split('\n')[0]], [0, 'allowed: mail_delete of server mail, for ada@example.com']);
    assert.equal(check('eve@example.com', 'box_echo', '--group', 'guests', '--hint', 'destructiveHint=false').status, 0);
    assert.equal(check('bob@example.com', 'mail_label', '--scope', 'other').status, 1);
    assert.equal(check('bob@example.com', 'mail_label').status, 0);
    assert.equal(check().status, 2);
    const env = { ...process.env, MGW_CONFIG: '' };
    assert.match(spawnSync(mgwSanitized, ['policy', 'check', 'bob@example.com'], { encoding: 'utf8', env }).stderr, /of which configuration\? --config FILE, or MGW_CONFIG/);
  });

  test('tells what a user may of each server', () => {
    const { status, stdout } = check('bob@example.com');
    assert.equal(status, 0);
    assert.match(stdout, /^mail: the first of these that fits decides$/m);
    assert.match(stdout, /^box: nothing$/m);
    const nobody = check('eve@example.com');
    assert.equal(nobody.status, 1);
    assert.match(nobody.stdout, /eve@example.com may nothing/);
  });

  test('--check-config finds what can never match', () => {
    const { status, stdout, stderr } = spawnSync(mgwSanitized, ['--check-config', file], { encoding: 'utf8' });
    assert.equal(status, 0);
    assert.match(stderr, /check\.json:\d+: policy\.rules\.6\.who: nobody can be in "group:guests"/);
    assert.match(stdout, /ok, but 1 of 6 rules can never match/);
  });
});
