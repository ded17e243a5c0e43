// One mgw takes over from another, behind the same HAProxy: nothing is lost, and nobody sees it.

import { after, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import fs from 'node:fs';
import net from 'node:net';
import { connectClient, textOf } from '../lib/clients.mjs';
import { assertClean, startGateway, waitFor } from '../lib/gateway.mjs';
import { initializeParams, JSON_HEADERS, openSession, openStream, rpc } from '../lib/stream.mjs';
import { messageOf, post } from '../lib/stateless.mjs';
import { UpstreamServer } from '../lib/upstream_server.mjs';

const endedWell = async (mgw) => {
  assert.deepEqual(await mgw.exited, { code: 0, signal: null }, mgw.tail());
  assertClean(mgw);
};
const call = (gateway, session, body) => fetch(`${gateway.url}/mcp`, { method: 'POST', headers: session.headers, body });
const waitCall = (id, seconds) => rpc(id, 'tools/call', { name: 'wait', arguments: { seconds } });
const openGet = (gateway, session, headers = {}) =>
  openStream(`${gateway.url}/mcp`, { headers: { ...session.headers, accept: 'text/event-stream', ...headers } });

describe('a process takes over', { timeout: 120000 }, () => {
  let upstream;
  let gateway;
  before(async () => {
    upstream = await UpstreamServer.start();
    gateway = await startGateway({
      config: { mcpServers: { up: { url: upstream.url } } },
      settings: { ANSWER_GRACE_MS: 200 },
    });
  });
  after(async () => {
    await gateway.stop();
    await upstream.stop();
  });

  test('a session goes on under its id, its stream without a break, and a call that runs ends where it began', async () => {
    const session = await openSession(gateway.url);
    const get = await openGet(gateway, session);
    await waitFor(() => upstream.count('GET') > 0, 'mgw to listen upstream');
    const slow = await openStream(`${gateway.url}/mcp`, { method: 'POST', headers: session.headers, body: waitCall(5, 2) });
    const quick = call(gateway, session, waitCall(6, 0.1));
    const old = await gateway.replace();
    assert.equal((await (await quick).text()).includes('Waited'), true);
    const answer = await (await call(gateway, session, rpc(7, 'tools/call', { name: 'hello', arguments: {} }))).text();
    assert.match(answer, /hello from upstream/);
    assert.equal(old.exit, undefined, 'a call is still running there');
    for (const s of upstream.sessions.values()) await s.server.sendLoggingMessage({ level: 'info', data: 'news' });
    await get.event((e) => e.json?.params?.data === 'news');
    assert.match(textOf((await slow.event((e) => e.json?.id === 5)).json.result), /Waited 2 seconds/);
    await endedWell(old);
    assert.equal(get.end, undefined, 'the stream has not been cut');
    await upstream.session.server.sendLoggingMessage({ level: 'info', data: 'more' });
    await get.event((e) => e.json?.params?.data === 'more');
    get.close();
  });
});
