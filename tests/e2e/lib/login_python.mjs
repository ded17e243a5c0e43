// A client of Python's SDK that signs in by its own auth code (sdks/python/login.py), driven by lines.

import { createInterface } from 'node:readline';
import { once } from 'node:events';
import { Program } from './gateway.mjs';

export class PythonLogin {
  #ids = 0;
  #said = [];
  #waiting = [];

  /** python: what runs it; ca: file of who it trusts. */
  constructor(python, file, { url, redirect, ca }) {
    this.program = new Program('python', python, [file, url, redirect, ca], { stdio: ['pipe', 'pipe', 'pipe'], env: { ...process.env, PYTHONDONTWRITEBYTECODE: '1' } });
    createInterface(this.program.child.stdout).on('line', (line) => {
      if (!line.startsWith('{')) return;
      const message = JSON.parse(line);
      const fits = this.#waiting.find((waiter) => waiter.name in message);
      if (fits) {
        this.#waiting.splice(this.#waiting.indexOf(fits), 1);
        fits.resolve(message);
      } else {
        this.#said.push(message);
      }
    });
    this.program.exited.then(() => {
      for (const { reject, name } of this.#waiting) reject(new Error(`the client ended before it said ${name}:\n${this.program.tail(60)}`));
    });
  }

  /** The next message that has the name. */
  #next(name) {
    const found = this.#said.findIndex((message) => name in message);
    if (found >= 0) return Promise.resolve(this.#said.splice(found, 1)[0]);
    if (this.program.exit) return Promise.reject(new Error(`the client ended before it said ${name}:\n${this.program.tail(60)}`));
    return new Promise((resolve, reject) => { this.#waiting.push({ name, resolve, reject }); });
  }

  #say(message) {
    this.program.child.stdin.write(`${JSON.stringify(message)}\n`);
  }

  /** visit(url): the person with a browser, who returns the parameters of the redirect. The revision that was agreed upon. */
  async signIn(visit) {
    const { visit: url } = await this.#next('visit');
    const params = await visit(new URL(url));
    this.#say({ code: params.get('code'), state: params.get('state'), ...(params.get('iss') && { iss: params.get('iss') }) });
    return (await this.#next('ready')).ready;
  }

  async request(method, params = {}) {
    const id = ++this.#ids;
    this.#say({ id, method, params });
    for (;;) {
      const message = await this.#next('id');
      if (message.error) throw new Error(message.error.message);
      return message.result;
    }
  }

  async stop() {
    this.program.child.stdin.end();
    await Promise.race([this.program.exited, once(this.program.child, 'exit')]);
  }
}
