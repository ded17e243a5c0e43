/* JSON that is written member by member into memory of a fixed size: lines of the audit, spans. */
#pragma once

#include "mgw/base/str.h"

/* What does not fit any more is left out whole, and is_full says so. */
struct json_text {
        char *p;
        size_t n;
        size_t max;
        bool is_full;
        bool needs_comma;
};

void json_text_init(struct json_text *t, char *p, size_t max);
/* As it is. */
void json_text_raw(struct json_text *t, struct str s);
/* '{' or '[', and their ends. */
void json_text_open(struct json_text *t, char bracket);
void json_text_close(struct json_text *t, char bracket);
/* A member's name, or nothing within an array (NULL); its value is to follow. */
void json_text_key(struct json_text *t, const char *key);
/* At most max bytes of it; a '?' stands for each byte that is no UTF-8. NULL: nothing is written.
 */
void json_text_string(struct json_text *t, const char *key, const char *value, size_t max);
void json_text_str(struct json_text *t, const char *key, struct str value, size_t max);
void json_text_int(struct json_text *t, const char *key, int64_t value);
void json_text_bool(struct json_text *t, const char *key, bool value);
/* Digits alone, a zero before them where they are fewer. */
void json_text_digits(struct json_text *t, uint64_t value, unsigned width);
