// An MCP server over Streamable HTTP for a crowd, in the test's own process: each answer carries the token of its call.
// The call says how it is answered: as JSON, as a stream, with progress and log messages before it, with a question to
// the client, or never. What it sends is marked with whom it is for.

import { once } from 'node:events';
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { LocalServer } from './local_server.mjs';

export const resultOf = (server, token) => ({ content: [{ type: 'text', text: `${server} ${token}` }] });

export class CrowdServer extends LocalServer {
  sessions = new Map(); // id -> { client: its name, get: the response of its GET stream }
  calls = new Map(); // token -> how often it came
  #asked = new Map(); // id of a question -> { resolve, reject }
  #streams = new Set(); // responses
  #running = new Map(); // session + id -> AbortController

  static async start(name) {
    const server = await super.start();
    server.name = name;
    return server;
  }

  /** Breaks all streams in the middle. */
  cut() {
    for (const res of this.#streams) res.destroy();
  }

  /** Calls that run go on, but for those that wait for a client's reply, which could not reach them. */
  forget() {
    this.sessions.clear();
    for (const { reject } of this.#asked.values()) reject(new Error('forgotten'));
  }

  /** A log message that no call asked for, on the GET stream of one session. */
  shout(random) {
    const session = random.of([...this.sessions.values()].filter(({ get }) => get && !get.destroyed));
    if (session) send(session.get, { method: 'notifications/message', params: { level: 'info', data: { client: session.client } } });
  }

  serve(req, res) {
    return this.#serve(req, res).catch(() => res.destroy());
  }

  async #serve(req, res) {
    const chunks = [];
    for await (const chunk of req) chunks.push(chunk);
    const body = chunks.length > 0 ? JSON.parse(Buffer.concat(chunks).toString()) : undefined;
    let id = req.headers['mcp-session-id'];
    if (body?.method === 'initialize') {
      id = randomUUID();
      this.sessions.set(id, { client: body.params.clientInfo.name });
      res.setHeader('mcp-session-id', id);
    }
    const session = this.sessions.get(id);
    if (!session) return res.writeHead(404).end();
    if (req.method === 'GET') {
      session.get = this.#stream(res);
    } else if (req.method === 'DELETE') {
      this.sessions.delete(id);
      session.get?.end();
      res.writeHead(200).end();
    } else if (body.method === 'tools/call') {
      await this.#call(session, id, body, res);
    } else if (body.method && body.id !== undefined) {
      json(res, { id: body.id, result: this.#resultOf(body) });
    } else {
      this.#take(id, body);
      res.writeHead(202).end();
    }
  }

  #resultOf({ method, params }) {
    if (method === 'initialize') {
      return {
        protocolVersion: params.protocolVersion, serverInfo: { name: this.name, version: '1' },
        capabilities: { tools: { listChanged: true }, logging: {} },
      };
    }
    return method === 'tools/list' ? { tools: [{ name: 'work', inputSchema: { type: 'object' } }] } : {};
  }

  #take(id, { method, params, result, id: asked }) {
    if (method === 'notifications/cancelled') this.#running.get(`${id} ${params.requestId}`)?.abort();
    else if (!method) this.#asked.get(asked)?.resolve(result);
  }

  async #call(session, id, { id: callId, params }, res) {
    const { token, ms, how } = params.arguments;
    const key = `${id} ${callId}`;
    const abort = new AbortController();
    res.on('close', () => abort.abort());
    this.#running.set(key, abort);
    this.calls.set(token, (this.calls.get(token) ?? 0) + 1);
    try {
      await this.#work(session, { token, ms, how, progressToken: params._meta?.progressToken }, res, abort.signal);
      const answer = { id: callId, result: resultOf(this.name, token) };
      if (how === 'json') json(res, answer);
      else send(res, answer), res.end();
    } catch {
      res.end(); // cancelled, or cut
    } finally {
      this.#running.delete(key);
    }
  }

  async #work(session, { token, ms, how, progressToken }, res, signal) {
    if (how !== 'json') this.#stream(res);
    if (how === 'never') await once(signal, 'abort').then(() => { throw new Error('cancelled'); });
    for (let i = 0; how === 'chatty' && i < 3; i++) {
      send(res, { method: 'notifications/message', params: { level: 'info', data: { client: session.client } } });
      if (progressToken !== undefined) {
        send(res, { method: 'notifications/progress', params: { progressToken, progress: i + 1, message: token } });
      }
      await sleep(ms / 3, undefined, { signal });
    }
    if (how === 'ask') {
      const { roots } = await this.#ask(res, signal);
      if (roots[0].name !== session.client) throw new Error('the answer of another client');
    }
    if (how !== 'chatty') await sleep(ms, undefined, { signal });
  }

  #stream(res) {
    this.#streams.add(res);
    res.on('close', () => this.#streams.delete(res));
    res.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
    return res;
  }

  async #ask(res, signal) {
    const id = randomUUID();
    try {
      return await new Promise((resolve, reject) => {
        signal.addEventListener('abort', reject);
        this.#asked.set(id, { resolve, reject });
        send(res, { id, method: 'roots/list' });
      });
    } finally {
      this.#asked.delete(id);
    }
  }
}

const send = (res, message) => res.write(`data: ${JSON.stringify({ jsonrpc: '2.0', ...message })}\n\n`);

function json(res, message) {
  res.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ jsonrpc: '2.0', ...message }));
}
