/* No function here hands a NULL pointer to the C library, even with a length of 0: that would be
 * undefined. */
#include "mgw/base/str.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct str str_from(const char *cstr)
{
        return cstr == NULL ? STR("") : (struct str){cstr, strlen(cstr)};
}

bool str_eq(struct str a, struct str b)
{
        return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static char lower(char c)
{
        return c >= 'A' && c <= 'Z' ? (char)(c + 'a' - 'A') : c;
}

bool str_eq_nocase(struct str a, struct str b)
{
        if (a.n != b.n)
                return false;
        for (size_t i = 0; i < a.n; i++) {
                if (lower(a.p[i]) != lower(b.p[i]))
                        return false;
        }
        return true;
}

bool str_has_prefix(struct str s, struct str prefix)
{
        return s.n >= prefix.n && str_eq((struct str){s.p, prefix.n}, prefix);
}

static bool is_blank(char c)
{
        return c == ' ' || c == '\t';
}

struct str str_trim(struct str s)
{
        while (s.n > 0 && is_blank(s.p[0])) {
                s.p++;
                s.n--;
        }
        while (s.n > 0 && is_blank(s.p[s.n - 1]))
                s.n--;
        return s;
}

struct str str_cut(struct str *restp, char sep)
{
        struct str before = *restp;
        const char *at = before.n == 0 ? NULL : memchr(before.p, sep, before.n);

        if (at == NULL) {
                restp->p = before.n == 0 ? before.p : before.p + before.n;
                restp->n = 0;
                return before;
        }
        before.n = (size_t)(at - before.p);
        restp->p = at + 1;
        restp->n -= before.n + 1;
        return before;
}

int str_to_u64(struct str s, uint64_t *np)
{
        uint64_t n = 0;

        if (s.n == 0)
                return -EINVAL;
        for (size_t i = 0; i < s.n; i++) {
                if (s.p[i] < '0' || s.p[i] > '9')
                        return -EINVAL;
        }
        for (size_t i = 0; i < s.n; i++) {
                if (__builtin_mul_overflow(n, UINT64_C(10), &n) ||
                    __builtin_add_overflow(n, (uint64_t)(s.p[i] - '0'), &n))
                        return -ERANGE;
        }
        *np = n;
        return 0;
}

char *str_dup(struct str s)
{
        char *copy = malloc(s.n + 1);

        if (copy == NULL)
                return NULL;
        if (s.n > 0)
                memcpy(copy, s.p, s.n);
        copy[s.n] = '\0';
        return copy;
}

/* The least code point that needs so many bytes: a shorter form exists for all below it. */
int str_hex_digit(char c)
{
        if (c >= '0' && c <= '9')
                return c - '0';
        if (c >= 'a' && c <= 'f')
                return c - 'a' + 10;
        if (c >= 'A' && c <= 'F')
                return c - 'A' + 10;
        return -1;
}

static const uint32_t utf8_least[] = {0, 0, 0x80, 0x800, 0x10000};

static size_t utf8_length(unsigned char first)
{
        if (first < 0x80)
                return 1;
        if (first >= 0xc2 && first <= 0xdf)
                return 2;
        if (first >= 0xe0 && first <= 0xef)
                return 3;
        if (first >= 0xf0 && first <= 0xf4)
                return 4;
        return 0;
}

size_t str_utf8_first(struct str s, uint32_t *code_point)
{
        const unsigned char *p = (const unsigned char *)s.p;
        size_t length = s.n == 0 ? 0 : utf8_length(p[0]);
        uint32_t c;

        if (length == 0 || length > s.n)
                return 0;
        c = length == 1 ? p[0] : p[0] & (0x7fu >> length);
        for (size_t i = 1; i < length; i++) {
                if ((p[i] & 0xc0) != 0x80)
                        return 0;
                c = c << 6 | (p[i] & 0x3f);
        }
        if (c < utf8_least[length] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
                return 0;
        *code_point = c;
        return length;
}

/* C0, DEL and C1; those that turn what follows around (UAX 9), and that end a line. */
static bool is_control(uint32_t c)
{
        return c < 0x20 || (c >= 0x7f && c <= 0x9f) || (c >= 0x202a && c <= 0x202e) ||
               (c >= 0x2066 && c <= 0x2069) || c == 0x2028 || c == 0x2029;
}

void str_to_text(struct str s, char *text, size_t size)
{
        size_t used = 0;

        while (s.n > 0) {
                uint32_t c;
                size_t n = str_utf8_first(s, &c);
                bool is_fit = n > 0 && !is_control(c);

                n = n > 0 ? n : 1;
                if (used + (is_fit ? n : 1) >= size)
                        break;
                if (is_fit)
                        memcpy(text + used, s.p, n);
                else
                        text[used] = '?';
                used += is_fit ? n : 1;
                s.p += n;
                s.n -= n;
        }
        text[used] = '\0';
}
