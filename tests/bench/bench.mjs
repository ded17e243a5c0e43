// ./dev bench: mgw beside a bare epoll program (the floor) and a thread-a-stream libfcgi server, each behind
// HAProxy in the repository's own configuration. Prints the table of docs/performance.md.

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';

import { top } from '../e2e/lib/gateway.mjs';
import { measureBusy, measureIdle, measureMemory, measureRelay, measureStalled } from './lib/measure.mjs';
import { printTable, writeDocs, writePlot } from './lib/report.mjs';
import { mgwBinary, mostStreams, programs, startUpstream } from './lib/system.mjs';

const { values: options } = parseArgs({
  options: {
    streams: { type: 'string', default: '9000' },
    seconds: { type: 'string', default: '8' },
    peers: { type: 'boolean', default: false },
    'write-docs': { type: 'boolean', default: false },
  },
});

const out = path.join(top, 'build-bench');
const dir = path.join(out, 'run');
fs.rmSync(dir, { recursive: true, force: true });
fs.mkdirSync(dir, { recursive: true });

const mgw = (env = {}, args = []) => (keepalive) => ({
  name: 'mgw', command: () => [mgwBinary, ...args], env: { MGW_KEEPALIVE_S: String(keepalive), ...env },
});
const baseline = (name) => (keepalive) => ({
  name, command: (socket) => [path.join(programs, name), socket, String(keepalive * 1000)],
});
const servers = { mgw: mgw(), floor: baseline('floor'), thread: baseline('thread') };

const n = Math.min(Number(options.streams), mostStreams());
const seconds = Number(options.seconds);
if (!(n >= 200) || !(seconds >= 1)) throw new Error('--streams must be 200 or more, --seconds 1 or more');
if (n < Number(options.streams)) {
  console.log(`HAProxy can hold ${n} streams here (ulimit -n), not ${options.streams}`);
}

const started = Date.now();
const step = (text) => console.log(`[${((Date.now() - started) / 1000).toFixed(0).padStart(3)} s] ${text}`);
const load = () => os.loadavg()[0];

const results = {
  streams: n,
  cores: os.availableParallelism(),
  load_before: load(),
  servers: {},
};
for (const [name, spec] of Object.entries(servers)) {
  step(`${name}: ${n} idle streams`);
  const idle = await measureIdle(spec, { n, kind: 'sse', dir, seconds });
  step(`${name}: calls and pushes`);
  const busy = await measureBusy(spec, { n, dir, seconds: 3 });
  step(`${name}: a client that does not read`);
  const stalled = await measureStalled(spec, { dir });
  results.servers[name] = { idle, busy, stalled };
}
step(`mgw and floor: ${n} streams of Streamable HTTP`);
for (const name of ['mgw', 'floor']) {
  results.servers[name].memory_b = await measureMemory(servers[name], { n, kind: 'mcp', dir });
}

step('mgw and floor: calls to an HTTP upstream');
const upstream = await startUpstream(dir);
const config = path.join(dir, 'relay.json');
fs.writeFileSync(config, JSON.stringify({ mcpServers: { up: { url: `http://127.0.0.1:${upstream.port}/mcp` } } }));
results.servers.mgw.relay = await measureRelay(mgw({}, ['--config', config]), { dir, tool: 'up_echo', seconds: 4 });
results.servers.floor.relay = await measureRelay(() => ({
  name: 'relay', command: (socket) => [path.join(programs, 'relay'), socket, String(upstream.port)],
}), { dir, tool: 'echo', seconds: 4 });
await upstream.stop();

if (options.peers) {
  const { measurePeers } = await import('./peers/peers.mjs');
  results.peers = await measurePeers({ dir, step });
}
results.load_after = load();
results.date = new Date().toISOString().slice(0, 10);

fs.writeFileSync(path.join(out, 'bench.json'), `${JSON.stringify(results, null, 2)}\n`);
console.log();
printTable(results);
writePlot(results, path.join(out, 'bench.svg'));
console.log(`\nwritten: build-bench/bench.json, build-bench/bench.svg (${((Date.now() - started) / 1000).toFixed(0)} s)`);
if (options['write-docs']) {
  writeDocs(results, path.join(top, 'docs'));
  console.log('written: docs/performance.md (its table), docs/performance.svg');
}
process.exit(0);
