// docs/operations: what its commands print is what they print here, on a real log in both of its forms; what it quotes of the log is in the
// program; CloudWatch's filter patterns in infra/ find real lines.
//
// MGW_RUNBOOKS_WRITE=1 puts what the commands print into the pages.

import { after, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { execFileSync } from 'node:child_process';
import { adminSecret, freePort, mgwRelease, startGateway, testCertificate, top, waitFor } from '../lib/gateway.mjs';
import { consoles, literalsOf, runbooks, runCommand, shapeOf, withOutputs, writeStandIns } from '../lib/runbook.mjs';
import { connects, disconnects, lifetimeBands, streams, unanswered } from '../../../infra/lib/log-patterns.ts';
import { matches, valueOf } from '../../../infra/test/lib/cloudwatch.ts';

const pages = fs.readdirSync(runbooks).filter((file) => file.endsWith('.md')).sort();
const textOf = (page) => fs.readFileSync(path.join(runbooks, page), 'utf8');

const initialize = {
  jsonrpc: '2.0', id: 1, method: 'initialize',
  params: { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 'runbook', version: '1' } },
};

/** A gateway with users, streams that were kept alive, and one that has ended. */
async function live(gateway, token) {
  const authorization = `Bearer ${token}`;
  const post = await fetch(`${gateway.url}/mcp`, {
    method: 'POST', headers: { authorization, 'content-type': 'application/json', accept: 'application/json, text/event-stream' }, body: JSON.stringify(initialize),
  });
  const session = post.headers.get('mcp-session-id');
  await post.text();
  const open = async () => {
    const leave = new AbortController();
    const response = await fetch(`${gateway.url}/mcp`, { headers: { authorization, accept: 'text/event-stream', 'mcp-session-id': session }, signal: leave.signal });
    assert.equal(response.status, 200);
    return leave;
  };
  const leaver = await open();
  await gateway.mgw.line(/keep-alive sent/);
  await waitFor(() => gateway.mgw.count(/keep-alive sent/) >= 2, 'two rounds of keep-alives');
  leaver.abort();
  await gateway.mgw.line(/Client disconnected/);
  await open();
}

const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'mgw-runbooks-'));
after(() => fs.rmSync(dir, { recursive: true, force: true }));

