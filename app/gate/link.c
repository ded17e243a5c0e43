/* A link's states. A session that the upstream has forgotten is opened again, unseen; one that was
 * lost opens again by itself. */
#include "mgw/gate/link.h"

#include "listen.h"
#include "mgw/base/log.h"
#include "mgw/gate/account.h"
#include "mgw/gate/call.h"
#include "mgw/gate/fetch.h"
#include "mgw/gate/hello.h"
#include "mgw/gate/listing.h"
#include "mgw/mcp/bridge.h"
#include "mgw/mcp/era.h"
#include "mgw/mcp/shape.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* Its timer is doubled so often. */
#define KEPT_OUT_MAX 16
/* A session that was opened so often without one answer in between is no sign of health. */
#define UNPROVEN_MAX 2

/* ---- opening ---- */

static void link_settle(struct link *link)
{
        if (link->is_settled)
                return;
        link->is_settled = true;
        hello_on_links_settled(link->session);
}

/* Walks what waits once: each has its end by it. */
static void link_fail_waiting(struct link *link, const char *why)
{
        struct list *it;

        while ((it = list_first(&link->waiting)) != NULL)
                exchange_give_up(container_of(it, struct exchange, link),
                                 &(const struct failure){.why = why, .fault = FAULT_UNSENT});
        while ((it = list_first(&link->queued)) != NULL)
                exchange_end(container_of(it, struct exchange, link));
}

/* It will be tried again: by its timer, or by who needs it. */
static void link_set_down(struct link *link, const char *why, int64_t retry_ms)
{
        link->state = LINK_DOWN;
        link->is_missing = true;
        timer_disarm(link_loop(link), &link->deadline);
        link_end_greetings(link);
        if (link->host == NULL) /* which tells when it is READY */
                timer_arm(link_loop(link), &link->retry, retry_ms);
        link_fail_waiting(link, why);
        link_settle(link);
        host_on_down(link, why);
}

/* How long this link alone is to wait, by no word of the breaker's: doubled each time. */
static int64_t link_own_wait_ms(struct link *link)
{
        const struct config *config = link->upstream->gate->config;
        int64_t ms = config->upstream_retry_ms << link->n_kept_out;

        link->n_kept_out += link->n_kept_out < KEPT_OUT_MAX;
        return ms < config->upstream_retry_max_ms ? ms : config->upstream_retry_max_ms;
}

static void link_log_opening(const struct link *link, const struct failure *f)
{
        bool is_kept_out = f->fault == FAULT_OURS;

        if ((is_kept_out && link->is_missing) || !upstream_may_log(link->upstream))
                return;
        log_warn(LOG_FIELDS({"user", link->session->user->email}, {"detail", f->detail}),
                 "[upstream] %s: %s: its entries are missing %s", upstream_name(link->upstream),
                 f->why, is_kept_out ? "for this session" : "until it is back");
}

void link_open_failed_as(struct link *link, const struct failure *f)
{
        struct upstream *u = link->upstream;
        int64_t wait_ms = account_rest_ms(link->account, link_share(link));

        link_log_opening(link, f);
        if (!link_is_lodger(link)) /* its host has told */
                upstream_failed(u, link_share(link), f->sign, f->why);
        if (f->fault != FAULT_OURS) {
                upstream_forget_transport(u);
                /* A server that was greeted is the same when it comes back. */
                if (link->state != LINK_READY && !link_is_lodger(link))
                        upstream_forget_eras(u);
        }
        if (f->sign == BREAKER_NO_SIGN && wait_ms == 0)
                wait_ms = link_own_wait_ms(link);
        link_set_down(link, f->why, upstream_retry_in_ms(u, link_share(link), wait_ms));
}

void link_open_failed(struct link *link, const char *why)
{
        const struct failure failure = {.why = why, .fault = FAULT_FINAL};

        link_open_failed_as(link, &failure);
}

static void link_on_deadline(struct timer *timer)
{
        struct link *link = container_of(timer, struct link, deadline);
        struct failure failure = {.why = failure.text,
                                  .detail = link_last_words(link),
                                  .fault = FAULT_CUT,
                                  .sign = BREAKER_UNWELL};

        if (link_probe_is_over(link))
                return;
        snprintf(failure.text, sizeof(failure.text), "did not answer initialize within %g s (%s)",
                 (double)link_patience_ms(link) / 1000,
                 link->transport->is_own ? "start_timeout_s" : "upstream_open_timeout_s");
        link_lost(link, &failure);
}

