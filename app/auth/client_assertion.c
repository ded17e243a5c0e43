#include "mgw/auth/client_assertion.h"

#include "mgw/auth/jwks.h"
#include "mgw/base/alloc.h"
#include "mgw/base/clock.h"
#include "mgw/config/config.h"
#include "mgw/core/share.h"
#include "mgw/wire/rpc.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SKEW_S INT64_C(60)
/* What was used is remembered for as long as it is good. */
#define LIFE_MAX_MS (INT64_C(3600) * 1000)

struct client_assertion {
        struct authority *authority;
        struct client *client;
        struct share *share; /* held, and so is user: */
        struct share *user;  /* NULL: nobody's */
        client_assertion_fn *on_done;
        void *owner;
        char *text;
        struct jwt jwt;
        struct fetched_wait wait; /* for its keys */
        struct store_op op;       /* that it is used */
        struct loop_task later;   /* tells, where nothing is to be noted: */
        bool is_busy;             /* too many come */
        bool has_doubted;
};

/* ---- keys ---- */

static void *read_keys(const char *url, struct str body, const char **faultp)
{
        (void)url;
        return jwks_read(body, JWKS_CLIENT_KEYS_MAX, faultp);
}

static void release_keys(void *content)
{
        jwks_destroy(content);
}

const struct fetched_kind client_keys_kind = {
        .what = "the set of keys of a client",
        .read = read_keys,
        .release = release_keys,
};

/* ---- its life ---- */

void client_assertion_cancel(struct client_assertion *assertion)
{
        if (assertion == NULL)
                return;
        fetched_cancel(&assertion->wait);
        store_cancel(&assertion->op);
        loop_task_cancel(&assertion->later);
        client_let_go(assertion->client);
        share_let_go(assertion->share);
        share_let_go(assertion->user);
        jwt_finish(&assertion->jwt);
        free(assertion->text);
        free(assertion);
}

static void done(struct client_assertion *assertion, const char *fault, bool is_of_network)
{
        client_assertion_fn *on_done = assertion->on_done;
        void *owner = assertion->owner;

        client_assertion_cancel(assertion);
        on_done(owner, fault, is_of_network);
}

char *client_assertion_subject(struct str text)
{
        struct jwt jwt;
        const char *why, *subject;
        char *copy = NULL;

        if (jwt_read(&jwt, text, &why) == 0 && (subject = rpc_text(jwt.claims, "sub")) != NULL)
                copy = alloc_text(subject);
        jwt_finish(&jwt);
        return copy;
}

/* ---- once ---- */

static void on_noted(struct store_op *op)
{
        struct client_assertion *assertion = container_of(op, struct client_assertion, op);

        if (op->result == STORE_E_CONFLICT)
                done(assertion, "the client_assertion was used before", false);
        else if (op->result != 0)
                done(assertion, "that it is used cannot be written down", true);
        else
                done(assertion, NULL, false);
}

static void on_later(struct loop_task *task)
{
        struct client_assertion *assertion = container_of(task, struct client_assertion, later);

        done(assertion, assertion->is_busy ? "too many client_assertions come at this time" : NULL,
             assertion->is_busy);
}

/* By its jti, or, where it has none, by all of it. */
static void note_use(struct client_assertion *assertion)
{
        const char *jti = rpc_text(assertion->jwt.claims, "jti");
        char *text =
                alloc_format("%s\n%s", assertion->client->id, jti != NULL ? jti : assertion->text);
        uint8_t digest[32] = {0};
        char hex[2 * sizeof(digest) + 1], *key;

        (void)EVP_Digest(text, strlen(text), digest, NULL, EVP_sha256(), NULL);
        for (size_t i = 0; i < sizeof(digest); i++)
                snprintf(hex + 2 * i, 3, "%02x", digest[i]);
        key = store_key("assertion", hex, NULL);
        assertion->op.on_done = on_noted;
        store_put(assertion->authority->context->store, &assertion->op, str_from(key), STR("1"),
                  jwt_expires_ms(&assertion->jwt) + SKEW_S * 1000, STORE_NEW);
        free(key);
        free(text);
}

/* Whoever has a page on the web can make clients, and who is a user let them in and have a record
 * written with each assertion: so many, that the records of others always have room beside those of
 * an hour. */
static bool may_note(const struct client_assertion *assertion)
{
        int64_t now_ms = loop_now_ms(assertion->authority->context->loop);

        return rate_take(&assertion->authority->assertions, CLIENT_ASSERTIONS_A_SECOND,
                         CLIENT_ASSERTIONS_BURST, 1, now_ms);
}

static void tell_later(struct client_assertion *assertion, bool is_busy)
{
        assertion->is_busy = is_busy;
        assertion->later.on_run = on_later;
        loop_defer(assertion->authority->context->loop, &assertion->later);
}

