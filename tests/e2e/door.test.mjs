// Who is let in, and for how long: without users, with an empty variable, with a token that ends.

import { after, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { assertClean, startGateway, waitFor } from './lib/gateway.mjs';

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
