// WAF before the load balancer. Its managed rules read what people send; what MCP clients send is programs' text (code, HTML, SQL, long),
// and mgw judges that by token, size and shape. So the rules of content do not look at the paths of MCP, and those that take the
// addresses of clients on one's own machine (http://localhost:33418/callback) for an attack do not block at the paths of OAuth where these
// have to stand.

import { CfnWebACL, CfnWebACLAssociation } from 'aws-cdk-lib/aws-wafv2';
import { Construct } from 'constructs';
import type { Settings } from './settings.ts';

type Statement = CfnWebACL.StatementProperty;

export const mcpPaths = ['/mcp', '/sse', '/message'];
/** Requests of one address in five minutes at the paths where somebody without a token may write. */
export const oauthRate = 300;

/** Where a browser is, with the path that it is to come back to in a cookie: that of a client on one's own machine, for one. */
const browserPaths = ['/', '/status/*', '/connect', '/connect/*', '/oauth/*'];
const metadataPaths = ['/.well-known/*', '/mcp/.well-known/*', '/sse/.well-known/*', '/oauth/client.json'];

/** A rule of the core rule set, its label, and where what it looks for is right. A path that ends in * is of all below it. */
export const exempt = [
  // The form of /oauth/sign-in has the path that it leads back to.
  { rule: 'EC2MetaDataSSRF_BODY', label: 'EC2MetaDataSSRF_Body', paths: ['/oauth/register', '/oauth/token', '/oauth/sign-in'] },
  { rule: 'GenericRFI_BODY', label: 'GenericRFI_Body', paths: ['/oauth/register', '/oauth/token', '/oauth/sign-in'] },
  { rule: 'EC2MetaDataSSRF_QUERYARGUMENTS', label: 'EC2MetaDataSSRF_QueryArguments', paths: ['/oauth/authorize'] },
  { rule: 'GenericRFI_QUERYARGUMENTS', label: 'GenericRFI_QueryArguments', paths: ['/oauth/authorize'] },
  { rule: 'EC2MetaDataSSRF_COOKIE', label: 'EC2MetaDataSSRF_Cookie', paths: browserPaths },
  { rule: 'SizeRestrictions_Cookie_HEADER', label: 'SizeRestrictions_Cookie_Header', paths: browserPaths },
  // A client id is what the client said of itself, sealed: a query with one is long. So is the code of some providers, beside our state.
  { rule: 'SizeRestrictions_QUERYSTRING', label: 'SizeRestrictions_QueryString', paths: ['/oauth/authorize', '/oauth/callback', '/connect/callback'] },
  { rule: 'SizeRestrictions_BODY', label: 'SizeRestrictions_Body', paths: ['/oauth/register', '/oauth/token', '/oauth/sign-in', '/oauth/consent'] },
  // Programs need not say who they are.
  { rule: 'NoUserAgent_HEADER', label: 'NoUserAgent_Header', paths: ['/oauth/register', '/oauth/token', '/oauth/revoke', ...metadataPaths] },
];

function path(positionalConstraint: string, searchString: string): Statement {
  return {
    byteMatchStatement: {
      fieldToMatch: { uriPath: {} }, positionalConstraint, searchString, textTransformations: [{ priority: 0, type: 'NONE' }],
    },
  };
}

/** As in `exempt`. */
function at(p: string): Statement {
  return p.endsWith('*') ? path('STARTS_WITH', p.slice(0, -1)) : path('EXACTLY', p);
}

function any(statements: Statement[]): Statement {
  return statements.length === 1 ? statements[0] : { orStatement: { statements } };
}

const isMcp = any(mcpPaths.flatMap((p) => [path('EXACTLY', p), path('EXACTLY', `${p}/`)]));
const notMcp: Statement = { notStatement: { statement: isMcp } };

export class Firewall extends Construct {
  readonly acl: CfnWebACL;
  #rules: CfnWebACL.RuleProperty[] = [];

  constructor(scope: Construct, id: string, settings: Settings, albArn: string) {
    super(scope, id);
    this.#oauthRate(settings);
    this.#managed('AWSManagedRulesAmazonIpReputationList', {});
    this.#managed('AWSManagedRulesKnownBadInputsRuleSet', { scopeDownStatement: notMcp });
    this.#managed('AWSManagedRulesCommonRuleSet', {
      scopeDownStatement: notMcp,
      // Counted, which labels the request; the rules behind block by the label.
      ruleActionOverrides: exempt.map(({ rule }) => ({ name: rule, actionToUse: { count: {} } })),
    });
    for (const { label, paths } of exempt) this.#blockElsewhere(label, paths);
    this.acl = new CfnWebACL(this, 'Acl', {
      scope: 'REGIONAL',
      defaultAction: { allow: {} },
      visibilityConfig: visible('mgw'),
      rules: this.#rules,
    });
    new CfnWebACLAssociation(this, 'Association', { resourceArn: albArn, webAclArn: this.acl.attrArn });
  }

  #add(name: string, rule: Omit<CfnWebACL.RuleProperty, 'name' | 'priority' | 'visibilityConfig'>): void {
    this.#rules.push({ name, priority: this.#rules.length, visibilityConfig: visible(name), ...rule });
  }

  #managed(name: string, more: Partial<CfnWebACL.ManagedRuleGroupStatementProperty>): void {
    this.#add(name, { overrideAction: { none: {} }, statement: { managedRuleGroupStatement: { vendorName: 'AWS', name, ...more } } });
  }

  #blockElsewhere(label: string, paths: string[]): void {
    this.#add(label, {
      action: { block: {} },
      statement: {
        andStatement: {
          statements: [
            { labelMatchStatement: { scope: 'LABEL', key: `awswaf:managed:aws:core-rule-set:${label}` } },
            { notStatement: { statement: any(paths.map(at)) } },
          ],
        },
      },
    });
  }

  /** Behind Cloudflare an address is Cloudflare's, and the client's stands in a header that only Cloudflare can have sent. */
  #oauthRate({ cloudflare }: Settings): void {
    this.#add('OauthRate', {
      action: { block: { customResponse: { responseCode: 429 } } },
      statement: {
        rateBasedStatement: {
          limit: oauthRate,
          aggregateKeyType: cloudflare ? 'FORWARDED_IP' : 'IP',
          forwardedIpConfig: cloudflare ? { headerName: 'CF-Connecting-IP', fallbackBehavior: 'MATCH' } : undefined,
          scopeDownStatement: path('STARTS_WITH', '/oauth/'),
        },
      },
    });
  }
}

function visible(metricName: string): CfnWebACL.VisibilityConfigProperty {
  return { cloudWatchMetricsEnabled: true, sampledRequestsEnabled: true, metricName };
}
