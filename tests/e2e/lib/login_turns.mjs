// What may come between two steps of a login at a gateway of startLogin(): mgw ends and begins anew, reads its configuration again,
// or another process takes over.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import { assertClean, waitFor } from './gateway.mjs';

const restart = (signal) => async ({ gateway }) => {
  await gateway.mgw.stop(signal);
  gateway.mgw = await gateway.startMgw();
  await waitFor(() => fetch(`${gateway.url}/ready`).then((r) => r.ok, () => false), 'HAProxy to know that it is back');
};

/** change: of the configuration's auth.login, by default one of no weight. */
export async function reload({ gateway }, change = (login) => { login.browser_s = (login.browser_s ?? 28800) - 1; }) {
  const file = `${gateway.dir}/mgw.json`;
  const config = JSON.parse(fs.readFileSync(file, 'utf8'));
  change(config.gateway.auth.login);
  fs.writeFileSync(file, JSON.stringify(config));
  const from = gateway.mgw.lines.length;
  gateway.mgw.child.kill('SIGHUP');
  await gateway.mgw.line(/configuration read again/, { from });
}

/** Returns the process that goes. */
export const replace = ({ gateway }) => gateway.replace();

async function replaceAndWait(login) {
  const old = await replace(login);
  assert.deepEqual(await old.exited, { code: 0, signal: null }, old.tail());
  assertClean(old);
}

export const turns = { SIGTERM: restart('SIGTERM'), SIGKILL: restart('SIGKILL'), SIGHUP: reload, '--replace': replaceAndWait };
