// Clients of the crowd: each does at random what clients do, and holds every message against what was asked.

import { setTimeout as sleep } from 'node:timers/promises';
import { ListRootsRequestSchema, LoggingMessageNotificationSchema } from '@modelcontextprotocol/sdk/types.js';
import { connectClient } from './clients.mjs';
import { waitFor } from './gateway.mjs';
import { JSON_HEADERS, initializeParams, openStream, readStream, rpc } from './stream.mjs';

/** What both kinds of clients share. crowd: { url, random(name), servers, wrong(), outcome() }. */
class CrowdClient {
  #tokens = 0;

  constructor(crowd, name) {
    Object.assign(this, { crowd, name, random: crowd.random(name) });
  }

  async run(until) {
    await this.open();
    while (Date.now() < until) {
      await this[this.random.weighted(this.habits)]();
      await sleep(this.random.below(this.crowd.pauseMs));
    }
    await this.leave();
  }

  /** A call with a token that nobody else has. */
  draw(how, servers = this.crowd.servers) {
    const server = this.random.of(servers);
    how ??= this.random.weighted(server.child ? { json: 8, chatty: 2 } : { json: 4, stream: 2, chatty: 3, ask: 1 });
    return { server, how, token: `${this.name}-${++this.#tokens}`, ms: this.random.below(150), started: Date.now() };
  }

  drawToCancel() {
    return this.draw(this.random.of(['stream', 'never', 'never']), this.crowd.http);
  }

  /** A cancel must not overtake its call, which goes by another connection. */
  async whenItRuns({ server, token }, isOver) {
    await waitFor(() => server.calls.has(token) || isOver(), `${token} to reach ${server.name}`, this.crowd.limitMs);
    await sleep(this.random.below(100));
  }

  argumentsOf = ({ token, ms, how }) => ({ token, ms, how });

  hear({ method, params }) {
    if (method === 'notifications/message' && params.data.client !== this.name) {
      this.crowd.wrong(`${this.name} got a message for ${JSON.stringify(params)}`);
    }
  }
}

/** Streamable HTTP with a session, by hand. */
export class RawClient extends CrowdClient {
  habits = { callOne: 60, callMany: 8, cancelOne: 8, giveUpOne: 8, listAll: 4, newStream: 4, newSession: 4 };
  #waiting = new Map(); // id -> { call, resolve }
  #lastId = 0;

