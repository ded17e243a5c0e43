// The official scenarios of 2026-07-28: what passes directly passes through the gateway, check for check. The package lacks the
// example server; ours stands for it.

import { after, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { startConformanceServer2026 } from '../lib/conformance_2026_server.mjs';
import { startGateway } from '../lib/gateway.mjs';
import { conformanceNext, node, runScenarios, withStatus } from '../lib/official.mjs';

const revision = '2026-07-28';
const list = (...args) => {
  const listed = execFileSync(node, [conformanceNext, 'list', '--server', ...args], { encoding: 'utf8' }).split('\nClient scenarios')[0];
  return [...listed.matchAll(/^ +- ([\w-]+)/gm)].map(([, name]) => name);
};
const scored = list('--requirements', revision);
// Since that release; extensions have tests of their own.
const added = list('--spec-version', revision).filter((name) => !scored.includes(name));

// What this SDK's low-level server leaves to who writes tools, and mgw sees to.
const ofGateway = ['sep-2243-server-reject-invalid-param-chars', 'sep-2243-server-reject-param-mismatch', 'sep-2243-server-validate-param-match'];

// Where the stream has begun before the upstream refuses, the status was 200.
const ofStreams = ['sep-2575-missing-capability-http-400'];

const failures = (checks) => checks.filter(({ status }) => status === 'FAILURE' || status === 'WARNING')
  .map(({ id, errorMessage, details }) => ({ id, told: `${errorMessage} ${JSON.stringify(details)}` }));

describe(`the official scenarios of ${revision}`, { timeout: 240000 }, () => {
  const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'mgw-conformance-'));
  const gateways = {}, results = {};
  let server;
  before(async () => {
    server = await startConformanceServer2026();
    const start = (settings) => startGateway({
      config: { mcpServers: { conformance: { url: server.url, prefix: '' } }, gateway: { builtin_tools: false } }, settings,
    });
    gateways.json = await start({});
    gateways.streams = await start({ ANSWER_GRACE_MS: 0 });
    const run = (name, url) => runScenarios(conformanceNext, url, path.join(scratch, name), ['--suite', 'all', '--spec-version', revision]);
    results.direct = await run('direct', server.url);
    for (const [name, { url }] of Object.entries(gateways)) results[name] = await run(name, `${url}/mcp`);
  });
  after(async () => {
    for (const gateway of Object.values(gateways)) await gateway.stop();
    await server.stop();
    fs.rmSync(scratch, { recursive: true, force: true });
  });

  test('there are scenarios', () => {
    assert.ok(scored.length >= 37 && added.length >= 2, `${scored} ${added}`);
  });

  for (const scenario of [...scored, ...added]) {
    test(scenario, () => {
      const direct = results.direct[scenario];
      assert.deepEqual(failures(direct).filter(({ id }) => !ofGateway.includes(id)), [], 'directly');
      const passed = withStatus(direct, 'SUCCESS');
      assert.ok(passed.length > 0);
      for (const name of Object.keys(gateways)) {
        const checks = results[name][scenario];
        const left = name === 'streams' ? ofStreams : [];
        assert.deepEqual(failures(checks).filter(({ id }) => !left.includes(id)), [], name);
        const lost = passed.filter((id) => !withStatus(checks, 'SUCCESS').includes(id) && !left.includes(id));
        assert.deepEqual(lost, [], `passed directly, and not through the gateway (${name})`);
      }
    });
  }
});
