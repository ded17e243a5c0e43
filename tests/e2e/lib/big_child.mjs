// An MCP server as a child process that has much to say. It blocks in its writes: who reads it holds it back.

import fs from 'node:fs';
import readline from 'node:readline';

/** Not process.stdout, which would make the pipe non-blocking. */
const write = (value) => {
  for (let bytes = Buffer.from(value); bytes.length > 0;) bytes = bytes.subarray(fs.writeSync(1, bytes));
};
const send = (msg) => write(`${JSON.stringify({ jsonrpc: '2.0', ...msg })}\n`);
const text = (value) => ({ content: [{ type: 'text', text: value }] });
export const line = 'All work and no play makes \\"Jack\\" a dull boy \\u00e9\\n'.repeat(300);
const sleep = (ms) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
const late = [];
const held = [];

const tools = {
  hello: (id) => send({ id, result: text('hello') }),
  /** Answers, and bigly, when somebody calls `held`. */
  late: (id, args) => { late.push([id, args]); },
  /** Answers when somebody calls `let_go`. */
  held: (id) => {
    held.push(id);
    for (const args of late.splice(0)) tools.big(...args);
  },
  let_go: (id) => {
    for (const one of held.splice(0)) send({ id: one, result: text('at last') });
    send({ id, result: text('let go') });
  },
  /** So many bytes of text; the id first or last. */
  big: (id, { bytes, idFirst, pause, end }) => {
    write(`{"jsonrpc":"2.0"${idFirst ? `,"id":${id}` : ''},"result":{"content":[{"type":"text","text":"`);
    for (let left = bytes; left >= line.length; left -= line.length) write(line);
    if (pause === 'within') sleep(1500);
    if (pause === 'between') {
      write('"},');
      sleep(1500);
      write('{"type":"text","text":"');
    }
    if (end === 'exit') process.exit(3);
    if (end === 'garbage') return write('"}]]}}\n');
    return write(`"}]}${idFirst ? '' : `,"id":${end === 'wrong id' ? id + 1 : id}`}}\n`);
  },
  /** So many messages, then the answer. */
  flood: (id, { n }) => {
    const data = 'x'.repeat(250);
    for (let i = 0; i < n; i++) send({ method: 'notifications/message', params: { level: 'info', logger: String(i), data } });
    send({ id, result: text('flooded') });
  },
};

const methods = {
  initialize: ({ id, params }) => send({
    id, result: { protocolVersion: params.protocolVersion, capabilities: { tools: {}, logging: {} }, serverInfo: { name: 'big', version: '1' } },
  }),
  'tools/list': ({ id }) => send({ id, result: { tools: Object.keys(tools).map((name) => ({ name, inputSchema: { type: 'object' } })) } }),
  'tools/call': ({ id, params }) => tools[params.name](id, params.arguments),
};

if (process.argv[1] === import.meta.filename) {
  const lines = readline.createInterface({ input: process.stdin });
  lines.on('line', (request) => {
    const msg = JSON.parse(request);
    if (methods[msg.method]) methods[msg.method](msg);
    else if (msg.id !== undefined) send({ id: msg.id, error: { code: -32601, message: `no ${msg.method} here` } });
  });
  lines.on('close', () => process.exit(0));
}
