/* Ids and progress tokens upstream are our own numbers. A session that the upstream has forgotten
 * is opened again, unseen, and what found it lost is sent once more. */
#include "mgw/gate/link.h"

#include "link_inside.h"
#include "mgw/base/log.h"
#include "mgw/gate/call.h"
#include "mgw/gate/listing.h"
#include "mgw/mcp/era.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void link_try(struct link *link);
static void exchange_give_up(struct exchange *x, const char *why, bool was_sent);

static struct loop *link_loop(const struct link *link)
{
        return link->upstream->gate->loop;
}

static void exchange_free(void *object)
{
        struct exchange *x = object;

        json_decref(x->msg);
        free(x);
}

bool exchange_is_open(const struct exchange *x)
{
        return !list_is_empty(&x->link);
}

void exchange_end(struct exchange *x)
{
        struct link *link = x->owner;

        list_unlink(&x->link);
        timer_disarm(link_loop(link), &x->silence);
        if (x->errand != NULL)
                x->errand->exchange = NULL;
        x->errand = NULL;
        if (x->wire != NULL)
                link->transport->drop(x);
        loop_bury(link_loop(link), x, exchange_free);
}

static void exchange_on_silence(struct timer *timer)
{
        struct exchange *x = container_of(timer, struct exchange, silence);
        char why[64];

        snprintf(why, sizeof(why), "it has been silent for %g s (timeout_s)",
                 (double)x->owner->upstream->server->timeout_ms / 1000);
        exchange_fail(x, why, true);
}

void exchange_heard(struct exchange *x)
{
        int64_t timeout_ms = x->owner->upstream->server->timeout_ms;

        if (timeout_ms > 0 && x->kind == EXCHANGE_REQUEST)
                timer_arm(link_loop(x->owner), &x->silence, timeout_ms);
}

static struct exchange *exchange_new(struct link *link, enum exchange_kind kind, json_t *msg_take)
{
        struct exchange *x = calloc(1, sizeof(*x));

        if (x == NULL || msg_take == NULL) {
                json_decref(msg_take);
                free(x);
                return NULL;
        }
        x->owner = link;
        x->kind = kind;
        x->msg = msg_take;
        x->silence.on_due = exchange_on_silence;
        list_append(&link->waiting, &x->link);
        return x;
}

static void exchange_start(struct exchange *x)
{
        struct link *link = x->owner;

        list_move_to_tail(&link->exchanges, &x->link);
        x->generation = link->generation;
        exchange_heard(x);
        link->transport->send(x);
}

static struct exchange *link_find(struct link *link, const json_t *id)
{
        list_for_each (it, &link->exchanges) {
                struct exchange *x = container_of(it, struct exchange, link);

                if (x->id > 0 && json_is_integer(id) && x->id == json_integer_value(id))
                        return x;
        }
        return NULL;
}

/* ---- opening ---- */

static void link_settle(struct link *link)
{
        if (link->is_settled)
                return;
        link->is_settled = true;
        call_on_links_settled(link->session);
}

static void link_fail_waiting(struct link *link, const char *why)
{
        struct list *it;

        while ((it = list_first(&link->waiting)) != NULL)
                exchange_give_up(container_of(it, struct exchange, link), why, false);
}

/* It will be tried again: by its timer, or by who needs it. */
static void link_set_down(struct link *link, const char *why)
{
        link->state = LINK_DOWN;
        link->is_missing = true;
        timer_disarm(link_loop(link), &link->deadline);
        timer_arm(link_loop(link), &link->retry, upstream_retry_in_ms(link->upstream));
        link_fail_waiting(link, why);
        link_settle(link);
}

static void link_open_failed(struct link *link, const char *why)
{
        log_warn(LOG_FIELDS({"user", link->session->user->email}),
                 "[upstream] %s: %s: its entries are missing until it is back",
                 upstream_name(link->upstream), why);
        upstream_failed(link->upstream, why);
        link_set_down(link, why);
}

static void link_on_deadline(struct timer *timer)
{
        struct link *link = container_of(timer, struct link, deadline);
        char why[80];

        snprintf(why, sizeof(why), "did not answer initialize within %g s",
                 (double)link->upstream->gate->config->upstream_open_timeout_ms / 1000);
        link_lost(link, why);
}

static void link_on_retry(struct timer *timer)
{
        link_try(container_of(timer, struct link, retry));
}

