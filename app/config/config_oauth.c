/* "oauth": where access tokens come from, and the file that keeps the refresh token. */
#include "config_inside.h"
#include "config_source.h"
#include "mgw/base/file.h"
#include "mgw/wire/hdr.h"

#include "mgw/base/alloc.h"

#include <errno.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define AT(field) offsetof(struct config_oauth, field)

#define NEEDED 1u
#define INHERITED 2u /* by a user's */

static const struct config_row oauth_rows[] = {
        {"token_url", KIND_TEXT, AT(token_url), .marks = NEEDED | INHERITED},
        {"client_id", KIND_TEXT, AT(client_id), .marks = NEEDED | INHERITED},
        {"client_secret", KIND_TEXT, AT(client_secret), .marks = INHERITED},
        {"refresh_token", KIND_TEXT, AT(refresh_token), .marks = 0},
        {"refresh_token_file", KIND_TEXT, AT(refresh_token_file), .marks = 0},
        {"scope", KIND_TEXT, AT(scope), .marks = INHERITED},
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
        if (*oauth_field(oauth, row) == NULL)
                *oauth_field(oauth, row) = alloc_text(""); /* told: it is not missing, too */
}

void config_oauth_load(struct loading *l, const char *at, json_t *object, void *oauthp)
{
        struct config_oauth *oauth = alloc_zeroed(sizeof(*oauth));
        const char *key;
        json_t *value;

        *(struct config_oauth **)oauthp = oauth;
        if (!json_is_object(object))
                config_fault(l, at, "must be an object with \"token_url\" and \"client_id\"");
        else
                json_object_foreach (object, key, value)
                        load_key(l, at, key, value, oauth);
}

void config_oauth_inherit(struct config_oauth *oauth, struct config_oauth *from)
{
        for (const struct config_row *row = oauth_rows; row->key != NULL; row++) {
                const char *theirs = *oauth_field(from, row);

                if ((row->marks & INHERITED) != 0 && *oauth_field(oauth, row) == NULL &&
                    theirs != NULL)
                        *oauth_field(oauth, row) = alloc_text(theirs);
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
                is_taken = is_taken || server_has_file(&l->config->servers[i], oauth);
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

void config_oauth_check(struct loading *l, const char *at, const struct config_server *s,
                        struct config_oauth *oauth)
{
        for (const struct config_row *row = oauth_rows; row->key != NULL; row++)
                if ((row->marks & NEEDED) != 0 && *oauth_field(oauth, row) == NULL)
                        config_fault(l, at, "needs \"%s\"", row->key);
        if (oauth->token_url != NULL && strncmp(oauth->token_url, "http://", 7) != 0 &&
            strncmp(oauth->token_url, "https://", 8) != 0)
                config_fault(l, at, "\"token_url\" must begin with http:// or https://");
        if (oauth->refresh_token_file != NULL)
                read_file(l, at, s, oauth);
        else if (oauth->refresh_token == NULL && oauth->client_secret == NULL)
                config_fault(l, at,
                             "needs \"refresh_token\" or \"refresh_token_file\", or "
                             "\"client_secret\" for the client's own credentials");
}

void config_oauth_finish(struct config_oauth *oauth)
{
        if (oauth == NULL)
                return;
        config_table_finish(oauth_rows, oauth);
        free(oauth);
}
