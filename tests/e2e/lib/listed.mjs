// Holds all lists that a test fetches from a gateway, whatever its upstreams are, against the schema of the client's
// revision. (What else is said is judged in the matrix.)

const judged = new Set(['tools/list', 'prompts/list', 'resources/list', 'resources/templates/list', 'completion/complete']);
const gateways = new Map(); // origin -> what was wrong
const plainFetch = globalThis.fetch;

function asked(init) {
  if (init?.method !== 'POST' || typeof init.body !== 'string' || init.body.length > 100000) return undefined;
  try {
    const message = JSON.parse(init.body);
    return judged.has(message.method) ? message : undefined;
  } catch {
    return undefined;
  }
}

/** The answer in a body: of JSON, or in a stream. */
function answerIn(text, isStream, id) {
  const texts = isStream ? [...text.matchAll(/^data: ?(\{.*)$/gm)].map(([, data]) => data) : [text];
  return texts.map((one) => JSON.parse(one)).find((message) => message.id === id && message.result);
}

function revisionOf(message, headers) {
  return message.params?._meta?.['io.modelcontextprotocol/protocolVersion'] ?? headers.get('mcp-protocol-version') ?? '2025-03-26';
}

async function judge(message, response, headers, problems) {
  try {
    const text = await response.text();
    const answer = answerIn(text, /^text\/event-stream/.test(response.headers.get('content-type')), message.id);
    if (answer === undefined) return;
    const { schemaOf } = await import('./matrix/schemas.mjs');
    problems.push(...schemaOf(revisionOf(message, headers)).problems('server', answer, message.method));
  } catch {
    // cut, no answer, or of a revision that there is not: others judge that
  }
}

globalThis.fetch = async (input, init) => {
  const message = asked(init);
  const origin = message && new URL(String(input?.url ?? input)).origin;
  const response = await plainFetch(input, init);
  const gateway = gateways.get(origin);
  if (gateway && response.status === 200) gateway.pending.push(judge(message, response.clone(), new Headers(init.headers), gateway.problems));
  return response;
};

/** What is fetched from there from now on is judged; problems() waits for the last of it. */
export function judgeLists(...origins) {
  const gateway = { problems: [], pending: [] };
  for (const origin of origins) gateways.set(origin, gateway);
  return async () => {
    await Promise.all(gateway.pending);
    for (const origin of origins) gateways.delete(origin);
    return gateway.problems;
  };
}
