// What all share: sessions, streams, calls, children, descriptors. Who takes more than a share gives up their own.

import assert from 'node:assert/strict';
import http from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { waitFor } from '../lib/gateway.mjs';
import { headersOf, messageOf } from '../lib/stateless.mjs';
import { JSON_HEADERS, initializeParams, rpc } from '../lib/stream.mjs';
import { MB, attack, bearer, hostileChild, scale, startHostile } from './lib/arena.mjs';
import { addressOf, dial, headOf, many, open, requestOf, send, tally } from './lib/ada.mjs';

const good = async (t) => {
  const hostile = await startHostile(t, 'as it should be');
  return { config: { mcpServers: { u: { url: hostile.url } } }, begin: hostile.counts };
};
const answers = ({ status, json }) => status === 200 && json?.result !== undefined && !json.result.isError;

attack('sessions of one user do not end another\'s', { settings: { SESSIONS_MAX: 200 }, bounds: { cpuS: 2 } }, async (arena) => {
  const idle = await open(arena, { user: 'bob', from: '127.0.0.8' });
  await many(300, 8, () => open(arena));
  return async () => assert.ok(answers(await idle.call('echo', { message: 'still here' })), 'bob\'s idle session must be there');
});

attack('thousands of sessions of one user, from many addresses, are cheap and bounded', { bounds: { cpuS: 3 * scale, bytes: 24 * MB * scale } }, async (arena) => {
  const agents = Array.from({ length: 10 }, (_, i) => new http.Agent({ keepAlive: true, maxSockets: 1, localAddress: addressOf(i, 2) }));
  const body = rpc(1, 'initialize', initializeParams());
  await many(4000 * scale, 10, (i) => send(arena, { agent: agents[i % 10], from: addressOf(i % 10, 2), headers: { ...JSON_HEADERS, ...bearer('ada') }, body }));
  for (const agent of agents) agent.destroy();
});

attack('sessions that nobody uses hold no connection to an upstream', { make: good, bounds: { cpuS: 3, bytes: 24 * MB } }, async (arena) => {
  const before = arena.descriptors;
  await many(300, 8, () => open(arena));
  await waitFor(async () => (await arena.metrics()).connections < 10, 'the requests to have ended');
  await sleep(300);
  const { GET = 0 } = await arena.begin();
  const more = arena.descriptors - before;
  assert.ok(more < 60, `${more} descriptors for 300 sessions`);
  assert.ok(GET < 10, `${GET} GET streams for 300 sessions that listen to nothing`);
});

attack('one user\'s sessions do not take the descriptors of mgw', {
  make: good, wrap: () => ['prlimit', '--nofile=600:600'], tool: 'u_write', args: {}, bounds: { cpuS: 3 },
}, async (arena) => {
  const until = Date.now() + 5000;
  await many(700, 16, async () => {
    if (Date.now() > until) return;
    const line = await dial(arena);
    await line.send(requestOf('/mcp', rpc(1, 'initialize', initializeParams()), { ...JSON_HEADERS, ...bearer('ada') }));
    await Promise.race([waitFor(() => line.status() || line.isClosed, 'an answer'), sleep(1000)]);
  });
  const newcomer = await open(arena, { user: 'bob', from: '127.0.0.8' });
  return async () => assert.ok(answers(await newcomer.call('u_write')), 'a newcomer must be served');
});

attack('one user\'s children leave room for another\'s', {
  config: { mcpServers: { c: hostileChild('good') } }, settings: { CHILDREN_MAX: 12 }, bounds: { cpuS: 2 },
}, async (arena) => {
  await many(16, 4, () => open(arena));
  return async () => {
    const newcomer = await open(arena, { user: 'bob', from: '127.0.0.8' });
    const answer = await newcomer.call('c_t');
    assert.ok(answers(answer), `bob must have a child: ${answer.body}`);
  };
});

attack('waiting calls whose client has left are bounded', {
  settings: { MEMORY_PER_USER_MAX_BYTES: 32 * MB }, bounds: { cpuS: 4, bytes: 40 * MB },
}, async (arena) => {
  const batch = JSON.stringify(Array.from({ length: 64 }, (_, id) => JSON.parse(rpc(id, 'tools/call', { name: 'wait', arguments: { seconds: 3600 } }))));
  await many(600, 8, async () => {
    const ada = await open(arena, { version: '2025-03-26' });
    const line = await dial(arena);
    await line.send(requestOf('/mcp', batch, ada.headers));
    await sleep(5);
    line.close();
  });
  const { calls } = await arena.metrics();
  assert.ok(calls <= 8000, `${calls} calls run`);
});

attack('waiting calls without a session are bounded', { bounds: { cpuS: 3, bytes: 32 * MB } }, async (arena) => {
  const message = messageOf('tools/call', { name: 'wait', arguments: { seconds: 3600 } });
  const request = requestOf('/mcp', JSON.stringify(message), { ...headersOf(message), ...bearer('ada') });
  const lines = await many(1500, 16, async (i) => {
    const line = await dial(arena, { from: addressOf(i, 2) });
    await line.send(request);
    return line;
  });
  await sleep(500);
  const { calls } = await arena.metrics();
  for (const line of lines) line.close();
  assert.ok(calls <= 1010, `${calls} calls run`);
});

