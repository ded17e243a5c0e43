// docker-compose.yml for real: what a user sees through the published ports, how the containers are fenced in,
// a configuration, tokens and a certificate of one's own, and the end. The tests follow one another.

import { after, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { connectClient, textOf, trustingFetch } from '../e2e/lib/clients.mjs';
import { asOperator, startEverything, testCertificate, waitFor } from '../e2e/lib/gateway.mjs';
import { openSession, openStream, rpc } from '../e2e/lib/stream.mjs';
import { docker, startProject } from './lib.mjs';

const services = ['haproxy', 'mgw'];

describe('docker compose', { timeout: 300000 }, () => {
  let project, ca;
  before(async () => {
    project = await startProject();
    await project.up({ MGW_KEEPALIVE_S: '1' });
    ca = await project.inside('haproxy', 'openssl', 'x509', '-in', '/certs/localhost.pem');
  });
  after(() => project.compose('down', '-v', '--timeout', '1'));

  test('up: both are healthy, and /health answers over TLS with the certificate that was made', async () => {
    for (const service of services) assert.equal((await project.inspect(service)).State.Health.Status, 'healthy');
    const fetch = trustingFetch({ ca });
    const response = await fetch(`${project.tls}/health`);
    assert.equal(response.status, 200);
    assert.equal((await response.json()).status, 'ok');
    await fetch.close();
  });

  test('the health checks fail while mgw does not answer', async () => {
    const check = async (service) => {
      const [, command] = (await project.inspect(service)).Config.Healthcheck.Test;
      return project.inside(service, 'timeout', '3', 'sh', '-c', command);
    };
    await project.compose('kill', '-s', 'STOP', 'mgw');
    for (const service of services) await assert.rejects(check(service), `${service} seems healthy`);
    await project.compose('kill', '-s', 'CONT', 'mgw');
    for (const service of services) {
      await waitFor(() => check(service).then(() => true, () => false), `${service}'s health check to pass again`);
    }
  });

  for (const kind of ['http', 'sse']) {
    test(`the SDK's ${kind} client lists and calls the tools`, async () => {
      const fetch = trustingFetch({ ca });
      const client = await connectClient(project.tls, kind, { fetch });
      const { tools } = await client.listTools();
      assert.deepEqual(tools.map((t) => t.name).sort(), ['echo', 'gateway_status', 'wait']);
      assert.equal(textOf(await client.callTool({ name: 'echo', arguments: { message: 'grüße' } })), 'grüße');
      await client.close();
      await fetch.close();
    });
  }

  test('a silent stream is kept alive, and the log tells of its life', async () => {
    const log = await project.follow('mgw');
    const fetch = trustingFetch({ ca });
    const stream = await openStream(`${project.tls}/sse`, { fetch });
    await waitFor(() => stream.comments.filter((c) => c === ': keep-alive').length >= 3, 'three keep-alives');
    stream.close();
    // The streams before it were shorter.
    const { message } = JSON.parse(await log.line(/Client disconnected: .* after [2-9]s/));
    const [, client] = /^\[MCP\] Client disconnected: (\S+ \(anonymous\)) after \ds$/.exec(message);
    const messages = log.lines.map((line) => JSON.parse(line).message);
    assert.ok(messages.includes(`[MCP] Client connected: ${client}`));
    assert.ok(messages.includes('[MCP] : keep-alive sent to 1 streams'));
    await log.stop();
    await fetch.close();
  });

  test('its ports are bound to 127.0.0.1 and serve the same as ./dev up', async () => {
    const published = (await project.inspect('haproxy')).NetworkSettings.Ports;
    assert.deepEqual(published, Object.fromEntries(Object.entries(project.ports).map(
      ([inner, port]) => [`${inner}/tcp`, [{ HostIp: '127.0.0.1', HostPort: String(port) }]])));
    assert.deepEqual((await project.inspect('mgw')).NetworkSettings.Ports, {});
    const listening = execFileSync('ss', ['-Hltn'], { encoding: 'utf8' }).split('\n').map((line) => line.trim().split(/\s+/)[3]);
    for (const port of Object.values(project.ports)) {
      assert.deepEqual(listening.filter((address) => address?.endsWith(`:${port}`)), [`127.0.0.1:${port}`]);
    }
    assert.equal((await fetch(`${project.url}/ready`)).status, 200);
    assert.equal((await fetch(`${project.url}/metrics`)).status, 404);
    assert.equal((await fetch(`${project.stats}/metrics`)).status, 401);
    assert.match(await (await fetch(`${project.stats}/metrics`, { headers: asOperator })).text(), /^mgw_streams /m);
    assert.match(await (await fetch(`${project.stats}/haproxy/metrics`, { headers: asOperator })).text(), /^haproxy_process_/m);
  });

  for (const service of services) {
    test(`${service} runs without root, without capabilities, and writes to its volumes alone`, async () => {
      const status = await project.inside(service, 'cat', '/proc/1/status');
      assert.match(status, /^Uid:\t1000[12]\t/m);
      assert.match(status, /^Gid:\t10001\t/m);
      assert.match(status, /^CapEff:\t0+$/m);
      assert.match(status, /^CapBnd:\t0+$/m);
      assert.match(status, /^NoNewPrivs:\t1$/m);
      for (const file of ['/file', '/tmp/file', '/etc/mgw.json', '/var/file']) {
        await assert.rejects(project.inside(service, 'sh', '-c', `echo >${file}`), /Read-only file system/);
      }
      assert.equal((await project.inspect(service)).RestartCount, 0);
    });
  }

  test('HAProxy reads its certificates again on SIGHUP', async () => {
    const log = await project.follow('haproxy');
    await log.line(/Loading success/);
    const from = log.lines.length;
    await project.compose('kill', '-s', 'HUP', 'haproxy');
    await log.line(/Loading success/, { from });
    const fetch = trustingFetch({ ca });
    assert.equal((await fetch(`${project.tls}/health`)).status, 200);
    await fetch.close();
    await log.stop();
  });

  test('HAProxy without a certificate has no TLS listener', async (t) => {
    const id = (await docker('run', '-d', '--network', 'none', '-e', 'MGW_CERT=', '-e', 'MGW_BACKEND=127.0.0.1:9000', 'mgw-haproxy')).trim();
    t.after(() => docker('rm', '-f', id));
    const statusOf = (url) => docker('exec', id, 'curl', '-sk', '-o', '/dev/null', '-w', '%{http_code}', url).catch((error) => error.code);
    await waitFor(async () => await statusOf('http://127.0.0.1:8080/health') === '503', 'the plain listener');
    const refused = 7; // curl's exit code
    assert.equal(await statusOf('https://127.0.0.1:8443/health'), refused);
  });

  test("a user's configuration, tokens and certificate, and a server of this machine", async (t) => {
    const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'mgw-compose-'));
    t.after(() => fs.rmSync(dir, { recursive: true }));
    const certificates = path.join(dir, 'certs');
    fs.mkdirSync(certificates);
    fs.copyFileSync(testCertificate().pem, path.join(certificates, 'own.pem'));
    const everything = await startEverything();
    t.after(() => everything.stop());
    const config = path.join(dir, 'mgw.json');
    fs.writeFileSync(config, JSON.stringify({
      mcpServers: { everything: { url: `http://host.docker.internal:${everything.port}/mcp` } },
    }));
    for (const [name, mode] of [['', 0o755], ['certs', 0o755], ['certs/own.pem', 0o644]]) fs.chmodSync(path.join(dir, name), mode);
    const tokens = '/var/lib/mgw/tokens.json';
    const token = (await project.inside('mgw', 'mgw', 'token', 'ada@example.com', '--file', tokens)).trim();
    await project.up({ MGW_CONFIG: config, MGW_CERTS: certificates, MGW_AUTH_TOKENS_FILE: tokens });
    t.after(() => project.up({ MGW_CONFIG: '', MGW_CERTS: '', MGW_AUTH_TOKENS_FILE: '' }));

    const log = await project.follow('mgw');
    t.after(() => log.stop());
    const fetch = trustingFetch();
    t.after(() => fetch.close());
    assert.equal((await fetch(`${project.tls}/mcp`, { method: 'POST', body: '{}' })).status, 401);
    const client = await connectClient(project.tls, 'http', { fetch, headers: { authorization: `Bearer ${token}` } });
    t.after(() => client.close());
    const answer = await client.callTool({ name: 'everything_echo', arguments: { message: 'from afar' } });
    assert.equal(textOf(answer), 'Echo: from afar');
    await log.line(/Client connected: \S+ \(ada@example\.com\)/);
  });

  test('stop: running calls are answered, streams end in order, both exit with 0', async () => {
    const fetch = trustingFetch({ ca });
    const session = await openSession(project.tls, undefined, {}, fetch);
    const get = await openStream(`${project.tls}/mcp`, { fetch, headers: { ...session.headers, accept: 'text/event-stream' } });
    const slow = await openStream(`${project.tls}/mcp`, {
      fetch, method: 'POST', headers: session.headers, body: rpc(7, 'tools/call', { name: 'wait', arguments: { seconds: 4 } }),
    });
    await project.compose('stop');
    const answer = await slow.event((e) => e.json?.id === 7);
    assert.match(textOf(answer.json.result), /^Waited/);
    await Promise.all([slow.ended(), get.ended()]);
    assert.deepEqual([slow.end, get.end], ['closed', 'closed']);
    assert.ok(Number(get.events.at(-1).retry) > 0, 'the client is told when to come back');
    await fetch.close();
    for (const service of services) {
      const { State } = await project.inspect(service);
      assert.deepEqual([State.Status, State.ExitCode, State.OOMKilled], ['exited', 0, false], service);
    }
    assert.match(await project.compose('logs', 'mgw'), /drained, bye/);
  });

  test('down -v leaves nothing', async () => {
    await project.compose('down', '-v');
    const label = `label=com.docker.compose.project=${process.env.COMPOSE_PROJECT_NAME}`;
    for (const kind of ['container', 'volume', 'network']) {
      assert.equal(await docker(kind, 'ls', ...(kind === 'container' ? ['-a'] : []), '-q', '--filter', label), '', kind);
    }
  });
});
