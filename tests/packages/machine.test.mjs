// The package in a clean Debian, run by its systemd as on a machine of one's own, and reached through Debian's HAProxy.

import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { once } from 'node:events';
import fs from 'node:fs';
import { waitFor } from '../e2e/lib/gateway.mjs';
import { release, startMachine } from './lib/machine.mjs';

const deb = fs.readdirSync(release).find((name) => /^mgw_.*\.deb$/.test(name));

// An MCP server of a few lines of Perl: whose user it is, and whether it reads what is not its own.
const server = `#!/usr/bin/perl
$| = 1;
while (<STDIN>) {
  next unless /"id":\\s*("[^"]*"|\\d+)/;
  my $id = $1;
  my $result = '{}';
  if (/"method":\\s*"initialize"/) { $result = '{"protocolVersion":"2025-06-18","capabilities":{"tools":{}},"serverInfo":{"name":"who","version":"1"}}' }
  elsif (/"tools\\/list"/) { $result = '{"tools":[{"name":"who","inputSchema":{"type":"object"}}]}' }
  elsif (/"tools\\/call"/) {
    my $sees = join ' ', map { open(my $f, '<', $_) ? 'reads' : 'not' } '/etc/mgw/mgw.json', '/etc/mgw/secrets.env';
    $result = qq({"content":[{"type":"text","text":"uid $< $sees $ENV{SECRET}"}]});
  }
  print qq({"jsonrpc":"2.0","id":$id,"result":$result}\\n);
}
`;

const machine = await startMachine(release);
const needsIt = { skip: machine.cannot ? `this machine cannot: ${machine.cannot}` : false };

