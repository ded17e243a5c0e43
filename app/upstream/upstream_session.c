/* An upstream session's states. A session that the upstream has forgotten is opened again, unseen;
 * one that was lost opens again by itself. */
#include "mgw/upstream/upstream_session.h"

#include "mgw/base/alloc.h"
#include "mgw/base/log.h"
#include "mgw/config/config.h"
#include "mgw/mcp/bridge.h"
#include "mgw/mcp/era.h"
#include "mgw/mcp/shape.h"
#include "mgw/upstream/account.h"
#include "mgw/upstream/fetch.h"
#include "upstream_listen.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

/* Its timer is doubled so often. */
#define KEPT_OUT_MAX 16
/* A session that was opened so often without one answer in between is no sign of health. */
#define UNPROVEN_MAX 2

/* ---- its states ---- */

/* Its deadline runs while it is OPENING alone, its retry while it is DOWN alone. */
static void upstream_session_move(struct upstream_session *us, enum upstream_session_state to)
{
        assert(upstream_session_may_move[us->state][to]);
        assert(to != UPSTREAM_SESSION_READY || us->init_result != NULL);
        if (to != UPSTREAM_SESSION_OPENING)
                timer_disarm(upstream_session_loop(us), &us->deadline);
        if (to != UPSTREAM_SESSION_DOWN)
                timer_disarm(upstream_session_loop(us), &us->retry);
        us->state = to;
}

/* ---- opening ---- */

static void upstream_session_settle(struct upstream_session *us)
{
        if (us->is_settled)
                return;
        us->is_settled = true;
        us->client->events->on_settled(us->client);
}

/* Walks what waits once: each has its end by it. */
static void upstream_session_fail_waiting(struct upstream_session *us, const char *why)
{
        const struct failure failure = {
                .why = why,
                .fault = us->is_unconnected ? FAULT_GRANT : FAULT_UNSENT,
        };
        struct list *it;

        while ((it = list_first(&us->waiting)) != NULL)
                pending_request_give_up(container_of(it, struct pending_request, node), &failure);
        while ((it = list_first(&us->queued)) != NULL)
                pending_request_end(container_of(it, struct pending_request, node));
}

/* It will be tried again: by its timer, or by who needs it. */
static void upstream_session_set_down(struct upstream_session *us, const char *why,
                                      int64_t retry_ms)
{
        upstream_session_move(us, UPSTREAM_SESSION_DOWN);
        us->is_missing = true;
        upstream_session_end_handshakes(us);
        if (us->shared == NULL) /* which tells when it is READY */
                timer_arm(upstream_session_loop(us), &us->retry, retry_ms);
        upstream_session_fail_waiting(us, why);
        upstream_session_settle(us);
        shared_session_on_down(us, why);
}

/* How long this upstream session alone is to wait, by no word of the breaker's: doubled each time.
 */
static int64_t upstream_session_own_wait_ms(struct upstream_session *us)
{
        const struct config *config = us->upstream->context->config;
        int64_t ms = config->upstream_retry_ms << us->n_kept_out;

        us->n_kept_out += us->n_kept_out < KEPT_OUT_MAX;
        return ms < config->upstream_retry_max_ms ? ms : config->upstream_retry_max_ms;
}

static void upstream_session_log_opening(const struct upstream_session *us, const struct failure *f)
{
        bool is_kept_out = f->fault == FAULT_OURS;

        if (f->fault == FAULT_GRANT) /* nothing is wrong */
                return;
        if ((is_kept_out && us->is_missing) || !upstream_may_log(us->upstream))
                return;
        log_warn(LOG_FIELDS({"user", us->client->user->email}, {"detail", f->detail}),
                 "[upstream] %s: %s: its entries are missing %s", upstream_name(us->upstream),
                 f->why, is_kept_out ? "for this session" : "until it is back");
}

void upstream_session_open_failed_as(struct upstream_session *us, const struct failure *f)
{
        struct upstream *u = us->upstream;
        int64_t wait_ms = account_back_off_ms(us->account, upstream_session_share(us));

        upstream_session_log_opening(us, f);
        if (!upstream_session_uses_shared(us)) /* its shared session has told */
                upstream_failed(u, upstream_session_share(us), f->sign, f->why);
        us->is_unconnected = f->fault == FAULT_GRANT;
        if (f->fault != FAULT_OURS && f->fault != FAULT_GRANT) {
                upstream_forget_transport(u);
                /* A server that was greeted is the same when it comes back. */
                if (us->state != UPSTREAM_SESSION_READY && !upstream_session_uses_shared(us))
                        upstream_forget_eras(u);
        }
        if (f->sign == BREAKER_NO_SIGN && wait_ms == 0)
                wait_ms = upstream_session_own_wait_ms(us);
        upstream_session_set_down(us, f->why,
                                  upstream_retry_in_ms(u, upstream_session_share(us), wait_ms));
        if (us->is_unconnected && us->state == UPSTREAM_SESSION_DOWN)
                timer_disarm(upstream_session_loop(us), &us->retry);
}

