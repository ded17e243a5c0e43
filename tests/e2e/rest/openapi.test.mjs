// OpenAPI as it is published: what a real server of HTTP receives from calls of tools that a document describes,
// and what becomes of descriptions that others have published.

import { after, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { connectClient, textOf } from '../lib/clients.mjs';
import { mgwRelease, mgwSanitized, startGateway } from '../lib/gateway.mjs';

const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'mgw-openapi-'));
after(() => fs.rmSync(scratch, { recursive: true, force: true }));

const packages = path.join(import.meta.dirname, '../node_modules');

/** Writes a file beside the others, and says where. */
function write(name, content) {
  const file = path.join(scratch, name);
  fs.writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content));
  return file;
}

/** Answers each request with itself: the line as it came, the headers, the body in Base64. */
class Echo {
  requests = [];

  static async start() {
    const echo = new Echo();
    echo.http = http.createServer(async (req, res) => {
      const chunks = [];
      for await (const chunk of req) chunks.push(chunk);
      echo.requests.push({ line: `${req.method} ${req.url}`, headers: req.headers, body: Buffer.concat(chunks) });
      res.setHeader('Content-Type', 'application/json');
      if (req.url.includes('refuse')) {
        res.statusCode = 403;
        res.end(JSON.stringify({ message: `you are not ${new URL(req.url, echo.url).searchParams.get('api key')} ${req.headers.authorization}` }));
      } else {
        res.end('{"ok":true}');
      }
    });
    echo.http.listen(0, '127.0.0.1');
    await once(echo.http, 'listening');
    echo.url = `http://127.0.0.1:${echo.http.address().port}`;
    return echo;
  }

  async stop() {
    const closed = once(this.http, 'close');
    this.http.close();
    this.http.closeAllConnections();
    await closed;
  }
}

const array = (type, more) => ({ type: 'array', items: { type }, ...more });
const object = (properties, more) => ({ type: 'object', properties, ...more });
const query = (name, schema, more) => ({ name, in: 'query', schema, ...more });
const get = (operationId, ...parameters) => ({ get: { operationId, parameters } });
const post = (operationId, content, more) => ({ post: { operationId, requestBody: { content, ...more } } });
const point = object({ x: { type: 'integer' }, y: { type: 'integer' } });
const binary = { type: 'string', format: 'binary' };

