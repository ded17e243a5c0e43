// A stand-in for Cursor, as public traces and reports show what it does: it asks where to sign in before anything else, and
// once it believes that there is such a place it forgets the headers it was given, registers with all its redirect addresses at
// once, and signs in.

import { createHash, randomBytes } from 'node:crypto';
import { openStream, readStream } from './stream.mjs';

export class NeedsAuthentication extends Error {}

/** All that it registers; it uses the first. */
export const redirects = [
  'cursor://anysphere.cursor-mcp/oauth/callback', 'http://localhost:8787/callback', 'https://www.cursor.com/agents/mcp/oauth/callback',
];

const random = () => randomBytes(32).toString('base64url');

export class CursorLike {
  #id = 0;
  #headers = {};
  asked = []; // paths, with the status that each was answered with

  /**
   * base: scheme, host and port; path: of its endpoint; headers: as in its mcp.json; auth: likewise { CLIENT_ID, CLIENT_SECRET, scopes };
   * fetch: which trusts base; visit(url, redirect): the person with a browser, who returns the URL of the redirect. Without one it
   * gives up where it would sign in.
   */
  constructor(base, { path = '/mcp', headers = {}, auth, fetch = globalThis.fetch, visit } = {}) {
    Object.assign(this, { base, path, configured: headers, auth, fetch, visit });
  }

