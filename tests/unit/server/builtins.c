/* The gateway's own tools. */
#include "../check.h"
#include "../json.h"
#include "client.h"
#include "gateway.h"
#include "servers.h"

#include <errno.h>

static struct client c;

static const char *call(int id, const char *params)
{
        static char text[4000];
        struct answer *a = client_ask(&c, id, "tools/call", params);

        snprintf(text, sizeof(text), "%s",
                 json_text_at(client_answer(&c, a, id), "result/content/0/text"));
        return text;
}

TEST_FOR_EACH(builtins, echo_says_what_it_is_told)
{
        gateway_start(HTTP, "");
        client_open(&c, version, "{}");
        cr_assert_str_eq(call(1, "{'name':'echo','arguments':{'message':'hello'}}"), "hello");
        cr_assert_not_null(strstr(call(2, "{'name':'echo','arguments':{}}"), "must be a string"));
        gateway_stop();
}

TEST_FOR_EACH(builtins, wait_waits)
{
        struct answer *a;

        gateway_start(HTTP, "");
        client_open(&c, version, "{}");
        a = client_ask(&c, 1, "tools/call", "{'name':'wait','arguments':{'seconds':5}}");
        gateway_pass_ms(4999);
        cr_assert_null(client_answer(&c, a, 1));
        gateway_pass_ms(1);
        cr_assert_str_eq(json_text_at(client_answer(&c, a, 1), "result/content/0/text"),
                         "Waited 5 seconds.");
        cr_assert_not_null(
                strstr(call(2, "{'name':'wait','arguments':{'seconds':-1}}"), "must be a number"));
        gateway_stop();
}

TEST_FOR_EACH(builtins, status_tells_of_the_servers)
{
        gateway_start("'u':{'url':'http://u.example/mcp'},'v':{'command':'/v'}", "");
        servers_keep("server/discover");
        client_open(&c, version, "{}");
        cr_assert_not_null(strstr(call(1, "{'name':'gateway_status'}"), "servers: "));
        world_child_start_errno = ENOENT;
        world_child_exit(world_child_ago(0), 256, "exited with code 1");
        gateway_settle();
        cr_assert_not_null(strstr(call(2, "{'name':'gateway_status'}"), "server v: "), "%s",
                           gateway_log());
        gateway_stop();
}
