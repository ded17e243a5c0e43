// docs/architecture.md and the pages of docs/design lead to files and functions: here, that they are there.

import { describe, test } from 'node:test';
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { top } from '../lib/gateway.mjs';

const read = (name) => fs.readFileSync(path.join(top, name), 'utf8');
const isThere = (name) => fs.existsSync(path.join(top, name));
const filesOf = (folder) => fs.readdirSync(path.join(top, folder), { recursive: true }).map((name) => `${folder}/${name}`).filter((name) => /\.[ch]$/.test(name));

const code = Object.fromEntries([...filesOf('app'), ...filesOf('include')].map((name) => [name, read(name)]));
const floors = fs.readdirSync(path.join(top, 'app')).filter((name) => isThere(`app/${name}/meson.build`));
const pages = ['docs/architecture.md', ...fs.readdirSync(path.join(top, 'docs/design')).map((name) => `docs/design/${name}`)];

const quoted = (text) => [...text.matchAll(/`([^`\n]+)`/g)].map(([, name]) => name);
const isMethod = (name) => name === 'server/discover';
/** "session/call": app/session/call.c, or a header of that name. */
const isRoom = (name) => Object.keys(code).some((file) => file.endsWith(`/${name}.c`) || file.endsWith(`/${name}.h`));
const has = (text, called) => new RegExp(`\\b${called}\\(`).test(text);
const functionsOf = (text) => quoted(text).filter((name) => /^\w+\(\)$/.test(name)).map((name) => name.slice(0, -2));

for (const page of pages) {
  describe(page, () => {
    test('names files that are there', () => {
      for (const name of quoted(read(page))) {
        const isPath = /^(app|include|tests|docs|haproxy)\/[\w./-]+$/.test(name);
        if (isPath) assert.ok(isThere(name), name);
        else if (floors.includes(name.split('/')[0]) && /^\w+\/\w+$/.test(name) && !isMethod(name)) assert.ok(isRoom(name), name);
      }
    });

    test('names functions that are there', () => {
      for (const called of functionsOf(read(page))) assert.ok(Object.values(code).some((text) => has(text, called)), called);
    });

    test('names them in the files where they are', () => {
      for (const line of read(page).split('\n').filter((one) => /^\| \d \| `app/.test(one))) {
        const [file] = quoted(line), functions = functionsOf(line.split('|')[3]);
        assert.ok(functions.length > 0, line);
        for (const called of functions) assert.ok(has(code[file], called), `${file}: ${called}`);
      }
    });
  });
}

/** The states of each enum that a table of moves is of: { name, file, short: names without what they begin with alike, moves: [[from, to]] }. */
function* stateTables() {
  const all = Object.values(code).join('\n');
  for (const [file, text] of Object.entries(code)) {
    // X_may_move[][] = {[A] = {[B] = true}}, or X_moves[] = {[A] = TO(B) | 1u << C}
    for (const [, table] of text.matchAll(/^ *static const \w+ (?:\w+_)?(?:may_move|moves)\[.*?=\s*\{$(.*?)^ *\};$/gms)) {
      const rows = [...table.matchAll(/\[(\w+)\] =\s*(\{[^}]*\}|[^,{}[\]]+)/g)];
      const [, name, body] = [...all.matchAll(/^enum (\w+) \{(.*?)\}/gms)].find(([, , members]) => new RegExp(`\\b${rows[0][1]}\\b`).test(members));
      const members = [...body.replaceAll(/\/\*.*?\*\//gs, '').matchAll(/\w+/g)].map(([member]) => member);
      const alike = members.reduce((a, b) => { while (!b.startsWith(a)) a = a.slice(0, -1); return a; });
      const short = (state) => state.slice(alike.lastIndexOf('_') + 1);
      const toOf = (row) => members.filter((state) => new RegExp(`\\b${state}\\b|\\bTO\\(${short(state)}\\)`).test(row));
      const moves = rows.flatMap(([, from, row]) => toOf(row).map((to) => [short(from), short(to)]));
      yield { name, file, states: members.map(short).filter((state) => state !== 'N_STATES'), moves };
    }
  }
}

/** The moves of the rows `| A, B | C | when |`; "any" is each of the states, "(new)" and "(over)" are none. */
function movesOfPage(section, states) {
  const rows = [...section.matchAll(/^\| ([^|]+) \| ([^|]+) \|/gm)].map(([, from, to]) => [from, to]).filter(([from]) => from !== 'from' && from !== '---');
  return rows.filter((row) => row.every((cell) => !cell.startsWith('('))).flatMap(([from, to]) => (from === 'any' ? states : from.split(', ')).map((one) => [one, to]));
}

describe('docs/architecture.md', () => {
  const sections = read('docs/architecture.md').split(/^###? /m);
  const inOrder = (moves) => moves.map(([from, to]) => `${from} -> ${to}`).sort();
  for (const { name, file, states, moves } of stateTables()) {
    test(`has the moves of enum ${name}, as ${file} has them`, () => {
      const section = sections.find((one) => one.includes(`\`enum ${name}\``));
      assert.ok(section, name);
      assert.ok(moves.length > 0 && moves.every((move) => move.every((state) => states.includes(state))), `${moves}`);
      assert.deepEqual(inOrder(movesOfPage(section, states)), inOrder(moves));
    });
  }

  test('has a line for each floor', () => {
    for (const floor of floors) assert.match(read('docs/architecture.md'), new RegExp(`^\\| \`${floor}\` \\|`, 'm'));
  });

  test('leads to each page', () => {
    for (const page of pages.slice(1)) assert.ok(read('docs/architecture.md').includes(`(${path.relative('docs', page)})`), page);
  });
});
