/* Streams stand in one list in the order of their last write. All have the same interval, so the
 * head of the list is always the one that has been silent longest, and one timer is enough for any
 * number of streams. Sweeps take what is due within a thirtieth of the interval together; the log
 * has one line an interval. */
#include "mgw/session/stream.h"

#include "mgw/base/alloc.h"
#include "mgw/base/clock.h"
#include "mgw/base/log.h"
#include "mgw/config/config.h"
#include "mgw/observe/observe.h"
#include "mgw/session/session.h"
#include "mgw/wire/rpc.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* After a proxy's ABORT_REQUEST streams end within this time, each at a random moment, so that
 * clients do not all come back at once. */
#define FAREWELL_MS 5000

/* When so many streams have left, the heap's free pages go back to the system, a moment later, and
 * once more until no others have left. */
#define TRIM_STREAMS 1000
#define TRIM_DELAY_MS 1000

static int64_t stream_silent_ms(const struct stream *s, const struct context *context)
{
        return (uint32_t)loop_now_ms(context->loop) - s->written_ms;
}

static void stream_watch_sweep(struct context *context)
{
        const struct list *head = list_first(&context->streams);
        int64_t interval = context->config->keepalive_ms, silent_ms;

        if (head == NULL || interval == 0) {
                timer_disarm(context->loop, &context->sweep);
                return;
        }
        if (timer_is_armed(&context->sweep))
                return;
        silent_ms = stream_silent_ms(container_of(head, struct stream, due_node), context);
        timer_arm(context->loop, &context->sweep, interval > silent_ms ? interval - silent_ms : 0);
}

static void stream_touch(struct stream *s)
{
        struct context *context = request_context(s->req);

        s->written_ms = (uint32_t)loop_now_ms(context->loop);
        list_move_to_tail(&context->streams, &s->due_node);
}

static void stream_set_state(struct stream *s, enum stream_state to)
{
        static const unsigned moves[] = {
                [STREAM_STATE_OPEN] = 1u << STREAM_STATE_FULL | 1u << STREAM_STATE_OVER,
                [STREAM_STATE_FULL] = 1u << STREAM_STATE_OVER,
                [STREAM_STATE_OVER] = 0,
        };

        assert(moves[s->state] & 1u << to);
        s->state = (uint8_t)to;
}

struct stream_client stream_client(const struct stream *s)
{
        const json_t *info = session_client_info(s->session);

        if (s->session->client.kind == UPSTREAM_CLIENT_STANDING && s->events != NULL &&
            s->events->client != NULL)
                return s->events->client(s);
        return (struct stream_client){rpc_text(info, "name"), rpc_text(info, "version")};
}

static void stream_report(const struct stream *s, int64_t life_ms)
{
        const struct session *session = s->session;
        const struct stream_record record = {
                .id = s->id,
                .email = session->client.user->email,
                .client = stream_client(s).name,
                .revision = session_revision(session),
                .kind = s->kind,
                .cause = s->cause,
                .lasted_ms = life_ms,
                .bytes = s->n_bytes,
                .keepalives = s->n_keepalives,
        };

        observe_stream(session_context(session), &record);
}

static void stream_trim_later(struct context *context)
{
        context->streams_to_trim = context->stats.n_streams;
        timer_arm(context->loop, &context->trim, TRIM_DELAY_MS);
}

/* It counts no more, and is freed at the end of this turn. */
static void stream_leave(struct stream *s)
{
        struct context *context = request_context(s->req);
        struct user *user = s->session->client.user;
        int64_t life_ms = loop_now_ms(context->loop) - s->opened_ms;

        stream_set_state(s, STREAM_STATE_OVER);
        assert(context->stats.n_streams > 0 && user->n_streams > 0 && s->req->share->n_streams > 0);
        list_unlink(&s->due_node);
        list_unlink(&s->node);
        timer_disarm(context->loop, &s->farewell);
        context->stats.n_streams--;
        observe_streams_here(context, s->kind, -1);
        user->n_streams--;
        s->req->share->n_streams--;
        if ((uint64_t)life_ms > context->stats.longest_stream_ms)
                context->stats.longest_stream_ms = (uint64_t)life_ms;
        if (context->streams_peak - context->stats.n_streams >= TRIM_STREAMS &&
            !timer_is_armed(&context->trim))
                stream_trim_later(context);
        s->req = NULL;
        loop_bury(context->loop, s, free);
}

