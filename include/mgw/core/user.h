/* Who calls. Users come from a file of token hashes; without a file everybody is `anonymous`.
 * A struct user lives as long as its table: sessions and streams borrow it. */
#pragma once

#include "mgw/base/list.h"
#include "mgw/base/str.h"

#include <stdint.h>
#include <stdio.h>

struct session;

struct user {
        char *email;
        unsigned n_streams;        /* open now; kept by session/stream */
        struct share *share;       /* what it holds; kept by core/share, freed with the user. NULL:
                                      nothing so far */
        struct session *standing;  /* its session without a client; kept by session/session */
        struct session *shared;    /* of the children that its sessions share; likewise */
        struct list subscriptions; /* of the standing session, those that are acknowledged; kept by
                                      session/subscription */
        bool has_token;            /* as of the last user_table_check() */
        bool is_anonymous;         /* it is everybody: each address has a share of its own */
};

struct user_table;

/* path "" or NULL: a table in which everybody is anonymous. Faults are written to err, "FILE:LINE:
 * what". 0, -EINVAL, -errno. */
int user_table_create(struct user_table **tablep, const char *path, FILE *err);
void user_table_destroy(struct user_table *table);
/* Reads the file again: new tokens hold, gone ones no longer do, users that were handed out live
 * on. The old state stays on any fault. 0, -EINVAL, -errno. */
int user_table_reload(struct user_table *table, FILE *err);

/* Sets has_token of all users: those whose tokens have all expired or been taken away have none.
 * The time of the next expiry, INT64_MAX: none. */
int64_t user_table_check(struct user_table *table, int64_t wall_ms);

/* Users with a stream open. */
unsigned user_table_n_streaming(const struct user_table *table);

enum user_verdict { USER_OK, USER_NO_TOKEN, USER_BAD_TOKEN, USER_EXPIRED };

/* One SHA-256 and one look-up, however many tokens there are. authorization is the header's value.
 */
enum user_verdict user_find(struct user_table *table, struct str authorization, int64_t wall_ms,
                            struct user **userp);

/* Makes a token for email, valid for days. With path: adds it to that file (made with mode 0600;
 * rewritten in one step), prints the token to out. Without: prints token and entry to out. 0,
 * -EINVAL, -errno. */
int user_token_make(const char *email, unsigned days, const char *path, FILE *out, FILE *err);
