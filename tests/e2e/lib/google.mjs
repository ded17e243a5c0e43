// A provider that behaves as Google does, bent out of oidc-provider: a refresh token with access_type=offline alone, and after the
// first consent with prompt=consent alone; never a new one at a refresh; fewer scopes than were asked for; a grant that ends after
// seven days, or is revoked; a revocation that asks for no client; no registration. Beside it the API whose tokens it gives out,
// with a mailbox for each account.

import { interactionPolicy } from 'oidc-provider';
import { GoogleServer } from './google_server.mjs';
import { OidcProvider } from './oidc.mjs';

export const gmail = { read: 'https://www.googleapis.com/auth/gmail.readonly', send: 'https://www.googleapis.com/auth/gmail.send' };
export const calendar = 'https://www.googleapis.com/auth/calendar';

/** Gmail and Calendar, of whoever's token it is. */
class GoogleApi extends GoogleServer {
  mailboxes = {}; // account -> mails

  async isGood(token, request) {
    const found = token && (await this.google.provider.AccessToken.find(token));
    request.account = found?.accountId;
    request.scopes = [...(found?.scopes ?? [])];
    return Boolean(found);
  }

  mailsOf({ account }) {
    this.mailboxes[account] ??= Array.from({ length: 3 }, (_, i) => ({ id: `${account}-${i}`, threadId: `${account}-t${i}` }));
    return this.mailboxes[account];
  }
}

/** await Google.start({ accounts, clients }) gives { issuer, api: { url, requests }, grants, refreshes, ... }. */
export class Google extends OidcProvider {
  #offline = new Map(); // of grants whose next code brings a refresh token
  #consented = new Set(); // account and client
  #refreshTokens = [];
  #accessTokens = [];
  revoked = []; // tokens that were given to /revoke

  static async start(options = {}) {
    const google = await super.start({ rotates: false, scopes: [gmail.read, gmail.send, calendar], ...options });
    google.api = await GoogleApi.start();
    google.api.google = google;
    return google;
  }

  async stop() {
    await super.stop();
    await this.api.stop();
  }

  get refreshes() {
    return this.grants.filter((grant) => grant.grant_type === 'refresh_token');
  }

  configuration() {
    const policy = interactionPolicy.base();
    policy.add(new interactionPolicy.Prompt({ name: 'select_account', requestable: true }));
    const all = super.configuration();
    return {
      ...all,
      features: { ...all.features, resourceIndicators: { enabled: false }, registration: { enabled: false } },
      extraParams: ['access_type', 'include_granted_scopes', 'hd'],
      interactions: { ...all.interactions, policy },
      issueRefreshToken: (ctx, client, { grantId }) => this.#offline.get(grantId) === true && this.#offline.delete(grantId),
      routes: { revocation: '/revoke' },
    };
  }

  tune(provider) {
    provider.on('refresh_token.saved', (token) => this.#refreshTokens.push(token));
    provider.on('access_token.saved', (token) => this.#accessTokens.push(token));
    provider.use(async (ctx, next) => {
      await next();
      if (ctx.oidc?.params?.grant_type === 'refresh_token' && ctx.status === 200) delete ctx.body.refresh_token;
    });
  }

  async grant(details, accountId) {
    const id = await super.grant(details, accountId);
    const { access_type: access, prompt = '', client_id: client } = details.params;
    const isFirst = !this.#consented.has(`${accountId} ${client}`);
    this.#consented.add(`${accountId} ${client}`);
    this.#offline.set(id, access === 'offline' && (isFirst || prompt.split(' ').includes('consent')));
    return id;
  }

  async answer(req, res, path, query) {
    if (path === '/revoke' && req.method === 'POST') {
      let body = '';
      for await (const chunk of req) body += chunk;
      const token = query.get('token') ?? new URLSearchParams(body).get('token');
      this.revoked.push(token);
      const found = (await this.provider.RefreshToken.find(token)) ?? (await this.provider.AccessToken.find(token));
      if (found) await this.endGrant(found.grantId, found.accountId);
      json(res, found ? 200 : 400, found ? {} : { error: 'invalid_token', error_description: 'Token expired or revoked' });
    } else if (path === '/tokeninfo') {
      const found = await this.provider.AccessToken.find(query.get('access_token'));
      if (!found) return json(res, 400, { error: 'invalid_token', error_description: 'Invalid Value' });
      json(res, 200, {
        azp: found.clientId, aud: found.clientId, sub: found.accountId, scope: found.scope, exp: `${found.exp}`,
        expires_in: `${found.remainingTTL}`, email: this.claimsOf(found.accountId).email, email_verified: 'true',
      });
    } else {
      return false;
    }
    return true;
  }

  /** What a week does to the refresh tokens of a project in "testing": access tokens live on. */
  async endRefreshTokens(account) {
    for (const token of this.#refreshTokens.filter(({ accountId }) => accountId === account)) await token.destroy();
    this.#forgetConsent(account);
  }

  /** Their hour is over, at once. */
  async endAccessTokens() {
    for (const token of this.#accessTokens.splice(0)) await token.destroy();
  }

  #forgetConsent(account) {
    for (const known of this.#consented) if (known.startsWith(`${account} `)) this.#consented.delete(known);
  }

  async endGrant(grantId, account) {
    await super.endGrant(grantId);
    this.#forgetConsent(account);
  }
}

function json(res, status, body) {
  res.writeHead(status, { 'content-type': 'application/json; charset=UTF-8' }).end(JSON.stringify(body, null, 2));
  return true;
}
