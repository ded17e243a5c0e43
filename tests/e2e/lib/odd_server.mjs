// The odd server over HTTP: /json answers in JSON, /event in streams, /sse as 2024-11-05 has it. lists: what it has to
// offer by method, in the place of its tools, or what makes it of the params.

import { say } from './odd_answers.mjs';
import { LocalServer } from './local_server.mjs';

const event = (bytes) => Buffer.concat([Buffer.from('event: message\ndata: '), Buffer.from(bytes), Buffer.from('\n\n')]);

export class OddServer extends LocalServer {
  lists = {};
  asked = {}; // how often, by method
  before = {}; // by method: what is said in the stream of /event before the answer, made of the params
  onBody; // is told the body of each call
  stream; // that of /sse

  forget() {
    this.stream = undefined;
  }

  at(path) {
    return `http://127.0.0.1:${this.port}/${path}`;
  }

  say(msg) {
    const list = this.lists[msg.method];
    this.asked[msg.method] = (this.asked[msg.method] ?? 0) + 1;
    if (list !== undefined) return JSON.stringify({ jsonrpc: '2.0', id: msg.id, result: typeof list === 'function' ? list(msg.params) : list });
    return say(msg);
  }

  async serve(req, res) {
    let body = '';
    for await (const chunk of req) body += chunk;
    if (body.includes('tools/call')) this.onBody?.(body);
    if (req.method === 'GET' && req.url === '/sse') {
      this.stream = res.writeHead(200, { 'content-type': 'text/event-stream' });
      this.stream.write('event: endpoint\ndata: /message\n\n');
    } else if (req.method !== 'POST' || req.url === '/sse') {
      res.writeHead(405).end();
    } else {
      const msg = JSON.parse(body);
      this.#answer(req, res, this.say(msg), this.before[msg.method]?.(msg.params) ?? []);
    }
  }

  #answer(req, res, said, first) {
    if (said === undefined || req.url === '/message') res.writeHead(202).end();
    else if (req.url === '/event') res.writeHead(200, { 'content-type': 'text/event-stream' }).end(Buffer.concat([...first, said].map(event)));
    else res.writeHead(200, { 'content-type': 'application/json' }).end(said);
    if (said !== undefined && req.url === '/message') this.stream.write(event(said));
  }
}
