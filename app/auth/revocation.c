/* All have the same life, so the oldest is the first that may go. */
#include "mgw/auth/revocation.h"

#include "mgw/base/clock.h"
#include "mgw/base/log.h"
#include "mgw/core/share.h"

#include <stdlib.h>
#include <string.h>

struct revocation {
        UT_hash_handle hh; /* authority->revocations */
        struct list node;  /* authority->revocations_by_age */
        int64_t until_ms;
        size_t n_bytes;
        char family[];
};

static void forget(struct authority *authority, struct revocation *revocation)
{
        HASH_DEL(authority->revocations, revocation);
        list_unlink(&revocation->node);
        ledger_release(&authority->context->own_share->memory, LEDGER_SESSION, revocation->n_bytes);
        free(revocation);
}

static struct revocation *find(const struct authority *authority, const char *family)
{
        struct revocation *found;

        HASH_FIND_STR(authority->revocations, family, found);
        return found;
}

static void make_room(struct authority *authority)
{
        int64_t now_ms = clock_wall_ms();
        struct list *first;

        while ((first = list_first(&authority->revocations_by_age)) != NULL) {
                struct revocation *oldest = container_of(first, struct revocation, node);
                bool is_over = oldest->until_ms <= now_ms;

                if (!is_over && HASH_COUNT(authority->revocations) < REVOCATIONS_MAX)
                        return;
                if (!is_over)
                        log_warn(LOG_FIELDS({"login", oldest->family}),
                                 "[OAuth] more than %d logins were ended within the life of an "
                                 "access token: of this one it is good for some minutes more",
                                 REVOCATIONS_MAX);
                forget(authority, oldest);
        }
}

void revocation_add(struct authority *authority, const char *family, int64_t until_ms)
{
        size_t n = strlen(family) + 1;
        struct revocation *revocation;

        if (find(authority, family) != NULL || until_ms <= clock_wall_ms())
                return;
        make_room(authority);
        revocation = alloc_zeroed(sizeof(*revocation) + n);
        revocation->until_ms = until_ms;
        revocation->n_bytes = sizeof(*revocation) + n;
        memcpy(revocation->family, family, n);
        HASH_ADD_STR(authority->revocations, family, revocation);
        list_append(&authority->revocations_by_age, &revocation->node);
        ledger_charge_past(&authority->context->own_share->memory, LEDGER_SESSION,
                           revocation->n_bytes);
}

bool revocation_has(const struct authority *authority, const char *family)
{
        return authority->revocations != NULL && find(authority, family) != NULL;
}

/* ---- from the store ---- */

static void load_page(struct authority *authority);

static void on_page(struct store_op *op)
{
        static const struct str prefix = {"revoked/", 8};
        struct authority *authority = container_of(op, struct authority, revocations_op);

        if (op->result != 0) {
                log_error(NULL, "[OAuth] what logins were ended cannot be read from the store: "
                                "access tokens of theirs are good until they expire");
                return;
        }
        for (size_t i = 0; i < op->n_records; i++) {
                struct str key = op->records[i].key;
                char *family = alloc_str((struct str){key.p + prefix.n, key.n - prefix.n});

                revocation_add(authority, family, op->records[i].expires_ms);
                free(family);
        }
        if (op->n_records == 0) /* fewer than asked for: some could not be opened, perhaps */
                return;
        free(authority->revocations_after);
        authority->revocations_after = alloc_str(op->records[op->n_records - 1].key);
        load_page(authority);
}

static void load_page(struct authority *authority)
{
        authority->revocations_op.on_done = on_page;
        store_list(authority->context->store, &authority->revocations_op, STR("revoked/"),
                   str_from(authority->revocations_after), STORE_LIST_MAX);
}

void revocations_load(struct authority *authority)
{
        list_init(&authority->revocations_by_age);
        load_page(authority);
}

void revocations_forget(struct authority *authority)
{
        struct list *first;

        store_cancel(&authority->revocations_op);
        while ((first = list_first(&authority->revocations_by_age)) != NULL)
                forget(authority, container_of(first, struct revocation, node));
        free(authority->revocations_after);
}
