/* Settings as they may be seen. A text may be a secret, and one that is not known to be none is not
 * shown: only that there is one. */
#include "config_inside.h"
#include "config_table.h"

#include <stdint.h>

static const char hidden[] = "(set)";

static json_t *show_text(const struct config_row *row, const char *text)
{
        if (text == NULL || text[0] == '\0')
                return json_string("");
        return json_string(row->is_shown || row->kind == KIND_FILE ? text : hidden);
}

static json_t *show_texts(const struct config_row *row, char *const *texts)
{
        json_t *shown = json_array();

        for (; texts != NULL && *texts != NULL; texts++)
                json_array_append_new(shown, json_string(row->is_shown ? *texts : hidden));
        return shown;
}

static json_t *show_word(const struct config_row *row, int word)
{
        return row->words != NULL ? json_string(row->words[word]) : json_boolean(word);
}

static json_t *show_seconds(int64_t ms)
{
        return ms % 1000 == 0 ? json_integer(ms / 1000) : json_real((double)ms / 1000);
}

json_t *config_show_value(const struct config_row *row, const void *from)
{
        const void *field = (const char *)from + row->offset;

        switch (row->kind) {
        case KIND_TEXT:
        case KIND_FILE:
                return show_text(row, *(char *const *)field);
        case KIND_WORD:
                return show_word(row, *(const int *)field);
        case KIND_BOOL:
                return show_word(row, *(const bool *)field);
        case KIND_OCTAL:
                return json_sprintf("%04o", *(const uint32_t *)field);
        case KIND_UINT32:
                return json_integer(*(const uint32_t *)field);
        case KIND_UINT64:
                return json_integer((json_int_t) * (const uint64_t *)field);
        case KIND_INT64:
                return json_integer(*(const int64_t *)field);
        case KIND_NUMBER:
                return json_real(*(const double *)field);
        case KIND_SECONDS:
                return show_seconds(*(const int64_t *)field);
        case KIND_TEXTS:
        case KIND_PAIRS:
                return show_texts(row, *(char *const *const *)field);
        case KIND_OTHER:
                return NULL;
        }
        return NULL;
}
