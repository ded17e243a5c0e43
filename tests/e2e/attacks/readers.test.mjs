// Clients that do not read what they asked for, and names of theirs that are sent back to them again and again.

import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { FaultServer, answerTo, beginSse, event } from '../lib/fault_server.mjs';
import { waitFor } from '../lib/gateway.mjs';
import { headersOf, messageOf } from '../lib/stateless.mjs';
import { rpc } from '../lib/stream.mjs';
import { MB, attack, bearer, hostileChild } from './lib/arena.mjs';
import { addressOf, dial, headOf, many, open, requestOf } from './lib/ada.mjs';

const SHARE = { MEMORY_PER_USER_MAX_BYTES: 64 * MB, MEMORY_MAX_BYTES: 256 * MB };

attack('answers of 3.9 MB that nobody reads hold no more than a user\'s share', {
  settings: SHARE, bounds: { cpuS: 3, bytes: 110 * MB },
}, async (arena) => {
  const ada = await open(arena);
  const body = rpc(1, 'tools/call', { name: 'echo', arguments: { message: 'm'.repeat(3900000) } });
  const lines = await many(60, 2, async (i) => {
    const line = await dial(arena, { from: addressOf(i, 2), isReading: false });
    line.send(requestOf('/mcp', body, { ...ada.headers, accept: 'application/json' }));
    await sleep(30);
    return line;
  });
  await sleep(1500);
  for (const line of lines) line.close();
  return () => waitFor(async () => answersOf(await ada.call('echo', { message: 'x' })), 'ada herself to be served again', 10000);
});
const answersOf = ({ status, json }) => status === 200 && json?.result !== undefined;

attack('lists that nobody reads hold no more than a user\'s share', {
  make: async (t) => {
    const server = await FaultServer.start();
    t.after(() => server.stop());
    server.faults['tools/list'] = (req, res, msg) => res.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answerTo(msg, {
      tools: Array.from({ length: 3000 }, (_, i) => ({ name: `t${i}`, description: 'd'.repeat(250), inputSchema: { type: 'object' } })),
    })));
    return { config: { mcpServers: { u: { url: server.url } } } };
  },
  settings: SHARE, bounds: { cpuS: 4, bytes: 110 * MB },
}, async (arena) => {
  const ada = await open(arena);
  const lines = await many(100, 4, async (i) => {
    const line = await dial(arena, { from: addressOf(i, 2), isReading: false });
    await line.send(requestOf('/mcp', rpc(i, 'tools/list'), ada.headers));
    return line;
  });
  await sleep(2000);
  for (const line of lines) line.close();
});

attack('an id of 1 MB is refused', { bounds: { cpuS: 1, bytes: 24 * MB } }, async (arena) => {
  const ada = await open(arena);
  for (const id of ['i'.repeat(1000000), 'i'.repeat(1025)]) {
    const { status, body } = await ada.post(rpc(id, 'tools/call', { name: 'echo', arguments: { message: 'x' } }));
    assert.ok(/"error"/.test(body) && status < 500, `HTTP ${status} ${body.slice(0, 100)}`);
    assert.ok(body.length < 10000, 'the id is not sent back');
  }
  assert.ok(answersOf(await ada.post(rpc('i'.repeat(500), 'tools/call', { name: 'echo', arguments: { message: 'x' } }))), 'one of 500 bytes is fine');
});

attack('a progress token of 1 MB is not sent back with each progress', {
  make: async (t) => {
    const server = await FaultServer.start();
    t.after(() => server.stop());
    server.faults['tools/call'] = (req, res, msg) => {
      beginSse(res);
      for (let i = 0; i < 60; i++) res.write(event({ jsonrpc: '2.0', method: 'notifications/progress', params: { progressToken: msg.params._meta?.progressToken, progress: i } }));
      res.end(event(answerTo(msg, { content: [] })));
    };
    return { config: { mcpServers: { u: { url: server.url } } } };
  },
  bounds: { cpuS: 0.6, bytes: 32 * MB },
}, async (arena) => {
  const ada = await open(arena);
  const params = { name: 'u_write', arguments: {}, _meta: { progressToken: 'T'.repeat(1000000) } };
  const answers = await Promise.all([1, 2].map((id) => ada.post(rpc(id, 'tools/call', params))));
  for (const { status, body } of answers) assert.ok(status < 500 && body.length < 1100000, `HTTP ${status}, ${body.length} bytes`);
});

attack('listenings with an id of 1 MB are refused', { config: { mcpServers: { c: hostileChild('changed lists', 1) } }, bounds: { cpuS: 2.5, bytes: 48 * MB } }, async (arena) => {
  await open(arena);
  const lines = await many(10, 4, async (i) => {
    const message = messageOf('subscriptions/listen', { notifications: { toolsListChanged: true } }, { id: `${'T'.repeat(1000000)}${i}` });
    const line = await dial(arena, { from: addressOf(i, 3), isReading: false });
    await line.send(requestOf('/mcp', JSON.stringify(message), { ...headersOf(message), ...bearer('ada') }));
    return line;
  });
  await sleep(1500);
  for (const line of lines) line.close();
});

attack('streams that nobody reads hold no more than their queues', { config: { mcpServers: { c: hostileChild('notifications', 2) } }, settings: SHARE, bounds: { cpuS: 4, bytes: 110 * MB } }, async (arena) => {
  const ada = await open(arena);
  const lines = await many(20, 4, async (i) => {
    const line = await dial(arena, { from: addressOf(i, 3), isReading: false });
    await line.send(headOf('GET', '/mcp', { ...ada.headers, accept: 'text/event-stream' }));
    return line;
  });
  await sleep(2000);
  for (const line of lines) line.close();
});

attack('a channel that is resumed again and again is cheap', {
  make: async (t) => {
    const server = await FaultServer.start();
    t.after(() => server.stop());
    server.faults['tools/call'] = (req, res, msg) => {
      beginSse(res);
      for (let i = 0; i < 2000; i++) res.write(event({ jsonrpc: '2.0', method: 'notifications/progress', params: { progressToken: msg.params._meta?.progressToken, progress: i } }));
    };
    return { config: { mcpServers: { u: { url: server.url } } } };
  },
  bounds: { cpuS: 2, bytes: 32 * MB },
}, async (arena) => {
  const ada = await open(arena);
  const line = await dial(arena);
  await line.send(requestOf('/mcp', rpc(1, 'tools/call', { name: 'u_write', arguments: {}, _meta: { progressToken: 'p' } }), ada.headers));
  await sleep(1000);
  const head = headOf('GET', '/mcp', { ...ada.headers, accept: 'text/event-stream', 'Last-Event-ID': '3-1' });
  await many(300, 4, async () => {
    const resumed = await dial(arena);
    await resumed.send(head);
    await sleep(5);
    resumed.close();
  });
  line.close();
});
