import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Template } from 'aws-cdk-lib/assertions';
import { streams } from '../lib/log-patterns.ts';
import { made, only, template } from './lib/made.ts';

const service = only('AWS::ECS::Service');
const several = template({ tasks: { min: 2, max: 6 }, state: 'memory', streamsPerTask: 8000 });

describe('the service', () => {
  test('a deployment that does not come up is rolled back', () => {
    assert.deepEqual(service.DeploymentConfiguration.DeploymentCircuitBreaker, { Enable: true, Rollback: true });
  });

  test('a file system is one task\'s at a time', () => {
    const { MinimumHealthyPercent, MaximumPercent } = service.DeploymentConfiguration;
    assert.deepEqual([MinimumHealthyPercent, MaximumPercent], [0, 100]);
  });

  test('without one the new task is there before the old one ends', () => {
    const { MinimumHealthyPercent, MaximumPercent } = only('AWS::ECS::Service', several).DeploymentConfiguration;
    assert.deepEqual([MinimumHealthyPercent, MaximumPercent], [100, 200]);
  });

  test('tasks have no public address, and stand in the subnets that were given', () => {
    const { AssignPublicIp, Subnets } = service.NetworkConfiguration.AwsvpcConfiguration;
    assert.equal(AssignPublicIp, 'DISABLED');
    assert.deepEqual(Subnets, ['subnet-00000000000000003', 'subnet-00000000000000004']);
  });

  test('HAProxy is what the load balancer reaches', () => {
    assert.deepEqual([service.LoadBalancers[0].ContainerName, service.LoadBalancers[0].ContainerPort], ['haproxy', 8080]);
    assert.ok(service.HealthCheckGracePeriodSeconds >= 30);
  });

  test('there are as many tasks as streams need', () => {
    const { MinCapacity, MaxCapacity } = only('AWS::ApplicationAutoScaling::ScalableTarget', several);
    assert.deepEqual([MinCapacity, MaxCapacity], [2, 6]);
    const policy = only('AWS::ApplicationAutoScaling::ScalingPolicy', several).TargetTrackingScalingPolicyConfiguration;
    assert.equal(policy.TargetValue, 8000);
    assert.deepEqual(policy.CustomizedMetricSpecification, { MetricName: streams.name, Namespace: 'mgw', Statistic: 'Average' });
    assert.ok(policy.ScaleInCooldown > policy.ScaleOutCooldown);
  });

  test('one, where it keeps a state', () => {
    const { MinCapacity, MaxCapacity } = only('AWS::ApplicationAutoScaling::ScalableTarget');
    assert.deepEqual([MinCapacity, MaxCapacity], [1, 1]);
  });
});

describe('the registry', () => {
  const registry = Template.fromStack(made().registry);
  const repositories = Object.values(registry.findResources('AWS::ECR::Repository'));

  test('has both images, and keeps them', () => {
    assert.deepEqual(repositories.map((r) => r.Properties.RepositoryName).sort(), ['mgw', 'mgw-haproxy']);
    for (const r of repositories) assert.equal(r.DeletionPolicy, 'Retain');
  });

  test('a tag is never another image, and each is looked through', () => {
    for (const { Properties: p } of repositories) {
      assert.equal(p.ImageTagMutability, 'IMMUTABLE');
      assert.deepEqual(p.ImageScanningConfiguration, { ScanOnPush: true });
    }
  });
});
