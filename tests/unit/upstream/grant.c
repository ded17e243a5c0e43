#include "mgw/upstream/grant.h"

#include "../check.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct grant grant;

static void take(const char *access, const char *refresh, const char *scope, int64_t life_ms)
{
        const struct oauth_tokens tokens = {.access_token = access,
                                            .refresh_token = refresh,
                                            .scope = scope,
                                            .life_ms = life_ms};

        grant_take_tokens(&grant, &tokens, 1000);
}

static int read_again(void)
{
        struct str text = grant_text(&grant);
        int r = grant_read(&grant, text);

        free((void *)text.p);
        return r;
}

Test(grant, is_the_same_when_it_is_read_again)
{
        grant.party.token_url = strdup("https://as.example/t");
        grant.party.client_id = strdup("c");
        grant.subject = strdup("ada@gmail.example");
        grant.since_ms = 7;
        take("a1", "r1", "read", 5000);
        check_int(read_again(), 0);
        cr_assert_str_eq(grant.access_token, "a1");
        cr_assert_str_eq(grant.refresh_token, "r1");
        cr_assert_str_eq(grant.subject, "ada@gmail.example");
        cr_assert_str_eq(grant.party.client_id, "c");
        check_int(grant.expires_ms, 6000);
        check_int(grant.since_ms, 7);
        grant_finish(&grant);
}

Test(grant, is_for_the_server_that_it_was_given_for)
{
        cr_assert(grant_is_for(&grant, "https://api.example/v1"));
        grant.party.resource = strdup("https://notes.example/mcp");
        cr_assert(grant_is_for(&grant, "https://notes.example/mcp/v2"));
        cr_assert_not(grant_is_for(&grant, "https://other.example/mcp"));
        cr_assert_not(grant_is_for(&grant, "http://notes.example/mcp"));
        grant_finish(&grant);
}

Test(grant, a_refresh_keeps_what_it_does_not_say)
{
        take("a1", "r1", "read", 5000);
        take("a2", NULL, NULL, 0);
        cr_assert_str_eq(grant.access_token, "a2");
        cr_assert_str_eq(grant.refresh_token, "r1");
        cr_assert_str_eq(grant.scope, "read");
        check_int(grant.expires_ms, 0);
        take("a3", "r3", "more", 0);
        cr_assert_str_eq(grant.refresh_token, "r3");
        cr_assert_str_eq(grant.scope, "more");
        grant_finish(&grant);
}

Test(grant, what_is_no_record_is_none)
{
        static const char *const texts[] = {
                "",
                "[]",
                "{}",
                "{\"party\": {\"token_url\": \"https://t\", \"client_id\": \"c\"}}",
                "{\"party\": {\"client_id\": \"c\"}, \"access_token\": \"a\"}",
                "{\"party\": 7, \"access_token\": \"a\"}",
        };

        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
                check_int(grant_read(&grant, str_from(texts[i])), -EINVAL);
        cr_assert_null(grant.party.client_id);
}
