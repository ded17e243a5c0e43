// An OpenID provider on loopback: the npm package oidc-provider, with the accounts and the clients that a test wants, who sign
// in without a human. It can also be the authorization server of MCP servers, and the issuer of JWTs.

import http from 'node:http';
import https from 'node:https';
import { once } from 'node:events';
import fs from 'node:fs';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { createMemoryAdapter } from 'oidc-provider/lib/adapters/memory_adapter.js';
import { errors, Provider } from 'oidc-provider';
import { trustingFetch } from './clients.mjs';
import { LocalServer } from './local_server.mjs';
import { PlainBrowser } from './plain_browser.mjs';

export const algorithms = ['RS256', 'PS256', 'ES256', 'EdDSA'];

/** A key pair: { alg, kid, privateKey, jwk } (jwk is private). */
export async function makeKey(alg, kid = `${alg}-${Math.random().toString(36).slice(2, 10)}`) {
  const { privateKey } = await generateKeyPair(alg, { extractable: true, ...(alg === 'EdDSA' && { crv: 'Ed25519' }) });
  return { alg, kid, privateKey, jwk: { ...(await exportJWK(privateKey)), alg, kid, use: 'sig' } };
}

/** The claims that each scope opens. */
const claims = { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name', 'hd', 'groups'], groups: ['groups'] };

/**
 * await OidcProvider.start(options) gives { issuer, url, grants, requests, ... }. Options:
 * accounts: { ada: { email, email_verified, hd, groups } } (the account's name is its `sub`, an email is made where none is said);
 * clients: as registered by RFC 7591; alg: of its tokens; resources: { identifier: "its scopes" } for RFC 8707 (default: any, with
 * whatever is asked for); tls: { cert, key } files; registration, cimd: whether it has them; iss: RFC 9207; alwaysRefresh: a refresh
 * token without offline_access; rotates: refresh tokens are good once; ttl: { AccessToken: 3600, ... }; scopes: more of them;
 * configure: (configuration) => to change more of it.
 */
export class OidcProvider extends LocalServer {
  /** Who signs in where the browser has no cookie `as`. */
  account = 'ada';
  /** An account has to be chosen on a page, and pressed. */
  asks = false;
  /** Scopes that are asked for and not granted. */
  refused = new Set();
  /** The user says no. */
  denies = false;
  requests = []; // { method, path, query, authorization }
  grants = []; // token requests, as they came, with `error` where one was refused
  given = []; // { grantId, accountId }
  /** (req, res) => true when it has answered, in place of the provider. */
  instead = undefined;
  /** A promise that every answer waits for. */
  hold = undefined;

  static async start(options = {}) {
    const it = new this();
    it.options = {
      accounts: { ada: {}, bob: {} }, clients: [], alg: 'RS256', registration: false, cimd: false, iss: true, alwaysRefresh: true, rotates: true,
      scopes: [], ...options,
    };
    it.port = options.port ?? 0;
    it.adapter = createMemoryAdapter(0);
    await it.listen();
    it.issuer = `${options.tls ? 'https' : 'http'}://${options.tls ? 'localhost' : '127.0.0.1'}:${it.port}${options.path ?? ''}`;
    it.keys = [await makeKey(it.options.alg)];
    it.begin();
    return it;
  }

  get url() {
    return this.issuer;
  }

  makeServer(serve) {
    const { tls } = this.options;
    return tls ? https.createServer({ cert: fs.readFileSync(tls.cert), key: fs.readFileSync(tls.key) }, serve) : http.createServer(serve);
  }

  /** Dies; what it remembers it keeps. restart() brings it back. */
  forget() {}

  count(path) {
    return this.requests.filter((request) => request.path === path).length;
  }

  /** A new key signs from now on; the old ones stay published unless `drop`. */
  async rotateKeys({ alg = this.options.alg, drop = false, kid } = {}) {
    const key = await makeKey(alg, kid);
    this.options.alg = alg;
    this.keys = drop ? [key] : [key, ...this.keys];
    this.begin();
    return key;
  }

  claimsOf(name) {
    return { sub: name, name, email: `${name}@example.com`, email_verified: true, ...this.options.accounts[name] };
  }

  /** Signs whatever a test wants with its newest key, or another. */
  async sign(payload, { key = this.keys[0], typ = 'at+jwt', header = {} } = {}) {
    const now = Math.floor(Date.now() / 1000);
    return new SignJWT({ iss: this.issuer, iat: now, exp: now + 600, ...payload })
      .setProtectedHeader({ alg: key.alg, kid: key.kid, typ, ...header }).sign(key.privateKey);
  }

  /** An access token that it gives out by the whole flow, as JWT, to the account, for the resource. */
  async token(account, { resource, scope = 'openid email groups', client } = {}) {
    const { client_id: id, redirect_uris: [redirect] } = client ?? ownClient;
    const verifier = 'a-verifier-of-the-tests-that-is-long-enough-0123456789';
    const browser = new PlainBrowser({ fetch: this.#fetch, account });
    const challenge = Buffer.from(await crypto.subtle.digest('SHA-256', Buffer.from(verifier))).toString('base64url');
    const query = new URLSearchParams({
      client_id: id, redirect_uri: redirect, response_type: 'code', scope, resource, code_challenge: challenge, code_challenge_method: 'S256',
    });
    const end = await browser.open(`${this.issuer}/auth?${query}`, { until: redirect });
    const response = await this.#fetch(`${this.issuer}/token`, {
      method: 'POST',
      body: new URLSearchParams({
        grant_type: 'authorization_code', code: end.searchParams.get('code'), redirect_uri: redirect, client_id: id, code_verifier: verifier, resource,
      }),
    });
    const answer = await response.json();
    if (!answer.access_token) throw new Error(`no token of the provider: ${JSON.stringify(answer)}`);
    return answer.access_token;
  }

  /** The provider ends all that an account has given: tokens of it are no good any more. */
  async endGrants(account) {
    for (const { grantId, accountId } of this.given) if (accountId === account) await this.endGrant(grantId, account);
  }

  async endGrant(grantId) {
    for (const kind of ['AccessToken', 'RefreshToken', 'AuthorizationCode']) await this.provider[kind].revokeByGrantId(grantId);
    await (await this.provider.Grant.find(grantId))?.destroy();
  }

  get #fetch() {
    return this.options.tls ? (this.options.fetch ?? trustingFetch({ ca: fs.readFileSync(this.options.tls.ca, 'utf8') })) : fetch;
  }

  /** Begins anew, with what stands in its options and keys now; what it has given out stays. */
  begin() {
    this.provider = new Provider(this.issuer, this.configuration());
    this.tune(this.provider);
    this.provider.on('grant.success', (ctx) => this.grants.push({ ...ctx.oidc.params, at: ctx.oidc.client?.clientId }));
    this.provider.on('grant.error', (ctx, error) => this.grants.push({ ...ctx.oidc.params, error: error.error, why: error.error_description ?? error.message }));
    this.provider.on('server_error', (ctx, error) => console.error('oidc-provider:', error));
    this.handle = this.provider.callback();
  }

  /** For those who bend it further. */
  tune() {}

  /** The same: (req, res, path, query) => whether it has answered in place of the provider. */
  answer() {}

  configuration() {
    const { accounts, clients, registration, cimd, iss, alwaysRefresh, rotates, ttl, scopes, resources, configure, alg } = this.options;
    const tag = String(this.port); // cookies know no ports
    const configuration = {
      adapter: this.adapter,
      clients: [ownClient, ...clients].map((client) => ({ id_token_signed_response_alg: alg, ...client })),
      jwks: { keys: this.keys.map(({ jwk }) => jwk) },
      scopes: ['openid', 'offline_access', 'email', 'profile', 'groups', ...scopes],
      claims,
      conformIdTokenClaims: false,
      clientDefaults: { grant_types: ['authorization_code', 'refresh_token'], id_token_signed_response_alg: alg, token_endpoint_auth_method: 'client_secret_basic' },
      cookies: {
        keys: ['a secret of the tests'], short: { signed: true, sameSite: 'lax' }, long: { signed: true, sameSite: 'lax' },
        names: { session: `session_${tag}`, interaction: `interaction_${tag}`, resume: `resume_${tag}` },
      },
      features: {
        devInteractions: { enabled: false },
        registration: { enabled: registration },
        revocation: { enabled: true, allowedPolicy: (ctx, client, token) => token.clientId === client.clientId },
        introspection: { enabled: true, allowedPolicy: () => true },
        ...(cimd && { clientIdMetadataDocument: { enabled: true, ack: 'draft-02' } }),
        resourceIndicators: {
          enabled: true,
          defaultResource: (ctx, client, oneOf) => oneOf ?? undefined,
          useGrantedResource: () => true,
          getResourceServerInfo: (ctx, resource) => {
            if (resources && !(resource in resources)) throw new errors.InvalidTarget();
            return {
              scope: resources?.[resource] ?? ['email', 'groups', ...scopes].join(' '), audience: resource, accessTokenFormat: 'jwt',
              accessTokenTTL: ttl?.AccessToken, jwt: { sign: { alg } },
            };
          },
        },
      },
      extraTokenClaims: (ctx, token) => {
        const { email, email_verified, groups, hd } = this.claimsOf(token.accountId);
        return { email, email_verified, groups, hd };
      },
      findAccount: (ctx, name) => (name in accounts ? { accountId: name, claims: () => this.claimsOf(name) } : undefined),
      interactions: { url: (ctx, { uid }) => `${new URL(this.issuer).pathname.replace(/\/$/, '')}/interaction/${uid}` },
      issueRefreshToken: (ctx, client, source) => client.grantTypeAllowed('refresh_token') && (alwaysRefresh || source.scopes.has('offline_access')),
      rotateRefreshToken: () => rotates,
      pkce: { required: () => true },
      renderError: (ctx, out, error) => { ctx.type = 'text'; ctx.body = `the provider says: ${JSON.stringify(out)}`; },
      ttl: { AccessToken: 3600, AuthorizationCode: 60, IdToken: 3600, RefreshToken: 86400, Interaction: 600, Session: 3600, Grant: 86400, ...ttl },
      fetch: (url, { dispatcher, ...options }) => trustingFetch()(url, options),
    };
    configuration.discovery = { ...(iss ? {} : { authorization_response_iss_parameter_supported: undefined }) };
    configure?.(configuration);
    return configuration;
  }

  async serve(req, res) {
    const { pathname, searchParams } = new URL(req.url, this.issuer);
    const under = new URL(this.issuer).pathname.replace(/\/$/, '');
    const path = pathname.startsWith(under) ? pathname.slice(under.length) : pathname;
    this.requests.push({ method: req.method, path, query: searchParams, authorization: req.headers.authorization });
    await this.hold;
    if ((await this.instead?.(req, res, path)) || (await this.answer(req, res, path, searchParams))) return;
    if (path === '/favicon.ico') return void res.writeHead(204).end();
    const uid = /^\/interaction\/([\w-]+)$/.exec(path)?.[1];
    if (uid) await this.#interact(req, res);
    else {
      if (under) req.originalUrl = req.url;
      if (under) req.url = req.url.slice(under.length);
      this.handle(req, res);
    }
  }

  /** Signs in who the browser's cookie `as` names, or who was chosen, or this.account; and grants. */
  async #interact(req, res) {
    const details = await this.provider.interactionDetails(req, res);
    if (this.denies) return this.provider.interactionFinished(req, res, { error: 'access_denied', error_description: 'the user said no' });
    const cookie = /(?:^|;\s*)as=(\w+)/.exec(req.headers.cookie ?? '')?.[1];
    let chosen;
    if (req.method === 'POST') {
      let body = '';
      for await (const chunk of req) body += chunk;
      chosen = new URLSearchParams(body).get('account');
    } else if (this.asks) {
      return this.#ask(res, details);
    }
    const accountId = chosen ?? details.session?.accountId ?? cookie ?? this.account;
    return this.provider.interactionFinished(req, res, {
      login: { accountId }, select_account: {}, consent: { grantId: await this.grant(details, accountId) },
    });
  }

  async grant({ params, grantId, prompt }, accountId) {
    const { Grant } = this.provider;
    const grant = (grantId && (await Grant.find(grantId))) || new Grant({ accountId, clientId: params.client_id });
    const asked = (params.scope ?? '').split(' ').filter(Boolean);
    const granted = asked.filter((scope) => !this.refused.has(scope)).join(' ');
    const denied = asked.filter((scope) => this.refused.has(scope)).join(' ');
    if (granted) grant.addOIDCScope(granted);
    if (denied) grant.rejectOIDCScope(denied);
    grant.addOIDCClaims(prompt.details.missingOIDCClaims ?? []);
    for (const resource of [params.resource ?? []].flat()) {
      if (granted) grant.addResourceScope(resource, granted);
      if (denied) grant.rejectResourceScope(resource, denied);
    }
    const id = await grant.save();
    this.given.push({ grantId: id, accountId });
    return id;
  }

  #ask(res, { params }) {
    const buttons = Object.keys(this.options.accounts).map((name) => `<button name="account" value="${name}">${name}</button>`).join(' ');
    res.writeHead(200, { 'content-type': 'text/html' })
      .end(`<!doctype html><html lang="en"><title>Sign in</title><h1>Sign in</h1><p>for ${encodeURIComponent(params.client_id)}</p><form method="post">${buttons}</form>`);
  }
}

/** The client by which a test takes a token for itself. */
const ownClient = {
  client_id: 'of-the-test', token_endpoint_auth_method: 'none', application_type: 'native', redirect_uris: ['http://127.0.0.1/of-the-test'],
  grant_types: ['authorization_code', 'refresh_token'],
};
