// All attacks of the suite, four times as long or as many.

import fs from 'node:fs';
import path from 'node:path';

process.env.MGW_ATTACK_SCALE = '4';
const dir = path.join(import.meta.dirname, '../attacks');
for (const file of fs.readdirSync(dir)) {
  if (file.endsWith('.test.mjs')) await import(path.join(dir, file));
}
