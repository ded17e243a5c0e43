/* PCRE2's own match limit counts anew at every place of the text that a match may start at, so it
 * bounds nothing in a long text. What bounds a match here is a callout before every item of the
 * pattern: it takes one step, and more for the bytes that were passed since the last one and for
 * the most that the next item can look at before it fails. */
#include "mgw/schema/pattern.h"

#include "mgw/base/alloc.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <errno.h>
#include <pcre2.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#define LENGTH_MAX 4096
#define HEAP_MAX_KB 16384
/* What looking at a byte costs, in parts of a step. */
#define BYTES_A_STEP 32

struct pattern {
        pcre2_code *code;
        size_t item_max; /* bytes that one item may look at before it fails */
};

struct meter {
        size_t item_max;
        size_t at;
        uint32_t *stepsp;
};

/* The largest number in the text: no counted repeat goes further. */
static size_t largest_number(struct str text)
{
        size_t largest = 0, n = 0;

        for (size_t i = 0; i < text.n; i++) {
                n = text.p[i] >= '0' && text.p[i] <= '9' ? n * 10 + (size_t)(text.p[i] - '0') : 0;
                if (n > UINT16_MAX)
                        return UINT16_MAX;
                if (n > largest)
                        largest = n;
        }
        return largest;
}

/* 0, PATTERN_E_BAD, -ENOMEM. */
static int compile(struct pattern *pattern, pcre2_compile_context *context, struct str text,
                   char *why, size_t why_size)
{
        /* what ECMA-262 means, and a callout before every item */
        const uint32_t options = PCRE2_UTF | PCRE2_ALT_BSUX | PCRE2_DOLLAR_ENDONLY |
                                 PCRE2_ALLOW_EMPTY_CLASS | PCRE2_MATCH_UNSET_BACKREF |
                                 PCRE2_NEVER_BACKSLASH_C | PCRE2_AUTO_CALLOUT;
        char reason[128];
        size_t offset;
        int error;

        pcre2_set_compile_extra_options(context, PCRE2_EXTRA_ALT_BSUX);
        pcre2_set_newline(context, PCRE2_NEWLINE_ANYCRLF);
        pattern->code =
                pcre2_compile((PCRE2_SPTR)text.p, text.n, options, &error, &offset, context);
        if (pattern->code != NULL)
                return 0;
        if (error == PCRE2_ERROR_NOMEMORY)
                return -ENOMEM;
        pcre2_get_error_message(error, (PCRE2_UCHAR *)reason, sizeof(reason));
        snprintf(why, why_size, "%s (at byte %zu)", reason, offset);
        return PATTERN_E_BAD;
}

int pattern_create(struct str text, struct pattern **patternp, char *why, size_t why_size)
{
        pcre2_compile_context *context;
        struct pattern *pattern;
        uint32_t n_back = 0;
        int r;

        if (text.n > LENGTH_MAX) {
                snprintf(why, why_size, "longer than %d bytes", LENGTH_MAX);
                return PATTERN_E_BAD;
        }
        pattern = alloc_zeroed(sizeof(*pattern));
        context = pcre2_compile_context_create(NULL);
        r = context == NULL ? -ENOMEM : compile(pattern, context, text, why, why_size);
        pcre2_compile_context_free(context);
        if (r != 0) {
                free(pattern);
                return r;
        }
        pcre2_pattern_info(pattern->code, PCRE2_INFO_BACKREFMAX, &n_back);
        pattern->item_max = n_back > 0 ? SIZE_MAX : largest_number(text);
        *patternp = pattern;
        return 0;
}

void pattern_destroy(struct pattern *pattern)
{
        if (pattern == NULL)
                return;
        pcre2_code_free(pattern->code);
        free(pattern);
}

static int on_item(pcre2_callout_block *block, void *data)
{
        struct meter *meter = data;
        size_t at = block->current_position;
        size_t moved = at > meter->at ? at - meter->at : meter->at - at;
        size_t cost = 1 + (moved + meter->item_max) / BYTES_A_STEP;

        meter->at = at;
        if (cost > *meter->stepsp) {
                *meter->stepsp = 0;
                return PCRE2_ERROR_CALLOUT;
        }
        *meter->stepsp -= (uint32_t)cost;
        return 0;
}

static int outcome(int matched)
{
        bool is_no_text = matched <= PCRE2_ERROR_UTF8_ERR1 && matched >= PCRE2_ERROR_UTF8_ERR21;

        if (matched >= 0)
                return 0;
        if (matched == PCRE2_ERROR_NOMATCH || is_no_text)
                return PATTERN_E_NONE;
        return matched == PCRE2_ERROR_NOMEMORY ? -ENOMEM : PATTERN_E_LIMIT;
}

int pattern_match(const struct pattern *pattern, struct str text, uint32_t *stepsp)
{
        struct meter meter = {
                .item_max = pattern->item_max < text.n ? pattern->item_max : text.n,
                .stepsp = stepsp,
        };
        pcre2_match_context *context = pcre2_match_context_create(NULL);
        pcre2_match_data *data = pcre2_match_data_create(1, NULL);
        int matched = PCRE2_ERROR_NOMEMORY;

        if (context != NULL && data != NULL) {
                pcre2_set_callout(context, on_item, &meter);
                pcre2_set_match_limit(context, *stepsp);
                pcre2_set_heap_limit(context, HEAP_MAX_KB);
                matched =
                        pcre2_match(pattern->code, (PCRE2_SPTR)text.p, text.n, 0, 0, data, context);
        }
        pcre2_match_data_free(data);
        pcre2_match_context_free(context);
        return outcome(matched);
}
