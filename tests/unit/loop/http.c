/* The HTTP client against a real server; by curl alone: http_curl.c. */
#include "mgw/loop/http.h"

#include "mgw/base/clock.h"
#include "web.h"

#include "../../../app/loop/http_inside.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#ifndef CARRIER
#define CARRIER http
#define IS_CURLS false
#endif

static struct loop *loop;
static struct http_client *client;
static struct web web;
/* The bodies that came, freed in the end. */
static char *bodies[2048];
static unsigned n_bodies;

static void create_client(void)
{
        cr_assert_eq(http_client_create(loop, &client), 0);
        client->is_curls = IS_CURLS;
}

static void set_up(void)
{
        web_start(&web);
        cr_assert_eq(loop_create(&loop), 0);
        create_client();
}

static void tear_down(void)
{
        http_client_destroy(client);
        loop_destroy(loop);
        while (n_bodies > 0)
                free(bodies[--n_bodies]);
}

TestSuite(CARRIER, .init = set_up, .fini = tear_down, .timeout = 60);

/* What a handler does besides taking notes. */
enum act {
        ACT_NOTHING,
        ACT_CANCEL_SELF,
        ACT_CANCEL_OTHER,
        ACT_DESTROY_CLIENT,
        ACT_START_OTHER,
};

/* One exchange and what its handlers were told. */
struct fetch {
        struct http_request *request;
        unsigned n_heads, n_pieces, n_dones;
        unsigned status;
        char type[64], session[64];
        int64_t retry_s;
        char *body;
        unsigned slot;
        size_t n_body, body_size;
        bool has_why;
        char why[1024];
        bool was_sent;
        enum http_fault fault;
        enum http_flow flow; /* the next answer of on_body */
        bool resumes_itself;
        unsigned n_pauses;
        enum act on_head, on_body, on_done;
        struct fetch *other;
        bool is_starting;
};

static void fetch_start(struct fetch *f, const char *method, const char *path, struct str body,
                        const char *const *headers);

static void fetch_act(struct fetch *f, enum act act)
{
        switch (act) {
        case ACT_NOTHING:
                break;
        case ACT_CANCEL_SELF:
                http_cancel(f->request);
                break;
        case ACT_CANCEL_OTHER:
                http_cancel(f->other->request);
                break;
        case ACT_DESTROY_CLIENT:
                http_client_destroy(client);
                client = NULL;
                break;
        case ACT_START_OTHER:
                fetch_start(f->other, "GET", "/hello?other", STR(""), NULL);
                break;
        }
}

static void copy(char *to, size_t size, struct str s)
{
        snprintf(to, size, "%.*s", STR_ARG(s));
}

static void fetch_on_head(void *owner, const struct http_response *response)
{
        struct fetch *f = owner;

        cr_assert_not(f->is_starting, "called from within http_start()");
        f->n_heads++;
        f->status = response->status;
        copy(f->type, sizeof(f->type), response->content_type);
        copy(f->session, sizeof(f->session), response->session_id);
        f->retry_s = response->retry_after_s;
        fetch_act(f, f->on_head);
}

static enum http_flow fetch_on_body(void *owner, const char *p, size_t n)
{
        struct fetch *f = owner;

        cr_assert_eq(f->n_heads, 1, "the head comes first");
        if (f->flow == HTTP_PAUSE) {
                f->n_pauses++;
                f->flow = HTTP_GO_ON;
                if (f->resumes_itself)
                        http_resume(f->request);
                return HTTP_PAUSE;
        }
        if (f->n_pieces++ == 0)
                f->slot = n_bodies++;
        if (f->n_body + n >= f->body_size) {
                f->body_size = 2 * (f->n_body + n) + 1;
                f->body = bodies[f->slot] = realloc(f->body, f->body_size);
        }
        memcpy(f->body + f->n_body, p, n);
        f->n_body += n;
        f->body[f->n_body] = '\0';
        fetch_act(f, f->on_body);
        return HTTP_GO_ON;
}

static void fetch_on_done(void *owner, const struct http_failure *failure)
{
        struct fetch *f = owner;

        cr_assert_not(f->is_starting, "called from within http_start()");
        f->n_dones++;
        f->has_why = failure != NULL;
        snprintf(f->why, sizeof(f->why), "%s", failure == NULL ? "" : failure->why);
        f->was_sent = failure == NULL || failure->was_sent;
        f->fault = failure == NULL ? HTTP_FAULT_OURS : failure->fault;
        fetch_act(f, f->on_done);
}

static const struct http_handlers handlers = {fetch_on_head, fetch_on_body, fetch_on_done};

static int fetch_start_options(struct fetch *f, const struct http_options *options)
{
        int r;

        f->is_starting = true;
        r = http_start(client, options, &handlers, f, &f->request);
        f->is_starting = false;
        return r;
}

static void fetch_start(struct fetch *f, const char *method, const char *path, struct str body,
                        const char *const *headers)
{
        char url[256];
        struct http_options options = {
                .method = method, .url = url, .headers = headers, .body = body};

        snprintf(url, sizeof(url), "http://127.0.0.1:%u%s", web.port, path);
        cr_assert_eq(fetch_start_options(f, &options), 0);
}

static void fetch_get(struct fetch *f, const char *path)
{
        fetch_start(f, "GET", path, STR(""), NULL);
}

static void turn(void)
{
        cr_assert_eq(loop_turn(loop, 50), 0);
}

