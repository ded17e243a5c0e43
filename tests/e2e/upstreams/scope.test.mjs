// A child process for each session, for each user, or for all (scope): who shares one must not notice the others.

import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import {
  CreateMessageRequestSchema, ElicitRequestSchema, ListRootsRequestSchema, LoggingMessageNotificationSchema,
  ResourceUpdatedNotificationSchema, ToolListChangedNotificationSchema,
} from '@modelcontextprotocol/sdk/types.js';
import { connectClient, textOf } from '../lib/clients.mjs';
import { startGateway, top, waitFor } from '../lib/gateway.mjs';

const node = path.join(top, 'tests/e2e/node_modules/.bin/node');
const child = path.join(top, 'tests/e2e/lib/shared_child.mjs');
const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'mgw-scope-'));
after(() => fs.rmSync(scratch, { recursive: true, force: true }));

const users = ['ada', 'bob'];
// Not in scratch: no child can make a file there then.
const secrets = fs.mkdtempSync(path.join(os.tmpdir(), 'mgw-scope-'));
after(() => fs.rmSync(secrets, { recursive: true, force: true }));
const tokens = path.join(secrets, 'tokens.json');
fs.writeFileSync(tokens, JSON.stringify({
  users: users.map((name) => ({ email: `${name}@example.com`, sha256: createHash('sha256').update(`mgw_${name}`).digest('hex') })),
}), { mode: 0o600 });

const entry = (scope, more) => ({ command: node, args: [child], scope, ...more });
const start = (mcpServers, settings = {}) => startGateway({
  config: { mcpServers }, settings: { AUTH_TOKENS_FILE: tokens, UPSTREAM_RETRY_S: 0.1, UPSTREAM_RETRY_MAX_S: 1, ...settings },
});
const isRunning = (pid) => fs.existsSync(`/proc/${pid}`) && !/^State:\tZ/m.test(fs.readFileSync(`/proc/${pid}/status`, 'utf8'));

/** A client of ada's or bob's ("ada1"), what it has been sent, and what it answers when it is asked. */
class Session {
  logs = [];
  updated = [];
  asked = [];
  changes = 0;

  static async open(gateway, name, { kind = 'http', capabilities = { sampling: {}, elicitation: {}, roots: { listChanged: true } } } = {}) {
    const s = new Session();
    s.name = name;
    s.client = await connectClient(gateway.url, kind, {
      name, capabilities, headers: { authorization: `Bearer mgw_${name.slice(0, 3)}` }, setUp: (client) => s.#listen(client, capabilities),
    });
    return s;
  }

  #listen(client, capabilities) {
    client.setNotificationHandler(LoggingMessageNotificationSchema, ({ params }) => { this.logs.push(params.data); });
    client.setNotificationHandler(ResourceUpdatedNotificationSchema, ({ params }) => { this.updated.push(params.uri); });
    client.setNotificationHandler(ToolListChangedNotificationSchema, () => { this.changes++; });
    if (!capabilities.sampling) return;
    client.setRequestHandler(CreateMessageRequestSchema, ({ params }) => {
      this.asked.push(params.messages[0].content.text);
      return { model: 'm', role: 'assistant', content: { type: 'text', text: `by ${this.name}` } };
    });
    client.setRequestHandler(ElicitRequestSchema, ({ params }) => {
      this.asked.push(params.message);
      return { action: 'accept', content: { said: `by ${this.name}` } };
    });
    client.setRequestHandler(ListRootsRequestSchema, () => {
      this.asked.push('roots');
      return { roots: [{ uri: `file:///${this.name}` }] };
    });
  }

  async call(tool, args = {}, options) {
    return textOf(await this.client.callTool({ name: tool, arguments: { token: `${this.name} ${tool}`, ...args } }, undefined, options));
  }

  /** Has `hold` begun: its progress is here; .answer comes when it is released. */
  async hold(server, token = `${this.name} holds`, options = {}) {
    const progress = [];
    const answer = this.call(`${server}_hold`, { token }, { onprogress: (p) => progress.push(p), ...options });
    answer.catch(() => {});
    await waitFor(() => progress.length > 0, `progress of ${token}`);
    return { token, progress, answer };
  }

  async end() {
    await this.client.transport.terminateSession?.();
    await this.client.close();
  }
}

const names = ['ada1', 'ada2', 'bob1', 'bob2'];
const each = (sessions, f) => Promise.all(sessions.map(f));
const openAll = (gateway) => each(names, (name) => Session.open(gateway, name, { kind: name === 'ada2' ? 'sse' : 'http' }));

