// What the scenarios of @modelcontextprotocol/conformance ask of a server (`conformance list --server`), made with the
// official SDK, in the test's own process.

import http from 'node:http';
import { once } from 'node:events';
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { McpServer, ResourceTemplate } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import {
  CompleteRequestSchema, CreateMessageResultSchema, ElicitResultSchema, ListToolsRequestSchema, SetLevelRequestSchema,
  SubscribeRequestSchema, UnsubscribeRequestSchema,
} from '@modelcontextprotocol/sdk/types.js';
import { createMcpHandler, Server as ServerOf2 } from '@modelcontextprotocol/server';
import { z } from 'zod';
import { serveFetch } from './matrix/server2.mjs';

export const PNG = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==';
const WAV = 'UklGRiQAAABXQVZFZm10IBAAAAABAAEARKwAAIhYAQACABAAZGF0YQAAAAA=';

export const text = (value) => ({ type: 'text', text: value });
export const image = { type: 'image', data: PNG, mimeType: 'image/png' };
export const audio = { type: 'audio', data: WAV, mimeType: 'audio/wav' };
export const resource = (uri, mimeType, value) => ({ type: 'resource', resource: { uri, mimeType, text: value } });
export const user = (content) => ({ role: 'user', content });

/** Given as it stands: the SDK would make another schema of it. */
export const jsonSchemaTool = {
  name: 'json_schema_2020_12_tool',
  description: 'Tool with JSON Schema 2020-12 features',
  inputSchema: {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    type: 'object',
    $defs: { address: { type: 'object', properties: { street: { type: 'string' }, city: { type: 'string' } } } },
    properties: { name: { type: 'string' }, address: { $ref: '#/$defs/address' } },
    additionalProperties: false,
  },
};

const forms = {
  test_elicitation_sep1034_defaults: {
    name: { type: 'string', default: 'John Doe' },
    age: { type: 'integer', default: 30 },
    score: { type: 'number', default: 95.5 },
    status: { type: 'string', enum: ['active', 'inactive', 'pending'], default: 'active' },
    verified: { type: 'boolean', default: true },
  },
  test_elicitation_sep1330_enums: {
    untitledSingle: { type: 'string', enum: ['option1', 'option2', 'option3'] },
    titledSingle: { type: 'string', oneOf: ['First', 'Second', 'Third'].map((title, i) => ({ const: `value${i + 1}`, title: `${title} Option` })) },
    legacyEnum: { type: 'string', enum: ['opt1', 'opt2', 'opt3'], enumNames: ['Option One', 'Option Two', 'Option Three'] },
    untitledMulti: { type: 'array', items: { type: 'string', enum: ['option1', 'option2', 'option3'] } },
    titledMulti: { type: 'array', items: { anyOf: ['First', 'Second', 'Third'].map((title, i) => ({ const: `value${i + 1}`, title: `${title} Choice` })) } },
  },
};

/** Tools that always say the same. */
export const answers = {
  test_simple_text: [text('This is a simple text response for testing.')],
  test_image_content: [image],
  test_audio_content: [audio],
  test_embedded_resource: [resource('test://embedded-resource', 'text/plain', 'This is an embedded resource content.')],
  test_multiple_content_types: [
    text('Multiple content types test:'), image, resource('test://mixed-content-resource', 'application/json', '{"test":"data","value":123}'),
  ],
};

function addTools(mcp, transport) {
  const tool = (name, run, inputSchema = {}) => mcp.registerTool(name, { description: name, inputSchema }, run);
  for (const [name, content] of Object.entries(answers)) tool(name, () => ({ content }));
  tool('test_error_handling', () => { throw new Error('This tool intentionally returns an error for testing'); });
  tool('test_tool_with_logging', async (_, { sendNotification }) => {
    for (const data of ['Tool execution started', 'Tool processing data', 'Tool execution completed']) {
      await sendNotification({ method: 'notifications/message', params: { level: 'info', data } });
      await sleep(50);
    }
    return { content: [text('logged')] };
  });
  tool('test_tool_with_progress', async (_, { sendNotification, _meta }) => {
    for (const progress of [0, 50, 100]) {
      if (_meta?.progressToken !== undefined) {
        await sendNotification({ method: 'notifications/progress', params: { progressToken: _meta.progressToken, progress, total: 100 } });
      }
      await sleep(50);
    }
    return { content: [text('done')] };
  });
  tool('test_sampling', async ({ prompt }, { sendRequest }) => {
    const params = { messages: [user(text(prompt))], maxTokens: 100 };
    const { content } = await sendRequest({ method: 'sampling/createMessage', params }, CreateMessageResultSchema);
    return { content: [text(`LLM response: ${content.text}`)] };
  }, { prompt: z.string() });

  const elicit = async (sendRequest, message, properties, required) => {
    const params = { mode: 'form', message, requestedSchema: { type: 'object', properties, required } };
    const { action, content } = await sendRequest({ method: 'elicitation/create', params }, ElicitResultSchema);
    return `action=${action}, content=${JSON.stringify(content)}`;
  };
  tool('test_elicitation', async ({ message }, { sendRequest }) => {
    const fields = { username: { type: 'string', description: "User's response" }, email: { type: 'string', description: "User's email address" } };
    return { content: [text(`User response: ${await elicit(sendRequest, message, fields, ['username', 'email'])}`)] };
  }, { message: z.string() });
  for (const [name, fields] of Object.entries(forms)) {
    tool(name, async (_, { sendRequest }) => ({ content: [text(`Elicitation completed: ${await elicit(sendRequest, name, fields, [])}`)] }));
  }
  tool('test_reconnection', async (_, { requestId }) => {
    transport.closeSSEStream(requestId);
    await sleep(100);
    return { content: [text('reconnected')] };
  });

  const { server } = mcp;
  const listOwn = server._requestHandlers.get('tools/list');
  server.setRequestHandler(ListToolsRequestSchema, async (request, extra) => {
    const { tools } = await listOwn(request, extra);
    return { tools: [...tools, jsonSchemaTool] };
  });
}