/* Turns while what is expected has not come; 20 s at most. */
#define AWAIT(condition)                                                                           \
        do {                                                                                       \
                int64_t end_ms = clock_monotonic_ms() + 20000;                                     \
                while (!(condition) && clock_monotonic_ms() < end_ms)                              \
                        turn();                                                                    \
                cr_assert(condition, "never came: " #condition);                                   \
        } while (0)

static void turn_for(int64_t ms)
{
        int64_t end_ms = clock_monotonic_ms() + ms;

        while (clock_monotonic_ms() < end_ms)
                cr_assert_eq(loop_turn(loop, 10), 0);
}

static void fetch_await_end(struct fetch *f)
{
        AWAIT(f->n_dones > 0);
        cr_assert_eq(f->n_dones, 1);
}

static void fetch_await_success(struct fetch *f)
{
        fetch_await_end(f);
        cr_assert_not(f->has_why, "%s", f->why);
        cr_assert(f->was_sent);
        cr_assert_eq(f->n_heads, 1);
}

static void assert_has(const char *text, const char *part)
{
        cr_assert_not_null(strstr(text, part), "\"%s\" lacks \"%s\"", text, part);
}

static void assert_lacks(const char *text, const char *part)
{
        cr_assert_null(strstr(text, part), "\"%s\" has \"%s\"", text, part);
}

static bool body_is_big(const struct fetch *f)
{
        for (size_t i = 0; i < f->n_body; i++)
                if (f->body[i] != WEB_BYTE(i))
                        return false;
        return f->n_body == WEB_BIG_BYTES;
}

/* ---- exchanges ---- */

Test(CARRIER, get_brings_head_and_body)
{
        struct fetch f = {0};

        fetch_get(&f, "/hello?you");
        fetch_await_success(&f);
        cr_assert_eq(f.status, 200);
        cr_assert_str_eq(f.body, "hello you");
        cr_assert_str_eq(f.type, "text/plain");
        cr_assert_str_eq(f.session, "s-1");
        cr_assert_eq(f.retry_s, 7);
}

Test(CARRIER, post_sends_what_was_given_and_nothing_of_curls_own)
{
        struct fetch f = {0};
        char body[] = "{\"a\":1}";
        char header[] = "Mcp-Session-Id: s-2";
        const char *headers[] = {header, "Accept: application/json", NULL};

        fetch_start(&f, "POST", "/echo", STR(body), headers);
        memset(body, 'x', sizeof(body) - 1); /* both were copied */
        memset(header, 'x', sizeof(header) - 1);
        fetch_await_success(&f);
        assert_has(f.body, "POST /echo HTTP/1.1\r\n");
        assert_has(f.body, "\r\nMcp-Session-Id: s-2\r\n");
        assert_has(f.body, "\r\nAccept: application/json\r\n");
        assert_has(f.body, "\r\nContent-Length: 7\r\n");
        assert_has(f.body, "\r\nUser-Agent: mgw/");
        assert_has(f.body, "\r\n\r\n{\"a\":1}");
        assert_lacks(f.body, "Expect");
        assert_lacks(f.body, "Content-Type");
        assert_lacks(f.body, "Accept-Encoding");
}

Test(CARRIER, the_host_is_named_as_in_the_url)
{
        char line[64];
        struct fetch ours = {0}, theirs = {0};
        const char *headers[] = {"Host: other.example", NULL};

        fetch_get(&ours, "/echo?a=%20b&c=/d");
        fetch_await_success(&ours);
        snprintf(line, sizeof(line), "\r\nHost: 127.0.0.1:%u\r\n", web.port);
        assert_has(ours.body, line);
        assert_has(ours.body, "GET /echo?a=%20b&c=/d HTTP/1.1\r\n");
        assert_has(ours.body, "\r\nAccept: */*\r\n");
        fetch_start(&theirs, "GET", "/echo", STR(""), headers);
        fetch_await_success(&theirs);
        assert_has(theirs.body, "\r\nHost: other.example\r\n");
        assert_lacks(theirs.body, "127.0.0.1");
}

/* What is curl's alone to understand is so in either case. */
Test(CARRIER, what_a_url_holds_besides_comes_along)
{
        struct fetch user = {0}, dots = {0}, fragment = {0}, lines = {0};
        const char *headers[] = {"Connection: close", "X-None: ", NULL};
        char url[96];
        struct http_options options = {.method = "GET", .url = url};

        snprintf(url, sizeof(url), "http://name:pw@127.0.0.1:%u/echo", web.port);
        cr_assert_eq(fetch_start_options(&user, &options), 0);
        fetch_await_success(&user);
        assert_has(user.body, "\r\nAuthorization: Basic bmFtZTpwdw==\r\n");
        fetch_get(&dots, "/a/../echo");
        fetch_await_success(&dots);
        assert_has(dots.body, "GET /echo HTTP/1.1\r\n");
        fetch_get(&fragment, "/echo#part");
        fetch_await_success(&fragment);
        assert_has(fragment.body, "GET /echo HTTP/1.1\r\n");
        fetch_start(&lines, "GET", "/echo", STR(""), headers);
        fetch_await_success(&lines);
        assert_has(lines.body, "\r\nConnection: close\r\n");
        assert_lacks(lines.body, "X-None");
}

Test(CARRIER, head_has_no_body)
{
        struct fetch f = {0}, next = {0};

        fetch_start(&f, "HEAD", "/head", STR(""), NULL);
        fetch_await_success(&f);
        cr_assert_eq(f.status, 200);
        cr_assert_eq(f.n_body, 0);
        fetch_get(&next, "/hello?next");
        fetch_await_success(&next);
        cr_assert_str_eq(next.body, "hello next");
        cr_assert_eq(web.n_connections, 1);
}

Test(CARRIER, headers_of_the_caller_win)
{
        struct fetch f = {0};
        const char *headers[] = {"User-Agent: other/1", "content-type: application/json", NULL};

        fetch_start(&f, "POST", "/echo", STR("[]"), headers);
        fetch_await_success(&f);
        assert_has(f.body, "\r\nUser-Agent: other/1\r\n");
        assert_has(f.body, "\r\ncontent-type: application/json\r\n");
        assert_lacks(f.body, "mgw/");
        assert_lacks(f.body, "x-www-form");
}

Test(CARRIER, a_body_of_two_megabytes_is_sent_whole)
{
        static char body[2 << 20];
        struct fetch f = {0};

        memset(body, 'b', sizeof(body));
        fetch_start(&f, "POST", "/length", (struct str){body, sizeof(body)}, NULL);
        fetch_await_success(&f);
        cr_assert_str_eq(f.body, "2097152", "got %s", f.body);
}

Test(CARRIER, post_without_a_body_and_delete)
{
        struct fetch post = {0}, gone = {0}, put = {0};

        fetch_start(&post, "POST", "/echo", STR(""), NULL);
        fetch_start(&gone, "DELETE", "/echo", STR(""), NULL);
        fetch_start(&put, "PUT", "/echo", STR("new"), NULL);
        fetch_await_success(&post);
        fetch_await_success(&gone);
        fetch_await_success(&put);
        assert_has(post.body, "POST /echo HTTP/1.1\r\n");
        assert_has(post.body, "\r\nContent-Length: 0\r\n");
        assert_has(gone.body, "DELETE /echo HTTP/1.1\r\n");
        assert_lacks(gone.body, "Content-Length");
        assert_has(put.body, "PUT /echo HTTP/1.1\r\n");
        assert_has(put.body, "\r\n\r\nnew");
}

Test(CARRIER, answers_without_a_body)
{
        static const unsigned statuses[] = {202, 204, 307, 404, 503};

        for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
                struct fetch f = {0};
                char path[32];

                snprintf(path, sizeof(path), "/status/%u", statuses[i]);
                fetch_start(&f, "POST", path, STR("{}"), NULL);
                fetch_await_success(&f);
                cr_assert_eq(f.status, statuses[i]);
                cr_assert_eq(f.n_pieces, 0);
        }
}

