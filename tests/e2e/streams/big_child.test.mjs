// Big answers over a pipe, and floods: they pass through in bounded memory, and a child whose client does not read waits.

import { after, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { connectClient, textOf } from '../lib/clients.mjs';
import { startGateway, top, waitFor } from '../lib/gateway.mjs';
import { line } from '../lib/big_child.mjs';
import { openSession, openStream, readStream, rpc } from '../lib/stream.mjs';

const MB = 1 << 20;
const config = {
  mcpServers: { big: { command: path.join(top, 'tests/e2e/node_modules/.bin/node'), args: [path.join(import.meta.dirname, '../lib/big_child.mjs')] } },
};

const hash = (text) => createHash('sha256').update(text).digest('hex');
const textOfBytes = (bytes) => JSON.parse(`"${line}"`).repeat(Math.floor(bytes / line.length));
const rssKb = (pid) => Number(/VmRSS:\s+(\d+)/.exec(fs.readFileSync(`/proc/${pid}/status`, 'utf8'))[1]);
const writtenBy = (pid) => Number(/wchar: (\d+)/.exec(fs.readFileSync(`/proc/${pid}/io`, 'utf8'))[1]);
const call = (name, args = {}, id = 5) => rpc(id, 'tools/call', { name: `big_${name}`, arguments: args });
const post = (gateway, session, body, init = {}) => fetch(`${gateway.url}/mcp`, { method: 'POST', headers: session.headers, body, ...init });
/** By who takes events alone: else a big answer is a JSON body. */
const stream = (gateway, session, body) => openStream(`${gateway.url}/mcp`, { method: 'POST', headers: { ...session.headers, accept: 'text/event-stream' }, body });

/** The whole answer, whichever form it has. */
async function ask(gateway, session, body) {
  const response = await post(gateway, session, body);
  if (response.headers.get('content-type') === 'application/json') return response.json();
  const read = { comments: [], events: [] };
  await readStream(response.body, read);
  return read.events.find((e) => e.json?.id === JSON.parse(body).id).json;
}
const askText = async (...args) => textOf((await ask(...args)).result);

/** A session whose child runs, and the child's process id. */
async function openChild(gateway) {
  const from = gateway.mgw.lines.length;
  const session = await openSession(gateway.url);
  const started = await gateway.mgw.line(/process \d+ started/, { from });
  return { ...session, pid: Number(/process (\d+) started/.exec(started)[1]) };
}

const hello = (gateway, session) => askText(gateway, session, call('hello', {}, 6));

/** Waits until the child has written nothing for a while; how much it has written since. */
async function rests(pid, since) {
  let last;
  await waitFor(async () => {
    const is = last === writtenBy(pid);
    last = writtenBy(pid);
    await new Promise((resolve) => { setTimeout(resolve, 300); });
    return is;
  }, 'the child to rest');
  return last - since;
}

describe('a big answer of a child', { timeout: 120000 }, () => {
  let gateway;
  before(async () => { gateway = await startGateway({ config, haproxy: { MGW_CLIENT_TIMEOUT: '2s' } }); });
  after(() => gateway.stop());

  for (const idFirst of [false, true]) {
    for (const kind of ['http', 'sse']) {
      test(`is whole, its id ${idFirst ? 'first' : 'last'} (${kind})`, async () => {
        const client = await connectClient(gateway.url, kind);
        const answer = await client.callTool({ name: 'big_big', arguments: { bytes: 3 * MB, idFirst } });
        assert.equal(hash(textOf(answer)), hash(textOfBytes(3 * MB)));
        await client.close();
      });
    }
  }

  test('is plain JSON for a client that takes no stream, and broken where it breaks off', async () => {
    const session = await openChild(gateway);
    const plain = (args) => post(gateway, session, call('big', { bytes: 3 * MB, ...args }), { headers: { ...session.headers, accept: 'application/json' } });
    const response = await plain();
    assert.equal(response.headers.get('content-type'), 'application/json');
    assert.equal(hash(textOf((await response.json()).result)), hash(textOfBytes(3 * MB)));
    for (const end of ['garbage', 'wrong id', 'exit']) await assert.rejects((await plain({ end })).text(), TypeError);
  });

  for (const idFirst of [false, true]) {
    test(`is told from that of another call at the same time, its id ${idFirst ? 'first' : 'last'}`, async () => {
      const session = await openChild(gateway);
      const held = await stream(gateway, session, call('held', {}, 7));
      assert.equal(hash(await askText(gateway, session, call('big', { bytes: 3 * MB, idFirst }, 8))), hash(textOfBytes(3 * MB)));
      assert.equal(await askText(gateway, session, call('let_go')), 'let go');
      assert.equal(textOf((await held.event((e) => e.json?.id === 7)).json.result), 'at last');
    });
  }

  test('that comes after its call was cancelled is nobody else\'s', async () => {
    const session = await openChild(gateway);
    const cancelled = await stream(gateway, session, call('late', { bytes: 3 * MB }, 7));
    await post(gateway, session, JSON.stringify({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 7 } }));
    await cancelled.ended();
    const before = writtenBy(session.pid);
    const held = await stream(gateway, session, call('held', {}, 8));
    assert.equal(await hello(gateway, session), 'hello');
    assert.ok(writtenBy(session.pid) - before > 2 * MB, 'it has come');
    assert.equal(await askText(gateway, session, call('let_go')), 'let go');
    await held.ended();
    const answers = held.events.filter((e) => e.json);
    assert.deepEqual(answers.map((e) => textOf(e.json.result)), ['at last']);
  });

  for (const [end, message] of [['exit', /upstream big: exited with code 3/], ['garbage', /upstream big: its answer is no JSON/],
    ['wrong id', /upstream big: its answer has another's id/]]) {
    test(`that ends badly (${end}) ends in one clear error`, async () => {
      const session = await openChild(gateway);
      const big = await stream(gateway, session, call('big', { bytes: 3 * MB, end }));
      await big.ended();
      const answers = big.events.filter((e) => e.json?.id === 5);
      assert.equal(answers.length, 1);
      assert.match(answers[0].json.error.message, message);
      assert.equal(big.end, 'closed');
      if (end !== 'exit') assert.equal(await hello(gateway, session), 'hello');
    });
  }

  test('that pauses between two values is kept alive, one that stalls within a value ends in an error, and the child lives on', async () => {
    const live = await startGateway({ config, settings: { KEEPALIVE_S: 0.4 } });
    const session = await openChild(live);
    const between = await stream(live, session, call('big', { bytes: 3 * MB, pause: 'between' }));
    await between.ended();
    assert.ok(between.comments.filter((c) => c === ': keep-alive').length >= 2, `${between.comments}`);
    const { content } = between.events.find((e) => e.json?.id === 5).json.result;
    assert.equal(hash(content[0].text), hash(textOfBytes(3 * MB)));
    assert.equal(content.length, 2);
    const within = await stream(live, session, call('big', { bytes: 3 * MB, pause: 'within' }));
    await within.ended();
    assert.match(within.events.find((e) => e.json?.id === 5).json.error.message, /upstream big: it stalled/);
    assert.equal(await hello(live, session), 'hello');
    assert.equal(live.mgw.count(/process \d+ started/), 1);
    const plain = (args) => post(live, session, call('big', { bytes: 3 * MB, ...args }), { headers: { ...session.headers, accept: 'application/json' } });
    const body = await (await plain({ pause: 'between' })).text();
    assert.match(body, /,?\n+\{|\n\n/, 'a JSON body is kept alive too');
    assert.equal(JSON.parse(body).result.content.length, 2);
    await assert.rejects((await plain({ pause: 'within' })).text(), TypeError);
    await live.stop();
  });

  test('whose client leaves in its middle is dropped, and the child works on', async () => {
    const session = await openChild(gateway);
    const abort = new AbortController();
    const before = writtenBy(session.pid);
    const response = await post(gateway, session, call('big', { bytes: 60 * MB }), { signal: abort.signal });
    await response.body.getReader().read();
    assert.ok(await rests(session.pid, before) < 40 * MB, 'it is held back');
    abort.abort();
    assert.equal(await hello(gateway, session), 'hello');
    assert.ok(writtenBy(session.pid) - before > 60 * MB - line.length, 'the same child, which has said all');
  });

  test('whose client stalls holds up its own session alone, until the proxy cuts it', async () => {
    const [stalled, other] = [await openChild(gateway), await openChild(gateway)];
    const response = await post(gateway, stalled, call('big', { bytes: 60 * MB }));
    const reader = response.body.getReader();
    await reader.read();
    const waiting = hello(gateway, stalled);
    assert.equal(await hello(gateway, other), 'hello');
    assert.equal(await waiting, 'hello');
    await assert.rejects(async () => { while (!(await reader.read()).done); }, /terminated/);
  });
});

test('50 MB of a child pass in a few buffers, at the pace of a client that pauses', { timeout: 120000 }, async () => {
  const gateway = await startGateway({ release: true, config });
  const session = await openChild(gateway);
  const other = await openChild(gateway);
  const drink = async (idFirst) => {
    const since = writtenBy(session.pid);
    const response = await post(gateway, session, call('big', { bytes: 50 * MB, idFirst }));
    const parts = [];
    let peak = 0;
    let hasPaused = false;
    for await (const chunk of response.body) {
      parts.push(Buffer.from(chunk));
      peak = Math.max(peak, rssKb(gateway.mgw.pid));
      if (hasPaused || parts.length < 100) continue;
      hasPaused = true;
      const written = await rests(session.pid, since);
      assert.ok(written < 40 * MB, `${written} bytes were taken from it`);
      assert.equal(await hello(gateway, other), 'hello');
    }
    assert.equal(hash(textOf(JSON.parse(Buffer.concat(parts)).result)), hash(textOfBytes(50 * MB)));
    return peak;
  };
  await drink(false); // a heap has its working size only after some use
  const before = rssKb(gateway.mgw.pid);
  for (const idFirst of [false, true]) {
    const peak = await drink(idFirst);
    assert.ok(peak - before <= 2048, `memory grew by ${peak - before} kB`);
  }
  await gateway.stop();
});

test('a child that floods a client that does not read waits for it: no memory grows, no message is lost', { timeout: 120000 }, async () => {
  const n = 100000;
  const gateway = await startGateway({ release: true, config });
  const session = await openChild(gateway);
  const before = rssKb(gateway.mgw.pid);
  const since = writtenBy(session.pid);
  const response = await post(gateway, session, call('flood', { n }));
  let rest = '';
  let next = 0;
  let hasPaused = false;
  let answer;
  const decoder = new TextDecoder();
  for await (const chunk of response.body) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = lines.pop();
    for (const data of lines.filter((l) => l.startsWith('data: {')).map((l) => JSON.parse(l.slice(6)))) {
      if (data.id === 5) answer = data;
      else assert.equal(data.params.logger, String(next++));
    }
    if (hasPaused || next < 1000) continue;
    hasPaused = true;
    assert.ok(await rests(session.pid, since) < 15 * MB, 'it is held back');
    const grown = rssKb(gateway.mgw.pid) - before;
    assert.ok(grown <= 8192, `memory grew by ${grown} kB`);
  }
  assert.equal(next, n);
  assert.equal(textOf(answer.result), 'flooded');
  assert.equal(gateway.mgw.count(/does not read/), 0);
  await gateway.stop();
});
