/* The two forms of the answer to a POST, JSON and a stream of events, and what becomes of it when
 * the client leaves. */
#include "../check.h"
#include "../json.h"
#include "client.h"
#include "gateway.h"
#include "servers.h"

#define CALL_T "{'name':'u_t','arguments':{}}"
#define DONE "'content':[{'type':'text','text':'done'}]"

static struct client c;

Test(post, what_is_answered_within_the_grace_is_one_json)
{
        struct answer *a;

        gateway_start(HTTP, "");
        client_open(&c, "2025-06-18", "{}");
        a = client_ask(&c, 1, "tools/call", CALL_T);
        check_int(answer_status(a), 200);
        cr_assert_str_eq(answer_header(a, "Content-Type"), "application/json");
        check_json_is(answer_json(a), "{'jsonrpc':'2.0','id':1,'result':{" DONE "}}");
        cr_assert(a->is_over && answer_is_closed(a));
        gateway_stop();
}

Test(post, what_takes_longer_than_the_grace_is_a_stream_that_ends_with_the_answer)
{
        struct answer *a;

        gateway_start(HTTP, "");
        servers_keep("tools/call");
        client_open(&c, "2025-06-18", "{}");
        a = client_ask(&c, 1, "tools/call", CALL_T);
        gateway_pass_ms(999);
        check_int(answer_status(a), 0);
        gateway_pass_ms(1);
        check_int(answer_status(a), 200);
        cr_assert_str_eq(answer_header(a, "Content-Type"), "text/event-stream");
        cr_assert_not(a->is_over);
        sent_result(servers_await("tools/call"), DONE);
        cr_assert_not_null(client_answer(&c, a, 1));
        cr_assert(a->is_over);
        gateway_stop();
}

Test(post, whoever_takes_no_stream_waits_for_json)
{
        struct answer *a;

        gateway_start(HTTP, "");
        servers_keep("tools/call");
        client_open(&c, "2025-06-18", "{}");
        a = client_send(&(const struct client_request){
                .session = c.session,
                .accept = "application/json",
                .body = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\","
                        "\"params\":{\"name\":\"u_t\",\"arguments\":{}}}"});
        gateway_pass_ms(60000);
        check_int(answer_status(a), 0);
        sent_result(servers_await("tools/call"), DONE);
        cr_assert_str_eq(answer_header(a, "Content-Type"), "application/json");
        cr_assert_not_null(client_answer(&c, a, 1));
        gateway_stop();
}

