/* Messages of ours on their way to an upstream. Ids and progress tokens there are our own numbers.
 * What found its session lost, or does no harm twice, is sent once more. */
#include "listen.h"
#include "mgw/base/log.h"
#include "mgw/gate/account.h"
#include "mgw/gate/call.h"
#include "mgw/wire/json_raw.h"
#include "mgw/wire/json_str.h"
#include "refetch.h"
#include "rounds.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* Messages on their way to one upstream that get no answer; more are dropped. */
#define SENDS_MAX 256

/* A double holds no more. */
#define ID_MAX (INT64_C(1) << 53)

/* Of one link at once, that nobody waits for. */
#define UNASKED_MAX 16

static void exchange_free(void *object)
{
        struct exchange *x = object;

        json_decref(x->msg);
        json_decref(x->hello);
        free(x);
}

bool exchange_is_open(const struct exchange *x)
{
        return !list_is_empty(&x->link);
}

static void exchange_unlist(struct exchange *x)
{
        list_unlink(&x->link);
        if (x->hh.tbl != NULL)
                HASH_DEL(x->owner->by_id, x);
        x->hh.tbl = NULL;
}

void exchange_move(struct exchange *x, struct list *list)
{
        exchange_unlist(x);
        list_append(list, &x->link);
}

void exchange_end(struct exchange *x)
{
        struct link *link = x->owner;

        exchange_unlist(x);
        timer_disarm(link_loop(link), &x->silence);
        link->n_sends -= !exchange_is_request(x);
        if (x->is_unasked) {
                link->n_unasked--;
                if (!list_is_empty(&link->queued))
                        loop_defer(link_loop(link), &link->pump);
        }
        if (x->kind == EXCHANGE_LISTEN)
                listen_forget(x);
        if (x->errand != NULL)
                x->errand->exchange = NULL;
        x->errand = NULL;
        rounds_drop(x->rounds);
        refetch_drop(x->refetch);
        if (x->wire != NULL)
                link->transport->drop(x);
        loop_bury(link_loop(link), x, exchange_free);
}

void exchange_answer_take(struct exchange *x, json_t *answer)
{
        struct errand *errand = x->errand;

        exchange_end(x);
        if (errand == NULL)
                json_decref(answer);
        else if (answer != NULL)
                errand->on_answer_take(errand, answer);
        else
                errand->on_fail(errand, "out of memory");
}

/* What is being relayed is known for what it is to its end. */
static void exchange_note_cancel(struct exchange *x)
{
        const struct call *call = exchange_call(x);

        if (!exchange_is_outlived(x) && (call == NULL || call->relay == NULL))
                x->owner->given_up_in = x->generation;
}

/* A session that is over is told nothing. */
static bool exchange_may_cancel(const struct exchange *x)
{
        return x->wire != NULL && !exchange_is_outlived(x);
}

void link_cancel(struct link *link, int64_t id, const char *why)
{
        link_send_take(link, rpc_notification_take("notifications/cancelled",
                                                   json_pack("{s:I, s:s}", "requestId",
                                                             (json_int_t)id, "reason", why)));
}

/* What nobody waits for has the time of an opening, what greets the link's deadline. 0: for ever.
 */
static int64_t exchange_patience_ms(const struct exchange *x)
{
        const struct upstream *u = x->owner->upstream;

        if (exchange_greets(x) || x->kind == EXCHANGE_LISTEN ||
            (link_is_lodger(x->owner) && x->errand != NULL))
                return 0; /* the link's deadline, and the host's patience, are enough */
        return x->errand != NULL ? u->server->timeout_ms
                                 : u->gate->config->upstream_open_timeout_ms;
}

