'use strict';
// Elements, words for numbers, and tables. All text of others goes in by textContent.

const byId = (id) => document.getElementById(id);

/** el('a', { href, class }, 'text', element, ...) */
function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) element.setAttribute(name, '');
    else if (value !== false && value !== undefined && value !== null) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== undefined && child !== null));
  return element;
}

function svg(tag, attributes = {}, ...children) {
  const element = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

function setText(id, text) {
  const element = byId(id);
  if (element.textContent !== text) element.textContent = text;
}

// ---- words for numbers ----

const count = (n) => (n === undefined || n === null ? '–' : n.toLocaleString('en').replaceAll(',', ' '));

function bytes(n) {
  if (n === undefined || n === null) return '–';
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let unit = 0;
  while (n >= 1000 && unit < units.length - 1) {
    n /= 1000;
    unit++;
  }
  return `${n >= 100 || unit === 0 ? Math.round(n) : n.toFixed(1)} ${units[unit]}`;
}

/** 4 s, 2 min 5 s, 3 h 10 min, 2 d 4 h. */
function lasting(ms) {
  const s = Math.max(0, Math.floor(ms / 1000));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
  return `${Math.floor(s / 86400)} d ${Math.floor((s % 86400) / 3600)} h`;
}

function quick(us) {
  if (us < 1000) return `${us} µs`;
  if (us < 1e6) return `${(us / 1000).toFixed(us < 1e4 ? 1 : 0)} ms`;
  return `${(us / 1e6).toFixed(1)} s`;
}

const clock = (ms) => new Date(ms).toLocaleTimeString('en-GB');
const some = (n, one, many = `${one}s`) => `${count(n)} ${n === 1 ? one : many}`;

// ---- tables ----

// What a cell holds: a string, or parts: strings and { text, chip: tone, soft, mono, title }.
function part(it) {
  if (typeof it === 'string') return it;
  const element = el('span', {
    class: it.chip !== undefined ? 'chip' : [it.soft && 'soft', it.mono && 'mono', it.tone].filter(Boolean).join(' ') || null,
    'data-tone': it.chip || null, title: it.title,
  });
  element.textContent = it.text;
  return element;
}

/** columns: [{ name, cell: (row) => content, n: it is a number, tight: it is never broken }]; the first names its row. first: so many rows are shown until one asks for all. */
class Table {
  #rows = new Map();
  #isWhole = false;

  constructor(id, label, columns, { key, empty, first = Infinity }) {
    this.table = byId(id);
    this.columns = columns;
    this.key = key;
    this.first = first;
    this.body = el('tbody', { role: 'rowgroup' });
    // Roles are said, for where they are drawn as cards.
    const head = el('tr', { role: 'row' }, ...columns.map(({ name, n }) => el('th', { role: 'columnheader', scope: 'col', class: n && 'n' }, name)));
    this.table.setAttribute('role', 'table');
    this.table.setAttribute('aria-label', label);
    this.table.replaceChildren(el('thead', { role: 'rowgroup' }, head), this.body);
    this.empty = el('p', { class: 'empty' }, empty);
    this.more = el('button', { type: 'button', class: 'quiet more-rows', hidden: true });
    this.more.addEventListener('click', () => {
      this.#isWhole = !this.#isWhole;
      this.show(this.all);
    });
    this.table.after(this.empty, this.more);
    this.table.hidden = true;
  }

  #make() {
    const cells = this.columns.map(({ name, n, tight }, i) => (i === 0
      ? el('th', { role: 'rowheader', scope: 'row', class: tight && 'tight' })
      : el('td', { role: 'cell', class: n && 'n', 'data-name': name })));
    return { tr: el('tr', { role: 'row' }, ...cells), cells, said: [] };
  }

  #fill(entry, row) {
    this.columns.forEach(({ cell }, i) => {
      const content = [cell(row)].flat().filter((it) => it !== undefined && it !== null && it !== '');
      const said = JSON.stringify(content);
      if (entry.said[i] === said) return;
      entry.said[i] = said;
      entry.cells[i].replaceChildren(...content.map((it) => el('bdi', {}, part(it))).flatMap((it, at) => (at > 0 ? [' ', it] : [it])));
      entry.cells[i].classList.toggle('is-empty', content.length === 0);
    });
  }

  #showMore() {
    this.more.hidden = this.all.length <= this.first;
    const text = this.#isWhole ? `Show the first ${this.first}` : `Show all ${this.all.length}`;
    if (this.more.textContent !== text) this.more.textContent = text;
  }

  show(all, empty) {
    const rows = this.#isWhole ? all : all.slice(0, this.first);
    const isFirst = this.#rows.size === 0;
    const gone = new Map(this.#rows), taken = new Set();
    let at = this.body.firstElementChild;
    this.all = all;
    this.#showMore();
    rows.forEach((row, i) => {
      let key = this.key(row, i);
      while (taken.has(key)) key += '+'; // names are cut: two may look alike
      taken.add(key);
      let entry = this.#rows.get(key);
      if (entry === undefined) {
        entry = this.#make();
        if (!isFirst) entry.tr.classList.add('is-new');
        this.#rows.set(key, entry);
      }
      gone.delete(key);
      this.#fill(entry, row);
      if (entry.tr === at) at = at.nextElementSibling;
      else this.body.insertBefore(entry.tr, at);
    });
    for (const [key, entry] of gone) {
      entry.tr.remove();
      this.#rows.delete(key);
    }
    if (empty) this.empty.textContent = empty;
    this.empty.hidden = rows.length > 0;
    this.table.hidden = rows.length === 0;
  }
}

/** "12 of 240": what is said of rows of which not all are shown. */
const shown = ({ n, rows }) => (rows.length < n ? `${count(rows.length)} of ${count(n)} are told` : count(n));
