// Servers that take their time. Nobody waits for them but for a moment, and nobody waits twice; they are not given up either:
// when they have answered clients are told.

import { after, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { FaultServer, answerTo, sendJson, tools } from '../lib/fault_server.mjs';
import { mgwRelease, startGateway, top, waitFor } from '../lib/gateway.mjs';
import { messageOf, post } from '../lib/stateless.mjs';
import { openSession, openStream, rpc } from '../lib/stream.mjs';

const node = path.join(top, 'tests/e2e/node_modules/.bin/node');
const childProgram = path.join(top, 'tests/e2e/lib/fault_child.mjs');
const settings = { UPSTREAM_GRACE_MS: 300, UPSTREAM_RETRY_S: 0.05, ANSWER_GRACE_MS: 100 };

/** A client that listens: told is what came unasked. */
class Client {
  #id = 1;
  told = [];

  static async open(gateway) {
    const client = new Client();
    client.url = `${gateway.url}/mcp`;
    const { headers } = await openSession(gateway.url);
    client.headers = { ...headers, accept: 'application/json' };
    client.stream = await openStream(client.url, { headers: { ...headers, accept: 'text/event-stream' } });
    return client;
  }

  async request(method, params = {}) {
    const response = await fetch(this.url, { method: 'POST', headers: this.headers, body: rpc(++this.#id, method, params) });
    return response.json();
  }

  call(name, args = {}) {
    return this.request('tools/call', { name, arguments: args });
  }

  async names() {
    return (await this.request('tools/list')).result.tools.map(({ name }) => name);
  }

  async changed() {
    await this.stream.event(({ json }) => json?.method === 'notifications/tools/list_changed');
  }

  close() {
    this.stream.close();
  }
}

const textOf = ({ result, error }) => result?.content?.[0]?.text ?? error?.message;
const upNames = tools.map(({ name }) => `up_${name}`);

describe('a program that starts slowly', { timeout: 60000 }, () => {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'mgw-slow-'));
  const gate = path.join(dir, 'gate');
  const journal = path.join(dir, 'journal');
  const script = `echo "Downloading 3 of 7" >&2; while [ ! -e ${gate} ]; do sleep 0.05; done; exec ${node} ${childProgram} ${journal}`;
  const clients = [];
  let witness, gateway;
  const open = async () => {
    clients.push(await Client.open(gateway));
    return clients.at(-1);
  };
  before(async () => {
    witness = await FaultServer.start();
    gateway = await startGateway({
      settings,
      config: { mcpServers: { slow: { command: 'sh', args: ['-c', script] }, witness: { url: witness.url } } },
    });
  });
  after(async () => {
    for (const client of clients) client.close();
    await gateway.stop();
    await witness.stop();
    fs.rmSync(dir, { recursive: true });
  });

  test('holds up nobody, and is shown with what it says', async () => {
    const client = await open();
    assert.deepEqual((await client.names()).filter((name) => /^(slow|witness)_/.test(name)), tools.map(({ name }) => `witness_${name}`));
    assert.equal(textOf(await client.call('witness_write')), 'did write');
    await gateway.mgw.line(/slow: initialize is not answered yet.*upstream_grace_ms.*Downloading 3 of 7/);
    assert.match(textOf(await client.call('gateway_status')), /^servers: 1 of 2 ready\nserver slow: starting, its stderr says: Downloading 3 of 7$/m);
  });

  test('is not waited for again', async () => {
    await open();
    const { json } = await post(gateway.url, messageOf('tools/list'));
    assert.ok(json.result.tools.some(({ name }) => name === 'witness_read'));
    assert.ok(!json.result.tools.some(({ name }) => name === 'slow_hello'));
    assert.equal(json.result.ttlMs, 0, 'it is to be asked for again');
    assert.equal(gateway.mgw.count(/is not answered yet/), 1, 'who waits says so');
  });

  test('is there when it has started, in each session, and its clients are told', async () => {
    const waiting = clients[0].call('slow_hello'); // of which the client may know from before
    fs.writeFileSync(gate, '');
    assert.equal(textOf(await waiting), 'hello from a child');
    for (const client of clients) {
      await client.changed();
      assert.ok((await client.names()).includes('slow_hello'));
      assert.equal(textOf(await client.call('slow_hello')), 'hello from a child');
    }
    await gateway.mgw.line(/slow: has answered: clients are told/);
    await waitFor(async () => {
      const { json } = await post(gateway.url, messageOf('tools/list'));
      return json.result.tools.some(({ name }) => name === 'slow_hello');
    }, 'who keeps no session to see it too');
    const nStarts = fs.readFileSync(journal, 'utf8').split('\n').filter((line) => line === 'start').length;
    assert.equal(nStarts, clients.length + 1, 'none was killed and started again');
  });
});

describe('a program whose session ends while it starts', { timeout: 60000 }, () => {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'mgw-leftover-'));
  const [gate, pids, journal] = ['gate', 'pids', 'journal'].map((name) => path.join(dir, name));
  const secrets = fs.mkdtempSync(path.join(os.tmpdir(), 'mgw-leftover-')); // which programs cannot enter
  const tokens = path.join(secrets, 'tokens.json');
  const script = (of) => `echo "fetching what it needs"; echo $$ >> ${pids}.${of}; while [ ! -e ${gate} ]; do sleep 0.05; done; exec ${node} ${childProgram} ${journal}`;
  const started = (of) => (fs.existsSync(`${pids}.${of}`) ? fs.readFileSync(`${pids}.${of}`, 'utf8').trim().split('\n').map(Number) : []);
  const alive = (of) => started(of).filter((pid) => fs.existsSync(`/proc/${pid}`));
  const begins = (of, n) => waitFor(() => started(of).length === n, `${n} programs ${of} to be started`);
  const only = (of, n) => waitFor(() => alive(of).length === n, `${n} programs ${of} to be left`, 10000, new Set(), () => `there are ${alive(of).length}`);
  let gateway, authorization;
  /** Opens a session, and ends it when its programs have been started. */
  const comeAndGo = async (n) => {
    const { headers } = await openSession(gateway.url, '2025-11-25', { authorization });
    for (const of of ['a', 'b']) await begins(of, n);
    assert.equal((await fetch(`${gateway.url}/mcp`, { method: 'DELETE', headers })).status, 204);
  };
  before(async () => {
    authorization = `Bearer ${execFileSync(mgwRelease, ['token', 'ada@example.com', '--file', tokens], { encoding: 'utf8' }).trim()}`;
    gateway = await startGateway({
      settings: { ...settings, AUTH_TOKENS_FILE: tokens, CHILDREN_PER_USER_MAX: 3 },
      config: { mcpServers: Object.fromEntries(['a', 'b'].map((of) => [of, { command: 'sh', args: ['-c', script(of)] }])) },
    });
  });
  after(async () => {
    await gateway.stop();
    for (const made of [dir, secrets]) fs.rmSync(made, { recursive: true });
  });

  test('goes on, one for all sessions of its user that end so, and makes room where there is none', async () => {
    await comeAndGo(1);
    assert.deepEqual([alive('a').length, alive('b').length], [1, 1]);
    await comeAndGo(2); // of four, three may run: the oldest is given up
    await gateway.mgw.line(/\[upstream\] [ab]: makes room for another program of its user \(children_per_user_max\)/);
    for (const of of ['a', 'b']) await only(of, 1);
  });

  test('ends when it has started', async () => {
    fs.writeFileSync(gate, '');
    for (const of of ['a', 'b']) await gateway.mgw.line(new RegExp(`\\[upstream\\] ${of}: has started, and its session has ended`));
    for (const of of ['a', 'b']) await only(of, 0);
    const { headers } = await openSession(gateway.url, '2025-11-25', { authorization });
    const answer = await fetch(`${gateway.url}/mcp`, {
      method: 'POST', headers: { ...headers, accept: 'application/json' }, body: rpc(2, 'tools/call', { name: 'a_hello', arguments: {} }),
    });
    assert.equal(textOf(await answer.json()), 'hello from a child');
  });

  test('ends with the token of its user', async () => {
    fs.rmSync(gate);
    const before = started('a').length;
    await comeAndGo(before + 1);
    assert.ok(alive('a').length > 0);
    fs.writeFileSync(tokens, JSON.stringify({ ...JSON.parse(fs.readFileSync(tokens, 'utf8')), users: [] }));
    gateway.mgw.child.kill('SIGHUP');
    await gateway.mgw.line(/\[upstream\] a: is ended with what its user had/);
    for (const of of ['a', 'b']) await only(of, 0);
  });
});

