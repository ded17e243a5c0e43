// HTTP without a client's help: any method, path and header, sent as it is written here.

import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import { once } from 'node:events';
import { testCertificate } from './gateway.mjs';

/** One request on a connection of its own. Returns { status, headers, body, json }; aborts a stream behind its head. */
export function ask(base, path, { method = 'GET', headers = {}, body } = {}) {
  const { protocol, hostname, port } = new URL(base);
  const by = protocol === 'https:' ? https : http;
  return new Promise((resolve, reject) => {
    const request = by.request({ hostname, port, path, method, headers, agent: false, ca: testCertificate().ca }, (response) => {
      const answer = { status: response.statusCode, headers: response.headers, body: '' };
      if (/^text\/event-stream/.test(response.headers['content-type'])) {
        request.destroy();
        resolve(answer);
        return;
      }
      response.setEncoding('utf8').on('data', (text) => { answer.body += text; }).on('error', reject).on('end', () => {
        try {
          answer.json = JSON.parse(answer.body);
        } catch {
          // texts, and empty bodies
        }
        resolve(answer);
      });
    });
    request.on('error', reject).setTimeout(30000, () => request.destroy(new Error(`no answer to ${method} ${path} within 30 s`)));
    request.end(body);
  });
}

/** A TCP connection to the plain listener. Returns { socket, send, text (all that came), closed, ended() }. */
export async function dial(gateway) {
  const socket = net.connect(gateway.httpPort, '127.0.0.1');
  const line = { socket, text: '', closed: false, send: (...parts) => { for (const part of parts) socket.write(part); return line; } };
  line.ended = new Promise((resolve) => {
    socket.on('data', (bytes) => { line.text += bytes.toString('latin1'); });
    socket.on('error', () => {}); // 'close' follows
    socket.on('close', () => {
      line.closed = true;
      resolve(line.text);
    });
  });
  await once(socket, 'connect');
  return line;
}