Test(CARRIER, retry_after_is_told_in_seconds)
{
        static const struct {
                const char *value;
                int64_t s;
        } cases[] = {{"0", 0},
                     {"120", 120},
                     {"99999999999", UINT32_MAX},
                     {"Sun,_06_Nov_1994_08:49:37_GMT", 0},
                     {"", -1},
                     {"soon", -1},
                     {"-5", -1}};
        time_t then = (time_t)(clock_wall_ms() / 1000) + 3600;
        struct fetch later = {0};
        struct tm tm;
        char path[128];

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct fetch f = {0};

                snprintf(path, sizeof(path), "/retry/%s", cases[i].value);
                fetch_get(&f, path);
                fetch_await_success(&f);
                cr_assert_eq(f.retry_s, cases[i].s, "%s: %lld", cases[i].value,
                             (long long)f.retry_s);
        }
        strftime(path, sizeof(path), "/retry/%a,_%d_%b_%Y_%H:%M:%S_GMT", gmtime_r(&then, &tm));
        fetch_get(&later, path);
        fetch_await_success(&later);
        cr_assert(later.retry_s > 3500 && later.retry_s <= 3600);
}

/* ---- redirects ---- */

Test(CARRIER, a_redirect_is_followed_with_what_was_sent)
{
        static const char *const paths[] = {"/redirect/307?/echo", "/redirect/308?/echo"};
        const char *headers[] = {"Authorization: Bearer secret", NULL};

        for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
                struct fetch post = {0}, put = {0};

                fetch_start(&post, "POST", paths[i], STR("{\"a\":1}"), headers);
                fetch_start(&put, "PUT", paths[i], STR("new"), NULL);
                fetch_await_success(&post);
                fetch_await_success(&put);
                cr_assert_eq(post.status, 200);
                assert_has(post.body, "POST /echo HTTP/1.1\r\n");
                assert_has(post.body, "\r\nAuthorization: Bearer secret\r\n");
                assert_has(post.body, "\r\n\r\n{\"a\":1}");
                assert_has(put.body, "PUT /echo HTTP/1.1\r\n");
                assert_has(put.body, "\r\n\r\nnew");
        }
}

Test(CARRIER, get_follows_every_kind_of_redirect_three_times)
{
        static const unsigned statuses[] = {301, 302, 303, 307, 308};
        char path[256], hop[32];

        for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
                struct fetch f = {0}, relative = {0}, again = {0};

                snprintf(hop, sizeof(hop), "/redirect/%u?", statuses[i]);
                snprintf(path, sizeof(path), "%shttp://127.0.0.1:%u/hello?you", hop, web.port);
                fetch_get(&f, path);
                snprintf(path, sizeof(path), "%s%s%s../hello?you", hop, hop, hop);
                fetch_get(&relative, path);
                snprintf(path, sizeof(path), "%s%s%s%s/hello?you", hop, hop, hop, hop);
                fetch_get(&again, path);
                fetch_await_success(&f);
                cr_assert_str_eq(f.body, "hello you");
                fetch_await_success(&relative);
                cr_assert_str_eq(relative.body, "hello you");
                fetch_await_end(&again);
                cr_assert_eq(again.status, statuses[i]);
                assert_has(again.why, ", once more: not followed");
                cr_assert_eq(again.n_pieces, 0);
        }
}

