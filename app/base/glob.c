/* What stands before the first star must begin the text, what stands behind the last must end it,
 * and what stands between two is looked for from the left: the first place is as good as any. */
#include "mgw/base/glob.h"

#include <string.h>

static bool ends_with(const char *text, size_t n, const char *tail, size_t n_tail)
{
        return n >= n_tail && memcmp(text + n - n_tail, tail, n_tail) == 0;
}

bool glob_match(const char *pattern, const char *text)
{
        const char *star = strchr(pattern, '*');
        size_t n = strlen(text);

        if (star == NULL)
                return strcmp(pattern, text) == 0;
        if (strncmp(pattern, text, (size_t)(star - pattern)) != 0)
                return false;
        text += star - pattern;
        n -= (size_t)(star - pattern);
        for (;;) {
                const char *part = star + 1, *found;

                star = strchr(part, '*');
                if (star == NULL)
                        return ends_with(text, n, part, strlen(part));
                found = memmem(text, n, part, (size_t)(star - part));
                if (found == NULL)
                        return false;
                n -= (size_t)(found - text) + (size_t)(star - part);
                text = found + (star - part);
        }
}

/* A star of the other is a byte that nothing but a star of the first matches. */
bool glob_covers(const char *pattern, const char *other)
{
        return glob_match(pattern, other);
}

static bool heads_agree(const char *a, const char *b)
{
        size_t n_a = strcspn(a, "*"), n_b = strcspn(b, "*");

        return strncmp(a, b, n_a < n_b ? n_a : n_b) == 0;
}

static bool tails_agree(const char *a, const char *b)
{
        const char *tail_a = strrchr(a, '*') + 1, *tail_b = strrchr(b, '*') + 1;
        size_t n_a = strlen(tail_a), n_b = strlen(tail_b);

        return n_a < n_b ? ends_with(tail_b, n_b, tail_a, n_a)
                         : ends_with(tail_a, n_a, tail_b, n_b);
}

/* With a star in both, what stands in the middle of each may stand one behind the other. */
bool glob_meets(const char *a, const char *b)
{
        if (strchr(a, '*') == NULL)
                return glob_match(b, a);
        if (strchr(b, '*') == NULL)
                return glob_match(a, b);
        return heads_agree(a, b) && tails_agree(a, b);
}
