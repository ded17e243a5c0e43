// What a child process of mgw may touch, and what not: real children that try it, in each way that they can be
// kept apart on this machine. mgw is the release build: one with sanitizers stays dumpable.

import { describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { makeAuthority } from '../lib/authority.mjs';
import { connectClient, textOf } from '../lib/clients.mjs';
import { startGateway, top, waitFor } from '../lib/gateway.mjs';

const isRoot = process.getuid() === 0;
const plainUser = 10001;
const node = path.join(top, 'tests/e2e/node_modules/.bin/node');
const spy = path.join(top, 'tests/e2e/lib/spy_child.mjs');
const firstUid = 20000;
const ownGroup = 10099;
const setprivTo = (uid, capabilities = '-all') => ['setpriv', '--reuid', uid, '--regid', uid, '--groups', ownGroup,
  '--inh-caps', capabilities, '--ambient-caps', capabilities, '--bounding-set', capabilities].map(String);

// ---- what this machine can do: the thing itself is tried ----

/** May we start, feed, end and tidy up after processes of other users? A root of few capabilities may not. */
const isMasterOfUsers = (() => {
  if (!isRoot) return false;
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'mgw-probe-'));
  try {
    for (const uid of [plainUser, firstUid, firstUid + 99]) {
      fs.mkdirSync(path.join(dir, 'theirs'), { mode: 0o700 });
      fs.chownSync(path.join(dir, 'theirs'), uid, uid);
      fs.writeFileSync(path.join(dir, 'theirs/file'), '');
      fs.rmSync(path.join(dir, 'theirs'), { recursive: true });
      const [command, ...args] = setprivTo(uid);
      // The time is up at once, and who is not ended by it says so.
      if (spawnSync(command, [...args, 'sleep', '2'], { timeout: 300 }).signal !== 'SIGTERM') return false;
    }
    return true;
  } catch {
    return false;
  } finally {
    fs.rmSync(dir, { recursive: true, force: true });
  }
})();
/** landlock_create_ruleset(NULL, 0, LANDLOCK_CREATE_RULESET_VERSION): the version, 0: none. */
const landlock = Math.max(0, Number(execFileSync('python3', ['-c', 'import ctypes; print(ctypes.CDLL(None).syscall(444, None, 0, 1))'], { encoding: 'utf8' })));
const mayGoFirst = spawnSync('sh', ['-c', 'echo 500 > /proc/self/oom_score_adj']).status === 0;
const ownOomScore = Number(fs.readFileSync('/proc/self/oom_score_adj', 'utf8'));

/** Is there a place for a filter of our own? By a system call that each process may make on itself. */
const readsItself = `import ctypes as c
class V(c.Structure): _fields_ = [('p', c.c_void_p), ('n', c.c_size_t)]
a, b = c.create_string_buffer(b'a', 1), c.create_string_buffer(b'b', 1)
l = c.CDLL(None, use_errno=True)
import os
r = l.process_vm_readv(os.getpid(), c.byref(V(c.addressof(a), 1)), 1, c.byref(V(c.addressof(b), 1)), 1, 0)
print(r if r >= 0 else os.strerror(c.get_errno()))`;
const mayReadItself = execFileSync('python3', ['-c', readsItself], { encoding: 'utf8' }) === '1\n';
const hasFilters = fs.readFileSync('/proc/self/status', 'utf8').includes('\nSeccomp:');

const lacks = {
  filters: !(mayReadItself && hasFilters) && 'this machine cannot: its kernel has no filters for system calls, or denies the one that is tried',

  landlock: landlock < 2 && 'this machine cannot: its kernel has no Landlock (version 2 or newer)',
  users: !isMasterOfUsers && 'this machine cannot: who runs the tests may not start processes of other users',
  // Who is not root is a plain user already.
  plainUser: isRoot && !isMasterOfUsers && 'this machine cannot: root may not become a plain user here',
};
const needs = (...names) => ({ skip: names.map((name) => lacks[name]).find(Boolean) ?? false });

const own = isRoot ? plainUser : process.getuid();
const giveAway = (dir) => {
  fs.chownSync(dir, own, own);
  for (const file of fs.readdirSync(dir, { recursive: true })) fs.lchownSync(path.join(dir, file), own, own);
};
const runsAs = (capabilities) => (socket) => {
  giveAway(path.dirname(socket));
  return isRoot ? setprivTo(own, capabilities) : [];
};
/** As a container runs it: no root, no capabilities. */
const asPlainUser = runsAs('-all');
/** As deploy/systemd/mgw.service.in does: no root, and nothing but what gives children users of their own. */
const asMasterOfUsers = runsAs('-all,+setuid,+setgid,+kill');

