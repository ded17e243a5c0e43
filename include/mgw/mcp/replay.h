/* The capped log of events, by which a client that lost a stream gets what it missed (Streamable
 * HTTP, "Resumability"). Each session has a log; all logs share a pool. When that is full, the
 * owner that keeps most gives up its oldest events. */
#pragma once

#include "mgw/base/ledger.h"
#include "mgw/base/list.h"
#include "mgw/base/str.h"

#include <stdbool.h>
#include <stdint.h>

/* An event's id on the wire: "<stream>-<seq>", unique in its session; a stream's numbers count
 * from 1. */
struct replay_id {
        uint32_t stream;
        uint32_t seq;
};
#define REPLAY_ID_SIZE 24
void replay_id_print(struct replay_id id, char out[REPLAY_ID_SIZE]);
/* 0, -EINVAL. */
int replay_id_read(struct str text, struct replay_id *idp);

struct replay_pool {
        struct list entries; /* of all logs, oldest first */
        struct list owners;  /* that keep any */
        uint64_t bytes;
        uint64_t max_bytes;
        int64_t max_age_ms;
};

/* A user, or an address: all their logs. Embedded by it. */
struct replay_owner {
        struct list node; /* pool->owners */
        struct ledger_payer *payer;
        struct list entries; /* of all its logs, oldest first */
        uint64_t bytes;
};

struct replay {
        struct replay_pool *pool;
        struct replay_owner *owner;
        struct list entries; /* in order of time */
        uint32_t bytes;
        uint32_t max_bytes;
};

struct replay_entry {
        struct list node, pool_node, owner_node;
        struct replay *log;
        struct replay_id id;
        int64_t at_ms;
        bool was_sent; /* false: no stream was there to carry it */
        uint32_t n;
        char data[];
};

void replay_pool_init(struct replay_pool *pool, uint64_t max_bytes, int64_t max_age_ms);
/* Drops what is too old. */
void replay_pool_expire(struct replay_pool *pool, int64_t now_ms);

void replay_owner_init(struct replay_owner *owner, struct ledger_payer *payer);
void replay_init(struct replay *log, struct replay_pool *pool, struct replay_owner *owner,
                 uint32_t max_bytes);
/* Drops all of it; harmless when zeroed. */
void replay_finish(struct replay *log);
/* Keeps a copy, dropping the oldest over a cap, or where the payer wants the room for work (an
 * event bigger than a cap, or for which there is no room then, is not kept). 0, -ENOMEM. */
int replay_add(struct replay *log, struct replay_id id, struct str data, bool was_sent,
               int64_t now_ms);
/* The first entry of id.stream after id.seq, or NULL; borrowed until the next change. */
struct replay_entry *replay_after(const struct replay *log, struct replay_id id);
/* The one after it of its stream, or NULL. */
struct replay_entry *replay_next(const struct replay_entry *e);
/* The first entry of a GET stream (even numbers) that was never sent, or NULL. */
struct replay_entry *replay_unsent(const struct replay *log);