static void link_on_retry(struct timer *timer)
{
        struct link *link = container_of(timer, struct link, retry);

        if (!link_is_host(link) || !list_is_empty(&link->lodgers))
                link_try(link);
}

static const struct transport *link_pick_transport(const struct link *link)
{
        return upstream_is_private(link->upstream) || link_is_host(link) ? link->upstream->transport
                                                                         : &transport_shared;
}

/* As long as something is on its way by the other transport that one stays. */
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

static void link_drop_wire(struct exchange *x)
{
        if (x->wire != NULL)
                x->owner->transport->drop(x);
}

/* All that is on its way, off its wires: what opens the link again may be another transport. */
static void link_take_exchanges(struct link *link, struct list *taken)
{
        struct list *it;

        list_init(taken);
        while ((it = list_first(&link->exchanges)) != NULL) {
                struct exchange *x = container_of(it, struct exchange, link);

                link_drop_wire(x);
                exchange_move(x, taken);
        }
}

static void link_give_up(struct list *lost, const struct failure *f)
{
        const struct failure cut = {.why = f->why, .detail = f->detail, .fault = FAULT_CUT};
        struct list *it;

        while ((it = list_first(lost)) != NULL) {
                struct exchange *x = container_of(it, struct exchange, link);

                if (x->kind == EXCHANGE_REQUEST)
                        exchange_give_up(x, &cut);
                else
                        exchange_end(x);
        }
}

void link_begin(struct link *link)
{
        struct list lost;

        listen_stop(link);
        link_end_greetings(link);
        link->state = LINK_OPENING;
        link->generation++;
        ask_forget(&link->asker); /* their ids mean nothing in a new session */
        if (!link->transport->outlives_sessions) {
                link_take_exchanges(link, &lost);
                link_give_up(&lost, &(const struct failure){.why = "its connection was given up"});
        }
        if (link->transport->open(link) == 0)
                link_greet(link);
}

/* What would change that is read when the gateway starts. */
static void link_refuse_user(struct link *link)
{
        char why[400];

        snprintf(why, sizeof(why), "there are no credentials for %s (\"users\" of its entry)",
                 link->session->user->email);
        link_open_failed_as(link, &(const struct failure){.why = why, .fault = FAULT_OURS});
        timer_disarm(link_loop(link), &link->retry);
}

void link_try(struct link *link)
{
        struct upstream *u = link->upstream;

        if (link->state != LINK_DOWN || link->session->is_ending)
                return;
        timer_disarm(link_loop(link), &link->retry);
        if (link->account == NULL) {
                link_refuse_user(link);
        } else if (!link_is_lodger(link) && !upstream_may_try(u, link_share(link))) {
                link_set_down(link, upstream_left_alone,
                              upstream_retry_in_ms(u, link_share(link), 0));
        } else if (link_take_transport(link, link_pick_transport(link)) < 0) {
                link_open_failed(link, "out of memory");
        } else {
                link_begin(link);
        }
}

void link_fall_back(struct link *link, const struct transport *transport)
{
        if (!list_is_empty(&link->exchanges))
                link_open_failed(link, "takes messages no more as it took those on their way");
        else if (link_take_transport(link, transport) < 0)
                link_open_failed(link, "out of memory");
        else
                link_begin(link);
}

void link_tell_list(struct link *link, enum link_list list)
{
        static const char *const methods[LINK_N_LISTS] = {
                [LINK_TOOLS] = "notifications/tools/list_changed",
                [LINK_PROMPTS] = "notifications/prompts/list_changed",
                [LINK_RESOURCES] = "notifications/resources/list_changed",
                [LINK_TEMPLATES] = "notifications/resources/list_changed",
        };
        json_t *msg = link_can(link, fetch_capability(list))
                              ? rpc_notification_take(methods[list], NULL)
                              : NULL;

        if (msg != NULL && link_is_host(link))
                host_pass(link, msg);
        else if (msg != NULL)
                session_deliver(link->session, msg);
        json_decref(msg);
}

void link_tell_change(struct link *link)
{
        link->n_changes++;
        link_tell_list(link, LINK_TOOLS);
        link_tell_list(link, LINK_PROMPTS);
        link_tell_list(link, LINK_RESOURCES);
}

static void link_subscribe_again(struct link *link)
{
        json_t *subscribed =
                link_is_host(link) ? host_subscribed(link) : json_incref(link->subscribed);
        const char *uri;
        json_t *yes;

        json_object_foreach (subscribed, uri, yes)
                link_request_take(link, "resources/subscribe", json_pack("{s:s}", "uri", uri));
        json_decref(subscribed);
}

