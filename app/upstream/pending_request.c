/* Messages of ours on their way to an upstream. Ids and progress tokens there are our own numbers.
 * What found its session lost, or does no harm twice, is sent once more. */
#include "header_retry.h"
#include "mgw/base/log.h"
#include "mgw/config/config.h"
#include "mgw/upstream/account.h"
#include "mgw/wire/json_raw.h"
#include "mgw/wire/json_str.h"
#include "mrtr.h"
#include "upstream_listen.h"

#include "mgw/base/alloc.h"
#include "mgw/base/clock.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* Messages on their way to one upstream that get no answer; more are dropped. */
#define SENDS_MAX 256

/* A double holds no more. */
#define ID_MAX (INT64_C(1) << 53)

/* Of one upstream session at once, that nobody waits for. */
#define UNASKED_MAX 16

static void pending_request_free(void *object)
{
        struct pending_request *pending = object;

        json_decref(pending->msg);
        json_decref(pending->init_result);
        free(pending);
}

void pending_request_move(struct pending_request *pending, enum pending_request_state to)
{
        struct upstream_session *us = pending->owner;
        struct list *const lists[PENDING_REQUEST_N_STATES] = {
                [PENDING_REQUEST_WAITING] = &us->waiting,
                [PENDING_REQUEST_QUEUED] = &us->queued,
                [PENDING_REQUEST_SENT] = &us->sent,
                [PENDING_REQUEST_PARKED] = &us->parked,
        };

        assert(pending_request_may_move[pending->state][to]);
        assert(pending->transfer == NULL || to == PENDING_REQUEST_OVER);
        list_unlink(&pending->node);
        if (pending->hh.tbl != NULL)
                HASH_DEL(us->by_id, pending);
        pending->hh.tbl = NULL;
        pending->state = to;
        if (lists[to] != NULL)
                list_append(lists[to], &pending->node);
        if (to == PENDING_REQUEST_SENT && pending->id > 0)
                HASH_ADD(hh, us->by_id, id, sizeof(pending->id), pending);
}

void pending_request_set_aside(struct pending_request *pending, struct list *aside)
{
        pending_request_move(pending, PENDING_REQUEST_ASIDE);
        list_append(aside, &pending->node);
}

void pending_request_drop_transfer(struct pending_request *pending)
{
        if (pending->transfer != NULL)
                pending->owner->transport->drop(pending);
}

void pending_request_end(struct pending_request *pending)
{
        struct upstream_session *us = pending->owner;

        pending_request_move(pending, PENDING_REQUEST_OVER);
        timer_disarm(upstream_session_loop(us), &pending->silence);
        assert(pending_request_is_request(pending) || us->n_sends > 0);
        us->n_sends -= !pending_request_is_request(pending);
        if (pending->is_unasked) {
                assert(us->n_unasked > 0);
                us->n_unasked--;
                if (!list_is_empty(&us->queued))
                        loop_defer(upstream_session_loop(us), &us->pump);
        }
        if (pending->kind == PENDING_REQUEST_LISTEN)
                upstream_listen_forget(pending);
        if (pending->request != NULL)
                pending->request->pending = NULL;
        pending->request = NULL;
        mrtr_drop(pending->mrtr);
        header_retry_drop(pending->header_retry);
        pending_request_drop_transfer(pending);
        loop_bury(upstream_session_loop(us), pending, pending_request_free);
}

struct upstream_call *pending_request_call(const struct pending_request *pending)
{
        return pending != NULL && pending->request != NULL ? pending->request->call : NULL;
}

/* One that goes by a shared session is counted there. */
static bool is_counted(const struct pending_request *pending)
{
        return pending->request != NULL && !upstream_session_uses_shared(pending->owner);
}

static void count_answer(const struct pending_request *pending, const json_t *answer)
{
        upstream_answered(pending->owner->upstream, pending_request_method(pending), answer,
                          clock_monotonic_us() - pending->sent_us);
}

void pending_request_answer_take(struct pending_request *pending, json_t *answer)
{
        struct upstream_request *request = pending->request;

        if (is_counted(pending))
                count_answer(pending, answer);
        pending_request_end(pending);
        if (request == NULL)
                json_decref(answer);
        else if (answer != NULL)
                request->events->on_answer_take(request, answer);
        else
                request->events->on_fail(request, "out of memory");
}

