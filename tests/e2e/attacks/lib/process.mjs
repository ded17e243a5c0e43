// What the kernel says of a process.

import fs from 'node:fs';

const read = (pid, file) => fs.readFileSync(`/proc/${pid}/${file}`, 'utf8');
const TICKS_A_SECOND = 100; // USER_HZ, the same on every Linux

/** Seconds on a core, its children not counted. */
export function cpuOf(pid) {
  const fields = read(pid, 'stat').replace(/^.*\) /s, '').split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_A_SECOND;
}

const statusOf = (pid, name) => Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(read(pid, 'status'))[1]) * 1024;

/** Bytes that are resident, and the most that ever were since forgetPeak(). */
export const residentOf = (pid) => statusOf(pid, 'VmRSS');
export const peakOf = (pid) => statusOf(pid, 'VmHWM');
export const forgetPeak = (pid) => fs.writeFileSync(`/proc/${pid}/clear_refs`, '5');

export const descriptorsOf = (pid) => fs.readdirSync(`/proc/${pid}/fd`).length;
