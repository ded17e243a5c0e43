/* "oauth": where access tokens come from, and the file that keeps the refresh token. */
#include "config_inside.h"
#include "config_source.h"
#include "mgw/base/file.h"
#include "mgw/base/strv.h"
#include "mgw/wire/hdr.h"

#include "mgw/base/alloc.h"

#include <errno.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NEEDED 1u
#define INHERITED 2u /* by a user's */

/* ---- "token_exchange" ---- */

#define AT(field) offsetof(struct config_token_exchange, field)

static const struct config_row exchange_rows[] = {
        {"token_url", KIND_TEXT, AT(token_url), .marks = 0},
        {"client_id", KIND_TEXT, AT(client_id), .marks = 0},
        {"client_secret", KIND_TEXT, AT(client_secret), .marks = 0},
        {"issuer", KIND_TEXT, AT(issuer), .marks = 0},
        {"audience", KIND_TEXT, AT(audience), .marks = 0},
        {"resource", KIND_TEXT, AT(resource), .marks = 0},
        {"scope", KIND_TEXT, AT(scope), .marks = 0},
        {.key = NULL},
};

#undef AT

static void load_exchange(struct loading *l, const char *at, json_t *object, void *exchangep)
{
        struct config_token_exchange *exchange = alloc_zeroed(sizeof(*exchange));
        const char *key;
        json_t *value;

        *(struct config_token_exchange **)exchangep = exchange;
        if (!json_is_object(object))
                config_fault(l, at, "must be an object with \"token_url\"");
        json_object_foreach (object, key, value) {
                const struct config_row *row = config_table_find(exchange_rows, key, 0);
                char full[CONFIG_KEY_SIZE];

                config_key(full, at, key);
                if (row != NULL)
                        config_table_load(l, row, full, value, exchange);
                else
                        config_fault(l, full, "not known (docs/connect.md tells what is)");
        }
}

/* ---- "oauth" ---- */

#define AT(field) offsetof(struct config_oauth, field)

static const struct config_row oauth_rows[] = {
        {"token_url", KIND_TEXT, AT(token_url), .marks = NEEDED | INHERITED},
        {"client_id", KIND_TEXT, AT(client_id), .marks = NEEDED | INHERITED},
        {"client_secret", KIND_TEXT, AT(client_secret), .marks = INHERITED},
        {"refresh_token", KIND_TEXT, AT(refresh_token), .marks = 0},
        {"refresh_token_file", KIND_TEXT, AT(refresh_token_file), .marks = 0},
        {"scope", KIND_TEXT, AT(scope), .marks = INHERITED},
        {"preset", KIND_TEXT, AT(preset), .marks = 0},
        {"issuer", KIND_TEXT, AT(issuer), .marks = INHERITED},
        {"authorization_url", KIND_TEXT, AT(authorization_url), .marks = INHERITED},
        {"revocation_url", KIND_TEXT, AT(revocation_url), .marks = INHERITED},
        {"scopes", KIND_TEXTS, AT(scopes), .marks = INHERITED},
        {"authorization_params", KIND_PAIRS, AT(authorization_params), .marks = INHERITED,
         .between = "="},
        {"token_exchange", KIND_OTHER, AT(exchange), .load = load_exchange},
        {.key = NULL},
};

static char **oauth_field(struct config_oauth *oauth, const struct config_row *row)
{
        return (char **)((char *)oauth + row->offset);
}

/* ---- reading ---- */

static void load_key(struct loading *l, const char *at, const char *key, json_t *value,
                     struct config_oauth *oauth)
{
        const struct config_row *row = config_table_find(oauth_rows, key, 0);
        char full[CONFIG_KEY_SIZE];

        config_key(full, at, key);
        if (row == NULL) {
                config_fault(l, full, "not known (docs/credentials.md tells what is)");
                return;
        }
        config_table_load(l, row, full, value, oauth);
        if (row->kind == KIND_TEXT && *oauth_field(oauth, row) == NULL)
                *oauth_field(oauth, row) = alloc_text(""); /* told: it is not missing, too */
}

