#include "mgw/wire/redirect.h"

#include "../check.h"

#include <criterion/criterion.h>
#include <string.h>

static enum redirect_kind kind(const char *uri)
{
        return redirect_kind(str_from(uri));
}

Test(redirect, what_clients_of_today_register_is_taken)
{
        static const struct {
                const char *uri;
                enum redirect_kind kind;
        } known[] = {
                {"cursor://anysphere.cursor-mcp/oauth/callback", REDIRECT_APP},
                {"http://localhost:8787/callback", REDIRECT_LOOPBACK},
                {"https://www.cursor.com/agents/mcp/oauth/callback", REDIRECT_WEB},
                {"https://claude.ai/api/mcp/auth_callback", REDIRECT_WEB},
                {"http://127.0.0.1:33418/", REDIRECT_LOOPBACK},
                {"http://127.0.0.1", REDIRECT_LOOPBACK},
                {"http://[::1]:9/cb?x=%C3%A4", REDIRECT_LOOPBACK},
                {"https://vscode.dev/redirect", REDIRECT_WEB},
                {"https://localhost:8443/cb", REDIRECT_LOOPBACK},
                {"com.example.app:/oauth2redirect", REDIRECT_APP},
                {"vscode://vscode.github-authentication/did-authenticate", REDIRECT_APP},
        };

        for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
                cr_assert_eq(kind(known[i].uri), known[i].kind, "%s", known[i].uri);
}

Test(redirect, what_leads_elsewhere_is_refused)
{
        static const char *const bad[] = {
                "",
                "/cb",
                "cb",
                "https",
                "https:",
                "https://",
                "https:///cb",
                "https:cb",
                "http://example.com/cb",
                "http://localhost.example.com/cb",
                "http://127.0.0.1.example.com/",
                "http://LOCALHOST/cb",
                "http://localhost./cb",
                "http://127.0.0.2/cb",
                "http://[::1].example.com/",
                "http://[::2]/",
                "https://[2001:db8::1]/cb",
                "HTTPS://example.com/cb",
                "https://example.com/cb#x",
                "https://example.com/cb#",
                "https://ada@example.com/cb",
                "https://example.com@evil.example/cb",
                "https://example.com:443@evil.example/",
                "http://localhost:80@evil.example/",
                "https://example.com/a/../cb",
                "https://example.com/a/..",
                "https://example.com/.",
                "https://example.com/%2e%2E/cb",
                "https://example.com/.%2e",
                "https://example.com:/cb",
                "https://example.com:0/cb",
                "https://example.com:65536/cb",
                "https://example.com:8a/cb",
                "https://example.com\\@evil.example/cb",
                "https://example.com/c b",
                "https://example.com/c\nb",
                "https://ex\xc3\xa4mple.com/cb",
                "https://exa%6dple.com/cb",
                "https://example.com/%zz",
                "https://example.com/%0d%0a",
                "https://example.com/%2",
                "https://exa;mple.com/",
                "https://.example.com/",
                "javascript:alert(1)",
                "javascript://%0aalert(1)",
                "JavaScript:alert(1)",
                "data:text/html,x",
                "file:///etc/passwd",
                "vbscript:x",
                "blob:https://x/y",
                "about:blank",
                "ftp://example.com/",
                "ws://localhost/",
                "ms-msdt:/id",
                "search-ms:query",
                "view-source:https://example.com",
                "intent://x#Intent;end",
                "app://user@host/cb",
                "app:",
                "1app:/cb",
                "app:/a/../b",
                "app:/x#y",
                "://x",
        };

        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
                cr_assert_eq(kind(bad[i]), REDIRECT_BAD, "%s", bad[i]);
        cr_assert_eq(redirect_kind(STR("https://example.com/\0x")), REDIRECT_BAD);
}

Test(redirect, one_that_is_too_long_is_refused)
{
        char uri[REDIRECT_MAX_BYTES + 1];

        memset(uri, 'a', sizeof(uri));
        memcpy(uri, "https://a/", 10);
        cr_assert_eq(redirect_kind((struct str){uri, REDIRECT_MAX_BYTES}), REDIRECT_WEB);
        cr_assert_eq(redirect_kind((struct str){uri, sizeof(uri)}), REDIRECT_BAD);
}

