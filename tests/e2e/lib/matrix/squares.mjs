// What a client and an upstream must be able to do together: one function for each feature.

import assert from 'node:assert/strict';
import { textOf } from '../clients.mjs';

let calls = 0;
const newKey = () => `key-${++calls}`;

const tool = (upstream, name) => `${upstream.prefix}${name}`;
const call = (client, upstream, name, args = {}, options = undefined) => client.call(tool(upstream, name), args, options);
const watched = (client, upstream) => `${upstream.name}://watched/${client.name}`;

const everywhere = {
  async list(client, upstream) {
    const { tools, resources, resourceTemplates, prompts } = await client.list();
    const names = tools.map(({ name }) => name);
    for (const name of upstream.tools) assert.ok(names.includes(tool(upstream, name)), `${tool(upstream, name)} is not in ${names}`);
    if (upstream.revision === null) return;
    assert.ok(resources.some(({ uri }) => uri === `${upstream.name}://hello`));
    assert.ok(resourceTemplates.some(({ uriTemplate }) => uriTemplate === `${upstream.name}://watched/{who}`));
    assert.ok(prompts.some(({ name }) => name === tool(upstream, 'greet')));
  },

  async call(client, upstream) {
    assert.equal(textOf(await call(client, upstream, 'say', { text: 'grüße 🌍' })), `${upstream.name}: grüße 🌍`);
  },

  async progress(client, upstream) {
    const key = newKey();
    const values = [];
    // An API is silent: the progress of its calls is the gateway's own.
    const isLast = (value) => (client.isUnordered ? values.length === 3 : value === 3) || upstream.revision === null;
    const answer = await call(client, upstream, 'count', { key }, {
      onprogress: ({ progress }) => {
        values.push(progress);
        if (isLast(progress)) call(client, upstream, 'heard', { key });
      },
    });
    assert.equal(textOf(answer), 'counted');
    if (client.isUnordered) values.sort((a, b) => a - b);
    assert.ok(values.length > 0 && values.every((value, i) => i === 0 || value > values[i - 1]), `progress must grow: ${values}`);
    if (upstream.revision !== null) assert.deepEqual(values.filter(Number.isInteger), [1, 2, 3]);
  },

  async cancel(client, upstream) {
    const key = newKey();
    const abort = new AbortController();
    await assert.rejects(call(client, upstream, 'hang', { key }, { signal: abort.signal, onprogress: () => abort.abort('enough') }), /enough/);
    assert.equal(textOf(await call(client, upstream, 'cancelled', { key })), 'cancelled');
  },

  async error(client, upstream) {
    const failed = await call(client, upstream, 'fail');
    assert.ok(failed.isError && /it failed, as it should/.test(textOf(failed)), JSON.stringify(failed));
    await assert.rejects(call(client, upstream, 'nothing'), { code: -32602 });
    if (upstream.revision === null) return;
    // The template makes it the upstream's own; that it is not there, the upstream alone knows.
    const notFound = client.revision < '2026-07-28' ? -32002 : -32602;
    await assert.rejects(client.read(`${upstream.name}://watched/nobody`), { code: notFound });
  },
};

const ofServers = {
  async slow(client, upstream) {
    assert.equal(textOf(await call(client, upstream, 'slow')), 'at last');
  },

  async logging(client, upstream) {
    const text = `${client.name} at ${upstream.name}`;
    await client.callLogging('warning', tool(upstream, 'log'), { text });
    assert.equal((await client.logged(text)).level, 'warning');
    assert.ok(!client.logs.some(({ data }) => data === `${text} (info)`), 'what is below the level was sent');
  },

  async read(client, upstream) {
    for (const uri of [`${upstream.name}://hello`, watched(client, upstream)]) {
      const { contents } = await client.read(uri);
      assert.deepEqual(contents, [{ uri, mimeType: 'text/plain', text: `this is ${uri}` }]);
    }
  },

  async update(client, upstream) {
    const uri = watched(client, upstream);
    const end = await client.watch(uri);
    await call(client, upstream, 'touch', { who: client.name });
    await client.updated(uri);
    await end();
  },

  async prompt(client, upstream) {
    const { messages } = await client.prompt(tool(upstream, 'greet'), { who: client.name });
    assert.equal(messages[0].content.text, `Greet ${client.name} of ${upstream.name}.`);
  },

  async complete(client, upstream) {
    const refs = [
      [{ type: 'ref/prompt', name: tool(upstream, 'greet') }, 'who'], [{ type: 'ref/resource', uri: `${upstream.name}://watched/{who}` }, 'who'],
    ];
    for (const [ref, name] of refs) {
      const { completion } = await client.complete(ref, { name, value: 'A' });
      assert.deepEqual(completion.values, ['Ada', 'Alan']);
    }
  },

  async sample(client, upstream) {
    assert.equal(textOf(await call(client, upstream, 'sample')), `sampled: a word of ${client.name}`);
  },

  async roots(client, upstream) {
    assert.equal(textOf(await call(client, upstream, 'roots')), `roots: file:///home/${client.name}`);
  },

  async rounds(client, upstream) {
    const word = `a word of ${client.name}`;
    assert.equal(textOf(await call(client, upstream, 'interview')), `${word}, file:///home/${client.name}, ${word}`);
  },
};

const ofForms = {
  async elicit(client, upstream) {
    assert.equal(textOf(await call(client, upstream, 'elicit')), `accept: ${client.name}`);
  },
};

const all = { ...everywhere, ...ofServers, ...ofForms };

export const features = [
  'list', 'call', 'slow', 'progress', 'logging', 'read', 'update', 'prompt', 'complete', 'elicit', 'sample', 'roots', 'rounds', 'cancel', 'error',
];

/** Whether both sides know the feature. A REST API has no revision, and tools only. */
function isKnown(feature, client, upstream) {
  if (feature in everywhere) return true;
  if (upstream.revision === null) return false;
  return feature in ofServers || (client.revision >= '2025-06-18' && upstream.revision >= '2025-06-18');
}

/** Who asks for what cannot be is refused, and not left waiting. */
function isRefusal(error) {
  return !(error instanceof assert.AssertionError) && !/timed out|in vain/i.test(error.message);
}

/** Does one feature. Returns 'ok', or 'none' where a side does not know it; throws when it does not do as it should. */
export async function play(feature, client, upstream) {
  if (client.lacks?.includes(feature)) return 'none';
  const played = all[feature](client, upstream);
  if (isKnown(feature, client, upstream)) await played;
  else await assert.rejects(played, isRefusal);
  return isKnown(feature, client, upstream) ? 'ok' : 'none';
}