/* What is being relayed is known for what it is to its end. */
void pending_request_note_cancel(struct pending_request *pending)
{
        const struct upstream_call *call = pending_request_call(pending);

        if (!pending_request_is_outlived(pending) && (call == NULL || !call->is_relayed))
                pending->owner->given_up_in = pending->generation;
}

/* A session that is over is told nothing. */
bool pending_request_may_cancel(const struct pending_request *pending)
{
        return pending->transfer != NULL && !pending_request_is_outlived(pending);
}

/* What nobody waits for has the time of an opening, a handshake the upstream session's deadline. 0:
 * for ever. */
static int64_t pending_request_patience_ms(const struct pending_request *pending)
{
        const struct upstream *u = pending->owner->upstream;

        if (pending_request_is_handshake(pending) || pending->kind == PENDING_REQUEST_LISTEN ||
            (upstream_session_uses_shared(pending->owner) && pending->request != NULL))
                return 0; /* the upstream session's deadline, and the shared session's patience, are
                             enough */
        return pending->request != NULL ? u->server->timeout_ms
                                        : u->context->config->upstream_open_timeout_ms;
}

static void pending_request_on_silence(struct timer *timer)
{
        struct pending_request *pending = container_of(timer, struct pending_request, silence);
        struct upstream_session *us = pending->owner;
        bool is_running =
                pending->kind == PENDING_REQUEST_REQUEST && pending_request_may_cancel(pending);
        int64_t id = pending->id;
        char why[64];

        snprintf(why, sizeof(why), "it has been silent for %g s%s",
                 (double)pending_request_patience_ms(pending) / 1000,
                 pending->request != NULL ? " (timeout_s)" : "");
        pending_request_note_cancel(pending);
        pending_request_fail_as(
                pending,
                &(const struct failure){.why = why, .fault = FAULT_FINAL, .was_silent = true});
        if (is_running)
                upstream_session_cancel(us, id, why);
}

void pending_request_heard(struct pending_request *pending)
{
        int64_t patience_ms = pending_request_patience_ms(pending);

        if (patience_ms > 0)
                timer_arm(upstream_session_loop(pending->owner), &pending->silence, patience_ms);
}

struct pending_request *pending_request_new(struct upstream_session *us,
                                            enum pending_request_kind kind, json_t *msg_take)
{
        bool is_request = kind != PENDING_REQUEST_NOTIFY && kind != PENDING_REQUEST_REPLY;
        bool has_room = is_request || us->n_sends < SENDS_MAX;
        struct pending_request *pending;

        if (!has_room && upstream_may_log(us->upstream))
                log_warn(NULL, "[upstream] %s: it takes no messages, one more is dropped",
                         upstream_name(us->upstream));
        if (!has_room || msg_take == NULL) {
                json_decref(msg_take);
                return NULL;
        }
        pending = alloc_zeroed(sizeof(*pending));
        pending->owner = us;
        pending->kind = kind;
        pending->msg = msg_take;
        pending->silence.on_due = pending_request_on_silence;
        us->n_sends += !is_request;
        pending->generation = is_request ? 0 : us->generation;
        list_append(&us->waiting, &pending->node); /* PENDING_REQUEST_WAITING */
        return pending;
}

static void pending_request_fix(struct pending_request *pending)
{
        const struct upstream_session *us = pending->owner;

        json_decref(pending->init_result);
        pending->init_result =
                pending_request_is_handshake(pending) ? NULL : json_incref(us->init_result);
        pending->generation = us->generation;
        pending->is_stateless = us->is_stateless;
}

/* -ENOMEM: it has failed. */
static int pending_request_open_params(struct pending_request *pending)
{
        json_t *params = pending_request_params(pending);

        if (!json_is_raw(params) ||
            !(pending->is_stateless || pending->owner->transport->looks_inside))
                return 0;
        params = json_raw_open_take(json_incref(params));
        if (params != NULL && json_object_set_new(pending->msg, "params", params) == 0)
                return 0;
        pending_request_fail(pending, "out of memory", FAULT_FINAL);
        return -ENOMEM;
}

/* So that what a client ends or tells all at once is not as many connections to its server. */
static bool pending_request_waits_for_others(struct pending_request *pending)
{
        struct upstream_session *us = pending->owner;

        if (pending->request != NULL || pending->is_unasked ||
            pending_request_is_handshake(pending) || pending->kind == PENDING_REQUEST_LISTEN)
                return false;
        if (us->n_unasked >= UNASKED_MAX) {
                pending_request_move(pending, PENDING_REQUEST_QUEUED);
                return true;
        }
        pending->is_unasked = true;
        us->n_unasked++;
        return false;
}

