/* At most two are on their way: the one that is acknowledged, and its successor. */
#include "upstream_listen.h"

#include "mgw/base/alloc.h"
#include "mgw/base/log.h"
#include "mgw/config/config.h"
#include "mgw/mcp/bridge.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* Resources, and tasks, of one upstream session. */
#define WATCHED_MAX 1000

struct upstream_listen {
        struct upstream_session *us;
        struct pending_request *open;    /* acknowledged */
        json_t *open_index;              /* what it asks for; NULL: none is open */
        struct pending_request *opening; /* not yet */
        struct timer deadline;           /* of its acknowledgment */
        struct timer retry;
        int64_t delay_ms;
        int64_t opened_ms;
        bool is_refused; /* the server does not know the method */
        bool has_gap;    /* changes may have come while none was open */
};

static json_t *filter_of(const struct pending_request *pending)
{
        return json_object_get(pending_request_params(pending), "notifications");
}

/* Of a filter as bridge_filter_index() makes it. */
static bool names(const json_t *indexed, const struct subscription_kind *kind, const char *name)
{
        return json_object_get(json_object_get(indexed, kind->list), name) != NULL;
}

bool upstream_listen_has_tasks(const struct pending_request *pending)
{
        return pending->kind == PENDING_REQUEST_LISTEN &&
               json_object_get(filter_of(pending), subscription_kind_tasks.list) != NULL;
}

/* ---- its end ---- */

static void upstream_listen_end(struct upstream_listen *l, struct pending_request *pending,
                                const char *why)
{
        struct upstream_session *us = l->us;
        int64_t id = pending->id;

        pending_request_end(pending);
        if (us->state == UPSTREAM_SESSION_READY)
                upstream_session_cancel(us, id, why);
}

void upstream_listen_forget(struct pending_request *pending)
{
        struct upstream_listen *l = pending->owner->listen;

        assert(pending->kind == PENDING_REQUEST_LISTEN && l != NULL);
        if (l->open == pending) {
                l->open = NULL;
                json_decref(l->open_index);
                l->open_index = NULL;
        }
        if (l->opening == pending) {
                l->opening = NULL;
                timer_disarm(upstream_session_loop(l->us), &l->deadline);
        }
}

/* It has no transfer, and waits for what listens to be acknowledged. */
static bool is_subscriber(const struct pending_request *pending)
{
        const struct subscription_kind *kind;
        bool subscribes = false;

        return pending->kind == PENDING_REQUEST_REQUEST && pending->is_stateless &&
               pending->transfer == NULL &&
               subscription_kind_name(pending->msg, &kind, &subscribes) != NULL && subscribes;
}

void upstream_listen_stop(struct upstream_session *us)
{
        struct upstream_listen *l = us->listen;

        if (l == NULL)
                return;
        list_for_each_safe (it, &us->sent) { /* the next session may not be of its kind */
                struct pending_request *pending = container_of(it, struct pending_request, node);

                if (is_subscriber(pending))
                        pending_request_move(pending, PENDING_REQUEST_WAITING);
        }
        timer_disarm(upstream_session_loop(us), &l->retry);
        l->is_refused = false;
        if (l->open != NULL)
                pending_request_end(l->open);
        if (l->opening != NULL)
                pending_request_end(l->opening);
}

void upstream_listen_free(struct upstream_listen *l)
{
        if (l != NULL)
                json_decref(l->open_index);
        free(l);
}

/* ---- who waits for it ---- */

/* A request to tell of what a filter has in it. */
struct subscriber {
        struct pending_request *pending; /* NULL: there is none */
        const struct subscription_kind *kind;
        const char *name;
};

static struct subscriber subscriber_of(struct pending_request *pending)
{
        struct subscriber s = {NULL, NULL, NULL};
        bool subscribes = false;

