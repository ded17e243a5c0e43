// The status page in Debian's Chromium: by the inside port and outside, live, in light, dark and on a phone, for axe-core, with hostile
// names and before hostile pages; tools are run from it. Pictures are left in build/log/screenshots.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import http from 'node:http';
import { once } from 'node:events';
import { after, before, describe, test } from 'node:test';
import { looks, startChromium } from '../lib/chromium.mjs';
import { FormServer } from '../lib/form_server.mjs';
import { adminSecret, asOperator, startEverything, startGateway, waitFor } from '../lib/gateway.mjs';
import { startLogin } from '../lib/login.mjs';
import { ask } from '../lib/raw.mjs';
import { initializeParams, JSON_HEADERS, openStream, rpc } from '../lib/stream.mjs';

const evilName = '<img src=x onerror="document.title=1"><b>bold</b>';

/** A client that calls itself so, and listens. */
async function listen(url, name) {
  const params = { ...initializeParams(), clientInfo: { name, version: '1.7.3' } };
  const response = await fetch(`${url}/mcp`, { method: 'POST', headers: JSON_HEADERS, body: rpc(1, 'initialize', params) });
  await response.text();
  return openStream(`${url}/mcp`, { headers: { 'mcp-session-id': response.headers.get('mcp-session-id') } });
}

