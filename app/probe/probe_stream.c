/* Bytes of a stream become a record: comments, which carry nothing but life, are counted by the
 * bytes, events are read. */
#include "probe_stream.h"

#include "mgw/base/alloc.h"
#include "mgw/base/clock.h"
#include "mgw/base/strv.h"
#include "mgw/wire/hdr.h"
#include "mgw/wire/rpc.h"
#include "probe_ask.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EVENT_MAX_BYTES (4u << 20)
#define BODY_MAX_BYTES (1u << 20)
#define ENDPOINT_MS 5000

static int64_t stream_age_ms(const struct probe_stream *s)
{
        return clock_monotonic_ms() - s->started_ms;
}

void probe_stream_init(struct probe_stream *s, struct probe_peer *peer, enum probe_kind kind,
                       const char *why_not)
{
        *s = (struct probe_stream){.peer = peer};
        probe_record_init(&s->record, kind);
        sse_reader_init(&s->reader, EVENT_MAX_BYTES);
        buf_init(&s->body, BODY_MAX_BYTES);
        snprintf(s->record.not_offered, sizeof(s->record.not_offered), "%s", why_not);
}

static void stream_not_offered(struct probe_stream *s, const char *why)
{
        s->record.is_offered = false;
        snprintf(s->record.not_offered, sizeof(s->record.not_offered), "%s", why);
}

static void stream_end(struct probe_stream *s, enum probe_end end, const char *why)
{
        http_cancel(s->request);
        s->request = NULL;
        s->record.end = end;
        s->record.ended_ms = stream_age_ms(s);
        str_to_text(str_from(why), s->record.why, sizeof(s->record.why));
}

/* ---- messages ---- */

static bool is_answer_to(const json_t *message, uint64_t id)
{
        return json_object_get(message, "method") == NULL && id != 0 &&
               json_integer_value(json_object_get(message, "id")) == (json_int_t)id;
}

/* A call that failed says nothing of the way. */
static void take_answer(struct probe_stream *s, const json_t *message)
{
        const json_t *error = json_object_get(message, "error");
        const char *text = rpc_text(error, "message");
        char plain[96], why[128];

        stream_end(s, PROBE_END_ANSWERED, "");
        if (error == NULL)
                return;
        str_to_text(str_from(text != NULL ? text : "no reason given"), plain, sizeof(plain));
        snprintf(why, sizeof(why), "it answered: %s", plain);
        stream_not_offered(s, why);
}

static void hand_over(struct probe_stream *s, json_t *message)
{
        struct probe_peer *peer = s->peer;

        if (peer->awaited == NULL && is_answer_to(message, peer->awaited_id))
                peer->awaited = json_incref(message);
}

static void take_message(struct probe_stream *s, struct str text)
{
        const char *method;
        json_t *message;
        char why[160];

        if (rpc_parse_any(text, &message, why, sizeof(why)) != 0)
                return;
        method = rpc_text(message, "method");
        if (s->record.kind == PROBE_KIND_SSE)
                hand_over(s, message);
        else if (is_answer_to(message, s->id))
                take_answer(s, message);
        else if (s->record.kind == PROBE_KIND_LISTEN && s->record.opening_ms < 0 &&
                 method != NULL && strcmp(method, "notifications/subscriptions/acknowledged") == 0)
                s->record.opening_ms = stream_age_ms(s);
        json_decref(message);
}

static void take_endpoint(struct probe_stream *s, struct str ref)
{
        struct probe_peer *peer = s->peer;
        char *text = alloc_str(ref);

        if (s->record.opening_ms < 0) {
                s->record.opening_ms = stream_age_ms(s);
                peer->message_url = http_resolve(s->record.url, text);
                if (peer->message_url == NULL)
                        str_to_text(ref, peer->led_away, sizeof(peer->led_away));
        }
        free(text);
}

static void take_event(struct probe_stream *s, const struct sse_event *event)
{
        if (event->retry_ms >= 0)
                s->record.has_retry = true;
        if (s->record.kind == PROBE_KIND_SSE && str_eq(event->name, STR("endpoint")))
                take_endpoint(s, event->data);
        else if (event->data.n > 0)
                take_message(s, event->data);
}

/* ---- bytes ---- */

/* Lines that begin with ':'. */
static unsigned count_comments(struct probe_stream *s, const char *p, size_t n)
{
        unsigned n_comments = 0;

        for (size_t i = 0; i < n; i++) {
                if (!s->is_in_line && p[i] == ':')
                        n_comments++;
                s->is_in_line = p[i] != '\n' && p[i] != '\r';
        }
        return n_comments;
}

static unsigned read_events(struct probe_stream *s, const char *p, size_t n)
{
        struct sse_event event;
        unsigned n_events = 0;
        size_t used;
        int r = 0;

        while (n > 0 && r != SSE_E_MORE && s->request != NULL) {
                r = sse_reader_feed(&s->reader, p, n, &used, &event);
                if (r < 0 || r == SSE_E_BIG) {
                        stream_end(s, PROBE_END_FAILED, "an event of over 4 MiB came");
                        break;
                }
                p += used;
                n -= used;
                if (r == 0) {
                        n_events++;
                        take_event(s, &event);
                }
        }
        return n_events;
}

