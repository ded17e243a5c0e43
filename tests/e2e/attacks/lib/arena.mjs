// Where attacks are made: a gateway (the release build) behind HAProxy, with two users. Ada attacks from the test's own process and
// by hostile programs beside it; bob, a program of its own, goes on calling, and must hardly notice.
//
// An attack is bounded in what it costs mgw, CPU and bytes, and in how long bob waits: his p99 is at most three times
// what it was in the quiet second before, but for noise. What is noise shows the control: bob calls a second gateway
// too, by turns, which nobody attacks. It suffers the same machine, so its p99 counts where that is worse than the quiet one.

import { after, test } from 'node:test';
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { asOperator, Program, startGateway } from '../../lib/gateway.mjs';
import { ask } from '../../lib/raw.mjs';
import { cpuOf, descriptorsOf, forgetPeak, peakOf, residentOf } from './process.mjs';

export const MB = 1024 * 1024;
export const here = import.meta.dirname;
const QUIET_MS = 1000;
/** How many times as much of what takes time or comes in numbers: 1 in the suite, more in `./dev soak`. */
export const scale = Number(process.env.MGW_ATTACK_SCALE ?? 1);
const TIMES_QUIET = 3;
// A few milliseconds times three are still less than what a busy machine of two cores takes now and then for a turn
// of its own, with the attacker on it too. A standstill that a person would notice is longer.
const SLACK_MS = 200;

export const tokenOf = (user) => `mgw_${user}_0123456789abcdef`;
export const bearer = (user) => ({ authorization: `Bearer ${tokenOf(user)}` });

const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'mgw-attacks-'));
process.on('exit', () => fs.rmSync(scratch, { recursive: true, force: true }));

export function writeTokens(file, users, extra = {}) {
  const entry = (user) => ({
    email: `${user}@example.com`, sha256: createHash('sha256').update(tokenOf(user)).digest('hex'), ...extra[user],
  });
  fs.writeFileSync(file, JSON.stringify({ users: users.map(entry) }), { mode: 0o600 });
}

let nFiles = 0;

function tokensFile(users, extra) {
  const file = path.join(scratch, `tokens${++nFiles}.json`);
  writeTokens(file, users, extra);
  return file;
}

let control;
after(() => control?.then((gateway) => gateway.stop()));
/** The gateway that nobody attacks: one for all tests of a file. */
const theControl = () => control ??= startGateway({ release: true, settings: { AUTH_TOKENS_FILE: tokensFile(['bob']) } });

export class Arena {
  static async start({ users = ['ada', 'bob'], extra, settings = {}, tool = 'echo', args = { message: 'hi' }, everyMs = 10, isAsan, begin, ...more } = {}) {
    const arena = new this();
    arena.tokens = tokensFile(users, extra);
    // A setting that is undefined is left out.
    const all = Object.entries({ AUTH_TOKENS_FILE: arena.tokens, DRAIN_S: 1, ...settings }).filter(([, value]) => value !== undefined);
    arena.gateway = await startGateway({ release: !isAsan, ...more, settings: Object.fromEntries(all) });
    const { gateway } = arena;
    Object.assign(arena, { url: gateway.url, stats: gateway.stats, mgw: gateway.mgw, pid: gateway.mgw.pid, begin, bobs: { tool, args, everyMs } });
    return arena;
  }

  async startBob() {
    const gateways = { bob: this.url, control: (await theControl()).url };
    const [file, told] = [path.join(here, 'bob.mjs'), { ...this.bobs, gateways, token: tokenOf('bob'), address: '127.0.0.9' }];
    // What bob calls must be there in both.
    if (told.tool !== 'echo') delete gateways.control;
    this.bob = new Program('bob', process.execPath, [file, JSON.stringify(told)], { stdio: ['ignore', 'pipe', 'pipe', 'ipc'] });
    await Promise.race([once(this.bob.child, 'message'), this.bob.exited.then(() => { throw new Error(`bob ended:\n${this.bob.tail()}`); })]);
  }

  /** What bob and the control have waited since the last report. */
  async report() {
    const answer = once(this.bob.child, 'message');
    this.bob.child.send('report');
    return (await Promise.race([answer, sleep(60000, undefined, { ref: false }).then(() => { throw new Error('bob waits for his answer for a minute'); })]))[0];
  }

  get cpu() { return cpuOf(this.pid); }
  get resident() { return residentOf(this.pid); }
  get descriptors() { return descriptorsOf(this.pid); }