/** A page of somebody else, at an origin of its own. */
async function serve(html) {
  const server = http.createServer((req, res) => res.writeHead(200, { 'content-type': 'text/html' }).end(`<!doctype html>${html}`)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { url: `http://127.0.0.1:${server.address().port}/`, stop: () => { server.close(); server.closeAllConnections(); } };
}

const rowOf = (visit, table, text) => visit.page.locator(`#${table}-table tbody tr`, { hasText: text });
const isLive = (visit) => visit.page.locator('#feed[data-state=live]').waitFor();
const good = (visit) => assert.deepEqual(visit.errors, [], 'nothing is wrong on the page');

async function chooseTool(visit, name) {
  if (await visit.page.locator('#tool').isDisabled()) await visit.press('Load tools');
  await visit.page.locator(`#tool option[value="${name}"]`).waitFor({ state: 'attached' });
  await visit.page.selectOption('#tool', name);
}

describe('the status page by the inside port', { timeout: 240000 }, () => {
  let everything, forms, gateway, chromium;
  before(async () => {
    everything = await startEverything();
    forms = await FormServer.start();
    gateway = await startGateway({
      settings: { KEEPALIVE_S: 1 },
      config: {
        mcpServers: {
          everything: { url: everything.url },
          forms: { url: forms.url },
          away: { url: 'http://127.0.0.1:1/a/SECRET/mcp?key=SECRET', headers: { Authorization: 'Bearer SECRET' } },
        },
      },
    });
    chromium = await startChromium();
  });
  after(async () => {
    await chromium?.close();
    await gateway?.stop();
    await forms?.stop();
    await everything?.stop();
  });
  const open = async (options = {}) => {
    const visit = await chromium.visit({ password: adminSecret, ...options });
    await visit.open(`${gateway.stats}/`);
    await isLive(visit);
    return visit;
  };

  for (const look of Object.keys(looks)) {
    test(`it opens, fits and can be used by anybody, ${look}`, async () => {
      const streams = await Promise.all(['Cursor', 'Claude Code'].map((name) => listen(gateway.url, name)));
      const visit = await open({ look });
      await rowOf(visit, 'streams', 'Cursor').waitFor();
      await rowOf(visit, 'upstreams', 'cannot be reached').waitFor();
      await chooseTool(visit, 'everything_get-sum');
      await visit.mustFit();
      await visit.mustBeAccessible();
      await visit.picture('status');
      const foreign = visit.requests.filter((url) => !url.startsWith(gateway.stats) && !url.startsWith('data:'));
      assert.deepEqual(foreign, [], 'nothing comes from elsewhere');
      good(visit);
      await visit.close();
      for (const stream of streams) stream.close();
    });
  }

  test('a stream that comes and goes is seen at once, and then among the recent ends', async () => {
    const visit = await open();
    const stream = await listen(gateway.url, 'a client to be seen');
    await rowOf(visit, 'streams', 'a client to be seen').waitFor();
    const keepalives = rowOf(visit, 'streams', 'a client to be seen').locator('td[data-name="Keep-alives"]');
    await waitFor(async () => Number(await keepalives.textContent()) >= 2, 'keep-alives to be counted');
    const holder = rowOf(visit, 'users', '127.0.0.1');
    await holder.locator('td[data-name="Streams"]', { hasText: /^[1-9]/ }).waitFor();
    assert.match(await holder.locator('td[data-name="Memory"]').innerText(), /^[\d.]+ k?B$/, 'who holds it is known');
    assert.match(await visit.page.locator('#memory').innerText(), /session/);
    stream.close();
    await rowOf(visit, 'streams', 'a client to be seen').waitFor({ state: 'detached' });
    const end = rowOf(visit, 'ends', 'a client to be seen').first();
    await end.getByText('client left').waitFor();
    await end.getByText('GET stream').waitFor();
    assert.ok(await visit.page.locator('#lifetimes-chart svg rect[height="2"], #lifetimes-chart svg .bar').count() > 5, 'the chart is drawn');
    for (const [s, who] of [[60, /AWS ALB/], [100, /Cloudflare/], [300, /Node\.js/]]) {
      assert.match(await visit.page.locator('#cliffs li', { hasText: `${s} s` }).first().innerText(), who);
    }
    good(visit);
    await visit.close();
  });

  test('what others have chosen is text, whatever it says', async () => {
    const visit = await open();
    const stream = await listen(gateway.url, evilName);
    await rowOf(visit, 'streams', evilName).waitFor();
    await visit.page.fill('#streams-filter', '<b>bold');
    await rowOf(visit, 'streams', evilName).waitFor();
    assert.equal(await visit.page.locator('main img, main b b, #streams-table b').count(), 0);
    assert.equal(await visit.page.title(), 'test: mgw status');
    await visit.page.fill('#streams-filter', 'nobody is called so');
    await visit.page.getByText('No stream is like that.').waitFor();
    stream.close();
    good(visit);
    await visit.close();
  });

  test('a tool is run by a form that its schema has made; one that fails says so; one that takes long is cancelled', async () => {
    const visit = await open();
    const answer = visit.page.locator('#answer');
    await chooseTool(visit, 'everything_get-sum');
    await visit.page.getByLabel('a', { exact: true }).fill('20');
    await visit.page.getByLabel('b', { exact: true }).fill('22');
    await visit.press('Run');
    await answer.getByText('The sum of 20 and 22 is 42.').waitFor();
    await answer.getByText('answered').waitFor();

    await chooseTool(visit, 'wait');
    await visit.page.getByLabel('seconds').fill('-1');
    await visit.press('Run');
    await answer.getByText('the tool has failed').waitFor();

    await visit.page.getByLabel('seconds').fill('600');
    await visit.press('Run');
    const running = visit.page.locator('.tile', { hasText: 'Calls running' }).locator('.value');
    await waitFor(async () => await running.textContent() === '1', 'the call to be seen');
    await visit.press('Cancel');
    await answer.getByText('cancelled').waitFor();
    await waitFor(async () => await running.textContent() === '0', 'the call to have ended');
    visit.errors = visit.errors.filter((error) => !/ERR_ABORTED/.test(error));
    good(visit);
    await visit.close();
  });

  /** Runs the tool that is chosen, and returns the arguments that its server was given. */
  async function argumentsOf(visit) {
    await visit.press('Run');
    await visit.page.locator('#answer').getByText('answered').waitFor();
    return JSON.parse(await visit.page.locator('#answer pre').innerText());
  }

  test('a form has a field for each value, a group for an object, and what is left empty is left out', async () => {
    const visit = await open();
    const field = (name) => visit.page.locator('#tool-form').getByLabel(name, { exact: true });
    await chooseTool(visit, 'forms_models');
    await visit.press('Run');
    await visit.page.locator('#answer').getByText('color is missing').waitFor();
    await field('color').selectOption('red');
    await field('x').first().fill('1.5');
    assert.deepEqual(await argumentsOf(visit), { limit: 10, color: 'red', background: 'green', from: { x: 1.5, y: 0 } });

    await field('Note optional').fill('a text, and no JSON');
    await field('Limit optional').fill('');
    assert.equal(await field('x').last().isVisible(), false, 'of what is left out nothing is asked');
    await field('to optional').focus();
    await visit.page.keyboard.press('Space');
    await field('x').last().fill('-2');
    assert.match(await visit.page.locator('#tool-form').innerText(), /\[\{"x": number, "y"\?: number\}, …\]/);
    await field('via optional').fill('[{"x":3}]');
    const given = await argumentsOf(visit);
    assert.deepEqual(given, { note: 'a text, and no JSON', color: 'red', background: 'green', from: { x: 1.5, y: 0 }, to: { x: -2, y: 0 }, via: [{ x: 3 }] });

    await field('via optional').fill('[');
    await visit.press('Run');
    await visit.page.locator('#answer').getByText('via is not JSON').waitFor();
    await field('via optional').fill('');
    await field('Limit optional').focus();
    await visit.page.keyboard.type('1e');
    await visit.page.keyboard.press('Enter');
    await visit.page.locator('#answer').getByText('limit is no number').waitFor();
    good(visit);
    await visit.close();
  });

  test('unions are choices where they are, false can be said, and headers repeat what is within groups', async () => {
    const visit = await open();
    const field = (name) => visit.page.locator('#tool-form').getByLabel(name, { exact: true });
    await chooseTool(visit, 'forms_unions');
    await field('level').selectOption('null');
    await field('region').fill('Zürich');
    assert.deepEqual(await argumentsOf(visit), { level: null, sure: false, where: { region: 'Zürich' } });
    await field('speed optional').selectOption('Fast');
    await field('whole optional').selectOption('false');
    await field('either optional').fill('{"id":"7"}');
    assert.match(await visit.page.locator('#tool-form').innerText(), /\{"id": string\} or string/);
    assert.deepEqual(await argumentsOf(visit), { speed: 2, level: null, whole: false, sure: false, either: { id: '7' }, where: { region: 'Zürich' } });
    good(visit);
    await visit.close();
  });

  test('a schema that is long, round or wrong makes a form all the same, which fits a phone', async () => {
    const visit = await open({ look: 'phone' });
    await chooseTool(visit, 'forms_odd');
    await visit.page.getByLabel('constructor optional').fill('1');
    await visit.page.getByLabel('__proto__ optional').fill('2');
    await visit.page.getByLabel('tree optional').check();
    await visit.mustFit();
    await visit.mustBeAccessible();
    assert.ok(await visit.page.locator('#tool-form input').count() < 300);
    await visit.press('Run');
    await visit.page.locator('#answer').getByText('"__proto__":"2"').waitFor();
    good(visit);
    await visit.close();
  });

  test('while a tool runs no other is chosen', async () => {
    const visit = await open();
    await chooseTool(visit, 'wait');
    await visit.page.getByLabel('seconds').fill('600');
    await visit.press('Run');
    await visit.page.getByText('It runs …').waitFor();
    assert.ok(await visit.page.locator('#tool').isDisabled());
    await visit.press('Cancel');
    await visit.page.locator('#answer').getByText('cancelled').waitFor();
    assert.ok(await visit.page.locator('#tool').isEnabled());
    await visit.close();
  });

  test('who finds no room to watch is told so, and watches when there is some', async () => {
    const leave = new AbortController(), others = [];
    const watch = async () => {
      const response = await fetch(`${gateway.stats}/status/events`, { headers: asOperator, signal: leave.signal });
      if (response.ok) others.push(response);
      return others.length === 8;
    };
    const visit = await chromium.visit({ password: adminSecret });
    try {
      await waitFor(watch, 'eight to watch: who was here before may be leaving still');
      await visit.open(`${gateway.stats}/`);
      await visit.page.getByText('eight others watch already').waitFor();
    } finally {
      leave.abort();
    }
    await isLive(visit);
    await visit.page.locator('#notice').waitFor({ state: 'hidden' });
    await visit.close();
  });

  test('an image that a tool sends is shown, and nothing else is fetched for it', async () => {
    const visit = await open();
    await chooseTool(visit, 'everything_get-tiny-image');
    await visit.press('Run');
    await visit.page.locator('#answer img').waitFor();
    assert.ok(await visit.page.locator('#answer img').evaluate((img) => img.decode().then(() => img.naturalWidth > 0)));
    good(visit);
    await visit.close();
  });

  test('clients are told how to connect', async () => {
    const visit = await open();
    assert.equal(await visit.page.inputValue('#address'), `http://127.0.0.1:${gateway.httpPort}`);
    await visit.page.fill('#address', 'https://mcp.example.com/');
    const href = await visit.page.getByRole('link', { name: 'Add to Cursor' }).getAttribute('href');
    const { protocol, pathname, searchParams } = new URL(href);
    assert.equal(`${protocol}${pathname}`, 'cursor:/mcp/install');
    assert.equal(new URL(href).host, 'anysphere.cursor-deeplink');
    assert.equal(searchParams.get('name'), 'mgw');
    assert.deepEqual(JSON.parse(Buffer.from(searchParams.get('config'), 'base64')), { url: 'https://mcp.example.com/mcp' });
    await visit.page.getByRole('tab', { name: 'Cursor' }).focus();
    const next = async (name) => {
      await visit.page.keyboard.press('ArrowRight');
      await visit.page.getByRole('tab', { name, selected: true }).waitFor();
      return visit.page.locator('#snippet pre').innerText();
    };
    const url = 'https://mcp.example.com/mcp';
    assert.equal(await next('Claude Code'), `claude mcp add --transport http mgw ${url}`);
    assert.deepEqual(JSON.parse(await next('VS Code')), { servers: { mgw: { type: 'http', url } } });
    const install = await visit.page.getByRole('link', { name: 'Add to VS Code' }).getAttribute('href');
    assert.deepEqual(JSON.parse(decodeURIComponent(install.replace(/^vscode:mcp\/install\?/, ''))), { name: 'mgw', type: 'http', url });
    assert.deepEqual(JSON.parse(await next('Claude Desktop')), { mcpServers: { mgw: { command: 'npx', args: ['-y', 'mcp-remote', url] } } });
    await visit.page.fill('#address', 'http://localhost:8080');
    assert.deepEqual(JSON.parse(await visit.page.locator('#snippet pre').innerText()).mcpServers.mgw.args.slice(2), ['http://localhost:8080/mcp', '--allow-http']);
    good(visit);
    await visit.close();
  });

  test('the configuration is shown without secrets', async () => {
    const visit = await open();
    await visit.page.getByLabel('also what is as it comes').check();
    await rowOf(visit, 'settings', 'session_idle_s').waitFor();
    await rowOf(visit, 'settings', 'keepalive_s').waitFor();
    assert.doesNotMatch(await visit.page.content(), /SECRET/);
    await rowOf(visit, 'servers', 'http://127.0.0.1').first().waitFor();
    good(visit);
    await visit.close();
  });

  test('the answers let nothing in, and are kept by nobody', async () => {
    for (const path of ['/', '/status/page.css', '/status/page.js']) {
      const response = await fetch(`${gateway.stats}${path}`, { headers: asOperator });
      assert.equal(response.status, 200);
      const policy = response.headers.get('content-security-policy');
      for (const part of ["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"]) assert.ok(policy.includes(part), policy);
      assert.doesNotMatch(policy, /unsafe|\*|https?:/);
      assert.equal(response.headers.get('cache-control'), 'no-store');
    }
    const html = await (await fetch(`${gateway.stats}/`, { headers: asOperator })).text();
    assert.doesNotMatch(html, /<style|\sstyle=|\son\w+=|<script(?! src="\/status\/page\.js")/);
  });

  test('nobody is let in without the secret, and another page gets nothing with it', async () => {
    assert.equal((await ask(gateway.stats, '/')).status, 401);
    for (const path of ['/', '/status/events', '/status/page.js']) assert.equal((await ask(gateway.url, path)).status, 404);
    assert.equal((await ask(gateway.url, '/status/mcp', { method: 'POST', headers: JSON_HEADERS, body: '{}' })).status, 404);

    // Chromium has the password, and gives it to whoever asks: the worst that can be.
    const visit = await open();
    const calls = async () => (await (await fetch(`${gateway.stats}/metrics`, { headers: asOperator })).text()).split('\n').filter((line) => /^mgw_calls?_.*(count|total)/.test(line) && /echo|_total \d/.test(line));
    const before = await calls();
    const call = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'echo', arguments: { message: 'x' }, _meta: { 'io.modelcontextprotocol/protocolVersion': '2026-07-28', 'io.modelcontextprotocol/clientInfo': { name: 'evil', version: '1' }, 'io.modelcontextprotocol/clientCapabilities': {} } } });
    const evil = await serve(`<iframe src="${gateway.stats}/"></iframe>`);
    await visit.open(evil.url);
    const got = await visit.page.evaluate(async ([base, body]) => {
      const outcome = (promise) => promise.then((response) => `${response.type} ${response.status}`, () => 'refused');
      const post = (mode, type) => outcome(fetch(`${base}/status/mcp`, { method: 'POST', mode, credentials: 'include', headers: { 'Content-Type': type }, body }));
      return {
        plain: await post('no-cors', 'text/plain'),
        json: await post('cors', 'application/json'),
        read: await outcome(fetch(`${base}/status/events`, { credentials: 'include' })),
        feed: await new Promise((resolve) => {
          const feed = new EventSource(`${base}/status/events`, { withCredentials: true });
          feed.onopen = () => resolve('open');
          feed.onerror = () => resolve('refused');
        }),
      };
    }, [gateway.stats, call]);
    assert.deepEqual(got, { plain: 'opaque 0', json: 'refused', read: 'refused', feed: 'refused' });
    assert.deepEqual(await calls(), before, 'no tool has been run');
    assert.ok(visit.page.frames().slice(1).every((frame) => !frame.url().startsWith(gateway.stats)), 'it cannot be framed');
    evil.stop();
    await visit.close();
  });

  test('it says that it has lost mgw, and finds it again', async () => {
    const visit = await open();
    const exit = await gateway.mgw.stop();
    assert.deepEqual(exit, { code: 0, signal: null });
    await visit.page.locator('#feed[data-state=lost]').waitFor();
    gateway.mgw = await gateway.startMgw();
    await isLive(visit);
    await visit.close();
  });
});

