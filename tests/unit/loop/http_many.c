/* The HTTP client with many requests at once: what each costs, and what a turn takes of them. */
#include "mgw/base/clock.h"
#include "mgw/loop/http.h"
#include "web.h"

#include "../../../app/loop/http_inside.h"

#include <criterion/criterion.h>
#include <stdio.h>

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

TestSuite(http_many, .init = set_up, .fini = tear_down, .timeout = 60);

/* What came, of all requests. */
static unsigned n_heads, n_dones;
static size_t n_bytes;
static struct http_source source;
static uint32_t piece_cost; /* above its bytes */

static void many_on_head(void *owner, const struct http_response *response)
{
        (void)owner;
        cr_assert_eq(response->status, 200);
        n_heads++;
}

static enum http_flow many_on_body(void *owner, const char *p, size_t n)
{
        size_t *mine = owner;

        (void)p;
        n_bytes += n;
        if (mine != NULL)
                *mine += n;
        http_source_spend(&source, loop_turn_no(loop), piece_cost);
        return HTTP_GO_ON;
}

static void many_on_done(void *owner, const struct http_failure *failure)
{
        (void)owner;
        cr_assert_null(failure, "%s", failure->why);
        n_dones++;
}

static void turns(unsigned n)
{
        while (n-- > 0)
                cr_assert_eq(loop_turn(loop, 10), 0);
}

static struct http_request *start(const char *path, bool is_stream, size_t *mine)
{
        static const struct http_handlers handlers = {many_on_head, many_on_body, many_on_done};
        struct http_request *request;
        char url[128];
        const struct http_options options = {
                .method = "GET", .url = url, .is_stream = is_stream, .source = &source};

        snprintf(url, sizeof(url), "http://127.0.0.1:%u%s", web.port, path);
        cr_assert_eq(http_start(client, &options, &handlers, mine, &request), 0);
        return request;
}

static void await(const unsigned *counter, unsigned n)
{
        int64_t end_ms = clock_monotonic_ms() + 30000;

        while (*counter < n && clock_monotonic_ms() < end_ms)
                cr_assert_eq(loop_turn(loop, 50), 0);
        cr_assert_eq(*counter, n);
}

/* ---- what each costs: curl walks all that stands in one handle ---- */

static void open_idle(unsigned n, bool is_stream)
{
        for (unsigned i = 0; i < n; i++) {
                start("/stream", is_stream, NULL);
                if (i % 32 == 31)
                        await(&n_heads, n_heads + 32);
        }
}

/* The most that one handle holds; the number of handles. */
static unsigned most_in_a_handle(bool is_stream, unsigned *n_handles)
{
        unsigned most = 0;

        *n_handles = 0;
        list_for_each (it, &client->pools[is_stream][false]) {
                const struct http_multi *multi = container_of(it, struct http_multi, node);

                if (multi->n_running > most)
                        most = multi->n_running;
                ++*n_handles;
        }
        return most;
}

Test(http_many, a_handle_takes_so_many_and_streams_stand_apart_from_calls)
{
        unsigned n;

        client->is_curls = true;
        open_idle(5 * HTTP_MULTI_MAX, true);
        cr_assert_eq(most_in_a_handle(true, &n), HTTP_MULTI_MAX);
        cr_assert_eq(n, 5);
        open_idle(HTTP_MULTI_MAX + 32, false);
        cr_assert_eq(most_in_a_handle(false, &n), HTTP_MULTI_MAX);
        cr_assert_eq(n, 2);
        cr_assert_eq(most_in_a_handle(true, &n), HTTP_MULTI_MAX);
        cr_assert_eq(n, 5);
}

