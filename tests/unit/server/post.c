/* The two forms of the answer to a POST: JSON, and a stream of events. */
#include "../check.h"
#include "../json.h"
#include "client.h"
#include "gateway.h"
#include "servers.h"

#define SERVER "'u':{'url':'http://u.example/mcp'}"

static struct client c;

Test(post, what_is_answered_within_the_grace_is_one_json)
{
        struct answer *a;

        gateway_start(SERVER, "");
        client_open(&c, "2025-06-18", "{}");
        a = client_ask(&c, 1, "tools/call", "{'name':'u_t','arguments':{}}");
        check_int(answer_status(a), 200);
        cr_assert_str_eq(answer_header(a, "Content-Type"), "application/json");
        check_json_is(
                answer_json(a),
                "{'jsonrpc':'2.0','id':1,'result':{'content':[{'type':'text','text':'done'}]}}");
        cr_assert(a->is_over && answer_is_closed(a));
        gateway_stop();
}
