// The figures as a table (on the terminal and in docs/performance.md) and as a plot.

import fs from 'node:fs';
import path from 'node:path';

import { markdown, number, putInto } from './page.mjs';

const times = (value) => (value === undefined || !Number.isFinite(value) ? '-' : `${number(value, value < 10 ? 2 : 0)}x`);

/** One figure of each server, by a function that takes it from the server's results. */
function figure(results, take) {
  const of = (name) => {
    try {
      return take(results.servers[name]);
    } catch {
      return undefined; // not measured of this one
    }
  };
  const [mgw, floor, thread] = ['mgw', 'floor', 'thread'].map(of);
  return { mgw, floor, thread, ratio: mgw / floor, threadRatio: thread / floor };
}

/** What idle sessions with upstreams of their own cost, in memory and in what the calls of others cost. */
function addSessions(add, sessions) {
  if (sessions === undefined) return;
  const grows = (what, key) => {
    const [few, many] = sessions[key].n;
    add(`CPU of a call, ${many} sessions idle ${what} / ${few}`, '', 2, (s) => s.sessions[key].us[1] / s.sessions[key].us[0],
      (f) => [['<= 1.1', f.mgw <= 1.1]], true);
  };
  grows('behind an upstream with GET', 'idle');
  grows('there, clients listening', 'listening');
  grows('behind 20 upstreams', 'twenty');
  grows('with a program each', 'stdio');
  add('memory per idle session with an HTTP upstream, no stream', 'B', 0, (s) => s.sessions.memory_idle.bytes,
    (f) => [['<= 2 kB', f.mgw <= 2048]]);
  add('the same, where the upstream offers no GET', 'B', 0, (s) => s.sessions.memory_silent.bytes,
    (f) => [['<= 2 kB', f.mgw <= 2048]]);
  add('the same, its client listening, a GET stream at the upstream', 'B', 0, (s) => s.sessions.memory_listening.bytes);
}

/** Who calls, and what they may, as times of what a token of the file costs without a policy. */
function addCallers(add, callers) {
  if (callers === undefined) return;
  const kinds = { jwt: 'a token of an issuer (JWT)', file_policy: 'a token of the file, and a policy of 20 rules', jwt_policy: 'a JWT, and that policy' };
  for (const [key, name] of Object.entries(kinds)) {
    add(`calls of \`echo\`, 16 at once: by a token of the file / ${name}`, '', 2, (s) => s.callers.file.calls_per_s / s.callers[key].calls_per_s,
      (f) => [['<= 1.05', f.mgw <= 1.05]], true);
    add(`CPU of a call by ${name} / by a token of the file`, '', 2, (s) => s.callers[key].server_us / s.callers.file.server_us, undefined, true);
  }
}

/** With an audit and sampled traces, as times of without. */
function addObserved(add, observed) {
  if (observed === undefined) return;
  add('calls of `echo`, 16 at once: without / with an audit and sampled traces (1 %)', '', 2, (s) => s.observed.plain.calls_per_s / s.observed.observed.calls_per_s,
    (f) => [['<= 1.03', f.mgw <= 1.03]], true);
  add('CPU of a call with them / without', '', 2, (s) => s.observed.observed.server_us / s.observed.plain.server_us, undefined, true);
}

const ATTACKED = { texts: 'texts of 4 MB', values: 'values, 4 MB of them', flood: 'a flood of calls' };
/** Of what another user waits: as the attacks of the end-to-end tests have it. */
const [TIMES_QUIET, SLACK_MS] = [3, 200];

/** mgw's turns, and another user's delays, while one user attacks. */
function addAttacks(add, attack) {
  if (attack === undefined) return;
  const quietMs = attack.quiet.p99_us / 1000;
  for (const [kind, name] of Object.entries(ATTACKED)) {
    add(`one user sends ${name}, ${attack.streams} streams: longest turn`, 'ms', 0, (s) => s.attack[kind].longest_ms,
      (f) => [['<= 50 ms', f.mgw <= 50]], true);
    add(`${name}: turns over 10 ms`, '%', 2, (s) => (s.attack[kind].turns.over_ms[10] / s.attack[kind].turns.n) * 100, undefined, true);
    add(`${name}: p99 of another user's calls (quiet: ${number(quietMs, 1)} ms)`, 'ms', 1, (s) => s.attack[kind].p99_us / 1000,
      (f) => [[`<= ${TIMES_QUIET}x quiet + ${SLACK_MS} ms`, f.mgw <= TIMES_QUIET * quietMs + SLACK_MS]], true);
  }
}

/**
 * { what, unit, digits, mgw, floor, thread, ratio, threadRatio, goals: [[text, is met]] }. Ratios are to the floor; `plain`
 * figures are ratios themselves, or the worst of a run. Rows that nothing was measured for are left out.
 */
