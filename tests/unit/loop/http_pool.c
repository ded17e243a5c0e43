/* The HTTP client's own connections: where they lead, and how long they are kept. What they carry:
 * http.c. */
#include "mgw/base/clock.h"
#include "mgw/loop/http.h"
#include "web.h"

#include "../../../app/loop/http_pool.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static struct loop *loop;
static struct http_client *client;
static struct web web;

static void set_up(void)
{
        web_start(&web);
        cr_assert_eq(loop_create(&loop), 0);
        cr_assert_eq(http_client_create(loop, &client), 0);
}

static void tear_down(void)
{
        http_client_destroy(client);
        loop_destroy(loop);
}

TestSuite(http_pool, .init = set_up, .fini = tear_down, .timeout = 60);

static unsigned n_dones;
static const struct http_carrier *carrier; /* of the one that fetch() waits for */
static enum http_fault fault;
static bool has_failed;
static struct http_request *last;

static void on_head(void *owner, const struct http_response *response)
{
        (void)response;
        if (owner != NULL)
                carrier = last->carrier;
}

static char body[64];

static enum http_flow on_body(void *owner, const char *p, size_t n)
{
        if (owner != NULL)
                strncat(body, p, n);
        return HTTP_GO_ON;
}

static void on_done(void *owner, const struct http_failure *failure)
{
        (void)owner;
        has_failed = failure != NULL;
        if (has_failed)
                fault = failure->fault;
        n_dones++;
}

static const char *path = "/hello";

static void start(const char *host, struct http_source *source, bool is_stream, void *owner)
{
        static const struct http_handlers handlers = {on_head, on_body, on_done};
        char url[128];
        const struct http_options options = {
                .method = "GET", .url = url, .source = source, .is_stream = is_stream};

        snprintf(url, sizeof(url), "http://%s:%u%s", host, web.port, path);
        cr_assert_eq(http_start(client, &options, &handlers, owner, &last), 0);
}

static void await_dones(unsigned n)
{
        int64_t end_ms = clock_monotonic_ms() + 20000;

        while (n_dones < n && clock_monotonic_ms() < end_ms)
                cr_assert_eq(loop_turn(loop, 50), 0);
        cr_assert_eq(n_dones, n);
}

/* By whom it went. */
static const struct http_carrier *fetch(const char *host)
{
        carrier = NULL;
        body[0] = '\0';
        start(host, NULL, false, &last);
        await_dones(n_dones + 1);
        return carrier;
}

/* It outlives the call while the client is not left for long. */
static struct http_server *server_of(const char *host)
{
        struct http_request request = {
                .client = client, .source = &client->nobody, .is_plain = true};
        char url[64];
        struct http_server *server;
        struct str target;

        snprintf(url, sizeof(url), "http://%s:%u/", host, web.port);
        request.url = url;
        server = http_pool_server(&request, &target);
        cr_assert_not_null(server);
        http_server_release(server);
        return server;
}

Test(http_pool, an_address_needs_no_curl)
{
        cr_assert_eq(fetch("127.0.0.1"), &http_plain);
        cr_assert(!has_failed);
}

Test(http_pool, curl_finds_out_where_a_name_leads)
{
        cr_assert_eq(fetch("localhost"), &http_curl);
        cr_assert_eq(fetch("localhost"), &http_plain);
        cr_assert_eq(fetch("LocalHost"), &http_plain);
        cr_assert_eq(web.n_connections, 2, "one of curl's, and one of ours that is kept");
}

Test(http_pool, an_address_that_was_found_out_is_known_for_a_while)
{
        struct http_server *server;
        struct list *idle;

        fetch("localhost");
        fetch("localhost");
        server = server_of("localhost");
        cr_assert(http_server_is_known(server, clock_monotonic_ms() + 50000));
        cr_assert_not(http_server_is_known(server, clock_monotonic_ms() + 61000));
        http_server_forget(server);
        cr_assert_eq(fetch("localhost"), &http_plain, "the connection is kept nevertheless");
        idle = list_first(&server->idle);
        http_connection_close(container_of(idle, struct http_connection, by_server));
        cr_assert_eq(fetch("localhost"), &http_curl);
        cr_assert_eq(fetch("localhost"), &http_plain);
}

