// Subscriptions by the thousand: that they end is cheap, that a server is not flooded with their end, that they hold few bytes.

import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { FaultServer, answerTo, sendJson } from '../lib/fault_server.mjs';
import { waitFor } from '../lib/gateway.mjs';
import { headersOf, messageOf } from '../lib/stateless.mjs';
import { rpc } from '../lib/stream.mjs';
import { MB, attack, bearer, hostileChild, scale } from './lib/arena.mjs';
import { addressOf, dial, many, open, requestOf } from './lib/ada.mjs';

const withChild = { config: { mcpServers: { c: hostileChild('good') } }, settings: { STREAMS_PER_USER_MAX: 0 } };

/** Listens to resources of a server, without a session. */
async function listen(arena, resources, { from, more = {} } = {}) {
  const message = messageOf('subscriptions/listen', { notifications: { resourceSubscriptions: resources, ...more } });
  const line = await dial(arena, { from });
  await line.send(requestOf('/mcp', JSON.stringify(message), { ...headersOf(message), ...bearer('ada') }));
  return line;
}
const isHeard = (line) => line.head.includes('acknowledged') || line.isClosed || line.status() >= 400;
const heard = (lines) => waitFor(() => lines.every(isHeard), 'all to be acknowledged', 30000);
const namesOf = (k, n = 1000) => Array.from({ length: n }, (_, i) => `x:${k}/${i}`);
const noStreams = (arena) => waitFor(async () => (await arena.metrics()).streams === 0, 'no stream to be left', 30000);

attack('the end of listenings to 1,000 resources each is cheap', { ...withChild, bounds: { cpuS: 2.5 * scale, bytes: 64 * MB } }, async (arena) => {
  const lines = await many(20 * scale, 4, (k) => listen(arena, namesOf(k)));
  await heard(lines);
  const before = arena.cpu;
  for (const line of lines) line.close();
  await noStreams(arena);
  await sleep(500);
  assert.ok(arena.cpu - before < 1.2 * scale, `their end took ${arena.cpu - before} s of CPU`);
});

attack('the end of listenings to the same 1,000 resources is cheap', { ...withChild, bounds: { cpuS: 2.5 * scale, bytes: 64 * MB } }, async (arena) => {
  const lines = await many(20 * scale, 4, () => listen(arena, namesOf(0)));
  await heard(lines);
  const before = arena.cpu;
  for (const line of lines) line.close();
  await noStreams(arena);
  assert.ok(arena.cpu - before < 1.2 * scale, `their end took ${arena.cpu - before} s of CPU`);
});

attack('sessions with 500 subscriptions each, ended together, are cheap', { ...withChild, bounds: { cpuS: 4, bytes: 64 * MB } }, async (arena) => {
  const sessions = await many(5, 5, () => open(arena));
  for (const session of sessions) await many(500, 16, (i) => session.post(rpc(i, 'resources/subscribe', { uri: `x:${i}` })));
  await Promise.all(sessions.map((session) => session.post('', { method: 'DELETE', body: undefined })));
});

attack('a server is unsubscribed from a few resources at a time', {
  make: async (t) => {
    const server = await FaultServer.start();
    t.after(() => server.stop());
    const now = { n: 0, most: 0 };
    server.faults['resources/unsubscribe'] = async (req, res, msg) => {
      now.most = Math.max(now.most, ++now.n);
      await sleep(20);
      now.n--;
      sendJson(res, answerTo(msg, {}));
    };
    return { config: { mcpServers: { u: { url: server.url } } }, begin: () => ({ now, server }) };
  },
  bounds: { cpuS: 2, bytes: 32 * MB },
}, async (arena) => {
  const { now, server } = arena.begin();
  const line = await listen(arena, namesOf(0));
  await heard([line]);
  const { descriptors } = arena;
  line.close();
  let most = 0;
  await waitFor(() => {
    most = Math.max(most, arena.descriptors);
    return server.count('resources/unsubscribe') === server.count('resources/subscribe') && now.n === 0;
  }, 'the end of all subscriptions', 30000);
  assert.ok(now.most <= 32, `${now.most} at once`);
  assert.ok(most - descriptors <= 40, `${most - descriptors} descriptors more`);
});

attack('subscriptions to names of 4 MB are refused', { ...withChild, bounds: { cpuS: 2, bytes: 48 * MB } }, async (arena) => {
  const ada = await open(arena);
  for (let i = 0; i < 15; i++) await ada.post(rpc(i, 'resources/subscribe', { uri: `x:${i}/${'u'.repeat(4000000)}` }));
  const before = arena.resident;
  return () => assert.ok(before < 80 * MB, `${before / MB} MB are held`);
});

attack('subscriptions hold no more than a user\'s share', {
  ...withChild, settings: { MEMORY_PER_USER_MAX_BYTES: 32 * MB, STREAMS_PER_USER_MAX: 0 }, bounds: { cpuS: 4, bytes: 64 * MB, logLines: 2000 },
}, async (arena) => {
  // 1,000 names of 1 kB each a session.
  const lines = await many(60, 4, (k) => listen(arena, Array.from({ length: 1000 }, (_, i) => `x:${k}/${i}/${'u'.repeat(1000)}`), { from: addressOf(k) }));
  await heard(lines);
  for (const line of lines) line.close();
});

attack('a listening to 1,000 tasks is as cheap', { ...withChild, bounds: { cpuS: 2, bytes: 48 * MB } }, async (arena) => {
  const lines = await many(10, 4, (k) => listen(arena, [], { more: { taskSubscriptions: namesOf(k), taskIds: namesOf(k) } }));
  await heard(lines);
  for (const line of lines) line.close();
  await noStreams(arena);
});
