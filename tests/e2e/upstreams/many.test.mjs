// Many upstreams as one server: what each offers works through the gateway as it does directly.

import { after, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { once } from 'node:events';
import fs from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { connectClient, textOf } from '../lib/clients.mjs';
import { startEverything, startGateway, top, waitFor } from '../lib/gateway.mjs';

const node = path.join(top, 'tests/e2e/node_modules/.bin/node');
const bin = (name) => path.join(top, `tests/e2e/node_modules/.bin/mcp-server-${name}`);
const scratch = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'mgw-many-')));
after(() => fs.rmSync(scratch, { recursive: true, force: true }));

/** The entries of mcpServers: each server that npm offers, by stdio, and one of them by HTTP too. */
function servers(everything) {
  const files = path.join(scratch, 'files');
  fs.mkdirSync(files, { recursive: true });
  fs.writeFileSync(path.join(files, 'a.txt'), 'alpha\nbeta\n');
  return {
    web: { url: everything.url },
    everything: { command: node, args: [bin('everything'), 'stdio'] },
    files: { command: node, args: [bin('filesystem'), files] },
    memory: { command: node, args: [bin('memory')], env: { MEMORY_FILE_PATH: path.join(scratch, 'memory.jsonl') } },
    thinking: { command: node, args: [bin('sequential-thinking')], env: { DISABLE_THOUGHT_LOGGING: 'true' } },
  };
}

async function connectDirectly(entry) {
  const client = new Client({ name: 'mgw-e2e', version: '1.0.0' }, { capabilities: {} });
  await client.connect(entry.url
    ? new StreamableHTTPClientTransport(new URL(entry.url))
    : new StdioClientTransport({ ...entry, stderr: 'ignore', env: { PATH: process.env.PATH, HOME: process.env.HOME, ...entry.env } }));
  return client;
}

/** What is asked of each tool; the rest of the tools is called with nothing, which must fail alike. */
const toolArguments = {
  echo: { message: 'hi' }, 'get-sum': { a: 2, b: 3 }, 'get-annotated-message': { messageType: 'success', includeImage: true },
  'get-resource-links': { count: 2 }, 'get-resource-reference': { resourceType: 'Text', resourceId: 1 },
  'get-structured-content': { location: 'Chicago' }, 'get-tiny-image': {},
  read_text_file: { path: path.join(scratch, 'files/a.txt') }, list_directory: { path: path.join(scratch, 'files') },
  directory_tree: { path: path.join(scratch, 'files') }, search_files: { path: path.join(scratch, 'files'), pattern: '*.txt' },
  get_file_info: { path: path.join(scratch, 'files/a.txt') }, list_allowed_directories: {},
  create_entities: { entities: [{ name: 'Ada', entityType: 'person', observations: ['writes'] }] },
  read_graph: {}, search_nodes: { query: 'Ada' }, open_nodes: { names: ['Ada'] },
  sequentialthinking: { thought: 'first', nextThoughtNeeded: false, thoughtNumber: 1, totalThoughts: 1 },
};
// What differs from one call, or one process, to the next.
const unsteady = new Set(['get-env', 'toggle-simulated-logging', 'toggle-subscriber-updates', 'trigger-long-running-operation',
  'simulate-research-query', 'gzip-file-as-resource']);

// Some say when they were made, to the second.
const timeless = (value) => JSON.parse(JSON.stringify(value).replace(/\d+:\d\d:\d\d [AP]M/g, 'then'));
const outcome = (promise) => promise.then((result) => ({ result: timeless(result) }), ({ code, message }) => ({ code, message: message?.replace(/[a-z]+_(?=\w)/, '') }));

