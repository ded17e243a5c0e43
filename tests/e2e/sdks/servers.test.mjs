// Servers that others wrote, in one configuration with three that are broken: what each says through mgw is what it says
// directly, and nobody waits for the broken ones.

import { after, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { once } from 'node:events';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { connectClient, textOf } from '../lib/clients.mjs';
import { freePort, Program, startGateway, top, waitFor } from '../lib/gateway.mjs';
import { installed, python, pythonFile } from './lib/installed.mjs';

const modules = path.join(top, 'tests/e2e/node_modules');
const node = path.join(modules, '.bin/node');
const scratch = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'mgw-servers-')));
const folder = path.join(scratch, 'folder');
const repository = path.join(scratch, 'repository');

function makeFolders() {
  fs.mkdirSync(folder);
  fs.writeFileSync(path.join(folder, 'a.txt'), 'grüße 🌍\n');
  fs.mkdirSync(repository);
  fs.writeFileSync(path.join(repository, 'a.txt'), 'one\n');
  const git = (...args) => execFileSync('git', ['-C', repository, '-c', 'user.name=mgw', '-c', 'user.email=mgw@example.com', ...args], { stdio: 'ignore' });
  git('init', '-b', 'main');
  git('add', '.');
  git('commit', '-m', 'one');
}

const fromNpm = (bin, ...args) => ({ command: node, args: [path.join(modules, '.bin', bin), ...args] });
const fromPypi = (bin, ...args) => ({ command: path.join(installed, 'python1/bin', bin), args });
const written = (major, file) => ({ command: python(major), args: [pythonFile(file)] });

const ofFastMcp = {
  calls: [['add', { a: 1, b: 2.5 }], ['add', { a: 'x' }], ['count', { to: 3 }], ['fail', {}]],
  reads: ['fast://hello', 'fast://people/ada'], prompts: [['greet', { who: 'Ada' }]],
};
const ofLowlevel = { calls: [['add', { a: 1, b: 2.5 }], ['fail', {}]], prompts: [['greet', { who: 'Ada' }]] };

/** name -> what starts it (port: where it listens too), and what is asked of it. */
const servers = (page) => ({
  fast2: { ...written(1, 'fast.py'), ...ofFastMcp },
  'fast2-http': { ...written(1, 'fast.py'), isHttp: true, ...ofFastMcp },
  fast4: { ...written(2, 'fast.py'), ...ofFastMcp },
  'fast4-http': { ...written(2, 'fast.py'), isHttp: true, ...ofFastMcp },
  low1: { ...written(1, 'lowlevel1.py'), ...ofLowlevel, calls: [...ofLowlevel.calls, ['add', {}], ['blob', {}]] },
  'low1-http': { ...written(1, 'lowlevel1.py'), isHttp: true, ...ofLowlevel },
  low2: { ...written(2, 'lowlevel2.py'), ...ofLowlevel },
  'low2-http': { ...written(2, 'lowlevel2.py'), isHttp: true, ...ofLowlevel },
  time: { ...fromPypi('mcp-server-time', '--local-timezone', 'UTC'), calls: [
    ['convert_time', { source_timezone: 'UTC', time: '12:00', target_timezone: 'Asia/Kathmandu' }], ['get_current_time', { timezone: 'Nowhere' }],
  ] },
  fetch: { ...fromPypi('mcp-server-fetch', '--ignore-robots-txt'), calls: [['fetch', { url: page }]], prompts: [['fetch', { url: page }]] },
  git: { ...fromPypi('mcp-server-git', '--repository', repository), calls: [
    ['git_status', { repo_path: repository }], ['git_log', { repo_path: repository, max_count: 1 }], ['git_show', { repo_path: repository, revision: 'none' }],
  ] },
  everything: { ...fromNpm('mcp-server-everything'), calls: [['echo', { message: 'grüße 🌍' }], ['get-structured-content', { location: 'Chicago' }]] },
  files: { ...fromNpm('mcp-server-filesystem', folder), calls: [
    ['list_directory', { path: folder }], ['read_text_file', { path: path.join(folder, 'a.txt') }], ['read_text_file', { path: '/etc/passwd' }],
  ] },
  memory: { ...fromNpm('mcp-server-memory'), calls: [
    ['create_entities', { entities: [{ name: 'Ada', entityType: 'person', observations: ['counts'] }] }], ['read_graph', {}],
  ] },
  thinking: { ...fromNpm('mcp-server-sequential-thinking'), calls: [
    ['sequentialthinking', { thought: 'hm', nextThoughtNeeded: false, thoughtNumber: 1, totalThoughts: 1 }],
  ] },
});

