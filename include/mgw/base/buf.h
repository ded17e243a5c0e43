/* A queue of bytes with a hard cap: appended at the tail, consumed at the head.
 * An empty buf holds no memory, so that what idles costs only the struct (24 bytes). */
#pragma once

#include "mgw/base/str.h"

#include <stdint.h>

/* Outcome of an append that would pass the cap; the buf is unchanged. */
#define BUF_E_FULL 1

struct buf {
        uint8_t *mem;
        uint32_t head; /* offset of the first byte */
        uint32_t len;  /* bytes held */
        uint32_t size; /* bytes allocated */
        uint32_t max;  /* cap on len */
};

void buf_init(struct buf *b, uint32_t max_bytes);
/* Frees the memory; b may be NULL or zeroed, and may be used again with the same cap. */
void buf_finish(struct buf *b);
/* 0, BUF_E_FULL, -ENOMEM. */
int buf_add(struct buf *b, const void *p, size_t n);
int buf_add_str(struct buf *b, struct str s);
int buf_addf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Room for n bytes at the tail, contiguous, to be filled by the caller and taken up by buf_commit()
 * of n or less; buf_commit(b, 0) gives the memory back when the buf holds nothing. 0, BUF_E_FULL,
 * -ENOMEM. */
int buf_reserve(struct buf *b, size_t n, uint8_t **pp);
void buf_commit(struct buf *b, size_t n);
/* Drops n <= len bytes at the head; frees the memory when none is left. */
void buf_consume(struct buf *b, size_t n);
/* The bytes held, contiguous; borrowed until the next change. Never a NULL pointer. */
struct str buf_bytes(const struct buf *b);
