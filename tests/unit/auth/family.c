#include "mgw/auth/family.h"

#include "../check.h"
#include "mgw/auth/token.h"
#include "mgw/base/clock.h"
#include "world.h"

#include <inttypes.h>
#include <stdlib.h>

static struct world w;
static char family[] = "fam-1";
static struct authorization of;

static void begin(bool has_dir)
{
        world_open(&w, has_dir);
        of = world_authorization(family);
}

static void end(void)
{
        world_close(&w);
}

/* It was used so long ago. */
static void used(unsigned generation, int64_t ago_ms)
{
        char text[64];

        snprintf(text, sizeof(text), "%u %" PRId64, generation, clock_wall_ms() - ago_ms);
        world_put(&w, "family/fam-1", text);
}

Test(family, each_generation_is_good_once)
{
        begin(false);
        check_int(world_use(&w, &of, 0), 0);
        check_int(world_use(&w, &of, 1), 0);
        check_int(world_use(&w, &of, 2), 0);
        cr_assert_not(store_set_has(&w.context.authority->ended, family));
        end();
}

Test(family, a_code_that_is_used_twice_ends_what_it_gave)
{
        begin(false);
        check_int(world_use(&w, &of, 0), 0);
        check_int(world_use(&w, &of, 0), FAMILY_E_USED);
        cr_assert(store_set_has(&w.context.authority->ended, family));
        check_int(world_use(&w, &of, 1), FAMILY_E_OVER);
        end();
}

static unsigned n_ends;

static void on_login_end(struct context *context, const char *login)
{
        (void)context;
        (void)login;
        n_ends++;
}

Test(family, a_code_that_is_used_again_and_again_ends_its_login_once)
{
        begin(false);
        w.context.on_login_end = on_login_end;
        check_int(world_use(&w, &of, 0), 0);
        check_int(world_use(&w, &of, 0), FAMILY_E_USED);
        check_int(world_use(&w, &of, 0), FAMILY_E_OVER);
        check_int(world_use(&w, &of, 0), FAMILY_E_OVER);
        check_int(n_ends, 1);
        end();
}

Test(family, a_code_that_is_used_twice_at_once_is_good_once)
{
        int first, second;

        begin(false);
        (void)family_use(w.context.authority, &of, 0, world_told, &w);
        (void)family_use(w.context.authority, &of, 0, world_told, &w);
        first = world_wait(&w);
        second = w.is_told ? w.outcome : world_wait(&w);
        check_int(first, 0);
        check_int(second, FAMILY_E_USED);
        check_int(world_use(&w, &of, 1), FAMILY_E_OVER);
        end();
}

Test(family, whose_answer_was_lost_may_ask_again_within_ten_seconds)
{
        begin(false);
        used(3, 9000);
        check_int(world_use(&w, &of, 3), 0);
        check_int(world_use(&w, &of, 4), 0);
        /* what was given twice is good once and a grace more */
        used(4, FAMILY_GRACE_MS + 1000);
        check_int(world_use(&w, &of, 4), FAMILY_E_USED);
        check_int(world_use(&w, &of, 5), FAMILY_E_OVER);
        end();
}

Test(family, an_old_one_ends_it_however_soon)
{
        begin(false);
        used(3, 0);
        check_int(world_use(&w, &of, 2), FAMILY_E_USED);
        check_int(world_use(&w, &of, 4), FAMILY_E_OVER);
        end();
}

Test(family, a_clock_that_was_set_back_is_no_endless_grace)
{
        begin(false);
        used(3, -3600 * 1000);
        check_int(world_use(&w, &of, 3), FAMILY_E_USED);
        end();
}

Test(family, two_that_renew_at_once_get_an_answer_each)
{
        begin(false);
        (void)family_use(w.context.authority, &of, 1, world_told, &w);
        (void)family_use(w.context.authority, &of, 1, world_told, &w);
        check_int(world_wait(&w), 0);
        check_int(w.is_told ? w.outcome : world_wait(&w), 0);
        cr_assert_not(store_set_has(&w.context.authority->ended, family));
        end();
}

Test(family, what_the_store_has_lost_goes_on)
{
        begin(false);
        check_int(world_use(&w, &of, 7), 0);
        check_int(world_use(&w, &of, 6), FAMILY_E_USED);
        end();
}

Test(family, a_record_that_cannot_be_read_lets_nobody_in)
{
        begin(false);
        world_put(&w, "family/fam-1", "x");
        cr_assert_lt(world_use(&w, &of, 1), 0);
        end();
}

Test(family, an_end_outlives_the_process)
{
        struct authorization read;
        char *access, *refresh;
        int64_t expires_ms;
        unsigned generation;

        begin(true);
        access = token_make_access(w.context.authority, &of, of.ends_ms);
        refresh = token_make_refresh(w.context.authority, &of, 1);
        check_int(world_end(&w, &of), 0);
        world_reopen(&w);
        check_int(world_use(&w, &of, 1), FAMILY_E_OVER);
        check_int(token_read_access(w.context.authority, str_from(access), clock_wall_ms(), &read,
                                    &expires_ms),
                  TOKEN_E_OVER);
        authorization_finish(&read);
        check_int(token_read_refresh(w.context.authority, str_from(refresh), clock_wall_ms(), &read,
                                     &generation),
                  TOKEN_E_OVER);
        authorization_finish(&read);
        free(access);
        free(refresh);
        end();
}

Test(family, goes_on_when_who_asked_has_left)
{
        struct family_use *use;

        begin(false);
        check_int(world_use(&w, &of, 0), 0);
        use = family_use(w.context.authority, &of, 0, world_told, &w);
        family_use_leave(use);
        check_int(world_use(&w, &of, 1), FAMILY_E_OVER);
        end();
}

Test(family, is_forgotten_with_its_server)
{
        begin(false);
        (void)family_use(w.context.authority, &of, 0, world_told, &w);
        end();
}
