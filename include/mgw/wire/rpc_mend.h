/* The text of JSON on its way through: what is no UTF-8 in its strings, and half a pair of
 * surrogates, becomes U+FFFD, as it does where the text is read. */
#pragma once

#include "mgw/base/str.h"

#include <stdint.h>

/* Zeroed is ready. What has begun at the end of a piece is held until it is known what it is. */
struct rpc_mend {
        bool in_string;
        uint8_t n_held;
        char held[12];
};

/* The mended text comes by put, in pieces, borrowed from the input or from mend. */
void rpc_mend_feed(struct rpc_mend *mend, struct str piece, void (*put)(void *owner, struct str),
                   void *owner);