describe('many upstreams at once', { timeout: 180000 }, () => {
  let everything, gateway, config, client;
  before(async () => {
    everything = await startEverything();
    config = servers(everything);
    gateway = await startGateway({ config: { mcpServers: config } });
    client = await connectClient(gateway.url, 'http');
  });
  after(async () => {
    await client.close();
    await gateway.stop();
    await everything.stop();
  });

  for (const name of ['web', 'everything', 'files', 'memory', 'thinking']) {
    test(`${name}: lists and answers are those that it gives directly`, async () => {
      const direct = await connectDirectly(config[name]);
      const offers = direct.getServerCapabilities();
      const all = (await client.listTools()).tools;
      const { tools } = await direct.listTools();
      assert.deepEqual(all.filter((t) => t.name.startsWith(`${name}_`)), tools.map((t) => ({ ...t, name: `${name}_${t.name}` })));
      for (const { name: tool } of tools.filter((t) => !unsteady.has(t.name))) {
        const args = toolArguments[tool] ?? {};
        const [through, straight] = [
          await outcome(client.callTool({ name: `${name}_${tool}`, arguments: args })),
          await outcome(direct.callTool({ name: tool, arguments: args }))];
        if (tool === 'create_entities') continue; // the second finds what the first has made
        assert.deepEqual(through, straight, tool);
      }
      if (offers.prompts) {
        const { prompts } = await direct.listPrompts();
        assert.ok(prompts.length > 0);
        assert.deepEqual((await client.listPrompts()).prompts.filter((p) => p.name.startsWith(`${name}_`)),
          prompts.map((p) => ({ ...p, name: `${name}_${p.name}` })));
        for (const { name: prompt, arguments: needs = [] } of prompts) {
          const args = Object.fromEntries(needs.map((need) => [need.name, need.name === 'resourceId' ? '1' : need.name === 'resourceType' ? 'Text' : 'x']));
          assert.deepEqual(await outcome(client.getPrompt({ name: `${name}_${prompt}`, arguments: args })),
            await outcome(direct.getPrompt({ name: prompt, arguments: args })), prompt);
        }
      }
      if (offers.resources) {
        const { resources } = await direct.listResources();
        const { resources: merged } = await client.listResources();
        // web and everything are the same program: their URIs are the same, and carry the server's name.
        const shown = (uri) => (['web', 'everything'].includes(name) ? `${name}+${uri}` : uri);
        for (const resource of resources) {
          assert.deepEqual(merged.find((r) => r.uri === shown(resource.uri)), { ...resource, uri: shown(resource.uri) });
          assert.deepEqual(await outcome(client.readResource({ uri: shown(resource.uri) })), await outcome(direct.readResource({ uri: resource.uri })));
        }
      }
      await direct.close();
    });
  }

  test('the lists are in the order of the configuration, ours first', async () => {
    const { tools } = await client.listTools();
    const order = [...new Set(tools.map((t) => ['gateway_status', 'echo', 'wait'].includes(t.name) ? 'mgw' : t.name.split('_')[0]))];
    assert.deepEqual(order, ['mgw', 'web', 'everything', 'files', 'memory', 'thinking']);
  });

  test('progress, a question to the client and its answer pass over a pipe', async () => {
    const { CreateMessageRequestSchema } = await import('@modelcontextprotocol/sdk/types.js');
    const asked = await connectClient(gateway.url, 'http', {
      capabilities: { sampling: {} },
      setUp: (c) => c.setRequestHandler(CreateMessageRequestSchema, () => ({
        model: 'none', role: 'assistant', content: { type: 'text', text: 'a sample' },
      })),
    });
    const values = [];
    await asked.callTool({ name: 'everything_trigger-long-running-operation', arguments: { duration: 1, steps: 4 } }, undefined, {
      onprogress: (p) => values.push(p.progress),
    });
    assert.ok(values.length >= 3 && values.every((v, i) => i === 0 || v > values[i - 1]), `${values}`);
    const answer = await asked.callTool({ name: 'everything_trigger-sampling-request', arguments: { prompt: 'p', maxTokens: 5 } });
    assert.match(textOf(answer), /a sample/);
    await asked.close();
  });
});

