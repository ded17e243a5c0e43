#include "mgw/mcp/task_id.h"

#include "../check.h"

#include <stdlib.h>
#include <string.h>

static const uint8_t key[TASK_KEY_BYTES] = "0123456789abcdef0123456789abcde";
static const struct str ada = {"ada@example.com", 15}, jobs = {"jobs", 4};

static struct str read_as(struct str user, struct str server, const char *shown)
{
        return task_id_read(key, user, server, str_from(shown));
}

Test(task_id, an_id_opens_for_its_user_and_server_alone)
{
        char *shown = task_id_show(key, ada, jobs, STR("a.b/c d"));
        char *again = task_id_show(key, ada, jobs, STR("a.b/c d"));
        uint8_t other[TASK_KEY_BYTES] = "another key of thirty-two bytes";

        cr_assert_str_eq(shown, again);
        cr_assert_str_eq(shown + 22, ".jobs.a.b/c d");
        check_str(read_as(ada, jobs, shown), STR("a.b/c d"));
        check_str(read_as(STR("bob@example.com"), jobs, shown), STR(""));
        check_str(read_as(ada, STR("job"), shown), STR(""));
        check_str(read_as(ada, STR("jobs.a"), shown), STR(""));
        check_str(task_id_read(other, ada, jobs, str_from(shown)), STR(""));
        free(shown);
        free(again);
}

Test(task_id, no_byte_of_an_id_can_be_changed)
{
        char *shown = task_id_show(key, ada, jobs, STR("task-1"));

        for (size_t i = 0; shown[i] != '\0'; i++)
                for (unsigned bit = 0; bit < 8; bit++) {
                        shown[i] = (char)(shown[i] ^ (1 << bit));
                        check_str(read_as(ada, jobs, shown), STR(""));
                        shown[i] = (char)(shown[i] ^ (1 << bit));
                }
        for (size_t n = 0; n < strlen(shown); n++)
                check_str(task_id_read(key, ada, jobs, (struct str){shown, n}), STR(""));
        check_str(read_as(ada, jobs, shown), STR("task-1"));
        free(shown);
}

Test(task_id, what_is_made_of_other_parts_has_another_mark)
{
        char *one = task_id_show(key, STR("a"), STR("b"), STR("cd"));
        char *two = task_id_show(key, STR("a"), STR("bc"), STR("d"));
        char *three = task_id_show(key, STR("ab"), STR(""), STR("cd"));

        cr_assert(strncmp(one, two, 22) != 0 && strncmp(one, three, 22) != 0);
        free(one);
        free(two);
        free(three);
}
