/* What `mgw probe` prints. */
#pragma once

#include "probe_judge.h"
#include "probe_peer.h"

#include <stdio.h>

/* One stream, judged. */
struct probe_result {
        const struct probe_record *record;
        struct probe_finding finding;
};

struct probe_report {
        const struct probe_peer *peer;
        const struct probe_view *view;
        struct probe_result results[PROBE_N_KINDS];
        int64_t watched_ms;
};

void probe_report_print(const struct probe_report *report, FILE *out);
void probe_report_print_json(const struct probe_report *report, FILE *out);
/* PROBE_EXIT_WELL, _BADLY or _UNCLEAR. */
int probe_report_exit(const struct probe_report *report);
/* What could not be reached, or speaks no MCP, and what to do. */
void probe_report_away(const struct probe_peer *peer, FILE *out, FILE *err);
/* "mgw 0.1.0", what the server calls itself, and the revisions that it speaks; for inspect too. */
#define PROBE_SERVER_SIZE 256
void probe_report_server(const struct probe_peer *peer, char text[PROBE_SERVER_SIZE]);
/* As JSON in ASCII. indent: rpc_dump_ascii(). */
void probe_report_print_value(const json_t *value, unsigned indent, FILE *out);
/* In lines of their own, with one behind the last. */
void probe_report_print_json_take(json_t *json, FILE *out);
/* A text as JSON, without what is no UTF-8 or a control; null where there is none. */
json_t *probe_report_text(const char *text);
/* The names of the revisions that the server speaks, in an array. */
json_t *probe_report_revisions(const struct probe_peer *peer);
