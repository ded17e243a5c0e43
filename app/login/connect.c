/* Visits are bounded in number; each has deadlines of its own parts. */
#include "connect_inside.h"
#include "mgw/auth/policy.h"
#include "mgw/base/alloc.h"
#include "mgw/base/log.h"
#include "mgw/config/config.h"
#include "mgw/core/share.h"
#include "mgw/login/browser.h"
#include "mgw/login/decision.h"
#include "mgw/upstream/upstream.h"
#include "mgw/wire/rpc.h"

#include <stdlib.h>
#include <string.h>

#define TASKS_MAX 256
/* Providers may take their time to answer: nobody is to be in the way of all others by it. */
#define TASKS_PER_USER_MAX 8

void connect_create(struct context *context)
{
        struct connect *connect = alloc_zeroed(sizeof(*connect));

        connect->context = context;
        list_init(&connect->tasks);
        context->connects = connect;
}

void connect_destroy(struct connect *connect)
{
        struct list *it;

        if (connect == NULL)
                return;
        while ((it = list_first(&connect->tasks)) != NULL)
                connect_task_end(container_of(it, struct connect_task, node));
        free(connect);
}

/* ---- visits ---- */

static void task_on_gone(struct request *req)
{
        ((struct connect_task *)req->owner)->req = NULL;
}

static const struct request_events task_events = {.on_gone = task_on_gone};

const char *connect_task_email(const struct connect_task *task)
{
        return task->identity->user->email;
}

/* NULL, or what is the matter. Walks TASKS_MAX. */
static const char *too_many(const struct connect *connect, const struct user *user)
{
        unsigned n = 0;

        if (connect->n_tasks >= TASKS_MAX)
                return "Too many people are connecting accounts just now";
        list_for_each (it, &connect->tasks)
                n += container_of(it, struct connect_task, node)->identity->user == user;
        return n >= TASKS_PER_USER_MAX ? "You are connecting too many accounts at once" : NULL;
}

struct connect_task *connect_task_create(struct request *req, struct identity *identity,
                                         struct account *account_take)
{
        struct connect *connect = request_context(req)->connects;
        const char *why = too_many(connect, identity->user);
        struct connect_task *task;

        if (why != NULL) {
                account_let_go(account_take);
                page_fault(req, 503, why, "Try again in a minute.");
                return NULL;
        }
        task = alloc_zeroed(sizeof(*task));
        task->connect = connect;
        task->req = req;
        task->identity = identity_hold(identity);
        task->account = account_take;
        if (account_take != NULL)
                grant_http_init(&task->http, account_take);
        list_append(&connect->tasks, &task->node);
        connect->n_tasks++;
        request_own(req, &task_events, task);
        return task;
}

static void task_free(void *object)
{
        struct connect_task *task = object;

        oauth_party_finish(&task->party);
        grant_finish(&task->grant);
        if (task->state_free != NULL)
                task->state_free(task->state);
        free(task);
}

void connect_task_end(struct connect_task *task)
{
        struct loop *loop = task->connect->context->loop;

        store_cancel(&task->op);
        oauth_flow_cancel(task->request);
        oauth_discovery_cancel(task->discovery);
        oauth_registration_cancel(task->registration);
        list_unlink(&task->node);
        task->connect->n_tasks--;
        account_let_go(task->account);
        identity_let_go(task->identity);
        task->account = NULL;
        task->identity = NULL;
        loop_bury(loop, task, task_free);
}

void connect_task_fault(struct connect_task *task, unsigned status, const char *what,
                        const char *what_to_do)
{
        struct request *req = task->req;

        task->req = NULL;
        if (req != NULL)
                page_fault(req, status, what, what_to_do);
        connect_task_end(task);
}

static void redirect(struct request *req, const char *url)
{
        request_reply(req, 303,
                      (const struct cgi_header[]){{"Location", url},
                                                  {"Cache-Control", "no-store"},
                                                  {"Referrer-Policy", "no-referrer"},
                                                  {0}},
                      STR(""));
}

void connect_task_lead(struct connect_task *task, const char *url)
{
        struct request *req = task->req;

        task->req = NULL;
        if (req != NULL)
                redirect(req, url);
        connect_task_end(task);
}

/* ---- what all need ---- */

struct identity *connect_user(struct request *req)
{
        struct identity *identity = browser_identity(req);
        struct str query = req->in->head.query;
        char *path;

        if (identity != NULL)
                return identity;
        path = alloc_format("%.*s%s%.*s", STR_ARG(req->in->head.path), query.n > 0 ? "?" : "",
                            STR_ARG(query));
        browser_sign_in(req, path);
        free(path);
        return NULL;
}

/* What one who is anonymous connects were everybody's. */
bool connect_is_for(struct identity *identity, const struct upstream *upstream)
{
        struct policy *policy = upstream->context->policy;

        if (identity->user->is_anonymous)
                return false;
        return policy == NULL || policy_may_see_server(policy, identity, upstream->place);
}

struct account *connect_account(struct request *req, const char *server, struct identity *identity)
{
        struct context *context = request_context(req);

        for (size_t i = 0; server != NULL && i < context->n_upstreams; i++) {
                struct upstream *upstream = context->upstreams[i];
                struct account *account;

                if (strcmp(upstream_name(upstream), server) != 0 ||
                    !connect_is_for(identity, upstream))
                        continue;
                account = account_of(upstream, identity->user->email);
                if (account_connects(account))
                        return account;
                account_let_go(account);
        }
        page_fault(req, 404, "There is no such server to connect",
                   "The page of your servers, /connect, has those that there are.");
        return NULL;
}

void connect_log(const struct connect_task *task, const char *what, const char *detail)
{
        struct user *user = task->identity->user;
        struct share *share = share_of(task->connect->context, user, STR(""));

        if (share_may_log(share, user->email))
                log_info(LOG_FIELDS({"user", user->email}, {"detail", detail}), "[connect] %s: %s",
                         upstream_name(task->account->upstream), what);
        share_let_go(share);
}

void connect_decide(const struct connect_task *task, const char *kind, const char *outcome,
                    const char *reason)
{
        decision_tell(task->connect->context, task->req,
                      DECISION(.kind = kind, .outcome = outcome, .user = connect_task_email(task),
                               .server = upstream_name(task->account->upstream), .reason = reason));
}

char *connect_pending_key(const struct connect_task *task)
{
        return store_key("connecting", upstream_name(task->account->upstream),
                         connect_task_email(task), NULL);
}

/* ---- who we are ---- */

void connect_on_client_document(struct request *req)
{
        const char *public_url = request_context(req)->config->public_url;
        json_t *metadata = oauth_registration_metadata(public_url);
        struct str text = {NULL, 0};

        json_object_set_new(metadata, "client_id",
                            json_sprintf("%s%s", public_url, OAUTH_CLIENT_DOCUMENT_PATH));
        (void)rpc_dump(metadata, &text);
        json_decref(metadata);
        request_reply_json(req, public_url[0] != '\0' ? 200 : 404,
                           (const struct cgi_header[]){{"Cache-Control", "max-age=3600"}, {0}},
                           text);
        free((void *)text.p);
}
