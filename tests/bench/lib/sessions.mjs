// What idle sessions cost whose upstreams are real ones: each session has an upstream session with every one. The servers
// are mgw alone: neither the floor nor a thread a stream has upstreams to hold.

import path from 'node:path';

import { SETTLE_MS, byTurns, callsOf, together } from './measure.mjs';
import { mgwWith } from './servers.mjs';
import { descriptorsOf, memoryOf, programs, sleep, startChain } from './system.mjs';

const FEW = 100;
/** Of these each has all upstreams to open: twenty upstream sessions each are enough in a thousand sessions. */
const MANY_LINKED = 1000;
/** As many programs as a machine bears that others use too; each is a process. */
const [FEW_PROGRAMS, MANY_PROGRAMS] = [10, 400];
/** An upstream's GET stream is left when its session has been idle for 2 s. */
const LEFT_MS = 2500;

const TOOL = 'up_echo';

/** CPU a call with few and with many sessions idle: { n: [few, many], us: [us of few, us of many] }. */
function growth(spec, dir, n, command) {
  return together([spec, spec], dir, async (chains) => {
    for (const [at, chain] of chains.entries()) await chain.load.run(command(n[at]));
    await sleep(LEFT_MS);
    for (const chain of chains) await callsOf(chain, TOOL);
    const calls = await byTurns(chains, (chain) => callsOf(chain, TOOL));
    return { n, us: calls.map(({ server_us }) => server_us) };
  });
}

/** Of each session: bytes, and descriptors of mgw. */
async function memory(spec, { n, dir, command, left_ms }) {
  const chain = await startChain(await spec(60), dir);
  const { pid } = chain.server;
  await chain.load.run(command(FEW));
  await chain.load.run('close');
  await sleep(left_ms + SETTLE_MS);
  const before = { memory: memoryOf(pid), descriptors: descriptorsOf(pid) };
  await chain.load.run(command(n));
  await sleep(left_ms + SETTLE_MS);
  const result = { bytes: (memoryOf(pid) - before.memory) / n, descriptors: (descriptorsOf(pid) - before.descriptors) / n };
  await chain.stop();
  return result;
}

/** n: sessions at most, of which each may have two descriptors in mgw. */
export async function measureSessions({ n, dir, upstream, step }) {
  const url = (at) => ({ url: `http://127.0.0.1:${upstream.port}/${at}` });
  const withServers = (name, servers) => mgwWith(dir, name, servers, { MGW_CHILDREN_MAX: String(2 * MANY_PROGRAMS) });
  const one = withServers('get', { up: url('get') });
  const silent = withServers('no_get', { up: url('mcp') });
  const twenty = withServers('twenty', Object.fromEntries(
    Array.from({ length: 20 }, (_, i) => [i === 0 ? 'up' : `up${i}`, url('get')]),
  ));
  const stdio = withServers('stdio', {
    up: url('mcp'), program: { command: path.join(programs, 'upstream'), args: ['-'] },
  });
  const idle = (count) => `sessions ${count} ${TOOL}`;
  const listening = (count) => `open ${count} mcp`;
  const results = {};

  step(`mgw: CPU a call to an HTTP upstream that offers GET, ${FEW} and ${n} sessions idle`);
  results.idle = await growth(one, dir, [FEW, n], idle);
  step('mgw: the same, their clients listening');
  results.listening = await growth(one, dir, [FEW, n], listening);
  const linked = Math.min(n, MANY_LINKED);
  step(`mgw: the same, 20 upstreams, ${FEW} and ${linked} sessions idle`);
  results.twenty = await growth(twenty, dir, [FEW, linked], idle);
  step(`mgw: the same, sessions with a program each, ${FEW_PROGRAMS} and ${MANY_PROGRAMS}`);
  results.stdio = await growth(stdio, dir, [FEW_PROGRAMS, MANY_PROGRAMS], idle);
  step('mgw: memory of such sessions');
  results.memory_idle = await memory(one, { n, dir, command: idle, left_ms: LEFT_MS });
  results.memory_silent = await memory(silent, { n, dir, command: idle, left_ms: 0 });
  results.memory_listening = await memory(one, { n, dir, command: listening, left_ms: 0 });
  if (results.memory_idle.descriptors > 0.1) throw new Error('idle sessions still hold streams at their upstream');
  return results;
}
