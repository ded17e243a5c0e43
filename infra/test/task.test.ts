import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import { container, environment, example, infra, only, template } from './lib/made.ts';

const all = ['files', 'haproxy', 'mgw'];
const definition = only('AWS::ECS::TaskDefinition');

function dockerfile(name: string): string {
  return fs.readFileSync(path.join(infra, '..', name), 'utf8').replaceAll('\\\n', '');
}

function healthOf(name: string): string {
  return /HEALTHCHECK .*CMD (.*)/.exec(dockerfile(name))![1];
}

function secretsOf(name: string, from = template()): Record<string, any> {
  return Object.fromEntries(container(name, from).Secrets.map((s: any) => [s.Name, s.ValueFrom]));
}

describe('the task', () => {
  test('is HAProxy and mgw, on Fargate, in a network of its own', () => {
    assert.deepEqual(definition.ContainerDefinitions.map((c: any) => c.Name), all);
    assert.equal(definition.NetworkMode, 'awsvpc');
    assert.deepEqual(definition.RequiresCompatibilities, ['FARGATE']);
    assert.deepEqual([definition.Cpu, definition.Memory], ['1024', '2048']);
  });

  test('both share the socket\'s folder, and the images give it to mgw', () => {
    assert.ok(definition.Volumes.some((v: any) => v.Name === 'run'));
    for (const name of all)
      assert.ok(container(name).MountPoints.some((m: any) => m.SourceVolume === 'run' && m.ContainerPath === '/run/mgw' && !m.ReadOnly), name);
    for (const file of ['app/Dockerfile', 'haproxy/Dockerfile']) assert.match(dockerfile(file), /VOLUME \["\/run\/mgw"\]/);
  });

  test('HAProxy is started first, and ends last; mgw waits until its files are there and right', () => {
    assert.deepEqual(container('mgw').DependsOn, [
      { ContainerName: 'files', Condition: 'SUCCESS' }, { ContainerName: 'haproxy', Condition: 'START' },
    ]);
    assert.deepEqual(all.map((name) => container(name).Essential), [false, true, true]);
  });

  test('mgw is given longer than drain_s to end', () => {
    for (const from of [template(), template({ drainSeconds: 60 })])
      assert.ok(container('mgw', from).StopTimeout >= Number(environment('mgw', from).MGW_DRAIN_S) + 10);
    assert.equal(container('mgw').StopTimeout, 35);
    assert.equal(container('haproxy').StopTimeout, 10);
  });

  test('its health is looked after as the images say', () => {
    assert.deepEqual(container('mgw').HealthCheck.Command, ['CMD-SHELL', healthOf('app/Dockerfile')]);
    assert.deepEqual(container('haproxy').HealthCheck.Command, ['CMD-SHELL', healthOf('haproxy/Dockerfile')]);
  });

  for (const name of all) {
    test(`${name}: its root cannot be written, it has no capabilities, and descriptors enough`, () => {
      assert.equal(container(name).ReadonlyRootFilesystem, true);
      assert.deepEqual(container(name).LinuxParameters.Capabilities, { Drop: ['ALL'] });
      assert.deepEqual(container(name).Ulimits, [{ Name: 'nofile', SoftLimit: 100000, HardLimit: 100000 }]);
    });
  }

  test('HAProxy alone is reached, by the plain listener: the inside port stays on loopback', () => {
    assert.deepEqual(all.flatMap((name) => container(name).PortMappings ?? []), [{ ContainerPort: 8080, Protocol: 'tcp' }]);
    assert.equal(environment('haproxy').MGW_HTTP_BIND, '0.0.0.0');
    assert.equal(environment('haproxy').MGW_CERT, '');
    assert.equal(environment('haproxy').MGW_STATS_BIND, undefined);
  });

  test('images are those of the registry, by their tag', () => {
    for (const [name, image] of [['mgw', 'mgw'], ['files', 'mgw'], ['haproxy', 'mgw-haproxy']])
      assert.match(JSON.stringify(container(name).Image), new RegExp(`/${image}:0\\.1\\.0"`));
  });
});

describe('mgw\'s files', () => {
  test('the configuration is in the task definition, and looked at before mgw starts', () => {
    assert.equal(environment('files').MGW_CONFIG_TEXT, example.config);
    assert.match(container('files').Command[0], /umask 077[^]*exec mgw --check-config \/run\/mgw\/mgw\.json$/);
    assert.equal(environment('mgw').MGW_CONFIG, '/run/mgw/mgw.json');
  });

  test('tokens come from Secrets Manager', () => {
    assert.match(JSON.stringify(secretsOf('files').MGW_TOKENS_TEXT), /:secret:mgw\/tokens/);
    assert.equal(environment('mgw').MGW_AUTH_TOKENS_FILE, '/run/mgw/tokens.json');
    assert.equal(secretsOf('mgw').MGW_TOKENS_TEXT, undefined);
  });

  test('so do the keys: that of the state, and that of the inside port', () => {
    assert.match(secretsOf('mgw').MGW_STATE_KEY.Ref, /^TaskStateKey/);
    assert.match(secretsOf('haproxy').MGW_ADMIN_SECRET.Ref, /^TaskAdmin/);
    for (const { Properties: p } of Object.values(template().findResources('AWS::SecretsManager::Secret'))) {
      assert.ok(p.GenerateSecretString.PasswordLength >= 48);
      assert.equal(p.SecretString, undefined);
    }
  });

  test('so do those that the configuration names', () => {
    const from = template({ secrets: { GOOGLE_CLIENT_SECRET: 'mgw/google' } });
    for (const name of ['files', 'mgw']) assert.match(JSON.stringify(secretsOf(name, from).GOOGLE_CLIENT_SECRET), /:secret:mgw\/google/);
  });

  test('HAProxy has none of them', () => {
    assert.deepEqual(Object.keys(secretsOf('haproxy')), ['MGW_ADMIN_SECRET']);
    assert.equal(environment('haproxy').MGW_CONFIG_TEXT, undefined);
  });

  test('without a secret of tokens there is no file of them', () => {
    const from = template({ tokensSecret: undefined });
    assert.equal(environment('mgw', from).MGW_AUTH_TOKENS_FILE, undefined);
  });
});
