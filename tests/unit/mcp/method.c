#include "mgw/mcp/method.h"

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
}

Test(method, log_levels_are_those_of_rfc_5424)
{
        check_int(method_log_level("debug"), 0);
        check_int(method_log_level("emergency"), 7);
        check_int(method_log_level("loud"), -1);
        cr_assert_str_eq(method_log_level_name(3), "warning");
}
