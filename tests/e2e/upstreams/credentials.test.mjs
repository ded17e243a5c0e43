// As whom upstreams are called: OAuth 2.0 over Streamable HTTP and HTTP+SSE, credentials of each user, and refresh
// tokens that are replaced.

import { after, afterEach, beforeEach, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { ToolListChangedNotificationSchema } from '@modelcontextprotocol/sdk/types.js';
import { connectClient, textOf } from '../lib/clients.mjs';
import { mgwRelease, startGateway, top, waitFor } from '../lib/gateway.mjs';
import { GoogleServer } from '../lib/google_server.mjs';
import { GuardedServer } from '../lib/guarded_server.mjs';
import { LocalServer } from '../lib/local_server.mjs';

const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'mgw-credentials-'));
after(() => fs.rmSync(scratch, { recursive: true, force: true }));

/** Three users of the gateway, with their tokens there. */
const tokensFile = path.join(scratch, 'users.json');
const callers = Object.fromEntries(['ada@example.com', 'bob@example.com', 'cy@example.com'].map((email) => [
  email, execFileSync(mgwRelease, ['token', email, '--file', tokensFile], { encoding: 'utf8' }).trim(),
]));

const whoami = async (client, server = 'guarded') => textOf(await client.callTool({ name: `${server}_whoami`, arguments: {} }));
const toolsOf = async (client) => (await client.listTools()).tools.map((t) => t.name).filter((name) => name.includes('_') && !name.startsWith('gateway_'));

let google, guarded, gateway, clients;
beforeEach(async () => {
  google = await GoogleServer.start();
  guarded = await GuardedServer.start();
  guarded.owners = google.owners;
  clients = [];
});
afterEach(async () => {
  for (const client of clients) await client.close();
  await gateway?.stop();
  gateway = undefined;
  await guarded.stop();
  await google.stop();
});

const oauth = (more) => ({ token_url: `${google.url}/token`, client_id: 'id', ...more });
const start = async (mcpServers, settings = {}) => {
  gateway = await startGateway({ config: { mcpServers }, settings: { UPSTREAM_RETRY_S: 0.05, ...settings } });
};
const connect = async (options = {}) => {
  const client = await connectClient(gateway.url, 'http', options);
  clients.push(client);
  return client;
};
const connectAs = (name, options) => connect({ headers: { Authorization: `Bearer ${callers[`${name}@example.com`]}` }, ...options });
const log = () => gateway.mgw.lines.join('\n');
const held = () => {
  let release;
  google.holdTokens = new Promise((resolve) => { release = resolve; });
  return release;
};

