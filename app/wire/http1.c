/* Reads with http-parser; an answer has one head, in one record (as all that we send). */
#include "mgw/wire/http1.h"

#include "mgw/base/alloc.h"

#include <errno.h>
#include <fastcgi.h>
#include <http_parser.h>
#include <stdlib.h>
#include <string.h>

struct http1 {
        http_parser parser;
        http1_on_record *on_record;
        void *owner;
        struct buf head;   /* the target, and "Name: value" of the field that comes */
        struct buf params; /* name-value pairs (FastCGI 3.4) */
        struct fcgi_reader answer;
        int fault; /* what a callback has met */
        bool in_value;
        bool has_answered; /* the head of the answer has gone out */
        bool is_chunked;   /* the answer is */
};

/* ---- parameters ---- */

static void put_length(struct http1 *h, size_t n)
{
        uint8_t four[] = {(uint8_t)(0x80 | n >> 24), (uint8_t)(n >> 16), (uint8_t)(n >> 8),
                          (uint8_t)n};
        uint8_t one = (uint8_t)n;

        if (h->fault == 0)
                h->fault = n < 0x80 ? buf_add(&h->params, &one, 1) : buf_add(&h->params, four, 4);
}

static void put_param(struct http1 *h, struct str name, struct str value)
{
        put_length(h, name.n);
        put_length(h, value.n);
        if (h->fault == 0)
                h->fault = buf_add_str(&h->params, name);
        if (h->fault == 0)
                h->fault = buf_add_str(&h->params, value);
}

