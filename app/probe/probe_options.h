/* What both commands are told. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct probe_options {
        const char *url;
        char **headers; /* "Name: value" lines, ended by NULL; the token's among them */
        const char *ca_file;
        const char *call;  /* a tool; NULL: none was named */
        json_t *arguments; /* its own; NULL: none were given */
        int64_t for_ms;
        double scale; /* timeouts on the way are so many times shorter than the usual ones */
        bool is_insecure;
        bool is_json;
        bool is_probe; /* has --for and --scale; set by the caller */
};

#define PROBE_OPTIONS_HELP 1

/* argv[0] is the command. 0; PROBE_OPTIONS_HELP: how it is used is asked for; -EINVAL: err has been
 * told what is wrong, and that. What was read is to be finished in any case. */
int probe_options_read(struct probe_options *o, int argc, char **argv, FILE *err);
void probe_options_print_usage(const struct probe_options *o, FILE *out);
void probe_options_finish(struct probe_options *o);
/* Does it say who asks? */
bool probe_options_has_token(const struct probe_options *o);
/* "90s", "10m", "1h", or seconds alone: in *msp. 0, -EINVAL. */
int probe_options_duration(const char *text, int64_t *msp);
