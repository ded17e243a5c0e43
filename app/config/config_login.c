/* "auth.login": where people sign in, and who of them may. */
#include "config_inside.h"
#include "mgw/base/str.h"
#include "mgw/base/strv.h"
#include "mgw/wire/hdr.h"

#include <string.h>

#define AT(field) offsetof(struct config, login.field)
#define SECONDS_MAX 1e7

static bool is_issuer(const char *text)
{
        return text[0] == '\0' || config_is_issuer(text);
}

static bool is_claim(const char *text)
{
        return hdr_is_visible(str_from(text), 255);
}

const struct config_row config_login_rows[] = {
        {"auth.login.issuer", KIND_TEXT, AT(issuer), "", .is_shown = true,
         .help = "OpenID provider at which people sign in (docs/sign-in-provider.md)",
         .is_right = is_issuer,
         .why = "must be https://..., as the provider spells it (http:// for this machine alone)"},
        {"auth.login.client_id", KIND_TEXT, AT(client_id), "",
         .help = "as which client the gateway is registered there"},
        {"auth.login.client_secret", KIND_TEXT, AT(client_secret), "",
         .help = "its secret, where it has one"},
        {"auth.login.scopes", KIND_TEXTS, AT(scopes), "openid,email,profile", .is_shown = true,
         .help = "what it is asked for", .is_split = true},
        {"auth.login.claims.email", KIND_TEXT, AT(claim_email), "email", .is_shown = true,
         .help = "claim of the ID token that names the user; \"email\" must be verified",
         .is_right = is_claim, .why = "must be the name of a claim"},
        {"auth.login.claims.subject", KIND_TEXT, AT(claim_subject), "sub", .is_shown = true,
         .help = "claim that stays the same for a person", .is_right = is_claim,
         .why = "must be the name of a claim"},
        {"auth.login.claims.groups", KIND_TEXT, AT(claim_groups), "groups", .is_shown = true,
         .help = "claim that has the user's groups", .is_right = is_claim,
         .why = "must be the name of a claim"},
        {"auth.login.domains", KIND_TEXTS, AT(domains), "", .is_shown = true,
         .help = "only users whose email address is of one of these", .is_split = true},
        {"auth.login.groups", KIND_TEXTS, AT(groups), "", .is_shown = true,
         .help = "only users who are in one of these", .is_split = true},
        {"auth.login.browser_s", KIND_SECONDS, AT(browser_ms), "28800", 60, SECONDS_MAX,
         .help = "a browser stays signed in for so long"},
        {"auth.login.tokens", KIND_BOOL, AT(has_tokens), "false",
         .help = "without an issuer: people sign in by a token of auth.tokens_file, true or false"},
        {"auth.login.access_token_s", KIND_SECONDS, AT(access_token_ms), "3600", 30, 86400,
         .help = "life of the access tokens that clients get"},
        {"auth.login.login_s", KIND_SECONDS, AT(login_ms), "2592000", 60, SECONDS_MAX,
         .help = "a client's login ends after this, and it asks its user again"},
        {"auth.login.registration", KIND_BOOL, AT(has_registration), "true",
         .help = "clients may register themselves (RFC 7591): true or false"},
        {"auth.login.clients", KIND_OTHER, AT(clients), .load = config_login_client_load},
        {.key = NULL},
};

bool config_is_issuer(const char *text)
{
        struct str url = str_from(text), host = hdr_url_host(url);
        bool is_here = str_eq(host, STR("localhost")) || str_eq(host, STR("127.0.0.1")) ||
                       str_eq(host, STR("[::1]"));

        return host.n > 0 && hdr_is_visible(url, 512) && strpbrk(text, "?#\"\\") == NULL &&
               (str_has_prefix(url, STR("https://")) ||
                (is_here && str_has_prefix(url, STR("http://"))));
}

bool config_has_login(const struct config *config)
{
        return config->login.issuer[0] != '\0' || config->login.has_tokens;
}

/* One that means nothing without a provider. */
static const char *stray_key(const struct config_login *login)
{
        if (login->client_id[0] != '\0')
                return "client_id";
        if (login->client_secret[0] != '\0')
                return "client_secret";
        if (login->domains != NULL)
                return "domains";
        return login->groups != NULL ? "groups" : NULL;
}

static void check_without_provider(struct loading *l)
{
        const struct config_login *login = &l->config->login;
        const char *stray = stray_key(login);
        char at[CONFIG_KEY_SIZE];

        if (login->has_tokens && l->config->auth_tokens_file[0] == '\0')
                config_fault(l, "gateway.auth.login.tokens", "needs \"auth.tokens_file\"");
        if (login->has_tokens && l->config->public_url[0] == '\0')
                config_fault(l, "gateway.auth.login.tokens",
                             "needs \"public_url\": clients are led to it");
        if (stray != NULL) {
                config_key(at, "gateway.auth.login", stray);
                config_fault(l, at, "means nothing without auth.login.issuer");
        }
}

static void check_with_provider(struct loading *l)
{
        const struct config_login *login = &l->config->login;

        if (login->client_id[0] == '\0')
                config_fault(l, "gateway.auth.login", "needs \"client_id\"");
        if (!strv_has((const char *const *)login->scopes, "openid"))
                config_fault(l, "gateway.auth.login.scopes", "must have \"openid\"");
        if (l->config->public_url[0] == '\0')
                config_fault(l, "gateway.auth.login",
                             "needs \"public_url\": the provider leads people back to it");
        else if (!config_is_issuer(l->config->public_url))
                config_fault(l, "gateway.public_url",
                             "must be https://... where people sign in (http:// on this machine "
                             "alone)");
        if (login->domains == NULL && strcmp(login->issuer, CONFIG_LOGIN_GOOGLE) == 0)
                config_fault(l, "gateway.auth.login",
                             "needs \"domains\": anybody may have an account there ([\"*\"] lets "
                             "all of them in)");
}

void config_login_check(struct loading *l)
{
        config_login_client_check(l);
        if (l->config->login.issuer[0] == '\0')
                check_without_provider(l);
        else
                check_with_provider(l);
}