test('programs that will not end are counted: who comes and goes has no more than twice their share', { timeout: 60000 }, async () => {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'mgw-stubborn-'));
  const pids = path.join(dir, 'pids');
  const gateway = await startGateway({
    settings: { ...settings, CHILDREN_PER_USER_MAX: 2 },
    config: { mcpServers: { stubborn: { command: 'sh', args: ['-c', `trap "" TERM; echo $$ >> ${pids}; while :; do sleep 0.05; done`] } } },
  });
  const alive = () => fs.readFileSync(pids, 'utf8').trim().split('\n').filter((pid) => fs.existsSync(`/proc/${pid}`)).length;
  let most = 0;
  for (let i = 0; i < 8; i++) {
    const { headers } = await openSession(gateway.url);
    most = Math.max(most, alive());
    await fetch(`${gateway.url}/mcp`, { method: 'DELETE', headers });
  }
  assert.ok(most >= 2 && most <= 4, `${most} programs`);
  await gateway.mgw.line(/stubborn: 4 children of this user run already or are about to end, none of them idle \(children_per_user_max\)/);
  await gateway.stop();
  fs.rmSync(dir, { recursive: true });
});

describe('a program that never starts', { timeout: 60000 }, () => {
  test('ends after start_timeout_s, and its last word is in the log', async () => {
    const gateway = await startGateway({
      settings, config: { mcpServers: { stuck: { command: 'sh', args: ['-c', 'echo "no such image" >&2; exec sleep 600'], start_timeout_s: 1 } } },
    });
    const client = await Client.open(gateway);
    await gateway.mgw.line(/stuck: did not answer initialize within 1 s \(start_timeout_s\).*no such image/);
    client.close();
    await gateway.stop();
  });
});