for (const [kind, at] of [['Streamable HTTP', '/mcp'], ['HTTP+SSE', '/sse']]) {
  describe(`a server over ${kind} that wants a token`, { timeout: 60000 }, () => {
    const entry = (more) => ({
      guarded: { url: guarded.base + at, type: at === '/sse' ? 'sse' : undefined, oauth: oauth({ refresh_token: '1//refresh', client_secret: 's3cret' }), ...more },
    });

    test('gets one, however many sessions and calls wait for it', async () => {
      const release = held();
      await start(entry());
      const connecting = Array.from({ length: 10 }, () => connect());
      await waitFor(() => google.grants.length > 0, 'the token request');
      release();
      await Promise.all(connecting);
      const answers = await Promise.all(clients.flatMap((client) => [whoami(client), whoami(client)]));
      assert.deepEqual(new Set(answers), new Set(['you are 1//refresh']));
      assert.deepEqual(google.grants, [{
        method: 'POST', type: 'application/x-www-form-urlencoded', grant_type: 'refresh_token', refresh_token: '1//refresh',
        client_id: 'id', client_secret: 's3cret',
      }]);
      assert.equal(guarded.refused, 0);
      await waitFor(() => guarded.streams.size === 10, 'the streams of ten sessions');
    });

    test('gets a new one when it refuses the old one, and is asked once more', async () => {
      await start(entry());
      const client = await connect();
      await whoami(client);
      google.owners.clear();
      const answers = await Promise.all(Array.from({ length: 10 }, () => whoami(client)));
      assert.deepEqual(new Set(answers), new Set(['you are 1//refresh']));
      assert.equal(google.grants.length, 2);
      assert.equal(guarded.count('POST', 'initialize'), 1, 'the session is the same');
    });

    test('gets a new one before the old one expires', async () => {
      google.expiresIn = 0.4; // renewed at half of it
      await start(entry());
      const client = await connect();
      await waitFor(async () => {
        await whoami(client);
        return google.grants.length > 2;
      }, 'a third token');
      assert.equal(guarded.refused, 0);
    });

    test('is told apart from its token endpoint, and comes back by itself', async () => {
      google.tokenAnswer = [400, { error: 'invalid_grant', error_description: 'revoked' }];
      await start({ ...entry(), open: { url: guarded.base + at, type: at === '/sse' ? 'sse' : undefined, headers: { Authorization: 'Bearer static' } } });
      google.owners.set('static', 'static');
      let changes = 0;
      const client = await connect({ setUp: (c) => c.setNotificationHandler(ToolListChangedNotificationSchema, () => { changes++; }) });
      const why = 'upstream guarded: no access token from the token endpoint: it answered HTTP 400: invalid_grant';
      for (let i = 0; i < 5; i++) await assert.rejects(whoami(client), (error) => error.message.endsWith(why));
      assert.deepEqual(await toolsOf(client), ['open_whoami', 'open_for_static']);
      await gateway.mgw.line(/\[oauth\] guarded: no access token from http:\/\/127\.0\.0\.1:\d+: it answered HTTP 400: invalid_grant detail=revoked$/);
      assert.doesNotMatch(log(), /left alone/, 'no fault of the server is counted');
      google.tokenAnswer = undefined;
      await waitFor(() => changes > 0, 'list_changed');
      assert.equal(await whoami(client), 'you are 1//refresh');
    });

    test('that refuses the new token too is not asked again, and no token is told to anybody', async () => {
      const good = { get: () => undefined };
      await start(entry());
      const client = await connect();
      await whoami(client);
      await waitFor(() => guarded.streams.size > 0); // which would be refused too
      guarded.owners = good;
      await assert.rejects(whoami(client), /upstream guarded: it answered HTTP 401$/);
      assert.equal(guarded.refused, 2);
      assert.equal(google.grants.length, 2);
      assert.doesNotMatch(log(), /ya29|refresh|s3cret/);
    });

    test('is not held responsible for a token endpoint that hangs', async () => {
      const release = held();
      await start(entry(), { UPSTREAM_OPEN_TIMEOUT_S: 0.8 });
      const client = await connect();
      await assert.rejects(whoami(client), /no access token from the token endpoint: .*(time|Time)/);
      release();
    });
  });
}

/** A server of 2026-07-28, without sessions, whose refusals quote the token. */
class StatelessServer extends LocalServer {
  owners = new Map();
  refused = 0;

  forget() {}

  async serve(req, res) {
    const chunks = [];
    for await (const chunk of req) chunks.push(chunk);
    const { id, method } = JSON.parse(Buffer.concat(chunks).toString());
    const owner = this.owners.get(req.headers.authorization?.replace('Bearer ', ''));
    const reply = (status, body) => res.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify({ jsonrpc: '2.0', id, ...body }));
    if (!owner) {
      this.refused++;
      return reply(401, { error: { code: -32000, message: `${req.headers.authorization} is no good` } });
    }
    const result = {
      'server/discover': { supportedVersions: ['2026-07-28'], capabilities: { tools: {} }, serverInfo: { name: 's', version: '1' } },
      'tools/list': { tools: [{ name: 'whoami', inputSchema: { type: 'object' } }], ttlMs: 0, cacheScope: 'private' },
      'tools/call': { content: [{ type: 'text', text: `you are ${owner}` }] },
    }[method];
    return result ? reply(200, { result: { resultType: 'complete', ...result } }) : reply(404, { error: { code: -32601, message: 'unknown' } });
  }
}

