// How mgw gets to its upstreams: by TLS with a private authority, with a certificate of its own, under another name, and through
// proxies. Authorities and certificates are openssl's; the servers behind TLS are the SDK's.

import { after, afterEach, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import tls from 'node:tls';
import { makeAuthority } from '../lib/authority.mjs';
import { connectClient, textOf } from '../lib/clients.mjs';
import { startGateway, top } from '../lib/gateway.mjs';
import { UpstreamServer } from '../lib/upstream_server.mjs';

const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'mgw-tls-'));
after(() => fs.rmSync(dir, { recursive: true, force: true }));
const authority = makeAuthority(dir, 'ours');
const stranger = makeAuthority(dir, 'strange');
const forLocalhost = authority.issue('localhost', 'DNS:localhost,IP:127.0.0.1');
const forName = authority.issue('mcp.internal.example', 'DNS:mcp.internal.example');
const ourClient = authority.issue('mgw');
const strangeClient = stranger.issue('mgw');
const read = (file) => fs.readFileSync(file);

/** TLS before a port: { port, names (SNI), clients (subjects), stop() }. */
async function startTls(targetPort, certificate, options = {}) {
  const sockets = new Set();
  const front = { names: [], clients: [] };
  const server = tls.createServer({ cert: read(certificate.cert), key: read(certificate.key), ...options }, (socket) => {
    front.names.push(socket.servername);
    front.clients.push(socket.getPeerCertificate()?.subject?.CN);
    const behind = net.connect(targetPort, '127.0.0.1');
    for (const one of [socket, behind]) {
      sockets.add(one);
      one.on('error', () => {}).on('close', () => { sockets.delete(one); socket.destroy(); behind.destroy(); });
    }
    socket.pipe(behind).pipe(socket);
  }).on('tlsClientError', () => {}).listen(0, '127.0.0.1');
  await once(server, 'listening');
  front.port = server.address().port;
  front.stop = () => {
    server.close();
    for (const socket of sockets) socket.destroy();
  };
  return front;
}
const askingForCertificates = { requestCert: true, rejectUnauthorized: true, ca: read(authority.file) };

