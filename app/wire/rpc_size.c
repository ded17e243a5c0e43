/* What values take in jansson 2.14 on a heap that hands out multiples of 16 bytes: an empty object
 * 224 (72 and a table of 8 buckets), each member of it 80 and its name, and the table doubles; an
 * array 128 (40 and a table of 8), which doubles too; a string 48 and its text; a number 32; true,
 * false and null nothing. So a text of 4 MB can be 300 MB of values. */
#include "rpc_size.h"

#include "mgw/wire/json_raw.h"
#include "mgw/wire/rpc.h"
#include "rpc_plain.h"

#include <string.h>

#define OBJECT_BYTES 224
#define MEMBER_BYTES 96 /* with its share of a table that doubles */
#define ARRAY_BYTES 128
#define ENTRY_BYTES 16 /* likewise */
#define STRING_BYTES 80
#define NUMBER_BYTES 32

/* ---- of a text ---- */

size_t rpc_skip_string(struct str text, size_t at)
{
        for (; at < text.n; at++) {
                while (text.n - at > 8 && rpc_is_plain(text.p + at))
                        at += 8;
                if (text.p[at] == '"')
                        return at + 1;
                if (text.p[at] == '\\')
                        at++;
        }
        return text.n;
}

static bool is_scalar(char c)
{
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
               c == '-' || c == '+' || c == '.';
}

static size_t skip_scalar(struct str text, size_t at)
{
        while (at < text.n && is_scalar(text.p[at]))
                at++;
        return at;
}

static void add_value(struct rpc_size *size, size_t bytes)
{
        size->n_values++;
        size->bytes += bytes;
}

void rpc_size_of(struct str text, size_t values_max, struct rpc_size *size)
{
        size_t depth = 0, at = 0;

        *size = (struct rpc_size){0};
        while (at < text.n && size->n_values <= values_max) {
                size_t from = at++;
                char c = text.p[from];

                if (c == '"') {
                        at = rpc_skip_string(text, at);
                        add_value(size, STRING_BYTES + (at - from));
                } else if (c == '{' || c == '[') {
                        add_value(size, c == '{' ? OBJECT_BYTES : ARRAY_BYTES);
                        if (++depth > RPC_DEPTH_MAX) {
                                size->is_too_deep = true;
                                size->end = from;
                                return;
                        }
                } else if (c == '}' || c == ']') {
                        depth -= depth > 0;
                } else if (c == ',') {
                        size->bytes += ENTRY_BYTES;
                } else if (is_scalar(c)) {
                        at = skip_scalar(text, at);
                        add_value(size, NUMBER_BYTES);
                }
        }
        size->end = at;
}

/* ---- of values ---- */

static size_t cost(const json_t *value, unsigned depth);

static size_t object_cost(const json_t *object, unsigned depth)
{
        size_t bytes = OBJECT_BYTES;
        const char *key;
        json_t *member;

        json_object_foreach ((json_t *)object, key, member)
                bytes += MEMBER_BYTES + strlen(key) + cost(member, depth);
        return bytes;
}

static size_t array_cost(const json_t *array, unsigned depth)
{
        size_t bytes = ARRAY_BYTES, i;
        const json_t *entry;

        json_array_foreach ((json_t *)array, i, entry)
                bytes += ENTRY_BYTES + cost(entry, depth);
        return bytes;
}

/* It may be opened at any time. */
static size_t raw_cost(struct str text)
{
        struct rpc_size size;

        rpc_size_of(text, text.n, &size);
        return size.bytes;
}

static size_t cost(const json_t *value, unsigned depth)
{
        struct str raw = json_raw_text(value);

        if (raw.p != NULL)
                return raw_cost(raw);
        switch (value != NULL ? json_typeof(value) : JSON_NULL) {
        case JSON_OBJECT:
                return depth > 0 ? object_cost(value, depth - 1) : OBJECT_BYTES;
        case JSON_ARRAY:
                return depth > 0 ? array_cost(value, depth - 1) : ARRAY_BYTES;
        case JSON_STRING:
                return STRING_BYTES + json_string_length(value);
        case JSON_INTEGER:
        case JSON_REAL:
                return NUMBER_BYTES;
        default:
                return 0;
        }
}

size_t rpc_cost(const json_t *value)
{
        return cost(value, RPC_DEPTH_MAX);
}
