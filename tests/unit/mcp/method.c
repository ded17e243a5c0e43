#include "mgw/mcp/method.h"
#include "mgw/mcp/names.h"

#include "../check.h"

Test(method, classes)
{
        check_int(method_find("initialize")->class, METHOD_INITIALIZE);
        check_int(method_find("tools/call")->class, METHOD_BY_NAME);
        check_int(method_find("resources/templates/list")->class, METHOD_LIST);
        check_int(method_find("notifications/cancelled")->class, METHOD_CANCELLED);
        check_int(method_find("notifications/made/up")->class, METHOD_NOTICE);
        check_int(method_find("elicitation/create")->class, METHOD_ASK);
        check_int(method_find("tools/destroy")->class, METHOD_UNKNOWN);
        check_int(method_find("")->class, METHOD_UNKNOWN);
}

Test(method, every_list_says_where_its_entries_are)
{
        static const char *const lists[] = {"tools/list", "prompts/list", "resources/list",
                                            "resources/templates/list"};

        for (size_t i = 0; i < 4; i++) {
                cr_assert_not_null(method_find(lists[i])->list_key);
                cr_assert_not_null(method_find(lists[i])->capability);
        }
        cr_assert(method_find("tools/list")->is_named);
        cr_assert_not(method_find("resources/list")->is_named);
}

Test(method, log_levels_are_those_of_rfc_5424)
{
        check_int(method_log_level("debug"), 0);
        check_int(method_log_level("emergency"), 7);
        check_int(method_log_level("loud"), -1);
}

Test(names, a_prefix_is_put_before_each_name_and_nameless_entries_go)
{
        json_t *entries = json_loads(
                "[{\"name\": \"list\", \"x\": 1}, {\"title\": \"no name\"}, 7]", 0, NULL);

        check_int(names_add_prefix(entries, "gmail"), 0);
        check_int(json_array_size(entries), 1);
        cr_assert_str_eq(json_string_value(json_object_get(json_array_get(entries, 0), "name")),
                         "gmail_list");
        json_decref(entries);
        check_int(names_add_prefix(NULL, "gmail"), 0);
}

Test(names, a_prefix_is_taken_off_only_where_it_stands)
{
        cr_assert_str_eq(names_strip_prefix("gmail_list", "gmail"), "list");
        cr_assert_str_eq(names_strip_prefix("gmail_send_now", "gmail"), "send_now");
        cr_assert_null(names_strip_prefix("gmail_", "gmail"));
        cr_assert_null(names_strip_prefix("gmaillist", "gmail"));
        cr_assert_null(names_strip_prefix("mail_list", "gmail"));
        cr_assert_null(names_strip_prefix("", "gmail"));
}
