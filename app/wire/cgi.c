/* CGI on top of FastCGI: what a request says in its parameters, and the head of a response.
 *
 * Parameters are kept as libfcgi keeps them. To join what came twice in n log n, however many there
 * are, they are sorted by name, and by place within a name; of a few, which are looked at in pairs,
 * mostly nothing came twice. HAProxy sends the client's headers first, then what `set-param` says,
 * then its own defaults for what neither named. So of a name that came twice the last is the one to
 * trust. Only headers (HTTP_*), which a client may well send twice, are joined: a `set-param` that
 * is to be trusted must have another name. */
#include "mgw/wire/cgi.h"

#include "mgw/wire/fcgi.h"
#include "mgw/wire/form.h"

#include <errno.h>
#include <fcgiapp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* So many are looked at in pairs for less than it takes to sort them. */
#define FEW 32

struct pair {
        struct str name;
        struct str value;
};

/* Most differ in their length or last byte, and begin alike. Neither is empty. */
static bool is_same_name(struct str a, struct str b)
{
        return a.n == b.n && a.p[a.n - 1] == b.p[a.n - 1] && memcmp(a.p, b.p, a.n) == 0;
}

static int pair_compare(const void *ap, const void *bp)
{
        const struct pair *a = ap;
        const struct pair *b = bp;
        size_t n = a->name.n < b->name.n ? a->name.n : b->name.n;
        int c = memcmp(a->name.p, b->name.p, n);

        if (c == 0)
                c = (a->name.n > b->name.n) - (a->name.n < b->name.n);
        if (c == 0)
                c = (a->name.p > b->name.p) - (a->name.p < b->name.p);
        return c;
}

static bool pair_is_sound(const struct pair *pair)
{
        struct str name = pair->name;
        struct str value = pair->value;

        /* one stands behind the other */
        return name.n > 0 && memchr(name.p, '=', name.n) == NULL &&
               memchr(name.p, '\0', name.n + value.n) == NULL;
}

/* How many pairs there are, and how much text they make: NAME=VALUE and a NUL for each. 0,
 * CGI_E_BAD. */
static int pairs_measure(struct str pairs, size_t *np, size_t *n_textp)
{
        struct pair pair;
        int r;

        *np = 0;
        *n_textp = 0;
        while ((r = fcgi_pair_next(&pairs, &pair.name, &pair.value)) == 0) {
                if (!pair_is_sound(&pair))
                        return CGI_E_BAD;
                *np += 1;
                *n_textp += pair.name.n + 1 + pair.value.n + 1;
        }
        return r == FCGI_E_MORE ? 0 : CGI_E_BAD;
}

static char *text_put(char *at, struct str s)
{
        memcpy(at, s.p, s.n);
        return at + s.n;
}

/* Writes the n pairs of one name as one parameter; returns where its NUL stands.
 * ", " takes no more than the name, '=' and NUL that it replaces: the text never outgrows its
 * measure. */
static char *pairs_join(char *at, const struct pair *pairs, size_t n)
{
        bool is_header = str_has_prefix(pairs[0].name, STR("HTTP_"));

        at = text_put(at, pairs[0].name);
        *at++ = '=';
        for (size_t i = is_header ? 0 : n - 1; i < n; i++) {
                if (is_header && i > 0)
                        at = text_put(at, STR(", "));
                at = text_put(at, pairs[i].value);
        }
        *at = '\0';
        return at;
}

static void params_fill(struct cgi_params *params, const struct pair *pairs, size_t n)
{
        char *at = params->text;
        size_t n_params = 0;

        for (size_t i = 0, n_same; i < n; i += n_same) {
                n_same = 1;
                while (i + n_same < n && is_same_name(pairs[i].name, pairs[i + n_same].name))
                        n_same++;
                params->envp[n_params++] = at;
                at = pairs_join(at, pairs + i, n_same) + 1;
        }
        params->envp[n_params] = NULL;
}

/* May a name stand there twice? */
static bool pairs_may_repeat(const struct pair *pairs, size_t n)
{
        if (n > FEW)
                return true;
        for (size_t i = 1; i < n; i++)
                for (size_t j = 0; j < i; j++)
                        if (is_same_name(pairs[i].name, pairs[j].name))
                                return true;
        return false;
}

int cgi_params_decode(struct cgi_params *params, struct str pairs)
{
        struct pair *each;
        size_t n;
        size_t n_text;

        *params = (struct cgi_params){NULL, NULL};
        if (pairs_measure(pairs, &n, &n_text) != 0)
                return CGI_E_BAD;
        each = calloc(n + 1, sizeof(*each));
        params->envp = calloc(n + 1, sizeof(*params->envp));
        params->text = malloc(n_text + 1);
        if (each == NULL || params->envp == NULL || params->text == NULL) {
                free(each);
                cgi_params_finish(params);
                return -ENOMEM;
        }
        for (size_t i = 0; i < n; i++)
                fcgi_pair_next(&pairs, &each[i].name, &each[i].value);
        if (pairs_may_repeat(each, n))
                qsort(each, n, sizeof(*each), pair_compare);
        params_fill(params, each, n);
        free(each);
        return 0;
}