const paths = (url) => ({
  '/csv': get('csv', query('tags', array('string'), { explode: false })),
  '/many': get('many', query('tags', array('string'))),
  '/pipes': get('pipes', query('ids', array('integer'), { style: 'pipeDelimited' })),
  '/spaces': get('spaces', query('ids', array('integer'), { style: 'spaceDelimited', explode: false })),
  '/deep': get('deep', query('filter', object({ eq: { type: 'string' }, gt: { type: 'integer' } }), { style: 'deepObject', explode: true, required: true })),
  '/formobj': get('formobj', query('point', point)),
  '/flat': get('flat', query('point', point, { explode: false })),
  '/json': get('json', { name: 'where', in: 'query', content: { 'application/json': { schema: object({ a: {} }) } } }),
  '/reserved': get('reserved', query('path', { type: 'string' }, { allowReserved: true })),
  '/odd': get('odd', query('filter[name]', { type: 'string' }), query('$top', { type: 'integer' }), query('日付', { type: 'string' })),
  '/default': get('default', query('kind', { type: 'string', default: 'all' }), query('version', { type: 'string', default: 'v3' }, { required: true })),
  '/days/{day}': get('days', { name: 'day', in: 'path', required: true, schema: array('string') }),
  '/label/{day}': get('label', { name: 'day', in: 'path', required: true, style: 'label', explode: true, schema: array('string') }),
  '/matrix/{pt}': get('matrix', { name: 'pt', in: 'path', required: true, style: 'matrix', schema: point }),
  '/matrix2/{a-b}': get('matrix2', { name: 'a-b', in: 'path', required: true, style: 'matrix', explode: true, schema: array('integer') }),
  '/head': get('head', { name: 'X-Ids', in: 'header', schema: array('integer') }, { name: 'X-Point', in: 'header', explode: true, schema: point }, { name: 'session', in: 'cookie', required: true, schema: { type: 'string' } }, { name: 'more', in: 'cookie', schema: array('integer') }),
  '/own': { servers: [{ url: `${url}/other` }], get: { operationId: 'own' } },
  '/mine': { get: { operationId: 'mine', servers: [{ url: '/{v}', variables: { v: { default: 'v7' } } }] } },
  '/users/{id}': {
    parameters: [{ name: 'id', in: 'path', required: true, schema: { type: 'integer' } }],
    put: {
      operationId: 'put_user',
      requestBody: {
        required: true,
        content: { 'application/json; charset=utf-8': { schema: object({ id: { type: 'integer' }, name: { type: 'string', nullable: true }, created: { type: 'string', readOnly: true }, secret: { type: 'string', writeOnly: true } }, { required: ['id', 'created'] }) } },
      },
    },
  },
  '/clash': { post: { operationId: 'clash', parameters: [query('body', { type: 'string' })], requestBody: { content: { 'application/json': { schema: array('integer') } } } } },
  '/del': { delete: { operationId: 'del', requestBody: { content: { 'application/json': { schema: { type: 'object' } } } } } },
  '/form': post('form', { 'application/x-www-form-urlencoded': { schema: object({ Tags: array('string'), Meta: { type: 'object' }, On: { type: 'boolean' }, Csv: array('string'), Deep: { type: 'object' } }), encoding: { Csv: { explode: false }, Deep: { style: 'deepObject', explode: true } } } }),
  '/parts': post('parts', { 'multipart/form-data': { schema: object({ note: { type: 'string' }, n: { type: 'integer' }, meta: { type: 'object' }, tags: array('string'), file: binary, more: { type: 'array', items: binary } }, { required: ['file'] }), encoding: { file: { contentType: 'image/png, image/jpeg' } } } }),
  '/bytes': post('bytes', { 'application/octet-stream': { schema: binary } }),
  '/text': post('text', { 'text/csv': { schema: { type: 'string' } } }),
  '/none': post('none', { 'application/json': { schema: { type: 'object' } } }),
  '/dup-a': { get: { operationId: 'same' } },
  '/dup-b': { get: { operationId: 'same' } },
  '/keyed': { get: { operationId: 'keyed', security: [{ key: [] }] } },
  '/headed': { get: { operationId: 'headed', security: [{ head: [], jar: [] }, {}] } },
  '/basic': { get: { operationId: 'basic', security: [{ nobody: [] }, { login: [] }] } },
  '/open': { get: { operationId: 'open', security: [] } },
  '/refuse': { get: { operationId: 'refuse', security: [{ key: [], login: [] }] } },
});

const schemes = {
  key: { type: 'apiKey', in: 'query', name: 'api key' },
  head: { type: 'apiKey', in: 'header', name: 'X-Key' },
  jar: { type: 'apiKey', in: 'cookie', name: 'sid' },
  login: { type: 'http', scheme: 'basic' },
  nobody: { type: 'http', scheme: 'bearer' },
};

const security = { key: 'k/1234567', head: 'h-7654321', jar: 'c;1', login: 'ada:pass-word-1' };

