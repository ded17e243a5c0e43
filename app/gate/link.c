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

/* Messages on their way to one upstream that get no answer; more are dropped. */
#define SENDS_MAX 256
/* A session that was opened so often without one answer in between is no sign of health. */
#define UNPROVEN_MAX 2
/* Subscriptions that are made again in a new session. */
#define SUBSCRIPTIONS_MAX 1000

static void link_try(struct link *link);
static void exchange_give_up(struct exchange *x, const char *why, enum exchange_fault fault);

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
        link->n_sends -= x->kind == EXCHANGE_SEND;
        if (x->errand != NULL)
                x->errand->exchange = NULL;
        x->errand = NULL;
        if (x->wire != NULL)
                link->transport->drop(x);
        loop_bury(link_loop(link), x, exchange_free);
}

static void link_cancel(struct link *link, int64_t id, const char *why)
{
        link_send_take(link, rpc_notification_take("notifications/cancelled",
                                                   json_pack("{s:I, s:s}", "requestId",
                                                             (json_int_t)id, "reason", why)));
}

/* What nobody waits for has the time of an opening, initialize the link's deadline. 0: for ever. */
static int64_t exchange_patience_ms(const struct exchange *x)
{
        const struct upstream *u = x->owner->upstream;

        if (x->kind == EXCHANGE_INITIALIZE)
                return 0;
        return x->errand != NULL ? u->server->timeout_ms
                                 : u->gate->config->upstream_open_timeout_ms;
}

static void exchange_on_silence(struct timer *timer)
{
        struct exchange *x = container_of(timer, struct exchange, silence);
        struct link *link = x->owner;
        bool is_running = x->kind == EXCHANGE_REQUEST && x->wire != NULL;
        int64_t id = x->id;
        char why[64];

        snprintf(why, sizeof(why), "it has been silent for %g s%s",
                 (double)exchange_patience_ms(x) / 1000, x->errand != NULL ? " (timeout_s)" : "");
        exchange_fail(x, why, FAULT_FINAL);
        if (is_running)
                link_cancel(link, id, why);
}

void exchange_heard(struct exchange *x)
{
        int64_t patience_ms = exchange_patience_ms(x);

        if (patience_ms > 0)
                timer_arm(link_loop(x->owner), &x->silence, patience_ms);
}

static struct exchange *exchange_new(struct link *link, enum exchange_kind kind, json_t *msg_take)
{
        bool has_room = kind != EXCHANGE_SEND || link->n_sends < SENDS_MAX;
        struct exchange *x = has_room ? calloc(1, sizeof(*x)) : NULL;

        if (!has_room && upstream_may_log(link->upstream))
                log_warn(NULL, "[upstream] %s: it takes no messages, one more is dropped",
                         upstream_name(link->upstream));
        if (x == NULL || msg_take == NULL) {
                json_decref(msg_take);
                free(x);
                return NULL;
        }
        x->owner = link;
        x->kind = kind;
        x->msg = msg_take;
        x->silence.on_due = exchange_on_silence;
        link->n_sends += kind == EXCHANGE_SEND;
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
                exchange_give_up(container_of(it, struct exchange, link), why, FAULT_UNSENT);
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
        upstream_forget_transport(link->upstream);
        link_set_down(link, why);
}