export function rowsOf(results) {
  const n = results.streams;
  const rows = [];
  const add = (what, unit, digits, take, goals = () => [], plain = false) => {
    const f = figure(results, take);
    if ([f.mgw, f.floor, f.thread].every((value) => value === undefined)) return;
    rows.push({ what, unit, digits, ...f, plain, goals: goals(f) });
  };
  const memory = (f) => [['<= 1 kB', f.mgw <= 1024], ['<= 6x', f.ratio <= 6]];

  add('memory per idle stream with its session, /sse', 'B', 0, (s) => s.idle.memory_bytes, memory);
  add('the same, /mcp', 'B', 0, (s) => s.memory_b, memory);
  add(`keep-alive, CPU per million, ${Math.floor(n / 2)} streams`, 's', 2, (s) => s.idle.keepalive_half,
    (f) => [['<= 1.5x', f.ratio <= 1.5]]);
  add(`the same, ${n} streams`, 's', 2, (s) => s.idle.keepalive, (f) => [['<= 1.5x', f.ratio <= 1.5]]);
  add(`growth of it from ${Math.floor(n / 2)} to ${n} streams`, '', 2, (s) => s.idle.keepalive / s.idle.keepalive_half,
    (f) => [['none (<= 1.1)', f.mgw <= 1.1]], true);
  add('opening a stream, CPU with HAProxy\'s', 'us', 1, (s) => s.busy.opening.both_us, (f) => [['<= 1.3x', f.ratio <= 1.3]]);
  add('push of one event, p50', 'us', 0, (s) => s.busy.one.p50_us, (f) => [['<= 1.2x', f.ratio <= 1.2]]);
  add('push of one event, p99', 'us', 0, (s) => s.busy.one.p99_us, (f) => [['<= 2x', f.ratio <= 2]]);
  add(`broadcast to ${n}, last arrival`, 'ms', 0, (s) => s.busy.all.last_p50_us / 1000, (f) => [['<= 1.2x', f.ratio <= 1.2]]);
  add('calls of `echo`, one at once, p50', 'us', 0, (s) => s.busy.calls_1.p50_us);
  add('calls of `echo`, 16 at once', '/s', 0, (s) => s.busy.calls_16.calls_per_s);
  add('calls of `echo`, 64 at once', '/s', 0, (s) => s.busy.calls_64.calls_per_s);
  add(`calls with ${n} streams idle / with 100`, '', 2, (s) => s.busy.calls_16_idle.calls_per_s / s.busy.calls_16.calls_per_s,
    (f) => [['>= 0.9', f.mgw >= 0.9]], true);
  add('calls to an HTTP upstream, 16 at once', '/s', 0, (s) => s.relay.calls_per_s, (f) => [['>= 0.75x', f.ratio >= 0.75]]);
  add('the same: CPU of a call', 'us', 0, (s) => s.relay.server_us, (f) => [['<= 35 us', f.mgw <= 35]]);
  for (const [key, whose] of [['own', 'a program of its own'], ['shared', 'one program for all']])
    add(`calls over stdio, ${whose}, 16 at once: CPU of a call`, 'us', 0, (s) => s.stdio[key].server_us, (f) => [['<= 20 us', f.mgw <= 20]]);
  add('tools/list of 2,000 tools, CPU of the first', 'ms', 1, (s) => s.lists.first_ms);
  add('the same, asked again', 'ms', 1, (s) => s.lists.again_ms);
  add('the same, asked by another client', 'ms', 1, (s) => s.lists.other_ms);
  addSessions(add, results.servers.mgw.sessions);
  addCallers(add, results.servers.mgw.callers);
  addObserved(add, results.servers.mgw.observed);
  add('one client stops reading: p99 of the others / before', '', 2, (s) => s.stalled.stalled.p99_us / s.stalled.reading.p99_us,
    (f) => [['<= 1.2', f.mgw <= 1.2]], true);
  add(`after ${n} streams left: memory kept, of what they held`, '%', 1,
    (s) => (s.idle.left.memory_bytes / (s.idle.memory_bytes * n)) * 100, (f) => [['as before (<= 5 %)', f.mgw <= 5]], true);
  add('the same: descriptors kept', '', 0, (s) => s.idle.left.descriptors, (f) => [['0', f.mgw === 0]], true);
  add('the same: CPU', '%', 1, (s) => s.idle.left.cpu_percent, (f) => [['0', f.mgw < 0.5]], true);
  addAttacks(add, results.servers.mgw.attack);
  return rows;
}

function table(results) {
  const lines = rowsOf(results).map((row) => {
    const cell = (value) => (value === undefined || Number.isNaN(value) ? '-' : `${number(value, row.digits)} ${row.unit}`.trim());
    return [
      row.what, cell(row.floor), cell(row.mgw), row.plain ? '' : times(row.ratio),
      row.goals.map(([text]) => text).join(', '), row.goals.map(([, met]) => (met ? 'yes' : 'NO')).join(', '),
      cell(row.thread), row.plain ? '' : times(row.threadRatio),
    ];
  });
  return markdown(['what', 'floor', 'mgw', 'of floor', 'goal', 'met', 'libfcgi, a thread a stream', 'of floor'], lines);
}

