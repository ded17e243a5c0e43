/* FastCGI records (FastCGI 1.0, section 3), bytes in and bytes out, on libfcgi's <fastcgi.h>. */
#pragma once

#include "mgw/base/buf.h"

#include <stdbool.h>
#include <stdint.h>

/* Outcomes of fcgi_reader_feed() and of the decoders. */
#define FCGI_E_MORE 1 /* all bytes taken, no record complete yet */
#define FCGI_E_BAD 2  /* not FastCGI: the connection is lost */

/* The longest content that we put in one STDOUT record (HAProxy forwards complete records only). */
#define FCGI_STDOUT_MAX 16384

struct fcgi_record {
        uint8_t type; /* FCGI_BEGIN_REQUEST ... or unknown */
        uint16_t id;  /* 0: management record */
        const uint8_t *content;
        size_t n_content;
};

/* A record that comes whole is borrowed from the input; one that straddles reads is gathered here,
 * until the next feed. Between records it holds no memory. */
struct fcgi_reader {
        struct buf partial;
};

void fcgi_reader_init(struct fcgi_reader *r);
void fcgi_reader_finish(struct fcgi_reader *r);
/* Feeds n bytes; *usedp says how many were taken.
 * 0 = rec filled, borrowed until the next feed or change of p. FCGI_E_MORE, FCGI_E_BAD, -ENOMEM. */
int fcgi_reader_feed(struct fcgi_reader *r, const uint8_t *p, size_t n, size_t *usedp,
                     struct fcgi_record *rec);

/* Has all that it was fed been given out? */
bool fcgi_reader_is_between(const struct fcgi_reader *r);

/* The body of BEGIN_REQUEST (5.1). 0, FCGI_E_BAD. */
int fcgi_begin_decode(const struct fcgi_record *rec, uint16_t *rolep, bool *keep_connp);

/* The 8-byte header of a record without padding. n <= 65535. */
void fcgi_head(uint8_t out[8], uint8_t type, uint16_t id, size_t n);
/* STDOUT records of at most FCGI_STDOUT_MAX each, all or nothing; none for n = 0, since an empty
 * one ends the stream. 0, BUF_E_FULL, -ENOMEM. */
int fcgi_add_stdout(struct buf *out, uint16_t id, const void *p, size_t n);
/* Bytes that fcgi_add_stdout() adds for n bytes of content. */
size_t fcgi_stdout_size(size_t n);
/* The empty STDOUT and END_REQUEST (5.5) with one of the FCGI_REQUEST_COMPLETE... states. */
int fcgi_add_end(struct buf *out, uint16_t id, uint8_t protocol_status);
/* What a web server says: BEGIN_REQUEST (5.1) to a responder; the content of a stream (3.3; PARAMS,
 * STDIN), in as many records as it takes, none for none; the empty record that is the end of one;
 * a name-value pair (3.4). 0, BUF_E_FULL, -ENOMEM. */
int fcgi_add_begin(struct buf *out, uint16_t id, bool keep_conn);
int fcgi_add_stream(struct buf *out, uint8_t type, uint16_t id, struct str content);
int fcgi_add_stream_end(struct buf *out, uint8_t type, uint16_t id);
int fcgi_add_pair(struct buf *out, struct str name, struct str value);
/* The answer to GET_VALUES (4.1): of the asked names those that we know, each once.
 * 0, FCGI_E_BAD, BUF_E_FULL, -ENOMEM. */
int fcgi_add_values_result(struct buf *out, const struct fcgi_record *get_values,
                           unsigned max_conns);
/* The answer to a management record of a type that we do not know (4.2). */
int fcgi_add_unknown_type(struct buf *out, uint8_t type);

/* Walks name-value pairs (3.4) with lengths of 1 or 4 bytes. 0 = a pair, FCGI_E_MORE = the end,
 * FCGI_E_BAD. */
int fcgi_pair_next(struct str *restp, struct str *namep, struct str *valuep);
