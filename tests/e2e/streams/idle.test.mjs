// Scaled down: 1 s, 2 s and 3.3 s stand for 30 s, 60 s and 100 s. ./dev soak runs the true times.
import { idleProof } from '../lib/idle_proof.mjs';

idleProof({ keepalive: 1, lb: 2, cdn: 3.3 });
