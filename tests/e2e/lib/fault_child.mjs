// An MCP server as a child process that misbehaves on demand: a tool is the fault that calling it brings about.

import fs from 'node:fs';
import readline from 'node:readline';

const [, , journal, whenStarted] = process.argv;
const note = (text) => fs.appendFileSync(journal, `${text}\n`);
const send = (msg) => process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', ...msg })}\n`);
const text = (value) => ({ content: [{ type: 'text', text: value }] });
const flood = (stream, line, n) => {
  for (let i = 0; i < n; i++) stream.write(`${line}\n`);
};
const readOnly = { readOnlyHint: true };

function deafen() {
  lines.pause();
  setInterval(() => {}, 1000); // or it would have nothing left to do, and exit
}

const tools = {
  hello: (id) => send({ id, result: text('hello from a child') }),
  exit: () => process.exit(3),
  exit_read: () => process.exit(3),
  kill: () => process.kill(process.pid, 'SIGKILL'),
  half: () => process.stdout.write('{"jsonrpc":"2.0","id":', () => process.exit(0)),
  close_output: () => fs.closeSync(1),
  deaf: () => deafen(),
  hang: () => {},
  flood_out: (id) => {
    flood(process.stdout, 'this is no JSON', 100000);
    send({ id, result: text('flooded') });
  },
  flood_err: (id) => {
    flood(process.stderr, 'complaint', 100000);
    process.stderr.write('', () => send({ id, result: text('flooded') }));
  },
};

const methods = {
  initialize: ({ id, params }) => send({
    id, result: {
      protocolVersion: params.protocolVersion, serverInfo: { name: 'child', version: '1' },
      capabilities: { tools: {}, resources: { subscribe: true } },
    },
  }),
  'tools/list': ({ id }) => send({
    id, result: { tools: Object.keys(tools).map((name) => ({ name, inputSchema: {}, annotations: name === 'exit_read' ? readOnly : undefined })) },
  }),
  'resources/list': ({ id }) => send({ id, result: { resources: [{ uri: 'child://a', name: 'a' }] } }),
  'resources/subscribe': ({ id, params }) => {
    note(`subscribe ${params.uri}`);
    send({ id, result: {} });
  },
  'tools/call': ({ id, params }) => {
    note(`call ${params.name}`);
    tools[params.name](id);
  },
};

note('start');
if (whenStarted === 'hang') methods.initialize = () => {};
if (whenStarted === 'exit after hello') methods['notifications/initialized'] = () => process.exit(7);
// Before initialize some old servers take nothing else.
if (whenStarted === 'exit at discover') methods['server/discover'] = () => process.exit(5);
if (whenStarted === 'deaf at discover') methods['server/discover'] = deafen;
if (whenStarted === 'close output') fs.closeSync(1);
const lines = readline.createInterface({ input: process.stdin });
lines.on('line', (line) => {
  const msg = JSON.parse(line);
  if (msg.method === 'notifications/cancelled') note(`cancelled ${msg.params.requestId}`);
  methods[msg.method]?.(msg);
});
lines.on('close', () => process.exit(0));