void upstream_session_open_failed(struct upstream_session *us, const char *why)
{
        const struct failure failure = {.why = why, .fault = FAULT_FINAL};

        upstream_session_open_failed_as(us, &failure);
}

static void upstream_session_on_deadline(struct timer *timer)
{
        struct upstream_session *us = container_of(timer, struct upstream_session, deadline);
        struct failure failure = {.why = failure.text,
                                  .detail = upstream_session_last_words(us),
                                  .fault = FAULT_CUT,
                                  .sign = BREAKER_UNWELL};

        if (upstream_session_probe_is_over(us))
                return;
        snprintf(failure.text, sizeof(failure.text), "did not answer initialize within %g s (%s)",
                 (double)upstream_session_patience_ms(us) / 1000,
                 us->transport->is_own ? "start_timeout_s" : "upstream_open_timeout_s");
        upstream_session_lost(us, &failure);
}

static void upstream_session_on_retry(struct timer *timer)
{
        struct upstream_session *us = container_of(timer, struct upstream_session, retry);

        if (!upstream_session_is_shared(us) || !list_is_empty(&us->user_sessions))
                upstream_session_try(us);
}

static const struct transport *upstream_session_pick_transport(const struct upstream_session *us)
{
        return upstream_is_private(us->upstream) || upstream_session_is_shared(us)
                       ? us->upstream->transport
                       : us->upstream->sharing;
}

/* As long as something is on its way by the other transport that one stays. */
static void upstream_session_take_transport(struct upstream_session *us,
                                            const struct transport *transport)
{
        void *before = us->peer, *peer;

        if (us->transport == transport || !list_is_empty(&us->sent))
                return;
        transport->create(us);
        peer = us->peer;
        us->peer = before;
        us->transport->destroy(us);
        us->peer = peer;
        us->transport = transport;
}

/* All that is on its way, off its transport: what opens the upstream session again may be another.
 */
static void upstream_session_take_sent(struct upstream_session *us, struct list *taken)
{
        struct list *it;

        list_init(taken);
        while ((it = list_first(&us->sent)) != NULL) {
                struct pending_request *pending = container_of(it, struct pending_request, node);

                pending_request_drop_transfer(pending);
                pending_request_set_aside(pending, taken);
        }
}

static void upstream_session_give_up(struct list *lost, const struct failure *f)
{
        const struct failure cut = {.why = f->why, .detail = f->detail, .fault = FAULT_CUT};
        struct list *it;

        while ((it = list_first(lost)) != NULL) {
                struct pending_request *pending = container_of(it, struct pending_request, node);

                if (pending->kind == PENDING_REQUEST_REQUEST)
                        pending_request_give_up(pending, &cut);
                else
                        pending_request_end(pending);
        }
}

void upstream_session_begin(struct upstream_session *us)
{
        struct list lost;

        upstream_listen_stop(us);
        upstream_session_end_handshakes(us);
        upstream_session_move(us, UPSTREAM_SESSION_OPENING);
        us->is_unconnected = false;
        us->generation++;
        /* their ids mean nothing in a new session */
        us->client->events->on_requester_gone(&us->requester);
        if (!us->transport->outlives_sessions) {
                upstream_session_take_sent(us, &lost);
                upstream_session_give_up(
                        &lost, &(const struct failure){.why = "its connection was given up"});
        }
        if (us->transport->open(us) == 0)
                upstream_session_handshake(us);
}

/* What would change that is read when the gateway starts. */
static void upstream_session_refuse_user(struct upstream_session *us)
{
        char why[400];

        snprintf(why, sizeof(why), "there are no credentials for %s (\"users\" of its entry)",
                 us->client->user->email);
        upstream_session_open_failed_as(us,
                                        &(const struct failure){.why = why, .fault = FAULT_OURS});
        timer_disarm(upstream_session_loop(us), &us->retry);
}

