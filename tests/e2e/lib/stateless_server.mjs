// As much of a server of MCP 2026-07-28 over HTTP as it takes, written by hand: it answers what no SDK's server would.

import { LocalServer } from './local_server.mjs';
import { sendJson } from './fault_server.mjs';
import { VERSION } from './stateless.mjs';

const results = {
  'server/discover': () => ({ supportedVersions: [VERSION], capabilities: { tools: {} } }),
  'tools/list': () => ({ tools: [{ name: 'tool', inputSchema: { type: 'object' } }], ttlMs: 60000, cacheScope: 'private' }),
};

/** server.answers[method] = (msg) => the result. */
export class StatelessServer extends LocalServer {
  answers = {};
  seen = []; // messages

  forget() {}

  async serve(req, res) {
    let text = '';
    for await (const chunk of req) text += chunk;
    const msg = JSON.parse(text);
    this.seen.push(msg);
    const make = this.answers[msg.method] ?? results[msg.method];
    if (!make) return sendJson(res, { jsonrpc: '2.0', id: msg.id, error: { code: -32601, message: 'unknown' } }, 404);
    return sendJson(res, { jsonrpc: '2.0', id: msg.id, result: { resultType: 'complete', ...make(msg) } });
  }
}
