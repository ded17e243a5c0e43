#include "mgw/base/alloc.h"

#include "mgw/base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static _Noreturn void end_process(size_t n)
{
        log_urgent(LOG_LEVEL_ERROR,
                   "[mgw] out of memory: the system gives no %zu bytes, though memory_max_bytes is "
                   "not reached: lower it, or give mgw more (ulimit -v, the container's limit)",
                   n);
        _exit(ALLOC_EXIT_CODE);
}

static void *or_end(void *p, size_t n)
{
        if (p == NULL && n > 0)
                end_process(n);
        return p;
}

void *alloc_zeroed(size_t n)
{
        return or_end(calloc(1, n), n);
}

void *alloc_array(size_t n, size_t size)
{
        return or_end(calloc(n, size), n * size);
}

void *alloc_again(void *p, size_t n, size_t size)
{
        return or_end(reallocarray(p, n, size), n * size);
}

char *alloc_text(const char *text)
{
        return or_end(strdup(text), strlen(text));
}

char *alloc_str(struct str s)
{
        char *text = or_end(malloc(s.n + 1), s.n + 1);

        if (s.n > 0)
                memcpy(text, s.p, s.n);
        text[s.n] = '\0';
        return text;
}

char *alloc_format(const char *fmt, ...)
{
        char *text = NULL;
        va_list ap;
        int n;

        va_start(ap, fmt);
        n = vasprintf(&text, fmt, ap);
        va_end(ap);
        return n < 0 ? or_end(NULL, 1) : text;
}

void *alloc_for_library(size_t n)
{
        void *p = malloc(n);

        return n < ALLOC_SMALL_BYTES ? or_end(p, n) : p;
}
