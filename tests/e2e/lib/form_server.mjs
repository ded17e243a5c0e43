// An upstream whose tools have schemas of all kinds, as SDKs make them and as nobody should. Each tool answers with its arguments.

import { LocalServer } from './local_server.mjs';

const point = { type: 'object', title: 'Point', properties: { x: { type: 'number' }, y: { type: 'number', default: 0 } }, required: ['x'] };
const color = { type: 'string', title: 'Color', enum: ['red', 'green'] };
const ref = (name) => ({ $ref: `#/$defs/${name}` });
const orNull = (schema) => ({ anyOf: [schema, { type: 'null' }] });

const schemas = {
  // as Pydantic writes Optional, an enum and models
  models: {
    type: 'object',
    $defs: { Color: color, Point: point },
    properties: {
      note: { ...orNull({ type: 'string' }), default: null, title: 'Note' },
      limit: { ...orNull({ type: 'integer' }), default: 10, title: 'Limit' },
      color: ref('Color'),
      background: { allOf: [ref('Color')], default: 'green' },
      from: ref('Point'),
      to: { ...orNull(ref('Point')), default: null },
      via: { type: 'array', items: ref('Point') },
    },
    required: ['color', 'from'],
  },
  // as Zod and people write unions
  unions: {
    type: 'object',
    properties: {
      speed: { oneOf: [{ const: 1, title: 'Slow' }, { const: 2, title: 'Fast' }] },
      level: { type: ['string', 'null'], enum: ['low', 'high', null] },
      whole: { type: 'boolean' },
      sure: { type: 'boolean' },
      either: { oneOf: [{ type: 'object', properties: { id: { type: 'string' } }, required: ['id'] }, { type: 'string' }] },
      where: { type: 'object', properties: { region: { type: 'string', 'x-mcp-header': 'Region' } }, required: ['region'] },
    },
    required: ['level', 'sure', 'where'],
  },
  // as nobody should
  odd: {
    type: 'object',
    properties: {
      ['long'.repeat(60)]: { type: 'string', description: 'on'.repeat(900) },
      round: { $ref: '#/properties/round' },
      tree: { type: 'object', properties: Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`n${i}`, { $ref: '#/properties/tree' }])) },
      nowhere: { $ref: 'https://example.com/schema#/x' },
      anything: true,
      nothing: { enum: [] },
      number: { type: 'number', default: 'none', minimum: 'few' },
      ['__proto__']: { type: 'string' },
      constructor: { type: 'string' },
    },
  },
};

export class FormServer extends LocalServer {
  forget() {}

  async serve(req, res) {
    const chunks = [];
    for await (const chunk of req) chunks.push(chunk);
    const { id, method, params } = req.method === 'POST' ? JSON.parse(Buffer.concat(chunks)) : {};
    if (id === undefined) {
      res.writeHead(req.method === 'POST' ? 202 : 405).end();
      return;
    }
    const answers = {
      initialize: () => ({ protocolVersion: '2025-06-18', capabilities: { tools: {} }, serverInfo: { name: 'forms', version: '1' } }),
      'tools/list': () => ({ tools: Object.entries(schemas).map(([name, inputSchema]) => ({ name, inputSchema })) }),
      'tools/call': () => ({ content: [{ type: 'text', text: JSON.stringify(params.arguments) }] }),
    };
    const answer = answers[method] ? { result: answers[method]() } : { error: { code: -32601, message: 'none' } };
    res.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ jsonrpc: '2.0', id, ...answer }));
  }
}
