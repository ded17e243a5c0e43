// What an idle stream costs HAProxy and mgw in memory, in the clear and with TLS: the figures of docs/operations/sizing.md.
//
//   MGW_BIN_RELEASE=build/mgw tests/e2e/node_modules/.bin/node tests/bench/sizing.mjs 3000
//
// Counted is what both grow by after a hundred streams have been there, when all have had a keep-alive. HAProxy needs two descriptors a stream.

import fs from 'node:fs';
import net from 'node:net';
import tls from 'node:tls';
import { once } from 'node:events';
import { startGateway, testCertificate, waitFor } from '../e2e/lib/gateway.mjs';

const n = Number(process.argv[2] ?? 3000);
const request = 'GET /sse HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n';

/** Of a process and its children, in bytes. */
function residentOf(pid) {
  const children = fs.readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter((child) => child.trim());
  return [pid, ...children].map((p) => Number(/^Rss:\s+(\d+)/m.exec(fs.readFileSync(`/proc/${p}/smaps_rollup`, 'utf8'))[1]))
    .reduce((sum, kb) => sum + kb * 1024, 0);
}

async function open(gateway, isTls) {
  const socket = isTls
    ? tls.connect({ port: gateway.tlsPort, host: '127.0.0.1', ca: testCertificate().ca, servername: 'localhost' })
    : net.connect(gateway.httpPort, '127.0.0.1');
  await once(socket, isTls ? 'secureConnect' : 'connect');
  socket.write(request);
  await once(socket, 'data');
  socket.on('data', () => {});
  return socket;
}

async function measure(isTls) {
  const wide = '1000000';
  const gateway = await startGateway({
    release: true,
    settings: { STREAMS_PER_USER_MAX: wide, SESSIONS_PER_USER_MAX: wide, KEEPALIVE_S: 5 },
    haproxy: { MGW_ADDRESS_STREAMS: wide, MGW_ADDRESS_REQUESTS: wide, MGW_ADDRESS_CONNECTIONS: wide },
  });
  const sockets = [];
  const keptAlive = async () => {
    const from = gateway.mgw.lines.length;
    await gateway.mgw.line(/keep-alive sent/, { from });
    await waitFor(() => gateway.mgw.count(/keep-alive sent/, from) >= 2, 'a whole round of keep-alives');
  };
  for (let i = 0; i < 100; i++) sockets.push(await open(gateway, isTls));
  await keptAlive();
  const before = { haproxy: residentOf(gateway.haproxy.child.pid), mgw: residentOf(gateway.mgw.child.pid) };
  for (let i = 0; i < n / 20; i++) sockets.push(...await Promise.all(Array.from({ length: 20 }, () => open(gateway, isTls))));
  await keptAlive();
  const of = (name) => Math.round((residentOf(gateway[name].child.pid) - before[name]) / n);
  console.log(`${n} streams, ${isTls ? 'TLS' : 'in the clear'}: HAProxy ${of('haproxy')} B a stream, mgw ${of('mgw')} B`);
  for (const socket of sockets) socket.destroy();
  await gateway.stop();
}

await measure(false);
await measure(true);
process.exit(0);
