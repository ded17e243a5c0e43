/* The command line. */
#include "records.h"

#include "../../../app/probe/probe_options.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char said[2048];
static struct probe_options options;

static void tear_down(void)
{
        probe_options_finish(&options);
}

TestSuite(probe_options, .fini = tear_down);

/* Of `mgw probe`, or inspect where the first word is that. */
static int read_words(const char *first, ...)
{
        char *argv[32] = {(char *)first};
        int argc = 1, r;
        va_list ap;
        FILE *err = fmemopen(said, sizeof(said), "w");

        va_start(ap, first);
        while ((argv[argc] = va_arg(ap, char *)) != NULL)
                argc++;
        va_end(ap);
        probe_options_finish(&options);
        options = (struct probe_options){.is_probe = strcmp(first, "probe") == 0};
        r = probe_options_read(&options, argc, argv, err);
        fclose(err);
        return r;
}

#define READ(...) read_words(__VA_ARGS__, (char *)NULL)

Test(probe_options, times_have_units)
{
        int64_t ms;

        cr_assert_eq(probe_options_duration("10m", &ms), 0);
        check_int(ms, 600000);
        cr_assert_eq(probe_options_duration("90s", &ms), 0);
        check_int(ms, 90000);
        cr_assert_eq(probe_options_duration("1.5", &ms), 0);
        check_int(ms, 1500);
        cr_assert_eq(probe_options_duration("1h", &ms), 0);
        check_int(ms, 3600000);
        cr_assert_eq(probe_options_duration("250ms", &ms), 0);
        check_int(ms, 250);
        cr_assert_lt(probe_options_duration("", &ms), 0);
        cr_assert_lt(probe_options_duration("10 minutes", &ms), 0);
        cr_assert_lt(probe_options_duration("-1s", &ms), 0);
        cr_assert_lt(probe_options_duration("nan", &ms), 0);
        cr_assert_lt(probe_options_duration("25h", &ms), 0);
}

Test(probe_options, what_is_given_is_read)
{
        cr_assert_eq(READ("probe", "https://x.example/mcp", "--for", "10m", "--token", "t-1",
                          "--header", "X-A: b", "--insecure", "--json", "--call", "slow",
                          "--arguments", "{\"n\": 1}", "--scale", "20"),
                     0);
        cr_assert_str_eq(options.url, "https://x.example/mcp");
        check_int(options.for_ms, 600000);
        cr_assert_str_eq(options.headers[0], "X-A: b");
        cr_assert_str_eq(options.headers[1], "Authorization: Bearer t-1");
        cr_assert(options.is_insecure && options.is_json);
        cr_assert_str_eq(options.call, "slow");
        check_int(json_integer_value(json_object_get(options.arguments, "n")), 1);
        cr_assert_eq((int)options.scale, 20);
}

Test(probe_options, what_cannot_be_is_refused_with_a_word)
{
        cr_assert_lt(READ("probe"), 0);
        check_has(said, "one URL is needed");
        check_has(said, "usage: mgw probe URL");
        cr_assert_lt(READ("probe", "x.example"), 0);
        check_has(said, "must begin with http:// or https://");
        cr_assert_lt(READ("probe", "http://x", "http://y"), 0);
        cr_assert_lt(READ("probe", "http://x", "--for", "soon"), 0);
        check_has(said, "90s, 10m or 1h: \"soon\"");
        cr_assert_lt(READ("probe", "http://x", "--header", "no colon"), 0);
        cr_assert_lt(READ("probe", "http://x", "--header", "A: b\r\nC: d"), 0);
        cr_assert_lt(READ("probe", "http://x", "--token", "a b"), 0);
        cr_assert_lt(READ("probe", "http://x", "--call", "t", "--arguments", "[1]"), 0);
        cr_assert_lt(READ("probe", "http://x", "--arguments", "{}"), 0);
        check_has(said, "needs --call");
        cr_assert_lt(READ("probe", "http://x", "--what"), 0);
        check_has(said, "no such option: \"--what\"");
        cr_assert_lt(READ("probe", "http://x", "--for"), 0);
        check_has(said, "missing after: \"--for\"");
        cr_assert_lt(READ("inspect", "http://x", "--for", "10m"), 0);
        check_has(said, "usage: mgw inspect URL");
}

Test(probe_options, the_token_may_be_of_the_environment)
{
        setenv("MGW_TOKEN", "t-env", 1);
        cr_assert_eq(READ("inspect", "http://x"), 0);
        cr_assert_str_eq(options.headers[0], "Authorization: Bearer t-env");
        cr_assert_eq(READ("inspect", "http://x", "--token", "t-2"), 0);
        cr_assert_str_eq(options.headers[0], "Authorization: Bearer t-2");
        cr_assert_null(options.headers[1]);
}
