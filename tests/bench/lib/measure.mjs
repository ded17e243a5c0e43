// What is measured of one server behind HAProxy. Each function starts the chain anew.

import { cpuOf, descriptorsOf, memoryOf, sleep, startChain } from './system.mjs';
import { waitFor } from '../../e2e/lib/gateway.mjs';

const SETTLE_MS = 1500;

/** Runs a command of the load generator and says what CPU it cost server and HAProxy, in seconds. */
async function costOf(chain, command) {
  const before = chain.cpu();
  const result = await chain.load.run(command);
  const after = chain.cpu();
  return { ...result, server_s: after.server - before.server, haproxy_s: after.haproxy - before.haproxy };
}

/** Code and tables are in memory, the heap is still small: a warm heap would hide the first thousands of streams. */
async function warmUp(chain, kind) {
  const descriptors = descriptorsOf(chain.server.pid);
  await chain.load.run(`open 100 ${kind}`);
  await chain.load.run('push one 100 20').catch(() => {});
  await chain.load.run('close');
  await streamsGone(chain, descriptors);
}

async function streamsGone(chain, descriptors) {
  await waitFor(() => descriptorsOf(chain.server.pid) <= descriptors + 2, `${chain.name} to let its streams go`, 60000);
}

/** Keep-alives over some intervals: the server's CPU for a million of them. */
async function keepAlives(chain, seconds) {
  await sleep(SETTLE_MS);
  const { comments, server_s, haproxy_s } = await costOf(chain, `count ${seconds}`);
  if (comments === 0) throw new Error(`${chain.name} sent no keep-alive in ${seconds} s`);
  return { comments, cpu_s_per_million: (server_s / comments) * 1e6, haproxy_s_per_million: (haproxy_s / comments) * 1e6 };
}

/** Memory, opening and keep-alive of n idle streams, and what is left of them when they have gone. */
export async function measureIdle(spec, { n, kind, dir, seconds }) {
  const chain = await startChain(spec(1), dir);
  const { pid } = chain.server;
  await warmUp(chain, kind);
  await sleep(SETTLE_MS);
  const before = { memory: memoryOf(pid), descriptors: descriptorsOf(pid) };
  const half = Math.floor(n / 2);
  const opened = [await costOf(chain, `open ${half} ${kind}`)];
  const atHalf = await keepAlives(chain, seconds);
  opened.push(await costOf(chain, `open ${n - half} ${kind}`));
  const atFull = await keepAlives(chain, seconds);
  const memory = (memoryOf(pid) - before.memory) / n;
  await chain.load.run('close');
  await streamsGone(chain, before.descriptors);
  await sleep(2 * SETTLE_MS);
  const cpu = cpuOf(pid);
  await sleep(2000);
  const result = {
    memory_bytes: memory,
    opening_us: (opened.reduce((sum, o) => sum + o.server_s + o.haproxy_s, 0) / n) * 1e6,
    opening_server_us: (opened.reduce((sum, o) => sum + o.server_s, 0) / n) * 1e6,
    keepalive_half: atHalf.cpu_s_per_million,
    keepalive: atFull.cpu_s_per_million,
    keepalive_haproxy: atFull.haproxy_s_per_million,
    left: {
      memory_bytes: memoryOf(pid) - before.memory,
      descriptors: descriptorsOf(pid) - before.descriptors,
      cpu_percent: ((cpuOf(pid) - cpu) / 2) * 100,
    },
  };
  await chain.stop();
  return result;
}

/** Memory alone. */
export async function measureMemory(spec, { n, kind, dir }) {
  const chain = await startChain(spec(60), dir);
  await warmUp(chain, kind);
  await sleep(SETTLE_MS);
  const before = memoryOf(chain.server.pid);
  await chain.load.run(`open ${n} ${kind}`);
  await sleep(SETTLE_MS);
  const memory = (memoryOf(chain.server.pid) - before) / n;
  await chain.stop();
  return memory;
}

/** Calls and pushes with 100 streams idle, and with n. */
export async function measureBusy(spec, { n, dir, seconds }) {
  const chain = await startChain(spec(60), dir);
  const { load } = chain;
  await warmUp(chain, 'sse');
  const calls = (clients) => load.run(`calls echo ${clients} ${seconds}`);
  await load.run('open 100 sse');
  const few = { calls_1: await calls(1), calls_16: await calls(16), calls_64: await calls(64) };
  await load.run(`open ${n - 100} sse`);
  await sleep(SETTLE_MS);
  const many = { calls_16: await calls(16) };
  await load.run('push one 200 20');
  const one = await load.run('push one 3000 20');
  const all = await load.run('push all 15 20');
  await chain.stop();
  return { few, many, one, all };
}

/** The delays of what a hundred clients get, while all read and while one does not. */
export async function measureStalled(spec, { dir }) {
  const chain = await startChain(spec(60), dir);
  await chain.load.run('open 100 sse');
  await chain.load.run('push all 200 8000');
  const reading = await chain.load.run('push all 1500 8000');
  await chain.load.run('stall');
  const stalled = await chain.load.run('push all 1500 8000');
  const metrics = await fetch(`${chain.adminUrl}/metrics`).then((r) => (r.ok ? r.text() : ''));
  await chain.stop();
  return { reading, stalled, overflowed: Number(/^mgw_streams_overflowed_total (\d+)/m.exec(metrics)?.[1] ?? NaN) };
}

/** Calls that go on to an upstream. */
export async function measureRelay(spec, { dir, tool, seconds }) {
  const chain = await startChain(spec(60), dir);
  await chain.load.run(`calls ${tool} 16 1`);
  const result = await chain.load.run(`calls ${tool} 16 ${seconds}`);
  await chain.stop();
  return result;
}
