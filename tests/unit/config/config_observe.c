#include "../check.h"
#include "loading.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct config config;
static char *faults;

static int load(const char *gateway)
{
        char text[1024];

        snprintf(text, sizeof(text), "{'gateway': {%s}}", gateway);
        return loading_quoted(&config, text, &faults);
}

static void finish(void)
{
        config_finish(&config);
        free(faults);
}

Test(config_observe, nothing_is_kept_or_sent_where_nothing_is_said)
{
        check_int(load(""), 0);
        cr_assert_str_empty(config.audit_file);
        cr_assert(!config.audit_arguments);
        cr_assert_str_eq(config.audit_mask[0], "password");
        check_int(config.audit_when_unwritable, CONFIG_AUDIT_REFUSE);
        cr_assert_str_empty(config.traces_url);
        cr_assert_eq(config.traces_sample, 1.0);
        cr_assert_null(config.traces_headers);
        finish();
}

Test(config_observe, everything_said)
{
        setenv("COLLECTOR_TOKEN", "t0k", 1);
        check_int(
                load("'audit': {'file': '/a/b.log', 'arguments': true, 'mask': ['a', 'b'], "
                     "'when_unwritable': 'go_on'}, 'traces': {'url': "
                     "'https://c.example/v1/traces', "
                     "'sample': 0.25, 'headers': {'Authorization': 'Bearer ${COLLECTOR_TOKEN}'}}"),
                0);
        cr_assert_str_eq(config.audit_file, "/a/b.log");
        cr_assert(config.audit_arguments);
        cr_assert_str_eq(config.audit_mask[1], "b");
        cr_assert_null(config.audit_mask[2]);
        check_int(config.audit_when_unwritable, CONFIG_AUDIT_GO_ON);
        cr_assert_str_eq(config.traces_url, "https://c.example/v1/traces");
        cr_assert_eq(config.traces_sample, 0.25);
        cr_assert_str_eq(config.traces_headers[0], "Authorization: Bearer t0k");
        finish();
}

Test(config_observe, by_the_environment)
{
        setenv("MGW_AUDIT_FILE", "-", 1);
        setenv("MGW_AUDIT_MASK", "x,y", 1);
        setenv("MGW_TRACES_SAMPLE", "0.5", 1);
        check_int(load(""), 0);
        cr_assert_str_eq(config.audit_file, "-");
        cr_assert_str_eq(config.audit_mask[1], "y");
        cr_assert_eq(config.traces_sample, 0.5);
        finish();
}

Test(config_observe, what_is_wrong_is_told)
{
        static const struct {
                const char *gateway, *told;
        } cases[] = {
                {"'audit': {'file': 'relative.log'}",
                 "gateway.audit.file: must be an absolute path"},
                {"'audit': {'when_unwritable': 'drop'}",
                 "gateway.audit.when_unwritable: must be \"refuse\" or \"go_on\""},
                {"'audit': {'mask': 'password'}", "gateway.audit.mask: must be an array"},
                {"'audit': true", "gateway.audit: must be an object"},
                {"'traces': {'url': 'localhost:4318'}", "gateway.traces.url: must begin with http"},
                {"'traces': {'sample': 2}", "gateway.traces.sample: must be a number from 0 to 1"},
                {"'traces': {'headers': {'a': 'b\\nc'}}", "gateway.traces.headers"},
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                check_int(load(cases[i].gateway), -EINVAL);
                cr_assert_not_null(strstr(faults, cases[i].told), "want \"%s\" in:\n%s",
                                   cases[i].told, faults);
                finish();
        }
}