/* 127.0.0.2 is this host too, and nobody listens there. */
Test(http_pool, where_nobody_answers_any_more_curl_looks_again)
{
        http_server_learn(client, server_of("localhost"), "127.0.0.2");
        cr_assert_eq(fetch("localhost"), &http_curl);
        cr_assert_not(has_failed);
        cr_assert_eq(fetch("localhost"), &http_plain);
        cr_assert_not(has_failed);
        fetch("127.0.0.2");
        cr_assert(has_failed);
        cr_assert_eq(fault, HTTP_FAULT_AWAY);
}

Test(http_pool, what_was_found_out_is_judged_as_well)
{
        http_server_learn(client, server_of("localhost"), "0.0.0.0");
        fetch("localhost");
        cr_assert(has_failed);
        cr_assert_eq(fault, HTTP_FAULT_BARRED);
        cr_assert_eq(web.n_connections, 0);
}

/* As the policy is asked when a connection is made. */
Test(http_pool, who_may_reach_more_has_connections_of_its_own)
{
        struct http_source more = {.reach = HTTP_REACH_ANY};

        start("127.0.0.1", &more, false, NULL);
        await_dones(1);
        fetch("127.0.0.1");
        cr_assert_eq(web.n_connections, 2);
}

Test(http_pool, what_only_curl_can_read_is_left_to_it)
{
        static const char *const hosts[] = {"name:pw@127.0.0.1", "127.1", "2130706433",
                                            "0x7f000001", "127.0.0.%31"};

        for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
                cr_assert_eq(fetch(hosts[i]), &http_curl, "%s", hosts[i]);
                cr_assert_eq(fetch(hosts[i]), &http_curl, "%s", hosts[i]);
        }
}

/* http-parser takes no length that is said twice; by curl it is one. */
Test(http_pool, a_server_that_our_reader_does_not_understand_is_left_to_curl)
{
        path = "/length_twice";
        fetch("127.0.0.1");
        cr_assert(has_failed);
        cr_assert_eq(fault, HTTP_FAULT_STRANGE);
        cr_assert_eq(fetch("127.0.0.1"), &http_curl);
        cr_assert(!has_failed);
        cr_assert_str_eq(body, "twice");
}

Test(http_pool, so_many_are_kept_and_no_more)
{
        for (unsigned i = 0; i < 200; i++)
                start("127.0.0.1", NULL, false, NULL);
        await_dones(200);
        cr_assert_leq(http_client_n_sockets(client), 64);
        cr_assert_gt(http_client_n_sockets(client), 0);
        cr_assert_leq(client->pool.n_idle, 64);
}

/* Would it be taken for the answer to the next request, it might be another user's. curl takes it.
 */
Test(http_pool, an_answer_that_nobody_asked_for_is_nobodys)
{
        static const char *const paths[] = {"/extra", "/later"};

        for (size_t i = 0; i < 2; i++) {
                path = paths[i];
                fetch("127.0.0.1");
                cr_assert_str_eq(body, "one");
                if (i == 1)
                        sem_post(&web.go);
                while (http_client_n_sockets(client) > 0)
                        cr_assert_eq(loop_turn(loop, 50), 0);
                path = "/hello?next";
                fetch("127.0.0.1");
                cr_assert_str_eq(body, "hello next");
        }
}

Test(http_pool, streams_are_not_kept_and_take_nothing_that_is)
{
        fetch("127.0.0.1");
        start("127.0.0.1", NULL, true, NULL);
        await_dones(2);
        cr_assert_eq(web.n_connections, 2);
        cr_assert_eq(http_client_n_sockets(client), 1);
}

/* Nothing of them is left when they have been idle. */
Test(http_pool, what_is_idle_goes)
{
        int64_t end_ms = clock_monotonic_ms() + 20000;

        fetch("127.0.0.1");
        while (client->pool.servers != NULL && clock_monotonic_ms() < end_ms)
                cr_assert_eq(loop_turn(loop, 50), 0);
        cr_assert_null(client->pool.servers);
        cr_assert_eq(http_client_n_sockets(client), 0);
        cr_assert_not(timer_is_armed(&client->pool.sweep));
}