static void take(struct client_assertion *assertion)
{
        if (assertion->user != NULL && may_note(assertion)) {
                note_use(assertion);
                return;
        }
        tell_later(assertion, assertion->user != NULL);
}

/* ---- is it good? ---- */

/* NULL, or why not. */
static const char *judge_claims(const struct client_assertion *assertion)
{
        const char *url = assertion->authority->context->config->public_url, *why = NULL;
        const char *subject = rpc_text(assertion->jwt.claims, "sub");
        char *token = alloc_format("%s/oauth/token", url);
        char *revoke = alloc_format("%s/oauth/revoke", url);
        const char *const audiences[] = {url, token, revoke, NULL};
        const char *typ = assertion->jwt.typ;
        const struct jwt_demand demand = {
                .issuer = assertion->client->id,
                .audiences = audiences,
                .typ = typ != NULL && strcmp(typ, "client-authentication+jwt") == 0 ? typ : NULL,
                .skew_s = SKEW_S,
        };
        int64_t now_ms = clock_wall_ms();

        if (jwt_check(&assertion->jwt, &demand, now_ms, &why) == 0) {
                if (subject == NULL || strcmp(subject, assertion->client->id) != 0)
                        why = "sub must be the client_id";
                else if (jwt_expires_ms(&assertion->jwt) > now_ms + LIFE_MAX_MS)
                        why = "exp is more than an hour away";
        }
        free(token);
        free(revoke);
        return why;
}

static bool start_fetch(struct client_assertion *assertion)
{
        return fetched_start(&assertion->authority->client_keys, &assertion->wait, assertion->share,
                             assertion->client->jwks_uri);
}

/* A key that is not known may be new. True: it is being asked for. */
static bool asks_anew(struct client_assertion *assertion)
{
        const char *url = assertion->client->jwks_uri;

        if (url == NULL || assertion->has_doubted ||
            !fetched_doubt(&assertion->authority->client_keys, url))
                return false;
        assertion->has_doubted = true;
        return !start_fetch(assertion);
}

/* NULL: it goes on from the loop. */
static const char *judge_keys(struct client_assertion *assertion, const struct jwks *keys)
{
        int r = jwks_verify(keys, &assertion->jwt);

        if (r == 0) {
                take(assertion);
                return NULL;
        }
        if (r == JWKS_E_NO_KEY)
                return asks_anew(assertion) ? NULL : "no key of the client fits";
        return "no key of the client has signed it";
}

static const char *judge_fetched(struct client_assertion *assertion)
{
        if (assertion->wait.content == NULL)
                return "the client's keys cannot be had (jwks_uri)";
        return judge_keys(assertion, assertion->wait.content);
}

static void on_keys(struct fetched_wait *wait)
{
        struct client_assertion *assertion = container_of(wait, struct client_assertion, wait);
        bool is_of_network = wait->content == NULL && wait->is_fault_of_network;
        const char *fault = judge_fetched(assertion);

        if (fault != NULL)
                done(assertion, fault, is_of_network);
}

/* It is its user's, or else of the address that it comes from. */
static bool may_verify(struct client_assertion *assertion)
{
        if (assertion->user == NULL)
                return share_takes_signature(assertion->share);
        return rate_take(&assertion->user->assertions, 1, CLIENT_ASSERTIONS_OF_USER_BURST, 1,
                         loop_now_ms(assertion->authority->context->loop));
}

static const char *begin(struct client_assertion *assertion)
{
        const char *why = NULL;
        struct jwks *keys;

        if (jwt_read(&assertion->jwt, str_from(assertion->text), &why) != 0)
                return why;
        why = judge_claims(assertion);
        if (why != NULL)
                return why;
        if (!may_verify(assertion)) {
                tell_later(assertion, true);
                return NULL;
        }
        if (assertion->client->jwks_uri != NULL)
                return start_fetch(assertion) ? judge_fetched(assertion) : NULL;
        keys = jwks_take(assertion->client->jwks, JWKS_CLIENT_KEYS_MAX, &why);
        if (keys != NULL)
                why = judge_keys(assertion, keys);
        jwks_destroy(keys);
        return why;
}

struct client_assertion *client_assertion_start(struct authority *authority,
                                                const struct client_assertion_options *options,
                                                struct str text, client_assertion_fn *on_done,
                                                void *owner, const char **faultp)
{
        struct client_assertion *assertion = alloc_zeroed(sizeof(*assertion));

        assertion->authority = authority;
        assertion->client = client_hold(options->client);
        assertion->share = share_hold(options->share);
        assertion->user = share_hold(options->user);
        assertion->on_done = on_done;
        assertion->owner = owner;
        assertion->text = alloc_str(text);
        assertion->wait.on_ready = on_keys;
        *faultp = begin(assertion);
        if (*faultp == NULL)
                return assertion;
        client_assertion_cancel(assertion);
        return NULL;
}
