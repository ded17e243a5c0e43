// What Prometheus and Grafana are given: /metrics by way of HAProxy, the rules of the alerts, the dashboard, and the page that says what each metric is.

import { after, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { asOperator, startGateway, top, waitFor } from '../lib/gateway.mjs';
import { OddServer } from '../lib/odd_server.mjs';
import { openSession, openStream, rpc } from '../lib/stream.mjs';

const prometheus = path.join(top, 'deploy/prometheus');
const dashboard = JSON.parse(fs.readFileSync(path.join(top, 'deploy/grafana/mgw.json'), 'utf8'));
const page = fs.readFileSync(path.join(top, 'docs/metrics.md'), 'utf8');

function promtool(args, options = {}) {
  const { status, stdout, stderr, error } = spawnSync('promtool', args, { encoding: 'utf8', ...options });
  assert.ifError(error);
  assert.equal(status, 0, `promtool ${args.join(' ')}: ${stdout}${stderr}`);
  return stdout + stderr;
}

/** { name: { type, labels } } of the table of the page. */
const documented = new Map([...page.matchAll(/^\| `([a-z_]+)` \| (counter|gauge|histogram) \| (.*?) \|/gm)]
  .map(([, name, type, labels]) => [name, { type, labels: new Set([...labels.matchAll(/`([a-z_]+)`/g)].map(([, label]) => label)) }]));

/** The same of what is printed. */
function printed(text) {
  const families = new Map([...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, type]) => [name, { type, labels: new Set() }]));
  for (const [, sample, labels] of text.matchAll(/^([a-z_]+)(?:\{(.*)\})? \S+$/gm)) {
    const family = families.get(sample) ?? families.get(sample.replace(/_(bucket|sum|count)$/, ''));
    assert.ok(family, `${sample} has no # TYPE`);
    for (const [, label] of (labels ?? '').matchAll(/([a-z_]+)="/g)) if (label !== 'le') family.labels.add(label);
  }
  return families;
}

/** Those that a PromQL expression asks for, without the suffixes of histograms. */
const askedBy = (expr) => [...expr.matchAll(/\b(?:mgw|mcp|process)_[a-z_]+(?=[{[ )]|$)/g)].map(([name]) => name)
  .map((name) => documented.has(name) ? name : name.replace(/_(bucket|sum|count)$/, ''));

const expressions = dashboard.panels.flatMap((panel) => panel.targets ?? []).map(({ expr }) => expr)
  .concat(dashboard.annotations.list.map(({ expr }) => expr));

describe('metrics', { timeout: 120000 }, () => {
  let gateway, server, text;
  const metrics = async () => (await fetch(`${gateway.stats}/metrics`, { headers: asOperator })).text();
  before(async () => {
    const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'mgw-metrics-'));
    server = await OddServer.start();
    server.lists['tools/list'] = { tools: [{ name: 'one', inputSchema: { type: 'object' } }] };
    server.lists['prompts/list'] = { prompts: [{ name: 'p' }] };
    server.lists['tools/call'] = { content: [] };
    server.lists['prompts/get'] = { messages: [] };
    gateway = await startGateway({
      settings: { KEEPALIVE_S: 0.1 },
      config: { mcpServers: { odd: { url: server.at('json') } }, gateway: { audit: { file: path.join(dir, 'audit') }, traces: { url: 'http://127.0.0.1:9/v1/traces' } } },
    });
    const { headers } = await openSession(gateway.url);
    const stream = await openStream(`${gateway.url}/mcp`, { headers: { ...headers, accept: 'text/event-stream' } });
    const ask = async (id, method, params) => (await fetch(`${gateway.url}/mcp`, { method: 'POST', headers: { ...headers, accept: 'application/json' }, body: rpc(id, method, params) })).text();
    await ask(1, 'tools/list');
    await ask(2, 'prompts/list');
    await ask(3, 'tools/call', { name: 'odd_one', arguments: {} });
    await ask(4, 'tools/call', { name: 'nobody_has_this', arguments: {} });
    await ask(5, 'prompts/get', { name: 'odd_p' });
    stream.close();
    await waitFor(async () => /^mgw_streams_ended_total\{kind="get",cause="client"\} 1$/m.test(text = await metrics()), 'the end of the stream to be counted');
  });
  after(async () => {
    await gateway.stop();
    await server.stop();
  });

  test('promtool finds nothing in what is printed', () => {
    promtool(['check', 'metrics'], { input: text });
  });

  test('the page has a row for each, with its type and its labels, and no others', () => {
    const families = printed(text);
    assert.deepEqual([...families.keys()].sort(), [...documented.keys()].sort());
    for (const [name, { type, labels }] of families) {
      assert.equal(type, documented.get(name).type, name);
      for (const label of labels) assert.ok(documented.get(name).labels.has(label), `${name} has ${label}`);
    }
    for (const label of ['server', 'method', 'tool', 'prompt', 'outcome']) assert.ok(families.get('mgw_calls_ended_total').labels.has(label), label);
  });

  test('what nobody has is no label', () => {
    assert.doesNotMatch(text, /nobody_has_this/);
    assert.match(text, /^mgw_calls_ended_total\{.*tool="other",outcome="error"\} 1$/m);
  });

  test('a histogram grows from bound to bound, to its count', () => {
    for (const [name, { type }] of printed(text)) {
      if (type !== 'histogram') continue;
      const last = new Map();
      for (const [, labels, value] of text.matchAll(new RegExp(`^${name}_bucket\\{(.*?),?le="[^"]*"\\} (\\d+)$`, 'gm'))) {
        assert.ok(Number(value) >= (last.get(labels) ?? 0), `${name} ${labels}`);
        last.set(labels, Number(value));
      }
      for (const [, labels, value] of text.matchAll(new RegExp(`^${name}_count(?:\\{(.*)\\})? (\\d+)$`, 'gm')))
        assert.equal(last.get(labels ?? ''), Number(value), `${name} ${labels}`);
    }
  });
});