void cgi_params_finish(struct cgi_params *params)
{
        if (params == NULL)
                return;
        free(params->envp);
        free(params->text);
        *params = (struct cgi_params){NULL, NULL};
}

struct str cgi_param(const struct cgi_params *params, const char *name)
{
        return str_from(params->envp == NULL ? NULL : FCGX_GetParam(name, params->envp));
}

static enum cgi_method method_read(struct str s)
{
        static const struct {
                const char *name;
                enum cgi_method method;
        } methods[] = {
                {"GET", CGI_GET},       {"HEAD", CGI_HEAD},       {"POST", CGI_POST},
                {"DELETE", CGI_DELETE}, {"OPTIONS", CGI_OPTIONS},
        };

        for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
                if (str_eq(s, str_from(methods[i].name)))
                        return methods[i].method;
        }
        return CGI_OTHER;
}

/* A target in absolute form (RFC 9112 3.2.2), which a proxy may pass on, without "https://host". */
static struct str target_without_authority(struct str uri)
{
        struct str rest = uri;
        struct str scheme = str_cut(&rest, ':');
        size_t n = 2;

        if (!str_has_prefix(rest, STR("//")) ||
            !(str_eq_nocase(scheme, STR("http")) || str_eq_nocase(scheme, STR("https"))))
                return uri;
        while (n < rest.n && rest.p[n] != '/' && rest.p[n] != '?')
                n++;
        return (struct str){rest.p + n, rest.n - n};
}

/* 0, CGI_E_BAD. */
static int uri_read(struct cgi_head *head, struct str uri)
{
        struct str target;

        if (uri.n == 0)
                return CGI_E_BAD;
        target = uri.p[0] == '/' ? uri : target_without_authority(uri);
        head->query = target;
        head->path = str_cut(&head->query, '?');
        if (head->path.n == 0 && target.p != uri.p)
                head->path = STR("/");
        if (head->path.n == 0)
                return CGI_E_BAD;
        return head->path.p[0] == '/' || str_eq(head->path, STR("*")) ? 0 : CGI_E_BAD;
}

/* 0, CGI_E_BAD. */
static int length_read(struct cgi_head *head, struct str length)
{
        head->has_length = length.n > 0;
        head->content_length = 0;
        if (length.n == 0)
                return 0;
        return str_to_u64(length, &head->content_length) == 0 ? 0 : CGI_E_BAD;
}

/* The parameters that a head is made of. */
enum read {
        REQUEST_METHOD,
        REQUEST_URI,
        CONTENT_LENGTH,
        CONTENT_TYPE,
        REMOTE_ADDR,
        SERVER_PROTOCOL,
        MGW_INSIDE,
        MGW_REQUEST_ID,
        HTTP_ACCEPT,
        HTTP_AUTHORIZATION,
        HTTP_ORIGIN,
        HTTP_MCP_SESSION_ID,
        HTTP_MCP_PROTOCOL_VERSION,
        HTTP_LAST_EVENT_ID,
        N_READ,
};

#define NAMED(name) [name] = {#name, sizeof(#name) - 1}

/* Walks the parameters once. */
static void values_read(struct str values[N_READ], const struct cgi_params *params)
{
        static const struct str names[N_READ] = {
                NAMED(REQUEST_METHOD),     NAMED(REQUEST_URI),
                NAMED(CONTENT_LENGTH),     NAMED(CONTENT_TYPE),
                NAMED(REMOTE_ADDR),        NAMED(SERVER_PROTOCOL),
                NAMED(MGW_INSIDE),         NAMED(MGW_REQUEST_ID),
                NAMED(HTTP_ACCEPT),        NAMED(HTTP_AUTHORIZATION),
                NAMED(HTTP_ORIGIN),        NAMED(HTTP_MCP_SESSION_ID),
                NAMED(HTTP_LAST_EVENT_ID), NAMED(HTTP_MCP_PROTOCOL_VERSION),
        };

        for (char *const *it = params->envp; it != NULL && *it != NULL; it++) {
                struct str value = str_from(*it), name = str_cut(&value, '=');

                for (size_t i = 0; i < N_READ; i++)
                        if (is_same_name(names[i], name))
                                values[i] = value;
        }
}

