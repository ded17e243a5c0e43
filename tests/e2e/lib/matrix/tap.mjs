// Listens between two parties, and judges what one of them (or both) says by the schema of the revision spoken there.

import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { PassThrough } from 'node:stream';
import { LocalServer } from '../local_server.mjs';
import { readStream } from '../stream.mjs';
import { requestProblems, responseProblems } from './headers.mjs';
import { schemaOf } from './schemas.mjs';

const other = { client: 'server', server: 'client' };

/** What is judged between two parties. sides: those whose messages are. */
export class Judge {
  violations = [];
  counts = { client: 0, server: 0 };

  constructor(place, revision, sides) {
    this.place = place;
    this.revision = revision;
    this.sides = sides;
  }

  /** Whoever finds out which revisions there are asks in one that knows the question. */
  revisionOf(message) {
    if (message?.method === 'initialize') return this.revision < '2026-07-28' ? this.revision : message.params.protocolVersion;
    return message?.method === 'server/discover' ? '2026-07-28' : this.revision;
  }

  report(side, problems, message) {
    for (const problem of problems) this.violations.push(`${this.place}, ${side}: ${problem}\n    ${JSON.stringify(message)}`);
  }
}

/** One session's messages, or those of one request where there are no sessions: an answer is understood by its request. */
export class Conversation {
  #asked = { client: new Map(), server: new Map() }; // side -> id -> method

  constructor(judge) {
    this.judge = judge;
  }

  saw(side, body) {
    const { judge } = this;
    const messages = Array.isArray(body) ? body : [body];
    if (Array.isArray(body) && !schemaOf(judge.revision).hasBatches && judge.sides.includes(side)) {
      judge.report(side, [`${judge.revision} has no batches`], body);
    }
    for (const message of messages) {
      judge.counts[side]++;
      if (message.method !== undefined && message.id !== undefined) this.#asked[side].set(message.id, message.method);
      if (!judge.sides.includes(side)) continue;
      const method = this.#asked[other[side]].get(message.id);
      judge.report(side, schemaOf(judge.revisionOf(message)).problems(side, message, method), message);
      if (side === 'server' && judge.revision >= '2026-07-28') judge.report(side, this.#tagProblems(message), message);
    }
  }

  /** A change is told to who listens, under the id of that request; what belongs to another request is not. */
  #tagProblems({ method = '', params }) {
    const id = params?._meta?.['io.modelcontextprotocol/subscriptionId'];
    const isForListeners = /_changed$|\/updated$|\/acknowledged$/.test(method);
    if (isForListeners && this.#asked.client.get(id) !== 'subscriptions/listen') return [`nobody listens under ${JSON.stringify(id)}`];
    return !isForListeners && id !== undefined ? [`${method} is not for who listens`] : [];
  }
}

const parsed = (text) => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};

/** A proxy in front of a port on loopback. */
export class HttpTap extends LocalServer {
  #conversations = new Map(); // session -> Conversation

  static async startFor(port, judge) {
    return Object.assign(await HttpTap.start(), { target: port, judge });
  }

  forget() {}

  async serve(req, res) {
    const chunks = [];
    for await (const chunk of req) chunks.push(chunk);
    const bytes = Buffer.concat(chunks);
    const body = parsed(bytes);
    const sessionOfSse = new URL(req.url, this.url).searchParams.get('sessionId');
    const session = req.headers['mcp-session-id'] ?? sessionOfSse;
    // HTTP+SSE stays as it was, whatever is spoken by it.
    const transport = sessionOfSse === null ? this.judge.revision : '2024-11-05';
    const conversation = this.#conversations.get(session) ?? new Conversation(this.judge);
    if (body !== undefined) conversation.saw('client', body);
    if (this.judge.sides.includes('client')) {
      this.judge.report('client', requestProblems(this.judge.revisionOf(body), req, body), { headers: req.headers, body });
    }
    const next = http.request({ port: this.target, host: '127.0.0.1', method: req.method, path: req.url, headers: req.headers, agent: false });
    next.on('response', (response) => this.#answer(response, res, body, conversation, transport));
    next.on('error', () => res.destroy());
    res.on('close', () => next.destroy());
    next.end(bytes);
  }

  #answer(response, res, body, conversation, transport) {
    if (this.judge.sides.includes('server')) {
      this.judge.report('server', responseProblems(transport, response, body), response.headers);
    }
    const session = response.headers['mcp-session-id'];
    if (session) this.#conversations.set(session, conversation);
    res.writeHead(response.statusCode, response.headers);
    res.flushHeaders();
    response.on('aborted', () => res.destroy());
    const copy = new PassThrough();
    response.pipe(res);
    response.pipe(copy);
    if (/^text\/event-stream/.test(response.headers['content-type'])) this.#hearEvents(copy, conversation);
    else this.#hearBody(copy, conversation);
  }

  #hearEvents(stream, conversation) {
    const onEvent = (event) => {
      if (event.name === 'endpoint') this.#conversations.set(new URL(event.data, this.url).searchParams.get('sessionId'), conversation);
      else if (event.json !== undefined) conversation.saw('server', event.json);
    };
    readStream(stream, { comments: [], events: [] }, onEvent).catch(() => {}); // cut off: what came has been judged
  }

  async #hearBody(stream, conversation) {
    const chunks = [];
    for await (const chunk of stream) chunks.push(chunk);
    const body = parsed(Buffer.concat(chunks));
    if (body !== undefined) conversation.saw('server', body);
  }
}

/** Judges what the children of child.mjs wrote down. */
export function judgeRecords(directory, judge) {
  for (const file of fs.readdirSync(directory)) {
    const conversation = new Conversation(judge);
    for (const line of fs.readFileSync(path.join(directory, file), 'utf8').split('\n').slice(0, -1)) {
      const space = line.indexOf(' ');
      conversation.saw(line.slice(0, space), JSON.parse(line.slice(space)));
    }
  }
}
