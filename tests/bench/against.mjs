// ./dev bench --against COMMIT: what mgw of this checkout costs, as times of what mgw of COMMIT costs. Both run at once and twice,
// each behind a HAProxy of its own on the same core, and are measured one right after the other, many times over: the median of
// the rounds' ratios stands in the table. What else the machine does meets both alike; where in memory a process came to lie
// costs one up to 15 % more than the same program elsewhere, and so each is there twice, the other's two between them.

import fs from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';

import { top } from '../e2e/lib/gateway.mjs';
import { SETTLE_MS, costOf, measureMemory } from './lib/measure.mjs';
import { markdown, number } from './lib/page.mjs';
import { mgwBinary, mostStreams, sleep, startChain, startUpstream } from './lib/system.mjs';

const WORSE = 1.05;
// As many calls as a user may have running where there is no limit yet.
const FOR_ALL = { MGW_CALLS_PER_USER_MAX: 60000 };

const { values: options } = parseArgs({ options: { mgw: { type: 'string' }, rounds: { type: 'string', default: '9' }, streams: { type: 'string', default: '4500' } } });
const dir = path.join(top, 'build-bench', 'run');
fs.rmSync(dir, { recursive: true, force: true });
fs.mkdirSync(dir, { recursive: true });

const binaries = [options.mgw, mgwBinary];
const rounds = Number(options.rounds);
const n = Math.min(Number(options.streams), mostStreams());
const spec = (binary, keepalive, args = []) => ({ name: 'mgw', command: () => [binary, ...args], env: { ...FOR_ALL, MGW_KEEPALIVE_S: String(keepalive) } });

async function both(keepalive, args, work) {
  const chains = [];
  try {
    for (const which of [0, 1, 1, 0]) chains.push({ which, ...(await startChain(spec(binaries[which], keepalive, args), dir)) });
    return await work(chains);
  } finally {
    for (const chain of chains) await chain.stop();
  }
}

const median = (values) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)];
const rows = [];

/** measure: (chain) => figures, of which `take` names those that go into rows: [what, unit, digits, key]. */
async function pairs(chains, measure, take) {
  const [before, now] = [[], []];
  const meanOf = (figures) => Object.fromEntries(Object.keys(figures[0]).map((key) => [key, figures.reduce((sum, f) => sum + f[key], 0) / figures.length]));
  for (let i = 0; i < rounds; i++) {
    const round = [[], []];
    for (const chain of chains) round[chain.which].push(await measure(chain));
    before.push(meanOf(round[0]));
    now.push(meanOf(round[1]));
  }
  for (const [what, unit, digits, key] of take) {
    const ratios = before.map((was, i) => (key.endsWith('_per_s') ? was[key] / now[i][key] : now[i][key] / was[key]));
    add(what, unit, digits, median(before.map((f) => f[key])), median(now.map((f) => f[key])), median(ratios));
  }
}

function add(what, unit, digits, was, is, ratio) {
  rows.push([what, `${number(was, digits)} ${unit}`, `${number(is, digits)} ${unit}`, number(ratio, 2), ratio > WORSE ? 'WORSE' : '']);
  console.log(rows.at(-1).join('  '));
}

for (const kind of ['sse', 'mcp']) {
  const [was, is] = [await measureMemory(() => spec(binaries[0], 60), { n, kind, dir }), await measureMemory(() => spec(binaries[1], 60), { n, kind, dir })];
  add(`memory per idle stream with its session, /${kind}`, 'B', 0, was, is, is / was);
}

const openAll = async (chains, count, kind = 'sse') => {
  for (const chain of chains) await chain.load.run(`open ${count} ${kind}`);
  await sleep(SETTLE_MS);
};

await both(1, [], async (chains) => {
  for (const [opened, more] of [[Math.floor(n / 2), Math.floor(n / 2)], [n, n - Math.floor(n / 2)]]) {
    await openAll(chains, more);
    await pairs(chains, async (chain) => {
      const { comments, server_s } = await costOf(chain, 'count 2');
      return { cpu_s: (server_s / comments) * 1e6 };
    }, [[`keep-alive, CPU per million, ${opened} streams`, 's', 2, 'cpu_s']]);
  }
});

const calls = (tool, clients) => async (chain) => {
  const { calls_per_s, p50_us, p99_us, server_s, calls: made } = await costOf(chain, `calls ${tool} ${clients} 1`);
  return { calls_per_s, p50_us, p99_us, cpu_us: (server_s / made) * 1e6 };
};

await both(1000, [], async (chains) => {
  await openAll(chains, 100);
  await pairs(chains, calls('echo', 1), [['calls of `echo`, one at once, p50', 'us', 0, 'p50_us']]);
  for (const clients of [16, 64]) {
    await pairs(chains, calls('echo', clients), [[`calls of \`echo\`, ${clients} at once`, '/s', 0, 'calls_per_s'], ['the same: CPU of a call', 'us', 1, 'cpu_us']]);
  }
  await pairs(chains, async (chain) => {
    const { server_s, haproxy_s } = await costOf(chain, 'open 100 sse');
    return { both_us: ((server_s + haproxy_s) / 100) * 1e6 };
  }, [['opening a stream, CPU with HAProxy\'s', 'us', 1, 'both_us']]);
  await pairs(chains, (chain) => chain.load.run('push one 500 20'), [['push of one event, p50', 'us', 0, 'p50_us'], ['push of one event, p99', 'us', 0, 'p99_us']]);
  await pairs(chains, (chain) => chain.load.run('push all 2 20'), [[`broadcast to ${100 + 100 * rounds}, last arrival`, 'us', 0, 'last_p50_us']]);
});

const upstream = await startUpstream(dir);
const config = path.join(dir, 'relay.json');
fs.writeFileSync(config, JSON.stringify({ mcpServers: { up: { url: `http://127.0.0.1:${upstream.port}/mcp` } } }));
await both(1000, ['--config', config], (chains) => pairs(chains, calls('up_echo', 16),
  [['calls to an HTTP upstream, 16 at once', '/s', 0, 'calls_per_s'], ['the same: CPU of a call', 'us', 1, 'cpu_us']]));
await upstream.stop();

const worse = rows.filter((row) => row.at(-1));
console.log(`\n${markdown(['what', 'before', 'now', 'ratio', ''], rows)}\n\n${worse.length} rows are worse by more than 5 %`);
process.exit(worse.length ? 1 : 0);
