/* A cut is not a cancel in the session era: when the connection goes, the calls go on, and what
 * they send is kept for replay on the POST's channel, if the client has seen the channel's number.
 * In the stateless era, where nothing can be resumed, it is one. */
#include "mgw/session/post_response.h"

#include "mgw/auth/challenge.h"
#include "mgw/base/alloc.h"
#include "mgw/config/config.h"
#include "mgw/core/share.h"
#include "mgw/mcp/bridge.h"
#include "mgw/mcp/trace.h"
#include "mgw/observe/span.h"
#include "mgw/session/call.h"
#include "mgw/session/subscription.h"
#include "mgw/wire/hdr.h"
#include "mgw/wire/rpc.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TO(state) (1u << POST_RESPONSE_STATE_##state)

static const unsigned post_moves[] = {
        [POST_RESPONSE_STATE_WAITING] = TO(BODY) | TO(STREAM) | TO(CUT) | TO(LEFT) | TO(OVER),
        [POST_RESPONSE_STATE_BODY] = TO(WHOLE) | TO(LEFT) | TO(OVER),
        [POST_RESPONSE_STATE_WHOLE] = TO(OVER),
        [POST_RESPONSE_STATE_STREAM] = TO(CUT) | TO(OVER),
        [POST_RESPONSE_STATE_CUT] = TO(STREAM) | TO(OVER),
        [POST_RESPONSE_STATE_LEFT] = TO(OVER),
        [POST_RESPONSE_STATE_OVER] = 0,
};

static void post_set_state(struct post_response *post, enum post_response_state to)
{
        assert(post_moves[post->state] & 1u << to);
        assert(to == POST_RESPONSE_STATE_OVER ||
               (post->stream != NULL) == (to == POST_RESPONSE_STATE_STREAM));
        post->state = (uint8_t)to;
}

/* Has it become one, lost or not? */
static bool post_is_stream(const struct post_response *post)
{
        return post->state == POST_RESPONSE_STATE_STREAM || post->state == POST_RESPONSE_STATE_CUT;
}

static void post_on_cut(struct post_response *post)
{
        if (post->call != NULL)
                call_cancel(post->call, "the client has left");
        else
                session_touch(post->session);
}

static void post_drop_answers(struct post_response *post)
{
        json_array_clear(post->answers);
        ledger_hold_set_past(&post->hold, 0);
}

static void post_on_gone(struct request *req)
{
        struct post_response *post = req->owner;

        post->req = NULL;
        if (!post_is_stream(post))
                post_set_state(post, POST_RESPONSE_STATE_LEFT);
        post_drop_answers(post);
        post_on_cut(post);
}

static const struct request_events post_request_events = {.on_gone = post_on_gone};

static void post_on_stream_end(struct stream *stream)
{
        struct post_response *post = stream->owner;

        if (post == NULL)
                return;
        post->stream = NULL;
        post_set_state(post, POST_RESPONSE_STATE_CUT);
        post_on_cut(post);
}

/* A stream of changes would not end by itself. */
static void post_on_farewell(struct stream *stream)
{
        const struct post_response *post = stream->owner;

        if (post != NULL && post->call != NULL && post->call->state == CALL_STATE_LISTENING)
                subscription_complete(post->call);
}

/* Once it is over, or its call, nobody is asked any more. */
static struct stream_client post_client(const struct stream *stream)
{
        const struct post_response *post = stream->owner;
        const struct call *call = post != NULL ? post->call : NULL;
        const json_t *info = call != NULL ? bridge_client_info(call->params) : NULL;

        if (call != NULL && call->subscription != NULL)
                return subscription_client(call->subscription);
        return (struct stream_client){rpc_text(info, "name"), rpc_text(info, "version")};
}

static const struct stream_events post_stream_events = {
        .on_end = post_on_stream_end,
        .on_farewell = post_on_farewell,
        .client = post_client,
};

static void post_push(struct post_response *post, const json_t *msg)
{
        channel_send(post->session, &post->channel, post->stream, msg);
}

static bool post_listens(const struct post_response *post)
{
        return post->call != NULL && post->call->method->class == METHOD_LISTEN;
}

/* The head and a first event or comment go out now, the answers follow as events. Walks the answers
 * that wait: one for each request of the POST at most. */
