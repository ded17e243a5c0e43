// The official scenarios of authorization: @modelcontextprotocol/conformance, in two versions. Those for authorization servers, at
// mgw; and those for clients, where mgw is the client of an upstream and its user does the step in the browser.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { freePort, mgwRelease, Program, testCertificate, top } from '../lib/gateway.mjs';
import { startLogin } from '../lib/login.mjs';
import { conformance, conformanceNext, node, withStatus } from '../lib/official.mjs';

const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'mgw-conformance-auth-'));
after(() => fs.rmSync(scratch, { recursive: true, force: true }));
const trusting = { ...process.env, NODE_EXTRA_CA_CERTS: testCertificate().cert };
const checksIn = (dir) => fs.readdirSync(dir, { recursive: true }).filter((file) => path.basename(file) === 'checks.json')
  .flatMap((file) => JSON.parse(fs.readFileSync(path.join(dir, file), 'utf8')));
const failed = (checks) => checks.filter(({ status }) => status === 'FAILURE').map(({ id, errorMessage, description }) => `${id}: ${errorMessage ?? description}`);
const namesIn = (script, ...args) => [...execFileSync(node, [script, 'list', ...args], { encoding: 'utf8' }).matchAll(/^ +- (\S+) \[(.*)\]/gm)].map(([, name, revisions]) => [name, revisions]);

describe('mgw as authorization server', { timeout: 120000 }, () => {
  // A public one: where "none" is offered, the suite sends no secret, even when it has one.
  const client = { client_id: 'of-the-suite', client_secret: null };
  let login, port;
  before(async () => {
    port = await freePort();
    login = await startLogin({ login: { clients: [{ ...client, redirect_uris: [`http://127.0.0.1:${port}/callback`], name: 'The suite' }] } });
  });
  after(() => login.stop());

  test('the official scenarios for authorization servers', async () => {
    const dir = path.join(scratch, 'server');
    const program = new Program('conformance', node, [
      conformanceNext, 'authorization', '--url', login.base, '--client-id', client.client_id,
      '--resource', `${login.base}/mcp`, '-p', String(port), '-o', dir,
    ], { env: trusting });
    const visit = login.visitor('ada');
    const url = await program.line(/^https:\S+\/oauth\/authorize\?/, { timeoutMs: 60000 });
    const back = await visit(new URL(url), `http://127.0.0.1:${port}/callback`);
    assert.equal((await fetch(back)).status, 200);
    await program.exited;
    const checks = checksIn(dir);
    assert.deepEqual(failed(checks), [], program.tail());
    assert.deepEqual(checks.filter(({ status }) => status === 'WARNING').map(({ id }) => id), []);
    assert.deepEqual(withStatus(checks, 'SUCCESS').sort(), ['authorization-code-grant', 'authorization-server-metadata', 'authorization-server-metadata-cimd']);
  });
});

// What a gateway does not do, and why. What begins with a version is of that alone.
const left = {
  'auth/2025-03-26-oauth-endpoint-fallback': 'an authorization server without metadata, at guessed addresses: gone since 2025-06-18, and without PKCE that could be known of',
  '0.1.16 auth/2025-03-26-oauth-metadata-backcompat': 'its metadata name another issuer than the one they were asked for at (RFC 8414 3.3); the later version has put that right',
  'auth/client-credentials-jwt': 'no user',
  'auth/client-credentials-basic': 'no user: docs/credentials.md has this grant, for a token of the gateway itself',
  'auth/cross-app-access-complete-flow': 'ID-JAG',
  'auth/enterprise-managed-authorization': 'ID-JAG',
  'auth/dpop': 'DPoP',
  'auth/dpop-nonce': 'DPoP',
  'auth/wif-jwt-bearer': 'workload identity',
};

const client = path.join(top, 'tests/e2e/lib/conformance_login_client.mjs');
for (const [version, script] of [['0.1.16', conformance], ['next', conformanceNext]]) {
  describe(`mgw as client (${version})`, { timeout: 600000, concurrency: 3 }, () => {
    const names = namesIn(script, '--client').filter(([name]) => name.startsWith('auth/')).map(([name]) => name);
    test('there are scenarios', () => assert.ok(names.length >= (version === 'next' ? 33 : 22), `${names}`));

    for (const name of names.filter((it) => !(it in left) && !(`${version} ${it}` in left))) {
      test(name, async () => {
        const dir = path.join(scratch, version, name.replaceAll('/', '-'));
        const program = new Program('conformance', node, [
          script, 'client', '--command', `${node} ${client}`, '--scenario', name, '-o', dir, '--timeout', '90000', '--verbose',
        ], { env: { ...trusting, ...(version !== 'next' && { MGW_BIN: mgwRelease }) } });
        await program.exited;
        const checks = checksIn(dir);
        assert.deepEqual(failed(checks), [], program.tail(80));
        assert.ok(withStatus(checks, 'SUCCESS').length > 0, program.tail(80));
      });
    }
  });
}
