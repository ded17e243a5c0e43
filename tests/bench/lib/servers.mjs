// What is measured: (keepalive in seconds) => what startChain() takes.

import fs from 'node:fs';
import path from 'node:path';

import { mgwBinary, programs } from './system.mjs';

export const mgw = (env = {}, args = []) => (keepalive) => ({
  name: 'mgw', command: () => [mgwBinary, ...args], env: { MGW_KEEPALIVE_S: String(keepalive), ...env },
});

/** mgw with these servers configured. */
export const mgwWith = (dir, name, servers, env) => {
  const file = path.join(dir, `${name}.json`);
  fs.writeFileSync(file, JSON.stringify({ mcpServers: servers }));
  return mgw(env, ['--config', file]);
};

/** A program of tests/bench that answers by itself. */
export const baseline = (name) => (keepalive) => ({
  name, command: (socket) => [path.join(programs, name), socket, String(keepalive * 1000)],
});

/** The floor of calls to an HTTP upstream. */
export const relay = (upstream) => () => ({ name: 'relay', command: (socket) => [path.join(programs, 'relay'), socket, String(upstream.port)] });