test('where tokens are asked for, clients are told where theirs goes', { timeout: 60000 }, async () => {
  const gateway = await startGateway({
    config: ({ dir }) => {
      fs.writeFileSync(`${dir}/tokens.json`, '{"users": []}', { mode: 0o600 });
      return { gateway: { auth: { tokens_file: `${dir}/tokens.json` } } };
    },
  });
  const chromium = await startChromium();
  try {
    const visit = await chromium.visit({ password: adminSecret });
    await visit.open(`${gateway.stats}/`);
    await isLive(visit);
    const snippet = async (name) => {
      await visit.page.getByRole('tab', { name }).click();
      return visit.page.locator('#snippet pre').innerText();
    };
    const headers = { Authorization: 'Bearer YOUR_TOKEN' };
    const { searchParams } = new URL(await visit.page.getByRole('link', { name: 'Add to Cursor' }).getAttribute('href'));
    assert.deepEqual(JSON.parse(Buffer.from(searchParams.get('config'), 'base64')).headers, headers);
    assert.match(await snippet('Claude Code'), / --header "Authorization: Bearer YOUR_TOKEN"$/);
    assert.deepEqual(JSON.parse(await snippet('VS Code')).servers.mgw.headers, headers);
    const { args, env } = JSON.parse(await snippet('Claude Desktop')).mcpServers.mgw;
    assert.deepEqual(args.slice(-2), ['--header', 'Authorization:${MGW_AUTHORIZATION}']);
    assert.deepEqual(env, { MGW_AUTHORIZATION: headers.Authorization });
    good(visit);
    await visit.close();
  } finally {
    await chromium.close();
    await gateway.stop();
  }
});

