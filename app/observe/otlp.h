/* Attributes and times as OTLP has them in JSON (1.x, ProtoJSON): of spans, and of who sends them.
 */
#pragma once

#include "json_text.h"

/* An element of "attributes": at most max bytes of its value. An empty value, or NULL, is none. */
void otlp_str(struct json_text *t, const char *key, struct str value, size_t max);
void otlp_text(struct json_text *t, const char *key, const char *value, size_t max);
void otlp_number(struct json_text *t, const char *key, unsigned value);
/* A member: nanoseconds since 1970. */
void otlp_time(struct json_text *t, const char *key, int64_t us);
