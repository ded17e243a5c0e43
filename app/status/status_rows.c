/* Texts and rows that are bounded, whoever has chosen them. */
#include "status_inside.h"

#include <string.h>

json_t *status_text(const char *text)
{
        char bounded[STATUS_TEXT_SIZE];

        if (text == NULL)
                return json_null();
        /* a cut is within what is read: of a long text no more is looked at */
        str_to_text((struct str){text, strnlen(text, sizeof(bounded))}, bounded, sizeof(bounded));
        return json_string(bounded);
}

json_t *status_rows_take(size_t n, json_t *rows)
{
        return json_pack("{s:I, s:o}", "n", (json_int_t)n, "rows", rows);
}

void status_best_add(struct status_best *best, const void *of, uint64_t rank)
{
        size_t at = best->n;

        if (at == STATUS_ROWS_MAX && rank <= best->rows[at - 1].rank)
                return;
        while (at > 0 && best->rows[at - 1].rank < rank)
                at--;
        if (best->n < STATUS_ROWS_MAX)
                best->n++;
        memmove(&best->rows[at + 1], &best->rows[at], (best->n - 1 - at) * sizeof(best->rows[0]));
        best->rows[at] = (struct status_ranked){of, rank};
}