const start = async (t, { gateway = {}, entry = {}, wrap } = {}) => {
  // Each apart from the others, so that none is closed for what stands beside it.
  const [secrets, keys, shared, run, state] = ['secrets', 'keys', 'shared', 'run', 'state'].map((name) => fs.mkdtempSync(path.join(os.tmpdir(), `mgw-${name}-`)));
  t.after(() => [secrets, keys, shared, run, state].forEach((dir) => fs.rmSync(dir, { recursive: true })));
  fs.mkdirSync(path.join(secrets, 'vault'));
  const [tokens, realTokens, oauth, socket] = [`${secrets}/tokens.json`, `${secrets}/vault/tokens.json`, `${keys}/oauth.token`, `${run}/fcgi.sock`];
  fs.symlinkSync(realTokens, tokens);
  fs.writeFileSync(oauth, 'SECRET_REFRESH_TOKEN', { mode: 0o600 });
  const { cert, key } = makeAuthority(keys, 'ours').issue('mgw');
  fs.writeFileSync(realTokens, JSON.stringify({
    users: ['ada', 'bob'].map((name) => ({ email: `${name}@example.com`, sha256: createHash('sha256').update(`mgw_${name}`).digest('hex') })),
  }), { mode: 0o600 });
  if (wrap) [secrets, keys, shared, run, state].forEach(giveAway);
  fs.chmodSync(run, 0o755);
  fs.chmodSync(shared, 0o777);
  const made = await startGateway({
    release: true, wrap, haproxy: { MGW_SOCKET: socket },
    settings: { LISTEN: `unix:${socket}`, AUTH_TOKENS_FILE: tokens, STATE_DIR: state, STATE_KEY: 'SECRET_STATE_KEY_'.padEnd(40, 'k') },
    config: {
      mcpServers: {
        spy: {
          command: node, args: [spy], cwd: shared,
          users: Object.fromEntries(['ada', 'bob'].map((name) => [`${name}@example.com`, { env: { KEY: `SECRET_OF_${name}` } }])),
          ...entry,
        },
        api: {
          rest: path.join(top, 'examples/gmail.json'), client_cert_file: cert, client_key_file: key,
          oauth: { token_url: 'http://127.0.0.1:1/', client_id: 'mgw', refresh_token: 'none', refresh_token_file: oauth },
        },
      },
      gateway,
    },
  });
  t.after(() => made.stop().catch((error) => assert.equal(made.isKilled, true, error)));
  const clients = await Promise.all(['ada', 'bob'].map((name) => connectClient(made.url, 'http', { headers: { authorization: `Bearer mgw_${name}` } })));
  t.after(() => Promise.all(clients.map((client) => client.close())));
  const call = async (tool, args, client = clients[0]) => JSON.parse(textOf(await client.callTool({ name: tool, arguments: args })));
  const pids = made.mgw.lines.map((line) => /process (\d+) started.*(ada|bob)@/.exec(line)).filter(Boolean).map(([, pid, name]) => [name, Number(pid)]);
  return {
    gateway: made, tokens, realTokens, oauth, key, state, socket, pids: Object.fromEntries(pids), config: path.join(made.dir, 'mgw.json'),
    look: (attempts, client) => call('spy_look', { attempts }, client),
    stray: (code) => call('spy_stray', { code }),
    status: async () => textOf(await clients[0].callTool({ name: 'gateway_status', arguments: {} })),
  };
};

const read = (file) => `return fs.readFileSync(${JSON.stringify(file)}, 'latin1').slice(0, 200)`;
/** truncate(2) itself: Node opens the file first. */
const truncate = (file) => `
  const { stderr } = spawnSync('perl', ['-e', 'truncate($ARGV[0], 0) or print STDERR grep { $!{$_} } keys %!', ${JSON.stringify(file)}]);
  if (stderr.length > 0) throw { code: String(stderr) }`;
const refused = (results, codes) => {
  for (const [name, [code]] of Object.entries(results)) assert.ok(codes.includes(code), `${name}: ${code}, not refused`);
};

