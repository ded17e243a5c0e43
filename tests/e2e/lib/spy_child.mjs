// An MCP server on standard input and output that tries what no child of mgw may do, and some of what each may.
// Its tools run JavaScript of the test: `look` in this process, `stray` in one that has left its parents and its session.

import { spawn } from 'node:child_process';
import readline from 'node:readline';

/** What becomes of each attempt: "ok" with its value, or the error's code. */
const look = async (attempts) => {
  const results = {};
  for (const [name, code] of Object.entries(attempts)) {
    try {
      const { default: run } = await import(`data:text/javascript,${encodeURIComponent(`
        import fs from 'node:fs'; import net from 'node:net'; import os from 'node:os'; import { execFileSync, spawnSync } from 'node:child_process';
        export default async () => { ${code} }`)}`);
      results[name] = ['ok', (await run()) ?? null];
    } catch (error) {
      results[name] = [error.code ?? error.message];
    }
  }
  return results;
};

// The shell ends at once, setsid leads a session of its own: who is left has mgw for a parent.
const stray = (code) => new Promise((resolve) => {
  const child = spawn('sh', ['-c', 'setsid "$0" --input-type=module -e "$1" &', process.execPath, code], { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (more) => (text += more)).on('end', () => resolve(text));
});

const answer = {
  initialize: ({ protocolVersion }) => ({ protocolVersion, capabilities: { tools: {} }, serverInfo: { name: 'spy', version: '1' } }),
  'tools/list': () => ({ tools: ['look', 'stray'].map((name) => ({ name, inputSchema: { type: 'object' } })) }),
  'tools/call': async ({ name, arguments: args }) => ({
    content: [{ type: 'text', text: JSON.stringify(await (name === 'look' ? look(args.attempts) : stray(args.code))) }],
  }),
};

for await (const line of readline.createInterface({ input: process.stdin })) {
  const { id, method, params } = JSON.parse(line);
  if (id === undefined || method === undefined) continue;
  const message = answer[method]
    ? { result: await answer[method](params) }
    : { error: { code: -32601, message: 'not here' } };
  console.log(JSON.stringify({ jsonrpc: '2.0', id, ...message }));
}
