// nginx, Apache httpd and Caddy before a port, with the configurations of deploy/proxies, or with bad ones made of them.
// Each runs in a folder of its own, in the foreground, on loopback.

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Program, freePort, testCertificate, top, waitFor } from './gateway.mjs';
import { ask } from './raw.mjs';

const read = (name) => fs.readFileSync(path.join(top, 'deploy/proxies', name), 'utf8');

/** The same text with other values; what is not there any more is a fault of the test. */
export function replaced(text, pairs) {
  for (const [from, to] of pairs) {
    if (!text.includes(from)) throw new Error(`no "${from}" in:\n${text}`);
    text = text.replaceAll(from, to);
  }
  return text;
}

const certificate = (dir) => {
  const { cert } = testCertificate();
  return [['/etc/ssl/mcp.example.com/cert.pem', cert], ['/etc/ssl/mcp.example.com/key.pem', path.join(path.dirname(cert), 'key.pem')]];
};

const apacheModules = ['mpm_event', 'authz_core', 'ssl', 'socache_shmcb', 'proxy', 'proxy_http', 'headers', 'env', 'setenvif', 'filter', 'deflate', 'buffer'];

/** How each is started: its configuration around the file of deploy/proxies, and its command. */
const makes = {
  nginx: {
    file: 'nginx.conf', mark: /^server: nginx/im,
    port: [['listen 443 ssl', (port) => `listen 127.0.0.1:${port} ssl`]],
    whole: (dir, text) => `
daemon off;
${process.getuid() === 0 ? 'user root;' : ''}
worker_processes 1;
pid ${dir}/pid;
error_log stderr;
events { }
http {
  access_log off;
  client_body_temp_path ${dir}/body; proxy_temp_path ${dir}/proxy; fastcgi_temp_path ${dir}/fastcgi;
  uwsgi_temp_path ${dir}/uwsgi; scgi_temp_path ${dir}/scgi;
  ${text}
}`,
    command: (dir, file) => ['/usr/sbin/nginx', ['-p', dir, '-c', file, '-e', 'stderr']],
  },
  apache: {
    file: 'apache.conf', mark: /^server: Apache/im,
    port: [['<VirtualHost *:443>', (port) => `Listen 127.0.0.1:${port}\n<VirtualHost 127.0.0.1:${port}>`]],
    whole: (dir, text) => `
ServerRoot ${dir}
PidFile ${dir}/pid
Mutex file:${dir}
ServerName localhost
ErrorLog ${dir}/error.log
Timeout 60
${apacheModules.map((m) => `LoadModule ${m}_module /usr/lib/apache2/modules/mod_${m}.so`).join('\n')}
${process.getuid() === 0 ? 'User nobody\nGroup nogroup' : ''}
${text}`,
    command: (dir, file) => ['/usr/sbin/apache2', ['-X', '-f', file]],
  },
  caddy: {
    file: 'Caddyfile', mark: /^server: Caddy/im,
    port: [['mcp.example.com {', (port) => `https://localhost:${port} {\n\tbind 127.0.0.1`]],
    whole: (dir, text) => `{\n\tadmin off\n\tauto_https disable_redirects\n\tstorage file_system ${dir}\n}\n${text}`,
    command: (dir, file) => ['/usr/bin/caddy', ['run', '--adapter', 'caddyfile', '--config', file]],
  },
};

export const proxyNames = Object.keys(makes);

/** Returns { url, port, program, stop() }. changes: [from, to] pairs in the file of deploy/proxies. */
export async function startProxy(name, targetPort, changes = []) {
  const make = makes[name];
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), `mgw-${name}-`));
  const port = await freePort();
  const pairs = [
    ...make.port.map(([from, to]) => [from, to(port)]), ...certificate(dir), ['127.0.0.1:8080', `127.0.0.1:${targetPort}`], ...changes,
  ];
  const file = path.join(dir, 'conf');
  fs.writeFileSync(file, make.whole(dir, replaced(read(make.file), pairs)));
  const [command, args] = make.command(dir, file);
  const program = new Program(name, command, args, { env: { ...process.env, HOME: dir, XDG_DATA_HOME: dir, XDG_CONFIG_HOME: dir } });
  const errorLog = () => (fs.existsSync(`${dir}/error.log`) ? fs.readFileSync(`${dir}/error.log`, 'utf8') : '');
  await waitFor(() => {
    if (program.exit) throw new Error(`${name} has ended:\n${program.tail()}\n${errorLog()}`);
    return ask(`https://localhost:${port}`, '/health').then(({ status }) => status === 200, () => false);
  }, `${name} to pass on /health`, 20000, new Set(), () => program.tail() + errorLog());
  return {
    port, program, url: `https://localhost:${port}`,
    stop: async () => {
      await program.stop('SIGTERM', 3000);
      fs.rmSync(dir, { recursive: true, force: true });
    },
  };
}
