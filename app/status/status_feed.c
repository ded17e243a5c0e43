/* Who watches, and what they are told. A snapshot is made while somebody watches alone, for all of
 * them at once: every two seconds, and a moment after a stream has come or gone. Who has not read
 * the last one is told the next. Who may watch no more is not told another. A watch ends by itself
 * after a minute, and the browser comes back. */
#include "status_inside.h"

#include "mgw/base/alloc.h"
#include "mgw/base/buf.h"
#include "mgw/core/identity.h"
#include "mgw/wire/rpc.h"
#include "mgw/wire/sse.h"

#include <stdlib.h>
#include <string.h>

#define WATCHES_MAX 32
#define WATCHES_PER_VIEWER_MAX 8
#define PERIOD_MS 2000
/* Between two snapshots at least, however fast streams come and go. */
#define HURRY_MS 250
#define WATCH_LIFE_MS 60000
#define RETRY_MS 500
/* Far from what there can be: rows and their texts are bounded. */
#define EVENT_MAX_BYTES (1u << 20)

struct watch {
        struct list node;
        struct status *status;
        struct request *req;
        struct identity *identity; /* held */
        int64_t began_ms;
};

/* ---- events ---- */

/* Consumed. */
static int add_event_take(struct buf *out, struct str name, json_t *data)
{
        struct sse_event event = {.name = name, .retry_ms = RETRY_MS};
        int r = rpc_dump(data, &event.data);

        json_decref(data);
        if (r < 0)
                return r;
        r = sse_add_event(out, &event);
        free((void *)event.data.p);
        return r;
}

/* What is in force, where all have not been told it. */
static int add_config_change(struct buf *out, struct status *status)
{
        json_t *config = status_config(status->context);
        struct str text = {NULL, 0};
        int r = rpc_dump(config, &text);

        if (r == 0 && !str_eq(text, status->told_config)) {
                r = add_event_take(out, STR("config"), json_incref(config));
                free((void *)status->told_config.p);
                status->told_config = text;
        } else {
                free((void *)text.p);
        }
        json_decref(config);
        return r;
}

static int make_events(struct buf *out, struct status *status)
{
        int r = add_config_change(out, status);

        return r != 0 ? r : add_event_take(out, STR("snapshot"), status_snapshot(status->context));
}

/* What who begins to watch is told. */
static int make_first_events(struct buf *out, const struct request *req)
{
        const struct context *context = request_context(req);
        struct str port = cgi_param(&req->in->params, "MGW_SHOWN_PORT");
        int r = add_event_take(out, STR("viewer"),
                               json_pack("{s:o, s:b, s:s%}", "user",
                                         status_text(req->in->identity->user->email), "is_operator",
                                         req->in->head.is_inside, "plain_port",
                                         port.n > 0 ? port.p : "", port.n));

        if (r == 0)
                r = add_event_take(out, STR("config"), status_config(context));
        return r != 0 ? r : add_event_take(out, STR("snapshot"), status_snapshot(context));
}

/* ---- watches ---- */

static void watch_over(struct watch *watch)
{
        struct status *status = watch->status;

        list_unlink(&watch->node);
        identity_let_go(watch->identity);
        free(watch);
        if (--status->n_watches > 0)
                return;
        timer_disarm(status->context->loop, &status->tick);
        status->is_hurried = false;
        status->context->on_change = NULL;
}

static void watch_on_gone(struct request *req)
{
        watch_over(req->owner);
}

static const struct request_events watch_events = {.on_gone = watch_on_gone};

/* Who comes back comes to the process that serves. */
static bool watch_is_due(const struct watch *watch)
{
        const struct context *context = watch->status->context;

        return context->has_successor ||
               loop_now_ms(context->loop) - watch->began_ms >= WATCH_LIFE_MS ||
               !status_viewer_may_stay(context, watch->identity);
}

static void watch_end(struct watch *watch)
{
        struct request *req = watch->req;

        request_own(req, NULL, NULL);
        watch_over(watch);
        request_end(req);
}

/* A connection that fails now ends by itself. */
static void watch_tell(struct watch *watch, struct str events)
{
        if (watch_is_due(watch))
                watch_end(watch);
        else if (request_n_unsent(watch->req) == 0)
                (void)request_write(watch->req, events, EVENT_MAX_BYTES);
}

static void feed_on_tick(struct timer *timer)
{
        struct status *status = container_of(timer, struct status, tick);
        struct loop *loop = status->context->loop;
        struct buf events;

        status->is_hurried = false;
        status->told_ms = loop_now_ms(loop);
        timer_arm(loop, timer, PERIOD_MS);
        buf_init(&events, EVENT_MAX_BYTES);
        if (make_events(&events, status) == 0)
                list_for_each_safe (it, &status->watches)
                        watch_tell(container_of(it, struct watch, node), buf_bytes(&events));
        buf_finish(&events);
}

static void feed_on_change(struct context *context)
{
        struct status *status = context->status;
        int64_t wait_ms = status->told_ms + HURRY_MS - loop_now_ms(context->loop);

        if (status->is_hurried)
                return;
        status->is_hurried = true;
        timer_arm(context->loop, &status->tick, wait_ms > 0 ? wait_ms : 0);
}

static void watch_begin(struct request *req, struct str first)
{
        static const struct cgi_header headers[] = {
                {"Content-Type", "text/event-stream"},
                {"Cache-Control", "no-store, no-transform"},
                {"X-Accel-Buffering", "no"},
                {"Cross-Origin-Resource-Policy", "same-origin"},
                {0},
        };
        struct context *context = request_context(req);
        struct status *status = context->status;
        struct watch *watch = alloc_zeroed(sizeof(*watch));

        watch->status = status;
        watch->req = req;
        watch->identity = identity_hold(req->in->identity);
        watch->began_ms = loop_now_ms(context->loop);
        list_append(&status->watches, &watch->node);
        context->on_change = feed_on_change;
        if (status->n_watches++ == 0)
                timer_arm(context->loop, &status->tick, PERIOD_MS);
        request_own(req, &watch_events, watch);
        (void)request_begin(req, headers, first);
}

/* Walks WATCHES_MAX. */
static bool too_many(const struct status *status, const struct user *viewer)
{
        unsigned n = 0;

        list_for_each (it, &status->watches)
                n += container_of(it, struct watch, node)->identity->user == viewer;
        return status->n_watches >= WATCHES_MAX || n >= WATCHES_PER_VIEWER_MAX;
}

void status_on_events(struct request *req)
{
        static const struct cgi_header later[] = {
                {"Content-Type", "text/plain"}, {"Retry-After", "10"}, {0}};
        struct status *status = request_context(req)->status;
        struct buf events;

        if (too_many(status, req->in->identity->user) || request_context(req)->is_draining) {
                request_reply(req, 503, later, STR("Too many watch, or mgw is going down.\n"));
                return;
        }
        buf_init(&events, EVENT_MAX_BYTES);
        if (make_first_events(&events, req) == 0)
                watch_begin(req, buf_bytes(&events));
        else
                request_reply(req, 503, later, STR("There is no memory for this now.\n"));
        buf_finish(&events);
}

void status_feed_init(struct status *status)
{
        list_init(&status->watches);
        status->tick.on_due = feed_on_tick;
}

void status_feed_close(struct status *status)
{
        timer_disarm(status->context->loop, &status->tick);
        free((void *)status->told_config.p);
}
