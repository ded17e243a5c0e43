// docs/conformance.md names a test for each demand of the specification that is met: here, that there is such a test.

import { describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { top } from './lib/gateway.mjs';

const page = fs.readFileSync(path.join(top, 'docs/conformance.md'), 'utf8');
const levels = ['MUST', 'MUST NOT', 'SHOULD', 'SHOULD NOT', 'encouraged'];
const sides = ['server', 'client', 'proxy', 'both'];

const rows = page.split('\n').filter((line) => /^\| (?!asked \|)/.test(line)).map((line) => {
  const cells = line.split(/(?<!\\)\|/).slice(1, -1).map((cell) => cell.trim());
  return { line, cells, asked: cells[0], level: cells[1], side: cells[2], how: cells[3], tests: cells[4] };
});

const sources = new Map();

/** The text of the file that a reference names: `stateless`, or `mcp/seal` for a unit test. */
function sourceOf(file) {
  if (!sources.has(file)) {
    const at = file.includes('/') ? `tests/unit/${file}.c` : `tests/e2e/${file}.test.mjs`;
    let text = fs.readFileSync(path.join(top, at), 'utf8');
    // The titles of these are the package's own.
    if (file === 'conformance') {
      const list = path.join(top, 'tests/e2e/node_modules/@modelcontextprotocol/conformance/dist/index.js');
      text += execFileSync(process.execPath, [list, 'list'], { encoding: 'utf8' }).replace(/- ([\w-]+) \[/g, '\'$1\'');
    }
    sources.set(file, text);
  }
  return sources.get(file);
}

const literal = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
const isQuoted = (source, value) => ["'", '"', '`'].some((q) => source.includes(`${q}${value}${q}`));

/** A template literal that begins there, as the texts between its ${}. */
function partsOfTemplate(source, from) {
  const parts = [''];
  let depth = 0;
  for (let i = from; depth > 0 || source[i] !== '`'; i++) {
    if (source[i] === '{' && (depth > 0 || source[i - 1] === '$')) depth++;
    if (depth === 0) parts[parts.length - 1] += source[i];
    else if (source[i] === '}' && --depth === 0) parts.push('');
  }
  return parts.map((part, i) => (i < parts.length - 1 ? part.slice(0, -1) : part));
}

/** Is there a test of this title? What a title takes from elsewhere, by ${}, must stand in the file too. */
function hasTest(file, title) {
  const source = sourceOf(file);
  if (file.includes('/')) return new RegExp(`TEST\\([^)]*\\b${title}\\b`, 'i').test(source);
  if (["'", '"', '`'].some((q) => source.includes(`test(${q}${title.replaceAll("'", q === "'" ? "\\'" : "'")}${q}`))) return true;
  if (/test\([a-z]\w*,/.test(source) && isQuoted(source, title)) return true;
  return [...source.matchAll(/test\(`/g)].some(({ index }) => {
    const parts = partsOfTemplate(source, index + 'test(`'.length);
    return parts.length > 1 && ['(.*?)', '(.*)'].some((any) => {
      const found = new RegExp(`^${parts.map(literal).join(any)}$`).exec(title);
      return found && found.slice(1).every((value) => value.split(', ').every((word) => source.includes(word)));
    });
  });
}

const referencesOf = (cell) => cell.split('; ').map((one) => /^`([\w/]+)`: (.+)$/.exec(one)?.slice(1));

describe('docs/conformance.md', () => {
  test('has rows that say what is asked, of whom, and how it is met', () => {
    assert.ok(rows.length > 100, `${rows.length} rows`);
    for (const { line, cells, asked, level, side } of rows) {
      assert.equal(cells.length, 5, line);
      assert.ok(asked, line);
      assert.ok(levels.includes(level) && sides.includes(side), line);
    }
  });

  test('names a test for all that is met, and none for what is not', () => {
    for (const { line, how, tests } of rows) {
      const isDocument = /^\[.*\]\(.*\)$/.test(how);
      if (how.startsWith('not: ') || isDocument) assert.equal(tests, '', line);
      else assert.ok(referencesOf(tests).every((reference) => reference), line);
    }
  });

  test('names tests that there are', () => {
    const missing = rows.filter(({ tests }) => tests !== '').flatMap(({ tests }) => referencesOf(tests)).filter((reference) => !hasTest(...reference));
    assert.deepEqual(missing, []);
  });

  test('would not name one that there is not', () => {
    for (const [file, title] of [
      ['stateless', 'gets an answer to everything'], ['mcp/seal', 'no_mutation'], ['conformance', 'pong'],
      ['stateless', 'for a header that is nowhere: 400, -32020'], ['status', 'PATCH /mcp with no token: 401'],
    ]) assert.equal(hasTest(file, title), false, title);
  });
});