static void link_try(struct link *link)
{
        struct upstream *u = link->upstream;
        struct exchange *x;
        char why[256];

        if (link->state != LINK_DOWN)
                return;
        timer_disarm(link_loop(link), &link->retry);
        if (!upstream_may_try(u)) {
                snprintf(why, sizeof(why), "is left alone for a while: %s", u->why);
                link_set_down(link, why);
                return;
        }
        link->state = LINK_OPENING;
        link->generation++;
        if (link->transport->open(link, why, sizeof(why)) < 0) {
                link_open_failed(link, why);
                return;
        }
        timer_arm(link_loop(link), &link->deadline, u->gate->config->upstream_open_timeout_ms);
        x = exchange_new(link, EXCHANGE_INITIALIZE,
                         rpc_request_take(json_integer(++link->last_id), "initialize",
                                          json_incref(link->init_params)));
        if (x == NULL) {
                link_open_failed(link, "out of memory");
                return;
        }
        x->id = link->last_id;
        exchange_start(x);
}

/* The client has been told the lists without this upstream, or with what it had. */
static void link_tell_change(struct link *link)
{
        static const struct {
                const char *capability, *method;
        } changes[] = {
                {"tools", "notifications/tools/list_changed"},
                {"prompts", "notifications/prompts/list_changed"},
                {"resources", "notifications/resources/list_changed"},
        };

        for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
                json_t *msg;

                if (!link_can(link, changes[i].capability))
                        continue;
                msg = rpc_notification_take(changes[i].method, NULL);
                if (msg != NULL)
                        session_deliver(link->session, msg);
                json_decref(msg);
        }
}

static void link_drop_lists(struct link *link)
{
        for (size_t i = 0; i < LINK_N_LISTS; i++) {
                json_decref(link->lists[i].entries);
                link->lists[i].entries = NULL;
        }
}

static void link_on_hello(struct link *link, json_t *result)
{
        struct list *it;

        timer_disarm(link_loop(link), &link->deadline);
        upstream_worked(link->upstream);
        json_decref(link->hello);
        link->hello = json_incref(result);
        link->state = LINK_READY;
        link_drop_lists(link);
        link_send_take(link, rpc_notification_take("notifications/initialized", NULL));
        if (link->session->log_level >= 0 && link_can(link, "logging"))
                link_request_take(link, "logging/setLevel",
                                  json_pack("{s:s}", "level",
                                            method_log_level_name(link->session->log_level)));
        while (link->state == LINK_READY && (it = list_first(&link->waiting)) != NULL)
                exchange_start(container_of(it, struct exchange, link));
        if (link->state == LINK_READY)
                link->transport->on_ready(link);
        if (link->is_missing)
                link_tell_change(link);
        link->is_missing = false;
        link_settle(link);
}

/* ---- ends ---- */

static void exchange_repeat(struct exchange *x)
{
        x->was_retried = true;
        if (x->wire != NULL)
                x->owner->upstream->transport->drop(x);
        list_move_to_tail(&x->owner->waiting, &x->link);
        if (x->owner->state == LINK_READY)
                exchange_start(x);
        else
                link_try(x->owner);
}

/* Once more where that does no harm; else whoever waits is told. */
static void exchange_give_up(struct exchange *x, const char *why, bool was_sent)
{
        struct link *link = x->owner;
        struct errand *errand = x->errand;
        bool was_started = x->generation > 0;

        if (errand != NULL && was_started && !x->was_retried && (!was_sent || errand->may_repeat)) {
                exchange_repeat(x);
                return;
        }
        log_warn(LOG_FIELDS({"user", link->session->user->email}), "[upstream] %s: %s",
                 upstream_name(link->upstream), why);
        exchange_end(x);
        if (errand != NULL)
                errand->on_fail(errand, why);
}

void exchange_fail(struct exchange *x, const char *why, bool was_sent)
{
        struct link *link = x->owner;

        if (x->kind == EXCHANGE_INITIALIZE) {
                exchange_end(x);
                link_open_failed(link, why);
                return;
        }
        upstream_failed(link->upstream, why);
        exchange_give_up(x, why, was_sent);
}

void exchange_again(struct exchange *x)
{
        struct link *link = x->owner;
        bool is_first = x->generation == link->generation && link->state == LINK_READY;

        if (is_first) {
                log_info(NULL, "[upstream] %s: session forgotten, opened again",
                         upstream_name(link->upstream));
                link->state = LINK_DOWN;
        }
        exchange_repeat(x);
}

void link_forgotten(struct link *link)
{
        if (link->state != LINK_READY)
                return;
        link->state = LINK_DOWN;
        link_try(link);
}

