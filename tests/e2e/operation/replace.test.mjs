// One mgw takes over from another, behind the same HAProxy: nothing is lost, and nobody sees it.

import { after, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import fs from 'node:fs';
import net from 'node:net';
import { connectClient, textOf } from '../lib/clients.mjs';
import { asOperator, assertClean, startGateway, waitFor } from '../lib/gateway.mjs';
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
    const answer = await (await call(gateway, session, rpc(7, 'tools/call', { name: 'up_hello', arguments: {} }))).text();
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

  test('a client of HTTP+SSE keeps its stream; answers of both processes come by it', async () => {
    const stream = await openStream(`${gateway.url}/sse`);
    const endpoint = `${gateway.url}${(await stream.event((e) => e.name === 'endpoint')).data}`;
    const say = (body) => fetch(endpoint, { method: 'POST', headers: JSON_HEADERS, body });
    await say(rpc(1, 'initialize', initializeParams('2024-11-05')));
    await stream.event((e) => e.json?.id === 1);
    await say('{"jsonrpc":"2.0","method":"notifications/initialized"}');
    await say(waitCall(2, 1.5));
    const old = await gateway.replace();
    assert.equal((await say(rpc(3, 'tools/call', { name: 'up_hello', arguments: {} }))).status, 202);
    assert.match(textOf((await stream.event((e) => e.json?.id === 3)).json.result), /hello from upstream/);
    assert.match(textOf((await stream.event((e) => e.json?.id === 2)).json.result), /Waited 1.5 seconds/);
    await endedWell(old);
    assert.equal(stream.end, undefined);
    stream.close();
  });

  test('what a client says of a call or a question of the old process gets there', async () => {
    const session = await openSession(gateway.url);
    const asking = await openStream(`${gateway.url}/mcp`, {
      method: 'POST', headers: session.headers, body: rpc(5, 'tools/call', { name: 'up_ask', arguments: {} }),
    });
    const question = await asking.event((e) => e.json?.method === 'roots/list');
    const hanging = await openStream(`${gateway.url}/mcp`, { method: 'POST', headers: session.headers, body: rpc(6, 'tools/call', { name: 'up_hang', arguments: {} }) });
    await waitFor(() => upstream.seen.includes('call hang'), 'the call to be upstream');
    const old = await gateway.replace();
    const reply = { jsonrpc: '2.0', id: question.json.id, result: { roots: [{ uri: 'file:///of-the-client' }] } };
    assert.equal((await call(gateway, session, JSON.stringify(reply))).status, 202);
    assert.match(textOf((await asking.event((e) => e.json?.id === 5)).json.result), /file:\/\/\/of-the-client/);
    await call(gateway, session, '{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":6}}');
    await hanging.ended();
    await waitFor(() => upstream.seen.includes('hang cancelled'), 'the cancel to be upstream');
    await endedWell(old);
    await call(gateway, session, rpc(7, 'ping'));
  });

  test('a session that its client ends, ends in both', async () => {
    const session = await openSession(gateway.url);
    const slow = await openStream(`${gateway.url}/mcp`, { method: 'POST', headers: session.headers, body: waitCall(5, 20) });
    const old = await gateway.replace();
    assert.equal((await fetch(`${gateway.url}/mcp`, { method: 'DELETE', headers: session.headers })).status, 204);
    assert.match((await slow.event((e) => e.json?.id === 5)).json.error.message, /the session has ended/);
    await endedWell(old);
    assert.equal((await call(gateway, session, rpc(6, 'ping'))).status, 404);
  });

  test('three in a row while a call of the first runs: what concerns it finds its way', async () => {
    const session = await openSession(gateway.url);
    const get = await openGet(gateway, session);
    const slow = await openStream(`${gateway.url}/mcp`, { method: 'POST', headers: session.headers, body: rpc(5, 'tools/call', { name: 'up_hang', arguments: {} }) });
    await waitFor(() => upstream.seen.filter((s) => s === 'call hang').length > 1, 'the call to be upstream');
    const olds = [await gateway.replace(), await gateway.replace(), await gateway.replace()];
    assert.equal((await call(gateway, session, rpc(6, 'ping'))).status, 200);
    assert.deepEqual(olds.map((old) => old.exit), [undefined, undefined, undefined], 'each waits for the one before it');
    await call(gateway, session, '{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":5}}');
    await slow.ended();
    for (const old of olds) await endedWell(old);
    assert.equal(get.end, undefined);
    get.close();
  });

  test('a client without sessions, and one that begins meanwhile', async () => {
    const running = post(gateway.url, messageOf('tools/call', { name: 'wait', arguments: { seconds: 1.5 } }));
    await waitFor(async () => /mgw_calls_total [1-9]/.test(await (await fetch(`${gateway.stats}/metrics`, { headers: asOperator })).text()), 'the call');
    const old = await gateway.replace();
    const answers = await Promise.all([running, post(gateway.url, messageOf('tools/call', { name: 'up_hello', arguments: {} }))]);
    assert.deepEqual(answers.map((a) => a.status), [200, 200]);
    await endedWell(old);
  });
});
