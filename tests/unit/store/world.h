/* A store of either form, and what is asked of it, one thing after the other. */
#pragma once

#include "mgw/loop/loop.h"
#include "mgw/store/store.h"

#define WORLD_SECRET "a secret of at least thirty-two characters"
#define WORLD_OTHER_SECRET "another one, which also has that many of them"

/* What has been told of one operation. */
struct told {
        struct store_op op;
        bool is_told;
        int result;
        uint64_t version; /* of the first record */
        int64_t expires_ms;
        char text[4096]; /* "key=value " of each record, as far as it fits */
        size_t n_records;
};

struct world {
        struct loop *loop;
        struct store *store;
        struct store_options options;
        char dir[64]; /* "": memory */
        struct told last;
        char warned[1024]; /* what the last opening said, where that is allowed */
};

void world_open(struct world *w, bool has_dir);
void world_reopen(struct world *w);
void world_shut(struct world *w);
/* Opens what has been shut; it may say what it likes (w->warned). */
void world_open_again(struct world *w);
/* What is told of an opening that fails, in w->last.text. */
int world_cannot_open(struct world *w);
void world_close(struct world *w);
/* The path of a file in dir; until the next call. */
const char *world_path(const struct world *w, const char *name);

void told_init(struct told *told);
/* Turns until it has been told. */
void world_wait(struct world *w, struct told *told);

/* Results; more is in w->last. */
int world_put(struct world *w, const char *key, const char *value);
int world_put_at(struct world *w, const char *key, const char *value, int64_t expires_ms,
                 uint64_t expected);
int world_get(struct world *w, const char *key);
int world_delete(struct world *w, const char *key, uint64_t expected);
int world_list(struct world *w, const char *prefix, const char *after, size_t max);
