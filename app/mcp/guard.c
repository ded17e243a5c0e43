/* Which Origins are local is told by their text, never by a lookup: DNS is what such an attack
 * rebinds. */
#include "mgw/mcp/guard.h"

#include "mgw/wire/hdr.h"

/* Takes "host" or "[v6]" off the front of "host:port". */
static struct str host_of(struct str authority)
{
        struct str host = authority;

        if (host.n > 0 && host.p[0] == '[') {
                for (size_t i = 0; i < host.n; i++)
                        if (host.p[i] == ']')
                                return (struct str){host.p, i + 1};
                return (struct str){"", 0};
        }
        return str_cut(&authority, ':');
}

static bool is_port(struct str s)
{
        uint64_t port;

        return s.n == 0 ||
               (s.p[0] == ':' && str_to_u64((struct str){s.p + 1, s.n - 1}, &port) == 0 &&
                port <= 65535);
}

static bool is_local(struct str origin)
{
        struct str rest, host;

        if (str_has_prefix(origin, STR("http://")))
                rest = (struct str){origin.p + 7, origin.n - 7};
        else if (str_has_prefix(origin, STR("https://")))
                rest = (struct str){origin.p + 8, origin.n - 8};
        else
                return false;
        host = host_of(rest);
        return is_port((struct str){rest.p + host.n, rest.n - host.n}) &&
               (str_eq_nocase(host, STR("localhost")) || str_eq(host, STR("127.0.0.1")) ||
                str_eq(host, STR("[::1]")));
}

bool guard_origin_is_allowed(struct str origin, const char *const *allowed, size_t n)
{
        if (!hdr_is_visible(origin, origin.n)) /* it comes back in a header of the answer */
                return false;
        if (is_local(origin))
                return true;
        for (size_t i = 0; i < n; i++)
                if (str_eq(str_from(allowed[i]), STR("*")) ||
                    str_eq_nocase(str_from(allowed[i]), origin))
                        return true;
        return false;
}