void link_lost(struct link *link, const char *why)
{
        struct list lost;
        struct list *it;

        session_forget_asks(link->session, link);
        list_take_all(&lost, &link->exchanges);
        link_open_failed(link, why);
        while ((it = list_first(&lost)) != NULL) {
                struct exchange *x = container_of(it, struct exchange, link);

                if (x->kind == EXCHANGE_REQUEST)
                        exchange_give_up(x, why, true);
                else
                        exchange_end(x);
        }
}

void link_sleep(struct link *link)
{
        link->state = LINK_DOWN;
}

bool link_is_quiet(const struct link *link)
{
        return list_is_empty(&link->exchanges) && list_is_empty(&link->waiting);
}

void link_use_transport(struct link *link, const struct transport *transport)
{
        void *before = link->peer, *peer;

        if (transport->create(link) < 0) {
                link_open_failed(link, "out of memory");
                return;
        }
        peer = link->peer;
        link->peer = before;
        link->transport->destroy(link);
        link->peer = peer;
        link->transport = transport;
        link->upstream->transport = transport; /* the next sessions need not find out */
        link->state = LINK_DOWN;
        link_try(link);
}

/* ---- what comes ---- */

static void link_on_answer(struct link *link, const struct rpc_msg *m)
{
        struct exchange *x = link_find(link, m->id);
        struct errand *errand;

        if (x == NULL)
                return; /* late, or of a call that was cancelled */
        if (x->kind == EXCHANGE_INITIALIZE) {
                json_t *root = json_incref(m->root);

                exchange_end(x);
                if (m->kind == RPC_RESULT && json_is_object(m->result))
                        link_on_hello(link, m->result);
                else
                        link_open_failed(link, "refused to initialize");
                json_decref(root);
                return;
        }
        upstream_worked(link->upstream);
        errand = x->errand;
        exchange_end(x);
        if (errand != NULL)
                errand->on_answer_take(errand, json_incref(m->root));
}

static struct call *exchange_call(const struct exchange *x)
{
        return x != NULL && x->errand != NULL ? x->errand->call : NULL;
}

/* Over a single pipe nothing says which call a message belongs to: the newest is the best guess. */
static struct call *link_newest_call(const struct link *link)
{
        for (const struct list *it = link->exchanges.prev; it != &link->exchanges; it = it->prev) {
                struct call *call = exchange_call(container_of(it, struct exchange, link));

                if (call != NULL)
                        return call;
        }
        return NULL;
}

static void link_on_progress(struct link *link, const struct rpc_msg *m)
{
        struct exchange *x = link_find(link, json_object_get(m->params, "progressToken"));
        struct call *call = exchange_call(x);

        if (x != NULL)
                exchange_heard(x);
        if (call != NULL)
                call_on_progress(call, m->params);
}

static void link_on_list_changed(struct link *link, const struct rpc_msg *m)
{
        link_drop_lists(link);
        session_deliver(link->session, m->root);
}

static void link_on_updated(struct link *link, const struct rpc_msg *m)
{
        listing_show_uri(link, m->params);
        session_deliver(link->session, m->root);
}

static void link_on_notification(struct link *link, struct call *call, const struct rpc_msg *m)
{
        switch (method_find(m->method)->class) {
        case METHOD_PROGRESS:
                link_on_progress(link, m);
                break;
        case METHOD_LIST_CHANGED:
                link_on_list_changed(link, m);
                break;
        case METHOD_UPDATED:
                link_on_updated(link, m);
                break;
        default:
                if (call == NULL || !call_send(call, m->root))
                        session_deliver(link->session, m->root);
        }
}

void link_on_message(struct link *link, struct exchange *via, json_t *root)
{
        struct call *call = via != NULL ? exchange_call(via) : link_newest_call(link);
        const char *fault;
        struct rpc_msg m;

        if (via != NULL)
                exchange_heard(via);
        if (rpc_msg_read(root, &m, &fault) != 0)
                log_warn(NULL, "[upstream] %s: message skipped: %s", upstream_name(link->upstream),
                         fault);
        else if (m.kind == RPC_NOTIFICATION)
                link_on_notification(link, call, &m);
        else if (m.kind != RPC_REQUEST)
                link_on_answer(link, &m);
        else if (method_find(m.method)->class == METHOD_PING)
                link_send_take(link, rpc_result_take(m.id, json_object()));
        else
                session_ask(link->session, link, call, m.root);
}

void link_on_text(struct link *link, struct exchange *via, struct str text)
{
        json_t *root;
        char why[160];

        if (rpc_parse(text, &root, why, sizeof(why)) != 0) {
                log_warn(NULL, "[upstream] %s: message skipped: %s", upstream_name(link->upstream),
                         why);
                return;
        }
        link_on_message(link, via, root);
        json_decref(root);
}

