// REST APIs as tools: the examples against a server with Google's paths and shapes, tokens, and APIs that misbehave.

import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { connectClient, textOf } from '../lib/clients.mjs';
import { startGateway, top, waitFor } from '../lib/gateway.mjs';
import { GoogleServer } from '../lib/google_server.mjs';

const example = (name) => path.join(top, 'examples', name);
const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'mgw-rest-'));
after(() => fs.rmSync(scratch, { recursive: true, force: true }));

/** examples/google.mgw.json with everything that is Google's led to the test's server. */
function googleConfig(google) {
  const config = JSON.parse(fs.readFileSync(example('google.mgw.json'), 'utf8'));
  for (const entry of Object.values(config.mcpServers)) {
    entry.rest = example(entry.rest);
    entry.base_url = google.url;
    entry.oauth = { token_url: `${google.url}/token`, client_id: 'id', client_secret: 'sécret&', refresh_token: '1//refresh' };
  }
  return config;
}

const call = (client, name, args = {}) => client.callTool({ name, arguments: args });
const times = { timeMin: '2026-01-01T00:00:00Z', timeMax: '2026-02-01T00:00:00+01:00' };

describe('the examples', { timeout: 120000 }, () => {
  let google, gateway, client;
  beforeEach(async () => {
    google = await GoogleServer.start();
    gateway = await startGateway({ config: googleConfig(google) });
    client = await connectClient(gateway.url, 'http');
    await client.listTools(); // the SDK then checks structured results against the output schemas
  });
  afterEach(async () => {
    await client.close();
    await gateway.stop();
    await google.stop();
  });

  /** Waits until the gateway has so many calls beside the one that asks. */
  const running = (n) => waitFor(
    async () => textOf(await call(client, 'gateway_status')).includes(`calls: ${n + 1} running`), `${n} running calls`,
  );

  test('are listed with their schemas under the names of their servers', async () => {
    const { tools } = await client.listTools();
    const own = tools.filter((t) => /^(gmail|calendar)_/.test(t.name));
    assert.deepEqual(own.map((t) => t.name), ['gmail_list', 'gmail_get', 'gmail_send', 'calendar_list_events', 'calendar_create_event']);
    const described = JSON.parse(fs.readFileSync(example('gmail.json'), 'utf8')).tools.list;
    assert.deepEqual(own[0], {
      name: 'gmail_list', title: described.title, description: described.description, inputSchema: described.inputSchema,
      outputSchema: described.outputSchema, annotations: described.annotations,
    });
  });

  test('gmail_list finds mails', async () => {
    const { structuredContent, content, isError } = await call(client, 'gmail_list', { q: 'from:ada & "b"', labelIds: ['INBOX', 'UNREAD'], maxResults: 2 });
    assert.ok(!isError);
    assert.deepEqual(structuredContent, { messages: [{ id: 'm0', threadId: 't0' }, { id: 'm1', threadId: 't1' }], resultSizeEstimate: 2 });
    assert.deepEqual(JSON.parse(content[0].text), structuredContent);
    const { query, headers, method } = google.last;
    assert.equal(method, 'GET');
    assert.deepEqual([...query], [['q', 'from:ada & "b"'], ['labelIds', 'INBOX'], ['labelIds', 'UNREAD'], ['maxResults', '2']]);
    assert.equal(headers.authorization, 'Bearer ya29.token-1');
    assert.equal(headers.accept, 'application/json');
  });

  test('gmail_list has a default, and may find nothing', async () => {
    const { structuredContent } = await call(client, 'gmail_list', { q: 'nothing' });
    assert.deepEqual(structuredContent, { resultSizeEstimate: 0 });
    assert.equal(google.last.query.get('maxResults'), '20');
  });

  test('gmail_get reads a mail, and says which is not there', async () => {
    const mail = await call(client, 'gmail_get', { id: 'm3' });
    assert.equal(JSON.parse(textOf(mail)).snippet, 'Hällo m3');
    assert.equal(google.last.query.get('format'), 'full');
    const none = await call(client, 'gmail_get', { id: '../labels?x=/#' });
    assert.equal(none.isError, true);
    assert.equal(textOf(none), 'gmail: HTTP 404 (Not Found): there is no such message: Requested entity was not found.');
    assert.equal(google.last.path, '/gmail/v1/users/me/messages/..%2Flabels%3Fx%3D%2F%23');
  });

  test('gmail_send sends a message of RFC 5322', async () => {
    const text = `Grüße\n${'long line '.repeat(40)}`;
    const sent = await call(client, 'gmail_send', { to: ['ada@example.com', 'bob@example.com'], subject: 'Zwölf Boxkämpfer jagen Viktor quer über den großen Sylter Deich', text });
    assert.deepEqual(sent.structuredContent, { id: 'sent1', threadId: 'sent1', labelIds: ['SENT'] });
    assert.equal(google.last.headers['content-type'], 'application/json');
    const { raw, ...rest } = JSON.parse(google.last.body);
    assert.deepEqual(rest, {});
    assert.match(raw, /^[A-Za-z0-9_-]+$/);
    // Read by a library that is not ours.
    const read = `
import sys, json, email, email.policy
m = email.message_from_bytes(sys.stdin.buffer.read(), policy=email.policy.default)
print(json.dumps({'to': m['to'], 'cc': m['cc'], 'subject': m['subject'], 'type': m.get_content_type(), 'text': m.get_content(), 'defects': [str(d) for d in m.defects]}))`;
    assert.deepEqual(JSON.parse(execFileSync('python3', ['-c', read], { input: Buffer.from(raw, 'base64url'), encoding: 'utf8' })), {
      to: 'ada@example.com, bob@example.com', cc: null, subject: 'Zwölf Boxkämpfer jagen Viktor quer über den großen Sylter Deich',
      type: 'text/plain', text, defects: [],
    });
  });

  test('gmail_send lets no line break into a header', async () => {
    const refused = await call(client, 'gmail_send', { to: ['ada@example.com'], subject: 'a\r\nBcc: eve@example.com', text: '' });
    assert.equal(refused.isError, true);
    assert.equal(textOf(refused), 'gmail: subject: must be one line');
    assert.equal(google.requests.length, 0);
  });

  test('calendar_list_events gathers pages, and says where it stopped', async () => {
    const all = JSON.parse(textOf(await call(client, 'calendar_list_events', times)));
    assert.deepEqual(all.items.map((e) => e.id), ['e0', 'e1', 'e2', 'e3', 'e4', 'e5', 'e6']);
    assert.equal(all.nextPageToken, undefined);
    assert.deepEqual(google.requests.map((r) => r.query.get('pageToken')), [null, '2', '4', '6']);
    assert.deepEqual(Object.fromEntries(google.requests[0].query), { ...times, singleEvents: 'true', orderBy: 'startTime' });

    google.eventsPerPage = 1;
    const some = JSON.parse(textOf(await call(client, 'calendar_list_events', times)));
    assert.deepEqual([some.items.length, some.nextPageToken], [4, '4']);
    const rest = JSON.parse(textOf(await call(client, 'calendar_list_events', { ...times, pageToken: '4' })));
    assert.deepEqual([rest.items.map((e) => e.id), rest.nextPageToken], [['e4', 'e5', 'e6'], undefined]);
  });

  test('calendar_create_event leaves out what was not said', async () => {
    const event = { summary: 'Tea', start: { dateTime: '2026-01-31T16:00:00', timeZone: 'Europe/Berlin' }, end: { date: '2026-02-01' } };
    const { structuredContent } = await call(client, 'calendar_create_event', { calendarId: 'team/a@example.com', ...event });
    assert.equal(structuredContent.id, 'e99');
    assert.equal(structuredContent.in, 'team/a@example.com');
    assert.deepEqual(JSON.parse(google.last.body), event);
    assert.equal(google.last.path, '/calendar/v3/calendars/team%2Fa%40example.com/events');
    assert.equal(google.last.query.get('sendUpdates'), 'none');
  });

  test('refuse arguments that do not fit, without asking the API', async () => {
    for (const [name, args, why] of [
      ['gmail_get', {}, /^gmail: invalid arguments: .*id/],
      ['gmail_list', { maxResults: 0 }, /^gmail: invalid arguments: \/maxResults: must be at least 1$/],
      ['gmail_list', { maxresults: 1 }, /^gmail: invalid arguments: .*maxresults/],
      ['calendar_create_event', { summary: 'x', start: { dateTime: 7 }, end: {} }, /^calendar: invalid arguments: \/start\/dateTime: /],
    ]) {
      const result = await call(client, name, args);
      assert.equal(result.isError, true);
      assert.match(textOf(result), why);
    }
    assert.equal(google.requests.length + google.grants.length, 0);
  });

  test('ask for one token, however many calls wait for it', async () => {
    let release;
    google.holdTokens = new Promise((resolve) => { release = resolve; });
    const calls = Array.from({ length: 30 }, () => call(client, 'gmail_list'));
    await waitFor(() => google.grants.length > 0, 'the token request');
    await running(30);
    release();
    assert.ok((await Promise.all(calls)).every((r) => !r.isError));
    assert.deepEqual(google.grants, [{
      method: 'POST', type: 'application/x-www-form-urlencoded', grant_type: 'refresh_token', refresh_token: '1//refresh',
      client_id: 'id', client_secret: 'sécret&',
    }]);
  });

  test('get a new token when the API refuses the old one, and ask once more', async () => {
    await call(client, 'gmail_list');
    google.tokens.clear();
    const results = await Promise.all(Array.from({ length: 10 }, () => call(client, 'gmail_list')));
    assert.ok(results.every((r) => !r.isError));
    assert.equal(google.grants.length, 2);
    assert.equal(google.last.headers.authorization, 'Bearer ya29.token-2');
  });

  test('give up when the API refuses the new token too, and never quote one', async () => {
    google.tokens.add = () => {};
    const refused = await call(client, 'gmail_list');
    assert.equal(refused.isError, true);
    assert.equal(textOf(refused), "gmail: HTTP 401 (Unauthorized): the API refuses the gateway's credentials");
    assert.deepEqual([google.grants.length, google.requests.length], [2, 2]);
    assert.doesNotMatch(gateway.mgw.lines.join('\n'), /ya29|refresh|sécret/);
  });

  test('renew a token before it expires', async () => {
    google.expiresIn = 0.2; // renewed at half of it
    await call(client, 'gmail_list');
    const first = Date.now();
    await waitFor(async () => {
      await call(client, 'gmail_list');
      return google.grants.length > 1;
    }, 'a second token');
    assert.ok(Date.now() - first >= 90, 'not before it was time');
    assert.ok(google.requests.every((r) => google.tokens.has(r.headers.authorization.slice(7))));
  });

  test('say what the token endpoint said, in no words of its own', async () => {
    for (const [answer, why] of [
      [[400, { error: 'invalid_grant', error_description: 'Token has been expired or revoked.' }], 'it answered HTTP 400: invalid_grant'],
      [[200, { token_type: 'Bearer' }], 'its answer holds no access token'],
      [[200, { access_token: 'a\r\nX-Evil: 1' }], 'its answer holds no access token'],
      [[503, {}], 'it answered HTTP 503'],
    ]) {
      google.tokenAnswer = answer;
      const result = await call(client, 'gmail_list');
      assert.equal(result.isError, true);
      assert.equal(textOf(result), `gmail: no access token from the token endpoint: ${why}`);
    }
    google.tokenAnswer = undefined;
    assert.ok(!(await call(client, 'gmail_list')).isError);
  });

  test('can be cancelled while a token is fetched', async () => {
    let release;
    google.holdTokens = new Promise((resolve) => { release = resolve; });
    const abort = new AbortController();
    const cancelled = client.callTool({ name: 'gmail_list', arguments: {} }, undefined, { signal: abort.signal });
    await waitFor(() => google.grants.length > 0, 'the token request');
    abort.abort();
    await assert.rejects(cancelled, /abort/i);
    await running(0);
    release();
    assert.ok(!(await call(client, 'gmail_list')).isError);
    assert.deepEqual([google.grants.length, google.requests.length], [1, 1]);
  });
});

