// How long mgw's turns get, and how long another user waits, while one user attacks: with thousands of streams idle
// and the limits that mgw has by default. Each user is somebody with a token.

import fs from 'node:fs';
import path from 'node:path';
import { createHash } from 'node:crypto';

import { asOperator } from '../../e2e/lib/gateway.mjs';
import { mgw } from './servers.mjs';
import { Load, sleep, startChain } from './system.mjs';

export const ATTACKS = ['texts', 'values', 'flood'];
const SECONDS = 3;
/** What one user may hold by default. */
const STREAMS_OF_ONE = 1000;
const CALL_EVERY_MS = 5;

const tokenOf = (user) => `mgw_${user}_0123456789abcdef`;

function writeTokens(file, users) {
  const entry = (user) => ({ email: `${user}@example.com`, sha256: createHash('sha256').update(tokenOf(user)).digest('hex') });
  fs.writeFileSync(file, JSON.stringify({ users: users.map(entry) }), { mode: 0o600 });
}

/** { buckets: [[seconds, turns of no more]], longest_s } */
async function turnsOf(chain) {
  const text = await fetch(`${chain.adminUrl}/metrics`, { headers: asOperator }).then((r) => r.text());
  const buckets = [...text.matchAll(/^mgw_turn_seconds_bucket\{le="(.+)"\} (\d+)$/gm)];
  return {
    buckets: buckets.map(([, le, count]) => [le === '+Inf' ? Infinity : Number(le), Number(count)]),
    longest_s: Number(/^mgw_turn_longest_seconds (\S+)$/m.exec(text)[1]),
  };
}

/** Turns between two looks: { n, over_ms: { bound: how many were longer } }. */
function turnsBetween(before, after) {
  const counts = after.buckets.map(([le, count], i) => [le, count - before.buckets[i][1]]);
  const n = counts.at(-1)[1];
  return { n, over_ms: Object.fromEntries(counts.slice(0, -1).map(([le, count]) => [le * 1000, n - count])) };
}

/** The longest of them in ms: exact where it is the longest since the start, or else the bound that it keeps. */
function longestBetween(before, after) {
  if (after.longest_s > before.longest_s) return after.longest_s * 1000;
  const total = after.buckets.at(-1)[1] - before.buckets.at(-1)[1];
  const [bound] = after.buckets.find(([, count], i) => count - before.buckets[i][1] === total);
  return Math.min(bound, before.longest_s) * 1000;
}

/** Bob calls at a pace that his limits allow, alone or beside an attack. */
async function observe(chain, act) {
  const before = await turnsOf(chain);
  const acting = act?.();
  const { p50_us, p99_us } = await chain.load.run(`calls echo 1 ${SECONDS} ${CALL_EVERY_MS}`);
  const attack = await acting;
  const after = await turnsOf(chain);
  return { p50_us, p99_us, longest_ms: longestBetween(before, after), turns: turnsBetween(before, after), ...(attack && { attack }) };
}

/** { streams, quiet, texts, values, flood }: what observe() sees of each, n streams of a crowd being idle. */
export async function measureAttacks({ n, dir, step }) {
  const crowd = Array.from({ length: Math.ceil(n / STREAMS_OF_ONE) }, (_, i) => `crowd${i}`);
  const tokens = path.join(dir, 'tokens.json');
  writeTokens(tokens, ['ada', 'bob', ...crowd]);
  const spec = mgw({ MGW_AUTH_TOKENS_FILE: tokens })(30);
  const chain = await startChain({ ...spec, hasShares: true }, dir);
  // Her program takes what bob's leaves of their core: how mgw shares out its time is in question, not how the kernel does.
  const ada = new Load(chain.httpPort, chain.adminPort, dir, { isMeek: true });
  try {
    await ada.run(`token ${tokenOf('ada')}`);
    for (const [i, user] of crowd.entries()) {
      await chain.load.run(`token ${tokenOf(user)}`);
      await chain.load.run(`open ${Math.min(STREAMS_OF_ONE, n - i * STREAMS_OF_ONE)} sse`);
    }
    await chain.load.run(`token ${tokenOf('bob')}`);
    await observe(chain);
    const results = { streams: n, quiet: await observe(chain) };
    for (const kind of ATTACKS) {
      step(`mgw: attacked by one user, ${kind}`);
      results[kind] = await observe(chain, () => ada.run(`attack ${kind} ${SECONDS + 1}`));
      await sleep(1000);
    }
    return results;
  } finally {
    await ada.program.stop('SIGKILL');
    await chain.stop();
  }
}
