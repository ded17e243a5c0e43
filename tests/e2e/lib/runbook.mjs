// Pages of docs/operations as tests read them: blocks of commands with what they print, tables, quoted lines of the log.

import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { top } from './gateway.mjs';

export const runbooks = path.join(top, 'docs/operations');

/** Of each block of ```console: { command, output }, the output as the page has it. */
export function consoles(text) {
  const all = [];
  for (const [, block] of text.matchAll(/^```console\n([\s\S]*?)^```$/gm)) {
    for (const line of block.trimEnd().split('\n')) {
      if (line.startsWith('$ ')) all.push({ command: line.slice(2), output: [] });
      else all.at(-1).output.push(line);
    }
  }
  return all.map(({ command, output }) => ({ command, output: output.join('\n') }));
}

/** Puts what commands have printed behind them. */
export function withOutputs(text, outputOf) {
  return text.replace(/^```console\n([\s\S]*?)^```$/gm, (_, block) => {
    const commands = block.split('\n').filter((line) => line.startsWith('$ '));
    return `\`\`\`console\n${commands.map((line) => [line, outputOf(line.slice(2))].filter(Boolean).join('\n')).join('\n')}\n\`\`\``;
  });
}

// What is another each time: times, ids, tokens, numbers; in lines that are equal but for these.
const varies = [
  [/mgw_[\w-]{43}/g, 'TOKEN'],
  [/\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/g, 'UUID'],
  [/\b\d{4}-\d\d-\d\dT[\d:.]+Z?/g, 'TIME'],
  [/^date: .*/, 'date: TIME'],
  [/(onnected: )[\w-]+/g, '$1ID'],
  [/\d+/g, 'N'],
  [/ +/g, ' '],
];

/** What of an output must be the same each time: its lines, each once. */
export function shapeOf(output) {
  const lines = output.split('\n').map((line) => varies.reduce((l, [what, by]) => l.replace(what, by), line).trim());
  return [...new Set(lines)].filter((line) => line !== '');
}

/** Runs a command of a page by bash, in `dir`, and returns what it printed, errors too. */
export function runCommand(command, { dir, env }) {
  const { stdout, error } = spawnSync('bash', ['-c', `exec 2>&1\n${command}`], { cwd: dir, env, encoding: 'utf8', timeout: 20000 });
  if (error) throw error;
  return stdout.replaceAll('\r', '').trimEnd();
}

/** Programs of places that are not here, which print what is in the log: `aws logs tail`, `journalctl`, `docker compose logs`. */
export function writeStandIns(dir, { text, json, mgw }) {
  fs.mkdirSync(dir, { recursive: true });
  const program = (name, script) => fs.writeFileSync(path.join(dir, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  const refuse = 'echo "this stand-in knows no such command: $0 $*" >&2; exit 64';
  // As the AWS CLI prints --format short: when it came, then the line.
  program('aws', `case "$*" in "logs tail /mgw/mgw --since "*" --format short") sed 's/^/2026-11-30T12:00:00 /' '${text}' ;; *) ${refuse} ;; esac`);
  program('journalctl', `case "$*" in "-u mgw -o cat") cat '${text}' ;; *) ${refuse} ;; esac`);
  program('docker', `case "$*" in "compose logs --no-log-prefix mgw") cat '${json}' ;; *) ${refuse} ;; esac`);
  fs.symlinkSync(mgw, path.join(dir, 'mgw'));
}

/** Every text of the program's sources, its conversions (%s) and what the preprocessor puts between them as blanks of any length. */
export function literalsOf() {
  const files = execFileSync('git', ['ls-files', '-co', '--exclude-standard', '--', 'app/*.c'], { cwd: top, encoding: 'utf8' }).trim().split('\n');
  return files.map((file) => fs.readFileSync(path.join(top, file), 'utf8')
    .replace(/"\s*(PRI[a-z]?\d\d)\s*"/g, '')
    .replace(/"\s*\n\s*"/g, '')).join('\n');
}