describe('two users with two sessions each', { timeout: 60000 }, () => {
  let gateway, sessions, ada1, ada2, bob1, bob2;
  before(async () => {
    gateway = await start({ session: entry('session'), user: entry('user'), shared: entry('shared') });
  });
  after(() => gateway.stop());
  beforeEach(async () => {
    sessions = await openAll(gateway);
    [ada1, ada2, bob1, bob2] = sessions;
  });
  afterEach(() => each(sessions, (s) => s.end()));

  /** What was sent to anyone before this has arrived after it. */
  const allHaveHeard = async (server, by = ada1) => {
    const before = sessions.map((s) => s.changes);
    await by.call(`${server}_changed`);
    const mine = sessions.filter((s) => server === 'shared' || (server === 'user' ? s.name.slice(0, 3) === by.name.slice(0, 3) : s === by));
    await waitFor(() => mine.every((s) => s.changes > before[sessions.indexOf(s)]), 'list_changed to reach them');
  };

  test('have as many processes as the scope says', async () => {
    const pids = async (server) => new Set(await each(sessions, (s) => s.call(`${server}_pid`))).size;
    assert.deepEqual([await pids('session'), await pids('user'), await pids('shared')], [4, 2, 1]);
    assert.equal(await ada1.call('user_pid'), await ada2.call('user_pid'));
  });

  for (const server of ['session', 'user', 'shared']) {
    test(`${server}: calls under the same ids, at once, get their own answers and progress`, async () => {
      for (const { client } of sessions) client._requestMessageId = 1000;
      const held = await each(sessions, (s) => s.hold(server));
      for (const [i, s] of [...sessions.entries()].reverse()) {
        await s.call(`${server}_release`, { token: held[i].token });
        assert.equal(await held[i].answer, held[i].token);
        assert.deepEqual(held[i].progress.map((p) => p.message), [held[i].token]);
      }
      const echoes = await each([...sessions, ...sessions, ...sessions], (s, i) => s.call(`${server}_echo`, { token: `${s.name} ${i}` }));
      assert.deepEqual(echoes, [...sessions, ...sessions, ...sessions].map((s, i) => `${s.name} ${i}`));
    });

    test(`${server}: a cancel ends that call alone`, async () => {
      const leaving = new AbortController();
      const held = await each(sessions, (s) => s.hold(server, `${s.name} ${server} stays`, s === bob1 ? { signal: leaving.signal } : {}));
      leaving.abort('enough');
      await assert.rejects(held[2].answer);
      await gateway.mgw.line(new RegExp(`stderr: bob1 ${server} stays was cancelled`));
      for (const s of [ada1, ada2, bob2]) {
        await s.call(`${server}_release`, { token: held[sessions.indexOf(s)].token });
        assert.equal(await held[sessions.indexOf(s)].answer, `${s.name} ${server} stays`);
      }
      assert.equal(gateway.mgw.count(new RegExp(`${server} stays was cancelled`)), 1);
    });

    // With what was cancelled above, a child for all asks nobody for a while: hence a fresh one, below.
    if (server === 'shared') continue;
    for (const kind of ['sampling', 'elicitation', 'roots']) {
      test(`${server}: ${kind} is asked of the client whose call it is`, async () => {
        const others = await each(sessions.filter((s) => s.name[0] !== 'a'), (s) => s.hold(server, `${s.name} ${kind} waits`));
        for (const s of server === 'session' ? sessions : [ada1, ada2]) {
          assert.equal(await s.call(`${server}_ask`, { kind, token: 'for you' }), kind === 'roots' ? `for you file:///${s.name}` : `for you by ${s.name}`);
        }
        for (const [i, s] of [bob1, bob2].entries()) await s.call(`${server}_release`, { token: others[i].token });
        await each(others, ({ answer }) => answer);
      });
    }
  }

  test('user: what its child logs of no call reaches all sessions of the user, and nobody else', async () => {
    await ada1.call('user_log_later', { token: 'for ada' });
    await waitFor(() => ada1.logs.length > 0 && ada2.logs.length > 0, 'both to be told');
    await allHaveHeard('user', bob1);
    assert.deepEqual(sessions.map((s) => s.logs), [['for ada'], ['for ada'], [], []]);
  });

  test('each has the level of the log that it wants, and the child the lowest of them', async () => {
    const level = (name) => gateway.mgw.line(new RegExp(`user: stderr: level ${name}`), { from });
    let from = gateway.mgw.lines.length;
    await ada1.client.setLoggingLevel('error');
    await level('error');
    await ada2.client.setLoggingLevel('info');
    await level('info');
    for (const s of [ada1, ada2]) {
      await s.call('user_log', { token: 'little', level: 'info' });
      await s.call('user_log', { token: 'much', level: 'error' });
    }
    await allHaveHeard('user');
    assert.deepEqual(ada1.logs, ['much']);
    assert.deepEqual(ada2.logs, ['little', 'much']);
    await ada1.client.setLoggingLevel('critical'); // the lowest stays
    from = gateway.mgw.lines.length;
    await ada2.end();
    sessions.splice(1, 1);
    await level('critical');
    assert.equal(gateway.mgw.count(/user: stderr: level/, from), 1);
  });
});

