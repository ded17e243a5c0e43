// The gateways that stand beside mgw, as they come: nothing is set but ports, and the server before which they stand.

import fs from 'node:fs';
import path from 'node:path';

import { freePort, top } from '../../e2e/lib/gateway.mjs';
import { mgw, mgwWith, relay } from '../lib/servers.mjs';
import { loadCore, programs } from '../lib/system.mjs';
import { initialize } from './client.mjs';

const node = path.join(top, 'tests/e2e/node_modules/.bin/node');
const bin = (name) => path.join(import.meta.dirname, 'node_modules/.bin', name);
/** Where tools/test.sh found or put it. */
const tbxark = process.env.MGW_BENCH_TBXARK ?? '';

export const MANY = 2000;
/** A server over stdio. It is on the client's core, as the one over HTTP: what is measured is the gateway. */
const stdio = (...tools) => ({ command: 'taskset', args: ['-c', loadCore, path.join(programs, 'upstream'), '-', ...tools.map(String)] });
const words = ({ command, args }) => [command, ...args];

/** HAProxy as it stands before mgw, but for what it speaks to the server. */
function haproxyConfig(dir) {
  const file = path.join(dir, 'peers-haproxy.cfg');
  const [shared] = fs.readFileSync(path.join(top, 'haproxy/haproxy.cfg'), 'utf8').split(/^fcgi-app mgw$/m);
  fs.writeFileSync(file, shared + fs.readFileSync(path.join(import.meta.dirname, 'backend.cfg'), 'utf8'));
  return file;
}

async function streams(url) {
  const response = await fetch(`${url}/sse`);
  await response.body.cancel();
  return response.ok;
}

/** A gateway that speaks HTTP: (keepalive) => what startChain() takes. mcpPath: where it has /mcp; isReady: (url) => whether it serves. */
const overHttp = (dir, name, command, { mcpPath = '/mcp', isReady = (url) => initialize(url).then(() => true) } = {}) => async (keepalive) => {
  const port = String(await freePort());
  const haproxy = { config: haproxyConfig(dir), env: { BENCH_SERVER_PORT: port, BENCH_PATH: mcpPath } };
  return { name, command: () => command(port, String(keepalive)), haproxy, isReady };
};

function ofMgw(dir, url) {
  const before = (name, server, env) => mgwWith(dir, `mgw-${name}`, { up: server }, env);
  const shared = before('shared', { ...stdio(), scope: 'shared' });
  return {
    tool: (name) => `up_${name}`,
    http: before('http', { url }), shared, own: before('own', stdio(), { MGW_CHILDREN_MAX: '400' }),
    streamable: shared, sse: shared, mcp: shared, many: before('many', { ...stdio(MANY), scope: 'shared' }), pushes: mgw(),
  };
}

function ofTbxark(dir, url) {
  const before = (name, server) => overHttp(dir, `tbxark-${name}`, (port) => {
    const file = path.join(dir, `tbxark-${name}.json`);
    const mcpProxy = { baseURL: `http://127.0.0.1:${port}`, addr: `127.0.0.1:${port}`, name: 'peer', version: '1', type: 'streamable-http' };
    fs.writeFileSync(file, JSON.stringify({ mcpProxy, mcpServers: { up: server } }));
    return [tbxark, '--config', file];
  }, { mcpPath: '/up/' });
  const shared = before('shared', stdio());
  return { http: before('http', { url, transportType: 'streamable-http' }), shared, streamable: shared, mcp: shared, many: before('many', stdio(MANY)) };
}

function ofMcpProxy(dir) {
  const before = (name, server) => overHttp(dir, `mcp-proxy-${name}`,
    (port) => [node, bin('mcp-proxy'), '--host', '127.0.0.1', '--port', port, '--', ...words(server)]);
  const shared = before('shared', stdio());
  return { shared, streamable: shared, sse: shared, mcp: shared, many: before('many', stdio(MANY)) };
}

function ofSupergateway(dir) {
  const before = (name, server, args, options) => overHttp(dir, `supergateway-${name}`,
    (port) => [node, bin('supergateway'), '--port', port, '--logLevel', 'none', '--stdio', words(server).join(' '), ...args], options);
  const stateful = ['--outputTransport', 'streamableHttp', '--stateful'];
  const own = before('own', stdio(), stateful);
  return {
    own, streamable: own, sse: before('sse', stdio(), ['--outputTransport', 'sse'], { isReady: streams }),
    many: before('many', stdio(MANY), stateful),
  };
}

/**
 * { name: gateway }. What startChain() takes of each, where it can be so: before a server over HTTP (`http`), before a program
 * for all sessions (`shared`) or for each (`own`); to start and to watch on /mcp (`streamable`); with thousands of streams on /sse (`sse`)
 * and /mcp (`mcp`); with MANY tools (`many`); with `pushes` of its own. tool: (name) => how that tool is called there; missing:
 * why nothing of it can be measured; isNone: it is no gateway, and nobody's goal.
 */
export function gateways(dir, upstream) {
  const url = `http://127.0.0.1:${upstream.port}/mcp`;
  const route = overHttp(dir, 'fastify', (port, keepalive) => [node, path.join(import.meta.dirname, 'route.mjs'), port, keepalive], { isReady: streams });
  return {
    mgw: ofMgw(dir, url),
    'TBXark/mcp-proxy': tbxark ? ofTbxark(dir, url) : { missing: 'not to be had here' },
    'mcp-proxy (npm)': ofMcpProxy(dir),
    'supergateway (npm)': ofSupergateway(dir),
    'relay (floor)': { isNone: true, http: relay(upstream) },
    'a Fastify route': { isNone: true, sse: route, pushes: route },
  };
}