/** The same server as OpenAPI would have it. */
const document = {
  openapi: '3.1.0',
  paths: {
    '/odd/{how}': {
      post: {
        operationId: 'do',
        parameters: [{ name: 'how', in: 'path', required: true, schema: { enum: ['echo', '409'] } }, { name: 'page-size', in: 'query', schema: { type: 'integer' } }],
        requestBody: { required: true, content: { 'application/json': { schema: { $ref: '#/components/schemas/Thing' } } } },
        responses: { 409: { description: 'it is there already' } },
      },
      delete: { operationId: 'unsound', parameters: [] },
    },
  },
  components: { schemas: { Thing: { type: 'object', required: ['name'], properties: { name: { type: 'string' }, parts: { type: 'array', items: { $ref: '#/components/schemas/Thing' } } } } } },
};

/** One tool for each way in which an API misbehaves. */
const odd = {
  headers: { 'X-Version': '3', Accept: 'application/vnd.odd+json' },
  tools: {
    status: { description: 'd', inputSchema: { type: 'object', properties: { how: { type: 'string' } } }, method: 'GET', path: '/odd/{how}', errors: { 410: 'it has gone' } },
    echo: {
      description: 'd', inputSchema: { type: 'object', properties: { a: {}, b: { type: 'string' }, list: {} } }, method: 'PUT', path: '/odd/echo{?b}',
      query: { 'page-size': 7, list: '{list}' }, headers: { 'X-B': '{b}' }, body: { a: '{a}', list: ['{list}', { b: '{b}' }], kept: {} },
    },
    moved: { description: 'd', inputSchema: { type: 'object', properties: { a: {} } }, method: 'PUT', path: '/odd/moved', body: { a: '{a}' } },
    form: {
      description: 'd', inputSchema: { type: 'object', properties: { a: {}, list: {} } }, method: 'POST', path: '/odd/echo',
      body: { a: '{a}', list: '{list}', fixed: 'x y' }, body_type: 'form', result: '/body',
    },
    typed: { description: 'd', outputSchema: { type: 'object', required: ['missing'] }, method: 'DELETE', path: '/odd/echo' },
  },
};