/* Nothing may reach the other origin, least of all our headers. */
Test(CARRIER, no_redirect_leads_to_another_origin)
{
        const char *headers[] = {"Authorization: Bearer secret", NULL};
        static const char *const methods[] = {"GET", "POST"};
        static struct web other; /* its thread outlives the test */
        char path[160], told[160];

        web_start(&other);
        for (size_t i = 0; i < 2; i++) {
                const struct {
                        const char *scheme, *host;
                        unsigned port;
                } origins[] = {{"http", "127.0.0.1", other.port},
                               {"https", "127.0.0.1", web.port},
                               {"http", "localhost", web.port},
                               {"gopher", "127.0.0.1", web.port}};

                for (size_t k = 0; k < sizeof(origins) / sizeof(origins[0]); k++) {
                        struct fetch f = {0};

                        snprintf(path, sizeof(path), "/redirect/307?%s://ada:pw@%s:%u/hello?key=1",
                                 origins[k].scheme, origins[k].host, origins[k].port);
                        snprintf(told, sizeof(told),
                                 "HTTP 307: redirected to %s://%s:%u, another origin: not followed "
                                 "(http://127.0.0.1:%u)",
                                 origins[k].scheme, origins[k].host, origins[k].port, web.port);
                        fetch_start(&f, methods[i], path, str_from(i == 0 ? "" : "{}"), headers);
                        fetch_await_end(&f);
                        cr_assert_str_eq(f.why, told);
                        cr_assert_eq(f.fault, HTTP_FAULT_ELSEWHERE);
                        cr_assert_eq(f.status, 307);
                        cr_assert(f.was_sent);
                }
        }
        cr_assert_eq(other.n_connections, 0);
        cr_assert_eq(web.n_requests, 8);
}

Test(CARRIER, what_a_server_names_is_resolved_within_its_origin)
{
        static const struct {
                const char *ref, *url;
        } cases[] = {
                {"/m?s=1", "http://h.example:80/m?s=1"},
                {"m", "http://h.example:80/a/m"},
                {"http://H.example/m", "http://H.example/m"},
                {"//h.example/m", "http://h.example/m"},
                {"https://h.example/m", NULL},
                {"http://h.example:81/m", NULL},
                {"//other.example/m", NULL},
                {"http://h.example.other/m", NULL},
                {"http://user@h.example/m", NULL},
                {"http://user:password@h.example/m", NULL},
                {"//h.example@other.example/m", NULL},
                {"file:///m", NULL},
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                char *url = http_resolve("http://name:secret@h.example:80/a/b", cases[i].ref);

                if (cases[i].url == NULL)
                        cr_expect_null(url, "%s: %s", cases[i].ref, url);
                else
                        cr_expect(url != NULL && strcmp(url, cases[i].url) == 0, "%s: %s",
                                  cases[i].ref, url);
                free(url);
        }
}

Test(CARRIER, no_post_becomes_a_get)
{
        static const unsigned statuses[] = {301, 302, 303};
        char path[64];

        for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
                struct fetch f = {0};

                snprintf(path, sizeof(path), "/redirect/%u?/hello", statuses[i]);
                fetch_start(&f, "POST", path, STR("{}"), NULL);
                fetch_await_end(&f);
                assert_has(f.why, ", which is followed by GET alone");
        }
        cr_assert_eq(web.n_requests, 3);
}

Test(CARRIER, what_leads_nowhere_is_an_answer)
{
        static const char *const paths[] = {"/status/302", "/redirect/304?/hello",
                                            "/redirect/300?/hello", "/redirect/302?http://"};

        for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
                struct fetch f = {0};

                fetch_get(&f, paths[i]);
                fetch_await_success(&f);
                cr_assert_eq(f.status / 100, 3);
        }
}

Test(CARRIER, cancelled_on_its_way_to_where_it_was_redirected)
{
        struct fetch f = {0};

        fetch_get(&f, "/redirect/302?/hang");
        AWAIT(web.n_requests == 2);
        http_cancel(f.request);
        turn_for(50);
        cr_assert_eq(f.n_dones + f.n_heads, 0);
}

Test(CARRIER, informational_heads_are_not_told)
{
        struct fetch f = {0};

        fetch_get(&f, "/early");
        fetch_await_success(&f);
        cr_assert_eq(f.status, 200);
        cr_assert_str_eq(f.session, "");
        cr_assert_str_eq(f.body, "late");
}

Test(CARRIER, trailers_without_end_are_no_answer)
{
        struct fetch f = {0};

        fetch_get(&f, "/trailers");
        fetch_await_end(&f);
        cr_assert(f.has_why);
        cr_assert_eq(f.fault, HTTP_FAULT_STRANGE);
}

Test(CARRIER, names_are_resolved)
{
        struct fetch f = {0};
        char url[64];
        struct http_options options = {.method = "GET", .url = url};

        snprintf(url, sizeof(url), "http://localhost:%u/hello", web.port);
        cr_assert_eq(fetch_start_options(&f, &options), 0);
        fetch_await_success(&f);
        cr_assert_eq(f.status, 200);
}

Test(CARRIER, a_connection_is_used_again)
{
        for (int i = 0; i < 10; i++) {
                struct fetch f = {0};

                fetch_get(&f, "/hello");
                fetch_await_success(&f);
        }
        cr_assert_eq(web.n_connections, 1);
        cr_assert_eq(http_client_n_sockets(client), 1);
}

Test(CARRIER, a_connection_is_used_again_from_within_on_done)
{
        struct fetch other = {0};
        struct fetch f = {.on_done = ACT_START_OTHER, .other = &other};

        fetch_get(&f, "/hello");
        fetch_await_success(&other);
        cr_assert_str_eq(other.body, "hello other");
        cr_assert_eq(web.n_connections, 1);
}

