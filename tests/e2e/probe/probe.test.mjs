// `mgw probe` through what stands before gateways: it says whether streams live, and names who cuts or buffers them. The
// proxies run the very files of deploy/proxies, and bad ones made of them. Ten times faster than life.

import { after, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { startGateway, startIdleProxy, startEverything } from '../lib/gateway.mjs';
import { Edge } from '../lib/edge.mjs';
import { FaultServer, fault } from '../lib/fault_server.mjs';
import { all, probe, probed, verdicts } from '../lib/probe.mjs';
import { startProxy } from '../lib/proxies.mjs';
import { ask } from '../lib/raw.mjs';
import { headersOf, messageOf } from '../lib/stateless.mjs';

const LB_MS = 6000; // 60 s
const CDN_MS = 10000; // 100 s
const gateways = {};
const stoppables = [];

const haproxy = { MGW_TRUSTED_PROXIES: '127.0.0.1' };
before(async () => {
  gateways.lively = await startGateway({ settings: { KEEPALIVE_S: 1, DRAIN_S: 1 }, haproxy });
  gateways.silent = await startGateway({ settings: { KEEPALIVE_S: 0, DRAIN_S: 1 }, haproxy });
});
after(async () => {
  for (const one of stoppables.reverse()) await one.stop();
  for (const gateway of Object.values(gateways)) await gateway.stop();
});

const kept = async (starting) => {
  const it = await starting;
  stoppables.push(it);
  return it;
};

function assertLived({ code, report, by }) {
  assert.deepEqual(verdicts(by), all('lived'), JSON.stringify(report, null, 1));
  assert.equal(code, 0);
  assert.equal(report.lived, true);
  for (const stream of report.streams) assert.ok(stream.keep_alives.count >= 3, JSON.stringify(stream));
}

/** Who cuts is known by when. A machine that was held up for a quarter of a second meanwhile sees another time, and is asked once more. */
async function probedInTime(url) {
  const result = await probed(url, '--for', '30s');
  return result.report.streams.every(({ suspects }) => suspects?.length > 0) ? result : probed(url, '--for', '30s');
}

function assertCutBy(party, seconds, { code, report, by }) {
  assert.deepEqual(verdicts(by), all('cut'), JSON.stringify(report, null, 1));
  assert.equal(code, 1);
  for (const stream of report.streams) {
    assert.ok(stream.suspects.length > 0, JSON.stringify(report, null, 1));
    assert.equal(stream.suspects[0].party, party, JSON.stringify(stream));
    assert.equal(stream.suspects[0].seconds, seconds);
    assert.ok(stream.what_to_do.length > 0);
  }
}

/** curl over HTTP/1.1 sends a head, then a body: does what it listens to end within a second? */
function endsAtOnce(url) {
  const message = messageOf('subscriptions/listen', { notifications: { toolsListChanged: true } });
  const headers = Object.entries(headersOf(message)).flatMap(([name, value]) => ['-H', `${name}: ${value}`]);
  return new Promise((resolve, reject) => {
    execFile('curl', ['-sk', '--http1.1', '-m', '1', '-d', JSON.stringify(message), ...headers, `${url}/mcp`], (error) => {
      if (error && error.code !== 28) reject(error);
      else resolve(error === null);
    });
  });
}

/** What makes each bad: changes in its file. Apache buffers nothing, whatever it is told: it sends on what it has when no more has come. */
const bad = {
  nginx: {
    party: 'nginx', timeout: [['proxy_read_timeout 1h', 'proxy_read_timeout 6s']],
    buffers: [['proxy_buffering off;', 'proxy_ignore_headers X-Accel-Buffering;']],
    compresses: [['gzip off;', 'gzip on; gzip_types text/event-stream; gzip_proxied any; gzip_min_length 0;']],
  },
  apache: {
    party: 'Apache httpd', timeout: [['timeout=3600', 'timeout=6']], compresses: [['SetEnv no-gzip 1', 'SetOutputFilter DEFLATE']],
  },
  caddy: {
    party: 'Caddy', timeout: [['flush_interval -1', 'flush_interval -1\n\t\ttransport http {\n\t\t\tread_timeout 6s\n\t\t}']],
    buffers: [['flush_interval -1', 'buffer_responses']],
  },
};

// Some at a time: each waits for the most part. On a machine that is busy elsewhere too many would see their own delays.
describe('mgw probe', { concurrency: 4 }, () => {
  test('nothing cuts what has keep-alives, where mgw is asked directly', async () => {
    const result = await probed(`${gateways.lively.tls}/mcp`, '--for', '8s');
    assertLived(result);
    assert.deepEqual(result.report.on_the_way, []);
    assert.match(result.report.server, /^mgw /);
    assert.ok(result.report.revisions.includes('2025-11-25') && result.report.revisions.includes('2026-07-28'));
    const { count, at_ms: times, interval_ms: interval, least_ms: least, most_ms: most, jitter_ms: jitter } = result.by.get.keep_alives;
    assert.ok(times.length >= 3 && times.length <= count && times.every((t, i) => i === 0 || t > times[i - 1]), `${times}`);
    assert.ok(least <= interval && interval <= most && jitter === Math.max(most - interval, interval - least));
    assert.ok(result.by.get.head_ms >= 0);
    assert.equal(result.by.call.end.how, 'answered');
  });

  test('a load balancer cuts what is silent for 60 s: an AWS ALB is named', async () => {
    const balancer = await kept(startIdleProxy('lb', gateways.silent.tlsPort, LB_MS));
    assertCutBy('an AWS ALB', 60, await probedInTime(`https://localhost:${balancer.port}/mcp`));
  });

  test('a CDN cuts what is silent for 100 s: Cloudflare is named, by its time and its marks', async () => {
    const edge = await kept(Edge.before(gateways.silent.httpPort, CDN_MS));
    const result = await probedInTime(`http://127.0.0.1:${edge.port}/mcp`);
    assertCutBy('Cloudflare', 100, result);
    assert.match(result.by.get.known_by, /cf-ray/i);
    assert.deepEqual(result.report.on_the_way, ['Cloudflare']);
  });

  test('a CDN answers 524, where the server has sent no head in 100 s: Cloudflare is named', async () => {
    const server = await kept(FaultServer.start());
    server.faults.GET = fault.hang;
    const edge = await kept(Edge.before(server.port, CDN_MS));
    const { code, by } = await probed(`http://127.0.0.1:${edge.port}/mcp`, '--for', '30s');
    assert.equal(code, 1);
    assert.equal(by.get.verdict, 'cut');
    assert.match(by.get.what, /^answered with HTTP 524 after .* of silence, before a head: as Cloudflare with its timeout of 100 s does$/);
  });

  test('neither cuts what has keep-alives', async () => {
    const balancer = await kept(startIdleProxy('lb', gateways.lively.httpPort, LB_MS));
    const edge = await kept(Edge.before(balancer.port, CDN_MS));
    assertLived(await probed(`http://127.0.0.1:${edge.port}/mcp`, '--for', '12s'));
  });

  test('without keep-alives and without anybody who cuts, the silence is told, and who would cut it', async () => {
    const { code, by } = await probed(`${gateways.silent.tls}/mcp`, '--for', '9s');
    assert.equal(code, 1);
    assert.deepEqual(verdicts(by), all('silent'));
    assert.match(by.get.known_by, /cuts what is silent for 50 s/);
  });

  test('too short a watch blames nobody: 4, and what to pass', async () => {
    const { code, report, by } = await probed(`${gateways.silent.tls}/mcp`, '--for', '2s');
    assert.deepEqual(verdicts(by), all('unclear'), JSON.stringify(report, null, 1));
    assert.equal(code, 4);
    assert.equal(report.lived, null);
    assert.match(by.get.what_to_do, /^watch for longer: --for 12s$/);
    const { text } = await probe(`${gateways.silent.tls}/mcp`, '--for', '2s');
    assert.match(text, /^verdict: the watch was too short to tell: all 5 streams had no keep-alive yet \(watched for 2\.\d s\)$/m);
  });

  for (const [name, { party, timeout, buffers, compresses }] of Object.entries(bad)) {
    test(`${name} as deploy/proxies configures it: all streams live, and it is seen`, async () => {
      const proxy = await kept(startProxy(name, gateways.lively.httpPort));
      const result = await probed(`${proxy.url}/mcp`, '--for', '8s');
      assertLived(result);
      assert.deepEqual(result.report.on_the_way, [party]);
      for (const stream of result.report.streams) assert.equal(stream.compressed, null);
    });

    test(`${name} as deploy/proxies configures it: bodies of 2 MB pass, and the client's own X-Forwarded-For is not believed`, async () => {
      const proxy = await kept(startProxy(name, gateways.lively.httpPort));
      const from = gateways.lively.haproxy.lines.length;
      const agent = `forger-of-${name}`;
      const { status } = await ask(proxy.url, '/mcp', {
        method: 'POST', headers: { 'content-type': 'application/json', 'user-agent': agent, 'x-forwarded-for': '192.0.2.77' }, body: `"${'x'.repeat(2 << 20)}"`,
      });
      assert.equal(status, 400, 'mgw itself must have refused it');
      const line = JSON.parse(await gateways.lively.haproxy.line(new RegExp(agent), { from }));
      assert.equal(line.client, '127.0.0.1');
    });

    test(`${name} with a timeout of 60 s, before a server without keep-alives: it is named`, async () => {
      const proxy = await kept(startProxy(name, gateways.silent.httpPort, timeout));
      const result = await probedInTime(`${proxy.url}/mcp`);
      assertCutBy(party, 60, result);
      assert.match(result.by.get.known_by, /its head says "server: /i);
      assert.match(result.by.get.what_to_do, /deploy\/proxies\//);
    });

    if (buffers) {
      test(`${name} that buffers: that is told, and how it is known, and what to do`, async () => {
        const proxy = await kept(startProxy(name, gateways.lively.httpPort, buffers));
        const { code, report, by } = await probed(`${proxy.url}/mcp`, '--for', '8s');
        assert.equal(code, 1);
        assert.deepEqual(verdicts(by), all('buffered'), JSON.stringify(report, null, 1));
        assert.equal(by.get.buffered, 'no_head');
        assert.match(by.call.buffered, /^(keep_alives_came_at_once|progress_came_with_the_answer)$/);
        for (const stream of report.streams) assert.ok(stream.what_to_do.startsWith(`${party}: `), stream.what_to_do);
      });
    }

    if (compresses) {
      test(`${name} that compresses: that is told`, async () => {
        const proxy = await kept(startProxy(name, gateways.lively.httpPort, compresses));
        const { by } = await probed(`${proxy.url}/mcp`, '--for', '8s');
        for (const stream of Object.values(by)) {
          assert.equal(stream.compressed, 'gzip');
          assert.match(stream.what, /compressed \(gzip\)/);
          assert.match(stream.what_to_do, /text\/event-stream/);
        }
      });
    }
  }

  test('a server of Streamable HTTP without keep-alives: what it offers, and that it is silent', async () => {
    const server = await kept(startEverything());
    const { code, by } = await probed(server.url, '--for', '7s');
    assert.equal(code, 1);
    assert.equal(by.get.verdict, 'silent');
    assert.equal(by.call.verdict, 'silent', 'its slow tool was found');
    assert.deepEqual([by.sse.verdict, by.listen.verdict, by.call_stateless.verdict], ['none', 'none', 'none']);
  });

  test('a server of HTTP+SSE', async () => {
    const server = await kept(startEverything(undefined, 'sse'));
    const { code, by } = await probed(server.url, '--for', '7s');
    assert.equal(code, 1);
    assert.equal(by.sse.verdict, 'silent');
    assert.equal(by.sse.buffered, null, 'what is sent on it comes at once');
    assert.deepEqual([by.get.verdict, by.call.verdict, by.listen.verdict], ['none', 'none', 'none']);
  });

  test('for people: a verdict, who did it, how that is known, and what to do once', async () => {
    const proxy = await kept(startProxy('nginx', gateways.silent.httpPort, bad.nginx.timeout));
    const { code, text } = await probe(`${proxy.url}/mcp`, '--for', '30s');
    assert.equal(code, 1);
    assert.match(text, /^on the way  nginx \(Server: nginx\/[\d.]+\)$/m);
    assert.match(text, /^GET of Streamable HTTP: cut$/m);
    assert.match(text.replace(/\s+/g, ' '), /of silence: as nginx with its default proxy_read_timeout does/);
    assert.match(text, /^verdict: this way does NOT keep streams alive: all 5 streams were cut \(watched for [\d.]+ s\)$/m);
    assert.equal(text.match(/^what to do: /gm).length, 1);
  });
});

// Behind the others, whose times it would change.
describe('streams that begin at once do not end at once', () => {
  for (const name of Object.keys(bad)) {
    test(`${name}, as deploy/proxies configures it`, async () => {
      const proxy = await kept(startProxy(name, gateways.lively.httpPort));
      let n = 0;
      for (let i = 0; i < 5; i++) n += (await Promise.all(Array.from({ length: 60 }, () => endsAtOnce(proxy.url)))).filter(Boolean).length;
      assert.ok(n <= 2, `${n} of 300`); // Caddy 2.6, as it comes: about 15
    });
  }
});
