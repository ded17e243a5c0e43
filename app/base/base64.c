/* Three bytes to four characters and back. Bytes are written in one way and no other, so that two
 * texts that differ never stand for the same. */
#include "mgw/base/base64.h"

#include <string.h>

static const char alphabets[][65] = {
        [BASE64_STANDARD] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
        [BASE64_URL] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
};

int base64_encode(struct buf *out, enum base64 kind, struct str s)
{
        int r = 0;

        while (r == 0 && s.n > 0) {
                uint8_t three[3] = {0, 0, 0};
                size_t n = s.n < 3 ? s.n : 3;
                char four[4] = {'=', '=', '=', '='};
                uint32_t bits;

                memcpy(three, s.p, n);
                bits = (uint32_t)three[0] << 16 | (uint32_t)three[1] << 8 | three[2];
                for (size_t i = 0; i <= n; i++)
                        four[i] = alphabets[kind][bits >> (18 - 6 * i) & 63];
                r = buf_add(out, four, kind == BASE64_STANDARD ? 4 : n + 1);
                s.p += n;
                s.n -= n;
        }
        return r;
}

/* Without its padding, which must fill it up to a multiple of four. 0, BASE64_E_BAD. */
static int unpad(struct str *text)
{
        if (text->n % 4 != 0)
                return BASE64_E_BAD;
        for (int i = 0; i < 2 && text->n > 0 && text->p[text->n - 1] == '='; i++)
                text->n--;
        return 0;
}

int base64_decode(struct buf *out, enum base64 kind, struct str text)
{
        int r = kind == BASE64_STANDARD ? unpad(&text) : 0;

        while (r == 0 && text.n > 0) {
                size_t n = text.n < 4 ? text.n : 4;
                uint32_t bits = 0;

                for (size_t i = 0; i < n; i++) {
                        const char *digit = memchr(alphabets[kind], text.p[i], 64);

                        if (digit == NULL)
                                return BASE64_E_BAD;
                        bits |= (uint32_t)(digit - alphabets[kind]) << (18 - 6 * i);
                }
                if (n == 1 || (bits & 0xffffff >> (8 * (n - 1))) != 0) /* bits of no byte */
                        return BASE64_E_BAD;
                r = buf_add(out, (uint8_t[]){bits >> 16 & 255, bits >> 8 & 255, bits & 255}, n - 1);
                text.p += n;
                text.n -= n;
        }
        return r;
}
