// Clients of other SDKs through the features of the matrix, before the same upstreams.

import { after, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { textOf } from '../lib/clients.mjs';
import { Driven } from '../lib/matrix/driven.mjs';
import { seen, Sheet, Stage, upstreams } from '../lib/matrix/stage.mjs';
import { java, python, pythonFile } from './lib/installed.mjs';

// It tells no server that it has given a call up, and takes notifications in on several threads.
const ofJava = { lacks: ['cancel'], isUnordered: true };

const clients = [
  { title: 'Python 1.30', name: 'py1', revision: '2025-11-25', path: '/mcp', command: [python(1), pythonFile('client1.py')] },
  { title: 'Python 1.30 SSE', name: 'py1-sse', revision: '2025-11-25', path: '/sse', command: [python(1), pythonFile('client1.py')] },
  { title: 'Python 2.3, sessions', name: 'py2', revision: '2025-11-25', path: '/mcp', command: [python(2), pythonFile('client2.py'), 'legacy'] },
  { title: 'Python 2.3', name: 'py2-next', revision: '2026-07-28', path: '/mcp', command: [python(2), pythonFile('client2.py'), 'auto'] },
  { title: 'Java 0.18', name: 'java0', revision: '2025-11-25', path: '/mcp', command: java(0), ...ofJava },
  { title: 'Java 0.18 SSE', name: 'java0-sse', revision: '2024-11-05', path: '/sse', command: java(0), ...ofJava },
  { title: 'Java 1.1', name: 'java1', revision: '2025-11-25', path: '/mcp', command: java(1), ...ofJava },
  { title: 'Java 2.1', name: 'java2', revision: '2025-11-25', path: '/mcp', command: java(2), ...ofJava },
];

const squares = clients.flatMap((client) => upstreams.map((upstream) => ({ client, upstream, way: 'mgw' })));

describe('the matrix of other SDKs', { timeout: 150000 }, () => {
  const stage = new Stage();
  const sheet = new Sheet();
  const connected = new Map();
  before(async () => {
    const gateway = await stage.startGateway();
    for (const client of clients) {
      const connecting = stage.connectThrough(gateway, { ...client, connect: (url) => Driven.connect(url, client) });
      connecting.catch(() => {}); // each of its squares says so
      connected.set(client.name, connecting);
    }
    await Promise.allSettled(connected.values());
  });
  after(() => stage.stop());

  describe('through mgw', { concurrency: true }, () => {
    for (const square of squares) {
      const { client, upstream } = square;
      test(`${client.title} and ${upstream.title}`, { timeout: 90000 }, async () => {
        const driven = await connected.get(client.name);
        assert.equal(driven.revision, client.revision);
        await sheet.playAll(square, driven, seen(upstream, `${upstream.name}_`));
      });
    }
  });

  // As JSON: of a stream Python's reads no line of 1 MiB. Java's 0.18 and 1.1 take a body in a time that grows with the square of its
  // length, whatever its framing: before a plain server as well 1 MiB takes them 10 s, and 3 MiB more than their 30 s.
  for (const { title, name } of clients.filter((one) => one.path === '/mcp' && !['java0', 'java1'].includes(one.name))) {
    test(`${title} reads 3 MiB of a program`, { timeout: 60000 }, async () => {
      assert.equal(textOf(await (await connected.get(name)).call('pipe_big', {})).length, 3 << 20);
    });
  }

  test('all that mgw said is as the schemas want it', async (t) => {
    await stage.stop();
    assert.deepEqual(stage.violations(t), []);
  });

  test('the table', (t) => {
    sheet.print(t, squares);
    assert.equal(sheet.size, squares.length);
  });
});