static enum http_flow stream_on_body(void *owner, const char *p, size_t n)
{
        struct probe_stream *s = owner;
        int64_t at_ms = stream_age_ms(s);
        unsigned n_comments;

        if (!s->is_stream) {
                (void)buf_add(&s->body, p, n); /* what is too big is no answer that is read */
                return HTTP_GO_ON;
        }
        n_comments = count_comments(s, p, n);
        probe_record_beat(&s->record, at_ms, n_comments);
        s->record.n_events += read_events(s, p, n);
        return HTTP_GO_ON;
}

/* ---- head and end ---- */

static void copy(char *to, size_t size, struct str s)
{
        str_to_text(s, to, size);
}

static void stream_on_head(void *owner, const struct http_response *response)
{
        struct probe_stream *s = owner;
        struct probe_record *r = &s->record;
        const char *value;
        size_t n;

        r->status = response->status;
        if (r->status == 200) /* another is no sign of life, but an end */
                r->head_ms = r->last_ms = r->gap_ms = stream_age_ms(s);
        probe_record_take_lines(r, response->lines.p, response->lines.n);
        probe_peer_see(s->peer, r->lines);
        copy(r->media_type, sizeof(r->media_type), response->content_type);
        value = probe_record_header(r->lines, "Content-Encoding", NULL, &n);
        if (value != NULL && !str_eq_nocase((struct str){value, n}, STR("identity")))
                copy(r->encoding, sizeof(r->encoding), (struct str){value, n});
        s->is_stream = response->status == 200 &&
                       hdr_media_is(response->content_type, STR("text/event-stream"));
}

static enum probe_end end_of_failure(const struct http_failure *failure)
{
        if (failure->is_reset)
                return PROBE_END_RESET;
        if (failure->fault == HTTP_FAULT_CUT || failure->fault == HTTP_FAULT_BROKEN)
                return PROBE_END_BROKEN;
        return PROBE_END_FAILED;
}

/* The answer to a call may be JSON. */
static void end_of_body(struct probe_stream *s)
{
        if (s->id != 0 && s->record.status == 200)
                take_message(s, buf_bytes(&s->body));
        if (s->record.end != PROBE_END_ANSWERED)
                stream_end(s, PROBE_END_REFUSED, "");
        else if (s->record.kind == PROBE_KIND_LISTEN && s->record.is_offered)
                stream_not_offered(s, "it was answered, and no stream was opened");
}

static void stream_on_done(void *owner, const struct http_failure *failure)
{
        struct probe_stream *s = owner;

        s->request = NULL;
        if (failure != NULL && (s->is_stream || s->record.status == 0))
                stream_end(s, end_of_failure(failure), failure->why);
        else if (s->is_stream)
                stream_end(s, PROBE_END_ORDERLY, "");
        else
                end_of_body(s);
}

/* ---- the beginning ---- */

static void stream_start(struct probe_stream *s, const char *method, const char *url, char **lines,
                         struct str body)
{
        static const struct http_handlers handlers = {stream_on_head, stream_on_body,
                                                      stream_on_done};
        struct http_options options = {
                .method = method,
                .url = url,
                .headers = (const char *const *)lines,
                .body = body,
                .source = &s->peer->source,
                .is_stream = true,
                .is_observed = true,
        };
        int r;

        s->started_ms = clock_monotonic_ms();
        s->record.url = alloc_text(url);
        s->record.is_offered = true;
        r = http_start(s->peer->http, &options, &handlers, s, &s->request);
        if (r < 0)
                stream_end(s, PROBE_END_FAILED, strerror(-r));
}

void probe_stream_get(struct probe_stream *s, const char *url, bool has_session)
{
        char **lines = probe_message_get_lines(s->peer, has_session);

        stream_start(s, "GET", url, lines, STR(""));
        strv_free(lines);
}

bool probe_stream_get_endpoint(struct probe_stream *s)
{
        struct probe_peer *peer = s->peer;
        int64_t end_ms = clock_monotonic_ms() + ENDPOINT_MS;

        probe_stream_get(s, peer->sse_url, false);
        while (s->record.opening_ms < 0 && probe_stream_is_open(s) && !peer->is_stopped &&
               clock_monotonic_ms() < end_ms)
                probe_peer_turn(peer, 100);
        return peer->message_url != NULL;
}

void probe_stream_post(struct probe_stream *s, enum probe_way way, const char *method,
                       json_t *params_take, const json_t *schema)
{
        struct probe_message m;

        if (probe_message_make(s->peer, way, method, params_take, schema, &m) == 0) {
                s->id = m.id;
                stream_start(s, "POST", s->peer->url, m.lines, m.body);
        }
        probe_message_finish(&m);
}

bool probe_stream_is_open(const struct probe_stream *s)
{
        return s->request != NULL;
}

void probe_stream_stop(struct probe_stream *s)
{
        if (s->request != NULL)
                stream_end(s, PROBE_END_NONE, "");
}

void probe_stream_finish(struct probe_stream *s)
{
        http_cancel(s->request);
        sse_reader_finish(&s->reader);
        buf_finish(&s->body);
        probe_record_finish(&s->record);
}
