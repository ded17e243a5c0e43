// An MCP server with OAuth of its own, as Notion's or Linear's is: the official SDK's server of both eras with its own bearer check,
// challenges and protected resource metadata (RFC 9728), and an OidcProvider as its authorization server.

import {
  createMcpHandler, McpServer, OAuthError, oauthMetadataResponse, requireBearerAuth, requireScopes,
} from '@modelcontextprotocol/server';
import { createRemoteJWKSet, jwtVerify } from 'jose';
import { LocalServer } from './local_server.mjs';
import { serveFetch } from './matrix/server2.mjs';
import { OidcProvider } from './oidc.mjs';

// What an MCP server may answer to who has not signed in yet, as Google's do.
const open = new Set(['initialize', 'notifications/initialized', 'ping', 'server/discover', 'tools/list', 'prompts/list', 'resources/list']);

/** await OauthServer.start({ provider: options of OidcProvider, scopes }) gives { url, provider, requests, stop() }. */
export class OauthServer extends LocalServer {
  /** It answers initialize and lists without a token. */
  listsOpenly = false;
  /** A 401 and 403 without resource_metadata: the client has to find it. */
  namesMetadata = true;
  requests = []; // { method, path, rpc, tool, token, subject, status }

  static async start({ provider = {}, scopes = ['read', 'write'] } = {}) {
    const it = await super.start();
    it.scopes = scopes;
    it.provider = await OidcProvider.start({
      registration: true, scopes, resources: { [it.url]: scopes.join(' ') },
      configure: (configuration) => { configuration.features.registration.initialAccessToken = false; }, ...provider,
    });
    it.metadata = `http://127.0.0.1:${it.port}/.well-known/oauth-protected-resource/mcp`;
    it.#keys = createRemoteJWKSet(new URL(`${it.provider.issuer}/jwks`));
    it.#mcp = createMcpHandler(({ authInfo }) => it.#server(authInfo));
    return it;
  }

  #keys;
  #mcp;

  forget() {}

  async stop() {
    await super.stop();
    await this.provider.stop();
  }

  /** The tool calls that came with a token, in order. */
  get calls() {
    return this.requests.filter((request) => request.rpc === 'tools/call');
  }

  #server(authInfo) {
    const server = new McpServer({ name: 'guarded', version: '1.0.0' });
    const say = (text) => ({ content: [{ type: 'text', text }] });
    server.registerTool('whoami', { description: 'As whom it is called', annotations: { readOnlyHint: true } },
      () => say(`you are ${authInfo?.extra?.email ?? 'nobody'}`));
    server.registerTool('write', { description: 'Needs the scope write', scopeChallenge: requireScopes('read', 'write') }, () => say(`written by ${authInfo?.extra?.email}`));
    return server;
  }

  async #verify(token) {
    try {
      const { payload } = await jwtVerify(token, this.#keys, { issuer: this.provider.issuer });
      return {
        token, clientId: payload.client_id, scopes: (payload.scope ?? '').split(' '), expiresAt: payload.exp,
        resource: new URL([payload.aud].flat()[0]), extra: { subject: payload.sub, email: payload.email },
      };
    } catch (error) {
      throw new OAuthError('invalid_token', error.message);
    }
  }

  serve(req, res) {
    serveFetch((request) => this.#answer(request), req, res).catch((error) => res.destroy(error));
  }

  async #answer(request) {
    const record = { method: request.method, path: new URL(request.url).pathname, token: request.headers.get('authorization')?.replace('Bearer ', '') };
    this.requests.push(record);
    const response = await this.#route(request, record);
    record.status = response.status;
    return response;
  }

  async #route(request, record) {
    const metadata = oauthMetadataResponse(request, {
      oauthMetadata: await this.#ofProvider(), resourceServerUrl: new URL(this.url), scopesSupported: this.scopes, dangerouslyAllowInsecureIssuerUrl: true,
    });
    // The provider's own metadata are the provider's to give.
    if (record.path.startsWith('/.well-known/oauth-authorization-server')) return new Response(undefined, { status: 404 });
    if (metadata) return metadata;
    if (record.path !== '/mcp') return new Response(undefined, { status: 404 });
    const body = request.method === 'POST' ? await request.clone().json() : undefined;
    record.rpc = body?.method;
    record.tool = body?.params?.name;
    if (this.listsOpenly && !record.token && open.has(record.rpc)) return this.#mcp.fetch(request);
    const authInfo = await requireBearerAuth({
      verifier: { verifyAccessToken: (token) => this.#verify(token) }, requiredScopes: ['read'], expectedResource: new URL(this.url),
      resourceMetadataUrl: this.namesMetadata ? this.metadata : undefined,
    })(request);
    if (authInfo instanceof Response) return authInfo;
    record.subject = authInfo.extra.subject;
    return this.#mcp.fetch(request, { authInfo });
  }

  async #ofProvider() {
    return { issuer: this.provider.issuer, authorization_endpoint: `${this.provider.issuer}/auth`, token_endpoint: `${this.provider.issuer}/token`, response_types_supported: ['code'] };
  }
}
