/* Results that are too big to be held: they pass through as they come, and no faster than the
 * client reads. */
#include "../check.h"
#include "../json.h"
#include "client.h"
#include "gateway.h"
#include "servers.h"

#define PIECE (64u << 10)
#define PIECES 40

static struct client c;
static char piece[PIECE];

static void keep_calls(void)
{
        memset(piece, 'x', sizeof(piece));
        servers_keep("tools/call");
}

/* Of a client that takes no stream. */
static struct answer *call_for_json(void)
{
        keep_calls();
        return client_send(&(const struct client_request){
                .session = c.session,
                .accept = "application/json",
                .body = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\","
                        "\"params\":{\"name\":\"u_t\",\"arguments\":{}}}"});
}

static struct answer *call(void)
{
        keep_calls();
        return client_ask(&c, 1, "tools/call", "{'name':'u_t','arguments':{}}");
}

/* Its answer is a stream by then. */
static struct answer *slow_call(void)
{
        struct answer *a = call();

        gateway_pass_ms(1000);
        return a;
}

static int id_of(const struct sent *sent)
{
        return (int)json_integer_value(json_object_get(sent->msg, "id"));
}

static void say_begin(struct sent *sent, const char *content_type, const char *before)
{
        char head[200];
        int n = snprintf(head, sizeof(head),
                         "%s{\"jsonrpc\":\"2.0\",\"id\":%d,\"result\":{\"content\":[{\"type\":"
                         "\"text\",\"text\":\"",
                         before, id_of(sent));

        sent_bytes(sent, content_type, head, (size_t)n);
}

static void say_pieces(struct sent *sent, unsigned n)
{
        while (n-- > 0)
                sent_bytes(sent, "", piece, sizeof(piece));
}

static void say_all(struct sent *sent, bool by_event)
{
        say_begin(sent, by_event ? "text/event-stream" : "application/json",
                  by_event ? "data: " : "");
        say_pieces(sent, PIECES);
        sent_text(sent, "", "\"}]}}");
        if (by_event)
                sent_text(sent, "", "\n\n");
        sent_end(sent);
}

/* Nobody has held it, and yet it is an answer of its server. */
static void check_counted(void)
{
        struct answer *a = client_send(&(const struct client_request){
                .method = "GET", .uri = "/metrics", .is_inside = true});

        gateway_settle();
        cr_assert_not_null(strstr(answer_body(a).p, "mcp_client_operation_duration_seconds_count{"
                                                    "mcp_method_name=\"tools/call\","
                                                    "server=\"u\"} 1\n"));
}

static void check_whole(const json_t *answer)
{
        cr_assert_not_null(answer, "%s", gateway_log());
        check_int(json_string_length(json_at(answer, "result/content/0/text")), PIECE * PIECES);
        check_counted();
}

static void comes_whole(const char *version, bool by_event)
{
        struct answer *a;

        gateway_start(HTTP, "");
        client_open(&c, version, "{}");
        a = call();
        say_all(servers_await("tools/call"), by_event);
        check_whole(client_answer(&c, a, 1));
        gateway_stop();
}

TEST_FOR_EACH(relay, a_big_json_comes_whole)
{
        comes_whole(version, false);
}

TEST_FOR_EACH(relay, a_big_event_comes_whole)
{
        comes_whole(version, true);
}

TEST_FOR_EACH(relay, a_big_line_of_a_program_comes_whole)
{
        struct buf line;
        struct answer *a;
        struct sent *sent;

        gateway_start(STDIO, "");
        client_open(&c, version, "{}");
        a = call();
        sent = servers_await("tools/call");
        buf_init(&line, 64u << 20);
        buf_addf(&line,
                 "{\"jsonrpc\":\"2.0\",\"id\":%d,\"result\":{\"content\":[{\"type\":\"text\","
                 "\"text\":\"",
                 id_of(sent));
        for (int i = 0; i < 5; i++)
                buf_add(&line, piece, sizeof(piece));
        world_child_piece(sent->child, buf_bytes(&line), false);
        gateway_settle();
        for (int i = 5; i < PIECES; i++) {
                gateway_settle();
                world_child_piece(sent->child, (struct str){piece, sizeof(piece)}, false);
        }
        gateway_settle();
        world_child_piece(sent->child, STR("\"}]}}"), true);
        gateway_settle();
        buf_finish(&line);
        check_whole(client_answer(&c, a, 1));
        gateway_stop();
}