/* What was answered was not cut, and is said to be so: who looks for the ages at which streams are
 * cut leaves it out. */
static void stream_log_end(const struct stream *s, int64_t life_ms)
{
        const struct user *user = s->session->client.user;

        if (share_may_log(s->req->share, user->email))
                log_info(NULL, "[MCP] Client disconnected: %s (%s) after %" PRId64 "s%s", s->id,
                         user->email, life_ms / 1000,
                         s->cause == STREAM_CAUSE_ANSWERED ? ", answered" : "");
}

static void stream_over(struct stream *s)
{
        struct context *context = request_context(s->req);
        int64_t life_ms = loop_now_ms(context->loop) - s->opened_ms;

        stream_report(s, life_ms);
        stream_log_end(s, life_ms);
        stream_leave(s);
        if (s->writer != NULL) {
                buf_finish(&s->writer->held);
                s->writer->on_gone(s->writer);
        }
        s->writer = NULL;
        if (s->events != NULL)
                s->events->on_end(s);
        context_tell_change(context);
        if (context->is_draining)
                context->on_calm(context);
}

void stream_blame(struct stream *s, enum stream_cause cause)
{
        if (s != NULL && s->cause == STREAM_CAUSE_CLIENT)
                s->cause = (uint8_t)cause;
}

int stream_give(struct stream *s, struct request_handover *handover)
{
        struct context *context = request_context(s->req);
        int fd = -EAGAIN;

        if (stream_takes_parts(s) && !timer_is_armed(&s->farewell))
                fd = request_give(s->req, handover);
        if (fd < 0)
                return fd;
        stream_leave(s);
        context_tell_change(context);
        return fd;
}

void stream_end(struct stream *s, enum stream_cause cause)
{
        struct request *req = s->req;
        const struct context *context = request_context(s->req);

        stream_blame(s, cause);
        if (s->has_retry) {
                char text[48];
                int64_t retry = context->config->retry_ms;
                int n = snprintf(text, sizeof(text), "retry: %" PRId64 "\n\n",
                                 retry / 2 + (int64_t)rand_below((uint32_t)retry + 1));

                (void)request_write(req, (struct str){text, (size_t)n}, UINT32_MAX);
        }
        request_own(req, NULL, NULL);
        stream_over(s);
        request_end(req);
}

static void stream_on_gone(struct request *req)
{
        stream_over(req->owner);
}

static bool stream_hears_farewell(const struct stream *s)
{
        return s->events != NULL && s->events->on_farewell != NULL;
}

static void stream_on_farewell(struct timer *timer)
{
        struct stream *s = container_of(timer, struct stream, farewell);

        stream_blame(s, s->state == STREAM_STATE_FULL ? STREAM_CAUSE_FULL : STREAM_CAUSE_PROXY);
        if (stream_hears_farewell(s) && s->state == STREAM_STATE_OPEN)
                s->events->on_farewell(s);
        else
                stream_end(s, s->cause);
}

/* A stream with an owner mostly ends by itself, with its answer: a client without an event id could
 * not come back for that. */
static void stream_on_abort(struct request *req)
{
        struct stream *s = req->owner;

        if ((s->owner == NULL || stream_hears_farewell(s)) && !timer_is_armed(&s->farewell))
                timer_arm(request_context(s->req)->loop, &s->farewell, rand_below(FAREWELL_MS));
}

static const struct request_events stream_request_events = {
        .on_gone = stream_on_gone,
        .on_abort = stream_on_abort,
};

unsigned stream_refusal(const struct request *req)
{
        return context_refuses(request_context(req)) ? 503 : share_refuses_stream(req->share);
}

