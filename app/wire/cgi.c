/* CGI on top of FastCGI: what a request says in its parameters, and the head of a response.
 *
 * Parameters are kept as libfcgi keeps them. To join what came twice in n log n, however many there
 * are, they are sorted by name, and by place within a name: HAProxy sends the client's headers
 * first, then what `set-param` says, then its own defaults for what neither named. So of a name
 * that came twice the last is the one to trust. Only headers (HTTP_*), which a client may well send
 * twice, are joined: a `set-param` that is to be trusted must have another name. */
#include "mgw/wire/cgi.h"

#include "mgw/wire/fcgi.h"

#include <errno.h>
#include <fcgiapp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct pair {
        struct str name;
        struct str value;
};

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

        return name.n > 0 && memchr(name.p, '=', name.n) == NULL &&
               memchr(name.p, '\0', name.n) == NULL && memchr(value.p, '\0', value.n) == NULL;
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
                while (i + n_same < n && str_eq(pairs[i].name, pairs[i + n_same].name))
                        n_same++;
                params->envp[n_params++] = at;
                at = pairs_join(at, pairs + i, n_same) + 1;
        }
        params->envp[n_params] = NULL;
}

int cgi_params_decode(struct cgi_params *params, struct str pairs)
{
        struct pair *sorted;
        size_t n;
        size_t n_text;

        *params = (struct cgi_params){NULL, NULL};
        if (pairs_measure(pairs, &n, &n_text) != 0)
                return CGI_E_BAD;
        sorted = calloc(n + 1, sizeof(*sorted));
        params->envp = calloc(n + 1, sizeof(*params->envp));
        params->text = malloc(n_text + 1);
        if (sorted == NULL || params->envp == NULL || params->text == NULL) {
                free(sorted);
                cgi_params_finish(params);
                return -ENOMEM;
        }
        for (size_t i = 0; i < n; i++)
                fcgi_pair_next(&pairs, &sorted[i].name, &sorted[i].value);
        qsort(sorted, n, sizeof(*sorted), pair_compare);
        params_fill(params, sorted, n);
        free(sorted);
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

int cgi_head_read(struct cgi_head *head, const struct cgi_params *params)
{
        struct str method = cgi_param(params, "REQUEST_METHOD");

        *head = (struct cgi_head){
                .method = method_read(method),
                .is_inside = str_eq(cgi_param(params, "MGW_INSIDE"), STR("on")),
                .content_type = cgi_param(params, "CONTENT_TYPE"),
                .remote_addr = cgi_param(params, "REMOTE_ADDR"),
                .request_id = cgi_param(params, "MGW_REQUEST_ID"),
                .http_version = cgi_param(params, "SERVER_PROTOCOL"),
                .accept = cgi_param(params, "HTTP_ACCEPT"),
                .authorization = cgi_param(params, "HTTP_AUTHORIZATION"),
                .origin = cgi_param(params, "HTTP_ORIGIN"),
                .session_id = cgi_param(params, "HTTP_MCP_SESSION_ID"),
                .protocol_version = cgi_param(params, "HTTP_MCP_PROTOCOL_VERSION"),
                .last_event_id = cgi_param(params, "HTTP_LAST_EVENT_ID"),
        };
        if (method.n == 0 || uri_read(head, cgi_param(params, "REQUEST_URI")) != 0)
                return CGI_E_BAD;
        return length_read(head, cgi_param(params, "CONTENT_LENGTH"));
}

/* Takes one character, escaped or not, off s: 1 to 255, or -1 for a broken escape or a NUL. */
static int query_char(struct str *s)
{
        int c = (unsigned char)s->p[0];
        size_t n = 1;

        if (c == '%') {
                int high = s->n < 3 ? -1 : str_hex_digit(s->p[1]);
                int low = high < 0 ? -1 : str_hex_digit(s->p[2]);

                c = low < 0 ? -1 : high << 4 | low;
                n = 3;
        } else if (c == '+') {
                c = ' ';
        }
        if (c <= 0)
                return -1;
        s->p += n;
        s->n -= n;
        return c;
}

/* 0, CGI_E_BAD. */
static int query_decode(struct str value, char *out, size_t size)
{
        size_t n = 0;

        while (value.n > 0) {
                int c = query_char(&value);

                if (c < 0 || n + 1 >= size)
                        return CGI_E_BAD;
                out[n++] = (char)c;
        }
        out[n] = '\0';
        return 0;
}

int cgi_query_get(struct str query, struct str name, char *out, size_t size)
{
        while (query.n > 0) {
                struct str value = str_cut(&query, '&');
                struct str key = str_cut(&value, '=');

                if (str_eq(key, name))
                        return query_decode(value, out, size);
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
        static const char token[] = "!#$%&'*+-.^_`|~0123456789"
                                    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

        return name[0] != '\0' && name[strspn(name, token)] == '\0';
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
        char line[64];
        size_t size;
        uint8_t *room;
        char *at;
        int r;

        if (status < 100 || status > 999)
                return CGI_E_BAD;
        snprintf(line, sizeof(line), "%u %s", status, cgi_reason(status));
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
