// A server that speaks both eras is spoken to in its client's.

import { after, before, beforeEach, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { FaultServer, StatelessFaultServer } from '../lib/fault_server.mjs';
import { startGateway } from '../lib/gateway.mjs';
import { messageOf, post, VERSION } from '../lib/stateless.mjs';
import { openSession, rpc } from '../lib/stream.mjs';

/** Who names no session needs none. */
class Sessions extends Set {
  has(id) {
    return id === undefined || super.has(id);
  }
}

/** Answers either as who asks wants it. */
class TwoEraServer extends StatelessFaultServer {
  sessions = new Sessions();

  answer(req, res, msg, session) {
    const isStateless = req.headers['mcp-protocol-version'] === VERSION;
    (isStateless ? StatelessFaultServer : FaultServer).prototype.answer.call(this, req, res, msg, session);
  }
}

const textOf = ({ result, error }) => result?.content?.[0]?.text ?? error?.message;

describe('a server of both eras', { timeout: 60000 }, () => {
  let up;
  const gateways = {};
  const startIn = async (era) => {
    gateways[era] ??= await startGateway({ config: { mcpServers: { up: { url: up.url, ...(era && { era }) } } } });
    return gateways[era];
  };
  before(async () => { up = await TwoEraServer.start(); });
  beforeEach(() => { up.seen = []; });
  after(async () => {
    for (const gateway of Object.values(gateways)) await gateway.stop();
    await up.stop();
  });

  const callInSession = async (gateway) => {
    const { headers } = await openSession(gateway.url);
    const response = await fetch(`${gateway.url}/mcp`, {
      method: 'POST', headers: { ...headers, accept: 'application/json' }, body: rpc(2, 'tools/call', { name: 'up_read', arguments: {} }),
    });
    return textOf(await response.json());
  };
  const callStateless = async (gateway) => textOf((await post(gateway.url, messageOf('tools/call', { name: 'up_read', arguments: {} }))).json);
  const asked = () => ['initialize', 'server/discover'].map((method) => up.count(method));

  for (const era of [undefined, 'auto']) {
    test(`is spoken to in its client's (era: ${era ?? 'not said'})`, async () => {
      const gateway = await startIn(era);
      for (let i = 0; i < 2; i++) {
        up.seen = [];
        assert.equal(await callInSession(gateway), 'did read');
        assert.deepEqual(asked(), [1, 0]);
        assert.ok(up.all('tools/call').every(({ session }) => session !== undefined));
      }
      up.seen = [];
      for (let i = 0; i < 2; i++) assert.equal(await callStateless(gateway), 'did read');
      assert.deepEqual(asked(), [0, 1], 'the upstream session of the standing session is kept');
      assert.ok(up.all('tools/call').every(({ session, headers }) => session === undefined && headers['mcp-protocol-version'] === VERSION));
    });
  }

  test('is spoken to in one alone where its entry says so', async () => {
    for (const [era, expected] of [['session', [2, 0]], ['stateless', [0, 2]]]) {
      const gateway = await startIn(era);
      up.seen = [];
      assert.equal(await callInSession(gateway), 'did read');
      assert.equal(await callStateless(gateway), 'did read');
      assert.deepEqual(asked(), expected, era);
    }
  });
});

describe('a server of one era', { timeout: 60000 }, () => {
  for (const [Server, era] of [[FaultServer, 'stateless'], [StatelessFaultServer, 'session']]) {
    test(`that is not the one its entry names (${era}) is missing, and its calls say why`, async () => {
      const up = await Server.start();
      const gateway = await startGateway({ config: { mcpServers: { up: { url: up.url, era } } } });
      const { json } = await post(gateway.url, messageOf('tools/call', { name: 'up_read', arguments: {} }));
      assert.match(textOf(json), /^upstream up: /);
      assert.equal(up.count(era === 'session' ? 'server/discover' : 'initialize'), 0);
      await gateway.stop();
      await up.stop();
    });
  }

  test('is asked in the other but once', async () => {
    const up = await StatelessFaultServer.start();
    const gateway = await startGateway({ config: { mcpServers: { up: { url: up.url } } } });
    for (let i = 0; i < 3; i++) await openSession(gateway.url);
    assert.equal(up.count('initialize'), 1, 'what was found is kept');
    assert.equal(up.count('server/discover'), 3);
    await gateway.stop();
    await up.stop();
  });
});
