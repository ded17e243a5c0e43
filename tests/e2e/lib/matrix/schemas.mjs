// The JSON schemas of MCP's revisions, asked whether a message is one.

import fs from 'node:fs';
import path from 'node:path';
import { Ajv } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';

const folder = path.resolve(import.meta.dirname, '../../data/schemas');

/** What a result may have from 2026-07-28 on: before it the schemas allow any member, so they do not say. */
const OF_2026 = ['resultType', 'ttlMs', 'cacheScope'];

const made = new Map();

/** The schema of a revision, by its name. */
export function schemaOf(revision) {
  if (!made.has(revision)) made.set(revision, new Schema(revision));
  return made.get(revision);
}

class Schema {
  #byMethod = { client: { Request: {}, Notification: {} }, server: { Request: {}, Notification: {} } };
  #errors = {}; // code -> definition

  constructor(revision) {
    this.revision = revision;
    const schema = JSON.parse(fs.readFileSync(path.join(folder, `${revision}.schema.json`), 'utf8'));
    this.place = schema.$defs ? '$defs' : 'definitions';
    this.definitions = schema[this.place];
    this.ajv = formats.default(new (schema.$defs ? Ajv2020 : Ajv)({ strict: false, allErrors: true }));
    this.ajv.addSchema(schema, revision);
    for (const [side, kinds] of Object.entries(this.#byMethod)) {
      for (const [kind, methods] of Object.entries(kinds)) {
        for (const name of this.#union(`${side === 'client' ? 'Client' : 'Server'}${kind}`)) {
          methods[this.definitions[name].properties.method.const] = name;
        }
      }
    }
    for (const [name, { properties }] of Object.entries(this.definitions)) {
      const code = properties?.error?.allOf?.[1]?.properties?.code?.const;
      if (code !== undefined) this.#errors[code] = name;
    }
  }

  get hasBatches() {
    return this.revision === '2025-03-26';
  }

  /** The names of what a union's definition unites: itself where that is one thing; none where the revision does not have it. */
  #union(name) {
    const definition = this.definitions[name];
    if (definition?.anyOf) return definition.anyOf.map(({ $ref }) => $ref.split('/').at(-1));
    return definition ? [name] : [];
  }

  #check(name, value) {
    const validate = this.ajv.getSchema(`${this.revision}#/${this.place}/${name}`);
    if (validate(value)) return [];
    const texts = validate.errors.slice(0, 4).map(({ instancePath, message, params }) => `${instancePath || '/'} ${message} ${JSON.stringify(params)}`);
    return [`no ${name} of ${this.revision}: ${texts.join('; ')}`];
  }

  /** What is wrong with a message that a side ('client', 'server') sent; method: that of the request which it answers, if it does. */
  problems(side, message, method) {
    if (message.method !== undefined) return this.#ofMethod(side, message);
    if (message.error !== undefined) return this.#ofError(message);
    if (method === undefined) return ['it answers what was not asked'];
    return this.#ofResult(side, message, method);
  }

  #ofMethod(side, message) {
    const kind = message.id === undefined ? 'Notification' : 'Request';
    const name = this.#byMethod[side][kind][message.method];
    if (name === undefined) return [`${this.revision} has no ${kind.toLowerCase()} ${message.method} of a ${side}`];
    return [...this.#check(name, message), ...this.#check(`JSONRPC${kind}`, message)];
  }

  #ofError(message) {
    const name = this.#errors[message.error.code];
    // "The HTTP response body MAY comprise a JSON-RPC error response that has no id", say transports; the older schemas want one.
    if (message.id === undefined && !this.definitions.JSONRPCErrorResponse) return this.#check('JSONRPCError', { id: 0, ...message });
    return [...this.#check(this.definitions.JSONRPCErrorResponse ? 'JSONRPCErrorResponse' : 'JSONRPCError', message),
      ...(name ? this.#check(name, message) : [])];
  }

  #ofResult(side, message, method) {
    const { result } = message;
    const request = this.#byMethod[side === 'client' ? 'server' : 'client'].Request[method];
    if (request === undefined) return [`a result of ${method}, which ${this.revision} does not have`];
    const own = request.replace(/Request$/, 'Result');
    const expected = result.resultType === 'input_required' ? 'InputRequiredResult' : this.definitions[own] ? own : 'EmptyResult';
    const envelope = ['JSONRPCResultResponse', 'JSONRPCResponse'].find((name) => this.definitions[name]);
    const strays = this.revision < '2026-07-28' ? OF_2026.filter((name) => name in result) : [];
    return [...this.#check(expected, result), ...this.#check(envelope, message),
      ...(this.definitions[`${own}Response`] ? this.#check(`${own}Response`, message) : []),
      ...strays.map((name) => `${name} in a result of ${this.revision}`)];
  }
}
