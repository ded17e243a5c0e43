// The titles of tests in tests/e2e, for pages that name them.

import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

/** By the names of their files there: as they are at a run, none of which is made. */
export function titlesOf(files) {
  const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'mgw-titles-'));
  const paths = files.map((file) => path.join(import.meta.dirname, `../${file}.test.mjs`));
  const printed = execFileSync(process.execPath, [path.join(import.meta.dirname, 'titles.mjs'), ...paths], {
    encoding: 'utf8', env: { ...process.env, TMPDIR: scratch },
  });
  fs.rmSync(scratch, { recursive: true });
  return Object.fromEntries(Object.values(JSON.parse(printed)).map((titles, i) => [files[i], titles]));
}
