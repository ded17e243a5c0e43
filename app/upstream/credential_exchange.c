/* RFC 8693: the token of an issuer, by which a user calls us, is exchanged for one of the
 * upstream's. Ours goes to the token endpoint that the configuration names, and nowhere else. */
#include "credential_inside.h"
#include "mgw/auth/oauth_flow.h"
#include "mgw/base/alloc.h"
#include "mgw/base/clock.h"
#include "mgw/base/log.h"
#include "mgw/config/config.h"
#include "mgw/core/identity.h"
#include "mgw/upstream/account.h"
#include "mgw/upstream/grant.h"
#include "mgw/upstream/upstream_client.h"
#include "mgw/wire/form.h"

#include <stdlib.h>
#include <string.h>

struct exchange {
        struct credential *credential;
        struct oauth_http http;
        struct oauth_party party; /* borrows from the configuration */
        struct oauth_request *request;
        int64_t expires_ms;       /* wall clock; of the caller's token that is exchanged */
        struct loop_task failing; /* there is none */
};

static const struct config_token_exchange *config_of(const struct exchange *e)
{
        return e->credential->account->config->oauth->exchange;
}

static bool may_be_exchanged(const struct identity *identity, const char *issuer, int64_t now_ms)
{
        return identity != NULL && identity->token != NULL && identity->expires_ms > now_ms &&
               (issuer == NULL || strcmp(identity->issuer, issuer) == 0);
}

/* By which a session of this user calls, and that lives longest. Walks the user's sessions. */
static const struct identity *find_caller(const struct account *account)
{
        const char *issuer = account->config->oauth->exchange->issuer;
        const struct identity *found = NULL;
        int64_t now = clock_wall_ms();

        list_for_each (it, &account->callers) {
                const struct upstream_client *client =
                        container_of(it, struct account_caller, node)->client;
                const struct identity *identity = client->events->identity(client);

                if (may_be_exchanged(identity, issuer, now) &&
                    (found == NULL || identity->expires_ms > found->expires_ms))
                        found = identity;
        }
        return found;
}

/* Not longer than the caller's: who may not call any more has nothing there, either. */
static int64_t life_ms(const struct exchange *e, int64_t told_ms)
{
        int64_t left_ms = e->expires_ms - clock_wall_ms();

        return told_ms > 0 && told_ms < left_ms ? told_ms : left_ms > 0 ? left_ms : 1;
}

static void on_tokens(void *owner, const struct oauth_tokens *tokens)
{
        struct exchange *e = owner;
        struct account *account = e->credential->account;

        e->request = NULL;
        if (tokens->fault == NULL) {
                credential_succeed(e->credential, tokens->access_token,
                                   life_ms(e, tokens->life_ms));
                return;
        }
        if (upstream_may_log(account->upstream))
                log_warn(LOG_FIELDS({"user", account->email}, {"detail", tokens->fault}),
                         "[oauth] %s: the caller's token is not exchanged",
                         upstream_name(account->upstream));
        credential_fail(e->credential, tokens->fault);
}

static void on_failing(struct loop_task *task)
{
        credential_fail(container_of(task, struct exchange, failing)->credential,
                        "the caller has no token of an issuer (auth.jwt) that could be exchanged");
}

static int exchange_fetch(struct credential *credential)
{
        static const char grant[] = "urn:ietf:params:oauth:grant-type:token-exchange";
        static const char type[] = "urn:ietf:params:oauth:token-type:access_token";
        struct exchange *e = credential->state;
        const struct config_token_exchange *config = config_of(e);
        const struct identity *caller = find_caller(credential->account);
        struct buf form;

        if (caller == NULL) {
                loop_defer(credential->account->upstream->context->loop, &e->failing);
                return 0;
        }
        e->expires_ms = caller->expires_ms;
        buf_init(&form, FORM_MAX_BYTES);
        (void)form_add(&form, "grant_type", grant);
        (void)form_add(&form, "subject_token", caller->token);
        (void)form_add(&form, "subject_token_type", type);
        (void)form_add(&form, "requested_token_type", type);
        (void)form_add(&form, "audience", config->audience);
        (void)form_add(&form, "resource", config->resource);
        (void)form_add(&form, "scope", config->scope);
        e->request = oauth_flow_tokens(&e->http, &e->party, &form, on_tokens, e);
        return 0;
}

static void exchange_destroy(struct credential *credential)
{
        struct exchange *e = credential->state;

        oauth_flow_cancel(e->request);
        loop_task_cancel(&e->failing);
        free(e);
}

void credential_exchange_init(struct credential *credential)
{
        static const struct credential_source source = {.fetch = exchange_fetch,
                                                        .destroy = exchange_destroy};
        struct exchange *e = alloc_zeroed(sizeof(*e));
        const struct config_token_exchange *config;

        e->credential = credential;
        e->failing.on_run = on_failing;
        config = config_of(e);
        grant_http_init(&e->http, credential->account);
        e->party.token_url = config->token_url;
        e->party.client_id = config->client_id;
        e->party.client_secret = config->client_secret;
        e->party.auth = config->client_secret != NULL ? OAUTH_CLIENT_POST : OAUTH_CLIENT_PUBLIC;
        credential->source = &source;
        credential->state = e;
}
