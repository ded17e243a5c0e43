// docs/quirks.md names for each odd thing the tests that show what we do with it: here, that they are there.

import { test } from 'node:test';
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { answers } from './lib/odd_answers.mjs';
import { top } from './lib/gateway.mjs';

const read = (file) => fs.readFileSync(path.join(top, file), 'utf8');
const rows = read('docs/quirks.md').split('\n').filter((line) => /^\| (?!what \|)/.test(line)).map((line) => ({ line, cells: line.split(/(?<!\\)\|/).slice(1, -1).map((cell) => cell.trim()) }));
const odd = read('tests/e2e/odd.test.mjs');

/** A title as it stands in the file, or as one that is made there of what varies. */
function isTitle(title) {
  const made = title.replace(/^\S+\/list for a client of \S+ has/, '${method} for a client of ${revision} has').replace(/^the number \S+ in/, 'the number ${number} in')
    .replace(/ a client of 20(?!26)\S+ (nothing|as)/, ' a client of ${revision} $1').replace(/^by a client, [^:]+: is answered/, 'by a client, ${title}: is answered')
    .replace(/^[^:]+: what there is/, "${name.replaceAll('_', ' ')}: what there is");
  return [title, made].some((one) => odd.includes(`test('${one}'`) || odd.includes(`test(\`${one}\``));
}

function isThere(kind, named) {
  if (kind === 'odd') return named in answers || isTitle(named);
  const [floor, suite] = named;
  return fs.readdirSync(path.join(top, 'tests/unit', floor)).some((file) => read(`tests/unit/${floor}/${file}`).includes(`Test(${suite}, `));
}

test('docs/quirks.md says of each odd thing what it is, what we do, and which test', () => {
  assert.ok(rows.length > 30, `${rows.length} rows`);
  for (const { line, cells } of rows) assert.ok(cells.length === 3 && cells.every((cell) => cell), line);
});

test('docs/quirks.md names tests that there are', () => {
  for (const { line, cells } of rows) {
    for (const part of cells[2].split('; ')) {
      const kind = part.split(' ')[0];
      const named = [...part.matchAll(/`([^`]+)`/g)].map(([, name]) => name);
      assert.ok(['odd', 'unit'].includes(kind) && named.length > 0, line);
      for (const one of kind === 'unit' ? [named] : named) assert.ok(isThere(kind, one), `${one} is not there: ${line}`);
    }
  }
});

test('docs/quirks.md has every odd answer of the tests', () => {
  const page = rows.map(({ line }) => line).join('\n');
  for (const name of Object.keys(answers)) assert.ok(page.includes(`\`${name}\``), name);
});
