/* `mgw inspect`: greets, asks for every list that the server has, calls a tool if one is named. */
#include "mgw/probe/probe.h"

#include "inspect_report.h"
#include "probe_report.h"
#include "probe_server.h"
#include "probe_stream.h"

static const struct inspect_list lists[INSPECT_N_LISTS] = {
        [INSPECT_TOOLS] = {.method = "tools/list",
                           .key = "tools",
                           .capability = "tools",
                           .title = "tools"},
        {.method = "resources/list",
         .key = "resources",
         .capability = "resources",
         .title = "resources"},
        {.method = "resources/templates/list",
         .key = "resourceTemplates",
         .capability = "resources",
         .title = "resource templates"},
        {.method = "prompts/list", .key = "prompts", .capability = "prompts", .title = "prompts"},
};

/* HTTP+SSE, where the other transports are not spoken. */
static void try_sse(struct probe_peer *peer, struct probe_stream *stream)
{
        bool is_spoken = peer->hello != NULL || peer->discovered != NULL;

        if (peer->is_answered && !is_spoken && probe_stream_get_endpoint(stream))
                probe_server_greet_by_sse(peer);
}

static void ask_lists(struct inspect_report *report, struct probe_peer *peer)
{
        for (size_t i = 0; i < INSPECT_N_LISTS; i++) {
                struct inspect_list *list = &report->lists[i];

                *list = lists[i];
                if (json_object_get(inspect_report_capabilities(report), list->capability) == NULL)
                        continue;
                list->is_asked = true;
                list->entries = probe_server_list(peer, list->method, list->key, list->why,
                                                  sizeof(list->why));
        }
}

static void call_tool(struct inspect_report *report, struct probe_peer *peer)
{
        const struct probe_options *o = peer->options;
        const json_t *tool = probe_server_tool(report->lists[INSPECT_TOOLS].entries, o->call);
        json_t *arguments = o->arguments != NULL ? json_incref(o->arguments) : json_object();

        report->has_call = true;
        probe_ask(peer, probe_server_way(peer), "tools/call",
                  json_pack("{s:s, s:o}", "name", o->call, "arguments", arguments),
                  json_object_get(tool, "inputSchema"), &report->call);
}

static int run(struct probe_peer *peer, struct probe_stream *stream, FILE *out, FILE *err)
{
        struct inspect_report report = {.peer = peer};

        probe_server_greet(peer);
        try_sse(peer, stream);
        if (peer->hello == NULL && peer->discovered == NULL) {
                probe_report_away(peer, out, err);
                return PROBE_EXIT_AWAY;
        }
        ask_lists(&report, peer);
        if (peer->options->call != NULL)
                call_tool(&report, peer);
        if (peer->options->is_json)
                inspect_report_print_json(&report, out);
        else
                inspect_report_print(&report, out);
        for (size_t i = 0; i < INSPECT_N_LISTS; i++)
                json_decref(report.lists[i].entries);
        probe_answer_finish(&report.call);
        return inspect_report_is_well(&report) ? PROBE_EXIT_WELL : PROBE_EXIT_BADLY;
}

int inspect_command(int argc, char **argv, FILE *out, FILE *err)
{
        struct probe_options options = {0};
        struct probe_peer peer = {0};
        struct probe_stream stream;
        int code = PROBE_EXIT_USAGE, r = probe_options_read(&options, argc, argv, err);

        if (r == PROBE_OPTIONS_HELP) {
                code = PROBE_EXIT_WELL;
                probe_options_print_usage(&options, out);
        } else if (r == 0) {
                probe_stream_init(&stream, &peer, PROBE_KIND_SSE, "");
                code = PROBE_EXIT_AWAY;
                if (probe_peer_open(&peer, &options) == 0)
                        code = run(&peer, &stream, out, err);
                probe_server_leave(&peer);
                probe_stream_finish(&stream);
                probe_peer_close(&peer);
        }
        probe_options_finish(&options);
        return code;
}
