/* `mgw probe`: greets, opens every kind of stream that is offered, watches, judges, prints.
 *
 * What is asked while the streams stand (the tools for a slow one, an initialize on HTTP+SSE) is
 * asked once; then nothing is sent any more, so that the streams are as silent as the server leaves
 * them. */
#include "mgw/probe/probe.h"

#include "mgw/base/buf.h"
#include "mgw/base/clock.h"
#include "mgw/loop/timer.h"
#include "mgw/wire/rpc.h"
#include "probe_report.h"
#include "probe_server.h"
#include "probe_stream.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define LOOK_MS 100
#define LINE_MAX_BYTES 1024

struct probe {
        struct probe_options options;
        struct probe_peer peer;
        struct probe_stream streams[PROBE_N_KINDS];
        json_t *tools;
        int64_t begun_ms;
        FILE *err;
        bool has_terminal;
};

/* ---- a tool that takes long ---- */

/* Known by their names; what they take is a number of seconds. */
static const struct {
        const char *name;
        const char *seconds;
        bool has_steps;
} slow_tools[] = {
        {"wait", "seconds", false},
        {"sleep", "seconds", false},
        {"longRunningOperation", "duration", true},
        {"trigger-long-running-operation", "duration", true},
};
#define N_SLOW_TOOLS (sizeof(slow_tools) / sizeof(slow_tools[0]))

/* Its answer should still be seen. */
static json_t *slow_arguments(const struct probe *p, size_t i)
{
        double seconds = (double)p->options.for_ms * 0.9 / 1000;
        json_t *arguments = json_pack("{s:f}", slow_tools[i].seconds, seconds);

        if (slow_tools[i].has_steps)
                json_object_set_new(arguments, "steps", json_integer(1));
        return arguments;
}

static json_t *call_params(const char *name, json_t *arguments_take)
{
        return json_pack("{s:s, s:o, s:{s:s}}", "name", name, "arguments", arguments_take, "_meta",
                         "progressToken", "probe");
}

/* The tool and what it is called with; NULL: there is none. */
static json_t *slow_call(const struct probe *p, json_t **toolp)
{
        const struct probe_options *o = &p->options;

        *toolp = NULL;
        if (o->call != NULL) {
                *toolp = probe_server_tool(p->tools, o->call);
                return call_params(o->call, o->arguments != NULL ? json_incref(o->arguments)
                                                                 : json_object());
        }
        for (size_t i = 0; i < N_SLOW_TOOLS && *toolp == NULL; i++) {
                json_t *arguments;

                *toolp = probe_server_tool(p->tools, slow_tools[i].name);
                arguments = json_object_get(
                        json_object_get(json_object_get(*toolp, "inputSchema"), "properties"),
                        slow_tools[i].seconds);
                if (arguments != NULL)
                        return call_params(slow_tools[i].name, slow_arguments(p, i));
                *toolp = NULL;
        }
        return NULL;
}

/* ---- opening ---- */

static void open_call(struct probe *p, enum probe_kind kind, enum probe_way way)
{
        json_t *tool, *params = slow_call(p, &tool);

        if (params != NULL)
                probe_stream_post(&p->streams[kind], way, "tools/call", params,
                                  json_object_get(tool, "inputSchema"));
        else
                snprintf(p->streams[kind].record.not_offered,
                         sizeof(p->streams[kind].record.not_offered),
                         "no tool that is known to take long: name one with --call");
}

static json_t *listen_params(void)
{
        return json_pack("{s:{s:b}}", "notifications", "toolsListChanged", 1);
}

static void open_streamable(struct probe *p)
{
        struct probe_peer *peer = &p->peer;

        if (peer->hello != NULL) {
                probe_stream_get(&p->streams[PROBE_KIND_GET], peer->url, true);
                open_call(p, PROBE_KIND_CALL, PROBE_WAY_SESSION);
        }
        if (peer->discovered != NULL) {
                open_call(p, PROBE_KIND_CALL_STATELESS, PROBE_WAY_STATELESS);
                probe_stream_post(&p->streams[PROBE_KIND_LISTEN], PROBE_WAY_STATELESS,
                                  "subscriptions/listen", listen_params(), NULL);
        }
}

/* The same address for both transports: only where the one is not spoken there. */
static bool may_have_sse(const struct probe_peer *peer)
{
        return strcmp(peer->sse_url, peer->url) != 0 ||
               (peer->hello == NULL && peer->discovered == NULL);
}

