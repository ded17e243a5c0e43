// mgw behind HAProxy with TLS, where people sign in at an OidcProvider; and what a person does there with a browser.

import { trustingFetch } from './clients.mjs';
import { CursorLike } from './cursor.mjs';
import { startGateway } from './gateway.mjs';
import { Keeper, signIn } from './login_client.mjs';
import { OidcProvider } from './oidc.mjs';
import { PlainBrowser } from './plain_browser.mjs';

/** The button of the consent page that lets a client in, and the one that does not. */
export const allow = /^allow/i;
export const deny = /^(deny|cancel|do not|don't|refuse)/i;

/** The gateway, as the provider knows it. */
export const registered = { client_id: 'gateway', client_secret: 'the secret of the gateway at the provider' };

/**
 * accounts, provider: of the OidcProvider; other: (redirect) => starts another provider in its place, which has { issuer, stop() }; login: more of auth.login; gateway: more of "gateway"; config: more beside it;
 * options: more for startGateway. Returns { provider, gateway, base, fetch, browser(account), visitor(account), client(options),
 * cursor(options), stop() }.
 */
export async function startLogin({ accounts, other, provider: ofProvider = {}, login = {}, gateway: ofGateway = {}, config = {}, options = {} } = {}) {
  let provider = other ? undefined : await OidcProvider.start({ accounts: accounts ?? { ada: {}, bob: {} }, ...ofProvider });
  let base;
  const gateway = await startGateway({
    ...options,
    config: async ({ tls, url, dir }) => {
      base = tls;
      const redirect = `${tls}/oauth/callback`;
      // It knows nobody yet: mgw's address is known since now.
      if (other) provider = await other(redirect);
      provider.options?.clients.push({ ...registered, redirect_uris: [redirect] });
      provider.begin?.();
      const { auth, ...more } = typeof ofGateway === 'function' ? ofGateway({ tls, url, dir }) : ofGateway;
      return {
        ...config,
        gateway: { public_url: tls, state_dir: `${dir}/state`, ...more, auth: { ...auth, login: { issuer: provider.issuer, ...registered, ...login } } },
      };
    },
  });
  const fetch = trustingFetch();
  const all = { provider, gateway, base, fetch, secrets: [registered.client_secret] };
  all.browser = (account) => new PlainBrowser({ fetch, account });
  /** (url, redirect) => the redirect's URL: signs in as the account, and allows what is asked, once a browser. */
  all.visitor = (account, { browser = all.browser(account), button = allow } = {}) => async (url, redirect) => {
    const end = await browser.open(url, { until: redirect });
    return end instanceof URL ? end : browser.press(button, { until: redirect });
  };
  all.client = ({ account = 'ada', visitor = all.visitor(account), redirect = 'http://127.0.0.1:1/callback', keeper, ...more } = {}) => {
    keeper ??= new Keeper({ redirectUrl: redirect });
    return signIn(base, { fetch, keeper, visit: async (url) => (await visitor(url, redirect)).searchParams, ...more });
  };
  all.cursor = ({ account = 'ada', ...more } = {}) => new CursorLike(base, { fetch, visit: all.visitor(account), ...more });
  all.stop = async () => {
    await gateway.stop();
    await provider.stop();
    await fetch.close();
  };
  return all;
}
