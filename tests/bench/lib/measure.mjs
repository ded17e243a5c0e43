// What is measured of one server behind HAProxy. Each function starts the chain anew.

import { cpuOf, descriptorsOf, memoryOf, sleep, startChain } from './system.mjs';
import { asOperator, waitFor } from '../../e2e/lib/gateway.mjs';
import { openSession, rpc } from '../../e2e/lib/stream.mjs';

export const SETTLE_MS = 1500;

/** Runs a command of the load generator and says what CPU it cost server and HAProxy, in seconds. */
export async function costOf(chain, command) {
  const before = chain.cpu();
  const result = await chain.load.run(command);
  const after = chain.cpu();
  return { ...result, server_s: after.server - before.server, haproxy_s: after.haproxy - before.haproxy };
}

/** Code and tables are in memory, the heap is still small: a warm heap would hide the first thousands of streams. */
async function warmUp(chain, kind) {
  const descriptors = descriptorsOf(chain.server.pid);
  await chain.load.run(`open 100 ${kind}`);
  await chain.load.run('close');
  await streamsGone(chain, descriptors);
}

async function streamsGone(chain, descriptors) {
  // A server that runs programs has some for the first.
  await waitFor(() => descriptorsOf(chain.server.pid) <= descriptors + 8, `${chain.name} to let its streams go`, 60000);
}

/** Keep-alives over some intervals: the server's CPU for a million of them. */
async function keepAlives(chain, seconds) {
  await sleep(SETTLE_MS);
  const { comments, server_s, haproxy_s } = await costOf(chain, `count ${seconds}`);
  if (comments === 0) return {};
  return { cpu_s_per_million: (server_s / comments) * 1e6, haproxy_s_per_million: (haproxy_s / comments) * 1e6 };
}

