// Whose a failure is: what one user's requests bring about, or one user's account is told, costs that user alone; and nobody
// is told an address, a path, a secret, or what a server has said to another.

import { after, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { FaultServer, fault } from '../lib/fault_server.mjs';
import { mgwRelease, startGateway, waitFor } from '../lib/gateway.mjs';
import { openSession, rpc } from '../lib/stream.mjs';

const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'mgw-whose-'));
after(() => fs.rmSync(scratch, { recursive: true, force: true }));
const tokensFile = path.join(scratch, 'users.json');
const callers = Object.fromEntries(['ada', 'bob', 'cy'].map((name) => [
  name, execFileSync(mgwRelease, ['token', `${name}@example.com`, '--file', tokensFile], { encoding: 'utf8' }).trim(),
]));
const settings = { UPSTREAM_RETRY_S: 30, UPSTREAM_RETRY_MAX_S: 60, UPSTREAM_OPEN_TIMEOUT_S: 1, AUTH_TOKENS_FILE: tokensFile, ANSWER_GRACE_MS: 100 };

/** A session of a user's, whose requests get JSON. */
async function connect(gateway, name) {
  const auth = { authorization: `Bearer ${callers[name]}`, accept: 'application/json' };
  const { headers } = await openSession(gateway.url, '2025-11-25', auth);
  let id = 1;
  const request = async (method, params) => {
    const response = await fetch(`${gateway.url}/mcp`, { method: 'POST', headers: { ...headers, ...auth }, body: rpc(++id, method, params) });
    return response.json();
  };
  return {
    request,
    isThere: async () => (await request('ping')).result !== undefined,
    call: async (tool, args = {}) => {
      const { result, error } = await request('tools/call', { name: tool, arguments: args });
      return result?.content[0].text ?? error.message;
    },
    tools: async () => (await request('tools/list', {})).result.tools.map((t) => t.name).filter((n) => n.startsWith('up_')),
  };
}

/** The fault for what one user sends alone: the arguments, or the account's header, tell who it is. */
const forAda = (misbehave) => (req, res, msg, server) => {
  const isHers = msg?.params?.arguments?.who === 'ada' || req.headers.authorization === 'Bearer of-ada';
  if (isHers) misbehave(req, res, msg, server);
  else server.answer(req, res, msg, req.headers['mcp-session-id']);
};
const own = { users: { 'ada@example.com': { headers: { Authorization: 'Bearer of-ada' } }, 'bob@example.com': { headers: { Authorization: 'Bearer of-bob' } } } };

function bench() {
  const b = {};
  before(async () => {
    b.up = await FaultServer.start();
    b.gateway = await startGateway({ settings, config: { mcpServers: { up: { url: b.up.url } } } });
  });
  after(async () => {
    await b.gateway.stop();
    await b.up.stop();
  });
  return b;
}

describe('what one user sends, and how the server fails with it, again and again', { timeout: 60000 }, () => {
  const kinds = {
    'is refused (413)': fault.status(413), 'is refused (400)': fault.status(400), 'is not found (404)': fault.status(404), 'is an error there (500)': fault.status(500), 'times out at a proxy (504)': fault.status(504),
    'is cut off before an answer': (req) => req.socket.resetAndDestroy(), 'lasts longer than timeout_s': fault.hang,
    'is answered with a page': (req, res) => res.writeHead(200, { 'content-type': 'text/html' }).end('<h1>no</h1>'),
    'is told to wait (429)': fault.status(429, { 'retry-after': '600' }), 'is told to wait (503)': fault.status(503, { 'retry-after': '600' }),
  };
  for (const [name, misbehave] of Object.entries(kinds)) {
    test(`${name}: it costs no other user a call, a session or a list`, async () => {
      const up = await FaultServer.start();
      const gateway = await startGateway({ settings, config: { mcpServers: { up: { url: up.url, timeout_s: 0.3 } } } });
      const [ada, bob] = [await connect(gateway, 'ada'), await connect(gateway, 'bob')];
      await Promise.all([ada.tools(), bob.tools()]);
      up.faults['tools/call'] = forAda(misbehave);
      up.faults['notifications/cancelled'] = fault.hang; // an answer to it would show that the server is well
      for (let i = 0; i < 4; i++) {
        assert.match(await ada.call('up_write', { who: 'ada' }), /^upstream up: /);
        assert.match(await ada.call('up_write', { who: 'ada' }), /^upstream up: /);
        assert.equal(await bob.call('up_write'), 'did write');
      }
      for (let i = 0; i < 4; i++) await ada.call('up_write', { who: 'ada' });
      assert.equal(await bob.call('up_write'), 'did write', 'after four in a row');
      const later = await connect(gateway, 'bob');
      assert.equal((await later.tools()).length, 3);
      assert.equal((await (await connect(gateway, 'ada')).tools()).length, 3, 'nor does it take away her own tools');
      await gateway.stop();
      await up.stop();
    });
  }
});

