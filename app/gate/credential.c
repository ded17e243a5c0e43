#include "mgw/gate/credential.h"

#include "mgw/base/log.h"
#include "mgw/mcp/rest.h"
#include "mgw/wire/hdr.h"
#include "mgw/wire/uri.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FETCH_TIMEOUT_MS 30000
#define ANSWER_MAX_BYTES 65536
#define FORM_MAX_BYTES 65536
#define TOKEN_MAX 16384
/* It is renewed so long before it expires, or at half its life when that is shorter. */
#define MARGIN_MS 60000

struct credential {
        struct gate *gate;
        const struct config_oauth *oauth;
        char *header;        /* NULL: none */
        char *refresh_token; /* the newest, where the server hands out new ones */
        int64_t renew_at_ms; /* 0: when the API refuses it */
        struct http_request *http;
        struct list waiting;
        struct buf body;
        unsigned status;
};

int credential_create(struct gate *gate, const struct config_oauth *oauth,
                      struct credential **credentialp)
{
        struct credential *c = calloc(1, sizeof(*c));

        if (c == NULL)
                return -ENOMEM;
        c->gate = gate;
        c->oauth = oauth;
        list_init(&c->waiting);
        buf_init(&c->body, ANSWER_MAX_BYTES);
        *credentialp = c;
        return 0;
}

void credential_destroy(struct credential *c)
{
        if (c == NULL)
                return;
        free(c->header);
        free(c->refresh_token);
        buf_finish(&c->body);
        free(c);
}

static void forget(struct credential *c)
{
        free(c->header);
        c->header = NULL;
}

const char *credential_header(struct credential *c)
{
        if (c->renew_at_ms > 0 && loop_now_ms(c->gate->loop) >= c->renew_at_ms)
                forget(c);
        return c->header;
}

void credential_refused(struct credential *c, const char *header)
{
        if (c->header != NULL && strcmp(c->header, header) == 0)
                forget(c);
}

/* ---- what comes ---- */

static void tell(struct credential *c, const char *why)
{
        struct list told;
        struct list *it;

        list_take_all(&told, &c->waiting);
        while ((it = list_first(&told)) != NULL) {
                struct credential_wait *wait = container_of(it, struct credential_wait, link);

                list_unlink(it);
                if (why == NULL)
                        wait->on_token(wait);
                else
                        wait->on_fail(wait, why);
        }
}

static void take_life(struct credential *c, const json_t *expires_in)
{
        double s = json_number_value(expires_in);
        int64_t life_ms = s > 0 && s < 1e9 ? (int64_t)(s * 1000) : 0;
        int64_t margin_ms = life_ms / 2 < MARGIN_MS ? life_ms / 2 : MARGIN_MS;

        c->renew_at_ms = life_ms > 0 ? loop_now_ms(c->gate->loop) + life_ms - margin_ms : 0;
}

/* NULL, or what is wrong with the answer. */
static const char *take_token(struct credential *c, json_t *answer)
{
        const char *token = json_string_value(json_object_get(answer, "access_token"));
        const char *refresh = json_string_value(json_object_get(answer, "refresh_token"));

        if (!hdr_is_visible(str_from(token), TOKEN_MAX))
                return "its answer holds no access token";
        if (asprintf(&c->header, "Authorization: Bearer %s", token) < 0) {
                c->header = NULL;
                return "out of memory";
        }
        if (refresh != NULL) {
                free(c->refresh_token);
                c->refresh_token = strdup(refresh);
        }
        take_life(c, json_object_get(answer, "expires_in"));
        return NULL;
}

