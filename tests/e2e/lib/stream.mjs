// A raw SSE response, seen as it comes: comments too, which SSE clients hide.

import { waitFor } from './gateway.mjs';

export const JSON_HEADERS = {
  'content-type': 'application/json',
  accept: 'application/json, text/event-stream',
};

export const rpc = (id, method, params) => JSON.stringify({ jsonrpc: '2.0', id, method, params });

export const initializeParams = (protocolVersion = '2025-11-25') => ({
  protocolVersion, capabilities: { sampling: {}, elicitation: {}, roots: {} }, clientInfo: { name: 'raw', version: '1' },
});

/** A session of Streamable HTTP. Returns { id, headers } to be sent with every request. */
export async function openSession(url, protocolVersion = '2025-11-25', headers = {}, by = fetch) {
  const response = await by(`${url}/mcp`, {
    method: 'POST', headers: { ...JSON_HEADERS, ...headers }, body: rpc(1, 'initialize', initializeParams(protocolVersion)),
  });
  if (response.status !== 200) throw new Error(`initialize: HTTP ${response.status} ${await response.text()}`);
  await response.text();
  const id = response.headers.get('mcp-session-id');
  return { id, headers: { ...JSON_HEADERS, ...headers, 'mcp-session-id': id, 'mcp-protocol-version': protocolVersion } };
}

/** Opens a stream and reads it in the background. init: that of fetch, a fetch, and onEvent. */
export async function openStream(url, init = {}) {
  const abort = new AbortController();
  const response = await (init.fetch ?? fetch)(url, {
    ...init, headers: { accept: 'text/event-stream', ...init.headers }, signal: abort.signal,
  });
  const stream = {
    response, comments: [], events: [], end: undefined,
    close: () => abort.abort(),
    /** The first event that fits; waits for it. */
    event: (fits, timeoutMs = 20000) => waitFor(() => {
      const found = stream.events.find(fits);
      if (!found && stream.end) throw new Error(`the stream ended (${stream.end}) before the event came`);
      return found;
    }, 'an event', timeoutMs, new Set(), () => JSON.stringify(stream.events)),
    ended: (timeoutMs = 20000) => waitFor(() => stream.end, 'the end of the stream', timeoutMs),
  };
  readStream(response.body, stream, init.onEvent).then(
    () => { stream.end = 'closed'; },
    (error) => { stream.end = `cut: ${error.cause?.code ?? error.message}`; },
  );
  return stream;
}

/** Reads a body to its end into { comments, events }; throws when it is cut. */
export async function readStream(body, into, onEvent) {
  let rest = '';
  const decoder = new TextDecoder();
  for await (const chunk of body) {
    const blocks = (rest + decoder.decode(chunk, { stream: true })).split('\n\n');
    rest = blocks.pop();
    for (const block of blocks) readBlock(into, block, onEvent);
  }
}

function readBlock(stream, block, onEvent) {
  const event = { name: 'message', data: '' };
  let hasField = false;
  for (const line of block.split('\n')) {
    if (line.startsWith(':')) {
      stream.comments.push(line);
      continue;
    }
    hasField = true;
    const [, field, value] = /^([^:]*):? ?(.*)$/s.exec(line);
    if (field === 'data') event.data += (event.data && '\n') + value;
    else if (field === 'event') event.name = value;
    else event[field] = value;
  }
  if (!hasField) return;
  try {
    event.json = JSON.parse(event.data);
  } catch {
    // `endpoint` and priming events carry no JSON
  }
  stream.events.push(event);
  onEvent?.(event);
}