        if (pending->kind == PENDING_REQUEST_REQUEST && pending->is_stateless)
                s.name = subscription_kind_name(pending->msg, &s.kind, &subscribes);
        if (subscribes && s.name != NULL)
                s.pending = pending;
        return s;
}

/* One walk of what is on its way over the upstream session. */
static void take_subscribers(struct upstream_session *us, const json_t *filter, struct list *taken)
{
        list_init(taken);
        list_for_each_safe (it, &us->sent) {
                struct subscriber s = subscriber_of(container_of(it, struct pending_request, node));

                if (s.pending != NULL && names(filter, s.kind, s.name))
                        pending_request_set_aside(s.pending, taken);
        }
}

static void refuse_subscriber(const struct subscriber *s, const char *why)
{
        struct pending_request *pending = s->pending;

        subscription_kind_remove(pending->owner, s->kind, s->name);
        pending_request_answer_take(pending, rpc_error_take(pending_request_msg_id(pending),
                                                            RPC_INVALID_PARAMS, why, NULL));
}

static void accept_subscriber(struct pending_request *pending)
{
        pending_request_answer_take(
                pending, rpc_result_take(pending_request_msg_id(pending), json_object()));
}

/* honoured: NULL, nothing is. Each answer may end others of them. */
static void answer_subscribers(struct upstream_session *us, const json_t *asked,
                               const json_t *honoured)
{
        json_t *of_asked = bridge_filter_index(asked);
        json_t *of_honoured = honoured != NULL ? bridge_filter_index(honoured) : NULL;
        struct list taken, *it;

        take_subscribers(us, of_asked, &taken);
        while ((it = list_first(&taken)) != NULL) {
                struct subscriber s = subscriber_of(container_of(it, struct pending_request, node));

                if (names(of_honoured, s.kind, s.name))
                        accept_subscriber(s.pending);
                else
                        refuse_subscriber(&s, "the server does not tell of changes of this");
        }
        json_decref(of_asked);
        json_decref(of_honoured);
}

static bool server_tells(const struct upstream_session *us, const struct subscription_kind *kind)
{
        const json_t *capabilities = json_object_get(us->init_result, "capabilities");

        if (kind == &subscription_kind_tasks)
                return bridge_has_tasks(capabilities);
        return json_is_true(
                json_object_get(json_object_get(capabilities, "resources"), "subscribe"));
}

/* Is it told of, and will be? */
static bool upstream_listen_covers(const struct upstream_listen *l,
                                   const struct subscription_kind *kind, const char *name)
{
        return l != NULL && l->open != NULL && l->opening == NULL &&
               names(l->open_index, kind, name);
}

void upstream_listen_subscribe(struct pending_request *pending,
                               const struct subscription_kind *kind, const char *name)
{
        struct upstream_session *us = pending->owner;
        const struct subscriber s = {pending, kind, name};

        if (!server_tells(us, kind) || (us->listen != NULL && us->listen->is_refused))
                refuse_subscriber(&s, "the server does not tell of such changes");
        else if (json_object_size(subscription_kind_by(us, kind)) >= WATCHED_MAX)
                refuse_subscriber(&s, "too many are subscribed to");
        else if (subscription_kind_add(us, kind, name) < 0)
                refuse_subscriber(&s, "out of memory");
        else if (upstream_listen_covers(us->listen, kind, name))
                accept_subscriber(pending);
        else
                upstream_listen_check(us);
}

void upstream_listen_unsubscribe(struct upstream_session *us, const struct subscription_kind *kind,
                                 const char *name)
{
        json_t *filter = json_pack("{s:[s]}", kind->list, name);

        subscription_kind_remove(us, kind, name);
        answer_subscribers(us, filter, NULL); /* no filter will have it in it any more */
        json_decref(filter);
        upstream_listen_check(us);
}

/* ---- its beginning ---- */

