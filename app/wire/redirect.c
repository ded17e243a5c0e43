/* No part of it is decoded or mended: what would have to be is refused, since a browser may read it
 * otherwise than we do. */
#include "mgw/wire/redirect.h"

#include <string.h>

struct parts {
        struct str scheme;
        struct str host;
        struct str port;      /* empty: none */
        struct str rest;      /* path and query */
        struct str authority; /* of http and https; of others what stands behind "//" */
        bool has_authority;
};

/* ---- parts ---- */

static bool is_alnum(char c)
{
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static struct str from(struct str s, size_t at)
{
        return (struct str){s.p + at, s.n - at};
}

/* Letters of a URI (RFC 3986 2), with whole percent escapes, none of a control. No fragment. */
static bool are_letters(struct str uri)
{
        for (size_t i = 0; i < uri.n; i++) {
                char c = uri.p[i];

                if (c == '%') {
                        if (i + 2 >= uri.n || str_hex_digit(uri.p[i + 1]) < 2 ||
                            str_hex_digit(uri.p[i + 2]) < 0)
                                return false;
                } else if (!is_alnum(c) && (c == '\0' || !strchr("-._~:/?[]@!$&'()*+,;=", c))) {
                        return false;
                }
        }
        return true;
}

static bool is_scheme(struct str scheme)
{
        for (size_t i = 0; i < scheme.n; i++) {
                char c = scheme.p[i];

                if (!(c >= 'a' && c <= 'z') &&
                    (i == 0 || !((c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.')))
                        return false;
        }
        return scheme.n > 0;
}

/* The length of the host that authority begins with, in brackets or not. */
static size_t host_length(struct str authority)
{
        const char *end = memchr(authority.p, authority.n > 0 && authority.p[0] == '[' ? ']' : ':',
                                 authority.n);

        if (end == NULL)
                return authority.n;
        return (size_t)(end - authority.p) + (*end == ']');
}

static bool split(struct str uri, struct parts *parts)
{
        struct str rest = uri;
        size_t n = 0;

        *parts = (struct parts){.scheme = str_cut(&rest, ':')};
        if (parts->scheme.n == uri.n || rest.n == 0)
                return false;
        parts->rest = rest;
        if (!str_has_prefix(rest, STR("//")))
                return true;
        rest = from(rest, 2);
        while (n < rest.n && rest.p[n] != '/' && rest.p[n] != '?')
                n++;
        parts->has_authority = true;
        parts->authority = (struct str){rest.p, n};
        parts->rest = from(rest, n);
        parts->host = (struct str){rest.p, host_length(parts->authority)};
        parts->port = from(parts->authority, parts->host.n);
        return true;
}

/* ---- what is taken ---- */

/* What a browser or a desktop does something with itself. "ms-" are Windows' own. */
static bool is_forbidden(struct str scheme)
{
        static const char *const forbidden[] = {
                "about",      "blob",       "chrome",      "chrome-extension",
                "content",    "data",       "edge",        "file",
                "filesystem", "ftp",        "ftps",        "intent",
                "jar",        "javascript", "mailto",      "moz-extension",
                "resource",   "search-ms",  "sftp",        "shell",
                "smb",        "sms",        "ssh",         "tel",
                "telnet",     "vbscript",   "view-source", "ws",
                "wss",        "x-apple",
        };

        for (size_t i = 0; i < sizeof(forbidden) / sizeof(forbidden[0]); i++)
                if (str_eq(scheme, str_from(forbidden[i])))
                        return true;
        return str_has_prefix(scheme, STR("ms-"));
}

/* "%2e" is a dot to whoever resolves the path. */
static bool is_dots(struct str segment)
{
        size_t n = 0;

        while (segment.n > 0) {
                size_t at = segment.p[0] == '.' ? 1 : 3;

                if (at == 3 && (segment.n < 3 || segment.p[0] != '%' || segment.p[1] != '2' ||
                                (segment.p[2] | 0x20) != 'e'))
                        return false;
                segment = from(segment, at);
                n++;
        }
        return n == 1 || n == 2;
}

static bool has_dots(struct str rest)
{
        struct str path = str_cut(&rest, '?');

        while (path.n > 0)
                if (is_dots(str_cut(&path, '/')))
                        return true;
        return false;
}

static bool is_port(struct str port)
{
        uint64_t n;

        if (port.n == 0)
                return true;
        return port.n <= 6 && str_to_u64(from(port, 1), &n) == 0 && n > 0 && n < 65536;
}

static bool is_name(struct str host)
{
        for (size_t i = 0; i < host.n; i++)
                if (!is_alnum(host.p[i]) && host.p[i] != '-' && host.p[i] != '.' &&
                    host.p[i] != '_')
                        return false;
        return host.n > 0 && host.n < 254 && host.p[0] != '.';
}

static bool is_loopback(struct str host)
{
        return str_eq(host, STR("localhost")) || str_eq(host, STR("127.0.0.1")) ||
               str_eq(host, STR("[::1]"));
}

enum redirect_kind redirect_kind(struct str uri)
{
        struct parts parts;

        if (uri.n > REDIRECT_MAX_BYTES || !are_letters(uri) || !split(uri, &parts) ||
            !is_scheme(parts.scheme) || is_forbidden(parts.scheme) || has_dots(parts.rest) ||
            memchr(parts.authority.p != NULL ? parts.authority.p : "", '@', parts.authority.n))
                return REDIRECT_BAD;
        if (!str_eq(parts.scheme, STR("https")) && !str_eq(parts.scheme, STR("http")))
                return REDIRECT_APP;
        if (!parts.has_authority || !is_port(parts.port))
                return REDIRECT_BAD;
        if (is_loopback(parts.host))
                return REDIRECT_LOOPBACK;
        return parts.scheme.n == 5 && is_name(parts.host) ? REDIRECT_WEB : REDIRECT_BAD;
}

/* ---- which is which ---- */

static bool has_any_port(struct str uri)
{
        return redirect_kind(uri) == REDIRECT_LOOPBACK && str_has_prefix(uri, STR("http:"));
}

bool redirect_fits(struct str registered, struct str given)
{
        struct parts a, b;

        if (redirect_kind(given) == REDIRECT_BAD)
                return false;
        if (str_eq(registered, given))
                return true;
        return has_any_port(registered) && has_any_port(given) && split(registered, &a) &&
               split(given, &b) && str_eq(a.host, b.host) && str_eq(a.rest, b.rest);
}

struct str redirect_origin(struct str uri)
{
        struct parts parts;
        enum redirect_kind kind = redirect_kind(uri);

        if (kind == REDIRECT_BAD || !split(uri, &parts))
                return STR("");
        return (struct str){uri.p,
                            kind == REDIRECT_APP ? parts.scheme.n + 1 : uri.n - parts.rest.n};
}

struct str redirect_host(struct str uri)
{
        struct parts parts;
        enum redirect_kind kind = redirect_kind(uri);

        if (kind == REDIRECT_BAD || !split(uri, &parts))
                return STR("");
        return kind == REDIRECT_APP ? (struct str){uri.p, parts.scheme.n + 1} : parts.host;
}

int redirect_add_query(struct buf *out, struct str uri, struct str query)
{
        int r = buf_add_str(out, uri);

        if (r == 0)
                r = buf_add(out, memchr(uri.p, '?', uri.n) == NULL ? "?" : "&", 1);
        return r == 0 ? buf_add_str(out, query) : r;
}