/* {"error": "invalid_grant", "error_description": "..."} (RFC 6749 5.2). */
static void describe_refusal(const struct credential *c, const json_t *answer, char *why,
                             size_t size)
{
        const char *secrets[4] = {NULL};
        const char *code = json_string_value(json_object_get(answer, "error"));
        char code_text[64] = "", words[200];
        size_t n = 0;

        if (c->oauth->client_secret != NULL)
                secrets[n++] = c->oauth->client_secret;
        if (c->oauth->refresh_token != NULL)
                secrets[n++] = c->oauth->refresh_token;
        secrets[n] = c->refresh_token;
        rest_short_message(answer, secrets, words, sizeof(words));
        if (code != NULL && hdr_is_visible(str_from(code), sizeof(code_text) - 1) &&
            strcmp(code, words) != 0)
                snprintf(code_text, sizeof(code_text), ": %s", code);
        snprintf(why, size, "it answered HTTP %u%s%s%s", c->status, code_text,
                 words[0] != '\0' ? ": " : "", words);
}

static void fetch_on_done(void *owner, const char *failure, bool was_sent)
{
        struct credential *c = owner;
        json_t *answer = failure == NULL ? json_loadb(buf_bytes(&c->body).p, c->body.len,
                                                      JSON_REJECT_DUPLICATES, NULL)
                                         : NULL;
        const char *fault = failure;
        char why[600];

        (void)was_sent;
        c->http = NULL;
        if (failure == NULL && c->status == 200) {
                fault = take_token(c, answer);
        } else if (failure == NULL) {
                describe_refusal(c, answer, why, sizeof(why));
                fault = why;
        }
        json_decref(answer);
        buf_finish(&c->body);
        if (fault != NULL)
                log_warn(NULL, "[oauth] no access token from %.*s: %s",
                         STR_ARG(hdr_url_host(str_from(c->oauth->token_url))), fault);
        tell(c, fault);
}

static void fetch_on_head(void *owner, const struct http_response *response)
{
        struct credential *c = owner;

        c->status = response->status;
}

static enum http_flow fetch_on_body(void *owner, const char *p, size_t n)
{
        struct credential *c = owner;

        if (buf_add(&c->body, p, n) != 0) {
                http_cancel(c->http);
                fetch_on_done(c, "its answer is over 64 kB", true);
        }
        return HTTP_GO_ON;
}

/* ---- what goes ---- */

static int add_field(struct buf *form, const char *name, const char *value)
{
        int r = 0;

        if (value == NULL)
                return 0;
        r = buf_addf(form, "%s%s=", form->len > 0 ? "&" : "", name);
        return r != 0 ? r : uri_encode(form, str_from(value));
}

static int make_form(const struct credential *c, struct buf *form)
{
        const struct config_oauth *o = c->oauth;
        const char *refresh = c->refresh_token != NULL ? c->refresh_token : o->refresh_token;
        int r = add_field(form, "grant_type",
                          refresh != NULL ? "refresh_token" : "client_credentials");

        if (r == 0)
                r = add_field(form, "refresh_token", refresh);
        if (r == 0)
                r = add_field(form, "client_id", o->client_id);
        if (r == 0)
                r = add_field(form, "client_secret", o->client_secret);
        return r != 0 ? r : add_field(form, "scope", o->scope);
}

static int fetch_start(struct credential *c)
{
        static const struct http_handlers handlers = {fetch_on_head, fetch_on_body, fetch_on_done};
        static const char *const headers[] = {"Content-Type: application/x-www-form-urlencoded",
                                              "Accept: application/json", NULL};
        struct buf form;
        int r;

        buf_init(&form, FORM_MAX_BYTES);
        r = make_form(c, &form);
        if (r == 0) {
                const struct http_options options = {
                        .method = "POST",
                        .url = c->oauth->token_url,
                        .headers = headers,
                        .body = buf_bytes(&form),
                        .connect_timeout_ms = (long)c->gate->config->upstream_connect_timeout_ms,
                        .timeout_ms = FETCH_TIMEOUT_MS,
                };
                c->status = 0;
                r = http_start(c->gate->http, &options, &handlers, c, &c->http);
        }
        buf_finish(&form);
        return r;
}

void credential_wait(struct credential *c, struct credential_wait *wait)
{
        list_append(&c->waiting, &wait->link);
        if (c->http == NULL && fetch_start(c) != 0)
                tell(c, "the request could not be started");
}

void credential_unwait(struct credential_wait *wait)
{
        list_unlink(&wait->link);
}
