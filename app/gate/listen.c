#include "listen.h"

#include "mgw/base/log.h"
#include "mgw/mcp/bridge.h"

#include <stdlib.h>
#include <string.h>

/* Resources, and tasks, of one link. */
#define WATCHED_MAX 1000

struct listen {
        struct link *link;
        struct exchange *open;    /* acknowledged */
        json_t *open_index;       /* what it asks for; NULL: none is open */
        struct exchange *opening; /* not yet */
        struct timer deadline;    /* of its acknowledgment */
        struct timer retry;
        int64_t delay_ms;
        int64_t opened_ms;
        bool is_refused; /* the server does not know the method */
        bool has_gap;    /* changes may have come while none was open */
};

static json_t *filter_of(const struct exchange *x)
{
        return json_object_get(exchange_params(x), "notifications");
}

/* Of a filter as bridge_filter_index() makes it. */
static bool names(const json_t *indexed, const struct watched *kind, const char *name)
{
        return json_object_get(json_object_get(indexed, kind->list), name) != NULL;
}

bool listen_has_tasks(const struct exchange *x)
{
        return x->kind == EXCHANGE_LISTEN &&
               json_object_get(filter_of(x), watched_tasks.list) != NULL;
}

/* ---- its end ---- */

static void listen_end(struct listen *l, struct exchange *x, const char *why)
{
        struct link *link = l->link;
        int64_t id = x->id;

        exchange_end(x);
        if (link->state == LINK_READY)
                link_cancel(link, id, why);
}

void listen_forget(struct exchange *x)
{
        struct listen *l = x->owner->listen;

        if (l->open == x) {
                l->open = NULL;
                json_decref(l->open_index);
                l->open_index = NULL;
        }
        if (l->opening == x) {
                l->opening = NULL;
                timer_disarm(link_loop(l->link), &l->deadline);
        }
}

/* It is on no wire, and waits for what listens to be acknowledged. */
static bool is_subscriber(const struct exchange *x)
{
        const struct watched *kind;
        bool subscribes = false;

        return x->kind == EXCHANGE_REQUEST && x->is_stateless && x->wire == NULL &&
               watched_name(x->msg, &kind, &subscribes) != NULL && subscribes;
}

void listen_stop(struct link *link)
{
        struct listen *l = link->listen;

        if (l == NULL)
                return;
        list_for_each_safe (it, &link->exchanges) { /* the next session may not be of its kind */
                struct exchange *x = container_of(it, struct exchange, link);

                if (is_subscriber(x))
                        exchange_move(x, &link->waiting);
        }
        timer_disarm(link_loop(link), &l->retry);
        l->is_refused = false;
        if (l->open != NULL)
                exchange_end(l->open);
        if (l->opening != NULL)
                exchange_end(l->opening);
}

void listen_free(struct listen *l)
{
        if (l != NULL)
                json_decref(l->open_index);
        free(l);
}

/* ---- who waits for it ---- */

/* A request to tell of what a filter has in it. */
struct subscriber {
        struct exchange *x; /* NULL: there is none */
        const struct watched *kind;
        const char *name;
};

static struct subscriber subscriber_of(struct exchange *x)
{
        struct subscriber s = {NULL, NULL, NULL};
        bool subscribes = false;

        if (x->kind == EXCHANGE_REQUEST && x->is_stateless)
                s.name = watched_name(x->msg, &s.kind, &subscribes);
        if (subscribes && s.name != NULL)
                s.x = x;
        return s;
}

/* One walk of what is on its way over the link. */
static void take_subscribers(struct link *link, const json_t *filter, struct list *taken)
{
        list_init(taken);
        list_for_each_safe (it, &link->exchanges) {
                struct subscriber s = subscriber_of(container_of(it, struct exchange, link));

                if (s.x != NULL && names(filter, s.kind, s.name))
                        exchange_move(s.x, taken);
        }
}

static void refuse_subscriber(const struct subscriber *s, const char *why)
{
        struct exchange *x = s->x;

        watched_remove(x->owner, s->kind, s->name);
        exchange_answer_take(x, rpc_error_take(exchange_msg_id(x), RPC_INVALID_PARAMS, why, NULL));
}

static void accept_subscriber(struct exchange *x)
{
        exchange_answer_take(x, rpc_result_take(exchange_msg_id(x), json_object()));
}

