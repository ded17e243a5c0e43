// A server made with the official SDK that answers nobody without a good bearer token, over Streamable HTTP (/mcp)
// and HTTP+SSE (/sse). What it offers depends on whose token it is.

import { randomUUID } from 'node:crypto';
import { Server } from '@modelcontextprotocol/sdk/server/index.js';
import { SSEServerTransport } from '@modelcontextprotocol/sdk/server/sse.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { CallToolRequestSchema, ListToolsRequestSchema } from '@modelcontextprotocol/sdk/types.js';
import { LocalServer } from './local_server.mjs';

/** Returns { base, requests, refused, owners, sessions, streams, restart(), stop() }. */
export class GuardedServer extends LocalServer {
  owners = new Map(); // token that is good -> whose it is; may be that of an authorization server
  requests = []; // { method, path, headers, body, owner }: all that came, refused or not
  refused = 0;
  sessions = new Map(); // id -> transport
  streams = new Set(); // GET streams that are open: { owner, res }

  forget() {
    this.sessions.clear();
  }

  get base() {
    return `http://127.0.0.1:${this.port}`;
  }

  count(method, rpcMethod) {
    return this.requests.filter((r) => r.method === method && (!rpcMethod || r.body.includes(`"method":"${rpcMethod}"`))).length;
  }

  async serve(req, res) {
    const chunks = [];
    for await (const chunk of req) chunks.push(chunk);
    const raw = Buffer.concat(chunks).toString();
    const token = req.headers.authorization?.replace('Bearer ', '');
    const owner = this.owners.get(token);
    this.requests.push({ method: req.method, path: req.url, headers: req.headers, body: raw, owner });
    if (!owner) {
      this.refused++;
      res.writeHead(401, { 'www-authenticate': 'Bearer error="invalid_token"' }).end(`${token} is no good`);
      return;
    }
    req.auth = { token, clientId: owner, scopes: [] };
    if (req.method === 'GET') this.#watch(owner, res);
    await this.#route(req, res, raw ? JSON.parse(raw) : undefined);
  }

  #watch(owner, res) {
    const stream = { owner, res };
    this.streams.add(stream);
    res.on('close', () => this.streams.delete(stream));
  }

  async #route(req, res, body) {
    const { pathname, searchParams } = new URL(req.url, this.base);
    if (pathname === '/sse') {
      const transport = new SSEServerTransport('/messages', res);
      this.sessions.set(transport.sessionId, transport);
      await this.#server().connect(transport);
    } else if (pathname === '/messages') {
      await this.sessions.get(searchParams.get('sessionId')).handlePostMessage(req, res, body);
    } else if (body?.method === 'initialize') {
      const transport = new StreamableHTTPServerTransport({
        sessionIdGenerator: randomUUID,
        onsessioninitialized: (id) => this.sessions.set(id, transport),
        onsessionclosed: (id) => this.sessions.delete(id),
      });
      await this.#server().connect(transport);
      await transport.handleRequest(req, res, body);
    } else {
      const session = this.sessions.get(req.headers['mcp-session-id']);
      if (session) await session.handleRequest(req, res, body);
      else res.writeHead(404).end();
    }
  }

  #server() {
    const server = new Server({ name: 'guarded', version: '1.0.0' }, { capabilities: { tools: { listChanged: true } } });
    server.setRequestHandler(ListToolsRequestSchema, (request, { authInfo }) => ({
      tools: ['whoami', `for_${authInfo.clientId}`].map((name) => ({ name, inputSchema: { type: 'object' } })),
    }));
    server.setRequestHandler(CallToolRequestSchema, (request, { authInfo }) => ({
      content: [{ type: 'text', text: `you are ${authInfo.clientId}` }],
    }));
    return server;
  }
}