/* An initialize over HTTP+SSE shows that the stream brings what is sent by it. */
static void try_sse(struct probe *p)
{
        struct probe_record *r = &p->streams[PROBE_KIND_SSE].record;
        struct probe_answer a;

        r->is_asked = true;
        probe_ask(&p->peer, PROBE_WAY_SSE, "initialize", NULL, NULL, &a);
        if (a.message != NULL)
                r->echo_ms = a.took_ms;
        if (p->peer.hello == NULL)
                p->peer.hello = json_incref(probe_answer_result(&a));
        probe_answer_finish(&a);
}

static void open_sse(struct probe *p)
{
        if (may_have_sse(&p->peer) && probe_stream_get_endpoint(&p->streams[PROBE_KIND_SSE]))
                try_sse(p);
}

static void init_streams(struct probe *p)
{
        static const char *const why_not[] = {
                [PROBE_KIND_GET] = "the server does not speak Streamable HTTP with sessions",
                [PROBE_KIND_SSE] = "the server does not speak HTTP+SSE here",
                [PROBE_KIND_CALL] = "the server does not speak Streamable HTTP with sessions",
                [PROBE_KIND_CALL_STATELESS] = "the server does not speak 2026-07-28",
                [PROBE_KIND_LISTEN] = "the server does not speak 2026-07-28",
        };

        for (int kind = 0; kind < PROBE_N_KINDS; kind++)
                probe_stream_init(&p->streams[kind], &p->peer, kind, why_not[kind]);
}

/* What is asked for beforehand is asked by Streamable HTTP, if that is spoken. */
static void open_all(struct probe *p)
{
        char why[512];

        if (p->peer.hello != NULL || p->peer.discovered != NULL)
                p->tools = probe_server_list(&p->peer, "tools/list", "tools", why, sizeof(why));
        open_streamable(p);
        open_sse(p);
}

/* ---- watching ---- */

static int64_t watched_ms(const struct probe *p)
{
        return clock_monotonic_ms() - p->begun_ms;
}

static bool is_shown(const struct probe_record *r)
{
        return r->is_offered && r->end != PROBE_END_REFUSED;
}

static long long silent_s(const struct probe_stream *s)
{
        return (clock_monotonic_ms() - s->started_ms - s->record.last_ms) / 1000;
}

static void say_time(const struct probe *p, struct buf *line)
{
        long long s = watched_ms(p) / 1000, for_s = p->options.for_ms / 1000;

        buf_addf(line, "%lld:%02lld of %lld:%02lld", s / 60, s % 60, for_s / 60, for_s % 60);
}

/* Keep-alives and the silence of each. */
static void say_each(const struct probe *p, struct buf *line)
{
        for (int kind = 0; kind < PROBE_N_KINDS; kind++) {
                const struct probe_stream *s = &p->streams[kind];
                const struct probe_record *r = &s->record;

                if (is_shown(r) && probe_stream_is_open(s))
                        buf_addf(line, " | %s %u, %llds silent", probe_record_word(r->kind),
                                 r->n_comments, silent_s(s));
                else if (is_shown(r))
                        buf_addf(line, " | %s %s", probe_record_word(r->kind),
                                 r->end == PROBE_END_ANSWERED ? "answered" : "ENDED");
        }
}

/* Of all together. */
static void say_all(const struct probe *p, struct buf *line)
{
        unsigned n_open = 0, n_ended = 0, n_comments = 0;
        long long silent = 0;

        for (int kind = 0; kind < PROBE_N_KINDS; kind++) {
                const struct probe_stream *s = &p->streams[kind];
                bool is_open = probe_stream_is_open(s);

                if (!is_shown(&s->record))
                        continue;
                n_comments += s->record.n_comments;
                n_open += is_open;
                n_ended += !is_open && s->record.end != PROBE_END_ANSWERED;
                if (is_open && silent_s(s) > silent)
                        silent = silent_s(s);
        }
        buf_addf(line, " | %u open, %u ENDED, %u keep-alives, %llds silent", n_open, n_ended,
                 n_comments, silent);
}

