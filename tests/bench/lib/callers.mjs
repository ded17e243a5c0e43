// What it costs to know who calls, and what they may: a token of the file, one of an issuer (JWT), and each with a policy. All stand
// behind HAProxy and are measured by turns; that a figure is compared with another's of the same run is the point.

import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';

import { OidcProvider } from '../../e2e/lib/oidc.mjs';
import { callsOf, byTurns, together } from './measure.mjs';
import { mgw } from './servers.mjs';

const PUBLIC_URL = 'https://mcp.example.com';
const FILE_TOKEN = 'mgw_ada_0123456789abcdef';
const EMAIL = 'ada@example.com';
/** Of which the last decides. */
const RULES = 20;
/** Shorter turns than the other rows have, and more of them: small differences are in question. */
const TURNS = 15;

const policy = {
  rules: [
    ...Array.from({ length: RULES - 1 }, (_, i) => ({ who: [`group:team-${i}`, '@example.com'], allow: { tools: [`team_${i}_*`] } })),
    { who: ['@example.com'], allow: { servers: ['gateway'] } },
  ],
};

function specOf(dir, name, gateway, withPolicy) {
  const file = path.join(dir, `${name}.json`);
  fs.writeFileSync(file, JSON.stringify({ mcpServers: {}, gateway, ...(withPolicy && { policy }) }));
  return mgw({}, ['--config', file]);
}

/** { file, jwt, file_policy, jwt_policy }: what callsOf() has of each. */
export async function measureCallers({ dir }) {
  const tokens = path.join(dir, 'callers.json');
  fs.writeFileSync(tokens, JSON.stringify({ users: [{ email: EMAIL, sha256: createHash('sha256').update(FILE_TOKEN).digest('hex') }] }), { mode: 0o600 });
  const provider = await OidcProvider.start({ alg: 'ES256' });
  const now = Math.floor(Date.now() / 1000);
  const jwt = await provider.sign({ iss: provider.issuer, aud: `${PUBLIC_URL}/mcp`, sub: 'ada', email: EMAIL, email_verified: true, iat: now, exp: now + 3600 });
  const byFile = { auth: { tokens_file: tokens } };
  const byIssuer = { public_url: PUBLIC_URL, auth: { jwt: [{ issuer: provider.issuer }] } };
  const kinds = [
    ['file', byFile, FILE_TOKEN, false], ['jwt', byIssuer, jwt, false], ['file_policy', byFile, FILE_TOKEN, true], ['jwt_policy', byIssuer, jwt, true],
  ];
  try {
    return await together(kinds.map(([name, gateway, , withPolicy]) => specOf(dir, name, gateway, withPolicy)), dir, async (chains) => {
      for (const [at, chain] of chains.entries()) {
        await chain.load.run(`token ${kinds[at][2]}`);
        await callsOf(chain, 'echo');
      }
      const figures = await byTurns(chains, (chain) => callsOf(chain, 'echo'), TURNS);
      return Object.fromEntries(kinds.map(([name], at) => [name, figures[at]]));
    });
  } finally {
    await provider.stop();
  }
}
