/* What is valid here has no byte that could end a header's line. Values of a higher version of
 * traceparent than 00 pass when they begin as 00 does, as the specification has it. */
#include "mgw/mcp/trace.h"

#include "mgw/base/alloc.h"
#include "mgw/base/strv.h"
#include "mgw/wire/hdr.h"
#include "mgw/wire/json_str.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PARENT_MAX_BYTES 256
/* 512 are what everybody must pass on; servers refuse heads of 8 kB or 16 kB. */
#define STATE_MAX_BYTES 4096
#define STATE_MAX_MEMBERS 32
#define KEY_MAX_BYTES 256
#define VALUE_MAX_BYTES 256
#define BAGGAGE_MAX_BYTES 8192

static bool is_lower(char c)
{
        return c >= 'a' && c <= 'z';
}

static bool is_digit(char c)
{
        return c >= '0' && c <= '9';
}

static bool is_all(struct str s, bool (*fits)(char c))
{
        for (size_t i = 0; i < s.n; i++)
                if (!fits(s.p[i]))
                        return false;
        return true;
}

/* ---- traceparent (Trace Context, 3.2) ---- */

static bool is_lower_hex(char c)
{
        return is_digit(c) || (c >= 'a' && c <= 'f');
}

static bool is_visible(char c)
{
        return c > ' ' && c <= '~';
}

static bool is_zero(char c)
{
        return c == '0';
}

static bool parent_is_valid(struct str s)
{
        static const size_t lengths[] = {2, 32, 16, 2};
        struct str parts[4], rest = s;

        if (s.n < 55 || s.n > PARENT_MAX_BYTES || !is_all(s, is_visible))
                return false;
        for (size_t i = 0; i < 4; i++) {
                parts[i] = str_cut(&rest, '-');
                if (parts[i].n != lengths[i] || !is_all(parts[i], is_lower_hex))
                        return false;
        }
        if (str_eq(parts[0], STR("ff")) || (str_eq(parts[0], STR("00")) && s.n != 55))
                return false;
        return !is_all(parts[1], is_zero) && !is_all(parts[2], is_zero);
}

/* ---- tracestate (Trace Context, 3.3) ---- */

static bool is_key_char(char c)
{
        return is_lower(c) || is_digit(c) || (c != '\0' && strchr("_-*/@", c) != NULL);
}

static bool is_value_char(char c)
{
        return c >= ' ' && c <= '~' && c != ',' && c != '=';
}

static bool member_is_valid(struct str key, struct str value)
{
        return key.n > 0 && key.n <= KEY_MAX_BYTES && (is_lower(key.p[0]) || is_digit(key.p[0])) &&
               is_all(key, is_key_char) && value.n > 0 && value.n <= VALUE_MAX_BYTES &&
               is_all(value, is_value_char);
}

static bool has_key(const struct str *keys, size_t n, struct str key)
{
        for (size_t i = 0; i < n; i++)
                if (str_eq(keys[i], key))
                        return true;
        return false;
}

/* Members may be empty, but not all. */
static bool state_is_valid(struct str s)
{
        struct str keys[STATE_MAX_MEMBERS];
        size_t n = 0;

        if (s.n > STATE_MAX_BYTES)
                return false;
        while (s.n > 0) {
                struct str value = str_trim(str_cut(&s, ',')), key;

                if (value.n == 0)
                        continue;
                key = str_cut(&value, '=');
                if (n == STATE_MAX_MEMBERS || !member_is_valid(key, value) || has_key(keys, n, key))
                        return false;
                keys[n++] = key;
        }
        return n > 0;
}

/* ---- baggage (Baggage, 3.2) ---- */

static bool is_baggage_char(char c)
{
        return is_visible(c) && c != '"' && c != ',' && c != ';' && c != '\\';
}

static bool pair_is_valid(struct str pair, bool needs_value)
{
        bool has_value = memchr(pair.p, '=', pair.n) != NULL;
        struct str key = str_trim(str_cut(&pair, '='));

        return hdr_is_token(key) && (has_value || !needs_value) &&
               is_all(str_trim(pair), is_baggage_char);
}

