// The SDK's own clients, over TLS with the test's certificate, HTTP/1.1 or HTTP/2.

import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { Agent, fetch as undiciFetch } from 'undici';
import { testCertificate } from './gateway.mjs';

/** A fetch that trusts the test's certificate, or another one. Close it with its close(). */
export function trustingFetch({ http2 = false, ca = testCertificate().ca } = {}) {
  const agent = new Agent({ allowH2: http2, bodyTimeout: 0, connect: { ca } });
  const f = (url, init) => undiciFetch(url, { ...init, dispatcher: agent });
  f.close = () => agent.destroy();
  return f;
}

/** kind: 'sse' (HTTP+SSE) or 'http' (Streamable HTTP). Connected; close it with client.close(). */
export async function connectClient(base, kind, { fetch, name = 'mgw-e2e', capabilities = {}, setUp, headers } = {}) {
  const client = new Client({ name, version: '1.0.0' }, { capabilities });
  setUp?.(client);
  const requestInit = headers ? { headers } : undefined;
  const transport = kind === 'sse'
    ? new SSEClientTransport(new URL('/sse', base), {
      fetch, requestInit, eventSourceInit: fetch ? { fetch: (url, init) => fetch(url, { ...init, headers: { ...init?.headers, ...headers } }) } : undefined,
    })
    : new StreamableHTTPClientTransport(new URL('/mcp', base), { fetch, requestInit });
  await client.connect(transport);
  return client;
}

export const textOf = (result) => result.content.map((part) => part.text ?? '').join('');