describe('a server that asks for patience', { timeout: 60000 }, () => {
  const b = bench();

  test('gets it of whom it has asked, in all sessions, with the time', async () => {
    b.up.faults['tools/call'] = forAda(fault.status(429, { 'retry-after': '600' }));
    const [first, second, bob] = [await connect(b.gateway, 'ada'), await connect(b.gateway, 'ada'), await connect(b.gateway, 'bob')];
    assert.equal(await first.call('up_write', { who: 'ada' }), 'upstream up: it answered HTTP 429 (Retry-After: 600)');
    const n = b.up.count('tools/call');
    for (const ada of [first, second, await connect(b.gateway, 'ada')]) {
      assert.match(await ada.call('up_read'), /^upstream up: it has asked to be left alone for (5\d|60) s more \(Retry-After\)$/);
      assert.equal((await ada.tools()).length, 3);
    }
    assert.equal(b.up.count('tools/call'), n);
    assert.equal(await bob.call('up_write'), 'did write');
  });
});

describe('an account that cannot open a session', { timeout: 60000 }, () => {
  const kinds = {
    'refused (401)': fault.status(401), 'out of money (402)': fault.status(402), 'told to wait (429)': fault.status(429, { 'retry-after': '600' }),
    'an error there (500)': fault.status(500), 'never answered': fault.hang, 'away at its proxy (502)': fault.status(502),
    'refused in words': (req, res, msg) => res.writeHead(400, { 'content-type': 'application/json' }).end(JSON.stringify({
      jsonrpc: '2.0', id: msg.id, error: { code: -32022, message: 'account 4711 of ada: IBAN DE00 1234', data: { supported: ['1999-01-01'] } },
    })),
  };
  for (const [name, misbehave] of Object.entries(kinds)) {
    test(`${name}: keeps out no other, who hears nothing of it`, async () => {
      const up = await FaultServer.start();
      const gateway = await startGateway({ settings, config: { mcpServers: { up: { url: up.url, ...own } } } });
      const bob = await connect(gateway, 'bob');
      up.faults.initialize = up.faults['server/discover'] = forAda(misbehave);
      for (let i = 0; i < 4; i++) {
        const ada = await connect(gateway, 'ada');
        assert.match(await ada.call('up_write'), /^upstream up: /);
      }
      assert.equal(await bob.call('up_write'), 'did write');
      const later = await connect(gateway, 'bob');
      assert.equal(await later.call('up_write'), 'did write');
      assert.deepEqual(gateway.mgw.lines.filter((line) => /user=bob/.test(line) && /4711/.test(line)), []);
      await gateway.stop();
      await up.stop();
    });
  }
});

describe('a server that is away', { timeout: 60000 }, () => {
  const b = bench();

  test('is left alone by all, after three have found no connection', async () => {
    const [ada, bob] = [await connect(b.gateway, 'ada'), await connect(b.gateway, 'bob')];
    await Promise.all([ada.tools(), bob.tools()]);
    await b.up.stop();
    for (let i = 0; i < 3; i++) assert.equal(await ada.call('up_write'), 'upstream up: cannot be reached');
    assert.equal(await bob.call('up_write'), 'upstream up: is left alone for a while, after failures in a row');
    await b.up.listen();
  });
});