test('a server without sessions gets tokens too, and what it quotes of them is told to nobody', { timeout: 60000 }, async () => {
  const server = await StatelessServer.start();
  server.owners = google.owners;
  try {
    await start({ guarded: { url: server.url, oauth: oauth({ refresh_token: '1//refresh' }) } });
    const client = await connect();
    assert.equal(await whoami(client), 'you are 1//refresh');
    google.owners.clear();
    assert.equal(await whoami(client), 'you are 1//refresh');
    assert.deepEqual([google.grants.length, server.refused], [2, 1]);
    server.owners = new Map();
    await assert.rejects(whoami(client), /upstream guarded: it answered HTTP 401$/);
    assert.doesNotMatch(log(), /ya29|refresh/);
  } finally {
    await server.stop();
  }
});

describe('the end of a session', { timeout: 60000 }, () => {
  test('gets a new token where the old one has expired', async () => {
    google.expiresIn = 0.2;
    await start({ guarded: { url: guarded.url, oauth: oauth({ client_secret: 's' }) } });
    const client = await connect();
    await whoami(client);
    const n = google.grants.length;
    await new Promise((resolve) => { setTimeout(resolve, 150); }); // past half its life
    google.owners.clear();
    await client.transport.terminateSession();
    await waitFor(() => guarded.sessions.size === 0, 'DELETE');
    assert.equal(google.grants.length, n + 1);
    assert.equal(guarded.refused, 0);
  });

  test('does not outlast the gateway when there is no token for it', async () => {
    google.expiresIn = 0.2;
    await start({ guarded: { url: guarded.url, oauth: oauth({ client_secret: 's' }) } });
    await whoami(await connect());
    await new Promise((resolve) => { setTimeout(resolve, 150); });
    const release = held();
    await gateway.stop(); // the sanitizers see what is left behind
    gateway = undefined;
    release();
  });
});