void config_oauth_load(struct loading *l, const char *at, json_t *object, void *oauthp)
{
        struct config_oauth *oauth = alloc_zeroed(sizeof(*oauth));
        char full[CONFIG_KEY_SIZE];
        const char *key;
        json_t *value;

        *(struct config_oauth **)oauthp = oauth;
        if (!json_is_object(object)) {
                config_fault(
                        l, at,
                        "must be an object with \"token_url\" and \"client_id\", with \"preset\" "
                        "or \"issuer\", or {}");
                return;
        }
        json_object_foreach (object, key, value)
                load_key(l, at, key, value, oauth);
        config_key(full, at, "preset");
        if (oauth->preset != NULL && !config_oauth_preset(oauth))
                config_fault(l, full, "not known: there is %s", config_oauth_preset_names);
}

static void copy_texts(char ***to, char *const *from)
{
        for (; *from != NULL; from++)
                (void)strv_add_take(to, alloc_text(*from));
}

void config_oauth_inherit(struct config_oauth *oauth, struct config_oauth *from)
{
        for (const struct config_row *row = oauth_rows; row->key != NULL; row++) {
                char **field = oauth_field(oauth, row), *theirs = *oauth_field(from, row);

                if ((row->marks & INHERITED) == 0 || *field != NULL || theirs == NULL)
                        continue;
                if (row->kind == KIND_TEXT)
                        *field = alloc_text(theirs);
                else
                        copy_texts((char ***)field, (char *const *)theirs);
        }
}

/* ---- the file of the refresh token ---- */

static bool has_file(const struct config_account *account, const struct config_oauth *oauth)
{
        return account->oauth != NULL && account->oauth != oauth &&
               account->oauth->refresh_token_file != NULL &&
               strcmp(account->oauth->refresh_token_file, oauth->refresh_token_file) == 0;
}

static bool server_has_file(const struct config_server *s, const struct config_oauth *oauth)
{
        bool has = has_file(&s->account, oauth);

        for (size_t i = 0; i < s->n_users; i++)
                has = has || has_file(&s->users[i], oauth);
        return has;
}

/* Two that renew the same token in turns would lock each other out. */
static void check_is_only(struct loading *l, const char *at, const struct config_server *s,
                          const struct config_oauth *oauth)
{
        bool is_taken = server_has_file(s, oauth);

        for (size_t i = 0; i < l->config->n_servers; i++)
                is_taken = is_taken || server_has_file(l->config->servers[i], oauth);
        if (is_taken)
                config_fault(l, at, "%s stands in another \"oauth\" too: each needs its own",
                             oauth->refresh_token_file);
}

static void check_folder(struct loading *l, const char *at, const char *path)
{
        char *copy = alloc_text(path);

        if (access(dirname(copy), W_OK | X_OK) < 0)
                config_fault(l, at, "%s: its folder must be writable, for what will replace it: %s",
                             path, strerror(errno));
        if (file_is_open_to_others(path))
                fprintf(l->err, "%s: others can read this file: chmod 600 is safer\n", path);
        free(copy);
}

static void take_token(struct loading *l, const char *at, struct config_oauth *oauth,
                       struct str text)
{
        while (text.n > 0 && strchr(" \t\r\n", text.p[text.n - 1]) != NULL)
                text.n--;
        if (!hdr_is_visible(text, CONFIG_OAUTH_TOKEN_MAX)) {
                config_fault(l, at, "%s must hold a refresh token and nothing else",
                             oauth->refresh_token_file);
                return;
        }
        free(oauth->refresh_token);
        oauth->refresh_token = alloc_str(text);
}

/* What the file holds is newer than the configuration. */
static void read_file(struct loading *l, const char *full, const struct config_server *s,
                      struct config_oauth *oauth)
{
        char at[CONFIG_KEY_SIZE], *path = config_source_beside(l->path, oauth->refresh_token_file);
        struct str text;
        int r = config_source_read(path, SOURCE_MAX_BYTES, &text);

