// Extensions of the protocol: what clients and servers of one era declare reaches the other side, and nothing else does;
// tasks (io.modelcontextprotocol/tasks), each its user's alone, whatever server gave it.

import { after, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { textOf } from '../lib/clients.mjs';
import { FaultServer, answerTo, fault } from '../lib/fault_server.mjs';
import { mgwRelease, startGateway, top, waitFor } from '../lib/gateway.mjs';
import { schemaOf } from '../lib/matrix/schemas.mjs';
import { listen, messageOf, post, VERSION } from '../lib/stateless.mjs';
import { initializeParams, openSession, JSON_HEADERS, rpc } from '../lib/stream.mjs';
import { taskProblems } from '../lib/task_schema.mjs';
import { startTaskServer, TASKS } from '../lib/task_server.mjs';

const UI = 'io.modelcontextprotocol/ui';
const AUTH = 'io.modelcontextprotocol/enterprise-managed-authorization';
const ODD = 'example.org/odd';
const clientCapabilities = 'io.modelcontextprotocol/clientCapabilities';
const canTasks = { extensions: { [TASKS]: {} } };
const settings = { UPSTREAM_OPEN_TIMEOUT_S: 5, ANSWER_GRACE_MS: 200, KEEPALIVE_S: 1 };

const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'mgw-extensions-'));
after(() => fs.rmSync(scratch, { recursive: true, force: true }));

