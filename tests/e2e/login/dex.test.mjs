// Signing in at a provider of another make: Dex, whose issuer has a path, which says nothing of RFC 9207, and asks for a password.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { textOf } from '../lib/clients.mjs';
import { dex, password, startDex } from '../lib/dex.mjs';
import { allow, registered, startLogin } from '../lib/login.mjs';

const skip = fs.existsSync(dex) ? false : 'this machine cannot: it has no Dex, nor Go to build it with';

describe('Dex', { timeout: 90000, skip }, () => {
  let login;
  before(async () => {
    login = await startLogin({
      login: { scopes: ['openid', 'email', 'groups'], groups: ['mail'] },
      other: (redirect) => startDex({ client: registered, redirect, people: { ada: ['mail'], bob: [] } }),
    });
  });
  after(() => login.stop());

  const visitor = (name) => async (url, redirect) => {
    const browser = login.browser();
    await browser.open(url);
    const end = await browser.press('Login', { fields: { login: `${name}@example.com`, password }, until: redirect });
    return end instanceof URL ? end : browser.press(allow, { until: redirect });
  };

  test('a user signs in with a password, and works', async () => {
    const { client } = await login.client({ visitor: visitor('ada') });
    assert.equal(textOf(await client.callTool({ name: 'echo', arguments: { message: 'hello' } })), 'hello');
    await client.close();
  });

  test('who is in none of the groups is not let in', async () => {
    const browser = login.browser();
    await assert.rejects(login.client({
      visitor: async (url, redirect) => {
        await browser.open(url);
        const end = await browser.press('Login', { fields: { login: 'bob@example.com', password }, until: redirect });
        if (end instanceof URL) return end;
        throw new Error(`a page: ${end.status}`);
      },
    }), /access_denied|a page: 403/);
  });
});