  /** { name: value } of /metrics, mgw_ left out. */
  async metrics() {
    const { body } = await ask(this.stats, '/metrics', { headers: asOperator });
    return Object.fromEntries([...body.matchAll(/^mgw_(\S+) (\d+)$/gm)].map(([, name, value]) => [name, Number(value)]));
  }

  /** The figures of what act() costs: CPU seconds, bytes at the peak over those before, and what bob waits meanwhile. */
  async measure(act) {
    await this.report(); // what the start of both has cost bob is not in it
    await sleep(QUIET_MS);
    const quiet = await this.report();
    forgetPeak(this.pid);
    const [cpu, resident, lines] = [this.cpu, this.resident, this.mgw.lines.length];
    await act();
    assert.equal(this.mgw.exit, undefined, `mgw must live:\n${this.mgw.tail()}`);
    const loud = await this.report();
    return { cpuS: this.cpu - cpu, bytes: peakOf(this.pid) - resident, logLines: this.mgw.lines.length - lines, quiet, loud };
  }

  async stop() {
    await this.bob?.stop('SIGKILL');
    await this.gateway.stop();
  }
}

/** A hostile server as a program of its own: { url, begin(), counts(), stop }; begin() starts what it does of itself. */
export async function startHostile(t, mode, seconds = 4) {
  const program = new Program('hostile', process.execPath, [path.join(here, 'hostile_server.mjs'), mode, String(seconds)], { stdio: ['ignore', 'pipe', 'pipe', 'ipc'] });
  const told = () => Promise.race([once(program.child, 'message'), program.exited.then(() => { throw new Error(`the hostile server ended:\n${program.tail()}`); })]);
  const tell = async (what) => {
    const answer = told();
    program.child.send(what);
    return (await answer)[0];
  };
  t.after(() => program.stop('SIGKILL'));
  const [{ port }] = await told();
  return { url: `http://127.0.0.1:${port}/mcp`, begin: () => tell('begin'), counts: async () => (await tell('counts')).counts, pid: program.pid };
}

/** An entry of mcpServers: a hostile program over stdio. */
export const hostileChild = (mode, ...args) => ({ command: process.execPath, args: [path.join(here, 'hostile_child.mjs'), mode, ...args.map(String)] });

/** The longest p99 that bob may have. */
export const allowed = ({ quiet, loud }) =>
  TIMES_QUIET * Math.max(quiet.bob.p99, loud.control?.p99 ?? 0) + SLACK_MS;

const ms = (value) => `${value.toFixed(1)} ms`;

export function show(figures) {
  const { cpuS, bytes, logLines, quiet, loud } = figures;
  return `CPU ${cpuS.toFixed(2)} s, ${(bytes / MB).toFixed(1)} MB, ${logLines} log lines; bob p99 ${ms(quiet.bob.p99)} quiet, ` +
    `${ms(loud.bob.p99)} attacked (at most ${ms(loud.bob.most)}, ${loud.bob.n} calls); control p99 ${loud.control ? ms(loud.control.p99) : '-'}; allowed ${ms(allowed(figures))}`;
}

/** bounds: { cpuS, bytes, logLines }; each has a default that fits most. */
export function assertBounds(figures, { cpuS = 1, bytes = 32 * MB, logLines = 500 } = {}) {
  const text = show(figures);
  assert.deepEqual(figures.loud.bob.errors, [], `bob must be answered: ${figures.loud.bob.n_errors} errors; ${text}`);
  assert.ok(figures.cpuS <= cpuS, `CPU over ${cpuS} s: ${text}`);
  assert.ok(figures.bytes <= bytes, `over ${bytes / MB} MB: ${text}`);
  assert.ok(figures.logLines <= logLines, `over ${logLines} log lines: ${text}`);
  assert.ok(figures.loud.bob.p99 <= allowed(figures), `bob waits: ${text}`);
}

/**
 * A test: act(arena, t) attacks, within the bounds. What it returns, a function, is called behind the measured part. options: those of
 * Arena.start; make: (t) => more of them, such as the configuration for a server started there; bounds.
 */
export function attack(title, { bounds, timeout = 60000, ...options }, act) {
  test(title, { timeout: timeout * scale }, async (t) => {
    const { make, ...plain } = options;
    const arena = await Arena.start({ ...plain, ...(make && await make(t)) });
    try {
      await arena.startBob();
      let then;
      const figures = await arena.measure(async () => { then = await act(arena, t); });
      t.diagnostic(show(figures));
      assertBounds(figures, bounds);
      await then?.();
    } finally {
      await arena.stop();
    }
  });
}
