/* A configuration that takes the place of another: what is the same stays the same object. */
#include "../check.h"
#include "loading.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct config before, now;
static char *told;

static void load(struct config *config, const char *text)
{
        char *faults;
        int r = loading_quoted(config, text, &faults);

        cr_assert_eq(r, 0, "%s: %s", text, faults);
        free(faults);
}

/* now is what the text says, and follows what before was said. */
static void follow(const char *text)
{
        size_t size;
        FILE *err;

        free(told);
        err = open_memstream(&told, &size);
        config_finish(&now);
        load(&now, text);
        config_follow(&now, &before, err);
        fclose(err);
}

static void finish(void)
{
        config_finish(&before);
        config_finish(&now);
        free(told);
        told = NULL;
}

TestSuite(config_follow, .fini = finish);

static const char whole[] =
        "{'mcpServers': {'a': {'url': 'http://a/mcp', 'headers': {'X': '1'}, 'include': ['x*'],"
        " 'tools': {'t': {'name': 'u'}}, 'users': {'ada@example.com': {'headers': {'X': '2'}}}},"
        " 'b': {'command': 'b', 'args': ['c', 'd'], 'env': {'E': '1'}}},"
        " 'gateway': {'keepalive_s': 10}}";

Test(config_follow, what_is_the_same_is_the_same_object_wherever_it_stands)
{
        load(&before, whole);
        follow("{'gateway': {'keepalive_s': 20}, 'mcpServers': {"
               "'b': {'args': ['c', 'd'], 'command': 'b', 'env': {'E': '1'}},"
               "'new': {'url': 'http://new/'},"
               "'a': {'url': 'http://a/mcp', 'headers': {'X': '1'}, 'include': ['x*'],"
               " 'users': {'ada@example.com': {'headers': {'X': '2'}}},"
               " 'tools': {'t': {'name': 'u'}}}}}");
        check_int(now.n_servers, 3);
        cr_assert_eq(now.servers[0], before.servers[1]);
        cr_assert_eq(now.servers[2], before.servers[0]);
        check_int(now.keepalive_ms, 20000);
        cr_assert_str_eq(told, "");
        config_finish(&before); /* and outlives what it was read for */
        cr_assert_str_eq(now.servers[2]->url, "http://a/mcp");
}

#define OAUTH "{'token_url': 'http://t', 'client_id': 'i', 'client_secret': 's'}"

Test(config_follow, what_differs_in_one_thing_is_another)
{
        static const char *const others[] = {
                "'a': {'url': 'http://a/mcp2'}",
                "'a': {'url': 'http://a/mcp', 'type': 'sse'}",
                "'a': {'url': 'http://a/mcp', 'headers': {'X': '1'}}",
                "'a': {'url': 'http://a/mcp', 'prefix': ''}",
                "'a': {'url': 'http://a/mcp', 'include': ['x']}",
                "'a': {'url': 'http://a/mcp', 'tools': {'t': {'name': 'u'}}}",
                "'a': {'url': 'http://a/mcp', 'timeout_s': 3}",
                "'a': {'url': 'http://a/mcp', 'era': 'session'}",
                "'a': {'url': 'http://a/mcp', 'allow_link_local': true}",
                "'a': {'url': 'http://a/mcp', 'users': {'ada': {'headers': {'X': '1'}}}}",
                "'a': {'url': 'http://a/mcp', 'oauth': " OAUTH "}",
                "'a': {'command': 'http://a/mcp'}",
        };

        load(&before, "{'mcpServers': {'a': {'url': 'http://a/mcp'}}}");
        for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
                char text[300];

                snprintf(text, sizeof(text), "{'mcpServers': {%s}}", others[i]);
                follow(text);
                cr_assert_neq(now.servers[0], before.servers[0], "%s", others[i]);
        }
        follow("{'mcpServers': {'b': {'url': 'http://a/mcp'}}}");
        cr_assert_neq(now.servers[0], before.servers[0]);
}

Test(config_follow, what_an_entry_has_of_the_gateway_counts_as_its_own)
{
        load(&before, "{'mcpServers': {'a': {'url': 'http://a/'}, 'b': {'command': 'b'}}}");
        follow("{'mcpServers': {'a': {'url': 'http://a/'}, 'b': {'command': 'b'}},"
               " 'gateway': {'children_files_max': 99}}");
        cr_assert_neq(now.servers[1], before.servers[1]);
        check_int(now.servers[1]->files_max, 99);
        follow("{'mcpServers': {'a': {'url': 'http://a/'}, 'b': {'command': 'b',"
               " 'files_max': 4096}}}");
        cr_assert_eq(now.servers[1], before.servers[1]);
}

Test(config_follow, a_description_that_was_edited_is_another)
{
        static const char form[] = "{'mcpServers': {'a': {'rest': '%s', 'base_url': 'http://a'}}}";
        char file[] = "/tmp/mgw-rest-XXXXXX", text[200];
        FILE *f = fdopen(mkstemp(file), "w");

        snprintf(text, sizeof(text), form, file);
        fputs("{\"tools\": {\"t\": {\"description\": \"d\", \"method\": \"GET\", "
              "\"path\": \"/x\"}}}",
              f);
        fflush(f);
        load(&before, text);
        follow(text);
        cr_assert_eq(now.servers[0], before.servers[0]);
        fputs("\n", f);
        fclose(f);
        follow(text);
        unlink(file);
        cr_assert_neq(now.servers[0], before.servers[0]);
}

Test(config_follow, a_refresh_token_that_mgw_keeps_itself_is_no_change)
{
        static const char form[] = "{'mcpServers': {'a': {'url': 'http://a/', 'oauth': {'token_url'"
                                   ": 'http://t', 'client_id': 'i', 'refresh_token_file': '%s'}}}}";
        char file[] = "/tmp/mgw-token-XXXXXX", text[300];
        FILE *f = fdopen(mkstemp(file), "w");

        snprintf(text, sizeof(text), form, file);
        fputs("first\n", f);
        fflush(f);
        load(&before, text);
        rewind(f);
        fputs("newer\n", f);
        fclose(f);
        follow(text);
        unlink(file);
        cr_assert_eq(now.servers[0], before.servers[0]);
}

Test(config_follow, what_holds_until_the_end_stays_and_is_told)
{
        load(&before, "{'mcpServers': {}, 'gateway': {'listen': 'unix:/one', 'drain_s': 1}}");
        follow("{'mcpServers': {}, 'gateway': {'listen': 'unix:/other', 'drain_s': 2}}");
        cr_assert_str_eq(now.listen, "unix:/one");
        check_int(now.drain_ms, 2000);
        cr_assert_str_eq(told, "gateway.listen: stays as it was until mgw is started again\n");
}

Test(config_follow, an_audit_can_be_had_later_and_then_stays)
{
        load(&before, "{'mcpServers': {}}");
        follow("{'mcpServers': {}, 'gateway': {'audit': {'file': '/one'}}}");
        cr_assert_str_eq(now.audit_file, "/one");
        cr_assert_str_eq(told, "");
        config_finish(&before);
        load(&before, "{'mcpServers': {}, 'gateway': {'audit': {'file': '/one'}}}");
        follow("{'mcpServers': {}, 'gateway': {'audit': {'file': '/other'}}}");
        cr_assert_str_eq(now.audit_file, "/one");
        cr_assert_str_eq(told, "gateway.audit.file: stays as it was until mgw is started again\n");
}
