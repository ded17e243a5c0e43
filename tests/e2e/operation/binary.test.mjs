// The program as it is shipped: what the compiler and the linker have put into it against a fault that somebody finds.

import { describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mgwRelease } from '../lib/gateway.mjs';

const run = (command, ...args) => execFileSync(command, [...args, mgwRelease], { encoding: 'utf8', maxBuffer: 1 << 28 });
const isIntel = process.arch === 'x64';

describe('the release build', () => {
  test('is position independent, all of its relocations are read-only, and no stack is executable', () => {
    assert.match(run('readelf', '-Wh'), /Type:\s+DYN/);
    assert.match(run('readelf', '-Wd'), /FLAGS_1\).*\bNOW\b.*\bPIE\b/);
    const segments = run('readelf', '-Wl');
    assert.match(segments, /GNU_RELRO/);
    assert.match(segments, /GNU_STACK\s.*\sRW\s/);
    assert.doesNotMatch(segments, /\sRWE\s/);
  });

  test('checks its stack frames and the sizes of what it copies', () => {
    const symbols = run('readelf', '-W', '--dyn-syms');
    assert.match(symbols, /\b__stack_chk_fail\b/);
    // __memcpy_chk is called where the size is known at run time alone: that is level 3.
    for (const name of ['__snprintf_chk', '__memcpy_chk']) assert.match(symbols, new RegExp(`\\b${name}\\b`));
    const units = run('readelf', '-W', '--debug-dump=info').match(/DW_AT_producer.*/g);
    assert.ok(units.length > 50, 'every file says how it was compiled');
    for (const unit of units) {
      assert.match(unit, /-fstack-protector-strong .*-fstack-clash-protection/);
      if (isIntel) assert.match(unit, /-fcf-protection=full/);
    }
  });
});
