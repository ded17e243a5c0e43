// Clients of the official SDKs (TypeScript, 1.x and 2.x) that sign in by their own auth code: discovery, registration, PKCE, the
// exchange and the refresh are theirs. Only what a person does in a browser is done here, by whoever the test gives for it.

import { createHash } from 'node:crypto';
import { Client as Client1 } from '@modelcontextprotocol/sdk/client/index.js';
import { UnauthorizedError as Unauthorized1 } from '@modelcontextprotocol/sdk/client/auth.js';
import { SSEClientTransport as Sse1 } from '@modelcontextprotocol/sdk/client/sse.js';
import { StreamableHTTPClientTransport as Http1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import {
  Client as Client2, SSEClientTransport as Sse2, StreamableHTTPClientTransport as Http2, UnauthorizedError as Unauthorized2,
} from '@modelcontextprotocol/client';
import http from 'node:http';
import { once } from 'node:events';

/** Where a client waits for the browser, on loopback: { url, next() }. */
export class Callback {
  #came = [];
  #waiting = [];

  static async start(path = '/callback') {
    const it = new Callback();
    it.server = http.createServer((req, res) => {
      const url = new URL(req.url, it.url);
      if (url.pathname === path) {
        const take = it.#waiting.shift();
        if (take) take(url.searchParams);
        else it.#came.push(url.searchParams);
      }
      res.writeHead(url.pathname === path ? 200 : 204, { 'content-type': 'text/html' }).end('<!doctype html><html lang="en"><title>Signed in</title><p>You can close this window.');
    }).listen(0, '127.0.0.1');
    await once(it.server, 'listening');
    it.url = `http://127.0.0.1:${it.server.address().port}${path}`;
    return it;
  }

  /** The parameters that the browser brings. */
  next(timeoutMs = 20000) {
    if (this.#came.length > 0) return Promise.resolve(this.#came.shift());
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`nobody came to ${this.url}`)), timeoutMs);
      this.#waiting.push((params) => { clearTimeout(timer); resolve(params); });
    });
  }

  async stop() {
    this.server.close();
    this.server.closeAllConnections();
  }
}

/** What the SDKs call an OAuthClientProvider: it keeps what they give it to keep. */
export class Keeper {
  /** options: redirectUrl; metadata: more of the client's; clientMetadataUrl: for CIMD; client: registered by hand; scope. */
  constructor({ redirectUrl, metadata = {}, clientMetadataUrl, client, scope } = {}) {
    this.redirectUrl = redirectUrl;
    this.clientMetadataUrl = clientMetadataUrl;
    this.saved = { client };
    this.clientMetadata = {
      client_name: 'Client of the tests', redirect_uris: [redirectUrl], grant_types: ['authorization_code', 'refresh_token'], response_types: ['code'],
      token_endpoint_auth_method: 'none', ...(scope && { scope }), ...metadata,
    };
  }

  state = () => (this.saved.state = createHash('sha256').update(`${Math.random()}`).digest('base64url'));
  clientInformation = () => this.saved.client;
  saveClientInformation = (client) => { this.saved.client = client; };
  tokens = () => this.saved.tokens;
  saveTokens = (tokens) => { this.saved.tokens = tokens; };
  redirectToAuthorization = (url) => { this.saved.authorization = url; };
  saveCodeVerifier = (verifier) => { this.saved.verifier = verifier; };
  codeVerifier = () => this.saved.verifier;
  saveDiscoveryState = (state) => { this.saved.discovery = state; };
  discoveryState = () => this.saved.discovery;
  invalidateCredentials = (what) => {
    this.invalidated = [...(this.invalidated ?? []), what];
    if (what === 'all' || what === 'client') delete this.saved.client;
    if (what === 'all' || what === 'tokens') delete this.saved.tokens;
    if (what === 'all' || what === 'discovery') delete this.saved.discovery;
  };
}

const sdks = {
  1: { Client: Client1, Unauthorized: Unauthorized1, sse: Sse1, http: Http1 },
  2: { Client: Client2, Unauthorized: Unauthorized2, sse: Sse2, http: Http2 },
};

/** 1.x has no way to say which revision it offers. */
function offer(transport, revision) {
  const { send } = transport;
  transport.send = (message, options) => {
    if (message.method === 'initialize') message.params.protocolVersion = revision;
    return send.call(transport, message, options);
  };
}

/** 2.x pins its newest alone, and negotiates among the older ones. */
const only = (revision) => (revision === '2026-07-28' ? { versionNegotiation: { mode: { pin: revision } } } : { supportedProtocolVersions: [revision] });

/**
 * A client that signs in when it is told to: visit(url, keeper) is the person with a browser, and returns the parameters of the
 * redirect. sdk: 1 or 2; kind: 'http' or 'sse'; revision: of MCP. Connected; returns { client, keeper }.
 */
export async function signIn(base, { sdk = 1, kind = 'http', keeper, visit, fetch, revision, capabilities = {}, path = kind === 'sse' ? '/sse' : '/mcp' }) {
  const { Client, Unauthorized, [kind]: Transport } = sdks[sdk];
  const connect = async () => {
    const client = new Client({ name: 'login-client', version: '1.0.0' }, { capabilities, ...(revision && sdk === 2 && only(revision)) });
    const transport = new Transport(new URL(path, base), { authProvider: keeper, fetch });
    if (revision && sdk === 1) offer(transport, revision);
    client.onerror = () => {};
    await client.connect(transport);
    return { client, transport, keeper };
  };
  try {
    return await connect();
  } catch (error) {
    if (!(error instanceof Unauthorized)) throw error;
  }
  const params = await visit(keeper.saved.authorization, keeper);
  if (params.get('state') !== keeper.saved.state) throw new Error('the state of the redirect is not the one that was sent');
  if (params.get('error')) throw new Error(`${params.get('error')}: ${params.get('error_description')}`);
  const transport = new Transport(new URL(path, base), { authProvider: keeper, fetch });
  await (sdk === 2 ? transport.finishAuth(params) : transport.finishAuth(params.get('code')));
  return connect();
}
