// The files to copy: each is a configuration that mgw takes, and the page of its kind shows it as it is.

import { describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { mgwRelease, top } from '../lib/gateway.mjs';

const read = (name) => fs.readFileSync(path.join(top, name), 'utf8');
const examples = fs.readdirSync(path.join(top, 'examples')).filter((name) => name.endsWith('.mgw.json'));
const pagesOf = (folder) => fs.readdirSync(path.join(top, folder)).filter((name) => name.endsWith('.md')).map((name) => path.join(folder, name));
const pages = [...pagesOf('.'), ...pagesOf('docs'), ...pagesOf('docs/design')];

describe('examples', () => {
  for (const name of examples) {
    test(`${name} is a configuration`, () => {
      // Whatever secrets it takes from the environment.
      const env = { ...process.env };
      for (const [, variable] of read(`examples/${name}`).matchAll(/\$\{env:(\w+)\}/g)) env[variable] = 'x';
      const printed = execFileSync(mgwRelease, ['--check-config', path.join(top, 'examples', name)], { env, encoding: 'utf8' });
      assert.match(printed, /: ok\n$/);
    });
  }

  for (const kind of ['http', 'stdio', 'rest', 'openapi', 'builtin', 'credentials', 'connect']) {
    test(`docs/${kind}.md shows its files`, () => {
      const page = read(`docs/${kind}.md`);
      const shown = [...page.matchAll(/```json\n(.*?)```/gs)].map(([, text]) => text);
      assert.equal(shown[0], read(`examples/${kind}.mgw.json`));
      if (kind === 'rest') assert.equal(shown[1], read('examples/tickets.json'));
    });
  }
});

describe('documentation', () => {
  for (const page of pages) {
    test(`${page} links to what is there`, () => {
      for (const [, link, mark] of read(page).matchAll(/\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)/g)) {
        const target = link === '' ? page : path.join(path.dirname(page), link);
        assert.ok(fs.existsSync(path.join(top, target)), `${page}: ${link}`);
        if (mark === undefined) continue;
        const marks = [...read(target).matchAll(/^#+ (.*)$/gm)].map(([, title]) => title.toLowerCase().replace(/[^\w -]/g, '').replaceAll(' ', '-'));
        assert.ok(marks.includes(mark), `${page}: ${link}#${mark}`);
      }
    });
  }
});