void link_tell_level(struct link *link, int level)
{
        link->told_level = level;
        if (level >= 0 && link_can(link, "logging"))
                link_request_take(link, "logging/setLevel",
                                  json_pack("{s:s}", "level", method_log_level_name(level)));
}

/* One that declares none of what may be listed would be here for nothing: it is asked for all, and
 * refuses what it has not. */
static void link_imply_lists(struct link *link)
{
        static const char *const listed[] = {"tools", "prompts", "resources"};
        json_t *declared = json_object_get(link->hello, "capabilities");

        for (size_t i = 0; i < 3; i++)
                if (json_object_get(declared, listed[i]) != NULL)
                        return;
        for (size_t i = 0; i < 3; i++)
                json_object_set_new(declared, listed[i], json_object());
        if (upstream_may_log(link->upstream))
                log_info(NULL,
                         "[upstream] %s: declares neither tools nor prompts nor resources: is "
                         "asked for them all the same",
                         upstream_name(link->upstream));
}

/* Servers of revisions that have no such capability are asked for completions all the same. */
static void link_imply_completions(struct link *link)
{
        json_t *declared = json_object_get(link->hello, "capabilities");
        era_revision revision;

        if (era_revision_find(str_from(link_version(link)), &revision) == 0 &&
            era_implies_completions(revision) &&
            (link_can(link, "prompts") || link_can(link, "resources")))
                json_object_set_new(declared, "completions", json_object());
}

/* Thousands of sessions say and hear the same: they share it, and none changes it any more. */
static void link_share_alike(json_t **mine, json_t **recent)
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
static void link_begin_session(struct link *link)
{
        link_send_take(link, rpc_notification_take("notifications/initialized", NULL));
        link_tell_level(link, link_is_host(link) ? host_log_level(link) : link->session->log_level);
        link_subscribe_again(link);
}

void link_on_hello(struct link *link, json_t *result)
{
        struct upstream *u = link->upstream;
        struct list *it;

        timer_disarm(link_loop(link), &link->deadline);
        if (account_speaks(link->account, ACCOUNT_HELLO) && upstream_may_log(u))
                log_info(NULL, "[upstream] %s: has answered: clients are told what it has",
                         upstream_name(u));
        if (++link->n_unproven <= UNPROVEN_MAX) {
                link->n_kept_out = 0;
                if (!link_is_lodger(link))
                        upstream_worked(u);
        }
        if (!link_is_lodger(link)) { /* the next sessions need not find out */
                u->transport = link->transport;
                u->speaks[link->is_stateless] = UPSTREAM_SPEAKS;
                if (link->n_turns > 0)
                        u->speaks[!link->is_stateless] = UPSTREAM_SPEAKS_NOT;
        }
        json_decref(link->hello);
        link->hello = json_incref(result);
        shape_mend_hello(link->hello);
        link_imply_lists(link);
        link_imply_completions(link);
        link_share_alike(&link->hello, &u->recent[link->is_stateless].hello);
        link->state = LINK_READY;
        link->n_changes++;
        if (!link->is_stateless)
                link_begin_session(link);
        while (link->state == LINK_READY && (it = list_first(&link->waiting)) != NULL)
                exchange_start(container_of(it, struct exchange, link));
        if (link->state == LINK_READY)
                link->transport->on_ready(link);
        if (link->state == LINK_READY && link->is_stateless)
                listen_start(link);
        if (link->is_missing)
                link_tell_change(link);
        link->is_missing = false;
        link_settle(link);
        if (link->state == LINK_READY)
                host_on_ready(link);
}

/* ---- ends ---- */

void link_forgotten(struct link *link)
{
        if (link->state != LINK_READY)
                return;
        link->state = LINK_DOWN;
        if (link->n_unproven > UNPROVEN_MAX) {
                link_open_failed(link, "forgets its sessions before they are of use");
                return;
        }
        if (upstream_may_log(link->upstream))
                log_info(NULL, "[upstream] %s: %s, opened again", upstream_name(link->upstream),
                         link->is_stateless ? "does not speak as it did" : "session forgotten");
        link_try(link);
}

void link_lost(struct link *link, const struct failure *f)
{
        struct list lost;

        if (link_opens_anew(link, f->why))
                return;
        link_take_exchanges(link, &lost);
        link_open_failed_as(link, f);
        link_give_up(&lost, f);
}

