/* Small documents, and what strangers may cause. */
#include "mgw/loop/http_document.h"
#include "web.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

TestSuite(http_document, .timeout = 60);

static struct web web; /* its threads outlive the test */
static struct loop *loop;
static struct http_client *client;

static struct told {
        unsigned n;
        unsigned status;
        int64_t max_age_s;
        char body[256], type[64], fault[512];
} told;

static void put(char *to, size_t size, struct str s)
{
        snprintf(to, size, "%.*s", STR_ARG(s));
}

static void on_done(void *owner, const struct http_document_answer *answer)
{
        (void)owner;
        told.n++;
        told.status = answer->status;
        told.max_age_s = answer->max_age_s;
        put(told.body, sizeof(told.body), answer->body);
        put(told.type, sizeof(told.type), answer->content_type);
        put(told.fault, sizeof(told.fault), str_from(answer->fault));
}

static void begin(void)
{
        web_start(&web);
        cr_assert_eq(loop_create(&loop), 0);
        cr_assert_eq(http_client_create(loop, &client), 0);
        memset(&told, 0, sizeof(told));
}

static void end(void)
{
        http_client_destroy(client);
        loop_destroy(loop);
}

static struct http_document_options options_of(const char *url, bool is_public)
{
        return (struct http_document_options){.method = "GET",
                                              .url = url,
                                              .max_bytes = 1000,
                                              .timeout_ms = 20000,
                                              .is_public = is_public};
}

static void wait(void)
{
        while (told.n == 0)
                cr_assert_eq(loop_turn(loop, 100), 0);
}

static void fetch_by(const struct http_document_options *options)
{
        memset(&told, 0, sizeof(told));
        cr_assert_not_null(http_document_start(client, options, on_done, NULL));
        cr_assert_eq(told.n, 0, "told from within");
        wait();
        cr_assert_eq(told.n, 1);
}

static void fetch_url(const char *url, bool is_public)
{
        const struct http_document_options options = options_of(url, is_public);

        fetch_by(&options);
}

static void fetch(const char *path)
{
        char url[256];

        snprintf(url, sizeof(url), "http://127.0.0.1:%u%s", web.port, path);
        fetch_url(url, false);
}

static void expect_fault(const char *part)
{
        cr_expect_not_null(strstr(told.fault, part), "\"%s\" is not in \"%s\"", part, told.fault);
        cr_expect_eq(told.status, 0);
        cr_expect_str_eq(told.body, "");
}

Test(http_document, brings_status_type_body_and_age)
{
        begin();
        fetch("/cached");
        cr_expect_str_eq(told.fault, "");
        cr_expect_eq(told.status, 200);
        cr_expect_str_eq(told.body, "{}");
        cr_expect_str_eq(told.type, "application/json");
        cr_expect_eq(told.max_age_s, 600);
        fetch("/hello?you");
        cr_expect_str_eq(told.body, "hello you");
        cr_expect_eq(told.max_age_s, -1);
        fetch("/status/404");
        cr_expect_eq(told.status, 404);
        end();
}

Test(http_document, sends_what_it_is_given)
{
        static const char *const headers[] = {"Content-Type: application/x-www-form-urlencoded",
                                              NULL};
        struct http_document_options options;
        char url[64];

        begin();
        snprintf(url, sizeof(url), "http://127.0.0.1:%u/echo", web.port);
        options = options_of(url, false);
        options.method = "POST";
        options.headers = headers;
        options.body = STR("a=b");
        fetch_by(&options);
        cr_expect_eq(strncmp(told.body, "POST /echo HTTP/1.1\r\n", 21), 0);
        cr_expect_not_null(strstr(told.body, "application/x-www-form-urlencoded\r\n"));
        cr_expect_not_null(strstr(told.body, "\r\n\r\na=b"));
        end();
}

Test(http_document, is_bounded_in_bytes_and_time_and_follows_nothing)
{
        struct http_document_options options;
        char url[64];

        begin();
        fetch("/big");
        expect_fault("over 1000 bytes");
        fetch("/endless/200");
        expect_fault("over 1000 bytes");
        fetch("/redirect/302?/hello");
        expect_fault("not followed");
        fetch("/redirect/307?https://example.com/");
        expect_fault("not followed");
        cr_expect_eq(atomic_load(&web.n_requests), 4, "a redirect was followed");
        fetch("/half");
        expect_fault("closed in the middle");
        snprintf(url, sizeof(url), "http://127.0.0.1:%u/hang", web.port);
        options = options_of(url, false);
        options.timeout_ms = 200;
        fetch_by(&options);
        expect_fault("in time");
        snprintf(url, sizeof(url), "http://127.0.0.1:%u/stream", web.port);
        options.url = url;
        fetch_by(&options);
        expect_fault("in time");
        end();
}

