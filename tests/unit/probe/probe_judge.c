/* What is seen, and what it means. */
#include "records.h"

#include <string.h>

#define MINUTE INT64_C(60000)

static struct probe_record record;

static void tear_down(void)
{
        probe_record_finish(&record);
}

TestSuite(probe_judge, .fini = tear_down);

/* ---- lives ---- */

Test(probe_judge, a_stream_with_keep_alives_lives)
{
        struct probe_finding f;

        record = record_of(PROBE_KIND_GET);
        record_keep_alives(&record, 30000, 10 * MINUTE);
        record_end(&record, PROBE_END_NONE, 10 * MINUTE);
        f = record_judge(&record);
        check_int(f.verdict, PROBE_VERDICT_LIVED);
        check_int(f.n_keep_alives, 19);
        check_int(f.interval_ms, 30000);
        check_int(f.jitter_ms, 0);
        check_int(f.n_suspects, 0);
        cr_assert_not(probe_verdict_is_bad(f.verdict));
}

Test(probe_judge, jitter_is_the_farthest_from_the_median)
{
        static const int64_t times_ms[] = {15020, 30020, 44920, 60220, 75220};
        struct probe_finding f;

        record = record_of(PROBE_KIND_LISTEN);
        for (size_t i = 0; i < 5; i++)
                probe_record_beat(&record, times_ms[i], 1);
        record_end(&record, PROBE_END_NONE, 80000);
        f = record_judge(&record);
        check_int(f.interval_ms, 15000);
        check_int(f.interval_least_ms, 14900);
        check_int(f.interval_most_ms, 15300);
        check_int(f.jitter_ms, 300);
}

Test(probe_judge, what_comes_with_the_head_is_no_keep_alive)
{
        struct probe_finding f;

        record = record_of(PROBE_KIND_GET);
        probe_record_beat(&record, 21, 1);
        probe_record_beat(&record, 30021, 1);
        record_end(&record, PROBE_END_NONE, 40000);
        f = record_judge(&record);
        check_int(f.n_keep_alives, 1);
        check_int(f.interval_ms, 30001);
}

Test(probe_judge, a_call_lives_by_its_progress_to_its_answer)
{
        struct probe_finding f;

        record = record_of(PROBE_KIND_CALL);
        for (int64_t at_ms = 30000; at_ms <= 90000; at_ms += 30000)
                probe_record_beat(&record, at_ms, 0);
        probe_record_beat(&record, 108000, 0);
        record_end(&record, PROBE_END_ANSWERED, 108000);
        f = record_judge(&record);
        check_int(f.verdict, PROBE_VERDICT_LIVED);
        check_int(f.n_keep_alives, 3);
        check_int(f.n_intervals, 3);
}

Test(probe_judge, what_a_server_does_not_offer_is_not_judged)
{
        probe_record_init(&record, PROBE_KIND_SSE);
        check_int(record_judge(&record).verdict, PROBE_VERDICT_NONE);
        record = record_of(PROBE_KIND_GET);
        record.status = 405;
        record_end(&record, PROBE_END_REFUSED, 20);
        check_int(record_judge(&record).verdict, PROBE_VERDICT_NONE);
        record.status = 503; /* at once: the server's own */
        check_int(record_judge(&record).verdict, PROBE_VERDICT_NONE);
}

/* Polling, as MCP 2025-11-25 has it: the server closes, and says when to come back. */
Test(probe_judge, a_server_may_close_when_it_says_when_to_come_back)
{
        record = record_of(PROBE_KIND_GET);
        probe_record_beat(&record, 10000, 0);
        record.has_retry = true;
        record_end(&record, PROBE_END_ORDERLY, 30000);
        check_int(record_judge(&record).verdict, PROBE_VERDICT_CLOSED);
        cr_assert_not(probe_verdict_is_bad(PROBE_VERDICT_CLOSED));
        record.has_retry = false;
        check_int(record_judge(&record).verdict, PROBE_VERDICT_CUT);
}

/* ---- silence ---- */

