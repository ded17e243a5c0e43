/* Numbers count from 1 in each channel, in the order in which events are given to it, whether they
 * go out or not. A message that belongs to no POST waits on one channel at most, session->lost,
 * which the next GET goes on with. */
#include "mgw/session/channel.h"

#include "mgw/base/alloc.h"
#include "mgw/base/log.h"
#include "mgw/config/config.h"
#include "mgw/core/share.h"
#include "mgw/session/session_handover.h"
#include "mgw/wire/rpc.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

struct channel channel_new(struct session *s, bool is_post)
{
        if (s->client.kind != UPSTREAM_CLIENT_SESSION)
                return (struct channel){0};
        s->last_channel += 2;
        return (struct channel){s->last_channel + (is_post ? 1 : 0), 0};
}

/* ---- sending ---- */

static struct replay_id channel_count(struct channel *channel)
{
        if (channel->no > 0)
                channel->seq++;
        return (struct replay_id){channel->no, channel->seq};
}

void channel_keep(struct session *s, struct replay_id id, struct str text, bool was_sent)
{
        struct context *context = session_context(s);

        assert(s->client.kind == UPSTREAM_CLIENT_SESSION);
        if (s->replay == NULL && context->config->replay_max_bytes > 0) {
                s->replay = alloc_zeroed(sizeof(*s->replay));
                replay_init(s->replay, &context->replay, &s->client.share->replay,
                            context->config->replay_max_bytes);
        }
        if (s->replay != NULL &&
            replay_add(s->replay, id, text, was_sent, loop_now_ms(context->loop)) < 0)
                log_warn(NULL, "[MCP] out of memory: an event is not kept for replay");
        if (s->is_given && session_handover(s) != NULL)
                session_handover(s)->on_kept(s, id, text, was_sent);
}

/* id.stream: 0: it has none. Outcomes as stream_push(). */
static int channel_push(struct stream *stream, struct replay_id id, struct str text)
{
        char id_text[REPLAY_ID_SIZE];
        struct sse_event ev = {.name = STR("message"), .data = text, .retry_ms = -1};

        if (id.stream > 0) {
                replay_id_print(id, id_text);
                ev.id = str_from(id_text);
        }
        return stream_push(stream, &ev);
}

void channel_send(struct session *s, struct channel *channel, struct stream *stream,
                  const json_t *msg)
{
        struct replay_id id;
        struct str text;
        bool was_sent;

        if (rpc_dump(msg, &text) < 0)
                return;
        id = channel_count(channel);
        was_sent = stream != NULL && channel_push(stream, id, text) == 0;
        if (id.stream > 0)
                channel_keep(s, id, text, was_sent);
        free((void *)text.p);
}

void channel_send_unasked(struct session *s, const json_t *msg)
{
        struct stream *stream = session_newest_stream(s);

        if (stream != NULL) {
                channel_send(s, &stream->channel, stream, msg);
                return;
        }
        if (s->lost.no == 0)
                s->lost = channel_new(s, false);
        if (s->lost.no > 0)
                channel_send(s, &s->lost, NULL, msg);
}

bool channel_announce(struct session *s, struct str text)
{
        struct stream *stream = session_newest_stream(s);

        return stream != NULL && channel_push(stream, (struct replay_id){0}, text) == 0;
}

int channel_begin_event(struct channel *channel, struct buf *out)
{
        struct replay_id id = channel_count(channel);
        char id_text[REPLAY_ID_SIZE];

        if (id.stream == 0)
                return buf_add_str(out, STR("event: message\ndata: "));
        replay_id_print(id, id_text);
        return buf_addf(out, "event: message\nid: %s\ndata: ", id_text);
}

/* ---- coming back ---- */

struct str channel_first(const struct session *s, struct replay_id at, char out[CHANNEL_FIRST_SIZE])
{
        char id_text[REPLAY_ID_SIZE];
        int n;

        if (at.stream == 0 || !era_primes_streams(s->client.revision))
                return STR(SSE_OPEN);
        replay_id_print(at, id_text);
        n = snprintf(out, CHANNEL_FIRST_SIZE, "id: %s\ndata: \n\n", id_text);
        return (struct str){out, (size_t)n};
}

/* The event that a client comes back behind; 0-0: it names none that can be of this session. */
static struct replay_id last_event(const struct session *s, struct str last_event_id)
{
        struct replay_id id;

        if (replay_id_read(last_event_id, &id) == 0 && id.stream > 1 &&
            id.stream <= s->last_channel + 1)
                return id;
        return (struct replay_id){0};
}

/* The live channel with that number, whose client has lost the stream. Walks the streams of a
 * session: streams_per_user_max at most. */
static struct channel channel_take_over(struct session *s, uint32_t no)
{
        struct channel channel = {0};

        list_for_each_safe (it, &s->streams) {
                struct stream *old = container_of(it, struct stream, node);

                if (no > 0 && old->channel.no == no) {
                        channel = old->channel;
                        stream_end(old, STREAM_CAUSE_REPLACED);
                }
        }
        return channel;
}

/* Who names no event is sent what never went out. */
static struct replay_id first_missed(const struct session *s, const struct channel *channel)
{
        const struct replay_entry *e = s->replay != NULL ? replay_unsent(s->replay) : NULL;

        if (e != NULL && e->id.stream == channel->no)
                return (struct replay_id){channel->no, e->id.seq - 1};
        return (struct replay_id){channel->no, channel->seq};
}

struct channel channel_resume(struct session *s, struct str last_event_id, struct replay_id *fromp)
{
        struct replay_id last = last_event(s, last_event_id);
        struct channel channel = channel_take_over(s, last.stream);

        if (channel.no == 0 && (last.stream == 0 || s->lost.no == last.stream))
                channel = s->lost;
        if (channel.no == 0)
                channel = last.stream > 0 ? (struct channel){last.stream, last.seq}
                                          : channel_new(s, false);
        if (s->lost.no == channel.no)
                s->lost = (struct channel){0};
        *fromp = last.stream > 0 ? last : first_missed(s, &channel);
        return channel;
}

/* One walk of the session's log. */
void channel_replay(struct session *s, struct stream *stream, struct replay_id from)
{
        struct replay_entry *e = s->replay != NULL ? replay_after(s->replay, from) : NULL;

        for (; e != NULL; e = replay_next(e)) {
                from.seq = e->id.seq;
                if (channel_push(stream, from, (struct str){e->data, e->n}) != 0)
                        break;
                e->was_sent = true;
        }
        if (stream->channel.seq < from.seq)
                stream->channel.seq = from.seq;
}

void channel_lose(struct session *s, const struct channel *channel)
{
        assert(!channel_is_post(channel));
        s->lost = *channel;
}

void channel_forget_all(struct session *s)
{
        replay_finish(s->replay);
        free(s->replay);
        s->replay = NULL;
}
