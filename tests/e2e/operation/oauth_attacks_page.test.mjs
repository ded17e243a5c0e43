// SECURITY.md names for each attack the tests that show what stops it: here, that they are there.

import { test } from 'node:test';
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { top } from '../lib/gateway.mjs';
import { titlesOf } from '../lib/titles_of.mjs';

const page = fs.readFileSync(path.join(top, 'SECURITY.md'), 'utf8');
const rows = page.slice(page.indexOf('\n## Signing in and connecting\n'), page.indexOf('\n## What it does not stop yet\n')).split('\n').filter((line) => /^\| (?!attack \|)/.test(line)).map((line) => ({
  line, tests: [...line.split('|').at(-2).matchAll(/`([\w/]+): ([^`]+)`/g)].map(([, file, title]) => ({ file, title })),
}));

test('SECURITY.md has the whole list of RFC 9700, and tests that there are', { timeout: 60000 }, () => {
  for (let i = 1; i <= 17; i++) assert.ok(rows.some(({ line }) => line.startsWith(`| 4.${i} `)), `4.${i}`);
  const titles = titlesOf([...new Set(rows.flatMap(({ tests }) => tests.map(({ file }) => file)))]);
  for (const { line, tests } of rows) {
    assert.ok(tests.length > 0, line);
    for (const { file, title } of tests) assert.ok(titles[file].includes(title), `${file}: ${title}`);
  }
});