        config_key(at, full, "refresh_token_file");
        free(oauth->refresh_token_file);
        oauth->refresh_token_file = path;
        if (r == 0) {
                take_token(l, at, oauth, text);
                free((void *)text.p);
        } else if (r != -ENOENT || oauth->refresh_token == NULL) {
                config_fault(l, at, "%s cannot be read: %s", oauth->refresh_token_file,
                             strerror(-r));
                return;
        }
        check_folder(l, at, oauth->refresh_token_file);
        check_is_only(l, at, s, oauth);
}

/* ---- the whole ---- */

static void check_url(struct loading *l, const char *at, const char *key, const char *url)
{
        if (url != NULL && strncmp(url, "http://", 7) != 0 && strncmp(url, "https://", 8) != 0)
                config_fault(l, at, "\"%s\" must begin with http:// or https://", key);
}

static void check_needed(struct loading *l, const char *at, struct config_oauth *oauth)
{
        for (const struct config_row *row = oauth_rows; row->key != NULL; row++)
                if ((row->marks & NEEDED) != 0 && *oauth_field(oauth, row) == NULL)
                        config_fault(l, at, "needs \"%s\"", row->key);
}

static void check_exchange(struct loading *l, const char *at,
                           const struct config_token_exchange *exchange)
{
        if (exchange->token_url == NULL)
                config_fault(l, at, "needs \"token_url\" in its \"token_exchange\"");
        check_url(l, at, "token_url", exchange->token_url);
}

/* A grant of each user's: of an authorization server that is named, that of an issuer, or that
 * which an MCP server names itself. */
static void check_connects(struct loading *l, const char *at, const struct config_server *s,
                           const struct config_oauth *oauth)
{
        bool is_told = oauth->authorization_url != NULL && oauth->token_url != NULL;

        if (oauth->authorization_url != NULL && oauth->issuer == NULL && !is_told)
                config_fault(l, at, "needs \"token_url\" beside \"authorization_url\"");
        if (oauth->authorization_url == NULL && oauth->issuer == NULL && oauth->token_url != NULL)
                config_fault(l, at, "needs \"authorization_url\" beside \"token_url\"");
        if (s->kind == CONFIG_SERVER_REST && oauth->issuer == NULL && !is_told)
                config_fault(l, at,
                             "needs a \"preset\", an \"issuer\", or \"authorization_url\" and "
                             "\"token_url\": a REST API does not name its own");
        if (oauth->client_id == NULL && oauth->issuer == NULL && is_told)
                config_fault(l, at, "needs \"client_id\"");
        if (oauth->client_id == NULL && oauth->preset != NULL)
                config_fault(l, at, "needs \"client_id\": %s registers clients by hand alone",
                             oauth->preset);
        if (oauth->scope != NULL)
                config_fault(l, at, "takes \"scopes\", an array, in place of \"scope\"");
        if (oauth->client_secret != NULL && oauth->issuer == NULL && !is_told)
                config_note(l, at,
                            "\"client_secret\" goes to whatever authorization server %s names: "
                            "say \"issuer\" beside it",
                            s->name);
}

static bool connects(const struct config_server *s, const struct config_oauth *oauth)
{
        bool is_http = s->kind == CONFIG_SERVER_HTTP || s->kind == CONFIG_SERVER_SSE;

        return oauth->refresh_token == NULL && oauth->refresh_token_file == NULL &&
               (oauth->preset != NULL || oauth->issuer != NULL ||
                oauth->authorization_url != NULL || oauth->scopes != NULL ||
                (is_http && oauth->token_url == NULL &&
                 (oauth->client_secret == NULL || oauth->client_id != NULL)));
}

