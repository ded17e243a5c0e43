/* What goes out is the client's id and the upstream's bytes: an event's data, or a body, as the
 * server sent it (some SDKs read no event of a megabyte) and the client takes it. What fills a
 * silence in the middle of an event is a comment between two lines of data: the client joins them
 * by a line end, which JSON allows between two tokens, but not within one. A body that cannot be
 * ended is cut. */
#include "mgw/session/relay.h"

#include "mgw/base/alloc.h"
#include "mgw/config/config.h"
#include "mgw/mcp/bridge.h"
#include "mgw/session/call_input.h"
#include "mgw/session/post_response.h"
#include "mgw/upstream/upstream_session.h"
#include "mgw/wire/rpc.h"
#include "mgw/wire/rpc_mend.h"
#include "mgw/wire/rpc_result.h"

#include <assert.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

struct relay {
        struct stream_writer writer;
        struct call *call;
        struct stream *stream; /* NULL: a body; or the client has left */
        struct rpc_result_reader reader;
        struct rpc_mend mend;
        struct timer silence; /* of a body, which the sweep of streams does not know */
        const char *inserted; /* members that the result lacks, until they are written */
        int64_t id;
        char last; /* byte that was sent on */
        bool is_body;
};

/* NULL: the client has left, and cannot be given the rest. */
static struct request *relay_request(const struct relay *relay)
{
        if (relay->is_body)
                return relay->call->post->req;
        return relay->stream != NULL ? relay->stream->req : NULL;
}

static void relay_write(struct relay *relay, struct str bytes)
{
        struct request *req = relay_request(relay);

        relay->call->n_bytes_relayed += bytes.n;
        if (relay->stream != NULL)
                (void)stream_write_part(relay->stream, bytes, false);
        else if (req != NULL)
                (void)request_write(req, bytes, UINT32_MAX);
}

/* Nothing more of it: the stream is free for others. */
static void relay_let_go(struct relay *relay)
{
        if (relay->stream != NULL)
                (void)stream_write_part(relay->stream, STR("\n\n"), true);
        relay->stream = NULL;
}

/* Could a token go on behind this byte? */
static bool is_within_token(const struct relay *relay)
{
        return relay->reader.in_string || isalnum((unsigned char)relay->last) ||
               strchr("+-.", relay->last) != NULL;
}

static void relay_fill_silence(struct relay *relay, struct str filler)
{
        struct call *call = relay->call;

        /* In the sse era all else that the session says waits behind it. */
        if (is_within_token(relay) || call->post == NULL) {
                call_fail(call, RPC_INTERNAL_ERROR,
                          "upstream %s: it stalled in the middle of its answer",
                          upstream_name(call->upstream));
                return;
        }
        relay_write(relay, filler);
        if (relay->stream != NULL)
                relay->stream->n_keepalives++;
        session_context(call->session)->stats.keepalives++;
}

static void relay_on_silence(struct stream_writer *writer)
{
        relay_fill_silence(container_of(writer, struct relay, writer),
                           STR("\n: keep-alive\ndata: "));
}

static void relay_watch_body(struct relay *relay)
{
        const struct context *context = session_context(relay->call->session);

        if (relay->is_body && context->config->keepalive_ms > 0)
                timer_arm(context->loop, &relay->silence, context->config->keepalive_ms);
}

/* While something waits for the client, the silence is not the server's. */
static void relay_on_body_silence(struct timer *timer)
{
        struct relay *relay = container_of(timer, struct relay, silence);
        const struct request *req = relay_request(relay);

        relay_watch_body(relay);
        if (req != NULL && request_n_unsent(req) == 0)
                relay_fill_silence(relay, STR("\n"));
}

static void relay_on_gone(struct stream_writer *writer)
{
        container_of(writer, struct relay, writer)->stream = NULL;
}

/* ---- the beginning ---- */

/* The stream that is to carry it; NULL: none, a body does when call->post has begun one. */
static struct stream *find_stream(const struct call *call)
{
        return call->post != NULL ? call->post->stream : session_newest_stream(call->session);
}

/* All up to where the result stands. */
static int add_head(struct buf *out, struct call *call)
{
        struct stream *stream = find_stream(call);
        struct str id = {NULL, 0};
        int r = rpc_dump(call->id, &id);

        if (r == 0 && stream != NULL)
                r = channel_begin_event(
                        call->post != NULL ? &call->post->channel : &stream->channel, out);
        if (r == 0)
                r = buf_addf(out, "{\"jsonrpc\":\"2.0\",\"id\":%s,\"result\":", id.p);
        free((void *)id.p);
        return r;
}

static bool is_its_result(int64_t id, struct str head)
{
        int64_t found;

        return rpc_result_is_under_way(head, &found) &&
               (found == RPC_RESULT_ID_UNKNOWN || found == id);
}