Test(probe_judge, silence_that_others_would_cut_is_told)
{
        struct probe_finding f;

        record = record_of(PROBE_KIND_GET);
        record_end(&record, PROBE_END_NONE, 2 * MINUTE);
        f = record_judge(&record);
        check_int(f.verdict, PROBE_VERDICT_SILENT);
        cr_assert(probe_verdict_is_bad(f.verdict));
        cr_assert_gt(f.n_suspects, 0);
        check_int(f.suspects[0]->seconds, 50);
        cr_assert_not(probe_limit_is_marked(f.suspects[0]), "nobody of whom nothing was seen");
}

/* What would keep it alive for longer may be due yet: nobody is blamed. */
Test(probe_judge, too_short_a_watch_blames_nobody)
{
        struct probe_finding f;

        record = record_of(PROBE_KIND_GET);
        probe_record_beat(&record, 21, 1);
        record_end(&record, PROBE_END_NONE, 20000);
        f = record_judge(&record);
        check_int(f.verdict, PROBE_VERDICT_UNCLEAR);
        cr_assert_not(probe_verdict_is_bad(f.verdict));
        check_int(f.n_suspects, 0);
        check_has(record_words(&record).how, "no keep-alive came");
        check_has(record_words(&record).cure, "watch for longer: --for 2m");
        record_end(&record, PROBE_END_NONE, 50100);
        check_int(record_judge(&record).verdict, PROBE_VERDICT_SILENT);
}

/* Its tool was done before any keep-alive was due. */
Test(probe_judge, a_call_that_is_answered_soon_shows_nothing)
{
        struct probe_view view = {.scale = 10, .answer_ms = 15};
        struct probe_finding f;
        struct probe_words words;

        record = record_of(PROBE_KIND_CALL);
        probe_record_beat(&record, 3000, 0);
        record_end(&record, PROBE_END_ANSWERED, 3000);
        f = probe_judge(&record, &view);
        check_int(f.verdict, PROBE_VERDICT_UNCLEAR);
        probe_words_of(&record, &view, &f, &words);
        check_has(words.cure, "--for 12s");
        check_has(words.cure, "--call a tool that takes so long");
        view.interval_ms = 1500; /* another stream has shown that the way is good */
        check_int(probe_judge(&record, &view).verdict, PROBE_VERDICT_LIVED);
}

Test(probe_judge, a_stream_without_what_the_others_have_is_silent)
{
        struct probe_view view = {.scale = 1, .answer_ms = 15};
        struct probe_finding f;
        struct probe_words words;

        record = record_of(PROBE_KIND_SSE);
        record_keep_alives(&record, 15000, 31000);
        view.interval_ms = probe_judge_interval_ms(&record);
        check_int(view.interval_ms, 15000);
        probe_record_finish(&record);
        record = record_of(PROBE_KIND_GET);
        record_end(&record, PROBE_END_NONE, 31000);
        f = probe_judge(&record, &view);
        check_int(f.verdict, PROBE_VERDICT_SILENT);
        probe_words_of(&record, &view, &f, &words);
        check_has(words.how, "has a keep-alive every 15.0 s");
        record_end(&record, PROBE_END_NONE, 20000); /* it may be about to have one */
        check_int(probe_judge(&record, &view).verdict, PROBE_VERDICT_UNCLEAR);
}

/* What a tool tells of its progress comes when the tool says so. */
Test(probe_judge, progress_tells_no_interval)
{
        record = record_of(PROBE_KIND_CALL);
        for (int64_t at_ms = 1000; at_ms <= 9000; at_ms += 1000)
                probe_record_beat(&record, at_ms, 0);
        record_end(&record, PROBE_END_NONE, 10000);
        check_int(record_judge(&record).interval_ms, 1000);
        check_int(probe_judge_interval_ms(&record), 0);
}

/* ---- cuts ---- */

/* Who is the first suspect for a silence of so long, with such a head? */
static const char *who_cut(const char *head, int64_t silence_ms, enum probe_end end)
{
        struct probe_finding f;

        probe_record_finish(&record);
        record = record_of(PROBE_KIND_GET);
        record_head(&record, head);
        record_end(&record, end, 20 + silence_ms);
        f = record_judge(&record);
        check_int(f.verdict, PROBE_VERDICT_CUT);
        cr_assert_not(f.is_total);
        return f.n_suspects > 0 ? f.suspects[0]->who : "nobody";
}

