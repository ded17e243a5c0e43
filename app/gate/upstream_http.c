/* Streamable HTTP: each message is a POST of its own, whose answer is JSON or a stream; one GET
 * stream carries what no call asked for. A 404 means that the upstream has forgotten the session.
 */
#include "mgw/gate/session.h"
#include "upstream_http_inside.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define GET_RETRY_MIN_MS 100

/* ---- the GET stream ---- */

void http_get_on_event(struct http_peer *peer, const struct sse_event *ev)
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

void http_get_later(struct http_peer *peer)
{
        timer_arm(link_loop(peer->link), &peer->get_retry, peer->get_delay_ms);
        peer->get_delay_ms = peer->get_delay_ms * 2 > GET_RETRY_MAX_MS ? GET_RETRY_MAX_MS
                                                                       : peer->get_delay_ms * 2;
}

/* A 404 before any GET stream is from a server that has none, after one it is a lost session. So is
 * a 200 with a page. */
void http_get_on_done(struct http_wire *w)
{
        struct link *link = w->link;
        struct http_peer *peer = link->peer;
        bool is_lost = w->status == 404 && peer->has_get && link->state == LINK_READY;

        if (is_lost && w->session != NULL)
                w->session->is_forgotten = true;

        peer->has_no_get = w->status == 405 || w->status == 501 || (w->status == 404 && !is_lost) ||
                           (w->status == 200 && !w->is_stream);
        http_wire_drop(w);
        if (is_lost)
                link_forgotten(link);
        else if (!peer->has_no_get)
                http_get_later(peer);
}

/* Does anybody want to know what the server says unasked: who listens, calls, or has subscribed?
 * Who only says hello does not. */
static bool is_heard(const struct link *link)
{
        const struct session *s = link->session;

        return s->is_initialized &&
               (list_is_empty(&s->idle_link) || json_object_size(link->subscribed) > 0);
}

static void get_start(struct link *link)
{
        struct http_peer *peer = link->peer;

        if (peer->get != NULL || peer->has_no_get || link->state != LINK_READY)
                return;
        if (!is_heard(link)) {
                peer->was_left = peer->has_get;
                return;
        }
        if (peer->was_left)
                link->n_changes++;
        peer->was_left = false;
        peer->get = http_wire_create(link, NULL);
        if (peer->get != NULL)
                http_wire_ask(peer->get);
        else
                http_get_later(peer);
}

static void get_on_retry(struct timer *timer)
{
        get_start(container_of(timer, struct http_peer, get_retry)->link);
}

static void get_on_leave(struct timer *timer)
{
        struct http_peer *peer = container_of(timer, struct http_peer, leave);

        if (is_heard(peer->link))
                return;
        timer_disarm(link_loop(peer->link), &peer->get_retry);
        peer->was_left = true;
        if (peer->get != NULL)
                http_wire_drop(peer->get);
}

static void http_on_use(struct link *link)
{
        struct http_peer *peer = link->peer;
        bool is_open = peer->get != NULL || timer_is_armed(&peer->get_retry);

        if (link->is_stateless)
                return;
        if (!is_heard(link) && is_open) {
                (void)timer_arm(link_loop(link), &peer->leave, GET_LEAVE_MS);
        } else if (is_heard(link)) {
                timer_disarm(link_loop(link), &peer->leave);
                if (!is_open)
                        get_start(link);
        }
}

/* ---- sessions ---- */

void http_session_leave(struct http_session *s)
{
        if (s == NULL || --s->n_users > 0)
                return;
        if (!s->is_forgotten)
                http_ending_start(s->account, s->id, s->version);
        free(s->id);
        free(s->version);
        free(s);
}

void http_session_take(struct http_peer *peer, struct str id)
{
        struct http_session *s = calloc(1, sizeof(*s));

        http_session_leave(peer->session);
        peer->session = NULL;
        if (s == NULL || (s->id = str_dup(id)) == NULL) {
                free(s);
                return;
        }
        s->account = peer->link->account;
        s->n_users = 1;
        peer->session = s;
}

struct http_session *http_session_use(const struct http_peer *peer, const char *version)
{
        struct http_session *s = peer->session;

        if (s == NULL)
                return NULL;
        if (s->version == NULL && version != NULL)
                s->version = strdup(version);
        s->n_users++;
        return s;
}

/* ---- its life ---- */

static void http_send(struct exchange *x)
{
        struct http_wire *w = x->wire = http_wire_create(x->owner, x);

        if (w != NULL)
                http_wire_ask(w);
        else
                exchange_fail(x, "out of memory", FAULT_FINAL);
}

static int http_create(struct link *link)
{
        struct http_peer *peer = calloc(1, sizeof(*peer));

        if (peer == NULL)
                return -ENOMEM;
        peer->link = link;
        peer->get_delay_ms = GET_RETRY_MS;
        peer->get_retry.on_due = get_on_retry;
        peer->leave.on_due = get_on_leave;
        link->peer = peer;
        return 0;
}

static int http_open(struct link *link)
{
        struct http_peer *peer = link->peer;

        http_session_leave(peer->session);
        peer->session = NULL;
        free(peer->last_event_id);
        peer->last_event_id = NULL;
        peer->has_get = false;
        peer->has_no_get = false;
        timer_disarm(link_loop(link), &peer->get_retry);
        if (peer->get != NULL)
                http_wire_drop(peer->get);
        return 0;
}

static void http_on_ready(struct link *link)
{
        if (!link->is_stateless)
                get_start(link);
}

/* An initialize that is out is not cancelled: the session that it may have opened must be ended. */
static void http_drop(struct exchange *x)
{
        struct http_wire *w = x->wire;

        if (x->kind == EXCHANGE_INITIALIZE && w->http != NULL && w->status == 0)
                http_ending_of_greeting(w);
        http_wire_drop(w);
}

static void http_destroy(struct link *link)
{
        struct http_peer *peer = link->peer;

        timer_disarm(link_loop(link), &peer->get_retry);
        timer_disarm(link_loop(link), &peer->leave);
        if (peer->get != NULL)
                http_wire_drop(peer->get);
        http_session_leave(peer->session);
        free(peer->last_event_id);
        loop_bury(link_loop(link), peer, free);
}

const struct transport transport_http = {
        .knows_stateless = true,
        .has_headers = true,
        .outlives_sessions = true,
        .create = http_create,
        .open = http_open,
        .send = http_send,
        .drop = http_drop,
        .on_ready = http_on_ready,
        .on_use = http_on_use,
        .destroy = http_destroy,
};
