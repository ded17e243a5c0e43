// What the matrices stand on: the upstreams, the gateway's clients behind taps, and the words that were written down.

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { startGateway } from '../gateway.mjs';
import { Features } from './features.mjs';
import { RestServer } from './rest_server.mjs';
import { startServer1 } from './server1.mjs';
import { startServer2 } from './server2.mjs';
import { features, play } from './squares.mjs';
import { tableOf } from './table.mjs';
import { HttpTap, Judge, judgeRecords } from './tap.mjs';

export const upstreams = [
  { title: '2024-11-05 SSE', name: 'sse', revision: '2024-11-05', path: '/sse' },
  { title: '2025-11-25', name: 'streams', revision: '2025-11-25', path: '/mcp' },
  { title: '2026-07-28', name: 'next', revision: '2026-07-28', path: '/mcp' },
  { title: '2025-11-25 stdio', name: 'pipe', revision: '2025-11-25' },
  { title: '2026-07-28 stdio', name: 'next-pipe', revision: '2026-07-28' },
  { title: 'REST', name: 'rest', revision: null },
];

const description = path.join(import.meta.dirname, '../../data/matrix_rest.json');
const child = path.join(import.meta.dirname, 'child.mjs');

/** What the squares know of an upstream. */
export function seen({ name, revision }, prefix) {
  if (revision !== null) return { name, revision, prefix, tools: new Features(name, revision).tools.map((tool) => tool.name) };
  return { name, revision, prefix, tools: Object.keys(JSON.parse(fs.readFileSync(description)).tools) };
}

export class Stage {
  judges = [];
  #stops = []; // what is to be ended, the last first
  #scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'mgw-matrix-'));

  /** The gateway before all upstreams; what it says to them is judged. */
  async startGateway() {
    const mcpServers = {};
    for (const upstream of upstreams) mcpServers[upstream.name] = await this.startUpstream(upstream, ['client']);
    const gateway = await startGateway({ config: { mcpServers }, settings: { KEEPALIVE_S: 1, ANSWER_GRACE_MS: 200, UPSTREAM_GRACE_MS: 20000 } });
    this.#stops.push(() => gateway.stop());
    return gateway;
  }

  async stop() {
    while (this.#stops.length > 0) await this.#stops.pop()();
    fs.rmSync(this.#scratch, { recursive: true, force: true });
  }

  #judge(place, revision, sides) {
    this.judges.push(new Judge(place, revision, sides));
    return this.judges.at(-1);
  }

  /** The port of a tap before the port. */
  async tapped(port, place, revision, sides) {
    const tap = await HttpTap.startFor(port, this.#judge(place, revision, sides));
    this.#stops.push(() => tap.stop());
    return tap.port;
  }

  /** Returns the upstream's entry of mgw's configuration. sides: whose messages are judged. */
  async startUpstream({ title, name, revision, path: at }, sides) {
    if (at) {
      const server = await (revision === '2026-07-28' ? startServer2(name) : startServer1(name, revision));
      this.#stops.push(() => server.stop());
      return { url: `http://127.0.0.1:${await this.tapped(server.port, `upstream ${title}`, revision, sides)}${at}` };
    }
    if (revision === null) {
      const server = await RestServer.start();
      this.#stops.push(() => server.stop());
      return { rest: description, base_url: `http://127.0.0.1:${server.port}` };
    }
    const directory = fs.mkdtempSync(path.join(this.#scratch, `${name}-`));
    const records = this.#judge(`upstream ${title}`, revision, sides);
    this.#stops.push(() => judgeRecords(directory, records));
    return { command: process.execPath, args: [child, name, revision, directory] };
  }

  /** A client that reaches the gateway through a tap. connect: (url) => the client. */
  async connectThrough(gateway, { title, revision, path: at, connect }) {
    const port = await this.tapped(gateway.httpPort, `client ${title}`, revision, ['server']);
    const client = await connect(new URL(at, `http://127.0.0.1:${port}`));
    this.#stops.push(() => client.close());
    return client;
  }

  /** What is wrong with all that was said; and t is told how much that was. */
  violations(t) {
    for (const { place, counts } of this.judges) t.diagnostic(`${place}: ${counts.client} and ${counts.server} messages`);
    const silent = this.judges.filter(({ counts }) => counts.client <= 10 || counts.server <= 10);
    return [
      ...this.judges.flatMap(({ violations }) => violations), ...silent.map(({ place }) => `${place}: too few messages to have seen all squares`),
    ];
  }
}

/** The words of all squares, which have a client, an upstream and a way between them. */
export class Sheet {
  #played = new Map(); // the title of a square -> feature -> word

  static #titleOf({ client, upstream, way }) {
    return [client.title, upstream.title, way];
  }

  get size() {
    return this.#played.size;
  }

  /** Plays all features, one after the other: over a pipe nothing says which call a question belongs to. */
  async playAll(square, client, upstream) {
    const words = {};
    this.#played.set(Sheet.#titleOf(square).join(), words);
    const failures = [];
    for (const feature of features) {
      try {
        words[feature] = await play(feature, client, upstream);
      } catch (error) {
        words[feature] = 'FAILED';
        failures.push(new Error(`${feature}: ${error.message}`, { cause: error }));
      }
    }
    if (failures.length > 0) throw new AggregateError(failures, failures.map(({ message }) => message).join('\n'));
  }

  print(t, squares) {
    const row = (square) => {
      const words = this.#played.get(Sheet.#titleOf(square).join());
      return [...Sheet.#titleOf(square), ...features.map((feature) => words?.[feature] ?? 'FAILED')];
    };
    for (const line of tableOf([['client', 'upstream', 'through', ...features], ...squares.map(row)])) t.diagnostic(line);
    t.diagnostic('none: a side has no such thing, and whoever asks for it is refused at once');
  }
}
