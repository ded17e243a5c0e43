/* Resources and tasks are subscribed to upstream before the acknowledgment goes out, so that what
 * changes behind it is told. */
#include "mgw/session/subscription.h"

#include "mgw/base/alloc.h"
#include "mgw/config/config.h"
#include "mgw/core/share.h"
#include "mgw/mcp/bridge.h"
#include "mgw/mcp/catalog.h"
#include "mgw/session/access.h"
#include "mgw/session/call_observe.h"
#include "mgw/session/listing.h"
#include "mgw/session/post_response.h"
#include "mgw/session/task.h"
#include "mgw/upstream/subscription_kind.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Of each kind in one subscription. */
#define WATCHES_MAX 1000
/* What one takes, with its place in tables; its names come on top. */
#define WATCH_BYTES (sizeof(struct watch) + sizeof(struct watch_count) + 200)
/* So many at once: to find out whose they are takes its time, and so do their servers. */
#define PENDING_MAX 16

/* One resource or task, with its owner. */
struct watch {
        struct list node;
        struct upstream_request request; /* the subscription upstream */
        struct subscription *subscription;
        const struct subscription_kind *kind;
        struct upstream_session *owner;
        char *shown;
        char *theirs;
        struct ledger_hold hold;
        bool is_on;
        bool is_counted;
};

/* How many watches want the same of one upstream session. */
struct watch_count {
        UT_hash_handle hh;
        unsigned n;
        char name[];
};

struct subscription {
        struct list node; /* session->subscriptions, once it is acknowledged */
        struct call *call;
        json_t *filter; /* what is honoured; bridge_filter_index() of it once it is acknowledged */
        struct list watches;
        struct loop_task begin; /* of the next watches */
        struct timer deadline;  /* of the subscribing */
        size_t n_begun;         /* of the resources, then of the tasks */
        unsigned n_pending;     /* of the watches */
        bool is_learning;       /* whose a resource is */
        char client_name[64];   /* as the client calls itself: of what it asked no more is kept */
        char client_version[32];
};

static struct context *subscription_context(const struct subscription *sub)
{
        return session_context(sub->call->session);
}

static const json_t *asked_filter(const struct call *call)
{
        return json_object_get(call->params, "notifications");
}

/* The names of that kind that are asked for. */
static const json_t *asked_names(const struct call *call, const struct subscription_kind *kind)
{
        return json_object_get(asked_filter(call), kind->list);
}

static bool has_begun(const struct subscription *sub)
{
        return sub->n_begun ==
               json_array_size(asked_names(sub->call, &subscription_kind_resources)) +
                       json_array_size(asked_names(sub->call, &subscription_kind_tasks));
}

/* ---- what goes to the client ---- */

static void subscription_send(const struct subscription *sub, const json_t *msg)
{
        json_t *tagged = bridge_tag_notification(msg, sub->call->id);

        if (tagged != NULL)
                (void)call_send(sub->call, tagged);
        json_decref(tagged);
}

/* Walks WATCHES_MAX of each kind at most. */
static void subscription_honour(struct subscription *sub, const struct subscription_kind *kind)
{
        json_t *names = json_array();

        list_for_each (it, &sub->watches) {
                const struct watch *watch = container_of(it, struct watch, node);

                if (watch->is_on && watch->kind == kind)
                        json_array_append_new(names, json_string(watch->shown));
        }
        if (json_array_size(names) > 0)
                json_object_set(sub->filter, kind->list, names);
        json_decref(names);
}

/* Who watches a URI that is none (`notes:a b`) is told of it by the URI that all are told. Walks
 * WATCHES_MAX at most. */
static void filter_add_shown(json_t *filter, const struct list *watches)
{
        json_t *uris = json_object_get(filter, subscription_kind_resources.list);

        list_for_each (it, watches) {
                const struct watch *watch = container_of(it, struct watch, node);
                char *shown = watch->kind == &subscription_kind_resources
                                      ? catalog_shown_uri(watch->shown)
                                      : NULL;

                if (watch->is_on && shown != NULL)
                        json_object_set_new(uris, shown, json_true());
                free(shown);
        }
}

