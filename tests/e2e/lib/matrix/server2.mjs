// The upstream of 2026-07-28, made with @modelcontextprotocol/server, over HTTP in the test's own process.

import { once } from 'node:events';
import { Readable } from 'node:stream';
import { createMcpHandler, inputRequired, ProtocolError, ResourceNotFoundError, Server } from '@modelcontextprotocol/server';
import { LocalServer } from '../local_server.mjs';
import { Features } from './features.mjs';

/** Questions that have no answers yet: the call is answered with them, and comes again with the answers. */
class Asked extends Error {
  constructor(inputRequests, state) {
    super('asked');
    this.result = inputRequired({ inputRequests, requestState: JSON.stringify(state) });
  }
}

/** The answers of all rounds: those of earlier ones are in the state. */
function askAll(questions, { inputResponses, requestState }) {
  const known = { ...JSON.parse(requestState() ?? '{}'), ...inputResponses };
  const missing = Object.entries(questions).filter(([name]) => !(name in known));
  if (missing.length > 0) throw new Asked(Object.fromEntries(missing), known);
  return known;
}

/** A server that offers `features`. updated: (server, uri) tells who listens. */
export function makeServer(features, updated) {
  const server = new Server({ name: features.name, version: '2.0.0' }, { capabilities: features.capabilities });
  server.setRequestHandler('tools/list', () => ({ tools: features.tools }));
  server.setRequestHandler('tools/call', async ({ params }, ctx) => {
    if (!features.has(params.name)) throw new ProtocolError(-32602, `unknown tool: ${params.name}`);
    const progressToken = ctx.mcpReq._meta?.progressToken;
    try {
      return await features.call(params.name, params.arguments, {
        signal: ctx.mcpReq.signal,
        progress: (progress, total) => progressToken !== undefined
          && ctx.mcpReq.notify({ method: 'notifications/progress', params: { progressToken, progress, total } }),
        log: (level, data) => ctx.mcpReq.log(level, data, features.name),
        ask: (questions) => askAll(questions, ctx.mcpReq),
        updated: (uri) => updated(server, uri),
      });
    } catch (error) {
      if (error instanceof Asked) return error.result;
      throw error;
    }
  });
  server.setRequestHandler('resources/list', () => ({ resources: features.resources }));
  server.setRequestHandler('resources/templates/list', () => ({ resourceTemplates: features.templates }));
  server.setRequestHandler('resources/read', ({ params }) => {
    const result = features.read(params.uri);
    if (!result) throw new ResourceNotFoundError(params.uri);
    return result;
  });
  server.setRequestHandler('prompts/list', () => ({ prompts: features.prompts }));
  server.setRequestHandler('prompts/get', ({ params }) => features.prompt(params.arguments));
  server.setRequestHandler('completion/complete', ({ params }) => features.complete(params));
  return server;
}

/** Serves a fetch handler: the request as it comes, aborted when the client leaves, and the response as it goes. */
export async function serveFetch(handler, req, res) {
  const abort = new AbortController();
  res.once('close', () => abort.abort());
  const body = ['GET', 'HEAD'].includes(req.method) ? undefined : Readable.toWeb(req);
  const request = new Request(`http://${req.headers.host}${req.url}`, {
    method: req.method, headers: req.headers, body, duplex: 'half', signal: abort.signal,
  });
  const response = await handler(request).catch((error) => {
    if (abort.signal.aborted) return undefined;
    throw error;
  });
  if (!response) return;
  res.writeHead(response.status, Object.fromEntries(response.headers));
  res.flushHeaders();
  if (response.body) {
    for await (const chunk of response.body) {
      if (!res.write(chunk)) await Promise.race([once(res, 'drain'), once(res, 'close')]);
    }
  }
  res.end();
}

class FetchServer extends LocalServer {
  serve(req, res) {
    serveFetch(this.handler.fetch, req, res).catch((error) => res.destroy(error));
  }

  forget() {}
}

/** Returns { port, stop }. */
export async function startServer2(name) {
  const features = new Features(name);
  const handler = createMcpHandler(() => makeServer(features, (_, uri) => handler.notify.resourceUpdated(uri)), { legacy: 'reject' });
  const server = await FetchServer.start();
  server.handler = handler;
  return server;
}
