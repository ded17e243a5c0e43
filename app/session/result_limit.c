/* What is kept has a budget of bytes; a last text says what is missing. */
#include "mgw/session/result_limit.h"

#include "mgw/base/alloc.h"
#include "mgw/wire/json_raw.h"
#include "mgw/wire/json_str.h"
#include "mgw/wire/rpc.h"

#include <stdlib.h>
#include <string.h>

#define LINKS_MAX 16
/* Of a link, which stays past the budget. */
#define LINK_MAX_BYTES 2000
/* resultType, isError. */
#define SMALL_BYTES 16

struct cut {
        size_t left;       /* of the budget */
        size_t n_texts;    /* bytes of all texts there were */
        size_t n_kept;     /* and that are kept */
        size_t n_left_out; /* blocks that cannot be cut */
        const char *where; /* a resource that has the whole; NULL: none is named */
        bool lost_structure;
};

static size_t size_of(const json_t *value)
{
        struct str text;
        size_t n = SIZE_MAX;

        if (json_is_raw(value))
                return json_raw_text(value).n;
        if (rpc_dump(value, &text) == 0) {
                n = text.n;
                free((void *)text.p);
        }
        return n;
}

/* Not within a character: at none of its later bytes. */
static size_t whole_characters(struct str text, size_t n)
{
        if (n >= text.n)
                return text.n;
        while (n > 0 && ((unsigned char)text.p[n] & 0xc0) == 0x80)
                n--;
        return n;
}

static bool is_of_type(const json_t *block, const char *type)
{
        const char *theirs = json_string_value(json_object_get(block, "type"));

        return theirs != NULL && strcmp(theirs, type) == 0;
}

/* NULL: nothing of it is left. */
static json_t *cut_text(struct cut *cut, json_t *block)
{
        struct str text = json_str(json_object_get(block, "text"));
        size_t n_around = json_object_size(block) > 2 ? size_of(block) - text.n : 0, n;
        json_t *kept;

        cut->n_texts += text.n;
        n = n_around < cut->left ? whole_characters(text, cut->left - n_around) : 0;
        if (n == 0)
                return NULL;
        cut->left -= n_around;
        cut->n_kept += n;
        cut->left -= n;
        if (n == text.n)
                return json_incref(block);
        cut->left = 0; /* what comes behind would look as if it followed */
        kept = json_copy(block);
        json_object_set_new(kept, "text", json_stringn(text.p, n));
        return kept;
}

static json_t *cut_block(struct cut *cut, json_t *block, size_t *n_linksp)
{
        const char *uri = rpc_text(block, "uri");
        size_t n;

        if (is_of_type(block, "text"))
                return cut_text(cut, block);
        n = size_of(block);
        if (is_of_type(block, "resource_link") && uri != NULL && n <= LINK_MAX_BYTES &&
            ++*n_linksp <= LINKS_MAX) {
                if (cut->where == NULL)
                        cut->where = uri;
                return json_incref(block);
        }
        if (n > cut->left) {
                cut->n_left_out++;
                return NULL;
        }
        cut->left -= n;
        return json_incref(block);
}

static json_t *cut_content(struct cut *cut, const json_t *content)
{
        json_t *kept = json_array(), *block;
        size_t i, n_links = 0;

        json_array_foreach ((json_t *)content, i, block) {
                json_t *one = cut_block(cut, block, &n_links);

                if (one != NULL)
                        json_array_append_new(kept, one);
        }
        return kept;
}

static void cut_structure(struct cut *cut, json_t *result)
{
        const json_t *structure = json_object_get(result, "structuredContent");
        size_t n = structure != NULL ? size_of(structure) : 0;

        if (n <= cut->left) {
                cut->left -= n;
                return;
        }
        cut->lost_structure = true;
        json_object_del(result, "structuredContent");
        json_object_set_new(result, "isError", json_true());
}

/* _meta, and what nobody here knows. */
static void cut_others(struct cut *cut, json_t *result)
{
        const char *key;
        json_t *value;
        void *next;

        json_object_foreach_safe(result, next, key, value)
        {
                size_t n = size_of(value);

                if (strcmp(key, "content") == 0 || strcmp(key, "structuredContent") == 0 ||
                    n <= SMALL_BYTES)
                        continue;
                if (n > cut->left)
                        json_object_del(result, key);
                else
                        cut->left -= n;
        }
}

static json_t *note_of(const struct cut *cut, size_t max_bytes)
{
        char *blocks =
                cut->n_left_out > 0
                        ? alloc_format(" %zu parts that are no text are left out.", cut->n_left_out)
                        : alloc_text("");
        char *where = cut->where != NULL
                              ? alloc_format("The rest is in the resource %s", cut->where)
                              : alloc_text("Ask for less, or for the rest by itself");
        char *text =
                alloc_format("[The gateway has cut this result, which is longer than the %zu "
                             "bytes allowed here: %zu of %zu bytes of text are "
                             "above.%s%s %s.]",
                             max_bytes, cut->n_kept, cut->n_texts, blocks,
                             cut->lost_structure ? " structuredContent is left out." : "", where);
        json_t *note = json_pack("{s:s, s:s}", "type", "text", "text", text);

        free(blocks);
        free(where);
        free(text);
        return note;
}

void result_limit(json_t *answer, size_t max_bytes)
{
        json_t *result = json_object_get(answer, "result"), *content;
        struct cut cut = {.left = max_bytes};

        if (result == NULL || size_of(result) <= max_bytes)
                return;
        result = json_raw_open_take(json_incref(result));
        if (!json_is_object(result)) { /* out of memory: nothing of it may be passed on */
                json_decref(result);
                json_object_set_new(answer, "result",
                                    json_pack("{s:[], s:b}", "content", "isError", 1));
                return;
        }
        cut_others(&cut, result);
        cut_structure(&cut, result);
        content = cut_content(&cut, json_object_get(result, "content"));
        json_array_append_new(content, note_of(&cut, max_bytes));
        json_object_set_new(result, "content", content);
        json_object_set_new(answer, "result", result);
}
