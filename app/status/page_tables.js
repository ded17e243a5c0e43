// What the tables show of a snapshot and of the configuration.

const clientName = (client) => (client === null || client === undefined ? { text: 'not said', soft: true } : client.filter(Boolean));
const kindNames = { sse: 'SSE', get: 'GET', post: 'POST', listen: 'listen' };
const causes = {
  client: ['client left', ''], answered: ['answered', 'good'], full: ['did not read', 'bad'], replaced: ['replaced', ''], session: ['session ended', ''],
  login: ['no longer let in', 'warn'], drain: ['mgw went down', ''], proxy: ['the proxy went down', ''],
};
const states = {
  up: ['up', 'good'], failing: ['failing', 'warn'], down: ['left alone', 'bad'], trying: ['being tried', 'warn'], not_asked: ['not asked yet', ''],
};

const FIRST = 20;

const tables = {
  streams: new Table('streams-table', 'Live streams', [
    { name: 'User', cell: (s) => s.user },
    { name: 'Client', cell: (s) => clientName(s.client) },
    { name: 'Kind', cell: (s) => ({ text: kindNames[s.kind] ?? s.kind, chip: '' }) },
    { name: 'Revision', cell: (s) => s.revision },
    { name: 'Age', n: true, cell: (s) => lasting(s.age_ms) },
    { name: 'Silent for', n: true, cell: (s) => lasting(s.silent_ms) },
    { name: 'Bytes', n: true, cell: (s) => bytes(s.bytes) },
    { name: 'Keep-alives', n: true, cell: (s) => count(s.keepalives) },
    { name: 'Waiting', n: true, cell: (s) => (s.waiting > 0 ? { text: bytes(s.waiting), tone: 'warn', title: 'The client has not read these yet' } : '') },
    { name: 'Id', cell: (s) => ({ text: s.id, mono: true, soft: true }) },
  ], { key: (s) => s.id, empty: 'No stream is open.', first: FIRST }),
  upstreams: new Table('upstreams-table', 'Upstreams', [
    { name: 'Server', cell: (u) => u.name },
    { name: 'State', cell: (u) => [{ text: states[u.state]?.[0] ?? u.state, chip: states[u.state]?.[1] ?? '' },
      u.is_for_one && u.state === 'down' ? { text: 'for one user', soft: true } : '',
      u.state === 'down' && u.retry_in_ms > 0 ? { text: `for ${lasting(u.retry_in_ms + 999)}`, soft: true } : ''] },
    { name: 'Kind', cell: (u) => [u.kind ?? '', u.target ? { text: u.target, soft: true } : ''] },
    { name: 'Tools', n: true, cell: (u) => (u.tools < 0 ? '–' : count(u.tools)) },
    { name: 'Answers in', n: true, cell: (u) => (u.latency_us >= 0 ? quick(u.latency_us) : '–') },
    { name: 'Answers', n: true, cell: (u) => count(u.answers) },
    { name: 'Last fault', cell: (u) => (u.fault ? [u.fault, { text: `${lasting(u.fault_ago_ms)} ago`, soft: true }] : '') },
    { name: 'Holds', n: true, cell: (u) => bytes(u.bytes) },
  ], { key: (u) => u.name, empty: 'No server is configured: mgw has its own tools alone.', first: FIRST }),
  users: new Table('users-table', 'Users and what they hold', [
    { name: 'User', cell: (u) => u.name },
    { name: 'Memory', n: true, cell: (u) => bytes(u.bytes) },
    { name: 'Sessions', n: true, cell: (u) => count(u.sessions) },
    { name: 'Streams', n: true, cell: (u) => count(u.streams) },
    { name: 'Calls', n: true, cell: (u) => count(u.calls) },
    { name: 'Programs', n: true, cell: (u) => count(u.programs) },
  ], { key: (u) => u.name, empty: 'Nobody holds anything.', first: FIRST }),
  ends: new Table('ends-table', 'Recent ends', [
    { name: 'When', tight: true, cell: (e) => clock(e.at_ms) },
    { name: 'What', cell: (e) => e.what },
    { name: 'Of', cell: (e) => [e.user, e.client ? { text: e.client, soft: true } : ''] },
    { name: 'Cause', cell: (e) => ({ text: causes[e.cause]?.[0] ?? e.cause, chip: causes[e.cause]?.[1] ?? (e.isCall ? 'bad' : '') }) },
    { name: 'Lasted', n: true, cell: (e) => (e.lasted_ms < 1000 ? quick(e.lasted_ms * 1000) : lasting(e.lasted_ms)) },
  ], { key: (e) => e.key, empty: 'Nothing has ended yet.', first: FIRST }),
  settings: new Table('settings-table', 'Settings', [
    { name: 'Setting', cell: ([key]) => ({ text: key, mono: true }) },
    { name: 'Value', cell: ([, value]) => ({ text: Array.isArray(value) ? value.join(', ') : value === '' ? '""' : String(value), mono: true }) },
    { name: '', cell: ([, , isStandard]) => (isStandard ? { text: 'as it comes', soft: true } : '') },
  ], { key: ([key]) => key, empty: 'All is as it comes.' }),
  servers: new Table('servers-table', 'Servers', [
    { name: 'Server', cell: (s) => s.name },
    { name: 'Kind', cell: (s) => [s.kind, s.target ? { text: s.target, soft: true } : ''] },
    { name: 'Prefix', cell: (s) => ({ text: s.prefix || 'none', mono: true }) },
    { name: 'Whose', cell: (s) => (s.kind === 'program' ? `of a ${s.scope}`.replace('of a shared', 'of all') : '') },
    { name: 'Era', cell: (s) => s.era },
    { name: 'Accounts', cell: (s) => [s.has_oauth ? 'OAuth' : '', s.accounts > 0 ? some(s.accounts, 'user') : '', s.is_per_user ? { text: 'of these users alone', soft: true } : ''] },
    { name: 'Time-out', n: true, cell: (s) => (s.timeout_ms > 0 ? lasting(s.timeout_ms) : 'none') },
  ], { key: (s) => s.name, empty: 'None.', first: FIRST }),
};