/* A limit of ours keeps it out, which says nothing of the upstream: the links of others work. */
static void link_wait_for_room(struct link *link, const char *why)
{
        if (!link->is_missing)
                log_warn(LOG_FIELDS({"user", link->session->user->email}),
                         "[upstream] %s: %s: its entries are missing until there is room",
                         upstream_name(link->upstream), why);
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

/* What is on its way by the other transport goes on by it. */
static int link_take_transport(struct link *link, const struct transport *transport)
{
        void *before = link->peer, *peer;
        int r;

        if (link->transport == transport || !list_is_empty(&link->exchanges))
                return 0;
        r = transport->create(link);
        if (r < 0)
                return r;
        peer = link->peer;
        link->peer = before;
        link->transport->destroy(link);
        link->peer = peer;
        link->transport = transport;
        return 0;
}

static void link_begin(struct link *link)
{
        struct upstream *u = link->upstream;
        struct exchange *x;
        char why[256];
        int r;

        link->state = LINK_OPENING;
        link->generation++;
        session_forget_asks(link->session, link); /* their ids mean nothing in a new session */
        r = link->transport->open(link, why, sizeof(why));
        if (r == -EAGAIN) {
                link_wait_for_room(link, why);
                return;
        }
        if (r < 0) {
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

static void link_try(struct link *link)
{
        struct upstream *u = link->upstream;
        char why[256];

        if (link->state != LINK_DOWN || link->session->is_ending)
                return;
        timer_disarm(link_loop(link), &link->retry);
        if (!upstream_may_try(u)) {
                snprintf(why, sizeof(why), "is left alone for a while: %s", u->why);
                link_set_down(link, why);
        } else if (link_take_transport(link, u->transport) < 0) {
                link_open_failed(link, "out of memory");
        } else {
                link_begin(link);
        }
}

void link_fall_back(struct link *link, const struct transport *transport)
{
        if (link_take_transport(link, transport) < 0)
                link_open_failed(link, "out of memory");
        else
                link_begin(link);
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

static void link_subscribe_again(struct link *link)
{
        const char *uri;
        json_t *yes;

        json_object_foreach (link->subscribed, uri, yes)
                link_request_take(link, "resources/subscribe", json_pack("{s:s}", "uri", uri));
}

static void link_on_hello(struct link *link, json_t *result)
{
        struct list *it;

        timer_disarm(link_loop(link), &link->deadline);
        if (++link->n_unproven <= UNPROVEN_MAX)
                upstream_worked(link->upstream);
        link->upstream->transport = link->transport; /* the next sessions need not find out */
        json_decref(link->hello);
        link->hello = json_incref(result);
        link->state = LINK_READY;
        link->n_changes++;
        link_send_take(link, rpc_notification_take("notifications/initialized", NULL));
        if (link->session->log_level >= 0 && link_can(link, "logging"))
                link_request_take(link, "logging/setLevel",
                                  json_pack("{s:s}", "level",
                                            method_log_level_name(link->session->log_level)));
        link_subscribe_again(link);
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

static void exchange_wait_again(struct exchange *x)
{
        x->was_retried = true;
        if (x->wire != NULL)
                x->owner->transport->drop(x);
        list_move_to_tail(&x->owner->waiting, &x->link);
}

static void exchange_repeat(struct exchange *x)
{
        exchange_wait_again(x);
        if (x->owner->state == LINK_READY)
                exchange_start(x);
        else
                link_try(x->owner);
}

static bool exchange_may_repeat(const struct exchange *x, enum exchange_fault fault)
{
        bool was_started = x->generation > 0;

        return x->errand != NULL && was_started && !x->was_retried &&
               (fault == FAULT_UNSENT || (fault == FAULT_CUT && x->errand->may_repeat));
}

/* Once more where that does no harm; else whoever waits is told. */
static void exchange_give_up(struct exchange *x, const char *why, enum exchange_fault fault)
{
        struct link *link = x->owner;
        struct errand *errand = x->errand;

        if (exchange_may_repeat(x, fault)) {
                log_info(LOG_FIELDS({"user", link->session->user->email}),
                         "[upstream] %s: %s: sent once more", upstream_name(link->upstream), why);
                exchange_repeat(x);
                return;
        }
        log_warn(LOG_FIELDS({"user", link->session->user->email}), "[upstream] %s: %s",
                 upstream_name(link->upstream), why);
        exchange_end(x);
        if (errand != NULL)
                errand->on_fail(errand, why);
}

void exchange_fail(struct exchange *x, const char *why, enum exchange_fault fault)
{
        struct link *link = x->owner;

        if (x->kind == EXCHANGE_INITIALIZE) {
                exchange_end(x);
                link_open_failed(link, why);
                return;
        }
        if (x->errand != NULL && !exchange_may_repeat(x, fault) && !link->transport->is_own)
                upstream_failed(link->upstream, why);
        exchange_give_up(x, why, fault);
}

void exchange_again(struct exchange *x)
{
        struct link *link = x->owner;

        if (x->generation != link->generation || link->state != LINK_READY) {
                exchange_repeat(x);
                return;
        }
        exchange_wait_again(x);
        link_forgotten(link);
}

void link_forgotten(struct link *link)
{
        if (link->state != LINK_READY)
                return;
        link->state = LINK_DOWN;
        if (link->n_unproven > UNPROVEN_MAX) {
                link_open_failed(link, "forgets its sessions before they are of use");
                return;
        }
        log_info(NULL, "[upstream] %s: session forgotten, opened again",
                 upstream_name(link->upstream));
        link_try(link);
}

void link_lost(struct link *link, const char *why)
{
        struct list lost;
        struct list *it;

        list_take_all(&lost, &link->exchanges);
        link_open_failed(link, why);
        while ((it = list_first(&lost)) != NULL) {
                struct exchange *x = container_of(it, struct exchange, link);

                if (x->kind == EXCHANGE_REQUEST)
                        exchange_give_up(x, why, FAULT_CUT);
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

/* ---- what comes ---- */

/* What is to be subscribed to again when the upstream's session is a new one. */
static void link_note_subscription(struct link *link, const json_t *request)
{
        const char *method = json_string_value(json_object_get(request, "method"));
        const char *uri =
                json_string_value(json_object_get(json_object_get(request, "params"), "uri"));

        if (uri == NULL)
                return;
        if (strcmp(method, "resources/unsubscribe") == 0)
                json_object_del(link->subscribed, uri);
        else if (strcmp(method, "resources/subscribe") == 0 &&
                 json_object_size(link->subscribed) < SUBSCRIPTIONS_MAX)
                json_object_set_new(link->subscribed, uri, json_true());
}

/* An error that carries no id is about the request whose HTTP answer it is. */
static void link_on_answer(struct link *link, struct exchange *via, const struct rpc_msg *m)
{
        struct exchange *x = m->id == NULL ? via : link_find(link, m->id);
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
        link->n_unproven = 0;
        errand = x->errand;
        if (m->kind == RPC_RESULT)
                link_note_subscription(link, x->msg);
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
        link->n_changes++;
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
        case METHOD_CANCELLED:
                session_cancel_ask(link->session, link, m->root);
                break;
        default:
                if (call == NULL || !call_send(call, m->root))
                        session_deliver(link->session, m->root);
        }
}

static void link_skip(struct link *link, const char *why)
{
        if (upstream_may_log(link->upstream))
                log_warn(NULL, "[upstream] %s: message skipped: %s", upstream_name(link->upstream),
                         why);
}

void link_on_message(struct link *link, struct exchange *via, json_t *root)
{
        struct call *call = via != NULL ? exchange_call(via) : link_newest_call(link);
        const char *fault;
        struct rpc_msg m;

        if (via != NULL)
                exchange_heard(via);
        if (rpc_msg_read(root, &m, &fault) != 0)
                link_skip(link, fault);
        else if (m.kind == RPC_NOTIFICATION)
                link_on_notification(link, call, &m);
        else if (m.kind != RPC_REQUEST)
                link_on_answer(link, via, &m);
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
                link_skip(link, why);
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
        link->subscribed = json_object();
        r = link->transport->create(link);
        if (r < 0) {
                json_decref(link->subscribed);
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
        json_decref(link->subscribed);
        for (size_t i = 0; i < LINK_N_LISTS; i++)
                json_decref(link->lists[i].entries);
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
        link->state = LINK_DOWN;
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
        if (link->state == LINK_READY && !link->transport->is_own &&
            !upstream_may_try(link->upstream)) {
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
                link_cancel(link, id, why);
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
