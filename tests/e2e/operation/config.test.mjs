// Configurations as people have them: the files of clients (data/clients, one each), what is said of them, and what of their
// entries reaches a server. And `mgw import`, which makes one of several.

import { after, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { makeAuthority } from '../lib/authority.mjs';
import { connectClient, textOf } from '../lib/clients.mjs';
import { mgwSanitized, startGateway, top } from '../lib/gateway.mjs';

const data = path.join(top, 'tests/e2e/data/clients');
const scratch = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'mgw-config-')));
after(() => fs.rmSync(scratch, { recursive: true, force: true }));
const given = { CLIENTS_KEY: 'k', MGW_INPUT_WIKI_KEY: 'k' };
const mgw = (args, env = given) => {
  const { status, stdout, stderr } = spawnSync(mgwSanitized, args, { env: { PATH: process.env.PATH, HOME: '/home/x', ASAN_OPTIONS: 'detect_leaks=1', ...env }, encoding: 'utf8' });
  return { status, stdout, stderr };
};
const write = (name, text) => {
  const file = path.join(scratch, name);
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(file, typeof text === 'string' ? text : JSON.stringify(text, null, 2));
  return file;
};

// What is said of each file: what is ignored, and entries that are left out, with why.
const told = {
  'cursor.json': { ignored: 'auth' },
  'claude-desktop.json': { ignored: 'globalShortcut, preferences', renamed: ['notes-db'] },
  'claude-code.json': { ignored: 'headersHelper' },
  'cline.json': { ignored: 'autoApprove' },
  'roo.json': { ignored: 'alwaysAllow, watchPaths' },
  'vscode.json': { ignored: 'dev' },
  'vscode-settings.json': { ignored: 'editor.tabSize' },
  'windsurf.json': {},
  'gemini.json': { ignored: 'trust, oauth, theme, mcp' },
  'zed.json': { ignored: 'source, settings, vim_mode', leftOut: [/mcp-server-extension: needs a "url", "command"/] },
  'librechat.yaml': {
    ignored: 'iconPath, initTimeout, serverInstructions, chatMenu, oauth, version, cache, mcpSettings',
    leftOut: [/each\.headers: \{\{LIBRECHAT_USER_ID\}\} is filled in by its client for each user/],
  },
  'continue.yaml': { ignored: 'name, version, schema', renamed: ['SQLite-MCP'] },
  'langchain.json': { leftOut: [/gone\.type: does not fit/, /gone: needs a "url" that begins with http/], n: 1 },
  'registry.json': { ignored: 'version, description, icon, tags, gallery', renamed: ['io-github-github-mcp-server', 'brave-search', 'brave-search-2', 'Azure-MCP-Server'] },
  'windows.json': {},
  'opencode.json': { ignored: 'autoupdate, model', leftOut: [/secret\.headers: \{file:\.\.\.\} is nothing that mgw knows/] },
  'amp.json': { ignored: 'amp.notifications.enabled', renamed: ['play-wright'] },
  'copilot.json': { ignored: 'autoApprove, powers' },
};

