// What is on its way to a server stays what it was when it started, whatever becomes of that server meanwhile.

import { afterEach, test } from 'node:test';
import assert from 'node:assert/strict';
import { connectClient, textOf } from '../lib/clients.mjs';
import { FaultServer, answerTo, beginSse, event, sendJson } from '../lib/fault_server.mjs';
import { startGateway, waitFor } from '../lib/gateway.mjs';
import { GoogleServer } from '../lib/google_server.mjs';
import { VERSION } from '../lib/stateless.mjs';

const stoppables = [];
afterEach(async () => {
  for (const one of stoppables.splice(0).reverse()) await (one.stop?.() ?? one.close());
});

const start = async (server, more = {}, settings = {}) => {
  const gateway = await startGateway({ config: { mcpServers: { u: { url: server.url, ...more } } }, settings: { UPSTREAM_RETRY_S: 0.05, ...settings } });
  stoppables.push(server, gateway);
  const client = await connectClient(gateway.url, 'http');
  stoppables.push(client);
  return { gateway, client };
};

const refuseInitialize = (req, res, msg) => sendJson(res, {
  jsonrpc: '2.0', id: msg.id, error: { code: -32022, message: 'no', data: { supported: [VERSION] } },
}, 400);
const complete = (result) => ({ resultType: 'complete', ...result });

/** It keeps sessions until turn() is called, then it is of MCP 2026-07-28. */
class TurningServer extends FaultServer {
  turn() {
    this.sessions.clear();
    this.faults.initialize = refuseInitialize;
    this.faults['server/discover'] = (req, res, msg) =>
      sendJson(res, answerTo(msg, complete({ supportedVersions: [VERSION], capabilities: { tools: {} } })));
    this.faults['tools/call'] = (req, res, msg) => (req.headers['mcp-session-id']
      ? res.writeHead(404).end() : sendJson(res, answerTo(msg, complete({ content: [{ type: 'text', text: 'without a session' }] }))));
  }
}

const withToken = async (server) => {
  const google = await GoogleServer.start();
  stoppables.push(google);
  return { oauth: { token_url: `${google.url}/token`, client_id: 'id', client_secret: 's' } };
};

for (const kind of ['reply', 'notification', 'call']) {
  test(`a ${kind} that is refused (401) after its server has given up sessions is not sent there again`, { timeout: 60000 }, async () => {
    const server = await TurningServer.start();
    const held = [];
    const hold = (req, res, msg) => held.push(res);
    if (kind === 'reply') {
      server.faults.reply = hold;
      server.faults['tools/list'] = (req, res, msg) => {
        beginSse(res);
        res.write(event({ jsonrpc: '2.0', id: 77, method: 'ping' }));
        res.end(event(answerTo(msg)));
      };
    } else {
      server.faults[kind === 'call' ? 'tools/call' : 'notifications/roots/list_changed'] = hold;
    }
    const { client } = await start(server, await withToken(server));
    await client.listTools();
    const first = kind === 'call' ? client.callTool({ name: 'u_write', arguments: {} }) : undefined;
    if (kind === 'notification') await client.transport.send({ jsonrpc: '2.0', method: 'notifications/roots/list_changed' });
    await waitFor(() => held.length > 0, 'the message');
    server.turn();
    const said = () => client.callTool({ name: 'u_again', arguments: {} });
    assert.equal(textOf(await said()), 'without a session');
    const n = server.seen.length;
    held[0].writeHead(401).end();
    if (kind === 'call') assert.equal(textOf(await first), 'without a session', 'what was refused can be asked again');
    assert.equal(textOf(await said()), 'without a session', 'mgw lives');
    const later = server.seen.slice(n);
    assert.deepEqual(later.filter((m) => m.session !== undefined), [], 'nothing more goes to the session that is over');
    assert.deepEqual(later.map((m) => m.method), Array.from({ length: kind === 'call' ? 2 : 1 }, () => 'tools/call'));
  });
}
