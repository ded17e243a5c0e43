// A stand-in for Cursor, as public traces and reports show what it does: it asks where to sign in before anything else, and
// once it believes that there is such a place it forgets the headers it was given.

import { openStream, readStream } from './stream.mjs';

export class NeedsAuthentication extends Error {}

export class CursorLike {
  #id = 0;
  #headers = {};
  asked = []; // paths, with the status that each was answered with

  /** base: scheme, host and port; path: of its endpoint; headers: as in its mcp.json. */
  constructor(base, { path = '/mcp', headers = {} } = {}) {
    Object.assign(this, { base, path, configured: headers });
  }

  async #get(path) {
    const response = await fetch(`${this.base}${path}`, { headers: { accept: 'application/json' }, redirect: 'manual' });
    this.asked.push([path, response.status]);
    return { status: response.status, text: await response.text() };
  }

  async #signIn(path) {
    const { status, text } = await this.#get(path);
    if (status !== 200) return;
    // It ignores its headers from now on, and goes where the page leads.
    this.configured = {};
    const servers = JSON.parse(text).authorization_servers ?? [];
    throw new NeedsAuthentication(servers.length > 0 ? `sign in at ${servers[0]}` : 'no authorization server is named');
  }

  async #post(message) {
    const response = await fetch(`${this.base}${this.path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream', ...this.configured, ...this.#headers },
      body: JSON.stringify({ jsonrpc: '2.0', ...message }),
    });
    if (response.status === 401) {
      const place = /resource_metadata="([^"]*)"/.exec(response.headers.get('www-authenticate'))?.[1];
      if (place) await this.#signIn(new URL(place).pathname);
      throw new NeedsAuthentication(response.headers.get('www-authenticate'));
    }
    if (!response.ok) throw new Error(`HTTP ${response.status}: ${await response.text()}`);
    return response;
  }

  async request(method, params = {}) {
    const id = this.#id++;
    const response = await this.#post({ id, method, params });
    if (!response.headers.get('content-type')?.startsWith('text/event-stream')) return [response, (await response.json()).result];
    const stream = { comments: [], events: [] };
    await readStream(response.body, stream);
    return [response, stream.events.find(({ json }) => json?.id === id).json.result];
  }

  /** All that happens before its tools are shown. Returns them. */
  async connect() {
    await this.#signIn(`/.well-known/oauth-protected-resource${this.path}`);
    await this.#signIn('/.well-known/oauth-protected-resource');
    const [response, { protocolVersion }] = await this.request('initialize', {
      protocolVersion: '2025-11-25', capabilities: { elicitation: {} }, clientInfo: { name: 'cursor-vscode', version: '1.0.0' },
    });
    this.#headers = { 'mcp-session-id': response.headers.get('mcp-session-id'), 'mcp-protocol-version': protocolVersion };
    await this.#post({ method: 'notifications/initialized' });
    this.stream = await openStream(`${this.base}${this.path}`, { headers: { ...this.configured, ...this.#headers } });
    return (await this.request('tools/list'))[1].tools;
  }

  close() {
    this.stream?.close();
  }
}
