/* The built-in tools: what a newcomer tries first, and what an operator asks when something seems
 * wrong. */
#include "mgw/session/builtin.h"

#include "mgw/config/config.h"
#include "mgw/core/share.h"
#include "mgw/session/access.h"
#include "mgw/upstream/confine.h"
#include "mgw/wire/json_raw.h"
#include "mgw/wire/rpc_number.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WAIT_MAX_S 3600

/* text NULL: out of memory. */
static void answer_take(struct call *call, json_t *text, bool is_error)
{
        json_t *result = json_pack("{s:[{s:s, s:o}]}", "content", "type", "text", "text", text);

        if (result != NULL && is_error)
                json_object_set_new(result, "isError", json_true());
        call_answer_take(call, rpc_result_take(call->id, result));
}

static void answer_text(struct call *call, const char *text, size_t n, bool is_error)
{
        answer_take(call, json_stringn(text, n), is_error);
}

static void run_echo(struct call *call, const json_t *arguments)
{
        json_t *message = json_object_get(arguments, "message");

        if (rpc_is_string(message)) /* the value itself: to copy and to check it takes time */
                answer_take(call, json_incref(message), false);
        else
                answer_text(call, "echo: arguments.message must be a string", 40, true);
}

static void wait_on_due(struct timer *timer)
{
        struct call *call = container_of(timer, struct call, work);
        char text[64];
        int n = snprintf(text, sizeof(text), "Waited %g seconds.",
                         rpc_number_value(json_object_get(
                                 json_object_get(call->params, "arguments"), "seconds")));

        answer_text(call, text, (size_t)n, false);
}

static void run_wait(struct call *call, const json_t *arguments)
{
        double seconds = rpc_number_value(json_object_get(arguments, "seconds"));
        static const char why[] = "wait: arguments.seconds must be a number from 0 to 3600";

        if (!rpc_is_number(json_object_get(arguments, "seconds")) || !isfinite(seconds) ||
            seconds < 0 || seconds > WAIT_MAX_S) {
                answer_text(call, why, sizeof(why) - 1, true);
                return;
        }
        call_set_state(call, CALL_STATE_WAITING);
        call->work.on_due = wait_on_due;
        timer_arm(session_context(call->session)->loop, &call->work, (int64_t)(seconds * 1000));
}

/* How the servers are that the caller may see, but for those that are as they should be. */
static void describe_servers(const struct call *call, FILE *out)
{
        const struct session *s = call->session;
        size_t n_ready = 0, n_seen = 0,
               n = s->client.upstream_sessions != NULL ? session_context(s)->n_upstreams : 0;

        for (size_t i = 0; i < n; i++) {
                const struct upstream_session *us = access_upstream_session(s, call->identity, i);

                n_seen += access_to_server(call->identity, session_context(s)->upstreams[i]);
                n_ready += us != NULL && us->state == UPSTREAM_SESSION_READY;
        }
        fprintf(out, "servers: %zu of %zu ready\n", n_ready, n_seen);
        for (size_t i = 0; i < n; i++) {
                const struct upstream_session *us = access_upstream_session(s, call->identity, i);
                const char *words = us != NULL ? upstream_session_last_words(us) : NULL;

                if (us == NULL || us->state == UPSTREAM_SESSION_READY)
                        continue;
                fprintf(out, "server %s: %s%s%s\n", upstream_name(us->upstream),
                        us->state == UPSTREAM_SESSION_OPENING ? "starting"
                        : us->is_unconnected                  ? "not connected"
                                                              : "down",
                        words != NULL ? ", its stderr says: " : "", words != NULL ? words : "");
        }
}

static void run_status(struct call *call, const json_t *arguments)
{
        (void)arguments;
        const struct context *context = session_context(call->session);
        const struct context_stats *st = &context->stats;
        int64_t now = loop_now_ms(context->loop);
        const struct list *oldest = list_first(&call->session->streams);
        int64_t age_s = 0;
        char *text = NULL, privileges[256];
        size_t n_text = 0;
        FILE *out = open_memstream(&text, &n_text);

        if (out == NULL) {
                call_fail(call, RPC_INTERNAL_ERROR, "gateway_status: out of memory");
                return;
        }
        confine_describe(context, privileges, sizeof(privileges));
        if (oldest != NULL)
                age_s = (now - container_of(oldest, struct stream, node)->opened_ms) / 1000;
        fprintf(out,
                "mgw %s on %s%s%s, up %" PRId64 " s\n"
                "streams: %u open, of %u users, %" PRIu64
                " opened, longest ended one lived %" PRIu64 " s\n"
                "sessions: %u\ncalls: %u running, %" PRIu64 " in all\n"
                "keep-alives: %" PRIu64 ", every %g s\n"
                "privileges: %s\n"
                "memory: %" PRIu64 " kB of %" PRIu64 " MB, %" PRIu64 " refusals\n"
                "longest turn: %.1f ms\n"
                "yours: %" PRIu64 " kB, %u sessions, %u streams, %u calls, %u programs\n"
                "you: %s, %u streams open, this session's oldest for %" PRId64 " s, protocol %s\n",
                MGW_VERSION, context->config->node,
                context->config->public_url[0] != '\0' ? " at " : "", context->config->public_url,
                (now - context->started_ms) / 1000, st->n_streams,
                user_table_n_streaming(context->users), st->streams_opened,
                st->longest_stream_ms / 1000, st->n_sessions, st->n_calls, st->calls,
                st->keepalives, (double)context->config->keepalive_ms / 1000, privileges,
                context->ledger.bytes >> 10, context->ledger.max_bytes >> 20,
                context->ledger.refused, (double)loop_turns(context->loop)->longest_us / 1000,
                call->share->memory.bytes >> 10, call->share->n_sessions, call->share->n_streams,
                call->share->n_calls, call->share->n_children, call->session->client.user->email,
                call->session->client.user->n_streams, age_s, call_revision(call));
        describe_servers(call, out);
        if (fclose(out) == 0)
                answer_text(call, text, n_text, false);
        else
                call_fail(call, RPC_INTERNAL_ERROR, "gateway_status: out of memory");
        free(text);
}

static void (*find_builtin(const char *name))(struct call *call, const json_t *arguments)
{
        static const struct {
                const char *name;
                void (*run)(struct call *call, const json_t *arguments);
        } all[] = {{"echo", run_echo}, {"wait", run_wait}, {"gateway_status", run_status}};

        for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
                if (strcmp(name, all[i].name) == 0)
                        return all[i].run;
        return NULL;
}

bool builtin_is_one(const char *name)
{
        return find_builtin(name) != NULL;
}

void builtin_call(struct call *call)
{
        call->params = json_raw_open_take(call->params);
        find_builtin(call->name)(call, json_object_get(call->params, "arguments"));
}
