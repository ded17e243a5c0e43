// The two commands as such: exit statuses, tokens, certificates, signals, the terminal; and what `mgw inspect` shows.

import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { Program, freePort, mgwSanitized, startEverything, startGateway, testCertificate, waitFor } from '../lib/gateway.mjs';
import { FaultServer, beginSse, fault, sendJson } from '../lib/fault_server.mjs';
import { command, inspect, probe, probed } from '../lib/probe.mjs';

const env = { ...process.env, MGW_TOKEN: '' };
let gateway;
let token;
before(async () => {
  gateway = await startGateway({
    settings: { KEEPALIVE_S: 0.5, DRAIN_S: 1 },
    config: async ({ dir }) => {
      token = (await command(['token', 'ann@example.com', '--file', `${dir}/tokens.json`])).text.match(/\bmgw_\S+/)[0];
      return { gateway: { auth: { tokens_file: `${dir}/tokens.json` } } };
    },
  });
});
after(() => gateway.stop());

test('usage: 2, and a sentence', async () => {
  for (const [args, sentence] of [
    [['probe'], /one URL is needed/],
    [['probe', 'mcp.example.com'], /must begin with http:\/\/ or https:\/\//],
    [['probe', 'http://localhost', '--for', 'ever'], /--for takes a time such as 90s, 10m or 1h: "ever"/],
    [['inspect', 'http://localhost', '--for', '10m'], /inspect has neither --for nor --scale/],
    [['inspect', 'http://localhost', '--call', 'x', '--arguments', '{'], /--arguments takes an object of JSON/],
    [['inspect', 'http://localhost', '--tokn', 'x'], /no such option: "--tokn"/],
    [['inspect', 'http://localhost', '--token'], /a value is missing after: "--token"/],
  ]) {
    const { code, text } = await command(args);
    assert.equal(code, 2);
    assert.match(text, sentence);
    assert.match(text, /usage: mgw/);
  }
});

test('--help: 0, and how it is used, by all of its options', async () => {
  for (const name of ['probe', 'inspect']) {
    const { code, text } = await command([name, '--help']);
    assert.equal(code, 0);
    assert.match(text, new RegExp(`^usage: mgw ${name} URL [^]*--token TOKEN[^]*--ca FILE`));
  }
});

test('nobody there: 3, what, where and what to do', async () => {
  const url = `http://127.0.0.1:${await freePort()}/mcp`;
  for (const by of [probe, inspect]) {
    const { code, text } = await by(url);
    assert.equal(code, 3);
    assert.ok(text.includes(`mgw: ${url}: not reached: `), text);
    assert.match(text, /what to do: /);
  }
});

test('a server, but no MCP: 3', async () => {
  const { code, text } = await probe(`${gateway.url}/health`);
  assert.equal(code, 3);
  assert.match(text, /no MCP here/);
});

test('a server that wants to know who asks: 3, with the hint; with a token, by option or environment, 0', async () => {
  const without = await inspect(`${gateway.url}/mcp`);
  assert.equal(without.code, 3);
  assert.match(without.text, /HTTP 401: it wants to know who asks: give --token/);
  const wrong = await inspect(`${gateway.url}/mcp`, '--token', 'mgw_wrong');
  assert.equal(wrong.code, 3);
  assert.match(wrong.text, /HTTP 401: it does not take this token\nmgw: what to do: is the token over, or of another server\?/);
  assert.equal((await inspect(`${gateway.url}/mcp`, '--token', token)).code, 0);
  assert.equal((await command(['inspect', `${gateway.url}/mcp`], { MGW_TOKEN: token })).code, 0);
  const { code, by } = await probed(`${gateway.url}/mcp`, '--header', `Authorization: Bearer ${token}`, '--for', '4s');
  assert.equal(code, 0);
  assert.equal(by.sse.verdict, 'lived');
});

test('a token in the clear is told, but where it does not leave the machine', async () => {
  const clear = /the token goes in the clear/;
  const away = 'http://mgw.invalid/mcp';
  assert.match((await inspect(away, '--token', token)).text, clear);
  assert.match((await inspect(away, '--header', `authorization: Bearer ${token}`)).text, clear);
  assert.doesNotMatch((await inspect(away)).text, clear);
  assert.doesNotMatch((await inspect(away.replace('http:', 'https:'), '--token', token)).text, clear);
  assert.doesNotMatch((await inspect(`${gateway.url}/mcp`, '--token', token)).text, clear);
});

test('a certificate that is not trusted: 3; --ca and --insecure', async () => {
  const url = `${gateway.tls}/mcp`;
  const strict = await command(['inspect', url, '--token', token]);
  assert.equal(strict.code, 3);
  assert.match(strict.text, /certificate/);
  assert.match(strict.text, /what to do: --ca FILE trusts an authority of your own/);
  assert.equal((await command(['inspect', url, '--token', token, '--insecure'])).code, 0);
  assert.equal((await command(['inspect', url, '--token', token, '--ca', testCertificate().cert])).code, 0);
});

test('what is no MCP is told by what it is, and each has its own cure', async () => {
  const server = await FaultServer.start();
  const first = async (fault) => {
    server.faults.initialize = fault;
    server.faults['server/discover'] = fault;
    server.faults.GET = fault;
    const { code, text } = await inspect(server.url);
    assert.equal(code, 3);
    return text.replace(/\nmgw: what to do: /, ' | ');
  };
  assert.match(await first((req, res) => sendJson(res, '<html>', 200, { 'content-type': 'text/html' })), /HTTP 200, and its body \(text\/html\) is no JSON: .* \| is this the path/);
  assert.match(await first(fault.status(502, { 'content-type': 'text/html' })), /HTTP 502 \(text\/html\) \| the server has failed, or a proxy/);
  assert.match(await first(fault.status(403)), /HTTP 403 \(of no type\) \| may this token/);
  assert.match(await first(fault.status(308, { location: 'http://127.0.0.1:9/mcp' })), /redirected to http:\/\/127\.0\.0\.1:9, another origin: not followed .* \| ask where it leads to/);
  const { text } = await inspect(server.url.replace('http:', 'https:'));
  await server.stop();
  assert.match(text, /not reached: .*\nmgw: what to do: does this port speak TLS\? If not, the URL begins with http:\/\//);
});

test('an endpoint of HTTP+SSE at another origin is not followed, and told', async () => {
  const elsewhere = await FaultServer.start();
  const server = await FaultServer.start();
  server.faults.initialize = fault.status(405);
  server.faults['server/discover'] = fault.status(405);
  server.faults.GET = (req, res) => beginSse(res).write(`event: endpoint\ndata: ${elsewhere.url}?sessionId=1\u001b[2J\n\n`);
  for (const args of [['inspect', server.url], ['probe', server.url, '--for', '2s']]) {
    const { code, text } = await command([...args, '--token', 'secret-token']);
    assert.equal(code, 3);
    assert.ok(text.includes(`its endpoint leads to another origin, where no client goes: ${elsewhere.url}?sessionId=1?[2J`), text);
    assert.match(text, /what to do: have the server name a path there/);
  }
  assert.deepEqual(elsewhere.seen, []);
  await server.stop();
  await elsewhere.stop();
});

test('an answer without end is left when it is too big', async () => {
  const server = await FaultServer.start();
  const piece = Buffer.alloc(1 << 20, 'x');
  let n = 0;
  const endless = async (req, res) => {
    res.writeHead(200, { 'content-type': 'application/json' });
    while (!res.destroyed) {
      n++;
      if (!res.write(piece)) await new Promise((go) => { res.once('drain', go).once('close', go); });
    }
  };
  server.faults.initialize = endless;
  server.faults['server/discover'] = endless;
  const { code, text } = await inspect(server.url);
  await server.stop();
  assert.equal(code, 3);
  assert.match(text, /its answer is too big: over 16 MiB/);
  assert.ok(n < 100, `${n} MiB were heard`);
});

test('SIGINT ends the watch: what was seen until then is judged', async () => {
  const from = gateway.mgw.lines.length;
  const program = new Program('probe', mgwSanitized, ['probe', `${gateway.url}/mcp`, '--token', token, '--for', '10m', '--json'], { env });
  await waitFor(() => gateway.mgw.count(/Client connected/, from) >= 3, 'its streams');
  program.child.kill('SIGINT');
  const { signal } = await program.exited;
  const report = JSON.parse(program.lines.join('\n'));
  assert.equal(signal, null);
  assert.ok(report.watched_ms < 600000);
  assert.equal(report.streams.find(({ kind }) => kind === 'get').end.how, 'open');
});

test('on a terminal a line shows how it goes, which has room there; elsewhere none', async () => {
  const line = `${mgwSanitized} probe ${gateway.url}/mcp --token ${token} --for 3s`;
  const shown = async (columns) => {
    const program = new Program('script', 'script', ['-qec', `stty cols ${columns}; ${line}`, '/dev/null'], { env });
    await program.exited;
    const lines = program.lines.join('\n').split('\r').filter((part) => / of 0:03 /.test(part)).map((part) => part.replace('\u001b[K', ''));
    assert.ok(lines.length >= 2 && lines.every((part) => part.length < columns), lines.join('\n'));
    return lines;
  };
  assert.match((await shown(200))[0], /^0:0\d of 0:03 \| get \d+, \ds silent \| sse/);
  assert.match((await shown(80))[0], /^0:0\d of 0:03 \| 5 open, 0 ENDED, \d+ keep-alives, \ds silent$/);
  const { text } = await command(line.split(' ').slice(1));
  assert.doesNotMatch(text, /\r/);
});

test('what a server says of itself cannot move the cursor in JSON either', async () => {
  const server = await FaultServer.start();
  server.faults['server/discover'] = (req, res, msg) => sendJson(res, { jsonrpc: '2.0', id: msg.id, result: { supportedVersions: ['2025\u009b2J'] } });
  const { text } = await command(['probe', server.url, '--for', '1s', '--json']);
  await server.stop();
  assert.match(text, /2025\\u009b2J/i);
  assert.ok(!/[^\n -~]/.test(text), text);
});

test('the session is ended, and no stream is left', async () => {
  await gateway.mgw.line(/Client disconnected/);
  const { text } = await inspect(`${gateway.url}/mcp`, '--token', token, '--call', 'gateway_status');
  assert.match(text, /streams/);
});

test('inspect: server, revisions, capabilities, tools with what they take, and a call', async () => {
  const { code, text } = await inspect(`${gateway.url}/mcp`, '--token', token, '--call', 'echo', '--arguments', '{"message": "hello"}');
  assert.equal(code, 0);
  assert.match(text, /^ {2}server {8}mgw \d/m);
  assert.match(text, /^ {2}speaks {8}2025-11-25, 2026-07-28/m);
  assert.match(text, /^ {2}capabilities {2}.*tools/m);
  assert.match(text, /^ {2}echo \(only reads\)\n {4}Answers with the message it was given\.\n {6}message: string, required; What to say back$/m);
  assert.match(text, /^call of echo: answered, in .*\n {2}hello$/m);
});

test('inspect: a call that fails is told, with 1', async () => {
  const { code, text } = await inspect(`${gateway.url}/mcp`, '--token', token, '--call', 'nothing');
  assert.equal(code, 1);
  assert.match(text, /call of nothing: failed: error -32602/);
});

test('inspect: JSON for scripts', async () => {
  const { code, text } = await inspect(`${gateway.url}/mcp`, '--token', token, '--json', '--call', 'echo', '--arguments', '{"message": "hello"}');
  const report = JSON.parse(text);
  assert.equal(code, 0);
  assert.ok(report.tools.some(({ name }) => name === 'wait'));
  assert.equal(report.initialize.protocolVersion, '2025-11-25');
  assert.deepEqual(report.call.answer.result.content, [{ type: 'text', text: 'hello' }]);
});

test('inspect: other servers, over Streamable HTTP and over HTTP+SSE', async () => {
  for (const transport of ['streamableHttp', 'sse']) {
    const server = await startEverything(undefined, transport);
    const { code, text } = await inspect(server.url, '--call', 'echo', '--arguments', '{"message": "hello"}');
    await server.stop();
    assert.equal(code, 0, text);
    assert.match(text, /^prompts: \d/m);
    assert.match(text, /^resources: \d/m);
    assert.match(text, /hello/);
  }
});

test('inspect: what a server says cannot move the cursor, and pages that never end are bounded', async () => {
  const server = await FaultServer.start();
  let n = 0;
  server.faults['tools/list'] = (req, res, msg) => {
    n++;
    sendJson(res, { jsonrpc: '2.0', id: msg.id, result: { tools: [{ name: '\u001b[2Jbad', description: 'a\u0007b\u202ec\u2066d\u2028e', inputSchema: {} }], nextCursor: `${n}` } });
  };
  const { code, text } = await inspect(server.url);
  assert.equal(code, 0, text);
  assert.ok(!/[\u001b\u0007\u202a-\u202e\u2066-\u2069\u2028]/.test(text), text);
  assert.equal(n, 100);
  const json = await inspect(server.url, '--json');
  await server.stop();
  assert.match(json.text, /\\u001b\[2Jbad/i);
  assert.ok(!/[^\n -~]/.test(json.text), 'nor can it in JSON');
});

test('inspect: numbers that no double holds are as the server wrote them, whole JSON around them', async () => {
  const server = await FaultServer.start();
  const most = '18446744073709551615';
  const sendText = (res, text) => { res.setHeader('content-type', 'application/json'); res.end(text); };
  server.faults['tools/list'] = (req, res, msg) =>
    sendText(res, `{"jsonrpc":"2.0","id":${msg.id},"result":{"tools":[{"name":"count","inputSchema":{"type":"object","properties":{"n":{"type":"integer","maximum":${most}}}}}]}}`);
  server.faults['tools/call'] = (req, res, msg) =>
    sendText(res, `{"jsonrpc":"2.0","id":${msg.id},"result":{"content":[],"structuredContent":{"n":${most},"after":"it"}}}`);
  const call = [server.url, '--call', 'count', '--arguments', `{"n": ${most}}`];
  const { code, text } = await inspect(...call);
  assert.equal(code, 0, text);
  assert.ok(text.includes(`{"n":${most},"after":"it"}`), text);
  const json = await inspect(...call, '--json');
  await server.stop();
  assert.ok(json.text.includes(`"maximum": ${most}`), json.text);
  assert.equal(JSON.parse(json.text).call.answer.result.structuredContent.after, 'it');
});

test('inspect: a server that says too much is not heard to the end', async () => {
  const server = await FaultServer.start();
  const names = Array.from({ length: 5000 }, (_, i) => `p${i}`);
  const big = { name: 'big', description: 'x'.repeat(8 << 20), inputSchema: { properties: Object.fromEntries(names.map((name) => [name, {}])), required: names } };
  let n = 0;
  server.faults['tools/list'] = (req, res, msg) => sendJson(res, { jsonrpc: '2.0', id: msg.id, result: { tools: [big], ...(n++ < 99 && { nextCursor: `${n}` }) } });
  server.faults['server/discover'] = (req, res, msg) => sendJson(res, { jsonrpc: '2.0', id: msg.id, result: { supportedVersions: names } });
  const long = await inspect(server.url);
  assert.equal(long.code, 1);
  assert.match(long.text, /^tools: tools\/list failed: it is too long/m);
  assert.match(long.text, /^ {2}speaks .*, p30$/m);
  assert.ok(n < 10, `${n} pages`);
  n = 99;
  const { code, text } = await inspect(server.url);
  await server.stop();
  assert.equal(code, 0);
  assert.match(text, /^ {6}p0, required\n/m);
  assert.match(text, /^ {6}and 4900 more$/m);
});

test('docs/probe.md names every option', () => {
  const page = fs.readFileSync(new URL('../../../docs/probe.md', import.meta.url), 'utf8');
  for (const option of ['--for', '--token', '--header', '--ca', '--insecure', '--json', '--call', '--arguments', '--scale']) assert.ok(page.includes(`\`${option}`), option);
});

test('docs/operations/proxies.md shows the configurations that the tests run', () => {
  const page = fs.readFileSync(new URL('../../../docs/operations/proxies.md', import.meta.url), 'utf8');
  for (const name of ['nginx.conf', 'apache.conf', 'Caddyfile']) {
    const text = fs.readFileSync(new URL(`../../../deploy/proxies/${name}`, import.meta.url), 'utf8');
    assert.ok(page.includes(`\n${text.trimEnd()}\n\`\`\``), `${name} stands there otherwise`);
  }
});

/** The timeouts that probe knows: [, who, seconds, isTotal]. */
function knownLimits() {
  const source = fs.readFileSync(new URL('../../../app/probe/probe_party.c', import.meta.url), 'utf8');
  return [...source.slice(source.indexOf('probe_limit limits[]')).matchAll(/\{"([^"]+)",\s*[A-Z_]+,\s*(\d+),\s*(true|false),/g)];
}

test('docs/probe.md has a row for each timeout that probe knows', () => {
  const page = fs.readFileSync(new URL('../../../docs/probe.md', import.meta.url), 'utf8');
  const limits = knownLimits();
  assert.ok(limits.length > 20);
  for (const [, who, seconds, isTotal] of limits) {
    const row = `| ${seconds} s of ${isTotal === 'true' ? 'the whole answer' : 'silence'} | ${who} |`;
    assert.ok(page.includes(row), row);
  }
});

test('whom the chart of the status page names for a cliff, probe knows too', () => {
  const source = fs.readFileSync(new URL('../../../app/status/page_chart.js', import.meta.url), 'utf8');
  const cliffs = [...source.matchAll(/\{ s: (\d+), who: '([^']+)' \}/g)];
  assert.ok(cliffs.length > 2);
  for (const [, seconds, all] of cliffs) {
    for (const name of all.split(', ')) {
      const plain = name.replace(/’.*|\.js/, '');
      assert.ok(knownLimits().some(([, who, s]) => s === seconds && who.includes(plain)), `${name}, ${seconds} s`);
    }
  }
});
