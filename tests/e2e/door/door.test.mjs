// Who is let in, and for how long: without users, with an empty variable, with a token that ends, with the operator's secret.

import { after, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { CursorLike, NeedsAuthentication } from '../lib/cursor.mjs';
import { Peer, request } from '../lib/fastcgi.mjs';
import { adminSecret, asOperator, assertClean, freePort, startGateway, waitFor } from '../lib/gateway.mjs';
import { ask } from '../lib/raw.mjs';

const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'mgw-door-'));
after(() => fs.rmSync(dir, { recursive: true, force: true }));

const initialize = JSON.stringify({
  jsonrpc: '2.0', id: 1, method: 'initialize',
  params: { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 'door', version: '1' } },
});
const headers = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };
const post = (gateway, more = {}, body = initialize) => fetch(`${gateway.url}/mcp`, { method: 'POST', headers: { ...headers, ...more }, body });

const token = (user) => `mgw_${user}_0123456789abcdef`;
const bearer = (user) => ({ authorization: `Bearer ${token(user)}` });
const writeTokens = (file, users) => fs.writeFileSync(file, JSON.stringify({
  users: Object.entries(users).map(([user, more]) => ({
    email: `${user}@example.com`, sha256: createHash('sha256').update(token(user)).digest('hex'), ...more,
  })),
}), { mode: 0o600 });

/** A gateway for one test. */
async function within(options, act) {
  const gateway = await startGateway(options);
  try {
    await act(gateway);
  } finally {
    await gateway.stop();
  }
}

describe('a client that asks first where to sign in, as Cursor does', { timeout: 60000 }, () => {
  const tokens = path.join(dir, 'cursor.json');
  let gateway;
  before(async () => {
    writeTokens(tokens, { ada: {} });
    gateway = await startGateway({ settings: { AUTH_TOKENS_FILE: tokens, PUBLIC_URL: 'https://mgw.example.com' } });
  });
  after(() => gateway.stop());

  for (const where of ['/mcp', '/mcp/']) {
    test(`is told nowhere, and comes in with its headers (${where})`, async () => {
      const client = new CursorLike(gateway.url, { path: where, headers: { Authorization: bearer('ada').authorization } });
      const tools = await client.connect();
      assert.ok(tools.some(({ name }) => name === 'gateway_status'));
      const [, result] = await client.request('tools/call', { name: 'echo', arguments: { message: 'hello' } });
      assert.equal(result.content[0].text, 'hello');
      assert.deepEqual(client.asked, [[`/.well-known/oauth-protected-resource${where}`, 404], ['/.well-known/oauth-protected-resource', 404]]);
      client.close();
    });
  }

  test('hears that it needs a token when it has none, and is sent nowhere', async () => {
    const client = new CursorLike(gateway.url);
    await assert.rejects(client.connect(), (error) => error instanceof NeedsAuthentication && error.message === 'Bearer');
    assert.equal(client.asked.length, 2);
  });
});

describe('without users', () => {
  const haproxy = { MGW_TRUSTED_PROXIES: '127.0.0.1' };
  const elsewhere = { 'x-forwarded-for': '192.0.2.7' };

  test('only clients of this machine are let in, and the log says so', () => within({ haproxy }, async (gateway) => {
    assert.equal((await post(gateway)).status, 200);
    const refused = await post(gateway, elsewhere);
    assert.equal(refused.status, 403);
    assert.match(await refused.text(), /auth\.tokens_file.*auth\.anonymous/);
    await gateway.mgw.line(/WARN \[mgw\] no users are configured .*everybody on this machine is let in/);
  }));

  test('auth.anonymous lets in all', () => within({ haproxy, settings: { AUTH_ANONYMOUS: 'true' } }, async (gateway) => {
    assert.equal((await post(gateway, elsewhere)).status, 200);
    await gateway.mgw.line(/WARN \[mgw\] no users are configured .*everybody from anywhere is let in/);
  }));

  test('an empty variable does not take the place of the file\'s setting', async () => {
    const file = path.join(dir, 'tokens.json');
    writeTokens(file, { ada: {} });
    await within({ settings: { AUTH_TOKENS_FILE: '' }, config: { gateway: { auth: { tokens_file: file } } } }, async (gateway) => {
      assert.equal((await post(gateway)).status, 401);
      assert.equal((await post(gateway, bearer('ada'))).status, 200);
    });
  });
});