  async #get(path) {
    const response = await this.fetch(new URL(path, this.base), { headers: { accept: 'application/json' }, redirect: 'manual' });
    this.asked.push([path, response.status]);
    return { status: response.status, text: await response.text() };
  }

  /** Is there a place to sign in? Then it signs in there, and knows no configured headers any more. */
  async #discover(path) {
    const { status, text } = await this.#get(path);
    if (status !== 200) return false;
    this.configured = {};
    this.resource = JSON.parse(text);
    const [issuer] = this.resource.authorization_servers ?? [];
    if (!issuer) throw new NeedsAuthentication('no authorization server is named');
    if (!this.visit) throw new NeedsAuthentication(`sign in at ${issuer}`);
    await this.#signIn(issuer);
    return true;
  }

  async #signIn(issuer) {
    const { origin, pathname } = new URL(issuer);
    const places = pathname === '/' ? ['/.well-known/oauth-authorization-server', '/.well-known/openid-configuration']
      : [`/.well-known/oauth-authorization-server${pathname}`, `/.well-known/openid-configuration${pathname}`, `${pathname}/.well-known/openid-configuration`];
    for (const place of places) {
      const { status, text } = await this.#get(`${origin}${place}`);
      if (status !== 200) continue;
      this.server = JSON.parse(text);
      break;
    }
    if (!this.server?.code_challenge_methods_supported?.includes('S256')) throw new NeedsAuthentication('the authorization server has no PKCE');
    await this.#register();
    await this.#authorize();
  }

  async #register() {
    if (this.auth) {
      this.client = { client_id: this.auth.CLIENT_ID, client_secret: this.auth.CLIENT_SECRET };
      return;
    }
    const response = await this.fetch(this.server.registration_endpoint, {
      method: 'POST', headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        client_name: 'Cursor', redirect_uris: redirects, grant_types: ['authorization_code', 'refresh_token'], response_types: ['code'],
        token_endpoint_auth_method: 'none', application_type: 'native',
      }),
    });
    this.client = await response.json();
    if (response.status !== 201) throw new NeedsAuthentication(`not registered: ${response.status} ${JSON.stringify(this.client)}`);
  }

  async #authorize() {
    const [verifier, state, [redirect]] = [random(), random(), redirects];
    const url = new URL(this.server.authorization_endpoint);
    // Without `scopes` of its own it asks for everything that there is.
    const scopes = this.auth?.scopes ?? this.resource.scopes_supported ?? this.server.scopes_supported ?? [];
    for (const [name, value] of Object.entries({
      response_type: 'code', client_id: this.client.client_id, redirect_uri: redirect, state, resource: this.resource.resource,
      code_challenge: createHash('sha256').update(verifier).digest('base64url'), code_challenge_method: 'S256',
      ...(scopes.length > 0 && { scope: scopes.join(' ') }),
    })) url.searchParams.set(name, value);
    this.authorization = url;
    const answer = (await this.visit(url, redirect)).searchParams;
    if (answer.get('state') !== state) throw new NeedsAuthentication('the state is another');
    if (answer.get('error')) throw new NeedsAuthentication(`${answer.get('error')}: ${answer.get('error_description')}`);
    if (this.server.authorization_response_iss_parameter_supported && answer.get('iss') !== this.server.issuer) throw new NeedsAuthentication('the issuer is another');
    await this.#token({ grant_type: 'authorization_code', code: answer.get('code'), redirect_uri: redirect, code_verifier: verifier });
  }

  async #token(fields) {
    const { client_id: id, client_secret: secret } = this.client;
    const response = await this.fetch(this.server.token_endpoint, {
      method: 'POST', headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams({ ...fields, client_id: id, resource: this.resource.resource, ...(secret && { client_secret: secret }) }).toString(),
    });
    const answer = await response.json();
    if (!answer.access_token) throw new NeedsAuthentication(`no token: ${response.status} ${JSON.stringify(answer)}`);
    this.tokens = { ...this.tokens, ...answer };
  }

  /** As it does at a 401, when it has a refresh token. */
  refresh() {
    return this.#token({ grant_type: 'refresh_token', refresh_token: this.tokens.refresh_token });
  }

  async #post(message) {
    const response = await this.fetch(new URL(this.path, this.base), {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream', ...this.#authorized() },
      body: JSON.stringify({ jsonrpc: '2.0', ...message }),
    });
    if (response.status === 401) {
      const challenge = response.headers.get('www-authenticate');
      const place = /resource_metadata="([^"]*)"/.exec(challenge)?.[1];
      if (this.tokens?.refresh_token && !this.isRefreshed) {
        this.isRefreshed = true;
        await this.refresh();
      } else if (!place || this.tokens || !(await this.#discover(new URL(place).pathname))) {
        throw new NeedsAuthentication(challenge);
      }
      return this.#post(message);
    }
    this.isRefreshed = false;
    if (!response.ok) throw new Error(`HTTP ${response.status}: ${await response.text()}`);
    return response;
  }

  #authorized() {
    return { ...this.configured, ...(this.tokens && { authorization: `Bearer ${this.tokens.access_token}` }), ...this.#headers };
  }

  async request(method, params = {}) {
    const id = this.#id++;
    const response = await this.#post({ id, method, params });
    if (!response.headers.get('content-type')?.startsWith('text/event-stream')) return [response, (await response.json()).result];
    const stream = { comments: [], events: [] };
    await readStream(response.body, stream);
    return [response, stream.events.find(({ json }) => json?.id === id).json.result];
  }

  /** Its two discovery requests, and what follows from them. */
  async signIn() {
    return (await this.#discover(`/.well-known/oauth-protected-resource${this.path}`)) || this.#discover('/.well-known/oauth-protected-resource');
  }

  /** All that happens before its tools are shown. Returns them. */
  async connect() {
    await this.signIn();
    const [response, { protocolVersion }] = await this.request('initialize', {
      protocolVersion: '2025-11-25', capabilities: { elicitation: {} }, clientInfo: { name: 'cursor-vscode', version: '1.0.0' },
    });
    this.#headers = { 'mcp-session-id': response.headers.get('mcp-session-id'), 'mcp-protocol-version': protocolVersion };
    await this.#post({ method: 'notifications/initialized' });
    this.stream = await openStream(new URL(this.path, this.base), { headers: this.#authorized(), fetch: this.fetch });
    return (await this.request('tools/list'))[1].tools;
  }

  close() {
    this.stream?.close();
  }
}
