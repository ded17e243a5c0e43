/* What is told of calls: "audit" and "traces". */
#include "config_inside.h"
#include "mgw/base/str.h"
#include "mgw/wire/hdr.h"

#include <string.h>

#define AT(field) offsetof(struct config, field)

static bool is_audit_file(const char *text)
{
        return text[0] == '\0' || text[0] == '/' || strcmp(text, "-") == 0;
}

static bool is_endpoint(const char *text)
{
        struct str url = str_from(text);

        return url.n == 0 ||
               ((str_has_prefix(url, STR("http://")) || str_has_prefix(url, STR("https://"))) &&
                hdr_url_host(url).n > 0 && hdr_is_visible(url, 2048));
}

static const char *const unwritable_words[] = {"refuse", "go_on", NULL};

const struct config_row config_observe_rows[] = {
        {"audit.file", KIND_TEXT, AT(audit_file), "", .marks = CONFIG_FIXED_ONCE_SET,
         .help = "a line of JSON for each call and decision goes to this file; \"-\": standard "
                 "output (docs/audit.md)",
         .is_right = is_audit_file, .why = "must be an absolute path, or \"-\""},
        {"audit.arguments", KIND_BOOL, AT(audit_arguments), "false",
         .help = "with what calls are given: true or false"},
        {"audit.mask", KIND_TEXTS, AT(audit_mask),
         "password,passwd,secret,client_secret,token,access_token,refresh_token,api_key,apikey,"
         "authorization,credential,private_key",
         .help = "names of arguments whose values are left out, at any depth", .is_split = true},
        {"audit.when_unwritable", KIND_WORD, AT(audit_when_unwritable), "refuse",
         .help = "\"refuse\": no call without its line; \"go_on\": it is counted how many lack "
                 "theirs",
         .words = unwritable_words, .why = "must be \"refuse\" or \"go_on\""},
        {"traces.url", KIND_TEXT, AT(traces_url), "",
         .help = "OpenTelemetry collector to which spans go: OTLP over HTTP, such as "
                 "http://localhost:4318/v1/traces (docs/traces.md)",
         .is_right = is_endpoint, .why = "must begin with http:// or https://"},
        {"traces.sample", KIND_NUMBER, AT(traces_sample), "1", 0, 1,
         .help = "share of the requests that are traced, of those whose client has not decided it"},
        {"traces.headers", KIND_PAIRS, AT(traces_headers), .between = ": ",
         .help = "headers for the collector, in the file alone: {\"Authorization\": \"...\"}"},
        {.key = NULL},
};
