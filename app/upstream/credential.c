/* A token is fetched by one request at a time; who wants it meanwhile waits on a list, and is told
 * of the end. */
#include "mgw/upstream/credential.h"

#include "credential_inside.h"
#include "mgw/base/alloc.h"
#include "mgw/config/config.h"
#include "mgw/upstream/account.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* It is renewed so long before it expires, or at half its life when that is shorter. */
#define MARGIN_MS 60000

static struct loop *loop_of(const struct credential *c)
{
        return c->account->upstream->context->loop;
}

struct credential *credential_create(struct account *account)
{
        struct credential *c = alloc_zeroed(sizeof(*c));

        c->account = account;
        list_init(&c->waiting);
        if (account->config->oauth->connects)
                grant_init(c);
        else if (account->config->oauth->exchange != NULL)
                credential_exchange_init(c);
        else
                credential_config_init(c);
        return c;
}

static void forget_header(struct credential *c)
{
        free(c->header);
        c->header = NULL;
}

void credential_forget(struct credential *c)
{
        forget_header(c);
        c->is_lacking = false;
        if (c->source->on_forget != NULL)
                c->source->on_forget(c);
}

/* ---- the end of a fetch ---- */

static void use_tell(struct credential_use *use, const char *why)
{
        const struct credential *c = use->credential;

        list_unlink(&use->node);
        if (why != NULL) {
                use->on_fail(use, why);
                return;
        }
        use->header = c->header != NULL ? alloc_text(c->header) : NULL;
        use->is_lacking = c->is_lacking;
        use->on_token(use);
}

/* fault: NULL when there is a token, or is known to be none. */
static void tell(struct credential *c, const char *fault)
{
        struct list told;
        struct list *it;
        char why[160];

        snprintf(why, sizeof(why), "no access token from the token endpoint: %s",
                 fault != NULL ? fault : "");
        c->is_fetching = false;
        list_take_all(&told, &c->waiting);
        while ((it = list_first(&told)) != NULL)
                use_tell(container_of(it, struct credential_use, node), fault != NULL ? why : NULL);
        account_let_go(c->account); /* held while it was fetched: it may be the end of c */
}

void credential_succeed(struct credential *c, const char *token, int64_t life_ms)
{
        int64_t margin_ms = life_ms / 2 < MARGIN_MS ? life_ms / 2 : MARGIN_MS;

        forget_header(c);
        c->header = alloc_format("Authorization: Bearer %s", token);
        c->is_lacking = false;
        c->renew_at_ms = life_ms > 0 ? loop_now_ms(loop_of(c)) + life_ms - margin_ms : 0;
        tell(c, NULL);
}

void credential_lack(struct credential *c)
{
        forget_header(c);
        c->is_lacking = true;
        tell(c, NULL);
}

void credential_fail(struct credential *c, const char *fault)
{
        tell(c, fault);
}

void credential_destroy(struct credential *c)
{
        if (c == NULL)
                return;
        if (c->is_fetching) {
                account_hold(c->account);
                tell(c, "the gateway ends");
        }
        c->source->destroy(c);
        forget_header(c);
        free(c);
}

/* ---- who uses it ---- */

int credential_ask(struct credential_use *use)
{
        struct credential *c = use->credential;
        int r;

        free(use->header);
        use->header = NULL;
        use->is_lacking = false;
        if (c == NULL)
                return 0;
        if (c->renew_at_ms > 0 && loop_now_ms(loop_of(c)) >= c->renew_at_ms)
                forget_header(c);
        if (c->header != NULL || c->is_lacking) {
                use->header = c->header != NULL ? alloc_text(c->header) : NULL;
                use->is_lacking = c->is_lacking;
                return 0;
        }
        if (!c->is_fetching && (r = c->source->fetch(c)) < 0)
                return r;
        if (!c->is_fetching)
                account_hold(c->account); /* until tell() */
        c->is_fetching = true;
        assert(list_is_empty(&use->node)); /* it waits once at most */
        list_append(&c->waiting, &use->node);
        return CREDENTIAL_E_WAIT;
}

bool credential_refused(struct credential_use *use, unsigned status)
{
        struct credential *c = use->credential;

        if (status != 401 || use->header == NULL || use->was_renewed)
                return false;
        use->was_renewed = true;
        if (c->header == NULL || strcmp(c->header, use->header) != 0)
                return true; /* another has found it out already */
        forget_header(c);
        if (c->source->on_refused != NULL)
                c->source->on_refused(c);
        return true;
}

bool credential_is_grant(const struct credential *c)
{
        return c != NULL && c->account->config->oauth->connects;
}

void credential_leave(struct credential_use *use)
{
        list_unlink(&use->node);
        free(use->header);
        use->header = NULL;
}
