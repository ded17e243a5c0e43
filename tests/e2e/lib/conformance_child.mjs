// The server of the official scenarios as a program.

import { serveStdio } from './conformance_server.mjs';

await serveStdio();