attack('the streams of POSTs count as the user\'s streams', { settings: { STREAMS_PER_USER_MAX: 4, ANSWER_GRACE_MS: 0 } }, async (arena) => {
  const ada = await open(arena);
  const body = rpc(1, 'tools/call', { name: 'wait', arguments: { seconds: 60 } });
  const lines = await many(20, 8, async () => {
    const line = await dial(arena);
    await line.send(requestOf('/mcp', body, ada.headers));
    return line;
  });
  await sleep(500);
  const { streams } = await arena.metrics();
  for (const line of lines) line.close();
  assert.ok(streams <= 4 + 1, `${streams} streams`);
});

attack('a body of 90,000 notifications makes few requests to an upstream', { make: good, bounds: { cpuS: 1.5, bytes: 64 * MB } }, async (arena) => {
  const ada = await open(arena, { version: '2025-03-26' });
  const before = await arena.begin();
  const { descriptors } = arena;
  let most = 0;
  const watch = setInterval(() => { most = Math.max(most, arena.descriptors); }, 10);
  const answer = await ada.post(`[${Array(90000).fill('{"jsonrpc":"2.0","method":"notifications/x"}').join()}]`);
  await sleep(1000);
  clearInterval(watch);
  const after = await arena.begin();
  const sent = (after['notifications/x'] ?? 0) - (before['notifications/x'] ?? 0);
  assert.ok(answer.status < 500, `HTTP ${answer.status}`);
  assert.ok(most - descriptors <= 80 && sent <= 400, `${sent} POSTs, ${most - descriptors} descriptors more`);
});

attack('notifications one by one are metered too', { make: good, bounds: { cpuS: 3, bytes: 32 * MB } }, async (arena) => {
  const ada = await open(arena);
  const agent = new http.Agent({ keepAlive: true, maxSockets: 16, localAddress: '127.0.0.2' });
  const { descriptors } = arena;
  let most = 0;
  const watch = setInterval(() => { most = Math.max(most, arena.descriptors); }, 10);
  const statuses = await many(3000, 16, async () =>
    (await ada.post({ jsonrpc: '2.0', method: 'notifications/roots/list_changed' }, { agent })).status);
  clearInterval(watch);
  agent.destroy();
  assert.ok(Object.keys(tally(statuses)).every((status) => status < 500), JSON.stringify(tally(statuses)));
  assert.ok(most - descriptors <= 120, `${most - descriptors} descriptors more`);
});

attack('one user who calls as fast as they can', { make: good, tool: 'u_write', args: {}, bounds: { cpuS: 3, bytes: 16 * MB } }, async (arena) => {
  const ada = await open(arena);
  const agent = new http.Agent({ keepAlive: true, maxSockets: 32, localAddress: '127.0.0.2' });
  const until = Date.now() + 2000 * scale;
  await many(1e6, 32, async () => Date.now() < until && ada.call('u_write', {}, { agent }));
  agent.destroy();
});

attack('what one user does wrong does not fill the log', { bounds: { cpuS: 2, logLines: 600 } }, async (arena) => {
  const ada = await open(arena, { version: '2025-03-26' });
  const calls = Array.from({ length: 50 }, (_, id) => JSON.parse(rpc(id, 'tools/call', { name: 'no_such' })));
  for (let i = 0; i < 20; i++) assert.equal((await ada.post(calls)).status, 200);
  return () => arena.mgw.line(/\[log\] ada@example\.com: \d+ lines were left out/);
});

attack('anybody without a token opens a bounded number of sessions', { settings: { AUTH_TOKENS_FILE: undefined, AUTH_ANONYMOUS: true, SESSIONS_MAX: 1000 }, bounds: { cpuS: 3, bytes: 24 * MB, logLines: 10000 } }, async (arena) => {
  // Where there are no users an address has the share: bob, at another one, keeps his session.
  const agent = new http.Agent({ keepAlive: true, maxSockets: 8, localAddress: '127.0.0.2' });
  await many(3000, 8, () => send(arena, { agent, headers: JSON_HEADERS, body: rpc(1, 'initialize', initializeParams()) }));
  agent.destroy();
});

attack('sessions of the oldest transport are shared out too', { settings: { STREAMS_PER_USER_MAX: 50 }, bounds: { cpuS: 2, bytes: 16 * MB } }, async (arena) => {
  const lines = await many(200, 8, async (i) => {
    const line = await dial(arena, { from: addressOf(i, 2) });
    await line.send(headOf('GET', '/sse', { accept: 'text/event-stream', ...bearer('ada') }));
    return line;
  });
  await waitFor(() => lines.every((line) => line.status()), 'an answer to each');
  const { streams } = await arena.metrics();
  for (const line of lines) line.close();
  assert.ok(streams <= 51, `${streams} streams`);
});