Test(http_document, takes_no_url_that_cannot_be_meant)
{
        static const char *const urls[] = {"nonsense", "", "http://", "ftp://example.com/x",
                                           "file:///etc/passwd"};

        begin();
        for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
                fetch_url(urls[i], false);
                cr_expect_neq(told.fault[0], '\0', "%s", urls[i]);
        }
        fetch_url("http://user@127.0.0.1/", false);
        expect_fault("credentials");
        fetch_url("https://user:secret@example.com/", true);
        expect_fault("credentials");
        cr_expect_null(strstr(told.fault, "secret"));
        end();
}

/* "localhost" is a name that leads inside: what it resolves to is judged, not how it looks. */
Test(http_document, strangers_reach_https_at_public_addresses_alone)
{
        static const char *const hosts[] = {"127.0.0.1", "localhost",  "[::ffff:127.0.0.1]",
                                            "0x7f.1",    "2130706433", "[::1]"};
        char url[128];

        begin();
        for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
                snprintf(url, sizeof(url), "https://%s:%u/hello", hosts[i], web.port);
                fetch_url(url, true);
                expect_fault("is not public (allow_private_documents)");
                snprintf(url, sizeof(url), "http://%s:%u/hello", hosts[i], web.port);
                fetch_url(url, true);
                expect_fault("not https");
        }
        cr_expect_eq(atomic_load(&web.n_connections), 0);
        end();
}

/* A proxy would go where we may not. */
Test(http_document, strangers_have_no_proxy)
{
        char proxy[64], url[64];

        web_start(&web);
        snprintf(proxy, sizeof(proxy), "http://127.0.0.1:%u", web.port);
        cr_assert_eq(setenv("https_proxy", proxy, 1), 0);
        cr_assert_eq(setenv("ALL_PROXY", proxy, 1), 0);
        begin();
        snprintf(url, sizeof(url), "https://localhost:%u/hello", web.port);
        fetch_url(url, true);
        expect_fault("is not public");
        fetch_url("https://127.0.0.1:1/hello", true);
        expect_fault("is not public");
        cr_expect_eq(atomic_load(&web.n_connections), 0);
        end();
}

Test(http_document, may_be_private_where_that_is_allowed)
{
        char url[64];

        begin();
        http_document_allow_private(client);
        snprintf(url, sizeof(url), "http://127.0.0.1:%u/redirect/302?/hello", web.port);
        fetch_url(url, true);
        expect_fault("not followed");
        snprintf(url, sizeof(url), "http://localhost:%u/hello?you", web.port);
        fetch_url(url, true);
        cr_expect_str_eq(told.body, "hello you");
        fetch_url("http://169.254.169.254/latest/meta-data", true);
        expect_fault("is not to be reached");
        end();
}

Test(http_document, strangers_are_so_many_at_once)
{
        struct http_document *documents[HTTP_DOCUMENTS_PUBLIC_MAX];
        struct http_document_options options;
        char url[64];

        begin();
        http_document_allow_private(client);
        snprintf(url, sizeof(url), "http://127.0.0.1:%u/hang", web.port);
        options = options_of(url, true);
        for (size_t i = 0; i < HTTP_DOCUMENTS_PUBLIC_MAX; i++)
                documents[i] = http_document_start(client, &options, on_done, NULL);
        http_document_start(client, &options, on_done, NULL);
        wait();
        expect_fault("too many documents");
        for (size_t i = 0; i < HTTP_DOCUMENTS_PUBLIC_MAX; i++)
                http_document_cancel(documents[i]);
        snprintf(url, sizeof(url), "http://127.0.0.1:%u/cached", web.port);
        fetch_url(url, true);
        cr_expect_eq(told.status, 200);
        end();
}

Test(http_document, says_nothing_once_it_is_cancelled)
{
        struct http_document_options options;
        char url[64];

        begin();
        snprintf(url, sizeof(url), "http://127.0.0.1:%u/hello", web.port);
        options = options_of(url, false);
        http_document_cancel(http_document_start(client, &options, on_done, NULL));
        options.url = "nonsense://";
        http_document_cancel(http_document_start(client, &options, on_done, NULL));
        http_document_cancel(NULL);
        cr_assert_eq(loop_turn(loop, 0), 0);
        cr_expect_eq(told.n, 0);
        fetch("/cached");
        end();
}
