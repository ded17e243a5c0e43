// A REST API with what of the features such an API can have; its description is data/matrix_rest.json.

import { once } from 'node:events';
import { LocalServer } from '../local_server.mjs';
import { Marks } from './features.mjs';

export class RestServer extends LocalServer {
  #marks = new Marks();

  async serve(req, res) {
    const { pathname, searchParams } = new URL(req.url, this.url);
    const [, operation, key] = pathname.split('/');
    switch (operation) {
      case 'say':
        return answer(res, `rest: ${searchParams.get('text')}`);
      case 'count':
        await this.#marks.come(`heard ${key}`);
        return answer(res, 'counted');
      case 'heard':
        this.#marks.set(`heard ${key}`);
        return answer(res, 'heard');
      case 'hang':
        await once(res, 'close');
        return this.#marks.set(`cancelled ${key}`);
      case 'cancelled':
        await this.#marks.come(`cancelled ${key}`);
        return answer(res, 'cancelled');
      default:
        return res.writeHead(500, { 'content-type': 'application/json' }).end('{"error": {"message": "it failed, as it should"}}');
    }
  }

  forget() {}
}

function answer(res, text) {
  res.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ text }));
}
