/* Signing in at the OpenID provider (OpenID Connect Core 3.1): away with a state, a nonce and a
 * challenge, back with a code, which is exchanged for an ID token. What the provider sends back is
 * believed in this order: the state (sealed, of this browser), the issuer (RFC 9207), the code (by
 * its exchange, with the verifier), the ID token (by its signature and nonce), and, once all of it
 * is good, the state is used up. Each step waits for one thing, and has a deadline; a browser that
 * leaves ends them all. */
#include "sign_in.h"

#include "mgw/auth/oauth_flow.h"
#include "mgw/base/alloc.h"
#include "mgw/base/base64.h"
#include "mgw/base/clock.h"
#include "mgw/base/log.h"
#include "mgw/base/rand.h"
#include "mgw/base/strv.h"
#include "mgw/core/context.h"
#include "mgw/login/page.h"
#include "mgw/wire/form.h"
#include "mgw/wire/hdr.h"
#include "mgw/wire/rpc.h"
#include "return_path.h"
#include "sign_in_state.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#define SIGN_INS_MAX 256
#define STEP_TIMEOUT_MS 10000
#define SKEW_S 60
#define CODE_MAX_BYTES 4096
#define ERROR_MAX_BYTES 64
#define URL_MAX_BYTES 8192

struct sign_in {
        struct list node; /* browser->sign_ins */
        struct browser *browser;
        struct request *req;
        struct sign_in_state state;
        struct cookies cookies; /* that go with the answer */
        bool asks_who;          /* the provider is to ask, whoever is signed in there */

        /* what is waited for: one of them */
        void (*on_known)(struct sign_in *in); /* what the issuer says has come, or cannot come */
        struct issuer_wait wait;
        struct oauth_request *exchange;
        struct http_document *user_info;
        struct store_op used;

        struct form *answer; /* of the provider, by the browser */
        struct oauth_party party;
        struct oauth_http http;
        char *id_token;
        char *access_token;
        json_t *claims;
        struct person person;
};

/* ---- its life ---- */

static const struct config_login *login_of(const struct sign_in *in)
{
        return &in->browser->context->config->login;
}

static void sign_in_free(void *object)
{
        struct sign_in *in = object;

        sign_in_state_finish(&in->state);
        cookies_finish(&in->cookies);
        form_destroy(in->answer);
        oauth_party_finish(&in->party);
        free(in->id_token);
        free(in->access_token);
        json_decref(in->claims);
        person_finish(&in->person);
        free(in);
}

/* It is over, and its request is nobody's. */
static void sign_in_end(struct sign_in *in)
{
        struct context *context = in->browser->context;

        issuer_leave(&in->wait);
        oauth_flow_cancel(in->exchange);
        http_document_cancel(in->user_info);
        store_cancel(&in->used);
        list_unlink(&in->node);
        in->browser->n_sign_ins--;
        context->stats.n_calls--;
        loop_bury(context->loop, in, sign_in_free);
        if (context->is_draining)
                context->on_calm(context);
}

static void on_gone(struct request *req)
{
        sign_in_end(req->owner);
}

static const struct request_events events = {.on_gone = on_gone};

/* It counts as a call: who drains waits for it. NULL: the request has been answered. */
static struct sign_in *sign_in_begin(struct request *req)
{
        struct context *context = request_context(req);
        struct browser *browser = context->browser;
        struct sign_in *in;

        if (browser->n_sign_ins >= SIGN_INS_MAX) {
                page_fault(req, 503, "Too many people sign in at this moment",
                           "Wait a few seconds, and load this page again.");
                return NULL;
        }
        in = alloc_zeroed(sizeof(*in));
        in->browser = browser;
        in->req = req;
        list_append(&browser->sign_ins, &in->node);
        browser->n_sign_ins++;
        context->stats.n_calls++;
        request_own(req, &events, in);
        return in;
}

static void sign_in_refuse(struct sign_in *in, const struct sign_in_fault *fault)
{
        request_own(in->req, NULL, NULL);
        sign_in_fail(in->req, &in->cookies, fault);
        sign_in_end(in);
}

/* Where it may be that it works in a while. */
static void refuse_for_now(struct sign_in *in, const char *detail)
{
        sign_in_refuse(in, &(struct sign_in_fault){
                                   .status = 503,
                                   .what = "The sign-in service cannot be reached",
                                   .what_to_do = "Your organization's sign-in service does not "
                                                 "answer this gateway. Try again in a minute.",
                                   .detail = detail,
                                   .again = in->state.path,
                           });
}

