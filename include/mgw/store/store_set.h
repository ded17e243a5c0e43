/* Names that are to be remembered for a while, such as of logins that have ended: kept in the store
 * under "<kind>/<name>" (of unreserved characters), read at start, and looked up in memory, since
 * every request asks. What cannot be read is asked for again, until it can. Too many: the oldest
 * gives way, and the log tells. */
#pragma once

#include "mgw/base/ledger.h"
#include "mgw/base/list.h"
#include "mgw/loop/timer.h"
#include "mgw/store/store.h"

struct store_set_name;

/* Embedded by its owner, zeroed. */
struct store_set {
        struct store *store;
        const char *kind; /* constant */
        size_t max;
        struct ledger_payer *payer;
        struct store_set_name *names; /* hash */
        struct list by_age;
        struct store_op op; /* that reads */
        char *after;        /* has been read so far */
        struct timer retry; /* where the store could not be read */
        bool is_read;
        bool is_failing; /* has the log been told? */
};

/* Begins to read what the store has. */
void store_set_open(struct store_set *set, struct store *store, const char *kind, size_t max,
                    struct ledger_payer *payer);
/* Before the store goes. Harmless when it is zeroed. */
void store_set_close(struct store_set *set);
/* Has all been read that the store has? Until then a name may be there that store_set_has() does
 * not know. */
bool store_set_is_read(const struct store_set *set);
/* Could it not be read so far? */
bool store_set_is_lost(const struct store_set *set);
bool store_set_has(const struct store_set *set, const char *name);
/* In memory from now on, and in the store when op (store_put()) says so. */
void store_set_add(struct store_set *set, struct store_op *op, const char *name, int64_t until_ms);
