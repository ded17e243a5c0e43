// A client of the matrix whose SDK is in another language: a program of ../../sdks, to which MCP's own requests are said in
// lines (see sdks/python/driver.py).

import { createInterface } from 'node:readline';
import { Matrixed } from './clients.mjs';
import { Program } from '../gateway.mjs';

/** The program as an SDK. */
class Driver {
  #open = new Map(); // id -> { resolve, reject, onprogress }
  #ids = 0;

  constructor(name, [command, ...args], told) {
    this.program = new Program(name, command, args, { stdio: ['pipe', 'pipe', 'pipe'] });
    this.ready = new Promise((resolve, reject) => {
      this.program.exited.then(() => reject(new Error(`${name} has ended:\n${this.program.tail()}`)));
      createInterface(this.program.child.stdout).on('line', (line) => {
        const message = parsed(line);
        if (message?.ready) resolve(message.ready);
        else if (message) this.#hear(message, told);
      });
    });
    this.program.exited.then(() => {
      for (const { reject } of this.#open.values()) reject(new Error(`${name} has ended:\n${this.program.tail()}`));
    });
    this.ready.catch(() => {});
  }

  #hear({ id, result, error, progress, of, log, updated }, told) {
    if (log) told.logs.push(log);
    if (updated) told.updates.push(updated);
    if (of !== undefined) this.#open.get(of)?.onprogress?.({ progress });
    if (id === undefined) return;
    const { resolve, reject } = this.#open.get(id);
    this.#open.delete(id);
    if (error) reject(Object.assign(new Error(error.message), { code: error.code }));
    else resolve(result);
  }

  #say(message) {
    this.program.child.stdin.write(`${JSON.stringify(message)}\n`);
  }

  request(method, params = {}, { onprogress, signal } = {}) {
    const id = ++this.#ids;
    return new Promise((resolve, reject) => {
      this.#open.set(id, { resolve, reject, onprogress });
      signal?.addEventListener('abort', () => {
        this.#open.set(id, { resolve() {}, reject() {} });
        this.#say({ cancel: id });
        reject(signal.reason);
      });
      this.#say({ id, method, params });
    });
  }

  listTools = () => this.request('tools/list');
  listResources = () => this.request('resources/list');
  listResourceTemplates = () => this.request('resources/templates/list');
  listPrompts = () => this.request('prompts/list');
  getPrompt = (params) => this.request('prompts/get', params);
  complete = (params) => this.request('completion/complete', params);
  readResource = (params) => this.request('resources/read', params);

  async close() {
    this.program.child.stdin.end();
    const timer = setTimeout(() => this.program.child.kill('SIGKILL'), 10000);
    await this.program.exited;
    clearTimeout(timer);
  }
}

function parsed(line) {
  try {
    return JSON.parse(line);
  } catch {
    return undefined; // not for us: it is in the program's lines
  }
}

export class Driven extends Matrixed {
  /**
   * command: the program and its arguments, to which the URL and the name are added. lacks: features that the SDK has not;
   * isUnordered: what it is told together may come in any order. Its revision is what it has agreed to.
   */
  static async connect(url, { command, name, lacks = [], isUnordered = false }) {
    const [program, ...args] = command;
    const told = { logs: [], updates: [] };
    const sdk = new Driver(name, [program, ...args, `${url}`, name], told);
    const client = new Driven(await sdk.ready, name);
    return Object.assign(client, { sdk, lacks, isUnordered, ...told });
  }

  call(name, args, options = {}) {
    return this.sdk.request('tools/call', { name, arguments: args, progress: options.onprogress !== undefined }, options);
  }

  async callLogging(level, name, args) {
    if (this.revision >= '2026-07-28') {
      return this.sdk.request('tools/call', { name, arguments: args, progress: false, _meta: { 'io.modelcontextprotocol/logLevel': level } });
    }
    await this.sdk.request('logging/setLevel', { level });
    return this.call(name, args);
  }

  async watch(uri) {
    await this.sdk.request('resources/subscribe', { uri });
    return () => this.sdk.request('resources/unsubscribe', { uri });
  }
}
