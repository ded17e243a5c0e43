// Charts: how long streams lived, and the last hour.

// After so long without a byte these end a stream, as they come.
const cliffs = [
  { s: 60, who: 'AWS ALB, nginx, Apache’s proxy' },
  { s: 100, who: 'Cloudflare' },
  { s: 300, who: 'Node.js, Envoy' },
];

const secondsName = (s) => (s < 600 ? `${s} s` : s < 3600 ? `${+(s / 60).toFixed(1)} min` : `${+(s / 3600).toFixed(1)} h`);

/** The bucket whose bounds stand closely around that time; -1: none does. */
function bucketAround(bounds, s) {
  return bounds.findIndex((to, i) => i > 0 && bounds[i - 1] < s && s <= to && to - bounds[i - 1] <= 0.4 * s);
}

/** lifetimes: { bounds_s: [...], n: [...] }, one count more than bounds. */
function drawLifetimes({ bounds_s: bounds, n: counts }) {
  // As wide as it is shown, so that its letters are as big as others.
  const [width, height, foot, top] = [Math.max(260, byId('lifetimes-chart').clientWidth), 176, 22, 20];
  const sum = counts.reduce((a, b) => a + b, 0), most = Math.max(1, ...counts);
  const step = width / counts.length;
  const marks = cliffs.map((cliff) => ({ ...cliff, at: bucketAround(bounds, cliff.s) })).filter(({ at }) => at >= 0);
  const drawing = svg('svg', { viewBox: `0 0 ${width} ${height}`, height, role: 'img', 'aria-label': `Histogram of ${sum} streams by how long they lived` });
  drawing.append(svg('path', { class: 'axis', d: `M0 ${height - foot + .5}H${width}` }));
  const labels = []; // over all bars
  let written = 0;
  counts.forEach((n, i) => {
    const tall = n === 0 ? 0 : Math.max(2, (n / most) * (height - foot - top));
    const mark = marks.find(({ at }) => at === i);
    const name = i === counts.length - 1 ? `over ${secondsName(bounds[i - 1])}` : `up to ${secondsName(bounds[i])}`;
    drawing.append(svg('rect', { class: mark ? 'bar cliff' : 'bar', x: i * step + 1.5, y: height - foot - tall, width: step - 3, height: tall, rx: 1.5 },
      svg('title', {}, `${name}: ${n}`)));
    if (mark) labels.push(svg('text', { class: 'mark', x: (i + .5) * step, y: height - foot - tall - 6, 'text-anchor': 'middle' }, `${mark.s} s`));
    // Bounds are written where there is room.
    const wanted = i < bounds.length && !mark && !marks.some(({ at }) => at === i + 1);
    const at = (i + 1) * step, half = 3.2 * secondsName(bounds[i] ?? 0).length + 4;
    if (wanted && at - half > written && at + half < width) {
      written = at + half;
      drawing.append(svg('text', { x: at, y: height - foot + 16, 'text-anchor': 'middle' }, secondsName(bounds[i])));
    }
  });
  drawing.append(...labels);
  byId('lifetimes-chart').replaceChildren(drawing);
  setText('lifetimes-n', sum === 0 ? 'none has ended yet' : `${some(sum, 'stream')} since the start`);
  byId('cliffs').replaceChildren(...marks.map(({ s, who, at }) => {
    const part = sum === 0 ? 0 : counts[at] / sum;
    const isCliff = counts[at] >= 3 && part >= .1 && counts[at] > 1.5 * Math.max(counts[at - 1], counts[at + 1] ?? 0);
    const share = el('span', { class: 'share' }, counts[at] === 0 ? 'none' : `${count(counts[at])}, ${Math.round(part * 100)} %`);
    return el('li', { 'data-tone': isCliff ? 'warn' : null }, el('b', {}, `${s} s`), share, el('span', { class: 'is' }, isCliff ? `A cliff: as ${who} cut what is silent` : who));
  }));
}

/** values: numbers, oldest first; NaN where there is none. */
function lineChart(label, unit, values, room, { tone } = {}) {
  const [width, height] = [600, 56];
  const known = values.filter((value) => !Number.isNaN(value)), most = Math.max(1, ...known);
  const x = (i) => (room < 2 ? 0 : ((room - values.length + i) / (room - 1)) * width), y = (value) => height - 2 - (value / most) * (height - 6);
  const points = values.map((value, i) => `${x(i).toFixed(1)} ${y(value).toFixed(1)}`);
  const drawing = svg('svg', { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: 'none', role: 'img', 'aria-label': `${label}, over the last hour: now ${known.at(-1) ?? 0}, at most ${known.length > 0 ? Math.max(...known) : 0}` });
  drawing.append(svg('path', { class: 'axis', d: `M0 ${height - .5}H${width}` }));
  if (points.length > 1) {
    drawing.append(svg('path', { class: 'area', d: `M${x(0).toFixed(1)} ${height}L${points.join('L')}L${x(values.length - 1).toFixed(1)} ${height}Z` }),
      svg('path', { class: tone ? `line ${tone}` : 'line', d: `M${points.join('L')}` }));
  }
  const now = known.at(-1) ?? 0;
  const head = el('div', { class: 'head' }, el('span', {}, label), el('b', {}, `${+now.toFixed(1)}${unit}`), el('span', { class: 'max' }, `at most ${+Math.max(0, ...known).toFixed(1)}${unit}`));
  return el('div', { class: 'chart' }, head, drawing);
}

/** series: { step_ms, room, streams: [...], calls: [...], failures: [...] }: a number for each step, oldest first. */
function drawHour({ step_ms: step, room, streams, calls, failures }) {
  const aSecond = (numbers) => numbers.map((n) => n / (step / 1000));
  byId('hour-charts').replaceChildren(
    lineChart('Streams', '', streams, room),
    lineChart('Calls a second', '', aSecond(calls), room),
    lineChart('Failed calls a second', '', aSecond(failures), room, { tone: 'bad' }),
  );
  setText('hour-aside', streams.length < 2 ? 'the first samples are being taken' : `a sample each ${step / 1000} s, of ${lasting(streams.length * step)}`);
}
