// The feed: what is told is drawn. Who loses it comes back, and says so.

const SILENT_MS = 7000;

let viewer, config, snapshot, silence;

function setFeed(state, text) {
  byId('feed').dataset.state = state;
  setText('feed-text', text);
}

function notice(text) {
  byId('notice').hidden = text === '';
  setText('notice', text);
}

function showEnds({ streams, calls }) {
  const rows = [
    ...streams.map((end) => ({ ...end, what: `${kindNames[end.kind] ?? end.kind} stream`, key: `s${end.at_ms}${end.id}` })),
    ...calls.map((end, i) => ({ ...end, what: end.name || end.method, lasted_ms: end.took_us / 1000, cause: end.outcome.replaceAll('_', ' '), isCall: true, key: `c${end.at_ms}${i}` })),
  ].sort((a, b) => b.at_ms - a.at_ms).slice(0, 30);
  setText('ends-n', rows.length === 0 ? '' : 'streams, and calls that failed');
  tables.ends.show(rows);
}

function draw() {
  if (!config || !snapshot) return;
  showTiles(config, snapshot);
  showStreams(snapshot.streams);
  showUpstreams(config, snapshot.upstreams);
  setText('users-n', shown(snapshot.users));
  tables.users.show(snapshot.users.rows);
  showMemory(snapshot.memory);
  if (snapshot.ends) showEnds(snapshot.ends);
  if (snapshot.lifetimes) drawLifetimes(snapshot.lifetimes);
  if (snapshot.series) drawHour(snapshot.series);
  setText('config-aside', `up for ${lasting(snapshot.up_ms)}; longest turn of its loop ${quick(snapshot.longest_turn_us)}`);
  notice(snapshot.is_draining ? 'mgw is going down: calls that run may end, new ones are refused.' : '');
}

const hears = {
  viewer(data) {
    viewer = data;
    setText('try-user', data.user);
  },
  config(data) {
    config = data;
    document.title = `${data.node}: mgw status`;
    showConfig(data);
    beginSnippets(data, viewer);
    draw();
  },
  snapshot(data) {
    snapshot = data;
    setFeed('live', 'live');
    clearTimeout(silence);
    silence = setTimeout(() => setFeed('lost', 'not connected'), SILENT_MS);
    draw();
  },
};

/** A browser tries again by itself, but not where it has been refused. */
function listen() {
  const source = new EventSource('/status/events');
  for (const [name, hear] of Object.entries(hears)) source.addEventListener(name, ({ data }) => hear(JSON.parse(data)));
  source.addEventListener('error', () => {
    if (source.readyState !== EventSource.CLOSED) return; // the end of its minute: it comes back at once
    setFeed('lost', 'not connected');
    notice('mgw does not answer this page: it is away, eight others watch already, or you are signed in no more (load the page again). It is asked every five seconds.');
    source.close();
    setTimeout(listen, 5000);
  });
}

byId('streams-filter').addEventListener('input', draw);
addEventListener('resize', draw);
byId('config-all').addEventListener('change', () => config && showConfig(config));
listen();
