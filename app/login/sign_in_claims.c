/* Who it is: the ID token, UserInfo where that lacks something, and whether they may. */
#include "mgw/base/alloc.h"
#include "mgw/base/base64.h"
#include "mgw/base/clock.h"
#include "mgw/wire/rpc.h"
#include "sign_in_inside.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#define SKEW_S 60

/* ---- the end ---- */

static void sign_in_complete(struct sign_in *in)
{
        request_own(in->req, NULL, NULL);
        sign_in_succeed(in->req, &in->cookies, &in->person, in->state.path);
        sign_in_end(in);
}

static void on_used(struct store_op *op)
{
        struct sign_in *in = container_of(op, struct sign_in, used);

        if (op->result == 0)
                sign_in_complete(in);
        else if (op->result == STORE_E_CONFLICT)
                sign_in_refuse(in, &(struct sign_in_fault){
                                           .status = 400,
                                           .what = "This sign-in has been used",
                                           .what_to_do = "It is good for one time. Begin anew.",
                                           .detail = in->state.id,
                                   });
        else
                sign_in_refuse_for_now(in, "the store could not note that the state has been used");
}

static void use_up(struct sign_in *in)
{
        char *key = store_key("used", "sign-in", in->state.id, NULL);

        in->used.on_done = on_used;
        store_put(in->browser->context->store, &in->used, str_from(key), STR(""),
                  clock_wall_ms() + SIGN_IN_LIFE_MS, STORE_NEW);
        free(key);
}

static void judge_person(struct sign_in *in)
{
        const char *why = person_from_claims(&in->person, sign_in_login(in), in->claims);

        if (why == NULL)
                why = person_is_refused(&in->person, sign_in_login(in));
        if (why == NULL) {
                use_up(in);
                return;
        }
        sign_in_refuse(in, &(struct sign_in_fault){
                                   .status = 403,
                                   .what = "This account is not let in",
                                   .what_to_do = why,
                                   .detail = why,
                                   .user = in->person.email,
                                   .again = SIGN_IN_AS_ANOTHER,
                           });
}

/* ---- UserInfo (OpenID Connect Core 5.3) ---- */

/* The ID token's claims stay as they are; it must speak of the same account (5.3.2). */
static void on_user_info(void *owner, const struct http_document_answer *answer)
{
        struct sign_in *in = owner;
        json_t *info = oauth_http_object(answer, 200);
        const char *sub = rpc_text(info, "sub");

        in->user_info = NULL;
        if (sub != NULL && strcmp(sub, json_string_value(json_object_get(in->claims, "sub"))) == 0)
                json_object_update_missing(in->claims, info);
        json_decref(info);
        judge_person(in);
}

static void ask_user_info(struct sign_in *in, const char *url)
{
        char *line = alloc_format("Authorization: Bearer %s", in->access_token);
        const char *const headers[] = {"Accept: application/json", line, NULL};

        in->user_info =
                http_document_start(in->http.client,
                                    &(struct http_document_options){
                                            .method = "GET",
                                            .url = url,
                                            .headers = headers,
                                            .max_bytes = FORM_MAX_BYTES,
                                            .timeout_ms = SIGN_IN_STEP_MS,
                                            .is_public = !oauth_http_is_home(&in->http, url),
                                            .source = in->http.source,
                                    },
                                    on_user_info, in);
        free(line);
}

/* ---- the ID token ---- */

static const EVP_MD *digest_of(enum jwt_algorithm algorithm)
{
        switch (algorithm) {
        case JWT_RS256:
        case JWT_PS256:
        case JWT_ES256:
                return EVP_sha256();
        case JWT_RS384:
        case JWT_PS384:
        case JWT_ES384:
                return EVP_sha384();
        default:
                return EVP_sha512();
        }
}

/* Is the access token the one that the ID token was made with, where that says so (3.1.3.6)? */
static bool access_token_fits(const struct sign_in *in)
{
        const char *expected = rpc_text(in->claims, "at_hash"), *why;
        uint8_t digest[EVP_MAX_MD_SIZE];
        unsigned n = 0;
        struct buf text;
        struct jwt jwt;
        bool fits;

        if (expected == NULL)
                return json_object_get(in->claims, "at_hash") == NULL;
        buf_init(&text, 2 * EVP_MAX_MD_SIZE);
        fits = jwt_read(&jwt, str_from(in->id_token), &why) == 0 &&
               EVP_Digest(in->access_token, strlen(in->access_token), digest, &n,
                          digest_of(jwt.algorithm), NULL) == 1 &&
               base64_encode(&text, BASE64_URL,
                             (struct str){(const char *)digest, (size_t)n / 2}) == 0 &&
               str_eq(buf_bytes(&text), str_from(expected));
        jwt_finish(&jwt);
        buf_finish(&text);
        return fits;
}

static void take_claims(struct sign_in *in)
{
        const struct issuer_metadata *metadata = issuer_metadata(in->browser->issuer);
        const char *user_info = metadata != NULL ? metadata->userinfo_endpoint : NULL;

        if (!access_token_fits(in))
                sign_in_refuse_for_good(in,
                                        "the access token is not that of the ID token (at_hash)");
        else if (rpc_text(in->claims, "sub") == NULL)
                sign_in_refuse_for_good(in, "the ID token names no subject");
        else if (user_info != NULL && person_misses_claims(sign_in_login(in), in->claims))
                ask_user_info(in, user_info);
        else
                judge_person(in);
}

static void on_keys(struct sign_in *in)
{
        in->on_known = NULL; /* once */
        sign_in_read_id_token(in);
}

void sign_in_read_id_token(struct sign_in *in)
{
        const char *audiences[] = {in->party.client_id, NULL};
        const struct jwt_demand demand = {
                .audiences = audiences,
                .client_id = in->party.client_id,
                .nonce = in->state.id,
                .skew_s = SKEW_S,
        };
        struct issuer *issuer = in->browser->issuer;
        const char *why = "";
        int64_t expires_ms;
        int r = issuer_read(issuer, str_from(in->id_token), &demand, clock_wall_ms(), &in->claims,
                            &expires_ms, &why);

        if (r == 0)
                take_claims(in);
        else if (r == ISSUER_E_WAIT && in->on_known != NULL &&
                 issuer_wait(issuer, &in->wait, in->share))
                in->on_known = on_keys;
        else if (r == ISSUER_E_WAIT || r == ISSUER_E_AWAY)
                sign_in_refuse_for_now(in, why);
        else
                sign_in_refuse_for_good(in, why);
}
