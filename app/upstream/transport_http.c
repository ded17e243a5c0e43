/* Streamable HTTP: each message is a POST of its own, whose answer is JSON or a stream; one GET
 * stream carries what no call asked for. A 404 means that the upstream has forgotten the session.
 */
#include "transport_http_inside.h"

#include "mgw/base/alloc.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define GET_RETRY_MIN_MS 100

/* ---- the GET stream ---- */

void transport_http_get_on_event(struct http_peer *peer, const struct sse_event *ev)
{
        if (ev->id.n > 0) {
                free(peer->last_event_id);
                peer->last_event_id = str_dup(ev->id);
        }
        if (ev->retry_ms >= 0)
                peer->get_delay_ms = ev->retry_ms > GET_RETRY_MAX_MS   ? GET_RETRY_MAX_MS
                                     : ev->retry_ms < GET_RETRY_MIN_MS ? GET_RETRY_MIN_MS
                                                                       : ev->retry_ms;
}

void transport_http_get_later(struct http_peer *peer)
{
        timer_arm(upstream_session_loop(peer->us), &peer->get_retry, peer->get_delay_ms);
        peer->get_delay_ms = peer->get_delay_ms * 2 > GET_RETRY_MAX_MS ? GET_RETRY_MAX_MS
                                                                       : peer->get_delay_ms * 2;
}

/* A 404 before any GET stream is from a server that has none, after one it is a lost session. So is
 * a 200 with a page. */
void transport_http_get_on_done(struct http_transfer *w)
{
        struct upstream_session *us = w->us;
        struct http_peer *peer = us->peer;
        bool is_lost = w->status == 404 && peer->has_get && us->state == UPSTREAM_SESSION_READY;

        if (is_lost && w->session != NULL)
                w->session->is_forgotten = true;

        peer->has_no_get = w->status == 405 || w->status == 501 || (w->status == 404 && !is_lost) ||
                           (w->status == 200 && !w->is_stream);
        http_transfer_drop(w);
        if (is_lost)
                upstream_session_forgotten(us);
        else if (!peer->has_no_get)
                transport_http_get_later(peer);
}

/* Does anybody want to know what the server says unasked: who listens, calls, or has subscribed?
 * Who only initializes does not. */
static bool is_heard(const struct upstream_session *us)
{
        return us->client->is_initialized &&
               (!us->client->is_idle || json_object_size(us->subscribed) > 0);
}

static void get_start(struct upstream_session *us)
{
        struct http_peer *peer = us->peer;

        if (peer->get != NULL || peer->has_no_get || us->state != UPSTREAM_SESSION_READY)
                return;
        if (!is_heard(us)) {
                peer->was_left = peer->has_get;
                return;
        }
        if (peer->was_left)
                us->n_changes++;
        peer->was_left = false;
        peer->get = http_transfer_create(us, NULL);
        http_transfer_ask(peer->get);
}

static void get_on_retry(struct timer *timer)
{
        get_start(container_of(timer, struct http_peer, get_retry)->us);
}

static void get_on_leave(struct timer *timer)
{
        struct http_peer *peer = container_of(timer, struct http_peer, leave);

        if (is_heard(peer->us))
                return;
        timer_disarm(upstream_session_loop(peer->us), &peer->get_retry);
        peer->was_left = true;
        if (peer->get != NULL)
                http_transfer_drop(peer->get);
}

static void http_on_use(struct upstream_session *us)
{
        struct http_peer *peer = us->peer;
        bool is_open = peer->get != NULL || timer_is_armed(&peer->get_retry);

        if (us->is_stateless)
                return;
        if (!is_heard(us) && is_open) {
                timer_arm(upstream_session_loop(us), &peer->leave, GET_LEAVE_MS);
        } else if (is_heard(us)) {
                timer_disarm(upstream_session_loop(us), &peer->leave);
                if (!is_open)
                        get_start(us);
        }
}

static bool http_hears(const struct upstream_session *us)
{
        const struct http_peer *peer = us->peer;

        return us->is_stateless || peer->has_no_get || !is_heard(us) ||
               (peer->get != NULL && peer->has_get);
}

/* ---- sessions ---- */

void transport_http_session_leave(struct http_session *s)
{
        assert(s == NULL || s->n_users > 0);
        if (s == NULL || --s->n_users > 0)
                return;
        if (!s->is_forgotten)
                http_delete_start(s->account, s->id, s->version);
        account_let_go(s->account);
        free(s->id);
        free(s->version);
        free(s);
}

void transport_http_session_take(struct http_peer *peer, struct str id)
{
        struct http_session *s = alloc_zeroed(sizeof(*s));

        transport_http_session_leave(peer->session);
        s->id = alloc_str(id);
        s->account = account_hold(peer->us->account);
        s->n_users = 1;
        peer->session = s;
}

struct http_session *transport_http_session_use(const struct http_peer *peer, const char *version)
{
        struct http_session *s = peer->session;

        if (s == NULL)
                return NULL;
        if (s->version == NULL && version != NULL)
                s->version = alloc_text(version);
        s->n_users++;
        return s;
}

/* ---- its life ---- */

static void http_send(struct pending_request *pending)
{
        struct http_transfer *w = http_transfer_create(pending->owner, pending);

        pending->transfer = w;
        http_transfer_ask(w);
}

static void http_create(struct upstream_session *us)
{
        struct http_peer *peer = alloc_zeroed(sizeof(*peer));

        peer->us = us;
        peer->get_delay_ms = GET_RETRY_MS;
        peer->get_retry.on_due = get_on_retry;
        peer->leave.on_due = get_on_leave;
        us->peer = peer;
}

static int http_open(struct upstream_session *us)
{
        struct http_peer *peer = us->peer;

        transport_http_session_leave(peer->session);
        peer->session = NULL;
        free(peer->last_event_id);
        peer->last_event_id = NULL;
        peer->has_get = false;
        peer->has_no_get = false;
        timer_disarm(upstream_session_loop(us), &peer->get_retry);
        if (peer->get != NULL)
                http_transfer_drop(peer->get);
        return 0;
}

static void http_on_ready(struct upstream_session *us)
{
        if (!us->is_stateless)
                get_start(us);
}

/* An initialize that is out is not cancelled: the session that it may have opened must be ended. */
static void http_drop(struct pending_request *pending)
{
        struct http_transfer *w = pending->transfer;

        if (pending->kind == PENDING_REQUEST_INITIALIZE && w->http != NULL && w->status == 0)
                http_delete_of_handshake(w);
        http_transfer_drop(w);
}

static void http_destroy(struct upstream_session *us)
{
        struct http_peer *peer = us->peer;

        timer_disarm(upstream_session_loop(us), &peer->get_retry);
        timer_disarm(upstream_session_loop(us), &peer->leave);
        if (peer->get != NULL)
                http_transfer_drop(peer->get);
        transport_http_session_leave(peer->session);
        free(peer->last_event_id);
        loop_bury(upstream_session_loop(us), peer, free);
}

const struct transport transport_http = {
        .knows_stateless = true,
        .has_headers = true,
        .logs_beside = true,
        .outlives_sessions = true,
        .create = http_create,
        .open = http_open,
        .send = http_send,
        .drop = http_drop,
        .on_ready = http_on_ready,
        .on_use = http_on_use,
        .hears = http_hears,
        .destroy = http_destroy,
};
