// What CloudWatch reads out of mgw's log. Plain texts, so that tests hold them against real lines without AWS.
//
// CloudWatch's regular expressions know no parentheses, no colon and no blank (\s), match case-sensitively, and a log group may have
// five patterns with one. Phrases in quotes are no regular expressions, and do not count.

export interface LifetimeBand {
  name: string;
  /** Whose hand it is that ends streams at that age. */
  suspect: string;
  from: number;
  to: number;
  pattern: string;
}

/** Behind the seconds stands the end, or, where the log is JSON, two characters. Streams that ended with their answer have more. */
const ended = 'disconnected.*after\\s';
const end = 's.?.?$';

function band(name: string, suspect: string, from: number, to: number, ...seconds: string[]): LifetimeBand {
  return { name, suspect, from, to, pattern: `%${seconds.map((s) => ended + s + end).join('|')}%` };
}

/** Ages, in whole seconds, at which something between us and a client is known to end streams that it takes for idle. */
export const lifetimeBands: LifetimeBand[] = [
  band('StreamsEndedEarly', 'clients that come and go, or a task that is replaced', 0, 54, '[0-9]', '[1-4][0-9]', '5[0-4]'),
  band('StreamsEndedAt60', 'an ALB with its default idle timeout (60 s), nginx (proxy_read_timeout)', 55, 65, '5[5-9]', '6[0-5]'),
  band('StreamsEndedAt100', 'Cloudflare (100 s)', 95, 105, '9[5-9]', '10[0-5]'),
  band('StreamsEndedAt120', 'our ALB (120 s): keep-alives do not reach it', 115, 125, '11[5-9]', '12[0-5]'),
  band('StreamsEndedAt300', "a client's own timer (Node's fetch, 300 s)", 290, 310, '29[0-9]', '30[0-9]', '310'),
];

export const disconnects = { name: 'StreamsEnded', pattern: '"Client disconnected" -"s, answered"' };
export const connects = { name: 'StreamsOpened', pattern: '"Client connected"' };

/** A refresh token that came twice: somebody has stolen it. */
export const theft = { name: 'Thefts', pattern: 'ALARM' };

/** "2026-11-30T12:00:00.000Z INFO [MCP] : keep-alive sent to 42 streams", in columns: the text form of the log alone has them. */
export const streams = {
  name: 'Streams',
  pattern: '[time, level, from, colon, kind="keep-alive", sent="sent", to="to", n, streams="streams"]',
  value: '$n',
};

/** HAProxy's lines are JSON: an answer of its own that says that mgw is not there. */
export const unanswered = { name: 'Unanswered', pattern: '{ $.event = "request" && ($.status = 502 || $.status = 503 || $.status = 504) }' };
