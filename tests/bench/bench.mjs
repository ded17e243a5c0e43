// ./dev bench: mgw beside a bare epoll program (the floor) and a thread-a-stream libfcgi server, each behind
// HAProxy in the repository's own configuration. Prints the table of docs/performance.md.

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';

import { top } from '../e2e/lib/gateway.mjs';
import { measureAttacks } from './lib/attack.mjs';
import { measureCallers } from './lib/callers.mjs';
import { measureBusy, measureIdle, measureMemory, measureCalls, measureLists, measureStalled } from './lib/measure.mjs';
import { measureObserved } from './lib/observed.mjs';
import { compare, printTable, writeDocs, writePlot } from './lib/report.mjs';
import { baseline, mgw, mgwWith, relay } from './lib/servers.mjs';
import { measureSessions } from './lib/sessions.mjs';
import { mostStreams, programs, startUpstream } from './lib/system.mjs';

const { values: options } = parseArgs({
  options: {
    streams: { type: 'string', default: '9000' },
    seconds: { type: 'string', default: '8' },
    'write-docs': { type: 'boolean', default: false },
    compare: { type: 'string' },
  },
});

if (os.availableParallelism() < 2) {
  console.error('bench: two cores are needed: one for HAProxy and the server, one for the client');
  process.exit(2);
}
// Read now: it may be the file that this run writes anew.
const before = options.compare && JSON.parse(fs.readFileSync(options.compare, 'utf8'));
const out = path.join(top, 'build-bench');
const dir = path.join(out, 'run');
fs.rmSync(dir, { recursive: true, force: true });
fs.mkdirSync(dir, { recursive: true });

const servers = { mgw: mgw(), floor: baseline('floor'), thread: baseline('thread') };

const [asked, seconds] = [Number(options.streams), Number(options.seconds)];
if (!(asked >= 200) || !(seconds >= 1)) {
  console.error('bench: --streams takes a number from 200 on, --seconds one from 1 on');
  process.exit(2);
}
// Whole hundreds: they are opened in five parts.
const n = Math.floor(Math.min(asked, mostStreams()) / 100) * 100;
if (n < asked) console.log(`measuring with ${n} streams, not ${asked}: whole hundreds, and two descriptors each (ulimit -n)`);

const started = Date.now();
const step = (text) => console.log(`[${((Date.now() - started) / 1000).toFixed(0).padStart(3)} s] ${text}`);

const results = {
  streams: n,
  cores: os.availableParallelism(),
  load_before: os.loadavg()[0],
  servers: {},
};
const names = Object.keys(servers);
for (const name of names) {
  step(`${name}: ${n} idle streams`);
  results.servers[name] = { idle: await measureIdle(servers[name], { n, kind: 'sse', dir, seconds }) };
}
for (const name of ['mgw', 'floor']) {
  step(`${name}: ${n} streams of Streamable HTTP`);
  results.servers[name].memory_b = await measureMemory(servers[name], { n, kind: 'mcp', dir });
}
step(`all by turns: calls and pushes, with 100 and ${n} streams idle`);
const busy = await measureBusy(Object.values(servers), { n, dir });
step('all by turns: a client that does not read');
const stalled = await measureStalled(Object.values(servers), { dir });
for (const [at, name] of names.entries()) Object.assign(results.servers[name], { busy: busy[at], stalled: stalled[at] });

step('mgw and floor by turns: calls to an HTTP upstream');
const upstream = await startUpstream(dir);
const toUpstream = mgwWith(dir, 'relay', { up: { url: `http://127.0.0.1:${upstream.port}/mcp` } });
const relayed = await measureCalls([toUpstream, relay(upstream)], { dir, tool: 'up_echo' });
results.servers.mgw.relay = relayed[0];
results.servers.floor.relay = relayed[1];
step('mgw: calls over stdio, with a program of their own and with one for all, and tools/list of 2,000 tools');
const withProgram = (name, entry, args = []) => mgwWith(dir, name, { up: { command: path.join(programs, 'upstream'), args: ['-', ...args], ...entry } });
const [own, shared] = await measureCalls([withProgram('own', {}), withProgram('shared', { scope: 'shared' })], { dir, tool: 'up_echo' });
results.servers.mgw.stdio = { own, shared };
results.servers.mgw.lists = await measureLists(withProgram('lists', { scope: 'shared' }, ['2000']), { dir });
// A client that listens has two descriptors in HAProxy, and two in mgw: its stream, and the one at the upstream.
const sessions = Math.min(n, 5000);
results.servers.mgw.sessions = await measureSessions({ n: sessions, dir, upstream, step });
await upstream.stop();

step('mgw: who calls, and what they may');
results.servers.mgw.callers = await measureCallers({ dir });

step('mgw: audit and traces');
results.servers.mgw.observed = await measureObserved({ dir });

step(`mgw: one user attacks, ${n} streams idle`);
results.servers.mgw.attack = await measureAttacks({ n, dir, step });

results.load_after = os.loadavg()[0];

fs.writeFileSync(path.join(out, 'bench.json'), `${JSON.stringify(results, null, 2)}\n`);
console.log();
printTable(results);
writePlot(results, path.join(out, 'bench.svg'));
console.log(`\nwritten: build-bench/bench.json, build-bench/bench.svg (${((Date.now() - started) / 1000).toFixed(0)} s)`);
if (options['write-docs']) {
  writeDocs(results, path.join(top, 'docs'));
  console.log('written: docs/performance.md (its table), docs/performance.svg');
}
if (before) {
  const { text, worse } = compare(before, results);
  console.log(`\n${text}\n\n${worse.length} rows are worse by more than 5 %${worse.length ? `: ${worse.join('; ')}` : ''}`);
  process.exit(worse.length ? 1 : 0);
}
process.exit(0);
