// A server of 2025-11-25 that wants its user to visit URLs before a call (error -32042), made with the official SDK, and official
// clients of each era: who can opens the URL and calls again, who cannot is told.

import { randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { Client as ClientOf1 } from '@modelcontextprotocol/sdk/client/index.js';
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js';
import { StreamableHTTPClientTransport as HttpOf1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { SSEServerTransport } from '@modelcontextprotocol/sdk/server/sse.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { ElicitationCompleteNotificationSchema, UrlElicitationRequiredError } from '@modelcontextprotocol/sdk/types.js';
import { Client as ClientOf2, StreamableHTTPClientTransport as HttpOf2 } from '@modelcontextprotocol/client';
import { textOf } from '../lib/clients.mjs';
import { startGateway, waitFor } from '../lib/gateway.mjs';
import { LocalServer } from '../lib/local_server.mjs';
import { schemaOf } from '../lib/matrix/schemas.mjs';
import { messageOf, post } from '../lib/stateless.mjs';
import { JSON_HEADERS, openSession, rpc } from '../lib/stream.mjs';

const names = ['mail', 'files'];

/** Wants a URL visited for each of its two services, and offers itself over Streamable HTTP and HTTP+SSE. */
class Visited extends LocalServer {
  transports = new Map();
  visited = new Set();
  calls = 0;

  forget() {
    this.transports.clear();
  }

  at(path) {
    return `http://127.0.0.1:${this.port}${path}`;
  }

  async serve(req, res) {
    const { pathname, searchParams } = new URL(req.url, this.url);
    if (pathname.startsWith('/visit/')) {
      const name = pathname.slice('/visit/'.length);
      this.visited.add(name);
      for (const { server } of this.transports.values()) {
        if (server.server.getClientCapabilities()?.elicitation?.url) await server.server.createElicitationCompletionNotifier(name)();
      }
      res.end('thank you');
      return;
    }
    const chunks = [];
    for await (const chunk of req) chunks.push(chunk);
    const body = chunks.length > 0 ? JSON.parse(Buffer.concat(chunks).toString()) : undefined;
    const known = this.transports.get(req.headers['mcp-session-id'] ?? searchParams.get('sessionId'))?.transport;
    const [sse, id] = [pathname === '/sse' && req.method === 'GET' ? new SSEServerTransport('/messages', res) : undefined, randomUUID()];
    if (sse) await this.#connect(sse, sse.sessionId);
    else if (pathname === '/messages') await known.handlePostMessage(req, res, body);
    else if (pathname !== '/mcp') res.writeHead(405).end();
    else if (body?.method === 'initialize') await (await this.#connect(new StreamableHTTPServerTransport({ sessionIdGenerator: () => id }), id)).handleRequest(req, res, body);
    else if (known) await known.handleRequest(req, res, body);
    else res.writeHead(404).end();
  }

  async #connect(transport, id) {
    const server = new McpServer({ name: 'visited', version: '1.0.0' }, { capabilities: { elicitation: { url: {} } } });
    server.registerTool('fetch', {}, () => {
      this.calls++;
      const missing = names.filter((name) => !this.visited.has(name));
      if (missing.length === 0) return { content: [{ type: 'text', text: 'all is here' }] };
      throw new UrlElicitationRequiredError(missing.map((name) => (
        { mode: 'url', message: `Let me read your ${name}`, url: this.at(`/visit/${name}`), elicitationId: name })), 'visit these first');
    });
    await server.connect(transport);
    this.transports.set(id, { transport, server });
    server.server.onclose = () => this.transports.delete(id);
    return transport;
  }
}

describe('a server that wants URLs visited', { timeout: 60000 }, () => {
  let server, gateway;
  before(async () => {
    server = await Visited.start();
    gateway = await startGateway({
      settings: { ANSWER_GRACE_MS: 200 },
      config: { mcpServers: { http: { url: server.at('/mcp') }, sse: { type: 'sse', url: server.at('/sse') } }, gateway: { builtin_tools: false } },
    });
  });
  after(async () => {
    await gateway.stop();
    await server.stop();
  });

  const wanted = () => names.map((name) => ({ mode: 'url', message: `Let me read your ${name}`, url: server.at(`/visit/${name}`), elicitationId: name }));
  const begin = () => {
    server.visited.clear();
    server.calls = 0;
  };
  const visit = async (url) => (await fetch(url)).text();

  for (const of of ['http', 'sse']) {
    for (const [kind, transport] of [['http', () => new HttpOf1(new URL('/mcp', gateway.url))], ['sse', () => new SSEClientTransport(new URL('/sse', gateway.url))]]) {
      test(`SDK 1.x by ${kind}, the server by ${of}: has the error of the SDK, visits, hears that it is done, and calls again`, async () => {
        begin();
        const done = [];
        const client = new ClientOf1({ name: 'opens', version: '1' }, { capabilities: { elicitation: { form: {}, url: {} } } });
        client.setNotificationHandler(ElicitationCompleteNotificationSchema, ({ params }) => { done.push(params.elicitationId); });
        await client.connect(transport());
        await client.listTools();
        const error = await client.callTool({ name: `${of}_fetch`, arguments: {} }).catch((thrown) => thrown);
        assert.ok(error instanceof UrlElicitationRequiredError, `${error}`);
        assert.deepEqual(error.elicitations, wanted());
        assert.match(error.message, /visit these first/);
        for (const { url } of error.elicitations) await visit(url);
        await waitFor(() => names.every((name) => done.includes(name)), 'the server to say that it is done');
        assert.equal(textOf(await client.callTool({ name: `${of}_fetch`, arguments: {} })), 'all is here');
        assert.equal(server.calls, 2);
        await client.close();
      });
    }

    test(`SDK 2.x without a session, the server by ${of}: is asked for input, visits, and its call goes on by itself`, async () => {
      begin();
      const asked = [];
      const client = new ClientOf2({ name: 'opens', version: '2' }, { capabilities: { elicitation: { form: {}, url: {} } }, versionNegotiation: { mode: { pin: '2026-07-28' } } });
      client.setRequestHandler('elicitation/create', async ({ params }) => {
        asked.push(params);
        await visit(params.url);
        return { action: 'accept' };
      });
      await client.connect(new HttpOf2(new URL('/mcp', gateway.url)));
      assert.equal(textOf(await client.callTool({ name: `${of}_fetch`, arguments: {} })), 'all is here');
      assert.deepEqual(asked.map(({ elicitationId, ...shown }) => shown).sort((a, b) => b.url.localeCompare(a.url)), wanted().map(({ elicitationId, ...shown }) => shown));
      assert.equal(server.calls, 2);
      await client.close();
    });

    test(`a client of 2026-07-28 that declines hears of it again, the server by ${of}`, async () => {
      begin();
      const capabilities = { elicitation: { url: {} } };
      const params = { name: `${of}_fetch`, arguments: {} };
      const first = await post(gateway.url, messageOf('tools/call', params, { capabilities }));
      assert.deepEqual(schemaOf('2026-07-28').problems('server', first.json, 'tools/call'), []);
      assert.equal(first.json.result.resultType, 'input_required');
      const { inputRequests, requestState } = first.json.result;
      await visit(server.at('/visit/mail'));
      const inputResponses = Object.fromEntries(Object.keys(inputRequests).map((key) => [key, { action: 'decline' }]));
      const again = await post(gateway.url, messageOf('tools/call', { ...params, inputResponses, ...(requestState && { requestState }) }, { id: 2, capabilities }));
      assert.deepEqual(Object.values(again.json.result.inputRequests).map((request) => request.params.url), [server.at('/visit/files')]);
    });

    test(`a client of 2026-07-28 that cannot is told which capability it lacks, the server by ${of}`, async () => {
      begin();
      for (const capabilities of [{}, { elicitation: {} }, { elicitation: { form: {} } }]) {
        const { json } = await post(gateway.url, messageOf('tools/call', { name: `${of}_fetch`, arguments: {} }, { capabilities }));
        assert.deepEqual(schemaOf('2026-07-28').problems('server', json, 'tools/call'), []);
        assert.deepEqual([json.error.code, json.error.data.requiredCapabilities], [-32021, { elicitation: { url: {} } }]);
      }
    });

    for (const revision of ['2025-03-26', '2025-06-18', '2025-11-25']) {
      test(`a client of ${revision} has the error as it is, the server by ${of}`, async () => {
        begin();
        const session = await openSession(gateway.url, revision);
        const body = rpc(5, 'tools/call', { name: `${of}_fetch`, arguments: {} });
        const text = await (await fetch(`${gateway.url}/mcp`, { method: 'POST', headers: { ...JSON_HEADERS, ...session.headers }, body })).text();
        const json = JSON.parse(/\{"jsonrpc.*/.exec(text)[0]);
        assert.deepEqual(schemaOf(revision).problems('server', json, 'tools/call'), []);
        assert.deepEqual([json.error.code, json.error.data], [-32042, { elicitations: wanted() }]);
      });
    }
  }
});