describe('users', { timeout: 60000 }, () => {
  const users = () => ({
    'ada@example.com': { headers: { Authorization: 'Bearer ${env:ADA_TOKEN}', 'X-Team': 'a' } },
    'bob@example.com': { oauth: { refresh_token: 'bob' } },
  });
  beforeEach(() => {
    process.env.ADA_TOKEN = 'static-ada';
    google.owners.set('static-ada', 'ada').set('static-all', 'all');
  });
  const shared = { AUTH_TOKENS_FILE: tokensFile };

  for (const [kind, at] of [['http', '/mcp'], ['sse', '/sse']]) {
    test(`have credentials and lists of their own (${kind})`, async () => {
      await start({ guarded: { url: guarded.base + at, type: kind, headers: { 'X-Team': 'all' }, oauth: oauth(), users: users(), per_user: true } }, shared);
      const [ada, bob, cy] = [await connectAs('ada'), await connectAs('bob'), await connectAs('cy')];
      for (let i = 0; i < 2; i++) {
        const lists = await Promise.all([ada, bob, cy].map(toolsOf));
        assert.deepEqual(lists, [['guarded_whoami', 'guarded_for_ada'], ['guarded_whoami', 'guarded_for_bob'], []]);
        assert.deepEqual(await Promise.all([whoami(ada), whoami(bob)]), ['you are ada', 'you are bob']);
        await assert.rejects(whoami(cy), /upstream guarded: there are no credentials for cy@example.com \("users" of its entry\)/);
      }
      await gateway.mgw.line(/\[upstream\] guarded: there are no credentials for cy@example.com .*missing for this session/);
      assert.equal(google.grants.length, 1);
      assert.equal(guarded.refused, 0, 'nobody called without a token');
      const teams = new Set(guarded.requests.map((r) => `${r.owner} ${r.headers['x-team']}`));
      assert.deepEqual(teams, new Set(['ada a', 'bob all']));
    });
  }

  test('without any of their own have those of everybody', async () => {
    await start({ guarded: { url: guarded.url, headers: { Authorization: 'Bearer static-all' }, users: { 'bob@example.com': { oauth: oauth({ refresh_token: 'bob' }) } } } }, shared);
    const [ada, bob] = [await connectAs('ada'), await connectAs('bob')];
    assert.deepEqual(await Promise.all([whoami(ada), whoami(bob)]), ['you are all', 'you are bob']);
  });

  test('do not pay for the refused credentials of another', async () => {
    const entry = { url: guarded.url, users: { 'ada@example.com': users()['ada@example.com'], 'bob@example.com': { headers: { Authorization: 'Bearer wrong' } } } };
    await start({ guarded: entry }, { ...shared, UPSTREAM_RETRY_S: 30 });
    const [bob, cy] = [await connectAs('bob'), await connectAs('cy')];
    for (let i = 0; i < 5; i++) {
      await assert.rejects(whoami(bob), /upstream guarded: it answered HTTP 401/);
      await assert.rejects(whoami(cy), /upstream guarded: it answered HTTP 401/);
    }
    assert.equal(await whoami(await connectAs('ada')), 'you are ada');
    assert.doesNotMatch(log(), /left alone/);
  });

  test('wait for their own tokens only', async () => {
    const own = (name) => ({ oauth: oauth({ refresh_token: name }) });
    await start({
      gmail: {
        rest: path.join(top, 'examples/gmail.json'), base_url: google.url, per_user: true,
        users: { 'ada@example.com': own('adas-token'), 'bob@example.com': own('bobs-token') },
      },
    }, shared);
    const [ada, bob, cy] = [await connectAs('ada'), await connectAs('bob'), await connectAs('cy')];
    const release = held();
    const list = (client) => client.callTool({ name: 'gmail_list', arguments: {} });
    const calls = [ada, bob, ada, bob].map(list);
    await waitFor(() => google.grants.length === 2, 'both token requests');
    release();
    assert.ok((await Promise.all(calls)).every((r) => !r.isError));
    assert.deepEqual(google.grants.map((g) => g.refresh_token).sort(), ['adas-token', 'bobs-token']);
    const asked = google.requests.map((r) => google.owners.get(r.headers.authorization.slice(7)));
    assert.deepEqual(asked.sort(), ['adas-token', 'adas-token', 'bobs-token', 'bobs-token']);

    // One is refused: the other's token stays.
    const [adas] = [...google.owners].find(([, owner]) => owner === 'adas-token');
    google.tokens.delete(adas);
    google.tokenAnswer = [400, { error: 'invalid_grant' }];
    assert.match(textOf(await list(ada)), /^gmail: no access token from the token endpoint: it answered HTTP 400: invalid_grant$/);
    assert.ok(!(await list(bob)).isError);
    assert.deepEqual(await toolsOf(cy), []);
    await assert.rejects(list(cy), /there are no credentials for cy@example.com/);
  });

  test('have children with variables of their own', async () => {
    const child = path.join(scratch, 'child.mjs');
    fs.writeFileSync(child, `
import readline from 'node:readline';
const results = {
  initialize: ({ params }) => ({ protocolVersion: params.protocolVersion, serverInfo: { name: 'c', version: '1' }, capabilities: { tools: {} } }),
  'tools/list': () => ({ tools: [{ name: 'whoami', inputSchema: { type: 'object' } }] }),
  'tools/call': () => ({ content: [{ type: 'text', text: JSON.stringify(process.env) }] }),
};
readline.createInterface({ input: process.stdin }).on('line', (line) => {
  const msg = JSON.parse(line);
  if (results[msg.method]) console.log(JSON.stringify({ jsonrpc: '2.0', id: msg.id, result: results[msg.method](msg) }));
});`);
    await start({
      child: { command: process.execPath, args: [child], env: { KEY: 'all', SAME: '1' }, users: { 'ada@example.com': { env: { KEY: '${env:ADA_TOKEN}' } } } },
    }, shared);
    const envs = [];
    for (const name of ['ada', 'cy']) envs.push(JSON.parse(await whoami(await connectAs(name), 'child')));
    assert.deepEqual(envs.map(({ KEY, SAME }) => [KEY, SAME]), [['static-ada', '1'], ['all', '1']]);
    for (const token of Object.values(callers)) assert.ok(!JSON.stringify(envs).includes(token));
  });

  test("keep their own tokens: no upstream sees what the gateway's callers sent", async () => {
    await start({
      guarded: { url: guarded.url, headers: { Authorization: 'Bearer static-all' } },
      old: { url: `${guarded.base}/sse`, type: 'sse', users: users(), oauth: oauth({ client_secret: 's' }) },
      bare: { url: guarded.url },
      gmail: { rest: path.join(top, 'examples/gmail.json'), base_url: google.url, oauth: oauth({ client_secret: 's' }) },
    }, shared);
    for (const name of ['ada', 'bob', 'cy']) {
      const client = await connectAs(name);
      await whoami(client);
      await whoami(client, 'old');
      await assert.rejects(whoami(client, 'bare'), /HTTP 401|left alone/);
      await client.callTool({ name: 'gmail_list', arguments: {} });
      await client.transport.terminateSession();
    }
    await waitFor(() => guarded.count('DELETE') === 3, 'the sessions to end');
    const received = JSON.stringify([guarded.requests, google.requests.map((r) => ({ ...r, query: [...r.query] })), google.grants]);
    assert.ok(guarded.requests.length > 20 && google.requests.length === 3 && google.grants.length > 0);
    assert.ok(guarded.requests.some((r) => r.headers.authorization === undefined), 'nor in place of a credential that is not there');
    for (const [email, token] of Object.entries(callers)) {
      assert.ok(!received.includes(token.slice(4)), `${email}'s token`);
      assert.ok(!received.includes(Buffer.from(token).toString('base64')), `${email}'s token, encoded`);
    }
  });
});