/* Where the operator has to do something. */
static void refuse_for_good(struct sign_in *in, const char *detail)
{
        sign_in_refuse(in, &(struct sign_in_fault){
                                   .status = 502,
                                   .what = "This gateway and the sign-in service do not agree",
                                   .what_to_do = "Tell the administrator of this gateway: its log "
                                                 "says why, at this time.",
                                   .detail = detail,
                                   .again = in->state.path,
                           });
}

/* ---- what the issuer says of itself ---- */

static void on_issuer_ready(struct issuer_wait *wait)
{
        struct sign_in *in = container_of(wait, struct sign_in, wait);

        in->on_known(in);
}

/* Calls on_known, now or later; it may end the sign-in. */
static void require_metadata(struct sign_in *in, void (*on_known)(struct sign_in *in))
{
        struct issuer *issuer = in->browser->issuer;

        in->on_known = on_known;
        in->wait.on_ready = on_issuer_ready;
        if (issuer_metadata(issuer) != NULL || !issuer_wait(issuer, &in->wait))
                on_known(in);
}

/* Who we are there. false: it cannot be said, and the sign-in is over. */
static bool read_party(struct sign_in *in)
{
        const struct config_login *login = login_of(in);
        const struct issuer_metadata *metadata = issuer_metadata(in->browser->issuer);
        struct oauth_party *party = &in->party;

        if (metadata == NULL) {
                refuse_for_now(in, "nothing is known of the issuer");
                return false;
        }
        if (metadata->authorization_endpoint == NULL || metadata->token_endpoint == NULL) {
                refuse_for_good(in, "its metadata name no endpoints to sign in at");
                return false;
        }
        party->authorization_url = alloc_text(metadata->authorization_endpoint);
        party->token_url = alloc_text(metadata->token_endpoint);
        party->client_id = alloc_text(login->client_id);
        party->client_secret = alloc_text(login->client_secret);
        party->auth = login->client_secret[0] == '\0' ? OAUTH_CLIENT_PUBLIC
                      : metadata->has_basic           ? OAUTH_CLIENT_BASIC
                                                      : OAUTH_CLIENT_POST;
        in->http = (struct oauth_http){
                .client = in->browser->context->http,
                .source = &in->browser->source,
                .homes = {login->issuer},
                .timeout_ms = STEP_TIMEOUT_MS,
                .allows_private = in->browser->context->config->allow_private_documents,
        };
        return true;
}

static char *redirect_uri(const struct sign_in *in)
{
        return alloc_format("%s/oauth/callback", in->browser->context->config->public_url);
}

/* ---- away ---- */

static char *scopes_text(const struct config_login *login)
{
        struct buf text;
        char *copy;

        buf_init(&text, ALLOC_SMALL_BYTES);
        for (char *const *scope = login->scopes; scope != NULL && *scope != NULL; scope++)
                (void)buf_addf(&text, "%s%s", text.len > 0 ? " " : "", *scope);
        copy = alloc_str(buf_bytes(&text));
        buf_finish(&text);
        return copy;
}

/* Google knows "select_account" alone, and others "login" alone. Google shows only accounts of a
 * domain that it is told; that they are of it, is judged by what comes back. */
static char **more_params(const struct sign_in *in)
{
        const struct config_login *login = login_of(in);
        bool is_google = strcmp(login->issuer, PERSON_GOOGLE) == 0;
        char **params = NULL;

        (void)strv_add_take(&params, alloc_format("nonce=%s", in->state.id));
        if (in->asks_who)
                (void)strv_add_take(
                        &params, alloc_text(is_google ? "prompt=select_account" : "prompt=login"));
        if (is_google && strv_count((const char *const *)login->domains) == 1)
                (void)strv_add_take(&params, alloc_format("hd=%s", login->domains[0]));
        return params;
}

/* The address to go to. 0, BUF_E_FULL, -ENOMEM. */
static int add_address(struct sign_in *in, struct buf *out, const char *challenge)
{
        char *state = sign_in_state_close(in->req, &in->cookies, &in->state);
        char *scope = scopes_text(login_of(in)), *redirect = redirect_uri(in);
        char **params = more_params(in);
        int r = oauth_flow_authorization_url(out, &in->party, redirect, state, challenge, scope, params);

        strv_free(params);
        free(redirect);
        free(scope);
        free(state);
        return r;
}

