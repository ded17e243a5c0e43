/* What has ended, for who looks: the newest first, and no more than there is room for. */
#include "mgw/observe/recent.h"
#include "../check.h"
#include "mgw/observe/metrics.h"
#include "mgw/observe/series.h"

#include <stdio.h>

static struct context context;
static struct user user = {.email = "ada@example.com"};
static struct identity identity = {.user = &user};

Test(recent, the_newest_streams_are_kept)
{
        char id[12];
        struct stream_record record = {.id = id,
                                       .email = user.email,
                                       .revision = "2025-11-25",
                                       .kind = STREAM_KIND_GET,
                                       .cause = STREAM_CAUSE_REPLACED,
                                       .lasted_ms = 5,
                                       .bytes = 6,
                                       .keepalives = 7};
        const struct recent_stream *stream;

        recent_create(&context);
        cr_assert_null(recent_stream_ago(context.recent, 0));
        for (int i = 0; i < RECENT_MAX + 3; i++) {
                snprintf(id, sizeof(id), "s%d", i);
                recent_add_stream(context.recent, &record);
        }
        stream = recent_stream_ago(context.recent, 0);
        cr_assert_str_eq(stream->id, "s202");
        cr_assert_str_eq(stream->client, "", "it has not said");
        cr_assert_str_eq(stream->revision, "2025-11-25");
        check_int(stream->cause, STREAM_CAUSE_REPLACED);
        check_int(stream->bytes, 6);
        check_int(stream->keepalives, 7);
        cr_assert_str_eq(recent_stream_ago(context.recent, RECENT_MAX - 1)->id, "s3");
        cr_assert_null(recent_stream_ago(context.recent, RECENT_MAX));
        recent_destroy(context.recent);
}

Test(recent, calls_that_failed_are_kept_and_no_others)
{
        struct call_record record = {.identity = &identity,
                                     .revision = "2025-11-25",
                                     .method = "tools/call",
                                     .name = "t",
                                     .began_us = 1000000,
                                     .took_us = 500000};
        const struct recent_call *call;

        recent_create(&context);
        recent_add_call(context.recent, &record);
        record.outcome = CALL_OUTCOME_CANCELLED;
        recent_add_call(context.recent, &record);
        cr_assert_null(recent_call_ago(context.recent, 0));
        record.outcome = CALL_OUTCOME_TIMEOUT;
        record.code = -32603;
        recent_add_call(context.recent, &record);
        call = recent_call_ago(context.recent, 0);
        cr_assert_str_eq(call->email, "ada@example.com");
        cr_assert_str_eq(call->name, "t");
        cr_assert_str_eq(call->server, "", "none was asked");
        check_int(call->code, -32603);
        check_int(call->ended_ms, 1500);
        recent_destroy(context.recent);
}

Test(recent, what_is_too_long_is_cut_between_two_characters)
{
        struct stream_record record = {.id = "s",
                                       .email = "a",
                                       .revision = "r",
                                       .client = "ää" /* four bytes */
                                                 "ääääääääääääääääääääääää"};

        recent_create(&context);
        recent_add_stream(context.recent, &record);
        check_int(strlen(recent_stream_ago(context.recent, 0)->client), RECENT_CLIENT_SIZE - 2);
        recent_destroy(context.recent);
}

Test(recent, an_hour_of_samples_is_kept)
{
        struct call_record record = {.identity = &identity, .method = "tools/list"};

        cr_assert_eq(loop_create(&context.loop), 0);
        metrics_create(&context);
        series_create(&context);
        check_int(series_n(context.series), 0);
        for (unsigned i = 0; i < SERIES_MAX + 1; i++) {
                context.stats.n_streams = i;
                series_take(context.series);
        }
        metrics_add_call(context.metrics, &record);
        record.outcome = CALL_OUTCOME_ERROR;
        metrics_add_call(context.metrics, &record);
        series_take(context.series);
        check_int(series_n(context.series), SERIES_MAX);
        check_int(series_ago(context.series, 0)->calls, 2);
        check_int(series_ago(context.series, 0)->failures, 1);
        check_int(series_ago(context.series, 1)->calls, 0);
        check_int(series_ago(context.series, 1)->n_streams, SERIES_MAX);
        check_int(series_ago(context.series, SERIES_MAX - 1)->n_streams, 2);
        series_destroy(context.series);
        metrics_destroy(context.metrics);
        loop_destroy(context.loop);
}