/* HTTP_ and the name in upper case, '_' for what is neither letter nor digit. */
static void put_header(struct http1 *h, struct str name, struct str value)
{
        char text[5 + 256] = "HTTP_";

        if (name.n > sizeof(text) - 5) {
                h->fault = HTTP1_E_FULL;
                return;
        }
        for (size_t i = 0; i < name.n; i++) {
                char c = name.p[i];
                bool is_lower = c >= 'a' && c <= 'z';
                bool is_kept = (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');

                text[5 + i] = (char)(is_lower ? c - 'a' + 'A' : is_kept ? c : '_');
        }
        put_param(h, (struct str){text, 5 + name.n}, value);
}

static void put_field(struct http1 *h)
{
        static const struct {
                struct str field, param;
        } own[] = {
                {{"Content-Type", 12}, {"CONTENT_TYPE", 12}},
                {{"Content-Length", 14}, {"CONTENT_LENGTH", 14}},
                {{"Mgw-Remote-Addr", 15}, {"REMOTE_ADDR", 11}},
                {{"Mgw-Request-Id", 14}, {"MGW_REQUEST_ID", 14}},
                {{"Mgw-Protocol", 12}, {"SERVER_PROTOCOL", 15}},
        };
        struct str value = buf_bytes(&h->head);
        struct str name = str_cut(&value, ':');

        if (h->fault != 0 || h->head.len == 0)
                return;
        for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
                if (str_eq_nocase(name, own[i].field)) {
                        put_param(h, own[i].param, str_trim(value));
                        return;
                }
        put_header(h, name, str_trim(value));
}

/* ---- what comes ---- */

static struct http1 *of(http_parser *parser)
{
        return parser->data;
}

static int tell(struct http1 *h, uint8_t type, const void *content, size_t n)
{
        const struct fcgi_record rec = {type, 1, content, n};

        h->on_record(h->owner, &rec);
        return 0;
}

static int on_begin(http_parser *parser)
{
        static const uint8_t begin[8] = {0, FCGI_RESPONDER, 0};

        return tell(of(parser), FCGI_BEGIN_REQUEST, begin, sizeof(begin));
}

static int take(struct http1 *h, const char *p, size_t n)
{
        if (h->fault == 0)
                h->fault = buf_add(&h->head, p, n);
        return h->fault;
}

static int on_url(http_parser *parser, const char *p, size_t n)
{
        return take(of(parser), p, n);
}

/* The target, before the first field; or the field before. */
static void end_line(struct http1 *h)
{
        if (h->params.len == 0) {
                put_param(h, STR("REQUEST_METHOD"), STR("POST"));
                put_param(h, STR("REQUEST_URI"), buf_bytes(&h->head));
        } else {
                put_field(h);
        }
        buf_consume(&h->head, h->head.len);
}

static int on_field(http_parser *parser, const char *p, size_t n)
{
        struct http1 *h = of(parser);

        if (h->in_value || h->params.len == 0)
                end_line(h);
        h->in_value = false;
        return take(h, p, n);
}

static int on_value(http_parser *parser, const char *p, size_t n)
{
        struct http1 *h = of(parser);

        if (!h->in_value)
                take(h, ":", 1);
        h->in_value = true;
        return take(h, p, n);
}

static int on_head(http_parser *parser)
{
        struct http1 *h = of(parser);

        end_line(h);
        if (parser->method != HTTP_POST || parser->upgrade)
                h->fault = HTTP1_E_BAD;
        if (h->fault != 0)
                return -1;
        tell(h, FCGI_PARAMS, buf_bytes(&h->params).p, h->params.len);
        buf_finish(&h->params);
        buf_finish(&h->head);
        return tell(h, FCGI_PARAMS, NULL, 0);
}

static int on_body(http_parser *parser, const char *p, size_t n)
{
        return tell(of(parser), FCGI_STDIN, p, n);
}

static int on_end(http_parser *parser)
{
        tell(of(parser), FCGI_STDIN, NULL, 0);
        http_parser_pause(parser, 1); /* one request a connection */
        return 0;
}

/* ---- */

struct http1 *http1_create(uint32_t head_max_bytes, http1_on_record *on_record, void *owner)
{
        struct http1 *h = alloc_zeroed(sizeof(*h));

        http_parser_init(&h->parser, HTTP_REQUEST);
        h->parser.data = h;
        h->on_record = on_record;
        h->owner = owner;
        buf_init(&h->head, head_max_bytes);
        buf_init(&h->params, head_max_bytes);
        fcgi_reader_init(&h->answer);
        return h;
}

void http1_destroy(struct http1 *h)
{
        if (h == NULL)
                return;
        buf_finish(&h->head);
        buf_finish(&h->params);
        fcgi_reader_finish(&h->answer);
        free(h);
}

int http1_feed(struct http1 *h, const uint8_t *p, size_t n)
{
        static const http_parser_settings settings = {
                .on_message_begin = on_begin,
                .on_url = on_url,
                .on_header_field = on_field,
                .on_header_value = on_value,
                .on_headers_complete = on_head,
                .on_body = on_body,
                .on_message_complete = on_end,
        };
        enum http_errno error;

        /* No bytes would mean the end to http-parser; its end, or a fault, has been told. */
        if (n == 0 || HTTP_PARSER_ERRNO(&h->parser) != HPE_OK)
                return 0;
        http_parser_execute(&h->parser, &settings, (const char *)p, n);
        error = HTTP_PARSER_ERRNO(&h->parser);
        if (error == HPE_OK || error == HPE_PAUSED)
                return 0;
        if (h->fault == BUF_E_FULL || error == HPE_HEADER_OVERFLOW)
                return HTTP1_E_FULL;
        return h->fault != 0 ? h->fault : HTTP1_E_BAD;
}

/* ---- the answer ---- */

static int add_content(const struct http1 *h, struct buf *out, struct str content)
{
        int r = 0;

        if (content.n == 0)
                return 0;
        if (h->is_chunked)
                r = buf_addf(out, "%zx\r\n", content.n);
        if (r == 0)
                r = buf_add_str(out, content);
        if (r == 0 && h->is_chunked)
                r = buf_add_str(out, STR("\r\n"));
        return r;
}

/* "Status: 200 OK" and header lines, as cgi_add_response_head() makes them. */
static int add_head(struct http1 *h, struct buf *out, struct str content)
{
        static const char end[] = "\r\n\r\n", has_length[] = "\r\nContent-Length:";
        const char *at = memmem(content.p, content.n, end, sizeof(end) - 1);
        struct str head = {content.p, at != NULL ? (size_t)(at - content.p) : 0};
        struct str status, fields;
        int r;

        if (at == NULL || !str_has_prefix(head, STR("Status: ")))
                return HTTP1_E_BAD;
        fields = (struct str){head.p + 8, head.n - 8};
        status = str_cut(&fields, '\r'); /* fields begins with the line feed, or is empty */
        h->is_chunked = memmem(head.p, head.n, has_length, sizeof(has_length) - 1) == NULL &&
                        !str_has_prefix(status, STR("204"));
        h->has_answered = true;
        r = buf_addf(out, "HTTP/1.1 %.*s\r\nConnection: close", STR_ARG(status));
        if (r == 0 && h->is_chunked)
                r = buf_add_str(out, STR("\r\nTransfer-Encoding: chunked"));
        if (r == 0 && fields.n > 0)
                r = buf_addf(out, "\r%.*s", STR_ARG(fields));
        if (r == 0)
                r = buf_add_str(out, STR("\r\n\r\n"));
        return r != 0 ? r
                      : add_content(h, out,
                                    (struct str){at + 4, content.n - head.n - sizeof(end) + 1});
}

static int add_record(struct http1 *h, struct buf *out, const struct fcgi_record *rec)
{
        struct str content = {(const char *)rec->content, rec->n_content};

        if (rec->type == FCGI_END_REQUEST)
                return h->is_chunked ? buf_add_str(out, STR("0\r\n\r\n")) : 0;
        if (rec->type != FCGI_STDOUT)
                return HTTP1_E_BAD;
        if (content.n > 0 && !h->has_answered)
                return add_head(h, out, content);
        return add_content(h, out, content);
}

int http1_answer(struct http1 *h, struct buf *out, const void *records, size_t n)
{
        const uint8_t *p = records;
        int r = 0;

        while (r == 0 && n > 0) {
                struct fcgi_record rec;
                size_t used = 0;

                r = fcgi_reader_feed(&h->answer, p, n, &used, &rec);
                p += used;
                n -= used;
                if (r == 0)
                        r = add_record(h, out, &rec);
        }
        return r == FCGI_E_MORE ? 0 : r;
}
