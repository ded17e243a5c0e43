#include "mgw/auth/oauth_challenge.h"

#include "../check.h"
#include "mgw/auth/oauth_scope.h"

#include <stdlib.h>

static struct oauth_challenge challenge;

static void read_field(const char *field)
{
        oauth_challenge_finish(&challenge);
        oauth_challenge_read(&challenge, str_from(field));
}

static void check(const char *metadata, const char *scope, bool is_insufficient)
{
        check_str(str_from(challenge.resource_metadata), str_from(metadata));
        check_str(str_from(challenge.scope), str_from(scope));
        check_int(challenge.is_insufficient, is_insufficient);
        oauth_challenge_finish(&challenge);
}

Test(oauth_challenge, of_bearer_is_read)
{
        read_field("Bearer resource_metadata=\"https://a.example/m\", scope=\"read write\"");
        check("https://a.example/m", "read write", false);
        read_field("bearer realm=\"x, y\" , error=insufficient_scope,SCOPE=read");
        check("", "read", true);
        read_field("Bearer");
        check("", "", false);
        read_field("");
        check("", "", false);
}

Test(oauth_challenge, of_another_scheme_says_nothing)
{
        read_field("Basic realm=\"b\", scope=\"no\", Bearer scope=\"yes\"");
        check("", "yes", false);
        read_field("DPoP scope=\"no\", resource_metadata=\"https://evil.example\"");
        check("", "", false);
}

Test(oauth_challenge, the_first_of_a_name_counts)
{
        read_field("Bearer scope=\"one\", scope=\"two\"");
        check("", "one", false);
}

Test(oauth_challenge, what_is_malformed_says_nothing)
{
        static const char *const fields[] = {
                "Bearer scope=\"a\x01b\"",
                "Bearer scope=\"a\\\"b\"",
                "Bearer resource_metadata=\"https://a b\"",
                "Bearer =\"x\"",
                "Bearer \"scope\"=x",
                "Bearer scope=\"",
                ",,,=,\"\",",
        };

        for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
                read_field(fields[i]);
                check("", "", false);
        }
        read_field("Bearer scope=\"read");
        check("", "read", false);
}

static void check_text(char *text, const char *want)
{
        if (want == NULL)
                cr_assert_null(text);
        else
                check_str(str_from(text), str_from(want));
        free(text);
}

Test(oauth_challenge, scopes_are_sets)
{
        check_text(oauth_scope_union("a b", "b c"), "a b c");
        check_text(oauth_scope_union(NULL, "c  c"), "c");
        check_text(oauth_scope_union(NULL, NULL), NULL);
        check_text(oauth_scope_union("", " "), NULL);
        check_text(oauth_scope_lacking("a b c", "b"), "a c");
        check_text(oauth_scope_lacking("a", "a b"), NULL);
        check_text(oauth_scope_lacking("a", NULL), "a");
        check_text(oauth_scope_lacking("ab", "a"), "ab");
}
