/* Storage of a buf: one allocation, the bytes held standing somewhere in it.
 * Invariants: head + len <= size; mem == NULL if and only if size == 0; len <= max.
 * Room at the tail comes from moving the bytes down when at least as much as is moved gets free,
 * else from doubling: either way a byte is moved a bounded number of times. The allocation stays
 * within twice the cap. */
#include "mgw/base/buf.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUF_SIZE_MIN 64

void buf_init(struct buf *b, uint32_t max_bytes)
{
        *b = (struct buf){.max = max_bytes};
}

void buf_finish(struct buf *b)
{
        if (b == NULL)
                return;
        free(b->mem);
        buf_init(b, b->max);
}

/* The size to allocate for need bytes; need <= max. */
static uint32_t buf_size_for(const struct buf *b, size_t need)
{
        size_t size = BUF_SIZE_MIN;
        size_t most = (size_t)b->max * 2;

        while (size < need || size < (size_t)b->size * 2)
                size *= 2;
        if (size > most)
                size = most;
        if (size > UINT32_MAX)
                size = UINT32_MAX;
        return (uint32_t)size;
}

static int buf_grow(struct buf *b, size_t need)
{
        uint32_t size = buf_size_for(b, need);
        uint8_t *mem;

        if (b->head > 0) {
                memmove(b->mem, b->mem + b->head, b->len);
                b->head = 0;
        }
        mem = realloc(b->mem,
                      size); /* what is big is not held twice meanwhile: it is mapped anew */
        if (mem == NULL)
                return -ENOMEM;
        b->mem = mem;
        b->size = size;
        return 0;
}

int buf_reserve(struct buf *b, size_t n, uint8_t **pp)
{
        int r = 0;

        if (n > b->max - b->len)
                return BUF_E_FULL;
        if (n > b->size - b->head - b->len) {
                bool fits = b->len + n <= b->size;

                if (fits && (b->head >= b->len || b->size == UINT32_MAX)) {
                        memmove(b->mem, b->mem + b->head, b->len);
                        b->head = 0;
                } else {
                        r = buf_grow(b, b->len + n);
                }
        }
        if (r == 0)
                *pp = b->mem == NULL ? NULL : b->mem + b->head + b->len;
        return r;
}

void buf_commit(struct buf *b, size_t n)
{
        assert(n <= b->size - b->head - b->len);
        b->len += (uint32_t)n;
        if (b->len == 0)
                buf_finish(b);
}

int buf_add(struct buf *b, const void *p, size_t n)
{
        uint8_t *tail;
        int r;

        if (n == 0)
                return 0;
        r = buf_reserve(b, n, &tail);
        if (r != 0)
                return r;
        assert(tail != NULL);
        memcpy(tail, p, n);
        buf_commit(b, n);
        return 0;
}

int buf_add_str(struct buf *b, struct str s)
{
        return buf_add(b, s.p, s.n);
}

int buf_addf(struct buf *b, const char *fmt, ...)
{
        char small[256];
        char *big = NULL;
        va_list ap;
        int n;
        int r;

        va_start(ap, fmt);
        n = vsnprintf(small, sizeof(small), fmt, ap);
        va_end(ap);
        if (n >= (int)sizeof(small)) {
                va_start(ap, fmt);
                n = vasprintf(&big, fmt, ap);
                va_end(ap);
        }
        if (n < 0)
                return -ENOMEM;
        r = buf_add(b, big == NULL ? small : big, (size_t)n);
        free(big);
        return r;
}

void buf_consume(struct buf *b, size_t n)
{
        assert(n <= b->len);
        b->head += (uint32_t)n;
        b->len -= (uint32_t)n;
        if (b->len == 0)
                buf_finish(b);
}

struct str buf_bytes(const struct buf *b)
{
        if (b->len == 0)
                return STR("");
        return (struct str){(const char *)b->mem + b->head, b->len};
}