static void upstream_listen_open(struct upstream_listen *l, json_t *filter)
{
        struct upstream_session *us = l->us;
        struct pending_request *pending = pending_request_new(
                us, PENDING_REQUEST_LISTEN,
                rpc_request_take(json_integer(++us->last_id), "subscriptions/listen",
                                 json_pack("{s:O}", "notifications", filter)));

        pending->id = us->last_id;
        assert(l->opening == NULL);
        l->opening = pending;
        timer_arm(upstream_session_loop(us), &l->deadline,
                  us->upstream->context->config->upstream_open_timeout_ms);
        pending_request_start(pending);
}

/* One that has lived longer than the longest delay was not opened in vain. */
static void upstream_listen_later(struct upstream_listen *l)
{
        const struct config *config = l->us->upstream->context->config;
        int64_t now = loop_now_ms(upstream_session_loop(l->us)),
                max_ms = config->upstream_retry_max_ms;

        if (l->delay_ms == 0 || (l->opened_ms > 0 && now - l->opened_ms > max_ms))
                l->delay_ms = config->upstream_retry_ms;
        l->opened_ms = 0;
        timer_arm(upstream_session_loop(l->us), &l->retry, l->delay_ms);
        l->delay_ms = l->delay_ms * 2 < max_ms ? l->delay_ms * 2 : max_ms;
}

static void upstream_listen_on_retry(struct timer *timer)
{
        upstream_listen_check(container_of(timer, struct upstream_listen, retry)->us);
}

static void upstream_listen_on_deadline(struct timer *timer)
{
        struct upstream_listen *l = container_of(timer, struct upstream_listen, deadline);
        struct pending_request *pending = l->opening;
        json_t *asked = json_incref(filter_of(pending));

        upstream_listen_end(l, pending, "it was not acknowledged");
        upstream_listen_later(l);
        answer_subscribers(l->us, asked, NULL);
        json_decref(asked);
}

static struct upstream_listen *upstream_listen_of(struct upstream_session *us)
{
        struct upstream_listen *l = us->listen;

        if (l != NULL)
                return l;
        l = alloc_zeroed(sizeof(*l));
        l->us = us;
        l->retry.on_due = upstream_listen_on_retry;
        l->deadline.on_due = upstream_listen_on_deadline;
        us->listen = l;
        return l;
}

void upstream_listen_start(struct upstream_session *us)
{
        struct upstream_listen *l = upstream_listen_of(us);

        l->is_refused = false;
        timer_disarm(upstream_session_loop(us), &l->retry);
        upstream_listen_check(us);
}

/* Walks WATCHED_MAX at most. */
static json_t *names_of(const struct upstream_session *us, const struct subscription_kind *kind)
{
        json_t *list = json_array(), *yes;
        const char *name;

        json_object_foreach (subscription_kind_by(us, kind), name, yes)
                json_array_append_new(list, json_string(name));
        return list;
}

static json_t *wanted_filter(const struct upstream_session *us)
{
        json_t *uris = names_of(us, &subscription_kind_resources),
               *tasks = names_of(us, &subscription_kind_tasks);
        json_t *filter = bridge_filter_for_upstream(
                json_object_get(us->init_result, "capabilities"), uris, tasks);

        json_decref(uris);
        json_decref(tasks);
        return filter;
}

void upstream_listen_check(struct upstream_session *us)
{
        struct upstream_listen *l = us->listen;
        json_t *wanted;

        if (l == NULL || !us->is_stateless || us->state != UPSTREAM_SESSION_READY ||
            l->is_refused || l->opening != NULL || timer_is_armed(&l->retry))
                return;
        wanted = wanted_filter(us);
        if (json_object_size(wanted) == 0 && l->open != NULL)
                upstream_listen_end(l, l->open, "nothing is to be told any more");
        else if (json_object_size(wanted) > 0 &&
                 (l->open == NULL || !json_equal(filter_of(l->open), wanted)))
                upstream_listen_open(l, wanted);
        json_decref(wanted);
}

/* ---- what comes ---- */

