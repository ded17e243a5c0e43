/* "auth.login.clients": those that an administrator has registered, [{"client_id", "redirect_uris",
 * ...}]. */
#include "config_inside.h"
#include "mgw/base/alloc.h"
#include "mgw/base/strv.h"
#include "mgw/wire/hdr.h"
#include "mgw/wire/redirect.h"

#include <stdlib.h>
#include <string.h>

#define AT(field) offsetof(struct config_login_client, field)

/* So that none is taken for another kind: those are sealed texts, or addresses of documents. */
static bool is_id(const char *text)
{
        return hdr_is_visible(str_from(text), 255) && strncmp(text, "mgw1.", 5) != 0 &&
               strncmp(text, "dcr:", 4) != 0 && strstr(text, "://") == NULL;
}

static const struct config_row client_rows[] = {
        {"client_id", KIND_TEXT, AT(client_id), .is_right = is_id,
         .why = "must be of visible characters, and no address"},
        {"client_secret", KIND_TEXT, AT(client_secret), .marks = 0},
        {"name", KIND_TEXT, AT(name), .marks = 0},
        {"redirect_uris", KIND_TEXTS, AT(redirect_uris), .marks = 0},
        {.key = NULL},
};

static void load_client(struct loading *l, const char *at, json_t *object,
                        struct config_login_client *client)
{
        const char *key;
        json_t *value;

        if (!json_is_object(object)) {
                config_fault(l, at, "must be an object with \"client_id\" and \"redirect_uris\"");
                return;
        }
        json_object_foreach (object, key, value) {
                const struct config_row *row = config_table_find(client_rows, key, 0);
                char full[CONFIG_KEY_SIZE];

                config_key(full, at, key);
                if (row == NULL)
                        config_fault(l, full,
                                     "not known: a client has \"client_id\", "
                                     "\"client_secret\", \"name\" and \"redirect_uris\"");
                else if (!json_is_null(value))
                        config_table_load(l, row, full, value, client);
        }
        if (client->client_id == NULL)
                config_fault(l, at, "needs \"client_id\"");
        if (client->redirect_uris == NULL)
                config_fault(l, at, "needs \"redirect_uris\"");
}

static void place(char at[CONFIG_KEY_SIZE], size_t i)
{
        char name[24];

        snprintf(name, sizeof(name), "%zu", i);
        config_key(at, "gateway.auth.login.clients", name);
}

void config_login_client_load(struct loading *l, const char *at, json_t *value, void *into)
{
        struct config_login *login =
                (struct config_login *)((char *)into - offsetof(struct config_login, clients));
        json_t *object;
        size_t i;

        if (!json_is_array(value)) {
                config_fault(l, at, "must be an array of objects");
                return;
        }
        login->clients = alloc_array(json_array_size(value) + 1, sizeof(*login->clients));
        json_array_foreach (value, i, object) {
                char full[CONFIG_KEY_SIZE];

                place(full, i);
                load_client(l, full, object, &login->clients[login->n_clients++]);
        }
}

static bool is_taken(const struct config_login *login, size_t i)
{
        const char *id = login->clients[i].client_id;

        for (size_t before = 0; id != NULL && before < i; before++)
                if (login->clients[before].client_id != NULL &&
                    strcmp(login->clients[before].client_id, id) == 0)
                        return true;
        return false;
}

void config_login_client_check(struct loading *l)
{
        const struct config_login *login = &l->config->login;

        for (size_t i = 0; i < login->n_clients; i++) {
                char *const *redirect = login->clients[i].redirect_uris;
                char at[CONFIG_KEY_SIZE];

                place(at, i);
                if (is_taken(login, i))
                        config_fault(l, at, "another client has its \"client_id\"");
                for (; redirect != NULL && *redirect != NULL; redirect++)
                        if (redirect_kind(str_from(*redirect)) == REDIRECT_BAD)
                                config_fault(l, at,
                                             "\"%s\": a redirect address begins with https://, "
                                             "http:// at a loopback address, or an application's "
                                             "own scheme, and has no user, fragment or \"..\"",
                                             *redirect);
        }
}

void config_login_client_finish(struct config_login *login)
{
        for (size_t i = 0; i < login->n_clients; i++)
                config_table_finish(client_rows, &login->clients[i]);
        free(login->clients);
        login->clients = NULL;
        login->n_clients = 0;
}