  get #url() {
    return `${this.crowd.url}/mcp`;
  }

  async open() {
    this.headers = { ...JSON_HEADERS };
    const params = { ...initializeParams(), capabilities: { roots: {} }, clientInfo: { name: this.name, version: '1' } };
    const [answer, response] = await this.#request('initialize', params);
    if (!answer?.result) this.crowd.wrong(`${this.name}: initialize: ${response?.status} ${JSON.stringify(answer)}`);
    this.headers['mcp-session-id'] = response?.headers.get('mcp-session-id');
    this.headers['mcp-protocol-version'] = answer?.result?.protocolVersion;
    await this.#post({ jsonrpc: '2.0', method: 'notifications/initialized' });
    if (this.random.below(2) === 0) await this.newStream();
  }

  async newStream() {
    this.stream?.close();
    this.stream = await openStream(this.#url, { headers: { ...this.headers, accept: 'text/event-stream' }, onEvent: (e) => this.#take(e) });
    if (this.stream.response.status !== 200) this.crowd.wrong(`${this.name}: GET: HTTP ${this.stream.response.status}`);
  }

  async newSession() {
    await this.leave();
    await this.open();
  }

  /** Some say goodbye, others just go. */
  async leave() {
    this.stream?.close();
    this.stream = undefined;
    if (this.random.below(2) === 0) return;
    const response = await this.#fetch({ method: 'DELETE' });
    if (response.status !== 200 && response.status !== 204) this.crowd.wrong(`${this.name}: DELETE: HTTP ${response.status}`);
    await response.text();
  }

  async callOne() {
    const call = this.draw();
    const [answer, response] = await this.#call(call);
    if (!answer) return this.crowd.wrong(`${this.name}: ${call.token} at ${call.server.name} (${call.how}): no answer, HTTP ${response.status}`);
    this.crowd.outcome(this, call, answer);
  }

  async callMany() {
    await Promise.all(Array.from({ length: 2 + this.random.below(4) }, () => this.callOne()));
  }

  /** Cancelled in time it gets no answer; else its own. */
  async cancelOne() {
    const call = this.drawToCancel();
    let isOver = false;
    const answered = this.#call(call).finally(() => { isOver = true; });
    const id = this.#lastId;
    await this.whenItRuns(call, () => isOver);
    await this.#post({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: id } });
    const [answer] = await answered;
    if (answer) this.crowd.outcome(this, call, answer);
    else this.crowd.count('cancelled');
    this.#waiting.delete(id);
  }

  /** The connection is cut in the middle of the call; the session goes on. */
  async giveUpOne() {
    const call = this.draw();
    const abort = new AbortController();
    const answered = this.#call(call, abort.signal);
    const id = this.#lastId;
    await sleep(this.random.below(150));
    abort.abort();
    const [answer] = await answered.catch(() => []);
    if (answer) this.crowd.outcome(this, call, answer);
    else this.crowd.count('given up');
    this.#waiting.delete(id);
  }

  async listAll() {
    const [answer] = await this.#request('tools/list', {});
    const names = new Set(answer?.result?.tools.map((tool) => tool.name));
    for (const { name, isSteady, child } of this.crowd.servers) {
      if (isSteady && !child && !names.has(`${name}_work`)) this.crowd.wrong(`${this.name}: ${name} is missing: ${JSON.stringify(answer)}`);
    }
  }

  #call(call, signal) {
    const params = { name: `${call.server.name}_work`, arguments: this.argumentsOf(call) };
    if (this.random.below(2) === 0) params._meta = { progressToken: call.token };
    return this.#request('tools/call', params, signal, call);
  }

  /** Resolves to [answer or undefined, response]. */
  async #request(method, params, signal, call = { token: method, server: { name: 'mgw' } }) {
    const id = ++this.#lastId;
    let answer;
    this.#waiting.set(id, { call, take: (message) => { answer = message; } });
    const response = await this.#post(JSON.parse(rpc(id, method, params)), signal, call);
    if (answer) this.#waiting.delete(id);
    return [answer, response];
  }

  #fetch(init) {
    return fetch(this.#url, { ...init, headers: this.headers });
  }

  async #post(message, given, call) {
    const limit = AbortSignal.timeout(this.crowd.limitMs);
    const signal = given ? AbortSignal.any([given, limit]) : limit;
    try {
      const response = await this.#fetch({ method: 'POST', body: JSON.stringify(message), signal });
      if (/^text\/event-stream/.test(response.headers.get('content-type'))) {
        await readStream(response.body, { comments: [], events: [] }, (e) => this.#take(e));
      } else {
        const text = await response.text();
        if (text) this.#take({ json: JSON.parse(text) });
      }
      return response;
    } catch (error) {
      if (given?.aborted) throw error;
      const what = limit.aborted ? `not over within ${this.crowd.limitMs} ms` : error.cause?.message ?? error.message;
      this.crowd.wrong(`${this.name}: ${call?.token ?? message.method} at ${call?.server.name} (${call?.how}): ${what}`);
      return { status: 0, headers: new Headers() };
    }
  }

  #take({ json: message }) {
    if (!message) return;
    if (message.method === 'roots/list') {
      void this.#post({ jsonrpc: '2.0', id: message.id, result: { roots: [{ uri: 'file:///', name: this.name }] } });
    } else if (message.method === 'notifications/progress') {
      this.#takeProgress(message.params);
    } else if (message.method) {
      this.hear(message);
    } else {
      const waiting = this.#waiting.get(message.id);
      if (waiting) waiting.take(message);
      else this.crowd.wrong(`${this.name} got an answer that it does not wait for: ${JSON.stringify(message)}`);
    }
  }

  /** The gateway's own progress has no message. */
  #takeProgress({ progressToken, message }) {
    const isOwn = progressToken.startsWith(`${this.name}-`);
    if (!isOwn || (message !== undefined && message !== progressToken)) {
      this.crowd.wrong(`${this.name} got progress of ${progressToken} with ${message}`);
    }
  }
}

/** The official SDK's client, kind 'sse' or 'http', through TLS. */
export class SdkClient extends CrowdClient {
  habits = { callOne: 60, callMany: 8, cancelOne: 8, listAll: 4, newSession: 4 };

  constructor(crowd, name, kind, fetch) {
    super(crowd, name);
    Object.assign(this, { kind, fetch });
  }

  async open() {
    this.client = await connectClient(this.crowd.tls, this.kind, {
      fetch: this.fetch, name: this.name, capabilities: { roots: {} },
      setUp: (client) => {
        client.setRequestHandler(ListRootsRequestSchema, () => ({ roots: [{ uri: 'file:///', name: this.name }] }));
        client.setNotificationHandler(LoggingMessageNotificationSchema, (message) => this.hear(message));
      },
    });
  }

  async leave() {
    if (this.kind === 'http' && this.random.below(2) === 0) await this.client.transport.terminateSession();
    await this.client.close();
  }

  newSession = RawClient.prototype.newSession;
  callMany = RawClient.prototype.callMany;

  async callOne(call = this.draw(), signal = undefined) {
    const options = { timeout: this.crowd.limitMs, signal };
    if (this.random.below(2) === 0) {
      options.onprogress = ({ message }) => {
        if (message !== undefined && message !== call.token) this.crowd.wrong(`${this.name} got progress of ${call.token} with ${message}`);
      };
    }
    try {
      const result = await this.client.callTool({ name: `${call.server.name}_work`, arguments: this.argumentsOf(call) }, undefined, options);
      this.crowd.outcome(this, call, { result });
    } catch (error) {
      if (signal?.aborted) this.crowd.count('cancelled');
      else this.crowd.outcome(this, call, { error });
    }
  }

  async cancelOne() {
    const abort = new AbortController();
    const call = this.drawToCancel();
    let isOver = false;
    const over = this.callOne(call, abort.signal).finally(() => { isOver = true; });
    await this.whenItRuns(call, () => isOver);
    abort.abort();
    await over;
  }

  async listAll() {
    await this.client.listTools();
  }
}
