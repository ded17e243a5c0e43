/* What `mgw inspect` prints. */
#pragma once

#include "probe_ask.h"

#include <stdio.h>

#define INSPECT_N_LISTS 4
#define INSPECT_TOOLS 0 /* which of them */

/* A list of the server's. */
struct inspect_list {
        const char *method;     /* "tools/list" */
        const char *key;        /* of its entries: "tools" */
        const char *capability; /* that the server must have */
        const char *title;
        bool is_asked;
        json_t *entries; /* NULL: it failed */
        char why[512];
};

struct inspect_report {
        const struct probe_peer *peer;
        struct inspect_list lists[INSPECT_N_LISTS];
        bool has_call;
        struct probe_answer call;
};

/* Capabilities, of initialize or of server/discover; borrowed. */
json_t *inspect_report_capabilities(const struct inspect_report *report);
void inspect_report_print(const struct inspect_report *report, FILE *out);
void inspect_report_print_json(const struct inspect_report *report, FILE *out);
/* Was everything that was asked answered well? */
bool inspect_report_is_well(const struct inspect_report *report);