void upstream_session_try(struct upstream_session *us)
{
        struct upstream *u = us->upstream;

        if (us->state != UPSTREAM_SESSION_DOWN || us->client->is_ending)
                return;
        if (us->account == NULL) {
                upstream_session_refuse_user(us);
        } else if (!upstream_session_uses_shared(us) &&
                   !upstream_may_try(u, upstream_session_share(us))) {
                upstream_session_set_down(us, upstream_backing_off,
                                          upstream_retry_in_ms(u, upstream_session_share(us), 0));
        } else {
                upstream_session_take_transport(us, upstream_session_pick_transport(us));
                upstream_session_begin(us);
        }
}

void upstream_session_fall_back(struct upstream_session *us, const struct transport *transport)
{
        if (!list_is_empty(&us->sent)) {
                upstream_session_open_failed(
                        us, "takes messages no more as it took those on their way");
                return;
        }
        upstream_session_take_transport(us, transport);
        upstream_session_begin(us);
}

void upstream_session_tell_list(struct upstream_session *us, enum list_kind list)
{
        static const char *const methods[LIST_N_KINDS] = {
                [LIST_TOOLS] = "notifications/tools/list_changed",
                [LIST_PROMPTS] = "notifications/prompts/list_changed",
                [LIST_RESOURCES] = "notifications/resources/list_changed",
                [LIST_TEMPLATES] = "notifications/resources/list_changed",
        };
        json_t *msg = upstream_session_can(us, fetch_capability(list))
                              ? rpc_notification_take(methods[list], NULL)
                              : NULL;
        const struct rpc_msg m = {.kind = RPC_NOTIFICATION, .root = msg, .method = methods[list]};

        if (msg != NULL && upstream_session_is_shared(us))
                shared_session_pass(us, msg);
        else if (msg != NULL)
                us->client->events->on_notification(us, NULL, &m);
        json_decref(msg);
}

void upstream_session_tell_change(struct upstream_session *us)
{
        us->n_changes++;
        upstream_session_tell_list(us, LIST_TOOLS);
        upstream_session_tell_list(us, LIST_PROMPTS);
        upstream_session_tell_list(us, LIST_RESOURCES);
}

static void upstream_session_subscribe_again(struct upstream_session *us)
{
        json_t *subscribed = upstream_session_is_shared(us) ? shared_session_subscribed(us)
                                                            : json_incref(us->subscribed);
        const char *uri;
        json_t *yes;

        json_object_foreach (subscribed, uri, yes)
                upstream_session_request_take(us, "resources/subscribe",
                                              json_pack("{s:s}", "uri", uri));
        json_decref(subscribed);
}

void upstream_session_tell_level(struct upstream_session *us, int level)
{
        us->told_level = level;
        if (level >= 0 && upstream_session_can(us, "logging"))
                upstream_session_request_take(
                        us, "logging/setLevel",
                        json_pack("{s:s}", "level", method_log_level_name(level)));
}

/* One that declares none of what may be listed would be here for nothing: it is asked for all, and
 * refuses what it has not. */
static void upstream_session_imply_lists(struct upstream_session *us)
{
        static const char *const listed[] = {"tools", "prompts", "resources"};
        json_t *declared = json_object_get(us->init_result, "capabilities");

        for (size_t i = 0; i < 3; i++)
                if (json_object_get(declared, listed[i]) != NULL)
                        return;
        for (size_t i = 0; i < 3; i++)
                json_object_set_new(declared, listed[i], json_object());
        if (upstream_may_log(us->upstream))
                log_info(NULL,
                         "[upstream] %s: declares neither tools nor prompts nor resources: is "
                         "asked for them all the same",
                         upstream_name(us->upstream));
}

/* Servers of revisions that have no such capability are asked for completions all the same. */
static void upstream_session_imply_completions(struct upstream_session *us)
{
        json_t *declared = json_object_get(us->init_result, "capabilities");
        era_revision revision;

        if (era_revision_find(str_from(upstream_session_version(us)), &revision) == 0 &&
            era_implies_completions(revision) &&
            (upstream_session_can(us, "prompts") || upstream_session_can(us, "resources")))
                json_object_set_new(declared, "completions", json_object());
}

/* Thousands of sessions say and hear the same: they share it, and none changes it any more. */
static void upstream_session_share_alike(json_t **mine, json_t **recent)
{
        if (!json_equal(*mine, *recent)) {
                json_decref(*recent);
                *recent = json_incref(*mine);
                return;
        }
        json_decref(*mine);
        *mine = json_incref(*recent);
}