describe('a server that speaks HTTP+SSE alone', { timeout: 120000 }, () => {
  for (const [how, type] of [['as its entry says', 'sse'], ['found out by mgw', undefined]]) {
    test(`works like any other, ${how}`, async () => {
      const { CreateMessageRequestSchema, ToolListChangedNotificationSchema } = await import('@modelcontextprotocol/sdk/types.js');
      let everything = await startEverything(undefined, 'sse');
      const gateway = await startGateway({
        config: { mcpServers: { old: { url: everything.url, ...(type && { type }) } } }, settings: { UPSTREAM_RETRY_S: 0.1, UPSTREAM_RETRY_MAX_S: 1 },
      });
      const client = await connectClient(gateway.url, 'http', {
        capabilities: { sampling: {} },
        setUp: (c) => c.setRequestHandler(CreateMessageRequestSchema, () => ({
          model: 'none', role: 'assistant', content: { type: 'text', text: 'a sample' },
        })),
      });
      const direct = new Client({ name: 'mgw-e2e', version: '1.0.0' }, { capabilities: { sampling: {} } });
      await direct.connect(new SSEClientTransport(new URL(everything.url)));
      const { tools } = await direct.listTools();
      await direct.close();
      assert.deepEqual((await client.listTools()).tools.filter((t) => t.name.startsWith('old_')), tools.map((t) => ({ ...t, name: `old_${t.name}` })));
      assert.equal(textOf(await client.callTool({ name: 'old_echo', arguments: { message: 'hi' } })), 'Echo: hi');
      const values = [];
      await client.callTool({ name: 'old_trigger-long-running-operation', arguments: { duration: 1, steps: 4 } }, undefined, {
        onprogress: (p) => values.push(p.progress),
      });
      assert.ok(values.length >= 3, `${values}`);
      assert.match(textOf(await client.callTool({ name: 'old_trigger-sampling-request', arguments: { prompt: 'p', maxTokens: 5 } })), /a sample/);

      const changed = new Promise((resolve) => client.setNotificationHandler(ToolListChangedNotificationSchema, resolve));
      await everything.stop();
      await gateway.mgw.line(/WARN \[upstream\] old: .*its entries are missing until it is back/);
      await assert.rejects(client.callTool({ name: 'old_echo', arguments: { message: 'hi' } }), /upstream old: /);
      everything = await startEverything(everything.port, 'sse');
      await changed;
      assert.equal(textOf(await client.callTool({ name: 'old_echo', arguments: { message: 'back' } })), 'Echo: back');
      await client.close();
      await gateway.stop();
      await everything.stop();
    });
  }

  test('a server that is 404 for a moment is not taken for one', async () => {
    const { ToolListChangedNotificationSchema } = await import('@modelcontextprotocol/sdk/types.js');
    const everything = await startEverything();
    let isAway = true;
    const balancer = http.createServer((req, res) => {
      if (isAway) return res.writeHead(404).end();
      return req.pipe(http.request(everything.url, { method: req.method, headers: req.headers }, (answer) => {
        answer.pipe(res.writeHead(answer.statusCode, answer.headers));
      }).on('error', () => res.destroy()));
    }).listen(0, '127.0.0.1');
    await once(balancer, 'listening');
    const gateway = await startGateway({
      config: { mcpServers: { up: { url: `http://127.0.0.1:${balancer.address().port}/mcp` } } }, settings: { UPSTREAM_RETRY_S: 0.1, UPSTREAM_RETRY_MAX_S: 1 },
    });
    const client = await connectClient(gateway.url, 'http');
    const changed = new Promise((resolve) => client.setNotificationHandler(ToolListChangedNotificationSchema, resolve));
    await client.listTools();
    isAway = false;
    await changed;
    assert.equal(textOf(await client.callTool({ name: 'up_echo', arguments: { message: 'hi' } })), 'Echo: hi');
    await client.close();
    await gateway.stop();
    balancer.closeAllConnections();
    balancer.close();
    await everything.stop();
  });

  test('whose endpoint leads elsewhere is not followed', async () => {
    const server = http.createServer((req, res) => {
      if (req.method === 'POST') return res.writeHead(405).end();
      res.writeHead(200, { 'content-type': 'text/event-stream' });
      res.write('event: endpoint\ndata: http://127.0.0.2:9/steal\n\n');
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const gateway = await startGateway({
      config: { mcpServers: { sly: { url: `http://127.0.0.1:${server.address().port}/sse`, headers: { Authorization: 'secret' } } } },
    });
    const client = await connectClient(gateway.url, 'http');
    await gateway.mgw.line(/WARN \[upstream\] sly: its endpoint event names no address at this server/);
    await client.close();
    await gateway.stop();
    server.closeAllConnections();
    server.close();
  });
});

const isRunning = (pid) => fs.existsSync(`/proc/${pid}`) && !/^State:\tZ/m.test(fs.readFileSync(`/proc/${pid}/status`, 'utf8'));
const childOf = async (gateway, from = 0) =>
  Number(/process (\d+) started/.exec(await gateway.mgw.line(/process \d+ started/, { from }))[1]);

describe('a server that is a child process', { timeout: 120000 }, () => {
  const memory = () => ({ command: node, args: [bin('memory')], env: { MEMORY_FILE_PATH: path.join(scratch, 'm.jsonl') } });
  const start = (entry, settings = {}) => startGateway({
    config: { mcpServers: { memory: entry } }, settings: { UPSTREAM_RETRY_S: 0.1, UPSTREAM_RETRY_MAX_S: 1, ...settings },
  });
  const graph = (client) => client.callTool({ name: 'memory_read_graph', arguments: {} });

  test('is ended with its session', async () => {
    const gateway = await start(memory());
    const client = await connectClient(gateway.url, 'http');
    const pid = await childOf(gateway);
    assert.ok((await graph(client)).content);
    assert.ok(isRunning(pid));
    await client.transport.terminateSession();
    await client.close();
    await waitFor(() => !isRunning(pid), 'the child to be gone');
    await gateway.stop();
  });

  test('that dies is started again; a call that does no harm twice is answered all the same', async () => {
    const gateway = await start(memory());
    const client = await connectClient(gateway.url, 'http');
    await client.listTools();
    const from = gateway.mgw.lines.length;
    process.kill(await childOf(gateway), 'SIGKILL');
    await gateway.mgw.line(/WARN \[upstream\] memory: was killed by SIGKILL/, { from });
    assert.ok((await graph(client)).content);
    await gateway.mgw.line(/process \d+ started/, { from });
    await client.close();
    await gateway.stop();
  });

  test('is stopped after idling, and started when it is needed', async () => {
    const gateway = await start({ ...memory(), idle_s: 0.5 });
    const client = await connectClient(gateway.url, 'http');
    const pid = await childOf(gateway);
    await gateway.mgw.line(new RegExp(`process ${pid} is ended: nothing to do`));
    await waitFor(() => !isRunning(pid), 'the child to be gone');
    assert.ok((await graph(client)).content);
    await client.close();
    await gateway.stop();
  });

  test('leaves nothing behind when mgw is killed', async () => {
    const gateway = await start({ command: 'sh', args: ['-c', `sleep 1000 & "${node}" "${bin('memory')}"; wait`] });
    const client = await connectClient(gateway.url, 'http');
    await client.listTools();
    const leader = await childOf(gateway);
    const group = () => fs.readdirSync('/proc').filter((pid) => /^\d+$/.test(pid) && (() => {
      try {
        return fs.readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ')[2] === String(leader) && isRunning(pid);
      } catch {
        return false;
      }
    })());
    assert.ok(group().length >= 3, `a shell, a sleep and a server: ${group()}`);
    await gateway.mgw.stop('SIGKILL');
    await waitFor(() => group().length === 0, 'the whole group to be gone');
    await client.close().catch(() => {});
    await gateway.haproxy.stop();
  });

  test('that cannot be started, exits at once, or speaks no JSON-RPC costs its own entries only', async () => {
    const gateway = await startGateway({
      config: {
        mcpServers: {
          nowhere: { command: '/nonexistent/server' }, exits: { command: 'sh', args: ['-c', 'echo oops >&2; exit 3'] },
          chatters: { command: 'sh', args: ['-c', 'while read -r line; do echo "hello there"; done'], start_timeout_s: 3 }, memory: memory(),
        },
      },
      settings: { UPSTREAM_GRACE_MS: 10000 },
    });
    const client = await connectClient(gateway.url, 'http');
    const { tools } = await client.listTools();
    assert.ok(tools.some((t) => t.name === 'memory_read_graph'));
    assert.ok(!tools.some((t) => /^(nowhere|exits|chatters)_/.test(t.name)));
    await gateway.mgw.line(/WARN \[upstream\] nowhere: its program cannot be started: .* detail=\"there is no .*server.* at that path/);
    await gateway.mgw.line(/INFO \[upstream\] exits: stderr: oops/);
    await gateway.mgw.line(/WARN \[upstream\] exits: exited with code 3/);
    await gateway.mgw.line(/WARN \[upstream\] chatters: message skipped/);
    await gateway.mgw.line(/WARN \[upstream\] chatters: did not answer initialize within 3 s/);
    await assert.rejects(client.callTool({ name: 'exits_x', arguments: {} }), /upstream exits: (exited with code 3|is left alone for a while)/);
    await assert.rejects(client.callTool({ name: 'nowhere_x', arguments: {} }), /upstream nowhere: (its program cannot be started|is left alone for a while)/);
    assert.doesNotMatch(gateway.mgw.lines.join('\n'), /nonexistent/);
    await client.close();
    await gateway.stop();
  });
});
