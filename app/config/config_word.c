/* Words as people write them: names, and slips in keys. */
#include "config_inside.h"

#include <string.h>
#include <strings.h>

bool config_is_name(const char *name, size_t max)
{
        size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-");

        return n > 0 && n <= max && name[n] == '\0';
}

/* Shorter words are too near to others that mean something else: "auth", "scopes", "test". */
#define SLIP_MIN 6

bool config_is_slip(const char *word, const char *meant)
{
        size_t n = strlen(word), m = strlen(meant), longer = n > m ? n : m;
        size_t head = 0, tail = 0;

        if (strcmp(word, meant) == 0)
                return false;
        if (strcasecmp(word, meant) == 0)
                return true;
        while (head < n && head < m && word[head] == meant[head])
                head++;
        while (tail < n - head && tail < m - head && word[n - 1 - tail] == meant[m - 1 - tail])
                tail++;
        if (m < SLIP_MIN)
                return false;
        return head + tail + 1 == longer ||
               (n == m && head + tail + 2 == n && word[head] == meant[head + 1] &&
                word[head + 1] == meant[head]);
}
