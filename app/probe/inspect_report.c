/* A server as a person reads it: one line a thing, what it takes below it. Texts of the server's
 * are printed without control characters: they cannot move the cursor. */
#include "inspect_report.h"

#include "mgw/base/alloc.h"
#include "mgw/wire/rpc.h"
#include "probe_report.h"
#include "probe_words.h"

#include <stdlib.h>
#include <string.h>

#define TEXT_MAX 240
#define RESULT_TEXT_MAX 4000
/* Of what a tool takes: more nobody reads, and each is looked for among those that are required. */
#define PROPERTIES_MAX 100

json_t *inspect_report_capabilities(const struct inspect_report *report)
{
        json_t *said = report->peer->hello != NULL ? report->peer->hello : report->peer->discovered;

        return json_object_get(said, "capabilities");
}

static bool is_error(const struct inspect_report *report)
{
        return json_is_true(json_object_get(probe_answer_result(&report->call), "isError"));
}

bool inspect_report_is_well(const struct inspect_report *report)
{
        for (size_t i = 0; i < INSPECT_N_LISTS; i++)
                if (report->lists[i].is_asked && report->lists[i].why[0] != '\0')
                        return false;
        return report->call.why[0] == '\0' && !is_error(report);
}

/* ---- texts ---- */

/* The first line, or as much as fits. */
static void print_text(FILE *out, const char *before, const char *text)
{
        char plain[TEXT_MAX];

        if (text == NULL || text[0] == '\0')
                return;
        str_to_text((struct str){text, strcspn(text, "\r\n")}, plain, sizeof(plain));
        fprintf(out, "%s%s", before, plain);
}

/* All lines, indented. */
static void print_lines(FILE *out, const char *text)
{
        struct str rest = str_from(text);
        char plain[RESULT_TEXT_MAX];

        while (rest.n > 0) {
                str_to_text(str_cut(&rest, '\n'), plain, sizeof(plain));
                fprintf(out, "  %s\n", plain);
        }
}

/* ---- the server ---- */

static void print_revisions(const struct inspect_report *report, FILE *out)
{
        json_t *revisions = probe_report_revisions(report->peer), *name;
        size_t i;

        json_array_foreach (revisions, i, name)
                print_text(out, i == 0 ? "\n  speaks        " : ", ", json_string_value(name));
        json_decref(revisions);
}

static void print_capabilities(const struct inspect_report *report, FILE *out)
{
        const char *name, *key, *before = "\n  capabilities  ";
        json_t *value, *flag;

        json_object_foreach (inspect_report_capabilities(report), name, value) {
                const char *inner = " (";

                print_text(out, before, name);
                before = ", ";
                json_object_foreach (value, key, flag)
                        if (json_is_true(flag)) {
                                print_text(out, inner, key);
                                inner = ", ";
                        }
                fputs(inner[0] == ',' ? ")" : "", out);
        }
}

static void print_server(const struct inspect_report *report, FILE *out)
{
        const json_t *said =
                report->peer->hello != NULL ? report->peer->hello : report->peer->discovered;
        char text[PROBE_SERVER_SIZE], number[PROBE_TIME_SIZE];

        probe_report_server(report->peer, text);
        fprintf(out, "%s\n  server        %s", report->peer->options->url, text);
        print_revisions(report, out);
        print_capabilities(report, out);
        fprintf(out, "\n  answers in    %s\n",
                probe_words_time(report->peer->answer_ms < 0 ? 0 : report->peer->answer_ms,
                                 number));
        print_text(out, "  instructions  ", rpc_text(said, "instructions"));
        fputs(rpc_text(said, "instructions") != NULL ? "\n" : "", out);
}

/* ---- lists ---- */

static bool is_required(const json_t *schema, const char *name)
{
        json_t *required = json_object_get(schema, "required"), *one;
        size_t i;

        json_array_foreach (required, i, one)
                if (json_is_string(one) && strcmp(json_string_value(one), name) == 0)
                        return true;
        return false;
}

static void print_schema(const json_t *schema, FILE *out)
{
        json_t *properties = json_object_get(schema, "properties"), *property;
        const char *name;
        size_t n = 0;

        json_object_foreach (properties, name, property) {
                if (n++ == PROPERTIES_MAX) {
                        fprintf(out, "      and %zu more\n",
                                json_object_size(properties) - PROPERTIES_MAX);
                        return;
                }
                print_text(out, "      ", name);
                print_text(out, ": ", rpc_text(property, "type"));
                fputs(is_required(schema, name) ? ", required" : "", out);
                print_text(out, "; ", rpc_text(property, "description"));
                fputc('\n', out);
        }
}

/* Of prompts. */
static void print_arguments(const json_t *arguments, FILE *out)
{
        json_t *argument;
        size_t i;

        json_array_foreach (arguments, i, argument) {
                print_text(out, "      ", rpc_text(argument, "name"));
                fputs(json_is_true(json_object_get(argument, "required")) ? ", required" : "", out);
                print_text(out, "; ", rpc_text(argument, "description"));
                fputc('\n', out);
        }
}

