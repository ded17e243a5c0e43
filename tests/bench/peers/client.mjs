// A client of few words: what the C one does not measure.

import http from 'node:http';
import https from 'node:https';


/** Sends, and answers with the response at its head. */
function send(url, { method = 'POST', session, message } = {}) {
  const headers = {
    accept: method === 'GET' ? 'text/event-stream' : 'application/json, text/event-stream',
    ...(message && { 'content-type': 'application/json' }),
    ...(session && { 'mcp-session-id': session, 'mcp-protocol-version': '2025-11-25' }),
  };
  const body = message && JSON.stringify({ jsonrpc: '2.0', ...message });
  if (body) headers['content-length'] = Buffer.byteLength(body);
  return new Promise((resolve, reject) => {
    // Whose certificate it is does not matter on loopback.
    const request = (url.startsWith('https') ? https : http).request(url, { method, headers, rejectUnauthorized: false }, resolve);
    request.once('error', reject).end(body);
  });
}

async function textOf(response) {
  if (response.statusCode >= 300) throw new Error(`refused: ${response.statusCode}`);
  let text = '';
  for await (const part of response.setEncoding('utf8')) text += part;
  return text;
}

/** The message of an answer in JSON or in events. */
const messageIn = (text) => JSON.parse(text.startsWith('{') ? text : /^data: ?(\{.*)$/m.exec(text)[1]);

/** Opens a session at a gateway; answers its id. */
export async function initialize(base) {
  const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'bench', version: '1' } };
  const response = await send(`${base}/mcp`, { message: { id: 0, method: 'initialize', params } });
  await textOf(response);
  const session = response.headers['mcp-session-id'];
  await textOf(await send(`${base}/mcp`, { session, message: { method: 'notifications/initialized' } }));
  return session;
}

/** All pages: { tools: how many, ms: until the last byte of them }. */
export async function list(base, session) {
  const from = performance.now();
  let tools = 0;
  let params = {};
  do {
    const text = await textOf(await send(`${base}/mcp`, { session, message: { id: 1, method: 'tools/list', params } }));
    const { result } = messageIn(text);
    tools += result.tools.length;
    params = { cursor: result.nextCursor };
  } while (params.cursor);
  return { tools, ms: performance.now() - from };
}

/** Keeps something open for so long, and answers with when something came, in seconds from the request on. */
async function arrivals(url, options, seconds) {
  const from = performance.now();
  const at = [];
  let response;
  const ended = send(url, options).then((r) => {
    if (r.statusCode !== 200) throw new Error(`${url} answered ${r.statusCode}`);
    response = r;
    r.on('data', () => at.push((performance.now() - from) / 1000)).on('error', () => {});
  });
  const wait = new Promise((resolve) => setTimeout(resolve, seconds * 1000));
  // An answer whose head does not come either is silent as well.
  await Promise.race([wait, ended.then(() => wait)]);
  response?.destroy();
  return at;
}

/** Seconds between what keeps a stream alive: the middle one of them; null: nothing came. */
export async function watch(base, what, { tool, seconds }) {
  const session = what === '/sse' ? undefined : await initialize(base);
  const message = { id: 1, method: 'tools/call', params: { name: tool, arguments: {} } };
  const at = what === '/sse' ? await arrivals(`${base}/sse`, { method: 'GET' }, seconds)
    : await arrivals(`${base}/mcp`, what === 'GET /mcp' ? { method: 'GET', session } : { session, message }, seconds);
  // What opens a stream comes at once.
  const gaps = at.map((t, i) => t - (at[i - 1] ?? 0)).filter((gap) => gap > 2).sort((a, b) => a - b);
  return gaps[Math.floor(gaps.length / 2)] ?? null;
}

