// How clients are told of this gateway: links that install it, and what to paste.

const json = (value) => JSON.stringify(value, null, 2);
/** UTF-8 as base64. */
const base64 = (text) => btoa(String.fromCharCode(...new TextEncoder().encode(text)));

const clients = {
  cursor: {
    name: 'Cursor',
    make({ url, headers }) {
      const entry = { url, ...(headers && { headers }) };
      return {
        link: { text: 'Add to Cursor', href: `cursor://anysphere.cursor-deeplink/mcp/install?name=mgw&config=${encodeURIComponent(base64(JSON.stringify(entry)))}` },
        where: 'Or paste into ~/.cursor/mcp.json:', text: json({ mcpServers: { mgw: entry } }),
      };
    },
  },
  claude_code: {
    name: 'Claude Code',
    make: ({ url, headers }) => ({
      where: 'In a terminal:',
      text: `claude mcp add --transport http mgw ${url}${headers ? ` --header "Authorization: ${headers.Authorization}"` : ''}`,
    }),
  },
  vscode: {
    name: 'VS Code',
    make({ url, headers }) {
      const entry = { type: 'http', url, ...(headers && { headers }) };
      return {
        link: { text: 'Add to VS Code', href: `vscode:mcp/install?${encodeURIComponent(JSON.stringify({ name: 'mgw', ...entry }))}` },
        where: 'Or paste into .vscode/mcp.json:', text: json({ servers: { mgw: entry } }),
      };
    },
  },
  claude_desktop: {
    name: 'Claude Desktop',
    make: ({ url, headers }) => ({
      where: 'By mcp-remote, in claude_desktop_config.json (it needs Node.js; of plain http it must be told):',
      text: json({
        mcpServers: {
          mgw: {
            command: 'npx',
            args: ['-y', 'mcp-remote', url, ...(url.startsWith('http:') ? ['--allow-http'] : []), ...(headers ? ['--header', 'Authorization:${MGW_AUTHORIZATION}'] : [])],
            ...(headers && { env: { MGW_AUTHORIZATION: headers.Authorization } }),
          },
        },
      }),
    }),
  },
};

let chosenClient = 'cursor';
let asksForToken = false;

function showSnippet() {
  const { make } = clients[chosenClient];
  const url = `${byId('address').value.trim().replace(/\/+$/, '')}/mcp`;
  const { link, where, text } = make({ url, headers: asksForToken ? { Authorization: 'Bearer YOUR_TOKEN' } : undefined });
  const copy = el('button', { type: 'button', class: 'quiet' }, 'Copy');
  copy.addEventListener('click', async () => {
    await navigator.clipboard?.writeText(text).then(() => { copy.textContent = 'Copied'; }, () => {});
  });
  byId('snippet').setAttribute('aria-labelledby', `client-${chosenClient}`);
  byId('snippet').replaceChildren(
    ...(link ? [el('p', { class: 'line' }, el('a', { class: 'button', href: link.href }, link.text))] : []),
    el('div', { class: 'line' }, el('span', { class: 'soft' }, where), ...(navigator.clipboard ? [copy] : [])),
    el('pre', { tabindex: 0, role: 'region', 'aria-label': 'What to paste' }, text),
  );
}

function chooseClient(name, focuses) {
  chosenClient = name;
  for (const tab of byId('clients').children) {
    const is = tab.dataset.client === name;
    tab.setAttribute('aria-selected', is);
    tab.tabIndex = is ? 0 : -1;
    if (is && focuses) tab.focus();
  }
  showSnippet();
}

/** What is known of the address: told by the configuration; else where this page came from, or, at the inside port, where HAProxy listens on this machine. */
function beginSnippets(config, viewer) {
  const address = byId('address');
  if (address.value === '') address.value = config.public_url || (viewer.is_operator ? `http://${location.hostname}:${viewer.plain_port || 8080}` : location.origin);
  asksForToken = !config.auth.has_login && (config.auth.has_tokens || config.auth.issuers.length > 0);
  setText('connect-how', config.auth.has_login ? 'The client opens a browser, in which its user signs in.'
    : asksForToken ? 'In place of YOUR_TOKEN stands the user’s own: mgw token EMAIL makes one.'
      : 'Nobody has to sign in here.');
  if (byId('clients').childElementCount === 0) {
    const names = Object.keys(clients);
    byId('clients').append(...names.map((name) => {
      const tab = el('button', { type: 'button', role: 'tab', id: `client-${name}`, 'data-client': name, 'aria-controls': 'snippet' }, clients[name].name);
      tab.addEventListener('click', () => chooseClient(name));
      tab.addEventListener('keydown', ({ key }) => {
        const by = { ArrowRight: 1, ArrowLeft: -1 }[key];
        if (by) chooseClient(names[(names.indexOf(name) + by + names.length) % names.length], true);
      });
      return tab;
    }));
    address.addEventListener('input', showSnippet);
  }
  chooseClient(chosenClient);
}
