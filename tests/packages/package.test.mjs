// What ./dev release has made, twice: the same bytes, and what a package should have.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { top } from '../e2e/lib/gateway.mjs';
import { made, release, run } from './lib/machine.mjs';

const fileOf = (pattern) => path.join(release, fs.readdirSync(release).find((name) => pattern.test(name)));
const sha256 = (file) => createHash('sha256').update(fs.readFileSync(file)).digest('hex');
const ok = async (command, ...args) => {
  const { code, stdout, stderr } = await run(command, args, { timeout: 300000 });
  assert.equal(code, 0, `${command}: ${stdout}${stderr}`);
  return stdout;
};

describe('the release', { timeout: 600000 }, () => {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'mgw-package-'));
  const mgw = path.join(dir, 'usr/bin/mgw');
  const inRoot = (...parts) => path.join(dir, ...parts);
  let help;

  before(async () => {
    await ok('dpkg-deb', '-x', fileOf(/^mgw_.*\.deb$/), dir);
    help = await ok(mgw, '--help');
  });
  after(() => fs.rmSync(dir, { recursive: true }));

  test('made elsewhere, at another time of day, it is the same', () => {
    const names = (from) => fs.readdirSync(path.join(made, from)).filter((name) => !/\.(buildinfo|changes)$/.test(name)).sort();
    const first = names('release');
    assert.deepEqual(names('again'), first);
    for (const wanted of [/\.tar\.xz$/, /^mgw_.*\.deb$/, /^mgw-dbgsym_.*\.deb$/, /\.dsc$/, /\.cdx\.json$/]) assert.ok(first.some((name) => wanted.test(name)), String(wanted));
    for (const name of first) assert.equal(sha256(path.join(made, 'again', name)), sha256(path.join(made, 'release', name)), name);
  });

  test('one version, everywhere', async () => {
    const [, version] = /version: '(.*)'/.exec(fs.readFileSync(path.join(top, 'meson.build'), 'utf8'));
    assert.equal((await ok(mgw, '--version')).split(' ')[1], version);
    assert.equal((await ok('dpkg-deb', '-f', fileOf(/^mgw_.*\.deb$/), 'Version')).trim(), version);
    assert.match(fs.readFileSync(path.join(top, 'CHANGELOG.md'), 'utf8'), new RegExp(`^## ${version.replaceAll('.', '\\.')}`, 'm'));
    assert.match(await ok('tar', '-tf', fileOf(/^mgw-.*\.tar\.xz$/)), new RegExp(`^mgw-${version}/meson.build$`, 'm'));
  });

  test('lintian has nothing to say', async () => {
    const { code, stdout } = await run('lintian', ['--allow-root', '--fail-on', 'error,warning', fileOf(/\.changes$/)], { timeout: 300000 });
    assert.equal(stdout, '');
    assert.equal(code, 0);
  });

  test('each file at its place', async () => {
    for (const file of [
      'lib/systemd/system/mgw.service', 'lib/systemd/system/mgw.socket', 'lib/systemd/system/mgw-haproxy.service',
      'usr/lib/sysusers.d/mgw.conf', 'usr/lib/tmpfiles.d/mgw.conf', 'etc/logrotate.d/mgw', 'usr/share/mgw/haproxy.cfg',
      'usr/share/man/man1/mgw.1.gz', 'usr/share/man/man5/mgw.json.5.gz', 'usr/share/bash-completion/completions/mgw',
      'usr/share/zsh/vendor-completions/_mgw',
      'usr/share/doc/mgw/README.md', 'usr/share/doc/mgw/docs/upstreams.md', 'usr/share/doc/mgw/examples/http.mgw.json',
    ]) assert.ok(fs.existsSync(inRoot(file)), file);
    const conffiles = await ok('dpkg-deb', '-I', fileOf(/^mgw_.*\.deb$/), 'conffiles');
    assert.deepEqual(conffiles.trim().split('\n').sort(), ['/etc/logrotate.d/mgw', '/etc/mgw-haproxy/env', '/etc/mgw/mgw.json']);
    assert.equal(fs.readFileSync(inRoot('usr/share/mgw/haproxy.cfg'), 'utf8'), fs.readFileSync(path.join(top, 'haproxy/haproxy.cfg'), 'utf8'));
    const units = ['mgw.service', 'mgw-haproxy.service'].map((unit) => fs.readFileSync(inRoot('lib/systemd/system', unit), 'utf8')).join('');
    assert.doesNotMatch(units, /@\w+@|\/usr\/local/);
  });

  test('links between its documents lead to what is there', () => {
    const docs = inRoot('usr/share/doc/mgw');
    const pages = fs.readdirSync(path.join(docs, 'docs'), { recursive: true }).filter((name) => name.endsWith('.md')).map((name) => path.join('docs', name));
    const broken = pages.flatMap((page) => [...fs.readFileSync(path.join(docs, page), 'utf8').matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g)]
      .map(([, link]) => path.join(path.dirname(page), link))
      .filter((link) => /^(docs|examples)\//.test(link) && !fs.existsSync(path.join(docs, link))).map((link) => `${page}: ${link}`));
    assert.ok(pages.length > 20);
    assert.deepEqual(broken, []);
  });

  const page = async (name) => {
    const { stdout, stderr } = await run('man', ['--warnings', '-E', 'UTF-8', '-l', inRoot('usr/share/man', name)], { env: { ...process.env, MANWIDTH: '1000', MANROFFOPT: '', LC_ALL: 'C.UTF-8', MAN_KEEP_FORMATTING: '' } });
    assert.equal(stderr, '', name);
    return stdout;
  };

  test('mgw(1) has each command that the help has', async () => {
    const text = await page('man1/mgw.1.gz');
    const commands = help.split('\n').filter((line) => line.startsWith('  mgw ')).flatMap((line) => line.trim().split('  ')[0].split(', '));
    assert.ok(commands.length >= 6);
    for (const command of commands) assert.ok(text.includes(command), command);
    for (const option of ['--for TIME', '--token TOKEN', '--call TOOL', '--ca FILE', '--insecure']) assert.match(text, new RegExp(`^ +${option}`, 'm'), option);
  });

  test('mgw.json(5) has each setting, and each key of a server', async () => {
    const text = await page('man5/mgw.json.5.gz');
    const settings = [...help.matchAll(/^ {2}([a-z][a-z_.]+) {2,}(.*)\n/gm)];
    assert.ok(settings.length > 60);
    for (const [, name, what] of settings) {
      assert.match(text, new RegExp(`^ +${name.replaceAll('.', '\\.')}\\b`, 'm'), name);
      assert.ok(text.includes(what.slice(0, 60).trim()), what);
    }
    for (const key of ['url', 'command, args', 'rest, or openapi', 'prefix', 'token_url', 'tls_server_name', 'timeout_s', 'who', 'allow or deny', 'limits']) assert.match(text, new RegExp(`^ +${key}\\b`, 'm'), key);
  });

  const completions = { bash: 'usr/share/bash-completion/completions/mgw', zsh: 'usr/share/zsh/vendor-completions/_mgw' };
  /** Each asks it as the shell would, and prints what it offers for the last of the words. In zsh that is what compadd is given. */
  const ask = {
    bash: '. "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _mgw 2>/dev/null; printf \'%s\\n\' "${COMPREPLY[@]}"',
    zsh: `compadd() { shift; print -rl -- \${(M)@:#$PREFIX*}; }; _files() { print -rl -- $PREFIX*(N); }
      function asked() { source $file; }
      file=$1; shift; words=("$@"); CURRENT=$#; PREFIX=$words[-1]; asked`,
  };
  const offeredBy = (shell) => async (...words) => {
    const env = { ...process.env, PATH: `${path.dirname(mgw)}:${process.env.PATH}` };
    const told = await run(shell, [...(shell === 'zsh' ? ['-f'] : []), '-c', ask[shell], shell, inRoot(completions[shell]), 'mgw', ...words], { cwd: top, env });
    if (shell === 'zsh') assert.equal(told.stderr, '');
    return told.stdout.trim().split('\n').filter(Boolean).sort();
  };

  for (const shell of ['bash', 'zsh']) {
    test(`${shell} completes what the help has`, async () => {
      const offered = offeredBy(shell);
      const first = await offered('');
      for (const word of ['token', 'policy', 'import', 'probe', '--config', '--replace', '--check-config', '--version']) assert.ok(first.includes(word), word);
      assert.deepEqual(await offered('to'), ['token']);
      assert.deepEqual(await offered('token', '--'), ['--days', '--file']);
      assert.deepEqual(await offered('--config', 'x', '--r'), ['--replace']);
      assert.deepEqual(await offered('token', '--file', 'meson.b'), ['meson.build']);
      assert.deepEqual(await offered('token', '--days', ''), []);
      assert.deepEqual(await offered('probe', '--for', ''), []);
      assert.deepEqual(await offered('inspect', '--'), ['--arguments', '--ca', '--call', '--header', '--insecure', '--json', '--token']);
      assert.deepEqual(await offered('probe', '--ca', 'meson.b'), ['meson.build']);
      assert.deepEqual(await offered('policy', ''), ['check']);
      assert.deepEqual(await offered('import', 'a', 'meson.b'), ['meson.build']);
      assert.deepEqual(await offered('--check-config', 'meson.b'), ['meson.build']);
      assert.deepEqual(await offered('nothing', ''), []);
    });
  }

  test('zsh takes its completion by the name of the command', async () => {
    await ok('zsh', '-n', inRoot(completions.zsh));
    const script = `fpath=(${path.dirname(inRoot(completions.zsh))} $fpath); autoload -Uz compinit && compinit -u -D; print -r -- $_comps[mgw]`;
    assert.equal((await ok('zsh', '-f', '-c', script)).trim(), '_mgw');
  });

  test('the SBOM is one, and has each library that the program is linked with, as dpkg knows it', async () => {
    const file = fileOf(/\.cdx\.json$/);
    const valid = `import sys
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
error = JsonStrictValidator(SchemaVersion.V1_5).validate_str(open(sys.argv[1]).read())
sys.exit(str(error) if error else 0)`;
    await ok(path.join(top, 'build/sdks/validator/bin/python'), '-c', valid, file);
    const sbom = JSON.parse(fs.readFileSync(file, 'utf8'));
    assert.equal(sbom.metadata.component.hashes[0].content, sha256(mgw));
    const needed = [...(await ok('readelf', '-d', mgw)).matchAll(/\(NEEDED\).*\[(.+)\]/g)].map(([, name]) => name);
    const own = sbom.dependencies.find(({ ref }) => ref === 'mgw').dependsOn;
    assert.ok(needed.length > 5);
    for (const library of needed) {
      const stem = library.replace(/\.so.*/, '.');
      const component = sbom.components.find(({ properties }) => properties.some(({ name, value }) => name === 'file:sha256' && value.startsWith(stem)));
      assert.ok(component && own.includes(component['bom-ref']), library);
      assert.equal(component.version, await ok('dpkg-query', '-W', '-f', '${Version}', component.name), library);
    }
    assert.ok(own.includes('uthash-dev'), 'what is of headers alone');
    const known = new Set(['mgw', ...sbom.components.map((component) => component['bom-ref'])]);
    for (const { ref, dependsOn } of sbom.dependencies) assert.deepEqual([ref, ...dependsOn].filter((name) => !known.has(name)), []);
  });
});