void pending_requests_on_pump(struct loop_task *task)
{
        struct upstream_session *us = container_of(task, struct upstream_session, pump);
        struct list *it;

        while (us->state == UPSTREAM_SESSION_READY && us->n_unasked < UNASKED_MAX &&
               (it = list_first(&us->queued)) != NULL)
                pending_request_start(container_of(it, struct pending_request, node));
}

void pending_request_start(struct pending_request *pending)
{
        struct upstream_session *us = pending->owner;
        bool is_late = !pending_request_is_request(pending) &&
                       (pending_request_is_outlived(pending) ||
                        !upstream_session_takes_notification(us, pending->msg));

        if (is_late) { /* it was meant for a session, and that is over */
                pending_request_end(pending);
                return;
        }
        if (pending_request_waits_for_others(pending))
                return;
        pending_request_move(pending, PENDING_REQUEST_SENT);
        pending->sent_us = clock_monotonic_us();
        pending_request_fix(pending);
        pending_request_heard(pending);
        if (pending_request_open_params(pending) < 0)
                return;
        if (!pending->is_stateless || pending->kind != PENDING_REQUEST_REQUEST ||
            !upstream_session_answers_itself(pending))
                us->transport->send(pending);
}

const char *pending_request_version(const struct pending_request *pending)
{
        return json_string_value(json_object_get(pending->init_result, "protocolVersion"));
}

/* Progress upstream is counted under the id of our request. */
void pending_request_set_token(json_t *params, int64_t id)
{
        json_t *meta = json_copy(json_object_get(params, "_meta"));

        json_object_set_new(meta, "progressToken", json_integer(id));
        json_object_set_new(params, "_meta", meta);
}

void pending_request_park(struct pending_request *pending)
{
        timer_disarm(upstream_session_loop(pending->owner), &pending->silence);
        pending_request_drop_transfer(pending);
        pending_request_move(pending, PENDING_REQUEST_PARKED);
}

