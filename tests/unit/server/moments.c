/* Whatever happens, and whenever: who waits hears in time, and the gateway ends without a loss. A
 * table of moments against a table of events, over each transport and for clients of each era. */
#include "../check.h"
#include "../json.h"
#include "client.h"
#include "gateway.h"
#include "servers.h"

#include <signal.h>

#define ALL "{'elicitation':{},'sampling':{},'roots':{'listChanged':true}}"
#define CALL_T "{'name':'u_t','arguments':{}}"

static struct client c;
static struct answer *a;
static struct sent *sent; /* what waits for its server at that moment; NULL: nothing */

static void note_sent(const char *method)
{
        sent = servers_find(method);
        cr_assert_not_null(sent, "%s was not sent: %s", method, gateway_log());
}

/* ---- moments ---- */

static const char *version_of_world;

static void call_t(void)
{
        a = client_ask(&c, 1, "tools/call", CALL_T);
        gateway_settle();
}

static void while_it_is_greeted(void)
{
        servers_keep("initialize");
        servers_keep("server/discover");
        if (strcmp(version_of_world, STATELESS) == 0) {
                client_open(&c, STATELESS, ALL);
                call_t();
        } else {
                c.version = "2025-06-18";
                c.capabilities = ALL;
                a = client_ask(&c, 1, "initialize",
                               "{'protocolVersion':'2025-06-18','capabilities':" ALL "}");
                snprintf(c.session, sizeof(c.session), "%s", answer_header(a, "Mcp-Session-Id"));
        }
        note_sent(servers_find("initialize") != NULL ? "initialize" : "server/discover");
        servers_keep_no_more("initialize");
        servers_keep_no_more("server/discover");
}

static void while_it_is_idle(void)
{
        client_open(&c, version_of_world, ALL);
        a = client_ask(&c, 1, "ping", "");
        client_ask(&c, 2, "tools/list", "");
        sent = NULL;
}

static void while_a_list_is_fetched(void)
{
        client_open(&c, version_of_world, ALL);
        servers_keep("tools/list");
        a = client_ask(&c, 1, "tools/list", "");
        note_sent("tools/list");
        servers_keep_no_more("tools/list");
}

static void while_a_call_is_on_its_way(void)
{
        client_open(&c, version_of_world, ALL);
        client_ask(&c, 2, "tools/list", "");
        servers_keep("tools/call");
        call_t();
        note_sent("tools/call");
        servers_keep_no_more("tools/call");
}

static void while_a_call_is_a_stream(void)
{
        while_a_call_is_on_its_way();
        gateway_pass_ms(1500);
}

static void while_an_answer_has_begun(void)
{
        while_a_call_is_a_stream();
        if (sent != NULL)
                sent_event(sent, "5", "{'jsonrpc':'2.0','method':'notifications/odd'}");
}

static void while_a_client_is_asked(void)
{
        while_a_call_is_a_stream();
        if (sent != NULL)
                sent_event(sent, "5",
                           "{'jsonrpc':'2.0','id':'q','method':'elicitation/create','params':{"
                           "'message':'?','requestedSchema':{'type':'object','properties':{}}}}");
}

static void while_a_big_answer_comes(void)
{
        static char big[300 << 10];
        char head[100];
        int n;

        while_a_call_is_a_stream();
        if (sent == NULL || sent->http == NULL || strstr(sent->http->url, "/message") != NULL)
                return;
        n = snprintf(head, sizeof(head), "{\"jsonrpc\":\"2.0\",\"id\":%d,\"result\":{\"x\":\"",
                     (int)json_integer_value(json_at(sent->msg, "id")));
        memset(big, 'x', sizeof(big));
        sent_bytes(sent, "application/json", head, (size_t)n);
        sent_bytes(sent, "", big, sizeof(big));
}

static const struct {
        const char *name;
        void (*come)(void);
} moments[] = {
        {"while it is greeted", while_it_is_greeted},
        {"while it is idle", while_it_is_idle},
        {"while a list is fetched", while_a_list_is_fetched},
        {"while a call is on its way", while_a_call_is_on_its_way},
        {"while a call is a stream", while_a_call_is_a_stream},
        {"while an answer has begun", while_an_answer_has_begun},
        {"while a client is asked", while_a_client_is_asked},
        {"while a big answer comes", while_a_big_answer_comes},
};

/* ---- events ---- */

static bool is_http(void)
{
        return sent != NULL && sent->http != NULL && !sent->http->is_over;
}

static void is_answered(void)
{
        if (sent != NULL && (sent->http == NULL || is_http()) && !sent->is_stream)
                sent_honestly(sent);
}

static void is_refused(void)
{
        if (sent != NULL && (sent->http == NULL || is_http()) && !sent->is_stream)
                sent_error(sent, -32603, "no");
}

static void says(const char *json)
{
        if (sent != NULL && sent->child != NULL ? !sent->child->is_over : is_http())
                sent_event(sent, NULL, json);
}

static void says_nonsense(void)
{
        says("{'jsonrpc':'2.0','id':1,'meth");
}

