/* Reads with http-parser, which is stopped in each of its callbacks that has something to tell: so
 * what is told may end, or hold, the one who reads. */
#include "mgw/wire/http1_response.h"

#include <errno.h>
#include <string.h>

#define NO_FIELD HTTP1_N_FIELDS
/* What a line takes besides its name and value; a status line too. */
#define LINE_BYTES 4

static struct http1_response *of(http_parser *parser)
{
        return parser->data;
}

static int stop(struct http1_response *r, int outcome)
{
        r->outcome = outcome;
        http_parser_pause(&r->parser, 1);
        return 0;
}

static int fail(struct http1_response *r, int outcome)
{
        r->outcome = outcome;
        return -1;
}

static int count(struct http1_response *r, size_t n)
{
        if (n > r->head_max_bytes - r->n_head)
                return fail(r, HTTP1_RESPONSE_E_FULL);
        r->n_head += (uint32_t)n;
        return 0;
}

/* ---- fields ---- */

static uint8_t field_of(struct str name)
{
        static const struct str names[HTTP1_N_FIELDS] = {
                [HTTP1_CONTENT_TYPE] = {"Content-Type", 12},
                [HTTP1_LOCATION] = {"Location", 8},
                [HTTP1_RETRY_AFTER] = {"Retry-After", 11},
                [HTTP1_CACHE_CONTROL] = {"Cache-Control", 13},
                [HTTP1_SESSION_ID] = {"Mcp-Session-Id", 14},
                [HTTP1_WWW_AUTHENTICATE] = {"WWW-Authenticate", 16},
                [HTTP1_TRANSFER_ENCODING] = {"Transfer-Encoding", 17},
                [HTTP1_CONTENT_ENCODING] = {"Content-Encoding", 16},
        };

        for (unsigned i = 0; i < HTTP1_N_FIELDS; i++)
                if (str_eq_nocase(name, names[i]))
                        return (uint8_t)i;
        return NO_FIELD;
}

static bool is_informational(const struct http1_response *r)
{
        return r->parser.status_code < 200;
}

/* Which one the value is of that comes now. */
static void begin_value(struct http1_response *r)
{
        bool is_of_head = !is_informational(r) && (r->parser.flags & F_TRAILING) == 0;

        r->in_value = true;
        r->field = is_of_head && r->n_name <= sizeof(r->name)
                           ? field_of((struct str){r->name, r->n_name})
                           : NO_FIELD;
        if (r->field != NO_FIELD && r->fields[r->field].at > 0)
                r->field = NO_FIELD;
        if (r->field != NO_FIELD)
                r->fields[r->field].at = r->values.len + 1;
}

static int end_value(struct http1_response *r)
{
        bool is_wanted = r->in_value && r->field != NO_FIELD;
        struct str value;
        size_t n;

        r->in_value = false;
        r->n_name = 0;
        if (!is_wanted)
                return 0;
        if (buf_add(&r->values, "", 1) < 0)
                return fail(r, -ENOMEM);
        value = buf_bytes(&r->values);
        value.p += r->fields[r->field].at - 1;
        value.n -= r->fields[r->field].at;
        n = str_trim(value).n; /* nothing stands before it: http-parser leaves that out */
        r->values.mem[r->values.head + r->fields[r->field].at - 1 + n] = '\0';
        r->fields[r->field].n = (uint32_t)n;
        return 0;
}

static int on_begin(http_parser *parser)
{
        return count(of(parser), LINE_BYTES);
}

static int on_reason(http_parser *parser, const char *p, size_t n)
{
        (void)p;
        return count(of(parser), n);
}

static int on_name(http_parser *parser, const char *p, size_t n)
{
        struct http1_response *r = of(parser);

        if (r->in_value && end_value(r) < 0)
                return -1;
        if (n <= sizeof(r->name) - r->n_name) {
                memcpy(r->name + r->n_name, p, n);
                r->n_name += (uint8_t)n;
        } else {
                r->n_name = sizeof(r->name); /* none of ours is so long */
        }
        return count(r, n);
}

static int on_value(http_parser *parser, const char *p, size_t n)
{
        struct http1_response *r = of(parser);

        if (count(r, r->in_value ? n : LINE_BYTES + n) < 0)
                return -1;
        if (memchr(p, '\0', n) != NULL) /* which http-parser takes as the first byte */
                return fail(r, HTTP1_RESPONSE_E_BAD);
        if (!r->in_value)
                begin_value(r);
        return r->field != NO_FIELD && buf_add(&r->values, p, n) < 0 ? fail(r, -ENOMEM) : 0;
}

