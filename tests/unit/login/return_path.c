#include "../../../app/login/return_path.h"

#include "../check.h"

#include <stdlib.h>
#include <string.h>

static void check_path(const char *path, const char *want)
{
        char *got = return_path_read(str_from(path));

        cr_assert(want == NULL ? got == NULL : got != NULL, "%s", path);
        if (want != NULL)
                check_str(str_from(got), str_from(want));
        free(got);
}

Test(return_path, pages_of_ours)
{
        check_path("/", "/");
        check_path("/connect", "/connect");
        check_path("/connect/start?to=a-b&x=%2F", "/connect/start?to=a-b&x=%2F");
        check_path("/oauth/authorize?scope=a+b&redirect_uri=http://127.0.0.1:1/c",
                   "/oauth/authorize?scope=a+b&redirect_uri=http://127.0.0.1:1/c");
        check_path("/connect?a//b/../c", "/connect?a//b/../c");
        /* what a cookie cannot hold means the same, escaped */
        check_path("/connect?a=\";,\"", "/connect?a=%22%3B%2C%22");
}

Test(return_path, elsewhere)
{
        static const char *const bad[] = {
                "",
                "//evil.example",
                "///evil.example",
                "/\\evil.example",
                "\\\\evil.example",
                "https://evil.example/connect",
                "javascript:alert(1)",
                "//evil.example/connect",
                "/connect\\..",
                "/connect#x",
                "/connect/../mcp",
                "/connect/./x",
                "/connect//evil.example",
                "/connect/%2e%2e",
                "/connect;x",
                "/connects",
                "/Connect",
                "/mcp",
                "/oauth/authorize/x",
                "/oauth/sign-in",
                "/oauth/callback?code=x",
                " /connect",
                "/connect ",
                "/connect\t",
                "/connect?a\r\nSet-Cookie: x",
                "/connect?\x7f",
                "/connect?\xc3\xa9",
        };

        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
                check_path(bad[i], NULL);
        cr_assert_null(return_path_read(STR("/connect?a\0b")));
        cr_assert_null(return_path_read((struct str){NULL, 0}));
}

Test(return_path, has_a_bound)
{
        static char path[RETURN_PATH_MAX_BYTES + 2] = "/connect?";

        memset(path + 9, 'a', sizeof(path) - 10);
        check_path(path, NULL);
        path[RETURN_PATH_MAX_BYTES] = '\0';
        check_path(path, path);
        path[9] = ';'; /* three characters when it is escaped */
        check_path(path, NULL);
}