describe('what is declared beyond the core', { timeout: 60000 }, () => {
  let modern, other, older, gateway;
  before(async () => {
    modern = await startTaskServer('modern');
    other = await startTaskServer('other');
    modern.book.extensions = { [TASKS]: {}, [UI]: { mimeTypes: ['text/html'] }, [AUTH]: {}, 'example.org/broken': true };
    other.book.extensions = { [UI]: { mimeTypes: ['text/plain'], more: true } };
    older = await FaultServer.start();
    older.faults.initialize = fault.json((msg) => answerTo(msg, {
      protocolVersion: msg.params.protocolVersion, serverInfo: { name: 'older', version: '1' },
      capabilities: { tools: {}, tasks: { list: {} }, extensions: { 'example.org/old': {}, [TASKS]: {} }, experimental: { 'example.org/channel': {} } },
    }));
    const urls = { modern: { url: modern.url }, other: { url: other.url }, older: { url: older.url } };
    gateway = await startGateway({ config: { mcpServers: urls }, settings });
  });
  after(async () => {
    await gateway.stop();
    await Promise.all([modern.stop(), other.stop(), older.stop()]);
  });

  const initialize = async (capabilities) => {
    const params = { ...initializeParams(), capabilities };
    const response = await fetch(`${gateway.url}/mcp`, { method: 'POST', headers: JSON_HEADERS, body: rpc(1, 'initialize', params) });
    const text = await response.text();
    return JSON.parse(/\{"jsonrpc.*/.exec(text)[0]).result;
  };

  test('by servers of 2026-07-28 is told to clients of 2026-07-28, put together', async () => {
    const { json } = await post(gateway.url, messageOf('server/discover'));
    const { extensions, experimental } = json.result.capabilities;
    assert.deepEqual(extensions, { [TASKS]: {}, [UI]: { mimeTypes: ['text/html'], more: true } });
    assert.deepEqual(experimental, { [ODD]: { by: 'modern' } });
    assert.deepEqual(schemaOf(VERSION).problems('server', json, 'server/discover'), []);
  });

  test('by servers with sessions is told to clients with sessions, but for tasks', async () => {
    const { capabilities } = await initialize({});
    assert.deepEqual(capabilities.extensions, { 'example.org/old': {} });
    assert.deepEqual(capabilities.experimental, { 'example.org/channel': {} });
    assert.equal(capabilities.tasks, undefined);
  });

  test('by a client of 2026-07-28 reaches servers of 2026-07-28 with its request, but for how it proves who it is', async () => {
    const capabilities = { extensions: { [UI]: { mimeTypes: ['text/html'] }, [AUTH]: {} }, experimental: { [ODD]: {} }, roots: {} };
    await post(gateway.url, messageOf('tools/call', { name: 'modern_meta', arguments: {} }, { capabilities }));
    const { body } = modern.of('tools/call').at(-1);
    assert.deepEqual(body.params._meta[clientCapabilities], { extensions: { [UI]: { mimeTypes: ['text/html'] } }, experimental: { [ODD]: {} }, roots: {} });
    assert.deepEqual(schemaOf(VERSION).problems('client', body), []);
  });

  test('by a client of 2026-07-28 does not reach servers with sessions', async () => {
    await post(gateway.url, messageOf('tools/call', { name: 'older_read', arguments: {} }, { capabilities: { extensions: { [UI]: {} } } }));
    assert.equal(JSON.stringify(older.all('tools/call').at(-1)).includes(UI), false);
    assert.equal(older.all('initialize').some((m) => JSON.stringify(m).includes(UI)), false);
  });

  test('by a client with a session reaches servers with sessions alone', async () => {
    await initialize({ extensions: { 'example.org/mine': {}, [AUTH]: {} }, experimental: { [ODD]: {} }, roots: {} });
    assert.deepEqual(older.all('initialize').at(-1).params.capabilities, { extensions: { 'example.org/mine': {} }, experimental: { [ODD]: {} }, roots: {} });
    const session = await openSession(gateway.url);
    await fetch(`${gateway.url}/mcp`, { method: 'POST', headers: session.headers, body: rpc(2, 'tools/call', { name: 'modern_meta', arguments: {} }) });
    const said = modern.of('tools/call').at(-1).body.params._meta[clientCapabilities];
    assert.deepEqual([said.extensions, said.experimental], [undefined, undefined]);
  });

  test('methods that are not known are refused, whoever has declared them', async () => {
    const { status, json } = await post(gateway.url, messageOf('example.org/odd'));
    assert.deepEqual([status, json.error.code], [404, -32601]);
  });
});

describe('tasks', { timeout: 60000 }, () => {
  let one, two, gateway, tokens;
  before(async () => {
    one = await startTaskServer('one');
    two = await startTaskServer('two');
    const file = path.join(scratch, 'tokens.json');
    tokens = Object.fromEntries(['ada', 'bob'].map((name) => [
      name, execFileSync(mgwRelease, ['token', `${name}@example.com`, '--file', file], { encoding: 'utf8' }).trim(),
    ]));
    const pipe = { command: process.execPath, args: [path.join(top, 'tests/e2e/lib/task_server.mjs'), 'pipe'], scope: 'shared' };
    const busy = { ...pipe, scope: 'session', idle_s: 0.5 };
    const mcpServers = { one: { url: one.url }, two: { url: two.url }, pipe, busy, bored: busy };
    gateway = await startGateway({ config: { mcpServers }, settings: { ...settings, AUTH_TOKENS_FILE: file, STATE_KEY: 'k'.repeat(40) } });
  });
  after(async () => {
    await gateway.stop();
    await Promise.all([one.stop(), two.stop()]);
  });

  const as = (name) => ({ authorization: `Bearer ${tokens[name]}` });
  const ask = (method, params, { user = 'ada', capabilities = canTasks, headers = {} } = {}) =>
    post(gateway.url, messageOf(method, params, { capabilities }), { ...as(user), ...headers });
  const call = (name, args = {}, options) => ask('tools/call', { name, arguments: args }, options);
  const create = async (server, options) => (await call(`${server}_job`, {}, options)).json.result;
  const get = async (taskId, options) => (await ask('tasks/get', { taskId }, options)).json;
  const listenFor = async (taskIds, user = 'ada') => {
    const message = messageOf('subscriptions/listen', { notifications: { taskIds } }, { capabilities: canTasks });
    const stream = await fetchListen(message, user);
    stream.ack = (await stream.event((e) => e.json?.method === 'notifications/subscriptions/acknowledged')).json;
    return stream;
  };
  const fetchListen = (message, user) =>
    listen(gateway.url, message, { headers: { ...JSON_HEADERS, 'mcp-protocol-version': VERSION, 'mcp-method': message.method, ...as(user) } });

  test('are given under ids that tell the servers apart', async () => {
    const [a, b] = [await create('one'), await create('two')];
    assert.deepEqual([taskProblems('CreateTaskResult', a), taskProblems('CreateTaskResult', b)], [[], []]);
    assert.match(a.taskId, /^[\w-]{22}\.one\.task-\d+$/);
    assert.match(b.taskId, /^[\w-]{22}\.two\.task-\d+$/);
    for (const { taskId } of [a, b]) {
      const { result } = await get(taskId);
      assert.deepEqual(taskProblems('GetTaskResult', result), []);
      assert.deepEqual([result.taskId, result.status], [taskId, 'working']);
    }
    assert.deepEqual(one.of('tasks/get').at(-1).body.params.taskId, /one\.(.*)/.exec(a.taskId)[1]);
    assert.equal(one.of('tasks/get').at(-1).headers['mcp-name'], /one\.(.*)/.exec(a.taskId)[1]);
  });

  test('end where they were begun, and their result comes whole, however big', async () => {
    const { taskId } = await create('one');
    const n = /task-(\d+)/.exec(taskId)[1];
    await call('one_finish', { n, text: 'x'.repeat(600000) });
    const { result } = await get(taskId);
    assert.deepEqual([result.taskId, result.status, textOf(result.result).length], [taskId, 'completed', 600000]);
  });

  test('that need input get it by tasks/update', async () => {
    const { taskId } = (await call('two_need')).json.result;
    const { result } = await get(taskId);
    assert.deepEqual([result.status, result.inputRequests.who.method, result.resultType], ['input_required', 'elicitation/create', 'complete']);
    const update = await ask('tasks/update', { taskId, inputResponses: { who: { action: 'accept', content: { name: 'Ada' } } } });
    assert.equal(update.json.result.resultType, 'complete');
    assert.equal(textOf((await get(taskId)).result.result), 'hello Ada');
  });

  test('are cancelled by tasks/cancel', async () => {
    const { taskId } = await create('one');
    assert.equal((await ask('tasks/cancel', { taskId })).json.result.resultType, 'complete');
    assert.equal((await get(taskId)).result.status, 'cancelled');
  });

  test('are nobody else\'s, and no id can be made up', async () => {
    const { taskId } = await create('one');
    const asked = one.of('tasks/get').length;
    const [mark, server, theirs] = /^([^.]*)\.([^.]*)\.(.*)$/.exec(taskId).slice(1);
    const made = [`${mark}.two.${theirs}`, `${mark}.${server}.task-99`, `${'A'.repeat(22)}.${server}.${theirs}`, theirs, `${server}.${theirs}`, taskId.slice(0, -1), mark, ''];
    for (const method of ['tasks/get', 'tasks/update', 'tasks/cancel']) {
      const { status, json } = await ask(method, { taskId, inputResponses: {} }, { user: 'bob' });
      assert.deepEqual([status, json.error?.code], [200, -32602], method);
    }
    for (const id of made) assert.equal((await get(id)).error?.code, -32602, id);
    assert.equal(one.of('tasks/get').length, asked, 'the server has been asked');
    assert.equal((await get(taskId)).result.status, 'working');
  });

  test('are for clients that know them', async () => {
    const { taskId } = await create('one');
    const refused = [
      await ask('tasks/get', { taskId }, { capabilities: {} }),
      await ask('subscriptions/listen', { notifications: { taskIds: [taskId] } }, { capabilities: {} }),
      await call('one_job', {}, { capabilities: {} }),
    ];
    for (const { status, json } of refused) {
      assert.deepEqual([status, json.error.code, json.error.data.requiredCapabilities], [400, -32021, canTasks]);
      assert.deepEqual(schemaOf(VERSION).problems('server', json, 'tools/call'), []);
    }
    const rude = await call('one_rude', {}, { capabilities: {} });
    assert.deepEqual([rude.json.error.code, /answered with a task/.test(rude.json.error.message)], [-32603, true]);
  });

  test('are not for clients with sessions', async () => {
    const session = await openSession(gateway.url, '2025-11-25', as('ada'));
    const response = await fetch(`${gateway.url}/mcp`, { method: 'POST', headers: session.headers, body: rpc(2, 'tools/call', { name: 'one_job', arguments: {} }) });
    assert.equal((await response.json()).error.code, -32021);
    const get = await fetch(`${gateway.url}/mcp`, { method: 'POST', headers: session.headers, body: rpc(3, 'tasks/get', { taskId: 'task-1' }) });
    assert.equal((await get.json()).error.code, -32601);
  });

  test('keep their ids when the gateway starts again with the same key', async () => {
    const { taskId } = await create('one');
    await gateway.mgw.stop();
    gateway.mgw = await gateway.startMgw();
    await waitFor(() => fetch(`${gateway.url}/ready`).then((r) => r.ok, () => false), 'the gateway to be ready');
    assert.equal((await get(taskId)).result.taskId, taskId);
  });

  for (const server of ['one', 'pipe']) {
    test(`are told of on subscriptions/listen: ${server}`, async () => {
      const [mine, his] = [await create(server), await create(server, { user: 'bob' })];
      const [stream, unrelated] = [await listenFor([mine.taskId, his.taskId, 'made-up']), await listenFor([his.taskId], 'bob')];
      assert.deepEqual(stream.ack.params.notifications, { taskIds: [mine.taskId] });
      for (const { taskId } of [his, mine]) await call(`${server}_finish`, { n: /task-(\d+)/.exec(taskId)[1] });
      const { json } = await stream.event((e) => e.json?.method === 'notifications/tasks');
      assert.deepEqual(taskProblems('TaskStatusNotificationParams', json.params), []);
      assert.deepEqual([json.params.taskId, json.params.status], [mine.taskId, 'completed']);
      assert.equal(json.params._meta['io.modelcontextprotocol/subscriptionId'], 1);
      const theirs = await unrelated.event((e) => e.json?.method === 'notifications/tasks');
      assert.equal(theirs.json.params.taskId, his.taskId);
      assert.equal(stream.events.filter((e) => e.json?.method === 'notifications/tasks').length, 1);
      stream.close();
      unrelated.close();
    });
  }

  test('are listened for upstream only as long as somebody wants to be told', async () => {
    const { taskId } = await create('two');
    const stream = await listenFor([taskId]);
    assert.deepEqual(two.of('subscriptions/listen').at(-1).body.params.notifications.taskIds, [/two\.(.*)/.exec(taskId)[1]]);
    assert.deepEqual(two.of('subscriptions/listen').at(-1).body.params._meta[clientCapabilities], canTasks);
    stream.close();
    await waitFor(() => two.book.listeners.size === 0, 'the server to be left');
  });

  test('keep a program running that would have nothing to do, while somebody waits to be told', async () => {
    const pidOf = (server) => new RegExp(`${server}: process (\\d+) started user=ada`).exec(gateway.mgw.lines.findLast((line) => line.includes(`${server}: process`) && line.includes('user=ada')))[1];
    const { taskId } = await create('busy');
    const stream = await listenFor([taskId]);
    await call('bored_meta');
    const [busy, bored] = [pidOf('busy'), pidOf('bored')];
    await gateway.mgw.line(new RegExp(`process ${bored} is ended: nothing to do`));
    assert.equal(gateway.mgw.count(new RegExp(`process ${busy} is ended`)), 0);
    await call('busy_finish', { n: 1 });
    assert.equal((await stream.event((e) => e.json?.method === 'notifications/tasks')).json.params.status, 'completed');
    stream.close();
    await gateway.mgw.line(new RegExp(`process ${busy} is ended: nothing to do`));
  });

  test('all that was sent to the servers is as the revision has it', () => {
    const ofRevision = ({ body }) => !body.method.startsWith('tasks/') && body.method !== 'initialize'; // by which its era is found out
    for (const { body } of [...one.requests, ...two.requests].filter(ofRevision)) {
      assert.deepEqual(schemaOf(VERSION).problems('client', body), []);
    }
  });
});