static void send_away(struct sign_in *in, struct str address)
{
        static const char body[] = "<p>You are being led to your organization's sign-in "
                                   "service.</p>\n";
        struct cgi_header headers[COOKIES_MAX + 2];
        char *location = alloc_str(address);

        memcpy(headers, in->cookies.headers, sizeof(in->cookies.headers));
        headers[in->cookies.n] = (struct cgi_header){"Location", location};
        headers[in->cookies.n + 1] = (struct cgi_header){NULL, NULL};
        request_own(in->req, NULL, NULL);
        page_reply(in->req, 303, "Signing in", STR(body), NULL, headers);
        free(location);
        sign_in_end(in);
}

static void go_away(struct sign_in *in)
{
        char challenge[PKCE_SIZE];
        struct buf address;

        if (!read_party(in))
                return;
        pkce_make(in->state.verifier, challenge);
        rand_text(in->state.id, 16);
        buf_init(&address, URL_MAX_BYTES);
        if (add_address(in, &address, challenge) == 0)
                send_away(in, buf_bytes(&address));
        else
                refuse_for_good(in, "what is to be asked for is too long");
        buf_finish(&address);
}

void sign_in_provider_begin(struct request *req, char *path_take, bool asks_who)
{
        struct sign_in *in = sign_in_begin(req);

        if (in == NULL) {
                free(path_take);
                return;
        }
        in->state.path = path_take;
        in->asks_who = asks_who;
        require_metadata(in, go_away);
}

/* ---- back: the end ---- */

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
                refuse_for_now(in, "the store could not note that the state has been used");
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
        const char *why = person_from_claims(&in->person, login_of(in), in->claims);

        if (why == NULL)
                why = person_is_refused(&in->person, login_of(in));
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

/* ---- back: UserInfo (OpenID Connect Core 5.3) ---- */

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
                                            .timeout_ms = STEP_TIMEOUT_MS,
                                            .is_public = !oauth_http_is_home(&in->http, url),
                                            .source = in->http.source,
                                    },
                                    on_user_info, in);
        free(line);
}

/* ---- back: the ID token ---- */

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
                refuse_for_good(in, "the access token is not that of the ID token (at_hash)");
        else if (rpc_text(in->claims, "sub") == NULL)
                refuse_for_good(in, "the ID token names no subject");
        else if (user_info != NULL && person_misses_claims(login_of(in), in->claims))
                ask_user_info(in, user_info);
        else
                judge_person(in);
}

static void read_id_token(struct sign_in *in);

static void on_keys(struct sign_in *in)
{
        in->on_known = NULL; /* once */
        read_id_token(in);
}

static void read_id_token(struct sign_in *in)
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
        else if (r == ISSUER_E_WAIT && in->on_known != NULL && issuer_wait(issuer, &in->wait))
                in->on_known = on_keys;
        else if (r == ISSUER_E_WAIT || r == ISSUER_E_AWAY)
                refuse_for_now(in, why);
        else
                refuse_for_good(in, why);
}

/* ---- back: the code ---- */

/* What the token endpoint says of it (RFC 6749 5.2). */
static void refuse_code(struct sign_in *in, const struct oauth_tokens *tokens)
{
        const char *error = tokens->error != NULL ? tokens->error : "";

        if (strcmp(error, "invalid_grant") == 0)
                sign_in_refuse(in, &(struct sign_in_fault){
                                           .status = 400,
                                           .what = "This sign-in is not good any more",
                                           .what_to_do = "It was used before, or it took too "
                                                         "long. Begin anew.",
                                           .detail = tokens->fault,
                                           .again = in->state.path,
                                   });
        else if (tokens->is_theirs)
                refuse_for_good(in, tokens->fault);
        else
                refuse_for_now(in, tokens->fault);
}

static void on_tokens(void *owner, const struct oauth_tokens *tokens)
{
        struct sign_in *in = owner;

        in->exchange = NULL;
        if (tokens->fault != NULL) {
                refuse_code(in, tokens);
        } else if (tokens->id_token == NULL) {
                refuse_for_good(in, "its answer holds no ID token");
        } else {
                in->id_token = alloc_text(tokens->id_token);
                in->access_token = alloc_text(tokens->access_token);
                read_id_token(in);
        }
}

