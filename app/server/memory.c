/* The ledger knows what it is told. What the process really holds, with what the heap loses between
 * objects, is measured soon after the ledger moved, a few times a second at most: over the cap new
 * work is refused (ledger.is_tight), free pages go back to the system, and idle sessions are given
 * up until it is under the cap. While nothing moves nobody looks: to wake for it would cost more
 * than the keep-alives that an idle process sends. */
#include "memory.h"

#include "mgw/base/log.h"
#include "mgw/config/config.h"
#include "mgw/session/page_cache.h"
#include "mgw/session/session.h"

#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LOOK_MS 200
/* Of the memory that there is, by default. */
#define PART_OF_ALL 60 / 100
/* Of that, for one user. */
#define PART_OF_USER 1 / 4
/* What the process may hold above what it uses; and what is worth asking for. */
#define SLACK_BYTES (32u << 20)
#define MORE_BYTES (16u << 20)
/* Idle sessions that are given up at one look. */
#define GIVEN_UP_MAX 100

/* The first number behind key ("" for any line) in a file, or behind the first one of that line. 0:
 * there is none. */
static uint64_t read_number(const char *path, const char *key, bool is_second)
{
        FILE *file = fopen(path, "re");
        char line[128], *end;
        uint64_t number = 0;

        while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
                if (strncmp(line, key, strlen(key)) != 0)
                        continue;
                number = strtoull(line + strlen(key), &end, 10);
                if (is_second)
                        number = strtoull(end, NULL, 10);
                break;
        }
        if (file != NULL)
                fclose(file);
        return number;
}

/* Of the cgroup (version 2, then 1), or of the machine. */
static uint64_t memory_there_is(void)
{
        uint64_t all = read_number("/proc/meminfo", "MemTotal:", false) * 1024;
        const uint64_t limits[] = {
                read_number("/sys/fs/cgroup/memory.max", "", false),
                read_number("/sys/fs/cgroup/memory/memory.limit_in_bytes", "", false),
        };

        for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
                if (limits[i] > 0 && (all == 0 || limits[i] < all))
                        all = limits[i];
        return all;
}

void memory_set_caps(struct context *context)
{
        const struct config *config = context->config;
        uint64_t whole = config->memory_max_bytes, user = config->memory_per_user_max_bytes;

        if (whole == 0)
                whole = memory_there_is() * PART_OF_ALL;
        context->ledger.max_bytes = whole;
        context->memory_per_user_max_bytes = user > 0 ? user : whole * PART_OF_USER;
        log_info(NULL, "[mgw] memory_max_bytes %" PRIu64 " MB, of which a user may hold %" PRIu64,
                 whole >> 20, context->memory_per_user_max_bytes >> 20);
}

uint64_t memory_held(void)
{
        return read_number("/proc/self/statm", "", true) * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void memory_give_up(struct context *context)
{
        unsigned n = 0;

        page_cache_forget_all(context);
        while (n < GIVEN_UP_MAX && sessions_give_up_one(context))
                n++;
        if (n > 0)
                log_warn(NULL,
                         "[mgw] memory is short (memory_max_bytes): %u idle sessions are ended", n);
}

/* The heap keeps what a crowd has given back: far more than is in use, and more than was left after
 * the last look at it. */
static bool memory_is_slack(const struct context *context, uint64_t held)
{
        return held > context->ledger.bytes + SLACK_BYTES &&
               held > context->ledger.bytes + context->memory_slack + MORE_BYTES;
}

static void memory_on_move(struct ledger *ledger)
{
        struct context *context = container_of(ledger, struct context, ledger);

        timer_arm(context->loop, &context->memory_look, LOOK_MS);
}

static void memory_on_look(struct timer *timer)
{
        struct context *context = container_of(timer, struct context, memory_look);
        struct ledger *ledger = &context->ledger;
        uint64_t held = memory_held();
        bool was_tight = ledger->is_tight;
        uint64_t slack = held > ledger->bytes ? held - ledger->bytes : 0;

        if (slack < context->memory_slack)
                context->memory_slack = slack;
        if (held > ledger->max_bytes || memory_is_slack(context, held)) {
                malloc_trim(0);
                held = memory_held();
                context->memory_slack = held > ledger->bytes ? held - ledger->bytes : 0;
        }
        ledger->is_tight = held > ledger->max_bytes;
        if (ledger->is_tight != was_tight)
                log_warn(NULL, "[mgw] memory: %" PRIu64 " MB held: %s", held >> 20,
                         was_tight ? "new work is taken again"
                                   : "new work is refused (memory_max_bytes)");
        if (ledger->is_tight) {
                memory_give_up(context);
                memory_on_move(ledger);
        } else {
                ledger->on_move = memory_on_move;
        }
}

void memory_watch(struct context *context)
{
        context->memory_look.on_due = memory_on_look;
        memory_on_move(&context->ledger);
}

void memory_unwatch(struct context *context)
{
        context->ledger.on_move = NULL;
        timer_disarm(context->loop, &context->memory_look);
}