describe('a call', { timeout: 120000 }, () => {
  let echo, gateway, client;
  before(async () => {
    echo = await Echo.start();
    const [host, port] = echo.url.slice(7).split(':');
    const document = {
      openapi: '3.0.3', info: { title: 't', version: '1' }, paths: paths(echo.url), components: { securitySchemes: schemes }, security: [{ nobody: [] }],
      servers: [{ url: 'http://{host}:{port}/v1', variables: { host: { default: host }, port: { default: port } } }],
    };
    const get31 = { openapi: '3.1.0', servers: [{ url: echo.url }], paths: { '/q': { get: { operationId: 'find', requestBody: { content: { 'application/json': {} } } } } } };
    const swagger = {
      swagger: '2.0', host: `${host}:${port}`, basePath: '/v2', schemes: ['http'],
      paths: {
        '/pets/{id}': {
          post: {
            operationId: 'change',
            parameters: [
              { name: 'id', in: 'path', required: true, type: 'integer' }, { name: 'f', in: 'query', type: 'array', items: { type: 'string' } },
              { name: 'm', in: 'query', type: 'array', items: { type: 'string' }, collectionFormat: 'multi' }, { name: 'pet', in: 'body', schema: { $ref: '#/definitions/Pet' } },
            ],
          },
          put: { operationId: 'photo', parameters: [{ name: 'id', in: 'path', required: true, type: 'integer' }, { name: 'note', in: 'formData', type: 'string' }, { name: 'file', in: 'formData', type: 'file' }] },
        },
      },
      definitions: { Pet: { type: 'object', required: ['name'], properties: { name: { type: 'string' } } } },
    };
    const yaml = `openapi: 3.1.0\nservers:\n  - url: ${echo.url}/yaml\npaths:\n  /on/{no}:\n    get:\n      operationId: yes\n      parameters:\n        - {name: no, in: path, required: true, schema: {type: string, enum: [off, "1"]}}\n      responses:\n        404: {description: none}\n`;
    gateway = await startGateway({
      config: {
        mcpServers: {
          a: { openapi: write('a.json', document), prefix: '', security },
          find: { openapi: write('find.json', get31) },
          two: { openapi: write('two.json', swagger) },
          yaml: { openapi: write('doc.yaml', yaml) },
        },
      },
    });
    client = await connectClient(gateway.url, 'http');
  });
  after(async () => {
    await client.close();
    await gateway.stop();
    await echo.stop();
  });

  /** Calls, and returns what came. */
  async function sent(name, args = {}) {
    const n = echo.requests.length;
    const result = await client.callTool({ name, arguments: args });
    assert.ok(!result.isError, textOf(result));
    assert.equal(echo.requests.length, n + 1);
    return echo.requests.at(-1);
  }

  for (const [name, args, line] of [
    ['csv', { tags: ['red', 'a,b'] }, 'GET /v1/csv?tags=red,a%2Cb'],
    ['many', { tags: ['red', 'blue'] }, 'GET /v1/many?tags=red&tags=blue'],
    ['many', { tags: [] }, 'GET /v1/many'],
    ['pipes', { ids: [1, 2] }, 'GET /v1/pipes?ids=1%7C2'],
    ['spaces', { ids: [1, 2] }, 'GET /v1/spaces?ids=1%202'],
    ['deep', { filter: { eq: 'a&b', gt: 3 } }, 'GET /v1/deep?filter%5Beq%5D=a%26b&filter%5Bgt%5D=3'],
    ['formobj', { point: { x: 1, y: 2 } }, 'GET /v1/formobj?x=1&y=2'],
    ['flat', { point: { x: 1, y: 2 } }, 'GET /v1/flat?point=x,1,y,2'],
    ['json', { where: { a: [1, 'ü'] } }, 'GET /v1/json?where=%7B%22a%22%3A%5B1%2C%22%C3%BC%22%5D%7D'],
    ['reserved', { path: '/a/b?c&d#e' }, 'GET /v1/reserved?path=/a/b?c%26d%23e'],
    ['odd', { filter_name: 'x', top: 3, query: '7' }, 'GET /v1/odd?filter%5Bname%5D=x&%24top=3&%E6%97%A5%E4%BB%98=7'],
    ['default', {}, 'GET /v1/default?version=v3'],
    ['days', { day: ['mon', 'tue/wed'] }, 'GET /v1/days/mon,tue%2Fwed'],
    ['label', { day: ['mon', 'tue'] }, 'GET /v1/label/.mon.tue'],
    ['matrix', { pt: { x: 1, y: 2 } }, 'GET /v1/matrix/;pt=x,1,y,2'],
    ['matrix2', { a_b: [1, 2] }, 'GET /v1/matrix2/;a-b=1;a-b=2'],
    ['own', {}, 'GET /other/own'],
    ['mine', {}, 'GET /v7/mine'],
    ['same', {}, 'GET /v1/dup-a'],
    ['same_fdc8', {}, 'GET /v1/dup-b'],
    ['yaml_yes', { no: 'off' }, 'GET /yaml/on/off'],
  ]) {
    test(`of ${name} with ${JSON.stringify(args)} is ${line}`, async () => {
      assert.equal((await sent(name, args)).line, line);
    });
  }

  test('keeps arguments in the place of their path', async () => {
    for (const day of ['.', '..', '']) {
      const result = await client.callTool({ name: 'days', arguments: { day: [day] } });
      assert.equal(result.isError, true, JSON.stringify(day));
    }
    const result = await client.callTool({ name: 'label', arguments: { day: ['.'] } });
    assert.equal(result.isError, true);
  });

  test('has headers and cookies', async () => {
    const { headers } = await sent('head', { X_Ids: [1, 2], X_Point: { x: 1, y: 2 }, session: 'a; b=1', more: [3, 4] });
    assert.equal(headers['x-ids'], '1,2');
    assert.equal(headers['x-point'], 'x=1,y=2');
    assert.equal(headers.cookie, 'session=a%3B%20b%3D1; more=3; more=4');
    const smuggled = await client.callTool({ name: 'head', arguments: { session: 's', X_Point: { x: 1, y: 2, 'a\r\nX-Evil': 1 } } });
    assert.equal(smuggled.isError, true);
    assert.match(textOf(smuggled), /X-Point: a control character cannot stand in a header/);
  });

  test('is not asked for what is only read', async () => {
    const { tools } = await client.listTools();
    const { body } = tools.find((t) => t.name === 'put_user').inputSchema.properties;
    assert.deepEqual(Object.keys(body.properties), ['id', 'name', 'secret']);
    assert.deepEqual(body.required, ['id']);
    const { line, headers, body: bytes } = await sent('put_user', { id: 5, body: { id: 6, name: null, secret: 's' } });
    assert.deepEqual([line, headers['content-type'], bytes.toString()], ['PUT /v1/users/5', 'application/json; charset=utf-8', '{"id":6,"name":null,"secret":"s"}']);
  });

  test('has a body beside a parameter of that name, with DELETE, with GET from 3.1 on, or none', async () => {
    let request = await sent('clash', { body: 'q', body_body: [1] });
    assert.deepEqual([request.line, request.body.toString()], ['POST /v1/clash?body=q', '[1]']);
    request = await sent('del', { body: { a: 1 } });
    assert.deepEqual([request.line, request.body.toString()], ['DELETE /v1/del', '{"a":1}']);
    request = await sent('find_find', { body: { q: 1 } });
    assert.deepEqual([request.line, request.body.toString()], ['GET /q', '{"q":1}']);
    request = await sent('none');
    assert.deepEqual([request.body.length, request.headers['content-type']], [0, undefined]);
  });

  test('has a form', async () => {
    const { headers, body } = await sent('form', { Tags: ['a b', 'c&d'], Meta: { k: [1] }, On: true, Csv: ['x', 'y'], Deep: { a: { b: 1 } } });
    assert.equal(headers['content-type'], 'application/x-www-form-urlencoded');
    assert.deepEqual([...new URLSearchParams(body.toString())], [['Tags', 'a b'], ['Tags', 'c&d'], ['Meta', '{"k":[1]}'], ['On', 'true'], ['Csv', 'x,y'], ['Deep[a][b]', '1']]);
  });

  test('has parts, and files among them', async () => {
    const bytes = Buffer.from([0, 255, 13, 10, 45, 45, 0]);
    const { headers, body } = await sent('parts', {
      note: 'ü', n: 3, meta: { a: 1 }, tags: ['x', 'y'], file: bytes.toString('base64'), file_filename: 'ü "1"\r\n.png', more: ['AA==', 'AQ=='],
    });
    const form = await new Response(body, { headers: { 'content-type': headers['content-type'] } }).formData();
    assert.deepEqual([form.get('note'), form.get('n'), form.getAll('tags')], ['ü', '3', ['x', 'y']]);
    assert.match(body.toString('latin1'), /name="meta"\r\nContent-Type: application\/json\r\n\r\n\{"a":1\}\r\n/);
    const file = form.get('file');
    assert.deepEqual([file.name, file.type, Buffer.from(await file.arrayBuffer())], ['ü "1"\r\n.png', 'image/png', bytes]);
    assert.deepEqual(await Promise.all(form.getAll('more').map(async (f) => [f.name, f.type, (await f.arrayBuffer()).byteLength])), [
      ['more', 'application/octet-stream', 1], ['more', 'application/octet-stream', 1],
    ]);
    const refused = await client.callTool({ name: 'parts', arguments: { file: 'no base64!' } });
    assert.deepEqual([textOf(refused), refused.isError], ['a: file: must be Base64 (RFC 4648 4), with its padding', true]);
  });

  test('has bytes, or a text', async () => {
    let request = await sent('bytes', { body: 'AAEC/w==' });
    assert.deepEqual([request.headers['content-type'], request.body], ['application/octet-stream', Buffer.from([0, 1, 2, 255])]);
    request = await sent('text', { body: 'a,b\r\n"ü"' });
    assert.deepEqual([request.headers['content-type'], request.body.toString()], ['text/csv', 'a,b\r\n"ü"']);
  });

  test('brings each credential to where its scheme has it', async () => {
    assert.equal((await sent('keyed')).line, 'GET /v1/keyed?api%20key=k%2F1234567');
    const { headers } = await sent('headed');
    assert.deepEqual([headers['x-key'], headers.cookie], ['h-7654321', 'sid=c%3B1']);
    assert.equal((await sent('basic')).headers.authorization, `Basic ${Buffer.from('ada:pass-word-1').toString('base64')}`);
    for (const name of ['open', 'csv']) assert.equal((await sent(name)).headers.authorization, undefined);
  });

  test('that quotes a credential tells it nobody', async () => {
    const refused = await client.callTool({ name: 'refuse', arguments: {} });
    assert.equal(textOf(refused), "a: HTTP 403 (Forbidden): the API refuses the gateway's credentials: you are not * Basic *");
    assert.doesNotMatch(textOf(refused), /1234567|pass-word|YWRhO/);
  });

  test('is made of Swagger 2.0 too', async () => {
    let request = await sent('two_change', { id: 7, f: ['a', 'b'], m: ['c', 'd'], body: { name: 'Rex' } });
    assert.deepEqual([request.line, request.body.toString()], ['POST /v2/pets/7?f=a,b&m=c&m=d', '{"name":"Rex"}']);
    request = await sent('two_photo', { id: 7, note: 'n', file: 'AAE=' });
    const form = await new Response(request.body, { headers: { 'content-type': request.headers['content-type'] } }).formData();
    assert.deepEqual([form.get('note'), (await form.get('file').arrayBuffer()).byteLength], ['n', 2]);
  });
});