static void exchange_code(struct sign_in *in, const char *code)
{
        char *redirect = redirect_uri(in);
        struct buf form;

        buf_init(&form, FORM_MAX_BYTES);
        (void)form_add(&form, "grant_type", "authorization_code");
        (void)form_add(&form, "code", code);
        (void)form_add(&form, "redirect_uri", redirect);
        (void)form_add(&form, "code_verifier", in->state.verifier);
        in->exchange = oauth_flow_tokens(&in->http, &in->party, &form, on_tokens, in);
        free(redirect);
}

/* ---- back: what the browser brings ---- */

/* Is it the issuer that it was sent to (RFC 9207 2.4)? */
static bool issuer_fits(const struct sign_in *in)
{
        const struct issuer_metadata *metadata = issuer_metadata(in->browser->issuer);
        const char *iss = form_get(in->answer, "iss");

        if (iss == NULL)
                return metadata != NULL && !metadata->tells_issuer;
        return strcmp(iss, login_of(in)->issuer) == 0;
}

/* RFC 6749 4.1.2.1, OpenID Connect Core 3.1.2.6. */
static void refuse_error(struct sign_in *in, const char *error)
{
        bool is_denied = strcmp(error, "access_denied") == 0;

        if (strcmp(error, "temporarily_unavailable") == 0)
                refuse_for_now(in, error);
        else
                sign_in_refuse(in,
                               &(struct sign_in_fault){
                                       .status = is_denied ? 403 : 502,
                                       .what = "You have not been signed in",
                                       .what_to_do = is_denied ? "You, or your organization's "
                                                                 "sign-in service, said no."
                                                               : "Your organization's sign-in "
                                                                 "service reports an error. If it "
                                                                 "stays so, tell the administrator "
                                                                 "of this gateway.",
                                       .detail = hdr_is_visible(str_from(error), ERROR_MAX_BYTES)
                                                         ? error
                                                         : "an error that is no code",
                                       .again = in->state.path,
                               });
}

static void come_back(struct sign_in *in)
{
        const char *error = form_get(in->answer, "error"), *code = form_get(in->answer, "code");

        if (!read_party(in))
                return;
        if (!issuer_fits(in))
                refuse_for_good(in, "the answer is not of the issuer that was asked (iss)");
        else if (error != NULL)
                refuse_error(in, error);
        else if (code == NULL || !hdr_is_visible(str_from(code), CODE_MAX_BYTES))
                refuse_for_good(in, "the answer has neither code nor error");
        else
                exchange_code(in, code);
}

static struct sign_in_fault state_fault(int r)
{
        static const struct sign_in_fault faults[] = {
                {.status = 400,
                 .what = "This is not a sign-in that began here",
                 .what_to_do = "The address is damaged, or somebody else made it. Begin anew.",
                 .detail = "the state is not ours"},
                {.status = 400,
                 .what = "This sign-in took too long",
                 .what_to_do = "It has to be done within ten minutes. Begin anew.",
                 .detail = "the state is too old"},
                {.status = 400,
                 .what = "This sign-in is none of this browser",
                 .what_to_do = "It began in another one, or it is over already. If somebody sent "
                               "you this link, do not go on. Else begin anew.",
                 .detail = "the state is another browser's, or it has been used"},
                {.status = 400,
                 .what = "This browser keeps no cookies",
                 .what_to_do = "The cookie that was set when you began has not come back. Let "
                               "this site set cookies, and begin anew.",
                 .detail = "no cookie came with the state"},
        };

        switch (r) {
        case SEAL_E_EXPIRED:
                return faults[1];
        case SIGN_IN_STATE_E_BROWSER:
                return faults[2];
        case SIGN_IN_STATE_E_NO_COOKIES:
                return faults[3];
        default:
                return faults[0];
        }
}

void browser_on_callback(struct request *req)
{
        struct sign_in *in;
        struct form *answer;
        int r;

        if (request_context(req)->browser->issuer == NULL) {
                page_fault(req, 404, "Nothing is here",
                           "People sign in at this gateway by a token.");
                return;
        }
        if (form_read(&answer, req->in->head.query) != 0 || form_repeated(answer) != NULL) {
                form_destroy(answer);
                page_fault(req, 400, "This address cannot be read", "Begin anew.");
                return;
        }
        in = sign_in_begin(req);
        if (in == NULL) {
                form_destroy(answer);
                return;
        }
        in->answer = answer;
        r = sign_in_state_open(req, &in->cookies, &in->state, str_from(form_get(answer, "state")));
        if (r == 0) {
                require_metadata(in, come_back);
        } else {
                const struct sign_in_fault fault = state_fault(r);

                sign_in_refuse(in, &fault);
        }
}
