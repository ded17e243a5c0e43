// A browser of a few lines, for the steps of a login that need no real one: it follows redirects, keeps cookies as browsers do,
// and sends the forms of a page.

const entities = { amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'", '#x27': "'", '#34': '"', '#x2F': '/' };
export const unescapeHtml = (text) => text.replace(/&(amp|lt|gt|quot|#39|#x27|#34|#x2F);/g, (all, name) => entities[name]);

const attributesOf = (tag) => Object.fromEntries([...tag.matchAll(/([\w-]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s>]+)))?/g)]
  .map(([, name, a, b, c]) => [name.toLowerCase(), unescapeHtml(a ?? b ?? c ?? '')]));

/** The forms of a page: { action, method, fields: { name: value }, buttons: [{ name, value, text }] }. */
export function formsOf(html) {
  return [...html.matchAll(/<form([^>]*)>([\s\S]*?)<\/form>/gi)].map(([, head, inside]) => {
    const { action, method = 'get' } = attributesOf(head);
    const fields = {};
    for (const [, tag] of inside.matchAll(/<input([^>]*)>/gi)) {
      const { type = 'text', name, value = '', checked } = attributesOf(tag);
      if (name && type !== 'submit' && (!['checkbox', 'radio'].includes(type) || checked !== undefined)) fields[name] = value;
    }
    const buttons = [...inside.matchAll(/<button([^>]*)>([\s\S]*?)<\/button>/gi)]
      .map(([, tag, text]) => ({ ...attributesOf(tag), text: unescapeHtml(text.replace(/<[^>]*>/g, '')).trim() }));
    return { action, method: method.toLowerCase(), fields, buttons };
  });
}

/** The links of a page: { href, text }. */
const linksOf = (html) => [...html.matchAll(/<a([^>]*)>([\s\S]*?)<\/a>/gi)].map(([, tag, text]) => ({ ...attributesOf(tag), text: unescapeHtml(text.replace(/<[^>]*>/g, '')).trim() }));

const says = (wanted, text) => (wanted instanceof RegExp ? wanted.test(text ?? '') : wanted === text);

export class PlainBrowser {
  cookies = []; // { host, name, value, path, secure }
  visited = []; // { method, url, status }
  refused = []; // cookies that a browser would not take

  /** fetch: which trusts who is to be trusted; account: as whom it signs in at an OidcProvider. */
  constructor({ fetch = globalThis.fetch, account } = {}) {
    Object.assign(this, { fetch, account });
  }

  #cookiesFor(url) {
    const own = this.cookies.filter((c) => c.host === url.hostname && (!c.secure || isSecure(url)) && url.pathname.startsWith(c.path));
    return [...own.map(({ name, value }) => `${name}=${value}`), ...(this.account ? [`as=${this.account}`] : [])].join('; ');
  }

  #take(url, line) {
    const [pair, ...rest] = line.split(';').map((part) => part.trim());
    const [name, value] = [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)];
    const of = Object.fromEntries(rest.map((part) => part.split('=')).map(([n, v = '']) => [n.toLowerCase(), v]));
    const secure = 'secure' in of;
    if ((secure && !isSecure(url)) || (name.startsWith('__Host-') && !(secure && of.path === '/' && !('domain' in of)))) {
      this.refused.push(line);
      return;
    }
    const path = of.path || '/';
    this.cookies = this.cookies.filter((c) => !(c.host === url.hostname && c.name === name && c.path === path));
    if (of['max-age'] !== undefined ? Number(of['max-age']) > 0 : !(of.expires && Date.parse(of.expires) < Date.now())) {
      this.cookies.push({ host: url.hostname, name, value, path, secure });
    }
  }

  /**
   * Goes where it leads, at most 20 steps: returns the page { url, status, headers, html, forms }, or, once a redirect leads to
   * what begins with `until`, that URL.
   */
  async open(to, { until, method = 'GET', body, headers = {} } = {}) {
    let url = new URL(to);
    for (let step = 0; step < 20; step++) {
      const response = await this.fetch(url, {
        method, redirect: 'manual', body,
        headers: {
          accept: 'text/html', cookie: this.#cookiesFor(url), 'sec-fetch-mode': 'navigate',
          ...(method === 'POST' && { 'content-type': 'application/x-www-form-urlencoded', origin: this.page?.url.origin ?? 'null' }), ...headers,
        },
      });
      for (const line of response.headers.getSetCookie()) this.#take(url, line);
      this.visited.push({ method, url: url.href, status: response.status });
      // A page may lead on by itself (HTML, "Refresh"): the redirects after a form end there.
      const [, next] = /^0; *url=(.*)$/i.exec(response.headers.get('refresh') ?? '') ?? [];
      const location = next ?? response.headers.get('location');
      if (!location || (!next && (response.status < 300 || response.status > 399))) {
        const html = await response.text();
        this.page = { url, status: response.status, headers: response.headers, html, forms: formsOf(html) };
        return this.page;
      }
      await response.arrayBuffer();
      url = new URL(location, url);
      if (until && url.href.startsWith(until)) return url;
      if (next || [301, 302, 303].includes(response.status)) [method, body] = ['GET', undefined];
    }
    throw new Error(`more than 20 redirects: ${this.visited.map((v) => v.url).join(' -> ')}`);
  }

  /** Goes where the link of the page with this text leads. */
  follow(text, { until } = {}) {
    const link = linksOf(this.page.html).find((it) => says(text, it.text));
    if (!link) throw new Error(`no link ${text} at ${this.page.url} (${this.page.status}):\n${this.page.html}`);
    return this.open(new URL(link.href, this.page.url), { until });
  }

  /** Sends the form of the page that has a button with this text, name or value. */
  async press(button, { fields = {}, until } = {}) {
    const fits = (b) => [b.text, b.name, b.value, `${b.name}=${b.value}`].some((it) => says(button, it));
    const form = this.page.forms.find((f) => f.buttons.some(fits));
    if (!form) throw new Error(`no button ${button} at ${this.page.url} (${this.page.status}):\n${this.page.html}`);
    const pressed = form.buttons.find(fits);
    const all = new URLSearchParams({ ...form.fields, ...fields, ...(pressed.name && { [pressed.name]: pressed.value ?? '' }) });
    const action = new URL(pressed.formaction ?? (form.action || this.page.url.href), this.page.url);
    if (form.method === 'post') return this.open(action, { method: 'POST', body: all.toString(), until });
    action.search = all.toString();
    return this.open(action, { until });
  }
}

// Browsers take what is loopback for secure.
const isSecure = (url) => url.protocol === 'https:' || ['localhost', '127.0.0.1', '[::1]'].includes(url.hostname);
