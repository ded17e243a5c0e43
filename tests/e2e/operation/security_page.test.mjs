// SECURITY.md names for each threat the tests that show what stops it: here, that they are there.

import { test } from 'node:test';
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { top } from '../lib/gateway.mjs';
import { testFile, titlesOf } from '../lib/titles_of.mjs';

const page = fs.readFileSync(path.join(top, 'SECURITY.md'), 'utf8');
/** Of the table under that heading. */
const rowsUnder = (heading) => page.split(`\n## ${heading}\n`)[1].split('\n## ')[0].split('\n').filter((line) => line.startsWith('| ')).slice(1)
  .map((line) => ({ line, cells: line.split('|').slice(1, -1).map((cell) => cell.trim()) }));
const rows = rowsUnder('What stops whom');
const attacks = rowsUnder('Signing in and connecting');

/** `name`: a file of tests/e2e; unit `floor`: a folder of tests/unit; fuzz `target`. */
const placeOf = ([, kind, name]) => ({ unit: path.join(top, `tests/unit/${name}`), fuzz: path.join(top, `tests/fuzz/${name}.c`) })[kind] ?? testFile(name) ?? '';
const isThere = (named) => fs.existsSync(placeOf(named));

test('SECURITY.md says of each threat who, what, what stops it, and which test', () => {
  assert.ok(rows.length > 10, `${rows.length} rows`);
  for (const { line, cells } of rows) assert.ok(cells.length === 4 && cells.every((cell) => cell), line);
});

test('SECURITY.md names tests that there are', () => {
  for (const { line, cells } of rows) {
    const named = [...cells[3].matchAll(/(?:(unit|fuzz) )?`([\w/]+)`/g)];
    assert.ok(named.length > 0, line);
    for (const one of named) assert.ok(isThere(one), `${one[0]} is not there: ${line}`);
  }
});

test('SECURITY.md has all attacks of RFC 9700, and names titles of tests that there are', { timeout: 60000 }, () => {
  for (let i = 1; i <= 17; i++) assert.ok(attacks.some(({ line }) => line.startsWith(`| 4.${i} `)), `4.${i}`);
  const named = attacks.map(({ line, cells }) => ({ line, tests: [...cells[2].matchAll(/`([\w/]+): ([^`]+)`/g)].map(([, file, title]) => ({ file, title })) }));
  const titles = titlesOf([...new Set(named.flatMap(({ tests }) => tests.map(({ file }) => file)))]);
  for (const { line, tests } of named) {
    assert.ok(tests.length > 0, line);
    for (const { file, title } of tests) assert.ok(titles[file].includes(title), `${file}: ${title}`);
  }
});