/** Memory, keep-alive and opening of n idle streams, and what is left of them when they have gone. */
export async function measureIdle(spec, { n, kind, dir, seconds }) {
  const chain = await startChain(await spec(1), dir);
  const { pid } = chain.server;
  await warmUp(chain, kind);
  await sleep(SETTLE_MS);
  const before = { memory: memoryOf(pid), descriptors: descriptorsOf(pid) };
  const half = Math.floor(n / 2);
  const opening = await costOf(chain, `open ${half} ${kind}`);
  const atHalf = await keepAlives(chain, seconds);
  await chain.load.run(`open ${n - half} ${kind}`);
  const atFull = await keepAlives(chain, seconds);
  const memory = (memoryOf(pid) - before.memory) / n;
  await chain.load.run('close');
  await streamsGone(chain, before.descriptors);
  await sleep(2 * SETTLE_MS);
  const cpu = cpuOf(pid);
  await sleep(2000);
  const result = {
    memory_bytes: memory,
    opening_us: ((opening.server_s + opening.haproxy_s) / half) * 1e6,
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
  const chain = await startChain(await spec(60), dir);
  await warmUp(chain, kind);
  await sleep(SETTLE_MS);
  const before = memoryOf(chain.server.pid);
  await chain.load.run(`open ${n} ${kind}`);
  await sleep(SETTLE_MS);
  const memory = (memoryOf(chain.server.pid) - before) / n;
  await chain.stop();
  return memory;
}

const ROUNDS = 5;

/**
 * The same to one chain after the other, five times over, and the best figures of each: what else the machine does
 * meets all of them alike, and can only make figures worse. measure: (chain) => figures. Answers [figures of each chain].
 */
export async function byTurns(chains, measure, rounds = ROUNDS) {
  const runs = chains.map(() => []);
  for (let i = 0; i < rounds; i++) {
    for (const [at, chain] of chains.entries()) runs[at].push(await measure(chain));
  }
  return runs.map((of) => Object.fromEntries(Object.keys(of[0]).map((key) => {
    const values = of.map((run) => run[key]);
    return [key, key.endsWith('_per_s') ? Math.max(...values) : Math.min(...values)];
  })));
}

const commandByTurns = (chains, command, rounds) => byTurns(chains, (chain) => chain.load.run(command), rounds);

/** What a stream more costs server and HAProxy. */
async function openSome(chain, n) {
  const { server_s, haproxy_s } = await costOf(chain, `open ${n} sse`);
  return { both_us: ((server_s + haproxy_s) / n) * 1e6, server_us: (server_s / n) * 1e6 };
}

/** Starts the chains of all specs, without keep-alives in the way, and stops them after work(chains). */
export async function together(specs, dir, work) {
  const chains = [];
  try {
    for (const spec of specs) chains.push(await startChain(await spec(1000), dir));
    return await work(chains);
  } finally {
    for (const chain of chains) await chain.stop();
  }
}

const runAll = async (chains, command) => {
  for (const chain of chains) await chain.load.run(command);
};

/** [{ calls_1, calls_16, calls_64 with 100 streams idle; opening; with n streams: calls_16_idle, one, all }] */
export function measureBusy(specs, { n, dir }) {
  return together(specs, dir, async (chains) => {
    const figures = {};
    await runAll(chains, 'open 100 sse');
    await runAll(chains, 'calls echo 16 1');
    for (const clients of [1, 64]) figures[`calls_${clients}`] = await commandByTurns(chains, `calls echo ${clients} 1`);
    figures.opening = await byTurns(chains, (chain) => openSome(chain, (n - 100) / ROUNDS));
    await sleep(SETTLE_MS);
    await together(specs, dir, async (fresh) => {
      await runAll(fresh, 'open 100 sse');
      const calls = await commandByTurns([...fresh, ...chains], 'calls echo 16 1');
      figures.calls_16 = calls.slice(0, fresh.length);
      figures.calls_16_idle = calls.slice(fresh.length);
    });
    await runAll(chains, 'push one 200 20');
    figures.one = await commandByTurns(chains, 'push one 1000 20');
    figures.all = await commandByTurns(chains, 'push all 1 20', 3 * ROUNDS);
    return chains.map((_, at) => Object.fromEntries(Object.entries(figures).map(([key, of]) => [key, of[at]])));
  });
}

/** That buffers on the way had room for everything would prove nothing. Only mgw counts this. */
async function mustHaveOverflowed(chain) {
  const metrics = await fetch(`${chain.adminUrl}/metrics`, { headers: asOperator }).then((r) => r.text());
  if (/^mgw_streams_overflowed_total 0$/m.test(metrics)) throw new Error(`${chain.name}: the client that stopped reading was not felt`);
}

/** [{ reading, stalled }]: the delays of what a hundred clients get, while all read and while one does not. */
export function measureStalled(specs, { dir }) {
  return together(specs, dir, async (chains) => {
    await runAll(chains, 'open 100 sse');
    await runAll(chains, 'push all 100 8000');
    const reading = await commandByTurns(chains, 'push all 200 8000');
    await runAll(chains, 'stall');
    const stalled = await commandByTurns(chains, 'push all 200 8000');
    for (const chain of chains) await mustHaveOverflowed(chain);
    return chains.map((_, at) => ({ reading: reading[at], stalled: stalled[at] }));
  });
}

/** Calls of so many clients at once: { calls_per_s, p50_us, p99_us; CPU a call: server_us, haproxy_us }. */
export async function callsOf(chain, tool, clients = 16) {
  const { calls, server_s, haproxy_s, calls_per_s, p50_us, p99_us } = await costOf(chain, `calls ${tool} ${clients} 1`);
  const us = (seconds) => (seconds / calls) * 1e6;
  return { calls_per_s, p50_us, p99_us, server_us: us(server_s), haproxy_us: us(haproxy_s) };
}

/** [{ calls_per_s, ... }] of 16 clients at once, to an upstream or answered by the server itself. */
export function measureCalls(specs, { dir, tool }) {
  return together(specs, dir, async (chains) => {
    await runAll(chains, `calls ${tool} 16 1`);
    return byTurns(chains, (chain) => callsOf(chain, tool));
  });
}

/** CPU of mgw for all pages of tools/list: { first_ms, again_ms: the same client, other_ms: another, for whom the server is asked again }. */
export async function measureLists(spec, { dir }) {
  const chain = await startChain(await spec(1000), dir);
  const url = `http://127.0.0.1:${chain.httpPort}`;
  const listAll = async ({ headers }) => {
    const before = chain.cpu().server;
    for (let cursor, no = 0; no === 0 || cursor !== undefined; no++) {
      const answer = await fetch(`${url}/mcp`, { method: 'POST', headers, body: rpc(no, 'tools/list', { cursor }) });
      cursor = (await answer.json()).result.nextCursor;
    }
    return (chain.cpu().server - before) * 1000;
  };
  const session = await openSession(url);
  const first_ms = await listAll(session);
  let again_ms = Infinity, other_ms = Infinity;
  for (let i = 0; i < 2 * ROUNDS; i++) {
    again_ms = Math.min(again_ms, await listAll(session));
    other_ms = Math.min(other_ms, await listAll(await openSession(url)));
  }
  await chain.stop();
  return { first_ms, again_ms, other_ms };
}

/** [{ p50_us, p99_us }] of pushes to one of n streams. */
export function measurePushes(specs, { n, dir }) {
  return together(specs, dir, async (chains) => {
    await runAll(chains, `open ${n} sse`);
    await runAll(chains, 'push one 200 20');
    return commandByTurns(chains, 'push one 1000 20');
  });
}