describe('in a Debian of its own', { timeout: 600000 }, () => {
  after(() => machine.stop?.());

  const property = async (unit, name) => (await machine.out(`systemctl show -P ${name} ${unit}`)).trim();
  const isReady = () => waitFor(async () => (await machine.sh('curl -fsS http://127.0.0.1:8080/ready')).code === 0, 'mgw to be ready');
  const post = async (message, headers = []) => {
    const given = ['content-type: application/json', 'accept: application/json, text/event-stream', ...headers].map((header) => `-H '${header}'`).join(' ');
    return machine.out(`curl -sS -i --max-time 20 ${given} -d '${JSON.stringify({ jsonrpc: '2.0', ...message })}' http://127.0.0.1:8080/mcp`);
  };
  /** A session: its calls, as text. */
  const connect = async () => {
    const head = await post({ id: 1, method: 'initialize', params: { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 'test', version: '1' } } });
    const session = [`mcp-session-id: ${/^mcp-session-id: (\S+)/im.exec(head)[1]}`, 'mcp-protocol-version: 2025-06-18'];
    await post({ method: 'notifications/initialized' }, session);
    return (name, args = {}) => post({ id: 2, method: 'tools/call', params: { name, arguments: args } }, session);
  };

  test('it is installed, started, and lets itself be called', needsIt, async () => {
    await machine.out(`dpkg -i /srv/${deb}`);
    for (const unit of ['mgw.socket', 'mgw.service', 'mgw-haproxy.service']) {
      assert.equal(await property(unit, 'ActiveState'), 'active', unit);
      assert.equal(await property(unit, 'UnitFileState'), 'enabled', unit);
    }
    await isReady();
    const call = await connect();
    assert.match(await call('echo', { message: 'hello from a package' }), /"text": ?"[^"]*hello from a package/);
  });

  test('it runs as its own user, shut in, on the socket of systemd', needsIt, async () => {
    const log = await machine.log('mgw');
    assert.match(log, /listening on an inherited socket/);
    assert.match(log, /privileges: not dumpable, no_new_privs, capabilities e0, seccomp on \(mgw's\)/);
    assert.equal(await property('mgw', 'StatusErrno'), '0');
    assert.equal(await property('mgw', 'NRestarts'), '0');
    const pid = await property('mgw', 'MainPID');
    assert.match(await machine.out(`stat -c '%U %G' /proc/${pid}/task`), /^mgw mgw$/m);
    assert.equal(await machine.out("stat -c '%U:%G %a' /run/mgw/fcgi.sock"), 'mgw:haproxy 660\n');
    assert.equal(await machine.out("stat -c '%U:%G %a' /etc/mgw /var/lib/mgw /var/log/mgw /etc/mgw-haproxy/env"), 'mgw:mgw 700\nmgw:mgw 700\nmgw:mgw 750\nroot:root 600\n');
  });

  test('units say nothing wrong, and are exposed less than 2.0', needsIt, async () => {
    const units = 'mgw.service mgw-haproxy.service mgw.socket';
    const { stderr } = await machine.sh(`systemd-analyze verify --man=no ${units}`);
    assert.equal(stderr, '');
    for (const unit of ['mgw.service', 'mgw-haproxy.service']) {
      const told = await machine.out(`systemd-analyze security --no-pager ${unit}`);
      assert.ok(Number(/Overall exposure level for \S+: ([\d.]+)/.exec(told)[1]) < 2, told.trim().split('\n').at(-1));
    }
  });

  test('systemd is told that it lives: the watchdog is fed', needsIt, async () => {
    assert.equal(await property('mgw', 'WatchdogUSec'), '1min');
    const fed = () => property('mgw', 'WatchdogTimestampMonotonic').then(Number);
    // Fed each third of that time: a shorter one shows it sooner.
    await machine.out("mkdir -p /run/systemd/system/mgw.service.d && printf '[Service]\\nWatchdogSec=2\\n' >/run/systemd/system/mgw.service.d/test.conf && systemctl daemon-reload && systemctl restart mgw");
    const first = await fed();
    await waitFor(async () => (await fed()) > first + 2.2e6, 'it to be fed for longer than it may be silent');
    assert.equal(await property('mgw', 'NRestarts'), '0');
    // Stopped, it is silent: systemd ends it, and starts it anew.
    await machine.out(`kill -STOP ${await property('mgw', 'MainPID')}`);
    await waitFor(async () => (await property('mgw', 'NRestarts')) === '1', 'systemd to start it anew');
    await machine.out('rm -r /run/systemd/system/mgw.service.d && systemctl daemon-reload && systemctl reset-failed mgw && systemctl restart mgw');
    await isReady();
  });

  test('programs have users of their own, and secrets come from a file of root', needsIt, async () => {
    await machine.write('/usr/local/bin/who', server);
    await machine.write('/etc/mgw/secrets.env', 'MGW_SECRET=from-systemd\n');
    await machine.write('/etc/mgw/mgw.json', JSON.stringify({ mcpServers: { who: { command: '/usr/local/bin/who', env: { SECRET: '${env:MGW_SECRET}' } } } }));
    await machine.out('chmod 755 /usr/local/bin/who; chmod 600 /etc/mgw/secrets.env; systemctl restart mgw');
    await isReady();
    const call = await connect();
    assert.match(await call('who_who'), /"text": ?"uid 7\d{4} not not from-systemd"/);
    assert.match(await machine.log('mgw'), /privileges: .*; children: uids 70000-79999/);
  });

  test('who comes while it is away waits, is not refused, and has it started', needsIt, async () => {
    const asks = machine.start(`for i in $(seq 40); do curl -s -o /dev/null -w '%{http_code}\\n' --max-time 20 http://127.0.0.1:8080/health; sleep 0.05; done`);
    let codes = '';
    asks.stdout.on('data', (data) => (codes += data));
    const ended = new Promise((resolve) => { asks.on('close', resolve); });
    await waitFor(() => codes.length > 0, 'the first answer');
    const before = await property('mgw', 'MainPID');
    await machine.out('systemctl stop mgw');
    await ended;
    assert.equal(await property('mgw', 'ActiveState'), 'active');
    assert.notEqual(await property('mgw', 'MainPID'), before);
    assert.deepEqual([...new Set(codes.trim().split('\n'))], ['200']);
  });

  test('systemctl reload reads anew, and ends nothing', needsIt, async () => {
    const before = await property('mgw', 'MainPID');
    const stream = machine.start("exec curl -sN -H 'accept: text/event-stream' http://127.0.0.1:8080/sse");
    await once(stream.stdout, 'data');
    await machine.out('systemctl reload mgw mgw-haproxy');
    await waitFor(async () => /read again/.test(await machine.log('mgw')), 'the log to tell');
    await waitFor(async () => /Loading success[^]*Loading success/.test(await machine.log('mgw-haproxy')), 'HAProxy to have read it');
    assert.equal(await property('mgw', 'MainPID'), before);
    assert.equal(stream.exitCode, null);
    stream.kill();
    await isReady();
  });

  test('its audit is rotated by logrotate', needsIt, async () => {
    const config = JSON.parse(await machine.out('cat /etc/mgw/mgw.json'));
    await machine.write('/etc/mgw/mgw.json', JSON.stringify({ ...config, gateway: { audit: { file: '/var/log/mgw/audit.log' } } }));
    await machine.out('systemctl restart mgw');
    await isReady();
    const call = await connect();
    const linesOf = (file) => machine.sh(`grep -c '"tool":"echo"' /var/log/mgw/${file}`).then(({ stdout }) => Number(stdout));
    await call('echo', { message: 'before' });
    await waitFor(async () => (await linesOf('audit.log')) === 1, 'the line of the call');
    await machine.out('logrotate --force /etc/logrotate.d/mgw');
    await waitFor(async () => (await machine.sh('test -e /var/log/mgw/audit.log')).code === 0, 'a new file');
    await call('echo', { message: 'behind' });
    await waitFor(async () => (await linesOf('audit.log')) === 1, 'the line of the next, in a new file');
    assert.equal(await linesOf('audit.log.1'), 1);
    assert.equal(await machine.out("stat -c '%U:%G' /var/log/mgw/audit.log"), 'mgw:mgw\n');
  });

  test('with a certificate HAProxy has TLS', needsIt, async () => {
    const { testCertificate } = await import('../e2e/lib/gateway.mjs');
    const { pem } = testCertificate();
    await machine.write('/etc/mgw-haproxy/certs/test.pem', fs.readFileSync(pem));
    await machine.out('chown haproxy /etc/mgw-haproxy/certs/test.pem; chmod 400 /etc/mgw-haproxy/certs/test.pem; sed -i "s/^#MGW_CERT/MGW_CERT/" /etc/mgw-haproxy/env; systemctl restart mgw-haproxy');
    await waitFor(async () => /HTTP\/2 200/.test((await machine.sh('curl -ksi https://127.0.0.1:8443/ready')).stdout), 'TLS and HTTP/2');
  });

  test('an upgrade keeps what was changed, and HAProxy and the socket', needsIt, async () => {
    const pids = () => Promise.all([property('mgw', 'MainPID'), property('mgw-haproxy', 'MainPID'), property('mgw.socket', 'ActiveEnterTimestampMonotonic')]);
    const [mgw, haproxy, socket] = await pids();
    await machine.out(`dpkg -i --force-confold /srv/${deb}`);
    const [mgwAfter, haproxyAfter, socketAfter] = await pids();
    assert.notEqual(mgwAfter, mgw);
    assert.deepEqual([haproxyAfter, socketAfter], [haproxy, socket]);
    assert.match(await machine.out('cat /etc/mgw/mgw.json'), /who/);
    assert.match(await machine.out('cat /etc/mgw-haproxy/env'), /^MGW_CERT/m);
    assert.equal(await machine.out("stat -c '%U:%G %a' /etc/mgw /etc/mgw/secrets.env /etc/mgw-haproxy/env"), 'mgw:mgw 700\nroot:root 600\nroot:root 600\n');
    await isReady();
  });

  test('purged, it leaves nothing but certificates', needsIt, async () => {
    await machine.out('dpkg --purge mgw');
    const left = await machine.out("find / -xdev -path /srv -prune -o -path '*mgw*' -print | grep -v '^/var/log/journal' || true");
    assert.deepEqual(left.trim().split('\n').filter((file) => !file.startsWith('/etc/mgw-haproxy')), []);
    assert.match(left, /\/etc\/mgw-haproxy\/certs\/test\.pem/);
    assert.equal((await machine.sh('systemctl is-active mgw mgw.socket mgw-haproxy')).stdout, 'inactive\ninactive\ninactive\n');
  });
});
