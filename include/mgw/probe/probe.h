/* Two commands for who wants to know of an MCP server, any one, from where they sit:
 *
 *   mgw probe URL     does the way to it keep idle streams alive? Opens every kind of stream that
 * the server offers, watches them, and says when and by whom one was cut, or held back mgw inspect
 * URL   what is it? Revisions, capabilities, lists, the answer to a call
 *
 * docs/probe.md tells what they print. Both have a loop of their own and end with it. */
#pragma once

#include <stdio.h>

/* Exit statuses of both. */
enum probe_exit {
        PROBE_EXIT_WELL = 0,  /* all streams lived; inspect: it was answered */
        PROBE_EXIT_BADLY = 1, /* one was cut, held back or silent; inspect: a list or call failed */
        PROBE_EXIT_USAGE = 2,
        PROBE_EXIT_AWAY = 3,    /* nothing that speaks MCP was reached */
        PROBE_EXIT_UNCLEAR = 4, /* the watch was too short to tell */
};

/* argv[0] is the command's own name ("probe"). What was found goes to out; what cannot be done, and
 * the progress on a terminal, to err. An exit status. */
int probe_command(int argc, char **argv, FILE *out, FILE *err);
int inspect_command(int argc, char **argv, FILE *out, FILE *err);
/* For `mgw --help`. */
void probe_print_help(FILE *out);
