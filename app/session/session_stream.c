/* The streams that a client opens by GET: what no call asked for goes by them, and a POST's own
 * stream that was cut goes on. They stand on their session's list, but for those that a POST takes
 * over. */
#include "mgw/session/post_response.h"
#include "mgw/session/session_handover.h"
#include "mgw/session/subscription.h"
#include "session_inside.h"

#include <stdio.h>

void session_deliver(struct session *s, const json_t *msg)
{
        if (s->is_given && session_handover(s) != NULL)
                session_handover(s)->on_message(s, msg);
        else if (s->client.kind == UPSTREAM_CLIENT_STANDING)
                subscriptions_deliver(s, NULL, msg);
        else
                channel_send_unasked(s, msg);
}

/* ---- the session era ---- */

static void session_on_get_end(struct stream *stream)
{
        struct session *s = stream->session;

        if (s->client.is_ending)
                return;
        channel_lose(s, &stream->channel);
        session_touch(s);
}

static const struct stream_events get_events = {.on_end = session_on_get_end};

static void session_resume_post(struct session *s, struct stream *stream)
{
        struct post_response *post = post_response_find(s, stream->channel.no);

        if (post != NULL) {
                post_response_resume(post, stream);
                return;
        }
        stream->has_retry = false; /* that POST is over: nothing more will come */
        stream_end(stream, STREAM_CAUSE_ANSWERED);
}

bool session_goes_on_elsewhere(const struct session *s, struct request *req)
{
        struct replay_id last;

        return s->is_elsewhere && session_handover(s) != NULL &&
               replay_id_read(req->in->head.last_event_id, &last) == 0 && last.stream % 2 != 0 &&
               post_response_find((struct session *)s, last.stream) == NULL &&
               session_handover(s)->on_request(req, STR(""));
}

void session_open_get(struct session *s, struct request *req, struct str last_event_id)
{
        struct replay_id from;
        struct channel channel = channel_resume(s, last_event_id, &from);
        bool is_post = channel_is_post(&channel);
        char first[CHANNEL_FIRST_SIZE];
        struct stream *stream;
        struct stream_options options = {
                .session = s,
                .kind = is_post ? STREAM_KIND_POST : STREAM_KIND_GET,
                .channel = channel,
                .has_retry = true,
                .first = channel_first(s, from, first),
                .events = is_post ? NULL : &get_events,
        };

        if (stream_open(req, &options, &stream) < 0)
                return;
        if (!is_post)
                list_append(&s->streams, &stream->node);
        session_touch(s);
        channel_replay(s, stream, from);
        if (is_post)
                session_resume_post(s, stream);
}

/* ---- the sse era ---- */

static void session_on_sse_end(struct stream *stream)
{
        session_end(stream->session);
}

static const struct stream_events sse_events = {.on_end = session_on_sse_end};

int session_open_sse(struct session *s, struct request *req)
{
        char first[256];
        int n = snprintf(first, sizeof(first), "event: endpoint\ndata: /message?sessionId=%s\n\n",
                         s->id);
        struct stream *stream;
        struct stream_options options = {
                .session = s,
                .kind = STREAM_KIND_SSE,
                .first = {first, (size_t)n},
                .events = &sse_events,
        };
        int r = stream_open(req, &options, &stream);

        if (r < 0)
                return r;
        list_append(&s->streams, &stream->node);
        session_touch(s);
        return 0;
}

/* ---- of another process ---- */

void session_go_on(struct session *s, struct request *req, struct channel channel, int64_t age_ms)
{
        bool is_sse = s->client.kind == UPSTREAM_CLIENT_SSE;
        const struct stream_options options = {
                .session = s,
                .kind = is_sse ? STREAM_KIND_SSE : STREAM_KIND_GET,
                .channel = channel,
                .has_retry = !is_sse,
                .events = is_sse ? &sse_events : &get_events,
        };

        if (s->lost.no == channel.no)
                s->lost = (struct channel){0};
        list_append(&s->streams, &stream_take_over(req, &options, age_ms)->node);
        session_touch(s);
}
