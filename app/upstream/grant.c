/* A user's tokens by their grant: read from the store when first needed, refreshed when they have
 * expired or were refused, and written there before anybody is told. What another has written
 * meanwhile wins (compare and set). A grant that its provider has ended is deleted; a provider that
 * is down has ended nothing. */
#include "mgw/upstream/grant.h"

#include "credential_inside.h"
#include "mgw/base/alloc.h"
#include "mgw/base/clock.h"
#include "mgw/base/log.h"
#include "mgw/config/config.h"
#include "mgw/upstream/account.h"
#include "mgw/wire/form.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct grant_source {
        struct credential *credential;
        struct grant grant; /* when is_loaded */
        uint64_t version;   /* of its record */
        const char *ended;  /* why it is no more; NULL: it is not known to have been */
        struct oauth_http http;
        struct oauth_request *request;
        struct store_op op;
        char *key;
        bool is_loaded;
        bool is_stale; /* what is found out by this fetch was changed meanwhile */
};

static void load(struct grant_source *g);

static struct store *store_of(const struct grant_source *g)
{
        return g->credential->account->upstream->context->store;
}

static const char *server_of(const struct grant_source *g)
{
        return upstream_name(g->credential->account->upstream);
}

static const char *user_of(const struct grant_source *g)
{
        return g->credential->account->email;
}

static void forget(struct grant_source *g)
{
        grant_finish(&g->grant);
        g->is_loaded = false;
}

/* ---- the end of a fetch ---- */

/* So long before it expires it is not handed out any more: credential.c renews before that. */
static int64_t life_left_ms(const struct grant *grant)
{
        return grant->expires_ms > 0 ? grant->expires_ms - clock_wall_ms() : 0;
}

static bool is_fresh(const struct grant *grant)
{
        return grant->access_token != NULL &&
               (grant->expires_ms == 0 || life_left_ms(grant) > 1000);
}

static void lack(struct grant_source *g)
{
        forget(g);
        if (g->is_stale)
                load(g);
        else
                credential_lack(g->credential);
}

static void succeed(struct grant_source *g)
{
        if (g->is_stale) {
                forget(g);
                load(g);
                return;
        }
        g->ended = NULL;
        credential_succeed(g->credential, g->grant.access_token, life_left_ms(&g->grant));
}

static void fail(struct grant_source *g, const char *fault)
{
        if (upstream_may_log(g->credential->account->upstream))
                log_warn(LOG_FIELDS({"user", user_of(g)}, {"detail", fault}),
                         "[oauth] %s: no access token by the user's grant", server_of(g));
        credential_fail(g->credential, fault);
}

/* ---- it has ended ---- */

static void on_deleted(struct store_op *op)
{
        struct grant_source *g = container_of(op, struct grant_source, op);

        if (op->result == STORE_E_CONFLICT) { /* it was connected again meanwhile */
                forget(g);
                load(g);
                return;
        }
        if (op->result < 0)
                log_error(LOG_FIELDS({"user", user_of(g)}),
                          "[oauth] %s: the grant that has ended cannot be deleted: %s",
                          server_of(g), strerror(-op->result));
        lack(g);
}

static void end_grant(struct grant_source *g, const char *why)
{
        log_info(LOG_FIELDS({"user", user_of(g)}), "[oauth] %s: the user's grant is over: %s",
                 server_of(g), why);
        g->ended = why;
        g->op.on_done = on_deleted;
        store_delete(store_of(g), &g->op, str_from(g->key), g->version);
}

/* ---- refreshing ---- */

static void on_kept(struct store_op *op)
{
        struct grant_source *g = container_of(op, struct grant_source, op);

        if (op->result == STORE_E_CONFLICT || op->result == STORE_E_NONE) {
                forget(g); /* another has connected or disconnected it */
                load(g);
                return;
        }
        if (op->result == 0)
                g->version = op->records[0].version;
        else
                log_error(LOG_FIELDS({"user", user_of(g)}),
                          "[oauth] %s: the refreshed grant cannot be kept: %s: it may be lost when "
                          "mgw ends",
                          server_of(g), strerror(-op->result));
        succeed(g);
}

static void keep(struct grant_source *g)
{
        struct str text = grant_text(&g->grant);

        g->op.on_done = on_kept;
        store_put(store_of(g), &g->op, str_from(g->key), text, INT64_MAX, g->version);
        free((void *)text.p);
}

/* A client that registered itself may have been forgotten there: with it all that it was granted.
 */