/* ---- from above ---- */

int link_open(struct upstream *upstream, struct session *session, const json_t *init_params,
              struct link **linkp)
{
        struct link *link = calloc(1, sizeof(*link));
        int r;

        if (link == NULL)
                return -ENOMEM;
        link->upstream = upstream;
        link->transport = upstream->transport;
        link->session = session;
        link->init_params = json_copy((json_t *)init_params);
        json_object_set_new(link->init_params, "protocolVersion",
                            json_string(era_revision_name(session->revision)));
        link->deadline.on_due = link_on_deadline;
        link->retry.on_due = link_on_retry;
        list_init(&link->exchanges);
        list_init(&link->waiting);
        r = link->transport->create(link);
        if (r < 0) {
                json_decref(link->init_params);
                free(link);
                return r;
        }
        *linkp = link;
        link_try(link);
        return 0;
}

static void link_free(void *object)
{
        struct link *link = object;

        json_decref(link->init_params);
        json_decref(link->hello);
        link_drop_lists(link);
        free(link);
}

void link_close(struct link *link)
{
        struct list *it;

        if (link == NULL)
                return;
        timer_disarm(link_loop(link), &link->deadline);
        timer_disarm(link_loop(link), &link->retry);
        while ((it = list_first(&link->exchanges)) != NULL)
                exchange_end(container_of(it, struct exchange, link));
        while ((it = list_first(&link->waiting)) != NULL)
                exchange_end(container_of(it, struct exchange, link));
        link->transport->destroy(link);
        loop_bury(link_loop(link), link, link_free);
}

bool link_can(const struct link *link, const char *capability)
{
        return link->hello == NULL || capability == NULL ||
               json_object_get(json_object_get(link->hello, "capabilities"), capability) != NULL;
}

const char *link_version(const struct link *link)
{
        return json_string_value(json_object_get(link->hello, "protocolVersion"));
}

/* Progress upstream is counted under the id of our request. */
static void set_progress_token(json_t *params, int64_t id)
{
        json_t *meta = json_copy(json_object_get(params, "_meta"));

        json_object_set_new(meta, "progressToken", json_integer(id));
        json_object_set_new(params, "_meta", meta);
}

void errand_send_take(struct errand *errand, struct link *link, const char *method, json_t *params)
{
        int64_t id = ++link->last_id;
        struct exchange *x;

        if (errand->call != NULL && errand->call->progress_token != NULL)
                set_progress_token(params, id);
        x = exchange_new(link, EXCHANGE_REQUEST,
                         rpc_request_take(json_integer(id), method, params));
        if (x == NULL) {
                errand->on_fail(errand, "out of memory");
                return;
        }
        x->id = id;
        x->errand = errand;
        errand->exchange = x;
        if (link->state == LINK_READY && !upstream_may_try(link->upstream)) {
                char why[256];

                snprintf(why, sizeof(why), "is left alone for a while: %s", link->upstream->why);
                exchange_end(x);
                errand->on_fail(errand, why);
        } else if (link->state == LINK_READY) {
                exchange_start(x);
        } else {
                link_try(link);
        }
}

void errand_drop(struct errand *errand, const char *why)
{
        struct exchange *x = errand->exchange;
        struct link *link;
        bool was_sent;
        int64_t id;

        if (x == NULL)
                return;
        link = x->owner;
        was_sent = x->wire != NULL;
        id = x->id;
        exchange_end(x);
        if (why != NULL && was_sent && link->state == LINK_READY)
                link_send_take(link,
                               rpc_notification_take("notifications/cancelled",
                                                     json_pack("{s:I, s:s}", "requestId",
                                                               (json_int_t)id, "reason", why)));
}

void link_request_take(struct link *link, const char *method, json_t *params)
{
        int64_t id = ++link->last_id;
        struct exchange *x;

        if (link->state == LINK_DOWN) {
                json_decref(params);
                return;
        }
        x = exchange_new(link, EXCHANGE_REQUEST,
                         rpc_request_take(json_integer(id), method, params));
        if (x == NULL)
                return;
        x->id = id;
        if (link->state == LINK_READY)
                exchange_start(x);
}

void link_send_take(struct link *link, json_t *msg)
{
        struct exchange *x;

        if (link->state == LINK_DOWN) {
                json_decref(msg);
                return;
        }
        x = exchange_new(link, EXCHANGE_SEND, msg);
        if (x != NULL && link->state == LINK_READY)
                exchange_start(x);
}
