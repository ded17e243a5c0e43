/* FastCGI records as a peer sends them, byte for byte, independent of our own writer. */
#pragma once

#include "mgw/base/buf.h"

/* A record with padding of bytes that are not zero. */
void record_add(struct buf *out, uint8_t type, uint16_t id, struct str content, uint8_t padding);
/* BEGIN_REQUEST. */
void record_add_begin(struct buf *out, uint16_t id, uint16_t role, uint8_t flags);
/* A name-value pair with lengths of 1 byte, or of 4 when they are long or is_long says so. */
void pair_add(struct buf *out, struct str name, struct str value, bool is_long);
