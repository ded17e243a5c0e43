/* Compares values as JSON Schema does. Every comparison takes steps of the run. Twins in an array
 * are found by hashes, which are the same for values that are. */
#include "schema_inside.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Bytes of a string that are looked at in a step. */
#define BYTES_A_STEP 64

static int order(double a, double b)
{
        return (a > b) - (a < b);
}

/* Exact, where a double could not hold the integer. */
static int compare_mixed(json_int_t i, double d)
{
        json_int_t whole;

        if (d >= 9223372036854775808.0)
                return -1;
        if (d < -9223372036854775808.0)
                return 1;
        whole = (json_int_t)d;
        if (i != whole)
                return i < whole ? -1 : 1;
        return order(0, d - (double)whole);
}

int schema_number_compare(const json_t *a, const json_t *b)
{
        json_int_t i = json_integer_value(a), j = json_integer_value(b);

        if (json_is_integer(a))
                return json_is_integer(b) ? (i > j) - (i < j)
                                          : compare_mixed(i, rpc_number_value(b));
        return json_is_integer(b) ? -compare_mixed(j, rpc_number_value(a))
                                  : order(rpc_number_value(a), rpc_number_value(b));
}

static bool same_strings(struct run *run, const json_t *a, const json_t *b)
{
        size_t n = json_string_length(a);

        return n == json_string_length(b) && schema_run_spend(run, n / BYTES_A_STEP) &&
               memcmp(json_string_value(a), json_string_value(b), n) == 0;
}

static bool same_arrays(struct run *run, json_t *a, json_t *b)
{
        if (json_array_size(a) != json_array_size(b))
                return false;
        for (size_t i = 0; i < json_array_size(a); i++)
                if (!schema_run_same(run, json_array_get(a, i), json_array_get(b, i)))
                        return false;
        return true;
}

static bool same_objects(struct run *run, json_t *a, json_t *b)
{
        const char *key;
        json_t *member;

        if (json_object_size(a) != json_object_size(b))
                return false;
        json_object_foreach (a, key, member) {
                json_t *other = json_object_get(b, key);

                if (other == NULL || !schema_run_same(run, member, other))
                        return false;
        }
        return true;
}

bool schema_run_same(struct run *run, json_t *a, json_t *b)
{
        if (!schema_run_spend(run, 1))
                return false;
        if (rpc_is_number(a) && rpc_is_number(b))
                return schema_number_compare(a, b) == 0;
        if (rpc_is_number(a) || rpc_is_number(b))
                return false;
        if (json_typeof(a) != json_typeof(b))
                return false;
        switch (json_typeof(a)) {
        case JSON_STRING:
                return same_strings(run, a, b);
        case JSON_ARRAY:
                return same_arrays(run, a, b);
        case JSON_OBJECT:
                return same_objects(run, a, b);
        default:
                return true;
        }
}

static uint64_t hash_bytes(const void *p, size_t n, uint64_t hash)
{
        for (size_t i = 0; i < n; i++)
                hash = (hash ^ ((const uint8_t *)p)[i]) * 0x100000001b3;
        return hash;
}

/* The same for values that are the same. */
static uint64_t hash_of(struct run *run, json_t *value)
{
        uint64_t hash = 0xcbf29ce484222325;
        const char *key;
        json_t *part;
        size_t i;

        if (!schema_run_spend(run, 1 + json_string_length(value) / BYTES_A_STEP))
                return 0;
        if (rpc_is_number(value)) {
                double d = rpc_number_value(value) + 0.0; /* -0 becomes 0 */

                return hash_bytes(&d, sizeof(d), hash);
        }
        hash += json_typeof(value);
        if (json_is_string(value))
                return hash_bytes(json_string_value(value), json_string_length(value), hash);
        json_array_foreach (value, i, part) {
                uint64_t inner = hash_of(run, part);

                hash = hash_bytes(&inner, sizeof(inner), hash);
        }
        json_object_foreach (value, key, part)
                hash += hash_bytes(key, strlen(key), hash_of(run, part));
        return hash;
}

struct hashed {
        uint64_t hash;
        size_t index;
};

static int by_hash(const void *a, const void *b)
{
        uint64_t x = ((const struct hashed *)a)->hash, y = ((const struct hashed *)b)->hash;

        return (x > y) - (x < y);
}

static bool find_in_sorted(struct run *run, json_t *array, const struct hashed *items, size_t *ap,
                           size_t *bp)
{
        for (size_t i = 0; i < json_array_size(array); i++)
                for (size_t j = i; run->steps > 0 && j-- > 0 && items[j].hash == items[i].hash;)
                        if (schema_run_same(run, json_array_get(array, items[i].index),
                                            json_array_get(array, items[j].index))) {
                                *ap = items[j].index;
                                *bp = items[i].index;
                                return true;
                        }
        return false;
}

int schema_run_find_twins(struct run *run, json_t *array, size_t *ap, size_t *bp)
{
        size_t n = json_array_size(array);
        struct hashed *items = calloc(n + 1, sizeof(*items));
        bool found = false;

        if (items == NULL)
                return -ENOMEM;
        for (size_t i = 0; i < n && run->steps > 0; i++)
                items[i] = (struct hashed){hash_of(run, json_array_get(array, i)), i};
        if (run->steps > 0) {
                qsort(items, n, sizeof(*items), by_hash);
                found = find_in_sorted(run, array, items, ap, bp);
        }
        free(items);
        if (run->steps == 0)
                return SCHEMA_E_LIMIT;
        return found ? SCHEMA_E_INVALID : 0;
}
