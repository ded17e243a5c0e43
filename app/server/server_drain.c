/* The end: the first SIGTERM lets calls end in drain_s and ends what has nothing to wait for; then
 * the sessions end, with what they hold upstream, and the loop. */
#include "handover.h"
#include "mgw/base/log.h"
#include "mgw/base/notify.h"
#include "mgw/config/config.h"
#include "mgw/session/call_input.h"
#include "mgw/session/post_response.h"
#include "mgw/session/session.h"
#include "mgw/session/subscription.h"
#include "mgw/upstream/upstream.h"
#include "server_inside.h"

#include <inttypes.h>

/* After the last call and stream: time for what is queued to leave. */
#define LAST_WORDS_MS 200
/* Upstreams that do not answer their DELETE do not hold the end up for longer. */
#define DELETES_MS 2000

/* First the sessions end, and what they hold upstream; when that is told, the loop. */
void server_on_last_words(struct timer *timer)
{
        struct server *sv = container_of(timer, struct server, last_words);
        struct context *context = &sv->context;
        int64_t now = loop_now_ms(context->loop);
        bool is_first = sv->deletes_until_ms == 0;

        if (is_first) {
                sv->deletes_until_ms = now + DELETES_MS;
                timer_disarm(context->loop, &sv->deadline);
                session_end_all(context);
        }
        if (is_first || (upstreams_n_ending(context) > 0 && now < sv->deletes_until_ms)) {
                timer_arm(context->loop, timer, LAST_WORDS_MS);
                return;
        }
        log_info(NULL, "[mgw] drained, bye");
        loop_stop(sv->context.loop);
}

/* Streams without a running call have nothing to wait for. A walk over all sessions, once, when mgw
 * goes down. */
static void server_end_quiet_sessions(struct context *context)
{
        struct session *s, *next;

        HASH_ITER(hh, context->sessions, s, next)
        {
                struct list *node;

                if (s->n_calls > 0)
                        continue;
                while (!s->client.is_ending && (node = list_first(&s->streams)) != NULL)
                        stream_end(container_of(node, struct stream, node), STREAM_CAUSE_DRAIN);
        }
}

/* Those that would not end before their client leaves or comes back. A walk over all calls, once,
 * when mgw goes down. */
static void server_end_endless_calls(struct context *context)
{
        struct session *s, *next;

        HASH_ITER(hh, context->sessions, s, next)
        {
                list_for_each_safe (it, &s->calls) {
                        struct call *call = container_of(it, struct call, node);

                        if (call->method->class == METHOD_LISTEN) {
                                stream_blame(call->post->stream, STREAM_CAUSE_DRAIN);
                                subscription_complete(call);
                        } else if (!context->has_successor) {
                                call_input_give_up(call->input, "the gateway is going down");
                        }
                }
        }
}

/* What comes late to a process that another has taken over from is served by it. */
static bool server_is_deserted(const struct server *sv)
{
        return !sv->context.has_successor ||
               (sv->context.stats.n_connections == 0 && handover_may_leave(sv->handover));
}

void server_on_calm(struct context *context)
{
        struct server *sv = container_of(context, struct server, context);

        if (context->stats.n_calls > 0 || !server_is_deserted(sv) ||
            timer_is_armed(&sv->last_words))
                return;
        timer_arm(context->loop, &sv->last_words, LAST_WORDS_MS);
        /* Who comes now is for whom the socket's owner starts next, and would be cut here. */
        if (sv->was_inherited)
                fcgi_server_stop_listening(sv->fcgi_server);
}

void server_on_deadline(struct timer *timer)
{
        struct server *sv = container_of(timer, struct server, deadline);

        log_warn(NULL, "[mgw] %u calls did not end within drain_s: they are cut",
                 sv->context.stats.n_calls);
        timer_arm(sv->context.loop, &sv->last_words, 0);
}

void server_drain(struct server *sv)
{
        struct context *context = &sv->context;

        log_info(NULL, "[mgw] draining: %u calls have %" PRId64 " s to end, %u streams",
                 context->stats.n_calls, context->config->drain_ms / 1000,
                 context->stats.n_streams);
        context->is_draining = true;
        (void)notify("STOPPING=1");
        timer_arm(context->loop, &sv->deadline, context->config->drain_ms);
        server_end_endless_calls(context);
        if (!context->has_successor)
                server_end_quiet_sessions(context);
        server_on_calm(context);
}
