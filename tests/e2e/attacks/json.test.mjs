// JSON that costs many times its text: small values by the hundred thousand, in each place where a message has room for them, from
// clients and from upstreams.

import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { FaultServer, beginSse, fault } from '../lib/fault_server.mjs';
import { waitFor } from '../lib/gateway.mjs';
import { headersOf, messageOf } from '../lib/stateless.mjs';
import { rpc } from '../lib/stream.mjs';
import { MB, attack, bearer } from './lib/arena.mjs';
import { dial, headOf, open, requestOf } from './lib/ada.mjs';

const BODY = 4100000;

const shapes = {
  objects: '{}', lists: '[]', numbers: '0', 'real numbers': '1e9', texts: '""', 'objects with a member': '{"a":0}',
  'lists in lists': `${'['.repeat(40)}${']'.repeat(40)}`, 'objects in lists': `${'[{"a":'.repeat(15)}0${'}]'.repeat(15)}`, booleans: 'true',
};
const listOf = (shape, size = BODY) => `[${Array(Math.floor(size / (shape.length + 1))).fill(shape).join(',')}]`;

function membersOf(size = BODY) {
  const members = [];
  for (let n = 0, length = 0; length < size; n++) {
    members.push(`"${n.toString(36)}":0`);
    length += members[n].length + 1;
  }
  return `{${members.join(',')}}`;
}

const pads = { ...Object.fromEntries(Object.entries(shapes).map(([name, shape]) => [name, () => listOf(shape)])), members: () => membersOf() };
const callOf = (name, args, pad, id = 1) =>
  `{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":{"name":"${name}","arguments":{${args},"pad":${pad}}}}`;

/** Refused or answered, but always as the client's own affair. */
const assertAnswered = ({ status, body }, what) => assert.ok(status >= 200 && status < 500, `${what}: HTTP ${status} ${body.slice(0, 200)}`);

attack('a call with 4 MB of small values of any shape costs little more than its text', { bounds: { cpuS: 1.5, bytes: 40 * MB } }, async (arena) => {
  const ada = await open(arena);
  for (const [name, pad] of Object.entries(pads)) assertAnswered(await ada.post(callOf('echo', '"message":"x"', pad())), name);
});

const places = {
  'the params of a notification': (pad) => `{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1,"progress":1,"x":${pad}}}`,
  'an unknown method': (pad) => `{"jsonrpc":"2.0","id":1,"method":"no/such","params":{"x":${pad}}}`,
  'the result of an answer': (pad) => `{"jsonrpc":"2.0","id":1,"result":{"x":${pad}}}`,
  'the error of an answer': (pad) => `{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"","data":${pad}}}`,
  'prompts/get': (pad) => `{"jsonrpc":"2.0","id":1,"method":"prompts/get","params":{"name":"no","arguments":{},"x":${pad}}}`,
  'resources/read': (pad) => `{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":"a://b","x":${pad}}}`,
  'completion/complete': (pad) => `{"jsonrpc":"2.0","id":1,"method":"completion/complete","params":{"ref":{"type":"ref/prompt","name":"p"},"argument":{"name":"a","value":""},"x":${pad}}}`,
  initialize: (pad) => `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{"x":${pad}},"clientInfo":{"name":"x","version":"1"}}}`,
  'a member beside the message': (pad) => `{"jsonrpc":"2.0","id":1,"method":"ping","x":${pad}}`,
  'the id': (pad) => `{"jsonrpc":"2.0","id":${pad},"method":"ping"}`,
  'a batch': (pad) => pad,
};
attack('4 MB of empty objects cost little more than their text wherever they stand', { bounds: { cpuS: 2, bytes: 40 * MB } }, async (arena) => {
  const ada = await open(arena);
  const pad = listOf('{}');
  for (const [name, make] of Object.entries(places)) assertAnswered(await ada.post(make(pad)), name);
});

attack('and in messages of clients without a session', { bounds: { cpuS: 1, bytes: 40 * MB } }, async (arena) => {
  for (const method of ['tools/call', 'server/discover', 'subscriptions/listen', 'resources/read']) {
    const message = messageOf(method, { name: 'echo', uri: 'a://b', arguments: { message: 'x' }, notifications: {} });
    const body = JSON.stringify(message).replace('"_meta":{', `"x":${listOf('{}')},"_meta":{`);
    const line = await dial(arena);
    await line.send(requestOf('/mcp', body, { ...headersOf(message), ...bearer('ada') }));
    await waitFor(() => line.status(), 'an answer', 10000);
    line.close();
  }
});