struct str http1_response_field(const struct http1_response *r, enum http1_field field)
{
        if (r->fields[field].at == 0)
                return STR("");
        return (struct str){buf_bytes(&r->values).p + r->fields[field].at - 1, r->fields[field].n};
}

/* ---- head, body, end ---- */

/* Codings that nobody has asked for would be taken for the body (RFC 9112 6.1). */
static bool is_coded(const struct http1_response *r)
{
        struct str coding = http1_response_field(r, HTTP1_TRANSFER_ENCODING);

        return coding.n > 0 && !str_eq_nocase(coding, STR("chunked")) &&
               !str_eq_nocase(coding, STR("identity"));
}

/* 1: no body follows, whatever the head says (RFC 9112 6.3). */
static int on_head(http_parser *parser)
{
        struct http1_response *r = of(parser);
        unsigned status = parser->status_code;

        if (end_value(r) < 0)
                return -1;
        if (status < 100 || status == 101 || (!is_informational(r) && is_coded(r)))
                return fail(r, HTTP1_RESPONSE_E_BAD);
        if (is_informational(r))
                return 1;
        stop(r, HTTP1_RESPONSE_HEAD);
        return r->is_bodyless || status == 204 || status == 304;
}

static int on_body(http_parser *parser, const char *p, size_t n)
{
        struct http1_response *r = of(parser);

        r->piece = (struct str){p, n};
        return stop(r, HTTP1_RESPONSE_BODY);
}

static int on_end(http_parser *parser)
{
        struct http1_response *r = of(parser);
        /* Both of them: who has put something in between may read another end. */
        const unsigned both = F_CHUNKED | F_CONTENTLENGTH;

        r->is_kept = http_should_keep_alive(parser) && (parser->flags & both) != both;
        return stop(r, HTTP1_RESPONSE_END);
}

/* ---- */

static void parser_init(struct http1_response *r)
{
        http_parser_init(&r->parser, HTTP_RESPONSE);
        r->parser.allow_chunked_length = 1;
        r->parser.data = r;
}

void http1_response_init(struct http1_response *r, uint32_t head_max_bytes, bool is_bodyless)
{
        memset(r, 0, sizeof(*r));
        r->head_max_bytes = head_max_bytes;
        r->is_bodyless = is_bodyless;
        buf_init(&r->values, head_max_bytes + HTTP1_N_FIELDS);
        parser_init(r);
        /* Of all parsers; ours have their own caps, of no more. */
        http_parser_set_max_header_size(head_max_bytes + (64u << 10));
}

void http1_response_finish(struct http1_response *r)
{
        buf_finish(&r->values);
        memset(r->fields, 0, sizeof(r->fields));
}

static size_t execute(struct http1_response *r, const char *p, size_t n)
{
        static const http_parser_settings settings = {
                .on_message_begin = on_begin,
                .on_status = on_reason,
                .on_header_field = on_name,
                .on_header_value = on_value,
                .on_headers_complete = on_head,
                .on_body = on_body,
                .on_message_complete = on_end,
        };

        r->outcome = HTTP1_RESPONSE_MORE;
        http_parser_pause(&r->parser, 0);
        return http_parser_execute(&r->parser, &settings, p, n);
}

int http1_response_feed(struct http1_response *r, const char *p, size_t n, size_t *used,
                        struct str *piece)
{
        enum http_errno error;

        *used = execute(r, p, n);
        error = HTTP_PARSER_ERRNO(&r->parser);
        if (error == HPE_HEADER_OVERFLOW)
                return HTTP1_RESPONSE_E_FULL;
        if (error != HPE_OK && error != HPE_PAUSED)
                return r->outcome != HTTP1_RESPONSE_MORE ? r->outcome : HTTP1_RESPONSE_E_BAD;
        if (r->outcome == HTTP1_RESPONSE_END && is_informational(r)) {
                parser_init(r);
                return HTTP1_RESPONSE_MORE;
        }
        *piece = r->piece;
        return r->outcome;
}

int http1_response_close(struct http1_response *r)
{
        execute(r, "", 0);
        return r->outcome == HTTP1_RESPONSE_END && !is_informational(r) ? HTTP1_RESPONSE_END
                                                                        : HTTP1_RESPONSE_E_BAD;
}