describe('a token that ends', () => {
  /** A stream of that user, and what ends it. */
  async function openStream(gateway, user) {
    const session = (await post(gateway, bearer(user))).headers.get('mcp-session-id');
    const response = await fetch(`${gateway.url}/mcp`, { headers: { accept: 'text/event-stream', 'mcp-session-id': session, ...bearer(user) } });
    assert.equal(response.status, 200);
    const stream = { session, isOver: false };
    response.text().then(() => { stream.isOver = true; }, () => { stream.isOver = true; });
    return stream;
  }

  test('by its time takes streams and sessions with it, and nobody else\'s', async () => {
    const file = path.join(dir, 'expiring.json');
    writeTokens(file, { ada: { expires: new Date(Date.now() + 4000).toISOString().replace(/\.\d+/, '') }, bob: {} });
    await within({ settings: { AUTH_TOKENS_FILE: file } }, async (gateway) => {
      const [ada, bob] = [await openStream(gateway, 'ada'), await openStream(gateway, 'bob')];
      await waitFor(() => ada.isOver, 'the end of her stream');
      assert.equal(bob.isOver, false);
      assert.equal((await post(gateway, bearer('ada'))).status, 401);
      await gateway.mgw.line(/session ended: its user has no valid token any more user=ada@example\.com/);
    });
  });

  test('by being taken away takes streams, sessions and running calls with it', async () => {
    const file = path.join(dir, 'revoked.json');
    writeTokens(file, { ada: {}, bob: {} });
    await within({ settings: { AUTH_TOKENS_FILE: file } }, async (gateway) => {
      const [ada, bob] = [await openStream(gateway, 'ada'), await openStream(gateway, 'bob')];
      const call = post(gateway, { ...bearer('bob'), 'mcp-session-id': bob.session },
        JSON.stringify({ jsonrpc: '2.0', id: 2, method: 'tools/call', params: { name: 'wait', arguments: { seconds: 600 } } }));
      await (await call).body.getReader().read();
      writeTokens(file, { ada: {} });
      gateway.mgw.child.kill('SIGHUP');
      await waitFor(() => bob.isOver, 'the end of his stream');
      assert.equal(ada.isOver, false);
      assert.equal((await post(gateway, { ...bearer('ada'), 'mcp-session-id': ada.session }, JSON.stringify({ jsonrpc: '2.0', id: 3, method: 'ping' }))).status, 200);
    });
  });

  test('is at hand when a second signal ends mgw with sessions, streams and calls open', async () => {
    const file = path.join(dir, 'ended.json');
    writeTokens(file, { ada: {} });
    const gateway = await startGateway({ settings: { AUTH_TOKENS_FILE: file, ANSWER_GRACE_MS: 200 } });
    const ada = await openStream(gateway, 'ada');
    const call = await post(gateway, { ...bearer('ada'), 'mcp-session-id': ada.session },
      JSON.stringify({ jsonrpc: '2.0', id: 2, method: 'tools/call', params: { name: 'wait', arguments: { seconds: 600 } } }));
    const body = call.text().catch(() => {});
    gateway.mgw.child.kill('SIGTERM');
    await gateway.mgw.line(/draining: 1 calls/);
    gateway.mgw.child.kill('SIGTERM');
    assert.deepEqual(await gateway.mgw.exited, { code: 1, signal: null });
    assertClean(gateway.mgw);
    await body;
    gateway.mgw = await gateway.startMgw();
    await gateway.stop();
  });
});

