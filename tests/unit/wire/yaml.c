#include "mgw/wire/yaml.h"

#include "../check.h"
#include "../json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const struct yaml_limits limits = {.depth_max = 16, .n_values_max = 1000};

static void check_yaml(const char *text, const char *want)
{
        struct yaml_fault fault = {0};
        json_t *got = NULL, *expected = json_from(want);
        int r = yaml_to_json(str_from(text), &limits, &got, &fault);
        char *dump;

        cr_assert_eq(r, 0, "%s: %u:%u: %s", text, fault.line, fault.column, fault.why);
        dump = json_dumps(got, JSON_ENCODE_ANY);
        cr_assert(json_equal(got, expected), "%s: got %s", text, dump);
        free(dump);
        json_decref(got);
        json_decref(expected);
}

static void check_refused(const char *text, unsigned line, const char *why)
{
        struct yaml_fault fault = {0};
        json_t *got = NULL;

        cr_assert_eq(yaml_to_json(str_from(text), &limits, &got, &fault), -EINVAL, "%s", text);
        cr_assert_not_null(strstr(fault.why, why), "%s: %s", text, fault.why);
        check_int(fault.line, line);
        cr_assert_null(got);
}

Test(yaml, a_configuration_as_people_write_it)
{
        check_yaml("# servers\n"
                   "version: 1.2.1\n"
                   "mcpServers:\n"
                   "  files:\n"
                   "    command: npx\n"
                   "    args: [\"-y\", server]   # both\n"
                   "    timeout: 60000\n"
                   "    env:\n"
                   "      DEBUG: true\n"
                   "      EMPTY:\n"
                   "  'a b':\n"
                   "    url: https://x/mcp\n"
                   "    note: >-\n"
                   "      two\n"
                   "      lines\n",
                   "{'version': '1.2.1', 'mcpServers': {'files': {'command': 'npx', 'args': ['-y',"
                   " 'server'], 'timeout': 60000, 'env': {'DEBUG': true, 'EMPTY': null}},"
                   " 'a b': {'url': 'https://x/mcp', 'note': 'two lines'}}}");
        check_yaml("{\"as\": [\"json\", 1]}", "{'as': ['json', 1]}");
        check_yaml("\xef\xbb\xbf- 1\r\n- 2\r\n", "[1, 2]");
        check_yaml("---\na: 1\n...\n", "{'a': 1}");
}

Test(yaml, plain_scalars_are_what_the_core_schema_says)
{
        check_yaml("[~, null, NULL, true, False, yes, no, on, 2024-01-01, 1:20]",
                   "[null, null, null, true, false, 'yes', 'no', 'on', '2024-01-01', '1:20']");
        check_yaml("[0, -7, +7, 007, 0x1F, 0o17, 9223372036854775807]",
                   "[0, -7, 7, 7, 31, 15, 9223372036854775807]");
        check_yaml("[1.5, -.5, 1., 1e3, 9223372036854775808, .inf, .nan, 1e999, '1']",
                   "[1.5, -0.5, 1.0, 1000.0, 9223372036854775808.0, '.inf', '.nan', '1e999', '1']");
        check_yaml("[1.2.3, 0x, 0xg, '', \"null\", '~', -, +, ., 1e, 12ab, e5]",
                   "['1.2.3', '0x', '0xg', '', 'null', '~', '-', '+', '.', '1e', '12ab', 'e5']");
        check_yaml("[!!str 1, ! 2, 'a b', \"a\\tb\\u00e9\"]", "['1', '2', 'a b', 'a\\tb\\u00e9']");
        check_yaml("{1: a, true: b, ~: c}", "{'1': 'a', 'true': 'b', '~': 'c'}");
}

Test(yaml, an_alias_is_a_copy_of_its_own_and_mappings_merge)
{
        check_yaml("a: &x {k: [1]}\nb: *x\n", "{'a': {'k': [1]}, 'b': {'k': [1]}}");
        check_yaml("base: &b {p: 1, q: 2}\nit: {<<: *b, q: 3}\nmany: {<<: [*b, {q: 9, r: 4}]}",
                   "{'base': {'p': 1, 'q': 2}, 'it': {'p': 1, 'q': 3},"
                   " 'many': {'p': 1, 'q': 2, 'r': 4}}");
        check_yaml("{'<<': 1}", "{'<<': 1}");
}

Test(yaml, what_it_does_not_take_is_told_with_its_place)
{
        check_refused("a: 1\nb: [1\nc: 2\n", 3, "did not find expected ',' or ']'");
        check_refused("a: 1\n\tb: 2\n", 2, "");
        check_refused("a: 1\na: 2\n", 2, "\"a\" stands twice");
        check_refused("a: !secret x\n", 1, "the tag !secret is not known");
        check_refused("a: 1\nb: !!set {x}\n", 2, "tag:yaml.org,2002:set is not known");
        check_refused("a: *b\n", 1, "*b: there is no such anchor");
        check_refused("a: &a [*a]\n", 1, "*a: there is no such anchor");
        check_refused("? [1]\n: 2\n", 1, "a key must be a text");
        check_refused("{\"a\\0b\": 1}", 1, "a key must be a text");
        check_refused("a: {<<: 1}\n", 1, "<< needs a mapping");
        check_refused("--- 1\n--- 2\n", 2, "one document");
        check_refused("a: \xff\n", 1, "");
}

Test(yaml, depth_and_size_have_limits_with_what_aliases_stand_for)
{
        check_yaml("[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]", "[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]");
        check_refused("[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]", 1, "too deep");
        check_refused("a: &a [[[[[[[[1]]]]]]]]\nb: [[[[[[[[*a]]]]]]]]\n", 2, "too much");
        check_refused("a: &a [1,1,1,1,1,1,1,1,1]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\n"
                      "c: [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\n",
                      3, "too much");
}

/* 9 kB of text a hundred times. */
Test(yaml, long_texts_count_for_what_they_are)
{
        struct yaml_fault fault;
        char *text = NULL;
        json_t *got = NULL;

        cr_assert(asprintf(&text, "a: &a '%09000d'\nb: [*a, *a, *a, *a, *a, *a, *a]\n", 7) > 0);
        check_int(yaml_to_json(str_from(text), &limits, &got, &fault), -EINVAL);
        check_int(fault.line, 2);
        free(text);
}