bool post_response_begin_stream(struct post_response *post)
{
        struct session *s = post->session;
        char first[CHANNEL_FIRST_SIZE];
        json_t *answer;
        size_t i;

        if (post_is_stream(post))
                return true;
        if (post->state != POST_RESPONSE_STATE_WAITING || !post->accepts_stream ||
            share_refuses_stream(post->req->share) != 0)
                return false;
        timer_disarm(session_context(s)->loop, &post->grace);
        post->channel = channel_new(s, true);
        struct stream_options options = {
                .session = s,
                .kind = post_listens(post) ? STREAM_KIND_LISTEN : STREAM_KIND_POST,
                .session_id = post->opens_session ? s->id : NULL,
                .first = channel_first(s, (struct replay_id){post->channel.no, 0}, first),
                .events = &post_stream_events,
                .owner = post,
        };
        if (stream_open(post->req, &options, &post->stream) < 0) {
                post_drop_answers(post);
                post_set_state(post, POST_RESPONSE_STATE_CUT);
                return true; /* the connection is lost, and tells so by itself */
        }
        post_set_state(post, POST_RESPONSE_STATE_STREAM);
        post->req = NULL;
        json_array_foreach (post->answers, i, answer)
                post_push(post, answer);
        post_drop_answers(post);
        return true;
}

static void post_on_grace(struct timer *timer)
{
        (void)post_response_begin_stream(container_of(timer, struct post_response, grace));
}

/* What an Accept says of the two forms of an answer. */
struct accepted {
        char text[128];
        size_t n;
        bool stream, json;
};

/* Most clients are of a kind, and say the same as the one before. */
static struct accepted accepted_by(struct str accept)
{
        static struct accepted last = {.n = SIZE_MAX};
        struct accepted now = {.n = accept.n};

        if (str_eq((struct str){last.text, last.n}, accept))
                return last;
        now.stream = hdr_accepts(accept, STR("text/event-stream")) == HDR_ACCEPT_EXPLICIT;
        now.json = hdr_accepts(accept, STR("application/json")) != HDR_ACCEPT_NO;
        if (accept.n > sizeof(now.text))
                return now;
        memcpy(now.text, accept.p, accept.n);
        return last = now;
}

static struct span *begin_span(const struct request *req)
{
        const struct cgi_head *head = &req->in->head;
        const struct mirror_headers headers = mirror_headers_of(&req->in->params);
        struct context *context = request_context(req);
        char parent[TRACE_PARENT_SIZE];

        if (context->traces == NULL)
                return NULL;
        return span_request_begin(
                context, &(const struct span_request){
                                 .path = head->path,
                                 .address = head->remote_addr,
                                 .id = head->request_id,
                                 .parent = trace_header_parent(&headers, parent) ? parent : NULL});
}

struct post_response *post_response_create(struct request *req, struct session *session,
                                           unsigned n_requests, bool is_batch)
{
        struct accepted accepted = accepted_by(req->in->head.accept);
        struct post_response *post = alloc_zeroed(sizeof(*post));

        post->answers = json_array();
        ledger_hold_init(&post->hold, &req->share->memory, LEDGER_ANSWER);
        post->span = begin_span(req);
        post->req = req;
        post->session = session;
        post->n_open = n_requests;
        post->status = 200;
        post->is_batch = is_batch;
        post->accepts_stream = accepted.stream;
        post->wants_stream = accepted.stream && !accepted.json;
        /* HAProxy ends the body of a broken answer over HTTP/2 as if it were whole. */
        post->shows_cuts = str_eq(req->in->head.http_version, STR("HTTP/1.1"));
        post->grace.on_due = post_on_grace;
        request_own(req, &post_request_events, post);
        timer_arm(session_context(session)->loop, &post->grace,
                  session_context(session)->config->answer_grace_ms);
        return post;
}

/* Walks the calls of a session: calls_per_session_max at most. */
struct post_response *post_response_find(struct session *session, uint32_t channel_no)
{
        list_for_each (it, &session->calls) {
                struct post_response *post = container_of(it, struct call, node)->post;

                if (post != NULL && post->channel.no == channel_no)
                        return post;
        }
        return NULL;
}

void post_response_resume(struct post_response *post, struct stream *stream)
{
        if (post->state == POST_RESPONSE_STATE_STREAM) {
                post->stream->owner = NULL;
                stream_end(post->stream, STREAM_CAUSE_REPLACED);
                post->stream = stream;
        } else {
                post->stream = stream;
                post_set_state(post, POST_RESPONSE_STATE_STREAM);
        }
        stream->owner = post;
        stream->events = &post_stream_events;
        stream->has_retry = false;
        session_touch(post->session);
}

bool post_response_is_heard(const struct post_response *post)
{
        return post->req != NULL || post->stream != NULL;
}

/* A proxy that is being reloaded carries the rest still; a peer that keeps its connection wants an
 * end. */
static void post_on_body_abort(struct request *req)
{
        if (!req->keep_conn)
                return;
        post_on_gone(req);
        request_end(req);
}

static const struct request_events post_body_events = {
        .on_gone = post_on_gone,
        .on_abort = post_on_body_abort,
};

/* A connection that fails now ends by itself. */
static bool post_begin_body(struct post_response *post)
{
        const struct cgi_header headers[] = {{"Content-Type", "application/json"}, {0}};

        if (post->state != POST_RESPONSE_STATE_WAITING || !post->shows_cuts)
                return false;
        timer_disarm(session_context(post->session)->loop, &post->grace);
        post_set_state(post, POST_RESPONSE_STATE_BODY);
        request_own(post->req, &post_body_events, post);
        (void)request_begin(post->req, headers, STR(""));
        return true;
}

