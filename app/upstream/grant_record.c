/* A grant as the store has it: a JSON object. */
#include "mgw/upstream/grant.h"

#include "mgw/auth/oauth_url.h"
#include "mgw/base/alloc.h"
#include "mgw/config/config.h"
#include "mgw/upstream/account.h"
#include "mgw/wire/rpc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FETCH_TIMEOUT_MAX_MS 30000

#define AT(field) offsetof(struct grant, field)

static const struct {
        const char *key;
        size_t at;
} texts[] = {
        {"access_token", AT(access_token)},
        {"refresh_token", AT(refresh_token)},
        {"scope", AT(scope)},
        {"asked_scope", AT(asked_scope)},
        {"subject", AT(subject)},
};

#define N_TEXTS (sizeof(texts) / sizeof(texts[0]))

static char **text_at(const struct grant *grant, size_t i)
{
        return (char **)((char *)grant + texts[i].at);
}

static void set(char **field, const char *text)
{
        free(*field);
        *field = text != NULL ? alloc_text(text) : NULL;
}

void grant_finish(struct grant *grant)
{
        for (size_t i = 0; i < N_TEXTS; i++)
                free(*text_at(grant, i));
        oauth_party_finish(&grant->party);
        *grant = (struct grant){0};
}

char *grant_key(const struct upstream *upstream, const char *email)
{
        return store_key("grant", upstream_name(upstream), email, NULL);
}

struct str grant_text(const struct grant *grant)
{
        json_t *object =
                json_pack("{s:o, s:I, s:I}", "party", oauth_party_json(&grant->party), "expires_ms",
                          (json_int_t)grant->expires_ms, "since_ms", (json_int_t)grant->since_ms);
        struct str text = {NULL, 0};

        for (size_t i = 0; i < N_TEXTS; i++)
                if (*text_at(grant, i) != NULL)
                        json_object_set_new(object, texts[i].key, json_string(*text_at(grant, i)));
        (void)rpc_dump(object, &text);
        json_decref(object);
        return text;
}

int grant_read(struct grant *grant, struct str text)
{
        json_t *object = json_loadb(text.p, text.n, 0, NULL);
        int r;

        grant_finish(grant);
        r = oauth_party_read(&grant->party, json_object_get(object, "party"));
        for (size_t i = 0; i < N_TEXTS; i++)
                set(text_at(grant, i), rpc_text(object, texts[i].key));
        grant->expires_ms = json_integer_value(json_object_get(object, "expires_ms"));
        grant->since_ms = json_integer_value(json_object_get(object, "since_ms"));
        json_decref(object);
        if (r == 0 && grant->access_token == NULL && grant->refresh_token == NULL)
                r = -EINVAL;
        if (r != 0)
                grant_finish(grant);
        return r;
}

bool grant_is_for(const struct grant *grant, const char *url)
{
        return grant->party.resource == NULL || oauth_url_same_origin(grant->party.resource, url);
}

void grant_take_tokens(struct grant *grant, const struct oauth_tokens *tokens, int64_t now_ms)
{
        set(&grant->access_token, tokens->access_token);
        if (tokens->refresh_token != NULL)
                set(&grant->refresh_token, tokens->refresh_token);
        if (tokens->scope != NULL)
                set(&grant->scope, tokens->scope);
        grant->expires_ms = tokens->life_ms > 0 ? now_ms + tokens->life_ms : 0;
}

/* It ends before the opening of who waits does, so that the cause has its name. */
static long timeout_ms(const struct upstream *upstream)
{
        int64_t ms = upstream->context->config->upstream_open_timeout_ms * 3 / 4;

        return ms < FETCH_TIMEOUT_MAX_MS ? (long)ms : FETCH_TIMEOUT_MAX_MS;
}

void grant_http_init(struct oauth_http *http, const struct account *account)
{
        struct upstream *upstream = account->upstream;
        const struct config_oauth *oauth = account->config->oauth;
        const char *const named[] = {upstream->server->url, oauth->issuer, oauth->token_url,
                                     oauth->exchange != NULL ? oauth->exchange->token_url : NULL};
        size_t n = 0;

        *http = (struct oauth_http){
                .client = upstream->context->http,
                .source = &upstream->http,
                .timeout_ms = timeout_ms(upstream),
                .allows_private = upstream->context->config->allow_private_documents,
        };
        for (size_t i = 0; i < sizeof(named) / sizeof(named[0]); i++)
                if (named[i] != NULL)
                        http->homes[n++] = named[i];
}