static void subscription_acknowledge(struct subscription *sub)
{
        json_t *msg, *told;

        assert(list_is_empty(&sub->node));
        timer_disarm(subscription_context(sub)->loop, &sub->deadline);
        loop_task_cancel(&sub->begin);
        subscription_honour(sub, &subscription_kind_resources);
        subscription_honour(sub, &subscription_kind_tasks);
        msg = rpc_notification_take("notifications/subscriptions/acknowledged",
                                    json_pack("{s:O}", "notifications", sub->filter));
        list_append(&sub->call->session->client.user->subscriptions, &sub->node);
        json_decref(sub->call->params); /* it stays for long, and with many others */
        sub->call->params = NULL;
        (void)call_count_bytes(sub->call);
        subscription_send(sub, msg);
        json_decref(msg);
        told = sub->filter;
        sub->filter = bridge_filter_index(told);
        filter_add_shown(sub->filter, &sub->watches);
        json_decref(told);
}

/* Walks what the user's clients listen by: streams_per_user_max at most, without tokens those of
 * all. */
void subscriptions_deliver(struct session *session, const struct upstream_session *us,
                           const json_t *msg)
{
        list_for_each_safe (it, &session->client.user->subscriptions) {
                const struct subscription *sub = container_of(it, struct subscription, node);

                if (!bridge_filter_takes(sub->filter, msg) ||
                    (us != NULL && !access_to_notice(sub->call->identity, us, msg)))
                        continue;
                if (us != NULL)
                        upstream_spend(us->upstream);
                subscription_send(sub, msg);
        }
}

/* ---- resources and tasks ---- */

static void subscription_check(struct subscription *sub)
{
        if (!list_is_empty(&sub->node))
                return; /* it has been acknowledged */
        if (!has_begun(sub))
                loop_defer(subscription_context(sub)->loop, &sub->begin);
        else if (sub->n_pending == 0)
                subscription_acknowledge(sub);
}

static struct watch_count **counts_of(const struct watch *watch)
{
        return &watch->owner->watch_counts[watch->kind == &subscription_kind_tasks];
}

/* 0, -ENOMEM. */
static int watch_count(struct watch *watch)
{
        struct watch_count **counts = counts_of(watch), *count;
        size_t n = strlen(watch->theirs);

        HASH_FIND_STR(*counts, watch->theirs, count);
        if (count == NULL) {
                count = calloc(1, sizeof(*count) + n + 1);
                if (count == NULL)
                        return -ENOMEM;
                memcpy(count->name, watch->theirs, n);
                HASH_ADD_STR(*counts, name, count);
        }
        count->n++;
        watch->is_counted = true;
        return 0;
}

/* Was it the last that wants it? */
static bool watch_uncount(struct watch *watch)
{
        struct watch_count **counts = counts_of(watch), *count;

        watch->is_counted = false;
        HASH_FIND_STR(*counts, watch->theirs, count);
        if (count == NULL || --count->n > 0)
                return false;
        HASH_DEL(*counts, count);
        free(count);
        return true;
}

static void watch_on_answer_take(struct upstream_request *request, json_t *answer)
{
        struct watch *watch = container_of(request, struct watch, request);

        watch->is_on = json_object_get(answer, "result") != NULL;
        if (!watch->is_on && watch->is_counted)
                (void)watch_uncount(watch);
        json_decref(answer);
        assert(watch->subscription->n_pending > 0);
        watch->subscription->n_pending--;
        subscription_check(watch->subscription);
}

static void watch_on_fail(struct upstream_request *request, const char *why)
{
        struct watch *watch = container_of(request, struct watch, request);
        struct subscription *sub = watch->subscription;

        (void)why;
        if (watch->is_counted)
                (void)watch_uncount(watch);
        assert(sub->n_pending > 0);
        sub->n_pending--;
        subscription_check(sub);
}

static const struct upstream_request_events watch_events = {watch_on_answer_take, watch_on_fail};

/* Those that do not answer in time are not honoured. Learning has a time of its own. Walks
 * WATCHES_MAX of each kind at most. */
static void subscription_on_deadline(struct timer *timer)
{
        struct subscription *sub = container_of(timer, struct subscription, deadline);

        if (sub->is_learning)
                return;
        list_for_each (it, &sub->watches)
                upstream_request_drop(&container_of(it, struct watch, node)->request,
                                      "the gateway no longer waits");
        subscription_acknowledge(sub);
}

