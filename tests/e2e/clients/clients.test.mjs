// Clients that others wrote reach the built-in tools and an upstream, over TLS, HTTP/1.1 and HTTP/2.

import { after, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import {
  CreateMessageRequestSchema, ElicitRequestSchema, ListRootsRequestSchema, LoggingMessageNotificationSchema,
} from '@modelcontextprotocol/sdk/types.js';
import { EventSource } from 'eventsource';
import { connectClient, textOf, trustingFetch } from '../lib/clients.mjs';
import { startEverything, startGateway, testCertificate } from '../lib/gateway.mjs';

const run = promisify(execFile);

describe('built-in tools', () => {
  let gateway;
  before(async () => { gateway = await startGateway(); });
  after(() => gateway.stop());

  for (const kind of ['sse', 'http']) {
    for (const http2 of [false, true]) {
      test(`the SDK's ${kind} client lists and calls them over ${http2 ? 'HTTP/2' : 'HTTP/1.1'}`, async () => {
        const fetch = trustingFetch({ http2 });
        const client = await connectClient(gateway.tls, kind, { fetch });
        const { tools } = await client.listTools();
        assert.deepEqual(tools.map((t) => t.name).sort(), ['echo', 'gateway_status', 'wait']);
        const answer = await client.callTool({ name: 'echo', arguments: { message: 'grüße 🌍' } });
        assert.equal(textOf(answer), 'grüße 🌍');
        const status = await client.callTool({ name: 'gateway_status', arguments: {} });
        assert.match(textOf(status), /^streams: [1-9]\d* open, of 1 users, /m);
        assert.equal(client.getServerVersion().name, 'mgw');
        await client.ping();
        await client.close();
        await fetch.close();
      });
    }
  }

  test('curl speaks HTTP/2 to it', async () => {
    const { stdout } = await run('curl', ['-s', '--http2', '--cacert', testCertificate().cert, '-w', '%{http_version}',
      `${gateway.tls}/health`]);
    assert.match(stdout, /"status":"ok".*\n2$/s);
  });

  test('the eventsource package gets the endpoint event', async () => {
    const fetch = trustingFetch();
    const source = new EventSource(`${gateway.tls}/sse`, { fetch });
    const endpoint = await new Promise((resolve, reject) => {
      source.addEventListener('endpoint', (e) => resolve(e.data));
      source.onerror = (e) => reject(new Error(e.message));
    });
    assert.match(endpoint, /^\/message\?sessionId=test\./);
    source.close();
    await fetch.close();
  });
});

describe('server-everything as upstream', () => {
  let gateway, everything;
  before(async () => {
    everything = await startEverything();
    gateway = await startGateway({ config: { mcpServers: { everything: { url: everything.url } } } });
  });
  after(async () => {
    await gateway.stop();
    await everything.stop();
  });

  for (const kind of ['sse', 'http']) {
    const name = (text) => `${text} (${kind})`;
    const withClient = (title, use, options) => test(name(title), { timeout: 30000 }, async () => {
      const fetch = trustingFetch({ http2: kind === 'http' });
      const client = await connectClient(gateway.tls, kind, { fetch, ...options });
      try {
        await use(client);
      } finally {
        await client.close();
        await fetch.close();
      }
    });

    withClient('its tools are listed beside ours and answer', async (client) => {
      const names = (await client.listTools()).tools.map((t) => t.name);
      assert.ok(names.includes('echo') && names.includes('everything_echo'), names.join());
      const answer = await client.callTool({ name: 'everything_echo', arguments: { message: 'hello' } });
      assert.match(textOf(answer), /hello/);
    });

    withClient('what it offers is offered again, if calls of it can be relayed', async (client) => {
      const { tools, prompts, resources, ...rest } = client.getServerCapabilities();
      assert.deepEqual([tools, prompts, resources],
        [{ listChanged: true }, { listChanged: true }, { listChanged: true, subscribe: true }]);
      assert.deepEqual(rest, { logging: {}, completions: {} });
    });

    withClient('its prompts and resources are there', async (client) => {
      const { prompts } = await client.listPrompts();
      assert.ok(prompts.length > 0 && prompts.every((p) => p.name.startsWith('everything_')));
      const { resources } = await client.listResources();
      assert.ok(resources.length > 0);
      const { contents } = await client.readResource({ uri: resources[0].uri });
      assert.equal(contents[0].uri, resources[0].uri);
    });

    withClient('its progress arrives, growing', async (client) => {
      const { tools } = await client.listTools();
      const long = tools.find((t) => /long-?running/i.test(t.name));
      const values = [];
      await client.callTool({ name: long.name, arguments: { duration: 1, steps: 4 } }, undefined,
        { onprogress: (p) => values.push(p.progress) });
      assert.ok(values.length >= 2, `got ${values}`);
      assert.ok(values.every((v, i) => i === 0 || v > values[i - 1]), `must grow: ${values}`);
    });

    withClient('it asks the client for a sample, and the answer comes back', async (client) => {
      const { tools } = await client.listTools();
      const sampling = tools.find((t) => /sampling/i.test(t.name));
      const answer = await client.callTool({ name: sampling.name, arguments: { prompt: 'say', maxTokens: 5 } });
      assert.match(textOf(answer), /a sampled word/);
    }, {
      capabilities: { sampling: {}, roots: {}, elicitation: {} },
      setUp: (client) => {
        client.setRequestHandler(CreateMessageRequestSchema, () => ({
          role: 'assistant', model: 'test', content: { type: 'text', text: 'a sampled word' },
        }));
        client.setRequestHandler(ListRootsRequestSchema, () => ({ roots: [{ uri: 'file:///r', name: 'r' }] }));
        client.setRequestHandler(ElicitRequestSchema, () => ({ action: 'decline' }));
      },
    });

    withClient('a cancelled call is cancelled upstream, and the session goes on', async (client) => {
      const { tools } = await client.listTools();
      const long = tools.find((t) => /long-?running/i.test(t.name));
      const abort = new AbortController();
      const call = client.callTool({ name: long.name, arguments: { duration: 30, steps: 30 } }, undefined,
        { signal: abort.signal, onprogress: () => abort.abort('enough') });
      await assert.rejects(call);
      const answer = await client.callTool({ name: 'everything_echo', arguments: { message: 'still here' } });
      assert.match(textOf(answer), /still here/);
    });

    withClient('an unknown tool and an unknown method are clear errors', async (client) => {
      await assert.rejects(client.callTool({ name: 'everything_nope', arguments: {} }).then((r) => {
        if (r.isError) throw new Error('tool error');
      }));
      await assert.rejects(client.callTool({ name: 'nope', arguments: {} }), /unknown name: nope/);
    });

    withClient('logging/setLevel reaches it', async (client) => {
      client.setNotificationHandler(LoggingMessageNotificationSchema, () => {});
      await client.setLoggingLevel('debug');
      await assert.rejects(client.setLoggingLevel('shouting'));
    });
  }
});
