// An upstream made with the official SDK's server, in the test's own process. It records every HTTP request
// and does on demand what an upstream may do: notify, ask, hang, die, forget its sessions.

import { once } from 'node:events';
import { randomUUID } from 'node:crypto';
import { Server } from '@modelcontextprotocol/sdk/server/index.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import {
  CallToolRequestSchema, CompleteRequestSchema, ListResourcesRequestSchema, ListRootsResultSchema, ListToolsRequestSchema,
  ReadResourceRequestSchema, RootsListChangedNotificationSchema, SubscribeRequestSchema, UnsubscribeRequestSchema,
} from '@modelcontextprotocol/sdk/types.js';
import { LocalServer } from './local_server.mjs';

const text = (value) => ({ content: [{ type: 'text', text: value }] });

/** Returns { url, port, requests, sessions, seen, restart(), stop() }. */
export class UpstreamServer extends LocalServer {
  requests = []; // { method, headers, body }
  sessions = new Map(); // id -> { server, transport }
  seen = []; // notifications and calls, by name

  forget() {
    this.sessions.clear();
  }

  /** The one session that is open. */
  get session() {
    return [...this.sessions.values()].at(-1);
  }

  count(method, rpcMethod) {
    return this.requests.filter((r) => r.method === method && (!rpcMethod || r.body?.method === rpcMethod)).length;
  }

  async serve(req, res) {
    const chunks = [];
    for await (const chunk of req) chunks.push(chunk);
    const raw = Buffer.concat(chunks).toString();
    const body = raw ? JSON.parse(raw) : undefined;
    this.requests.push({ method: req.method, headers: req.headers, body });
    const id = req.headers['mcp-session-id'];
    let session = this.sessions.get(id);
    if (!session && body?.method === 'initialize') session = await this.#open();
    if (!session) {
      res.writeHead(404).end();
      return;
    }
    await session.transport.handleRequest(req, res, body);
  }

  async #open() {
    const transport = new StreamableHTTPServerTransport({
      sessionIdGenerator: randomUUID,
      onsessioninitialized: (id) => this.sessions.set(id, { server, transport }),
      onsessionclosed: (id) => this.sessions.delete(id),
    });
    const server = new Server({ name: 'recorder', version: '1.0.0' }, {
      capabilities: {
        tools: { listChanged: true }, resources: { subscribe: true, listChanged: true }, logging: {}, completions: {},
      },
    });
    this.#handle(server);
    await server.connect(transport);
    return { server, transport };
  }

  #handle(server) {
    server.setRequestHandler(ListToolsRequestSchema, () => ({
      tools: ['hello', 'hang', 'notify', 'ask'].map((name) => ({ name, inputSchema: { type: 'object' } })),
    }));
    server.setRequestHandler(CallToolRequestSchema, async ({ params }, { sendRequest, signal }) => {
      this.seen.push(`call ${params.name}`);
      switch (params.name) {
        case 'hang':
          await once(signal, 'abort');
          this.seen.push('hang cancelled');
          return text('never read');
        case 'notify':
          // Without a related request: it goes on the upstream's GET stream.
          for (let i = 0; i < (params.arguments.n ?? 1); i++) {
            await server.sendLoggingMessage({ level: 'info', data: `${params.arguments.data}${i}` });
          }
          return text('notified');
        case 'ask':
          return text(await this.#ask(params.arguments.alone ? (r, s, o) => server.request(r, s, o) : sendRequest));
        default:
          return text('hello from upstream');
      }
    });
    server.setRequestHandler(ListResourcesRequestSchema, () => ({ resources: [{ uri: 'test://a', name: 'a' }] }));
    server.setRequestHandler(ReadResourceRequestSchema, ({ params }) => ({ contents: [{ uri: params.uri, text: 'a' }] }));
    server.setRequestHandler(SubscribeRequestSchema, ({ params }) => {
      this.seen.push(`subscribe ${params.uri}`);
      return {};
    });
    server.setRequestHandler(UnsubscribeRequestSchema, ({ params }) => {
      this.seen.push(`unsubscribe ${params.uri}`);
      return {};
    });
    server.setRequestHandler(CompleteRequestSchema, ({ params }) => ({
      completion: { values: [`${params.argument.value}ris`], hasMore: false },
    }));
    server.setNotificationHandler(RootsListChangedNotificationSchema, () => { this.seen.push('roots changed'); });
  }

  async #ask(request) {
    const started = Date.now();
    try {
      const { roots } = await request({ method: 'roots/list' }, ListRootsResultSchema, {
        onprogress: ({ progress }) => this.seen.push(`progress ${progress}`),
      });
      return `roots: ${roots.map((r) => r.uri).join()}`;
    } catch (error) {
      return `refused within ${Date.now() - started < 2000 ? 'two seconds' : 'a long time'}: ${error.message}`;
    }
  }
}
