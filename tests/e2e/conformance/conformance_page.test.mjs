// docs/conformance.md names a test for each demand of the specification that is met: here, that there is such a test.

import { before, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { top } from '../lib/gateway.mjs';
import { titlesOf } from '../lib/titles_of.mjs';

const page = fs.readFileSync(path.join(top, 'docs/conformance.md'), 'utf8');
const levels = ['MUST', 'MUST NOT', 'SHOULD', 'SHOULD NOT', 'encouraged'];
const sides = ['server', 'client', 'proxy', 'both'];

const rows = page.split('\n').filter((line) => /^\| (?!asked \|)/.test(line)).map((line) => {
  const [asked, level, side, how, tests, ...rest] = line.split('|').slice(1, -1).map((cell) => cell.trim());
  const references = tests ? tests.split('; ').map((one) => /^`([\w/]+)`: (.+)$/.exec(one)?.slice(1)) : [];
  return { line, asked, level, side, how, references, isWhole: tests !== undefined && rest.length === 0 };
});

const isOfUnit = (file) => file.includes('/');

const namesOf = (file) => [...fs.readFileSync(path.join(top, `tests/unit/${file}.c`), 'utf8').matchAll(/TEST\(\w+, (\w+)/gi)].map(([, name]) => name);

describe('docs/conformance.md', () => {
  let tests;
  before(() => {
    const files = [...new Set(rows.flatMap(({ references }) => references.map(([file]) => file)))];
    tests = { ...titlesOf(files.filter((file) => !isOfUnit(file))), ...Object.fromEntries(files.filter(isOfUnit).map((file) => [file, namesOf(file)])) };
  });
  const isThere = ([file, title]) => tests[file].includes(title);

  test('has rows that say what is asked, and of whom', () => {
    assert.ok(rows.length > 100, `${rows.length} rows`);
    for (const { line, asked, level, side, isWhole } of rows) assert.ok(isWhole && asked && levels.includes(level) && sides.includes(side), line);
  });

  test('names a test for all that is met, and none for what is not', () => {
    for (const { line, how, references } of rows) {
      const needsNone = how.startsWith('not: ') || /^\[.*\]\(.*\)$/.test(how);
      assert.ok(references.every((reference) => reference) && references.length > 0 !== needsNone, line);
    }
  });

  test('names tests that there are', () => {
    assert.deepEqual(rows.flatMap(({ references }) => references).filter((reference) => !isThere(reference)), []);
    assert.ok(!isThere(['stateless', 'gets an answer']) && !isThere(['mcp/seal', 'no_mutation']));
  });
});
