/* Spans go out in batches, one at a time (OTLP/HTTP 1.x, JSON): a POST each second, or when much
 * has come. A collector that cannot take one now gets it again, later each time; what comes
 * meanwhile waits in a queue with a cap, past which spans are dropped and counted. It is told once
 * that it is away, and once that it is back. */
#include "traces.h"

#include "mgw/base/alloc.h"
#include "mgw/base/clock.h"
#include "mgw/base/log.h"
#include "mgw/base/rand.h"
#include "mgw/base/strv.h"
#include "mgw/config/config.h"
#include "mgw/core/share.h"
#include "mgw/loop/http_document.h"
#include "mgw/wire/rpc.h"
#include "otlp.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define QUEUE_MAX_BYTES (4u << 20)
#define BATCH_BYTES (256u << 10)
#define EVERY_MS 1000
#define TIMEOUT_MS 10000
#define ANSWER_MAX_BYTES 65536
#define RETRY_MS 1000
#define RETRY_MAX_MS 30000
#define RETRY_AFTER_MAX_S 300
#define TRIES_MAX 8
#define LAST_MS 1000

struct traces {
        struct context *context;
        struct buf queue; /* spans, a comma behind each */
        unsigned n_queued;
        struct buf batch; /* the body that is on its way, or waits to go again */
        unsigned n_batch;
        unsigned n_tries;
        struct ledger_hold hold;
        struct timer timer;
        struct http_document *request;
        struct traces_stats stats;
        bool is_refusal_told; /* of a part of a batch */
        uint64_t random;
        char instance[RAND_TEXT_SIZE(9)];
};

/* splitmix64 (Steele, Lea, Flood 2014). */
uint64_t traces_random(struct traces *traces)
{
        uint64_t z = traces->random += UINT64_C(0x9e3779b97f4a7c15);

        z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
        z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
        return z ^ (z >> 31);
}

static void count_bytes(struct traces *traces)
{
        ledger_hold_set_past(&traces->hold, traces->queue.size + traces->batch.size);
}

/* ---- batches ---- */

/* Who we are, up to where the spans stand. */
static struct str head_of(const struct traces *traces, char *text, size_t size)
{
        struct json_text t;

        json_text_init(&t, text, size);
        json_text_raw(&t, STR("{\"resourceSpans\":[{\"resource\":{\"attributes\":["));
        otlp_text(&t, "service.name", "mgw", SIZE_MAX);
        otlp_text(&t, "service.version", MGW_VERSION, SIZE_MAX);
        otlp_text(&t, "service.instance.id", traces->instance, SIZE_MAX);
        otlp_text(&t, "host.name", traces->context->config->node, SIZE_MAX);
        json_text_raw(
                &t, STR("]},\"scopeSpans\":[{\"scope\":{\"name\":\"mgw\",\"version\":\"" MGW_VERSION
                        "\"},\"spans\":["));
        return (struct str){text, t.n};
}

static void make_batch(struct traces *traces)
{
        struct str spans = buf_bytes(&traces->queue);
        char head[1024];

        spans.n--; /* the last comma */
        if (buf_add_str(&traces->batch, head_of(traces, head, sizeof(head))) == 0 &&
            buf_add_str(&traces->batch, spans) == 0 &&
            buf_add_str(&traces->batch, STR("]}]}]}")) == 0) {
                traces->n_batch = traces->n_queued;
        } else {
                traces->stats.dropped += traces->n_queued;
                buf_finish(&traces->batch);
        }
        traces->n_tries = 0;
        traces->n_queued = 0;
        buf_finish(&traces->queue);
}

static void send_batch(struct traces *traces);

static void on_timer(struct timer *timer)
{
        struct traces *traces = container_of(timer, struct traces, timer);

        if (traces->n_batch == 0 && traces->n_queued > 0)
                make_batch(traces);
        if (traces->n_batch > 0 && traces->request == NULL)
                send_batch(traces);
        count_bytes(traces);
}

static void wake(struct traces *traces, int64_t ms)
{
        if (!timer_is_armed(&traces->timer))
                timer_arm(traces->context->loop, &traces->timer, ms);
}

/* ---- what the collector says ---- */

static void tell(struct traces *traces, const char *why)
{
        bool is_away = why != NULL;
        char *origin;

        if (is_away == traces->stats.is_away)
                return;
        traces->stats.is_away = is_away;
        origin = http_origin(traces->context->config->traces_url);
        if (is_away)
                log_warn(NULL, "[traces] the collector at %s takes no spans: %s", origin, why);
        else
                log_info(NULL, "[traces] the collector at %s takes spans again", origin);
        free(origin);
}

static void batch_over(struct traces *traces, unsigned n_sent)
{
        traces->stats.sent += n_sent;
        traces->stats.dropped += traces->n_batch - n_sent;
        traces->n_batch = 0;
        buf_finish(&traces->batch);
        if (traces->n_queued > 0)
                wake(traces, traces->queue.len >= BATCH_BYTES ? 0 : EVERY_MS);
}

static void tell_refused(struct traces *traces, const char *why)
{
        char text[160];

        if (traces->is_refusal_told)
                return;
        traces->is_refusal_told = true;
        str_to_text(str_from(why != NULL ? why : "it does not say why"), text, sizeof(text));
        log_warn(NULL, "[traces] the collector has refused some spans: %s", text);
}

/* OTLP/HTTP 1.x, "Partial Success": what is refused does not go again. A number of 64 bits is a
 * string in protobuf's JSON. */
