/* What a token endpoint answers is read with bounds; of what it says to an error only the codes
 * that RFC 6749 knows are passed on. */
#include "mgw/auth/oauth_flow.h"

#include "mgw/base/alloc.h"
#include "mgw/base/base64.h"
#include "mgw/wire/form.h"
#include "mgw/wire/hdr.h"
#include "mgw/wire/rpc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ID_TOKEN_MAX (32u << 10)
#define LIFE_MAX_S 1e9

struct oauth_request {
        struct http_document *document;
        oauth_tokens_fn *on_tokens;
        oauth_revoked_fn *on_revoked;
        void *owner;
};

/* ---- to authorize ---- */

int oauth_flow_authorization_url(struct buf *out, const struct oauth_party *party,
                                 const char *redirect_uri, const char *state, const char *challenge,
                                 const char *scope, char *const *params)
{
        const char *const fields[][2] = {
                {"response_type", "code"},
                {"client_id", party->client_id},
                {"redirect_uri", redirect_uri},
                {"state", state},
                {"code_challenge", challenge},
                {"code_challenge_method", "S256"},
                {"scope", scope},
                {"resource", party->resource},
        };
        bool has_query = strchr(party->authorization_url, '?') != NULL;
        struct buf query;
        int r = 0;

        buf_init(&query, out->max);
        for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]) && r == 0; i++)
                r = form_add(&query, fields[i][0], fields[i][1]);
        for (; params != NULL && *params != NULL && r == 0; params++) {
                const char *value = strchr(*params, '=');
                char *name = value != NULL
                                     ? alloc_str((struct str){*params, (size_t)(value - *params)})
                                     : NULL;

                if (name != NULL)
                        r = form_add(&query, name, value + 1);
                free(name);
        }
        if (r == 0)
                r = buf_addf(out, "%s%c%.*s", party->authorization_url, has_query ? '&' : '?',
                             STR_ARG(buf_bytes(&query)));
        buf_finish(&query);
        return r;
}

/* ---- to an endpoint that knows us ---- */

/* RFC 6749 2.3.1: both are encoded as in a form, then as Basic. */
static char *basic_line(const struct oauth_party *party)
{
        struct buf pair, text;
        char *line = NULL;

        buf_init(&pair, FORM_MAX_BYTES);
        buf_init(&text, FORM_MAX_BYTES);
        /* form_add() writes name=value: the '=' becomes the ':' of Basic (RFC 7617 2). */
        if (form_add(&text, party->client_id, party->client_secret) == 0) {
                struct str both = buf_bytes(&text);
                const char *at = memchr(both.p, '=', both.n);
                size_t n = (size_t)(at - both.p);

                (void)buf_addf(&pair, "%.*s:%.*s", (int)n, both.p, (int)(both.n - n - 1), at + 1);
        }
        buf_finish(&text);
        if (pair.len > 0 && base64_encode(&text, BASE64_STANDARD, buf_bytes(&pair)) == 0)
                line = alloc_format("Authorization: Basic %.*s", STR_ARG(buf_bytes(&text)));
        buf_finish(&pair);
        buf_finish(&text);
        return line;
}

static int add_client(struct buf *form, const struct oauth_party *party)
{
        int r = 0;

        if (party->auth != OAUTH_CLIENT_BASIC)
                r = form_add(form, "client_id", party->client_id);
        if (r == 0 && party->auth == OAUTH_CLIENT_POST)
                r = form_add(form, "client_secret", party->client_secret);
        return r;
}

static struct http_document *post(const struct oauth_http *http, const struct oauth_party *party,
                                  const char *url, struct buf *form, http_document_fn *on_done,
                                  void *owner)
{
        char *basic = party->auth == OAUTH_CLIENT_BASIC ? basic_line(party) : NULL;
        struct str body = add_client(form, party) == 0 ? buf_bytes(form) : STR("");
        struct http_document *document =
                oauth_http_post(http, url, "Content-Type: application/x-www-form-urlencoded", basic,
                                body, on_done, owner);

        free(basic);
        return document;
}

void oauth_flow_cancel(struct oauth_request *request)
{
        if (request == NULL)
                return;
        http_document_cancel(request->document);
        free(request);
}

/* ---- tokens ---- */

static const char *known_code(const char *code)
{
        static const char *const codes[] = {
                "invalid_request",        "invalid_client", "invalid_grant", "unauthorized_client",
                "unsupported_grant_type", "invalid_scope",  "invalid_target"};

        for (size_t i = 0; code != NULL && i < sizeof(codes) / sizeof(codes[0]); i++)
                if (strcmp(code, codes[i]) == 0)
                        return codes[i];
        return NULL;
}