// ---- tiles ----

function tile({ name, value, more, state }) {
  return el('div', { class: 'tile', 'data-state': state }, el('p', { class: 'name' }, name), el('p', { class: 'value' }, value), el('p', { class: 'more', title: more }, more));
}

function showTiles(config, { totals, memory, upstreams }) {
  const away = upstreams.n - upstreams.n_well;
  const full = memory.max_bytes > 0 ? memory.bytes / memory.max_bytes : 0;
  byId('tiles').replaceChildren(...[
    { name: 'Streams', value: count(totals.streams), more: `of ${count(config.streams_max)}; ${count(totals.streams_opened_total)} opened` },
    { name: 'Sessions', value: count(totals.sessions), more: some(totals.connections, 'connection') },
    { name: 'Calls running', value: count(totals.calls), more: `${count(totals.calls_total)} so far` },
    { name: 'Memory', value: bytes(memory.bytes), more: memory.max_bytes > 0 ? `of ${bytes(memory.max_bytes)}; ${some(memory.refused_total, 'refusal')}` : 'no cap', state: full > .9 ? 'bad' : full > .7 ? 'warn' : null },
    { name: 'Keep-alives', value: count(totals.keepalives_total), more: config.keepalive_ms > 0 ? `every ${config.keepalive_ms / 1000} s` : 'switched off' },
    { name: 'Upstreams', value: `${upstreams.n_well} of ${upstreams.n}`, more: upstreams.n === 0 ? 'none is configured' : away === 0 ? 'none is away' : `${away} left alone or failing`, state: away > 0 ? 'warn' : null },
  ].map(tile));
}

// ---- memory ----

function showMemory({ bytes: held, kinds }) {
  const bar = svg('svg', { viewBox: '0 0 1000 10', preserveAspectRatio: 'none', role: 'img', 'aria-label': 'Memory by what it is for' }, svg('rect', { class: 'back', width: 1000, height: 10 }));
  let at = 0;
  const names = Object.entries(kinds).map(([kind, n], i) => ({ kind, n, i })).filter(({ n }) => n > 0);
  for (const { kind, n, i } of names) {
    const wide = (n / Math.max(1, held)) * 1000;
    bar.append(svg('rect', { class: `k${i % 8}`, x: at, width: wide, height: 10 }, svg('title', {}, `${kind}: ${bytes(n)}`)));
    at += wide;
  }
  byId('memory').replaceChildren(bar, el('p', {}, names.sort((a, b) => b.n - a.n).map(({ kind, n }) => `${kind} ${bytes(n)}`).join(', ') || 'nothing is held'));
}

// ---- the snapshot and the configuration ----

function isWanted(stream, words) {
  const text = [stream.user, stream.client?.join(' '), stream.kind, stream.revision, stream.id].join(' ').toLowerCase();
  return words.every((word) => text.includes(word));
}

function showStreams({ n, rows }) {
  const words = byId('streams-filter').value.toLowerCase().split(/\s+/).filter(Boolean);
  const wanted = rows.filter((stream) => isWanted(stream, words));
  setText('streams-n', words.length > 0 ? `${count(wanted.length)} of ${count(n)}` : shown({ n, rows }));
  tables.streams.show(wanted, words.length > 0 && rows.length > 0 ? 'No stream is like that.' : 'No stream is open.');
}

function showUpstreams(config, upstreams) {
  const of = new Map(config.servers.rows.map((server) => [server.name, server]));
  setText('upstreams-n', shown(upstreams));
  tables.upstreams.show(upstreams.rows.map((row) => ({ ...row, kind: of.get(row.name)?.kind, target: of.get(row.name)?.target })));
}

function showConfig(config) {
  const all = byId('config-all').checked;
  const { auth, policy } = config;
  const facts = {
    Address: config.public_url || 'not told (public_url)',
    Node: config.node,
    Users: [auth.has_login && 'sign in by a browser', auth.has_tokens && 'a file of tokens', ...auth.issuers].filter(Boolean).join(', ')
      || (auth.is_for_anybody ? 'everybody, from anywhere' : 'everybody on this machine'),
    Policy: policy === null ? 'none: all may all' : `${some(policy.rules, 'rule')}; groups: ${policy.groups.join(', ') || 'none'}`,
  };
  byId('config-facts').replaceChildren(...Object.entries(facts).map(([name, text]) => el('div', {}, el('dt', {}, name), el('dd', {}, text))));
  tables.settings.show(config.settings.filter(([, , isStandard]) => all || !isStandard));
  tables.servers.show(config.servers.rows);
  setText('node', config.node);
  setText('version', config.version);
}
