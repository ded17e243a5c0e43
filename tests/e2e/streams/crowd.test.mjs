// Two hundred clients at six upstreams that come and go. At length: soak/crowd.mjs.

import { test } from 'node:test';
import { crowdProof } from '../lib/crowd.mjs';

test('200 clients and six upstreams, some of which are restarted, cut and killed', { timeout: 120000 }, (t) =>
  crowdProof(t, { clients: 200, seconds: 9, pauseMs: 600 }));
