import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import { idleSeconds } from '../lib/balancer.ts';
import { infra, only, template } from './lib/made.ts';

function attributesOf(properties: any, member: string): Record<string, string> {
  return Object.fromEntries(properties[member].map((a: any) => [a.Key, a.Value]));
}

const balancer = attributesOf(only('AWS::ElasticLoadBalancingV2::LoadBalancer'), 'LoadBalancerAttributes');
const targets = only('AWS::ElasticLoadBalancingV2::TargetGroup');
const haproxyCfg = fs.readFileSync(path.join(infra, '../haproxy/haproxy.cfg'), 'utf8');

describe('the load balancer', () => {
  test('waits 120 s for a byte: longer than a keep-alive takes, and less than HAProxy keeps a connection', () => {
    assert.equal(balancer['idle_timeout.timeout_seconds'], '120');
    const haproxy = Number(/timeout http-keep-alive (\d+)s/.exec(haproxyCfg)![1]);
    assert.ok(idleSeconds < haproxy && idleSeconds > 2 * 30);
  });

  test('lets headers with _ in their names through', () => {
    assert.equal(balancer['routing.http.drop_invalid_header_fields.enabled'], 'false');
  });

  test('cannot be deleted by mistake, and logs who came', () => {
    assert.equal(balancer['deletion_protection.enabled'], 'true');
    assert.equal(balancer['access_logs.s3.enabled'], 'true');
  });

  test('ends TLS 1.2 or newer, with the certificate that was given, and listens nowhere else', () => {
    const listener = only('AWS::ElasticLoadBalancingV2::Listener');
    assert.equal(listener.Port, 443);
    assert.equal(listener.Protocol, 'HTTPS');
    assert.match(listener.SslPolicy, /^ELBSecurityPolicy-TLS13-1-2-/);
    assert.match(listener.Certificates[0].CertificateArn, /^arn:aws:acm:/);
  });

  test('stands in the subnets that were given', () => {
    assert.deepEqual(only('AWS::ElasticLoadBalancingV2::LoadBalancer').Subnets, ['subnet-00000000000000001', 'subnet-00000000000000002']);
    template().resourceCountIs('AWS::EC2::VPC', 0);
    template().resourceCountIs('AWS::EC2::Subnet', 0);
  });
});

describe('its targets', () => {
  test('are asked for /ready, which is 503 while mgw drains', () => {
    assert.equal(targets.HealthCheckPath, '/ready');
    assert.equal(targets.Matcher.HttpCode, '200');
    assert.equal(targets.TargetType, 'ip');
    assert.equal(targets.Port, 8080);
  });

  test('are left for longer than drain_s', () => {
    assert.equal(attributesOf(targets, 'TargetGroupAttributes')['deregistration_delay.timeout_seconds'], '30');
    const longer = only('AWS::ElasticLoadBalancingV2::TargetGroup', template({ drainSeconds: 60 }));
    assert.equal(attributesOf(longer, 'TargetGroupAttributes')['deregistration_delay.timeout_seconds'], '65');
  });

  test('keep the browsers that come back where there are several', () => {
    const several = only('AWS::ElasticLoadBalancingV2::TargetGroup', template({ tasks: { min: 2, max: 4 }, state: 'memory' }));
    assert.equal(attributesOf(several, 'TargetGroupAttributes')['stickiness.enabled'], 'true');
  });
});
