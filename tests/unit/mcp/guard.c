#include "mgw/mcp/guard.h"

#include "../check.h"

static const char *const allowed[] = {"https://ide.example.com", "vscode-file://vscode-app"};

static bool ok(const char *origin)
{
        return guard_origin_is_allowed(str_from(origin), allowed, 2);
}

Test(guard, loopback_is_always_allowed)
{
        cr_assert(ok("http://localhost"));
        cr_assert(ok("https://LOCALHOST:3000"));
        cr_assert(ok("http://127.0.0.1:8080"));
        cr_assert(ok("http://[::1]:8080"));
}

Test(guard, what_only_looks_like_loopback_is_not)
{
        cr_assert_not(ok("http://localhost.example.com"));
        cr_assert_not(ok("http://127.0.0.1.example.com"));
        cr_assert_not(ok("http://localhost@example.com"));
        cr_assert_not(ok("http://localhost:80@example.com"));
        cr_assert_not(ok("http://localhost:99999"));
        cr_assert_not(ok("http://[::1"));
        cr_assert_not(ok("ftp://localhost"));
        cr_assert_not(ok("null"));
        cr_assert_not(ok(""));
}

Test(guard, listed_origins_are_allowed_whole)
{
        cr_assert(ok("https://ide.example.com"));
        cr_assert(ok("HTTPS://IDE.example.com"));
        cr_assert(ok("vscode-file://vscode-app"));
        cr_assert_not(ok("https://ide.example.com.evil.example"));
        cr_assert_not(ok("http://ide.example.com"));
}

Test(guard, a_star_allows_all)
{
        const char *const all[] = {"*"};

        cr_assert(guard_origin_is_allowed(STR("https://any.example.com"), all, 1));
        cr_assert_not(guard_origin_is_allowed(STR("https://any\x01"), all, 1));
        cr_assert_not(guard_origin_is_allowed(STR("https://any\r\nX-Evil: 1"), all, 1));
        cr_assert_not(guard_origin_is_allowed(STR("https://any.example.com"), NULL, 0));
}
