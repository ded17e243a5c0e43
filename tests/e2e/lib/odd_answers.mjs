// Answers to tools/call as servers give them that are not quite what MCP says: each a tool of that name, said by a program
// (odd_child.mjs), over HTTP and HTTP+SSE (odd_server.mjs). say(id): the bytes; then what the client must get: text, result
// (both of JSON.parse), body (a pattern of the answer's text) or error.

const result = (value) => `{"content":[],"structuredContent":${value}}`;
const answer = (id, rest) => `{"jsonrpc":"2.0","id":${id},${rest}}`;
const texts = (...values) => values.map((text) => ({ type: 'text', text }));
const bytes = (...parts) => Buffer.concat(parts.map((part) => Buffer.from(part)));
const saying = (id, ...parts) => bytes(`{"jsonrpc":"2.0","id":${id},"result":{"content":[{"type":"text","text":"`, ...parts, '"}]}}');
const good = (id) => saying(id, 'good').toString();
const deep = (n) => '['.repeat(n) + ']'.repeat(n);

export const answers = {
  half_a_pair: { say: (id) => saying(id, 'cut \\ud83d'), text: 'cut \ufffd' },
  other_half: { say: (id) => saying(id, '\\ude00 cut'), text: '\ufffd cut' },
  halves_apart: { say: (id) => saying(id, '\\ud83d \\ude00'), text: '\ufffd \ufffd' },
  half_in_cesu: { say: (id) => saying(id, [0xed, 0xa0, 0xbd]), text: '\ufffd' },
  pair_in_cesu: { say: (id) => saying(id, [0xed, 0xa0, 0xbd, 0xed, 0xb8, 0x80]), text: '\u{1f600}' },
  latin1: { say: (id) => saying(id, 'caf', [0xe9]), text: 'caf\ufffd' },
  cut_utf8: { say: (id) => saying(id, [0xe2, 0x82], 'x'), text: '\ufffdx' },
  windows: { say: (id) => saying(id, [0x93], 'quoted', [0x94]), text: '\ufffdquoted\ufffd' },
  nul: { say: (id) => saying(id, 'a\\u0000b'), text: 'a\0b' },
  nul_in_name: { say: (id) => answer(id, `"result":${result('{"a\\u0000b":1,"a":2}')}`), result: { content: [], structuredContent: { 'a\ufffdb': 1, a: 2 } } },
  control: { say: (id) => saying(id, 'a\tb'), text: 'a\tb' },
  past_64_bits: { say: (id) => answer(id, `"result":${result('{"id":18446744073709551615}')}`), body: /"id":18446744073709551615[,}]/ },
  past_int64: { say: (id) => answer(id, `"result":${result('{"id":-9223372036854776000}')}`), body: /"id":-9223372036854776000[,}]/ },
  of_30_digits: { say: (id) => answer(id, `"result":${result(`{"id":${'7'.repeat(30)}}`)}`), body: /"id":7{30}[,}]/ },
  many_digits: { say: (id) => answer(id, `"result":${result('{"pi":3.14159265358979323846}')}`), body: /"pi":3.14159265358979323846[,}]/ },
  tenth: { say: (id) => answer(id, `"result":${result('{"price":0.1,"tax":19.99,"all":1.0}')}`), body: /"price":0.1,"tax":19.99,"all":1.0[,}]/ },
  as_written: { say: (id) => answer(id, '"result":{"structuredContent": {"z":1.50,"a":"\\u00e9\\/","m":[-0, 1]},"content":[]}'), body: /"structuredContent": \{"z":1\.50,"a":"\\u00e9\\\/","m":\[-0, 1\]\}/ },
  past_double: { say: (id) => answer(id, `"result":${result('{"x":1e400,"y":-1e400}')}`), result: { content: [], structuredContent: { x: Number.MAX_VALUE, y: -Number.MAX_VALUE } } },
  python: { say: (id) => answer(id, `"result":${result('{"x":NaN,"y":Infinity}')}`), result: { content: [], structuredContent: { x: null, y: Number.MAX_VALUE } } },
  name_twice: { say: (id) => answer(id, `"result":${result('{"a":1,"b":2,"a":3}')}`), result: { content: [], structuredContent: { a: 3, b: 2 } } },
  byte_order_mark: { say: (id) => `\ufeff${good(id)}`, text: 'good' },
  members_of_all_kinds: { say: (id) => answer(id, '"method":null,"params":null,"result":{"content":[{"type":"text","text":"good"}]},"error":null'), text: 'good' },
  method_beside_result: { say: (id) => answer(id, '"method":"tools/call","params":{"name":"x"},"result":{"content":[{"type":"text","text":"good"}]}'), text: 'good' },
  empty_members_of_go: { say: (id) => answer(id, '"method":"","params":null,"result":{"content":[{"type":"text","text":"good"}]},"error":{"code":0,"message":""}'), text: 'good' },
  error_with_code_in_words: { say: (id) => answer(id, '"error":{"code":"E_PAPER","message":"out of paper"}'), error: /^out of paper$/ },
  urls_that_are_none: { say: (id) => answer(id, '"error":{"code":-32042,"message":"visit us"}'), error: /^visit us$/, body: /"code":-32603/ },
  array: { say: (id) => `[${good(id)}]`, text: 'good' },
  array_with_note: { say: (id) => `[{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"x"}},${good(id)}]`, text: 'good' },
  array_with_broken: { say: (id) => `[{"jsonrpc":"2.0","method":"notifications/message","params":oops},${good(id)}]`, text: 'good' },
  null_error: { say: (id) => answer(id, '"result":{"content":[]},"error":null'), result: { content: [] } },
  empty_error: { say: (id) => answer(id, '"result":{"content":[]},"error":{}'), result: { content: [] } },
  null_result_beside_error: { say: (id) => answer(id, '"result":null,"error":{"code":-32000,"message":"no"}'), error: /^no$/ },
  text_for_error: { say: (id) => answer(id, '"error":"out of paper"'), error: /^out of paper$/ },
  error_without_code: { say: (id) => answer(id, '"error":{"message":"out of ink"}'), error: /^out of ink$/ },
  null_result: { say: (id) => answer(id, '"result":null'), result: { content: [] } },
  empty_array_for_result: { say: (id) => answer(id, '"result":[]'), result: { content: [] } },
  text_for_result: { say: (id) => answer(id, '"result":"done"'), error: /its answer cannot be read: its result is no object/ },
  null_members: { say: (id) => answer(id, '"result":{"content":[{"type":"text","text":"good","annotations":null,"_meta":null}],"isError":null,"structuredContent":null,"_meta":null}'), result: { content: texts('good') } },
  text_for_content: { say: (id) => answer(id, '"result":{"content":"good"}'), text: 'good' },
  one_block: { say: (id) => answer(id, '"result":{"content":{"type":"text","text":"good"}}'), text: 'good' },
  number_for_text: { say: (id) => answer(id, '"result":{"content":[{"type":"text","text":5}]}'), text: '5' },
  values_for_blocks: { say: (id) => answer(id, '"result":{"content":[1.5,null,["a"],true]}'), result: { content: texts('1.5', '["a"]', 'true') } },
  only_structure: { say: (id) => answer(id, '"result":{"structuredContent":{"a":1}}'), result: { content: texts('{"a":1}'), structuredContent: { a: 1 } } },
  tool_result: { say: (id) => answer(id, '"result":{"toolResult":"good"}'), text: 'good' },
  structured_text: { say: (id) => answer(id, '"result":{"content":[],"structuredContent":"good"}'), result: { content: texts('"good"') } },
  result_type: { say: (id) => answer(id, '"result":{"content":[],"resultType":"input_required","inputRequests":{},"ttlMs":5,"cacheScope":"public"}'), result: { content: [], inputRequests: {} } },
  uri_with_blank: { say: (id) => answer(id, '"result":{"content":[{"type":"resource_link","name":"x","uri":"file:///a b/\u00fc[1].txt"}]}'), result: { content: [{ type: 'resource_link', name: 'x', uri: 'file:///a%20b/%C3%BC%5B1%5D.txt' }] } },
  data_url: { say: (id) => answer(id, '"result":{"content":[{"type":"image","mimeType":"image/png","data":"data:image/png;base64,-_8"}]}'), result: { content: [{ type: 'image', mimeType: 'image/png', data: '+/8=' }] } },
  unknown_block: { say: (id) => answer(id, '"result":{"content":[{"type":"video","url":"x"}]}'), text: '{"type":"video","url":"x"}' },
  url_base64: { say: (id) => answer(id, '"result":{"content":[{"type":"image","mimeType":"image/png","data":"-_8"}]}'), result: { content: [{ type: 'image', mimeType: 'image/png', data: '+/8=' }] } },
  id_as_text: { say: (id) => good(`"${id}"`), text: 'good' },
  id_with_fraction: { say: (id) => good(`${id}.0`), text: 'good' },
  no_id: { say: () => '{"jsonrpc":"2.0","result":{"content":[]}}', result: { content: [] } },
  null_id: { say: () => '{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"I cannot read"}}', error: /^I cannot read$/ },
  no_version: { say: (id) => good(id).replace('"jsonrpc":"2.0",', ''), text: 'good' },
  version_1: { say: (id) => good(id).replace('"2.0"', '"1.0"'), text: 'good' },
  glued_before: { say: (id) => `Progress: 100% ${good(id)}`, text: 'good' },
  glued_behind: { say: (id) => `${good(id)}done.`, text: 'good' },
  glued_to_quote: { say: (id) => `{"level":"debug","sent":{"jsonrpc":"2.0","id":${id},"method":"tools/call"}} ${good(id)}`, text: 'good' },
  two_at_once: { say: (id) => `{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"x"}}${good(id)}`, text: 'good' },
  too_deep: { say: (id) => answer(id, `"result":${result(deep(80))}`), error: /its answer cannot be read: nested deeper than 64 levels/ },
  id_behind: { say: (id) => `{"jsonrpc":"2.0","result":${result('undefined')},"id":${id}}`, error: /its answer cannot be read: no value of JSON/ },
  single_quotes: { say: (id) => answer(id, `"result":{'content':[]}`), error: /its answer cannot be read: the name of a member expected/ },
  bad_escape: { say: (id) => saying(id, '\\x41'), error: /its answer cannot be read: no such escape/ },
  trailing_comma: { say: (id) => answer(id, '"result":{"content":[],}'), error: /its answer cannot be read: the name of a member expected/ },
  cut_short: { say: (id) => good(id).slice(0, -4), error: /its answer cannot be read: the text ends too early/ },
};

const tools = Object.keys(answers).map((name) => ({ name, description: name, inputSchema: { type: 'object' } }));

/** What an odd server says to a message: bytes, or undefined. */
export function say(msg) {
  const plain = (value) => JSON.stringify({ jsonrpc: '2.0', id: msg.id, ...value });
  if (msg.id === undefined || msg.method === undefined) return undefined;
  switch (msg.method) {
    case 'initialize':
      return plain({ result: { protocolVersion: '2025-06-18', capabilities: { tools: {}, logging: {} }, serverInfo: { name: 'odd', version: '1' } } });
    case 'tools/list':
      return plain({ result: { tools } });
    case 'tools/call':
      return answers[msg.params.name].say(msg.id);
    case 'ping':
    case 'logging/setLevel':
      return plain({ result: {} });
    default:
      return plain({ error: { code: -32601, message: 'Method not found' } });
  }
}
