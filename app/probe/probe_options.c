/* The command line of `mgw probe` and `mgw inspect`. The token may come from the environment, where
 * other users of the machine do not see it. */
#include "probe_options.h"

#include "mgw/base/alloc.h"
#include "mgw/base/strv.h"
#include "mgw/probe/probe.h"
#include "mgw/wire/hdr.h"
#include "mgw/wire/redirect.h"
#include "mgw/wire/rpc.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define FOR_MS_DEFAULT (INT64_C(120) * 1000)
#define FOR_MS_MAX (INT64_C(24) * 3600 * 1000)
#define SCALE_MAX 1000.0

static const char probe_usage[] =
        "usage: mgw probe URL [--for TIME] [--token TOKEN] [--header 'NAME: VALUE']... [--json]\n"
        "                 [--call TOOL --arguments JSON] [--ca FILE] [--insecure] [--scale N]\n";
static const char inspect_usage[] =
        "usage: mgw inspect URL [--token TOKEN] [--header 'NAME: VALUE']... [--json]\n"
        "                   [--call TOOL --arguments JSON] [--ca FILE] [--insecure]\n";

void probe_print_help(FILE *out)
{
        fputs("  mgw probe URL [--for 10m] [--json]         say whether the way to an MCP server "
              "keeps "
              "streams alive,\n"
              "                                             and who cuts or buffers them: "
              "docs/probe.md\n"
              "  mgw inspect URL [--call TOOL]              say what an MCP server is and offers\n",
              out);
}

static const char *usage_of(const struct probe_options *o)
{
        return o->is_probe ? probe_usage : inspect_usage;
}

void probe_options_print_usage(const struct probe_options *o, FILE *out)
{
        fputs(usage_of(o), out);
}

static int refuse(const struct probe_options *o, FILE *err, const char *what, const char *value)
{
        fprintf(err, "mgw: %s%s%s%s\n%s", what, value != NULL ? ": \"" : "",
                value != NULL ? value : "", value != NULL ? "\"" : "", usage_of(o));
        return -EINVAL;
}

int probe_options_duration(const char *text, int64_t *msp)
{
        char *end;
        double value = strtod(text, &end);
        double unit_ms = 1000;

        if (end == text)
                return -EINVAL;
        if (strcmp(end, "h") == 0)
                unit_ms *= 3600;
        else if (strcmp(end, "m") == 0)
                unit_ms *= 60;
        else if (strcmp(end, "ms") == 0)
                unit_ms = 1;
        else if (strcmp(end, "s") != 0 && *end != '\0')
                return -EINVAL;
        /* Not "less than": no number at all is none either. */
        if (!(value * unit_ms >= 1 && value * unit_ms <= (double)FOR_MS_MAX))
                return -EINVAL;
        *msp = (int64_t)(value * unit_ms);
        return 0;
}

static void add_line(struct probe_options *o, char *line)
{
        (void)strv_add_take(&o->headers, line);
}

/* A line break in one would be another header; the HTTP client refuses it, but could not say which.
 */
static bool is_header(const char *line)
{
        struct str rest = str_from(line), name = str_cut(&rest, ':');

        return strchr(line, ':') != NULL && strpbrk(line, "\r\n") == NULL && hdr_is_token(name);
}

static int read_scale(struct probe_options *o, const char *text)
{
        char *end;

        o->scale = strtod(text, &end);
        return *end == '\0' && o->scale >= 1 && o->scale <= SCALE_MAX ? 0 : -EINVAL;
}

static int read_arguments(struct probe_options *o, const char *text)
{
        char why[160];

        json_decref(o->arguments);
        if (rpc_parse(str_from(text), NULL, &o->arguments, why, sizeof(why)) != 0)
                o->arguments = NULL;
        return json_is_object(o->arguments) ? 0 : -EINVAL;
}

static int take_token(struct probe_options *o, const char *token, FILE *err)
{
        if (!hdr_is_visible(str_from(token), 65536))
                return refuse(o, err, "the token (--token, or MGW_TOKEN) holds what no header may",
                              NULL);
        add_line(o, alloc_format("Authorization: Bearer %s", token));
        return 0;
}

