// What it costs to be seen: calls with an audit and sampled traces, beside calls without, by turns. Metrics are always on.

import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';

import { callsOf, byTurns, together } from './measure.mjs';
import { mgw } from './servers.mjs';

/** As in lib/callers.mjs: small differences are in question. */
const TURNS = 15;
const SAMPLE = 0.01;

function specOf(dir, name, gateway) {
  const file = path.join(dir, `${name}.json`);
  fs.writeFileSync(file, JSON.stringify({ mcpServers: {}, gateway }));
  return mgw({}, ['--config', file]);
}

/** A collector that takes all, and counts. */
async function startCollector() {
  const collector = { batches: 0 };
  const server = http.createServer((req, res) => {
    req.resume().on('end', () => {
      collector.batches++;
      res.setHeader('Content-Type', 'application/json').end('{}');
    });
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  collector.url = `http://127.0.0.1:${server.address().port}/v1/traces`;
  collector.stop = () => new Promise((resolve) => server.close(resolve).closeAllConnections());
  return collector;
}

/** { plain, observed }: what callsOf() has of each. */
export async function measureObserved({ dir }) {
  const collector = await startCollector();
  const audit = path.join(dir, 'audit.jsonl');
  const observed = { audit: { file: audit }, traces: { url: collector.url, sample: SAMPLE } };
  try {
    return await together([specOf(dir, 'plain', {}), specOf(dir, 'observed', observed)], dir, async (chains) => {
      for (const chain of chains) await callsOf(chain, 'echo');
      const [plain, seen] = await byTurns(chains, (chain) => callsOf(chain, 'echo'), TURNS);
      if (collector.batches === 0 || fs.statSync(audit).size === 0) throw new Error('nothing was audited, or traced');
      return { plain, observed: seen };
    });
  } finally {
    await collector.stop();
    fs.rmSync(audit, { force: true });
  }
}
