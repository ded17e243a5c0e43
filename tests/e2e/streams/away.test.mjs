// A client that goes away, in whatever manner, is noticed, logged with its duration, and all that it held is freed.

import { after, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import { asOperator, Program, startGateway, waitFor } from '../lib/gateway.mjs';
import { openStream } from '../lib/stream.mjs';

const request = 'GET /sse HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n';

/** A client that is a bare socket: resolves when the stream's first event is there. */
async function openSocket(port, host = '127.0.0.1') {
  const socket = net.connect(port, host);
  socket.on('error', () => {});
  socket.write(request);
  await waitFor(async () => {
    const [data] = await once(socket, 'data');
    return String(data).includes('sessionId');
  }, 'the endpoint event');
  return socket;
}

const gone = (mgw, from) => mgw.line(/\[MCP\] Client disconnected: \S+ \(anonymous\) after \d+s$/, { from });

describe('going away', () => {
  let gateway;
  before(async () => { gateway = await startGateway({ settings: { KEEPALIVE_S: 1 } }); });
  after(() => gateway.stop());

  test('a client that closes is noticed at once', async () => {
    const from = gateway.mgw.lines.length;
    const stream = await openStream(`${gateway.url}/sse`);
    await stream.event((e) => e.name === 'endpoint');
    stream.close();
    await gone(gateway.mgw, from);
  });

  test('a client that resets is noticed at once', async () => {
    const from = gateway.mgw.lines.length;
    const socket = await openSocket(gateway.httpPort);
    socket.resetAndDestroy();
    await gone(gateway.mgw, from);
  });

  test('a client that shuts only its sending side is noticed', async () => {
    const from = gateway.mgw.lines.length;
    const socket = await openSocket(gateway.httpPort);
    socket.end();
    await gone(gateway.mgw, from);
    socket.destroy();
  });
});

// A host that vanishes: no FIN, no RST. Only bytes that nobody acknowledges tell of it.
test('a half-open client is noticed when its keep-alives are not acknowledged', { timeout: 60000 }, async () => {
  const ns = `mgw-${process.pid}`;
  const [here, there] = [`mgwh${process.pid}`, `mgwt${process.pid}`];
  const ip = (...args) => execFileSync('ip', args, { stdio: 'pipe' });
  const [server, client] = [1, 2].map((n) => `169.254.${1 + process.pid % 250}.${n}`);
  ip('netns', 'add', ns);
  let gateway, program;
  try {
    ip('link', 'add', here, 'type', 'veth', 'peer', 'name', there, 'netns', ns);
    ip('addr', 'add', `${server}/30`, 'dev', here);
    ip('link', 'set', here, 'up');
    ip('-n', ns, 'addr', 'add', `${client}/30`, 'dev', there);
    ip('-n', ns, 'link', 'set', there, 'up');
    gateway = await startGateway({
      settings: { KEEPALIVE_S: 0.5, AUTH_ANONYMOUS: 'true' }, haproxy: { MGW_HTTP_BIND: server, MGW_CLIENT_LOST: '2s' }, host: server,
    });
    program = new Program('curl', 'ip', ['netns', 'exec', ns, 'curl', '-sN', `http://${server}:${gateway.httpPort}/sse`]);
    await program.line(/sessionId/);
    ip('-n', ns, 'link', 'set', there, 'down');
    await gone(gateway.mgw, 0);
    assert.equal(program.exit, undefined, 'the client itself has not left');
  } finally {
    await program?.stop('SIGKILL');
    await gateway?.stop();
    // The namespace, and with it the link and its address, lives on for minutes, as long as the dead socket of curl.
    ip('link', 'del', here);
    ip('netns', 'del', ns);
  }
});

const rssKb = (pid) => Number(/VmRSS:\s+(\d+)/.exec(fs.readFileSync(`/proc/${pid}/status`, 'utf8'))[1]);
const descriptors = (pid) => fs.readdirSync(`/proc/${pid}/fd`).length;

test('after 2,000 streams memory and descriptors are back where they were', { timeout: 120000 }, async () => {
  const gateway = await startGateway({
    release: true, haproxy: { MGW_ADDRESS_STREAMS: 100000, MGW_ADDRESS_REQUESTS: 1000000, MGW_ADDRESS_CONNECTIONS: 100000 },
  });
  const { mgw } = gateway;
  const comeAndGo = async (n) => {
    for (let opened = 0; opened < n; opened += 200) {
      const sockets = await Promise.all(Array.from({ length: 200 }, () => openSocket(gateway.httpPort)));
      for (const socket of sockets) socket.destroy();
    }
    await waitFor(async () => (await (await fetch(`${gateway.stats}/health`, { headers: asOperator })).json()).streams === 0, 'all streams to be gone');
  };
  await comeAndGo(400); // a heap has its working size only after some use
  const before = { rss: rssKb(mgw.pid), descriptors: descriptors(mgw.pid) };
  await comeAndGo(2000);
  await waitFor(() => descriptors(mgw.pid) <= before.descriptors + 1, 'the descriptors to be back');
  const grown = rssKb(mgw.pid) - before.rss;
  assert.ok(grown <= 512, `memory has grown by ${grown} kB`);
  const health = await (await fetch(`${gateway.stats}/health`, { headers: asOperator })).json();
  assert.deepEqual([health.streams, health.sessions], [0, 0]);
  await gateway.stop();
});
