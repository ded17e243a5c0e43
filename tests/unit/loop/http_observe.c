/* What an observed request tells besides: the whole head, and how the connection ended. */
#include "mgw/loop/http.h"

#include "mgw/base/clock.h"
#include "web.h"

#include "../check.h"

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

TestSuite(http_observe, .init = set_up, .fini = tear_down, .timeout = 60);

struct fetch {
        char lines[1024], body[2048];
        bool is_done, has_failed, is_reset;
        enum http_fault fault;
};

static void on_head(void *owner, const struct http_response *response)
{
        struct fetch *f = owner;

        snprintf(f->lines, sizeof(f->lines), "%.*s", STR_ARG(response->lines));
}

static enum http_flow on_body(void *owner, const char *p, size_t n)
{
        struct fetch *f = owner;

        strncat(f->body, p, n);
        if (strcmp(f->body, "half") == 0)
                sem_post(&web.go);
        return HTTP_GO_ON;
}

static void on_done(void *owner, const struct http_failure *failure)
{
        struct fetch *f = owner;

        f->is_done = true;
        f->has_failed = failure != NULL;
        f->is_reset = failure != NULL && failure->is_reset;
        f->fault = failure != NULL ? failure->fault : HTTP_FAULT_OURS;
}

static void fetch(struct fetch *f, const char *path, bool is_observed)
{
        static const struct http_handlers handlers = {on_head, on_body, on_done};
        char url[128];
        struct http_options options = {.method = "GET", .url = url, .is_observed = is_observed};
        struct http_request *request;
        int64_t end_ms = clock_monotonic_ms() + 20000;

        snprintf(url, sizeof(url), "http://127.0.0.1:%u%s", web.port, path);
        cr_assert_eq(http_start(client, &options, &handlers, f, &request), 0);
        while (!f->is_done && clock_monotonic_ms() < end_ms)
                cr_assert_eq(loop_turn(loop, 50), 0);
        cr_assert(f->is_done);
}

Test(http_observe, all_lines_of_the_head_are_told)
{
        struct fetch f = {0}, other = {0};

        fetch(&f, "/hello?you", true);
        cr_assert_not(f.has_failed);
        cr_assert_str_eq(f.body, "hello you");
        cr_assert_not_null(strcasestr(f.lines, "Content-Type: text/plain\n"), "%s", f.lines);
        cr_assert_not_null(strcasestr(f.lines, "Mcp-Session-Id: s-1\n"), "%s", f.lines);
        fetch(&other, "/hello?you", false);
        cr_assert_str_eq(other.lines, "");
}

Test(http_observe, packed_bodies_are_asked_for_on_a_connection_of_its_own)
{
        struct fetch f = {0}, other = {0};

        fetch(&f, "/echo", true);
        cr_assert_not_null(strstr(f.body, "\r\nAccept-Encoding: "), "%s", f.body);
        fetch(&other, "/hello?you", true);
        check_int(atomic_load(&web.n_connections), 2);
}

Test(http_observe, a_reset_is_told_from_an_end)
{
        struct fetch reset = {0}, half = {0};

        fetch(&reset, "/reset", true);
        cr_assert(reset.has_failed && reset.is_reset);
        check_int(reset.fault, HTTP_FAULT_BROKEN);
        fetch(&half, "/half-chunk", true);
        cr_assert(half.has_failed && !half.is_reset);
        check_int(half.fault, HTTP_FAULT_BROKEN);
}
