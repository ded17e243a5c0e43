/* Header values are read leniently where the standard wants it, and an odd value never widens what
 * is allowed: a host or a token that is not well formed is none at all. */
#include "mgw/wire/hdr.h"

#include "mgw/base/base64.h"

#include <string.h>
#include <strings.h>

#define USER_MAX_BYTES 254

/* Cuts at the first sep that stands outside of quoted strings (RFC 9110 5.6.4). */
static struct str cut_unquoted(struct str *restp, char sep)
{
        struct str all = *restp;
        bool in_quotes = false;

        for (size_t i = 0; i < all.n; i++) {
                if (all.p[i] == '"')
                        in_quotes = !in_quotes;
                else if (all.p[i] == '\\' && in_quotes)
                        i++;
                else if (all.p[i] == sep && !in_quotes) {
                        *restp = (struct str){all.p + i + 1, all.n - i - 1};
                        return (struct str){all.p, i};
                }
        }
        *restp = STR("");
        return all;
}

/* Is there a weight among the parameters, and is it 0 ("0", "0.", "0.000")? */
static bool weight_is_zero(struct str params)
{
        while (params.n > 0) {
                struct str value = cut_unquoted(&params, ';');
                struct str name = str_trim(str_cut(&value, '='));

                value = str_trim(value);
                if (!str_eq_nocase(name, STR("q")) || value.n == 0 || value.p[0] != '0')
                        continue;
                for (size_t i = 1; i < value.n; i++) {
                        if (value.p[i] != '0' && value.p[i] != '.')
                                return false;
                }
                return true;
        }
        return false;
}

enum { MATCH_NONE, MATCH_ANY, MATCH_MAJOR, MATCH_EXACT };

/* How closely does a media range name the type? A bare '*' is what some old clients send for any
 * type. */
static int range_match(struct str range, struct str type)
{
        struct str minor = range;
        struct str major = str_cut(&minor, '/');
        struct str rest = type;

        if (str_eq_nocase(range, type))
                return MATCH_EXACT;
        if (str_eq(range, STR("*/*")) || str_eq(range, STR("*")))
                return MATCH_ANY;
        if (str_eq(minor, STR("*")) && str_eq_nocase(major, str_cut(&rest, '/')))
                return MATCH_MAJOR;
        return MATCH_NONE;
}

enum hdr_accept hdr_accepts(struct str accept, struct str type)
{
        int best = MATCH_NONE;
        bool is_refused = true;

        if (str_trim(accept).n == 0)
                return HDR_ACCEPT_WILDCARD;
        while (accept.n > 0) {
                struct str params = cut_unquoted(&accept, ',');
                struct str range = str_trim(cut_unquoted(&params, ';'));
                int match = range_match(range, type);

                if (match == MATCH_NONE || match < best)
                        continue;
                is_refused = weight_is_zero(params) && (match > best || is_refused);
                best = match;
        }
        if (is_refused)
                return HDR_ACCEPT_NO;
        return best == MATCH_EXACT ? HDR_ACCEPT_EXPLICIT : HDR_ACCEPT_WILDCARD;
}

bool hdr_media_is(struct str content_type, struct str type)
{
        return str_eq_nocase(str_trim(str_cut(&content_type, ';')), type);
}

bool hdr_is_compressed(struct str content_encoding)
{
        static const char *const codings[] = {"gzip", "x-gzip", "deflate",
                                              "br",   "zstd",   "compress"};

        for (size_t i = 0; i < sizeof(codings) / sizeof(codings[0]); i++)
                if (str_eq_nocase(str_trim(content_encoding), str_from(codings[i])))
                        return true;
        return false;
}

