/* The event's data is the client's id and the upstream's bytes. What fills a silence in its middle
 * is a comment between two lines of data: the client joins them by a line end, which JSON allows
 * between two tokens, but not within one. */
#include "mgw/gate/relay.h"

#include "mgw/gate/post.h"
#include "mgw/wire/rpc_result.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* So much may wait for the client before the upstream has to. */
#define WAITING_MAX_BYTES (128u << 10)

struct relay {
        struct stream_writer writer;
        struct call *call;
        void (*on_room)(void *source); /* its source waits; NULL: it does not */
        void *source;
        struct rpc_result_reader reader;
        char last; /* byte that was sent on */
        char stream_id[sizeof(((struct stream *)0)->id)];
};

/* The stream on which the event was begun; NULL: its client has left it, and what comes is lost. */
static struct stream *relay_stream(const struct relay *relay)
{
        struct stream *stream = relay->call->post->stream;

        return stream != NULL && strcmp(stream->id, relay->stream_id) == 0 ? stream : NULL;
}

static void relay_write(struct relay *relay, struct str bytes, bool is_last)
{
        struct stream *stream = relay_stream(relay);

        if (stream != NULL)
                (void)stream_write_part(stream, bytes, is_last);
}

/* Could a token go on behind this byte? */
static bool is_within_token(const struct relay *relay)
{
        return relay->reader.in_string || isalnum((unsigned char)relay->last) ||
               strchr("+-.", relay->last) != NULL;
}

static void relay_on_silence(struct stream_writer *writer)
{
        struct relay *relay = container_of(writer, struct relay, writer);
        struct call *call = relay->call;

        if (is_within_token(relay)) {
                call_fail(call, RPC_INTERNAL_ERROR,
                          "upstream %s: it stalled in the middle of a value",
                          upstream_name(call->upstream));
                return;
        }
        relay_write(relay, STR("\n: keep-alive\ndata: "), false);
        call->session->gate->stats.keepalives++;
}

static void relay_on_room(struct stream_writer *writer)
{
        struct relay *relay = container_of(writer, struct relay, writer);
        void (*on_room)(void *source) = relay->on_room;

        relay->on_room = NULL;
        if (on_room != NULL)
                on_room(relay->source);
}

/* ---- the beginning ---- */

/* Is it a response, and has its result begun? */
static bool is_result_under_way(struct str head)
{
        struct rpc_result_reader reader = {0};
        struct str piece;

        while (head.n > 0) {
                size_t used = 0;
                enum rpc_result_outcome o = rpc_result_feed(&reader, head.p, head.n, &used, &piece);

                if (o == RPC_RESULT_BAD || o == RPC_RESULT_END)
                        return false;
                head = (struct str){head.p + used, head.n - used};
        }
        return rpc_result_is_within(&reader);
}

/* The event up to where the result stands. */
static int add_event_head(struct buf *out, struct call *call)
{
        struct channel *channel = &call->post->channel;
        char event_id[REPLAY_ID_SIZE];
        char *id = json_dumps(call->id, JSON_ENCODE_ANY | JSON_COMPACT);
        int r;

        if (id == NULL)
                return -1;
        replay_id_print((struct replay_id){channel->no, ++channel->seq}, event_id);
        r = buf_addf(out,
                     "event: message\nid: %s\ndata: {\"jsonrpc\":\"2.0\",\"id\":%s,\"result\":",
                     event_id, id);
        free(id);
        return r;
}

bool relay_begin(struct call *call, struct str head)
{
        struct relay *relay;
        struct buf start;

        if (call->relay != NULL || call->post == NULL || !is_result_under_way(head) ||
            !post_may_relay(call->post))
                return false;
        relay = calloc(1, sizeof(*relay));
        buf_init(&start, 4096);
        if (relay == NULL || add_event_head(&start, call) != 0) {
                buf_finish(&start);
                free(relay);
                return false;
        }
        relay->call = call;
        memcpy(relay->stream_id, call->post->stream->id, sizeof(relay->stream_id));
        call->relay = relay;
        relay->writer = (struct stream_writer){relay_on_room, relay_on_silence};
        call->post->stream->writer = &relay->writer;
        call_stop_beats(call);
        relay_write(relay, buf_bytes(&start), false);
        buf_finish(&start);
        relay_feed(relay, head, false);
        return true;
}

/* ---- the rest ---- */

bool relay_must_wait(struct relay *relay, void (*on_room)(void *owner), void *owner)
{
        struct stream *stream = relay_stream(relay);

        if (stream == NULL || request_n_unsent(stream->req) < WAITING_MAX_BYTES)
                return false;
        relay->on_room = on_room;
        relay->source = owner;
        return true;
}

/* A client that came back on another stream cannot be given the beginning again. */
static void relay_end(struct relay *relay)
{
        struct call *call = relay->call;

        if (relay_stream(relay) == NULL) {
                call_fail(call, RPC_INTERNAL_ERROR,
                          "the connection broke while a big answer came: call again");
                return;
        }
        relay_write(relay, STR("}\n\n"), true);
        call_answered(call);
}

void relay_feed(struct relay *relay, struct str bytes, bool is_last)
{
        enum rpc_result_outcome o = RPC_RESULT_MORE;

        while (bytes.n > 0 && o != RPC_RESULT_BAD && o != RPC_RESULT_END) {
                struct str piece;
                size_t used = 0;

                o = rpc_result_feed(&relay->reader, bytes.p, bytes.n, &used, &piece);
                bytes = (struct str){bytes.p + used, bytes.n - used};
                if (o != RPC_RESULT_PIECE)
                        continue;
                relay_write(relay, piece, false);
                relay->last = piece.p[piece.n - 1];
        }
        if (o == RPC_RESULT_END)
                relay_end(relay);
        else if (o == RPC_RESULT_BAD || is_last)
                call_fail(relay->call, RPC_INTERNAL_ERROR, "upstream %s: its answer is no JSON",
                          upstream_name(relay->call->upstream));
}

void relay_drop(struct relay *relay)
{
        struct stream *stream;

        if (relay == NULL)
                return;
        stream = relay_stream(relay);
        if (stream != NULL && stream->writer == &relay->writer)
                (void)stream_write_part(stream, STR("\n\n"), true);
        free(relay);
}