TEST_FOR_EACH(relay, a_big_event_of_the_old_transport_comes_whole)
{
        struct answer *a;
        struct sent *sent;
        struct buf event;

        gateway_start(OLD_HTTP, "");
        client_open(&c, version, "{}");
        a = call();
        sent = servers_await("tools/call");
        world_http_head(sent->http, 202, "text/plain", NULL, -1);
        world_http_end(sent->http, NULL);
        sent->is_stream = true;
        buf_init(&event, 64u << 20);
        buf_addf(&event,
                 "data: {\"jsonrpc\":\"2.0\",\"id\":%d,\"result\":{\"content\":[{\"type\":\"text\","
                 "\"text\":\"",
                 id_of(sent));
        for (int i = 0; i < PIECES; i++)
                buf_add(&event, piece, sizeof(piece));
        buf_add_str(&event, STR("\"}]}}\n\n"));
        servers_say_bytes(buf_bytes(&event));
        buf_finish(&event);
        check_whole(client_answer(&c, a, 1));
        gateway_stop();
}

Test(relay, what_answers_nothing_goes_nowhere)
{
        memset(piece, 'x', sizeof(piece));
        gateway_start(HTTP, "");
        client_open(&c, "2025-06-18", "{}");
        client_listen(&c, NULL);
        servers_say_bytes(STR("data: {\"jsonrpc\":\"2.0\",\"id\":99,\"result\":{\"x\":\""));
        for (unsigned i = 0; i < PIECES; i++)
                servers_say_bytes((struct str){piece, sizeof(piece)});
        servers_say_bytes(STR("\"}}\n\n"));
        cr_assert_not_null(client_answer(&c, client_ask(&c, 1, "tools/list", "{}"), 1));
        gateway_stop();
}

Test(relay, whoever_takes_json_alone_gets_a_body_as_it_comes)
{
        struct answer *a;
        struct sent *sent;

        gateway_start(HTTP, "");
        client_open(&c, "2025-06-18", "{}");
        a = call_for_json();
        sent = servers_await("tools/call");
        say_begin(sent, "application/json", "");
        say_pieces(sent, PIECES / 2);
        cr_assert_gt(answer_body(a).n, PIECE);
        cr_assert_not(a->is_over);
        gateway_pass_ms(65000); /* in the middle of a text nothing can be put in */
        gateway_settle();
        cr_assert(answer_is_closed(a));
        cr_assert_not(a->is_over);
        gateway_stop();
}

Test(relay, a_silence_between_two_tokens_is_filled)
{
        struct answer *a;
        struct sent *sent;

        gateway_start(HTTP, "'keepalive_s':10");
        client_open(&c, "2025-06-18", "{}");
        a = slow_call();
        sent = servers_await("tools/call");
        say_begin(sent, "application/json", "");
        say_pieces(sent, PIECES);
        sent_text(sent, "", "\"}");
        gateway_pass_ms(35000);
        sent_text(sent, "", "]}}");
        sent_end(sent);
        cr_assert(a->is_over);
        cr_assert_geq(answer_body(a).n, PIECE * PIECES);
        cr_assert_not_null(memmem(answer_body(a).p, answer_body(a).n, ": keep-alive\ndata: ", 19));
        gateway_stop();
}

