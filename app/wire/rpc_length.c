/* How long a value's text would be, without making it: for the books, which may be wrong by some
 * per cent. */
#include "mgw/wire/json_raw.h"
#include "mgw/wire/rpc.h"

#define NUMBER_BYTES 8

static size_t length(const json_t *value, unsigned depth);

/* Quotes, a colon and a comma for each. */
static size_t object_length(const json_t *object, unsigned depth)
{
        size_t bytes = 2;
        json_t *value;
        const char *key;
        size_t n;

        json_object_keylen_foreach((json_t *)object, key, n, value) bytes +=
                n + 4 + length(value, depth);
        return bytes;
}

static size_t array_length(const json_t *array, unsigned depth)
{
        size_t bytes = 2, i;
        const json_t *value;

        json_array_foreach (array, i, value)
                bytes += 1 + length(value, depth);
        return bytes;
}

static size_t length(const json_t *value, unsigned depth)
{
        struct str raw = json_raw_text(value);

        if (raw.p != NULL)
                return raw.n;
        if (value == NULL || depth == 0)
                return 0;
        switch (json_typeof(value)) {
        case JSON_OBJECT:
                return object_length(value, depth - 1);
        case JSON_ARRAY:
                return array_length(value, depth - 1);
        case JSON_STRING:
                return json_string_length(value) + 2;
        case JSON_INTEGER:
        case JSON_REAL:
                return NUMBER_BYTES;
        default:
                return 4;
        }
}

size_t rpc_length(const json_t *value)
{
        return length(value, RPC_DEPTH_MAX);
}