/** What --check-config says of an entry. */
function check(entry, mgw = mgwSanitized) {
  const file = write('check.json', { mcpServers: { api: { base_url: 'http://127.0.0.1:9', ...entry } } });
  const { status, stdout, stderr } = spawnSync(mgw, ['--check-config', file], { encoding: 'utf8' });
  return { status, lines: (stderr + stdout).split('\n').filter((l) => l !== '').map((l) => l.replace(`${scratch}/`, '')) };
}

describe('--check-config', { timeout: 120000 }, () => {
  test('tells what of a document is left out, and what is read otherwise', () => {
    const document = {
      openapi: '3.0.0', security: [{ key: [] }], components: { securitySchemes: schemes },
      paths: { '/a': { get: { operationId: 'same' }, head: {} }, '/b': { get: { operationId: 'same' }, put: { requestBody: { content: { 'application/xml': { schema: { type: 'object' } } } } } } },
    };
    assert.deepEqual(check({ openapi: write('told.json', document) }).lines.filter((l) => !/security scheme/.test(l)), [
      'told.json: HEAD /a: is left out: no tool is made of this method',
      'told.json: GET /b: is called same_dea4, as same is another\'s',
      'told.json: PUT /b: is left out: its body is neither JSON nor a form, but an object of another form',
      'check.json: ok',
    ]);
    assert.ok(check({ openapi: write('told.json', document) }).lines.includes('told.json: head: is a security scheme without a credential ("security" of the entry)'));
    const one = check({ openapi: write('told.json', document), include: ['same'], security: { head: 'x' } });
    assert.deepEqual(one.lines, ['check.json: ok']);
  });

  test('refuses a credential that no scheme asks for', () => {
    const { status, lines } = check({ openapi: write('s.json', { openapi: '3.0.0', paths: {} }), security: { nobody: 'x' } });
    assert.deepEqual([status, lines], [1, ['s.json: security: there is no scheme "nobody" that could be used']]);
  });

  for (const [name, text, said] of [
    ['cut off', '{"openapi": "3.0.0",\n"paths": {"/a": {"get": {}}', 'd.json:2:1: is no JSON: it is cut off, or something is missing'],
    ['no description', '{"asyncapi": "3.0.0"}', 'd.json: openapi: is no description that is known: "openapi" must be "3...", or "swagger" "2.0"'],
    ['YAML that is none', 'openapi: 3.0.0\npaths: [', /^d\.json:\d+:\d+: /],
    ['empty', '', 'd.json:1:1: is no JSON: it is cut off, or something is missing'],
    ['without a server', '{"openapi": "3.0.0", "paths": {}}', 'd.json: the document: needs "base_url", here or in the server\'s entry'],
  ]) {
    test(`says what is wrong with a document that is ${name}`, () => {
      const { status, lines } = check({ openapi: write('d.json', text), base_url: undefined });
      assert.equal(status, 1, lines.join('\n'));
      assert.ok(said instanceof RegExp ? said.test(lines[0]) : lines[0].startsWith(said), lines[0]);
    });
  }
});