static void exchange_on_silence(struct timer *timer)
{
        struct exchange *x = container_of(timer, struct exchange, silence);
        struct link *link = x->owner;
        bool is_running = x->kind == EXCHANGE_REQUEST && exchange_may_cancel(x);
        int64_t id = x->id;
        char why[64];

        snprintf(why, sizeof(why), "it has been silent for %g s%s",
                 (double)exchange_patience_ms(x) / 1000, x->errand != NULL ? " (timeout_s)" : "");
        exchange_note_cancel(x);
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

struct exchange *exchange_new(struct link *link, enum exchange_kind kind, json_t *msg_take)
{
        bool is_request = kind != EXCHANGE_NOTIFY && kind != EXCHANGE_REPLY;
        bool has_room = is_request || link->n_sends < SENDS_MAX;
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
        link->n_sends += !is_request;
        x->generation = is_request ? 0 : link->generation;
        list_append(&link->waiting, &x->link);
        return x;
}

static void exchange_fix(struct exchange *x)
{
        const struct link *link = x->owner;

        json_decref(x->hello);
        x->hello = exchange_greets(x) ? NULL : json_incref(link->hello);
        x->generation = link->generation;
        x->is_stateless = link->is_stateless;
}

/* -ENOMEM: it has failed. */
static int exchange_open_params(struct exchange *x)
{
        json_t *params = exchange_params(x);

        if (!json_is_raw(params) || !(x->is_stateless || x->owner->transport->looks_inside))
                return 0;
        params = json_raw_open_take(json_incref(params));
        if (params != NULL && json_object_set_new(x->msg, "params", params) == 0)
                return 0;
        exchange_fail(x, "out of memory", FAULT_FINAL);
        return -ENOMEM;
}

/* So that what a client ends or tells all at once is not as many connections to its server. */
static bool exchange_waits_for_others(struct exchange *x)
{
        struct link *link = x->owner;

        if (x->errand != NULL || x->is_unasked || exchange_greets(x) || x->kind == EXCHANGE_LISTEN)
                return false;
        if (link->n_unasked >= UNASKED_MAX) {
                list_move_to_tail(&link->queued, &x->link);
                return true;
        }
        x->is_unasked = true;
        link->n_unasked++;
        return false;
}

void link_on_pump(struct loop_task *task)
{
        struct link *link = container_of(task, struct link, pump);
        struct list *it;

        while (link->state == LINK_READY && link->n_unasked < UNASKED_MAX &&
               (it = list_first(&link->queued)) != NULL)
                exchange_start(container_of(it, struct exchange, link));
}

void exchange_start(struct exchange *x)
{
        struct link *link = x->owner;
        bool is_late = !exchange_is_request(x) &&
                       (exchange_is_outlived(x) || !link_takes_notification(link, x->msg));

        if (is_late) { /* it was meant for a session, and that is over */
                exchange_end(x);
                return;
        }
        if (exchange_waits_for_others(x))
                return;
        exchange_move(x, &link->exchanges);
        if (x->id > 0)
                HASH_ADD(hh, link->by_id, id, sizeof(x->id), x);
        exchange_fix(x);
        exchange_heard(x);
        if (exchange_open_params(x) < 0)
                return;
        if (!x->is_stateless || x->kind != EXCHANGE_REQUEST || !link_answers_itself(x))
                link->transport->send(x);
}

const char *exchange_version(const struct exchange *x)
{
        return json_string_value(json_object_get(x->hello, "protocolVersion"));
}

/* Progress upstream is counted under the id of our request. */
static void set_progress_token(json_t *params, int64_t id)
{
        json_t *meta = json_copy(json_object_get(params, "_meta"));

        json_object_set_new(meta, "progressToken", json_integer(id));
        json_object_set_new(params, "_meta", meta);
}

void exchange_park(struct exchange *x)
{
        timer_disarm(link_loop(x->owner), &x->silence);
        if (x->wire != NULL)
                x->owner->transport->drop(x);
        exchange_move(x, &x->owner->parked);
}

void exchange_unpark(struct exchange *x)
{
        struct link *link = x->owner;

        x->id = ++link->last_id;
        json_object_set_new(x->msg, "id", json_integer(x->id));
        if (exchange_call(x) != NULL && exchange_call(x)->progress_token != NULL)
                set_progress_token(exchange_params(x), x->id);
        x->was_retried = false;
        list_move_to_tail(&link->waiting, &x->link);
        if (link->state == LINK_READY)
                exchange_start(x);
        else
                link_try(link);
}

/* Ours are integers above 0, which some servers give back as 3.0 or "3". 0: it is none of ours. */
static int64_t id_number(const json_t *id)
{
        uint64_t number = 0;

        if (json_is_string(id) && str_to_u64(json_str(id), &number) != 0)
                number = 0;
        if (json_is_real(id) && json_real_value(id) >= 1 && json_real_value(id) <= ID_MAX)
                number = (uint64_t)json_real_value(id);
        if (json_is_integer(id) && json_integer_value(id) > 0)
                number = (uint64_t)json_integer_value(id);
        return number <= (uint64_t)ID_MAX ? (int64_t)number : 0;
}

struct exchange *exchange_find(struct link *link, const json_t *id)
{
        int64_t number = id_number(id);
        struct exchange *x = NULL;

        if (number > 0)
                HASH_FIND(hh, link->by_id, &number, sizeof(number), x);
        return x;
}

static void exchange_wait_again(struct exchange *x)
{
        x->was_retried = true;
        if (x->wire != NULL)
                x->owner->transport->drop(x);
        exchange_move(x, &x->owner->waiting);
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

/* For the log: of the call, where there is one. */
static const char *exchange_user(const struct exchange *x)
{
        const struct call *call = exchange_call(x);

        return call != NULL ? call->session->user->email : x->owner->session->user->email;
}

static struct share *exchange_share(const struct exchange *x)
{
        const struct call *call = exchange_call(x);

        return call != NULL ? call->share : link_share(x->owner);
}

void exchange_rest(const struct exchange *x, int64_t ms)
{
        account_rest(x->owner->account, exchange_share(x), ms);
}

/* Once more where that does no harm; else whoever waits is told. */
void exchange_give_up(struct exchange *x, const struct failure *f)
{
        struct link *link = x->owner;
        struct errand *errand = x->errand;
        const char *why = f->why; /* the end of the exchange may free what the failure lies in */

        if (exchange_may_repeat(x, f->fault)) {
                if (upstream_may_log(link->upstream))
                        log_info(LOG_FIELDS({"user", exchange_user(x)}, {"detail", f->detail}),
                                 "[upstream] %s: %s: sent once more", upstream_name(link->upstream),
                                 why);
                exchange_repeat(x);
                return;
        }
        /* Else its host has told, or the link when it was kept out. */
        if (!link_is_lodger(link) && link->account != NULL)
                if (upstream_may_log(link->upstream))
                        log_warn(LOG_FIELDS({"user", exchange_user(x)}, {"detail", f->detail}),
                                 "[upstream] %s: %s", upstream_name(link->upstream), why);
        exchange_end(x);
        if (errand != NULL)
                errand->on_fail(errand, why);
}

void exchange_fail_as(struct exchange *x, const struct failure *f)
{
        struct link *link = x->owner;

        if (x->kind == EXCHANGE_DISCOVER && f->fault == FAULT_CUT && link_greets_otherwise(x))
                return;
        if (x->kind == EXCHANGE_LISTEN) {
                listen_on_end(x, NULL);
                return;
        }
        if (exchange_greets(x)) {
                exchange_end(x);
                link_open_failed_as(link, f);
                return;
        }
        if (x->errand != NULL && !exchange_may_repeat(x, f->fault) && !link->transport->is_own)
                upstream_failed(link->upstream, exchange_share(x), f->sign, f->why);
        exchange_give_up(x, f);
}

void exchange_fail(struct exchange *x, const char *why, enum exchange_fault fault)
{
        const struct failure failure = {.why = why, .fault = fault};

        exchange_fail_as(x, &failure);
}

void exchange_again(struct exchange *x)
{
        struct link *link = x->owner;
        bool tells = !exchange_is_outlived(x) && link->state == LINK_READY;

        if (!exchange_is_request(x))
                exchange_end(x);
        else if (tells)
                exchange_wait_again(x);
        else
                exchange_repeat(x);
        if (tells)
                link_forgotten(link);
}

void exchange_outlived(struct exchange *x, enum exchange_fault fault)
{
        if (exchange_is_request(x))
                exchange_give_up(
                        x, &(const struct failure){.why = "its session ended before the answer",
                                                   .fault = fault});
        else
                exchange_end(x);
}

/* ---- from above ---- */

static void errand_refuse_for_rest(struct errand *errand, int64_t ms)
{
        char why[80];

        snprintf(why, sizeof(why),
                 "it has asked to be left alone for %" PRId64 " s more (Retry-After)",
                 (ms + 999) / 1000);
        exchange_end(errand->exchange);
        errand->on_fail(errand, why);
}

void errand_send_take(struct errand *errand, struct link *link, const char *method, json_t *params)
{
        int64_t id = ++link->last_id;
        int64_t rest_ms = 0;
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
        if (errand->call != NULL) /* what it offers may be asked for */
                rest_ms = account_rest_ms(link->account, exchange_share(x));
        if (rest_ms > 0) {
                errand_refuse_for_rest(errand, rest_ms);
        } else if (link->state == LINK_READY && !link->transport->is_own &&
                   !upstream_may_try(link->upstream, exchange_share(x))) {
                exchange_end(x);
                errand->on_fail(errand, upstream_left_alone);
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
        was_sent = exchange_may_cancel(x);
        id = x->id;
        if (why != NULL)
                exchange_note_cancel(x);
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

        if (link->state == LINK_DOWN || !link_takes_notification(link, msg)) {
                json_decref(msg);
                return;
        }
        x = exchange_new(link,
                         json_is_string(json_object_get(msg, "method")) ? EXCHANGE_NOTIFY
                                                                        : EXCHANGE_REPLY,
                         msg);
        if (x != NULL && link->state == LINK_READY)
                exchange_start(x);
}
