// A route in Fastify as one writes it for a handful of streams: no sessions, no replay.
//
//   route.mjs PORT KEEPALIVE_S

import Fastify from 'fastify';

const [port, keepaliveS] = process.argv.slice(2).map(Number);
const app = Fastify();
const streams = new Set();

app.get('/sse', (request, reply) => {
  reply.hijack();
  reply.raw.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-cache, no-transform' });
  reply.raw.write(': stream open\n\n');
  const timer = setInterval(() => reply.raw.write(': keep-alive\n\n'), keepaliveS * 1000);
  streams.add(reply.raw);
  request.raw.on('close', () => {
    clearInterval(timer);
    streams.delete(reply.raw);
  });
});

app.post('/admin/announce', async (request) => {
  const { message, user } = request.body;
  const event = { jsonrpc: '2.0', method: 'notifications/message', params: { level: 'info', logger: 'mgw', data: message } };
  const text = `event: message\ndata: ${JSON.stringify(event)}\n\n`;
  for (const stream of streams) {
    stream.write(text);
    if (user) break;
  }
  return { streams: streams.size };
});

await app.listen({ port, host: '127.0.0.1' });