/* A handle takes 34 kB, and all that calls find in it afterwards is kept connections. */
Test(http_many, the_last_stream_of_a_handle_takes_it_along)
{
        struct http_request *streams[HTTP_MULTI_MAX];
        unsigned n;

        client->is_curls = true;
        start("/hello?you", false, NULL);
        await(&n_dones, 1);
        for (unsigned i = 0; i < HTTP_MULTI_MAX; i++)
                streams[i] = start("/stream", true, NULL);
        await(&n_heads, 1 + HTTP_MULTI_MAX);
        for (unsigned i = 1; i < HTTP_MULTI_MAX; i++)
                http_cancel(streams[i]);
        turns(3);
        cr_assert_eq(most_in_a_handle(true, &n), 1);
        cr_assert_eq(n, 1);
        http_cancel(streams[0]);
        turns(3);
        most_in_a_handle(true, &n);
        cr_assert_eq(n, 0);
        most_in_a_handle(false, &n);
        cr_assert_eq(n, 1, "the connections of calls are kept");
}

Test(http_many, requests_move_into_the_room_that_others_leave)
{
        for (int round = 0; round < 3; round++) {
                unsigned before = n_dones;

                for (int i = 0; i < 400; i++)
                        start("/hello?you", i % 2, NULL);
                await(&n_dones, before + 400);
        }
        cr_assert_eq(n_dones, 1200);
}

/* ---- what a turn takes ---- */

#define REQUEST_MAX (64u << 10)
#define SOURCE_MAX (256u << 10)
#define PIECE_MAX (16u << 10)

/* Turns until so many are over; the most bytes that came in one of them. */
static size_t most_in_a_turn(unsigned n_requests)
{
        unsigned end = n_dones + n_requests;
        size_t most = 0;

        while (n_dones < end) {
                size_t before = n_bytes;

                cr_assert_eq(loop_turn(loop, 1000), 0);
                if (n_bytes - before > most)
                        most = n_bytes - before;
        }
        return most;
}

Test(http_many, a_turn_takes_a_part_of_what_a_transfer_brings)
{
        size_t most;

        start("/big", false, NULL);
        most = most_in_a_turn(1);
        cr_assert_eq(n_bytes, WEB_BIG_BYTES);
        cr_assert_leq(most, REQUEST_MAX + PIECE_MAX, "%zu", most);
}

Test(http_many, a_turn_takes_a_part_of_what_a_source_brings)
{
        unsigned n = 12;
        size_t most;

        for (unsigned i = 0; i < n; i++)
                start("/big", i % 2, NULL);
        most = most_in_a_turn(n);
        cr_assert_eq(n_bytes, (size_t)n * WEB_BIG_BYTES);
        cr_assert_leq(most, SOURCE_MAX + PIECE_MAX, "%zu", most);
}

/* Those that read by small pieces are not left behind by those that read by big ones. */
Test(http_many, all_of_a_source_have_their_go)
{
        size_t each[12] = {0}, least = SIZE_MAX;
        unsigned n = sizeof(each) / sizeof(each[0]);

        for (unsigned i = 0; i < n; i++)
                start("/big", i % 2, &each[i]);
        while (n_bytes < (size_t)n * WEB_BIG_BYTES / 2)
                cr_assert_eq(loop_turn(loop, 1000), 0);
        for (unsigned i = 0; i < n; i++)
                if (each[i] < least)
                        least = each[i];
        /* half is an even share; on a busy machine the peer's threads do not send evenly */
        cr_assert_gt(least, WEB_BIG_BYTES / 32, "%zu", least);
}

Test(http_many, what_makes_work_counts_as_more)
{
        size_t most;

        piece_cost = REQUEST_MAX;
        start("/big", false, NULL);
        most = most_in_a_turn(1);
        cr_assert_leq(most, PIECE_MAX, "%zu", most);
}

Test(http_many, what_is_held_back_may_be_cancelled_and_destroyed)
{
        struct http_request *request = start("/big", false, NULL);
        size_t n;

        while (n_bytes == 0)
                cr_assert_eq(loop_turn(loop, 1000), 0);
        http_cancel(request);
        n = n_bytes;
        for (int i = 0; i < 20; i++)
                cr_assert_eq(loop_turn(loop, 1), 0);
        cr_assert_eq(n_bytes, n);
        start("/big", false, NULL);
        while (n_bytes == n)
                cr_assert_eq(loop_turn(loop, 1000), 0);
        http_client_destroy(client);
        client = NULL;
        cr_assert_eq(loop_turn(loop, 1), 0);
}
