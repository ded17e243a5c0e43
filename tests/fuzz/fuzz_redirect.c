/* Two redirect addresses, a line each: what is taken is what it says it is, and one fits another
 * only where a port is all that differs. */
#include "fuzz.h"
#include "mgw/wire/redirect.h"

static bool holds(struct str s, char c)
{
        return s.n > 0 && memchr(s.p, c, s.n) != NULL;
}

static void look_at(struct str uri)
{
        enum redirect_kind kind = redirect_kind(uri);
        struct str origin = redirect_origin(uri), host = redirect_host(uri);

        REQUIRE((kind == REDIRECT_BAD) == (origin.n == 0));
        REQUIRE((kind == REDIRECT_BAD) == (host.n == 0));
        REQUIRE(str_has_prefix(uri, origin));
        REQUIRE(redirect_fits(uri, uri) == (kind != REDIRECT_BAD));
        if (kind == REDIRECT_BAD)
                return;
        REQUIRE(uri.n <= REDIRECT_MAX_BYTES && !holds(uri, '#') && !holds(uri, '\\'));
        REQUIRE(!holds(origin, '@') && !holds(origin, '?') && !holds(origin, ' '));
        if (kind == REDIRECT_WEB)
                REQUIRE(str_has_prefix(origin, STR("https://")));
        if (kind == REDIRECT_LOOPBACK)
                REQUIRE(str_eq(host, STR("localhost")) || str_eq(host, STR("127.0.0.1")) ||
                        str_eq(host, STR("[::1]")));
        else
                REQUIRE(!str_has_prefix(uri, STR("http:")));
        REQUIRE(!str_has_prefix(uri, STR("javascript:")) && !str_has_prefix(uri, STR("data:")));
}

/* Without what may be a port. */
static struct str behind_port(struct str uri)
{
        struct str origin = redirect_origin(uri);

        return (struct str){uri.p + origin.n, uri.n - origin.n};
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        char *copy = exact_copy(data, size);
        struct str rest = {copy, size};
        struct str a = str_cut(&rest, '\n'), b = rest;

        look_at(a);
        look_at(b);
        if (redirect_fits(a, b) && !str_eq(a, b)) {
                REQUIRE(redirect_kind(a) == REDIRECT_LOOPBACK && redirect_fits(b, a));
                REQUIRE(str_eq(redirect_host(a), redirect_host(b)));
                REQUIRE(str_eq(behind_port(a), behind_port(b)));
                REQUIRE(str_has_prefix(a, STR("http://")) && str_has_prefix(b, STR("http://")));
        }
        free(copy);
        return 0;
}