Test(post, whoever_takes_streams_alone_gets_one_at_once)
{
        struct answer *a;

        gateway_start(HTTP, "");
        client_open(&c, "2025-06-18", "{}");
        a = client_send(&(const struct client_request){
                .session = c.session,
                .accept = "text/event-stream",
                .body = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}"});
        gateway_settle();
        cr_assert_str_eq(answer_header(a, "Content-Type"), "text/event-stream");
        check_json_is(client_answer(&c, a, 1), "{'jsonrpc':'2.0','id':1,'result':{}}");
        gateway_stop();
}

Test(post, notifications_and_replies_alone_are_taken_without_an_answer)
{
        struct answer *a;

        gateway_start(HTTP, "");
        client_open(&c, "2025-06-18", "{}");
        a = client_say(&c, "{'jsonrpc':'2.0','method':'notifications/whatever'}");
        check_int(answer_status(a), 202);
        check_int(answer_body(a).n, 0);
        a = client_say(&c, "{'jsonrpc':'2.0','id':'nobodys','result':{}}");
        check_int(answer_status(a), 202);
        gateway_stop();
}

Test(post, a_batch_is_answered_by_an_array_of_answers)
{
        struct answer *a;
        const json_t *all;

        gateway_start(HTTP, "");
        client_open(&c, "2025-03-26", "{}");
        a = client_say(&c, "[{'jsonrpc':'2.0','id':1,'method':'ping'},"
                           "{'jsonrpc':'2.0','method':'notifications/whatever'},"
                           "{'jsonrpc':'2.0','id':2,'method':'tools/call','params':" CALL_T "}]");
        all = answer_json(a);
        check_int(json_array_size(all), 2);
        check_int(answer_status(a), 200);
        cr_assert_not_null(json_at(all, "0/result"));
        cr_assert_not_null(json_at(all, "1/result"));
        gateway_stop();
}

Test(post, a_batch_that_takes_long_is_a_stream_of_what_came_and_what_comes)
{
        struct answer *a;

        gateway_start(HTTP, "");
        servers_keep("tools/call");
        client_open(&c, "2025-03-26", "{}");
        a = client_say(&c, "[{'jsonrpc':'2.0','id':1,'method':'ping'},"
                           "{'jsonrpc':'2.0','id':2,'method':'tools/call','params':" CALL_T "}]");
        gateway_pass_ms(1000);
        check_int(json_integer_value(json_at(answer_event(a), "id")), 1);
        cr_assert_null(answer_event(a));
        sent_result(servers_await("tools/call"), DONE);
        check_int(json_integer_value(json_at(answer_event(a), "id")), 2);
        cr_assert(a->is_over);
        gateway_stop();
}

#define LONG 300000

/* Of a batch, all but the last. */
static struct answer *long_answers(int n_calls)
{
        static char text[LONG + 64];
        char batch[2048];
        size_t n = 0;
        struct answer *a;

        for (int i = 0; i < n_calls; i++)
                n += (size_t)snprintf(
                        batch + n, sizeof(batch) - n,
                        "%s{'jsonrpc':'2.0','id':%d,'method':'tools/call','params':" CALL_T "}",
                        i == 0 ? "[" : ",", i);
        snprintf(batch + n, sizeof(batch) - n, "]");
        n = (size_t)snprintf(text, sizeof(text), "'content':[{'type':'text','text':'");
        memset(text + n, 'x', LONG);
        snprintf(text + n + LONG, sizeof(text) - n - LONG, "'}]");
        servers_keep("tools/call");
        client_open(&c, "2025-03-26", "{}");
        a = client_say(&c, batch);
        for (int i = 1; i < n_calls; i++)
                sent_result(servers_await("tools/call"), text);
        gateway_settle();
        return a;
}

static uint64_t n_held(void)
{
        return world.context->ledger.by_kind[LEDGER_ANSWER];
}

Test(post, answers_that_wait_for_the_others_of_their_batch_are_paid_for)
{
        struct answer *a;

        gateway_start(HTTP, "");
        a = long_answers(4);
        cr_assert_geq(n_held(), 3 * LONG);
        sent_result(servers_await("tools/call"), DONE);
        check_int(json_array_size(answer_json(a)), 4);
        gateway_settle();
        check_int(n_held(), 0);
        gateway_stop();
}

Test(post, answers_that_there_is_no_room_for_do_not_wait_for_the_others_of_their_batch)
{
        struct answer *a;
        const json_t *all;

        gateway_start(HTTP, "'memory_per_user_max_bytes':2000000");
        a = long_answers(10);
        cr_assert_lt(n_held(), 2000000);
        sent_result(servers_await("tools/call"), DONE);
        all = answer_json(a);
        check_int(json_array_size(all), 10);
        cr_assert_not_null(json_at(all, "0/result"));
        check_int(json_integer_value(json_at(all, "8/id")), 8);
        cr_assert_not_null(strstr(json_text_at(all, "8/error/message"), "memory"));
        cr_assert_not_null(json_at(all, "9/result"));
        gateway_stop();
}

Test(post, answers_that_nobody_waits_for_any_more_do_not_gather)
{
        struct answer *a;

        gateway_start(HTTP, "");
        a = long_answers(4);
        answer_cut(a);
        gateway_settle();
        check_int(n_held(), 0);
        sent_result(servers_await("tools/call"), DONE);
        gateway_settle();
        check_int(n_held(), 0);
        gateway_stop();
}

Test(post, later_revisions_have_no_batches_and_none_is_empty)
{
        gateway_start(HTTP, "");
        client_open(&c, "2025-06-18", "{}");
        check_int(answer_status(client_say(&c, "[{'jsonrpc':'2.0','id':1,'method':'ping'}]")), 400);
        client_open(&c, "2025-03-26", "{}");
        check_int(answer_status(client_say(&c, "[]")), 400);
        check_int(answer_status(client_say(&c, "[{'jsonrpc':'2.0','id':1,'method':'ping'},7]")),
                  400);
        check_int(answer_status(client_say(&c, "{'jsonrpc':'2.0','id':1,'meth")), 400);
        gateway_stop();
}

/* A cut is no cancel: the call goes on, and its answer waits. */
Test(post, in_the_session_era_a_call_outlives_its_connection)
{
        struct answer *a;
        char id[64];

        gateway_start(HTTP, "");
        servers_keep("tools/call");
        client_open(&c, "2025-06-18", "{}");
        a = client_ask(&c, 1, "tools/call", CALL_T);
        gateway_pass_ms(1000);
        sent_event(servers_await("tools/call"), NULL,
                   "{'jsonrpc':'2.0','method':'notifications/message','params':{'level':'error',"
                   "'data':'x'}}");
        cr_assert_not_null(client_hears(&c, a, "notifications/message"));
        snprintf(id, sizeof(id), "%s", a->event_id);
        cr_assert_str_neq(id, "");
        answer_cut(a);
        sent_result(servers_await("tools/call"), DONE);
        check_int(servers_count("notifications/cancelled"), 0);
        client_listen(&c, id);
        cr_assert_not_null(client_answer(&c, c.stream, 1));
        gateway_stop();
}

Test(post, in_the_session_era_the_answer_may_come_to_who_has_come_back)
{
        struct answer *a;

        gateway_start(HTTP, "");
        servers_keep("tools/call");
        client_open(&c, "2025-11-25", "{}");
        a = client_ask(&c, 1, "tools/call", CALL_T);
        gateway_pass_ms(1000);
        cr_assert_null(answer_event(a));
        cr_assert_str_neq(a->event_id, "", "the first event has an id alone");
        answer_cut(a);
        client_listen(&c, a->event_id);
        cr_assert_null(client_answer(&c, c.stream, 1));
        sent_result(servers_await("tools/call"), DONE);
        cr_assert_not_null(client_answer(&c, c.stream, 1));
        cr_assert(c.stream->is_over, "it was the POST's stream");
        gateway_stop();
}

Test(post, in_the_stateless_era_a_cut_is_a_cancel)
{
        struct answer *a;

        gateway_start(STDIO, "");
        servers_keep("tools/call");
        client_open(&c, STATELESS, "{}");
        a = client_ask(&c, 1, "tools/call", CALL_T);
        cr_assert_not_null(servers_await("tools/call"));
        answer_cut(a);
        check_int(servers_count("notifications/cancelled"), 1);
        gateway_stop();
}

Test(post, a_silent_stream_is_kept_alive)
{
        struct answer *a;

        gateway_start(HTTP, "'keepalive_s':10");
        servers_keep("tools/call");
        client_open(&c, "2025-06-18", "{}");
        a = client_ask(&c, 1, "tools/call", CALL_T);
        gateway_pass_ms(61000);
        cr_assert_null(answer_event(a));
        cr_assert_geq(a->n_comments, 6);
        gateway_stop();
}

/* Clients that wait for progress would give up. */
Test(post, a_call_with_a_progress_token_is_kept_alive_by_progress)
{
        struct answer *a;

        gateway_start(HTTP, "'keepalive_s':10");
        servers_keep("tools/call");
        client_open(&c, "2025-06-18", "{}");
        a = client_ask(&c, 1, "tools/call",
                       "{'name':'u_t','arguments':{},'_meta':{'progressToken':'p'}}");
        gateway_pass_ms(25000);
        cr_assert_str_eq(
                json_text_at(client_hears(&c, a, "notifications/progress"), "params/progressToken"),
                "p");
        cr_assert_not_null(client_hears(&c, a, "notifications/progress"));
        gateway_stop();
}
