/* The end of a grant: revoked at the provider, where it takes that, and deleted here in any case.
 * In that order: who is killed between has a grant that is found to be over with its next use. */
#include "connect_inside.h"
#include "mgw/base/alloc.h"
#include "mgw/config/config.h"
#include "mgw/login/browser.h"
#include "mgw/wire/form.h"

#include <stdlib.h>

static void on_deleted(struct store_op *op)
{
        struct connect_task *task = container_of(op, struct connect_task, op);
        char *url;

        if (op->result < 0) {
                connect_task_fault(task, 500, "The account is still connected",
                                   "The store takes nothing. Try again at /connect.");
                return;
        }
        connect_log(task, "disconnected", NULL);
        connect_decide(task, "disconnect", "ok", NULL);
        account_disconnected(task->account);
        url = alloc_format("%s/connect", task->connect->context->config->public_url);
        connect_task_lead(task, url);
        free(url);
}

static void forget(struct connect_task *task)
{
        char *key = grant_key(task->account->upstream, connect_task_email(task));

        task->op.on_done = on_deleted;
        store_delete(task->connect->context->store, &task->op, str_from(key), STORE_ANY);
        free(key);
}

static void on_revoked(void *owner, const char *fault)
{
        struct connect_task *task = owner;

        task->request = NULL;
        if (fault != NULL)
                connect_log(task, "the provider has not revoked the grant", fault);
        forget(task);
}

static void on_found(struct store_op *op)
{
        struct connect_task *task = container_of(op, struct connect_task, op);
        const struct grant *grant = &task->grant;
        bool is_there = op->result == 0 && grant_read(&task->grant, op->records[0].value) == 0;

        if (is_there && grant->party.revocation_url != NULL)
                task->request = oauth_flow_revoke(
                        &task->http, &grant->party,
                        grant->refresh_token != NULL ? grant->refresh_token : grant->access_token,
                        on_revoked, task);
        else
                forget(task);
}

static void begin(struct request *req, struct identity *identity, const char *server)
{
        struct account *account = connect_account(req, server, identity);
        struct connect_task *task =
                account != NULL ? connect_task_create(req, identity, account) : NULL;
        char *key;

        if (task == NULL)
                return;
        key = grant_key(account->upstream, connect_task_email(task));
        task->op.on_done = on_found;
        store_get(task->connect->context->store, &task->op, str_from(key));
        free(key);
}

void connect_on_end(struct request *req)
{
        struct form *form = NULL;
        const char *csrf =
                form_read(&form, buf_bytes(&req->in->body)) == 0 ? form_get(form, "csrf") : NULL;
        struct identity *identity;

        if (browser_check_form(req, str_from(csrf))) {
                identity = browser_identity(req);
                if (identity != NULL)
                        begin(req, identity, form_get(form, "server"));
                else
                        browser_sign_in(req, "/connect");
                identity_let_go(identity);
        }
        form_destroy(form);
}
