/* What our authorization server holds beside what it has sealed into others' hands: keys, the
 * clients of the configuration, families that were ended, documents of clients for a while. */
#pragma once

#include "mgw/auth/fetched.h"
#include "mgw/auth/sealed.h"
#include "mgw/base/hash.h"
#include "mgw/base/rate.h"
#include "mgw/core/context.h"
#include "mgw/store/store_set.h"

struct client;

struct authority {
        struct context *context;
        struct sealed_keys keys;
        struct client **clients; /* of the configuration */
        size_t n_clients;
        char **scopes; /* that it knows */

        struct store_set ended;  /* families, while access tokens of theirs may be out: that their
                                    refresh tokens have ended is their own records to say */
        struct list family_uses; /* auth/family: under way */

        struct fetched_cache client_documents; /* auth/client_find */
        struct fetched_cache client_keys;      /* auth/client_assertion */
        struct rate assertions;                /* likewise: that were good */
};

/* Sets context->authority where auth.login is set; after the store is open, and the policy is
 * known.
 */
void authority_create(struct context *context);
/* The configuration is another, and so may the policy be. */
void authority_follow(struct context *context);
/* Is it the key of a client of the configuration? */
bool authority_has_client(const struct authority *authority, const char *key);
/* Before the HTTP client and the store go. NULL is fine. */
void authority_destroy(struct authority *authority);