/** mgw closes a connection that it does not want as soon as it has taken it. */
const connecting = (socket) => `new Promise((resolve, reject) => {
  const timer = setTimeout(() => resolve('stays open'), 3000);
  const done = (how) => { clearTimeout(timer); resolve(how); };
  net.connect(${JSON.stringify(socket)}).on('error', (e) => done(e.code)).on('close', () => done('closed')).on('data', () => done('data')).resume();
})`;

/** isApart: the children have users of their own, so that it does not hang on the version of Landlock. */
const secretsOf = (g, isApart) => ({
  configuration: read(g.config),
  'configuration by another way': read(`/proc/self/root${g.config}`),
  tokens: read(g.tokens),
  'tokens where they lie': read(g.realTokens),
  'a refresh token': read(g.oauth),
  'the key of a client certificate': read(g.key),
  'what outlives mgw': read(`${g.state}/state.db`),
  'what outlives mgw, on its way': read(`${g.state}/state.db-wal`),
  'a key of its own for that': `fs.writeFileSync(${JSON.stringify(`${g.state}/state.key`)}, 'x')`,
  'tokens for writing': `fs.openSync(${JSON.stringify(g.tokens)}, 'r+')`,
  ...((isApart || landlock >= 3) && { 'tokens from here on': truncate(g.tokens) }),
  'tokens gone': `fs.unlinkSync(${JSON.stringify(g.tokens)})`,
  'tokens elsewhere': `fs.renameSync(${JSON.stringify(g.tokens)}, 'tokens')`,
  'tokens by a link': `fs.linkSync(${JSON.stringify(g.tokens)}, 'tokens')`,
  'their folder elsewhere': `fs.renameSync(${JSON.stringify(path.dirname(g.tokens))}, 'secrets')`,
  'a socket of its own': `fs.unlinkSync(${JSON.stringify(g.socket)})`,
  'a file beside the tokens': `fs.writeFileSync(${JSON.stringify(`${g.tokens}.new`)}, 'x')`,
  "mgw's environment": read(`/proc/${g.gateway.mgw.pid}/environ`),
  "mgw's memory": `fs.openSync('/proc/${g.gateway.mgw.pid}/mem', 'r')`,
  "mgw's descriptors": `fs.readdirSync('/proc/${g.gateway.mgw.pid}/fd')`,
  "bob's environment": read(`/proc/${g.pids.bob}/environ`),
  "bob's memory": `fs.openSync('/proc/${g.pids.bob}/mem', 'r')`,
  ...((isApart || landlock >= 6) && {
    "mgw's end": `process.kill(${g.gateway.mgw.pid}, 'SIGKILL')`,
    "bob's end": `process.kill(${g.pids.bob}, 'SIGKILL')`,
  }),
});

const whatEachMay = (g) => ({
  file: `fs.writeFileSync('own', 'x'); fs.renameSync('own', 'mine'); return fs.readFileSync('mine', 'utf8')`,
  program: `return execFileSync('sh', ['-c', 'echo hello; cat /proc/self/comm; ls / >/dev/null && wc -l < /proc/meminfo'], { encoding: 'utf8' })`,
  own: `return { env: { ...process.env }, status: fs.readFileSync('/proc/self/status', 'utf8'), limits: fs.readFileSync('/proc/self/limits', 'utf8'),
    oom: Number(fs.readFileSync('/proc/self/oom_score_adj', 'utf8')), uid: process.getuid(), gid: process.getgid(), groups: process.getgroups(),
    mgw: Number(fs.readFileSync('/proc/${g.gateway.mgw.pid}/oom_score_adj', 'utf8')), fds: fs.readdirSync('/proc/self/fd').length }`,
});

const limitOf = (limits, name) => new RegExp(`^Max ${name} +(\\S+) +(\\S+)`, 'm').exec(limits).slice(1, 3).map((text) => (text === 'unlimited' ? Infinity : Number(text)));
const ownLimits = fs.readFileSync('/proc/self/limits', 'utf8');
/** Both limits are `most`, or what this machine gives, if that is less. */
const assertLimit = (limits, name, most) => assert.deepEqual(limitOf(limits, name), limitOf(ownLimits, name).map((own) => Math.min(own, most)), name);

/** A socket without a file is for whoever knows its name, but for who is fenced (from Landlock 6 on). */
const assertNoAbstractSocket = async (t, g) => {
  const name = `\0mgw-test-${process.pid}`;
  const server = net.createServer((socket) => socket.end('SECRET')).listen(name);
  t.after(() => server.close());
  await once(server, 'listening');
  const { abstract } = await g.look({ abstract: `return ${connecting(name)}` });
  assert.deepEqual(abstract, ['ok', 'EPERM']);
};

