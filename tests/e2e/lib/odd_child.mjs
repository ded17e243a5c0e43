// The odd server as a program.

import readline from 'node:readline';
import { say } from './odd_answers.mjs';

const lines = readline.createInterface({ input: process.stdin });
lines.on('line', (line) => {
  const said = say(JSON.parse(line));
  if (said === undefined) return;
  process.stdout.write(said);
  process.stdout.write('\n');
});
lines.on('close', () => process.exit(0));