void link_sleep(struct link *link)
{
        listen_stop(link);
        link->state = LINK_DOWN;
}

/* What it listens to does not count, since it may be silent for ever, but for tasks: they run
 * there. Passes over the one or two by which it listens. */
bool link_is_quiet(const struct link *link)
{
        list_for_each (it, &link->exchanges)
                if (container_of(it, struct exchange, link)->kind != EXCHANGE_LISTEN)
                        return false;
        return list_is_empty(&link->waiting) && list_is_empty(&link->queued) &&
               list_is_empty(&link->parked) && json_object_size(link->tasks) == 0;
}

/* ---- from above ---- */

static void link_on_client_message(struct asker *asker, json_t *msg)
{
        link_send_take(container_of(asker, struct link, asker), msg);
}

int link_create(struct upstream *upstream, struct session *session, const json_t *init_params,
                struct link **linkp)
{
        struct link *link = calloc(1, sizeof(*link));
        int r;

        if (link == NULL)
                return -ENOMEM;
        link->upstream = upstream;
        link->session = session;
        link->account = account_find(upstream, session->user);
        link->transport = link_pick_transport(link);
        link->init_params = json_copy((json_t *)init_params);
        json_object_set_new(
                link->init_params, "capabilities",
                bridge_capabilities_along(json_object_get(init_params, "capabilities")));
        json_object_set_new(link->init_params, "protocolVersion",
                            json_string(era_revision_name(session->revision)));
        link_share_alike(&link->init_params, &upstream->recent_params);
        link->deadline.on_due = link_on_deadline;
        link->retry.on_due = link_on_retry;
        list_init(&link->exchanges);
        list_init(&link->waiting);
        list_init(&link->parked);
        list_init(&link->queued);
        list_init(&link->overdue);
        link->pump.on_run = link_on_pump;
        list_init(&link->asker.asks);
        link->asker.session = session;
        link->asker.on_message_take = link_on_client_message;
        list_init(&link->lodgers);
        link->told_level = -1;
        r = link->transport->create(link);
        if (r < 0) {
                json_decref(link->init_params);
                free(link);
                return r;
        }
        *linkp = link;
        return 0;
}

int link_open(struct upstream *upstream, struct session *session, const json_t *init_params,
              struct link **linkp)
{
        int r = link_create(upstream, session, init_params, linkp);

        if (r == 0)
                link_try(*linkp);
        return r;
}

static void link_free(void *object)
{
        struct link *link = object;

        json_decref(link->init_params);
        json_decref(link->hello);
        json_decref(link->subscribed);
        json_decref(link->tasks);
        listen_free(link->listen);
        free(link);
}

void link_close(struct link *link)
{
        struct list *it;

        if (link == NULL)
                return;
        assert(list_is_empty(&link->lodgers));
        timer_disarm(link_loop(link), &link->deadline);
        timer_disarm(link_loop(link), &link->retry);
        for (size_t i = 0; i < LINK_N_LISTS; i++) {
                upstream_list_let_go(link->lists[i].of);
                link->lists[i].of = NULL;
        }
        ask_forget(&link->asker);
        listen_stop(link);
        listing_forget_overdue(link);
        while ((it = list_first(&link->exchanges)) != NULL)
                exchange_end(container_of(it, struct exchange, link));
        while ((it = list_first(&link->waiting)) != NULL)
                exchange_end(container_of(it, struct exchange, link));
        while ((it = list_first(&link->parked)) != NULL)
                exchange_end(container_of(it, struct exchange, link));
        while ((it = list_first(&link->queued)) != NULL)
                exchange_end(container_of(it, struct exchange, link));
        loop_task_cancel(&link->pump);
        link->state = LINK_DOWN;
        link->transport->destroy(link);
        loop_bury(link_loop(link), link, link_free);
}

void link_use(struct link *link)
{
        if (link != NULL && link->transport->on_use != NULL)
                link->transport->on_use(link);
}

bool link_can(const struct link *link, const char *capability)
{
        return link->hello == NULL || capability == NULL ||
               json_object_get(json_object_get(link->hello, "capabilities"), capability) != NULL;
}

bool link_logs_beside(const struct link *link)
{
        return link->transport == &transport_http && !link->is_stateless;
}

const char *link_version(const struct link *link)
{
        return json_string_value(json_object_get(link->hello, "protocolVersion"));
}

const char *link_last_words(const struct link *link)
{
        const struct link *own = link->host != NULL ? link->host : link;

        return own->transport->last_words != NULL ? own->transport->last_words(own) : NULL;
}