/* word: the option as it was written, where it is none of ours or lacks its value. */
static int take_option(struct probe_options *o, int option, const char *word, FILE *err)
{
        switch (option) {
        case 'f':
                return probe_options_duration(optarg, &o->for_ms) == 0
                               ? 0
                               : refuse(o, err, "--for takes a time such as 90s, 10m or 1h",
                                        optarg);
        case 's':
                return read_scale(o, optarg) == 0
                               ? 0
                               : refuse(o, err, "--scale takes a number from 1 to 1000", optarg);
        case 'h':
                if (!is_header(optarg))
                        return refuse(o, err, "--header takes \"NAME: VALUE\"", optarg);
                add_line(o, alloc_text(optarg));
                return 0;
        case 'a':
                return read_arguments(o, optarg) == 0
                               ? 0
                               : refuse(o, err, "--arguments takes an object of JSON", optarg);
        case 'c':
                o->call = optarg;
                return 0;
        case 'C':
                o->ca_file = optarg;
                return 0;
        case 'i':
                o->is_insecure = true;
                return 0;
        case 'j':
                o->is_json = true;
                return 0;
        case 'H':
                return PROBE_OPTIONS_HELP;
        case ':':
                return refuse(o, err, "a value is missing after", word);
        default:
                return refuse(o, err, "no such option", word);
        }
}

static bool is_url(const char *url)
{
        return strncasecmp(url, "http://", 7) == 0 || strncasecmp(url, "https://", 8) == 0;
}

static void warn_of_clear_text(const struct probe_options *o, FILE *err)
{
        if (strncasecmp(o->url, "http://", 7) == 0 && probe_options_has_token(o) &&
            redirect_kind(str_from(o->url)) != REDIRECT_LOOPBACK)
                fputs("mgw: the token goes in the clear: with http:// anybody on the way reads it. "
                      "If the server has TLS, the URL begins with https://\n",
                      err);
}

static int take_url(struct probe_options *o, int argc, char **argv, FILE *err)
{
        if (argc - optind != 1)
                return refuse(o, err, "one URL is needed", NULL);
        o->url = argv[optind];
        if (!is_url(o->url))
                return refuse(o, err, "the URL must begin with http:// or https://", o->url);
        if (o->arguments != NULL && o->call == NULL)
                return refuse(o, err, "--arguments needs --call TOOL", NULL);
        return 0;
}

int probe_options_read(struct probe_options *o, int argc, char **argv, FILE *err)
{
        /* inspect has no time: its two are the last. */
        static const struct option options[] = {{"token", required_argument, NULL, 't'},
                                                {"header", required_argument, NULL, 'h'},
                                                {"call", required_argument, NULL, 'c'},
                                                {"arguments", required_argument, NULL, 'a'},
                                                {"ca", required_argument, NULL, 'C'},
                                                {"insecure", no_argument, NULL, 'i'},
                                                {"json", no_argument, NULL, 'j'},
                                                {"help", no_argument, NULL, 'H'},
                                                {"for", required_argument, NULL, 'f'},
                                                {"scale", required_argument, NULL, 's'},
                                                {0}};
        const char *token = getenv("MGW_TOKEN");
        int option, r = 0;

        o->for_ms = FOR_MS_DEFAULT;
        o->scale = 1;
        optind = 0; /* begins anew, with argv[1] */
        opterr = 0;
        while (r == 0 && (option = getopt_long(argc, argv, ":", options, NULL)) != -1) {
                if (option == 't')
                        token = optarg;
                else if (!o->is_probe && (option == 'f' || option == 's'))
                        r = refuse(o, err, "inspect has neither --for nor --scale", NULL);
                else
                        r = take_option(o, option, argv[optind - 1], err);
        }
        if (r == 0 && token != NULL && token[0] != '\0')
                r = take_token(o, token, err);
        if (r == 0)
                r = take_url(o, argc, argv, err);
        if (r == 0)
                warn_of_clear_text(o, err);
        return r;
}

bool probe_options_has_token(const struct probe_options *o)
{
        for (char **line = o->headers; line != NULL && *line != NULL; line++)
                if (strncasecmp(*line, "Authorization:", 14) == 0)
                        return true;
        return false;
}

void probe_options_finish(struct probe_options *o)
{
        strv_free(o->headers);
        json_decref(o->arguments);
}