Test(CARRIER, a_request_may_be_started_within_any_handler)
{
        struct fetch others[2] = {{0}, {0}};
        struct fetch a = {.on_head = ACT_START_OTHER, .other = &others[0]};
        struct fetch b = {.on_body = ACT_START_OTHER, .other = &others[1]};

        fetch_get(&a, "/hello?a");
        fetch_get(&b, "/hello?b");
        fetch_await_success(&a);
        fetch_await_success(&b);
        fetch_await_success(&others[0]);
        fetch_await_success(&others[1]);
        cr_assert_str_eq(others[1].body, "hello other");
}

Test(CARRIER, a_stream_arrives_as_it_is_sent)
{
        struct fetch f = {0};

        fetch_get(&f, "/chunks");
        AWAIT(f.n_pieces == 1);
        cr_assert_str_eq(f.body, "one");
        cr_assert_str_eq(f.type, "text/event-stream");
        sem_post(&web.go);
        AWAIT(f.n_pieces == 2);
        cr_assert_str_eq(f.body, "onetwo");
        sem_post(&web.go);
        AWAIT(f.n_pieces == 3);
        cr_assert_eq(f.n_dones, 0);
        sem_post(&web.go);
        fetch_await_success(&f);
        cr_assert_str_eq(f.body, "onetwothree");
        cr_assert_str_eq(f.session, "", "trailers are no second head");
}

Test(CARRIER, eight_megabytes_arrive_whole)
{
        struct fetch f = {0};

        fetch_get(&f, "/big");
        fetch_await_success(&f);
        cr_assert(body_is_big(&f));
}

Test(CARRIER, a_thousand_at_once_each_get_their_own_answer)
{
        enum { N = 1000 };
        static struct fetch fetches[N];
        char text[32];

        for (int i = 0; i < N; i++) {
                snprintf(text, sizeof(text), "/hello?%d", i);
                fetch_get(&fetches[i], text);
        }
        for (int i = 0; i < N; i++) {
                fetch_await_success(&fetches[i]);
                snprintf(text, sizeof(text), "hello %d", i);
                cr_assert_str_eq(fetches[i].body, text);
        }
        AWAIT(http_client_n_sockets(client) == 0); /* none is kept for long */
        AWAIT(web.n_closed == web.n_connections);
        fetches[0] = (struct fetch){0};
        fetch_get(&fetches[0], "/hello?again");
        fetch_await_success(&fetches[0]);
}

Test(CARRIER, a_thousand_streams_leave_room_for_kept_connections)
{
        enum { N = 1000 };
        static struct fetch streams[N];
        unsigned n_connections;

        for (int i = 0; i < N; i++)
                fetch_get(&streams[i], "/stream");
        for (int i = 0; i < N; i++)
                AWAIT(streams[i].n_pieces == 1);
        n_connections = web.n_connections;
        for (int i = 0; i < 20; i++) {
                struct fetch f = {0};

                fetch_get(&f, "/hello");
                fetch_await_success(&f);
        }
        cr_assert_eq(web.n_connections, n_connections + 1);
        for (int i = 0; i < N; i++)
                http_cancel(streams[i].request);
        AWAIT(web.n_closed == N);
        cr_assert_eq(http_client_n_sockets(client), 1);
        for (int i = 0; i < N; i++)
                cr_assert_eq(streams[i].n_dones, 0);
}

/* ---- pause and resume ---- */

Test(CARRIER, a_paused_body_waits_and_comes_whole)
{
        struct fetch f = {.flow = HTTP_PAUSE};
        size_t n_sent;

        fetch_get(&f, "/big");
        AWAIT(f.n_pauses == 1);
        do { /* until the sockets between are full */
                n_sent = web.n_big_sent;
                turn_for(100);
        } while (web.n_big_sent != n_sent);
        cr_assert_eq(f.n_pieces, 0);
        cr_assert_lt(n_sent, WEB_BIG_BYTES, "the server is held back");
        http_resume(f.request);
        AWAIT(f.n_pieces > 0);
        f.flow = HTTP_PAUSE;
        AWAIT(f.n_pauses == 2);
        http_resume(f.request);
        fetch_await_success(&f);
        cr_assert(body_is_big(&f));
}

Test(CARRIER, resumed_before_it_is_paused)
{
        struct fetch f = {.flow = HTTP_PAUSE, .resumes_itself = true};

        fetch_get(&f, "/big");
        fetch_await_success(&f);
        cr_assert_eq(f.n_pauses, 1);
        cr_assert(body_is_big(&f));
}

Test(CARRIER, resuming_what_is_not_paused_changes_nothing)
{
        struct fetch f = {0};

        fetch_get(&f, "/chunks");
        http_resume(f.request);
        AWAIT(f.n_pieces == 1);
        http_resume(f.request);
        http_resume(f.request);
        turn();
        for (int i = 0; i < 3; i++)
                sem_post(&web.go);
        fetch_await_success(&f);
        cr_assert_str_eq(f.body, "onetwothree");
}

Test(CARRIER, paused_at_the_last_piece_it_still_ends)
{
        static const char *const paths[] = {"/hello?z", "/until-close"};

        for (int i = 0; i < 2; i++) {
                struct fetch f = {.flow = HTTP_PAUSE};

                fetch_get(&f, paths[i]);
                AWAIT(f.n_pauses == 1);
                turn_for(50);
                cr_assert_eq(f.n_dones, 0);
                http_resume(f.request);
                fetch_await_success(&f);
                cr_assert_str_eq(f.body, i == 0 ? "hello z" : "all of it");
        }
}

Test(CARRIER, one_that_is_paused_does_not_hold_up_the_others)
{
        struct fetch slow = {.flow = HTTP_PAUSE}, fast = {0};

        fetch_get(&slow, "/big");
        AWAIT(slow.n_pauses == 1);
        fetch_get(&fast, "/big");
        fetch_await_success(&fast);
        cr_assert_eq(slow.n_pieces, 0);
        cr_assert(body_is_big(&fast));
}

