// The clients of the matrix, in the SDKs' own words. All classes offer the same to the squares (driven.mjs has that of other languages).

import { Client as ClientOf1 } from '@modelcontextprotocol/sdk/client/index.js';
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js';
import { StreamableHTTPClientTransport as HttpTransport1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import {
  CreateMessageRequestSchema, ElicitRequestSchema, ListRootsRequestSchema, LoggingMessageNotificationSchema,
  ResourceUpdatedNotificationSchema,
} from '@modelcontextprotocol/sdk/types.js';
import { Client as ClientOf2, StreamableHTTPClientTransport as HttpTransport2 } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { waitFor } from '../gateway.mjs';

/** What is the same for all: what the client answers when it is asked, and what it was told. */
export class Matrixed {
  logs = []; // { level, data }
  updates = []; // URIs

  /** name: stands in all that it answers, so that a square knows whose answer came. */
  constructor(revision, name) {
    this.revision = revision;
    this.name = name;
    const elicits = revision >= '2025-06-18';
    // An empty object was all that 2025-06-18 knew; it means forms in later revisions too.
    this.capabilities = { sampling: {}, roots: { listChanged: true }, ...(elicits && { elicitation: {} }) };
    this.answers = {
      sample: () => ({ role: 'assistant', model: 'none', content: { type: 'text', text: `a word of ${name}` } }),
      roots: () => ({ roots: [{ uri: `file:///home/${name}`, name }] }),
      ...(elicits && { elicit: () => ({ action: 'accept', content: { name } }) }),
    };
  }

  async list() {
    const [{ tools }, { resources }, { resourceTemplates }, { prompts }] = await Promise.all([
      this.sdk.listTools(), this.sdk.listResources(), this.sdk.listResourceTemplates(), this.sdk.listPrompts(),
    ]);
    return { tools, resources, resourceTemplates, prompts };
  }

  logged(text) {
    return waitFor(() => this.logs.find(({ data }) => data === text), `the log message ${text}`);
  }

  updated(uri) {
    return waitFor(() => this.updates.includes(uri), `an update of ${uri}`);
  }

  prompt(name, args) {
    return this.sdk.getPrompt({ name, arguments: args });
  }

  complete(ref, argument) {
    return this.sdk.complete({ ref, argument });
  }

  read(uri) {
    return this.sdk.readResource({ uri });
  }

  async close() {
    await this.sdk.close();
  }
}

/** 1.x, held to one revision. */
export class Client1 extends Matrixed {
  /** url: of an MCP endpoint, or of the stream of HTTP+SSE, which is how 2024-11-05 is spoken. */
  static async connect(url, revision, name) {
    const client = new Client1(revision, name);
    const transport = revision === '2024-11-05' ? new SSEClientTransport(url) : new HttpTransport1(url);
    const { send } = transport;
    transport.send = (message, options) => {
      if (message.method === 'initialize') message.params.protocolVersion = revision;
      return send.call(transport, message, options);
    };
    client.sdk = new ClientOf1({ name, version: '1.0.0' }, { capabilities: client.capabilities });
    const { sample, roots, elicit } = client.answers;
    client.sdk.setRequestHandler(CreateMessageRequestSchema, sample);
    client.sdk.setRequestHandler(ListRootsRequestSchema, roots);
    if (elicit) client.sdk.setRequestHandler(ElicitRequestSchema, elicit);
    client.sdk.setNotificationHandler(LoggingMessageNotificationSchema, ({ params }) => { client.logs.push(params); });
    client.sdk.setNotificationHandler(ResourceUpdatedNotificationSchema, ({ params }) => { client.updates.push(params.uri); });
    await client.sdk.connect(transport);
    return client;
  }

  call(name, args, options) {
    return this.sdk.callTool({ name, arguments: args }, undefined, options);
  }

  async callLogging(level, name, args) {
    await this.sdk.setLoggingLevel(level);
    return this.call(name, args);
  }

  /** Returns what ends it. */
  async watch(uri) {
    await this.sdk.subscribeResource({ uri });
    return () => this.sdk.unsubscribeResource({ uri });
  }
}

/** 2.x, held to 2026-07-28. */
export class Client2 extends Matrixed {
  /** to: the URL of an MCP endpoint, or { command, args } of a server over stdio. */
  static async connect(to, revision, name) {
    const client = new Client2(revision, name);
    client.sdk = new ClientOf2({ name, version: '2.0.0' }, {
      capabilities: client.capabilities, versionNegotiation: { mode: { pin: revision } },
    });
    const { sample, roots, elicit } = client.answers;
    client.sdk.setRequestHandler('sampling/createMessage', sample);
    client.sdk.setRequestHandler('roots/list', roots);
    client.sdk.setRequestHandler('elicitation/create', elicit);
    client.sdk.setNotificationHandler('notifications/message', ({ params }) => { client.logs.push(params); });
    client.sdk.setNotificationHandler('notifications/resources/updated', ({ params }) => { client.updates.push(params.uri); });
    await client.sdk.connect(to.command ? new StdioClientTransport(to) : new HttpTransport2(to));
    return client;
  }

  call(name, args, options) {
    return this.sdk.callTool({ name, arguments: args }, options);
  }

  callLogging(level, name, args) {
    return this.sdk.callTool({ name, arguments: args, _meta: { 'io.modelcontextprotocol/logLevel': level } });
  }

  async watch(uri) {
    const subscription = await this.sdk.listen({ resourceSubscriptions: [uri] });
    if (!subscription.honoredFilter.resourceSubscriptions?.includes(uri)) throw new Error(`${uri} is not listened to`);
    return () => subscription.close();
  }
}
