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

/* What the character stands for; -1: it is none. */
static int digit_of(enum base64 kind, char c)
{
        if (c >= 'A' && c <= 'Z')
                return c - 'A';
        if (c >= 'a' && c <= 'z')
                return c - 'a' + 26;
        if (c >= '0' && c <= '9')
                return c - '0' + 52;
        if (c == alphabets[kind][62])
                return 62;
        return c == alphabets[kind][63] ? 63 : -1;
}

/* Up to four characters, at least two, to one byte less. 0, BASE64_E_BAD. */
static int decode_four(enum base64 kind, const char *four, size_t n, uint8_t *out)
{
        uint32_t bits = 0;

        for (size_t i = 0; i < n; i++) {
                int digit = digit_of(kind, four[i]);

                if (digit < 0)
                        return BASE64_E_BAD;
                bits |= (uint32_t)digit << (18 - 6 * i);
        }
        if ((bits & 0xffffff >> (8 * (n - 1))) != 0) /* bits of no byte */
                return BASE64_E_BAD;
        for (size_t i = 0; i + 1 < n; i++)
                out[i] = (uint8_t)(bits >> (16 - 8 * i));
        return 0;
}

int base64_decode(struct buf *out, enum base64 kind, struct str text)
{
        int r = kind == BASE64_STANDARD ? unpad(&text) : 0;
        size_t whole = text.n / 4, rest = text.n % 4, n = 3 * whole + (rest > 0 ? rest - 1 : 0);
        uint8_t *at;

        if (r != 0 || rest == 1)
                return BASE64_E_BAD;
        r = n > 0 ? buf_reserve(out, n, &at) : 0;
        if (r != 0 || n == 0)
                return r;
        for (size_t i = 0; r == 0 && i < whole; i++)
                r = decode_four(kind, text.p + 4 * i, 4, at + 3 * i);
        if (r == 0 && rest > 0)
                r = decode_four(kind, text.p + 4 * whole, rest, at + 3 * whole);
        buf_commit(out, r == 0 ? n : 0);
        return r;
}
