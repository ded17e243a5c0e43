/* Arrays grow by one and are counted each time: they are short. */
#include "mgw/base/strv.h"

#include "mgw/base/alloc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

size_t strv_count(const char *const *v)
{
        size_t n = 0;

        while (v != NULL && v[n] != NULL)
                n++;
        return n;
}

bool strv_has(const char *const *v, const char *text)
{
        for (; v != NULL && *v != NULL; v++)
                if (strcmp(*v, text) == 0)
                        return true;
        return false;
}

bool strv_has_any(const char *const *v, const char *const *texts)
{
        for (; texts != NULL && *texts != NULL; texts++)
                if (strv_has(v, *texts))
                        return true;
        return false;
}

bool strv_is_same(const char *const *a, const char *const *b)
{
        size_t n = strv_count(a);

        if (strv_count(b) != n)
                return false;
        for (size_t i = 0; i < n; i++)
                if (strcmp(a[i], b[i]) != 0)
                        return false;
        return true;
}

int strv_add_take(char ***vp, char *text)
{
        size_t n = strv_count((const char *const *)*vp);
        char **grown;

        if (text == NULL)
                return -ENOMEM;
        grown = alloc_again((void *)*vp, n + 2, sizeof(*grown));
        grown[n] = text;
        grown[n + 1] = NULL;
        *vp = grown;
        return 0;
}

void strv_free(char **v)
{
        for (char **text = v; text != NULL && *text != NULL; text++)
                free(*text);
        free((void *)v);
}
