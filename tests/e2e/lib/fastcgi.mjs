// FastCGI 1.0 as a web server speaks it, record by record: for tests that talk to mgw without HAProxy.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { waitFor } from './gateway.mjs';

export const TYPE = {
  BEGIN_REQUEST: 1, ABORT_REQUEST: 2, END_REQUEST: 3, PARAMS: 4, STDIN: 5, STDOUT: 6, STDERR: 7, DATA: 8,
  GET_VALUES: 9, GET_VALUES_RESULT: 10, UNKNOWN_TYPE: 11,
};
export const ROLE = { RESPONDER: 1, AUTHORIZER: 2, FILTER: 3 };
export const STATUS = { REQUEST_COMPLETE: 0, CANT_MPX_CONN: 1, OVERLOADED: 2, UNKNOWN_ROLE: 3 };

export function record(type, id, content = '', padding = 0) {
  const bytes = Buffer.from(content);
  const header = Buffer.from([1, type, id >> 8, id & 255, bytes.length >> 8, bytes.length & 255, padding, 0]);
  return Buffer.concat([header, bytes, Buffer.alloc(padding, 0xa5)]);
}

export const begin = (id, { keep = true, role = ROLE.RESPONDER } = {}) =>
  record(TYPE.BEGIN_REQUEST, id, [role >> 8, role & 255, keep ? 1 : 0, 0, 0, 0, 0, 0]);

function pairLength(n, isLong) {
  if (n < 128 && !isLong) return Buffer.from([n]);
  const four = Buffer.alloc(4);
  four.writeUInt32BE((n | 0x80000000) >>> 0);
  return four;
}

/** Name-value pairs; isLong: lengths of four bytes also where one would do. */
export function pairs(values, isLong = false) {
  return Buffer.concat(Object.entries(values).flatMap(([name, value]) => {
    const [n, v] = [Buffer.from(name), Buffer.from(String(value))];
    return [pairLength(n.length, isLong), pairLength(v.length, isLong), n, v];
  }));
}

export function readPairs(bytes) {
  const values = {};
  for (let at = 0; at < bytes.length;) {
    const lengths = [0, 0].map(() => {
      const isLong = bytes[at] >= 128;
      const n = isLong ? bytes.readUInt32BE(at) & 0x7fffffff : bytes[at];
      at += isLong ? 4 : 1;
      return n;
    });
    values[bytes.toString('latin1', at, at + lengths[0])] = bytes.toString('latin1', at + lengths[0], at + lengths[0] + lengths[1]);
    at += lengths[0] + lengths[1];
  }
  return values;
}

/** The parameters of a GET, or of a POST where there is a body. */
export function paramsOf(path, { method, body, headers = {} } = {}) {
  const params = { REQUEST_METHOD: method ?? (body === undefined ? 'GET' : 'POST'), REQUEST_URI: path, SERVER_PROTOCOL: 'HTTP/1.1' };
  if (body !== undefined) Object.assign(params, { CONTENT_TYPE: 'application/json', CONTENT_LENGTH: Buffer.byteLength(body) });
  for (const [name, value] of Object.entries(headers)) params[`HTTP_${name.toUpperCase().replaceAll('-', '_')}`] = value;
  return params;
}

/** A whole request. padding: of each record; params: what to add or, as undefined, to leave out. */
export function request(id, path, { keep, padding = 0, params = {}, isLong, ...rest } = {}) {
  const all = Object.fromEntries(Object.entries({ ...paramsOf(path, rest), ...params }).filter(([, value]) => value !== undefined));
  return Buffer.concat([
    begin(id, { keep }),
    record(TYPE.PARAMS, id, pairs(all, isLong), padding), record(TYPE.PARAMS, id, '', padding),
    ...(rest.body ? [record(TYPE.STDIN, id, rest.body, padding)] : []), record(TYPE.STDIN, id, '', padding),
  ]);
}

/** A connection of a web server. Whatever comes is held against the rules that mgw promises to HAProxy. */
export class Peer {
  records = [];
  answers = new Map(); // id -> { records, stdout, end }
  fault = undefined;
  #rest = Buffer.alloc(0);
  #waiters = new Set();