/* What the upstream's session is to know. */
static void upstream_session_begin_session(struct upstream_session *us)
{
        upstream_session_send_take(us, rpc_notification_take("notifications/initialized", NULL));
        upstream_session_tell_level(us, upstream_session_is_shared(us)
                                                ? shared_session_log_level(us)
                                                : us->client->log_level);
        upstream_session_subscribe_again(us);
}

void upstream_session_on_init_result(struct upstream_session *us, json_t *result)
{
        struct upstream *u = us->upstream;
        struct list *it;

        if (account_speaks(us->account, ACCOUNT_HANDSHAKE) && upstream_may_log(u))
                log_info(NULL, "[upstream] %s: has answered: clients are told what it has",
                         upstream_name(u));
        if (++us->n_unproven <= UNPROVEN_MAX) {
                us->n_kept_out = 0;
                if (!upstream_session_uses_shared(us))
                        upstream_worked(u);
        }
        if (!upstream_session_uses_shared(us)) { /* the next sessions need not find out */
                u->transport = us->transport;
                u->speaks[us->is_stateless] = UPSTREAM_SPEAKS;
                if (us->n_turns > 0)
                        u->speaks[!us->is_stateless] = UPSTREAM_SPEAKS_NOT;
        }
        json_decref(us->init_result);
        us->init_result = json_incref(result);
        shape_mend_init_result(us->init_result);
        upstream_session_imply_lists(us);
        upstream_session_imply_completions(us);
        upstream_session_share_alike(&us->init_result, &u->recent[us->is_stateless].init_result);
        upstream_session_move(us, UPSTREAM_SESSION_READY);
        us->n_changes++;
        if (!us->is_stateless)
                upstream_session_begin_session(us);
        while (us->state == UPSTREAM_SESSION_READY && (it = list_first(&us->waiting)) != NULL)
                pending_request_start(container_of(it, struct pending_request, node));
        if (us->state == UPSTREAM_SESSION_READY)
                us->transport->on_ready(us);
        if (us->state == UPSTREAM_SESSION_READY && us->is_stateless)
                upstream_listen_start(us);
        if (us->is_missing)
                upstream_session_tell_change(us);
        us->is_missing = false;
        upstream_session_settle(us);
        if (us->state == UPSTREAM_SESSION_READY)
                shared_session_on_ready(us);
}

/* ---- ends ---- */

void upstream_session_forgotten(struct upstream_session *us)
{
        if (us->state != UPSTREAM_SESSION_READY)
                return;
        upstream_session_move(us, UPSTREAM_SESSION_DOWN);
        if (us->n_unproven > UNPROVEN_MAX) {
                upstream_session_open_failed(us, "forgets its sessions before they are of use");
                return;
        }
        if (upstream_may_log(us->upstream))
                log_info(NULL, "[upstream] %s: %s, opened again", upstream_name(us->upstream),
                         us->is_stateless ? "does not speak as it did" : "session forgotten");
        upstream_session_try(us);
}

void upstream_session_lost(struct upstream_session *us, const struct failure *f)
{
        struct list lost;

        if (upstream_session_opens_anew(us, f->why))
                return;
        upstream_session_take_sent(us, &lost);
        upstream_session_open_failed_as(us, f);
        upstream_session_give_up(&lost, f);
}

void upstream_session_sleep(struct upstream_session *us)
{
        upstream_listen_stop(us);
        upstream_session_move(us, UPSTREAM_SESSION_DOWN);
}

/* What it listens to does not count, since it may be silent for ever, but for tasks: they run
 * there. Passes over the one or two by which it listens. */
bool upstream_session_is_quiet(const struct upstream_session *us)
{
        list_for_each (it, &us->sent)
                if (container_of(it, struct pending_request, node)->kind != PENDING_REQUEST_LISTEN)
                        return false;
        return list_is_empty(&us->waiting) && list_is_empty(&us->queued) &&
               list_is_empty(&us->parked) && json_object_size(us->tasks) == 0;
}

/* ---- from above ---- */

static void upstream_session_on_client_message(struct requester *requester, json_t *msg)
{
        upstream_session_send_take(container_of(requester, struct upstream_session, requester),
                                   msg);
}