const assertKeptApart = async (g, isApart = false) => {
  refused(await g.look(secretsOf(g, isApart)), ['EACCES', 'EPERM', 'EXDEV', 'EBUSY']);
  assert.equal((await g.look({ socket: `return ${connecting(g.socket)}` })).socket[1] === 'stays open', false, 'a child speaks FastCGI');
  const strays = await g.stray(`import net from 'node:net'; console.log(await ${connecting(g.socket)}); process.exit()`);
  assert.match(strays, /closed|EACCES/, 'a process that has left its parents speaks FastCGI');
  const { file, program, own: [, own] } = await g.look(whatEachMay(g));
  assert.deepEqual(file, ['ok', 'x']);
  assert.match(program[1], /^hello\ncat\n\d+\n$/);
  assert.deepEqual(Object.keys(own.env).filter((name) => !['PATH', 'HOME', 'LANG'].includes(name)), ['KEY']);
  for (const line of [/^CapEff:\t0+$/m, /^CapPrm:\t0+$/m, /^CapAmb:\t0+$/m, /^NoNewPrivs:\t1$/m]) assert.match(own.status, line);
  assertLimit(own.limits, 'core file size', 0);
  assertLimit(own.limits, 'data size', 2 ** 32);
  assertLimit(own.limits, 'open files', 4096);
  assert.deepEqual([own.oom, own.mgw], [mayGoFirst ? Math.max(500, ownOomScore) : ownOomScore, ownOomScore]);
  return own;
};