describe('the inside port', { timeout: 120000 }, () => {
  const paths = { '/metrics': 'GET', '/admin/announce': 'POST', '/health': 'GET', '/ready': 'GET', '/haproxy/metrics': 'GET', '/haproxy/stats': 'GET', '/elsewhere': 'GET' };
  const basic = (password, user = 'mgw') => ({ authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}` });
  const askAll = async (base, more) => {
    const answers = [];
    for (const [where, method] of Object.entries(paths)) {
      answers.push(await ask(base, where, { method, headers: more, body: method === 'POST' ? '{"message": "x"}' : undefined }));
    }
    return answers;
  };
  const assertNothingTold = (answers) => {
    for (const { body } of answers) assert.doesNotMatch(body, /mgw_|haproxy_|uptime|streams|<html/);
  };

  for (const [name, secret] of Object.entries({ 'no secret': undefined, 'an empty secret': '', 'a secret of 15 characters': adminSecret.slice(0, 15) })) {
    test(`with ${name} lets nobody in, and says what to do; the rest works`, () => within({ haproxy: { MGW_ADMIN_SECRET: secret } }, async (gateway) => {
      for (const who of [{}, asOperator, basic(secret ?? ''), { authorization: `Bearer ${secret ?? ''}` }]) {
        const answers = await askAll(gateway.stats, who);
        assertNothingTold(answers);
        for (const { status, body } of answers) {
          assert.equal(status, 403);
          assert.match(body, /MGW_ADMIN_SECRET.* 16 characters/);
        }
      }
      assert.equal((await post(gateway)).status, 200);
      assert.equal((await fetch(`${gateway.url}/ready`)).status, 200);
    }));
  }

  describe('with a secret', () => {
    let gateway, stats;
    before(async () => {
      // The child needs to know the port before the gateway is there.
      const port = await freePort();
      stats = `http://127.0.0.1:${port}`;
      const script = `env | sed 's/^/its env: /' >&2; for url in ${stats}/metrics ${stats}/haproxy/metrics; do
        echo "the child got $(curl -s -o /dev/null -w '%{http_code}' $url)" >&2; done; exec cat >/dev/null`;
      gateway = await startGateway({
        haproxy: { MGW_STATS_PORT: port }, config: { mcpServers: { child: { command: 'sh', args: ['-c', script] } } },
      });
    });
    after(() => gateway.stop());

    test('lets in who has it, as a password of any name or as a bearer token', async () => {
      for (const who of [asOperator, basic(adminSecret), basic(adminSecret, ''), basic(adminSecret, 'prometheus')]) {
        assert.deepEqual((await askAll(stats, who)).map(({ status }) => status), [200, 200, 200, 200, 200, 200, 404]);
      }
      const health = (await ask(stats, '/health', { headers: asOperator })).json;
      assert.deepEqual(Object.keys(health), ['status', 'version', 'uptime_s', 'streams', 'sessions']);
    });

    const others = {
      'nothing': {},
      'another secret': basic('x'.repeat(adminSecret.length)),
      'the beginning of it': basic(adminSecret.slice(0, -1)),
      'it and more': basic(`${adminSecret}x`),
      'it in capitals': { authorization: `Bearer ${adminSecret.toUpperCase()}` },
      'it as a name': basic('', adminSecret),
      'an empty password': basic(''),
      'an empty token': { authorization: 'Bearer ' },
      'it without a scheme': { authorization: adminSecret },
      'it in another header': { 'mgw-admin-secret': adminSecret },
      'what HAProxy would tell mgw': { 'mgw-inside': 'on', mgw_inside: 'on', 'x-forwarded-for': '127.0.0.1' },
    };
    for (const [name, headers] of Object.entries(others)) {
      test(`asks who has ${name} for it`, async () => {
        const answers = await askAll(stats, headers);
        assertNothingTold(answers);
        for (const answer of answers) {
          assert.equal(answer.status, 401);
          assert.match(answer.headers['www-authenticate'], /^Basic realm="mgw"$/);
          assert.match(answer.body, /MGW_ADMIN_SECRET/);
        }
      });
    }

    test('tells a program that mgw runs nothing: it has not the secret', async () => {
      await post(gateway);
      // It is no server, and is started more than once.
      await waitFor(() => gateway.mgw.count(/stderr: .*the child got /) >= 2, 'both its tries');
      assert.equal(gateway.mgw.count(/stderr: .*the child got (?!401$)/), 0);
      assert.ok(gateway.mgw.count(/its env: /) > 0);
      assert.equal(gateway.mgw.count(new RegExp(`SECRET|${adminSecret}`)), 0);
    });

    test('is the only way to these paths, with the secret and without', async () => {
      const inside = { 'mgw-inside': 'on', mgw_inside: 'on' };
      for (const base of [gateway.url, gateway.tls]) {
        for (const who of [{}, asOperator, basic(adminSecret), { ...asOperator, ...inside }]) {
          for (const where of ['/metrics', '/haproxy/metrics', '/haproxy/stats', '/admin/announce']) {
            const method = where === '/admin/announce' ? 'POST' : 'GET';
            assert.equal((await ask(base, where, { method, headers: who })).status, 404, where);
          }
          assert.equal((await ask(base, '/health', { headers: who })).body, '{"status":"ok"}\n');
        }
      }
    });

    test('is what mgw itself asks for: another web server before it tells nothing by mistake', async () => {
      const peer = await Peer.connect(gateway.socket);
      const statusOf = async (id, where, options) => (await peer.send(request(id, where, options)).answer(id)).status;
      const announcement = { body: '{"message": "x"}' };
      assert.equal(await statusOf(1, '/metrics'), 404);
      assert.equal(await statusOf(2, '/admin/announce', announcement), 404);
      assert.equal(await statusOf(3, '/metrics', { headers: { 'mgw-inside': 'on' } }), 404);
      assert.equal(await statusOf(4, '/metrics', { params: { MGW_INSIDE: 'on' } }), 200);
      assert.equal(await statusOf(5, '/admin/announce', { ...announcement, params: { MGW_INSIDE: 'on' } }), 200);
      assert.equal(await statusOf(6, '/admin/announce', { method: 'OPTIONS' }), 404);
      peer.close();
    });

    test('is in no log', () => {
      const encoded = Buffer.from(`mgw:${adminSecret}`).toString('base64');
      for (const { lines } of [gateway.mgw, gateway.haproxy]) {
        assert.ok(!lines.some((line) => line.includes(adminSecret) || line.includes(encoded)));
      }
    });
  });
});
