/* Tokens by what the configuration says: a refresh token, or the client's own credentials. Accounts
 * whose oauth is the same share one. */
#include "credential_inside.h"
#include "mgw/base/alloc.h"
#include "mgw/base/buf.h"
#include "mgw/base/file.h"
#include "mgw/base/log.h"
#include "mgw/config/config.h"
#include "mgw/rest/rest.h"
#include "mgw/upstream/account.h"
#include "mgw/wire/form.h"
#include "mgw/wire/hdr.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FETCH_TIMEOUT_MAX_MS 30000
#define ANSWER_MAX_BYTES 65536

struct token_fetch {
        struct credential *credential;
        struct context *context;
        struct http_source *source;
        const struct config_oauth *oauth;
        const char *server;
        const char *email;   /* NULL: everybody's */
        char *refresh_token; /* the newest, where it is not the configuration's */
        char *filed;         /* what its file held when it was read or written last */
        struct http_request *http;
        struct buf body;
        unsigned status;
};

/* ---- what comes ---- */

static int64_t life_ms(const json_t *expires_in)
{
        double s = json_number_value(expires_in);

        return s > 0 && s < 1e9 ? (int64_t)(s * 1000) : 0;
}

static const char *newest_refresh_token(const struct token_fetch *c)
{
        return c->refresh_token != NULL ? c->refresh_token : c->oauth->refresh_token;
}

static void set_text(char **textp, const char *text)
{
        free(*textp);
        *textp = text != NULL ? alloc_text(text) : NULL;
}

/* While one process takes over from another, both renew: who does it later finds here what the
 * other was given. Somebody may have put one there, too, whose former one was over. */
static void look_into_file(struct token_fetch *c)
{
        const char *path = c->oauth->refresh_token_file;
        char *token = path != NULL ? file_read(path, CONFIG_OAUTH_TOKEN_MAX + 1) : NULL;

        if (token != NULL && hdr_is_visible(str_from(token), CONFIG_OAUTH_TOKEN_MAX) &&
            (c->filed == NULL || strcmp(token, c->filed) != 0)) {
                set_text(&c->refresh_token, token);
                set_text(&c->filed, token);
        }
        free(token);
}

/* A new refresh token ends the old one, often at once. */
static void keep_refresh_token(struct token_fetch *c, const char *token)
{
        const char *path = c->oauth->refresh_token_file;
        struct buf line;
        int r;

        if (!hdr_is_visible(str_from(token), CONFIG_OAUTH_TOKEN_MAX) ||
            strcmp(token, newest_refresh_token(c) != NULL ? newest_refresh_token(c) : "") == 0)
                return;
        set_text(&c->refresh_token, token);
        if (path == NULL)
                return;
        buf_init(&line, CONFIG_OAUTH_TOKEN_MAX + 1);
        r = buf_addf(&line, "%s\n", token) == 0 ? file_replace(path, buf_bytes(&line)) : -ENOMEM;
        buf_finish(&line);
        if (r == 0)
                set_text(&c->filed, token);
        else
                log_error(LOG_FIELDS({"user", c->email}),
                          "[oauth] %s: the new refresh token cannot be kept in %s: %s: it is lost "
                          "when mgw ends",
                          c->server, path, strerror(-r));
}

/* NULL, or what is wrong with the answer. */
static const char *take_token(struct token_fetch *c, json_t *answer)
{
        const char *token = json_string_value(json_object_get(answer, "access_token"));

        if (!hdr_is_visible(str_from(token), CONFIG_OAUTH_TOKEN_MAX))
                return "its answer holds no access token";
        keep_refresh_token(c, json_string_value(json_object_get(answer, "refresh_token")));
        credential_succeed(c->credential, token, life_ms(json_object_get(answer, "expires_in")));
        return NULL;
}

/* The codes of RFC 6749 5.2; what else it says is not for everybody's eyes. */
static const char *known_code(const char *code)
{
        static const char *const codes[] = {"invalid_request",        "invalid_client",
                                            "invalid_grant",          "unauthorized_client",
                                            "unsupported_grant_type", "invalid_scope"};

        for (size_t i = 0; code != NULL && i < sizeof(codes) / sizeof(codes[0]); i++)
                if (strcmp(code, codes[i]) == 0)
                        return codes[i];
        return NULL;
}

/* {"error": "invalid_grant", "error_description": "..."}: the words, without our secrets. */
static void read_words(const struct token_fetch *c, const json_t *answer, char *words, size_t size)
{
        const char *secrets[4] = {NULL};
        size_t n = 0;

        if (c->oauth->client_secret != NULL)
                secrets[n++] = c->oauth->client_secret;
        if (c->oauth->refresh_token != NULL)
                secrets[n++] = c->oauth->refresh_token;
        secrets[n] = c->refresh_token;
        rest_short_message(answer, secrets, words, size);
}

