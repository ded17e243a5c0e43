/* As whom an upstream session calls, and what becomes of it when its user connects that account, or
 * takes back what they have granted. */
#include "mgw/upstream/account.h"
#include "upstream_inside.h"

static void on_connected(struct account_caller *caller)
{
        struct upstream_session *us = container_of(caller, struct upstream_session, as);

        if (us->state == UPSTREAM_SESSION_READY)
                upstream_session_tell_change(us);
        else
                upstream_session_try(us);
}

/* What it has told was the account's: it begins anew, without. */
static void on_disconnected(struct account_caller *caller)
{
        struct upstream_session *us = container_of(caller, struct upstream_session, as);

        if (us->state != UPSTREAM_SESSION_READY)
                return;
        us->is_missing = true;
        upstream_session_sleep(us);
        upstream_session_try(us);
}

void upstream_session_take_account(struct upstream_session *us)
{
        us->account = account_of(us->upstream, us->client->user->email);
        us->as = (struct account_caller){.client = us->client,
                                         .on_connected = on_connected,
                                         .on_disconnected = on_disconnected};
        if (us->account != NULL)
                list_append(&us->account->callers, &us->as.node);
}

void upstream_session_leave_account(struct upstream_session *us)
{
        list_unlink(&us->as.node);
        account_let_go(us->account);
        us->account = NULL;
}
