// What the official scenarios of 2026-07-28 ask of a server, made with the SDK's 2.x, which serves both eras; in the test's
// own process.

import {
  createMcpHandler, createRequestStateCodec, inputRequired, ProtocolError, ResourceNotFoundError, Server,
} from '@modelcontextprotocol/server';
import { answers, image, jsonSchemaTool, PNG, resource, text, user } from './conformance_server.mjs';
import { LocalServer } from './local_server.mjs';
import { serveFetch } from './matrix/server2.mjs';

const object = (properties = {}) => ({ type: 'object', properties, required: Object.keys(properties) });
const string = { type: 'string' };
const form = (message, name, type = 'string') => ({
  method: 'elicitation/create', params: { mode: 'form', message, requestedSchema: object({ [name]: { type } }) },
});
const url = (message) => ({ method: 'elicitation/create', params: { mode: 'url', message, url: 'https://example.com/go', elicitationId: 'e1' } });
const sample = (question, maxTokens) => ({
  method: 'sampling/createMessage', params: { messages: [user(text(question))], maxTokens },
});
const roots = { method: 'roots/list', params: {} };

const codec = createRequestStateCodec({ key: Buffer.alloc(32, 7) });
const said = (value) => ({ content: [text(value)] });

/** Whether the client has answered this one, as it should. */
const hasAnswered = ({ inputResponses }, name) => typeof inputResponses?.[name] === 'object' && inputResponses[name] !== null;

/** A tool that asks the questions, with a state where it is to have one, until all are answered. */
const asker = (questions, answer, state) => async (req) => {
  if (Object.keys(questions).every((name) => hasAnswered(req, name)) && (!state || req.requestState())) return said(answer(req.inputResponses));
  return inputRequired({ inputRequests: questions, ...(state && { requestState: await codec.mint(state) }) });
};

const inputTools = {
  elicitation: asker({ user_name: form('What is your name?', 'name') }, ({ user_name: it }) => `Hello, ${it.content?.name}!`),
  sampling: asker({ capital_question: sample('What is the capital of France?', 100) }, ({ capital_question: it }) => `${it.content?.text}`),
  list_roots: asker({ client_roots: roots }, ({ client_roots: it }) => `${it.roots?.map(({ uri }) => uri)}`),
  request_state: asker({ confirm: form('Please confirm', 'ok', 'boolean') }, () => 'state-ok', { step: 1 }),
  tampered_state: asker({ confirm: form('Please confirm', 'ok', 'boolean') }, () => 'state-ok', { step: 1 }),
  url: asker({ visit: url('Please go there') }, ({ visit }) => `${visit.action}`),
  multiple_inputs: asker({
    user_name: form('What is your name?', 'name'), greeting: sample('Generate a greeting', 50), client_roots: roots,
  }, () => 'all is answered', { step: 1 }),
  async multi_round(req) {
    const { step } = req.requestState() ?? { step: 0 };
    if (step === 1 && hasAnswered(req, 'step1')) {
      return inputRequired({ inputRequests: { step2: form('Step 2: What is your favorite color?', 'color') }, requestState: await codec.mint({ step: 2 }) });
    }
    if (step === 2 && hasAnswered(req, 'step2')) return said('all is answered');
    return inputRequired({ inputRequests: { step1: form('Step 1: What is your name?', 'name') }, requestState: await codec.mint({ step: 1 }) });
  },
  /** Asks for no more than its client can give. */
  capabilities(req, server) {
    const can = server.getClientCapabilities() ?? {};
    const inputRequests = {
      ...(can.elicitation && { who: form('Who?', 'name') }), ...(can.sampling && { word: sample('A word?', 10) }), ...(can.roots && { roots }),
    };
    return Object.keys(inputRequests).every((name) => hasAnswered(req, name)) ? said('done') : inputRequired({ inputRequests });
  },
};

const tools = {
  ...Object.fromEntries(Object.entries(answers).map(([name, content]) => [name, { run: () => ({ content }) }])),
  ...Object.fromEntries(Object.entries(inputTools).map(([name, run]) => [`test_input_required_result_${name}`, { run }])),
  test_error_handling: { run: () => ({ ...said('This tool intentionally returns an error for testing'), isError: true }) },
  test_tool_with_progress: {
    run: async ({ _meta, notify }) => {
      for (const progress of [0, 50, 100]) {
        await notify({ method: 'notifications/progress', params: { progressToken: _meta.progressToken, progress, total: 100 } });
      }
      return said('done');
    },
  },
  test_logging_tool: {
    run: async (req) => {
      await req.log('info', 'it runs');
      return said('logged');
    },
  },
  test_streaming_elicitation: { run: asker({ who: form('Who?', 'name') }, () => 'done') },
  test_missing_capability: { run: asker({ word: sample('A word?', 10) }, () => 'done') },
  test_x_mcp_header: {
    inputSchema: { type: 'object', properties: { region: { ...string, 'x-mcp-header': 'Region' }, query: string } },
    run: (_, __, { region }) => said(`in ${region}`),
  },
  test_trigger_tool_change: { run: (_, __, ___, notify) => { notify.toolsChanged(); return said('changed'); } },
  test_trigger_prompt_change: { run: (_, __, ___, notify) => { notify.promptsChanged(); return said('changed'); } },
};