describe('a child process', { timeout: 60000 }, () => {
  test('of an mgw without privileges is kept from its secrets and from other children by Landlock', needs('plainUser', 'landlock'), async (t) => {
    const g = await start(t, { wrap: asPlainUser });
    const own = await assertKeptApart(g);
    if (landlock >= 6) await assertNoAbstractSocket(t, g);
    assert.equal(own.uid, isRoot ? plainUser : process.getuid());
    assert.match(await g.status(), /^privileges: not dumpable, no_new_privs, no capabilities, .*; children: mgw's user, Landlock \d+$/m);
    assert.match(await g.gateway.mgw.line(/privileges/), /INFO.*children: mgw's user, Landlock/);
    await g.gateway.mgw.line(/WARN.*a child process has tried to connect/);
  });

  test('that does not hide among its relations is told from a stranger of the same user', async (t) => {
    const g = await start(t);
    // HAProxy is of the same user as mgw here, and is served.
    assert.match(await g.status(), /^privileges: /m);
    assert.equal((await g.look({ socket: `return ${connecting(g.socket)}` })).socket[1], 'closed');
  });

  test('leaves nothing behind: mgw reaps what it has started and lost', needs('plainUser'), async (t) => {
    const g = await start(t, { wrap: asPlainUser });
    for (let i = 0; i < 5; i++) await g.stray('console.log(1)');
    const zombies = () => fs.readdirSync('/proc').filter((pid) => {
      try {
        const [state, parent] = fs.readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
        return state === 'Z' && Number(parent) === g.gateway.mgw.pid;
      } catch {
        return false;
      }
    });
    await waitFor(() => zombies().length === 0, 'no zombie to be left');
  });

  test('is fenced anew when what stands beside a secret has changed', needs('plainUser', 'landlock'), async (t) => {
    const g = await start(t, { wrap: asPlainUser, entry: { idle_s: 0.3 } });
    await waitFor(() => g.gateway.mgw.count(/is ended: nothing to do/) === 2, 'both children to be ended');
    const [beside, renewed] = [path.join(path.dirname(g.tokens), 'note'), `${g.tokens}.x`];
    fs.writeFileSync(beside, 'seen', { mode: 0o644 });
    fs.copyFileSync(g.tokens, renewed);
    fs.chmodSync(renewed, 0o644);
    const attempts = { beside: read(beside), renewed: read(renewed), tokens: read(g.tokens) };
    assert.deepEqual(await g.look(attempts), { beside: ['ok', 'seen'], renewed: ['EACCES'], tokens: ['EACCES'] });
    // The child that has been let in while it had another name.
    fs.renameSync(renewed, g.tokens);
    assert.deepEqual((await g.look(attempts)).tokens, ['EACCES']);
  });

  test('has the limits of its entry', needs('plainUser'), async (t) => {
    const g = await start(t, { wrap: asPlainUser, entry: { data_max_bytes: 1 << 30, files_max: 128 } });
    const { own: [, own], hoard } = await g.look({ ...whatEachMay(g), hoard: 'return execFileSync("sh", ["-c", "ulimit -d"], { encoding: "utf8" })' });
    assertLimit(own.limits, 'data size', 1 << 30);
    assertLimit(own.limits, 'open files', 128);
    assert.deepEqual(hoard, ['ok', `${(1 << 30) / 1024}\n`]);
  });

  for (const [how, isFenced, wrap] of [['and Landlock', true], ['without Landlock', false], ['as root gives it leave', false, asMasterOfUsers]]) {
    const needed = isFenced ? needs('users', 'landlock') : needs('users');
    test(`has a user of its own where mgw may give it one, ${how}`, needed, async (t) => {
      const g = await start(t, { wrap, gateway: { children_uid_first: firstUid, children_uid_count: 100, children_landlock: isFenced } });
      fs.chmodSync(g.config, 0o600);
      const own = await assertKeptApart(g, true);
      assert.ok(own.uid >= firstUid && own.uid < firstUid + 100, `uid ${own.uid}`);
      assert.deepEqual([own.gid, own.groups.filter((gid) => gid !== own.gid)], [own.uid, []]);
      assertLimit(own.limits, 'processes', 1024);
      const uidOf = (pid) => Number(/^Uid:\t(\d+)/m.exec(fs.readFileSync(`/proc/${pid}/status`, 'utf8'))[1]);
      assert.notEqual(uidOf(g.pids.ada), uidOf(g.pids.bob));
      assert.match(await g.status(), isFenced ? /children: uids 20000-20099, Landlock \d/ : /children: uids 20000-20099, no Landlock/);
    });
  }

  test('of another user ends with mgw, however that ends', needs('users'), async (t) => {
    const g = await start(t, { wrap: asMasterOfUsers, gateway: { children_uid_first: firstUid } });
    g.gateway.isKilled = true;
    g.gateway.mgw.child.kill('SIGKILL');
    await waitFor(() => Object.values(g.pids).every((pid) => !fs.existsSync(`/proc/${pid}`)), 'the children to end');
  });

  test('has no user of its own that is mgw\'s, or that mgw may not give', needs('plainUser'), async () => {
    const ends = async (gateway, why) => assert.rejects(startGateway({
      release: true, alone: true, config: { mcpServers: { spy: { command: node, args: [spy] } }, gateway },
      wrap: isMasterOfUsers ? asPlainUser : () => [],
    }), why);
    await ends({ children_uid_first: own }, /mgw's own user is one of those uids/);
    await ends({ children_uid_first: own + 1 }, /needs the capabilities CAP_SETUID/);
  });

  for (const seccomp of [true, false]) {
    test(`is ${seccomp ? '' : 'not '}denied the system calls of debuggers`, needs('filters'), async (t) => {
      const g = await start(t, { gateway: { seccomp } });
      const { read: result } = await g.look({ read: `return execFileSync('python3', ['-c', ${JSON.stringify(readsItself)}], { encoding: 'utf8' })` });
      assert.deepEqual(result, ['ok', seccomp ? 'Operation not permitted\n' : '1\n']);
      assert.match(await g.status(), seccomp ? /seccomp on \(mgw's\)/ : /seccomp (on|off)[,;]/);
    });
  }

  test('is refused when no uid is left, and a user keeps theirs', needs('users'), async (t) => {
    const g = await start(t, { gateway: { children_uid_first: firstUid, children_uid_count: 1 } });
    assert.equal(g.gateway.mgw.count(/process \d+ started/), 1);
    await g.gateway.mgw.line(/no user of the system is left for it/);
  });

  test('is said to be free to read everything where nothing is between', needs('plainUser'), async (t) => {
    const g = await start(t, { wrap: asPlainUser, gateway: { children_landlock: false } });
    await g.gateway.mgw.line(/WARN.*nothing keeps child processes from the configuration/);
    assert.match(await g.status(), /children: mgw's user, no Landlock/);
    assert.equal((await g.look({ tokens: read(g.tokens) })).tokens[0], 'ok');
    // What mgw does for itself holds all the same.
    refused(await g.look({ environ: read(`/proc/${g.gateway.mgw.pid}/environ`), memory: `fs.openSync('/proc/${g.gateway.mgw.pid}/mem', 'r')` }), ['EACCES']);
  });
});