static bool is_over(const struct grant_source *g, const struct oauth_tokens *tokens)
{
        const char *error = tokens->error != NULL ? tokens->error : "";
        bool is_registered = g->credential->account->config->oauth->client_id == NULL;

        return strcmp(error, "invalid_grant") == 0 ||
               (is_registered && (strcmp(error, "invalid_client") == 0 ||
                                  strcmp(error, "unauthorized_client") == 0));
}

static void on_tokens(void *owner, const struct oauth_tokens *tokens)
{
        struct grant_source *g = owner;

        g->request = NULL;
        if (tokens->fault == NULL) {
                grant_take_tokens(&g->grant, tokens, clock_wall_ms());
                keep(g);
        } else if (is_over(g, tokens)) {
                end_grant(g, "the provider has ended it");
        } else {
                fail(g, tokens->fault);
        }
}

/* RFC 6749 6, with the resource as RFC 8707 2.2 has it. */
static void refresh(struct grant_source *g)
{
        struct buf form;

        if (g->grant.refresh_token == NULL) {
                end_grant(g, "its token has expired, and the provider gave none to renew it with");
                return;
        }
        if (store_is_away(store_of(g))) { /* a new one could not be kept, and the old one is over */
                fail(g, "another process has taken over, and renews it");
                return;
        }
        buf_init(&form, FORM_MAX_BYTES);
        (void)form_add(&form, "grant_type", "refresh_token");
        (void)form_add(&form, "refresh_token", g->grant.refresh_token);
        (void)form_add(&form, "resource", g->grant.party.resource);
        g->request = oauth_flow_tokens(&g->http, &g->grant.party, &form, on_tokens, g);
}

/* ---- reading ---- */

static void on_loaded(struct store_op *op)
{
        struct grant_source *g = container_of(op, struct grant_source, op);

        if (op->result < 0) {
                fail(g, "the store cannot be read");
                return;
        }
        if (op->result != 0 || grant_read(&g->grant, op->records[0].value) != 0) {
                if (op->result == STORE_E_SEALED || op->result == 0)
                        log_error(LOG_FIELDS({"user", user_of(g)}),
                                  "[oauth] %s: the user's grant cannot be read (state_key?): it is "
                                  "to be connected anew",
                                  server_of(g));
                lack(g);
                return;
        }
        if (!grant_is_for(&g->grant, g->credential->account->upstream->server->url)) {
                log_warn(LOG_FIELDS({"user", user_of(g)}),
                         "[oauth] %s: the user's grant is for another address: it is to be "
                         "connected anew",
                         server_of(g));
                lack(g);
                return;
        }
        g->version = op->records[0].version;
        g->is_loaded = true;
        if (is_fresh(&g->grant))
                succeed(g);
        else
                refresh(g);
}

static void load(struct grant_source *g)
{
        g->is_stale = false;
        g->op.on_done = on_loaded;
        store_get(store_of(g), &g->op, str_from(g->key));
}

/* ---- what credential.c asks for ---- */

static int grant_fetch(struct credential *credential)
{
        struct grant_source *g = credential->state;

        if (g->key == NULL)
                return -EINVAL;
        if (g->is_loaded && !g->is_stale)
                refresh(g);
        else
                load(g);
        return 0;
}

static void grant_on_refused(struct credential *credential)
{
        struct grant_source *g = credential->state;

        free(g->grant.access_token);
        g->grant.access_token = NULL;
}

static void grant_on_forget(struct credential *credential)
{
        struct grant_source *g = credential->state;

        g->ended = NULL;
        if (credential->is_fetching)
                g->is_stale = true;
        else
                forget(g);
}

static void grant_destroy(struct credential *credential)
{
        struct grant_source *g = credential->state;

        store_cancel(&g->op);
        oauth_flow_cancel(g->request);
        forget(g);
        free(g->key);
        free(g);
}

void grant_init(struct credential *credential)
{
        static const struct credential_source source = {.fetch = grant_fetch,
                                                        .on_refused = grant_on_refused,
                                                        .on_forget = grant_on_forget,
                                                        .destroy = grant_destroy};
        struct account *account = credential->account;
        struct grant_source *g = alloc_zeroed(sizeof(*g));

        g->credential = credential;
        g->key = grant_key(account->upstream, account->email);
        grant_http_init(&g->http, account);
        credential->source = &source;
        credential->state = g;
}

static const struct grant_source *source_of(const struct account *account)
{
        return account_connects(account) ? account->credential->state : NULL;
}

const char *grant_ended_why(const struct account *account)
{
        const struct grant_source *g = source_of(account);

        return g != NULL ? g->ended : NULL;
}

const char *grant_scope(const struct account *account)
{
        const struct grant_source *g = source_of(account);

        return g != NULL && g->is_loaded ? g->grant.scope : NULL;
}
