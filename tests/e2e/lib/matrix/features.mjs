// What every upstream of the matrix offers, whatever its revision and transport. A tool talks to its caller through a
// `peer`, which each SDK's server makes of its own means: { progress, log, ask, updated, signal }. ask() takes questions by
// name and gives the answers by name; over several calls of it no name comes twice.

import { EventEmitter, once } from 'node:events';
import { setTimeout } from 'node:timers/promises';

const text = (value) => ({ content: [{ type: 'text', text: value }] });
const object = (properties = {}) => ({ type: 'object', properties, required: Object.keys(properties) });
const string = { type: 'string' };

/** Who of `names` is greeted, as completion offers it. */
const people = ['Ada', 'Alan', 'Grace'];

const form = {
  method: 'elicitation/create',
  params: {
    message: 'Who are you?',
    requestedSchema: { type: 'object', properties: { name: { type: 'string', title: 'Name' } }, required: ['name'] },
  },
};
const sample = {
  method: 'sampling/createMessage',
  params: { messages: [{ role: 'user', content: { type: 'text', text: 'Say a word.' } }], maxTokens: 10 },
};
const roots = { method: 'roots/list', params: {} };
const uris = (answer) => answer.roots.map(({ uri }) => uri).join();

/** What has happened, to be waited for. */
export class Marks {
  #set = new Set();
  #events = new EventEmitter().setMaxListeners(0);

  set(mark) {
    this.#set.add(mark);
    this.#events.emit(mark);
  }

  async come(mark) {
    if (!this.#set.has(mark)) await once(this.#events, mark, { signal: AbortSignal.timeout(20000) });
  }
}

export class Features {
  #marks = new Marks();

  /** name: that of the upstream, the scheme of its URIs. */
  constructor(name, revision) {
    this.name = name;
    if (revision < '2025-06-18') delete this.#tools.elicit;
  }

  get capabilities() {
    return {
      tools: { listChanged: true }, resources: { subscribe: true, listChanged: true }, prompts: { listChanged: true }, logging: {}, completions: {},
    };
  }

  uri(who) {
    return `${this.name}://watched/${who}`;
  }

  get tools() {
    return Object.entries(this.#tools).map(([name, { inputSchema }]) => ({ name, description: name, inputSchema }));
  }

  get resources() {
    return [{ uri: `${this.name}://hello`, name: 'hello', mimeType: 'text/plain' }];
  }

  get templates() {
    return [{ uriTemplate: `${this.name}://watched/{who}`, name: 'watched', mimeType: 'text/plain' }];
  }

  get prompts() {
    return [{ name: 'greet', description: 'greets', arguments: [{ name: 'who', required: true }] }];
  }

  /** The contents behind a URI, or undefined. Nobody is watched. */
  read(uri) {
    const isThere = uri === this.resources[0].uri || (uri.startsWith(this.uri('')) && uri !== this.uri('nobody'));
    if (!isThere) return undefined;
    return { contents: [{ uri, mimeType: 'text/plain', text: `this is ${uri}` }] };
  }

  prompt({ who }) {
    return { messages: [{ role: 'user', content: { type: 'text', text: `Greet ${who} of ${this.name}.` } }] };
  }

  complete({ argument }) {
    const values = people.filter((person) => person.startsWith(argument.value));
    return { completion: { values, total: values.length, hasMore: false } };
  }

  has(tool) {
    return Object.hasOwn(this.#tools, tool);
  }

  call(tool, args, peer) {
    return this.#tools[tool].run(args, peer);
  }

  #tools = {
    // 2026-07-28 mirrors the argument in the header Mcp-Param-Text; older revisions do not know the keyword.
    say: {
      inputSchema: object({ text: { ...string, 'x-mcp-header': 'Text' } }),
      run: (args) => text(`${this.name}: ${args.text}`),
    },
    /** Ends when its caller has called `heard`: the SDK forgets what progress comes together with the answer. */
    count: {
      inputSchema: object({ key: string }),
      run: async ({ key }, peer) => {
        for (let step = 1; step <= 3; step++) await peer.progress(step, 3);
        await this.#marks.come(`heard ${key}`);
        return text('counted');
      },
    },
    heard: {
      inputSchema: object({ key: string }),
      run: ({ key }) => {
        this.#marks.set(`heard ${key}`);
        return text('heard');
      },
    },
    /** Is silent for longer than the gateway's grace: its answer comes by a stream. */
    slow: { inputSchema: object(), run: async () => setTimeout(600, text('at last')) },
    /** More than Python's SDK reads in a line of a stream. */
    big: { inputSchema: object(), run: () => text('a'.repeat(3 << 20)) },
    log: {
      inputSchema: object({ text: string }),
      run: async (args, peer) => {
        await peer.log('info', `${args.text} (info)`);
        await peer.log('warning', args.text);
        return text('logged');
      },
    },
    elicit: {
      inputSchema: object(),
      run: async (_, peer) => {
        const { who } = await peer.ask({ who: form });
        return text(`${who.action}: ${who.content?.name}`);
      },
    },
    sample: {
      inputSchema: object(),
      run: async (_, peer) => text(`sampled: ${(await peer.ask({ word: sample })).word.content.text}`),
    },
    roots: {
      inputSchema: object(),
      run: async (_, peer) => text(`roots: ${uris((await peer.ask({ roots })).roots)}`),
    },
    /** Two questions at once, and then a third. */
    interview: {
      inputSchema: object(),
      run: async (_, peer) => {
        const first = await peer.ask({ word: sample, roots });
        const second = await peer.ask({ again: sample });
        return text(`${first.word.content.text}, ${uris(first.roots)}, ${second.again.content.text}`);
      },
    },
    /** Ends only when it is cancelled. */
    hang: {
      inputSchema: object({ key: string }),
      run: async ({ key }, peer) => {
        const aborted = once(peer.signal, 'abort');
        await peer.progress(1, 2);
        await aborted;
        this.#marks.set(`cancelled ${key}`);
        return text('never read');
      },
    },
    /** Answers when the call of `hang` with that key has been cancelled. */
    cancelled: {
      inputSchema: object({ key: string }),
      run: async ({ key }) => {
        await this.#marks.come(`cancelled ${key}`);
        return text('cancelled');
      },
    },
    fail: { inputSchema: object(), run: () => ({ ...text('it failed, as it should'), isError: true }) },
    touch: {
      inputSchema: object({ who: string }),
      run: async ({ who }, peer) => {
        await peer.updated(this.uri(who));
        return text('touched');
      },
    },
  };
}
