// A server with the paths and the answers' shapes of Google's token endpoint, Gmail v1 and Calendar v3, and one
// path that answers as badly as the test asks for.

import { once } from 'node:events';
import http from 'node:http';

const fault = (code, message, status) => ({ error: { code, message, errors: [{ message, domain: 'global', reason: 'x' }], status } });

/** Returns { url, requests, tokens, owners, grants, stop() }. */
export class GoogleServer {
  requests = []; // { method, path, query, headers, body }
  grants = []; // what was asked of the token endpoint
  tokens = new Set(); // that are good
  owners = new Map(); // of each: the refresh token, or the client, that it was given for
  rotates = false; // each refresh token is good for once, and answered with the next one
  spent = new Set();
  mails = Array.from({ length: 5 }, (_, i) => ({ id: `m${i}`, threadId: `t${i}` }));
  events = Array.from({ length: 7 }, (_, i) => ({ id: `e${i}`, summary: `event ${i}` }));
  eventsPerPage = 2;
  expiresIn = 3599;
  tokenAnswer = undefined; // [status, object] in place of a token
  holdTokens = undefined; // a promise that token answers wait for
  waiting = 0; // requests that hang

  static async start() {
    const google = new this();
    google.http = http.createServer((req, res) => google.#serve(req, res));
    google.http.listen(0, '127.0.0.1');
    await once(google.http, 'listening');
    google.url = `http://127.0.0.1:${google.http.address().port}`;
    return google;
  }

  async stop() {
    const closed = once(this.http, 'close');
    this.http.close();
    this.http.closeAllConnections();
    await closed;
  }

  /** Is it a token of ours? What it may read and send is in the mails of this.mailsOf(request). */
  isGood(token) {
    return this.tokens.has(token);
  }

  mailsOf() {
    return this.mails;
  }

  get last() {
    return this.requests.at(-1);
  }

  async #serve(req, res) {
    const chunks = [];
    for await (const chunk of req) chunks.push(chunk);
    const { pathname, searchParams: query } = new URL(req.url, this.url);
    const request = { method: req.method, path: pathname, query, headers: req.headers, body: Buffer.concat(chunks).toString() };
    if (pathname === '/token') return this.#grant(request, res);
    this.requests.push(request);
    if (pathname.startsWith('/odd/')) return this.#beOdd(pathname.slice(5), request, res);
    if (!(await this.isGood(req.headers.authorization?.replace('Bearer ', ''), request))) {
      return json(res, 401, fault(401, `Request had invalid authentication credentials: ${req.headers.authorization}`, 'UNAUTHENTICATED'));
    }
    const found = this.#find(request);
    return found ? json(res, 200, found) : json(res, 404, fault(404, 'Requested entity was not found.', 'NOT_FOUND'));
  }

  async #grant({ body, method, headers }, res) {
    this.grants.push({ method, type: headers['content-type'], ...Object.fromEntries(new URLSearchParams(body)) });
    const { refresh_token: refresh, client_id: id } = this.grants.at(-1);
    const token = `ya29.token-${this.grants.length}`;
    await this.holdTokens;
    if (this.tokenAnswer) return json(res, ...this.tokenAnswer);
    if (this.spent.has(refresh)) return json(res, 400, { error: 'invalid_grant', error_description: `${refresh} is spent` });
    this.tokens.add(token);
    this.owners.set(token, refresh ?? id);
    if (this.rotates) this.spent.add(refresh);
    return json(res, 200, {
      access_token: token, expires_in: this.expiresIn, scope: 'x', token_type: 'Bearer', refresh_token: this.rotates ? `${refresh}+` : undefined,
    });
  }

  #find(request) {
    const { method, path, query, body } = request;
    const mails = this.mailsOf(request);
    const message = path.match(/^\/gmail\/v1\/users\/me\/messages\/([^/]+)$/)?.[1];
    const calendar = path.match(/^\/calendar\/v3\/calendars\/([^/]+)\/events$/)?.[1];
    if (method === 'GET' && path === '/gmail/v1/users/me/messages') {
      const messages = mails.slice(0, Number(query.get('maxResults')));
      return query.get('q') === 'nothing' ? { resultSizeEstimate: 0 } : { messages, resultSizeEstimate: messages.length };
    }
    if (method === 'POST' && message === 'send') return { id: 'sent1', threadId: 'sent1', labelIds: ['SENT'] };
    if (method === 'GET' && message) {
      const mail = mails.find(({ id }) => id === decodeURIComponent(message));
      return mail && { ...mail, snippet: `Hällo ${mail.id}`, payload: { mimeType: 'text/plain', body: { size: 1, data: 'YQ' } } };
    }
    if (method === 'GET' && calendar === 'primary') {
      const from = Number(query.get('pageToken') ?? 0);
      const next = from + this.eventsPerPage;
      return {
        kind: 'calendar#events', items: this.events.slice(from, next),
        ...(next < this.events.length ? { nextPageToken: String(next) } : { nextSyncToken: 'sync' }),
      };
    }
    if (method === 'POST' && calendar) {
      return { kind: 'calendar#event', id: 'e99', status: 'confirmed', htmlLink: 'https://calendar.example/e99', ...JSON.parse(body), in: decodeURIComponent(calendar) };
    }
    return undefined;
  }

  #beOdd(how, request, res) {
    switch (how) {
      case 'html':
        return res.writeHead(200, { 'content-type': 'text/html' }).end('<html>Sign in</html>');
      case 'html-error':
        return res.writeHead(502, { 'content-type': 'text/html' }).end('<html>secret page</html>');
      case 'broken':
        return res.writeHead(200, { 'content-type': 'application/json' }).end('{"a": ');
      case 'text':
        return res.writeHead(200, { 'content-type': 'text/plain' }).end('plain words');
      case 'empty':
        return res.writeHead(204).end();
      case 'busy':
        return res.writeHead(429, { 'content-type': 'application/json', 'retry-after': '17' }).end('{"message": "Slow down"}');
      case 'elsewhere':
        return res.writeHead(302, { location: 'http://127.0.0.1:1/' }).end();
      case 'quote':
        return json(res, 403, { message: `${request.headers.authorization} and ${request.headers['x-api-key']} may not, ${request.headers['x-version']} says` });
      case 'nowhere':
        return res.writeHead(302).end();
      case 'moved':
        return res.writeHead(308, { location: 'echo' }).end();
      case 'huge':
        res.writeHead(200, { 'content-type': 'application/json' });
        return res.end(`"${'x'.repeat(9 << 20)}"`);
      case 'reset':
        return res.destroy();
      case 'hang':
        this.waiting++;
        return res.once('close', () => { this.waiting--; });
      case 'echo':
        return json(res, 200, { ...request, query: [...request.query] });
      default:
        return json(res, Number(how), { error: 'odd', error_description: `answered ${how}` });
    }
  }
}

function json(res, status, body) {
  res.writeHead(status, { 'content-type': 'application/json; charset=UTF-8' }).end(JSON.stringify(body, null, 2));
}