describe('a server over HTTP that holds back its answer', { timeout: 60000 }, () => {
  let up, gateway;
  let release;
  before(async () => {
    up = await FaultServer.start();
    gateway = await startGateway({ settings, config: { mcpServers: { up: { url: up.url } } } });
  });
  after(async () => {
    await gateway.stop();
    await up.stop();
  });
  const hold = (method) => {
    const held = [];
    up.faults[method] = (...args) => held.push(args);
    release = () => {
      up.faults = {};
      for (const [req, res, msg] of held) up.answer(req, res, msg);
    };
  };

  test('to initialize: clients are told when it has come', async () => {
    hold('initialize');
    const client = await Client.open(gateway);
    const { result } = await client.request('tools/list');
    assert.ok(!result.tools.some(({ name }) => name === 'up_read'));
    release();
    await client.changed();
    assert.deepEqual((await client.names()).filter((name) => name.startsWith('up_')), upNames);
    client.close();
  });

  test('to tools/list: the same', async () => {
    const client = await Client.open(gateway);
    hold('tools/list');
    assert.ok(!(await client.names()).includes('up_read'));
    assert.equal(textOf(await client.call('up_read')), 'did read', 'by its prefix it is known whose it is');
    release();
    await client.changed();
    assert.deepEqual((await client.names()).filter((name) => name.startsWith('up_')), upNames);
    client.close();
  });

  test('page by page: all of it comes', async () => {
    const client = await Client.open(gateway);
    const page = (req, res, msg) => sendJson(res, answerTo(msg, msg.params.cursor ? { tools: tools.slice(1) } : { tools: tools.slice(0, 1), nextCursor: 'b' }));
    const held = [];
    up.faults['tools/list'] = (req, res, msg) => (msg.params.cursor ? held.push([req, res, msg]) : page(req, res, msg));
    assert.ok(!(await client.names()).includes('up_read'), 'half a list is none');
    await waitFor(() => held.length === 1, 'the second page');
    page(...held[0]);
    await client.changed();
    assert.deepEqual((await client.names()).filter((name) => name.startsWith('up_')), upNames);
    client.close();
    up.faults = {};
  });
});
