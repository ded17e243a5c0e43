// Requests of MCP 2026-07-28, written by hand: what official clients would never send can be sent too.

import { openStream } from './stream.mjs';

export const VERSION = '2026-07-28';
const PREFIX = 'io.modelcontextprotocol/';

export const metaOf = (capabilities = {}, more = {}) => ({
  [`${PREFIX}protocolVersion`]: VERSION,
  [`${PREFIX}clientInfo`]: { name: 'raw', version: '1' },
  [`${PREFIX}clientCapabilities`]: capabilities,
  ...more,
});

export const subscriptionId = `${PREFIX}subscriptionId`;
export const serverInfo = `${PREFIX}serverInfo`;
export const logLevel = `${PREFIX}logLevel`;

const nameOf = ({ method, params }) =>
  ['tools/call', 'prompts/get'].includes(method) ? params.name
    : method === 'resources/read' ? params.uri : method.startsWith('tasks/') ? params.taskId : undefined;

/** The headers that a message must have. */
export function headersOf(message) {
  const name = nameOf(message);
  return {
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
    'mcp-protocol-version': VERSION,
    'mcp-method': message.method,
    ...(name !== undefined && { 'mcp-name': name }),
  };
}

export const messageOf = (method, params = {}, { id = 1, capabilities, meta } = {}) =>
  ({ jsonrpc: '2.0', id, method, params: { ...params, _meta: { ...metaOf(capabilities), ...meta } } });

/** One request; headers: instead of, or besides, those it must have (undefined: left out). */
export async function post(url, message, headers = {}) {
  const all = { ...headersOf(message), ...headers };
  for (const name of Object.keys(all)) if (all[name] === undefined) delete all[name];
  const response = await fetch(`${url}/mcp`, { method: 'POST', headers: all, body: JSON.stringify(message) });
  const text = await response.text();
  const isStream = response.headers.get('content-type')?.startsWith('text/event-stream');
  const events = isStream ? text.split('\n\n').filter((b) => /^data: /m.test(b)).map((b) => JSON.parse(/^data: (.*)$/m.exec(b)[1])) : [];
  return { status: response.status, headers: response.headers, text, events, json: isStream ? events.at(-1) : text && JSON.parse(text) };
}

/** A request whose answer is a stream that stays open. */
export const listen = (url, message, init = {}) =>
  openStream(`${url}/mcp`, { method: 'POST', headers: headersOf(message), body: JSON.stringify(message), ...init });