static struct stream *stream_new(struct request *req, const struct stream_options *o)
{
        struct stream *s = alloc_zeroed(sizeof(*s));

        s->req = req;
        s->session = o->session;
        s->events = o->events;
        s->owner = o->owner;
        s->channel = o->channel;
        s->has_retry = o->has_retry;
        s->kind = (uint8_t)o->kind;
        s->farewell.on_due = stream_on_farewell;
        s->opened_ms = loop_now_ms(request_context(req)->loop);
        rand_text(s->id, STREAM_ID_BYTES);
        return s;
}

/* It counts from now on. */
static void stream_enter(struct stream *s)
{
        struct context *context = request_context(s->req);

        request_own(s->req, &stream_request_events, s);
        stream_touch(s);
        s->session->client.user->n_streams++;
        s->req->share->n_streams++;
        observe_streams_here(context, s->kind, 1);
        if (++context->stats.n_streams > context->streams_peak)
                context->streams_peak = context->stats.n_streams;
        stream_watch_sweep(context);
        if (s->req->is_aborted)
                stream_on_abort(s->req);
}

int stream_open(struct request *req, const struct stream_options *o, struct stream **streamp)
{
        struct context *context = request_context(req);
        const struct user *user = o->session->client.user;
        struct stream *s = stream_new(req, o);
        char client[64], request_id[64];
        const struct cgi_header headers[] = {
                {"Content-Type", "text/event-stream"},
                {"Cache-Control", "no-cache, no-transform"},
                {"X-Accel-Buffering", "no"},
                {"Mcp-Session-Id", o->session_id},
                {0},
        };

        /* For the log: what came in is gone once the stream has begun. */
        snprintf(client, sizeof(client), "%.*s", STR_ARG(req->in->head.remote_addr));
        snprintf(request_id, sizeof(request_id), "%.*s", STR_ARG(req->in->head.request_id));
        struct str first = o->first.n > 0 ? o->first : STR(SSE_OPEN);
        int r = request_begin(req, headers, first);
        if (r < 0) {
                free(s);
                return r;
        }
        s->n_bytes = first.n;
        stream_enter(s);
        context->stats.streams_opened++;
        if (share_may_log(req->share, user->email))
                log_info(LOG_FIELDS({"client", client}, {"request", request_id}),
                         "[MCP] Client connected: %s (%s)", s->id, user->email);
        context_tell_change(context);
        *streamp = s;
        return 0;
}

struct stream *stream_take_over(struct request *req, const struct stream_options *o, int64_t age_ms)
{
        struct stream *s = stream_new(req, o);

        s->opened_ms -= age_ms;
        stream_enter(s);
        context_tell_change(request_context(req));
        return s;
}

static int stream_send(struct stream *s, struct str bytes, uint32_t cap_bytes)
{
        int r = request_write(s->req, bytes, cap_bytes);

        if (r != 0)
                return r;
        s->n_bytes += bytes.n;
        stream_touch(s);
        return 0;
}

/* One event may pass the cap, as one may that finds nothing before it. */
static int stream_hold(struct buf *held, struct str bytes, uint32_t cap_bytes)
{
        if (held->len > 0 && held->len + bytes.n > cap_bytes)
                return BUF_E_FULL;
        return buf_add_str(held, bytes);
}

static int stream_write(struct stream *s, struct str bytes)
{
        struct context *context = request_context(s->req);
        uint32_t cap_bytes = context->config->stream_queue_max_bytes;
        int r;

        assert(s->state != STREAM_STATE_OVER);
        if (s->state == STREAM_STATE_FULL)
                return STREAM_E_FULL;
        r = s->writer != NULL ? stream_hold(&s->writer->held, bytes, cap_bytes)
                              : stream_send(s, bytes, cap_bytes);
        if (r == BUF_E_FULL) {
                r = STREAM_E_FULL;
                stream_set_state(s, STREAM_STATE_FULL);
                s->has_retry = false;
                context->stats.streams_overflowed++;
                if (share_may_log(s->req->share, s->session->client.user->email))
                        log_warn(NULL,
                                 "[MCP] stream %s (%s) ended: the client does not read, %u bytes "
                                 "wait "
                                 "(stream_queue_max_bytes)",
                                 s->id, s->session->client.user->email, cap_bytes);
                timer_arm(context->loop, &s->farewell, 0);
        }
        return r;
}