describe('runbooks', { timeout: 120000 }, () => {
  const gateways = {};
  let env;
  let token;
  const files = { text: path.join(dir, 'mgw.log'), json: path.join(dir, 'mgw.json.log') };

  before(async () => {
    const tokens = path.join(dir, 'tokens.json');
    token = execFileSync(mgwRelease, ['token', 'bob@example.com', '--file', tokens], { encoding: 'utf8' }).trim();
    fs.writeFileSync(path.join(dir, 'mgw.json'), `{
  "mcpServers": {
    "docs": { "url": "https://docs.example.com/mcp" }
  },
  "gateway": { "keepalive_s": 30 }
}\n`);
    fs.writeFileSync(path.join(dir, 'faulty.json'), `{
  "mcpServers": {
    "docs": { "url": "https://docs.example.com/mcp" }
  },
  "gateway": { "keepalive_s": "often" }
}\n`);
    const away = await freePort();
    for (const form of ['text', 'json']) {
      gateways[form] = await startGateway({
        release: true,
        // A server that is away: what the log says of it.
        config: { mcpServers: { docs: { url: `http://127.0.0.1:${away}/mcp` } } },
        settings: { KEEPALIVE_S: 1, LOG_FORMAT: form, AUTH_TOKENS_FILE: tokens, ...(form === 'text' ? { STATE_DIR: path.join(dir, 'state') } : {}) },
      });
      await live(gateways[form], token);
      await gateways[form].mgw.line(/left alone for/);
    }
    // Of each a whole life, to its last line.
    const { mgw, ...rest } = gateways.text;
    env = {
      PATH: `${dir}/bin:/usr/sbin:/usr/bin:/sbin:/bin`, HOME: dir, LC_ALL: 'C.UTF-8', CURL_CA_BUNDLE: testCertificate().cert,
      MGW: rest.tls, MGW_INSIDE: rest.stats, MGW_ADMIN_SECRET: adminSecret,
    };
    const last = await startGateway({ release: true, alone: true });
    await last.mgw.stop();
    const end = last.mgw.lines.at(-1);
    assert.match(end, /drained, bye/);
    fs.rmSync(last.dir, { recursive: true, force: true });
    fs.writeFileSync(files.text, [...mgw.lines, end, ''].join('\n'));
    fs.writeFileSync(files.json, [...gateways.json.mgw.lines, ''].join('\n'));
    writeStandIns(path.join(dir, 'bin'), { ...files, mgw: mgwRelease });
  });
  after(async () => {
    for (const gateway of Object.values(gateways)) await gateway.stop();
  });

  /** What was printed, where an operator has it. */
  const seen = (text) => [gateways.text, gateways.json].reduce((t, { dir: at }) => t.replaceAll(at, '/run/mgw'), text)
    .replaceAll(gateways.text.tls, 'https://mcp.example.com').replaceAll(dir, '/srv');

  for (const page of pages) {
    test(`${page}: each command prints what the page says`, () => {
      const written = new Map();
      for (const { command, output } of consoles(textOf(page))) {
        const printed = seen(runCommand(command, { dir, env }));
        written.set(command, printed);
        if (process.env.MGW_RUNBOOKS_WRITE) continue;
        assert.deepEqual(shapeOf(printed), shapeOf(output), `${command}\n${printed}`);
      }
      if (process.env.MGW_RUNBOOKS_WRITE) fs.writeFileSync(path.join(runbooks, page), withOutputs(textOf(page), (command) => written.get(command)));
    });
  }

  test('verify.md has the bands of ages and the filter patterns that infra/ has', () => {
    const rows = lifetimeBands.map((b) => `| ${b.from} to ${b.to} s | ${b.suspect} | \`${b.name}\` | \`${b.pattern.replaceAll('|', '\\|')}\` |`);
    const want = [
      '| age of the stream | who | CloudWatch metric (namespace `mgw`) | filter pattern |', '|---|---|---|---|',
      ...rows, `| any | | \`${disconnects.name}\` | \`${disconnects.pattern}\` |`,
    ].join('\n');
    const table = /(<!-- bands -->\n)([\s\S]*?)(<!-- end of bands -->)/;
    if (process.env.MGW_RUNBOOKS_WRITE)
      fs.writeFileSync(path.join(runbooks, 'verify.md'), textOf('verify.md').replace(table, (_, from, __, to) => `${from}\n${want}\n\n${to}`));
    assert.equal(table.exec(textOf('verify.md'))[2].trim(), want);
  });

  for (const form of ['text', 'json']) {
    test(`the filter patterns find the lines of the log (${form})`, () => {
      const { lines } = gateways[form].mgw;
      const found = (pattern) => lines.filter((line) => matches(pattern, line));
      assert.equal(found(disconnects.pattern).length, lines.filter((line) => line.includes('Client disconnected')).length);
      assert.ok(found(disconnects.pattern).length > 0);
      assert.equal(found(connects.pattern).length, 2);
      const [ended] = found(disconnects.pattern);
      for (const band of lifetimeBands) {
        const aged = (seconds) => ended.replace(/after \d+s/, `after ${seconds}s`);
        assert.deepEqual([band.from - 1, band.from, band.to, band.to + 1].map((s) => s >= 0 && matches(band.pattern, aged(s))), [false, true, true, false], band.name);
      }
      assert.equal(lines.filter((line) => lifetimeBands.some((b) => matches(b.pattern, line))).length, found(disconnects.pattern).length);
    });
  }

  test('an answer that took long and was given is no stream that was cut', async () => {
    const { mgw, url } = gateways.json;
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json', accept: 'application/json, text/event-stream' };
    const post = async (message, more) => fetch(`${url}/mcp`, { method: 'POST', headers: { ...headers, ...more }, body: JSON.stringify(message) });
    const begun = await post(initialize);
    const call = { jsonrpc: '2.0', id: 2, method: 'tools/call', params: { name: 'wait', arguments: { seconds: 1.5 } } };
    const answer = await post(call, { 'mcp-session-id': begun.headers.get('mcp-session-id') });
    assert.match(await answer.text(), /"id":2/);
    const line = await mgw.line(/Client disconnected: \S+ \(bob@example\.com\) after \ds, answered/);
    for (const { pattern } of [disconnects, ...lifetimeBands]) assert.equal(matches(pattern, line), false, pattern);
  });

  test('the number of streams is read out of the text form', () => {
    const { lines } = gateways.text.mgw;
    const values = lines.map((line) => valueOf(streams.pattern, streams.value, line)).filter((v) => v !== undefined);
    assert.ok(values.length >= 2 && values.every((v) => v === 1), `${values}`);
    assert.equal(values.length, lines.filter((line) => line.includes('keep-alive sent')).length);
  });

  test('and of HAProxy\'s lines those that had no mgw', async () => {
    const gateway = gateways.json;
    assert.equal(gateway.haproxy.lines.filter((line) => matches(unanswered.pattern, line)).length, 0);
    const line = gateway.haproxy.lines.find((l) => l.includes('"event":"request"'));
    assert.equal(matches(unanswered.pattern, line.replace(/"status":\d+/, '"status":503')), true);
  });
});

