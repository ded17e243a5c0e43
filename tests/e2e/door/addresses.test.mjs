// Whose a request is, where load balancers and Cloudflare stand before HAProxy: a header is believed by the address that it comes from.

import { after, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import http from 'node:http';
import { once } from 'node:events';
import { startGateway } from '../lib/gateway.mjs';

// Loopback has a whole network of addresses: a load balancer, Cloudflare, and anybody.
const [balancer, cloudflare, anybody] = ['127.0.0.2', '127.0.0.3', '127.0.0.4'];
const edge = '198.51.100.9';
const client = '192.0.2.7';
const lie = '203.0.113.66';

let n = 0;

/** The client's address in HAProxy's line of a request that comes from `from`. */
async function clientOf(gateway, from, headers) {
  const agent = `addresses-${n++}`;
  const request = http.get({ host: '127.0.0.1', port: gateway.httpPort, localAddress: from, path: '/mcp', agent: false, headers: { ...headers, 'user-agent': agent } });
  const [response] = await once(request, 'response');
  response.resume();
  return JSON.parse(await gateway.haproxy.line(new RegExp(`"user_agent":"${agent}"`))).client;
}

describe('the address of a client', { timeout: 60000 }, () => {
  let gateway;
  before(async () => {
    gateway = await startGateway({ haproxy: { MGW_TRUSTED_PROXIES: balancer, MGW_CLOUDFLARE: `198.51.100.0/24 ${cloudflare}` } });
  });
  after(() => gateway.stop());

  const cases = [
    ['is its own, whatever it says of itself', anybody, { 'x-forwarded-for': lie, 'cf-connecting-ip': lie }, anybody],
    ['is what a load balancer says last', balancer, { 'x-forwarded-for': `${lie}, ${client}` }, client],
    ['is not what it says in Cloudflare\'s name', balancer, { 'x-forwarded-for': `${edge}, ${client}`, 'cf-connecting-ip': lie }, client],
    ['is what Cloudflare says, behind a load balancer', balancer, { 'x-forwarded-for': `${lie}, ${edge}`, 'cf-connecting-ip': client }, client],
    ['is what Cloudflare says, without one', cloudflare, { 'x-forwarded-for': `${lie}, ${edge}`, 'cf-connecting-ip': client }, client],
    ['may be of IPv6 there', balancer, { 'x-forwarded-for': edge, 'cf-connecting-ip': '2001:db8::7' }, '2001:db8::7'],
    ['is Cloudflare\'s, where it says nothing', balancer, { 'x-forwarded-for': edge }, edge],
  ];
  for (const [what, from, headers, want] of cases) {
    test(what, async () => assert.equal(await clientOf(gateway, from, headers), want));
  }
});

test('without MGW_CLOUDFLARE nobody is believed to be Cloudflare', { timeout: 30000 }, async () => {
  const gateway = await startGateway({ haproxy: { MGW_TRUSTED_PROXIES: balancer } });
  try {
    assert.equal(await clientOf(gateway, balancer, { 'x-forwarded-for': edge, 'cf-connecting-ip': client }), edge);
  } finally {
    await gateway.stop();
  }
});