attack('a batch of a hundred thousand calls is cheap to refuse', { bounds: { cpuS: 1, bytes: 40 * MB } }, async (arena) => {
  const ada = await open(arena, { version: '2025-03-26' });
  const small = '{"jsonrpc":"2.0","id":1,"method":"ping"}';
  assertAnswered(await ada.post(listOf(small)), 'batch');
});

attack('calls of 4 MB of empty objects whose client has left hold no more than a user\'s share', {
  settings: { MEMORY_PER_USER_MAX_BYTES: 64 * MB, MEMORY_MAX_BYTES: 256 * MB }, bounds: { cpuS: 3, bytes: 110 * MB },
}, async (arena) => {
  const ada = await open(arena);
  const lines = [];
  for (let i = 0; i < 10; i++) {
    const body = callOf('wait', '"seconds":3000', listOf('{}'), i);
    const line = await dial(arena);
    lines.push(line);
    await line.send(headOf('POST', '/mcp', ada.headers, body.length) + body);
  }
  await sleep(2000);
  for (const line of lines) line.close();
  await sleep(500);
});

/** An upstream whose answers to one method are heavy once `begin` has been called: 8 MB of empty objects. */
async function heavyUpstream(t, method, make) {
  const server = await FaultServer.start();
  t.after(() => server.stop());
  return { config: { mcpServers: { u: { url: server.url } } }, begin: () => { server.faults[method] = make; } };
}
const heavy = listOf('{}', 8 * MB);
const heavyResult = (inner) => (req, res, msg) =>
  res.writeHead(200, { 'content-type': 'application/json' }).end(`{"jsonrpc":"2.0","id":${msg.id},"result":{${inner},"x":${heavy}}}`);
const upstreams = {
  'a list': ['tools/list', heavyResult('"tools":[]'), (ada) => ada.post(rpc(5, 'tools/list'))],
  'the answer to initialize': ['initialize', heavyResult('"protocolVersion":"2025-06-18","capabilities":{},"serverInfo":{"name":"u","version":"1"}'), (ada) => ada.call('u_read')],
  'the result of a call': ['tools/call', heavyResult('"content":[]'), (ada) => ada.call('u_read')],
  'the error of a call': ['tools/call', (req, res, msg) => res.writeHead(200, { 'content-type': 'application/json' })
    .end(`{"jsonrpc":"2.0","id":${msg.id},"error":{"code":1,"message":"no","data":${heavy}}}`), (ada) => ada.call('u_read')],
  'an answer with HTTP 500': ['tools/call', (req, res, msg) => res.writeHead(500, { 'content-type': 'application/json' })
    .end(`{"jsonrpc":"2.0","id":${msg.id},"error":{"code":1,"message":"no","data":${heavy}}}`), (ada) => ada.call('u_read')],
  'a notification before the result': ['tools/call', fault.sse((msg) => [
    `data: {"jsonrpc":"2.0","method":"notifications/message","params":{"level":"error","data":${heavy}}}\n\n`,
    `data: {"jsonrpc":"2.0","id":${msg.id},"result":{"content":[]}}\n\n`]), (ada) => ada.call('u_read')],
  'a question before the result': ['tools/call', fault.sse((msg) => [
    `data: {"jsonrpc":"2.0","id":9,"method":"sampling/createMessage","params":{"x":${heavy}}}\n\n`,
    `data: {"jsonrpc":"2.0","id":${msg.id},"result":{"content":[]}}\n\n`]), (ada) => ada.call('u_read')],
};
for (const [what, [method, make, act]] of Object.entries(upstreams)) {
  attack(`8 MB of empty objects from an upstream as ${what} stay within its share`, {
    make: (t) => heavyUpstream(t, method, make), settings: { MEMORY_MAX_BYTES: 128 * MB }, bounds: { cpuS: 2, bytes: 160 * MB },
  }, async (arena) => {
    arena.begin();
    const ada = await open(arena, { capabilities: { sampling: {} } });
    await act(ada);
    await sleep(300);
  });
}

attack('8 MB of empty objects on the GET streams of an upstream stay within its share', {
  make: (t) => heavyUpstream(t, 'GET', (req, res) => {
    beginSse(res);
    res.write(`data: {"jsonrpc":"2.0","method":"notifications/message","params":{"level":"error","data":${heavy}}}\n\n`);
  }),
  settings: { MEMORY_MAX_BYTES: 128 * MB }, bounds: { cpuS: 2, bytes: 160 * MB },
}, async (arena) => {
  arena.begin();
  for (let i = 0; i < 4; i++) {
    const ada = await open(arena);
    const line = await dial(arena);
    await line.send(headOf('GET', '/mcp', { ...ada.headers, accept: 'text/event-stream' }));
  }
  await sleep(2000);
});
