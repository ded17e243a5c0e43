// A CDN as Cloudflare is one: it leaves its marks in heads, cuts what is silent, and answers 524 where no head has come.

import http from 'node:http';
import { LocalServer } from './local_server.mjs';

export class Edge extends LocalServer {
  static async before(targetPort, idleMs) {
    const edge = Object.assign(new this(), { port: 0, targetPort, idleMs });
    await edge.listen();
    return edge;
  }

  forget() {}

  serve(req, res) {
    const upstream = http.request({ host: '127.0.0.1', port: this.targetPort, path: req.url, method: req.method, headers: req.headers, agent: false });
    const timer = setTimeout(() => this.#giveUp(res, upstream), this.idleMs);
    const marks = { server: 'cloudflare', 'cf-ray': '8f00000000000000-FRA' };
    upstream.on('response', (answer) => {
      timer.refresh();
      res.writeHead(answer.statusCode, { ...answer.headers, ...marks }).flushHeaders();
      answer.on('data', (piece) => {
        timer.refresh();
        res.write(piece);
      }).on('end', () => res.end());
    });
    for (const it of [res, upstream]) it.on('error', () => {}).on('close', () => clearTimeout(timer));
    res.on('close', () => upstream.destroy());
    req.pipe(upstream);
  }

  #giveUp(res, upstream) {
    upstream.destroy();
    if (res.headersSent) res.destroy();
    else res.writeHead(524, { server: 'cloudflare', 'cf-ray': '8f00000000000000-FRA' }).end('error code: 524');
  }
}
