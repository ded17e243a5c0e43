/* Who calls, by email address. Users are listed in a file of token hashes, or are made when they
 * come with a token of an issuer or a login. Without any of these everybody is `anonymous`.
 *
 * A listed user lives as long as its table. One that was made lives while it is held (by an
 * identity, a session, or who holds its share), and some seconds more, so that what it may do a
 * second is remembered. */
#pragma once

#include "mgw/base/hash.h"
#include "mgw/base/list.h"
#include "mgw/base/str.h"

#include <stdint.h>
#include <stdio.h>

struct identity;
struct session;

struct user {
        UT_hash_handle hh; /* its table's */
        struct user_table *table;
        char *email;
        uint64_t number;           /* of no other, ever; 0: it is in no table */
        unsigned n_holders;        /* identities and sessions */
        unsigned n_streams;        /* open now; kept by session/stream */
        struct share *share;       /* what it holds; kept by core/share, freed with the user. NULL:
                                      nothing so far */
        struct session *standing;  /* its session without a client; kept by session/session */
        struct session *shared;    /* of the children that its sessions share; likewise */
        struct list subscriptions; /* of the standing session, those that are acknowledged; kept by
                                      session/subscription */
        int64_t token_until_ms; /* wall clock: as long has it a token that is in no file. 0: none */
        int64_t listed_until_ms; /* likewise one that is in the file */
        bool is_made;            /* not listed: it goes when nobody holds it */
        bool has_token;          /* as of the last user_table_check(), or made since */
        bool is_anonymous;       /* it is everybody: each address has a share of its own */
};

/* Users that are made, at once. */
#define USERS_MADE_MAX 65536

struct user *user_hold(struct user *user);
/* NULL is fine. */
void user_let_go(struct user *user);
/* The user of that address, held: listed, or made. until_ms: so long has it a token at least (wall
 * clock). NULL: that is no address (hdr_is_user), or there are too many. */
struct user *user_of_email(struct user_table *table, struct str email, int64_t until_ms);
/* Has the user of that address a token in the file that is good at that time? */
bool user_is_listed(const struct user_table *table, const char *email, int64_t wall_ms);
/* For core/share: of a user that was made, and that nobody holds. */
bool user_may_go(const struct user *user);
void user_forget(struct user *user);

struct user_table;

/* path "" or NULL: a table without a file. Faults are written to err, "FILE:LINE:
 * what". 0, -EINVAL, -errno. */
int user_table_create(struct user_table **tablep, const char *path, FILE *err);
void user_table_destroy(struct user_table *table);
/* Reads the file at path, which may be another than before, or none: new tokens hold, gone ones no
 * longer do, users that were handed out live on. The old state stays on any fault. 0, -EINVAL,
 * -errno. */
int user_table_reload(struct user_table *table, const char *path, FILE *err);

/* Sets has_token of all users: those whose tokens have all expired or been taken away have none.
 * The time of the next expiry, INT64_MAX: none. */
int64_t user_table_check(struct user_table *table, int64_t wall_ms);

/* on_token hears when each token ends that a user has come with, and that is in no file. */
void user_table_watch(struct user_table *table, void (*on_token)(void *owner, int64_t until_ms),
                      void *owner);

/* Whom there is, one after the other by hh.next; NULL: nobody. */
const struct user *user_table_first(const struct user_table *table);
/* Users with a stream open. */
unsigned user_table_n_streaming(const struct user_table *table);

enum user_verdict {
        USER_OK,
        USER_NO_TOKEN,
        USER_BAD_TOKEN,
        USER_EXPIRED,
        USER_NOT_ALLOWED, /* the token is good, and its user is not one of ours */
        USER_UNSURE,      /* it may be good: who could tell cannot be reached */
        USER_TOO_MANY,
        USER_WAIT, /* who could tell is being asked */
};

#define USER_DIGEST_BYTES 32 /* SHA-256 */

/* Of a token. */
void user_digest(struct str token, uint8_t digest[USER_DIGEST_BYTES]);
/* Whose is that token of the file? One look-up, however many there are. *identityp is held for the
 * caller. */
enum user_verdict user_find(struct user_table *table, const uint8_t digest[USER_DIGEST_BYTES],
                            int64_t wall_ms, struct identity **identityp);
/* Everybody, where nothing else is said; borrowed. */
struct identity *user_table_anonymous(const struct user_table *table);

/* Makes a token for email, valid for days. With path: adds it to that file (made with mode 0600;
 * rewritten in one step), prints the token to out. Without: prints token and entry to out. 0,
 * -EINVAL, -errno. */
int user_token_make(const char *email, unsigned days, const char *path, FILE *out, FILE *err);