/* ---- cancel ---- */

static void assert_untold(const struct fetch *f, unsigned n_heads, unsigned n_pieces)
{
        turn_for(50);
        cr_assert_eq(f->n_heads, n_heads);
        cr_assert_eq(f->n_pieces, n_pieces);
        cr_assert_eq(f->n_dones, 0);
}

Test(CARRIER, cancelled_before_it_began)
{
        struct fetch f = {0};

        fetch_get(&f, "/hello");
        http_cancel(f.request);
        assert_untold(&f, 0, 0);
        cr_assert_eq(web.n_connections, 0);
        http_cancel(NULL);
}

Test(CARRIER, cancelled_while_it_waits_closes_its_connection)
{
        struct fetch f = {0};

        fetch_get(&f, "/hang");
        AWAIT(web.n_requests == 1);
        http_cancel(f.request);
        AWAIT(web.n_closed == 1);
        assert_untold(&f, 0, 0);
        cr_assert_eq(http_client_n_sockets(client), 0);
}

Test(CARRIER, cancelled_within_its_own_on_head)
{
        struct fetch f = {.on_head = ACT_CANCEL_SELF};

        fetch_get(&f, "/hello");
        AWAIT(f.n_heads == 1);
        assert_untold(&f, 1, 0);
}

Test(CARRIER, cancelled_within_its_own_on_body)
{
        struct fetch f = {.on_body = ACT_CANCEL_SELF};

        fetch_get(&f, "/big");
        AWAIT(f.n_pieces == 1);
        assert_untold(&f, 1, 1);
        AWAIT(web.n_closed == 1);
}

Test(CARRIER, cancelled_within_its_own_on_done)
{
        struct fetch f = {.on_done = ACT_CANCEL_SELF};

        fetch_get(&f, "/hello");
        fetch_await_success(&f);
        turn_for(50);
        cr_assert_eq(f.n_dones, 1);
}

Test(CARRIER, cancelled_while_it_is_paused)
{
        struct fetch f = {.flow = HTTP_PAUSE};

        fetch_get(&f, "/big");
        AWAIT(f.n_pauses == 1);
        http_resume(f.request);
        http_cancel(f.request);
        assert_untold(&f, 1, 0);
}

/* From each handler of one, the other: running, of the same turn, not begun. */
Test(CARRIER, cancelled_by_another)
{
        for (int handler = 0; handler < 3; handler++) {
                for (int kind = 0; kind < 3; kind++) {
                        struct fetch victim = {0};
                        struct fetch f = {.other = &victim};

                        *(handler == 0   ? &f.on_head
                          : handler == 1 ? &f.on_body
                                         : &f.on_done) = ACT_CANCEL_OTHER;
                        if (kind == 0) {
                                fetch_get(&victim, "/stream");
                                AWAIT(victim.n_pieces == 1);
                                fetch_get(&f, "/hello");
                        } else if (kind == 1) {
                                fetch_get(&f, "/hello");
                                fetch_get(&victim, "/stream");
                        } else {
                                fetch_get(&victim, "/hang");
                                fetch_get(&f, "/hello");
                        }
                        fetch_await_success(&f);
                        turn_for(30);
                        cr_assert_eq(victim.n_dones, 0);
                        cr_assert_leq(victim.n_pieces, 1);
                }
        }
}

/* Two that cancel each other: one of them is told its end. */
Test(CARRIER, cancelled_by_each_other)
{
        for (int i = 0; i < 20; i++) {
                struct fetch a = {.on_done = ACT_CANCEL_OTHER};
                struct fetch b = {.on_done = ACT_CANCEL_OTHER, .other = &a};

                a.other = &b;
                fetch_get(&a, "/hello");
                fetch_get(&b, "/hello");
                AWAIT(a.n_dones + b.n_dones > 0);
                turn_for(10);
                cr_assert_eq(a.n_dones + b.n_dones, 1);
        }
}

Test(CARRIER, the_client_may_be_destroyed_within_any_handler)
{
        for (int handler = 0; handler < 3; handler++) {
                struct fetch f = {0}, running = {0}, waiting = {0};

                if (client == NULL)
                        create_client();
                *(handler == 0   ? &f.on_head
                  : handler == 1 ? &f.on_body
                                 : &f.on_done) = ACT_DESTROY_CLIENT;
                fetch_get(&running, "/stream");
                AWAIT(running.n_pieces == 1);
                fetch_get(&f, "/hello");
                fetch_get(&waiting, "/hang");
                AWAIT(client == NULL);
                turn_for(30);
                cr_assert_eq(running.n_dones + waiting.n_dones, 0);
                cr_assert_eq(f.n_dones, handler == 2);
        }
}

Test(CARRIER, destroying_the_client_cancels_what_runs)
{
        struct fetch f = {0}, unbegun = {0};

        fetch_get(&f, "/stream");
        AWAIT(f.n_pieces == 1);
        fetch_get(&unbegun, "/hello");
        http_client_destroy(client);
        client = NULL;
        AWAIT(web.n_closed == 1);
        cr_assert_eq(f.n_dones + unbegun.n_dones, 0);
}

/* ---- servers that have their own idea of the end ---- */

Test(CARRIER, an_answer_before_the_request_has_been_read_is_told)
{
        static char body[8 << 20];
        struct fetch f = {0}, next = {0};

        memset(body, 'b', sizeof(body));
        fetch_start(&f, "POST", "/refuse", (struct str){body, sizeof(body)}, NULL);
        fetch_await_success(&f);
        cr_assert_eq(f.status, 413);
        cr_assert_str_eq(f.body, "big");
        AWAIT(web.n_closed == 1);
        fetch_get(&next, "/hello");
        fetch_await_success(&next);
}