static void log_fault(const struct token_fetch *c, const char *fault, const char *detail)
{
        char *origin = http_origin(c->oauth->token_url);

        log_warn(LOG_FIELDS({"user", c->email}, {"detail", detail}),
                 "[oauth] %s: no access token from %s: %s", c->server,
                 origin != NULL ? origin : "its token endpoint", fault);
        free(origin);
}

/* detail: for the log; NULL: fault says all. */
static void fetch_fail(struct token_fetch *c, const char *fault, const char *detail)
{
        log_fault(c, fault, detail);
        credential_fail(c->credential, fault);
}

static void fetch_refused(struct token_fetch *c, const json_t *answer)
{
        const char *code = known_code(json_string_value(json_object_get(answer, "error")));
        char why[80], words[200];

        read_words(c, answer, words, sizeof(words));
        snprintf(why, sizeof(why), "it answered HTTP %u%s%s", c->status, code != NULL ? ": " : "",
                 code != NULL ? code : "");
        fetch_fail(c, why, words[0] != '\0' ? words : NULL);
}

static void fetch_on_done(void *owner, const struct http_failure *http)
{
        struct token_fetch *c = owner;
        json_t *answer = http == NULL ? json_loadb(buf_bytes(&c->body).p, c->body.len,
                                                   JSON_REJECT_DUPLICATES, NULL)
                                      : NULL;
        const char *fault = NULL;

        c->http = NULL;
        buf_finish(&c->body);
        if (http != NULL)
                fetch_fail(c, http_fault_text(http->fault), http->why);
        else if (c->status != 200)
                fetch_refused(c, answer);
        else if ((fault = take_token(c, answer)) != NULL)
                fetch_fail(c, fault, NULL);
        json_decref(answer);
}

static void fetch_on_head(void *owner, const struct http_response *response)
{
        struct token_fetch *c = owner;

        c->status = response->status;
}

static enum http_flow fetch_on_body(void *owner, const char *p, size_t n)
{
        struct token_fetch *c = owner;

        if (buf_add(&c->body, p, n) != 0) {
                http_cancel(c->http);
                c->http = NULL;
                buf_finish(&c->body);
                fetch_fail(c, "its answer is over 64 kB", NULL);
        }
        return HTTP_GO_ON;
}

/* ---- what goes ---- */

static int make_form(const struct token_fetch *c, struct buf *form)
{
        const struct config_oauth *o = c->oauth;
        const char *refresh = newest_refresh_token(c);
        int r = form_add(form, "grant_type",
                         refresh != NULL ? "refresh_token" : "client_credentials");

        if (r == 0)
                r = form_add(form, "refresh_token", refresh);
        if (r == 0)
                r = form_add(form, "client_id", o->client_id);
        if (r == 0)
                r = form_add(form, "client_secret", o->client_secret);
        return r != 0 ? r : form_add(form, "scope", o->scope);
}

/* It ends before the opening of who waits does, so that the cause has its name. */
static long fetch_timeout_ms(const struct token_fetch *c)
{
        int64_t ms = c->context->config->upstream_open_timeout_ms * 3 / 4;

        return ms < FETCH_TIMEOUT_MAX_MS ? (long)ms : FETCH_TIMEOUT_MAX_MS;
}

static int fetch_start(struct token_fetch *c)
{
        static const struct http_handlers handlers = {fetch_on_head, fetch_on_body, fetch_on_done};
        static const char *const headers[] = {"Content-Type: application/x-www-form-urlencoded",
                                              "Accept: application/json", NULL};
        struct buf form;
        int r;

        look_into_file(c);
        buf_init(&form, FORM_MAX_BYTES);
        r = make_form(c, &form);
        if (r == 0) {
                const struct http_options options = {
                        .method = "POST",
                        .url = c->oauth->token_url,
                        .headers = headers,
                        .body = buf_bytes(&form),
                        .connect_timeout_ms = (long)c->context->config->upstream_connect_timeout_ms,
                        .timeout_ms = fetch_timeout_ms(c),
                        .source = c->source,
                        .is_elsewhere = true,
                };
                c->status = 0;
                r = http_start(c->context->http, &options, &handlers, c, &c->http);
        }
        buf_finish(&form);
        return r;
}

static int config_fetch(struct credential *credential)
{
        return fetch_start(credential->state);
}

static void config_destroy(struct credential *credential)
{
        struct token_fetch *c = credential->state;

        free(c->refresh_token);
        free(c->filed);
        buf_finish(&c->body);
        free(c);
}

void credential_config_init(struct credential *credential)
{
        static const struct credential_source source = {.fetch = config_fetch,
                                                        .destroy = config_destroy};
        struct account *account = credential->account;
        struct token_fetch *c = alloc_zeroed(sizeof(*c));

        c->credential = credential;
        c->context = account->upstream->context;
        c->source = &account->upstream->http;
        c->oauth = account->config->oauth;
        c->server = upstream_name(account->upstream);
        c->email = account->config->email;
        set_text(&c->filed, c->oauth->refresh_token);
        buf_init(&c->body, ANSWER_MAX_BYTES);
        credential->source = &source;
        credential->state = c;
}
