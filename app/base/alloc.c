/* Each asks the C library, and ends the process where that has nothing. The last line is written
 * without the heap (log_urgent). */
#include "mgw/base/alloc.h"

#include "mgw/base/log.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static _Noreturn void end_process(size_t n, size_t size)
{
        size_t bytes;

        if (__builtin_mul_overflow(n, size, &bytes))
                bytes = SIZE_MAX;
        log_urgent(
                LOG_LEVEL_ERROR,
                "[mgw] out of memory: the system gives no %zu bytes more. Lower "
                "memory_max_bytes, or raise what limits the process (ulimit -v, ulimit -d) or the "
                "machine (vm.overcommit_memory)",
                bytes);
        _exit(ALLOC_EXIT_CODE);
}

static void *or_end(void *p, size_t n, size_t size)
{
        if (p == NULL)
                end_process(n, size);
        return p;
}

void *alloc_zeroed(size_t n)
{
        return alloc_array(n, 1);
}

void *alloc_array(size_t n, size_t size)
{
        n = n > 0 ? n : 1;
        return or_end(calloc(n, size), n, size);
}

void *alloc_again(void *p, size_t n, size_t size)
{
        assert(n > 0 && size > 0); /* realloc() would free it */
        return or_end(reallocarray(p, n, size), n, size);
}

char *alloc_text(const char *text)
{
        return alloc_str((struct str){text, strlen(text)});
}

char *alloc_str(struct str s)
{
        return or_end(str_dup(s), s.n + 1, 1);
}

char *alloc_format(const char *fmt, ...)
{
        char *text;
        va_list ap;
        int n;

        va_start(ap, fmt);
        n = vsnprintf(NULL, 0, fmt, ap);
        va_end(ap);
        assert(n >= 0);
        text = or_end(malloc((size_t)n + 1), (size_t)n + 1, 1);
        va_start(ap, fmt);
        vsnprintf(text, (size_t)n + 1, fmt, ap);
        va_end(ap);
        return text;
}

void *alloc_judge(void *p, size_t n)
{
        return n < ALLOC_SMALL_BYTES ? or_end(p, n, 1) : p;
}

void *alloc_for_library(size_t n)
{
        return alloc_judge(malloc(n), n);
}