/* honoured: NULL, nothing is. Each answer may end others of them. */
static void answer_subscribers(struct link *link, const json_t *asked, const json_t *honoured)
{
        json_t *of_asked = bridge_filter_index(asked);
        json_t *of_honoured = honoured != NULL ? bridge_filter_index(honoured) : NULL;
        struct list taken, *it;

        take_subscribers(link, of_asked, &taken);
        while ((it = list_first(&taken)) != NULL) {
                struct subscriber s = subscriber_of(container_of(it, struct exchange, link));

                if (names(of_honoured, s.kind, s.name))
                        accept_subscriber(s.x);
                else
                        refuse_subscriber(&s, "the server does not tell of changes of this");
        }
        json_decref(of_asked);
        json_decref(of_honoured);
}

static bool server_tells(const struct link *link, const struct watched *kind)
{
        const json_t *capabilities = json_object_get(link->hello, "capabilities");

        if (kind == &watched_tasks)
                return bridge_has_tasks(capabilities);
        return json_is_true(
                json_object_get(json_object_get(capabilities, "resources"), "subscribe"));
}

/* Is it told of, and will be? */
static bool listen_covers(const struct listen *l, const struct watched *kind, const char *name)
{
        return l != NULL && l->open != NULL && l->opening == NULL &&
               names(l->open_index, kind, name);
}

void listen_subscribe(struct exchange *x, const struct watched *kind, const char *name)
{
        struct link *link = x->owner;
        const struct subscriber s = {x, kind, name};

        if (!server_tells(link, kind) || (link->listen != NULL && link->listen->is_refused))
                refuse_subscriber(&s, "the server does not tell of such changes");
        else if (json_object_size(watched_by(link, kind)) >= WATCHED_MAX)
                refuse_subscriber(&s, "too many are subscribed to");
        else if (watched_add(link, kind, name) < 0)
                refuse_subscriber(&s, "out of memory");
        else if (listen_covers(link->listen, kind, name))
                accept_subscriber(x);
        else
                listen_check(link);
}

void listen_unsubscribe(struct link *link, const struct watched *kind, const char *name)
{
        json_t *filter = json_pack("{s:[s]}", kind->list, name);

        watched_remove(link, kind, name);
        answer_subscribers(link, filter, NULL); /* no filter will have it in it any more */
        json_decref(filter);
        listen_check(link);
}

/* ---- its beginning ---- */

static void listen_open(struct listen *l, json_t *filter)
{
        struct link *link = l->link;
        struct exchange *x =
                exchange_new(link, EXCHANGE_LISTEN,
                             rpc_request_take(json_integer(++link->last_id), "subscriptions/listen",
                                              json_pack("{s:O}", "notifications", filter)));

        if (x == NULL)
                return;
        x->id = link->last_id;
        l->opening = x;
        timer_arm(link_loop(link), &l->deadline,
                  link->upstream->gate->config->upstream_open_timeout_ms);
        exchange_start(x);
}

/* One that has lived longer than the longest delay was not opened in vain. */
static void listen_later(struct listen *l)
{
        const struct config *config = l->link->upstream->gate->config;
        int64_t now = loop_now_ms(link_loop(l->link)), max_ms = config->upstream_retry_max_ms;

        if (l->delay_ms == 0 || (l->opened_ms > 0 && now - l->opened_ms > max_ms))
                l->delay_ms = config->upstream_retry_ms;
        l->opened_ms = 0;
        timer_arm(link_loop(l->link), &l->retry, l->delay_ms);
        l->delay_ms = l->delay_ms * 2 < max_ms ? l->delay_ms * 2 : max_ms;
}

static void listen_on_retry(struct timer *timer)
{
        listen_check(container_of(timer, struct listen, retry)->link);
}

static void listen_on_deadline(struct timer *timer)
{
        struct listen *l = container_of(timer, struct listen, deadline);
        struct exchange *x = l->opening;
        json_t *asked = json_incref(filter_of(x));

        listen_end(l, x, "it was not acknowledged");
        listen_later(l);
        answer_subscribers(l->link, asked, NULL);
        json_decref(asked);
}

static struct listen *listen_of(struct link *link)
{
        struct listen *l = link->listen != NULL ? link->listen : calloc(1, sizeof(*l));

        if (l == NULL || l == link->listen)
                return l;
        l->link = link;
        l->retry.on_due = listen_on_retry;
        l->deadline.on_due = listen_on_deadline;
        link->listen = l;
        return l;
}

void listen_start(struct link *link)
{
        struct listen *l = listen_of(link);

        if (l == NULL)
                return;
        l->is_refused = false;
        timer_disarm(link_loop(link), &l->retry);
        listen_check(link);
}

/* Walks WATCHED_MAX at most. */
static json_t *names_of(const struct link *link, const struct watched *kind)
{
        json_t *list = json_array(), *yes;
        const char *name;

        json_object_foreach (watched_by(link, kind), name, yes)
                json_array_append_new(list, json_string(name));
        return list;
}

