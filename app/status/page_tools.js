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

const types = (schema) => [schema?.type].flat().filter((type) => type !== undefined && type !== 'null');

/** How a value is asked for: one of an enum, a check, a number, a text, or JSON. */
function kindOf(schema) {
  const [type, ...more] = types(schema);
  if (Array.isArray(schema?.enum) && schema.enum.every((it) => ['string', 'number', 'boolean'].includes(typeof it))) return 'choice';
  if (more.length > 0) return 'json';
  return { boolean: 'check', integer: 'number', number: 'number', string: 'text' }[type] ?? 'json';
}

function inputOf(kind, id, schema, isRequired) {
  const given = schema?.default;
  if (kind === 'choice') {
    return el('select', { id }, ...(isRequired && given === undefined ? [el('option', { value: '' }, 'choose')] : given === undefined ? [el('option', { value: '' }, 'left out')] : []),
      ...schema.enum.map((it, i) => el('option', { value: String(i), selected: it === given }, String(it))));
  }
  if (kind === 'check') return el('input', { id, type: 'checkbox', checked: given === true });
  if (kind === 'number') {
    return el('input', { id, type: 'number', step: types(schema)[0] === 'integer' ? 1 : 'any', min: schema.minimum, max: schema.maximum, value: given, required: isRequired });
  }
  const isLong = kind === 'json' || (schema.maxLength ?? 0) > 200 || typeof given === 'string' && given.includes('\n');
  const value = given === undefined ? '' : kind === 'json' ? json(given) : String(given);
  const input = el(isLong ? 'textarea' : 'input', { id, ...(isLong ? {} : { type: 'text' }), autocomplete: 'off', spellcheck: false, required: isRequired, placeholder: kind === 'json' ? 'JSON' : null });
  input.value = value;
  return input;
}

/** What has been filled in; undefined: it is left out. */
function valueOf({ kind, input, schema, isRequired, name }) {
  if (kind === 'check') return input.checked || isRequired || schema.default !== undefined ? input.checked : undefined;
  if (kind === 'text') return input.value !== '' || isRequired ? input.value : undefined;
  if (input.value.trim() === '') {
    if (isRequired) throw new Error(`${name} is missing`);
    return undefined;
  }
  if (kind === 'choice') return schema.enum[Number(input.value)];
  if (kind === 'number') return Number(input.value);
  try {
    return JSON.parse(input.value);
  } catch (error) {
    throw new Error(`${name} is not JSON: ${error.message}`);
  }
}

let fields = [];

function fieldOf([name, schema], i, required) {
  const isRequired = required.includes(name), kind = kindOf(schema), id = `argument-${i}`;
  const input = inputOf(kind, id, schema, isRequired);
  const hints = [schema?.description, kind === 'number' && (schema.minimum !== undefined || schema.maximum !== undefined) ? `${schema.minimum ?? '…'} to ${schema.maximum ?? '…'}` : '',
    kind === 'json' ? types(schema).join(' or ') : ''].filter((it) => typeof it === 'string' && it !== '').join(' · ');
  if (hints) input.setAttribute('aria-describedby', `${id}-hint`);
  fields.push({ name, schema: schema ?? {}, kind, input, isRequired });
  return el('div', { class: kind === 'check' ? 'field check' : 'field' }, el('label', { for: id }, schema?.title ?? name, ' ', isRequired ? '' : el('span', { class: 'soft' }, 'optional')),
    input, hints ? el('p', { class: 'hint', id: `${id}-hint` }, hints) : null);
}

function chips({ annotations = {} }) {
  if (annotations.readOnlyHint === true) return el('span', { class: 'chip', 'data-tone': 'good' }, 'only reads, it says');
  return annotations.destructiveHint === false
    ? el('span', { class: 'chip' }, 'changes things, destroys none, it says')
    : el('span', { class: 'chip', 'data-tone': 'warn' }, 'may change or destroy things');
}

function chooseTool(name) {
  const tool = tools.get(name), form = byId('tool-form');
  fields = [];
  form.hidden = tool === undefined;
  if (tool === undefined) return setText('tool-about', '');
  setText('tool-about', tool.description ?? '');
  const properties = Object.entries(tool.inputSchema?.properties ?? {}), required = tool.inputSchema?.required ?? [];
  const run = el('button', { type: 'submit' }, 'Run');
  const cancel = el('button', { type: 'button', class: 'quiet', id: 'tool-cancel', hidden: true }, 'Cancel');
  cancel.addEventListener('click', () => running?.abort());
  form.replaceChildren(...properties.map((property, i) => fieldOf(property, i, required)), el('div', { class: 'line' }, run, cancel, chips(tool)));
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

/** Arguments that a header repeats (2026-07-28, "x-mcp-header"). */
function mirrorHeaders(args) {
  const headers = {};
  for (const { name, schema } of fields) {
    const header = schema['x-mcp-header'], value = args[name];
    if (typeof header === 'string' && ['string', 'number', 'boolean'].includes(typeof value)) headers[`Mcp-Param-${header}`] = headerValue(String(value));
  }
  return headers;
}

let running;

async function runTool(event) {
  event.preventDefault();
  const button = byId('tool-form').querySelector('button[type=submit]'), began = performance.now();
  try {
    const args = {};
    for (const field of fields) {
      const value = valueOf(field);
      if (value !== undefined) args[field.name] = value;
    }
    running = new AbortController();
    button.disabled = true;
    byId('tool-cancel').hidden = false;
    showAnswer(el('p', { class: 'empty' }, 'It runs …'));
    showResult(await ask('tools/call', { name: byId('tool').value, arguments: args }, { signal: running.signal, headers: mirrorHeaders(args) }), performance.now() - began);
  } catch (error) {
    showFault(error.name === 'AbortError' ? new Error('cancelled') : error);
  }
  running = undefined;
  button.disabled = false;
  byId('tool-cancel').hidden = true;
}

byId('tools-load').addEventListener('click', loadTools);
byId('tool').addEventListener('change', ({ target }) => chooseTool(target.value));
byId('tool-form').addEventListener('submit', runTool);
