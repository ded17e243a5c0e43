// The official conformance scenarios. Those for servers: what passes directly passes through the gateway. Those for clients: the
// gateway is the client. The package (0.1.16) has them up to 2025-11-25; what it calls draft is the authorization of users in
// a browser, which a gateway does not do. Those of 2026-07-28: conformance_official_2026.test.mjs.

import { after, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { connectClient, textOf } from '../lib/clients.mjs';
import { startConformanceServer } from '../lib/conformance_server.mjs';
import { Program, startGateway, top } from '../lib/gateway.mjs';
import { conformance, node, runScenarios, withStatus } from '../lib/official.mjs';

const child = path.join(top, 'tests/e2e/lib/conformance_child.mjs');
const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'mgw-conformance-'));
after(() => fs.rmSync(scratch, { recursive: true, force: true }));

const scenarios = [...execFileSync(node, [conformance, 'list', '--server'], { encoding: 'utf8' }).matchAll(/^ +- ([\w-]+)/gm)].map(([, name]) => name);

// What a gateway that answers at once as JSON, as the specification allows, gives no occasion for.
const ofStreams = ['server-sse-priming-event', 'server-sse-streams-functional'];
// The gateway itself fetches the rest of a stream that the server has closed: its client is not cut off, and so not told when to
// come back (`retry:`, which ends the calls of some clients where it is not needed).
const ofCuts = ['server-sse-disconnect-resume', 'server-sse-retry-field'];

const run = (name, url) => runScenarios(conformance, url, path.join(scratch, name), ['--suite', 'all']);
const blemishes = (checks) => checks.filter(({ id, status }) => status === 'FAILURE' || (status === 'WARNING' && id !== 'server-sse-retry-field')).map(({ id, errorMessage }) => `${id}: ${errorMessage}`);

describe('conformance', { timeout: 240000 }, () => {
  const gateways = {}, servers = [], results = {};
  before(async () => {
    for (const isOfBoth of [false, true]) servers.push(await startConformanceServer({ isOfBoth }));
    const [{ url }, both] = servers;
    const start = (entry, settings = {}) =>
      startGateway({ config: { mcpServers: { conformance: { ...entry, prefix: '' } }, gateway: { builtin_tools: false } }, settings });
    gateways.json = await start({ url });
    gateways.streams = await start({ url }, { ANSWER_GRACE_MS: 0 });
    gateways.both = await start({ url: both.url });
    gateways.stdio = await start({ command: node, args: [child] });
    results.direct = await run('direct', url);
    for (const name of Object.keys(gateways)) results[name] = await run(name, `${gateways[name].url}/mcp`);
  });
  after(async () => {
    for (const gateway of Object.values(gateways)) await gateway.stop();
    for (const server of servers) await server.stop();
  });

  test('there are scenarios', () => assert.ok(scenarios.length >= 32, `${scenarios}`));

  for (const scenario of scenarios) {
    test(scenario, () => {
      const direct = withStatus(results.direct[scenario], 'SUCCESS');
      assert.ok(direct.length > 0);
      for (const [name, checks] of Object.entries(results)) {
        assert.deepEqual(blemishes(checks[scenario]), [], name);
      }
      for (const name of Object.keys(gateways)) {
        const left = name === 'streams' ? ofCuts : [...ofStreams, ...ofCuts];
        const passed = withStatus(results[name][scenario], 'SUCCESS');
        assert.deepEqual(direct.filter((id) => !passed.includes(id) && !left.includes(id)), [], `passed directly, and not through the gateway (${name})`);
      }
    });
  }

  for (const kind of ['sse', 'http']) {
    test(`an answer whose stream the server closes is asked for again, unseen (${kind})`, async () => {
      const client = await connectClient(gateways.json.url, kind);
      assert.equal(textOf(await client.callTool({ name: 'test_reconnection', arguments: {} })), 'reconnected');
      await client.close();
    });
  }
});

describe('conformance of the client', { timeout: 60000 }, () => {
  const client = path.join(import.meta.dirname, '../lib/conformance_client.mjs');
  const listed = execFileSync(node, [conformance, 'list', '--client'], { encoding: 'utf8' });
  const names = [...listed.matchAll(/^ +- ([\w-]+) /gm)].map(([, name]) => name);

  test('there are scenarios for clients', () => assert.deepEqual(names, ['initialize', 'tools_call', 'elicitation-sep1034-client-defaults', 'sse-retry']));

  for (const name of names) {
    test(name, async () => {
      const dir = path.join(scratch, `client-${name}`);
      const program = new Program('conformance', node, [conformance, 'client', '--command', `${node} ${client}`, '--scenario', name, '-o', dir]);
      await program.line(/^.*OVERALL: /, { timeoutMs: 50000 });
      await program.stop();
      const checks = JSON.parse(fs.readFileSync(path.join(dir, fs.readdirSync(dir)[0], 'checks.json'), 'utf8'));
      assert.deepEqual(blemishes(checks), [], program.tail());
      assert.ok(withStatus(checks, 'SUCCESS').length > 0);
    });
  }
});
