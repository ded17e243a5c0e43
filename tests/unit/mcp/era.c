#include "mgw/mcp/era.h"

#include "../check.h"
#include "../json.h"

#include <errno.h>

Test(era, negotiation_keeps_what_we_speak_and_offers_the_newest_else)
{
        cr_assert_str_eq(era_revision_name(era_negotiate(STR("2024-11-05"))), "2024-11-05");
        cr_assert_str_eq(era_revision_name(era_negotiate(STR("2025-06-18"))), "2025-06-18");
        cr_assert_str_eq(era_revision_name(era_negotiate(STR("1999-01-01"))), "2025-11-25");
        cr_assert_str_eq(era_revision_name(era_negotiate(STR(""))), "2025-11-25");
        /* a revision without sessions is none to initialize */
        cr_assert_str_eq(era_revision_name(era_negotiate(STR("2026-07-28"))), "2025-11-25");
}

Test(era, only_one_revision_has_batches)
{
        cr_assert(era_has_batches(era_negotiate(STR("2025-03-26"))));
        cr_assert_not(era_has_batches(era_negotiate(STR("2024-11-05"))));
        cr_assert_not(era_has_batches(era_negotiate(STR("2025-06-18"))));
        cr_assert_not(era_has_batches(era_negotiate(STR("2025-11-25"))));
}

Test(era, the_newest_primes_its_streams)
{
        cr_assert(era_primes_streams(era_newest()));
        cr_assert_not(era_primes_streams(era_negotiate(STR("2025-06-18"))));
}

Test(era, completions_go_without_saying_in_the_oldest)
{
        cr_assert(era_implies_completions(era_negotiate(STR("2024-11-05"))));
        cr_assert_not(era_implies_completions(era_negotiate(STR("2025-03-26"))));
        cr_assert_not(era_implies_completions(era_newest()));
}

Test(era, version_headers_are_told_apart)
{
        era_revision r;

        check_int(era_version_read(STR(""), &r), ERA_VERSION_NONE);
        check_int(era_version_read(STR("2025-03-26"), &r), ERA_VERSION_SESSION);
        cr_assert_str_eq(era_revision_name(r), "2025-03-26");
        check_int(era_version_read(STR("2026-07-28"), &r), ERA_VERSION_STATELESS);
        check_int(era_version_read(STR("2027-01-01"), &r), ERA_VERSION_STATELESS);
        check_int(era_version_read(STR("2026-07-27"), &r), ERA_VERSION_UNSUPPORTED);
        check_int(era_version_read(STR("2026-07-28x"), &r), ERA_VERSION_UNSUPPORTED);
        check_int(era_version_read(STR("9999999999"), &r), ERA_VERSION_UNSUPPORTED);
}

Test(era, the_revision_claimed_in_meta)
{
        json_t *params = json_loads(
                "{\"_meta\": {\"io.modelcontextprotocol/protocolVersion\": \"2026-07-28\"}}", 0,
                NULL);

        check_str(era_claimed_in_meta(params), STR("2026-07-28"));
        check_str(era_claimed_in_meta(NULL), STR(""));
        json_object_set_new(params, "_meta", json_integer(3));
        check_str(era_claimed_in_meta(params), STR(""));
        json_decref(params);
}

Test(era, supported_lists_newest_first)
{
        json_t *all = era_supported();

        check_int(json_array_size(all), 5);
        cr_assert_str_eq(json_string_value(json_array_get(all, 0)), "2026-07-28");
        cr_assert_str_eq(json_string_value(json_array_get(all, 4)), "2024-11-05");
        json_decref(all);
}

static int choose(const char *names, era_revision *revisionp)
{
        json_t *json = json_from(names);
        int r = era_choose(json, revisionp);

        json_decref(json);
        return r;
}

Test(era, the_newest_of_what_both_speak_is_chosen)
{
        era_revision r;

        check_int(choose("['2025-06-18', '2026-07-28', '2025-11-25']", &r), 0);
        cr_assert_str_eq(era_revision_name(r), "2026-07-28");
        cr_assert(era_is_stateless(r));
        check_int(choose("['2099-01-01', 3, '2025-06-18', '2024-11-05']", &r), 0);
        cr_assert_str_eq(era_revision_name(r), "2025-06-18");
        cr_assert_not(era_is_stateless(r));
        check_int(choose("['2099-01-01']", &r), -ENOENT);
        check_int(choose("'2026-07-28'", &r), -ENOENT);
        check_int(era_choose(NULL, &r), -ENOENT);
        cr_assert(era_is_stateless(era_newest_stateless()));
        cr_assert_not(era_is_stateless(era_newest()));
}
