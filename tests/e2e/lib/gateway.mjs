// Starts mgw behind the repository's own HAProxy configuration, on free ports, in a directory of its own; and
// ends all of it by process id. Every test file makes its gateways with startGateway() and stops them in after().

import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import assert from 'node:assert/strict';
import { judgeLists } from './listed.mjs';

export const top = path.resolve(import.meta.dirname, '../../..');

export const mgwSanitized = process.env.MGW_BIN ?? path.join(top, 'build-asan-gcc/mgw');
export const mgwRelease = process.env.MGW_BIN_RELEASE ?? path.join(top, 'build/mgw');

const sanitizers = {
  ASAN_OPTIONS: 'abort_on_error=1:detect_leaks=1',
  UBSAN_OPTIONS: 'halt_on_error=1:print_stacktrace=1',
};

// What lets in at HAProxy's inside port, and the header of who has it.
export const adminSecret = 'secret-of-the-tests-0123456789';
export const asOperator = { authorization: `Bearer ${adminSecret}` };

const givenPorts = new Set();

/** A port on loopback that was free a moment ago; never the same twice: clients keep connections to an address. */
export async function freePort() {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  if (givenPorts.has(port)) return freePort();
  givenPorts.add(port);
  return port;
}

// Whatever ends a test's process ends its children too.
const running = new Set();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});
for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, () => process.exit(1));

/** A child process whose output is kept line by line, and can be waited for. */
export class Program {
  lines = [];
  #waiters = new Set();

  constructor(name, command, args, options = {}) {
    this.name = name;
    this.child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options });
    running.add(this.child);
    this.child.once('exit', () => running.delete(this.child));
    // Not at 'exit': its last lines, such as a sanitizer's report, may still be on their way then.
    this.exited = once(this.child, 'close').then(([code, signal]) => {
      this.exit = { code, signal };
      for (const waiter of this.#waiters) waiter();
      return this.exit;
    });
    for (const stream of [this.child.stdout, this.child.stderr]) {
      let rest = '';
      const add = (lines) => {
        this.lines.push(...lines);
        for (const waiter of this.#waiters) waiter();
      };
      stream?.setEncoding('utf8').on('data', (text) => {
        const lines = (rest + text).split('\n');
        rest = lines.pop();
        add(lines);
      }).on('end', () => add(rest === '' ? [] : [rest]));
    }
  }

  get pid() {
    return this.child.pid;
  }

  /** The first line that matches, from line number `from` on; waits for it. */
  async line(pattern, { from = 0, timeoutMs = 20000 } = {}) {
    const find = () => this.lines.slice(from).find((line) => pattern.test(line));
    return waitFor(() => {
      const line = find();
      if (line === undefined && this.exit) {
        throw new Error(`${this.name} ended (${JSON.stringify(this.exit)}) without ${pattern}:\n${this.tail()}`);
      }
      return line;
    }, `${this.name} to print ${pattern}`, timeoutMs, this.#waiters, () => this.tail());
  }

  count(pattern, from = 0) {
    return this.lines.slice(from).filter((line) => pattern.test(line)).length;
  }

  tail(n = 30) {
    return this.lines.slice(-n).join('\n');
  }

  async stop(signal = 'SIGTERM', graceMs = 15000) {
    if (!this.exit) this.child.kill(signal);
    const timer = setTimeout(() => this.child.kill('SIGKILL'), graceMs);
    const exit = await this.exited;
    clearTimeout(timer);
    return exit;
  }
}

/** Waits until find() returns something truthy: looks when a waiter is called, and every 20 ms. */
export async function waitFor(find, what, timeoutMs = 20000, waiters = new Set(), detail = () => '') {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const found = await find();
    if (found) return found;
    if (Date.now() > deadline) throw new Error(`waited ${timeoutMs} ms in vain for ${what}\n${detail()}`);
    await new Promise((resolve) => {
      const timer = setTimeout(done, 20);
      function done() {
        clearTimeout(timer);
        waiters.delete(done);
        resolve();
      }
      waiters.add(done);
    });
  }
}

let certificate;

/** A self-signed certificate for localhost, made once a process. */
export function testCertificate() {
  if (certificate) return certificate;
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'mgw-cert-'));
  const [key, cert] = [path.join(dir, 'key.pem'), path.join(dir, 'cert.pem')];
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1',
    '-nodes', '-days', '2', '-keyout', key, '-out', cert, '-subj', '/CN=localhost',
    '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'], { stdio: 'ignore' });
  const pem = path.join(dir, 'localhost.pem');
  fs.writeFileSync(pem, fs.readFileSync(cert, 'utf8') + fs.readFileSync(key, 'utf8'));
  process.on('exit', () => fs.rmSync(dir, { recursive: true, force: true }));
  certificate = { pem, cert, ca: fs.readFileSync(cert, 'utf8') };
  return certificate;
}

/**
 * settings: mgw's, by their environment names without MGW_ ({ KEEPALIVE_S: 1 }).
 * config: the object for mgw's configuration file, or a function (it may be async) of its { tls, url, dir } that makes it, or where that file is; env: more of mgw's environment; haproxy: environment of haproxy.cfg; host: where its
 * plain listener is bound; wrap: (socket) => the command that starts mgw, where that is another; alone: mgw
 * without HAProxy; haproxyArgs: more arguments for HAProxy.
 */