function addResources(mcp) {
  const fixed = (name, uri, mimeType, content) =>
    mcp.registerResource(name, uri, { description: name, mimeType }, () => ({ contents: [{ uri, mimeType, ...content }] }));
  fixed('static-text', 'test://static-text', 'text/plain', { text: 'This is the content of the static text resource.' });
  fixed('static-binary', 'test://static-binary', 'image/png', { blob: PNG });
  fixed('watched', 'test://watched-resource', 'text/plain', { text: 'watched' });
  mcp.registerResource('template', new ResourceTemplate('test://template/{id}/data', { list: undefined }),
    { description: 'template', mimeType: 'application/json' }, ({ href: uri }, { id }) => ({
      contents: [{ uri, mimeType: 'application/json', text: JSON.stringify({ id, templateTest: true, data: `Data for ID: ${id}` }) }],
    }));
  mcp.server.setRequestHandler(SubscribeRequestSchema, () => ({}));
  mcp.server.setRequestHandler(UnsubscribeRequestSchema, () => ({}));
}

function addPrompts(mcp) {
  const prompt = (name, argsSchema, run) => mcp.registerPrompt(name, { description: name, argsSchema }, (args) => ({ messages: run(args) }));
  prompt('test_simple_prompt', undefined, () => [user(text('This is a simple prompt for testing.'))]);
  prompt('test_prompt_with_arguments', { arg1: z.string(), arg2: z.string() }, ({ arg1, arg2 }) =>
    [user(text(`Prompt with arguments: arg1='${arg1}', arg2='${arg2}'`))]);
  prompt('test_prompt_with_embedded_resource', { resourceUri: z.string() }, ({ resourceUri }) => [
    user(resource(resourceUri, 'text/plain', 'Embedded resource content for testing.')),
    user(text('Please process the embedded resource above.')),
  ]);
  prompt('test_prompt_with_image', undefined, () => [user(image), user(text('Please analyze the image above.'))]);
  mcp.server.setRequestHandler(CompleteRequestSchema, () => ({ completion: { values: ['paris', 'park', 'party'], total: 3, hasMore: false } }));
}

/** The events of a session's streams, for clients that come back. */
class Events {
  #events = []; // { id, stream, message }

  async storeEvent(stream, message) {
    const id = `${stream}_${this.#events.length}`;
    this.#events.push({ id, stream, message });
    return id;
  }

  async getStreamIdForEventId(id) {
    return this.#events.find((event) => event.id === id)?.stream;
  }

  async replayEventsAfter(lastId, { send }) {
    const at = this.#events.findIndex((event) => event.id === lastId);
    const { stream } = this.#events[at];
    for (const event of this.#events.slice(at + 1)) {
      if (event.stream === stream && Object.keys(event.message).length > 0) await send(event.id, event.message);
    }
    return stream;
  }
}

const makeServer = () => new McpServer({ name: 'conformance', version: '1.0.0' }, {
  capabilities: { tools: {}, resources: { subscribe: true }, prompts: {}, logging: {}, completions: {} },
});

function addAll(mcp, transport) {
  mcp.server.setRequestHandler(SetLevelRequestSchema, () => ({}));
  addTools(mcp, transport);
  addResources(mcp);
  addPrompts(mcp);
}

/** As a program. */
export async function serveStdio() {
  const mcp = makeServer();
  const transport = new StdioServerTransport();
  addAll(mcp, transport);
  await mcp.connect(transport);
}

/** The same server's other face: no more than a list, since here only sessions can ask the client. */
function makeModern() {
  const server = new ServerOf2({ name: 'conformance', version: '1.0.0' }, { capabilities: { tools: {} } });
  server.setRequestHandler('tools/list', () => ({ tools: [{ name: 'modern_only', inputSchema: { type: 'object' } }] }));
  return server;
}

/** Returns { url, stop }. isOfBoth: it also speaks 2026-07-28, by the SDK of that. */
export async function startConformanceServer({ isOfBoth = false } = {}) {
  const sessions = new Map();
  const modern = isOfBoth ? createMcpHandler(makeModern, { legacy: 'reject' }) : undefined;
  const allowedHosts = [];

  async function open() {
    const transport = new StreamableHTTPServerTransport({
      sessionIdGenerator: randomUUID, eventStore: new Events(), retryInterval: 100,
      onsessioninitialized: (id) => sessions.set(id, transport), onsessionclosed: (id) => sessions.delete(id),
      enableDnsRebindingProtection: true, allowedHosts,
    });
    const mcp = makeServer();
    addAll(mcp, transport);
    await mcp.connect(transport);
    return transport;
  }

  const server = http.createServer(async (req, res) => {
    if (modern && req.headers['mcp-protocol-version'] === '2026-07-28') {
      await serveFetch((request) => modern.fetch(request), req, res);
      return;
    }
    const id = req.headers['mcp-session-id'];
    const transport = sessions.get(id) ?? (id === undefined ? await open() : undefined);
    // server-sse-polling opens a session of this revision, but goes on in the name of 2025-03-26, which has no resumption.
    const at = req.rawHeaders.findIndex((name) => /^mcp-protocol-version$/i.test(name));
    if (at >= 0) req.rawHeaders[at + 1] = '2025-11-25';
    if (transport) await transport.handleRequest(req, res);
    else res.writeHead(404).end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  allowedHosts.push(`127.0.0.1:${port}`, `localhost:${port}`);
  return {
    url: `http://127.0.0.1:${port}/mcp`,
    stop: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}
