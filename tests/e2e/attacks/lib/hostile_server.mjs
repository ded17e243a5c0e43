// An HTTP upstream that floods, as a program: argv[2] says how, argv[3] for how many seconds from when its parent says 'begin'.
// It prints its port, and answers 'counts' with what it has seen.

import { FaultServer, answerTo, beginSse, event, sendJson } from '../../lib/fault_server.mjs';

const [, , mode, seconds = '4'] = process.argv;
const server = await FaultServer.start();
let until = 0;
const asked = { max: 0 };

/** Writes blocks to a response for as long as the attack lasts, no faster than they are taken. */
function flood(res, blockOf, after = () => res.end()) {
  const more = () => {
    while (Date.now() < until && !res.destroyed) {
      if (!res.write(blockOf())) {
        res.once('drain', more);
        return;
      }
    }
    if (!res.destroyed) after();
  };
  more();
}

let n = 0;
const questions = (method) => () => {
  let block = '';
  for (let i = 0; i < 500; i++) block += event({ jsonrpc: '2.0', id: n++, method, params: {} });
  return block;
};
const notifications = event({ jsonrpc: '2.0', method: 'notifications/message', params: { level: 'error', data: 'x' } }).repeat(500);
const changes = event({ jsonrpc: '2.0', method: 'notifications/tools/list_changed' }).repeat(500);
const arrays = event(Array.from({ length: 5000 }, () => ({ jsonrpc: '2.0', method: 'notifications/tools/list_changed' })));
const stream = (blockOf) => (req, res) => {
  beginSse(res).flushHeaders();
  const begin = setInterval(() => {
    if (until === 0) return;
    clearInterval(begin);
    flood(res, blockOf, () => {});
  }, 20);
  res.on('close', () => clearInterval(begin));
};
const streamOfCall = (blockOf) => (req, res, msg) => {
  beginSse(res);
  flood(res, blockOf, () => res.end(event(answerTo(msg))));
};

const modes = {
  'questions on the GET stream': { GET: stream(questions('sampling/createMessage')) },
  'pings on the GET stream': { GET: stream(questions('ping')) },
  'notifications on the GET stream': { GET: stream(() => notifications) },
  'changed lists on the GET stream': { GET: stream(() => changes) },
  'changed lists in arrays on the GET stream': { GET: stream(() => arrays) },
  'a line without end on the GET stream': { GET: stream(() => 'x'.repeat(65536)) },
  'comments on the GET stream': { GET: stream(() => ': c\n\n'.repeat(10000)) },
  'questions before the result': { 'tools/call': streamOfCall(questions('sampling/createMessage')) },
  'pings before the result': { 'tools/call': streamOfCall(questions('ping')) },
  'events behind an id of 8 MB': {
    'tools/call': (req, res) => {
      beginSse(res);
      res.write(`id: ${'x'.repeat(8000000)}\ndata: \n\n`);
      flood(res, () => 'data\n\n'.repeat(5000));
    },
  },
  'progress before the result': {
    'tools/call': (req, res, msg) => {
      const progress = event({ jsonrpc: '2.0', method: 'notifications/progress', params: { progressToken: msg.params._meta?.progressToken, progress: 1 } }).repeat(500);
      streamOfCall(() => progress)(req, res, msg);
    },
  },
  'a body without end after HTTP 500': {
    'tools/call': (req, res) => {
      res.writeHead(500, { 'content-type': 'text/plain' });
      flood(res, () => 'x'.repeat(65536));
    },
  },
  'a JSON body without end': {
    'tools/call': (req, res, msg) => {
      res.writeHead(200, { 'content-type': 'application/json' });
      res.write(`{"jsonrpc":"2.0","id":${msg.id},"error":{"code":1,"message":"`);
      flood(res, () => 'x'.repeat(65536));
    },
  },
  'heads without end': {
    'tools/call': (req) => {
      const { socket } = req;
      socket.write('HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n');
      flood(socket, () => 'x-header: value value value value\r\n'.repeat(500));
    },
  },
  'informational answers without end': { 'tools/call': (req) => flood(req.socket, () => 'HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n'.repeat(500)) },
  'informational answers of long reasons': { 'tools/call': (req) => flood(req.socket, () => `HTTP/1.1 100 ${'x'.repeat(250000)}\r\n\r\n`) },
  'trailers without end': {
    'tools/call': (req) => {
      req.socket.write('HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n');
      flood(req.socket, () => 'x-trailer: value value value\r\n'.repeat(500));
    },
  },
  'chunks of a byte': {
    'tools/call': (req) => {
      req.socket.write('HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n');
      flood(req.socket, () => '1\r\n:\r\n'.repeat(5000));
    },
  },
  'chunks of long extensions': {
    'tools/call': (req) => {
      req.socket.write('HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n');
      flood(req.socket, () => `1;${'x'.repeat(250000)}\r\n:\r\n`);
    },
  },
  'a cursor without end, pages of 2 MB': {
    'tools/list': (req, res, msg) => {
      const page = n++;
      sendJson(res, answerTo(msg, { tools: [{ name: `t${page}`, description: 'x'.repeat(2000000), inputSchema: { type: 'object' } }], nextCursor: `c${page}` }));
    },
  },
  'a cursor without end, small pages': {
    'tools/list': (req, res, msg) => {
      const page = n++;
      sendJson(res, answerTo(msg, { tools: [{ name: `t${page}`, inputSchema: { type: 'object' } }], nextCursor: `c${page}` }));
    },
  },
  '20,000 tools': {
    'tools/list': (req, res, msg) => sendJson(res, answerTo(msg, {
      tools: Array.from({ length: 19000 }, (_, i) => ({ name: `t${i}`, description: 'd'.repeat(300), inputSchema: { type: 'object' } })),
    })),
  },
  'sessions that are never there': { initialize: (req, res) => res.writeHead(404).end(), GET: (req, res) => res.writeHead(404).end() },
  'as it should be': {},
};

if (!modes[mode]) throw new Error(`no such mode: ${mode}`);
// Bob has opened his session while it was good.
const isFromStart = (method) => method === 'GET';
for (const [method, make] of Object.entries(modes[mode])) {
  server.faults[method] = (req, res, msg, of) => {
    if (until === 0 && !isFromStart(method)) server.answer(req, res, msg, req.headers['mcp-session-id']);
    else make(req, res, msg, of);
  };
}
process.on('message', (what) => {
  if (what === 'begin') until = Date.now() + Number(seconds) * 1000;
  const counts = {};
  for (const { method } of server.seen) counts[method] = (counts[method] ?? 0) + 1;
  process.send({ counts, asked, streams: server.streams.size });
});
process.on('disconnect', () => process.exit(0));
process.send({ port: server.port });