/** A proxy that tunnels to where it is told, whatever the name is: { port, asked, url, stop() }. */
async function startProxy(targetPort) {
  const proxy = { asked: [] };
  const sockets = new Set();
  const server = http.createServer((req, res) => {
    proxy.asked.push(req.url);
    const { pathname } = new URL(req.url);
    req.pipe(http.request({ host: '127.0.0.1', port: targetPort, path: pathname, method: req.method, headers: req.headers }, (answer) => {
      res.writeHead(answer.statusCode, answer.headers);
      answer.pipe(res);
    }).on('error', () => res.destroy()));
  }).on('connect', (req, socket) => {
    proxy.asked.push(req.url);
    const behind = net.connect(targetPort, '127.0.0.1', () => socket.write('HTTP/1.1 200 OK\r\n\r\n'));
    for (const one of [socket, behind]) one.on('error', () => {}).on('close', () => { socket.destroy(); behind.destroy(); });
    socket.pipe(behind).pipe(socket);
  }).on('connection', (socket) => sockets.add(socket)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  proxy.url = `http://127.0.0.1:${server.address().port}`;
  proxy.stop = () => {
    server.close();
    for (const socket of sockets) socket.destroy();
  };
  return proxy;
}

describe('upstreams over TLS', { timeout: 300000 }, () => {
  let upstream;
  const ends = [];
  before(async () => { upstream = await UpstreamServer.start(); });
  after(() => upstream.stop());
  afterEach(async () => {
    for (const end of ends.splice(0).reverse()) await end();
  });

  const front = async (certificate = forLocalhost, options = {}, port = upstream.port) => {
    const made = await startTls(port, certificate, options);
    ends.push(made.stop);
    return made;
  };
  const proxied = async (port) => {
    const made = await startProxy(port);
    ends.push(made.stop);
    return made;
  };
  /** A client's call through a gateway with this entry: what the upstream says, or the log's line of why not. */
  const hello = async (entry, { gateway: settings = {}, env = {} } = {}) => {
    const gateway = await startGateway({
      config: { mcpServers: { up: entry }, gateway: settings }, env: { SSL_CERT_FILE: '', CURL_CA_BUNDLE: '', SSL_CERT_DIR: '', ...env },
    });
    let client;
    try {
      client = await connectClient(gateway.url, 'http');
      const { tools } = await client.listTools();
      if (!tools.some(({ name }) => name === 'up_hello')) return await gateway.mgw.line(/WARN.*\[upstream\] up/i);
      return textOf(await client.callTool({ name: 'up_hello', arguments: {} }));
    } finally {
      await client?.close();
      await gateway.stop();
    }
  };
  const works = async (...args) => assert.equal(await hello(...args), 'hello from upstream');
  const fails = async (pattern, ...args) => assert.match(await hello(...args), pattern);

  describe('of a private authority', () => {
    test('is not trusted', async () => {
      const { port } = await front();
      await fails(/certificate/, { url: `https://localhost:${port}/mcp` });
    });

    test('is trusted by ca_file', async () => {
      const { port } = await front();
      await works({ url: `https://localhost:${port}/mcp`, ca_file: authority.file });
    });

    test('is trusted by upstream_ca_file, for all', async () => {
      const { port } = await front();
      await works({ url: `https://localhost:${port}/mcp` }, { gateway: { upstream_ca_file: authority.file } });
    });

    test('is trusted by SSL_CERT_FILE, CURL_CA_BUNDLE and SSL_CERT_DIR', async () => {
      const { port } = await front();
      const folder = path.join(dir, 'hashed');
      fs.mkdirSync(folder);
      fs.copyFileSync(authority.file, path.join(folder, 'ours.pem'));
      execFileSync('openssl', ['rehash', folder]);
      for (const env of [{ SSL_CERT_FILE: authority.file }, { CURL_CA_BUNDLE: authority.file }, { SSL_CERT_DIR: folder }]) {
        await works({ url: `https://localhost:${port}/mcp` }, { env });
      }
    });

    test("is not trusted where the entry's ca_file names another, whatever else is trusted", async () => {
      const { port } = await front();
      await fails(/certificate/, { url: `https://localhost:${port}/mcp`, ca_file: stranger.file }, {
        gateway: { upstream_ca_file: authority.file }, env: { SSL_CERT_FILE: authority.file },
      });
    });
  });

  describe('that asks for a certificate', () => {
    test('is not reached without one, or with a stranger\'s', async () => {
      const { port } = await front(forLocalhost, askingForCertificates);
      const entry = { url: `https://localhost:${port}/mcp`, ca_file: authority.file };
      await fails(/alert|Empty reply|reset by peer/, entry);
      await fails(/alert|Empty reply|reset by peer/, { ...entry, client_cert_file: strangeClient.cert, client_key_file: strangeClient.key });
    });

    test('gets that of the entry, in two files or in one', async () => {
      const { port, clients } = await front(forLocalhost, askingForCertificates);
      const entry = { url: `https://localhost:${port}/mcp`, ca_file: authority.file };
      await works({ ...entry, client_cert_file: ourClient.cert, client_key_file: ourClient.key });
      await works({ ...entry, client_cert_file: ourClient.both });
      assert.deepEqual([...new Set(clients)], ['mgw']);
    });

    test('gets that of the gateway, unless the entry has its own', async () => {
      const { port } = await front(forLocalhost, askingForCertificates);
      const url = `https://localhost:${port}/mcp`;
      const gateway = { upstream_ca_file: authority.file, upstream_client_cert_file: ourClient.cert, upstream_client_key_file: ourClient.key };
      await works({ url }, { gateway });
      await fails(/alert|Empty reply|reset by peer/, { url, client_cert_file: strangeClient.both }, { gateway });
    });
  });

  describe('under another name', () => {
    test('is not trusted without tls_server_name', async () => {
      const { port } = await front(forName);
      await fails(/certificate|subject name/, { url: `https://127.0.0.1:${port}/mcp`, ca_file: authority.file });
    });

    test('is trusted by it, asked for it, and told the host of the URL', async () => {
      const { port, names } = await front(forName);
      await works({ url: `https://127.0.0.1:${port}/mcp`, ca_file: authority.file, tls_server_name: 'mcp.internal.example' });
      assert.deepEqual([...new Set(names)], ['mcp.internal.example']);
      assert.equal(upstream.requests.at(-1).headers.host, `127.0.0.1:${port}`);
    });

    test('is followed where it redirects, and not elsewhere', async () => {
      let to;
      const server = http.createServer((req, res) => {
        if (req.url === '/old') res.writeHead(307, { location: to }).end();
        else req.pipe(http.request({ port: upstream.port, host: '127.0.0.1', path: req.url, method: req.method, headers: req.headers }, (answer) => {
          res.writeHead(answer.statusCode, answer.headers);
          answer.pipe(res);
        }));
      }).listen(0, '127.0.0.1');
      await once(server, 'listening');
      ends.push(() => { server.close(); server.closeAllConnections(); });
      const { port } = await front(forName, {}, server.address().port);
      const entry = { url: `https://127.0.0.1:${port}/old`, ca_file: authority.file, tls_server_name: 'mcp.internal.example' };
      to = `https://127.0.0.1:${port}/mcp`;
      await works(entry);
      to = '/mcp';
      await works(entry);
      to = 'https://mcp.internal.example/mcp';
      await fails(/another origin/, entry);
    });

    test('has its tokens from elsewhere, of the same authority', async () => {
      const asked = [];
      const tokens = http.createServer((req, res) => {
        asked.push(req.headers.host);
        res.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ access_token: 'tok', token_type: 'Bearer', expires_in: 60 }));
      }).listen(0, '127.0.0.1');
      await once(tokens, 'listening');
      ends.push(() => { tokens.close(); tokens.closeAllConnections(); });
      const issuer = await front(forLocalhost, {}, tokens.address().port);
      const { port } = await front(forName);
      await works({
        url: `https://127.0.0.1:${port}/mcp`, ca_file: authority.file, tls_server_name: 'mcp.internal.example',
        oauth: { token_url: `https://localhost:${issuer.port}/token`, client_id: 'id', client_secret: 's' },
      });
      assert.deepEqual(asked, [`localhost:${issuer.port}`]);
      assert.equal(upstream.requests.at(-1).headers.authorization, 'Bearer tok');
    });
  });

  describe('through a proxy', () => {
    test('is reached by a tunnel, under a name that the proxy alone knows', async () => {
      const { port } = await front(forName);
      const proxy = await proxied(port);
      await works({ url: 'https://mcp.internal.example/mcp', ca_file: authority.file }, { env: { HTTPS_PROXY: proxy.url } });
      assert.deepEqual([...new Set(proxy.asked)], ['mcp.internal.example:443']);
    });

    test('that refuses is told, and nothing has been sent', async () => {
      const refusing = http.createServer().on('connect', (req, socket) => socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n')).listen(0, '127.0.0.1');
      await once(refusing, 'listening');
      ends.push(() => { refusing.close(); refusing.closeAllConnections(); });
      await fails(/cannot be reached.*CONNECT tunnel failed, response 403/, { url: 'https://mcp.internal.example/mcp' }, {
        env: { HTTPS_PROXY: `http://127.0.0.1:${refusing.address().port}` },
      });
    });

    test('is reached directly where NO_PROXY names it', async () => {
      const { port } = await front();
      const proxy = await proxied(port);
      await works({ url: `https://localhost:${port}/mcp`, ca_file: authority.file }, { env: { HTTPS_PROXY: proxy.url, NO_PROXY: 'localhost' } });
      assert.deepEqual(proxy.asked, []);
    });

    test('is asked for by its URL, without TLS', async () => {
      const proxy = await proxied(upstream.port);
      await works({ url: 'http://mcp.internal.example/mcp' }, { env: { http_proxy: proxy.url } });
      assert.equal(proxy.asked[0], 'http://mcp.internal.example/mcp');
    });

    test('is never a link-local or metadata address, however it is written, but where that is allowed', async () => {
      const { port } = await front();
      const proxy = await proxied(port);
      const env = { HTTPS_PROXY: proxy.url, http_proxy: proxy.url };
      for (const host of ['169.254.169.254', '0xa9fea9fe', '2852039166', '[::ffff:169.254.169.254]', '[fd00:ec2::254]']) {
        await fails(/not to be reached \(allow_link_local\)/, { url: `http://${host}/mcp` }, { env });
      }
      await fails(/not to be reached/, { url: 'https://169.254.169.254/mcp' }, { env });
      assert.deepEqual(proxy.asked, []);
      await fails(/certificate|name/, { url: 'https://169.254.169.254/mcp', allow_link_local: true, ca_file: authority.file }, { env });
      assert.equal(proxy.asked[0], '169.254.169.254:443');
    });
  });
});

