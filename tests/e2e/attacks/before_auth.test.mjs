// What costs something before anything is asked: bodies of requests that will be refused, and of those that never come to their end.

import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { waitFor } from '../lib/gateway.mjs';
import { JSON_HEADERS } from '../lib/stream.mjs';
import { MB, attack, bearer } from './lib/arena.mjs';
import { addressOf, dial, headOf, tally } from './lib/ada.mjs';

const SIZE = 4 * MB;

/** n connections which each send a request's head and all of its body but a byte, and then nothing. Answers the lines. */
async function halfBodies(arena, n, { method = 'POST', target = '/mcp', headers = JSON_HEADERS, isTls = false } = {}) {
  const body = Buffer.alloc(SIZE - 1, 'x');
  const lines = [];
  for (let i = 0; i < n; i++) {
    const line = await dial(arena, { from: addressOf(i), isTls });
    lines.push(line);
    await line.send(headOf(method, target, headers, SIZE));
    line.send(body); // HAProxy may stop reading it: nobody waits for that
  }
  return lines;
}

const closeAll = (lines) => lines.forEach((line) => line.close());

/** All are answered though their bodies never come to an end. */
async function answered(lines, status) {
  await waitFor(() => lines.every((line) => line.status() || line.isClosed), 'an answer to each', 8000, new Set(),
    () => JSON.stringify(tally(lines.map((line) => line.status() || 'none'))));
  assert.deepEqual(tally(lines.map((line) => line.status())), { [status]: lines.length });
}

const refusals = {
  'without a token': [{}, 401],
  'with a token that nobody has': [{ headers: { ...JSON_HEADERS, authorization: 'Bearer mgw_nobody' } }, 401],
  'for a path of GET alone': [{ target: '/sse', headers: { ...JSON_HEADERS, ...bearer('ada') } }, 405],
  'from a page of another origin': [{ headers: { ...JSON_HEADERS, ...bearer('ada'), origin: 'https://evil.example' } }, 403],
  'of a type that is not JSON': [{ headers: { ...JSON_HEADERS, ...bearer('ada'), 'content-type': 'text/plain' } }, 415],
};
for (const [what, [request, status]] of Object.entries(refusals)) {
  attack(`bodies ${what} are refused at the head and not kept`, { bounds: { bytes: 16 * MB, cpuS: 2 } }, async (arena) => {
    const lines = await halfBodies(arena, 40, request);
    await answered(lines, status);
    await sleep(500);
    closeAll(lines);
  });
}

attack('bodies without a token over TLS are refused at the head and not kept',
  { bounds: { bytes: 16 * MB, cpuS: 2 } }, async (arena) => {
    const lines = await halfBodies(arena, 20, { isTls: true });
    await answered(lines, 401);
    closeAll(lines);
  });

const bodiless = { 'GET /mcp': bearer('ada'), 'DELETE /mcp': bearer('ada'), 'GET /sse': bearer('ada'), 'GET /health': {}, 'GET /ready': {},
  'POST /health': {}, 'POST /message': bearer('ada') };
attack('what takes no body keeps none', { bounds: { bytes: 16 * MB, cpuS: 2 } }, async (arena) => {
  for (const [what, token] of Object.entries(bodiless)) {
    const [method, target] = what.split(' ');
    const lines = await halfBodies(arena, 10, { method, target, headers: { accept: 'application/json, text/event-stream', ...token } });
    await sleep(200);
    closeAll(lines);
  }
});

attack('bodies without a token that come a byte at a time are not kept, on any path', { bounds: { bytes: 16 * MB, cpuS: 2 } }, async (arena) => {
  const targets = ['/mcp', '/message', '/sse', '/health'];
  const lines = [];
  for (let i = 0; i < 200; i++) {
    const line = await dial(arena, { from: addressOf(i) });
    lines.push(line);
    await line.send(headOf('POST', targets[i % targets.length], JSON_HEADERS, SIZE));
    line.send(Buffer.alloc(200000, ' '));
  }
  for (let k = 0; k < 10; k++) {
    for (const line of lines) line.send(' ');
    await sleep(100);
  }
  closeAll(lines);
});

attack('bodies that never end hold no more than a user\'s share', {
  settings: { MEMORY_PER_USER_MAX_BYTES: 32 * MB }, bounds: { bytes: 48 * MB, cpuS: 2 },
}, async (arena) => {
  const lines = await halfBodies(arena, 30, { headers: { ...JSON_HEADERS, ...bearer('ada') } });
  await waitFor(() => lines.filter((line) => line.status() === 429).length >= 20, 'all over the share to be refused', 8000);
  closeAll(lines);
});