export async function startGateway({
  settings = {}, config, haproxy = {}, release = false, bin, host = '127.0.0.1', wrap = () => [], alone = false, haproxyArgs = [],
  env: moreEnv = {},
} = {}) {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'mgw-e2e-'));
  const socket = path.join(dir, 'fcgi.sock');
  const [tlsPort, httpPort, statsPort] = [await freePort(), await freePort(), await freePort()];
  const args = [];
  if (typeof config === 'function') config = await config({ tls: `https://localhost:${tlsPort}`, url: `http://${host}:${httpPort}`, dir });
  if (typeof config === 'string') {
    args.push('--config', config);
  } else if (config) {
    fs.writeFileSync(path.join(dir, 'mgw.json'), JSON.stringify(config, null, 2));
    args.push('--config', path.join(dir, 'mgw.json'));
  }
  const env = { ...process.env, ...sanitizers, MGW_LISTEN: `unix:${socket}`, MGW_SOCKET_MODE: '0666', MGW_NODE: 'test', ...moreEnv };
  for (const [name, value] of Object.entries(settings)) env[`MGW_${name}`] = String(value);

  const startMgw = async (more = []) => {
    const [command, ...rest] = [...wrap(socket), bin ?? (release ? mgwRelease : mgwSanitized), ...args, ...more];
    const program = new Program('mgw', command, rest, { env });
    await program.line(/listening on/);
    return program;
  };
  const gateway = {
    dir, socket, tlsPort, httpPort, statsPort, env, startMgw,
    tls: `https://localhost:${tlsPort}`,
    url: `http://${host}:${httpPort}`,
    stats: `http://127.0.0.1:${statsPort}`,
    mgw: await startMgw(),
  };
  /** Another process takes over. Returns the one that goes. */
  gateway.replace = async () => {
    const old = gateway.mgw;
    gateway.mgw = await startMgw(['--replace']);
    return old;
  };
  if (!alone) {
    gateway.haproxy = new Program('haproxy', 'haproxy', [...haproxyArgs, '-f', path.join(top, 'haproxy/haproxy.cfg')], {
      env: {
        ...process.env, MGW_SOCKET: socket, MGW_TLS_PORT: tlsPort, MGW_HTTP_PORT: httpPort, MGW_STATS_PORT: statsPort,
        MGW_CERT: testCertificate().pem, MGW_ADMIN_SECRET: adminSecret, ...haproxy,
      },
    });
    await waitFor(() => fetch(`${gateway.url}/ready`).then((r) => r.ok, () => false), 'the gateway to be ready',
      20000, new Set(), () => gateway.haproxy.tail() + gateway.mgw.tail());
  }
  // What every gateway must show in its end: exit code 0 after a drain, and nothing from the sanitizers.
  const problemsOfLists = judgeLists(gateway.url, gateway.tls);
  gateway.stop = async () => {
    assert.deepEqual((await problemsOfLists()).slice(0, 3), [], 'every list must be as its client\'s revision wants it');
    const exit = await gateway.mgw.stop();
    await gateway.haproxy?.stop();
    fs.rmSync(dir, { recursive: true, force: true });
    assertClean(gateway.mgw);
    assert.deepEqual(exit, { code: 0, signal: null }, `mgw must end with 0:\n${gateway.mgw.tail()}`);
  };
  return gateway;
}

export function assertClean(mgw) {
  const report = mgw.lines.filter((line) => /AddressSanitizer|LeakSanitizer|runtime error:/.test(line));
  assert.deepEqual(report, [], `a sanitizer has reported:\n${mgw.tail(80)}`);
}

/**
 * An HAProxy in front of a port that cuts what is idle, as load balancers and CDNs do.
 * Returns { port, stop }.
 */
export async function startIdleProxy(name, targetPort, idleMs) {
  const port = await freePort();
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'mgw-proxy-'));
  const file = path.join(dir, 'proxy.cfg');
  // In TCP mode both timeouts count any byte, either way: what an idle timeout of a load balancer is.
  fs.writeFileSync(file, `
defaults
  mode tcp
  timeout connect 2s
  timeout client ${idleMs}ms
  timeout server ${idleMs}ms
frontend ${name}
  bind 127.0.0.1:${port}
  default_backend next
backend next
  server next 127.0.0.1:${targetPort}
`);
  const program = new Program(name, 'haproxy', ['-f', file]);
  await waitFor(() => new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1', () => resolve(true)).on('error', () => resolve(false));
    socket.on('connect', () => socket.destroy());
  }), `${name} to listen`);
  return {
    port,
    stop: async () => {
      await program.stop();
      fs.rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** @modelcontextprotocol/server-everything over 'streamableHttp' or 'sse'. Returns { url, port, program, stop }. */
export async function startEverything(port, transport = 'streamableHttp') {
  port ??= await freePort();
  const bin = path.join(top, 'tests/e2e/node_modules/.bin/mcp-server-everything');
  const node = path.join(top, 'tests/e2e/node_modules/.bin/node');
  const program = new Program('everything', node, [bin, transport], { env: { ...process.env, PORT: String(port) } });
  const url = `http://127.0.0.1:${port}/${transport === 'sse' ? 'sse' : 'mcp'}`;
  await waitFor(() => fetch(url, { method: 'POST' }).then(() => true, () => false), 'server-everything to answer');
  return { url, port, program, stop: () => program.stop('SIGKILL') };
}
