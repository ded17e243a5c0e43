#include "mgw/auth/client_find.h"

#include "mgw/config/config.h"
#include "mgw/wire/rpc.h"

#include <string.h>

#define DOCUMENT_VALUES_MAX 500

/* ---- documents ---- */

static struct client *client_of(const char *url, const json_t *metadata, const char **faultp)
{
        const char *id = rpc_text(metadata, "client_id");
        struct client_fault why;
        struct client *client;

        if (id == NULL || strcmp(id, url) != 0)
                *faultp = "the client_id in its document is another";
        else if (json_object_get(metadata, "client_secret") != NULL)
                *faultp = "its document has a client_secret, which all can read";
        if (*faultp != NULL)
                return NULL;
        client = client_from_metadata(CLIENT_DOCUMENT, url, metadata, &why);
        if (client == NULL)
                *faultp = strcmp(why.error, "invalid_redirect_uri") == 0
                                  ? "its document has redirect_uris that are not taken here"
                                  : "its document says what is not taken here "
                                    "(token_endpoint_auth_method, jwks, grant_types)";
        return client;
}

static void *read_document(const char *url, struct str body, const char **faultp)
{
        const struct rpc_bounds bounds = {DOCUMENT_VALUES_MAX, NULL};
        json_t *metadata = NULL;
        struct client *client;
        char reason[160];

        if (rpc_parse(body, &bounds, &metadata, reason, sizeof(reason)) != 0) {
                *faultp = "its document is no JSON";
                return NULL;
        }
        client = client_of(url, metadata, faultp);
        json_decref(metadata);
        return client;
}

static void release_document(void *content)
{
        client_let_go(content);
}

const struct fetched_kind client_document_kind = {
        .what = "the document of a client",
        .read = read_document,
        .release = release_document,
};

/* ---- who asks ---- */

static void take(struct client_find *find)
{
        find->client = find->wait.content != NULL ? client_hold(find->wait.content) : NULL;
        find->fault = find->wait.fault;
        find->is_fault_of_network = find->wait.is_fault_of_network;
}

static void on_ready(struct fetched_wait *wait)
{
        struct client_find *find = container_of(wait, struct client_find, wait);

        take(find);
        find->on_found(find);
}

static bool find_document(struct authority *authority, struct client_find *find,
                          struct share *share, const char *url)
{
        find->wait.on_ready = on_ready;
        if (!fetched_start(&authority->client_documents, &find->wait, share, url))
                return false;
        take(find);
        return true;
}

/* Borrowed; NULL: there is none. */
static struct client *find_static(const struct authority *authority, struct str id)
{
        for (size_t i = 0; i < authority->n_clients; i++)
                if (str_eq(str_from(authority->clients[i]->id), id))
                        return authority->clients[i];
        return NULL;
}

bool client_find_start(struct authority *authority, struct client_find *find, struct share *share,
                       const char *id)
{
        const struct config *config = authority->context->config;
        struct str text = str_from(id);
        struct client *client = find_static(authority, text);

        find->client = NULL;
        find->fault = NULL;
        find->is_fault_of_network = false;
        if (client != NULL)
                find->client = client_hold(client);
        else if (sealed_is(text) && config->login.has_registration)
                find->client = client_from_id(&authority->keys, text);
        else if (client_id_is_document(text, config->allow_private_documents))
                return find_document(authority, find, share, id);
        if (find->client == NULL)
                find->fault = "it is not known here: it may have to register again";
        return true;
}

void client_find_cancel(struct client_find *find)
{
        fetched_cancel(&find->wait);
}
