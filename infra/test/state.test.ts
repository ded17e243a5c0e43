import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import { container, environment, infra, only, template } from './lib/made.ts';

const files = template().findResources('AWS::EFS::FileSystem');
const properties = only('AWS::EFS::FileSystem');

describe('what outlives a task', () => {
  test('is on a file system that is encrypted, kept when the stack goes, and saved each day', () => {
    assert.equal(properties.Encrypted, true);
    assert.equal(Object.values(files)[0].DeletionPolicy, 'Retain');
    assert.deepEqual(properties.BackupPolicy, { Status: 'ENABLED' });
  });

  test('there it is a folder of mgw\'s user', () => {
    const { PosixUser, RootDirectory } = only('AWS::EFS::AccessPoint');
    assert.deepEqual(PosixUser, { Uid: '10001', Gid: '10001' });
    assert.match(fs.readFileSync(path.join(infra, '../app/Dockerfile'), 'utf8'), /groupadd --gid 10001 mgw [^]*useradd --uid 10001 --gid mgw [^]*\nUSER mgw:mgw\n/);
    assert.deepEqual(RootDirectory, { Path: '/mgw', CreationInfo: { OwnerUid: '10001', OwnerGid: '10001', Permissions: '0700' } });
  });

  test('mgw alone has it mounted, by TLS and by its role', () => {
    const volume = only('AWS::ECS::TaskDefinition').Volumes.find((v: any) => v.Name === 'state').EFSVolumeConfiguration;
    assert.equal(volume.TransitEncryption, 'ENABLED');
    assert.equal(volume.AuthorizationConfig.IAM, 'ENABLED');
    assert.match(volume.AuthorizationConfig.AccessPointId.Ref, /^StateFilesMgw/);
    const mounted = ['files', 'haproxy', 'mgw'].filter((name) => container(name).MountPoints.some((m: any) => m.SourceVolume === 'state'));
    assert.deepEqual(mounted, ['mgw']);
    assert.equal(environment('mgw').MGW_STATE_DIR, '/var/lib/mgw');
  });

  test('the task\'s role may use that folder, and nothing else', () => {
    const ofTask = Object.values(template().findResources('AWS::IAM::Policy'))
      .find((p) => p.Properties.Roles[0].Ref.startsWith('TaskDefinitionTaskRole'))!.Properties.PolicyDocument.Statement;
    assert.equal(ofTask.length, 1);
    assert.deepEqual(ofTask[0].Action, ['elasticfilesystem:ClientMount', 'elasticfilesystem:ClientWrite']);
    assert.ok(ofTask[0].Condition.StringEquals['elasticfilesystem:AccessPointArn']);
  });

  test('nobody mounts it without a role, or in the clear', () => {
    const [allow, deny] = properties.FileSystemPolicy.Statement;
    assert.match(JSON.stringify(allow.Principal), /:root/);
    assert.deepEqual([deny.Effect, deny.Condition], ['Deny', { Bool: { 'aws:SecureTransport': 'false' } }]);
  });

  test('with "memory" there is none', () => {
    const from = template({ state: 'memory' });
    from.resourceCountIs('AWS::EFS::FileSystem', 0);
    assert.equal(environment('mgw', from).MGW_STATE_DIR, undefined);
  });
});
