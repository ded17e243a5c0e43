// An HTTP server on loopback, in the test's own process, that can die and come back at its port. Who extends it
// answers by serve(req, res), and forgets in forget() what does not outlive its death.

import http from 'node:http';
import { once } from 'node:events';

export class LocalServer {
  static async start(port = 0) {
    const server = new this();
    server.port = port;
    await server.listen();
    return server;
  }

  get url() {
    return `http://127.0.0.1:${this.port}/mcp`;
  }

  makeServer(serve) {
    return http.createServer(serve);
  }

  async listen() {
    this.http = this.makeServer((req, res) => this.serve(req, res));
    this.http.on('clientError', (error, socket) => socket.destroy());
    this.http.listen(this.port, '127.0.0.1', 4096);
    await once(this.http, 'listening');
    this.port = this.http.address().port;
  }

  /** Dies: every connection is cut, every session forgotten. */
  async stop() {
    const closed = once(this.http, 'close');
    this.http.close();
    this.http.closeAllConnections();
    await closed;
    this.forget();
  }

  async restart() {
    await this.stop();
    await this.listen();
  }
}