describe('the file of a client', () => {
  test('is here for each of them', () => assert.deepEqual(fs.readdirSync(data).sort(), Object.keys(told).sort()));

  for (const [name, { ignored, leftOut = [], n = leftOut.length, renamed = [] }] of Object.entries(told)) {
    test(`${name} loads`, () => {
      const { status, stdout, stderr } = mgw(['--check-config', path.join(data, name)]);
      assert.equal(status, 0, stderr);
      assert.match(stdout, n > 0 ? new RegExp(`: ok, but ${n} of \\d servers left out\\n$`) : /: ok\n$/);
      const lines = stderr.split('\n').filter((line) => line && !/\.env is not there/.test(line));
      assert.equal(lines.find((line) => line.includes('not for mgw, ignored: '))?.split('ignored: ')[1], ignored);
      for (const why of leftOut) assert.ok(lines.some((line) => why.test(line)), stderr);
      assert.equal(lines.filter((line) => line.includes('is left out, for what is said above')).length, n);
      assert.deepEqual(lines.flatMap((line) => line.match(/is called "(.*)" here/)?.[1] ?? []), renamed);
      assert.equal(lines.length, (ignored ? 1 : 0) + leftOut.length + n + renamed.length, stderr);
    });
  }

  test('whose variables are not given names them, and where they stand', () => {
    assert.match(mgw(['--check-config', path.join(data, 'vscode.json')], {}).stderr,
      /vscode\.json:11: servers\.wiki\.headers: the environment variable MGW_INPUT_WIKI_KEY is not set, which stands for \$\{input:wiki-key\}: Key of the wiki\n/);
    const { status, stderr } = mgw(['--check-config', write('one.json', { mcpServers: { a: { url: '${NOT_GIVEN}' } } })], {});
    assert.equal(status, 1);
    assert.match(stderr, /one\.json:4: mcpServers\.a\.url: the environment variable NOT_GIVEN is not set\n.*is left out.*\n.*none of its servers can be used/);
  });

  test('is served: what is whole works, with all filled in', { timeout: 60000 }, async () => {
    const node = path.join(top, 'tests/e2e/node_modules/.bin/node');
    write('.env', 'FROM_FILE="of the file"\nSHARED=file\n');
    write('link.txt', 'x');
    const file = write('.vscode/mcp.json', `{
      // as an editor has it
      "inputs": [{ "id": "word", "type": "promptString" }],
      "servers": {
        "my_spy": {
          "type": "stdio", "command": "${node}",
          "args": ["${path.join(top, 'tests/e2e/lib/spy_child.mjs')}", "\${workspaceFolder}/link.txt", "\${OWN}", "\${NOT_GIVEN:-else}"],
          "env": { "OWN": "\${input:word}", "PORT": 8080, "SHARED": "entry" },
          "envFile": "\${workspaceFolder}/.env", "alwaysAllow": ["look"],
        },
        "broken": { "url": "\${NOT_GIVEN}" },
      }, }`);
    const gateway = await startGateway({ config: file, env: { MGW_INPUT_WORD: 'a word' } });
    const client = await connectClient(gateway.url, 'http');
    const attempts = { args: 'return process.argv.slice(2)', env: 'return process.env' };
    const { args, env } = JSON.parse(textOf(await client.callTool({ name: 'my-spy_look', arguments: { attempts } })));
    await client.close();
    await gateway.stop();
    assert.deepEqual(args[1], [`${scratch}/link.txt`, 'a word', 'else']);
    const { OWN, PORT, SHARED, FROM_FILE, MGW_INPUT_WORD } = env[1];
    assert.deepEqual({ OWN, PORT, SHARED, FROM_FILE, MGW_INPUT_WORD }, { OWN: 'a word', PORT: '8080', SHARED: 'entry', FROM_FILE: 'of the file', MGW_INPUT_WORD: undefined });
    assert.match(gateway.mgw.lines.join('\n'), /mcp\.json:11: servers\.broken: is left out/);
  });
});

describe('mgw import', () => {
  const files = Object.keys(told).map((name) => path.join(data, name));

  test('prints one configuration of all files, which loads as it is', () => {
    const { status, stdout, stderr } = mgw(['import', ...files]);
    assert.equal(status, 1, 'four entries are left out');
    assert.equal((stderr.match(/is left out, for/g)).length, 4);
    const file = write('all.json', stdout);
    assert.deepEqual(mgw(['--check-config', file]).status, 0, mgw(['--check-config', file]).stderr);
    const again = mgw(['import', file]);
    assert.equal(again.status, 0, again.stderr);
    assert.equal(again.stdout, stdout, 'what is ours already stays as it is');
  });

  test('keeps the order, gives equal names a number, and tells', () => {
    const { stdout, stderr } = mgw(['import', ...['cline.json', 'roo.json', 'windsurf.json'].map((name) => path.join(data, name))]);
    const { mcpServers } = JSON.parse(stdout);
    assert.deepEqual(Object.keys(mcpServers), ['weather', 'docs', 'off', 'docs-2', 'local', 'docs-3', 'github']);
    assert.deepEqual(mcpServers.docs, { type: 'http', url: 'https://docs.example.com/mcp' });
    assert.deepEqual(mcpServers['docs-2'], {
      type: 'http', url: 'https://docs.example.com/mcp', headers: { 'X-Key': 'k' }, exclude: ['drop'], timeout_s: 300,
    });
    assert.deepEqual(mcpServers.off, { command: '', disabled: true });
    assert.match(stderr, /roo\.json:2: mcpServers\.docs: is called "docs-2" here, as another has its name\n/);
    assert.match(stderr, /windsurf\.json:2: mcpServers\.docs: is called "docs-3" here/);
  });

  test('keeps variables, says which are wanted, and fills in what depends on the place of the file', () => {
    write('place/.env', 'A=1\n');
    const place = write('place/.cursor/mcp.json', fs.readFileSync(path.join(data, 'cursor.json'), 'utf8'));
    const { status, stdout, stderr } = mgw(['import', place, path.join(data, 'vscode.json'), path.join(data, 'claude-desktop.json')], {});
    assert.equal(status, 0, stderr);
    assert.ok(!stdout.includes('workspaceFolder'), stdout);
    const { mcpServers: { tickets, wiki, remote, 'wiki-2': another } } = JSON.parse(stdout);
    assert.deepEqual(tickets.args, [`${scratch}/place/tickets.py`, '--home', '${env:HOME}/tickets']);
    assert.deepEqual(tickets.env, { TICKETS_KEY: '${env:CLIENTS_KEY}' });
    assert.equal(tickets.env_file, `${scratch}/place/.env`);
    assert.equal(wiki.auth, undefined);
    assert.deepEqual(another.headers, { Authorization: 'Bearer ${env:MGW_INPUT_WIKI_KEY}', 'X-Mode': '${env:MGW_INPUT_MODE:-fast}' });
    assert.equal(remote.args.at(-1), 'Authorization:${AUTH_HEADER}');
    assert.match(stderr, /\nwanted in the environment of mgw: CLIENTS_KEY, MGW_INPUT_WIKI_KEY\n$/);
  });

  test('takes files of ours, with their paths and the first "gateway"', () => {
    write('ours/api.json', fs.readFileSync(path.join(top, 'examples/tickets.json'), 'utf8'));
    const ours = write('ours/mgw.json', { mcpServers: { api: { rest: 'api.json', prefix: 'p_' }, b: { command: 'x', colour: 1 } }, gateway: { drain_s: 3, auth: { tokens_file: 'tokens.json' } } });
    const other = write('other.json', { mcpServers: { c: { command: 'x' } }, gateway: { drain_s: 4 } });
    const { status, stdout, stderr } = mgw(['import', ours, other]);
    assert.equal(status, 1);
    assert.deepEqual(JSON.parse(stdout), {
      mcpServers: { api: { rest: `${scratch}/ours/api.json`, prefix: 'p_' }, c: { command: 'x' } },
      gateway: { drain_s: 3, auth: { tokens_file: `${scratch}/ours/tokens.json` } },
    });
    assert.match(stderr, /mgw\.json:\d+: mcpServers\.b\.colour: not known/);
    assert.match(stderr, /other\.json:\d+: gateway: is left out: that of a file before is taken/);
  });

  test('tells of files that cannot be read, and prints the others', () => {
    const { status, stdout, stderr } = mgw(['import', '/nowhere.json', write('bad.json', '{'), path.join(data, 'windows.json')]);
    assert.equal(status, 1);
    assert.deepEqual(Object.keys(JSON.parse(stdout).mcpServers), ['api']);
    assert.match(stderr, /^\/nowhere\.json: cannot be read: /);
    assert.match(stderr, /bad\.json:1:\d+: /);
    assert.equal(mgw(['import']).status, 2);
  });
});