static void watch_free(void *object)
{
        struct watch *watch = object;

        free(watch->shown);
        free(watch->theirs);
        free(watch);
}

static void watch_start(struct subscription *sub, const struct subscription_kind *kind,
                        const char *shown, struct upstream_session *owner, const char *theirs)
{
        struct watch *watch;

        if (owner == NULL)
                return;
        watch = alloc_zeroed(sizeof(*watch));
        watch->subscription = sub;
        watch->kind = kind;
        watch->owner = owner;
        watch->shown = strdup(shown);
        watch->theirs = strdup(theirs);
        ledger_hold_init(&watch->hold, &sub->call->share->memory, LEDGER_SUBSCRIPTION);
        if (watch->shown == NULL || watch->theirs == NULL ||
            ledger_hold_set(&watch->hold, WATCH_BYTES + 3 * strlen(shown)) != 0 ||
            watch_count(watch) < 0) {
                ledger_hold_set_past(&watch->hold, 0);
                watch_free(watch);
                return;
        }
        list_append(&sub->watches, &watch->node);
        sub->n_pending++;
        watch->request.events = &watch_events;
        watch->request.may_repeat = true;
        upstream_request_send_take(&watch->request, owner, kind->subscribe,
                                   json_pack("{s:s}", kind->key, theirs));
}

static void watch_task(struct subscription *sub, const char *id)
{
        struct task_owner owner = task_owner(sub->call, id);

        if (owner.us != NULL && upstream_session_is_of_stateless(owner.us))
                watch_start(sub, &subscription_kind_tasks, id, owner.us, owner.theirs);
}

static void watch_end(struct watch *watch)
{
        struct session *session = watch->subscription->call->session;
        bool was_last = watch->is_counted && watch_uncount(watch);

        list_unlink(&watch->node);
        upstream_request_drop(&watch->request, NULL);
        ledger_hold_set_past(&watch->hold, 0);
        if (!session->client.is_ending && was_last) {
                if (watch->kind == &subscription_kind_resources) /* also while it is down */
                        subscription_kind_remove(watch->owner, watch->kind, watch->theirs);
                upstream_session_request_take(watch->owner, watch->kind->unsubscribe,
                                              json_pack("{s:s}", watch->kind->key, watch->theirs));
        }
        loop_bury(session_context(session)->loop, watch, watch_free);
}

/* ---- its life ---- */

static void subscription_watch_time(struct subscription *sub)
{
        struct context *context = subscription_context(sub);

        timer_arm(context->loop, &sub->deadline, context->config->upstream_open_timeout_ms);
}

static void subscription_on_learned(struct call *call)
{
        struct subscription *sub = call->subscription;

        sub->is_learning = false;
        subscription_watch_time(sub);
        subscription_check(sub);
}

/* False: whose it is has to be learned first, or the call is over. */
static bool watch_resource(struct subscription *sub, const char *uri)
{
        struct listing_owner owner = listing_owner_of_uri(sub->call, uri);

        sub->is_learning = true;
        if (listing_learn(sub->call, &owner, subscription_on_learned))
                return false;
        sub->is_learning = false;
        sub->n_begun++;
        if (owner.us != NULL && owner.verdict.outcome == POLICY_ALLOWED)
                watch_start(sub, &subscription_kind_resources, uri, owner.us, owner.theirs);
        return true;
}

static bool watch_next(struct subscription *sub)
{
        const json_t *uris = asked_names(sub->call, &subscription_kind_resources);
        const json_t *ids = asked_names(sub->call, &subscription_kind_tasks);
        size_t n_uris = json_array_size(uris), at = sub->n_begun;

        if (at < n_uris)
                return watch_resource(sub, json_string_value(json_array_get(uris, at)));
        sub->n_begun++;
        watch_task(sub, json_string_value(json_array_get(ids, at - n_uris)));
        return true;
}

static void subscription_on_begin(struct loop_task *task)
{
        struct subscription *sub = container_of(task, struct subscription, begin);

        if (sub->is_learning)
                return;
        for (unsigned i = 0; i < PENDING_MAX && sub->n_pending < PENDING_MAX && !has_begun(sub);
             i++)
                if (!watch_next(sub))
                        return;
        if (sub->n_pending < PENDING_MAX)
                subscription_check(sub);
}