/* What has to be read first: it may have to be cut, the client is to be asked before it, it has a
 * task's id in it, which is ours to change, or it may be a question itself. */
static bool must_be_whole(const struct call *call, bool of_stateless, struct str head)
{
        return call->result_max_bytes > 0 || call_input_is_pending(call->input) ||
               call->method->class == METHOD_BY_TASK ||
               (call->method->may_ask && of_stateless && bridge_text_may_ask(head));
}

static bool may_begin(struct call *call, bool as_event)
{
        const struct stream *stream;

        if (call->post != NULL)
                return post_response_begin_parts(call->post, as_event);
        stream = call->session->client.kind == UPSTREAM_CLIENT_SSE ? find_stream(call) : NULL;
        return stream != NULL && stream_takes_parts(stream);
}

bool relay_begin(struct call *call, int64_t id, bool of_stateless, bool as_event, struct str head)
{
        struct relay *relay;
        struct buf start;

        if (call->state != CALL_STATE_SENT || !is_its_result(id, head) ||
            must_be_whole(call, of_stateless, head) || !may_begin(call, as_event))
                return false;
        buf_init(&start, 4096);
        if (add_head(&start, call) != 0) {
                buf_finish(&start);
                return false;
        }
        relay = alloc_zeroed(sizeof(*relay));
        relay->call = call;
        relay->id = id;
        if (call_is_stateless(call) && !of_stateless)
                relay->inserted = bridge_lacking_members(call->method->name);
        relay->stream = find_stream(call);
        relay->is_body = relay->stream == NULL;
        relay->silence.on_due = relay_on_body_silence;
        relay->writer.on_silence = relay_on_silence;
        relay->writer.on_gone = relay_on_gone;
        if (relay->stream != NULL)
                stream_begin_parts(relay->stream, &relay->writer);
        call->relay = relay;
        call_set_state(call, CALL_STATE_RELAYING);
        call_stop_beats(call);
        relay_write(relay, buf_bytes(&start));
        buf_finish(&start);
        relay_feed(relay, head, false);
        return true;
}

/* ---- the rest ---- */

bool relay_must_wait(struct relay *relay, struct waiter *waiter)
{
        struct request *req = relay_request(relay);

        return req != NULL && request_must_wait(req, waiter);
}

/* Over a pipe the id may stand at the end alone. */
static void relay_end(struct relay *relay)
{
        struct call *call = relay->call;

        if (relay->reader.id != relay->id) {
                call_fail(call, RPC_INTERNAL_ERROR, "upstream %s: its answer has another's id",
                          upstream_name(call->upstream));
                return;
        }
        relay_write(relay, STR("}"));
        if (relay->is_body)
                post_response_end_body(call->post);
        call_answered(call);
}

static void relay_put(void *owner, struct str bytes)
{
        relay_write(owner, bytes);
}

static void relay_write_piece(struct relay *relay, struct str piece)
{
        relay->last = piece.p[piece.n - 1];
        if (relay->inserted != NULL && piece.p[0] == '{') {
                relay_write(relay, STR("{"));
                relay_write(relay, str_from(relay->inserted));
                piece = (struct str){piece.p + 1, piece.n - 1};
        }
        relay->inserted = NULL;
        rpc_mend_feed(&relay->mend, piece, relay_put, relay);
}

void relay_feed(struct relay *relay, struct str bytes, bool is_last)
{
        enum rpc_result_outcome o = RPC_RESULT_MORE;

        assert(relay->call->relay == relay && relay->call->state == CALL_STATE_RELAYING);
        if (relay_request(relay) == NULL) {
                call_fail(relay->call, RPC_INTERNAL_ERROR,
                          "the connection broke while a big answer came: call again");
                return;
        }
        relay_watch_body(relay);
        while (bytes.n > 0 && o != RPC_RESULT_BAD && o != RPC_RESULT_END) {
                struct str piece;
                size_t used = 0;

                o = rpc_result_feed(&relay->reader, bytes.p, bytes.n, &used, &piece);
                bytes = (struct str){bytes.p + used, bytes.n - used};
                if (o == RPC_RESULT_PIECE)
                        relay_write_piece(relay, piece);
        }
        if (o == RPC_RESULT_END)
                relay_end(relay);
        else if (o == RPC_RESULT_BAD || is_last)
                call_fail(relay->call, RPC_INTERNAL_ERROR, "upstream %s: its answer is no JSON",
                          upstream_name(relay->call->upstream));
}

void relay_drop(struct relay *relay)
{
        if (relay == NULL)
                return;
        timer_disarm(session_context(relay->call->session)->loop, &relay->silence);
        relay_let_go(relay);
        free(relay);
}
