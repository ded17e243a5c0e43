// The tests in tests/e2e and their titles, for pages that name them.

import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

const folder = path.join(import.meta.dirname, '..');

/** The file of tests/e2e with that name, or that folder and name; undefined: there is none. */
export function testFile(name) {
  const folders = name.includes('/') ? ['.'] : fs.readdirSync(folder).filter((dir) => dir !== 'node_modules');
  return folders.map((dir) => path.join(folder, dir, `${name}.test.mjs`)).find((file) => fs.existsSync(file));
}

/** By the names of their files there: as they are at a run, none of which is made. */
export function titlesOf(files) {
  const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'mgw-titles-'));
  const paths = files.map(testFile);
  const printed = execFileSync(process.execPath, [path.join(import.meta.dirname, 'titles.mjs'), ...paths], {
    encoding: 'utf8', env: { ...process.env, TMPDIR: scratch },
  });
  fs.rmSync(scratch, { recursive: true });
  return Object.fromEntries(Object.values(JSON.parse(printed)).map((titles, i) => [files[i], titles]));
}