static void note(const json_t *info, const char *key, char *text, size_t size)
{
        const char *said = rpc_text(info, key);

        str_to_text(str_from(said != NULL ? said : ""), text, size);
}

struct stream_client subscription_client(const struct subscription *sub)
{
        return (struct stream_client){
                sub->client_name[0] != '\0' ? sub->client_name : NULL,
                sub->client_version[0] != '\0' ? sub->client_version : NULL,
        };
}

static struct subscription *subscription_new(struct call *call)
{
        struct subscription *sub = alloc_zeroed(sizeof(*sub));
        const json_t *info = bridge_client_info(call->params);

        sub->filter = bridge_filter_of_changes(asked_filter(call));
        sub->call = call;
        note(info, "name", sub->client_name, sizeof(sub->client_name));
        note(info, "version", sub->client_version, sizeof(sub->client_version));
        sub->deadline.on_due = subscription_on_deadline;
        sub->begin.on_run = subscription_on_begin;
        list_init(&sub->node);
        list_init(&sub->watches);
        return sub;
}

/* False: the call is over. Walks WATCHES_MAX at most. */
static bool check_names(struct call *call, const struct subscription_kind *kind)
{
        const json_t *names = asked_names(call, kind), *name;
        size_t i;

        if (json_array_size(names) > WATCHES_MAX) {
                call_fail(call, RPC_INVALID_PARAMS, "params.notifications.%s: no more than %d",
                          kind->list, WATCHES_MAX);
                return false;
        }
        json_array_foreach (names, i, name)
                if (json_string_length(name) > CALL_URI_MAX_BYTES) {
                        call_fail(call, RPC_INVALID_PARAMS,
                                  "params.notifications.%s: one is too long", kind->list);
                        return false;
                }
        return true;
}

/* False: the call is over. */
static bool subscription_check_asked(struct call *call)
{
        const struct subscription_kind *const kinds[] = {&subscription_kind_resources,
                                                         &subscription_kind_tasks};
        const char *why;

        if (bridge_check_listen(call->params, &why) != 0) {
                call_fail(call, RPC_INVALID_PARAMS, "%s", why);
                return false;
        }
        for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
                if (!check_names(call, kinds[i]))
                        return false;
        return asked_names(call, &subscription_kind_tasks) == NULL || task_check_client(call);
}

void subscription_start(struct call *call)
{
        if (!subscription_check_asked(call))
                return;
        (void)post_response_begin_stream(call->post);
        call_set_state(call, CALL_STATE_LISTENING);
        call_observe_listening(call);
        call->subscription = subscription_new(call);
        subscription_watch_time(call->subscription);
        subscription_check(call->subscription);
}

static void subscription_free(void *object)
{
        struct subscription *sub = object;

        json_decref(sub->filter);
        free(sub);
}

void subscription_drop(struct subscription *sub)
{
        struct loop *loop;
        struct list *it;

        if (sub == NULL)
                return;
        loop = subscription_context(sub)->loop;
        list_unlink(&sub->node);
        loop_task_cancel(&sub->begin);
        timer_disarm(loop, &sub->deadline);
        while ((it = list_first(&sub->watches)) != NULL)
                watch_end(container_of(it, struct watch, node));
        loop_bury(loop, sub, subscription_free);
}

void subscription_complete(struct call *call)
{
        call_succeed_take(call, bridge_listen_result(call->id));
}

static bool watches(const struct subscription *sub, const struct upstream_session *us)
{
        list_for_each (it, &sub->watches)
                if (container_of(it, struct watch, node)->owner == us)
                        return true;
        return false;
}

void subscriptions_leave(struct session *session, const struct upstream_session *us)
{
        list_for_each_safe (it, &session->calls) {
                struct call *call = container_of(it, struct call, node);

                if (call->subscription == NULL || !watches(call->subscription, us))
                        continue;
                if (list_is_empty(&call->subscription->node))
                        call_fail(call, RPC_INTERNAL_ERROR, "upstream %s: %s",
                                  upstream_name(us->upstream), us->upstream->retired);
                else
                        subscription_complete(call);
        }
}
