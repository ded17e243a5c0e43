// The upstreams of 2024-11-05 and 2025-11-25, made with @modelcontextprotocol/sdk 1.x: over HTTP+SSE or Streamable HTTP in
// the test's own process.

import { randomUUID } from 'node:crypto';
import { Server } from '@modelcontextprotocol/sdk/server/index.js';
import { SSEServerTransport } from '@modelcontextprotocol/sdk/server/sse.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import {
  CallToolRequestSchema, CompleteRequestSchema, CreateMessageResultSchema, ElicitResultSchema, GetPromptRequestSchema,
  ListPromptsRequestSchema, ListResourcesRequestSchema, ListResourceTemplatesRequestSchema, ListRootsResultSchema,
  ListToolsRequestSchema, McpError, ReadResourceRequestSchema, SubscribeRequestSchema, UnsubscribeRequestSchema,
} from '@modelcontextprotocol/sdk/types.js';
import { LocalServer } from '../local_server.mjs';
import { Features } from './features.mjs';

const answers = {
  'elicitation/create': ElicitResultSchema, 'sampling/createMessage': CreateMessageResultSchema, 'roots/list': ListRootsResultSchema,
};

async function askAll(questions, sendRequest) {
  const asked = Object.entries(questions).map(async ([name, question]) => [name, await sendRequest(question, answers[question.method])]);
  return Object.fromEntries(await Promise.all(asked));
}

/** Servers with the same features, of one revision. What is touched at one is told to the clients of all. */
export class Servers {
  #watched = new Map(); // server -> Set of URIs

  constructor(name, revision) {
    this.features = new Features(name, revision);
    this.revision = revision;
  }

  async connect(transport) {
    const server = this.#make();
    this.#watched.set(server, new Set());
    await server.connect(transport);
    this.#speakOneRevision(transport);
    server.onclose = () => this.#watched.delete(server);
  }

  /** The SDK agrees to any revision that it knows. */
  #speakOneRevision(transport) {
    const { onmessage, send } = transport;
    transport.onmessage = (message, extra) => {
      if (message.method === 'initialize') message.params.protocolVersion = this.revision;
      onmessage.call(transport, message, extra);
    };
    transport.send = (message, options) => {
      // There was no such capability: completion was there, or was not.
      if (this.revision === '2024-11-05') delete message.result?.capabilities?.completions;
      return send.call(transport, message, options);
    };
  }

  #make() {
    const { features } = this;
    const server = new Server({ name: features.name, version: '1.0.0' }, { capabilities: features.capabilities });
    server.setRequestHandler(ListToolsRequestSchema, () => ({ tools: features.tools }));
    server.setRequestHandler(CallToolRequestSchema, ({ params }, extra) => {
      if (!features.has(params.name)) throw new McpError(-32602, `unknown tool: ${params.name}`);
      const progressToken = extra._meta?.progressToken;
      return features.call(params.name, params.arguments, {
        signal: extra.signal,
        progress: (progress, total) => progressToken !== undefined
          && extra.sendNotification({ method: 'notifications/progress', params: { progressToken, progress, total } }),
        log: (level, data) => server.sendLoggingMessage({ level, data, logger: features.name }, extra.sessionId),
        ask: (questions) => askAll(questions, extra.sendRequest),
        updated: (uri) => this.#tell(uri),
      });
    });
    server.setRequestHandler(ListResourcesRequestSchema, () => ({ resources: features.resources }));
    server.setRequestHandler(ListResourceTemplatesRequestSchema, () => ({ resourceTemplates: features.templates }));
    server.setRequestHandler(ReadResourceRequestSchema, ({ params }) => {
      const result = features.read(params.uri);
      if (!result) throw new McpError(-32002, 'Resource not found', { uri: params.uri });
      return result;
    });
    server.setRequestHandler(SubscribeRequestSchema, ({ params }) => {
      this.#watched.get(server).add(params.uri);
      return {};
    });
    server.setRequestHandler(UnsubscribeRequestSchema, ({ params }) => {
      this.#watched.get(server).delete(params.uri);
      return {};
    });
    server.setRequestHandler(ListPromptsRequestSchema, () => ({ prompts: features.prompts }));
    server.setRequestHandler(GetPromptRequestSchema, ({ params }) => features.prompt(params.arguments));
    server.setRequestHandler(CompleteRequestSchema, ({ params }) => features.complete(params));
    return server;
  }

  async #tell(uri) {
    for (const [server, uris] of this.#watched) if (uris.has(uri)) await server.sendResourceUpdated({ uri });
  }
}

class SseServer extends LocalServer {
  #transports = new Map();

  async serve(req, res) {
    const { pathname, searchParams } = new URL(req.url, this.url);
    if (req.method === 'GET' && pathname === '/sse') {
      const transport = new SSEServerTransport('/message', res);
      this.#transports.set(transport.sessionId, transport);
      await this.servers.connect(transport);
      return;
    }
    const transport = this.#transports.get(searchParams.get('sessionId'));
    if (transport) await transport.handlePostMessage(req, res);
    else res.writeHead(404).end();
  }

  forget() {
    this.#transports.clear();
  }
}

class StreamableServer extends LocalServer {
  #transports = new Map();

  async serve(req, res) {
    const id = req.headers['mcp-session-id'];
    const transport = id === undefined ? await this.#open() : this.#transports.get(id);
    if (transport) await transport.handleRequest(req, res);
    else res.writeHead(404).end();
  }

  async #open() {
    const transport = new StreamableHTTPServerTransport({
      sessionIdGenerator: randomUUID, onsessioninitialized: (id) => this.#transports.set(id, transport),
      onsessionclosed: (id) => this.#transports.delete(id),
    });
    await this.servers.connect(transport);
    return transport;
  }

  forget() {
    this.#transports.clear();
  }
}

/** HTTP+SSE at /sse for 2024-11-05, Streamable HTTP for what came later. Returns { port, stop }. */
export async function startServer1(name, revision) {
  const server = await (revision === '2024-11-05' ? SseServer : StreamableServer).start();
  server.servers = new Servers(name, revision);
  return server;
}
