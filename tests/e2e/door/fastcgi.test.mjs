// The FastCGI server on its socket, without HAProxy, held against the FastCGI specification 1.0. What HAProxy needs
// besides (one record for the head, no STDERR, END_REQUEST behind STDOUT) the Peer of lib/fastcgi.mjs checks in every answer.

import { after, afterEach, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { FaultServer, answerTo, sendJson } from '../lib/fault_server.mjs';
import { begin, pairs, paramsOf, Peer, readPairs, record, request, ROLE, STATUS, TYPE } from '../lib/fastcgi.mjs';
import { startGateway, waitFor } from '../lib/gateway.mjs';
import { initializeParams, rpc } from '../lib/stream.mjs';

const timeoutS = 2;
const initialize = rpc(1, 'initialize', initializeParams());
// What HAProxy's inside port says of a request.
const inside = { params: { MGW_INSIDE: 'on' } };
const stream = { headers: { accept: 'text/event-stream' } };

let gateway;
const peers = [];
const connect = async () => {
  peers.push(await Peer.connect(gateway.socket));
  return peers.at(-1);
};
before(async () => {
  gateway = await startGateway({ alone: true, settings: { KEEPALIVE_S: 0.5, BODY_TIMEOUT_S: timeoutS, BODY_MAX_BYTES: 2000000, HEAD_MAX_BYTES: 20000 } });
});
afterEach(() => {
  for (const peer of peers.splice(0)) peer.close();
});
after(() => gateway.stop());

const get = async (path, options) => {
  const peer = (await Peer.connect(gateway.socket)).send(request(1, path, options));
  const answer = await peer.answer(1);
  peer.close();
  return answer;
};
const metric = async (name) => Number(new RegExp(`^${name} (\\d+)`, 'm').exec((await get('/metrics', inside)).body)[1]);
const streams = async () => (await get('/health', inside)).json.streams;
/** Opens a session on a connection of its own; returns the headers of its requests. */
const openSession = async () => {
  const answer = await get('/mcp', { body: initialize });
  assert.equal(answer.status, 200);
  return { 'mcp-session-id': answer.headers['mcp-session-id'], 'mcp-protocol-version': '2025-11-25' };
};
const call = (name, args, headers) => ({ body: rpc(5, 'tools/call', { name, arguments: args }), headers });
const isInitialized = ({ status, json, end }) => {
  assert.equal(status, 200);
  assert.equal(json.result.serverInfo.name, 'mgw');
  assert.deepEqual(end, { appStatus: 0, protocolStatus: STATUS.REQUEST_COMPLETE });
};

describe('one request', { timeout: 60000 }, () => {
  test('is answered, and the connection closed behind it', async () => {
    const peer = (await connect()).send(request(1, '/health', { keep: false }));
    const { status, headers, json, body, end } = await peer.answer(1);
    assert.equal(status, 200);
    assert.equal(json.status, 'ok');
    assert.equal(Number(headers['content-length']), body.length);
    assert.deepEqual(end, { appStatus: 0, protocolStatus: STATUS.REQUEST_COMPLETE });
    await peer.end();
  });

  test('to the cgi-fcgi program of libfcgi', () => {
    // Often, since it sends the end of STDIN late: to a connection closed by then it would end with EPIPE.
    for (let i = 0; i < 30; i++) {
      const text = execFileSync('cgi-fcgi', ['-bind', '-connect', gateway.socket], {
        encoding: 'utf8', timeout: 10000, env: { ...process.env, REQUEST_METHOD: 'GET', REQUEST_URI: '/health', QUERY_STRING: '' },
      });
      assert.match(text, /^Status: 200 OK\r\n[^]*\r\n\r\n\{"status":"ok"/);
    }
  });

  test('may come byte by byte', async () => {
    const peer = await connect();
    peer.socket.setNoDelay(true);
    for (const byte of request(1, '/mcp', { body: initialize, padding: 3 })) {
      peer.socket.write(Buffer.from([byte]));
      await new Promise(setImmediate); // another write, so that mgw may read it alone
    }
    isInitialized(await peer.answer(1));
  });

  test('may be cut in two at any byte', async () => {
    const bytes = request(1, '/health', { padding: 1, headers: { 'x-long': 'v'.repeat(130) } });
    await Promise.all(Array.from(bytes, async (_, at) => {
      const peer = (await Peer.connect(gateway.socket)).send(bytes.subarray(0, at));
      await new Promise(setImmediate);
      peer.send(bytes.subarray(at));
      assert.equal((await peer.answer(1)).status, 200, `cut at ${at}`);
      peer.close();
    }));
  });

  for (const padding of [1, 7, 255]) {
    test(`may have ${padding} bytes of padding in each record`, async () => {
      isInitialized(await get('/mcp', { body: initialize, padding }));
    });
  }

  test('may have parameters that straddle records, wherever they are cut', async () => {
    const all = pairs(paramsOf('/health', { headers: { 'x-long': 'v'.repeat(200) } }));
    const peer = await connect();
    for (let at = 1; at < all.length; at++) {
      const id = at;
      peer.send(begin(id), record(TYPE.PARAMS, id, all.subarray(0, at)), record(TYPE.PARAMS, id, all.subarray(at)),
        record(TYPE.PARAMS, id), record(TYPE.STDIN, id));
      assert.equal((await peer.answer(id)).status, 200, `cut at ${at}`);
    }
    peer.send(begin(9000), ...Array.from(all, (byte) => record(TYPE.PARAMS, 9000, [byte])), record(TYPE.PARAMS, 9000), record(TYPE.STDIN, 9000));
    assert.equal((await peer.answer(9000)).status, 200, 'a record a byte');
  });

  test('may have names and values with lengths of four bytes', async () => {
    isInitialized(await get('/mcp', { body: initialize, isLong: true }));
    const headers = { [`x-${'n'.repeat(3000)}`]: 'v'.repeat(5000) };
    isInitialized(await get('/mcp', { body: initialize, headers }));
  });

  test('may have any id but 0', async () => {
    const peer = await connect();
    for (const id of [255, 256, 65535]) assert.equal((await peer.send(request(id, '/health')).answer(id)).status, 200);
  });

  test('has no body beyond its CONTENT_LENGTH', async () => {
    isInitialized(await get('/mcp', { body: `${initialize}{"more": true}`, params: { CONTENT_LENGTH: initialize.length } }));
  });

  test('is refused when its body is shorter than its CONTENT_LENGTH', async () => {
    const { status, body } = await get('/mcp', { body: initialize, params: { CONTENT_LENGTH: initialize.length + 1 } });
    assert.equal(status, 400);
    assert.match(body, /shorter than its Content-Length/);
  });

  test('runs when CONTENT_LENGTH bytes are there, with or without the end of STDIN', async () => {
    const bytes = request(1, '/mcp', { body: initialize });
    isInitialized(await (await connect()).send(bytes.subarray(0, -8)).answer(1));
  });

  test('without CONTENT_LENGTH has the body that STDIN gives', async () => {
    isInitialized(await get('/mcp', { body: initialize, params: { CONTENT_LENGTH: undefined } }));
    const half = Math.floor(initialize.length / 2);
    const peer = (await connect()).send(begin(1),
      record(TYPE.PARAMS, 1, pairs({ ...paramsOf('/mcp', { body: initialize }), CONTENT_LENGTH: '' })), record(TYPE.PARAMS, 1),
      record(TYPE.STDIN, 1, initialize.slice(0, half)), record(TYPE.STDIN, 1, initialize.slice(half)), record(TYPE.STDIN, 1));
    isInitialized(await peer.answer(1));
  });

  const heads = {
    'a parameter cut off': Buffer.concat([pairs(paramsOf('/health')), Buffer.from([5, 5, 65])]),
    'a length cut off': Buffer.concat([pairs(paramsOf('/health')), Buffer.from([0x80, 0])]),
    'a length of 2 GB': Buffer.concat([pairs(paramsOf('/health')), Buffer.from([0xff, 0xff, 0xff, 0xff, 1, 65, 66])]),
    'a NUL in a value': pairs({ ...paramsOf('/health'), HTTP_X: 'a\0b' }),
    'an empty name': pairs({ ...paramsOf('/health'), '': 'x' }),
    'no parameter': Buffer.alloc(0),
    'a length that is no number': pairs({ ...paramsOf('/mcp', { body: initialize }), CONTENT_LENGTH: '12x' }),
    'a negative length': pairs({ ...paramsOf('/mcp', { body: initialize }), CONTENT_LENGTH: '-1' }),
    'a URI that is no path': pairs({ ...paramsOf('health') }),
  };
  for (const [name, params] of Object.entries(heads)) {
    test(`with ${name} is refused: 400`, async () => {
      const peer = (await connect()).send(begin(1), ...(params.length ? [record(TYPE.PARAMS, 1, params)] : []), record(TYPE.PARAMS, 1), record(TYPE.STDIN, 1));
      const { status, body } = await peer.answer(1);
      assert.equal(status, 400);
      assert.match(body, /head is malformed/);
      assert.equal((await peer.send(request(2, '/health')).answer(2)).status, 200, 'the connection is as good as before');
    });
  }

  test('over the caps is refused: 431 for the head, 413 for the body, told or found', async () => {
    assert.equal((await get('/health', { headers: { 'x-big': 'v'.repeat(20000) } })).status, 431);
    const big = 'x'.repeat(60000);
    assert.equal((await get('/mcp', { body: '{}', params: { CONTENT_LENGTH: 2000001 } })).status, 413);
    assert.equal((await get('/mcp', { body: '{}', params: { CONTENT_LENGTH: '18446744073709551615' } })).status, 413);
    const peer = (await connect()).send(begin(1),
      record(TYPE.PARAMS, 1, pairs({ ...paramsOf('/mcp', { body: '' }), CONTENT_LENGTH: '' })), record(TYPE.PARAMS, 1),
      ...Array.from({ length: 34 }, () => record(TYPE.STDIN, 1, big)));
    assert.equal((await peer.answer(1)).status, 413);
  });

  test('refused while its body still comes is answered whole, and the rest of the body does no harm', async () => {
    const peer = (await connect()).send(begin(1, { keep: false }),
      record(TYPE.PARAMS, 1, pairs({ ...paramsOf('/mcp', { body: '' }), CONTENT_LENGTH: 10 << 20 })), record(TYPE.PARAMS, 1));
    for (let i = 0; i < 160; i++) peer.send(record(TYPE.STDIN, 1, Buffer.alloc(65535, 'x')));
    const sent = new Promise((resolve) => peer.socket.write(record(TYPE.STDIN, 1), resolve));
    assert.equal((await peer.answer(1)).status, 413);
    assert.equal(await sent ?? undefined, undefined, 'no EPIPE: HAProxy would drop the answer');
    await peer.end();
  });

  test('that does not come in time is refused: 408', async () => {
    const bytes = request(1, '/mcp', { body: initialize });
    const since = Date.now();
    const { status } = await (await connect()).send(bytes.subarray(0, -100)).answer(1);
    assert.equal(status, 408);
    assert.ok(Date.now() - since >= timeoutS * 1000 - 100);
  });

  test('has its answer whole, however late the peer reads it', async () => {
    const message = 'x'.repeat(1500000);
    const { body, headers } = call('echo', { message }, await openSession());
    const peer = await connect();
    const parts = Array.from({ length: Math.ceil(body.length / 60000) }, (_, i) => record(TYPE.STDIN, 1, body.slice(i * 60000, (i + 1) * 60000)));
    peer.send(begin(1, { keep: false }), record(TYPE.PARAMS, 1, pairs(paramsOf('/mcp', { body, headers }))), record(TYPE.PARAMS, 1), ...parts);
    await peer.when(() => peer.answers.has(1), 'the answer to begin');
    peer.socket.pause();
    await sleep(timeoutS * 1500);
    peer.socket.resume();
    assert.equal((await peer.answer(1)).json.result.content[0].text, message);
  });

  test('cannot bring a header of its own into the answer', async () => {
    for (const [name, value] of [['origin', 'http://localhost:1\r\nX-Evil: 1'], ['origin', 'http://localhost\r\nX-Evil: 1'], ['host', 'a\r\nX-Evil: 1'],
      ['mcp-session-id', 'a\r\nX-Evil: 1'], ['last-event-id', '1\r\nX-Evil: 1'], ['mcp-protocol-version', '2025\r\nX-Evil: 1']]) {
      const { status, headers } = await get('/mcp', { headers: { accept: 'text/event-stream', [name]: value } });
      assert.ok([400, 403].includes(status) || (name === 'mcp-session-id' && status === 404), `${name}: ${status}`);
      assert.equal(headers['x-evil'], undefined);
    }
  });
});

describe('a connection', { timeout: 60000 }, () => {
  test('is kept where the peer asks for it: one request after the other', async () => {
    const peer = await connect();
    for (const id of [1, 1, 2, 1]) {
      peer.answers.clear();
      isInitialized(await peer.send(request(id, '/mcp', { body: initialize })).answer(id));
    }
    peer.answers.clear();
    await peer.send(request(7, '/health', { keep: false })).answer(7);
    await peer.end();
  });

  test('is kept as long as requests come, and closed when none has come for body_timeout_s', async () => {
    const peer = await connect();
    const until = Date.now() + timeoutS * 1500;
    for (let id = 1; Date.now() < until; id++) {
      assert.equal((await peer.send(request(id, '/health')).answer(id)).status, 200);
      await sleep(50);
    }
    const since = Date.now();
    await peer.end();
    assert.ok(Date.now() - since > timeoutS * 500, `closed after ${Date.now() - since} ms`);
  });

  test('is closed when its peer takes nothing of what waits for it for answer_timeout_s', async () => {
    const own = await startGateway({ alone: true, settings: { ANSWER_TIMEOUT_S: 0.3, BODY_TIMEOUT_S: 600 } });
    const peer = await Peer.connect(own.socket);
    const session = (await peer.send(request(1, '/mcp', { body: initialize })).answer(1)).headers['mcp-session-id'];
    const echo = call('echo', { message: 'm'.repeat(60000) }, { 'mcp-session-id': session });
    peer.socket.pause();
    for (let id = 2; id < 40; id++) peer.send(request(id, '/mcp', echo)); // more than the socket holds
    await own.mgw.line(/connection closed: its peer has taken nothing for 0\.3 s \(answer_timeout_s\)/);
    peer.socket.resume();
    await peer.end();
    assert.equal(peer.answers.get(39)?.end, undefined);
    peer.close();
    await own.stop();
  });

  test('is closed when more than 16 MB come of a body that is not wanted', async () => {
    const own = await startGateway({ alone: true, settings: { BODY_TIMEOUT_S: 600 } });
    const peer = await Peer.connect(own.socket);
    const params = { ...paramsOf('/mcp', { body: '', headers: { origin: 'https://evil.example' } }), CONTENT_LENGTH: 1e12 };
    peer.send(begin(1), record(TYPE.PARAMS, 1, pairs(params)), record(TYPE.PARAMS, 1));
    assert.equal((await peer.answer(1)).status, 403);
    const piece = record(TYPE.STDIN, 1, Buffer.alloc(65000, 'x'));
    for (let n = 0; n <= 16 << 20; n += 65000) peer.send(piece);
    await peer.end();
    peer.close();
    await own.stop();
  });

  // The answers are all on their way before one is there, so that no request is refused for what waits already.
  for (const [kind, grace] of [['answers', 60000], ['streams', 0]]) {
    test(`whose peer does not read holds of its ${kind} what a user may hold, and no more`, async () => {
      const up = await FaultServer.start();
      const held = [];
      up.faults['tools/call'] = (req, res, msg) => held.push(() => sendJson(res, answerTo(msg, { content: [{ type: 'text', text: 'x'.repeat(200000) }] })));
      const own = await startGateway({
        alone: true, config: { mcpServers: { up: { url: up.url } } },
        settings: { MEMORY_PER_USER_MAX_BYTES: 3 << 20, STREAM_QUEUE_MAX_BYTES: 1e9, ANSWER_GRACE_MS: grace, CALLS_PER_SESSION_MAX: 40, DRAIN_S: 1 },
      });
      const [peer, other] = [await Peer.connect(own.socket), await Peer.connect(own.socket)];
      const session = (await peer.send(request(1, '/mcp', { body: initialize })).answer(1)).headers['mcp-session-id'];
      const headers = { 'mcp-session-id': session, accept: 'application/json, text/event-stream' };
      for (let id = 2; id <= 31; id++) peer.send(request(id, '/mcp', call('up_write', {}, headers)));
      await waitFor(() => held.length === 30, 'all calls to be there');
      peer.socket.pause();
      for (const answer of held) answer();
      let n = 2;
      await waitFor(async () => /^mgw_calls 0$/m.test((await other.send(request(n, '/metrics', inside)).answer(n++)).body), 'the end of all calls');
      const { body } = await other.send(request(1, '/metrics', inside)).answer(1);
      const bytes = Number(/^mgw_memory_bytes\{kind="answer"\} (\d+)$/m.exec(body)[1]);
      assert.ok(bytes > 1 << 20 && bytes <= 4 << 20, `${bytes} bytes wait`);
      peer.close();
      other.close();
      await own.stop();
      await up.stop();
    });
  }

  test('may carry a stream and a call at once', async () => {
    const peer = (await connect()).send(request(1, '/sse', stream));
    const { body } = await peer.stdout(1, /data: \/message\?sessionId=.*\n\n/);
    const path = /data: (.*)\n/.exec(body)[1];
    isInitialized(await peer.send(request(2, '/mcp', { body: initialize })).answer(2));
    const headers = await openSession();
    peer.send(request(3, '/mcp', call('wait', { seconds: 0.3 }, headers)), request(4, path, { body: initialize }));
    assert.equal((await peer.answer(4)).status, 202);
    await peer.stdout(1, /"serverInfo"/);
    assert.match((await peer.answer(3)).json.result.content[0].text, /^Waited/);
    await peer.stdout(1, /: keep-alive\n\n/);
    assert.equal(peer.answers.get(1).end, undefined);
  });

  test('may have the records of two requests mixed', async () => {
    const parts = [1, 2].map((id) => [begin(id), record(TYPE.PARAMS, id, pairs(paramsOf('/mcp', { body: initialize }))), record(TYPE.PARAMS, id),
      record(TYPE.STDIN, id, initialize.slice(0, 10)), record(TYPE.STDIN, id, initialize.slice(10)), record(TYPE.STDIN, id)]);
    const peer = await connect();
    for (const i of parts[0].keys()) peer.send(parts[1][i], parts[0][i]);
    isInitialized(await peer.answer(1));
    isInitialized(await peer.answer(2));
  });

  test('gives a request its whole time, also when it begins late', async () => {
    const peer = await connect();
    await sleep(timeoutS * 700);
    const bytes = request(1, '/mcp', { body: initialize });
    peer.send(bytes.subarray(0, -100));
    await sleep(timeoutS * 700);
    isInitialized(await peer.send(bytes.subarray(-100)).answer(1));
  });

  test('goes on with id 3 when the peer has left id 1 half sent, and id 1 ends by itself', async () => {
    const peer = (await connect()).send(begin(1), record(TYPE.PARAMS, 1, pairs(paramsOf('/mcp', { body: initialize }))));
    isInitialized(await peer.send(request(3, '/mcp', { body: initialize })).answer(3));
    assert.equal((await peer.answer(1)).status, 408);
  });

  test('takes BEGIN_REQUEST of a running id for the end of the old one', async () => {
    const before = await streams();
    const peer = (await connect()).send(request(1, '/sse', stream));
    await peer.stdout(1, /event: endpoint/);
    peer.answers.clear();
    isInitialized(await peer.send(request(1, '/mcp', { body: initialize })).answer(1));
    assert.equal(await streams(), before);
    peer.answers.clear();
    peer.send(begin(1), record(TYPE.PARAMS, 1, pairs(paramsOf('/nothing'))));
    assert.equal((await peer.send(request(1, '/health')).answer(1)).status, 200, 'a request half sent');
  });

  test('ends all that it carries', async () => {
    const before = await streams();
    const peer = (await connect()).send(request(1, '/sse', stream), request(2, '/sse', stream));
    await peer.stdout(2, /event: endpoint/);
    assert.equal(await streams(), before + 2);
    peer.close();
    await waitFor(async () => await streams() === before, 'the streams to be gone');
  });

  test('with more requests at once than it may carry gets a real answer for the rest', async () => {
    const peer = await connect();
    for (let id = 1; id <= 64; id++) peer.send(begin(id));
    const { status, headers, end } = await peer.send(request(65, '/health')).answer(65);
    assert.equal(status, 503);
    assert.ok(Number(headers['retry-after']) > 0);
    assert.equal(end.protocolStatus, STATUS.REQUEST_COMPLETE);
    const params = record(TYPE.PARAMS, 64, pairs(paramsOf('/health')));
    assert.equal((await peer.send(params, record(TYPE.PARAMS, 64), record(TYPE.STDIN, 64)).answer(64)).status, 200);
    assert.equal((await peer.send(request(66, '/health')).answer(66)).status, 200, 'one has ended, there is room again');
  });

  test('cut in mid-record leaves nothing behind', async () => {
    const bytes = request(1, '/mcp', { body: initialize });
    const before = await metric('mgw_connections');
    const cut = await Promise.all([3, 8, 20, 100, bytes.length - 20].map(async (n) => (await connect()).send(bytes.subarray(0, n))));
    await waitFor(async () => await metric('mgw_connections') >= before + cut.length, 'the connections');
    for (const peer of cut) peer.close();
    await waitFor(async () => await metric('mgw_connections') <= before + 1, 'the connections to be gone');
  });
});

describe('ABORT_REQUEST', { timeout: 60000 }, () => {
  const abort = (id) => record(TYPE.ABORT_REQUEST, id);

  test('of a request that is coming in is answered with END_REQUEST', async () => {
    const peer = (await connect()).send(begin(1), record(TYPE.PARAMS, 1, pairs(paramsOf('/mcp', { body: initialize }))), abort(1));
    const { status, end } = await peer.answer(1);
    assert.deepEqual([status, end.protocolStatus], [503, STATUS.REQUEST_COMPLETE]);
    assert.equal((await peer.send(request(2, '/health')).answer(2)).status, 200);
  });

  test('of a call on a kept connection is answered with a head and END_REQUEST', async () => {
    const headers = await openSession();
    const peer = (await connect()).send(request(1, '/mcp', call('wait', { seconds: 60 }, headers)));
    await waitFor(async () => await metric('mgw_calls') === 1, 'the call to run');
    const { status, end } = await peer.send(abort(1)).answer(1);
    assert.deepEqual([status, end.protocolStatus], [503, STATUS.REQUEST_COMPLETE]);
    await get('/mcp', { method: 'DELETE', headers });
  });

  test('of a call, as HAProxy sends it when it is reloaded, does not cost its answer', async () => {
    const headers = await openSession();
    const peer = (await connect()).send(request(1, '/mcp', { ...call('wait', { seconds: 0.5 }, headers), keep: false }));
    await waitFor(async () => await metric('mgw_calls') === 1, 'the call to run');
    assert.match((await peer.send(abort(1)).answer(1)).body, /Waited 0\.5 seconds/);
    await get('/mcp', { method: 'DELETE', headers });
  });

  test('of a stream ends it in order, within seconds', async () => {
    const headers = await openSession();
    const peer = (await connect()).send(request(1, '/mcp', { headers: { ...headers, ...stream.headers } }));
    await peer.stdout(1, /id: /);
    const { body, end } = await peer.send(abort(1)).answer(1);
    assert.match(body, /retry: \d+\n\n$/);
    assert.equal(end.protocolStatus, STATUS.REQUEST_COMPLETE);
  });

  test('of a request that is over, or never was, is nothing', async () => {
    const peer = (await connect()).send(request(1, '/health'));
    await peer.answer(1);
    assert.equal((await peer.send(abort(1), abort(77), request(2, '/health')).answer(2)).status, 200);
    assert.deepEqual([...peer.answers.keys()], [1, 2]);
  });
});

describe('roles and management records', { timeout: 60000 }, () => {
  for (const [name, role] of [['authorizer', ROLE.AUTHORIZER], ['filter', ROLE.FILTER], ['none', 0], ['unheard of', 0x0101]]) {
    test(`the role ${name}: UNKNOWN_ROLE`, async () => {
      const peer = (await connect()).send(begin(1, { role }));
      assert.equal((await peer.answer(1)).end.protocolStatus, STATUS.UNKNOWN_ROLE);
      const rest = [record(TYPE.PARAMS, 1, pairs(paramsOf('/health'))), record(TYPE.PARAMS, 1), record(TYPE.DATA, 1, 'x'), record(TYPE.STDIN, 1)];
      assert.equal((await peer.send(...rest, request(2, '/health')).answer(2)).status, 200, 'the connection is kept');
      await (await connect()).send(begin(1, { role, keep: false })).end();
    });
  }

  test('GET_VALUES tells what it is asked for and knows', async () => {
    const ask = async (names) => {
      const peer = (await connect()).send(record(TYPE.GET_VALUES, 0, pairs(Object.fromEntries(names.map((name) => [name, ''])))));
      return readPairs((await peer.management(TYPE.GET_VALUES_RESULT)).content);
    };
    const all = await ask(['FCGI_MAX_CONNS', 'FCGI_MAX_REQS', 'FCGI_MPXS_CONNS']);
    assert.deepEqual(Object.keys(all), ['FCGI_MAX_CONNS', 'FCGI_MAX_REQS', 'FCGI_MPXS_CONNS']);
    assert.ok(Number(all.FCGI_MAX_CONNS) > 0 && Number(all.FCGI_MAX_REQS) > 0);
    assert.equal(all.FCGI_MPXS_CONNS, '0', 'nobody is invited to multiplex');
    assert.deepEqual(Object.keys(await ask(['FCGI_MPXS_CONNS', 'FCGI_WEATHER'])), ['FCGI_MPXS_CONNS']);
    assert.deepEqual(await ask(['FCGI_WEATHER']), {});
    assert.deepEqual(await ask([]), {});
  });

  test('an unknown type of management record: UNKNOWN_TYPE, and the connection is kept', async () => {
    for (const type of [12, 200, 255]) {
      const peer = (await connect()).send(record(type, 0, 'what?', 3));
      const { content } = await peer.management(TYPE.UNKNOWN_TYPE);
      assert.deepEqual([...content], [type, 0, 0, 0, 0, 0, 0, 0]);
      assert.equal((await peer.send(request(1, '/health')).answer(1)).status, 200);
    }
  });
});

describe('garbage ends its connection with one line in the log, and nothing else', { timeout: 60000 }, () => {
  const garbage = {
    'HTTP': Buffer.from('GET /health HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(100)),
    'version 2': Buffer.concat([Buffer.from([2]), begin(1).subarray(1), request(1, '/health')]),
    'TLS': Buffer.concat([Buffer.from([0x16, 3, 1, 2, 0]), Buffer.alloc(512, 7)]),
    'zeros': Buffer.alloc(100000),
    'noise': Buffer.from(Array.from({ length: 100000 }, (_, i) => (i * 7919 + (i >> 3)) & 255)),
    'BEGIN_REQUEST too short': record(TYPE.BEGIN_REQUEST, 1, [0, 1, 0]),
    'BEGIN_REQUEST too long': record(TYPE.BEGIN_REQUEST, 1, Buffer.alloc(9, 1)),
    'BEGIN_REQUEST without an id': begin(0),
    'GET_VALUES cut off': record(TYPE.GET_VALUES, 0, [200, 1]),
    'STDIN before the end of PARAMS': Buffer.concat([begin(1), record(TYPE.PARAMS, 1, pairs(paramsOf('/mcp', { body: 'x' }))), record(TYPE.STDIN, 1, 'xyz'), record(TYPE.PARAMS, 1)]),
    'an unknown record in a request': Buffer.concat([begin(1), record(200, 1, 'x'), request(1, '/health')]),
    'a record of the application': Buffer.concat([begin(1), record(TYPE.END_REQUEST, 1, Buffer.alloc(8))]),
    'noise behind a request': Buffer.concat([request(1, '/sse', stream), Buffer.from('garbage')]),
  };
  for (const [name, bytes] of Object.entries(garbage)) {
    test(name, async () => {
      const witness = (await connect()).send(request(1, '/sse', stream));
      await witness.stdout(1, /event: endpoint/);
      const [faults, from] = [await metric('mgw_protocol_faults_total'), gateway.mgw.lines.length];
      const peer = (await connect()).send(bytes);
      await peer.end();
      assert.equal(await metric('mgw_protocol_faults_total'), faults + 1);
      assert.match(await gateway.mgw.line(/FastCGI/, { from }), /WARN \[FastCGI\] connection closed: \w+/);
      assert.equal(gateway.mgw.count(/ (WARN|ERROR) /, from), 1, gateway.mgw.lines.slice(from).join('\n'));
      const comments = () => witness.answers.get(1).stdout.toString().split(': keep-alive\n\n').length;
      const seen = comments();
      await witness.when(() => comments() > seen, 'the next keep-alive of another stream');
    });
  }
});

test('nothing is left of all this', { timeout: 60000 }, async () => {
  await waitFor(async () => await streams() === 0 && await metric('mgw_connections') <= 2, 'streams and connections to be gone');
});