test('of many, some are shown, and all to who asks', { timeout: 120000 }, async () => {
  const many = Object.fromEntries(Array.from({ length: 120 }, (_, i) => [`${'away-'.repeat(10)}${i}`, { url: 'http://127.0.0.1:1/mcp' }]));
  const chromium = await startChromium();
  const gateway = await startGateway({ config: { mcpServers: many } });
  try {
    const visit = await chromium.visit({ password: adminSecret, look: 'phone' });
    const streams = await Promise.all(Array.from({ length: 30 }, (_, i) => listen(gateway.url, `client ${i} ${'with a long name '.repeat(20)}`)));
    await visit.open(`${gateway.stats}/`);
    await isLive(visit);
    await visit.page.locator('.tile', { hasText: 'Upstreams' }).getByText('of 120').waitFor();
    assert.equal(await visit.page.locator('#streams-table tbody tr').count(), 20);
    await visit.mustFit();
    await visit.page.locator('#streams').getByRole('button', { name: 'Show all 30' }).press('Enter');
    assert.equal(await visit.page.locator('#streams-table tbody tr').count(), 30);
    await visit.mustFit();
    await visit.press('Show the first 20');
    assert.equal(await visit.page.locator('#streams-table tbody tr').count(), 20);
    await visit.mustBeAccessible();
    good(visit);
    for (const stream of streams) stream.close();
    await visit.close();
  } finally {
    await chromium.close();
    await gateway.stop();
  }
});

