#include "mgw/base/privilege.h"

#include "../check.h"

#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

Test(privilege, no_core_and_no_new_rights)
{
        struct rlimit core;

        check_int(privilege_give_up(), 0);
        check_int(getrlimit(RLIMIT_CORE, &core), 0);
        check_int(core.rlim_max, 0);
        check_int(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 1);
}

Test(privilege, what_holds_is_asked_of_the_kernel)
{
        char text[160];

        privilege_describe(text, sizeof(text));
        cr_assert_not_null(strstr(text, "new privileges"), "%s", text);
        check_int(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
        check_int(prctl(PR_SET_DUMPABLE, 0), 0);
        privilege_describe(text, sizeof(text));
        cr_assert_not_null(strstr(text, "not dumpable, no_new_privs"), "%s", text);
        check_int(prctl(PR_SET_DUMPABLE, 1), 0);
}