test('at sessions_per_user_max the longest idle session of the user goes, and nobody else\'s', { timeout: 60000 }, async () => {
  const gateway = await startGateway({ settings: { ...settings, SESSIONS_PER_USER_MAX: 2 } });
  const sessions = [];
  for (const name of ['bob', 'bob', 'ada', 'ada', 'ada']) sessions.push(await connect(gateway, name));
  const areThere = [];
  for (const { isThere } of sessions) areThere.push(await isThere());
  assert.deepEqual(areThere, [true, true, false, true, true]);
  await gateway.stop();
});

test('at children_max one more is not started, whoever has those that run', { timeout: 60000 }, async () => {
  const child = { command: process.execPath, args: [path.join(import.meta.dirname, '../lib/fault_child.mjs'), '/dev/null'] };
  const gateway = await startGateway({ settings: { ...settings, CHILDREN_MAX: 2 }, config: { mcpServers: { up: child } } });
  for (const name of ['ada', 'bob']) assert.equal(await (await connect(gateway, name)).call('up_hello'), 'hello from a child');
  assert.equal(await (await connect(gateway, 'cy')).call('up_hello'), 'upstream up: 2 children run already (children_max)');
  await gateway.stop();
});

test('two users who see the same open it for all', { timeout: 60000 }, async () => {
  const up = await FaultServer.start();
  const gateway = await startGateway({ settings: { ...settings, UPSTREAM_RETRY_S: 60 }, config: { mcpServers: { up: { url: up.url } } } });
  const [ada, bob, cy] = await Promise.all(['ada', 'bob', 'cy'].map((name) => connect(gateway, name)));
  // A notification that is accepted is a sign of health too: it must not come between the failures.
  await waitFor(() => up.count('notifications/initialized') === 3, 'all that follows the openings');
  await Promise.all([ada, bob, cy].map((client) => client.tools()));
  up.faults['tools/call'] = fault.status(503);
  for (let i = 0; i < 3; i++) assert.match(await ada.call('up_write'), /HTTP 503/);
  assert.match(await ada.call('up_write'), /left alone/);
  assert.match(await bob.call('up_write'), /HTTP 503/);
  assert.match(await bob.call('up_write'), /left alone/);
  assert.match(await cy.call('up_write'), /left alone/);
  await gateway.stop();
  await up.stop();
});

test('nobody keeps the one try to themselves', { timeout: 60000 }, async () => {
  const up = await FaultServer.start();
  const gateway = await startGateway({ settings: { ...settings, UPSTREAM_RETRY_S: 0.2 }, config: { mcpServers: { up: { url: up.url } } } });
  const [ada, bob, cy] = await Promise.all(['ada', 'bob', 'cy'].map((name) => connect(gateway, name)));
  up.faults['tools/call'] = fault.status(503);
  for (let i = 0; i < 3; i++) await ada.call('up_write');
  await bob.call('up_write');
  up.faults['tools/call'] = forAda(fault.hang); // she takes the try, and keeps it
  const held = ada.call('up_write', { who: 'ada' });
  await waitFor(async () => await cy.call('up_write') === 'did write', 'the others to be served');
  await gateway.stop();
  await held.catch(() => {});
  await up.stop();
});

