// A crowd of clients, six upstreams, and a hand that pulls plugs: nobody gets a wrong answer, everybody gets one in time,
// and when all have left nothing stays behind. MGW_CROWD_SEED repeats what clients and hand do.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { RawClient, SdkClient } from './crowd_client.mjs';
import { CrowdServer } from './crowd_server.mjs';
import { trustingFetch } from './clients.mjs';
import { asOperator, startGateway, waitFor } from './gateway.mjs';
import { Random } from './random.mjs';

const SDK_CLIENTS = 20;
const CHILDREN_MAX = 120;
/** All clients are there after so long: a crowd that comes in one moment is another test. */
const COMING_MS = 4000;
/** No call takes longer, whatever happens. */
const LIMIT_MS = 20000;
/** How long a server may be out of reach after what was done to it: mgw tries it again once a second and more. */
const RECOVERY_MS = 5000;

/** Children are one a session: those over CHILDREN_MAX are missing, and it is said. */
function childEntry(name, mark) {
  return { command: 'sh', args: [path.join(import.meta.dirname, 'crowd_child.sh'), name, mark] };
}

const hash = (text) => [...text].reduce((h, c) => Math.imul(h ^ c.charCodeAt(0), 0x01000193), 0x811c9dc5);

class Crowd {
  static async start({ seed, pauseMs }) {
    const crowd = new Crowd();
    Object.assign(crowd, { seed, pauseMs, limitMs: LIMIT_MS, counts: {}, wrongs: [], mark: `crowd-${process.pid}` });
    crowd.http = await Promise.all(['steady', 'red', 'green', 'blue'].map((name) => CrowdServer.start(name)));
    crowd.http[0].isSteady = true;
    crowd.children = [{ name: 'drum', child: true, isSteady: true }, { name: 'pipe', child: true }];
    crowd.servers = [...crowd.http, ...crowd.children];
    crowd.gateway = await startGateway({
      config: {
        mcpServers: Object.fromEntries(crowd.servers.map(({ name, url }) => [name, url ? { url } : childEntry(name, crowd.mark)])),
      },
      settings: { UPSTREAM_GRACE_MS: 20000, UPSTREAM_RETRY_S: 0.1, UPSTREAM_RETRY_MAX_S: 1, SESSION_IDLE_S: 4, CHILDREN_MAX, CHILDREN_PER_USER_MAX: 0, CALLS_PER_USER_S: 0, KEEPALIVE_S: 1 },
      haproxy: { MGW_ADDRESS_REQUESTS: 1000000, MGW_ADDRESS_STREAMS: 10000, MGW_ADDRESS_CONNECTIONS: 10000 },
    });
    crowd.url = crowd.gateway.url;
    crowd.tls = crowd.gateway.tls;
    crowd.fetches = [trustingFetch(), trustingFetch({ http2: true })];
    crowd.before = crowd.held();
    return crowd;
  }

  random(name) {
    return new Random(this.seed ^ hash(name));
  }

  count(what) {
    this.counts[what] = (this.counts[what] ?? 0) + 1;
  }

  wrong(text) {
    this.wrongs.push(text);
  }

  /** An answer is that of the call, or an error that names the server which is out of order. */
  outcome(client, { server, token, how, started }, { result, error }) {
    const what = `${client.name}: ${token} at ${server.name} (${how})`;
    if (result) {
      const isRight = result.content?.[0]?.text === `${server.name} ${token}` && !result.isError;
      this.count('answered');
      if (!isRight) this.wrong(`${what}: the answer is ${JSON.stringify(result)}`);
      return;
    }
    const [, named, why] = /(?:^|: )upstream (\w+): (.*)$/.exec(error?.message) ?? [];
    const isDisturbed = server.disturbed > started - RECOVERY_MS || (how === 'ask' && server.forgotten > started);
    const isOverCap = server.child && why === `${CHILDREN_MAX} children run already (children_max)`;
    this.count(isOverCap ? 'without a child' : 'failed');
    if (named !== server.name || !(isDisturbed || isOverCap)) this.wrong(`${what}: ${JSON.stringify(error)} ${error?.message}`);
  }

