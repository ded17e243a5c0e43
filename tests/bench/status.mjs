// What the status page costs mgw while somebody looks, and while nobody does: the figures of docs/status.md, "What it costs".
//
//   MGW_BIN_RELEASE=build/mgw tests/e2e/node_modules/.bin/node tests/bench/status.mjs 9000
//
// A stream needs a descriptor here, and two in HAProxy.

import net from 'node:net';
import { once } from 'node:events';
import { asOperator, startGateway } from '../e2e/lib/gateway.mjs';
import { openSession, openStream } from '../e2e/lib/stream.mjs';
import { cpuOf, sleep } from './lib/system.mjs';

const n = Number(process.argv[2] ?? 9000);
const SECONDS = 20;

const wide = '1000000';
const gateway = await startGateway({
  release: true,
  settings: { STREAMS_PER_USER_MAX: wide, SESSIONS_PER_USER_MAX: wide, CALLS_PER_USER_S: wide, KEEPALIVE_S: 1000 },
  haproxy: { MGW_ADDRESS_STREAMS: wide, MGW_ADDRESS_REQUESTS: wide, MGW_ADDRESS_CONNECTIONS: wide },
});

async function listen() {
  const { id } = await openSession(gateway.url);
  const socket = net.connect(gateway.httpPort, '127.0.0.1');
  await once(socket, 'connect');
  socket.write(`GET /mcp HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\nMcp-Session-Id: ${id}\r\n\r\n`);
  await once(socket, 'data');
  socket.on('data', () => {});
}

/** CPU of mgw in these seconds, in ms. */
async function cost() {
  const before = cpuOf(gateway.mgw.pid);
  await sleep(SECONDS * 1000);
  return (cpuOf(gateway.mgw.pid) - before) * 1000;
}

for (let i = 0; i < n / 20; i++) await Promise.all(Array.from({ length: 20 }, listen));
const unseen = await cost();
const watch = await openStream(`${gateway.stats}/status/events`, { headers: asOperator });
const seen = await cost();
const snapshots = watch.events.filter(({ name }) => name === 'snapshot');
const [kB, ms] = [Math.max(...snapshots.map(({ data }) => data.length)) / 1000, (seen - unseen) / (snapshots.length - 1)];
console.log(`${n} streams, ${SECONDS} s: ${snapshots.length - 1} snapshots of ${kB.toFixed(0)} kB, ${ms.toFixed(2)} ms of CPU each; ${unseen.toFixed(1)} ms where nobody looks`);
process.exit(0);