/** The page that is fetched. */
async function startPage() {
  const server = http.createServer((req, res) => res.writeHead(200, { 'content-type': 'text/plain' }).end('a page\n')).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

const listens = (port) => new Promise((resolve) => {
  const socket = net.connect(port, '127.0.0.1', () => { socket.destroy(); resolve(true); }).on('error', () => resolve(false));
});

/** Each caller has a memory of its own. */
const envOf = (whose) => ({ MEMORY_FILE_PATH: path.join(scratch, `memory-${whose}.jsonl`) });

async function connectDirectly({ url, command, args }) {
  const client = new Client({ name: 'direct', version: '1' });
  await client.connect(url ? new StreamableHTTPClientTransport(new URL(url))
    : new StdioClientTransport({ command, args, env: { ...process.env, ...envOf('direct') }, stderr: 'ignore' }));
  return client;
}

/** What a call ends in, as its caller sees it. */
const outcome = (promise) => promise.then((result) => ({ result }), ({ code, message }) => ({ code, message }));

const unprefixed = (entries, prefix) => entries.filter(({ name }) => name.startsWith(prefix))
  .map((entry) => ({ ...entry, name: entry.name.slice(prefix.length) })).sort((a, b) => (a.name < b.name ? -1 : 1));

const listers = { tools: 'listTools', prompts: 'listPrompts', resources: 'listResources', resourceTemplates: 'listResourceTemplates' };

async function listed(client, what) {
  return (await client[listers[what]]())[what];
}

describe('servers that others wrote', { timeout: 200000 }, () => {
  const running = [];
  const entries = {};
  let page, gateway, client, all;
  before(async () => {
    makeFolders();
    page = await startPage();
    all = servers(`http://127.0.0.1:${page.address().port}/`);
    for (const [name, server] of Object.entries(all)) {
      if (!server.isHttp) {
        entries[name] = { command: server.command, args: server.args, env: envOf('mgw') };
        continue;
      }
      const port = await freePort();
      running.push(new Program(name, server.command, [...server.args, `${port}`]));
      server.url = `http://127.0.0.1:${port}/mcp`;
      entries[name] = { url: server.url };
      await waitFor(() => listens(port), `${name} to listen`, 60000, new Set(), () => running.at(-1).tail());
    }
    Object.assign(entries, {
      exits: { command: 'sh', args: ['-c', 'echo "no such package" >&2; exit 1'] },
      silent: { command: 'sleep', args: ['1000000'] },
      refuses: { url: `http://127.0.0.1:${await freePort()}/mcp` },
    });
    gateway = await startGateway({ config: { mcpServers: entries } });
  });
  after(async () => {
    await client?.close();
    await gateway?.stop();
    for (const program of running) await program.stop();
    page?.close();
    fs.rmSync(scratch, { recursive: true, force: true });
  });

  test('the first initialize, and a call of who is well, wait for none that is not', async () => {
    client = await connectClient(gateway.url, 'http');
    const { result } = await outcome(client.callTool({ name: 'low1-http_add', arguments: { a: 1, b: 1 } }));
    assert.deepEqual(result.structuredContent, { sum: 2 });
    const status = textOf(await client.callTool({ name: 'gateway_status', arguments: {} }));
    assert.match(status, /silent/);
  });

  test('all that are well come', { timeout: 120000 }, async () => {
    const missing = async () => {
      const names = (await listed(client, 'tools')).map(({ name }) => name);
      return Object.keys(all).filter((name) => !names.some((tool) => tool.startsWith(`${name}_`)));
    };
    let still;
    await waitFor(async () => (still = await missing()).length === 0, 'the tools of all', 110000, new Set(), () => `${still}\n${gateway.mgw.tail()}`);
  });

  for (const name of Object.keys(servers(''))) {
    test(`${name} says through mgw what it says directly`, { timeout: 60000 }, async () => {
      const { calls, reads = [], prompts = [], ...server } = all[name];
      const direct = await connectDirectly(server);
      const { tools, prompts: hasPrompts, resources } = direct.getServerCapabilities();
      for (const what of [...(tools ? ['tools'] : []), ...(hasPrompts ? ['prompts'] : [])]) {
        assert.deepEqual(unprefixed(await listed(client, what), `${name}_`), unprefixed(await listed(direct, what), ''), what);
      }
      if (resources) {
        const uris = (await listed(client, 'resources')).map(({ uri }) => uri);
        for (const { uri } of await listed(direct, 'resources')) assert.ok(uris.some((other) => other.endsWith(uri.split('://')[1])), uri);
      }
      for (const [tool, args] of calls) {
        const through = await outcome(client.callTool({ name: `${name}_${tool}`, arguments: args }));
        assert.deepEqual(through, await outcome(direct.callTool({ name: tool, arguments: args })), `${tool} ${JSON.stringify(args)}`);
      }
      for (const uri of reads) assert.deepEqual(await outcome(client.readResource({ uri })), await outcome(direct.readResource({ uri })), uri);
      for (const [prompt, args] of prompts) {
        const through = await outcome(client.getPrompt({ name: `${name}_${prompt}`, arguments: args }));
        assert.deepEqual(through, await outcome(direct.getPrompt({ name: prompt, arguments: args })), prompt);
      }
      await direct.close();
    });
  }

  test('the broken ones are named, with what is wrong', async () => {
    const status = textOf(await client.callTool({ name: 'gateway_status', arguments: {} }));
    for (const word of [/exits/, /no such package/, /refuses/, /silent/]) assert.match(status, word);
  });
});