/* Its end has come by then, and has not been seen. */
Test(CARRIER, no_post_goes_on_a_connection_that_is_over)
{
        for (unsigned i = 0; i < 10; i++) {
                struct fetch f = {0}, post = {0};

                fetch_get(&f, "/bye");
                fetch_await_success(&f);
                while (web.n_closed < 2 * i + 1)
                        usleep(1000);
                fetch_start(&post, "POST", "/bye", STR("{}"), NULL);
                fetch_await_success(&post);
                cr_assert_str_eq(post.body, "bye");
                while (web.n_closed < 2 * i + 2)
                        usleep(1000);
        }
}

static void no_answer_comes_of(const char *path)
{
        struct fetch f = {0};

        fetch_get(&f, path);
        fetch_await_end(&f);
        cr_assert(f.has_why);
        cr_assert_eq(f.fault, HTTP_FAULT_STRANGE);
        cr_assert_eq(f.n_heads, 0);
}

Test(CARRIER, informational_heads_without_end_are_no_answer)
{
        no_answer_comes_of("/informed");
}

Test(CARRIER, interim_answers_with_long_reasons_are_not_heard_out)
{
        no_answer_comes_of("/reasons");
}

/* What is no body takes a turn's share too; curl has a measure of its own. */
Test(CARRIER, chunks_that_are_mostly_extensions_take_many_turns)
{
        struct fetch f = {0};
        uint64_t n_turns = loop_turn_no(loop);

        fetch_get(&f, "/extensions");
        fetch_await_success(&f);
        cr_assert_eq(f.n_body, WEB_EXTENSIONS);
        n_turns = loop_turn_no(loop) - n_turns;
        cr_assert_geq(n_turns,
                      (uint64_t)WEB_EXTENSIONS * WEB_EXTENSION_BYTES /
                              (IS_CURLS ? 4u << 20 : 256u << 10),
                      "%llu turns", (unsigned long long)n_turns);
}

Test(CARRIER, reset_while_it_is_paused)
{
        struct fetch f = {.flow = HTTP_PAUSE};
        uint64_t n_turns;

        fetch_get(&f, "/reset");
        AWAIT(f.n_pauses == 1);
        sem_post(&web.go);
        AWAIT(web.n_closed == 1);
        turn_for(50);
        n_turns = loop_turn_no(loop);
        turn_for(100);
        cr_assert_leq(loop_turn_no(loop) - n_turns, 100, "it is told again and again");
        cr_assert_eq(f.n_dones, 0);
        http_resume(f.request);
        fetch_await_end(&f);
        cr_assert(f.has_why);
        cr_assert_eq(f.fault, HTTP_FAULT_BROKEN);
}

/* ---- what goes wrong ---- */

/* A port on which nobody listens: bound, so that nobody else takes it. */
static unsigned dead_port(void)
{
        struct sockaddr_in sin = {.sin_family = AF_INET};
        socklen_t n = sizeof(sin);
        int fd = socket(AF_INET, SOCK_STREAM, 0);

        sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        cr_assert_eq(bind(fd, (struct sockaddr *)&sin, sizeof(sin)), 0);
        cr_assert_eq(getsockname(fd, (struct sockaddr *)&sin, &n), 0);
        return ntohs(sin.sin_port);
}

static void fetch_post_url(struct fetch *f, const char *url)
{
        struct http_options options = {
                .method = "POST", .url = url, .body = STR("{}"), .connect_timeout_ms = 5000};

        cr_assert_eq(fetch_start_options(f, &options), 0);
}

Test(CARRIER, refused_says_where_but_no_secrets)
{
        struct fetch f = {0};
        unsigned port = dead_port();
        char url[128];

        snprintf(url, sizeof(url), "http://name:pass@127.0.0.1:%u/mcp?key=hidden#part", port);
        fetch_post_url(&f, url);
        fetch_await_end(&f);
        cr_assert_not(f.was_sent);
        cr_assert_eq(f.n_heads, 0);
        snprintf(url, sizeof(url), "(http://127.0.0.1:%u)", port);
        assert_has(f.why, url);
        assert_has(f.why, "connect");
        cr_assert_eq(f.fault, HTTP_FAULT_AWAY);
        assert_lacks(f.why, "mcp");
        assert_lacks(f.why, "hidden");
        assert_lacks(f.why, "pass");
        assert_lacks(f.why, "part");
}

Test(CARRIER, unknown_name_was_not_sent)
{
        struct fetch f = {0};

        fetch_post_url(&f, "http://name.invalid/mcp");
        fetch_await_end(&f);
        cr_assert_not(f.was_sent);
        assert_has(f.why, "name.invalid");
        cr_assert_eq(f.fault, HTTP_FAULT_AWAY);
}

static void assert_fails_unsent(const char *url, const char *why)
{
        struct fetch f = {0};

        fetch_post_url(&f, url);
        fetch_await_end(&f);
        cr_assert(f.has_why, "%s", url);
        assert_has(f.why, why);
        cr_assert_not(f.was_sent);
        cr_assert_eq(f.fault, HTTP_FAULT_OURS);
        cr_assert_eq(f.n_heads, 0);
}

Test(CARRIER, other_protocols_and_bad_urls_fail_in_their_handler)
{
        assert_fails_unsent("ftp://127.0.0.1/x", "Protocol \"ftp\" not supported");
        assert_fails_unsent("file:///etc/hosts", "Protocol \"file\" not supported");
        assert_fails_unsent("not a url", "(unreadable URL)");
        assert_fails_unsent("", "(unreadable URL)");
}

