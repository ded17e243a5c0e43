// What ada attacks with: connections and requests from any address of loopback, written by hand.

import http from 'node:http';
import net from 'node:net';
import tls from 'node:tls';
import { once } from 'node:events';
import { JSON_HEADERS, initializeParams, rpc } from '../../lib/stream.mjs';
import { bearer } from './arena.mjs';

/** The n-th address of a network of ours. */
export const addressOf = (n, net2 = 1) => `127.0.${net2 + Math.floor(n / 200)}.${1 + (n % 200)}`;

export const headOf = (method, target, headers = {}, length) => [
  `${method} ${target} HTTP/1.1`, 'Host: localhost', ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
  ...(length === undefined ? [] : [`Content-Length: ${length}`]), '', '',
].join('\r\n');

export const requestOf = (target, body, headers = {}) => headOf('POST', target, headers, Buffer.byteLength(body)) + body;

/** A connection whose answer is read, but kept only in part. */
export async function dial(arena, { from = '127.0.0.2', isTls = false, isReading = true } = {}) {
  const { httpPort, tlsPort } = arena.gateway;
  const options = { host: '127.0.0.1', port: isTls ? tlsPort : httpPort, localAddress: from, rejectUnauthorized: false, servername: 'localhost' };
  const socket = isTls ? tls.connect(options) : net.connect(options);
  const line = { socket, head: '', text: '', n: 0, isClosed: false, close: () => socket.destroy() };
  line.send = (data) => new Promise((resolve) => { if (socket.destroyed) resolve(); else socket.write(data, resolve); });
  socket.on('error', () => {}); // 'close' follows
  socket.on('close', () => { line.isClosed = true; });
  if (isReading) {
    socket.on('data', (bytes) => {
      line.n += bytes.length;
      line.head = (line.head + bytes.toString('latin1')).slice(0, 4096);
      line.text = (line.text + bytes.toString('latin1')).slice(-65536);
    });
  }
  line.status = () => Number(/HTTP\/1\.1 (\d+)/.exec(line.head)?.[1]);
  await once(socket, isTls ? 'secureConnect' : 'connect');
  return line;
}

/** One request; answers { status, headers, body, json }, json of a stream being its last event. */
export function send(arena, { method = 'POST', target = '/mcp', headers = {}, body, from = '127.0.0.2', agent = false, timeoutMs = 60000 } = {}) {
  return new Promise((resolve, reject) => {
    const options = { method, agent, localAddress: from, headers: { ...headers, ...(body !== undefined && { 'content-length': Buffer.byteLength(body) }) } };
    const request = http.request(`${arena.url}${target}`, options, (response) => {
      const parts = [];
      response.on('data', (part) => parts.push(part)).on('error', reject).on('end', () => {
        const text = Buffer.concat(parts).toString();
        const answer = { status: response.statusCode, headers: response.headers, body: text };
        const last = text.startsWith('{') || text.startsWith('[') ? text : [...text.matchAll(/^data: (\{.*)$/gm)].at(-1)?.[1];
        try {
          answer.json = last && JSON.parse(last);
        } catch {
          // a text
        }
        resolve(answer);
      });
    });
    request.on('error', reject).setTimeout(timeoutMs, () => request.destroy(new Error(`no answer within ${timeoutMs} ms`)));
    request.end(body);
  });
}

/** A session of a user: { headers, post(body), call(name, args) }; its requests come from one address. */
export async function open(arena, { user = 'ada', version = '2025-06-18', from = '127.0.0.2', agent, capabilities = {} } = {}) {
  const own = { ...JSON_HEADERS, ...(user && bearer(user)) };
  const params = { ...initializeParams(version), capabilities };
  const answer = await send(arena, { headers: own, body: rpc(1, 'initialize', params), from, agent });
  const id = answer.headers['mcp-session-id'];
  const headers = { ...own, ...(id && { 'mcp-session-id': id }), ...(version >= '2025-06-18' && { 'mcp-protocol-version': version }) };
  const post = (body, more = {}) => send(arena, { headers, body: typeof body === 'string' ? body : JSON.stringify(body), from, agent, ...more });
  const session = { id, answer, headers, post, call: (name, args = {}, more) => post(rpc(7, 'tools/call', { name, arguments: args }), more) };
  if (id) await post({ jsonrpc: '2.0', method: 'notifications/initialized' });
  return session;
}

/** work(i) for each i below n, `at` of them at a time. */
export async function many(n, at, work) {
  const results = [];
  let next = 0;
  const worker = async () => {
    while (next < n) {
      const i = next++;
      results[i] = await work(i);
    }
  };
  await Promise.all(Array.from({ length: Math.min(at, n) }, worker));
  return results;
}

/** { value: how often }. */
export const tally = (values) => values.reduce((counts, value) => ({ ...counts, [value]: (counts[value] ?? 0) + 1 }), {});