describe('an API', { timeout: 120000 }, () => {
  let google, gateway, client;
  before(async () => {
    google = await GoogleServer.start();
    fs.writeFileSync(path.join(scratch, 'odd.json'), JSON.stringify(odd));
    const entry = { rest: path.join(scratch, 'odd.json'), base_url: `${google.url}/`, headers: { 'X-Key': 'k', 'X-Api-Key': 'key-of-robot', 'x-version': '4' } };
    fs.writeFileSync(path.join(scratch, 'openapi.json'), JSON.stringify(document));
    gateway = await startGateway({
      config: {
        mcpServers: {
          open: { openapi: path.join(scratch, 'openapi.json'), base_url: google.url, exclude: ['unsound'] },
          odd: entry, hasty: { ...entry, timeout_s: 0.3 }, dead: { ...entry, base_url: 'http://127.0.0.1:1' },
          robot: { ...entry, oauth: { token_url: `${google.url}/token`, client_id: 'robot', client_secret: 's', scope: 'a b' } },
          other: { ...entry, oauth: { token_url: `${google.url}/token`, client_id: 'other', client_secret: 'client-secret' } },
        },
      },
    });
    client = await connectClient(gateway.url, 'http');
  });
  after(async () => {
    await client.close();
    await gateway.stop();
    await google.stop();
  });
  const status = async (how, server = 'odd') => {
    const result = await call(client, `${server}_status`, { how });
    return [textOf(result), result.isError ?? false];
  };

  for (const [how, text] of [
    ['404', 'HTTP 404 (Not Found): the API refuses the request: answered 404'],
    ['410', 'HTTP 410 (Gone): it has gone: answered 410'],
    ['500', 'HTTP 500 (Internal Server Error): the API failed: answered 500'],
    ['busy', 'HTTP 429 (Too Many Requests): too many requests: call again later (again in 17 s): Slow down'],
    ['html', 'the answer (HTTP 200) is no JSON but text/html'],
    ['html-error', 'HTTP 502 (Bad Gateway): the API failed'],
    ['broken', 'the answer is broken JSON: the text ends too early (line 1, column 7, byte 7)'],
    ['nowhere', 'HTTP 302: the answer leads nowhere'],
    ['huge', 'the answer is over 8 MB'],
    ['', 'argument how must not be empty: it is a part of the path'],
  ]) {
    test(`that answers "${how}" makes an error that says so`, async () => {
      assert.deepEqual(await status(how), [`odd: ${text}`, true]);
    });
  }

  test('is followed to the same origin alone', async () => {
    const [text, isError] = await status('elsewhere');
    assert.equal(isError, true);
    assert.match(text, /^odd: HTTP 302: it redirects to where we do not follow$/);
    const moved = JSON.parse(textOf(await call(client, 'odd_moved', { a: 1 })));
    assert.deepEqual([moved.method, moved.path, moved.body, moved.headers['x-key']], ['PUT', '/odd/echo', '{"a":1}', 'k']);
  });

  test('may answer text, or nothing', async () => {
    assert.deepEqual(await status('text'), ['plain words', false]);
    assert.deepEqual(await status('empty'), ['Done (HTTP 204).', false]);
  });

  test('that does not answer in time makes an error, and is told', async () => {
    assert.deepEqual(await status('hang', 'hasty'), ['hasty: no answer within 0.3 s (timeout_s)', true]);
    await waitFor(() => google.waiting === 0, 'the connection to be closed');
  });

  test('is told when the client cancels', async () => {
    const abort = new AbortController();
    const cancelled = assert.rejects(client.callTool({ name: 'odd_status', arguments: { how: 'hang' } }, undefined, { signal: abort.signal }), /abort/i);
    await waitFor(() => google.waiting === 1, 'the call at the API');
    abort.abort();
    await cancelled;
    await waitFor(() => google.waiting === 0, 'the connection to be closed');
  });

  test('that cannot be reached, or breaks off, makes an error that names server and cause', async () => {
    await assert.rejects(status('404', 'dead'), /upstream dead: cannot be reached$/);
    await assert.rejects(status('reset'), /upstream odd: /);
    assert.deepEqual((await status('text'))[0], 'plain words');
  });

  test('gets what its description says', async () => {
    const echo = JSON.parse(textOf(await call(client, 'odd_echo', { a: { deep: [1.5, null, 'ü'] }, b: 'x & y', list: [1, true] })));
    assert.equal(echo.method, 'PUT');
    assert.deepEqual(echo.query, [['b', 'x & y'], ['page-size', '7'], ['list', '1'], ['list', 'true']]);
    assert.deepEqual(JSON.parse(echo.body), { a: { deep: [1.5, null, 'ü'] }, list: [[1, true], { b: 'x & y' }], kept: {} });
    assert.equal(echo.headers['x-b'], 'x & y');
    assert.equal(echo.headers['x-version'], '4', "the entry's header wins");
    assert.equal(echo.headers['x-key'], 'k');
    assert.equal(echo.headers.accept, 'application/vnd.odd+json');
    assert.equal(echo.headers['content-type'], 'application/json');
    const nothing = JSON.parse(textOf(await call(client, 'odd_echo')));
    assert.deepEqual([nothing.query, nothing.body, nothing.headers['x-b']], [[['page-size', '7']], '{"kept":{}}', undefined]);
  });

  test('gets no header that an argument smuggles in', async () => {
    const result = await call(client, 'odd_echo', { b: 'x\r\nX-Evil: 1' });
    assert.deepEqual([textOf(result), result.isError], ['odd: X-B: a control character cannot stand in a header', true]);
  });

  test('gets forms', async () => {
    assert.equal(textOf(await call(client, 'odd_form', { a: 'ü&=', list: [1, 2] })), 'a=%C3%BC%26%3D&list=1&list=2&fixed=x%20y');
  });

  test('whose answer does not fit the outputSchema makes an error', async () => {
    const result = await call(client, 'odd_typed');
    assert.equal(result.isError, true);
    assert.match(textOf(result), /^odd: the answer does not fit the outputSchema: .*missing/);
  });

  test('may be described by an OpenAPI document', async () => {
    const { tools } = await client.listTools();
    assert.deepEqual(tools.filter((t) => t.name.startsWith('open_')).map((t) => t.name), ['open_do']);
    const body = { name: 'a', parts: [{ name: 'b' }] };
    const echo = JSON.parse(textOf(await call(client, 'open_do', { how: 'echo', page_size: 3, body })));
    assert.deepEqual([echo.method, echo.path, echo.query, JSON.parse(echo.body)], ['POST', '/odd/echo', [['page-size', '3']], body]);
    const refused = await call(client, 'open_do', { how: 'echo', body: { name: 'a', parts: [{}] } });
    assert.match(textOf(refused), /^open: invalid arguments: \/body\/parts\/0: .*name/);
    assert.equal(textOf(await call(client, 'open_do', { how: '409', body })), 'open: HTTP 409 (Conflict): it is there already: answered 409');
  });

  test("can be used with the client's own credentials", async () => {
    assert.deepEqual(await status('text', 'robot'), ['plain words', false]);
    assert.deepEqual(google.grants.at(-1), {
      method: 'POST', type: 'application/x-www-form-urlencoded', grant_type: 'client_credentials', client_id: 'robot', client_secret: 's', scope: 'a b',
    });
    assert.match(google.last.headers.authorization, /^Bearer ya29/);
  });

  test('that quotes our credentials tells them nobody', async () => {
    const quoted = await call(client, 'robot_status', { how: 'quote' });
    assert.match(google.last.headers.authorization, /^Bearer ya29\.token-\d+$/);
    assert.equal(textOf(quoted), 'robot: HTTP 403 (Forbidden): the API refuses the gateway\'s credentials: Bearer * and * may not, 4 says');
    google.tokenAnswer = [400, { error: 'invalid_client', error_description: 'client-secret of robot is wrong' }];
    const refused = await call(client, 'other_status', { how: 'quote' });
    google.tokenAnswer = undefined;
    assert.match(textOf(refused), /HTTP 400: invalid_client$/);
    await gateway.mgw.line(/invalid_client detail="\* of robot is wrong"/);
  });

  test('has tools only', async () => {
    await assert.rejects(call(client, 'odd_nothing'), { code: -32602, message: /no such tool/ });
    await assert.rejects(client.getPrompt({ name: 'odd_status' }), /does not offer/);
  });
});
