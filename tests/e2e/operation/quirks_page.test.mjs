// docs/quirks.md names for each odd thing the tests that show what we do with it: here, that they are there.

import { before, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { answers } from '../lib/odd_answers.mjs';
import { top } from '../lib/gateway.mjs';
import { titlesOf } from '../lib/titles_of.mjs';

const read = (file) => fs.readFileSync(path.join(top, file), 'utf8');

// [{ line, cells, tests: [{ kind, names }] }]
const rows = read('docs/quirks.md').split('\n').filter((line) => /^\| (?!what \|)/.test(line)).map((line) => {
  const cells = line.split(/(?<!\\)\|/).slice(1, -1).map((cell) => cell.trim());
  const tests = cells[2]?.split('; ').map((part) => ({ kind: part.split(' ')[0], names: [...part.matchAll(/`([^`]+)`/g)].map(([, name]) => name) }));
  return { line, cells, tests };
});

describe('docs/quirks.md', () => {
  let titles;
  before(() => {
    titles = titlesOf([...new Set(rows.flatMap(({ tests }) => tests.map(({ kind }) => kind)))].filter((kind) => kind !== 'unit'));
  });

  function isThere(kind, name) {
    return titles[kind].includes(name) || (kind === 'odd' && name in answers);
  }
  const isUnit = ([floor, suite]) => fs.readdirSync(path.join(top, 'tests/unit', floor)).some((file) => read(`tests/unit/${floor}/${file}`).includes(`Test(${suite}, `));

  test('says of each odd thing what it is, what we do, and which test', () => {
    assert.ok(rows.length > 30, `${rows.length} rows`);
    for (const { line, cells, tests } of rows) assert.ok(cells.length === 3 && cells.every((cell) => cell) && tests.every(({ names }) => names.length > 0), line);
  });

  test('names tests that there are', () => {
    for (const { line, tests } of rows) {
      for (const { kind, names } of tests) {
        if (kind === 'unit') assert.ok(isUnit(names), line);
        else for (const name of names) assert.ok(isThere(kind, name), `${name} is not there: ${line}`);
      }
    }
    assert.ok(!isThere('odd', 'nothing of that name') && !isUnit(['mcp', 'nothing']));
  });

  test('has every odd answer of the tests', () => {
    const page = rows.map(({ line }) => line).join('\n');
    for (const name of Object.keys(answers)) assert.ok(page.includes(`\`${name}\``), name);
  });
});
