#include "mgw/upstream/connect_link.h"

#include "mgw/base/alloc.h"
#include "mgw/base/clock.h"
#include "mgw/config/config.h"
#include "mgw/store/store.h"
#include "mgw/wire/rpc.h"

#include <stdlib.h>
#include <string.h>

/* Addresses that are longer are cut on their way. What the scopes are is said again there. */
#define SCOPE_MAX 1024
#define CONTENT_MAX_BYTES 2048

void connect_link_keys(const struct context *context, struct sealed_keys *keys)
{
        store_secret_key(context->store, "connect", keys->key);
        keys->has_old_key = store_old_secret_key(context->store, "connect", keys->old_key);
}

char *connect_link_make(const struct context *context, const char *server, const char *email,
                        const char *scope)
{
        bool tells_scope = scope != NULL && strlen(scope) <= SCOPE_MAX;
        json_t *content = json_pack("{s:s, s:s, s:s*}", "s", server, "u", email, "c",
                                    tells_scope ? scope : NULL);
        struct sealed_keys keys;
        char *text, *link;

        connect_link_keys(context, &keys);
        text = sealed_close(&keys, SEALED_CONNECT_LINK, clock_wall_ms() + CONNECT_LINK_LIFE_MS,
                            content, CONTENT_MAX_BYTES);
        json_decref(content);
        link = alloc_format("%s/connect/start?server=%s&t=%s", context->config->public_url, server,
                            text != NULL ? text : "");
        free(text);
        return link;
}

static char *text_of(const json_t *content, const char *key)
{
        const char *text = rpc_text(content, key);

        return text != NULL ? alloc_text(text) : NULL;
}

int connect_link_open(struct connect_link *link, const struct context *context, struct str text)
{
        struct sealed_keys keys;
        json_t *content;
        int r;

        *link = (struct connect_link){0};
        connect_link_keys(context, &keys);
        r = sealed_open(&keys, SEALED_CONNECT_LINK, clock_wall_ms(), text, &content);
        if (r != 0)
                return r;
        link->server = text_of(content, "s");
        link->email = text_of(content, "u");
        link->scope = text_of(content, "c");
        json_decref(content);
        if (link->server != NULL && link->email != NULL)
                return 0;
        connect_link_finish(link);
        return SEAL_E_BAD;
}

void connect_link_finish(struct connect_link *link)
{
        free(link->server);
        free(link->email);
        free(link->scope);
        *link = (struct connect_link){0};
}
