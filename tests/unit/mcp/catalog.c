/* Names and URIs of the merged lists, their owners, and their pages. */
#include "mgw/mcp/catalog.h"

#include "../check.h"
#include "../json.h"

#include <stdlib.h>

static char *const includes[] = {"get_*", "list", NULL};
static char *const excludes[] = {"get_secret", NULL};

static void check_shown(const struct catalog_rule *rule, const char *theirs, const char *shown)
{
        char *name = catalog_shown_name(rule, theirs);

        check_str(str_from(name), str_from(shown));
        cr_assert_eq(name == NULL, shown == NULL);
        if (shown != NULL)
                check_str(str_from(catalog_their_name(rule, shown)), str_from(theirs));
        free(name);
}

Test(catalog, names_get_the_prefix_and_lose_it)
{
        const struct catalog_rule rule = {.server = "gmail", .prefix = "gmail_"};
        const struct catalog_rule bare = {.server = "gmail", .prefix = ""};

        check_shown(&rule, "list", "gmail_list");
        check_shown(&rule, "gmail_list", "gmail_gmail_list");
        check_shown(&bare, "list", "list");
        cr_assert_null(catalog_their_name(&rule, "gmail_"));
        cr_assert_null(catalog_their_name(&rule, "gmai_list"));
        cr_assert_null(catalog_their_name(&rule, "list"));
}

Test(catalog, a_name_that_begins_with_the_prefix_of_another_is_not_to_be_given)
{
        const char *of_bare[] = {"mail_", "mail_in_", NULL}, *of_mail[] = {"mail_in_", NULL};
        json_t *tools = json_from("{'x': {'name': 'mail_x'}}");
        const struct catalog_rule bare = {
                .server = "evil", .prefix = "", .tools = tools, .rivals = of_bare};
        const struct catalog_rule mail = {.server = "mail", .prefix = "mail_", .rivals = of_mail};

        check_shown(&bare, "send", "send");
        check_shown(&bare, "mail_send", NULL);
        cr_assert_null(catalog_their_name(&bare, "mail_send"));
        check_shown(&bare, "x", "mail_x"); /* the configuration's word */
        check_shown(&mail, "send", "mail_send");
        check_shown(&mail, "in_one", NULL);
        cr_assert_null(catalog_their_name(&mail, "mail_in_one"));
        json_decref(tools);
}

/* Made to fit: the same each time, another for each name, and looked up in a list. */
static void check_made(const struct catalog_rule *rule, const char *theirs, const char *head)
{
        char *name = catalog_shown_name(rule, theirs), *again = catalog_shown_name(rule, theirs);

        cr_assert_not_null(name);
        cr_assert_str_eq(name, again);
        cr_assert(strncmp(name, head, strlen(head)) == 0, "%s", name);
        cr_assert(catalog_is_made(name) && catalog_fits_all(name), "%s", name);
        cr_assert_null(catalog_their_name(rule, name));
        free(name);
        free(again);
}

