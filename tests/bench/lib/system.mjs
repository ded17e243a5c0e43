// Programs under measurement and what the kernel says of them. Servers and HAProxy share one core, the load
// generator (and an upstream) has the other.

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

import { adminSecret, Program, freePort, testCertificate, top, waitFor } from '../../e2e/lib/gateway.mjs';

export const programs = process.env.MGW_BENCH_DIR ?? path.join(top, 'build-bench/tests/bench');
export const mgwBinary = process.env.MGW_BIN ?? path.join(top, 'build/mgw');
export const [serverCore, loadCore] = ['0', '1'];

// What mgw allows one user, and HAProxy's configuration one address, for the sake of all: here one is everybody.
const shares = { MGW_STREAMS_PER_USER_MAX: 0, MGW_SESSIONS_PER_USER_MAX: 0, MGW_CALLS_PER_USER_MAX: 0, MGW_CALLS_PER_USER_S: 0, MGW_CHILDREN_PER_USER_MAX: 0 };
const limits = { MGW_ADDRESS_STREAMS: 1e6, MGW_ADDRESS_REQUESTS: 1e9, MGW_ADDRESS_CONNECTIONS: 1e6 };

/** Starts a program on a core, its output in a file of `dir`; one that is meek leaves the core to others. */
export function launch(name, core, [command, ...args], { dir, env = {}, stdio, isMeek }) {
  const log = fs.openSync(path.join(dir, `${name}.log`), 'a');
  const program = new Program(name, 'taskset', ['-c', core, ...(isMeek ? ['nice', '-n', '19'] : []), command, ...args], {
    env: { ...process.env, ...env }, stdio: stdio ?? ['ignore', log, log],
  });
  fs.closeSync(log);
  return program;
}

const read = (pid, file) => fs.readFileSync(`/proc/${pid}/${file}`, 'utf8');

/** Resident bytes of a process, counted page by page. */
export const memoryOf = (pid) => Number(/^Rss:\s+(\d+) kB$/m.exec(read(pid, 'smaps_rollup'))[1]) * 1024;

export const descriptorsOf = (pid) => fs.readdirSync(`/proc/${pid}/fd`).length;

/** Seconds on a core of a process and all its threads that live, as the scheduler counts them (in ns). */
export function cpuOf(pid) {
  let ns = 0;
  for (const thread of fs.readdirSync(`/proc/${pid}/task`)) {
    try {
      ns += Number(read(pid, `task/${thread}/schedstat`).split(' ')[0]);
    } catch (error) {
      if (error.code !== 'ENOENT' && error.code !== 'ESRCH') throw error; // the thread ended meanwhile
    }
  }
  return ns / 1e9;
}

/** The load generator: one command at a time, each answered by a line of JSON. */
export class Load {
  constructor(port, adminPort, dir, { isMeek, tls } = {}) {
    this.program = launch('load', loadCore, [path.join(programs, 'load'), port, adminPort, ...(tls ? ['tls'] : [])].map(String),
      { dir, env: { MGW_ADMIN_SECRET: adminSecret }, stdio: ['pipe', 'pipe', 'inherit'], isMeek });
  }

  async run(command) {
    const from = this.program.lines.length;
    this.program.child.stdin.write(`${command}\n`);
    return JSON.parse(await this.program.line(/^\{/, { from, timeoutMs: 180000 }));
  }
}

/**
 * One server behind HAProxy, with a client: { server, haproxy, load, adminUrl, stop }.
 * command: (socket) => what starts it. haproxy: { config, env } where it is not the repository's. isReady: (url) => a promise
 * of whether it serves; else /ready says it. tls: the client speaks it. hasShares: what mgw allows one user is what it allows by default.
 */
export async function startChain({ name, command, env = {}, haproxy = {}, isReady, tls, hasShares }, dir) {
  const run = fs.mkdtempSync(path.join(os.tmpdir(), 'mgw-bench-'));
  const socket = path.join(run, 'fcgi.sock');
  const [httpPort, adminPort] = [await freePort(), await freePort()];
  const tlsPort = tls && await freePort();
  const options = { dir, env: { ...(hasShares ? {} : shares), ...env, MGW_LISTEN: `unix:${socket}`, MGW_SOCKET_MODE: '0666', MGW_NODE: 'bench' } };
  const server = launch(name, serverCore, command(socket), options);
  // HAProxy's first check should find it.
  if (!haproxy.config) await waitFor(() => server.exit || fs.existsSync(socket), `${name} to listen (see ${dir})`);
  const proxy = launch('haproxy', serverCore, ['haproxy', '-f', haproxy.config ?? path.join(top, 'haproxy/haproxy.cfg')], {
    dir,
    env: {
      ...limits, MGW_SOCKET: socket, MGW_HTTP_PORT: httpPort, MGW_STATS_PORT: adminPort, MGW_ADMIN_SECRET: adminSecret, ...haproxy.env,
      ...(tls && { MGW_CERT: testCertificate().pem, MGW_TLS_PORT: tlsPort }),
    },
  });
  const url = `http://127.0.0.1:${httpPort}`;
  isReady ??= (at) => fetch(`${at}/ready`).then((r) => r.ok);
  await waitFor(() => {
    for (const program of [server, proxy]) {
      if (program.exit) throw new Error(`${program.name} ended: see ${dir}/${program.name}.log`);
    }
    return isReady(url).catch(() => false);
  }, `${name} to answer through HAProxy (see ${dir})`);
  const load = new Load(tlsPort || httpPort, adminPort, dir, { tls });
  return {
    name, server, haproxy: proxy, load, httpPort, tlsPort, adminPort, adminUrl: `http://127.0.0.1:${adminPort}`,
    cpu: () => ({ server: cpuOf(server.pid), haproxy: cpuOf(proxy.pid) }),
    async stop() {
      await load.program.stop('SIGKILL');
      await proxy.stop('SIGKILL');
      await server.stop('SIGKILL');
      fs.rmSync(run, { recursive: true, force: true });
    },
  };
}

/** The HTTP server that relays are measured to. */
export async function startUpstream(dir) {
  const port = await freePort();
  const program = launch('upstream', loadCore, [path.join(programs, 'upstream'), String(port)], { dir });
  await waitFor(() => fetch(`http://127.0.0.1:${port}/`).then(() => true, () => false), 'the upstream to listen');
  return { port, stop: () => program.stop('SIGKILL') };
}

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** The most streams that HAProxy can hold here, at two descriptors each, with some left for the rest. */
export function mostStreams() {
  const limit = /Max open files\s+\d+\s+(\d+|unlimited)/.exec(read('self', 'limits'))[1];
  return limit === 'unlimited' ? Infinity : Math.floor((Number(limit) - 1000) / 2 / 100) * 100;
}

