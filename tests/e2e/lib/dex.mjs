// Dex, an OpenID provider of another make (Go), which tools/test.sh has built, with two people who have passwords.

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { freePort, Program, top, waitFor } from './gateway.mjs';

export const dex = process.env.MGW_TEST_DEX ?? path.join(top, 'build/dex/dex');
export const password = 'password';
const hash = '$2a$10$2b2cU8CPhOTaGrs1HRQuAueS7JTT5ZHsHSzYiFPm1leZck7Mc8T4W'; // of it

/** people: { name: [groups] }; client: { client_id, client_secret }, which may be led back to redirect. */
export async function startDex({ redirect, client, people }) {
  const port = await freePort();
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'mgw-dex-'));
  const issuer = `http://127.0.0.1:${port}/dex`;
  const config = {
    issuer, storage: { type: 'memory' }, web: { http: `127.0.0.1:${port}` }, oauth2: { skipApprovalScreen: true }, enablePasswordDB: true,
    staticClients: [{ id: client.client_id, secret: client.client_secret, name: 'mgw', redirectURIs: [redirect] }],
    staticPasswords: Object.entries(people).map(([name, groups]) => ({
      email: `${name}@example.com`, username: name, userID: `id-of-${name}`, hash, groups, emailVerified: true,
    })),
  };
  // YAML is a superset of JSON.
  fs.writeFileSync(path.join(dir, 'dex.yaml'), JSON.stringify(config));
  const program = new Program('dex', dex, ['serve', path.join(dir, 'dex.yaml')]);
  await waitFor(() => fetch(`${issuer}/.well-known/openid-configuration`).then((r) => r.ok, () => false), 'Dex to answer', 30000, new Set(), () => program.tail());
  return {
    issuer, program,
    stop: async () => {
      await program.stop();
      fs.rmSync(dir, { recursive: true, force: true });
    },
  };
}