describe('a child for all', { timeout: 60000 }, () => {
  let gateway, sessions, ada1, ada2, bob1, bob2;
  before(async () => {
    gateway = await start({ shared: entry('shared') });
    sessions = await openAll(gateway);
    [ada1, ada2, bob1, bob2] = sessions;
  });
  after(async () => {
    await each(sessions, (s) => s.end());
    await gateway.stop();
  });

  const allHaveHeard = async () => {
    const before = sessions.map((s) => s.changes);
    await ada1.call('shared_changed');
    await waitFor(() => sessions.every((s, i) => s.changes > before[i]), 'list_changed to reach all');
  };

  test('asks the client whose call it is', async () => {
    for (const s of sessions) {
      assert.equal(await s.call('shared_ask', { kind: 'sampling', token: s.name }), `${s.name} by ${s.name}`);
      assert.equal(await s.call('shared_ask', { kind: 'elicitation', token: s.name }), `${s.name} by ${s.name}`);
      assert.equal(await s.call('shared_ask', { kind: 'roots', token: s.name }), `${s.name} file:///${s.name}`);
      assert.deepEqual(s.asked.splice(0), [s.name, s.name, 'roots']);
    }
  });

  test('is refused at once where that client cannot be asked', async () => {
    const mute = await Session.open(gateway, 'bob3', { capabilities: {} });
    assert.match(await mute.call('shared_ask', { kind: 'sampling', token: 'x' }), /^x refused: .*the client whose call it is cannot be asked this/);
    await mute.end();
  });

  test('asks nobody while calls of two users are on their way', async () => {
    const held = await bob1.hold('shared');
    assert.match(await ada1.call('shared_ask', { kind: 'elicitation', token: 'secret' }), /^secret refused: /);
    await bob1.call('shared_release', { token: held.token });
    assert.equal(await held.answer, held.token);
    assert.equal(await ada1.call('shared_ask', { kind: 'elicitation', token: 'ada' }), 'ada by ada1');
    assert.deepEqual(sessions.map((s) => s.asked.splice(0)), [['ada'], [], [], []]);
  });

  test('logs to the client whose call it is, to nobody what may be of another user', async () => {
    await ada1.call('shared_log', { token: 'for ada', level: 'error' });
    await waitFor(() => ada1.logs.length === 1, 'its message');
    const held = await bob1.hold('shared');
    await ada1.call('shared_log', { token: 'whose?', level: 'error' });
    await bob1.call('shared_release', { token: held.token });
    await held.answer;
    await bob2.call('shared_log_later', { token: 'too late', level: 'error' });
    await gateway.mgw.line(/INFO \[upstream\] shared: notifications\/message: no call .*"too late"/);
    await gateway.mgw.line(/INFO \[upstream\] shared: notifications\/message: no call .*"whose\?"/);
    await allHaveHeard();
    assert.deepEqual(sessions.map((s) => s.logs), [['for ada'], [], [], []]);
  });

  test('tells what changed to those who have subscribed to it, and keeps a subscription while one has', async () => {
    const uri = 'test://thing';
    const from = gateway.mgw.lines.length;
    const told = async (expected, changed = uri) => {
      await bob2.call('shared_updated', { uri: changed });
      await allHaveHeard();
      assert.deepEqual(sessions.map((s) => s.updated.splice(0)), expected.map((is) => (is ? [changed] : [])));
    };
    await ada1.client.subscribeResource({ uri });
    await bob1.client.subscribeResource({ uri });
    await told([true, false, true, false]);
    await told([true, false, true, false], `${uri}/part`);
    await told([false, false, false, false], `${uri}s`);
    await ada1.client.unsubscribeResource({ uri });
    await told([false, false, true, false]);
    assert.equal(gateway.mgw.count(/stderr: unsubscribe/, from), 0);
    await bob1.end();
    await gateway.mgw.line(/stderr: unsubscribe test:\/\/thing/, { from });
    sessions[2] = bob1 = await Session.open(gateway, 'bob1');
    await bob1.client.subscribeResource({ uri });
    await bob1.client.unsubscribeResource({ uri });
    assert.equal(gateway.mgw.count(/stderr: unsubscribe/, from), 2);
  });

  test('is told nothing of the roots of its clients', async () => {
    await ada1.client.sendRootsListChanged();
    await allHaveHeard();
    assert.equal(gateway.mgw.count(/stderr: roots changed/), 0);
  });

  test('stays while sessions come and go', async () => {
    const pid = await ada1.call('shared_pid');
    for (let i = 0; i < 3; i++) {
      const passing = await Session.open(gateway, 'bob3', { kind: i % 2 ? 'sse' : 'http' });
      await passing.hold('shared', `passing ${i}`);
      assert.equal(await passing.call('shared_pid'), pid);
      await passing.end();
      await gateway.mgw.line(new RegExp(`stderr: passing ${i} was cancelled`));
    }
    await each(sessions, (s) => s.end());
    sessions = await openAll(gateway);
    [ada1, ada2, bob1, bob2] = sessions;
    assert.equal(await ada1.call('shared_pid'), pid);
  });

  test('that is killed costs each waiting client one error, and comes back for all', async () => {
    await ada2.client.subscribeResource({ uri: 'test://kept' });
    await bob1.client.setLoggingLevel('notice');
    const from = gateway.mgw.lines.length;
    const pid = Number(await ada1.call('shared_pid'));
    const held = await each(sessions, (s) => s.hold('shared'));
    const changes = sessions.map((s) => s.changes);
    process.kill(pid, 'SIGKILL');
    for (const { answer } of held) await assert.rejects(answer, /upstream shared: was killed by SIGKILL/);
    await gateway.mgw.line(/stderr: subscribe test:\/\/kept/, { from });
    await gateway.mgw.line(/stderr: level notice/, { from });
    await waitFor(() => sessions.every((s, i) => s.changes > changes[i]), 'all to be told that it is back');
    const pids = new Set(await each(sessions, (s) => s.call('shared_pid')));
    assert.equal(pids.size, 1);
    assert.ok(!pids.has(String(pid)));
    assert.deepEqual(await each(sessions, (s) => s.call('shared_echo', { token: s.name })), names);
  });

  // The last: after it, the child asks nobody but bob for a while.
  test('that goes on with a cancelled call asks nobody else for its sake', async () => {
    const leaving = new AbortController();
    const gone = bob1.call('shared_stubborn', { token: 'private', kind: 'elicitation' }, { signal: leaving.signal });
    await gateway.mgw.line(/stderr: private has begun/);
    leaving.abort('enough');
    await assert.rejects(gone);
    const held = await ada1.hold('shared');
    await ada1.call('shared_release', { token: 'private' });
    await gateway.mgw.line(/stderr: private was told: private refused: /);
    await ada1.call('shared_release', { token: held.token });
    assert.equal(await held.answer, held.token);
    assert.deepEqual(sessions.map((s) => s.asked), [[], [], [], []]);
  });
});

