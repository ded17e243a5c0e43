// The client that the official scenarios for clients start, with the URL of their server as its last argument: mgw, and before
// it the official SDK's client, which lists and calls whatever tool there is.

import { ElicitRequestSchema } from '@modelcontextprotocol/sdk/types.js';
import { connectClient } from './clients.mjs';
import { startGateway } from './gateway.mjs';

const args = { add_numbers: { a: 5, b: 3 } };

const gateway = await startGateway({
  config: { mcpServers: { up: { url: process.argv.at(-1), prefix: '' } }, gateway: { builtin_tools: false } },
});
const client = await connectClient(gateway.url, 'http', {
  capabilities: { elicitation: { form: { applyDefaults: true } } },
  setUp: (it) => it.setRequestHandler(ElicitRequestSchema, () => ({ action: 'accept', content: {} })),
});
for (const { name } of (await client.listTools()).tools) console.log(JSON.stringify(await client.callTool({ name, arguments: args[name] ?? {} })));
await client.close();
await gateway.stop();
process.exit(0);