describe('a published description', { timeout: 300000 }, () => {
  const published = [
    ...['2.0', '3.0', '3.1'].flatMap((version) => ['json', 'yaml'].flatMap((form) => {
      const folder = path.join(packages, '@readme/oas-examples', version, form);
      return fs.existsSync(folder) ? fs.readdirSync(folder).filter((f) => /\.(json|ya?ml)$/.test(f)).map((f) => path.join(folder, f)) : [];
    })),
    path.join(packages, '@blockfrost/openapi/openapi.yaml'),
    path.join(packages, '@scalar/galaxy/dist/latest.json'),
    path.join(packages, '@scalar/galaxy/dist/latest.yaml'),
  ];

  // As a table: node --test openapi.test.mjs | grep '# |'
  test('is offered whole, and what is read otherwise is told', (t) => {
    assert.ok(published.length > 80, `${published.length} documents`);
    for (const file of published) {
      const { status, lines } = check({ openapi: file, headers: { 'X-Key': 'k' } }, mgwSanitized);
      const out = lines.filter((l) => l.includes(': is left out: ') || l.includes('takes any value'));
      assert.equal(status, 0, `${file}: ${lines.join('\n')}`);
      assert.deepEqual(out, [], file);
      t.diagnostic(`| ${path.relative(packages, file)} | ${lines.slice(0, -1).map((l) => l.slice(l.indexOf(': ') + 2)).join('<br>')} |`);
    }
  });

  test('gives the same tools in JSON and in YAML', async () => {
    const json = path.join(packages, '@readme/oas-examples/3.0/json/petstore.json'), yaml = path.join(packages, '@readme/oas-examples/3.0/yaml/petstore.yaml');
    const gateway = await startGateway({ config: { mcpServers: { json: { openapi: json, base_url: 'http://127.0.0.1:9' }, yaml: { openapi: yaml, base_url: 'http://127.0.0.1:9' } } } });
    const client = await connectClient(gateway.url, 'http');
    const { tools } = await client.listTools();
    const of = (server) => tools.filter((t) => t.name.startsWith(`${server}_`)).map((t) => ({ ...t, name: t.name.slice(5) }));
    assert.equal(of('json').length, 20);
    assert.deepEqual(of('yaml'), of('json'));
    await client.close();
    await gateway.stop();
  });
});