test('a child for all that keeps no sessions (2026-07-28) serves each client in its own call, however many are on their way', { timeout: 60000 }, async () => {
  const stateless = path.join(top, 'tests/e2e/lib/matrix/child.mjs');
  const gateway = await start({ shared: { command: node, args: [stateless, 'shared', '2026-07-28', scratch], scope: 'shared' } });
  const sessions = await openAll(gateway);
  const waiting = await each(sessions, (s) => {
    const progress = [];
    const answer = s.call('shared_count', { key: s.name }, { onprogress: (p) => progress.push(p.progress) });
    return { progress, answer };
  });
  await waitFor(() => waiting.every(({ progress }) => progress.length === 3), 'the progress of all');
  const interviews = await each(sessions, (s) => s.call('shared_interview'));
  assert.deepEqual(interviews, names.map((name) => `by ${name}, file:///${name}, by ${name}`));
  for (const s of sessions) await s.call('shared_heard', { key: s.name });
  await each(waiting, ({ answer }) => answer);
  const [ada1, , bob1] = sessions;
  const uri = 'shared://watched/both';
  await each([ada1, bob1], (s) => s.client.subscribeResource({ uri }));
  await ada1.call('shared_touch', { who: 'both' });
  await waitFor(() => ada1.updated.length > 0 && bob1.updated.length > 0, 'both to be told');
  await ada1.end();
  await bob1.call('shared_touch', { who: 'both' });
  await waitFor(() => bob1.updated.length > 1, 'the one that stays to be told');
  assert.deepEqual(sessions.map((s) => s.updated), [[uri], [], [uri, uri], []]);
  sessions.shift();
  assert.equal(gateway.mgw.count(/shared: process \d+ started/), 1);
  await each(sessions, (s) => s.end());
  await gateway.stop();
});