test('a program has the variables that pass_env names, where they are set, and its own instead', { timeout: 60000 }, async () => {
  const gateway = await startGateway({
    config: {
      mcpServers: {
        spy: {
          command: path.join(top, 'tests/e2e/node_modules/.bin/node'), args: [path.join(top, 'tests/e2e/lib/spy_child.mjs')],
          pass_env: ['HTTPS_PROXY', 'NO_PROXY', 'SSL_CERT_FILE', 'NOT_SET'], env: { NO_PROXY: 'its.own', LANG: 'its' },
        },
      },
    },
    env: { HTTPS_PROXY: 'http://proxy.example:3128', NO_PROXY: 'x', SSL_CERT_FILE: authority.file, ALL_PROXY: '' },
  });
  const client = await connectClient(gateway.url, 'http');
  const attempts = { env: 'return fs.readFileSync("/proc/self/environ", "utf8").split("\\0").filter(Boolean)' };
  const { env: [, env] } = JSON.parse(textOf(await client.callTool({ name: 'spy_look', arguments: { attempts } })));
  await client.close();
  await gateway.stop();
  assert.deepEqual(env.filter((line) => !/^(PATH|HOME)=/.test(line)).sort(), [
    'HTTPS_PROXY=http://proxy.example:3128', 'LANG=its', 'NO_PROXY=its.own', `SSL_CERT_FILE=${authority.file}`,
  ]);
});