test('troubleshooting.md quotes what the program says', () => {
  const literals = literalsOf();
  const quoted = textOf('troubleshooting.md').split('\n').filter((line) => /^\| .* \| .* \| .* \|$/.test(line))
    .map((line) => /^`(.*)`$/.exec(line.split(' | ')[1]?.trim())?.[1]).filter(Boolean);
  assert.ok(quoted.length > 10, `${quoted.length} quotations`);
  for (const words of quoted) assert.ok(literals.includes(words), `nothing says: ${words}`);
});

test('pages lead to pages that there are, and to headings in them', () => {
  const slug = (heading) => heading.toLowerCase().replace(/[^\p{L}\p{N} -]/gu, '').replaceAll(' ', '-');
  for (const page of pages) {
    for (const [, link] of textOf(page).matchAll(/\]\(([^)]+)\)/g)) {
      if (/^https?:/.test(link)) continue;
      const [file, anchor] = link.split('#');
      const to = file === '' ? path.join(runbooks, page) : path.resolve(runbooks, file);
      assert.ok(fs.existsSync(to), `${page}: ${link}`);
      if (!anchor) continue;
      const headings = [...fs.readFileSync(to, 'utf8').matchAll(/^#+ (.*)$/gm)].map(([, heading]) => slug(heading));
      assert.ok(headings.includes(anchor), `${page}: ${link} (${headings})`);
    }
  }
});

test('sizing.md counts with the figures of performance.md', () => {
  const rowsOf = (text) => text.split('\n').filter((line) => line.startsWith('| ')).map((line) => line.split(/ *\| */).slice(1, -1));
  const measured = new Map();
  let last = '';
  for (const [what, , mgw] of rowsOf(fs.readFileSync(path.join(top, 'docs/performance.md'), 'utf8').split('<!-- end of table -->')[0])) {
    if (!what.startsWith('the same')) last = what.replace(/, 16 at once$/, '');
    measured.set(what.startsWith('the same: ') ? `${last}: ${what.slice('the same: '.length)}` : what, Number.parseFloat(mgw));
  }
  const rows = rowsOf(textOf('sizing.md')).map(([, costs, row]) => [Number.parseFloat(costs), /^`+(.*?)`+$/.exec(row ?? '')?.[1]]).filter(([, row]) => row);
  assert.equal(rows.length, 7);
  // Rounded there, and another machine's noise here.
  for (const [costs, row] of rows) assert.ok(Math.abs(costs / measured.get(row) - 1) < 0.3, `${row}: ${costs}, measured ${measured.get(row)}`);
});

test('sizing.md: what fits a GiB follows from what a stream costs', () => {
  const keptMiB = Number(/with (\d+) MiB kept/.exec(textOf('sizing.md'))[1]);
  const rows = [...textOf('sizing.md').matchAll(/^\| idle streams, .*\((\d+) kB each.*?\) \| ([\d,]+) \| ([\d,]+) \| ([\d,]+) \|$/gm)];
  assert.equal(rows.length, 2);
  for (const [, kB, ...fits] of rows) {
    const want = [1, 2, 4].map((gib) => Math.floor((gib * 1024 - keptMiB) * 2 ** 20 / (kB * 1000) / 1000) * 1000);
    assert.deepEqual(fits.map((n) => Number(n.replace(',', ''))), want);
  }
});
