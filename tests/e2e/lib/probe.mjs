// `mgw probe` and `mgw inspect`, run to their end.

import { Program, mgwRelease, mgwSanitized, testCertificate } from './gateway.mjs';

/** Ten times faster than life: 6 s stand for 60 s, 10 s for 100 s. */
export const SCALE = 10;

// What measures is the release build: its own delays count.
async function run(args, env, bin = mgwSanitized) {
  const program = new Program(args[0], bin, args, { env: { ...process.env, MGW_TOKEN: '', ...env } });
  const { code } = await program.exited;
  return { code, text: program.lines.join('\n') };
}

/** Returns { code, text }. */
export const probe = (url, ...args) => run(['probe', url, '--ca', testCertificate().cert, '--scale', String(SCALE), ...args], {}, mgwRelease);
export const inspect = (url, ...args) => run(['inspect', url, '--ca', testCertificate().cert, ...args]);
export const command = (args, env) => run(args, env);

/** The same as JSON: { code, report, by: stream of each kind }. */
export async function probed(url, ...args) {
  const { code, text } = await probe(url, '--json', ...args);
  const report = JSON.parse(text);
  return { code, report, by: Object.fromEntries((report.streams ?? []).map((stream) => [stream.kind, stream])) };
}

/** The kinds that mgw offers, by what became of them. */
export const verdicts = (by) => Object.fromEntries(Object.values(by).map(({ kind, verdict }) => [kind, verdict]));
export const all = (verdict) => ({ get: verdict, sse: verdict, call: verdict, call_stateless: verdict, listen: verdict });