static void upstream_listen_on_acknowledged(struct upstream_listen *l,
                                            struct pending_request *pending, const json_t *honoured)
{
        struct upstream_session *us = l->us;
        json_t *asked = json_incref(filter_of(pending));
        const char *key;
        json_t *value;

        l->opening = NULL;
        timer_disarm(upstream_session_loop(us), &l->deadline);
        if (l->open != NULL)
                upstream_listen_end(l, l->open, "another one has taken its place");
        l->open = pending;
        json_decref(l->open_index);
        l->open_index = bridge_filter_index(filter_of(pending));
        l->opened_ms = loop_now_ms(upstream_session_loop(us));
        json_object_foreach (asked, key, value)
                if (json_object_get(honoured, key) == NULL && upstream_may_log(us->upstream))
                        log_info(NULL, "[upstream] %s: does not tell of changes: %s",
                                 upstream_name(us->upstream), key);
        if (l->has_gap)
                upstream_session_tell_change(us);
        l->has_gap = false;
        answer_subscribers(us, asked, honoured);
        json_decref(asked);
        upstream_listen_check(us);
}

void upstream_listen_on_end(struct pending_request *pending, const struct rpc_msg *answer)
{
        struct upstream_session *us = pending->owner;
        struct upstream_listen *l = us->listen;
        bool is_refused = answer != NULL && answer->kind == RPC_ERROR;
        bool was_opening = l->opening == pending;
        json_t *asked = json_incref(filter_of(pending)), *all;

        if (is_refused && upstream_may_log(us->upstream)) {
                const char *message = json_string_value(json_object_get(answer->error, "message"));

                log_warn(NULL, "[upstream] %s: subscriptions/listen was refused: %.200s",
                         upstream_name(us->upstream), message);
        }
        l->has_gap = l->has_gap || l->open == pending;
        pending_request_end(pending);
        l->is_refused = is_refused && l->open == NULL;
        if (!l->is_refused && (was_opening || l->open == NULL))
                upstream_listen_later(l);
        if (was_opening)
                answer_subscribers(us, asked, NULL);
        json_decref(asked);
        if (!l->is_refused)
                return;
        all = wanted_filter(us); /* who came later is asked for by none */
        answer_subscribers(us, all, NULL);
        json_decref(all);
}

/* Which of the listenings is it of? NULL: none that is still on. */
static struct pending_request *upstream_listen_find(const struct upstream_listen *l,
                                                    struct pending_request *via, const json_t *tag)
{
        if (via != NULL)
                return via == l->open || via == l->opening ? via : NULL;
        if (l->open != NULL && json_integer_value(tag) == l->open->id)
                return l->open;
        return l->opening != NULL && json_integer_value(tag) == l->opening->id ? l->opening : NULL;
}

static bool is_cancel_of(const struct rpc_msg *m, const struct pending_request *pending)
{
        return pending != NULL && strcmp(m->method, "notifications/cancelled") == 0 &&
               json_integer_value(json_object_get(m->params, "requestId")) == pending->id;
}

bool upstream_listen_takes(struct upstream_session *us, struct pending_request *via,
                           const struct rpc_msg *m)
{
        struct upstream_listen *l = us->listen;
        const json_t *tag = bridge_tag(m->params);
        struct pending_request *pending;

        if (l == NULL)
                return false;
        if (is_cancel_of(m, l->open) || is_cancel_of(m, l->opening)) {
                upstream_listen_on_end(is_cancel_of(m, l->open) ? l->open : l->opening, NULL);
                return true;
        }
        if (tag == NULL)
                return false;
        pending = upstream_listen_find(l, via, tag);
        if (pending == NULL)
                return true; /* what has taken its place tells the same */
        if (strcmp(m->method, "notifications/subscriptions/acknowledged") != 0)
                return false;
        if (pending == l->opening)
                upstream_listen_on_acknowledged(l, pending,
                                                json_object_get(m->params, "notifications"));
        return true;
}