describe('the files for TLS', () => {
  const authority = makeAuthority(scratch, 'ours');
  const one = authority.issue('one');
  const other = authority.issue('other');
  const check = (entry, gateway = {}) => mgw(['--check-config', write('tls.json', { mcpServers: { up: { url: 'https://x', ...entry } }, gateway })]);

  test('are found beside the configuration, and go together', () => {
    const base = (file) => path.basename(file);
    assert.match(check({ ca_file: 'ours.pem', client_cert_file: base(one.cert), client_key_file: base(one.key), tls_server_name: 'a.example' }).stdout, /: ok\n$/);
    assert.match(check({ client_cert_file: base(one.both) }, { upstream_ca_file: 'ours.pem', upstream_client_cert_file: base(one.both) }).stdout, /: ok\n$/);
  });

  test('are told with the key when they are not what they should be', () => {
    const locked = write('locked.key', '');
    const made = spawnSync('openssl', ['pkey', '-in', one.key, '-aes256', '-passout', 'pass:x', '-out', locked]);
    assert.equal(made.status, 0);
    for (const [entry, gateway, why] of [
      [{ ca_file: 'none.pem' }, {}, /tls\.json:5: mcpServers\.up\.ca_file: .*\/none\.pem cannot be read: No such file/],
      [{ ca_file: one.key }, {}, /mcpServers\.up\.ca_file: .* holds no certificate \(PEM\)/],
      [{ client_cert_file: one.cert }, {}, /mcpServers\.up\.client_cert_file: .* holds no private key/],
      [{ client_cert_file: one.cert, client_key_file: other.key }, {}, /mcpServers\.up\.client_cert_file: .* is not the certificate of that key/],
      [{ client_cert_file: one.cert, client_key_file: locked }, {}, /mcpServers\.up\.client_key_file: .* has a passphrase/],
      [{ client_key_file: one.key }, {}, /mcpServers\.up\.client_key_file: needs "client_cert_file"/],
      [{ tls_server_name: 'https://x' }, {}, /mcpServers\.up\.tls_server_name: must be a name/],
      [{}, { upstream_ca_file: 'none.pem' }, /tls\.json:\d: gateway\.upstream_ca_file: .*\/none\.pem cannot be read: No such file/],
      [{}, { upstream_client_key_file: one.key }, /gateway\.upstream_client_key_file: needs "upstream_client_cert_file"/],
    ]) {
      const { status, stderr } = check(entry, gateway);
      assert.equal(status, 1);
      assert.match(stderr, why);
    }
    assert.match(mgw(['--check-config', write('x.json', {})], { MGW_UPSTREAM_CA_FILE: '/none.pem' }).stderr, /gateway\.upstream_ca_file: \/none\.pem cannot be read: No such file/);
  });

  test('do not go with a program', () => {
    assert.match(check({ url: undefined, command: 'x', ca_file: authority.file }).stderr, /ca_file: does not go with "command"/);
  });
});
