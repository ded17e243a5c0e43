// A machine of its own, whose process 1 is systemd: boot.sh tells what it is made of. What runs there is started from here.

import { execFile, spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { Program, top, waitFor } from '../../e2e/lib/gateway.mjs';

export const made = path.join(top, 'build/packages');
export const release = path.join(made, 'release');
const root = path.join(made, 'root');

const execute = promisify(execFile);

/** Its output and how it ended, whatever that was. */
export const run = (command, args, options) =>
  execute(command, args, { maxBuffer: 1 << 24, timeout: 60000, ...options }).then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    ({ code, stdout, stderr }) => ({ code, stdout, stderr }),
  );

const childOf = (pid) => {
  try {
    return Number(fs.readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ')[0]) || undefined;
  } catch {
    return undefined;
  }
};
const nameOf = (pid) => fs.readFileSync(`/proc/${pid}/comm`, 'utf8').trim();

/** A machine, or { cannot }: why this one can have none. What is in `share` is in /srv there. */
export async function startMachine(share) {
  const boot = new Program('machine', path.join(import.meta.dirname, 'boot.sh'), [root, share]);
  let pid;
  await waitFor(() => {
    const child = childOf(boot.pid);
    pid = child && childOf(child);
    return boot.exit || (pid && nameOf(pid) === 'systemd');
  }, 'systemd to be there');
  if (boot.exit?.code === 77) return { cannot: boot.lines.join(' ') };
  if (boot.exit) throw new Error(`no machine: ${boot.lines.join('\n')}`);
  const inside = (...command) => ['nsenter', ['-t', String(pid), '-a', ...command]];
  const machine = {
    /** A shell's command there. */
    sh: (command) => run(...inside('env', '-i', 'PATH=/usr/sbin:/usr/bin:/sbin:/bin', 'DEBIAN_FRONTEND=noninteractive', 'sh', '-c', command)),
    /** One that must succeed: its output. */
    out: async (command) => {
      const { code, stdout, stderr } = await machine.sh(command);
      if (code !== 0) throw new Error(`${command}: ${code}\n${stdout}${stderr}`);
      return stdout;
    },
    start: (command) => spawn(...inside('sh', '-c', command), { stdio: ['pipe', 'pipe', 'inherit'] }),
    write: (file, text) => new Promise((resolve, reject) => {
      const cat = machine.start(`cat >'${file}'`);
      cat.on('close', (code) => (code === 0 ? resolve() : reject(new Error(`${file} cannot be written there`))));
      cat.stdin.end(text);
    }),
    log: (unit) => machine.out(`journalctl --no-pager -o cat -u ${unit}`),
    stop: async () => {
      process.kill(pid, 'SIGKILL');
      await boot.exited;
    },
  };
  await waitFor(async () => (await machine.sh('test -S /run/systemd/private')).code === 0, 'systemd to listen');
  const state = await machine.sh('systemctl is-system-running --wait');
  if (state.stdout.trim() !== 'running') {
    const failed = await machine.sh('systemctl --failed --no-legend');
    await machine.stop();
    throw new Error(`the machine is ${state.stdout.trim()}: ${failed.stdout}`);
  }
  return machine;
}
