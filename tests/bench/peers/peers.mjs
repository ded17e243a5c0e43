// ./dev bench --peers: mgw beside other gateways, each behind the same HAProxy with TLS, before the same servers. Prints the
// second table of docs/performance.md.

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';

import { top, waitFor } from '../../e2e/lib/gateway.mjs';
import { byTurns, callsOf, measureIdle, measureMemory, measurePushes, together } from '../lib/measure.mjs';
import { putInto } from '../lib/page.mjs';
import { startChain, startUpstream } from '../lib/system.mjs';
import { initialize, list, watch } from './client.mjs';
import { MANY, gateways } from './gateways.mjs';
import { text } from './report.mjs';

const { values: options } = parseArgs({ options: { peers: { type: 'boolean' }, 'write-docs': { type: 'boolean', default: false } } });

const STREAMS = 5000;
const WATCH_S = 65;
const ROUNDS = 5;
const KINDS = ['http', 'shared', 'own'];

const out = path.join(top, 'build-bench');
const dir = path.join(out, 'run-peers');
fs.rmSync(dir, { recursive: true, force: true });
fs.mkdirSync(dir, { recursive: true });
const started = Date.now();
const step = (what) => console.log(`[${((Date.now() - started) / 1000).toFixed(0).padStart(3)} s] ${what}`);

const upstream = await startUpstream(dir);
const all = gateways(dir, upstream);
const results = { cores: os.cpus().length, load_before: os.loadavg()[0], streams: STREAMS, tools: MANY, watch_s: WATCH_S, gateways: {} };
for (const [name, { missing, isNone }] of Object.entries(all)) results.gateways[name] = { missing, isNone, calls: {}, keepalives: {} };

/** [name, what startChain() takes, gateway] of those that have such a thing. */
const those = (kind) => Object.entries(all).filter(([, gateway]) => gateway[kind]).map(([name, gateway]) => [name, gateway[kind], gateway]);
const inTls = (spec) => async (keepalive) => ({ ...await spec(keepalive), tls: true });
const urlOf = (chain) => `https://127.0.0.1:${chain.tlsPort}`;
const nameOf = (gateway, tool) => gateway.tool?.(tool) ?? tool;

const middle = (values) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)];

/** { 1, 16, 64: what callsOf() says of so many clients }, of each gateway. */
async function measureCalls(kind) {
  const who = those(kind);
  await together(who.map(([, spec]) => inTls(spec)), dir, async (chains) => {
    const toolOf = (chain) => nameOf(who[chains.indexOf(chain)][2], 'echo');
    for (const clients of [1, 16, 64]) {
      for (const chain of chains) await callsOf(chain, toolOf(chain), clients);
      const figures = await byTurns(chains, (chain) => callsOf(chain, toolOf(chain), clients), ROUNDS);
      for (const [at, [name]] of who.entries()) (results.gateways[name].calls[kind] ??= {})[clients] = figures[at];
    }
  });
}

/** What each says of its own accord on its streams, by default, all of them at once. */
async function watchAll() {
  const watches = [];
  const add = (kind, whats) => {
    for (const [name, spec, gateway] of those(kind)) if (!gateway.isNone) watches.push({ name, spec, gateway, whats });
  };
  add('sse', ['/sse']);
  add('streamable', ['GET /mcp', 'POST /mcp']);
  const byDefault = (spec) => async () => {
    const { env, ...rest } = await inTls(spec)(0);
    return { ...rest, env: { ...env, MGW_KEEPALIVE_S: undefined } };
  };
  await together(watches.map(({ spec }) => byDefault(spec)), dir, (chains) => Promise.all(watches.flatMap(
    ({ name, gateway, whats }, at) => whats.map(async (what) => {
      const tool = nameOf(gateway, 'wait');
      results.gateways[name].keepalives[what] = await watch(urlOf(chains[at]), what, { tool, seconds: WATCH_S });
    }),
  )));
}

/** A gateway and HAProxy started, until a list has been answered. */
async function startMs(spec) {
  const from = performance.now();
  const chain = await startChain(await inTls(spec)(1000), dir);
  const session = await initialize(urlOf(chain));
  await waitFor(() => list(urlOf(chain), session).then(({ tools }) => tools > 0, () => false), `a list of ${chain.name}`);
  const ms = performance.now() - from;
  await chain.stop();
  return ms;
}

/** The first list of MANY tools that a gateway answers, and the next one of another session. */
async function listsMs(spec) {
  const chain = await startChain(await inTls(spec)(1000), dir);
  const lists = [];
  for (let i = 0; i < 2; i++) {
    const { tools, ms } = await list(urlOf(chain), await initialize(urlOf(chain)));
    if (tools < MANY) throw new Error(`${chain.name} lists ${tools} tools`);
    lists.push(ms);
  }
  await chain.stop();
  return lists;
}

/** Of each gateway that has this kind what measure() says, so many times over. */
async function inTurns(kind, measure) {
  const who = those(kind);
  const figures = who.map(() => []);
  for (let i = 0; i < ROUNDS; i++) for (const [at, [, spec]] of who.entries()) figures[at].push(await measure(spec));
  return who.map(([name], at) => [results.gateways[name], figures[at]]);
}

for (const kind of KINDS) {
  step(`calls by turns: ${kind}`);
  await measureCalls(kind);
}
step('start, by turns');
for (const [gateway, ms] of await inTurns('streamable', startMs)) gateway.start_ms = middle(ms);
step(`lists of ${MANY} tools, by turns`);
for (const [gateway, ms] of await inTurns('many', listsMs)) {
  gateway.lists_ms = { first: middle(ms.map(([first]) => first)), again: middle(ms.map(([, again]) => again)) };
}
for (const kind of ['mcp', 'sse']) {
  for (const [name, spec] of those(kind)) {
    step(`${name}: ${STREAMS} idle streams, /${kind}`);
    if (kind === 'sse') results.gateways[name].idle = await measureIdle(spec, { n: STREAMS, kind, dir, seconds: 4 });
    else results.gateways[name].memory_mcp = await measureMemory(spec, { n: STREAMS, kind, dir });
  }
}
step(`pushes by turns, ${STREAMS} idle streams`);
const pushes = await measurePushes(those('pushes').map(([, spec]) => spec), { n: STREAMS, dir });
for (const [at, [name]] of those('pushes').entries()) results.gateways[name].push = pushes[at];
step(`keep-alives, ${WATCH_S} s`);
await watchAll();
await upstream.stop();
results.load_after = os.loadavg()[0];

fs.writeFileSync(path.join(out, 'peers.json'), `${JSON.stringify(results, null, 2)}\n`);
console.log(`\n${text(results)}\n\nwritten: build-bench/peers.json (${((Date.now() - started) / 1000).toFixed(0)} s)`);
if (options['write-docs']) {
  putInto(path.join(top, 'docs/performance.md'), 'peers', text(results));
  console.log('written: docs/performance.md (its table of peers)');
}
process.exit(0);
