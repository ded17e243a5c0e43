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

Test(method, eras)
{
        static const struct {
                const char *name;
                bool is_session, is_stateless, may_ask;
        } cases[] = {
                {"initialize", true, false, false},
                {"ping", true, false, false},
                {"logging/setLevel", true, false, false},
                {"resources/subscribe", true, false, false},
                {"server/discover", false, true, false},
                {"subscriptions/listen", false, true, false},
                {"tasks/update", false, true, false},
                {"tools/list", true, true, false},
                {"tools/call", true, true, true},
                {"prompts/get", true, true, true},
                {"resources/read", true, true, true},
                {"completion/complete", true, true, false},
                {"notifications/progress", true, true, false},
                {"notifications/subscriptions/acknowledged", false, true, false},
                {"notifications/elicitation/complete", true, false, false},
                {"elicitation/create", true, false, false},
                {"tools/destroy", false, false, false},
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                const struct method *m = method_find(cases[i].name);

                cr_assert_eq(m->is_session, cases[i].is_session, "%s", cases[i].name);
                cr_assert_eq(m->is_stateless, cases[i].is_stateless, "%s", cases[i].name);
                cr_assert_eq(m->may_ask, cases[i].may_ask, "%s", cases[i].name);
        }
        cr_assert_str_eq(method_find("tools/call")->name_key, "name");
        cr_assert_str_eq(method_find("resources/read")->name_key, "uri");
        cr_assert_str_eq(method_find("tasks/get")->name_key, "taskId");
        cr_assert_null(method_find("completion/complete")->name_key);
}

Test(method, log_levels_are_those_of_rfc_5424)
{
        check_int(method_log_level("debug"), 0);
        check_int(method_log_level("emergency"), 7);
        check_int(method_log_level("loud"), -1);
        check_int(method_log_level(NULL), -1);
        cr_assert_str_eq(method_log_level_name(3), "warning");
}
