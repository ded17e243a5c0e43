// Debian's Chromium, for the pages that people see: pages in light, dark and on a phone, with and without JavaScript, what the
// console says, pictures in build/log/screenshots, and axe-core's judgement.

import fs from 'node:fs';
import path from 'node:path';
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { chromium } from 'playwright-core';
import { top } from './gateway.mjs';

const pictures = path.join(top, 'build/log/screenshots');
const axe = fs.readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** How a page is looked at. */
export const looks = {
  light: { colorScheme: 'light', viewport: { width: 1000, height: 760 } },
  dark: { colorScheme: 'dark', viewport: { width: 1000, height: 760 } },
  phone: { colorScheme: 'light', viewport: { width: 360, height: 740 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true },
};

/** const browser = await startChromium(); const visit = await browser.visit(options); ... await browser.close(). */
export async function startChromium() {
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', headless: true, timeout: 60000,
    // As root, in containers: it cannot make namespaces of its own there.
    args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--no-first-run', '--disable-background-networking'],
  });
  return {
    visit: (options) => Visit.start(browser, options),
    close: () => browser.close(),
  };
}

/** One person: a browser context with cookies of its own. */
class Visit {
  errors = []; // what the console said, what failed to load
  requests = []; // URLs, in order

  /** look: of `looks`; script: JavaScript runs; account: as whom it signs in at an OidcProvider; provider: that one; password: of any user name, where one is asked for. */
  static async start(browser, { look = 'light', script = true, account, provider, password } = {}) {
    const it = new Visit();
    it.look = look;
    it.context = await browser.newContext({ ...looks[look], javaScriptEnabled: script, ignoreHTTPSErrors: true, ...(password && { httpCredentials: { username: 'mgw', password } }) });
    it.context.setDefaultTimeout(15000);
    if (account) await it.context.addCookies([{ name: 'as', value: account, url: provider.issuer }]);
    it.page = await it.context.newPage();
    it.page.on('console', (message) => ['error', 'warning'].includes(message.type()) && it.errors.push(`${message.type()}: ${message.text()}`));
    it.page.on('pageerror', (error) => it.errors.push(`${error}`));
    it.page.on('request', (request) => it.requests.push(request.url()));
    it.page.on('requestfailed', (request) => it.errors.push(`${request.url()}: ${request.failure()?.errorText}`));
    return it;
  }

  /** Goes there, and returns the response of where it ends. */
  open(url) {
    return this.page.goto(url, { waitUntil: 'load' });
  }

  press(name) {
    return this.page.getByRole('button', { name }).click();
  }

  /** The same, and the page that it leads to is there. */
  async pressThrough(name) {
    await Promise.all([this.page.waitForEvent('load'), this.press(name)]);
  }

  follow(name) {
    return this.page.getByRole('link', { name }).click();
  }

  get text() {
    return this.page.locator('body').innerText();
  }

  async picture(name) {
    fs.mkdirSync(pictures, { recursive: true });
    const file = path.join(pictures, `${name}-${this.look}.png`);
    await this.page.evaluate(() => scrollTo(0, 0)); // what sticks to the top is there
    await this.page.screenshot({ path: file, fullPage: true });
    return file;
  }

  /** Nothing serious stands in the way of anybody. The page's own policy lets no script in: axe is evaluated from outside. */
  async mustBeAccessible() {
    await this.page.evaluate(axe);
    const { violations } = await this.page.evaluate(() => globalThis.axe.run(document, { resultTypes: ['violations'] }));
    const bad = violations.filter(({ impact }) => ['serious', 'critical'].includes(impact));
    assert.deepEqual(bad.map(({ id, help, nodes }) => ({ id, help, nodes: nodes.map(({ html }) => html) })), [], `axe-core, ${this.page.url()}, ${this.look}`);
  }

  /** The page fits the window's width. */
  async mustFit() {
    const [wide, window] = await this.page.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]);
    assert.ok(wide <= window, `${this.page.url()} is ${wide} wide, the window ${window}`);
  }

  close() {
    return this.context.close();
  }
}
