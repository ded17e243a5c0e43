/* A URI as people write it made one of RFC 3986: what may not stand where it stands is
 * percent-encoded. */
#include "mgw/wire/uri.h"

#include <errno.h>
#include <string.h>

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"
#define HEX DIGITS "abcdefABCDEF"
/* "unreserved" and "sub-delims" (RFC 3986 2.2, 2.3) */
#define PLAIN LETTERS DIGITS "-._~!$&'()*+,;="

static bool is_one_of(char c, const char *set)
{
        return c != '\0' && strchr(set, c) != NULL;
}

/* Those bytes at its front that are of the set. */
static size_t span(struct str s, const char *set)
{
        size_t n = 0;

        while (n < s.n && is_one_of(s.p[n], set))
                n++;
        return n;
}

static struct str take(struct str *rest, size_t n)
{
        struct str front = {rest->p, n};

        rest->p += n;
        rest->n -= n;
        return front;
}

/* What stands before the first byte of the set. */
static struct str take_until(struct str *rest, const char *set)
{
        size_t n = 0;

        while (n < rest->n && !is_one_of(rest->p[n], set))
                n++;
        return take(rest, n);
}

static int add(struct buf *out, struct str s, const char *allowed)
{
        static const char digits[] = "0123456789ABCDEF";
        int r = 0;

        for (size_t i = 0; i < s.n && r == 0; i++) {
                unsigned char byte = (unsigned char)s.p[i];
                char triplet[] = {'%', digits[byte >> 4], digits[byte & 15]};
                bool is_triplet = byte == '%' && i + 2 < s.n && is_one_of(s.p[i + 1], HEX) &&
                                  is_one_of(s.p[i + 2], HEX);

                if (is_triplet || is_one_of(s.p[i], allowed))
                        r = buf_add(out, s.p + i, 1);
                else
                        r = buf_add(out, triplet, sizeof(triplet));
        }
        return r;
}

/* The bytes of "[...]" at its front (RFC 3986 3.2.2, "IP-literal"); 0: there is none. */
static size_t literal_length(struct str host)
{
        size_t n;

        if (host.n < 2 || host.p[0] != '[')
                return 0;
        n = 1 + span((struct str){host.p + 1, host.n - 1}, HEX ":.");
        return n > 1 && n < host.n && host.p[n] == ']' ? n + 1 : 0;
}

/* userinfo@host:port (3.2) */
static int add_authority(struct buf *out, struct str authority)
{
        const char *at = memrchr(authority.p, '@', authority.n), *colon;
        size_t n_literal;
        struct str host;
        int r = 0;

        if (at != NULL) {
                r = add(out, take(&authority, (size_t)(at - authority.p)), PLAIN ":");
                r = r == 0 ? buf_add_str(out, take(&authority, 1)) : r;
        }
        n_literal = literal_length(authority);
        colon = memrchr(authority.p + n_literal, ':', authority.n - n_literal);
        host = take(&authority, colon != NULL ? (size_t)(colon - authority.p) : authority.n);
        if (authority.n > 1 && span(authority, ":" DIGITS) < authority.n)
                return URI_E_VALUE; /* no port */
        if (n_literal > 0 && n_literal < host.n)
                return URI_E_VALUE;
        r = r == 0 ? n_literal > 0 ? buf_add_str(out, host) : add(out, host, PLAIN) : r;
        return r == 0 ? buf_add_str(out, authority) : r;
}

static bool has_control(struct str s)
{
        for (size_t i = 0; i < s.n; i++)
                if ((unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7f)
                        return true;
        return false;
}

int uri_mend(struct buf *out, struct str uri)
{
        size_t n_scheme = span(uri, LETTERS DIGITS "+-.");
        int r;

        if (n_scheme == 0 || !is_one_of(uri.p[0], LETTERS) || n_scheme + 1 >= uri.n ||
            uri.p[n_scheme] != ':' || has_control(uri))
                return URI_E_VALUE;
        r = buf_add_str(out, take(&uri, n_scheme + 1));
        if (r == 0 && uri.n >= 2 && memcmp(uri.p, "//", 2) == 0) {
                r = buf_add_str(out, take(&uri, 2));
                r = r == 0 ? add_authority(out, take_until(&uri, "/?#")) : r;
        }
        r = r == 0 ? add(out, take_until(&uri, "?#"), PLAIN ":@/") : r;
        r = r == 0 ? add(out, take_until(&uri, "#"), PLAIN ":@/?") : r;
        if (r == 0 && uri.n > 0) {
                r = buf_add_str(out, take(&uri, 1));
                r = r == 0 ? add(out, uri, PLAIN ":@/?") : r;
        }
        return r;
}