Test(CARRIER, header_with_a_line_break_is_refused)
{
        struct fetch f = {0};
        const char *headers[] = {"X: a\r\nY: b", NULL};
        struct http_options options = {
                .method = "GET", .url = "http://127.0.0.1/", .headers = headers};

        cr_assert_eq(fetch_start_options(&f, &options), -EINVAL);
        headers[0] = "X: a\nY: b";
        cr_assert_eq(fetch_start_options(&f, &options), -EINVAL);
        cr_assert_eq(f.n_dones, 0);
}

Test(CARRIER, cut_off_answers_are_failures_that_were_sent)
{
        static const char *const paths[] = {"/half", "/half-chunk"};

        for (int i = 0; i < 2; i++) {
                struct fetch f = {0};

                fetch_get(&f, paths[i]);
                fetch_await_end(&f);
                cr_assert(f.has_why);
                cr_assert(f.was_sent);
                cr_assert_eq(f.fault, HTTP_FAULT_BROKEN);
                cr_assert_eq(f.status, 200);
                cr_assert_str_eq(f.body, "half");
        }
}

Test(CARRIER, a_compressed_answer_is_a_failure_that_says_so)
{
        struct fetch f = {0};

        fetch_start(&f, "POST", "/compressed", STR("{}"), NULL);
        fetch_await_end(&f);
        cr_assert_eq(f.fault, HTTP_FAULT_STRANGE);
        cr_assert_not_null(strstr(f.why, "compressed"), "%s", f.why);
        cr_assert_eq(f.n_heads, 0);
        cr_assert_eq(f.n_pieces, 0);
}

Test(CARRIER, no_answer_and_no_http_are_failures_that_were_sent)
{
        static const char *const paths[] = {"/silent", "/garbage"};

        for (int i = 0; i < 2; i++) {
                struct fetch f = {0};

                fetch_start(&f, "POST", paths[i], STR("{}"), NULL);
                fetch_await_end(&f);
                cr_assert(f.has_why);
                cr_assert(f.was_sent);
                cr_assert_eq(f.fault, i == 0 ? HTTP_FAULT_CUT : HTTP_FAULT_STRANGE);
                cr_assert_eq(f.n_heads, 0);
        }
}

/* Who is told that there is an error is not kept waiting by its text. */
Test(CARRIER, the_body_of_an_error_has_an_end)
{
        static const char *const paths[] = {"/endless/500", "/endless/404", "/endless/302",
                                            "/unfinished/503"};

        for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
                struct fetch f = {0};

                fetch_start(&f, "POST", paths[i], STR("{}"), NULL);
                fetch_await_success(&f);
                cr_assert_leq(f.n_body, 128u << 10);
        }
        AWAIT(web.n_closed == 4);
}

Test(CARRIER, the_body_of_a_success_has_none)
{
        struct fetch f = {0};

        fetch_get(&f, "/endless/200");
        AWAIT(f.n_body > (1u << 20));
        cr_assert_eq(f.n_dones, 0);
        http_cancel(f.request);
}

/* On a kept connection curl would send the request again by itself. */
Test(CARRIER, post_is_never_sent_twice)
{
        struct fetch first = {0}, post = {0};

        fetch_get(&first, "/hello");
        fetch_await_success(&first);
        fetch_start(&post, "POST", "/silent", STR("{}"), NULL);
        fetch_await_end(&post);
        cr_assert(post.has_why);
        cr_assert(post.was_sent);
        cr_assert_eq(post.fault, HTTP_FAULT_CUT);
        turn_for(50);
        cr_assert_eq(web.n_silent, 1);
}

Test(CARRIER, get_is_sent_again_when_a_kept_connection_closed)
{
        struct fetch first = {0}, get = {0};

        fetch_get(&first, "/hello");
        fetch_await_success(&first);
        fetch_get(&get, "/silent");
        fetch_await_end(&get);
        cr_assert(get.has_why, "the new connection closes too");
        cr_assert_eq(web.n_silent, 2);
}

Test(CARRIER, the_whole_exchange_has_its_time)
{
        struct fetch f = {0};
        char url[64];
        struct http_options options = {.method = "GET", .url = url, .timeout_ms = 80};
        int64_t start_ms = clock_monotonic_ms();

        snprintf(url, sizeof(url), "http://127.0.0.1:%u/stream", web.port);
        cr_assert_eq(fetch_start_options(&f, &options), 0);
        fetch_await_end(&f);
        cr_assert_geq(clock_monotonic_ms() - start_ms, 80);
        cr_assert(f.has_why);
        cr_assert(f.was_sent);
        cr_assert_eq(f.fault, HTTP_FAULT_LATE);
        cr_assert_eq(f.n_pieces, 1);
}

Test(CARRIER, connecting_has_its_own_time)
{
        struct fetch f = {0};
        struct sockaddr_in sin = {.sin_family = AF_INET};
        socklen_t n = sizeof(sin);
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        char url[64];
        struct http_options options = {.method = "POST", .url = url, .connect_timeout_ms = 80};

        /* A full backlog: further connections are never answered. */
        sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        cr_assert_eq(bind(fd, (struct sockaddr *)&sin, sizeof(sin)), 0);
        cr_assert_eq(listen(fd, 0), 0);
        cr_assert_eq(getsockname(fd, (struct sockaddr *)&sin, &n), 0);
        for (int i = 0; i < 4; i++) {
                int filler = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

                (void)connect(filler, (struct sockaddr *)&sin, sizeof(sin));
        }
        snprintf(url, sizeof(url), "http://127.0.0.1:%u/", ntohs(sin.sin_port));
        cr_assert_eq(fetch_start_options(&f, &options), 0);
        fetch_await_end(&f);
        cr_assert(f.has_why);
        cr_assert_eq(f.fault, HTTP_FAULT_AWAY);
        cr_assert_not(f.was_sent);
}