static size_t columns_of(FILE *terminal)
{
        struct winsize size = {0};

        return ioctl(fileno(terminal), TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col
                                                                                  : 80;
}

/* On one line that is written over: one that the terminal breaks would be left there. */
static void show_progress(const struct probe *p)
{
        struct buf line;

        buf_init(&line, LINE_MAX_BYTES);
        say_time(p, &line);
        say_each(p, &line);
        if (line.len >= columns_of(p->err)) {
                buf_consume(&line, line.len);
                say_time(p, &line);
                say_all(p, &line);
        }
        fprintf(p->err, "\r\033[K%.*s", STR_ARG(buf_bytes(&line)));
        fflush(p->err);
        buf_finish(&line);
}

static bool is_any_open(const struct probe *p)
{
        for (int kind = 0; kind < PROBE_N_KINDS; kind++)
                if (probe_stream_is_open(&p->streams[kind]))
                        return true;
        return false;
}

static void watch(struct probe *p)
{
        int64_t shown_ms = -1000;

        while (is_any_open(p) && !p->peer.is_stopped && watched_ms(p) < p->options.for_ms) {
                int64_t left_ms = p->options.for_ms - watched_ms(p);

                probe_peer_turn(&p->peer, left_ms < LOOK_MS ? left_ms : LOOK_MS);
                if (p->has_terminal && watched_ms(p) - shown_ms >= 1000) {
                        shown_ms = watched_ms(p);
                        show_progress(p);
                }
        }
        if (p->has_terminal)
                fputs("\r\033[K", p->err);
        for (int kind = 0; kind < PROBE_N_KINDS; kind++)
                probe_stream_stop(&p->streams[kind]);
}

/* ---- the command ---- */

/* The longest of all streams. */
static int64_t interval_ms(const struct probe *p)
{
        int64_t longest_ms = 0;

        for (int kind = 0; kind < PROBE_N_KINDS; kind++) {
                int64_t ms = probe_judge_interval_ms(&p->streams[kind].record);

                longest_ms = ms > longest_ms ? ms : longest_ms;
        }
        return longest_ms;
}

static int report(struct probe *p, int64_t took_ms, FILE *out)
{
        struct probe_view view = {
                .scale = p->options.scale,
                .answer_ms = p->peer.answer_ms < 0 ? 0 : p->peer.answer_ms,
                .seen = p->peer.seen,
        };
        struct probe_report report = {.peer = &p->peer, .view = &view, .watched_ms = took_ms};

        view.interval_ms = interval_ms(p);
        for (int kind = 0; kind < PROBE_N_KINDS; kind++) {
                const struct probe_record *r = &p->streams[kind].record;

                report.results[kind] = (struct probe_result){r, probe_judge(r, &view)};
        }
        if (p->options.is_json)
                probe_report_print_json(&report, out);
        else
                probe_report_print(&report, out);
        return probe_report_exit(&report);
}

static bool is_mcp(const struct probe *p)
{
        return p->peer.hello != NULL || p->peer.discovered != NULL ||
               (p->streams[PROBE_KIND_SSE].is_stream && p->peer.led_away[0] == '\0');
}

static int run(struct probe *p, FILE *out)
{
        init_streams(p);
        probe_server_greet(&p->peer);
        if (p->peer.is_answered)
                open_all(p);
        if (!is_mcp(p)) {
                probe_report_away(&p->peer, out, p->err);
                return PROBE_EXIT_AWAY;
        }
        p->begun_ms = clock_monotonic_ms();
        watch(p);
        return report(p, watched_ms(p), out);
}

int probe_command(int argc, char **argv, FILE *out, FILE *err)
{
        struct probe p = {.options.is_probe = true, .err = err};
        int code = PROBE_EXIT_USAGE, r = probe_options_read(&p.options, argc, argv, err);

        if (r == PROBE_OPTIONS_HELP) {
                code = PROBE_EXIT_WELL;
                probe_options_print_usage(&p.options, out);
        } else if (r == 0) {
                p.has_terminal = isatty(fileno(err)) == 1;
                code = PROBE_EXIT_AWAY;
                if (probe_peer_open(&p.peer, &p.options) == 0)
                        code = run(&p, out);
                probe_server_leave(&p.peer);
                for (int kind = 0; kind < PROBE_N_KINDS; kind++)
                        probe_stream_finish(&p.streams[kind]);
                probe_peer_close(&p.peer);
        }
        json_decref(p.tools);
        probe_options_finish(&p.options);
        return code;
}
