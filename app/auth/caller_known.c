/* Tokens that have been found good are known by their digest, the one used last at the end: until
 * they expire, what they rest on changes, or others need the room. So a call costs what one with a
 * token of the file does. */
#include "mgw/auth/caller.h"

#include "mgw/auth/token.h"
#include "mgw/base/alloc.h"
#include "mgw/base/hash.h"

#include <stdlib.h>
#include <string.h>

#define KNOWN_MAX 4096
#define KNOWN_MAX_BYTES (8u << 20)

struct known {
        UT_hash_handle hh;
        struct list node; /* by_use */
        uint8_t digest[USER_DIGEST_BYTES];
        struct identity *identity;   /* held */
        const struct issuer *issuer; /* NULL: it is ours */
        uint64_t generation;         /* of the issuer's keys */
        size_t n_bytes;
};

struct caller_known {
        struct known *by_digest;
        struct list by_use;
        unsigned n;
        size_t n_bytes;
};

void caller_known_create(struct context *context)
{
        context->known = alloc_zeroed(sizeof(*context->known));
        list_init(&context->known->by_use);
}

static void forget(struct caller_known *all, struct known *known)
{
        if (all->by_digest != NULL) /* clang-tidy does not know that it stands there */
                HASH_DEL(all->by_digest, known);
        list_unlink(&known->node);
        all->n--;
        all->n_bytes -= known->n_bytes;
        identity_let_go(known->identity);
        free(known);
}

void caller_known_destroy(struct context *context)
{
        struct caller_known *all = context->known;
        struct known *known, *next;

        if (all == NULL)
                return;
        context->known = NULL;
        HASH_ITER(hh, all->by_digest, known, next)
        {
                forget(all, known);
        }
        free(all);
}

void caller_known_add(struct context *context, const uint8_t digest[USER_DIGEST_BYTES],
                      size_t n_text, struct identity *identity, const struct issuer *issuer)
{
        struct caller_known *all = context->known;
        struct known *known = alloc_zeroed(sizeof(*known));

        memcpy(known->digest, digest, USER_DIGEST_BYTES);
        known->identity = identity_hold(identity);
        known->issuer = issuer;
        known->generation = issuer != NULL ? issuer_generation(issuer) : 0;
        known->n_bytes = sizeof(*known) + sizeof(*identity) + n_text;
        HASH_ADD(hh, all->by_digest, digest, USER_DIGEST_BYTES, known);
        list_append(&all->by_use, &known->node);
        all->n++;
        all->n_bytes += known->n_bytes;
        while (all->n > KNOWN_MAX || all->n_bytes > KNOWN_MAX_BYTES)
                forget(all, container_of(list_first(&all->by_use), struct known, node));
}

static bool is_good(const struct context *context, const struct known *known, int64_t wall_ms)
{
        const struct identity *identity = known->identity;

        if (identity->expires_ms <= wall_ms)
                return false;
        if (known->issuer != NULL)
                return known->generation == issuer_generation(known->issuer);
        return !token_login_is_over(context->authority, identity, wall_ms);
}

struct identity *caller_known_find(struct context *context, const uint8_t digest[USER_DIGEST_BYTES],
                                   int64_t wall_ms)
{
        struct caller_known *all = context->known;
        struct known *known = NULL;

        HASH_FIND(hh, all->by_digest, digest, USER_DIGEST_BYTES, known);
        if (known == NULL)
                return NULL;
        if (!is_good(context, known, wall_ms)) {
                forget(all, known);
                return NULL;
        }
        list_move_to_tail(&all->by_use, &known->node);
        return known->identity;
}

void caller_known_check(struct context *context, int64_t wall_ms)
{
        struct caller_known *all = context->known;
        struct known *known, *next;

        if (all == NULL)
                return;
        HASH_ITER(hh, all->by_digest, known, next)
        {
                if (!is_good(context, known, wall_ms))
                        forget(all, known);
        }
}
