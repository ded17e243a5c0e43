/* 64-bit numbers are strings there. */
#include "otlp.h"

/* Up to its value, which is of that type. */
static void put_key(struct json_text *t, const char *key, struct str type)
{
        json_text_comma(t);
        json_text_raw(t, STR("{\"key\":\""));
        json_text_raw(t, str_from(key));
        json_text_raw(t, STR("\",\"value\":{\""));
        json_text_raw(t, type);
        json_text_raw(t, STR("\":\""));
}

static void put_end(struct json_text *t)
{
        json_text_raw(t, STR("\"}}"));
}

void otlp_str(struct json_text *t, const char *key, struct str value, size_t max)
{
        if (value.n == 0)
                return;
        put_key(t, key, STR("stringValue"));
        json_text_inside(t, value, max);
        put_end(t);
}

void otlp_text(struct json_text *t, const char *key, const char *value, size_t max)
{
        otlp_str(t, key, str_from(value), max);
}

void otlp_number(struct json_text *t, const char *key, unsigned value)
{
        put_key(t, key, STR("intValue"));
        json_text_digits(t, value, 1);
        put_end(t);
}

void otlp_time(struct json_text *t, const char *key, int64_t us)
{
        json_text_key(t, key);
        json_text_raw(t, STR("\""));
        json_text_digits(t, (uint64_t)us, 1);
        json_text_raw(t, STR("000\""));
}