static bool is_alnum(char c)
{
        return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/* How many bytes at the start are letters, digits or one of the others? */
static size_t span(struct str s, const char *others)
{
        size_t n = 0;

        while (n < s.n && s.p[n] != '\0' && (is_alnum(s.p[n]) || strchr(others, s.p[n]) != NULL))
                n++;
        return n;
}

/* More than 32 bits hold is as long as that. */
static int64_t read_seconds(struct str text)
{
        uint64_t s;

        if (text.n > 2 && text.p[0] == '"' && text.p[text.n - 1] == '"')
                text = (struct str){text.p + 1, text.n - 2};
        if (str_to_u64(text, &s) != 0)
                return -1;
        return s < UINT32_MAX ? (int64_t)s : UINT32_MAX;
}

int64_t hdr_max_age_s(struct str cache_control)
{
        int64_t s = -1;

        while (cache_control.n > 0) {
                struct str value = cut_unquoted(&cache_control, ',');
                struct str name = str_trim(str_cut(&value, '='));

                if (str_eq_nocase(name, STR("no-store")) || str_eq_nocase(name, STR("no-cache")))
                        return 0;
                if (str_eq_nocase(name, STR("max-age")))
                        s = read_seconds(str_trim(value));
        }
        return s;
}

struct str hdr_bearer(struct str authorization)
{
        struct str token = str_trim(authorization);
        struct str scheme = str_cut(&token, ' ');
        size_t n;

        token = str_trim(token);
        n = span(token, "-._~+/");
        while (n > 0 && n < token.n && token.p[n] == '=')
                n++;
        if (!str_eq_nocase(scheme, STR("Bearer")) || n != token.n)
                return STR("");
        return token;
}

struct str hdr_cookie(struct str cookie, const char *name)
{
        while (cookie.n > 0) {
                struct str value = str_cut(&cookie, ';');
                struct str key = str_cut(&value, '=');

                if (str_eq(str_trim(key), str_from(name)))
                        return str_trim(value);
        }
        return STR("");
}

/* The length of the host that s begins with: a name, an IPv4 address, or an IPv6 address in
 * brackets. */
static size_t host_length(struct str s)
{
        struct str inside;
        size_t n;

        if (s.n == 0 || s.p[0] != '[')
                return span(s, "-._~");
        inside = (struct str){s.p + 1, s.n - 1};
        n = span(inside, ":.");
        return n > 0 && n < inside.n && inside.p[n] == ']' ? n + 2 : 0;
}

/* Nothing, or ":" and digits. */
static bool is_port(struct str s)
{
        uint64_t port;

        if (s.n == 0)
                return true;
        return s.p[0] == ':' && str_to_u64((struct str){s.p + 1, s.n - 1}, &port) == 0 &&
               port <= 65535;
}

struct str hdr_url_host(struct str url)
{
        struct str rest = url;
        struct str scheme = str_cut(&rest, ':');
        struct str host;
        size_t n = 0;

        if (scheme.n == 0 || span(scheme, "+-.") != scheme.n || !str_has_prefix(rest, STR("//")))
                return STR("");
        rest = (struct str){rest.p + 2, rest.n - 2};
        while (n < rest.n && rest.p[n] != '/' && rest.p[n] != '?' && rest.p[n] != '#')
                n++;
        rest.n = n;
        host = (struct str){rest.p, host_length(rest)};
        if (!is_port((struct str){rest.p + host.n, rest.n - host.n}))
                return STR("");
        return host;
}

bool hdr_is_visible(struct str s, size_t max)
{
        if (s.n == 0 || s.n > max)
                return false;
        for (size_t i = 0; i < s.n; i++) {
                if (s.p[i] < 0x21 || s.p[i] > 0x7e)
                        return false;
        }
        return true;
}

bool hdr_is_user(struct str s)
{
        return hdr_is_visible(s, USER_MAX_BYTES);
}

bool hdr_is_token(struct str s)
{
        return s.n > 0 && span(s, "!#$%&'*+-.^_`|~") == s.n;
}

static const struct str opening = {"=?base64?", 9};
static const struct str closing = {"?=", 2};

/* "=?base64?=" is no sentinel: its opening and closing would share a character. */
static bool is_sentinel(struct str s)
{
        return s.n >= opening.n + closing.n && str_has_prefix(s, opening) &&
               memcmp(s.p + s.n - closing.n, closing.p, closing.n) == 0;
}

/* Visible ASCII, spaces and tabs (RFC 9110 5.5, without obs-text). */
static bool is_value(struct str s)
{
        for (size_t i = 0; i < s.n; i++) {
                if ((s.p[i] < 0x20 || s.p[i] > 0x7e) && s.p[i] != '\t')
                        return false;
        }
        return true;
}

int hdr_value_encode(struct buf *out, struct str text)
{
        int r;

        if (text.n > 0 && is_value(text) && str_trim(text).n == text.n && !is_sentinel(text))
                return buf_add_str(out, text);
        r = buf_add_str(out, opening);
        if (r == 0)
                r = base64_encode(out, BASE64_STANDARD, text);
        return r == 0 ? buf_add_str(out, closing) : r;
}

int hdr_value_decode(struct buf *out, struct str value)
{
        int r;

        if (!is_value(value))
                return HDR_E_BAD;
        if (!is_sentinel(value))
                return buf_add_str(out, value);
        value = (struct str){value.p + opening.n, value.n - opening.n - closing.n};
        r = base64_decode(out, BASE64_STANDARD, value);
        return r == BASE64_E_BAD ? HDR_E_BAD : r;
}

bool hdr_lines_have(const char *const *lines, const char *name)
{
        size_t n = strcspn(name, ":");

        for (; lines != NULL && *lines != NULL; lines++)
                if (strncasecmp(*lines, name, n) == 0 && (*lines)[n] == ':')
                        return true;
        return false;
}