test('outside it is for members of the group admins who have signed in', { timeout: 120000 }, async () => {
  const everybody = { who: ['@example.com'], allow: { tools: ['echo'] } };
  const login = await startLogin({ config: { policy: { groups: { admins: ['ada@example.com'] }, rules: [everybody] } } });
  const chromium = await startChromium();
  try {
    const ada = await chromium.visit({ account: 'ada', provider: login.provider });
    await ada.open(`${login.base}/`);
    await isLive(ada); // by way of the provider, and back
    await ada.page.getByText('as ada@example.com').waitFor();
    assert.equal(await ada.page.inputValue('#address'), login.base);
    await chooseTool(ada, 'echo');
    assert.equal(await ada.page.locator('#tool option').count(), 2, 'what the policy lets her see, and no more');
    await ada.page.getByLabel('message').fill('it is me');
    await ada.press('Run');
    await ada.page.locator('#answer').getByText('it is me').waitFor();
    await ada.mustBeAccessible();
    assert.deepEqual(ada.errors, []);
    await ada.close();

    const bob = await chromium.visit({ account: 'bob', provider: login.provider });
    await bob.open(`${login.base}/`);
    await bob.page.getByText('Nothing is here').waitFor();
    for (const path of ['/status/events', '/status/page.js']) assert.equal((await bob.page.goto(`${login.base}${path}`)).status(), 404);
    await bob.close();
  } finally {
    await chromium.close();
    await login.stop();
  }
});
