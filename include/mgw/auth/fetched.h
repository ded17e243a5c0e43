/* Documents that strangers name: what clients say of themselves, and their keys. They are fetched
 * as loop/http_document does for strangers, and what is read of them is kept for a while: a failure
 * for ten seconds, all else as the server says, 5 minutes to 24 hours. The one that was used
 * longest ago gives way where there are too many. Who asks for one that is on its way waits for
 * that. Few are on their way at once, and fewer for one address. */
#pragma once

#include "mgw/core/context.h"

struct fetched;

struct fetched_kind {
        const char *what; /* for the log: "the document of a client" */
        /* What a document says, new. NULL: *faultp is a constant sentence. */
        void *(*read)(const char *url, struct str body, const char **faultp);
        void (*release)(void *content);
};

/* Documents of one kind. */
struct fetched_cache {
        struct context *context;
        const struct fetched_kind *kind;
        struct fetched *documents; /* hash by address */
        struct list by_use;
        unsigned n_fetches;
};

/* Embedded by who waits, zeroed but for on_ready. */
struct fetched_wait {
        struct list node;
        void (*on_ready)(struct fetched_wait *wait);
        void *content;            /* borrowed: until on_ready returns, or the loop goes on; NULL: */
        const char *fault;        /* a constant sentence */
        bool is_fault_of_network; /* it may be there the next time */
};

void fetched_cache_init(struct fetched_cache *cache, struct context *context,
                        const struct fetched_kind *kind);
/* Who waits is not told. Before the HTTP client goes. */
void fetched_cache_finish(struct fetched_cache *cache);
/* share: whose request it is for. True: wait has been filled in, and on_ready is not called. False:
 * it will be, from the loop. */
bool fetched_start(struct fetched_cache *cache, struct fetched_wait *wait, struct share *share,
                   const char *url);
/* What is known of it may be old: the next fetched_start() fetches it anew. False: it is not half a
 * minute old. */
bool fetched_doubt(struct fetched_cache *cache, const char *url);
/* on_ready is not called any more. Harmless when it is not waiting. */
void fetched_cancel(struct fetched_wait *wait);
