// A well-behaved client, as a program: bob calls a tool every few milliseconds, on a connection that he keeps, of the gateway
// that is attacked and of one that is left alone, so that what else the machine does meets both alike. His parent asks for the
// figures since it last asked. argv[2]: JSON { gateways: { name: url }, token, address, tool, args, everyMs }.

import http from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { JSON_HEADERS, initializeParams, rpc } from '../../lib/stream.mjs';

const { gateways, token, address, tool, args, everyMs } = JSON.parse(process.argv[2]);

class Caller {
  waits = []; // ms from when a call was due to its answer
  errors = [];
  headers = { ...JSON_HEADERS, authorization: `Bearer ${token}` };
  agent = new http.Agent({ keepAlive: true, maxSockets: 1, localAddress: address });

  constructor(url) {
    this.url = url;
  }

  post(body) {
    return new Promise((resolve, reject) => {
      const options = { method: 'POST', agent: this.agent, headers: { ...this.headers, 'content-length': Buffer.byteLength(body) } };
      const request = http.request(`${this.url}/mcp`, options, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (part) => { text += part; }).on('error', reject)
          .on('end', () => resolve({ status: response.statusCode, headers: response.headers, text }));
      });
      request.on('error', reject).end(body);
    });
  }

  async open() {
    const { status, headers, text } = await this.post(rpc(1, 'initialize', initializeParams()));
    if (status !== 200) throw new Error(`initialize: HTTP ${status} ${text}`);
    Object.assign(this.headers, { 'mcp-session-id': headers['mcp-session-id'], 'mcp-protocol-version': '2025-11-25' });
    await this.post(JSON.stringify({ jsonrpc: '2.0', method: 'notifications/initialized' }));
    await this.call(); // what is made at the first call is made
  }

  async call() {
    try {
      const { status, text } = await this.post(rpc(2, 'tools/call', { name: tool, arguments: args }));
      if (status !== 200 || !text.includes('"content"') || text.includes('"isError":true')) this.errors.push(`${status} ${text.slice(0, 300)}`);
    } catch (error) {
      this.errors.push(error.message);
    }
  }

  /** A call that was due while another took its time has waited too, from when it was due. */
  async run() {
    for (let due = performance.now(); ; due += everyMs) {
      await sleep(Math.max(0, due - performance.now()));
      this.current = this.call();
      await this.current;
      const now = performance.now();
      this.waits.push(now - due);
      for (; due + everyMs < now; due += everyMs) this.waits.push(now - due - everyMs);
    }
  }

  async report() {
    await this.current;
    const waits = this.waits.sort((a, b) => a - b);
    const errors = this.errors;
    this.waits = [];
    this.errors = [];
    const part = (p) => waits[Math.min(waits.length - 1, Math.floor(p * waits.length))] ?? 0;
    return { n: waits.length, p50: part(0.5), p99: part(0.99), most: part(1), n_errors: errors.length, errors: errors.slice(0, 5) };
  }
}

const callers = Object.entries(gateways).map(([name, url]) => [name, new Caller(url)]);
for (const [, caller] of callers) await caller.open();
for (const [, caller] of callers) caller.run();
process.on('message', async () => {
  const reports = [];
  for (const [name, caller] of callers) reports.push([name, await caller.report()]);
  process.send(Object.fromEntries(reports));
});
process.on('disconnect', () => process.exit(0));
process.send('ready');