describe('what is deployed beside it', () => {
  test('promtool takes the rules, and each alert comes and stays away as it should', () => {
    promtool(['check', 'rules', 'mgw.rules.yml'], { cwd: prometheus });
    promtool(['test', 'rules', 'mgw.rules.test.yml'], { cwd: prometheus });
  });

  test('each alert has a test, and a row of the page', () => {
    const rules = fs.readFileSync(path.join(prometheus, 'mgw.rules.yml'), 'utf8');
    const tests = fs.readFileSync(path.join(prometheus, 'mgw.rules.test.yml'), 'utf8');
    const alerts = [...rules.matchAll(/- alert: (\w+)/g)].map(([, name]) => name);
    assert.ok(alerts.length > 10);
    assert.deepEqual([...new Set([...tests.matchAll(/alertname: (\w+)/g)].map(([, name]) => name))].sort(), [...alerts].sort());
    assert.deepEqual([...page.matchAll(/^\| `(Mgw\w+)` \|/gm)].map(([, name]) => name).sort(), [...alerts].sort());
    for (const [, expr] of rules.matchAll(/expr:(?: \|)?\s([^]*?)(?=\n\s+(?:for|labels|- record|- alert|- name):|$)/g))
      for (const name of askedBy(expr)) assert.ok(documented.has(name), `${name} is no metric: ${expr}`);
  });

  test('Prometheus takes the configuration', () => {
    const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'mgw-prometheus-'));
    for (const name of ['prometheus.yml', 'mgw.rules.yml']) fs.copyFileSync(path.join(prometheus, name), path.join(dir, name));
    const file = path.join(dir, 'prometheus.yml'), secret = path.join(dir, 'secret');
    fs.writeFileSync(secret, 'x');
    fs.writeFileSync(file, fs.readFileSync(file, 'utf8').replaceAll('/etc/prometheus/mgw-admin-secret', secret));
    promtool(['check', 'config', file]);
    fs.rmSync(dir, { recursive: true });
  });

  test('the dashboard asks for metrics that there are, in words that Prometheus takes', () => {
    assert.ok(expressions.length > 30);
    for (const expr of expressions) {
      const names = askedBy(expr);
      assert.ok(names.length > 0 || /\bmgw:/.test(expr), expr);
      for (const name of names) assert.ok(documented.has(name), `${name} is no metric: ${expr}`);
    }
    const plain = (expr) => expr.replaceAll('$__rate_interval', '5m').replaceAll('$__range', '6h').replaceAll(/\$(job|instance)/g, '.*');
    const file = path.join(fs.mkdtempSync(path.join(os.tmpdir(), 'mgw-dashboard-')), 'rules.yml');
    fs.writeFileSync(file, JSON.stringify({ groups: [{ name: 'dashboard', rules: expressions.map((expr, i) => ({ record: `panel:${i}`, expr: plain(expr) })) }] }));
    promtool(['check', 'rules', file]);
    fs.rmSync(path.dirname(file), { recursive: true });
  });
});
