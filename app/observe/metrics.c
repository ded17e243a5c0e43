/* A call finds its series by a key of its labels, which is made on the stack: but for the first of
 * its kind none takes memory. */
#include "metrics_inside.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* Of a key: longer names than any list has are "other". */
#define KEY_MAX_BYTES 256

#define S INT64_C(1000000)
/* Narrow around the times at which balancers and proxies cut by default: 30, 55 (Heroku), 60 (ALB,
 * nginx), 100 (Cloudflare), 120, 180, 230 and 240 (Azure), 300 (Node, Envoy), 350 (NLB), 600. */
static const struct histogram_bounds life_bounds = {
        26,
        {1 * S,   5 * S,   10 * S,  20 * S,  28 * S,  32 * S,   53 * S,    57 * S,   65 * S,
         95 * S,  105 * S, 115 * S, 125 * S, 175 * S, 185 * S,  225 * S,   245 * S,  290 * S,
         310 * S, 345 * S, 360 * S, 590 * S, 610 * S, 3600 * S, 21600 * S, 86400 * S},
};

static const struct histogram_bounds late_bounds = {
        8,
        {10000, 50000, 100000, 250000, 500000, 1000000, 2500000, 5000000},
};

void metrics_create(struct context *context)
{
        struct metrics *metrics = alloc_zeroed(sizeof(*metrics));

        metrics->context = context;
        for (size_t i = 0; i < STREAM_KIND_N; i++)
                metrics->lived[i].bounds = &life_bounds;
        metrics->keepalives_late.bounds = &late_bounds;
        context->metrics = metrics;
}

static void destroy_series(struct call_series **table)
{
        struct call_series *series, *next;

        HASH_ITER(hh, *table, series, next)
        {
                HASH_DEL(*table, series);
                free(series);
        }
}

void metrics_destroy(struct metrics *metrics)
{
        struct named_series *named, *after;

        if (metrics == NULL)
                return;
        HASH_ITER(hh, metrics->named, named, after)
        {
                HASH_DEL(metrics->named, named);
                free(named);
        }
        destroy_series(&metrics->calls);
        destroy_series(&metrics->answers);
        free(metrics);
}

/* ---- calls ---- */

struct call_key {
        size_t n;
        size_t parts[3]; /* where server, method and name begin */
        char bytes[KEY_MAX_BYTES];
};

static bool add_part(struct call_key *key, size_t part, const char *text)
{
        size_t n = strlen(text) + 1;

        if (n > sizeof(key->bytes) - key->n)
                return false;
        memcpy(key->bytes + key->n, text, n);
        key->parts[part] = key->n;
        key->n += n;
        return true;
}

/* False: it is too long. */
static bool make_key(struct call_key *key, const struct call_record *record, const char *name)
{
        key->bytes[0] = (char)record->outcome;
        key->n = 1;
        return add_part(key, 0, record->server != NULL ? record->server : "") &&
               add_part(key, 1, record->method) && add_part(key, 2, name);
}

static struct call_series *find(struct call_series *table, const struct call_key *key)
{
        struct call_series *series;

        HASH_FIND(hh, table, key->bytes, key->n, series);
        return series;
}

static struct call_series *create(struct call_series **table, const struct call_key *key)
{
        struct call_series *series = alloc_zeroed(sizeof(*series) + key->n);

        memcpy(series->key, key->bytes, key->n);
        series->server = series->key + key->parts[0];
        series->method = series->key + key->parts[1];
        series->name = series->key + key->parts[2];
        series->outcome = (enum call_outcome)series->key[0];
        series->took.bounds = &histogram_of_calls;
        HASH_ADD_KEYPTR(hh, *table, series->key, key->n, series);
        return series;
}

static struct call_series *find_or_create(struct call_series **table, const struct call_key *key)
{
        struct call_series *series = find(*table, key);

        return series != NULL ? series : create(table, key);
}

/* Half of the room is divided among the servers, and what mgw has itself. */
static size_t own_part(const struct metrics *metrics)
{
        return METRICS_NAMED_MAX / 2 / (metrics->context->n_upstreams + 1);
}

/* Of the other half one takes no more than it leaves. */
static bool has_room(const struct metrics *metrics, const struct named_series *named)
{
        size_t own = own_part(metrics);

        return metrics->n_named < METRICS_NAMED_MAX &&
               (named->n < own || named->n - own < METRICS_NAMED_MAX / 2 - metrics->n_common);
}

/* Of a server: as many as are configured. */
static bool take_name(struct metrics *metrics, const char *server)
{
        struct named_series *named;
        size_t n = strlen(server);

        HASH_FIND(hh, metrics->named, server, n, named);
        if (named == NULL) {
                named = alloc_zeroed(sizeof(*named) + n + 1);
                memcpy(named->server, server, n);
                HASH_ADD_KEYPTR(hh, metrics->named, named->server, n, named);
        }
        if (!has_room(metrics, named))
                return false;
        metrics->n_common += named->n >= own_part(metrics);
        named->n++;
        metrics->n_named++;
        return true;
}

/* Of the same with "other" as its name there are as many as servers, methods and outcomes allow. */
static struct call_series *series_of(struct metrics *metrics, const struct call_record *record)
{
        struct call_series *series;
        struct call_key key;

        if (record->name != NULL && record->is_known && make_key(&key, record, record->name)) {
                series = find(metrics->calls, &key);
                if (series != NULL)
                        return series;
                if (take_name(metrics, key.bytes + key.parts[0]))
                        return create(&metrics->calls, &key);
        }
        if (!make_key(&key, record, record->name != NULL ? "other" : ""))
                return NULL;
        return find_or_create(&metrics->calls, &key);
}

/* One that listens is a stream, and counts as that. */
void metrics_add_call(struct metrics *metrics, const struct call_record *record)
{
        bool has_failed = call_record_has_failed(record->outcome);
        struct call_series *series;

        metrics->bytes_in += record->bytes_in;
        metrics->bytes_out += record->bytes_out;
        if (!has_failed && strcmp(record->method, "subscriptions/listen") == 0)
                return;
        metrics->sums.ended++;
        metrics->sums.failed += has_failed;
        series = series_of(metrics, record);
        if (series != NULL)
                histogram_add(&series->took, record->took_us);
}

void metrics_add_answer(struct metrics *metrics, const struct call_record *record)
{
        struct call_key key;

        if (make_key(&key, record, ""))
                histogram_add(&find_or_create(&metrics->answers, &key)->took, record->took_us);
}

struct metrics_calls metrics_calls(const struct metrics *metrics)
{
        return metrics->sums;
}

/* ---- streams ---- */

void metrics_add_open(struct metrics *metrics, enum stream_kind kind, int by)
{
        assert(by > 0 || metrics->n_open[kind] > 0);
        metrics->n_open[kind] += (unsigned)by;
}

void metrics_add_stream(struct metrics *metrics, const struct stream_record *record)
{
        metrics->ended[record->kind][record->cause]++;
        histogram_add(&metrics->lived[record->kind], record->lasted_ms * 1000);
}

void metrics_add_keepalive(struct metrics *metrics, int64_t late_ms)
{
        histogram_add(&metrics->keepalives_late, late_ms > 0 ? late_ms * 1000 : 0);
}

struct histogram metrics_lifetimes(const struct metrics *metrics)
{
        struct histogram sum = metrics->lived[0];

        for (size_t i = 1; i < STREAM_KIND_N; i++)
                histogram_add_all(&sum, &metrics->lived[i]);
        return sum;
}