bool post_response_begin_parts(struct post_response *post, bool as_event)
{
        bool wants_event = post_is_stream(post) || post->wants_stream || as_event;

        if (post->is_batch || post->n_open != 1)
                return false;
        if (!post->accepts_stream || !wants_event)
                if (post_begin_body(post))
                        return true;
        if (!post->accepts_stream)
                return false;
        (void)post_response_begin_stream(post);
        return post->stream != NULL && stream_takes_parts(post->stream);
}

void post_response_end_body(struct post_response *post)
{
        post_set_state(post, POST_RESPONSE_STATE_WHOLE);
}

bool post_response_send(struct post_response *post, const json_t *msg)
{
        if (!post_response_begin_stream(post))
                return false;
        post_push(post, msg);
        return true;
}

void post_response_challenge_take(struct post_response *post, char *scopes)
{
        free(post->scopes);
        post->scopes = scopes;
}

/* The caller frees it; NULL: none. */
static char *challenge_of(const struct post_response *post)
{
        if (post->scopes == NULL)
                return NULL;
        return challenge_bearer(session_context(post->session),
                                post->req->in != NULL ? post->req->in->head.path : STR("/mcp"),
                                "insufficient_scope", "the token lacks a scope for this",
                                post->scopes);
}

static void post_reply_text(struct post_response *post, struct str text)
{
        struct cgi_header headers[4] = {{0}};
        char *challenge = challenge_of(post), seconds[16];
        size_t n = 0;

        snprintf(seconds, sizeof(seconds), "%u", (unsigned)post->retry_after_s);
        if (post->opens_session)
                headers[n++] = (struct cgi_header){"Mcp-Session-Id", post->session->id};
        if (post->retry_after_s > 0)
                headers[n++] = (struct cgi_header){"Retry-After", seconds};
        if (challenge != NULL)
                headers[n++] = (struct cgi_header){"WWW-Authenticate", challenge};
        request_reply_json(post->req, post->status, headers, text);
        free(challenge);
}

static void post_reply(struct post_response *post)
{
        struct str text;
        const json_t *body = post->is_batch ? post->answers : json_array_get(post->answers, 0);

        if (json_array_size(post->answers) == 0) {
                request_reply(post->req, 202, NULL, STR(""));
        } else if (rpc_dump(body, &text) == 0) {
                post_reply_text(post, text);
                free((void *)text.p);
        } else {
                request_reply(post->req, 500, NULL, STR("Out of memory.\n"));
        }
}

static void post_free(void *object)
{
        struct post_response *post = object;

        json_decref(post->answers);
        json_decref(post->mirrored);
        free(post->scopes);
        free(post);
}

static void post_over(struct post_response *post)
{
        struct context *context = session_context(post->session);

        assert(post->n_open == 0 && post->call == NULL);
        span_request_end_take(context, post->span, post->status);
        timer_disarm(context->loop, &post->grace);
        ledger_hold_set_past(&post->hold, 0);
        switch (post->state) {
        case POST_RESPONSE_STATE_WAITING:
                post_reply(post);
                break;
        case POST_RESPONSE_STATE_WHOLE:
                request_end(post->req);
                break;
        case POST_RESPONSE_STATE_STREAM:
                post->stream->owner = NULL;
                stream_end(post->stream, STREAM_CAUSE_ANSWERED);
                break;
        default: /* of a body that is not whole, or a stream that could not begin */
                if (post->req != NULL)
                        request_cut(post->req);
        }
        post_set_state(post, POST_RESPONSE_STATE_OVER);
        loop_bury(context->loop, post, post_free);
}

/* It waits for those of the calls that are open still. */
static void post_keep(struct post_response *post, const json_t *answer)
{
        size_t n = post->n_open > 1 ? rpc_cost(answer) : 0;

        if (ledger_hold_set(&post->hold, post->hold.bytes + n) == 0)
                json_array_append(post->answers, (json_t *)answer);
        else
                json_array_append_new(
                        post->answers,
                        rpc_error_take(json_object_get(answer, "id"), CALL_E_BUSY,
                                       "its user has no memory for the answer until the others of "
                                       "its batch have come (memory_per_user_max_bytes)",
                                       NULL));
}

void post_response_answer(struct post_response *post, const json_t *answer)
{
        assert(post->n_open > 0);
        if (answer != NULL && post->wants_stream && post->status == 200)
                (void)post_response_begin_stream(post);
        if (answer != NULL && post_is_stream(post))
                post_push(post, answer);
        else if (answer != NULL && post->state != POST_RESPONSE_STATE_LEFT)
                post_keep(post, answer);
        if (--post->n_open == 0)
                post_over(post);
}
