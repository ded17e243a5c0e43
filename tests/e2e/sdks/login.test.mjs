// Clients of Python's SDK, 1.x and 2.x, that sign in at mgw through an OpenID provider, by their own auth code. TypeScript's:
// login/clients.test.mjs.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { testCertificate } from '../lib/gateway.mjs';
import { startLogin } from '../lib/login.mjs';
import { PythonLogin } from '../lib/login_python.mjs';
import { python, pythonFile } from './lib/installed.mjs';

describe('Python signs in at the gateway', { timeout: 240000 }, () => {
  const redirect = 'http://127.0.0.1:1/callback';
  let login;
  before(async () => { login = await startLogin(); });
  after(() => login.stop());

  for (const major of [1, 2]) {
    for (const path of ['/mcp', '/sse']) {
      test(`mcp ${major}.x, ${path}: a URL is all it knows, and it refreshes what has expired`, async () => {
        const client = new PythonLogin(python(major), pythonFile('login.py'), { url: `${login.base}${path}`, redirect, ca: testCertificate().cert });
        const visitor = login.visitor('bob');
        const revision = await client.signIn(async (url) => (await visitor(url, redirect)).searchParams);
        assert.equal(revision, major === 2 && path === '/mcp' ? '2026-07-28' : '2025-11-25');
        const say = async (message) => (await client.request('tools/call', { name: 'echo', arguments: { message } })).content[0].text;
        assert.equal(await say('hello'), 'hello');
        await client.request('expire');
        assert.equal(await say('refreshed'), 'refreshed');
        await client.stop();
      });
    }
  }
});
