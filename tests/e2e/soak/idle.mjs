// The idle proof at true times: keep-alive 30 s, a load balancer's 60 s, a CDN's 100 s; and Node's fetch, which gives up
// after 300 s of silence, left alone for longer.

import { describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { connectClient, textOf } from '../lib/clients.mjs';
import { startGateway } from '../lib/gateway.mjs';
import { idleProof } from '../lib/idle_proof.mjs';

const NODE_FETCH_SILENCE_S = 300;

idleProof({ keepalive: 30, lb: 60, cdn: 100 });

describe('left alone', { concurrency: true }, () => {
  for (const kind of ['sse', 'http']) {
    test(`Node's fetch stays with an idle stream beyond ${NODE_FETCH_SILENCE_S} s, then a tool answers (${kind})`, async () => {
      const gateway = await startGateway({ settings: { KEEPALIVE_S: 30 } });
      const client = await connectClient(gateway.url, kind);
      const errors = [];
      client.onerror = (error) => errors.push(error.message);
      await gateway.mgw.line(/Client connected/);
      await sleep((NODE_FETCH_SILENCE_S + 20) * 1000);
      const answer = await client.callTool({ name: 'echo', arguments: { message: 'still here' } });
      assert.equal(textOf(answer), 'still here');
      assert.deepEqual(errors, []);
      assert.equal(gateway.mgw.count(/Client connected/), 1, 'nobody may reconnect');
      await client.close();
      await gateway.stop();
    });
  }
});