struct upstream_session *upstream_session_create(struct upstream *upstream,
                                                 struct upstream_client *client,
                                                 const json_t *init_params)
{
        struct upstream_session *us = alloc_zeroed(sizeof(*us));

        us->upstream = upstream;
        upstream->n_sessions++;
        us->client = client;
        upstream_session_take_account(us);
        us->transport = upstream_session_pick_transport(us);
        us->init_params = json_copy((json_t *)init_params);
        json_object_set_new(
                us->init_params, "capabilities",
                bridge_capabilities_along(json_object_get(init_params, "capabilities")));
        json_object_set_new(us->init_params, "protocolVersion",
                            json_string(era_revision_name(client->revision)));
        upstream_session_share_alike(&us->init_params, &upstream->recent_params);
        us->deadline.on_due = upstream_session_on_deadline;
        us->retry.on_due = upstream_session_on_retry;
        list_init(&us->sent);
        list_init(&us->waiting);
        list_init(&us->parked);
        list_init(&us->queued);
        list_init(&us->overdue);
        us->pump.on_run = pending_requests_on_pump;
        list_init(&us->requester.server_requests);
        us->requester.client = client;
        us->requester.upstream = upstream;
        us->requester.on_message_take = upstream_session_on_client_message;
        list_init(&us->user_sessions);
        ledger_hold_init(&us->watched, &client->share->memory, LEDGER_SUBSCRIPTION);
        us->told_level = -1;
        us->transport->create(us);
        return us;
}

void upstream_session_open(struct upstream *upstream, struct upstream_client *client,
                           const json_t *init_params, struct upstream_session **upstream_sessionp)
{
        *upstream_sessionp = upstream_session_create(upstream, client, init_params);
        upstream_session_try(*upstream_sessionp);
}

static void upstream_session_free(void *object)
{
        struct upstream_session *us = object;

        assert(us->upstream->n_sessions > 0);
        us->upstream->n_sessions--;
        json_decref(us->init_params);
        json_decref(us->init_result);
        json_decref(us->subscribed);
        json_decref(us->tasks);
        upstream_listen_free(us->listen);
        free(us);
}

void upstream_session_close(struct upstream_session *us)
{
        struct list *it;

        if (us == NULL)
                return;
        assert(list_is_empty(&us->user_sessions));
        assert(list_is_empty(&us->overdue));
        assert(us->watch_counts[0] == NULL && us->watch_counts[1] == NULL);
        for (size_t i = 0; i < LIST_N_KINDS; i++) {
                upstream_list_let_go(us->lists[i].of);
                us->lists[i].of = NULL;
        }
        us->client->events->on_requester_gone(&us->requester);
        upstream_listen_stop(us);
        while ((it = list_first(&us->sent)) != NULL)
                pending_request_end(container_of(it, struct pending_request, node));
        while ((it = list_first(&us->waiting)) != NULL)
                pending_request_end(container_of(it, struct pending_request, node));
        while ((it = list_first(&us->parked)) != NULL)
                pending_request_end(container_of(it, struct pending_request, node));
        while ((it = list_first(&us->queued)) != NULL)
                pending_request_end(container_of(it, struct pending_request, node));
        loop_task_cancel(&us->pump);
        upstream_session_move(us, UPSTREAM_SESSION_ENDED);
        us->transport->destroy(us);
        ledger_hold_set_past(&us->watched, 0);
        upstream_session_leave_account(us);
        loop_bury(upstream_session_loop(us), us, upstream_session_free);
}

void upstream_session_use(struct upstream_session *us)
{
        if (us != NULL && us->transport->on_use != NULL)
                us->transport->on_use(us);
}

bool upstream_session_can(const struct upstream_session *us, const char *capability)
{
        return us->init_result == NULL || capability == NULL ||
               json_object_get(json_object_get(us->init_result, "capabilities"), capability) !=
                       NULL;
}

bool upstream_session_hears(const struct upstream_session *us)
{
        if (us->state != UPSTREAM_SESSION_READY)
                return us->state != UPSTREAM_SESSION_OPENING;
        return us->n_unasked == 0 && (us->transport->hears == NULL || us->transport->hears(us));
}

bool upstream_session_logs_beside(const struct upstream_session *us)
{
        return us->transport->logs_beside && !us->is_stateless;
}

const char *upstream_session_version(const struct upstream_session *us)
{
        return json_string_value(json_object_get(us->init_result, "protocolVersion"));
}

const char *upstream_session_last_words(const struct upstream_session *us)
{
        const struct upstream_session *own = us->shared != NULL ? us->shared : us;

        return own->transport->last_words != NULL ? own->transport->last_words(own) : NULL;
}
