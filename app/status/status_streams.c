/* Live streams: those first that have most waiting, then the newest. */
#include "status_inside.h"

#include "mgw/core/share.h"
#include "mgw/observe/stream_record.h"
#include "mgw/session/session.h"
#include "mgw/wire/rpc.h"

/* What waits goes before any age. */
static uint64_t rank_of(const struct stream *s)
{
        uint64_t waits = request_n_unsent(s->req);

        return waits << 40 | (uint64_t)(s->opened_ms & 0xffffffffff);
}

static json_t *client_of(const struct stream *s)
{
        struct stream_client client = stream_client(s);

        if (client.name == NULL && client.version == NULL)
                return json_null();
        return json_pack("[o, o]", status_text(client.name), status_text(client.version));
}

static json_t *stream_row(const struct stream *s, int64_t now_ms)
{
        const struct session *session = s->session;

        return json_pack("{s:s, s:o, s:o, s:s, s:s, s:I, s:I, s:I, s:I, s:I}", "id", s->id, "user",
                         status_text(session->client.user->email), "client", client_of(s), "kind",
                         stream_record_kind_name(s->kind), "revision", session_revision(session),
                         "age_ms", (json_int_t)(now_ms - s->opened_ms), "silent_ms",
                         (json_int_t)((uint32_t)now_ms - s->written_ms), "bytes",
                         (json_int_t)s->n_bytes, "keepalives", (json_int_t)s->n_keepalives,
                         "waiting", (json_int_t)request_n_unsent(s->req));
}

json_t *status_streams(const struct context *context)
{
        int64_t now_ms = loop_now_ms(context->loop);
        struct status_best best = {.n = 0};
        const struct list *it = context->streams.prev;
        json_t *rows = json_array();

        /* from the tail, where the newest stand: those that follow have mostly no place any more */
        for (size_t i = 0; i < STATUS_WALK_MAX && it != &context->streams; i++, it = it->prev) {
                const struct stream *s = container_of(it, struct stream, due_node);

                status_best_add(&best, s, rank_of(s));
        }
        for (size_t i = 0; i < best.n; i++)
                json_array_append_new(rows, stream_row(best.rows[i].of, now_ms));
        return status_rows_take(context->stats.n_streams, rows);
}
