// A server over stdio, made with the official SDK, that does what its tools are asked for, in the midst of a call where a
// session could tell others' messages from its own. What it has seen it tells on standard error, which is in mgw's log.

import { once } from 'node:events';
import { Server } from '@modelcontextprotocol/sdk/server/index.js';
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import {
  CallToolRequestSchema, CreateMessageResultSchema, ElicitResultSchema, ListResourcesRequestSchema, ListRootsResultSchema,
  ListToolsRequestSchema, RootsListChangedNotificationSchema, SetLevelRequestSchema, SubscribeRequestSchema, UnsubscribeRequestSchema,
} from '@modelcontextprotocol/sdk/types.js';

const text = (value) => ({ content: [{ type: 'text', text: value }] });
const tell = (value) => process.stderr.write(`${value}\n`);

const server = new Server({ name: 'shared child', version: '1.0.0' }, {
  capabilities: { tools: { listChanged: true }, resources: { subscribe: true, listChanged: true }, logging: {} },
});

const questions = {
  sampling: (token) => ({
    method: 'sampling/createMessage', params: { messages: [{ role: 'user', content: { type: 'text', text: token } }], maxTokens: 9 },
  }),
  elicitation: (token) => ({
    method: 'elicitation/create', params: { mode: 'form', message: token, requestedSchema: { type: 'object', properties: { said: { type: 'string' } } } },
  }),
  roots: () => ({ method: 'roots/list' }),
};
const answers = {
  sampling: [CreateMessageResultSchema, (r) => r.content.text],
  elicitation: [ElicitResultSchema, (r) => r.content.said],
  roots: [ListRootsResultSchema, (r) => r.roots.map((one) => one.uri).join()],
};

async function ask(kind, token) {
  const [schema, read] = answers[kind];
  try {
    return `${token} ${read(await server.request(questions[kind](token), schema))}`;
  } catch (error) {
    return `${token} refused: ${error.message}`;
  }
}

const held = new Map(); // key -> how to let it go on
const whenReleased = (key) => new Promise((resolve) => { held.set(key, resolve); });

const tools = {
  echo: ({ token }) => token,
  pid: () => String(process.pid),
  // Says that it has begun, as progress, and answers when it is released.
  async hold({ token }, { sendNotification, signal, _meta }) {
    const released = whenReleased(token);
    if (_meta?.progressToken !== undefined) {
      await sendNotification({ method: 'notifications/progress', params: { progressToken: _meta.progressToken, progress: 1, message: token } });
    }
    await Promise.race([released, once(signal, 'abort')]);
    tell(signal.aborted ? `${token} was cancelled` : `${token} was released`);
    return token;
  },
  // Goes on after a cancel, and asks then.
  async stubborn({ token, kind }) {
    tell(`${token} has begun`);
    await whenReleased(token);
    tell(`${token} was told: ${await ask(kind, token)}`);
    return token;
  },
  release({ token }) {
    held.get(token)();
    held.delete(token);
    return token;
  },
  ask: ({ token, kind }) => ask(kind, token),
  async log({ token, level }) {
    await server.notification({ method: 'notifications/message', params: { level, data: token } });
    return token;
  },
  log_later({ token }) {
    setImmediate(() => server.notification({ method: 'notifications/message', params: { level: 'error', data: token } }));
    return token;
  },
  async changed({ token }) {
    await server.sendToolListChanged();
    return token;
  },
  async updated({ token, uri }) {
    await server.sendResourceUpdated({ uri });
    return token;
  },
};

server.setRequestHandler(ListToolsRequestSchema, () => ({
  tools: Object.keys(tools).map((name) => ({ name, inputSchema: { type: 'object' } })),
}));
server.setRequestHandler(CallToolRequestSchema, async ({ params }, extra) => text(await tools[params.name](params.arguments ?? {}, extra)));
server.setRequestHandler(ListResourcesRequestSchema, () => ({ resources: [] }));
server.setRequestHandler(SubscribeRequestSchema, ({ params }) => {
  tell(`subscribe ${params.uri}`);
  return {};
});
server.setRequestHandler(UnsubscribeRequestSchema, ({ params }) => {
  tell(`unsubscribe ${params.uri}`);
  return {};
});
server.setRequestHandler(SetLevelRequestSchema, ({ params }) => {
  tell(`level ${params.level}`);
  return {};
});
server.setNotificationHandler(RootsListChangedNotificationSchema, () => tell('roots changed'));
await server.connect(new StdioServerTransport());