static const char *token_of(const json_t *answer, const char *key)
{
        const char *token = rpc_text(answer, key);

        return hdr_is_visible(str_from(token), OAUTH_TOKEN_MAX) ? token : NULL;
}

/* Some write the number as a text. */
static int64_t life_ms(const json_t *expires_in)
{
        double s = json_is_string(expires_in) ? strtod(json_string_value(expires_in), NULL)
                                              : json_number_value(expires_in);

        return s > 0 && s < LIFE_MAX_S ? (int64_t)(s * 1000) : 0;
}

/* GitHub answers an error with 200. */
static void read_tokens(const json_t *answer, unsigned status, struct oauth_tokens *tokens,
                        char *why, size_t size)
{
        const char *type = rpc_text(answer, "token_type");

        tokens->error = known_code(rpc_text(answer, "error"));
        if (status != 200 || rpc_text(answer, "error") != NULL) {
                snprintf(why, size, "it answered HTTP %u%s%s", status,
                         tokens->error != NULL ? ": " : "",
                         tokens->error != NULL ? tokens->error : "");
                tokens->fault = why;
                tokens->is_theirs = status / 100 == 4 || status == 200;
                return;
        }
        tokens->access_token = token_of(answer, "access_token");
        tokens->refresh_token = token_of(answer, "refresh_token");
        tokens->scope = rpc_text(answer, "scope");
        tokens->id_token = rpc_text(answer, "id_token");
        tokens->life_ms = life_ms(json_object_get(answer, "expires_in"));
        if (tokens->access_token == NULL)
                tokens->fault = "its answer holds no access token";
        else if (type != NULL && !str_eq_nocase(str_from(type), STR("Bearer")))
                tokens->fault = "its answer holds a token of another type than Bearer";
}

static void on_token_answer(void *owner, const struct http_document_answer *answer)
{
        struct oauth_request *request = owner;
        json_t *object = NULL;
        struct oauth_tokens tokens = {.fault = answer->fault};
        char why[120];

        if (answer->fault == NULL)
                object = json_loadb(answer->body.p, answer->body.n, JSON_REJECT_DUPLICATES, NULL);
        if (answer->fault == NULL)
                read_tokens(object, answer->status, &tokens, why, sizeof(why));
        request->on_tokens(request->owner, &tokens);
        json_decref(object);
        free(request);
}

struct oauth_request *oauth_flow_tokens(const struct oauth_http *http,
                                        const struct oauth_party *party, struct buf *form_take,
                                        oauth_tokens_fn *on_done, void *owner)
{
        struct oauth_request *request = alloc_zeroed(sizeof(*request));

        request->on_tokens = on_done;
        request->owner = owner;
        request->document =
                post(http, party, party->token_url, form_take, on_token_answer, request);
        buf_finish(form_take);
        return request;
}

/* ---- to revoke ---- */

static void on_revoke_answer(void *owner, const struct http_document_answer *answer)
{
        struct oauth_request *request = owner;
        char why[80];

        snprintf(why, sizeof(why), "it answered HTTP %u", answer->status);
        request->on_revoked(request->owner, answer->fault != NULL       ? answer->fault
                                            : answer->status / 100 != 2 ? why
                                                                        : NULL);
        free(request);
}

struct oauth_request *oauth_flow_revoke(const struct oauth_http *http,
                                        const struct oauth_party *party, const char *token,
                                        oauth_revoked_fn *on_done, void *owner)
{
        struct oauth_request *request = alloc_zeroed(sizeof(*request));
        struct buf form;

        request->on_revoked = on_done;
        request->owner = owner;
        buf_init(&form, FORM_MAX_BYTES);
        (void)form_add(&form, "token", token);
        request->document =
                post(http, party, party->revocation_url, &form, on_revoke_answer, request);
        buf_finish(&form);
        return request;
}

/* ---- whose the grant is ---- */

char *oauth_flow_id_token_claim(const char *id_token, const char *claim)
{
        struct str rest = str_from(id_token), payload;
        json_t *claims = NULL;
        const char *value;
        struct buf bytes;
        char *text;

        (void)str_cut(&rest, '.');
        payload = str_cut(&rest, '.');
        buf_init(&bytes, ID_TOKEN_MAX);
        if (payload.n > 0 && base64_decode(&bytes, BASE64_URL, payload) == 0)
                claims = json_loadb(buf_bytes(&bytes).p, bytes.len, JSON_REJECT_DUPLICATES, NULL);
        value = rpc_text(claims, claim);
        text = value != NULL && hdr_is_user(str_from(value)) ? alloc_text(value) : NULL;
        json_decref(claims);
        buf_finish(&bytes);
        return text;
}