static unsigned n_refused(struct traces *traces, struct str body)
{
        char why[160];
        json_t *answer = NULL;
        const json_t *partial, *number;
        const char *digits;
        uint64_t n = 0;

        (void)rpc_parse(body, NULL, &answer, why, sizeof(why));
        partial = json_object_get(answer, "partialSuccess");
        number = json_object_get(partial, "rejectedSpans");
        digits = rpc_text(partial, "rejectedSpans");
        if (json_is_integer(number) && json_integer_value(number) > 0)
                n = (uint64_t)json_integer_value(number);
        else if (digits != NULL && str_to_u64(str_from(digits), &n) != 0)
                n = 0;
        if (n > 0)
                tell_refused(traces, rpc_text(partial, "errorMessage"));
        else
                traces->is_refusal_told = false;
        json_decref(answer);
        return n < traces->n_batch ? (unsigned)n : traces->n_batch;
}

/* OTLP/HTTP 1.x, "Retryable Response Codes". */
static bool is_passing(unsigned status)
{
        return status == 429 || status == 502 || status == 503 || status == 504;
}

/* retry_after_s: as the collector wants it; -1: it has not said. */
static void again(struct traces *traces, int64_t retry_after_s)
{
        int64_t ms = RETRY_MS << traces->n_tries;

        ms = ms < RETRY_MAX_MS ? ms : RETRY_MAX_MS;
        ms = ms / 2 + rand_below((uint32_t)ms);
        if (retry_after_s > RETRY_AFTER_MAX_S)
                retry_after_s = RETRY_AFTER_MAX_S;
        timer_arm(traces->context->loop, &traces->timer,
                  ms > retry_after_s * 1000 ? ms : retry_after_s * 1000);
}

static void on_answer(void *owner, const struct http_document_answer *answer)
{
        struct traces *traces = owner;
        char why[64];

        traces->request = NULL;
        snprintf(why, sizeof(why), "HTTP %u", answer->status);
        if (answer->fault == NULL && answer->status / 100 == 2) {
                tell(traces, NULL);
                batch_over(traces, traces->n_batch - n_refused(traces, answer->body));
        } else {
                tell(traces, answer->fault != NULL ? answer->fault : why);
                if ((answer->fault != NULL || is_passing(answer->status)) &&
                    ++traces->n_tries < TRIES_MAX)
                        again(traces, answer->retry_after_s);
                else
                        batch_over(traces, 0);
        }
        count_bytes(traces);
}

static void send_batch(struct traces *traces)
{
        const struct config *config = traces->context->config;
        char **headers = NULL;

        (void)strv_add_take(&headers, alloc_text("Content-Type: application/json"));
        for (char *const *it = config->traces_headers; it != NULL && *it != NULL; it++)
                (void)strv_add_take(&headers, alloc_text(*it));
        traces->request = http_document_start(
                traces->context->http,
                &(const struct http_document_options){.method = "POST",
                                                      .url = config->traces_url,
                                                      .headers = (const char *const *)headers,
                                                      .body = buf_bytes(&traces->batch),
                                                      .max_bytes = ANSWER_MAX_BYTES,
                                                      .timeout_ms = TIMEOUT_MS},
                on_answer, traces);
        strv_free(headers);
}

/* ---- the queue ---- */

void traces_add(struct traces *traces, struct str span)
{
        if (buf_add_str(&traces->queue, span) != 0) {
                traces->stats.dropped++;
                return;
        }
        traces->n_queued++;
        if (traces->request == NULL && traces->n_batch == 0) {
                if (traces->queue.len >= BATCH_BYTES)
                        timer_arm(traces->context->loop, &traces->timer, 0);
                else
                        wake(traces, EVERY_MS);
        }
}

/* ---- its life ---- */

int traces_open(struct context *context)
{
        struct traces *traces;

        if (context->config->traces_url[0] == '\0')
                return 0;
        traces = alloc_zeroed(sizeof(*traces));
        traces->context = context;
        buf_init(&traces->queue, QUEUE_MAX_BYTES);
        buf_init(&traces->batch, QUEUE_MAX_BYTES + ALLOC_SMALL_BYTES);
        ledger_hold_init(&traces->hold, &context->own_share->memory, LEDGER_MESSAGE);
        traces->timer.on_due = on_timer;
        rand_bytes(&traces->random, sizeof(traces->random));
        rand_text(traces->instance, 9);
        context->traces = traces;
        return 0;
}

/* The loop is at its end, and turns for nothing else any more. */
static void flush(struct traces *traces)
{
        int64_t until = clock_monotonic_ms() + LAST_MS, left = LAST_MS;

        while ((traces->n_queued > 0 || traces->n_batch > 0) && !traces->stats.is_away &&
               left > 0) {
                on_timer(&traces->timer);
                if (loop_turn(traces->context->loop, (int)left) < 0)
                        return;
                left = until - clock_monotonic_ms();
        }
}

void traces_close(struct context *context)
{
        struct traces *traces = context->traces;

        if (traces == NULL)
                return;
        flush(traces);
        context->traces = NULL;
        http_document_cancel(traces->request);
        timer_disarm(context->loop, &traces->timer);
        if (traces->n_queued + traces->n_batch > 0)
                log_warn(NULL, "[traces] %u spans have not been sent",
                         traces->n_queued + traces->n_batch);
        ledger_hold_set_past(&traces->hold, 0);
        buf_finish(&traces->queue);
        buf_finish(&traces->batch);
        free(traces);
}

int traces_reload(struct context *context)
{
        bool is_wanted = context->config->traces_url[0] != '\0';

        if (is_wanted && context->traces == NULL)
                return traces_open(context);
        if (context->traces == NULL)
                return 0;
        context->traces->stats.is_away = false;
        if (!is_wanted) {
                context->traces->stats.is_away = true; /* nobody is there to wait for */
                traces_close(context);
        }
        return 0;
}

const struct traces_stats *traces_stats(const struct context *context)
{
        return context->traces != NULL ? &context->traces->stats : NULL;
}
