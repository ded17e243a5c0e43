// What the revisions ask of HTTP's headers and status codes.

const STREAMABLE = '2025-03-26';
const NAMED = '2025-06-18'; // the first with the header MCP-Protocol-Version
const STATELESS = '2026-07-28';

/** How a value stands in a header: as it is, or in Base64 between the sentinels. */
function decoded(value) {
  const encoded = /^=\?base64\?(.*)\?=$/.exec(value ?? '');
  return encoded ? Buffer.from(encoded[1], 'base64').toString() : value;
}

const equal = (name, header, value) => (header === value ? [] : [`${name} is ${JSON.stringify(header)}, not ${JSON.stringify(value)}`]);

/** What is wrong with a client's request. body: its message, where it has one. */
export function requestProblems(revision, { method, headers }, body) {
  if (revision < STREAMABLE) return [];
  const problems = [];
  const accepted = headers.accept ?? '';
  const wanted = method === 'POST' ? ['application/json', 'text/event-stream'] : method === 'GET' ? ['text/event-stream'] : [];
  for (const type of wanted) if (!accepted.includes(type)) problems.push(`Accept lacks ${type}`);
  if (revision >= STATELESS) return [...problems, ...statelessProblems(revision, headers, body)];
  if (body?.method === 'initialize') return problems;
  if (!headers['mcp-session-id']) problems.push('Mcp-Session-Id is missing');
  if (revision >= NAMED) problems.push(...equal('MCP-Protocol-Version', headers['mcp-protocol-version'], revision));
  return problems;
}

function statelessProblems(revision, headers, body) {
  const problems = equal('MCP-Protocol-Version', headers['mcp-protocol-version'], revision);
  if (headers['mcp-session-id']) problems.push('Mcp-Session-Id, which there is no more');
  if (body?.id === undefined) return problems;
  problems.push(...equal('Mcp-Method', headers['mcp-method'], body.method));
  const names = { 'tools/call': 'name', 'prompts/get': 'name', 'resources/read': 'uri' };
  const name = body.params?.[names[body.method]];
  if (name !== undefined) problems.push(...equal('Mcp-Name', decoded(headers['mcp-name']), name));
  // The one argument that an upstream of the matrix wants to see there.
  const isSay = body.method === 'tools/call' && body.params.name.endsWith('say');
  if (isSay) problems.push(...equal('Mcp-Param-Text', decoded(headers['mcp-param-text']), body.params.arguments.text));
  return problems;
}

/** What is wrong with the head of a server's response. body: the message of the request, where it has one. */
export function responseProblems(revision, { statusCode, headers }, body) {
  const problems = [];
  if (revision >= STATELESS && headers['mcp-session-id']) problems.push('Mcp-Session-Id, which there is no more');
  const asks = body?.method !== undefined && body.id !== undefined;
  if (revision >= STREAMABLE && asks && !/^(application\/json|text\/event-stream)/.test(headers['content-type'])) {
    problems.push(`a request is answered with ${headers['content-type']}`);
  }
  const isAlone = body !== undefined && !Array.isArray(body);
  if (isAlone && !asks && statusCode < 400 && statusCode !== 202) problems.push(`a message that asks nothing is answered with ${statusCode}`);
  return problems;
}