static void print_hints(const json_t *annotations, FILE *out)
{
        static const char *const hints[][2] = {
                {"readOnlyHint", "only reads"},
                {"destructiveHint", "destroys"},
                {"idempotentHint", "may be repeated"},
                {"openWorldHint", "reaches outside"},
        };
        const char *before = " (";

        for (size_t i = 0; i < sizeof(hints) / sizeof(hints[0]); i++)
                if (json_is_true(json_object_get(annotations, hints[i][0]))) {
                        fprintf(out, "%s%s", before, hints[i][1]);
                        before = ", ";
                }
        fputs(before[0] == ',' ? ")" : "", out);
}

static void print_entry(const json_t *entry, FILE *out)
{
        const char *uri = rpc_text(entry, "uri");

        if (uri == NULL)
                uri = rpc_text(entry, "uriTemplate");
        print_text(out, "  ", uri != NULL ? uri : rpc_text(entry, "name"));
        if (uri != NULL)
                print_text(out, "  ", rpc_text(entry, "name"));
        print_hints(json_object_get(entry, "annotations"), out);
        print_text(out, "\n    ", rpc_text(entry, "description"));
        fputc('\n', out);
        print_schema(json_object_get(entry, "inputSchema"), out);
        print_arguments(json_object_get(entry, "arguments"), out);
}

static void print_list(const struct inspect_list *list, FILE *out)
{
        json_t *entry;
        size_t i;

        if (!list->is_asked)
                return;
        if (list->entries == NULL) {
                fprintf(out, "\n%s: %s failed: %s\n", list->title, list->method, list->why);
                return;
        }
        fprintf(out, "\n%s: %zu\n", list->title, json_array_size(list->entries));
        json_array_foreach (list->entries, i, entry)
                print_entry(entry, out);
}

/* ---- the call ---- */

static void print_block(const json_t *block, FILE *out)
{
        const char *type = rpc_text(block, "type"), *text = rpc_text(block, "text");
        const char *mime = rpc_text(block, "mimeType"), *data = rpc_text(block, "data");

        if (text != NULL) {
                print_lines(out, text);
                return;
        }
        print_text(out, "  ", type != NULL ? type : "content without a type");
        print_text(out, " ", mime);
        print_text(out, " ", rpc_text(block, "uri"));
        if (data != NULL)
                fprintf(out, ", %zu characters of Base64", strlen(data));
        fputc('\n', out);
}

static void print_call(const struct inspect_report *report, FILE *out)
{
        const json_t *result = probe_answer_result(&report->call);
        char number[PROBE_TIME_SIZE];
        json_t *block;
        size_t i;

        fprintf(out, "\ncall of %s: ", report->peer->options->call);
        if (result == NULL) {
                fprintf(out, "failed: %s\n", report->call.why);
                return;
        }
        fprintf(out, "%s, in %s\n", is_error(report) ? "the tool reports an error" : "answered",
                probe_words_time(report->call.took_ms, number));
        json_array_foreach (json_object_get(result, "content"), i, block)
                print_block(block, out);
        if (json_object_get(result, "structuredContent") != NULL) {
                fputs("  structured content: ", out);
                probe_report_print_value(json_object_get(result, "structuredContent"), 0, out);
                fputc('\n', out);
        }
}

void inspect_report_print(const struct inspect_report *report, FILE *out)
{
        print_server(report, out);
        for (size_t i = 0; i < INSPECT_N_LISTS; i++)
                print_list(&report->lists[i], out);
        if (report->has_call)
                print_call(report, out);
}

/* ---- for scripts ---- */

static json_t *call_of(const struct inspect_report *report)
{
        json_t *json =
                json_pack("{s:o, s:I}", "tool", probe_report_text(report->peer->options->call),
                          "took_ms", (json_int_t)report->call.took_ms);

        if (report->call.why[0] != '\0')
                json_object_set_new(json, "failure", probe_report_text(report->call.why));
        if (report->call.message != NULL)
                json_object_set(json, "answer", report->call.message);
        return json;
}

void inspect_report_print_json(const struct inspect_report *report, FILE *out)
{
        json_t *json = json_pack("{s:o, s:o, s:O?, s:O?}", "url",
                                 probe_report_text(report->peer->options->url), "revisions",
                                 probe_report_revisions(report->peer), "initialize",
                                 report->peer->hello, "server/discover", report->peer->discovered);

        for (size_t i = 0; i < INSPECT_N_LISTS; i++) {
                const struct inspect_list *list = &report->lists[i];

                if (list->entries != NULL)
                        json_object_set(json, list->key, list->entries);
                else if (list->is_asked)
                        json_object_set_new(
                                json, list->key,
                                json_pack("{s:o}", "failure", probe_report_text(list->why)));
        }
        if (report->has_call)
                json_object_set_new(json, "call", call_of(report));
        probe_report_print_json_take(json, out);
}