Test(probe_judge, timeouts_are_told_by_time_and_marks)
{
        static const struct {
                const char *head;
                int64_t silence_ms;
                enum probe_end end;
                const char *who;
        } cases[] = {
                {"Content-Type: text/event-stream\n", 60010, PROBE_END_BROKEN, "AWS ALB"},
                {"Set-Cookie: AWSALB=x; Path=/\n", 60010, PROBE_END_ORDERLY, "AWS ALB"},
                {"Server: nginx/1.22.1\n", 60100, PROBE_END_BROKEN, "nginx"},
                {"Server: Apache/2.4.71 (Debian)\n", 59970, PROBE_END_BROKEN, "Apache"},
                {"server: Apache\n", 300200, PROBE_END_BROKEN, "Debian's Timeout"},
                {"Server: Caddy\n", 60000, PROBE_END_ORDERLY, "Caddy"},
                {"server: cloudflare\nCF-RAY: 8f-FRA\n", 100300, PROBE_END_BROKEN, "Cloudflare"},
                {"Via: 1.1 heroku-router\n", 55020, PROBE_END_RESET, "Heroku"},
                {"Content-Type: text/event-stream\n", 50005, PROBE_END_BROKEN, "HAProxy"},
                {"Content-Type: text/event-stream\n", 350100, PROBE_END_RESET, "NLB"},
                {"X-Amz-Cf-Id: abc\nVia: 1.1 x.cloudfront.net (CloudFront)\n", 30050,
                 PROBE_END_BROKEN, "CloudFront"},
                {"Via: 1.1 varnish, 1.1 fly.io\nFly-Request-Id: 1\n", 60000, PROBE_END_BROKEN,
                 "Varnish"},
                {"Content-Type: text/event-stream\n", 100200, PROBE_END_BROKEN, "Cloudflare"},
                {"Content-Type: text/event-stream\n", 43200, PROBE_END_BROKEN, "nobody"},
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
                check_has(who_cut(cases[i].head, cases[i].silence_ms, cases[i].end), cases[i].who);
}

/* The load balancer is likelier than an nginx that would have shown itself. */
Test(probe_judge, who_leaves_marks_and_left_none_is_less_likely)
{
        struct probe_finding f;
        bool has_nginx = false;

        record = record_of(PROBE_KIND_GET);
        record_end(&record, PROBE_END_BROKEN, 60030);
        f = record_judge(&record);
        check_int(f.n_suspects, 3);
        check_has(f.suspects[0]->who, "AWS ALB");
        for (size_t i = 1; i < f.n_suspects; i++)
                has_nginx = has_nginx || strstr(f.suspects[i]->who, "nginx") != NULL;
        cr_assert(has_nginx);
}

/* A silence that was longer, and cut nothing: it was no timeout of silence. */
Test(probe_judge, a_limit_of_the_whole_answer_is_told_by_the_age)
{
        struct probe_finding f;

        record = record_of(PROBE_KIND_GET);
        record_head(&record, "Server: Google Frontend\n");
        record_keep_alives(&record, 30000, 299000);
        record_end(&record, PROBE_END_ORDERLY, 300100);
        f = record_judge(&record);
        check_int(f.verdict, PROBE_VERDICT_CUT);
        cr_assert(f.is_total);
        check_has(f.suspects[0]->who, "Cloud Run");
        check_has(record_words(&record).what, "300.1 s, though something had come 30.1 s before");
}

Test(probe_judge, a_cut_of_a_lively_stream_is_nobodys_usual)
{
        struct probe_finding f;

        record = record_of(PROBE_KIND_GET);
        record_keep_alives(&record, 15000, 77000);
        record_end(&record, PROBE_END_RESET, 77000);
        f = record_judge(&record);
        check_int(f.verdict, PROBE_VERDICT_CUT);
        check_int(f.n_suspects, 0);
        cr_assert(f.is_total);
        check_has(record_words(&record).cure, "server's log");
}

Test(probe_judge, a_status_before_a_head_is_a_gateways)
{
        static const struct {
                unsigned status;
                int64_t after_ms;
                const char *head, *who;
        } cases[] = {
                {524, 100100, "cf-ray: 1\n", "Cloudflare"},
                {504, 60020, "Server: awselb/2.0\n", "AWS ALB"},
                {504, 60020, "Server: nginx\n", "nginx"},
                {503, 30010, "Server: Heroku\n", "Heroku"},
                {504, 29020, "apigw-requestid: x\n", "API Gateway"},
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct probe_finding f;

                probe_record_finish(&record);
                record = record_of(PROBE_KIND_CALL);
                record.head_ms = -1;
                record.last_ms = record.gap_ms = 0;
                record.status = cases[i].status;
                record_head(&record, cases[i].head);
                record_end(&record, PROBE_END_REFUSED, cases[i].after_ms);
                f = record_judge(&record);
                check_int(f.verdict, PROBE_VERDICT_CUT);
                cr_assert_gt(f.n_suspects, 0);
                check_has(f.suspects[0]->who, cases[i].who);
        }
}

/* Tests and rehearsals have shorter timeouts on the way. */
Test(probe_judge, a_way_may_be_scaled)
{
        struct probe_view view = {.scale = 20, .answer_ms = 15};
        struct probe_finding f;

        record = record_of(PROBE_KIND_GET);
        record_end(&record, PROBE_END_BROKEN, 3040);
        f = probe_judge(&record, &view);
        check_has(f.suspects[0]->who, "AWS ALB");
        record_end(&record, PROBE_END_NONE, 3040);
        check_int(probe_judge(&record, &view).verdict, PROBE_VERDICT_SILENT);
}

/* ---- held back ---- */

Test(probe_judge, keep_alives_that_come_together_were_held_back)
{
        struct probe_finding f;

        record = record_of(PROBE_KIND_GET);
        probe_record_beat(&record, 120000, 4);
        probe_record_beat(&record, 240000, 4);
        record_end(&record, PROBE_END_NONE, 5 * MINUTE);
        f = record_judge(&record);
        check_int(f.verdict, PROBE_VERDICT_BUFFERED);
        check_int(f.held, PROBE_HELD_CLUMPS);
        check_has(record_words(&record).how, "4 of them came at once");
}

Test(probe_judge, progress_that_comes_with_the_answer_was_held_back)
{
        record = record_of(PROBE_KIND_CALL);
        record.head_ms = record.last_ms = record.gap_ms = 30000;
        probe_record_beat(&record, 30001, 1);
        record.n_events = 4;
        record_end(&record, PROBE_END_ANSWERED, 30005);
        check_int(record_judge(&record).held, PROBE_HELD_PROGRESS);
        check_int(record_judge(&record).verdict, PROBE_VERDICT_BUFFERED);
        check_has(record_words(&record).how, "progress");
        record.n_events = 1; /* the answer alone */
        check_int(record_judge(&record).held, PROBE_HELD_NOT);
}

/* A line that stood still for a moment is no proxy that buffers. */
Test(probe_judge, two_that_came_together_once_are_chance)
{
        record = record_of(PROBE_KIND_GET);
        record_keep_alives(&record, 15000, 60000);
        probe_record_beat(&record, 95000, 2);
        record_keep_alives(&record, 15000, 180000);
        record_end(&record, PROBE_END_NONE, 185000);
        check_int(record_judge(&record).verdict, PROBE_VERDICT_LIVED);
}

Test(probe_judge, a_head_that_never_comes_is_held_back)
{
        record = record_of(PROBE_KIND_GET);
        record.head_ms = record.opening_ms = -1;
        record.last_ms = record.gap_ms = 0;
        record_end(&record, PROBE_END_NONE, 2 * MINUTE);
        check_int(record_judge(&record).held, PROBE_HELD_HEAD);
        check_int(record_judge(&record).verdict, PROBE_VERDICT_BUFFERED);
        record_end(&record, PROBE_END_NONE, 1500);
        check_int(record_judge(&record).held, PROBE_HELD_NOT);
}

/* A call may be answered when its tool is done. */
Test(probe_judge, a_call_owes_no_head)
{
        record = record_of(PROBE_KIND_CALL);
        record.head_ms = -1;
        record.last_ms = record.gap_ms = 0;
        record_end(&record, PROBE_END_NONE, 2 * MINUTE);
        check_int(record_judge(&record).verdict, PROBE_VERDICT_SILENT);
}

Test(probe_judge, the_event_that_opens_a_stream_is_owed_at_once)
{
        record = record_of(PROBE_KIND_LISTEN);
        record_keep_alives(&record, 15000, 60000);
        record.opening_ms = 45000;
        record_end(&record, PROBE_END_NONE, 61000);
        check_int(record_judge(&record).held, PROBE_HELD_OPENING);
        check_has(record_words(&record).how, "an acknowledgement");
        record.kind = PROBE_KIND_GET; /* opens with nothing */
        check_int(record_judge(&record).held, PROBE_HELD_NOT);
}

Test(probe_judge, an_answer_on_the_stream_is_owed)
{
        record = record_of(PROBE_KIND_SSE);
        record_keep_alives(&record, 15000, 60000);
        record.is_asked = true;
        record_end(&record, PROBE_END_NONE, 61000);
        check_int(record_judge(&record).held, PROBE_HELD_ECHO);
        record.echo_ms = 12;
        check_int(record_judge(&record).held, PROBE_HELD_NOT);
        record.echo_ms = 30000;
        check_int(record_judge(&record).held, PROBE_HELD_ECHO);
}

Test(probe_judge, what_to_do_names_those_on_the_way)
{
        record = record_of(PROBE_KIND_GET);
        record_head(&record, "Server: nginx\n");
        probe_record_beat(&record, 120000, 4);
        record_end(&record, PROBE_END_NONE, 2 * MINUTE);
        check_has(record_words(&record).cure, "proxy_buffering off");
        record_head(&record, "Content-Type: text/event-stream\n");
        check_has(record_words(&record).cure, "proxies.md");
}

Test(probe_judge, compression_is_told)
{
        record = record_of(PROBE_KIND_GET);
        strcpy(record.encoding, "gzip");
        record_keep_alives(&record, 30000, 2 * MINUTE);
        record_end(&record, PROBE_END_NONE, 2 * MINUTE);
        cr_assert(record_judge(&record).is_packed);
        check_int(record_judge(&record).verdict, PROBE_VERDICT_LIVED);
        check_has(record_words(&record).what, "compressed (gzip)");
        check_has(record_words(&record).cure, "text/event-stream");
}

/* ---- any record ---- */

static uint32_t state = 1;

static unsigned below(unsigned n)
{
        state = state * 1664525u + 1013904223u;
        return (state >> 8) % n;
}

/* Nothing that can be seen is too odd to be judged and told. */
Test(probe_judge, any_record_is_judged)
{
        for (int i = 0; i < 20000; i++) {
                struct probe_finding f;
                struct probe_words words;

                probe_record_finish(&record);
                record = record_of(below(PROBE_N_KINDS));
                record.is_offered = below(8) != 0;
                record.head_ms = below(4) == 0 ? -1 : (int)below(5000);
                record.last_ms = record.gap_ms = record.head_ms < 0 ? 0 : record.head_ms;
                record.opening_ms = (int64_t)below(9000) - 1;
                record.is_asked = below(2) == 0;
                record.status = 200 + below(400);
                for (unsigned n = below(6); n > 0; n--)
                        probe_record_beat(&record, record.last_ms + below(70000), below(4));
                record_end(&record, below(PROBE_END_FAILED + 1), record.last_ms + below(400000));
                f = record_judge(&record);
                words = record_words(&record);
                cr_assert_leq(f.n_suspects, PROBE_SUSPECTS_MAX);
                cr_assert(words.what[0] != '\0' || !record.is_offered);
                cr_assert(!probe_verdict_is_bad(f.verdict) || words.cure[0] != '\0');
        }
}
