/* Disks that fail, and power cuts. */
#include "../check.h"
#include "disk.h"
#include "world.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

TestSuite(store_power, .timeout = 120);

/* The folder as a power cut leaves it now; the store has been told of nothing since. */
static void cut(const struct world *w, struct world *after)
{
        *after = (struct world){.options.key = WORLD_SECRET};
        strcpy(after->dir, "/tmp/mgw-store-power-XXXXXX");
        cr_assert_not_null(mkdtemp(after->dir));
        after->options.dir = after->dir;
        cr_assert_eq(loop_create(&after->loop), 0);
        disk_copy_after_power_cut(w->dir, after->dir);
        world_open_again(after);
        cr_assert_str_empty(after->warned);
}

/* With "synchronous = NORMAL" it fails: the last ones are gone. */
Test(store_power, what_was_told_of_as_done_outlives_a_power_cut)
{
        struct world w, after;
        char key[16];

        disk_install();
        world_open(&w, true);
        for (int i = 0; i < 40; i++) {
                snprintf(key, sizeof(key), "k/%02d", i);
                check_int(world_put(&w, key, "v"), 0);
                if (i % 3 != 0)
                        continue;
                cut(&w, &after);
                check_int(world_list(&after, "k/", "", STORE_LIST_MAX), 0);
                check_int((int)after.last.n_records, i + 1);
                world_close(&after);
        }
        check_int(world_delete(&w, "k/00", STORE_ANY), 0);
        cut(&w, &after);
        check_int(world_get(&after, "k/00"), STORE_E_NONE);
        world_close(&after);
        world_close(&w);
}

Test(store_power, a_disk_that_fails_is_told_and_got_over)
{
        struct world w;

        disk_install();
        world_open(&w, true);
        check_int(world_put(&w, "a", "1"), 0);
        disk_fail(1);
        check_int(world_put(&w, "a", "2"), -EIO);
        check_int(world_put(&w, "b", "2"), -EIO);
        check_int(world_delete(&w, "a", STORE_ANY), -EIO);
        check_int(world_get(&w, "a"), 0);
        check_str(str_from(w.last.text), STR("a=1 "));
        disk_fail(0);
        check_int(world_put(&w, "a", "3"), 0);
        world_reopen(&w);
        check_int(world_get(&w, "a"), 0);
        check_str(str_from(w.last.text), STR("a=3 "));
        check_int(world_get(&w, "b"), STORE_E_NONE);
        world_close(&w);
}