  static async connect(path) {
    const peer = new Peer();
    // Not to close by itself when mgw does: what a test sends then must meet mgw's end.
    peer.socket = net.connect({ path, allowHalfOpen: true });
    peer.closed = false;
    const wake = () => {
      for (const waiter of peer.#waiters) waiter();
    };
    peer.socket.on('data', (bytes) => {
      peer.#read(bytes);
      wake();
    });
    for (const event of ['end', 'close']) {
      peer.socket.on(event, () => {
        peer.closed = true;
        wake();
      });
    }
    peer.socket.on('error', () => {}); // 'close' follows
    await once(peer.socket, 'connect');
    return peer;
  }

  send(...parts) {
    this.socket.write(Buffer.concat(parts));
    return this;
  }

  #read(bytes) {
    this.#rest = Buffer.concat([this.#rest, bytes]);
    while (this.#rest.length >= 8) {
      const size = 8 + this.#rest.readUInt16BE(4) + this.#rest[6];
      if (this.#rest.length < size) return;
      const rec = { type: this.#rest[1], id: this.#rest.readUInt16BE(2), content: this.#rest.subarray(8, 8 + this.#rest.readUInt16BE(4)) };
      try {
        assert.equal(this.#rest[0], 1, 'version');
        this.#take(rec);
      } catch (error) {
        this.fault ??= error;
      }
      this.#rest = this.#rest.subarray(size);
    }
  }

  #take(rec) {
    this.records.push(rec);
    assert.ok(rec.content.length <= 16384, `a record of ${rec.content.length} bytes`);
    if (rec.id === 0) {
      assert.ok([TYPE.GET_VALUES_RESULT, TYPE.UNKNOWN_TYPE].includes(rec.type), `management record of type ${rec.type}`);
      return;
    }
    // An id may be used again after its end.
    const before = this.answers.get(rec.id);
    const answer = before && !before.end ? before : { records: [], stdout: Buffer.alloc(0), end: undefined };
    if (rec.type === TYPE.STDOUT) {
      if (answer.records.length === 0 && rec.content.length > 0) {
        assert.match(rec.content.toString(), /^Status: \d{3} [^\r\n]+\r\n([!-9;-~]+: [^\r\n]*\r\n)*\r\n$/, 'the head stands in one record');
      }
      answer.stdout = Buffer.concat([answer.stdout, rec.content]);
    } else {
      assert.equal(rec.type, TYPE.END_REQUEST, `record of type ${rec.type} in an answer`);
      assert.ok(answer.records.length > 0, 'END_REQUEST comes after STDOUT');
      assert.equal(answer.records.at(-1).content.length, 0, 'an empty STDOUT ends the stream before END_REQUEST');
      assert.equal(rec.content.length, 8);
      answer.end = { appStatus: rec.content.readUInt32BE(0), protocolStatus: rec.content[4] };
    }
    answer.records.push(rec);
    this.answers.set(rec.id, answer);
  }

  /** The first value of find() that is truthy. */
  when(find, what, timeoutMs = 20000) {
    return waitFor(() => {
      if (this.fault) throw this.fault;
      const found = find();
      if (!found && this.closed) throw new Error(`mgw closed the connection before ${what}`);
      return found;
    }, what, timeoutMs, this.#waiters, () => JSON.stringify(this.records.map((r) => [r.type, r.id, r.content.toString('latin1', 0, 200)])));
  }

  /** The whole answer to a request: { status, headers, body, json, end }. */
  async answer(id) {
    const { stdout, end } = await this.when(() => this.answers.get(id)?.end && this.answers.get(id), `the end of request ${id}`);
    return { ...splitAnswer(stdout), end };
  }

  /** Text on the stream of a request that has not ended. */
  async stdout(id, pattern) {
    await this.when(() => pattern.test(this.answers.get(id)?.stdout.toString() ?? ''), `${pattern} on request ${id}`);
    return splitAnswer(this.answers.get(id).stdout);
  }

  management(type) {
    return this.when(() => this.records.find((rec) => rec.id === 0 && rec.type === type), `a management record of type ${type}`);
  }

  async end() {
    await waitFor(() => this.closed, 'mgw to close the connection', 20000, this.#waiters);
    if (this.fault) throw this.fault;
  }

  close() {
    this.socket.destroy();
    if (this.fault) throw this.fault;
  }
}

function splitAnswer(stdout) {
  const text = stdout.toString();
  const cut = text.indexOf('\r\n\r\n');
  if (cut < 0) return { status: undefined, headers: {}, body: text };
  const headers = Object.fromEntries(text.slice(0, cut).split('\r\n').map((line) => {
    const [, name, value] = /^([^:]+): (.*)$/.exec(line);
    return [name.toLowerCase(), value];
  }));
  const answer = { status: Number(headers.status.slice(0, 3)), headers, body: text.slice(cut + 4) };
  try {
    answer.json = JSON.parse(answer.body);
  } catch {
    // streams and texts
  }
  return answer;
}
