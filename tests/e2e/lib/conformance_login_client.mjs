// The client that the official scenarios for authorization start, with the URL of their server as its last argument: mgw, with a
// user who connects their account in a browser and calls what tools there are; asked for more, they go there again, twice.

import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { connectClient, trustingFetch } from './clients.mjs';
import { mgwRelease, startGateway } from './gateway.mjs';
import { PlainBrowser } from './plain_browser.mjs';

const url = process.argv.at(-1);
const { client_id, client_secret } = JSON.parse(process.env.MCP_CONFORMANCE_CONTEXT ?? '{}');
const fetch = trustingFetch();
let base, token;
const gateway = await startGateway({
  config: ({ tls, dir }) => {
    base = tls;
    const tokens = path.join(dir, 'users.json');
    token = execFileSync(mgwRelease, ['token', 'ada@example.com', '--file', tokens], { encoding: 'utf8' }).trim();
    return {
      mcpServers: { up: { url, prefix: '', oauth: { ...(client_id && { client_id }), ...(client_secret && { client_secret }) } } },
      gateway: {
        public_url: tls, builtin_tools: false, allow_private_documents: true, upstream_retry_s: 0.2,
        auth: { tokens_file: tokens, login: { tokens: true } },
      },
    };
  },
});

const browser = new PlainBrowser({ fetch });
/** Follows a link to connect, or the page's button; signs in with the token where that is asked for. */
async function connect(link) {
  let page = await browser.open(link);
  if (page.forms.some(({ fields }) => 'token' in fields)) page = await browser.press(/sign in/i, { fields: { token } });
  if (page.url.pathname === '/connect') page = await browser.follow(/connect/i);
  console.log(`${page.status} ${page.url}: ${page.html.replace(/<style[\s\S]*?<\/style>|<[^>]*>/g, ' ').replace(/\s+/g, ' ').slice(0, 400)}`);
}

const linkIn = (result) => new RegExp(`${base}/connect[^\\s"<>)]*`).exec(JSON.stringify(result))?.[0];

await connect(`${base}/connect`);
const client = await connectClient(base, 'http', { fetch, headers: { Authorization: `Bearer ${token}` } });
const listed = async () => {
  for (let i = 0; i < 25; i++) {
    const { tools } = await client.listTools();
    if (tools.length > 0) return tools;
    await new Promise((resolve) => { setTimeout(resolve, 100); });
  }
  return [];
};
let tools = await listed();
if (tools.length === 0) {
  // What its lists need has become known: the page asks for it now.
  await connect(`${base}/connect`);
  tools = await listed();
}
for (const { name } of tools) {
  for (let tries = 0; tries < 3; tries++) {
    const result = await client.callTool({ name, arguments: {} }).catch((error) => ({ isError: true, error: error.message }));
    console.log(name, JSON.stringify(result));
    const link = result.isError && linkIn(result);
    if (!link || tries === 2) break;
    await connect(link);
  }
}
await client.close();
console.log(gateway.mgw.tail(200));
await gateway.stop();
process.exit(0);
