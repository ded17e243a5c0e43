// The upstreams over stdio: child.mjs NAME REVISION [DIRECTORY]. Each message of either side is written down in
// DIRECTORY/PID, a line each, before anybody acts upon it.

import fs from 'node:fs';
import path from 'node:path';
import { Transform } from 'node:stream';
import { StdioServerTransport as Transport1 } from '@modelcontextprotocol/sdk/server/stdio.js';
import { serveStdio, StdioServerTransport as Transport2 } from '@modelcontextprotocol/server/stdio';
import { Features } from './features.mjs';
import { Servers } from './server1.mjs';
import { makeServer } from './server2.mjs';

const [name, revision, directory] = process.argv.slice(2);

function recorded(from) {
  let rest = '';
  return new Transform({
    transform(chunk, _, done) {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop();
      if (lines.length > 0) fs.appendFileSync(path.join(directory, `${process.pid}`), lines.map((line) => `${from} ${line}\n`).join(''));
      done(null, chunk);
    },
  });
}

const input = process.stdin.pipe(recorded('client'));
const output = recorded('server');
output.pipe(process.stdout);
input.once('end', () => process.exit());

if (revision === '2026-07-28') {
  const features = new Features(name);
  const make = () => makeServer(features, (server, uri) => server.sendResourceUpdated({ uri }));
  serveStdio(make, { legacy: 'reject', transport: new Transport2(input, output) });
} else {
  await new Servers(name, revision).connect(new Transport1(input, output));
}
