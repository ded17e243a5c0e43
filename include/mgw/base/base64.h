/* Base64 (RFC 4648). */
#pragma once

#include "mgw/base/buf.h"

#define BASE64_E_BAD 2 /* no Base64, or not the one way to write it */

enum base64 {
        BASE64_STANDARD, /* with '+', '/' and padding (section 4) */
        BASE64_URL,      /* with '-', '_' and no padding (section 5) */
};

/* Appends the text of the bytes s. 0, BUF_E_FULL, -ENOMEM; at a failure a part may be there. */
int base64_encode(struct buf *out, enum base64 kind, struct str s);
/* Appends the bytes that text stands for. Every text that it takes is the one that
 * base64_encode() makes of these bytes. 0, BASE64_E_BAD, BUF_E_FULL, -ENOMEM; at a failure a part
 * may be there. */
int base64_decode(struct buf *out, enum base64 kind, struct str text);