test('a document of 12 MB costs what of it is wanted', { timeout: 120000 }, () => {
  const words = 'lorem ipsum dolor sit amet '.repeat(8);
  const document = { openapi: '3.0.0', paths: {}, components: { schemas: {} } };
  for (let i = 0; i < 3000; i++) {
    document.components.schemas[`S${i}`] = object({ a: { type: 'string', description: words }, next: { $ref: `#/components/schemas/S${(i + 1) % 3000}` } });
    document.paths[`/p${i}`] = { ...get(`op${i}`, query('q', { type: 'string', description: words })), ...post(`make${i}`, { 'application/json': { schema: { $ref: `#/components/schemas/S${i}` }, example: words.repeat(15) } }) };
  }
  const file = write('big.json', document);
  assert.ok(fs.statSync(file).size > 12e6);
  // The release build: a sanitizer's memory is no measure. 100 MB of addresses, a third of which are libraries'.
  const config = write('big.mgw.json', { mcpServers: { api: { openapi: file, base_url: 'http://127.0.0.1:9', include: ['op1?'] } } });
  const { status, stderr } = spawnSync('sh', ['-c', 'ulimit -v 100000; exec "$0" --check-config "$1"', mgwRelease, config], { encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  const hostile = `{"openapi": "3.0.0", "paths": {"/a": {"get": {"parameters": [${'['.repeat(3e6)}`;
  assert.equal(check({ openapi: write('hostile.json', hostile) }, mgwRelease).status, 1);
});