  async run(clients, seconds) {
    const until = Date.now() + seconds * 1000;
    const all = Array.from({ length: clients }, (_, i) => (i < SDK_CLIENTS
      ? new SdkClient(this, `sdk${i}`, i % 2 ? 'http' : 'sse', this.fetches[(i >> 1) % 2])
      : new RawClient(this, `raw${i}`)));
    await Promise.all([this.#disturb(until), ...all.map((client, i) => sleep(COMING_MS * (i / clients)).then(() => client.run(until)))]);
  }

  async #disturb(until) {
    const random = this.random('the hand');
    const shaken = this.http.filter((server) => !server.isSteady);
    while (Date.now() < until - 2000) {
      await sleep(random.below(300));
      const server = random.of(shaken);
      const deed = random.weighted({ restart: 2, cut: 2, forget: 2, kill: 4, shout: 8 });
      this.count(deed);
      if (deed === 'shout') random.of(this.http).shout(random);
      else if (deed === 'forget') this.#forget(server);
      else await this.#hurt(deed, deed === 'kill' ? this.children[1] : server, random);
    }
  }

  /** Nobody may notice, but for a call that finds its session lost twice in a row. */
  #forget(server) {
    if (Math.max(server.forgotten ?? 0, server.disturbed ?? 0) > Date.now() - 10000) server.disturbed = Date.now();
    server.forgotten = Date.now();
    server.forget();
  }

  async #hurt(deed, server, random) {
    server.disturbed = Date.now();
    if (deed === 'restart') {
      await server.stop();
      await sleep(random.below(500));
      await server.listen();
    } else if (deed === 'cut') {
      server.cut();
    } else {
      const children = this.#childProcesses().filter(({ args, parent }) => args.includes(server.name) && parent === this.gateway.mgw.pid);
      if (children.length > 0) process.kill(random.of(children).pid, 'SIGKILL');
    }
    server.disturbed = Date.now();
  }

  #childProcesses() {
    return fs.readdirSync('/proc').filter((pid) => /^\d+$/.test(pid)).flatMap((pid) => {
      try {
        const args = fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
        const parent = Number(fs.readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ')[1]);
        return args.includes(this.mark) ? [{ pid: Number(pid), parent, args }] : [];
      } catch {
        return []; // it has just ended
      }
    });
  }

  held() {
    return fs.readdirSync(`/proc/${this.gateway.mgw.pid}/fd`).length;
  }

  async #metrics() {
    const text = await (await fetch(`${this.gateway.stats}/metrics`, { headers: asOperator })).text();
    return Object.fromEntries([...text.matchAll(/^mgw_(\w+) (\d+)$/gm)].map(([, name, value]) => [name, Number(value)]));
  }

  #cpuTicks() {
    const fields = fs.readFileSync(`/proc/${this.gateway.mgw.pid}/stat`, 'utf8').split(') ')[1].split(' ');
    return Number(fields[11]) + Number(fields[12]);
  }

  /** What every crowd must leave behind: nothing. */
  async leaveNothing() {
    let now;
    await waitFor(async () => {
      now = await this.#metrics();
      return now.streams + now.sessions + now.calls === 0;
    }, 'streams, sessions and calls to be gone', 20000, new Set(), () => JSON.stringify(now));
    await waitFor(() => this.http.every(({ sessions }) => sessions.size === 0), 'the upstreams to be left', 10000, new Set(),
      () => this.http.map(({ name, sessions }) => `${name}: ${sessions.size}`).join());
    await waitFor(() => this.#childProcesses().length === 0, 'the children to be gone');
    // The keeper of children has come since.
    await waitFor(() => this.held() <= this.before + 1, 'the descriptors to be closed', 20000, new Set(),
      () => fs.readdirSync(`/proc/${this.gateway.mgw.pid}/fd`).map((fd) => {
        try {
          return fs.readlinkSync(`/proc/${this.gateway.mgw.pid}/fd/${fd}`);
        } catch {
          return '';
        }
      }).join('\n'));
    const ticks = this.#cpuTicks();
    await sleep(1000);
    assert.ok(this.#cpuTicks() - ticks <= 3, `mgw is busy with nothing: ${this.#cpuTicks() - ticks} ticks in a second`);
  }

  async stop() {
    await Promise.all(this.fetches.map((f) => f.close()));
    await this.gateway.stop();
    await Promise.all(this.http.map((server) => server.stop()));
  }
}

export async function crowdProof(t, { clients, seconds, pauseMs }) {
  const seed = Number(process.env.MGW_CROWD_SEED ?? Math.floor(Math.random() * 2 ** 31));
  const name = `MGW_CROWD_SEED=${seed}`;
  t.diagnostic(name);
  const crowd = await Crowd.start({ seed, pauseMs });
  await crowd.run(clients, seconds);
  t.diagnostic(JSON.stringify(crowd.counts));
  const show = () => `${name}: ${crowd.wrongs.length} wrong:\n${crowd.wrongs.slice(0, 20).join('\n')}`;
  assert.equal(crowd.wrongs.length, 0, show());
  const twice = crowd.http.flatMap(({ calls }) => [...calls].filter(([, n]) => n > 1));
  assert.deepEqual(twice, [], `${name}: calls that came twice`);
  assert.ok(crowd.counts.answered > clients, `${name}: too little was asked: ${JSON.stringify(crowd.counts)}`);
  await crowd.leaveNothing();
  await crowd.stop();
}
