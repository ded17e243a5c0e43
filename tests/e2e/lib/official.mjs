// Runs the official scenarios for servers: @modelcontextprotocol/conformance, in two versions.

import fs from 'node:fs';
import path from 'node:path';
import { Program, top } from './gateway.mjs';

const modules = path.join(top, 'tests/e2e/node_modules');
export const node = path.join(modules, '.bin/node');
/** Up to 2025-11-25. */
export const conformance = path.join(modules, '@modelcontextprotocol/conformance/dist/index.js');
/** Up to 2026-07-28. */
export const conformanceNext = path.join(modules, 'conformance-next/dist/index.js');

/** The scenarios that args choose, against one server: { scenario: its checks }. dir: for what they write. */
export async function runScenarios(script, url, dir, args) {
  const program = new Program('conformance', node, [script, 'server', '--url', url, ...args, '-o', dir]);
  await program.line(/^Total: /, { timeoutMs: 90000 });
  await program.stop();
  return Object.fromEntries(fs.readdirSync(dir).map((entry) => [
    /^server-(.+)-\d{4}-\d\d-\d\dT/.exec(entry)[1], JSON.parse(fs.readFileSync(path.join(dir, entry, 'checks.json'), 'utf8')),
  ]));
}

export const withStatus = (checks, status) => checks.filter((check) => check.status === status).map((check) => check.id);
