// docker-compose.yml as a user meets it: brought up, looked into, taken down. The engine is the environment's.

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import assert from 'node:assert/strict';
import { adminSecret, freePort, Program, top } from '../e2e/lib/gateway.mjs';

const run = promisify(execFile);
const [composeProgram, ...composeArgs] = process.env.MGW_COMPOSE.split(' ');

export async function startProject() {
  const [tlsPort, httpPort, statsPort] = [await freePort(), await freePort(), await freePort()];
  const project = {
    ports: { 8443: tlsPort, 8080: httpPort, 8404: statsPort },
    tls: `https://localhost:${tlsPort}`,
    url: `http://127.0.0.1:${httpPort}`,
    stats: `http://127.0.0.1:${statsPort}`,
    env: { ...process.env, MGW_TLS_PORT: tlsPort, MGW_HTTP_PORT: httpPort, MGW_STATS_PORT: statsPort, MGW_ADMIN_SECRET: adminSecret },
    /** docker compose ARGS; its standard output. */
    compose: async (...args) => {
      const { stdout } = await run(composeProgram, [...composeArgs, ...args], { cwd: top, env: project.env, timeout: 120000 });
      return stdout;
    },
    /** A command inside a service's container. */
    inside: (service, ...command) => project.compose('exec', '-T', service, ...command),
    inspect: async (service) => {
      const id = (await project.compose('ps', '-q', service)).trim();
      assert.notEqual(id, '', `${service} has a container`);
      return JSON.parse(await docker('inspect', id))[0];
    },
    /** The log of a service's container, followed. */
    follow: async (service) => new Program(service, 'docker', ['logs', '-f', (await project.inspect(service)).Id]),
    /** docker compose up, with further settings; until both containers are healthy. */
    up: async (settings = {}) => {
      Object.assign(project.env, settings);
      const since = String(Math.floor(Date.now() / 1000));
      await project.compose('up', '-d');
      const ids = [(await project.inspect('haproxy')).Id, (await project.inspect('mgw')).Id];
      const events = new Program('docker events', 'docker', ['events', '--since', since, '--format', '{{.ID}} {{.Status}}',
        '--filter', 'event=health_status']);
      for (const id of ids) await events.line(new RegExp(`^${id} health_status: healthy`), { timeoutMs: 40000 });
      await events.stop();
    },
  };
  return project;
}

export async function docker(...args) {
  const { stdout } = await run('docker', args, { timeout: 60000 });
  return stdout;
}
