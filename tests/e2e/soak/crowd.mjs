// Two hundred clients at six upstreams for a minute.

import { test } from 'node:test';
import { crowdProof } from '../lib/crowd.mjs';

test('200 clients and six upstreams for 60 s', { timeout: 240000 }, (t) =>
  crowdProof(t, { clients: 200, seconds: 60, pauseMs: 600 }));
