// Whose failure it is: what one user's calls bring about at an upstream is that user's alone.

import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { FaultServer, answerTo, fault, sendJson } from '../lib/fault_server.mjs';
import { headersOf, messageOf } from '../lib/stateless.mjs';
import { rpc } from '../lib/stream.mjs';
import { MB, attack, bearer } from './lib/arena.mjs';
import { many, open, send } from './lib/ada.mjs';

const answers = ({ status, json }) => status === 200 && json?.result !== undefined && !json.result.isError;

/** An upstream that fails for who names themselves ada in the arguments, by `fail`. Bob calls it all the while. */
const failing = (fail, entry = {}) => async (t) => {
  const server = await FaultServer.start();
  t.after(() => server.stop());
  server.faults['tools/call'] = (req, res, msg) => {
    if (msg.params.arguments.who === 'ada') fail(req, res, msg);
    else sendJson(res, answerTo(msg));
  };
  return { config: { mcpServers: { u: { url: server.url, ...entry } } } };
};

const fails = {
  'HTTP 413, as for a body that is too large': fault.status(413),
  'HTTP 400': fault.status(400),
  'HTTP 403': fault.status(403),
  'HTTP 500': fault.status(500),
  'HTTP 429 with Retry-After': fault.status(429, { 'retry-after': '600' }),
  'an answer that is no JSON': (req, res) => sendJson(res, 'this is no JSON'),
  'an answer of another type': (req, res) => res.writeHead(200, { 'content-type': 'text/html' }).end('<h1>no</h1>'),
  'an answer to another request': (req, res) => sendJson(res, { jsonrpc: '2.0', id: 'another', result: {} }),
  'a JSON-RPC error': (req, res, msg) => sendJson(res, { jsonrpc: '2.0', id: msg.id, error: { code: -32603, message: 'no' } }),
  'HTTP 404 once': (() => { let n = 0; return (req, res, msg) => { if (n++ === 0) res.writeHead(404).end(); else sendJson(res, answerTo(msg)); }; })(),
};
for (const [what, fail] of Object.entries(fails)) {
  attack(`that an upstream answers one user with ${what} is not felt by another`, {
    make: failing(fail), tool: 'u_write', args: { who: 'bob' }, everyMs: 20, bounds: { cpuS: 2 },
  }, async (arena) => {
    const ada = await open(arena);
    await many(30, 4, () => ada.call('u_write', { who: 'ada' }));
    return async () => {
      const bob = await open(arena, { user: 'bob', from: '127.0.0.8' });
      assert.ok(answers(await bob.call('u_write', { who: 'bob' })), 'nor in a session of bob\'s that is new');
    };
  });
}

attack('that calls of one user take too long is not felt by another', {
  make: failing(fault.hang, { timeout_s: 0.3 }), tool: 'u_write', args: { who: 'bob' }, everyMs: 20, bounds: { cpuS: 1 },
}, async (arena) => {
  const ada = await open(arena);
  await many(12, 4, () => ada.call('u_write', { who: 'ada' }));
});

attack('that clients without a session fail is not felt by another', {
  make: failing(fault.status(413)), tool: 'u_write', args: { who: 'bob' }, everyMs: 20, bounds: { cpuS: 1 },
}, async (arena) => {
  const message = messageOf('tools/call', { name: 'u_write', arguments: { who: 'ada' } });
  await many(20, 4, () => send(arena, { headers: { ...headersOf(message), ...bearer('ada') }, body: JSON.stringify(message) }));
});

const SECRET = 'account 4711 of ada@example.com (IBAN DE00 1234): plan ended';
attack('what an upstream tells one user is not told to another', {
  make: async (t) => {
    const server = await FaultServer.start();
    t.after(() => server.stop());
    for (const method of ['initialize', 'server/discover']) {
      server.faults[method] = (req, res, msg) => {
        if (req.headers.authorization !== 'Bearer ADA') server.answer(req, res, msg);
        else sendJson(res, { jsonrpc: '2.0', id: msg.id, error: { code: -32022, message: SECRET, data: { supported: ['1999-01-01'] } } }, 400);
      };
    }
    const users = { 'ada@example.com': { headers: { authorization: 'Bearer ADA' } }, 'bob@example.com': { headers: { authorization: 'Bearer BOB' } } };
    return { config: { mcpServers: { u: { url: server.url, users } } } };
  },
  tool: 'u_write', args: {}, everyMs: 20, bounds: { cpuS: 1, bytes: 32 * MB },
}, async (arena) => {
  for (let i = 0; i < 4; i++) {
    await open(arena);
    await sleep(200);
  }
  return async () => {
    const bob = await open(arena, { user: 'bob', from: '127.0.0.8' });
    const told = [bob.answer, await bob.call('u_write'), await bob.call('u_no'), await bob.post(rpc(1, 'tools/list'))];
    for (const { body } of told) assert.ok(!body.includes('4711') && !body.includes('IBAN'), body);
    assert.ok(answers(told[1]), told[1].body);
  };
});