static json_t *wanted_filter(const struct link *link)
{
        json_t *uris = names_of(link, &watched_resources), *tasks = names_of(link, &watched_tasks);
        json_t *filter = bridge_filter_for_upstream(json_object_get(link->hello, "capabilities"),
                                                    uris, tasks);

        json_decref(uris);
        json_decref(tasks);
        return filter;
}

void listen_check(struct link *link)
{
        struct listen *l = link->listen;
        json_t *wanted;

        if (l == NULL || !link->is_stateless || link->state != LINK_READY || l->is_refused ||
            l->opening != NULL || timer_is_armed(&l->retry))
                return;
        wanted = wanted_filter(link);
        if (json_object_size(wanted) == 0 && l->open != NULL)
                listen_end(l, l->open, "nothing is to be told any more");
        else if (json_object_size(wanted) > 0 &&
                 (l->open == NULL || !json_equal(filter_of(l->open), wanted)))
                listen_open(l, wanted);
        json_decref(wanted);
}

/* ---- what comes ---- */

static void listen_on_acknowledged(struct listen *l, struct exchange *x, const json_t *honoured)
{
        struct link *link = l->link;
        json_t *asked = json_incref(filter_of(x));
        const char *key;
        json_t *value;

        l->opening = NULL;
        timer_disarm(link_loop(link), &l->deadline);
        if (l->open != NULL)
                listen_end(l, l->open, "another one has taken its place");
        l->open = x;
        json_decref(l->open_index);
        l->open_index = bridge_filter_index(filter_of(x));
        l->opened_ms = loop_now_ms(link_loop(link));
        json_object_foreach (asked, key, value)
                if (json_object_get(honoured, key) == NULL && upstream_may_log(link->upstream))
                        log_info(NULL, "[upstream] %s: does not tell of changes: %s",
                                 upstream_name(link->upstream), key);
        if (l->has_gap)
                link_tell_change(link);
        l->has_gap = false;
        answer_subscribers(link, asked, honoured);
        json_decref(asked);
        listen_check(link);
}

void listen_on_end(struct exchange *x, const struct rpc_msg *answer)
{
        struct link *link = x->owner;
        struct listen *l = link->listen;
        bool is_refused = answer != NULL && answer->kind == RPC_ERROR;
        bool was_opening = l->opening == x;
        json_t *asked = json_incref(filter_of(x)), *all;

        if (is_refused && upstream_may_log(link->upstream)) {
                const char *message = json_string_value(json_object_get(answer->error, "message"));

                log_warn(NULL, "[upstream] %s: subscriptions/listen was refused: %.200s",
                         upstream_name(link->upstream), message);
        }
        l->has_gap = l->has_gap || l->open == x;
        exchange_end(x);
        l->is_refused = is_refused && l->open == NULL;
        if (!l->is_refused && (was_opening || l->open == NULL))
                listen_later(l);
        if (was_opening)
                answer_subscribers(link, asked, NULL);
        json_decref(asked);
        if (!l->is_refused)
                return;
        all = wanted_filter(link); /* who came later is asked for by none */
        answer_subscribers(link, all, NULL);
        json_decref(all);
}

/* Which of the listenings is it of? NULL: none that is still on. */
static struct exchange *listen_find(const struct listen *l, struct exchange *via, const json_t *tag)
{
        if (via != NULL)
                return via == l->open || via == l->opening ? via : NULL;
        if (l->open != NULL && json_integer_value(tag) == l->open->id)
                return l->open;
        return l->opening != NULL && json_integer_value(tag) == l->opening->id ? l->opening : NULL;
}

static bool is_cancel_of(const struct rpc_msg *m, const struct exchange *x)
{
        return x != NULL && strcmp(m->method, "notifications/cancelled") == 0 &&
               json_integer_value(json_object_get(m->params, "requestId")) == x->id;
}

bool listen_takes(struct link *link, struct exchange *via, const struct rpc_msg *m)
{
        struct listen *l = link->listen;
        const json_t *tag = bridge_tag(m->params);
        struct exchange *x;

        if (l == NULL)
                return false;
        if (is_cancel_of(m, l->open) || is_cancel_of(m, l->opening)) {
                listen_on_end(is_cancel_of(m, l->open) ? l->open : l->opening, NULL);
                return true;
        }
        if (tag == NULL)
                return false;
        x = listen_find(l, via, tag);
        if (x == NULL)
                return true; /* what has taken its place tells the same */
        if (strcmp(m->method, "notifications/subscriptions/acknowledged") != 0)
                return false;
        if (x == l->opening)
                listen_on_acknowledged(l, x, json_object_get(m->params, "notifications"));
        return true;
}
