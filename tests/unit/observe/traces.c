/* Spans on their way: what a collector gets by HTTP, from a listener of our own. */
#include "../check.h"
#include "mgw/config/config.h"
#include "mgw/core/share.h"
#include "mgw/observe/observe.h"
#include "mgw/observe/span.h"

#include <jansson.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

TestSuite(traces, .timeout = 60);

static const char sampled[] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
static const char unsampled[] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";

static struct context context;
static struct config config;
static struct share own_share;
static char email[] = "ann@example.com";
static struct user user = {.email = email};
static struct identity identity = {.user = &user};
static int listener;
static char url[64];

static void open_world(double sample)
{
        struct sockaddr_in address = {.sin_family = AF_INET,
                                      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t n = sizeof(address);

        listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        cr_assert_eq(bind(listener, (struct sockaddr *)&address, n), 0);
        cr_assert_eq(listen(listener, 8), 0);
        cr_assert_eq(getsockname(listener, (struct sockaddr *)&address, &n), 0);
        snprintf(url, sizeof(url), "http://127.0.0.1:%u/v1/traces", ntohs(address.sin_port));
        config = (struct config){.audit_file = (char *)"",
                                 .traces_url = url,
                                 .traces_sample = sample,
                                 .node = (char *)"node-1"};
        context = (struct context){.config = &config, .own_share = &own_share};
        own_share = (struct share){.context = &context, .memory = {.ledger = &context.ledger}};
        cr_assert_eq(loop_create(&context.loop), 0);
        cr_assert_eq(http_client_create(context.loop, &context.http), 0);
        cr_assert_eq(observe_open(&context), 0);
}

static void close_world(void)
{
        observe_close(&context);
        http_client_destroy(context.http);
        loop_destroy(context.loop);
        close(listener);
        check_int(context.ledger.bytes, 0);
}

static void turn(void)
{
        cr_assert_eq(loop_turn(context.loop, 20), 0);
}

/* Takes a POST, answers it, and has its body. */
static json_t *take_batch(const char *status)
{
        struct pollfd pfd = {.fd = listener, .events = POLLIN};
        static char text[1 << 20];
        size_t n = 0, want = SIZE_MAX;
        char answer[128];
        int fd;

        while (poll(&pfd, 1, 0) == 0)
                turn();
        fd = accept(listener, NULL, NULL);
        while (n < want) {
                ssize_t r = recv(fd, text + n, sizeof(text) - 1 - n, MSG_DONTWAIT);
                char *head;

                if (r < 0) {
                        turn();
                        continue;
                }
                cr_assert_gt(r, 0);
                n += (size_t)r;
                text[n] = '\0';
                head = strstr(text, "\r\n\r\n");
                if (head != NULL && want == SIZE_MAX)
                        want = (size_t)(head + 4 - text) +
                               strtoul(strcasestr(text, "content-length:") + 15, NULL, 10);
        }
        cr_assert_not_null(strcasestr(text, "content-type: application/json"));
        cr_assert_eq(strncmp(text, "POST /v1/traces ", 16), 0);
        snprintf(answer, sizeof(answer),
                 "HTTP/1.1 %s\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}", status);
        cr_assert_eq(write(fd, answer, strlen(answer)), (ssize_t)strlen(answer));
        close(fd);
        json_t *batch = json_loads(strstr(text, "\r\n\r\n") + 4, 0, NULL);
        cr_assert_not_null(batch, "it is JSON");
        return batch;
}

static const json_t *spans_of(const json_t *batch)
{
        const json_t *resource = json_array_get(json_object_get(batch, "resourceSpans"), 0);
        const json_t *scope = json_array_get(json_object_get(resource, "scopeSpans"), 0);

        return json_object_get(scope, "spans");
}

static struct call_record record_of(const char *traceparent, json_t **params)
{
        *params = json_pack("{s:{s:s*}}", "_meta", "traceparent", traceparent);
        return (struct call_record){.identity = &identity,
                                    .method = "tools/call",
                                    .name = "weird \"name\"\n",
                                    .params = *params,
                                    .revision = "2025-11-25",
                                    .took_us = 5,
                                    .began_us = INT64_C(1700000000000000)};
}

/* true: it was traced. */
static bool run(const char *traceparent)
{
        json_t *params;
        struct call_record record = record_of(traceparent, &params);
        bool is_traced;

        record.span = span_begin(&context, &record, NULL, false);
        is_traced = record.span != NULL;
        observe_call(&context, &record);
        json_decref(params);
        return is_traced;
}

static const char *text_of(const json_t *span, const char *key)
{
        return json_string_value(json_object_get(span, key));
}

/* The text of that attribute. */
static const char *attribute_of(const json_t *span, const char *key)
{
        const json_t *attribute;
        size_t i;

        json_array_foreach (json_object_get(span, "attributes"), i, attribute)
                if (strcmp(text_of(attribute, "key"), key) == 0)
                        return text_of(json_object_get(attribute, "value"), "stringValue");
        return "";
}

Test(traces, a_span_goes_out_in_the_form_of_otlp)
{
        const json_t *span;
        json_t *batch;

        open_world(1);
        cr_assert(run(sampled));
        batch = take_batch("200 OK");
        check_int(json_array_size(spans_of(batch)), 1);
        span = json_array_get(spans_of(batch), 0);
        cr_assert_str_eq(text_of(span, "traceId"), "0af7651916cd43dd8448eb211c80319c");
        cr_assert_str_eq(text_of(span, "parentSpanId"), "b7ad6b7169203331");
        check_int(strlen(text_of(span, "spanId")), 16);
        cr_assert_str_eq(text_of(span, "name"), "tools/call", "nobody has listed that name");
        cr_assert_str_eq(text_of(span, "startTimeUnixNano"), "1700000000000000000");
        cr_assert_str_eq(text_of(span, "endTimeUnixNano"), "1700000000000005000");
        json_decref(batch);
        close_world();
}

/* Each byte of what others have chosen may become six. */
Test(traces, a_call_with_long_names_of_controls_has_its_span_too)
{
        char uri[2000], name[400], id[300];
        struct call_record record;
        json_t *params, *batch;

        memset(uri, 1, sizeof(uri) - 1);
        memset(name, 1, sizeof(name) - 1);
        memset(id, 1, sizeof(id) - 1);
        uri[sizeof(uri) - 1] = name[sizeof(name) - 1] = id[sizeof(id) - 1] = '\0';
        open_world(1);
        record = record_of(sampled, &params);
        json_object_set_new(params, "uri", json_string(uri));
        record.name = record.server = name;
        record.is_known = true;
        record.id = json_string(id);
        record.session_id = record.request_id = record.revision = id;
        record.span = span_begin(&context, &record, NULL, false);
        observe_call(&context, &record);
        batch = take_batch("200 OK");
        check_int(json_array_size(spans_of(batch)), 1);
        json_decref((json_t *)record.id);
        json_decref(params);
        json_decref(batch);
        close_world();
}

Test(traces, a_post_has_what_spans_of_http_must_have)
{
        const struct span_request request = {.path = STR("/mcp"), .parent = sampled};
        const json_t *span;
        json_t *batch;

        open_world(1);
        config.public_url = (char *)"https://mcp.example.com";
        span_request_end_take(&context, span_request_begin(&context, &request), 200);
        batch = take_batch("200 OK");
        span = json_array_get(spans_of(batch), 0);
        cr_assert_str_eq(attribute_of(span, "http.request.method"), "POST");
        cr_assert_str_eq(attribute_of(span, "url.path"), "/mcp");
        cr_assert_str_eq(attribute_of(span, "url.scheme"), "https");
        json_decref(batch);
        close_world();
}

Test(traces, what_a_client_has_decided_is_not_decided_again)
{
        open_world(1);
        cr_assert(!run(unsampled));
        cr_assert(run(NULL));
        config.traces_sample = 0;
        cr_assert(run(sampled));
        cr_assert(!run(NULL));
        json_decref(take_batch("200 OK"));
        close_world();
}

Test(traces, a_share_of_the_rest_is_traced)
{
        int n = 0;

        open_world(0.1);
        for (int i = 0; i < 10000; i++)
                n += run(NULL);
        /* 1000 expected; six standard deviations are 180 */
        cr_assert(n > 820 && n < 1180, "%d", n);
        json_t *batch = take_batch("200 OK");
        cr_assert_gt(json_array_size(spans_of(batch)), 100);
        json_decref(batch);
        close_world();
}

Test(traces, what_the_collector_cannot_take_now_comes_again)
{
        json_t *first, *second;

        open_world(1);
        cr_assert(run(sampled));
        first = take_batch("503 Service Unavailable");
        second = take_batch("200 OK");
        cr_assert(json_equal(first, second));
        json_decref(first);
        json_decref(second);
        close_world();
}

Test(traces, the_queue_has_a_cap)
{
        unsigned n = 0;

        open_world(1);
        for (; n < 20000; n++)
                cr_assert(run(NULL));
        cr_assert_lt(context.ledger.bytes, 16 << 20);
        turn();
        close_world();
}

Test(traces, an_upstream_goes_on_in_our_span)
{
        json_t *params, *batch, *sent;
        struct call_record record;
        const struct span_peer peer = {.server = "w", .url = "https://[::1]/mcp"};
        const json_t *span;
        char expected[64];

        open_world(1);
        record = record_of(sampled, &params);
        record.span = span_begin(&context, &record, NULL, false);
        sent = span_upstream_begin_take(
                &context, record.span, &peer,
                json_pack("{s:s, s:{s:i}}", "name", "t", "_meta", "progressToken", 3));
        span_upstream_end(&context, &record, -32603, "-32603");
        span_upstream_end(&context, &record, 0, NULL); /* once */
        observe_call(&context, &record);
        batch = take_batch("200 OK");
        check_int(json_array_size(spans_of(batch)), 2);
        span = json_array_get(spans_of(batch), 0);
        check_int(json_integer_value(json_object_get(span, "kind")), 3);
        check_int(json_integer_value(json_object_get(json_object_get(span, "status"), "code")), 2);
        cr_assert_str_eq(attribute_of(span, "server.address"), "::1", "no brackets");
        cr_assert_str_eq(text_of(span, "parentSpanId"),
                         text_of(json_array_get(spans_of(batch), 1), "spanId"));
        snprintf(expected, sizeof(expected), "00-0af7651916cd43dd8448eb211c80319c-%s-01",
                 text_of(span, "spanId"));
        cr_assert_str_eq(text_of(json_object_get(sent, "_meta"), "traceparent"), expected);
        check_int(json_integer_value(
                          json_object_get(json_object_get(sent, "_meta"), "progressToken")),
                  3);
        json_decref(batch);
        json_decref(sent);
        json_decref(params);
        close_world();
}
