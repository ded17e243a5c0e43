// An upstream that misbehaves on demand: as much of MCP over plain HTTP as it takes, where any answer can be
// replaced by a fault. server.faults['tools/call'] = fault (also 'GET', 'DELETE'); a fault is (req, res, msg, server).

import { LocalServer } from './local_server.mjs';

const hints = { read: { readOnlyHint: true }, again: { idempotentHint: true }, write: undefined };
export const tools = Object.entries(hints).map(([name, annotations]) => ({ name, inputSchema: { type: 'object' }, annotations }));

const results = {
  initialize: (msg) => ({
    protocolVersion: msg.params.protocolVersion, serverInfo: { name: 'fault', version: '1' },
    capabilities: { tools: { listChanged: true }, resources: { subscribe: true, listChanged: true } },
  }),
  'tools/list': () => ({ tools }),
  'resources/list': () => ({ resources: [{ uri: 'fault://a', name: 'a' }] }),
  'resources/templates/list': () => ({ resourceTemplates: [] }),
  'tools/call': (msg) => ({ content: [{ type: 'text', text: `did ${msg.params.name}` }] }),
};

export const answerTo = (msg, result) => ({ jsonrpc: '2.0', id: msg.id, result: result ?? results[msg.method]?.(msg) ?? {} });
export const sendJson = (res, value, status = 200, headers = {}) =>
  res.writeHead(status, { 'content-type': 'application/json', ...headers }).end(typeof value === 'string' ? value : JSON.stringify(value));
export const beginSse = (res) => res.writeHead(200, { 'content-type': 'text/event-stream' });
export const event = (value) => `data: ${JSON.stringify(value)}\n\n`;

/** The faults that several tests share. */
export const fault = {
  hang: () => {},
  status: (status, headers) => (req, res) => res.writeHead(status, headers).end('<h1>no</h1>'),
  json: (make) => (req, res, msg) => sendJson(res, make(msg)),
  /** Pieces of a stream, which then ends, or is cut. */
  sse: (make, { isCut = false } = {}) => (req, res, msg) => {
    beginSse(res);
    for (const piece of make(msg)) res.write(piece);
    if (isCut) setImmediate(() => req.socket.resetAndDestroy());
    else res.end();
  },
};

export class FaultServer extends LocalServer {
  faults = {};
  seen = []; // the messages of POSTs as { method, id, params, session, headers, at }
  sessions = new Set();
  streams = new Set(); // open GET streams
  #n = 0;

  forget() {
    this.streams.clear();
  }

  /** What came: by method, and by the name of the tool. */
  all(method, name) {
    return this.seen.filter((m) => m.method === method && (name === undefined || m.params?.name === name));
  }

  count(method, name) {
    return this.all(method, name).length;
  }

  /** Sends a message to every open GET stream. */
  push(message) {
    for (const res of this.streams) res.write(event(message));
  }

  async serve(req, res) {
    res.on('error', () => {});
    req.on('error', () => {});
    const chunks = [];
    try {
      for await (const chunk of req) chunks.push(chunk);
    } catch {
      return;
    }
    const text = Buffer.concat(chunks).toString();
    const msg = text ? JSON.parse(text) : undefined;
    const method = msg ? msg.method ?? 'reply' : req.method;
    const session = req.headers['mcp-session-id'];
    this.seen.push({ ...msg, method, session, headers: req.headers, at: Date.now() });
    if (this.faults[method]) this.faults[method](req, res, msg, this);
    else if (method !== 'initialize' && !this.sessions.has(session)) res.writeHead(404).end();
    else this.answer(req, res, msg, session);
  }

  /** As a good server does. */
  answer(req, res, msg, session) {
    if (req.method === 'GET') {
      beginSse(res).flushHeaders();
      this.streams.add(res);
      res.on('close', () => this.streams.delete(res));
    } else if (req.method === 'DELETE') {
      this.sessions.delete(session);
      res.writeHead(200).end();
    } else if (msg.method === 'initialize') {
      const id = `s${++this.#n}`;
      this.sessions.add(id);
      sendJson(res, answerTo(msg), 200, { 'mcp-session-id': id });
    } else if (msg.id !== undefined && msg.method) {
      sendJson(res, answerTo(msg));
    } else {
      res.writeHead(202).end();
    }
  }
}

const subscriptionId = (id) => ({ _meta: { 'io.modelcontextprotocol/subscriptionId': id } });

/** The same without sessions (2026-07-28). */
export class StatelessFaultServer extends FaultServer {
  sessions = { has: () => true };
  tools = tools;
  ttlMs = 0;
  listens = new Map(); // open streams of subscriptions/listen -> { id, filter }

  forget() {
    this.listens.clear();
  }

  answer(req, res, msg) {
    if (req.method !== 'POST' || msg.method === 'initialize') res.writeHead(405, { allow: 'POST' }).end();
    else if (msg.method === 'subscriptions/listen') this.hold(res, msg);
    else if (msg.id === undefined) res.writeHead(202).end();
    else sendJson(res, answerTo(msg, { resultType: 'complete', ...this.#result(msg) }));
  }

  #result(msg) {
    if (msg.method === 'tools/list') return { tools: this.tools, ttlMs: this.ttlMs, cacheScope: 'private' };
    if (msg.method !== 'server/discover') return results[msg.method]?.(msg);
    const { capabilities } = results.initialize(msg);
    return { supportedVersions: ['2026-07-28'], capabilities, ttlMs: 0, cacheScope: 'private' };
  }

  hold(res, { id, params }) {
    const filter = params.notifications;
    beginSse(res);
    this.listens.set(res, { id, filter });
    res.on('close', () => this.listens.delete(res));
    res.write(event({ jsonrpc: '2.0', method: 'notifications/subscriptions/acknowledged', params: { notifications: filter, ...subscriptionId(id) } }));
  }

  /** Tells every open listening. */
  tell(method, params) {
    for (const [res, { id }] of this.listens) res.write(event({ jsonrpc: '2.0', method, params: { ...params, ...subscriptionId(id) } }));
  }
}
