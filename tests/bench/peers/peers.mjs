// Other gateways behind HAProxy, before the same stdio server, with fewer streams: most hold them in tens of kilobytes.

import path from 'node:path';

import { freePort, top } from '../../e2e/lib/gateway.mjs';
import { measureCalls, measureIdle, measurePushes } from '../lib/measure.mjs';
import { programs } from '../lib/system.mjs';

const STREAMS = 5000;
const node = path.join(top, 'tests/e2e/node_modules/.bin/node');
const bin = (name) => path.join(import.meta.dirname, 'node_modules/.bin', name);
const stdioServer = [path.join(programs, 'upstream'), '-'];

const peer = (name, command) => {
  const spec = async (keepalive) => {
    const port = await freePort();
    return { name, port, command: () => [node, ...command(String(port), String(keepalive))], haproxy: 'tests/bench/peers/haproxy.cfg' };
  };
  return spec;
};

const fastify = peer('fastify', (port, keepalive) => [path.join(import.meta.dirname, 'route.mjs'), port, keepalive]);
const mcpProxy = peer('mcp-proxy', (port) => [bin('mcp-proxy'), '--host', '127.0.0.1', '--port', port, '--', ...stdioServer]);
const supergateway = (...args) => peer('supergateway', (port) => [bin('supergateway'), '--port', port, '--logLevel', 'none',
  '--stdio', stdioServer.join(' '), ...args]);

/** { name: { streams, memory_bytes, opening_us, keepalive, push_p50_us, push_p99_us, calls_per_s } } */
export async function measurePeers({ dir, step }) {
  const results = {};
  const peers = {
    'a Fastify route': { idle: fastify, calls: fastify, pushes: fastify },
    'mcp-proxy': { idle: mcpProxy, calls: mcpProxy },
    supergateway: {
      idle: supergateway('--outputTransport', 'sse'),
      calls: supergateway('--outputTransport', 'streamableHttp', '--stateful'),
    },
  };
  for (const [name, { idle, calls, pushes }] of Object.entries(peers)) {
    step(name);
    const { memory_bytes, opening_us, keepalive } = await measureIdle(idle, { n: STREAMS, kind: 'sse', dir, seconds: 4 });
    const [{ calls_per_s }] = await measureCalls([calls], { dir, tool: 'echo' });
    const [push] = pushes ? await measurePushes([pushes], { n: STREAMS, dir }) : [{}];
    results[name] = {
      streams: STREAMS, memory_bytes, opening_us, keepalive, calls_per_s, push_p50_us: push.p50_us, push_p99_us: push.p99_us,
    };
  }
  return results;
}
