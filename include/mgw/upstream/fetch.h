/* One list of one upstream on its way into its upstream session, page by page. */
#pragma once

#include "mgw/upstream/upstream_session.h"

/* Embedded by who wants the list; all but the handler is the fetch's own. */
struct fetch {
        struct upstream_request request;
        struct upstream_session *from; /* NULL: not on its way */
        enum list_kind list;
        json_t *entries;
        int64_t ttl_ms; /* the shortest of its pages; -1: none has said */
        unsigned n_pages;
        json_t *mark;   /* a cursor that has been before; NULL: none yet */
        json_t *seen;   /* what the entries are known by */
        json_t *faults; /* what was left out of it, in words; NULL: nothing */
        size_t n_bytes; /* of the entries, as they are held */
        size_t n_around_bytes;
        struct ledger_hold hold;
        bool is_full;    /* the rest is left out */
        bool is_refused; /* there is no memory for it */
        unsigned as_of;
        /* The upstream session has the list, or what it had before. From the loop or from within
         * fetch_start(); not after fetch_drop(). */
        void (*on_done)(struct fetch *fetch, bool is_new);
};

/* The method that asks for it ("tools/list"). */
const char *fetch_method(enum list_kind list);
/* The member of the results that holds the entries ("tools"). */
const char *fetch_key(enum list_kind list);
const char *fetch_capability(enum list_kind list);
/* So long what the upstream session has is new enough; 0: it is not. */
int64_t fetch_fresh_ms(const struct upstream_session *us, enum list_kind list);
void fetch_start(struct fetch *fetch, struct upstream_session *us, enum list_kind list);
/* Nobody waits for it any more; harmless when it is not on its way. */
void fetch_drop(struct fetch *fetch, const char *why);
