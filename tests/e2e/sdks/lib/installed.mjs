// Where tools/sdks.sh has put what is of other languages.

import path from 'node:path';
import { top } from '../../lib/gateway.mjs';

export const installed = path.join(top, 'build/sdks');

/** What runs Python with the SDK's 1.x or 2.x. */
export const python = (major) => path.join(installed, `python${major}/bin/python`);
export const pythonFile = (name) => path.join(import.meta.dirname, '../python', name);

/** What runs Driver.java with the SDK's 0.x, 1.x or 2.x. Short-lived: a small heap, and no time for the best code. */
export function java(major) {
  const dir = path.join(installed, `java${major}`);
  return ['java', '-Xmx256m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-cp', `${dir}:${dir}/*`, 'Driver'];
}