int stream_push(struct stream *s, const struct sse_event *event)
{
        struct buf bytes;
        int r;

        buf_init(&bytes, UINT32_MAX);
        r = sse_add_event(&bytes, event);
        if (r == 0)
                r = stream_write(s, buf_bytes(&bytes));
        buf_finish(&bytes);
        if (r == 0)
                request_context(s->req)->stats.events++;
        return r;
}

bool stream_takes_parts(const struct stream *s)
{
        return s->state == STREAM_STATE_OPEN && s->writer == NULL;
}

void stream_begin_parts(struct stream *s, struct stream_writer *writer)
{
        assert(stream_takes_parts(s));
        buf_init(&writer->held, UINT32_MAX);
        s->writer = writer;
}

int stream_write_part(struct stream *s, struct str bytes, bool is_last)
{
        int r = s->state == STREAM_STATE_FULL ? STREAM_E_FULL : stream_send(s, bytes, UINT32_MAX);
        struct buf *held = &s->writer->held;

        if (!is_last)
                return r;
        s->writer = NULL;
        request_context(s->req)->stats.events++;
        if (r == 0 && held->len > 0)
                r = stream_send(s, buf_bytes(held), UINT32_MAX);
        buf_finish(held);
        return r;
}

/* Nothing is sent behind unsent bytes: they wait to be read, and say as much as a comment would. */
static void stream_keep_alive(struct stream *s, struct context *context)
{
        bool is_silent = request_n_unsent(s->req) == 0;
        int64_t late_ms = stream_silent_ms(s, context) - context->config->keepalive_ms;

        if (is_silent && s->writer == NULL && stream_write(s, STR(SSE_KEEP_ALIVE)) == 0) {
                context->stats.keepalives++;
                s->n_keepalives++;
                observe_keepalive(context, late_ms);
                return;
        }
        stream_touch(s); /* tried, and again after an interval */
        if (is_silent && s->writer != NULL)
                s->writer->on_silence(s->writer);
}

/* Walks those that are due, and one more: each stream once in an interval. */
static void stream_on_sweep(struct timer *timer)
{
        struct context *context = container_of(timer, struct context, sweep);
        int64_t interval = context->config->keepalive_ms;
        struct list *node;

        while ((node = list_first(&context->streams)) != NULL) {
                struct stream *s = container_of(node, struct stream, due_node);

                if (stream_silent_ms(s, context) < interval - interval / 30)
                        break;
                stream_keep_alive(s, context);
        }
        if (!timer_is_armed(&context->sweep_report))
                timer_arm(context->loop, &context->sweep_report, interval / 10);
        stream_watch_sweep(context);
}

static void stream_on_sweep_report(struct timer *timer)
{
        struct context *context = container_of(timer, struct context, sweep_report);
        uint64_t n = context->stats.keepalives - context->keepalives_reported;

        context->keepalives_reported = context->stats.keepalives;
        if (n > 0) {
                log_info(NULL, "[MCP] : keep-alive sent to %" PRIu64 " streams", n);
                timer_arm(context->loop, timer, context->config->keepalive_ms);
        }
}

static void stream_on_trim(struct timer *timer)
{
        struct context *context = container_of(timer, struct context, trim);

        malloc_trim(0);
        context->streams_peak = context->stats.n_streams;
        if (context->stats.n_streams < context->streams_to_trim)
                stream_trim_later(context); /* others have left meanwhile, and may still */
}

void stream_context_follow(struct context *context)
{
        timer_disarm(context->loop, &context->sweep);
        stream_watch_sweep(context);
}

void stream_context_init(struct context *context)
{
        list_init(&context->streams);
        context->sweep.on_due = stream_on_sweep;
        context->sweep_report.on_due = stream_on_sweep_report;
        context->trim.on_due = stream_on_trim;
}
