#include "mgw/auth/client.h"

#include "mgw/base/alloc.h"
#include "mgw/base/strv.h"
#include "mgw/wire/redirect.h"

#include <assert.h>
#include <stdlib.h>

struct client *client_hold(struct client *client)
{
        client->n_holders++;
        return client;
}

void client_let_go(struct client *client)
{
        if (client == NULL)
                return;
        assert(client->n_holders > 0);
        if (--client->n_holders > 0)
                return;
        free(client->id);
        free(client->key);
        free(client->name);
        strv_free(client->redirects);
        free(client->secret);
        json_decref(client->jwks);
        free(client->jwks_uri);
        free(client);
}

/* ---- configured ---- */

struct client *client_new_static(const char *id, const char *name, const char *secret,
                                 char *const *redirects)
{
        struct client *client = alloc_zeroed(sizeof(*client));

        client->n_holders = 1;
        client->kind = CLIENT_STATIC;
        client->auth = secret != NULL ? CLIENT_AUTH_SECRET : CLIENT_AUTH_NONE;
        client->id = alloc_text(id);
        client->key = alloc_text(id);
        client->name = alloc_text(name != NULL ? name : "");
        client->secret = secret != NULL ? alloc_text(secret) : NULL;
        for (; redirects != NULL && *redirects != NULL; redirects++)
                (void)strv_add_take(&client->redirects, alloc_text(*redirects));
        return client;
}

bool client_id_is_document(struct str id, bool is_private_fine)
{
        enum redirect_kind kind = redirect_kind(id);
        struct str origin = redirect_origin(id);

        return (kind == REDIRECT_WEB || kind == REDIRECT_LOOPBACK) &&
               (is_private_fine || str_has_prefix(id, STR("https://"))) && id.n > origin.n + 1 &&
               id.p[origin.n] == '/';
}

bool client_has_redirect(const struct client *client, struct str redirect)
{
        for (char **one = client->redirects; one != NULL && *one != NULL; one++)
                if (redirect_fits(str_from(*one), redirect))
                        return true;
        return false;
}
