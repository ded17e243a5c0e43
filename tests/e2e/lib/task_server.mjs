// A server of MCP 2026-07-28 with the extension io.modelcontextprotocol/tasks, written by hand: the official SDK has no
// such tasks. Over HTTP in the test's own process, or over a pipe: task_server.mjs NAME.

import readline from 'node:readline';
import { LocalServer } from './local_server.mjs';
import { serverInfo, VERSION } from './stateless.mjs';

export const TASKS = 'io.modelcontextprotocol/tasks';
const capabilitiesOf = (params) => params._meta?.['io.modelcontextprotocol/clientCapabilities'] ?? {};

const invalid = (message) => ({ error: { code: -32602, message } });
const missing = () => ({
  error: {
    code: -32021, message: 'Missing required client capability', data: { requiredCapabilities: { extensions: { [TASKS]: {} } } },
  },
});
const text = (value) => ({ result: { resultType: 'complete', content: [{ type: 'text', text: value }] } });
const tools = ['job', 'need', 'finish', 'meta', 'fail', 'rude'].map((name) => ({ name, inputSchema: { type: 'object' } }));

/** What it does, whatever carries it. The tasks of all servers are called the same: task-1, task-2... */
export class TaskBook {
  tasks = new Map();
  listeners = new Map(); // id of the request -> { ids, tell }
  extensions = { [TASKS]: {} };

  constructor(name) {
    this.name = name;
  }

  /** { result } or { error }; undefined: it is told by `tell` from now on. */
  answer({ id, method, params }, tell) {
    const isAboutTasks = method.startsWith('tasks/') || params.notifications?.taskIds !== undefined;
    if (isAboutTasks && !capabilitiesOf(params).extensions?.[TASKS]) return missing();
    switch (method) {
      case 'server/discover': {
        const capabilities = { tools: {}, extensions: this.extensions, experimental: { 'example.org/odd': { by: this.name } } };
        return {
          result: {
            resultType: 'complete', supportedVersions: [VERSION], capabilities, ttlMs: 0, cacheScope: 'private',
            _meta: { [serverInfo]: { name: this.name, version: '1' } },
          },
        };
      }
      case 'tools/list':
        return { result: { resultType: 'complete', tools, ttlMs: 0, cacheScope: 'private' } };
      case 'tools/call':
        return this.#call(params);
      case 'subscriptions/listen':
        return this.#listen(id, params.notifications, tell);
      default:
        return this.#ofTask(method, params);
    }
  }

  #call({ name, arguments: args = {}, _meta }) {
    switch (name) {
      case 'job':
      case 'need':
        return capabilitiesOf({ _meta }).extensions?.[TASKS] ? this.#create(name) : missing();
      case 'rude': // it does not ask whether the client knows tasks
        return this.#create('job');
      case 'finish':
        this.#move(`task-${args.n}`, { status: 'completed', result: text(args.text ?? `finished by ${this.name}`).result });
        return text('finished');
      case 'fail':
        return { error: { code: -32603, message: 'it failed, as it should' } };
      default:
        return text(JSON.stringify(_meta));
    }
  }

  #create(kind) {
    const now = new Date().toISOString();
    const task = { taskId: `task-${this.tasks.size + 1}`, status: 'working', createdAt: now, lastUpdatedAt: now, ttlMs: null, pollIntervalMs: 50 };
    this.tasks.set(task.taskId, task);
    const created = { resultType: 'task', ...task };
    if (kind === 'need') {
      const params = { mode: 'form', message: 'Who?', requestedSchema: { type: 'object', properties: { name: { type: 'string' } } } };
      Object.assign(task, { status: 'input_required', inputRequests: { who: { method: 'elicitation/create', params } } });
    }
    return { result: created };
  }

  #ofTask(method, { taskId, inputResponses }) {
    const task = this.tasks.get(taskId);
    if (!task) return invalid('Task not found');
    if (method === 'tasks/get') return { result: { resultType: 'complete', ...task } };
    if (method === 'tasks/cancel') this.#move(taskId, { status: 'cancelled' });
    else this.#move(taskId, { status: 'completed', inputRequests: undefined, result: text(`hello ${inputResponses.who.content.name}`).result });
    return { result: { resultType: 'complete' } };
  }

  #move(taskId, change) {
    const task = Object.assign(this.tasks.get(taskId), change);
    for (const [id, { ids, tell }] of this.listeners) {
      if (ids.includes(taskId)) tell(this.#tagged(id, 'notifications/tasks', task));
    }
  }

  #tagged(id, method, params) {
    return { jsonrpc: '2.0', method, params: { ...params, _meta: { 'io.modelcontextprotocol/subscriptionId': id } } };
  }

  #listen(id, { taskIds = [] }, tell) {
    const ids = taskIds.filter((one) => this.tasks.has(one));
    this.listeners.set(id, { ids, tell });
    tell(this.#tagged(id, 'notifications/subscriptions/acknowledged', { notifications: ids.length > 0 ? { taskIds: ids } : {} }));
    return undefined;
  }
}

/** Records { headers, body } of each request. */
export class TaskServer extends LocalServer {
  requests = [];

  forget() {}

  async serve(req, res) {
    const chunks = [];
    for await (const chunk of req) chunks.push(chunk);
    const body = JSON.parse(Buffer.concat(chunks).toString());
    this.requests.push({ headers: req.headers, body });
    const answer = this.#misplaced(req, body) ?? this.book.answer(body, (message) => this.#tell(res, message));
    if (answer === undefined) {
      res.once('close', () => this.book.listeners.delete(body.id));
      return;
    }
    res.writeHead(answer.error ? 400 : 200, { 'content-type': 'application/json' });
    res.end(JSON.stringify({ jsonrpc: '2.0', id: body.id, ...answer }));
  }

  #misplaced({ headers }, { method, params }) {
    const isWrong = method.startsWith('tasks/') && headers['mcp-name'] !== params.taskId;
    return isWrong ? { error: { code: -32020, message: `Mcp-Name is ${headers['mcp-name']}` } } : undefined;
  }

  #tell(res, message) {
    if (!res.headersSent) res.writeHead(200, { 'content-type': 'text/event-stream' });
    res.write(`data: ${JSON.stringify(message)}\n\n`);
  }

  of(method) {
    return this.requests.filter(({ body }) => body.method === method);
  }
}

export async function startTaskServer(name) {
  return Object.assign(await TaskServer.start(), { book: new TaskBook(name) });
}

if (process.argv[1] === import.meta.filename) {
  const book = new TaskBook(process.argv[2]);
  const say = (message) => process.stdout.write(`${JSON.stringify(message)}\n`);
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const message = JSON.parse(line);
    if (message.method === 'notifications/cancelled') book.listeners.delete(message.params.requestId);
    if (message.id === undefined) continue;
    const answer = book.answer(message, say);
    if (answer) say({ jsonrpc: '2.0', id: message.id, ...answer });
  }
}
