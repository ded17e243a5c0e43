/* What was seen of one stream: plain values, which probe_judge judges. Times are in milliseconds
 * since the request for the stream began; -1: it did not happen. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum probe_kind {
        PROBE_KIND_GET,            /* the GET of Streamable HTTP */
        PROBE_KIND_SSE,            /* HTTP+SSE */
        PROBE_KIND_CALL,           /* a POST whose tool takes long */
        PROBE_KIND_CALL_STATELESS, /* the same without a session (2026-07-28) */
        PROBE_KIND_LISTEN,         /* subscriptions/listen */
        PROBE_N_KINDS,
};

enum probe_end {
        PROBE_END_NONE,     /* it was open when the watch ended */
        PROBE_END_ANSWERED, /* a call, by its answer */
        PROBE_END_ORDERLY,  /* as HTTP ends an answer */
        PROBE_END_BROKEN,   /* closed in the middle, or before a byte */
        PROBE_END_RESET,
        PROBE_END_REFUSED, /* it never was a stream: status, or the media type */
        PROBE_END_FAILED,  /* anything else: why */
};

/* What arrived at once. */
struct probe_beat {
        int64_t at_ms;
        unsigned n_comments; /* lines that begin with ':' */
};

/* More are counted, and not kept. */
#define PROBE_BEATS_MAX 8192

struct probe_record {
        enum probe_kind kind;
        char *url;
        bool is_offered;
        char not_offered[160]; /* why not */
        unsigned status;
        char media_type[64];
        char encoding[32]; /* Content-Encoding; "": none */
        char *lines;       /* the head's; NULL: none came */
        struct probe_beat *beats;
        size_t n_beats, n_more;
        unsigned n_comments, n_events;
        int64_t head_ms;  /* of a success */
        int64_t last_ms;  /* when something came last, the head included */
        int64_t gap_ms;   /* the longest silence before last_ms */
        int64_t ended_ms; /* by itself, or by the end of the watch */
        /* The event that the protocol opens such a stream with: `endpoint` of HTTP+SSE, the
         * acknowledgement of subscriptions/listen. */
        int64_t opening_ms;
        /* HTTP+SSE: how long the answer to a request took that was sent when the stream stood. -1
         * where none came; is_asked says that one was sent. */
        int64_t echo_ms;
        bool is_asked;
        bool has_retry; /* the server has told when to come back */
        enum probe_end end;
        char why[256];
};

/* "GET of Streamable HTTP" and the like. */
const char *probe_record_title(enum probe_kind kind);
/* The same for scripts: "get". */
const char *probe_record_word(enum probe_kind kind);
void probe_record_init(struct probe_record *r, enum probe_kind kind);
void probe_record_finish(struct probe_record *r);
/* Something arrived; what comes within PROBE_BEAT_MS of another arrived with it. */
#define PROBE_BEAT_MS 200
void probe_record_beat(struct probe_record *r, int64_t at_ms, unsigned n_comments);
/* The silence at the end. */
int64_t probe_record_silence_ms(const struct probe_record *r);
/* The longest silence, that at the end included. */
int64_t probe_record_longest_ms(const struct probe_record *r);
/* Takes a head: what could not be printed becomes '?'. */
void probe_record_take_lines(struct probe_record *r, const char *lines, size_t n);
/* The value of a line of a head, borrowed, not NUL-ended: *np is its length. NULL: there is none.
 * From the line behind `after` on, where that is one; NULL: from the first. */
const char *probe_record_header(const char *lines, const char *name, const char *after, size_t *np);
