/* A record says "GENERATION TIME" or "ended". It is written by compare and set, so that of two uses
 * at once one is first. What a use does goes on when its client leaves: that a code was used twice
 * must end its family, whoever waits for an answer. */
#include "mgw/auth/family.h"

#include "mgw/base/alloc.h"
#include "mgw/base/clock.h"
#include "mgw/base/log.h"
#include "mgw/config/config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Others that write at the same time. */
#define TRIES_MAX 8

struct family_use {
        struct list node; /* authority->family_uses */
        struct authority *authority;
        family_fn *on_done; /* NULL: nobody waits any more */
        void *owner;
        struct store_op op;
        struct store_op revoke_op;
        char *family;
        char *key;
        char *user, *client; /* for the log */
        int64_t ends_ms;
        unsigned generation;
        unsigned n_tries;
        unsigned n_writes; /* under way, of an end */
        int outcome;
};

struct record {
        unsigned generation;
        int64_t used_ms;
        bool is_over;
};

static void use_free(struct family_use *use)
{
        list_unlink(&use->node);
        free(use->family);
        free(use->key);
        free(use->user);
        free(use->client);
        free(use);
}

static void use_done(struct family_use *use, int outcome)
{
        family_fn *on_done = use->on_done;
        void *owner = use->owner;

        use_free(use);
        if (on_done != NULL)
                on_done(owner, outcome);
}

static struct family_use *use_new(struct authority *authority, const struct authorization *of,
                                  family_fn *on_done, void *owner)
{
        struct family_use *use = alloc_zeroed(sizeof(*use));

        use->authority = authority;
        use->on_done = on_done;
        use->owner = owner;
        use->family = alloc_text(of->family);
        use->key = store_key("family", of->family, NULL);
        use->user = alloc_text(of->email);
        use->client = alloc_text(of->client);
        use->ends_ms = of->ends_ms;
        list_append(&authority->family_uses, &use->node);
        return use;
}

void family_use_leave(struct family_use *use)
{
        if (use != NULL)
                use->on_done = NULL;
}

void family_uses_forget(struct authority *authority)
{
        list_for_each_safe (it, &authority->family_uses) {
                struct family_use *use = container_of(it, struct family_use, node);

                store_cancel(&use->op);
                store_cancel(&use->revoke_op);
                use_free(use);
        }
}

/* ---- the end ---- */

static void end_step(struct family_use *use, int result)
{
        if (result < 0)
                use->outcome = result;
        if (--use->n_writes == 0)
                use_done(use, use->outcome);
}

static void on_ended(struct store_op *op)
{
        end_step(container_of(op, struct family_use, op), op->result);
}

static void on_revoked(struct store_op *op)
{
        end_step(container_of(op, struct family_use, revoke_op), op->result);
}

/* The record first: what it says lasts, and an access token does not. */
static void end(struct family_use *use, int outcome)
{
        struct context *context = use->authority->context;
        int64_t until_ms = clock_wall_ms() + context->config->login.access_token_ms;

        use->outcome = outcome;
        use->n_writes = 2;
        use->op.on_done = on_ended;
        use->revoke_op.on_done = on_revoked;
        store_put(context->store, &use->op, str_from(use->key), STR("ended"), use->ends_ms,
                  STORE_ANY);
        store_set_add(&use->authority->ended, &use->revoke_op, use->family, until_ms);
        if (context->on_login_end != NULL)
                context->on_login_end(context, use->family);
}

struct family_use *family_end(struct authority *authority, const struct authorization *of,
                              family_fn *on_done, void *owner)
{
        struct family_use *use = use_new(authority, of, on_done, owner);

        end(use, 0);
        return use;
}

/* ---- a use ---- */

static void use_again(struct family_use *use)
{
        log_error(LOG_FIELDS({"user", use->user}, {"client", use->client}, {"login", use->family}),
                  "[OAuth] ALARM: %s was used again: stolen, or kept twice. The login has ended",
                  use->generation == 0 ? "a code" : "a refresh token");
        end(use, FAMILY_E_USED);
}

static bool record_read(struct record *record, struct str text)
{
        struct str rest = text, first = str_cut(&rest, ' ');
        uint64_t generation = 0, used_ms = 0;

        *record = (struct record){.is_over = str_eq(text, STR("ended"))};
        if (record->is_over)
                return true;
        if (str_to_u64(first, &generation) != 0 || str_to_u64(rest, &used_ms) != 0)
                return false;
        record->generation = (unsigned)generation;
        record->used_ms = (int64_t)used_ms;
        return true;
}

static void read_record(struct family_use *use);

/* Whoever brings it again and again has ended the login by the first time. */
static void code_again(struct family_use *use)
{
        if (store_set_has(&use->authority->ended, use->family))
                use_done(use, FAMILY_E_OVER);
        else
                use_again(use);
}

static void on_written(struct store_op *op)
{
        struct family_use *use = container_of(op, struct family_use, op);

        if (op->result == STORE_E_CONFLICT && use->generation == 0)
                code_again(use);
        else if (op->result == STORE_E_CONFLICT && ++use->n_tries < TRIES_MAX)
                read_record(use);
        else
                use_done(use, op->result == STORE_E_CONFLICT ? -EBUSY : op->result);
}

static void write_record(struct family_use *use, uint64_t expected)
{
        char text[64];

        snprintf(text, sizeof(text), "%u %" PRId64, use->generation, clock_wall_ms());
        use->op.on_done = on_written;
        store_put(use->authority->context->store, &use->op, str_from(use->key), str_from(text),
                  use->ends_ms, expected);
}

static bool is_in_grace(int64_t used_ms)
{
        int64_t ago_ms = clock_wall_ms() - used_ms;

        return ago_ms >= -FAMILY_GRACE_MS && ago_ms <= FAMILY_GRACE_MS;
}

static void on_read(struct store_op *op)
{
        struct family_use *use = container_of(op, struct family_use, op);
        struct record record;

        if (op->result == STORE_E_NONE)
                write_record(use, STORE_NEW); /* the store has been lost: the seal still holds */
        else if (op->result != 0)
                use_done(use, op->result < 0 ? op->result : -EIO);
        else if (!record_read(&record, op->records[0].value))
                use_done(use, -EIO);
        else if (record.is_over)
                use_done(use, FAMILY_E_OVER);
        else if (use->generation > record.generation)
                write_record(use, op->records[0].version);
        else if (use->generation == record.generation && is_in_grace(record.used_ms))
                use_done(use, 0);
        else
                use_again(use);
}

static void read_record(struct family_use *use)
{
        use->op.on_done = on_read;
        store_get(use->authority->context->store, &use->op, str_from(use->key));
}

struct family_use *family_use(struct authority *authority, const struct authorization *of,
                              unsigned generation, family_fn *on_done, void *owner)
{
        struct family_use *use = use_new(authority, of, on_done, owner);

        use->generation = generation;
        if (generation == 0)
                write_record(use, STORE_NEW);
        else
                read_record(use);
        return use;
}