describe('a refresh token that is replaced', { timeout: 60000 }, () => {
  const file = path.join(scratch, 'refresh');
  const first = 'refresh-token';
  const entry = (more) => ({ guarded: { url: guarded.url, oauth: oauth({ refresh_token: first, ...more }) } });
  /** Makes the next call need a new token. */
  const renew = async (client) => {
    google.owners.clear();
    return whoami(client);
  };
  beforeEach(() => {
    google.rotates = true;
    fs.rmSync(file, { force: true });
  });

  test('is used from then on', async () => {
    await start(entry());
    const client = await connect();
    assert.equal(await whoami(client), `you are ${first}`);
    assert.equal(await renew(client), `you are ${first}+`);
    assert.equal(await renew(client), `you are ${first}++`);
    assert.deepEqual(google.grants.map((g) => g.refresh_token), [first, `${first}+`, `${first}++`]);
  });

  test('outlives the gateway in its file', async () => {
    await start(entry({ refresh_token_file: file }));
    const client = await connect();
    assert.equal(await whoami(client), `you are ${first}`);
    assert.equal(fs.readFileSync(file, 'utf8'), `${first}+\n`);
    assert.equal(fs.statSync(file).mode & 0o777, 0o600);
    assert.equal(await renew(client), `you are ${first}+`);
    await client.close();
    await gateway.stop();
    await start(entry({ refresh_token_file: file }));
    assert.equal(await whoami(await connect()), `you are ${first}++`);
    assert.equal(fs.readFileSync(file, 'utf8'), `${first}+++\n`);
    assert.deepEqual(fs.readdirSync(scratch).filter((name) => name.startsWith('refresh')), ['refresh']);
  });

  test('that cannot be kept is told, and used all the same', async () => {
    const folder = path.join(scratch, 'folder');
    fs.mkdirSync(folder);
    await start(entry({ refresh_token_file: path.join(folder, 'refresh') }));
    fs.rmdirSync(folder);
    const client = await connect();
    await whoami(client);
    await gateway.mgw.line(/\[oauth\] guarded: the new refresh token cannot be kept in .*folder\/refresh: No such file or directory/);
    assert.equal(await renew(client), `you are ${first}+`);
  });

  test('and spent is quoted by no error', async () => {
    google.spent.add(first);
    await start(entry());
    const client = await connect();
    await assert.rejects(whoami(client), /no access token from the token endpoint: it answered HTTP 400: invalid_grant$/);
    await gateway.mgw.line(/invalid_grant detail="\* is spent"/);
    assert.ok(!log().includes(first));
  });
});