const resources = {
  'test://static-text': { mimeType: 'text/plain', text: 'This is the content of the static text resource.' },
  'test://static-binary': { mimeType: 'image/png', blob: PNG },
};

const prompts = {
  test_simple_prompt: { run: () => [user(text('This is a simple prompt for testing.'))] },
  test_prompt_with_arguments: { args: ['arg1', 'arg2'], run: ({ arg1, arg2 }) => [user(text(`Prompt with arguments: arg1='${arg1}', arg2='${arg2}'`))] },
  test_prompt_with_embedded_resource: { args: ['resourceUri'], run: ({ resourceUri }) => [
    user(resource(resourceUri, 'text/plain', 'Embedded resource content for testing.')), user(text('Please process the embedded resource above.')),
  ] },
  test_prompt_with_image: { run: () => [user(image), user(text('Please analyze the image above.'))] },
  test_input_required_result_prompt: { asks: { user_context: form('What context should the prompt use?', 'context') }, run: () => [user(text('Now, then.'))] },
};

/** With the keywords that the scenarios of this revision look for. */
const schemaTool = structuredClone(jsonSchemaTool);
schemaTool.inputSchema.$defs.address.$anchor = 'addressDef';
Object.assign(schemaTool.inputSchema, {
  properties: { ...schemaTool.inputSchema.properties, contactMethod: { type: 'string', enum: ['phone', 'email'] }, phone: string, email: string },
  allOf: [{ anyOf: [{ required: ['phone'] }, { required: ['email'] }] }],
  if: { properties: { contactMethod: { const: 'phone' } }, required: ['contactMethod'] },
  then: { required: ['phone'] },
  else: { required: ['email'] },
});

function read(uri) {
  const [, id] = /^test:\/\/template\/([^/]+)\/data$/.exec(uri) ?? [];
  const found = id === undefined ? resources[uri]
    : { mimeType: 'application/json', text: JSON.stringify({ id, templateTest: true, data: `Data for ID: ${id}` }) };
  if (!found) throw new ResourceNotFoundError(uri);
  return { contents: [{ uri, ...found }], ttlMs: 1000, cacheScope: 'private' };
}

function makeServer(notify) {
  const server = new Server({ name: 'conformance', version: '1.0.0' }, {
    capabilities: { tools: { listChanged: true }, resources: { subscribe: true }, prompts: { listChanged: true }, logging: {}, completions: {} },
    requestState: { verify: codec.verify },
  });
  server.setRequestHandler('tools/list', () => ({
    tools: [...Object.entries(tools).map(([name, { inputSchema = object() }]) => ({ name, description: name, inputSchema })), schemaTool],
  }));
  server.setRequestHandler('tools/call', ({ params }, { mcpReq }) => {
    const tool = tools[params.name];
    if (!tool) throw new ProtocolError(-32602, `unknown tool: ${params.name}`);
    return tool.run(mcpReq, server, params.arguments ?? {}, notify);
  });
  server.setRequestHandler('resources/list', () => ({
    resources: Object.entries(resources).map(([uri, { mimeType }]) => ({ uri, name: uri.slice(7), description: uri, mimeType })),
  }));
  server.setRequestHandler('resources/templates/list', () => ({
    resourceTemplates: [{ uriTemplate: 'test://template/{id}/data', name: 'template', description: 'template', mimeType: 'application/json' }],
  }));
  server.setRequestHandler('resources/read', ({ params }) => read(params.uri));
  server.setRequestHandler('prompts/list', () => ({
    prompts: Object.entries(prompts).map(([name, { args = [] }]) => ({
      name, description: name, arguments: args.map((arg) => ({ name: arg, description: arg, required: true })),
    })),
  }));
  server.setRequestHandler('prompts/get', ({ params }, { mcpReq }) => {
    const prompt = prompts[params.name];
    if (!prompt) throw new ProtocolError(-32602, `unknown prompt: ${params.name}`);
    if (prompt.asks && !Object.keys(prompt.asks).every((name) => hasAnswered(mcpReq, name))) return inputRequired({ inputRequests: prompt.asks });
    return { messages: prompt.run(params.arguments ?? {}) };
  });
  server.setRequestHandler('completion/complete', () => ({ completion: { values: ['paris', 'park', 'party'], total: 3, hasMore: false } }));
  return server;
}

class FetchServer extends LocalServer {
  serve(req, res) {
    // The SDK leaves it to its host whom it listens to.
    const host = /^(127\.0\.0\.1|localhost):\d+$/;
    const { origin } = req.headers;
    if (!host.test(req.headers.host) || (origin && !host.test(new URL(origin).host))) {
      res.writeHead(403).end();
      return;
    }
    serveFetch(this.handler.fetch, req, res).catch((error) => res.destroy(error));
  }

  forget() {}
}

/** Returns { url, stop }. */
export async function startConformanceServer2026() {
  const handler = createMcpHandler(() => makeServer(handler.notify));
  const server = await FetchServer.start();
  server.handler = handler;
  return server;
}