const WORSE = 1.05;

/**
 * mgw's figures of two runs side by side: { text, worse: what has got worse by more than 5 % }. Times are taken as times of the
 * floor's, measured in the same run: another day's machine is another machine. A ratio over 1 is worse; plain rows
 * have their goals, and are not compared, nor are rows that the earlier run does not have.
 */
export function compare(before, now) {
  const old = new Map(rowsOf(before).map((row) => [row.what, row]));
  const worse = [];
  const lines = [];
  for (const row of rowsOf(now)) {
    const was = old.get(row.what);
    if (!was || row.plain) continue;
    const take = ({ mgw, ratio }) => (row.unit === 'B' || !Number.isFinite(ratio) ? mgw : ratio);
    const ratio = row.unit === '/s' ? take(was) / take(row) : take(row) / take(was);
    const isWorse = ratio > WORSE;
    if (isWorse) worse.push(row.what);
    const cell = ({ mgw, ratio: ofFloor }) => `${number(mgw, row.digits)} ${row.unit} (${times(ofFloor)})`;
    lines.push([row.what, cell(was), cell(row), number(ratio, 2), isWorse ? 'WORSE' : '']);
  }
  return { text: markdown(['what', 'before (of floor)', 'now (of floor)', 'ratio', ''], lines), worse };
}

const text = (results) => `\`./dev bench\` on ${results.cores} cores, ${results.streams} streams; load average before it ${number(results.load_before, 2)}.

${table(results)}`;

export function printTable(results) {
  console.log(text(results));
}

const xml = (string) => string.replaceAll('&', '&amp;').replaceAll('<', '&lt;');

/** Bars of what mgw and the thread-a-stream server cost over the floor, on a scale of powers of ten. */
export function writePlot(results, file) {
  const rows = rowsOf(results).filter((row) => !row.plain && Number.isFinite(row.ratio) && ['B', 's', 'us', 'ms'].includes(row.unit) && !row.what.startsWith('calls'));
  const [left, width, rowHeight, top] = [330, 420, 46, 64];
  const most = Math.max(...rows.flatMap((row) => [row.ratio, row.threadRatio]).filter(Number.isFinite));
  const decades = Math.ceil(Math.log10(most));
  // From 0.5 on, so that what equals the floor still has a bar.
  const x = (ratio) => left + (Math.max(0, Math.log10(ratio / 0.5)) / (decades + Math.log10(2))) * width;
  const height = top + rows.length * rowHeight + 24;
  const out = [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${left + width + 130}" height="${height}" font-family="sans-serif" font-size="13">`,
    `<rect width="100%" height="100%" fill="#fff"/>`,
    `<text x="16" y="24" font-size="15" font-weight="bold">Cost over a bare epoll program (1x), ${results.streams} streams; logarithmic</text>`,
    `<rect x="16" y="36" width="12" height="12" fill="#1f6fb2"/><text x="34" y="47">mgw</text>`,
    `<rect x="84" y="36" width="12" height="12" fill="#c9a36b"/><text x="102" y="47">libfcgi, a thread a stream</text>`,
  ];
  for (let d = 0; d <= decades; d++) {
    const at = x(10 ** d).toFixed(1);
    out.push(`<line x1="${at}" y1="${top - 6}" x2="${at}" y2="${height - 22}" stroke="${d === 0 ? '#333' : '#ddd'}"/>`);
    out.push(`<text x="${at}" y="${height - 8}" text-anchor="middle" fill="#555">${10 ** d}x</text>`);
  }
  rows.forEach((row, i) => {
    const y = top + i * rowHeight;
    out.push(`<text x="${left - 10}" y="${y + 22}" text-anchor="end">${xml(row.what)}</text>`);
    const bar = (ratio, value, dy, fill) => {
      if (!Number.isFinite(ratio)) return;
      out.push(`<rect x="${left}" y="${y + dy}" width="${(x(ratio) - left).toFixed(1)}" height="15" fill="${fill}"/>`);
      out.push(`<text x="${(x(ratio) + 5).toFixed(1)}" y="${y + dy + 12}" font-size="11">${times(ratio)} (${number(value, row.digits)} ${row.unit})</text>`);
    };
    bar(row.ratio, row.mgw, 2, '#1f6fb2');
    bar(row.threadRatio, row.thread, 19, '#c9a36b');
  });
  out.push('</svg>');
  fs.writeFileSync(file, `${out.join('\n')}\n`);
}

/** Puts table and plot into the documentation. */
export function writeDocs(results, docs) {
  putInto(path.join(docs, 'performance.md'), 'table', text(results));
  writePlot(results, path.join(docs, 'performance.svg'));
}
