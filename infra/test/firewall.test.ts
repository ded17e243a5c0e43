import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import { exempt, oauthRate } from '../lib/firewall.ts';
import { infra, only, template } from './lib/made.ts';

const rules: any[] = only('AWS::WAFv2::WebACL').Rules;
const prefix = 'awswaf:managed:aws:core-rule-set:';

/** A statement of WAF, as far as ours go. */
function holds(statement: any, path: string, labels: string[]): boolean {
  const [[kind, of]] = Object.entries<any>(statement);
  switch (kind) {
    case 'AndStatement': return of.Statements.every((s: any) => holds(s, path, labels));
    case 'OrStatement': return of.Statements.some((s: any) => holds(s, path, labels));
    case 'NotStatement': return !holds(of.Statement, path, labels);
    case 'LabelMatchStatement': return labels.includes(of.Key);
    case 'ByteMatchStatement': return of.PositionalConstraint === 'EXACTLY' ? path === of.SearchString : path.startsWith(of.SearchString);
    default: throw new Error(kind);
  }
}

function managed(name: string): any {
  return rules.find((r) => r.Name === name).Statement.ManagedRuleGroupStatement;
}

/** Whether a request that the core rule set has labelled so is blocked. */
function isBlocked(path: string, label: string): boolean {
  return rules.some((r) => r.Action?.Block && !r.Statement.RateBasedStatement && holds(r.Statement, path, [prefix + label]));
}

describe('the firewall', () => {
  test('stands before the load balancer, and what no rule blocks is let through', () => {
    assert.match(only('AWS::WAFv2::WebACLAssociation').ResourceArn.Ref, /^BalancerAlb/);
    assert.deepEqual(only('AWS::WAFv2::WebACL').DefaultAction, { Allow: {} });
    assert.equal(only('AWS::WAFv2::WebACL').Scope, 'REGIONAL');
  });

  test('a registration with localhost in its body is let through, and only there', () => {
    for (const label of ['EC2MetaDataSSRF_Body', 'GenericRFI_Body']) {
      assert.equal(isBlocked('/oauth/register', label), false, label);
      assert.equal(isBlocked('/oauth/token', label), false, label);
      assert.equal(isBlocked('/oauth/sign-in', label), false, label);
      assert.equal(isBlocked('/connect/start', label), true, label);
      assert.equal(isBlocked('/oauth/register/more', label), true, label);
    }
  });

  test('an authorization with localhost in its query is let through, and only there', () => {
    for (const label of ['EC2MetaDataSSRF_QueryArguments', 'GenericRFI_QueryArguments', 'SizeRestrictions_QueryString']) {
      assert.equal(isBlocked('/oauth/authorize', label), false, label);
      assert.equal(isBlocked('/oauth/register', label), true, label);
    }
  });

  test('a browser that signs in for such a client is let through, with its cookies and what the provider gave it', () => {
    for (const label of ['EC2MetaDataSSRF_Cookie', 'SizeRestrictions_Cookie_Header'])
      for (const path of ['/oauth/authorize', '/oauth/callback', '/oauth/consent', '/oauth/style.css', '/connect', '/connect/start', '/', '/status/events'])
        assert.equal(isBlocked(path, label), false, `${path}: ${label}`);
    for (const path of ['/oauth/callback', '/connect/callback']) assert.equal(isBlocked(path, 'SizeRestrictions_QueryString'), false, path);
    for (const path of ['/oauth/sign-in', '/oauth/consent']) assert.equal(isBlocked(path, 'SizeRestrictions_Body'), false, path);
  });

  test('a program that does not say who it is finds the metadata, and gets and gives back its tokens', () => {
    const known = /acl known_path path ([^\n]*)/g;
    const cfg = fs.readFileSync(path.join(infra, '../haproxy/haproxy.cfg'), 'utf8');
    const paths = [...cfg.matchAll(known)].flatMap(([, all]) => all.split(' '));
    const ofPrograms = paths.filter((p) => p.includes('/.well-known/') || ['/oauth/register', '/oauth/token', '/oauth/revoke', '/oauth/client.json'].includes(p));
    assert.ok(ofPrograms.length > 10);
    for (const path of ofPrograms) assert.equal(isBlocked(path, 'NoUserAgent_Header'), false, path);
    for (const path of ['/oauth/authorize', '/connect', '/']) assert.equal(isBlocked(path, 'NoUserAgent_Header'), true, path);
  });

  test('each rule that is let off counts, and has one that blocks by its label behind it', () => {
    const common = managed('AWSManagedRulesCommonRuleSet');
    assert.deepEqual(common.RuleActionOverrides.map((o: any) => [o.Name, o.ActionToUse]), exempt.map(({ rule }) => [rule, { Count: {} }]));
    const at = rules.find((r) => r.Name === 'AWSManagedRulesCommonRuleSet').Priority;
    for (const { label } of exempt) {
      assert.ok(rules.find((r) => r.Name === label).Priority > at, label);
      assert.equal(isBlocked('/anything', label), true, label);
    }
  });

  test('the rules of content do not read what MCP clients send', () => {
    for (const name of ['AWSManagedRulesCommonRuleSet', 'AWSManagedRulesKnownBadInputsRuleSet']) {
      const { ScopeDownStatement } = managed(name);
      for (const path of ['/mcp', '/mcp/', '/sse', '/message']) assert.equal(holds(ScopeDownStatement, path, []), false, path);
      for (const path of ['/oauth/register', '/', '/mcpx', '/mcp/admin']) assert.equal(holds(ScopeDownStatement, path, []), true, path);
    }
    assert.equal(managed('AWSManagedRulesAmazonIpReputationList').ScopeDownStatement, undefined);
  });

  test('one address may not ask the paths of OAuth without end', () => {
    const rate = rules.find((r) => r.Name === 'OauthRate').Statement.RateBasedStatement;
    assert.equal(rate.Limit, oauthRate);
    assert.equal(rate.AggregateKeyType, 'IP');
    assert.equal(holds(rate.ScopeDownStatement, '/oauth/register', []), true);
    assert.equal(holds(rate.ScopeDownStatement, '/mcp', []), false);
  });

  test('behind Cloudflare it counts clients, not Cloudflare', () => {
    const acl = only('AWS::WAFv2::WebACL', template({ cloudflare: true }));
    const rate = acl.Rules.find((r: any) => r.Name === 'OauthRate').Statement.RateBasedStatement;
    assert.equal(rate.AggregateKeyType, 'FORWARDED_IP');
    assert.equal(rate.ForwardedIPConfig.HeaderName, 'CF-Connecting-IP');
  });

  test('no two rules have one place', () => {
    assert.equal(new Set(rules.map((r) => r.Priority)).size, rules.length);
  });
});
