/* Labels are bounded, and the text is what Prometheus reads. */
#include "mgw/observe/metrics.h"
#include "../check.h"
#include "mgw/core/identity.h"
#include "mgw/observe/exposition.h"

#include <stdio.h>
#include <string.h>

static struct context context;
static struct user user = {.email = "ada@example.com"};
static struct identity identity = {.user = &user};
static struct buf out;

static void begin(void)
{
        context.n_upstreams = 1;
        metrics_create(&context);
        buf_init(&out, 16u << 20);
}

static void end(void)
{
        metrics_destroy(context.metrics);
        buf_finish(&out);
}

static struct call_record call_of(const char *name)
{
        return (struct call_record){.identity = &identity,
                                    .server = "u",
                                    .method = "tools/call",
                                    .name = name,
                                    .is_known = true,
                                    .took_us = 15000,
                                    .bytes_in = 10,
                                    .bytes_out = 100};
}

static void add(struct call_record record)
{
        metrics_add_call(context.metrics, &record);
}

static const char *printed(void)
{
        buf_consume(&out, out.len);
        metrics_print(&context, &out);
        (void)buf_add(&out, "", 1);
        return buf_bytes(&out).p;
}

static bool has_line(const char *line)
{
        char whole[600];

        snprintf(whole, sizeof(whole), "\n%s\n", line);
        return strstr(printed(), whole) != NULL;
}

static size_t n_of(const char *what)
{
        size_t n = 0;

        for (const char *at = printed(); (at = strstr(at, what)) != NULL; at++)
                n++;
        return n;
}

#define CALLS "mgw_calls_ended_total{server=\"u\",method=\"tools/call\","

Test(metrics, a_call_is_counted_by_server_tool_and_outcome)
{
        struct call_record failed = call_of("u_t");

        begin();
        add(call_of("u_t"));
        add(call_of("u_t"));
        failed.outcome = CALL_OUTCOME_TOOL_ERROR;
        add(failed);
        cr_assert(has_line(CALLS "tool=\"u_t\",outcome=\"ok\"} 2"), "%s", printed());
        cr_assert(has_line(CALLS "tool=\"u_t\",outcome=\"tool_error\"} 1"));
        cr_assert(has_line("mgw_call_received_bytes_total 30"));
        cr_assert(has_line("mgw_call_sent_bytes_total 300"));
        check_int(metrics_calls(context.metrics).ended, 3);
        check_int(metrics_calls(context.metrics).failed, 1);
        end();
}

#define TOOK "mcp_server_operation_duration_seconds"
#define OF_T "mcp_method_name=\"tools/call\",gen_ai_tool_name=\"u_t\",server=\"u\""

Test(metrics, a_bound_counts_what_is_no_longer_than_it)
{
        struct call_record call = call_of("u_t");

        begin();
        call.took_us = 10000;
        add(call);
        call.took_us = 10001;
        add(call);
        call.took_us = 300000001;
        add(call);
        cr_assert(has_line(TOOK "_bucket{" OF_T ",le=\"0.01\"} 1"), "%s", printed());
        cr_assert(has_line(TOOK "_bucket{" OF_T ",le=\"0.02\"} 2"));
        cr_assert(has_line(TOOK "_bucket{" OF_T ",le=\"300\"} 2"));
        cr_assert(has_line(TOOK "_bucket{" OF_T ",le=\"+Inf\"} 3"));
        cr_assert(has_line(TOOK "_count{" OF_T "} 3"));
        cr_assert(has_line(TOOK "_sum{" OF_T "} 300.020002"));
        end();
}

#define ANSWERED "mcp_client_operation_duration_seconds_count{mcp_method_name="

Test(metrics, an_answer_of_a_server_is_counted_by_method_and_error_and_is_no_call)
{
        struct call_record answer = {.server = "u", .method = "tools/list", .took_us = 10};

        begin();
        metrics_add_answer(context.metrics, &answer);
        answer.method = "tools/call";
        metrics_add_answer(context.metrics, &answer);
        metrics_add_answer(context.metrics, &answer);
        answer.outcome = CALL_OUTCOME_ERROR;
        metrics_add_answer(context.metrics, &answer);
        cr_assert(has_line(ANSWERED "\"tools/list\",server=\"u\"} 1"), "%s", printed());
        cr_assert(has_line(ANSWERED "\"tools/call\",server=\"u\"} 2"));
        cr_assert(has_line(ANSWERED "\"tools/call\",server=\"u\",error_type=\"error\"} 1"));
        check_int(metrics_calls(context.metrics).ended, 0);
        check_int(n_of(CALLS), 0);
        end();
}

Test(metrics, a_name_that_no_list_has_shown_is_no_label)
{
        struct call_record call = call_of("drop tables");

        begin();
        call.is_known = false;
        add(call);
        cr_assert_null(strstr(printed(), "drop tables"));
        cr_assert(has_line(CALLS "tool=\"other\",outcome=\"ok\"} 1"));
        end();
}