Test(catalog, names_are_made_to_fit)
{
        const struct catalog_rule safe = {.server = "s", .prefix = "s_", .is_safe = true};
        const struct catalog_rule odd = {.server = "s", .prefix = "s.", .is_safe = true};
        char *dot, *slash;

        check_shown(&safe, "list", "s_list");
        check_shown(&safe, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
                    "s_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
        check_made(&safe, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
                   "s_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx_");
        check_made(&safe, "meta.index", "s_meta_index_");
        check_made(&safe, "a b", "s_a_b_");
        check_made(&safe, "\xf0\x9f\x94\xa5", "s______");
        check_made(&odd, "list", "s_list_");
        /* one that looks made could be meant for another */
        check_made(&safe, "list_0123abcd", "s_list_0123abcd_");
        dot = catalog_shown_name(&safe, "a.b");
        slash = catalog_shown_name(&safe, "a/b");
        cr_assert_str_neq(dot, slash);
        free(dot);
        free(slash);
}

Test(catalog, a_name_made_to_fit_is_no_other_servers)
{
        const char *rivals[] = {"s_a_", NULL};
        json_t *tools = json_from("{'x.y': {'name': 'x.y'}}");
        const struct catalog_rule safe = {
                .server = "s", .prefix = "s_", .tools = tools, .rivals = rivals, .is_safe = true};

        cr_assert_null(catalog_shown_name(&safe, "a_b"));
        cr_assert_null(catalog_shown_name(&safe, "a.b")); /* it would be s_a_b_... */
        check_shown(&safe, "x.y", "x.y");                 /* the configuration's word */
        json_decref(tools);
}

Test(catalog, names_that_some_clients_drop)
{
        static const char *const fitting[] = {
                "a", "A-b_9", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"};
        static const char *const others[] = {
                "a.b", "a b", "a/b", "\xc3\xa9",
                "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"};

        for (size_t i = 0; i < sizeof(fitting) / sizeof(fitting[0]); i++)
                cr_assert(catalog_fits_all(fitting[i]), "%s", fitting[i]);
        for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
                cr_assert(!catalog_fits_all(others[i]), "%s", others[i]);
}

Test(catalog, what_is_not_shown_cannot_be_called)
{
        const struct catalog_rule rule = {
                .server = "s", .prefix = "s_", .include = includes, .exclude = excludes};

        check_shown(&rule, "list", "s_list");
        check_shown(&rule, "get_one", "s_get_one");
        check_shown(&rule, "get_secret", NULL);
        check_shown(&rule, "put", NULL);
        cr_assert_null(catalog_their_name(&rule, "s_get_secret"));
        cr_assert_null(catalog_their_name(&rule, "s_put"));
}

Test(catalog, a_tool_has_the_name_and_description_that_it_is_given)
{
        json_t *tools = json_loads("{\"list\": {\"name\": \"inbox\", \"description\": \"Mail.\"}}",
                                   0, NULL);
        const struct catalog_rule rule = {.server = "s", .prefix = "s_", .tools = tools};
        json_t *entries =
                json_loads("[{\"name\": \"list\", \"description\": \"x\", \"icons\": [1]},"
                           " {\"name\": \"other\"}, {\"title\": \"no name\"}, 7]",
                           0, NULL);
        const struct catalog_part part = {&rule, entries, 0};
        const char *collision;
        json_t *all = catalog_merge(&part, 1, "tools", NULL, &collision);
        json_t *expected = json_loads("[{\"name\": \"inbox\", \"description\": \"Mail.\","
                                      " \"icons\": [1]}, {\"name\": \"s_other\"}]",
                                      0, NULL);

        cr_assert(json_equal(all, expected));
        check_shown(&rule, "list", "inbox");
        cr_assert_null(catalog_their_name(&rule, "s_list"),
                       "that is not how it is called any more");
        check_str(str_from(json_string_value(json_object_get(json_array_get(entries, 0), "name"))),
                  STR("list"));
        json_decref(all);
        json_decref(expected);
        json_decref(entries);
        json_decref(tools);
}

Test(catalog, the_first_of_two_with_one_name_is_kept_and_the_other_told)
{
        const struct catalog_rule a = {.server = "a", .prefix = ""},
                                  b = {.server = "b", .prefix = ""};
        json_t *of_a = json_loads("[{\"name\": \"x\", \"n\": 1}]", 0, NULL);
        json_t *of_b = json_loads("[{\"name\": \"y\"}, {\"name\": \"x\", \"n\": 2}]", 0, NULL);
        const struct catalog_part parts[] = {{&a, of_a, 0}, {&b, of_b, 0}};
        const char *collision;
        json_t *all = catalog_merge(parts, 2, "prompts", NULL, &collision);
        json_t *expected = json_loads("[{\"name\": \"x\", \"n\": 1}, {\"name\": \"y\"}]", 0, NULL);

        cr_assert(json_equal(all, expected));
        check_str(str_from(collision), STR("x"));
        json_decref(all);
        json_decref(expected);
        json_decref(of_a);
        json_decref(of_b);
}

Test(catalog, a_uri_that_two_have_gets_the_servers_name)
{
        const struct catalog_rule a = {.server = "a", .prefix = "a_"},
                                  b = {.server = "b", .prefix = "b_"};
        json_t *of_a = json_loads("[{\"uri\": \"x:1\"}, {\"uri\": \"x:2\"}]", 0, NULL);
        json_t *of_b = json_loads("[{\"uri\": \"x:2\"}, {\"uri\": \"x:3\"}]", 0, NULL);
        const struct catalog_part parts[] = {{&a, of_a, 0}, {&b, of_b, 0}, {&b, NULL, 0}};
        const char *collision;
        json_t *all = catalog_merge(parts, 3, "resources", NULL, &collision);
        json_t *expected = json_loads("[{\"uri\": \"x:1\"}, {\"uri\": \"a+x:2\"},"
                                      " {\"uri\": \"b+x:2\"}, {\"uri\": \"x:3\"}]",
                                      0, NULL);

        cr_assert(json_equal(all, expected));
        cr_assert_null(collision);
        check_str(str_from(catalog_uri_of_server(&b, "b+x:2")), STR("x:2"));
        cr_assert_null(catalog_uri_of_server(&a, "b+x:2"));
        cr_assert_null(catalog_uri_of_server(&a, "ab+x:2"));
        json_decref(all);
        json_decref(expected);
        json_decref(of_a);
        json_decref(of_b);
}

Test(catalog, a_uri_that_tells_what_it_is_for_keeps_its_scheme)
{
        const struct catalog_rule b = {.server = "b", .prefix = "b_"};
        static const char *const pairs[][2] = {{"ui://map/view.html", "ui://b/map/view.html"},
                                               {"skill://x", "skill://b/x"},
                                               {"UI://x", "UI://b/x"}};

        for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
                char *shown = catalog_server_uri(&b, pairs[i][0]);
                char *theirs = catalog_kept_uri(&b, pairs[i][1]);

                cr_assert_str_eq(shown, pairs[i][1]);
                cr_assert_str_eq(theirs, pairs[i][0]);
                free(shown);
                free(theirs);
        }
        cr_assert_null(catalog_kept_uri(&b, "ui://bb/x"));
        cr_assert_null(catalog_kept_uri(&b, "ui://b"));
        cr_assert_null(catalog_kept_uri(&b, "x://b/x"));
}

Test(catalog, a_template_fits_what_it_could_give)
{
        cr_assert(catalog_template_fits("demo://text/{id}", "demo://text/7"));
        cr_assert(catalog_template_fits("file:///{a}/x/{b}.txt", "file:///q/x/r.txt"));
        cr_assert(!catalog_template_fits("demo://text/{id}", "demo://blob/7"));
        cr_assert(!catalog_template_fits("a:a{b}a", "a:a"), "its ends may not overlap");
        cr_assert(catalog_template_fits("plain:", "plain:"));
        cr_assert(!catalog_template_fits("plain:", "plain:1"));
}

Test(catalog, a_template_without_a_scheme_fits_nothing)
{
        static const char *const templates[] = {"{+x}", "{x}://inbox/1", "demo{+x}", "d mo:{+x}",
                                                ":{+x}"};

        for (size_t i = 0; i < sizeof(templates) / sizeof(templates[0]); i++)
                cr_expect(!catalog_template_fits(templates[i], "demo://inbox/1"), "%s",
                          templates[i]);
        cr_assert(!catalog_template_fits("d mo:{+x}", "d mo:1"));
        cr_assert(!catalog_template_fits(":{+x}", ":1"));
}

Test(catalog, pages_are_whole_and_cursors_are_checked)
{
        json_t *all = json_array(), *seen = json_array();
        char cursor[24] = "";
        int n_pages = 0;

        for (int i = 0; i < 7; i++)
                json_array_append_new(all, json_integer(i));
        do {
                json_t *page = catalog_page(all, "tools", n_pages > 0 ? cursor : NULL, 3);
                json_t *next = json_object_get(page, "nextCursor");

                cr_assert_not_null(page);
                json_array_extend(seen, json_object_get(page, "tools"));
                snprintf(cursor, sizeof(cursor), "%s", next != NULL ? json_string_value(next) : "");
                json_decref(page);
                n_pages++;
        } while (cursor[0] != '\0');
        check_int(n_pages, 3);
        cr_assert(json_equal(seen, all));
        cr_assert_null(catalog_page(all, "tools", "7", 3));
        cr_assert_null(catalog_page(all, "tools", "0", 3));
        cr_assert_null(catalog_page(all, "tools", "-1", 3));
        cr_assert_null(catalog_page(all, "tools", "", 3));
        cr_assert_null(catalog_page(all, "tools", "99999999999999999999", 3));
        json_decref(all);
        json_decref(seen);
}

static bool shows_no_x(const struct catalog_filter *filter, unsigned server, const char *shown,
                       const char *theirs, const json_t *entry)
{
        (void)filter;
        (void)theirs;
        (void)entry;
        return server != 3 || strcmp(shown, "x") != 0;
}

/* It would be another's that a call of this name is not for. */
Test(catalog, what_is_left_out_hides_another_of_its_name)
{
        const struct catalog_filter filter = {shows_no_x};
        const struct catalog_rule a = {.server = "a", .prefix = ""},
                                  b = {.server = "b", .prefix = ""};
        json_t *of_a = json_loads("[{\"name\": \"x\"}]", 0, NULL);
        json_t *of_b = json_loads("[{\"name\": \"y\"}, {\"name\": \"x\"}]", 0, NULL);
        const struct catalog_part parts[] = {{&a, of_a, 3}, {&b, of_b, 4}};
        const char *collision;
        json_t *all = catalog_merge(parts, 2, "prompts", &filter, &collision);
        json_t *expected = json_loads("[{\"name\": \"y\"}]", 0, NULL);

        cr_assert(json_equal(all, expected));
        cr_assert_null(collision);
        json_decref(all);
        json_decref(expected);
        json_decref(of_a);
        json_decref(of_b);
}
