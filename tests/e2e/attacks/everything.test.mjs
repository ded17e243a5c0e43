// Everything at once that a user may do to fill the memory of mgw: it ends at the cap, others are served afterwards, and the
// memory comes back.

import { test } from 'node:test';
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { waitFor } from '../lib/gateway.mjs';
import { headersOf, messageOf } from '../lib/stateless.mjs';
import { rpc } from '../lib/stream.mjs';
import { Arena, MB, bearer, hostileChild } from './lib/arena.mjs';
import { addressOf, dial, headOf, many, open, requestOf } from './lib/ada.mjs';
import { forgetPeak, peakOf } from './lib/process.mjs';

const CAP = 256 * MB;
// What malloc keeps in pieces, code, and what one turn takes before it is charged.
const OVERHEAD = 64 * MB;
// Nearly as many values as a message may have: with more it is refused, and holds nothing.
const PAD = `[${Array(90000).fill('0').join()}]`;

/** Connections that hold as much as they can, none of which is read. */
async function misuse(arena, user, from, n) {
  const lines = [];
  const hold = async (request) => {
    const line = await dial(arena, { from, isReading: false });
    lines.push(line);
    line.send(request);
    await sleep(5);
  };
  const token = bearer(user);
  const session = await open(arena, { user, from });
  if (!session.id) return lines;
  for (let i = 0; i < n; i++) {
    await hold(requestOf('/mcp', rpc(i, 'tools/call', { name: 'echo', arguments: { message: 'm'.repeat(3000000) } }), session.headers));
    await hold(requestOf('/mcp', `{"jsonrpc":"2.0","id":${i + 1000},"method":"tools/call","params":{"name":"wait","arguments":{"seconds":15,"pad":${PAD}}}}`, session.headers));
    await hold(headOf('POST', '/mcp', session.headers, 4 * MB) + 'x'.repeat(3 * MB));
    await hold(headOf('GET', '/mcp', { ...session.headers, accept: 'text/event-stream' }));
    const listen = messageOf('subscriptions/listen', { notifications: { resourceSubscriptions: Array.from({ length: 500 }, (_, k) => `x:${i}/${k}/${'u'.repeat(500)}`) } });
    await hold(requestOf('/mcp', JSON.stringify(listen), { ...headersOf(listen), ...token }));
    await many(20, 4, () => open(arena, { user, from }));
  }
  return lines;
}

const served = ({ status, json }) => status === 200 && json?.result?.content?.[0].text === 'still here';

async function ends(t, users, n) {
  const arena = await Arena.start({
    users: [...users, 'bob', 'eve'], config: { mcpServers: { c: hostileChild('good') } },
    settings: { MEMORY_MAX_BYTES: CAP, MEMORY_PER_USER_MAX_BYTES: 64 * MB },
  });
  try {
    const before = arena.resident;
    forgetPeak(arena.pid);
    const lines = (await many(users.length, 10, (i) => misuse(arena, users[i], addressOf(i, 2), n))).flat();
    await sleep(2000);
    const peak = peakOf(arena.pid);
    t.diagnostic(`peak ${(peak / MB).toFixed(0)} MB, resident ${(arena.resident / MB).toFixed(0)} MB, before ${(before / MB).toFixed(0)} MB`);
    assert.equal(arena.mgw.exit, undefined, 'mgw must live');
    assert.ok(peak <= CAP + OVERHEAD, `${peak / MB} MB at the peak`);
    for (const line of lines) line.close();
    for (const user of ['bob', 'eve']) {
      await waitFor(async () => {
        const session = await open(arena, { user, from: '127.0.0.8' });
        return session.id && served(await session.call('echo', { message: 'still here' }));
      }, `${user} to be served`, 40000);
    }
    await waitFor(() => arena.resident < before + OVERHEAD, 'the memory to come back', 45000, new Set(), () => `${arena.resident / MB} MB`);
  } finally {
    await arena.stop();
  }
}

test('everything at once that a user may do stays below the cap on memory', { timeout: 120000 }, (t) => ends(t, ['ada'], 12));
test('everything at once that fifty users may do stays below the cap on memory', { timeout: 180000 }, (t) =>
  ends(t, Array.from({ length: 50 }, (_, i) => `user${i}`), 2));

test('while memory is short new work is refused, and idle sessions are given up', { timeout: 60000 }, async () => {
  const arena = await Arena.start({ settings: { MEMORY_MAX_BYTES: 48 * MB, MEMORY_PER_USER_MAX_BYTES: 47 * MB } });
  try {
    const idle = await open(arena, { user: 'bob', from: '127.0.0.8' });
    const session = await open(arena);
    const lines = [];
    for (let i = 0; i < 20; i++) {
      const line = await dial(arena);
      lines.push(line);
      line.send(headOf('POST', '/mcp', session.headers, 4 * MB) + 'x'.repeat(4 * MB - 1));
    }
    await arena.mgw.line(/memory: \d+ MB held: new work is refused \(memory_max_bytes\)/);
    await arena.mgw.line(/memory is short \(memory_max_bytes\): [12] idle sessions are ended/);
    assert.equal((await idle.call('echo', { message: 'x' })).status, 503);
    for (const line of lines) line.close();
    await arena.mgw.line(/new work is taken again/);
    assert.equal((await idle.call('echo', { message: 'x' })).status, 404);
    assert.ok(served(await (await open(arena, { user: 'bob' })).call('echo', { message: 'still here' })));
  } finally {
    await arena.stop();
  }
});