Test(metrics, names_are_labels_up_to_a_number_of_them)
{
        char name[20];

        begin();
        for (int i = 0; i < METRICS_NAMED_MAX / 2 + 100; i++) {
                snprintf(name, sizeof(name), "u_%d", i);
                add(call_of(name));
        }
        add(call_of("u_0"));
        check_int(n_of("\n" CALLS), METRICS_NAMED_MAX / 2 + 1);
        cr_assert(has_line(CALLS "tool=\"u_0\",outcome=\"ok\"} 2"), "the first go on");
        cr_assert(has_line(CALLS "tool=\"other\",outcome=\"ok\"} 100"));
        end();
}

Test(metrics, a_server_with_ever_new_names_takes_none_from_others)
{
        char name[20], server[20], line[200];

        begin();
        context.n_upstreams = 20;
        for (int s = 0; s < 20; s++)
                for (int i = 0; i < METRICS_NAMED_MAX + 100; i++) {
                        struct call_record call = call_of(name);

                        snprintf(name, sizeof(name), "t_%d", i);
                        snprintf(server, sizeof(server), "s_%d", s);
                        call.server = server;
                        add(call);
                }
        add(call_of("u_t"));
        cr_assert(has_line(CALLS "tool=\"u_t\",outcome=\"ok\"} 1"));
        for (int s = 0; s < 20; s++) {
                snprintf(line, sizeof(line),
                         "mgw_calls_ended_total{server=\"s_%d\",method=\"tools/call\","
                         "tool=\"t_20\",outcome=\"ok\"} 1",
                         s);
                cr_assert(has_line(line), "%s", line);
        }
        end();
}

Test(metrics, a_name_that_is_too_long_is_other)
{
        char name[1000];

        begin();
        memset(name, 'x', sizeof(name) - 1);
        name[sizeof(name) - 1] = '\0';
        add(call_of(name));
        cr_assert(has_line(CALLS "tool=\"other\",outcome=\"ok\"} 1"));
        end();
}

Test(metrics, a_prompt_is_no_tool_and_a_list_has_no_name)
{
        struct call_record call = call_of("u_p");

        begin();
        call.method = "prompts/get";
        add(call);
        call.method = "tools/list";
        call.name = NULL;
        call.server = NULL;
        add(call);
        cr_assert(has_line("mgw_calls_ended_total{server=\"u\",method=\"prompts/get\",prompt="
                           "\"u_p\",outcome=\"ok\"} 1"));
        cr_assert(has_line("mgw_calls_ended_total{method=\"tools/list\",outcome=\"ok\"} 1"));
        end();
}

Test(metrics, what_listens_is_a_stream_and_no_call)
{
        struct call_record call = call_of(NULL);

        begin();
        call.method = "subscriptions/listen";
        call.outcome = CALL_OUTCOME_CANCELLED;
        add(call);
        check_int(metrics_calls(context.metrics).ended, 0);
        call.outcome = CALL_OUTCOME_ERROR;
        add(call);
        check_int(metrics_calls(context.metrics).ended, 1);
        end();
}

Test(metrics, what_a_label_says_is_escaped)
{
        struct call_record call = call_of("a\\b\"c\nd");

        begin();
        add(call);
        cr_assert(has_line(CALLS "tool=\"a\\\\b\\\"c\\nd\",outcome=\"ok\"} 1"), "%s", printed());
        end();
}

Test(metrics, streams_are_counted_by_kind_and_by_what_ended_them)
{
        const struct stream_record record = {
                .kind = STREAM_KIND_GET, .cause = STREAM_CAUSE_CLIENT, .lasted_ms = 60010};
        struct histogram lifetimes;

        begin();
        metrics_add_open(context.metrics, STREAM_KIND_GET, 1);
        metrics_add_open(context.metrics, STREAM_KIND_GET, 1);
        metrics_add_open(context.metrics, STREAM_KIND_SSE, 1);
        metrics_add_stream(context.metrics, &record);
        metrics_add_open(context.metrics, STREAM_KIND_GET, -1);
        cr_assert(has_line("mgw_streams_open{kind=\"get\"} 1"), "%s", printed());
        cr_assert(has_line("mgw_streams_open{kind=\"sse\"} 1"));
        cr_assert(has_line("mgw_streams_ended_total{kind=\"get\",cause=\"client\"} 1"));
        cr_assert(has_line("mgw_stream_lifetime_seconds_bucket{kind=\"get\",le=\"57\"} 0"));
        cr_assert(has_line("mgw_stream_lifetime_seconds_bucket{kind=\"get\",le=\"65\"} 1"));
        lifetimes = metrics_lifetimes(context.metrics);
        check_int(histogram_count(&lifetimes), 1);
        check_int(lifetimes.sum_us, 60010000);
        end();
}

Test(metrics, a_keep_alive_that_went_early_was_not_late)
{
        begin();
        metrics_add_keepalive(context.metrics, -300);
        metrics_add_keepalive(context.metrics, 2000);
        cr_assert(has_line("mgw_keepalive_delay_seconds_bucket{le=\"0.01\"} 1"));
        cr_assert(has_line("mgw_keepalive_delay_seconds_sum 2.000000"));
        end();
}
