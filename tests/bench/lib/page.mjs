// Tables, and their place in a page of the documentation.

import fs from 'node:fs';

export const number = (value, digits) => (value === undefined || Number.isNaN(value) ? '-' : value.toFixed(digits));

export function markdown(head, lines) {
  const widths = head.map((cell, i) => Math.max(cell.length, ...lines.map((line) => line[i].length)));
  const row = (cells) => `| ${cells.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join(' | ')} |`;
  const rule = `|${widths.map((width, i) => (i === 0 ? '-'.repeat(width + 2) : `${'-'.repeat(width + 1)}:`)).join('|')}|`;
  return [row(head), rule, ...lines.map(row)].join('\n');
}

/** Puts a text between the comments `<!-- NAME -->` and `<!-- end of NAME -->` of a page. */
export function putInto(file, name, text) {
  const page = fs.readFileSync(file, 'utf8');
  const marks = new RegExp(`(<!-- ${name} -->\n)[^]*(<!-- end of ${name} -->)`);
  if (!marks.test(page)) throw new Error(`${file}: the comments that stand around the ${name} are missing`);
  fs.writeFileSync(file, page.replace(marks, (_, begin, end) => `${begin}\n${text}\n\n${end}`));
}