static bool baggage_is_valid(struct str s)
{
        if (s.n == 0 || s.n > BAGGAGE_MAX_BYTES || s.p[s.n - 1] == ',')
                return false;
        while (s.n > 0) {
                struct str member = str_cut(&s, ',');
                bool is_property = false;

                if (member.n > 0 && member.p[member.n - 1] == ';')
                        return false;
                do {
                        struct str pair = str_cut(&member, ';');

                        if (!pair_is_valid(pair, !is_property))
                                return false;
                        is_property = true;
                } while (member.n > 0);
        }
        return true;
}

/* ---- a request ---- */

enum { PARENT, STATE, BAGGAGE, N_KEYS };

static const struct {
        const char *name;
        const char *cgi;
        bool (*is_valid)(struct str s);
} keys[N_KEYS] = {
        [PARENT] = {"traceparent", "HTTP_TRACEPARENT", parent_is_valid},
        [STATE] = {"tracestate", "HTTP_TRACESTATE", state_is_valid},
        [BAGGAGE] = {"baggage", "HTTP_BAGGAGE", baggage_is_valid},
};

/* False: nothing valid stands there (any more). */
static bool keep_own(json_t *meta, int key)
{
        const json_t *own = json_object_get(meta, keys[key].name);

        if (json_is_string(own) && keys[key].is_valid(json_str(own)))
                return true;
        json_object_del(meta, keys[key].name);
        return false;
}

static int add_from_header(json_t *meta, int key, const struct mirror_headers *headers)
{
        struct str value = str_trim(headers->get(headers->from, keys[key].cgi));

        if (value.n == 0 || !keys[key].is_valid(value))
                return 0;
        return json_object_set_new(meta, keys[key].name, json_stringn(value.p, value.n)) < 0
                       ? -ENOMEM
                       : 0;
}

static int adopt(json_t *meta, const struct mirror_headers *headers)
{
        bool has_parent = keep_own(meta, PARENT);
        bool has_state = keep_own(meta, STATE);
        int r = 0;

        if (!has_parent)
                r = add_from_header(meta, PARENT, headers);
        if (has_state && !has_parent)
                json_object_del(meta, keys[STATE].name);
        if (r == 0 && !has_parent && json_object_get(meta, keys[PARENT].name) != NULL)
                r = add_from_header(meta, STATE, headers);
        if (r == 0 && !keep_own(meta, BAGGAGE))
                r = add_from_header(meta, BAGGAGE, headers);
        return r;
}

bool trace_has_headers(const struct mirror_headers *headers)
{
        return headers->get(headers->from, keys[PARENT].cgi).n > 0 ||
               headers->get(headers->from, keys[BAGGAGE].cgi).n > 0;
}

int trace_adopt(json_t *message, const struct mirror_headers *headers)
{
        json_t *params = json_object_get(message, "params");
        json_t *meta = json_object_get(params, "_meta");
        int r;

        if (!json_is_object(params) || (meta != NULL && !json_is_object(meta)) ||
            json_object_get(message, "method") == NULL || json_object_get(message, "id") == NULL)
                return 0;
        if (meta != NULL)
                return adopt(meta, headers);
        if (!trace_has_headers(headers))
                return 0;
        meta = json_object();
        r = adopt(meta, headers);
        if (r == 0 && json_object_size(meta) > 0 && json_object_set(params, "_meta", meta) < 0)
                r = -ENOMEM;
        json_decref(meta);
        return r;
}

const char *trace_parent(const json_t *params)
{
        return json_string_value(
                json_object_get(json_object_get(params, "_meta"), keys[PARENT].name));
}

bool trace_header_parent(const struct mirror_headers *headers, char text[TRACE_PARENT_SIZE])
{
        struct str value = str_trim(headers->get(headers->from, keys[PARENT].cgi));

        if (value.n == 0 || !parent_is_valid(value))
                return false;
        memcpy(text, value.p, TRACE_PARENT_SIZE - 1);
        text[TRACE_PARENT_SIZE - 1] = '\0';
        return true;
}

bool trace_is_sampled(const char *traceparent)
{
        char last = traceparent[54];

        return strchr("13579bdf", last) != NULL;
}

int trace_lines_add(char ***linesp, const json_t *params)
{
        const json_t *meta = json_object_get(params, "_meta");
        int r = 0;

        for (int key = 0; key < N_KEYS && r == 0; key++) {
                const char *value = json_string_value(json_object_get(meta, keys[key].name));

                if (value != NULL)
                        r = strv_add_take(linesp, alloc_format("%s: %s", keys[key].name, value));
        }
        return r;
}
