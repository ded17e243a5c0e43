import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { cloudflareIpv4, cloudflareIpv6 } from '../lib/cloudflare.ts';
import { environment, only, template } from './lib/made.ts';

const behind = template({ cloudflare: true });

function ingress(from = template()): any[] {
  return Object.values(from.findResources('AWS::EC2::SecurityGroupIngress')).map((r) => r.Properties);
}

/** Those of one security group, by a part of its logical name. */
function into(group: string, from = template()): any[] {
  return ingress(from).filter((i) => i.GroupId['Fn::GetAtt'][0].startsWith(group));
}

describe('who reaches whom', () => {
  test('a task is reached by the load balancer alone, at HAProxy\'s port', () => {
    const [rule, ...more] = into('NetworkTask');
    assert.equal(more.length, 0);
    assert.match(rule.SourceSecurityGroupId['Fn::GetAtt'][0], /^NetworkBalancer/);
    assert.deepEqual([rule.FromPort, rule.ToPort], [8080, 8080]);
  });

  test('the file system is reached by tasks alone', () => {
    const [rule, ...more] = into('NetworkState');
    assert.equal(more.length, 0);
    assert.match(rule.SourceSecurityGroupId['Fn::GetAtt'][0], /^NetworkTask/);
    assert.equal(rule.FromPort, 2049);
  });

  test('clients come from where the settings say', () => {
    assert.deepEqual(into('NetworkBalancer').map((i) => i.CidrIp), ['0.0.0.0/0']);
    assert.deepEqual(into('NetworkBalancer', template({ clients: ['192.0.2.0/24'] })).map((i) => i.CidrIp), ['192.0.2.0/24']);
  });
});

describe('an address that is told by a header', () => {
  test('is believed of the load balancer\'s subnets alone', () => {
    assert.equal(environment('haproxy').MGW_TRUSTED_PROXIES, '10.0.0.0/24 10.0.1.0/24');
    assert.equal(environment('haproxy').MGW_CLOUDFLARE, undefined);
  });

  test('is believed of Cloudflare\'s networks, where clients come that way', () => {
    assert.deepEqual(environment('haproxy', behind).MGW_CLOUDFLARE.split(' '), [...cloudflareIpv4, ...cloudflareIpv6]);
  });

  test('nobody else reaches the load balancer then', () => {
    const [rule, ...more] = into('NetworkBalancer', behind);
    assert.equal(more.length, 0);
    assert.match(rule.SourcePrefixListId['Fn::GetAtt'][0], /^NetworkCloudflare/);
    assert.deepEqual(only('AWS::EC2::PrefixList', behind).Entries.map((e: any) => e.Cidr), cloudflareIpv4);
  });
});