test('no address, path, secret or word of a server\'s reaches a client; the log has the origin', { timeout: 60000 }, async () => {
  const token = await FaultServer.start();
  const cut = await FaultServer.start();
  const secrets = ['URLPASS', 'PATHSECRET', 'QUERYSECRET', 'HDRSECRET', 'TOKPATH', 'TOKQ', 'CLIENTSECRET', 'REFRESHTOKEN', 'SECRETDIR', 'ARGSECRET', 'ENVSECRET', 'CWDSECRET', 'MOVED'];
  token.serve = (req, res) => res.writeHead(400, { 'content-type': 'application/json' }).end('{"error": "SAID", "error_description": "by the endpoint: CLIENTSECRET"}');
  cut.faults['tools/call'] = fault.status(307, { location: 'http://127.0.0.1:9/MOVED' });
  const oauth = { token_url: `${new URL(token.url).origin}/token/TOKPATH?x=TOKQ`, client_id: 'id', client_secret: 'CLIENTSECRET', refresh_token: 'REFRESHTOKEN' };
  const dead = 'http://user:URLPASS@127.0.0.1:1/s/PATHSECRET/mcp?key=QUERYSECRET';
  const gateway = await startGateway({
    settings,
    config: {
      mcpServers: {
        zap: { url: dead, headers: { Authorization: 'Bearer HDRSECRET' } }, sse: { url: dead, type: 'sse' }, tls: { url: 'https://127.0.0.1:1/PATHSECRET' },
        asks: { url: cut.url, oauth }, moved: { url: cut.url }, name: { url: 'http://nowhere.invalid/PATHSECRET' },
        prog: { command: '/nonexistent/SECRETDIR/x', args: ['ARGSECRET'], env: { K: 'ENVSECRET' } }, dir: { command: 'sh', cwd: '/nonexistent/CWDSECRET' },
      },
    },
  });
  const ada = await connect(gateway, 'ada');
  const said = [];
  for (const name of ['zap', 'sse', 'tls', 'asks', 'moved', 'name', 'prog', 'dir']) said.push(await ada.call(`${name}_write`));
  for (const text of said) assert.doesNotMatch(text, /127\.0\.0\.1|\/|SAID|invalid/, text);
  assert.match(said[0], /^upstream zap: cannot be reached$/);
  assert.match(said[3], /^upstream asks: no access token from the token endpoint: it answered HTTP 400$/);
  assert.match(said[4], /^upstream moved: it redirects to where we do not follow$/);
  assert.match(said[6], /^upstream prog: its program cannot be started$/);
  await gateway.mgw.line(/\[upstream\] zap: cannot be reached.* detail="[^"]*\(http:\/\/127\.0\.0\.1:1\)"/);
  const log = gateway.mgw.lines.join('\n');
  for (const secret of secrets) {
    assert.ok(!log.includes(secret), `${secret} in the log`);
    assert.ok(!said.join('\n').includes(secret), `${secret} at a client`);
  }
  await gateway.stop();
  await token.stop();
  await cut.stop();
});

// 0.0.0.0 is this host to the kernel, and one of the addresses where nothing goes.
test('nothing goes to a link-local or metadata address, by whatever transport, unless the entry says so', { timeout: 60000 }, async () => {
  const up = await FaultServer.start();
  const there = `http://0.0.0.0:${up.port}`;
  const told = await FaultServer.start();
  const api = path.join(scratch, 'api.json');
  fs.writeFileSync(api, JSON.stringify({ base_url: there, tools: { write: { description: 'x', inputSchema: { type: 'object' }, method: 'GET', path: '/x' } } }));
  const oauth = { token_url: `${there}/token`, client_id: 'id', client_secret: 's' };
  const barred = { http: { url: `${there}/mcp` }, sse: { url: `${there}/sse`, type: 'sse' }, rest: { rest: api }, token: { url: up.url, oauth } };
  const gateway = await startGateway({ settings, config: { mcpServers: { ...barred, told: { url: `http://0.0.0.0:${told.port}/mcp`, allow_link_local: true } } } });
  const ada = await connect(gateway, 'ada');
  assert.equal(await ada.call('told_write'), 'did write');
  for (const name of Object.keys(barred)) assert.match(await ada.call(`${name}_write`), new RegExp(`^upstream ${name}: .*its address is not one to connect to$`));
  assert.deepEqual(up.seen, []);
  await gateway.mgw.line(/\[upstream\] http: .*0\.0\.0\.0 is not to be reached \(allow_link_local\)/);
  await gateway.stop();
  await told.stop();
  await up.stop();
});

test('an error whose text never ends holds no call', { timeout: 60000 }, async () => {
  const up = await FaultServer.start();
  const gateway = await startGateway({ settings, config: { mcpServers: { up: { url: up.url } } } });
  const ada = await connect(gateway, 'ada');
  await ada.tools();
  for (const [status, piece] of [[500, 'x'.repeat(65536)], [400, '{'.repeat(65536)], [503, 'x']]) {
    up.faults['tools/call'] = (req, res) => {
      res.writeHead(status, { 'content-type': 'application/json' });
      const timer = setInterval(() => res.write(piece), 20);
      res.on('close', () => clearInterval(timer));
    };
    assert.equal(await ada.call('up_write'), `upstream up: it answered HTTP ${status}`);
  }
  await gateway.stop();
  await up.stop();
});