static void says_another_answer(void)
{
        says("{'jsonrpc':'2.0','id':4711,'result':{}}");
}

static void says_that_lists_have_changed(void)
{
        says("{'jsonrpc':'2.0','method':'notifications/tools/list_changed'}");
}

static void asks(void)
{
        says("{'jsonrpc':'2.0','id':'r','method':'roots/list'}");
}

static void takes_its_question_back(void)
{
        says("{'jsonrpc':'2.0','method':'notifications/cancelled','params':{'requestId':'q'}}");
}

static void status(unsigned code)
{
        if (is_http() && !sent->http->has_head)
                sent_status(sent, code, "");
}

static void is_401(void)
{
        status(401);
}

static void is_404(void)
{
        status(404);
}

static void is_429(void)
{
        status(429);
}

static void is_503(void)
{
        status(503);
}

static void is_202(void)
{
        status(202);
}

static void fails(enum http_fault fault, bool was_sent)
{
        if (is_http())
                sent_fail(sent, fault, was_sent);
        else if (world_child_n() > 0)
                world_child_exit(world_child_ago(0), 256, "exited with code 1");
        gateway_settle();
}

static void is_cut(void)
{
        fails(HTTP_FAULT_CUT, true);
}

static void was_never_sent(void)
{
        fails(HTTP_FAULT_CUT, false);
}

static void is_late(void)
{
        fails(HTTP_FAULT_LATE, true);
}

static void ends(void)
{
        if (is_http() && sent->http->has_head)
                sent_end(sent);
}

static void loses_its_stream(void)
{
        struct sent *get = servers_last("GET");

        if (get != NULL && !get->http->is_over && get->http->has_head)
                sent_fail(get, HTTP_FAULT_BROKEN, true);
}

static void client_cancels(void)
{
        if (strcmp(c.version, STATELESS) != 0 && c.session[0] != '\0')
                client_say(&c, "{'jsonrpc':'2.0','method':'notifications/cancelled','params':{"
                               "'requestId':1}}");
}

static void client_leaves(void)
{
        if (!answer_is_closed(a))
                answer_cut(a);
}

static void client_ends_its_session(void)
{
        if (c.session[0] != '\0')
                client_send(
                        &(const struct client_request){.method = "DELETE", .session = c.session});
        gateway_settle();
}

static void gateway_goes_down(void)
{
        gateway_signal(SIGTERM);
}

static void nothing_more_comes(void)
{
}

static const struct {
        const char *name;
        void (*happen)(void);
} events[] = {
        {"is answered", is_answered},
        {"is refused", is_refused},
        {"says nonsense", says_nonsense},
        {"says another answer", says_another_answer},
        {"says that lists have changed", says_that_lists_have_changed},
        {"asks", asks},
        {"takes its question back", takes_its_question_back},
        {"is 401", is_401},
        {"is 404", is_404},
        {"is 429", is_429},
        {"is 503", is_503},
        {"is 202", is_202},
        {"is cut", is_cut},
        {"was never sent", was_never_sent},
        {"is late", is_late},
        {"ends", ends},
        {"loses its stream", loses_its_stream},
        {"client cancels", client_cancels},
        {"client leaves", client_leaves},
        {"client ends its session", client_ends_its_session},
        {"gateway goes down", gateway_goes_down},
        {"nothing more comes", nothing_more_comes},
};

#define N(table) (sizeof(table) / sizeof((table)[0]))

static void one(const char *server, const char *version, size_t moment, size_t event)
{
        char with_timeout[200];
        bool is_clients = strncmp(events[event].name, "client", 6) == 0;
        bool is_in_parts = moments[moment].come == while_a_big_answer_comes;

        memset(&c, 0, sizeof(c));
        c.version = version_of_world = version;
        snprintf(with_timeout, sizeof(with_timeout), "%.*s,'timeout_s':60}",
                 (int)strlen(server) - 1, server);
        gateway_start(with_timeout,
                      "'session_idle_s':1200,'keepalive_s':120,'children_landlock':false");
        moments[moment].come();
        events[event].happen();
        /* Each server falls silent, and time passes. */
        servers_keep("tools/call");
        servers_keep("tools/list");
        servers_keep("initialize");
        servers_keep("server/discover");
        servers_keep("GET");
        gateway_pass_ms(700 * 1000);
        cr_assert(is_clients || (is_in_parts && answer_is_closed(a)) ||
                          client_answer(&c, a, 1) != NULL,
                  "%s, %s, %s: it %s, and who waits hears nothing: %s", server, version,
                  moments[moment].name, events[event].name, gateway_log());
        gateway_stop();
}

static void all(const char *server, const char *version)
{
        for (size_t moment = 0; moment < N(moments); moment++)
                for (size_t event = 0; event < N(events); event++)
                        one(server, version, moment, event);
}

TEST_OVER_EACH(moments, whoever_waits_in_a_session_hears_in_time)
{
        all(server, "2025-11-25");
}

TEST_OVER_EACH(moments, whoever_waits_without_one_hears_in_time)
{
        all(server, STATELESS);
}