Test(relay, a_client_that_does_not_read_holds_its_server_back)
{
        struct answer *a;
        struct sent *sent;

        gateway_start(HTTP, "");
        client_open(&c, "2025-06-18", "{}");
        a = call();
        a->does_not_read = true;
        sent = servers_await("tools/call");
        say_begin(sent, "application/json", "");
        say_pieces(sent, PIECES);
        cr_assert(sent->http->is_paused);
        sent_text(sent, "", "\"}]}}");
        sent_end(sent);
        cr_assert_not(a->is_over);
        answer_read(a);
        check_whole(client_answer(&c, a, 1));
        gateway_stop();
}

Test(relay, a_client_that_takes_nothing_for_too_long_is_cut)
{
        struct answer *a;
        struct sent *sent;

        gateway_start(HTTP, "'answer_timeout_s':20");
        client_open(&c, "2025-06-18", "{}");
        a = call();
        a->does_not_read = true;
        sent = servers_await("tools/call");
        say_begin(sent, "application/json", "");
        say_pieces(sent, PIECES);
        gateway_pass_ms(45000);
        answer_read(a);
        cr_assert(answer_is_closed(a));
        cr_assert_not(a->is_over);
        cr_assert(sent->http->is_over);
        gateway_stop();
}

Test(relay, a_client_that_leaves_ends_it)
{
        struct answer *a;
        struct sent *sent;

        gateway_start(HTTP, "");
        client_open(&c, "2025-06-18", "{}");
        a = call();
        sent = servers_await("tools/call");
        say_begin(sent, "application/json", "");
        say_pieces(sent, PIECES);
        answer_cut(a);
        if (!sent->http->is_over)
                say_pieces(sent, 1);
        cr_assert(sent->http->is_over);
        gateway_stop();
}

Test(relay, an_answer_that_breaks_off_is_an_error_behind_what_came)
{
        struct answer *a;
        struct sent *sent;

        gateway_start(HTTP, "");
        client_open(&c, "2025-06-18", "{}");
        a = slow_call();
        sent = servers_await("tools/call");
        say_begin(sent, "application/json", "");
        say_pieces(sent, PIECES);
        sent_fail(sent, HTTP_FAULT_BROKEN, true);
        cr_assert(a->is_over);
        cr_assert_not_null(json_at(client_answer(&c, a, 1), "error"));
        gateway_stop();
}

Test(relay, what_turns_out_to_be_no_json_is_an_error)
{
        struct answer *a;
        struct sent *sent;

        gateway_start(HTTP, "");
        client_open(&c, "2025-06-18", "{}");
        a = slow_call();
        sent = servers_await("tools/call");
        say_begin(sent, "application/json", "");
        say_pieces(sent, PIECES);
        sent_text(sent, "", "\"}}}}");
        cr_assert_not_null(json_at(client_answer(&c, a, 1), "error"));
        gateway_stop();
}

Test(relay, a_body_that_cannot_be_ended_is_cut)
{
        struct answer *a;
        struct sent *sent;

        gateway_start(HTTP, "");
        client_open(&c, "2025-06-18", "{}");
        a = call_for_json();
        sent = servers_await("tools/call");
        say_begin(sent, "application/json", "");
        say_pieces(sent, PIECES / 2);
        sent_fail(sent, HTTP_FAULT_BROKEN, true);
        cr_assert(answer_is_closed(a));
        cr_assert_not(a->is_over, "no client may take it for whole");
        gateway_stop();
}

Test(relay, a_silence_in_a_body_is_filled_by_an_empty_line)
{
        struct answer *a;
        struct sent *sent;

        gateway_start(HTTP, "'keepalive_s':10");
        client_open(&c, "2025-06-18", "{}");
        a = call();
        sent = servers_await("tools/call");
        say_begin(sent, "application/json", "");
        say_pieces(sent, PIECES);
        sent_text(sent, "", "\"}");
        gateway_pass_ms(35000);
        sent_text(sent, "", "]}}");
        sent_end(sent);
        cr_assert_not_null(memmem(answer_body(a).p, answer_body(a).n, "\"}\n\n\n]", 6));
        check_whole(client_answer(&c, a, 1));
        gateway_stop();
}