void config_oauth_check(struct loading *l, const char *at, const struct config_server *s,
                        struct config_oauth *oauth)
{
        check_url(l, at, "token_url", oauth->token_url);
        check_url(l, at, "issuer", oauth->issuer);
        check_url(l, at, "authorization_url", oauth->authorization_url);
        check_url(l, at, "revocation_url", oauth->revocation_url);
        oauth->connects = oauth->exchange == NULL && connects(s, oauth);
        if (oauth->exchange != NULL) {
                check_exchange(l, at, oauth->exchange);
                l->config->has_exchanges = true;
                return;
        }
        if (oauth->connects) {
                check_connects(l, at, s, oauth);
                return;
        }
        check_needed(l, at, oauth);
        if (oauth->refresh_token_file != NULL)
                read_file(l, at, s, oauth);
        else if (oauth->refresh_token == NULL && oauth->client_secret == NULL)
                config_fault(l, at,
                             "needs \"refresh_token\" or \"refresh_token_file\", or "
                             "\"client_secret\" for the client's own credentials");
}

/* A token of one issuer is not for the other's endpoint to see. */
static void check_exchanged(struct loading *l, const struct config_server *s,
                            const struct config_account *account)
{
        const struct config_token_exchange *exchange =
                account->oauth != NULL ? account->oauth->exchange : NULL;
        const char *issuer = exchange != NULL ? exchange->issuer : NULL;
        bool is_known = issuer == NULL && l->config->n_jwt <= 1;
        char key[CONFIG_KEY_SIZE];

        if (exchange == NULL)
                return;
        for (size_t i = 0; i < l->config->n_jwt && issuer != NULL; i++)
                is_known = is_known || (l->config->jwt[i].issuer != NULL &&
                                        strcmp(l->config->jwt[i].issuer, issuer) == 0);
        if (is_known)
                return;
        snprintf(key, sizeof(key), "%s.%s.oauth.token_exchange.issuer", l->servers_at, s->name);
        config_fault(l, key,
                     "must be the \"issuer\" of one of gateway.auth.jwt: whose tokens are "
                     "exchanged there");
}

void config_oauth_check_exchanges(struct loading *l)
{
        for (size_t i = 0; i < l->config->n_servers; i++) {
                const struct config_server *s = l->config->servers[i];

                check_exchanged(l, s, &s->account);
                for (size_t j = 0; j < s->n_users; j++)
                        if (s->users[j].oauth != s->account.oauth)
                                check_exchanged(l, s, &s->users[j]);
        }
}

static bool account_connects(const struct config_account *account)
{
        return account->oauth != NULL && account->oauth->connects;
}

void config_oauth_check_public(struct loading *l)
{
        for (size_t i = 0; i < l->config->n_servers; i++) {
                const struct config_server *s = l->config->servers[i];
                bool connects_any = account_connects(&s->account);
                char key[CONFIG_KEY_SIZE];

                for (size_t j = 0; j < s->n_users; j++)
                        connects_any = connects_any || account_connects(&s->users[j]);
                if (!connects_any || l->config->public_url[0] != '\0')
                        continue;
                snprintf(key, sizeof(key), "%s.%s.oauth", l->servers_at, s->name);
                config_fault_at(l, key, "gateway.public_url",
                                "say at which address browsers reach mgw: users connect their "
                                "accounts at %s there",
                                s->name);
                return;
        }
}

static bool exchange_is_same(const struct config_token_exchange *a,
                             const struct config_token_exchange *b)
{
        return a == b || (a != NULL && b != NULL && config_table_is_same(exchange_rows, a, b));
}

static bool is_kept_token(const struct config_row *row, const struct config_oauth *oauth)
{
        return oauth->refresh_token_file != NULL &&
               row->offset == offsetof(struct config_oauth, refresh_token);
}

bool config_oauth_is_same(const struct config_oauth *a, const struct config_oauth *b)
{
        if (a == NULL || b == NULL)
                return a == b;
        for (const struct config_row *row = oauth_rows; row->key != NULL; row++)
                if (!is_kept_token(row, a) && !config_row_is_same(row, a, b))
                        return false;
        return exchange_is_same(a->exchange, b->exchange);
}

void config_oauth_finish(struct config_oauth *oauth)
{
        if (oauth == NULL)
                return;
        if (oauth->exchange != NULL)
                config_table_finish(exchange_rows, oauth->exchange);
        free(oauth->exchange);
        config_table_finish(oauth_rows, oauth);
        free(oauth);
}