Test(redirect, only_the_port_of_a_loopback_address_may_differ)
{
        static const struct {
                const char *registered, *given;
                bool fits;
        } pairs[] = {
                {"https://a.example/cb", "https://a.example/cb", true},
                {"https://a.example/cb", "https://a.example/cb/", false},
                {"https://a.example/cb", "https://a.example/CB", false},
                {"https://a.example/cb", "https://A.example/cb", false},
                {"https://a.example/cb", "https://a.example:443/cb", false},
                {"https://a.example/cb", "https://a.example:8443/cb", false},
                {"https://a.example/cb", "https://a.example/cb/../cb", false},
                {"https://a.example/cb", "https://a.example/cb?x=y", false},
                {"https://a.example/cb", "https://a.example/cbx", false},
                {"https://a.example/cb", "https://a.example.evil.example/cb", false},
                {"https://a.example/cb", "https://u@a.example/cb", false},
                {"https://a.example/cb", "http://a.example/cb", false},
                {"https://a.example/cb", "", false},
                {"http://localhost:8787/callback", "http://localhost:1/callback", true},
                {"http://localhost/callback", "http://localhost:50123/callback", true},
                {"http://localhost:8787/callback", "http://localhost/callback", true},
                {"http://127.0.0.1/cb?a=b", "http://127.0.0.1:9/cb?a=b", true},
                {"http://127.0.0.1/cb?a=b", "http://127.0.0.1:9/cb?a=c", false},
                {"http://127.0.0.1/cb", "http://127.0.0.1:9/cb2", false},
                {"http://[::1]/cb", "http://[::1]:9/cb", true},
                {"http://127.0.0.1/cb", "http://localhost/cb", false},
                {"http://localhost/cb", "http://localhost:9@evil.example/cb", false},
                {"http://localhost/cb", "http://localhost.evil.example:9/cb", false},
                {"https://localhost/cb", "https://localhost:9/cb", false},
                {"http://localhost/cb", "https://localhost/cb", false},
                {"cursor://a/cb", "cursor://a/cb", true},
                {"cursor://a/cb", "cursor://a:1/cb", false},
                {"cursor://a/cb", "cursors://a/cb", false},
                /* what was taken once, and is not any more */
                {"javascript:x", "javascript:x", false},
        };

        for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
                cr_assert_eq(redirect_fits(str_from(pairs[i].registered), str_from(pairs[i].given)),
                             pairs[i].fits, "%s %s", pairs[i].registered, pairs[i].given);
}

static void check_says(struct str got, const char *want)
{
        cr_assert(str_eq(got, str_from(want)), "%.*s, not %s", STR_ARG(got), want);
}

Test(redirect, says_where_it_leads)
{
        check_says(redirect_origin(STR("https://a.example:8443/cb?x")), "https://a.example:8443");
        check_says(redirect_host(STR("https://a.example:8443/cb?x")), "a.example");
        check_says(redirect_origin(STR("http://[::1]:8/cb")), "http://[::1]:8");
        check_says(redirect_host(STR("http://[::1]:8/cb")), "[::1]");
        check_says(redirect_origin(STR("cursor://a.b/cb")), "cursor:");
        check_says(redirect_host(STR("cursor://a.b/cb")), "cursor:");
        check_says(redirect_origin(STR("http://a.example")), "");
        check_says(redirect_host(STR("x")), "");
}

Test(redirect, carries_parameters_behind_its_own)
{
        struct buf out;

        buf_init(&out, 100);
        check_int(redirect_add_query(&out, STR("https://a/cb"), STR("code=1")), 0);
        check_says(buf_bytes(&out), "https://a/cb?code=1");
        buf_finish(&out);
        check_int(redirect_add_query(&out, STR("https://a/cb?x=y"), STR("code=1")), 0);
        check_says(buf_bytes(&out), "https://a/cb?x=y&code=1");
        buf_finish(&out);
        buf_init(&out, 14);
        check_int(redirect_add_query(&out, STR("https://a/cb"), STR("code=1")), BUF_E_FULL);
        buf_finish(&out);
}
