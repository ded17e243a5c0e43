// A tool is tried: chosen, asked for by a form that its schema makes, run, and answered.

const protocol = '2026-07-28';
const meta = {
  'io.modelcontextprotocol/protocolVersion': protocol,
  'io.modelcontextprotocol/clientInfo': { name: 'mgw status page', version: '1' },
  'io.modelcontextprotocol/clientCapabilities': {},
};
const TOOL_PAGES_MAX = 40;
let lastId = 0;

/** As MCP writes a text in a header (2026-07-28, "Value Encoding"). */
function headerValue(text) {
  return /^[!-~]([ -~]*[!-~])?$/.test(text) && !/^=\?base64\?.*\?=$/.test(text) ? text : `=?base64?${base64(text)}?=`;
}

/** The result of one request of the stateless era; throws what went wrong. */
async function ask(method, params, { headers = {}, signal } = {}) {
  const response = await fetch('/status/mcp', {
    method: 'POST', signal, credentials: 'same-origin', redirect: 'error',
    headers: {
      'Content-Type': 'application/json', Accept: 'application/json', 'MCP-Protocol-Version': protocol, 'Mcp-Method': method,
      ...(params.name !== undefined && { 'Mcp-Name': headerValue(params.name) }), ...headers,
    },
    body: JSON.stringify({ jsonrpc: '2.0', id: ++lastId, method, params: { ...params, _meta: meta } }),
  });
  const text = await response.text();
  let answer;
  try {
    answer = JSON.parse(text);
  } catch {
    throw new Error(`HTTP ${response.status}: ${text.slice(0, 300)}`);
  }
  if (answer.error) throw new Error(`${answer.error.message} (${answer.error.code})`);
  return answer.result;
}

// ---- which tools there are ----

const tools = new Map();

async function loadTools() {
  const select = byId('tool');
  byId('tools-load').disabled = true;
  try {
    let cursor;
    tools.clear();
    for (let page = 0; page < TOOL_PAGES_MAX; page++) {
      const result = await ask('tools/list', cursor === undefined ? {} : { cursor });
      for (const tool of result.tools) tools.set(tool.name, tool);
      if ((cursor = result.nextCursor) === undefined) break;
    }
    select.replaceChildren(el('option', { value: '' }, tools.size === 0 ? 'there is none for you' : `choose one of ${tools.size}`),
      ...[...tools.keys()].map((name) => el('option', { value: name }, name)));
    select.disabled = tools.size === 0;
    byId('tools-load').textContent = 'Load again';
    byId('tool-form').hidden = true;
    setText('tool-about', '');
  } catch (error) {
    showFault(error);
  }
  byId('tools-load').disabled = false;
}

// ---- the form ----

let form = makeForm({});

function chips({ annotations = {} }) {
  if (annotations.readOnlyHint === true) return el('span', { class: 'chip', 'data-tone': 'good' }, 'only reads, it says');
  return annotations.destructiveHint === false
    ? el('span', { class: 'chip' }, 'changes things, destroys none, it says')
    : el('span', { class: 'chip', 'data-tone': 'warn' }, 'may change or destroy things');
}

function chooseTool(name) {
  const tool = tools.get(name);
  byId('tool-form').hidden = tool === undefined;
  if (tool === undefined) return setText('tool-about', '');
  setText('tool-about', tool.description ?? '');
  form = makeForm(tool.inputSchema);
  const run = el('button', { type: 'submit' }, 'Run');
  const cancel = el('button', { type: 'button', class: 'quiet', id: 'tool-cancel', hidden: true }, 'Cancel');
  cancel.addEventListener('click', () => running?.abort());
  byId('tool-form').replaceChildren(...form.elements, el('div', { class: 'line' }, run, cancel, chips(tool)));
  return undefined;
}

// ---- the answer ----

function showAnswer(...parts) {
  byId('answer').replaceChildren(...parts);
}

function showFault(error) {
  showAnswer(el('p', { class: 'sum' }, el('span', { class: 'chip', 'data-tone': 'bad' }, 'failed'), el('span', {}, error.message)));
}

function contentOf(it) {
  if (it.type === 'text') return el('pre', {}, it.text);
  if (it.type === 'image' && /^image\/(png|jpeg|gif|webp)$/.test(it.mimeType)) return el('img', { src: `data:${it.mimeType};base64,${it.data}`, alt: 'An image that the tool has sent' });
  return el('pre', {}, json(it));
}

function showResult(result, ms) {
  const asks = result.inputRequests !== undefined;
  const head = el('p', { class: 'sum' }, asks ? el('span', { class: 'chip', 'data-tone': 'warn' }, 'asks its user something: a client of your own can answer')
    : el('span', { class: 'chip', 'data-tone': result.isError ? 'bad' : 'good' }, result.isError ? 'the tool has failed' : 'answered'), el('span', { class: 'soft' }, `in ${quick(Math.round(ms * 1000))}`));
  showAnswer(head, ...(result.content ?? []).map(contentOf),
    ...(result.structuredContent !== undefined ? [el('pre', {}, json(result.structuredContent))] : []), ...(asks ? [el('pre', {}, json(result.inputRequests))] : []));
}

/** Arguments that a header repeats (2026-07-28, "x-mcp-header"), and those within them. */
function mirrorHeaders(schema, args, headers = {}) {
  for (const [name, property] of propertiesOf(schema)) {
    const header = property?.['x-mcp-header'], value = args?.[name];
    if (typeof header === 'string' && ['string', 'number', 'boolean'].includes(typeof value)) headers[`Mcp-Param-${header}`] = headerValue(String(value));
    mirrorHeaders(property, value, headers);
  }
  return headers;
}

let running;

/** While one runs, no other is chosen. */
function setRunning(controller) {
  running = controller;
  for (const element of [byId('tool'), byId('tools-load'), byId('tool-form').querySelector('button[type=submit]')]) element.disabled = controller !== undefined;
  byId('tool-cancel').hidden = controller === undefined;
}

async function runTool(event) {
  event.preventDefault();
  const name = byId('tool').value, began = performance.now();
  try {
    const args = form.take();
    setRunning(new AbortController());
    showAnswer(el('p', { class: 'empty' }, 'It runs …'));
    const headers = mirrorHeaders(tools.get(name).inputSchema, args);
    showResult(await ask('tools/call', { name, arguments: args }, { signal: running.signal, headers }), performance.now() - began);
  } catch (error) {
    showFault(error.name === 'AbortError' ? new Error('cancelled') : error);
  }
  setRunning(undefined);
}

byId('tools-load').addEventListener('click', loadTools);
byId('tool').addEventListener('change', ({ target }) => chooseTool(target.value));
byId('tool-form').addEventListener('submit', runTool);
