/* As whom an upstream is called: "headers", "oauth" and "env" of an entry for everybody, and those
 * under "users" for who stands there. What a user's own say wins; the rest is everybody's. */
#include "config_inside.h"
#include "mgw/base/strv.h"
#include "mgw/wire/hdr.h"

#include "mgw/base/alloc.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- reading ---- */

#define AT(field) offsetof(struct config_account, field)

const struct config_row config_account_rows[] = {
        {"headers", KIND_PAIRS, AT(headers), .marks = CONFIG_HTTP | CONFIG_REST, .between = ": "},
        {"env", KIND_PAIRS, AT(env), .marks = CONFIG_STDIO, .between = "="},
        {"oauth", KIND_OTHER, AT(oauth), .marks = CONFIG_HTTP | CONFIG_REST,
         .load = config_oauth_load},
        {"security", KIND_PAIRS, AT(security), .marks = CONFIG_REST, .between = "="},
        {.key = NULL},
};

static void load_key(struct loading *l, const char *at, const char *key, json_t *value,
                     enum config_server_kind kind, struct config_account *account)
{
        const struct config_row *row = config_table_find(config_account_rows, key, 1u << kind);

        if (row != NULL && (row->marks & 1u << kind) != 0)
                config_table_load(l, row, at, value, account);
        else
                config_fault(l, at, "not known: a user has %s here",
                             kind == CONFIG_SERVER_STDIO ? "\"env\""
                             : kind == CONFIG_SERVER_REST
                                     ? "\"headers\", \"oauth\" and \"security\""
                                     : "\"headers\" and \"oauth\"");
}

static void load_user(struct loading *l, const char *full, json_t *object,
                      enum config_server_kind kind, struct config_account *account)
{
        const char *key;
        json_t *value;

        if (!hdr_is_user(str_from(account->email)))
                config_fault(l, full, "a user's name is made of visible characters");
        if (!json_is_object(object))
                config_fault(l, full, "must be an object");
        json_object_foreach (object, key, value) {
                char at[CONFIG_KEY_SIZE];

                config_key(at, full, key);
                load_key(l, at, key, value, kind, account);
        }
}

void config_account_load_users(struct loading *l, const char *at, json_t *object, void *server)
{
        struct config_server *s = server;
        const char *email;
        json_t *value;

        s->users = alloc_array(json_object_size(object) + 1, sizeof(*s->users));
        if (!json_is_object(object)) {
                config_fault(l, at, "must be an object: user -> {\"headers\", \"oauth\", \"env\"}");
                return;
        }
        json_object_foreach (object, email, value) {
                struct config_account *account = &s->users[s->n_users++];
                char full[CONFIG_KEY_SIZE];

                config_key(full, at, email);
                account->email = alloc_text(email);
                load_user(l, full, value, s->kind, account);
        }
}

/* ---- what is everybody's ---- */

static const char authorization[] = "Authorization:";

/* Has one of the lines the name that this one begins with? The name of a header has no case. */
static bool has_name(char *const *lines, const char *line, const char *end)
{
        size_t n = strcspn(line, end) + 1;

        for (; lines != NULL && *lines != NULL; lines++)
                if ((*end == ':' ? strncasecmp(*lines, line, n) : strncmp(*lines, line, n)) == 0)
                        return true;
        return false;
}

static void inherit_lines(char ***linesp, char *const *from, const char *end, bool has_token)
{
        for (; from != NULL && *from != NULL; from++) {
                bool is_other_token =
                        has_token && strncasecmp(*from, authorization, strlen(authorization)) == 0;

                if (!is_other_token && !has_name(*linesp, *from, end))
                        (void)strv_add_take(linesp, alloc_text(*from));
        }
}

static void inherit(struct config_account *account, const struct config_account *all)
{
        bool has_token = account->oauth != NULL;

        if (has_token && all->oauth != NULL)
                config_oauth_inherit(account->oauth, all->oauth);
        else if (!has_token && !has_name(account->headers, authorization, ":"))
                account->oauth = all->oauth;
        inherit_lines(&account->headers, all->headers, ":", has_token);
        inherit_lines(&account->env, all->env, "=", false);
        inherit_lines(&account->security, all->security, "=", false);
}

/* ---- the whole ---- */

static void check_own(struct loading *l, const char *full, const struct config_account *account)
{
        char at[CONFIG_KEY_SIZE];

        config_key(at, full, "oauth");
        if (account->oauth != NULL && has_name(account->headers, authorization, ":"))
                config_fault(l, at, "does not go with an \"Authorization\" among the \"headers\"");
}

static void check_user(struct loading *l, const char *entry, struct config_server *s,
                       struct config_account *account)
{
        char full[CONFIG_KEY_SIZE], at[CONFIG_KEY_SIZE];

        config_key(at, entry, "users");
        config_key(full, at, account->email);
        config_key(at, full, "oauth");
        check_own(l, full, account);
        inherit(account, &s->account);
        if (account->oauth != NULL && (account->oauth != s->account.oauth || s->per_user))
                config_oauth_check(l, at, s, account->oauth);
}

/* With "per_user" nobody acts with what is everybody's alone: it need not be whole. */
void config_account_check(struct loading *l, const char *full, struct config_server *s)
{
        char at[CONFIG_KEY_SIZE];

        config_key(at, full, "oauth");
        check_own(l, full, &s->account);
        if (s->account.oauth != NULL && !s->per_user)
                config_oauth_check(l, at, s, s->account.oauth);
        for (size_t i = 0; i < s->n_users; i++)
                check_user(l, full, s, &s->users[i]);
        config_key(at, full, "per_user");
        if (s->per_user && s->n_users == 0)
                config_fault(l, at, "needs \"users\"");
        config_key(at, full, "users");
        if (s->scope == CONFIG_SCOPE_SHARED && s->n_users > 0)
                config_fault(l, at, "does not go with \"scope\": \"shared\", one child for all");
}

static void account_finish(struct config_account *account)
{
        free(account->email);
        config_table_finish(config_account_rows, account);
        config_oauth_finish(account->oauth);
}

bool config_account_is_same(const struct config_account *a, const struct config_account *b)
{
        bool is_of_same = a->email == b->email ||
                          (a->email != NULL && b->email != NULL && strcmp(a->email, b->email) == 0);

        return is_of_same && config_table_is_same(config_account_rows, a, b) &&
               config_oauth_is_same(a->oauth, b->oauth);
}

void config_account_finish(struct config_server *s)
{
        for (size_t i = 0; i < s->n_users; i++) {
                if (s->users[i].oauth == s->account.oauth)
                        s->users[i].oauth = NULL;
                account_finish(&s->users[i]);
        }
        free(s->users);
        account_finish(&s->account);
}
