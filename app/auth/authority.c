#include "mgw/auth/authority.h"

#include "mgw/auth/client_assertion.h"
#include "mgw/auth/client_find.h"
#include "mgw/auth/family.h"
#include "mgw/auth/scope.h"
#include "mgw/base/alloc.h"
#include "mgw/base/strv.h"
#include "mgw/config/config.h"
#include "mgw/core/share.h"

#include <assert.h>
#include <openssl/crypto.h>
#include <stdlib.h>

#define KEY_LABEL "authorization server 1"
/* So many logins may end within the life of an access token. */
#define ENDED_MAX 65536

static_assert(STORE_SECRET_KEY_BYTES == SEAL_KEY_BYTES, "a key of the store's is one for a seal");

static void add_clients(struct authority *authority, const struct config_login *login)
{
        authority->clients = alloc_array(login->n_clients, sizeof(struct client *));
        for (size_t i = 0; i < login->n_clients; i++) {
                const struct config_login_client *one = &login->clients[i];

                authority->clients[authority->n_clients++] = client_new_static(
                        one->client_id, one->name, one->client_secret, one->redirect_uris);
        }
}

void authority_create(struct context *context)
{
        struct authority *authority;

        if (!config_has_login(context->config))
                return;
        authority = alloc_zeroed(sizeof(*authority));
        authority->context = context;
        store_secret_key(context->store, KEY_LABEL, authority->keys.key);
        authority->keys.has_old_key =
                store_old_secret_key(context->store, KEY_LABEL, authority->keys.old_key);
        list_init(&authority->family_uses);
        fetched_cache_init(&authority->client_documents, context, &client_document_kind);
        fetched_cache_init(&authority->client_keys, context, &client_keys_kind);
        add_clients(authority, &context->config->login);
        authority->scopes = scope_all(context->policy);
        store_set_open(&authority->ended, context->store, "revoked", ENDED_MAX,
                       &context->own_share->memory);
        context->authority = authority;
}

static void forget_clients(struct authority *authority)
{
        for (size_t i = 0; i < authority->n_clients; i++)
                client_let_go(authority->clients[i]);
        free((void *)authority->clients);
        authority->clients = NULL;
        authority->n_clients = 0;
}

/* One that is there stays to the end: requests under way are its. Its doors look at auth.login. */
void authority_follow(struct context *context)
{
        struct authority *authority = context->authority;

        if (authority == NULL) {
                authority_create(context);
                return;
        }
        forget_clients(authority);
        add_clients(authority, &context->config->login);
        strv_free(authority->scopes);
        authority->scopes = scope_all(context->policy);
}

bool authority_has_client(const struct authority *authority, const char *key)
{
        for (size_t i = 0; i < authority->n_clients; i++)
                if (strcmp(authority->clients[i]->key, key) == 0)
                        return true;
        return false;
}

void authority_destroy(struct authority *authority)
{
        if (authority == NULL)
                return;
        store_set_close(&authority->ended);
        family_uses_forget(authority);
        fetched_cache_finish(&authority->client_documents);
        fetched_cache_finish(&authority->client_keys);
        forget_clients(authority);
        strv_free(authority->scopes);
        OPENSSL_cleanse(&authority->keys, sizeof(authority->keys));
        free(authority);
}
