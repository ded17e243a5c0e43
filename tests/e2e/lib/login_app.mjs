// An OAuth client written by hand, step by step: registration, authorization, exchange, refresh. What the SDKs do in one go can be
// stopped between any two steps here, and done wrongly.

import { createHash, randomBytes } from 'node:crypto';
import { allow } from './login.mjs';

const random = () => randomBytes(32).toString('base64url');

/** login: of startLogin(). Registered already; more: of its registration. */
export async function startApp(login, account, { redirect = 'http://127.0.0.1:1/callback', more = {} } = {}) {
  const app = new App();
  Object.assign(app, { login, account, redirect, browser: login.browser(account) });
  const response = await login.fetch(`${login.base}/oauth/register`, {
    method: 'POST', headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ client_name: 'By hand', redirect_uris: [redirect], token_endpoint_auth_method: 'none', ...more }),
  });
  app.registered = { status: response.status, ...(await response.json()) };
  app.id = app.registered.client_id;
  return app;
}

class App {
  /** Opens the authorization endpoint, as a person's browser does; more: in place of what it would say. */
  open(more = {}) {
    this.verifier = random();
    this.state = random();
    return this.openUrl(this.url(more));
  }

  url(more = {}) {
    const url = new URL('/oauth/authorize', this.login.base);
    const fields = {
      response_type: 'code', client_id: this.id, redirect_uri: this.redirect, state: this.state, resource: `${this.login.base}/mcp`,
      code_challenge: createHash('sha256').update(this.verifier ?? '').digest('base64url'), code_challenge_method: 'S256', ...more,
    };
    for (const [name, value] of Object.entries(fields)) if (value !== undefined) url.searchParams.set(name, value);
    return url;
  }

  openUrl(url) {
    return this.browser.open(url, { until: this.redirect });
  }

  /** All the way to the redirect. */
  async allow(more) {
    const end = await this.open(more);
    return end instanceof URL ? end : this.browser.press(allow, { until: this.redirect });
  }

  post(path, fields, headers = {}) {
    return this.login.fetch(`${this.login.base}${path}`, {
      method: 'POST', headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
      body: new URLSearchParams(Object.entries({ client_id: this.id, ...fields }).filter(([, value]) => value !== undefined)).toString(),
    });
  }

  async token(fields, headers) {
    const response = await this.post('/oauth/token', fields, headers);
    return { status: response.status, ...(await response.json()) };
  }

  /** The redirect's code, for tokens; more: in place of what it would say. */
  redeem(back, more = {}) {
    return this.token({ grant_type: 'authorization_code', code: back.searchParams.get('code'), redirect_uri: this.redirect, code_verifier: this.verifier, ...more });
  }

  refresh(token, more = {}) {
    return this.token({ grant_type: 'refresh_token', refresh_token: token, ...more });
  }

  /** A request of MCP with a token. */
  ping(token, path = '/mcp') {
    return this.login.fetch(`${this.login.base}${path}`, {
      method: 'POST', headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream', authorization: `Bearer ${token}` },
      body: JSON.stringify({
        jsonrpc: '2.0', id: 1, method: 'initialize', params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'by hand', version: '1' } },
      }),
    });
  }
}
