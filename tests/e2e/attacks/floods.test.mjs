// Upstreams that say more than anybody asked for, as fast as they can: over HTTP and over a pipe.

import { setTimeout as sleep } from 'node:timers/promises';
import { MB, attack, bearer, hostileChild, scale, startHostile } from './lib/arena.mjs';
import { dial, headOf, many, open, requestOf } from './lib/ada.mjs';
import { headersOf, messageOf } from '../lib/stateless.mjs';
import { rpc } from '../lib/stream.mjs';

const FLOOD_S = 1.5 * scale;

const upstreamOf = async (t, mode) => {
  const hostile = await startHostile(t, mode, FLOOD_S);
  return { config: { mcpServers: { u: { url: hostile.url } } }, begin: hostile.begin };
};

/** Ada hears the GET stream of the upstream, and calls its tool; whatever it answers. */
async function useIt(arena) {
  const ada = await open(arena, { capabilities: { sampling: {} } });
  const line = await dial(arena);
  await line.send(headOf('GET', '/mcp', { ...ada.headers, accept: 'text/event-stream' }));
  await sleep(100);
  await arena.begin();
  const message = { jsonrpc: '2.0', id: 5, method: 'tools/call', params: { name: 'u_write', arguments: {}, _meta: { progressToken: 'p' } } };
  const call = await dial(arena);
  await call.send(requestOf('/mcp', JSON.stringify(message), ada.headers));
  await sleep(FLOOD_S * 1000);
  call.close();
  line.close();
}

const ofHttp = [
  'questions on the GET stream', 'pings on the GET stream', 'notifications on the GET stream', 'changed lists on the GET stream',
  'changed lists in arrays on the GET stream', 'a line without end on the GET stream', 'comments on the GET stream', 'events behind an id of 8 MB', 'questions before the result', 'pings before the result',
  'progress before the result', 'a body without end after HTTP 500', 'a JSON body without end', 'heads without end',
  'informational answers without end', 'informational answers of long reasons', 'trailers without end', 'chunks of a byte',
  'chunks of long extensions', 'sessions that are never there',
];
for (const mode of ofHttp) {
  attack(`an HTTP upstream that sends ${mode}`, { make: (t) => upstreamOf(t, mode), bounds: { cpuS: FLOOD_S + 0.5, bytes: 80 * MB } }, useIt);
}

for (const mode of ['a cursor without end, pages of 2 MB', 'a cursor without end, small pages', '20,000 tools']) {
  attack(`an HTTP upstream that lists ${mode}`, { make: (t) => upstreamOf(t, mode), bounds: { cpuS: 3, bytes: 100 * MB } }, async (arena) => {
    await arena.begin();
    const ada = await open(arena);
    for (let i = 0; i < 3; i++) await ada.post(rpc(5, 'tools/list'));
  });
}

const ofPipe = [
  'stderr', 'stderr without a line end', 'short lines', 'notifications', 'changed lists', 'changed lists in arrays', 'changed resources', 'progress', 'answers that nobody waits for',
  'questions', 'pings', 'junk', 'empty lines', 'a line without end', 'questions, and never reads',
];
// A line may have 64 MB before it ends its child, of which ada has two: for her session, and for what she asks without one.
const heldBytes = (mode) => (mode === 'a line without end' ? 2 * 64 * MB + 16 * MB : 80 * MB);
for (const mode of ofPipe) {
  // Bob's session has a child too, which is as bad: only what is sent through ada's counts, so hers alone floods.
  const child = { ...hostileChild(mode, FLOOD_S), per_user: true, users: { 'ada@example.com': {} } };
  attack(`a stdio server that floods with ${mode}`, { config: { mcpServers: { c: child } }, bounds: { cpuS: FLOOD_S + 0.5, bytes: heldBytes(mode), logLines: 1000 } }, async (arena) => {
    const ada = await open(arena, { capabilities: { sampling: {} } });
    const line = await dial(arena);
    await line.send(headOf('GET', '/mcp', { ...ada.headers, accept: 'text/event-stream' }));
    const message = messageOf('subscriptions/listen', { notifications: { toolsListChanged: true, resourceSubscriptions: ['x:1'] } });
    const listener = await dial(arena);
    await listener.send(requestOf('/mcp', JSON.stringify(message), { ...headersOf(message), ...bearer('ada') }));
    await sleep(FLOOD_S * 1000);
    line.close();
    listener.close();
  });
}

attack('a program that floods all who share it with changed lists', {
  config: { mcpServers: { c: { ...hostileChild('changed lists', FLOOD_S + 2), scope: 'shared' } } }, bounds: { cpuS: FLOOD_S + 3, bytes: 80 * MB, logLines: 1000 },
}, async (arena) => {
  const lines = await many(100, 10, async () => {
    const ada = await open(arena);
    const line = await dial(arena);
    await line.send(headOf('GET', '/mcp', { ...ada.headers, accept: 'text/event-stream' }));
    return line;
  });
  await sleep(FLOOD_S * 1000);
  for (const line of lines) line.close();
});