void pending_request_unpark(struct pending_request *pending)
{
        struct upstream_session *us = pending->owner;

        assert(pending->state == PENDING_REQUEST_PARKED);
        pending->id = ++us->last_id;
        json_object_set_new(pending->msg, "id", json_integer(pending->id));
        if (pending_request_call(pending) != NULL && pending_request_call(pending)->wants_progress)
                pending_request_set_token(pending_request_params(pending), pending->id);
        pending->was_retried = false;
        pending_request_move(pending, PENDING_REQUEST_WAITING);
        if (us->state == UPSTREAM_SESSION_READY)
                pending_request_start(pending);
        else
                upstream_session_try(us);
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

struct pending_request *pending_request_find(struct upstream_session *us, const json_t *id)
{
        int64_t number = id_number(id);
        struct pending_request *pending = NULL;

        if (number > 0)
                HASH_FIND(hh, us->by_id, &number, sizeof(number), pending);
        return pending;
}

static void pending_request_wait_again(struct pending_request *pending)
{
        pending->was_retried = true;
        pending_request_drop_transfer(pending);
        pending_request_move(pending, PENDING_REQUEST_WAITING);
}

static void pending_request_repeat(struct pending_request *pending)
{
        pending_request_wait_again(pending);
        if (pending->owner->state == UPSTREAM_SESSION_READY)
                pending_request_start(pending);
        else
                upstream_session_try(pending->owner);
}

static bool pending_request_may_repeat(const struct pending_request *pending,
                                       enum pending_request_fault fault)
{
        bool was_started = pending->generation > 0;

        return pending->request != NULL && was_started && !pending->was_retried &&
               (fault == FAULT_UNSENT || (fault == FAULT_CUT && pending->request->may_repeat));
}

/* For the log: of the call, where there is one. */
static const char *pending_request_user(const struct pending_request *pending)
{
        const struct upstream_call *call = pending_request_call(pending);

        return (call != NULL ? call->client : pending->owner->client)->user->email;
}

struct share *pending_request_share(const struct pending_request *pending)
{
        const struct upstream_call *call = pending_request_call(pending);

        return call != NULL ? call->share : upstream_session_share(pending->owner);
}

void pending_request_rest(const struct pending_request *pending, int64_t ms)
{
        account_back_off(pending->owner->account, pending_request_share(pending), ms);
}

/* Once more where that does no harm; else whoever waits is told. */
void pending_request_give_up(struct pending_request *pending, const struct failure *f)
{
        struct upstream_session *us = pending->owner;
        struct upstream_request *request = pending->request;
        const char *why =
                f->why; /* the end of the pending request may free what the failure lies in */

        if (pending_request_may_repeat(pending, f->fault)) {
                if (upstream_may_log(us->upstream))
                        log_info(LOG_FIELDS({"user", pending_request_user(pending)},
                                            {"detail", f->detail}),
                                 "[upstream] %s: %s: sent once more", upstream_name(us->upstream),
                                 why);
                pending_request_repeat(pending);
                return;
        }
        /* Else its shared session has told, or the upstream session when it was kept out. */
        if (!upstream_session_uses_shared(us) && us->account != NULL && f->fault != FAULT_GRANT)
                if (upstream_may_log(us->upstream))
                        log_warn(LOG_FIELDS({"user", pending_request_user(pending)},
                                            {"detail", f->detail}),
                                 "[upstream] %s: %s", upstream_name(us->upstream), why);
        pending_request_end(pending);
        if (request == NULL)
                return;
        request->needs_grant = f->fault == FAULT_GRANT;
        request->was_silent = f->was_silent;
        request->events->on_fail(request, why);
}

void pending_request_fail_as(struct pending_request *pending, const struct failure *f)
{
        struct upstream_session *us = pending->owner;

        if (pending->kind == PENDING_REQUEST_DISCOVER && f->fault == FAULT_CUT &&
            upstream_session_handshake_otherwise(pending))
                return;
        if (pending->kind == PENDING_REQUEST_LISTEN) {
                upstream_listen_on_end(pending, NULL);
                return;
        }
        if (pending_request_is_handshake(pending)) {
                pending_request_end(pending);
                upstream_session_open_failed_as(us, f);
                return;
        }
        if (pending->request != NULL && !pending_request_may_repeat(pending, f->fault) &&
            !us->transport->is_own)
                upstream_failed(us->upstream, pending_request_share(pending), f->sign, f->why);
        pending_request_give_up(pending, f);
}

void pending_request_fail(struct pending_request *pending, const char *why,
                          enum pending_request_fault fault)
{
        const struct failure failure = {.why = why, .fault = fault};

        pending_request_fail_as(pending, &failure);
}

void pending_request_again(struct pending_request *pending)
{
        struct upstream_session *us = pending->owner;
        bool tells = !pending_request_is_outlived(pending) && us->state == UPSTREAM_SESSION_READY;

        if (!pending_request_is_request(pending))
                pending_request_end(pending);
        else if (tells)
                pending_request_wait_again(pending);
        else
                pending_request_repeat(pending);
        if (tells)
                upstream_session_forgotten(us);
}

void pending_request_outlived(struct pending_request *pending, enum pending_request_fault fault)
{
        if (pending_request_is_request(pending))
                pending_request_give_up(
                        pending,
                        &(const struct failure){.why = "its session ended before the answer",
                                                .fault = fault});
        else
                pending_request_end(pending);
}

void pending_request_unreadable(struct pending_request *pending, const char *fault)
{
        char why[224];

        snprintf(why, sizeof(why), "its answer cannot be read: %s", fault);
        if (pending->kind != PENDING_REQUEST_DISCOVER ||
            !upstream_session_handshake_otherwise(pending))
                pending_request_fail(pending, why, FAULT_FINAL);
}

bool pending_request_begin_relay(struct pending_request *pending, bool as_event, struct str head)
{
        struct upstream_call *call = pending_request_call(pending);
        bool counts;

        if (call == NULL || call->is_relayed)
                return false;
        counts = is_counted(pending); /* by its end it is not told any more */
        call->is_relayed = true; /* by its end, which may come from within, it is known for that */
        call->is_relayed =
                call->events->relay_begin(call, pending->id, pending->is_stateless, as_event, head);
        if (call->is_relayed && counts)
                count_answer(pending, NULL);
        return call->is_relayed;
}

void pending_request_feed_relay(struct pending_request *pending, struct str bytes, bool is_last)
{
        struct upstream_call *call = pending_request_call(pending);

        assert(call != NULL && call->is_relayed);
        call->events->relay_feed(call, bytes, is_last);
}