describe('the life of a shared child', { timeout: 60000 }, () => {
  const pidIn = async (gateway, from = 0) => Number(/process (\d+) started/.exec(await gateway.mgw.line(/process \d+ started/, { from }))[1]);

  test('it is stopped after idling while its sessions stay, and started for the next call', async () => {
    const gateway = await start({ shared: entry('shared', { idle_s: 0.5 }) });
    const [ada, bob] = await each(['ada1', 'bob1'], (name) => Session.open(gateway, name));
    const pid = await pidIn(gateway);
    await gateway.mgw.line(new RegExp(`process ${pid} is ended: nothing to do`));
    const pids = await each([ada, bob], (s) => s.call('shared_pid'));
    assert.equal(pids[0], pids[1]);
    assert.notEqual(Number(pids[0]), pid);
    await each([ada, bob], (s) => s.end());
    await gateway.stop();
  });

  test('it outlives the time of an idle session while one is open, and ends that long after the last', async () => {
    const gateway = await start({ shared: entry('shared'), user: entry('user') }, { SESSION_IDLE_S: 1 });
    const ada = await Session.open(gateway, 'ada1');
    const pids = (await each(['shared', 'user'], (server) => ada.call(`${server}_pid`))).map(Number);
    const bob = await Session.open(gateway, 'bob1');
    const from = gateway.mgw.lines.length;
    await bob.client.close(); // without an end: the session expires, and with it what was bob's alone
    await waitFor(() => gateway.mgw.count(/session expired/, from) === 2, "bob's session and that of his child to expire");
    assert.deepEqual((await each(['shared', 'user'], (server) => ada.call(`${server}_pid`))).map(Number), pids);
    await ada.end();
    await waitFor(() => !pids.some(isRunning), 'both to be gone');
    await gateway.stop();
  });

  test('one that hangs at its start costs all the same wait, counts as one failure, and comes back', async () => {
    const flag = path.join(scratch, 'has-hung');
    const gateway = await start({
      shared: { command: 'sh', args: ['-c', `test -e ${flag} && exec ${node} ${child}; touch ${flag}; exec sleep 60`], scope: 'shared', start_timeout_s: 2 },
    }, { UPSTREAM_RETRY_S: 0.5 });
    const sessions = await openAll(gateway);
    await waitFor(() => sessions.every((s) => s.changes > 0), 'all to be told that it is there');
    assert.deepEqual(await each(sessions, (s) => s.call('shared_echo', { token: s.name })), names);
    assert.equal(gateway.mgw.count(/left alone/), 0);
    await each(sessions, (s) => s.end());
    await gateway.stop();
  });

  test('one that fails until it is left alone comes back for all when it can', async () => {
    const flag = path.join(scratch, 'may-start');
    const gateway = await start({
      shared: { command: 'sh', args: ['-c', `test -e ${flag} && exec ${node} ${child}; exit 3`], scope: 'shared' },
    });
    const sessions = await openAll(gateway);
    await gateway.mgw.line(/shared: failed 3 times in a row, left alone/);
    for (let i = 0; i < 3; i++) { // it is tried again and again, by one alone
      const from = gateway.mgw.lines.length;
      await gateway.mgw.line(/shared: process \d+ started/, { from });
    }
    await assert.rejects(sessions[0].call('shared_echo'), /upstream shared: /);
    fs.writeFileSync(flag, '');
    await waitFor(() => sessions.every((s) => s.changes > 0), 'all to be told that it is there');
    assert.deepEqual(await each(sessions, (s) => s.call('shared_echo', { token: s.name })), names);
    await each(sessions, (s) => s.end());
    await gateway.stop();
  });

  test('nothing is left behind when mgw is killed', async () => {
    const gateway = await start({ shared: entry('shared'), user: entry('user') });
    const sessions = await openAll(gateway);
    const pids = [...await each(sessions, (s) => s.call('shared_pid')), ...await each(sessions, (s) => s.call('user_pid'))].map(Number);
    assert.equal(new Set(pids).size, 3);
    await gateway.mgw.stop('SIGKILL');
    await waitFor(() => !pids.some(isRunning), 'all to be gone');
    await each(sessions, (s) => s.client.close().catch(() => {}));
    await gateway.haproxy.stop();
  });
});