int cgi_head_read(struct cgi_head *head, const struct cgi_params *params)
{
        struct str values[N_READ];

        for (size_t i = 0; i < N_READ; i++)
                values[i] = STR("");
        values_read(values, params);
        *head = (struct cgi_head){
                .method = method_read(values[REQUEST_METHOD]),
                .is_inside = str_eq(values[MGW_INSIDE], STR("on")),
                .content_type = values[CONTENT_TYPE],
                .remote_addr = values[REMOTE_ADDR],
                .request_id = values[MGW_REQUEST_ID],
                .http_version = values[SERVER_PROTOCOL],
                .accept = values[HTTP_ACCEPT],
                .authorization = values[HTTP_AUTHORIZATION],
                .origin = values[HTTP_ORIGIN],
                .session_id = values[HTTP_MCP_SESSION_ID],
                .protocol_version = values[HTTP_MCP_PROTOCOL_VERSION],
                .last_event_id = values[HTTP_LAST_EVENT_ID],
        };
        if (values[REQUEST_METHOD].n == 0 || uri_read(head, values[REQUEST_URI]) != 0)
                return CGI_E_BAD;
        return length_read(head, values[CONTENT_LENGTH]);
}

int cgi_query_get(struct str query, struct str name, char *out, size_t size)
{
        while (query.n > 0) {
                struct str value = str_cut(&query, '&');
                struct str key = str_cut(&value, '=');

                if (str_eq(key, name))
                        return form_decode(value, out, size) == 0 ? 0 : CGI_E_BAD;
        }
        return -ENOENT;
}

const char *cgi_reason(unsigned status)
{
        static const struct {
                unsigned status;
                const char *reason;
        } reasons[] = {
                {200, "OK"},
                {202, "Accepted"},
                {204, "No Content"},
                {303, "See Other"},
                {400, "Bad Request"},
                {401, "Unauthorized"},
                {403, "Forbidden"},
                {404, "Not Found"},
                {405, "Method Not Allowed"},
                {406, "Not Acceptable"},
                {408, "Request Timeout"},
                {409, "Conflict"},
                {410, "Gone"},
                {411, "Length Required"},
                {413, "Content Too Large"},
                {414, "URI Too Long"},
                {415, "Unsupported Media Type"},
                {421, "Misdirected Request"},
                {422, "Unprocessable Content"},
                {429, "Too Many Requests"},
                {431, "Request Header Fields Too Large"},
                {500, "Internal Server Error"},
                {501, "Not Implemented"},
                {502, "Bad Gateway"},
                {503, "Service Unavailable"},
                {504, "Gateway Timeout"},
        };

        for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
                if (reasons[i].status == status)
                        return reasons[i].reason;
        }
        return "Unknown";
}

/* A token (RFC 9110 5.6.2). */
static bool header_name_is_sound(const char *name)
{
        bool is_empty = *name == '\0';

        for (; *name != '\0'; name++) {
                bool is_letter = (*name | 0x20) >= 'a' && (*name | 0x20) <= 'z';

                if (!is_letter && strchr("-0123456789!#$%&'*+.^_`|~", *name) == NULL)
                        return false;
        }
        return !is_empty;
}

static bool header_value_is_sound(const char *value)
{
        for (; *value != '\0'; value++) {
                unsigned char c = (unsigned char)*value;

                if ((c < 0x20 && c != '\t') || c == 0x7f)
                        return false;
        }
        return true;
}

/* The size of the header lines. 0, CGI_E_BAD. */
static int headers_measure(const struct cgi_header *headers, size_t *np)
{
        for (; headers != NULL && headers->name != NULL; headers++) {
                if (headers->value == NULL)
                        continue;
                if (!header_name_is_sound(headers->name) || !header_value_is_sound(headers->value))
                        return CGI_E_BAD;
                *np += strlen(headers->name) + 2 + strlen(headers->value) + 2;
        }
        return 0;
}

static char *header_put(char *at, const char *name, const char *value)
{
        at = text_put(at, str_from(name));
        at = text_put(at, STR(": "));
        at = text_put(at, str_from(value));
        return text_put(at, STR("\r\n"));
}

int cgi_add_response_head(struct buf *out, unsigned status, const struct cgi_header *headers)
{
        const char *reason = cgi_reason(status);
        char line[64] = {(char)('0' + status / 100 % 10), (char)('0' + status / 10 % 10),
                         (char)('0' + status % 10), ' '};
        size_t size;
        uint8_t *room;
        char *at;
        int r;

        if (status < 100 || status > 999)
                return CGI_E_BAD;
        memcpy(line + 4, reason, strlen(reason) + 1);
        size = strlen("Status: \r\n\r\n") + strlen(line);
        if (headers_measure(headers, &size) != 0)
                return CGI_E_BAD;
        r = buf_reserve(out, size, &room);
        if (r != 0)
                return r;
        at = header_put((char *)room, "Status", line);
        for (; headers != NULL && headers->name != NULL; headers++) {
                if (headers->value != NULL)
                        at = header_put(at, headers->name, headers->value);
        }
        text_put(at, STR("\r\n"));
        buf_commit(out, size);
        return 0;
}
