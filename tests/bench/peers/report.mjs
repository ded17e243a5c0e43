// What ./dev bench --peers measured, as a table.

import { markdown, number } from '../lib/page.mjs';

const KINDS = { http: 'a server over HTTP', shared: 'a program for all sessions', own: 'a program a session' };
const KEPT = { '/sse': 'on /sse', 'GET /mcp': 'on GET of /mcp', 'POST /mcp': 'while a call of /mcp runs' };

const both = ({ server_us, haproxy_us }) => server_us + haproxy_us;

/** [{ what, cell: (figure) => text, take: (gateway) => figure, better: 1 where more is, -1 where less is, 0 where there is no goal }] */
function rowsOf({ streams, tools, watch_s }) {
  const rows = [];
  const add = (what, unit, digits, better, take) => rows.push({ what, better, take, cell: (n) => `${number(n, digits)} ${unit}` });
  for (const [kind, name] of Object.entries(KINDS)) {
    for (const clients of [1, 16, 64]) {
      add(clients === 1 ? `calls before ${name}, 1 at once` : `the same, ${clients} at once`, '/s', 0, 1, (g) => g.calls[kind][clients].calls_per_s);
    }
    add('the same: CPU of a call, 16 at once', 'us', 0, -1, (g) => both(g.calls[kind][16]));
    add('of it HAProxy\'s', 'us', 0, 0, (g) => g.calls[kind][16].haproxy_us);
  }
  add(`memory per idle stream, ${streams} on /mcp with their sessions`, 'B', 0, -1, (g) => g.memory_mcp);
  add('the same, on /sse', 'B', 0, -1, (g) => g.idle.memory_bytes);
  add('opening a stream, CPU with HAProxy\'s', 'us', 0, -1, (g) => g.idle.opening_us);
  add(`push of one event, ${streams} streams, p50`, 'us', 0, 0, (g) => g.push.p50_us);
  add('the same, p99', 'us', 0, 0, (g) => g.push.p99_us);
  add('start to the first list', 'ms', 0, -1, (g) => g.start_ms);
  add(`list of ${tools} tools, the first`, 'ms', 0, -1, (g) => g.lists_ms.first);
  add('the same, of the next session', 'ms', 0, -1, (g) => g.lists_ms.again);
  for (const [what, name] of Object.entries(KEPT)) {
    rows.push({
      what: `keep-alive ${name}`, better: 0, take: (g) => g.keepalives[what],
      cell: (s) => (s === null ? `none in ${watch_s} s` : `every ${number(s, 0)} s`),
    });
  }
  return rows;
}

function figureOf(row, gateway) {
  try {
    return row.take(gateway);
  } catch {
    return undefined; // not measured of this one
  }
}

/** Whether mgw is ahead of every other gateway. */
function isAhead(row, gateways) {
  const mine = figureOf(row, gateways.mgw);
  const others = Object.entries(gateways).filter(([name, { isNone }]) => name !== 'mgw' && !isNone)
    .map(([, gateway]) => figureOf(row, gateway)).filter((n) => n !== undefined);
  if (row.better === 0 || mine === undefined || others.length === 0) return '';
  return others.every((n) => mine * row.better > n * row.better) ? 'yes' : 'NO';
}

export function text(results) {
  const entries = Object.entries(results.gateways);
  const lines = rowsOf(results).map((row) => [
    row.what,
    ...entries.map(([, gateway]) => {
      if (gateway.missing) return gateway.missing;
      const figure = figureOf(row, gateway);
      return figure === undefined ? '-' : row.cell(figure);
    }),
    isAhead(row, results.gateways),
  ]);
  return `\`./dev bench --peers\` on ${results.cores} cores; load average before it ${number(results.load_before, 2)}.

${markdown(['what', ...entries.map(([name]) => name), 'mgw ahead'], lines)}`;
}
