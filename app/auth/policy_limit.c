/* A window begins with the first call in it and ends a minute, or a day, later. What nobody has
 * called for a day is forgotten, two at each call. A user with too many tools counts no more of
 * them until a window of one is over: names cost nothing, and else whoever calls many that are none
 * would have room again. A full table forgets what was called longest ago. */
#include "mgw/auth/policy_limit.h"

#include "mgw/base/hash.h"
#include "mgw/base/list.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define MINUTE_MS INT64_C(60000)
#define DAY_MS INT64_C(86400000)

#define TOOLS_PER_USER_MAX 1000
#define COUNTS_MAX 50000

struct person {
        UT_hash_handle hh;
        struct count *counts; /* hash by tool */
        struct list by_use;   /* what was called last at its end */
        unsigned n;
        char email[];
};

struct window {
        int64_t until_ms;
        uint32_t n;
};

struct count {
        UT_hash_handle hh;
        struct list node;   /* its person's by_use */
        struct list oldest; /* of all, likewise */
        struct person *person;
        int64_t used_ms;
        int64_t binds_until_ms; /* before that it is not forgotten for another of its person */
        struct window minute, day;
        size_t bytes;
        char tool[];
};

struct policy_counts {
        struct ledger_payer *payer;
        struct person *persons;
        struct list by_use;
        unsigned n;
};

struct policy_counts *policy_counts_create(struct ledger_payer *payer)
{
        struct policy_counts *counts = alloc_zeroed(sizeof(*counts));

        counts->payer = payer;
        list_init(&counts->by_use);
        return counts;
}

static void person_let_go(struct policy_counts *counts, struct person *person)
{
        if (person->n > 0)
                return;
        HASH_DEL(counts->persons, person);
        free(person);
}

static void count_forget(struct policy_counts *counts, struct count *count)
{
        struct person *person = count->person;

        HASH_DEL(person->counts, count);
        list_unlink(&count->node);
        list_unlink(&count->oldest);
        person->n--;
        counts->n--;
        ledger_release(counts->payer, LEDGER_SESSION, count->bytes);
        free(count);
        person_let_go(counts, person);
}

void policy_counts_destroy(struct policy_counts *counts)
{
        struct list *it;

        if (counts == NULL)
                return;
        while ((it = list_first(&counts->by_use)) != NULL)
                count_forget(counts, container_of(it, struct count, oldest));
        free(counts);
}

static void forget_old(struct policy_counts *counts, int64_t now_ms)
{
        for (int i = 0; i < 2; i++) {
                struct list *it = list_first(&counts->by_use);

                if (it == NULL || container_of(it, struct count, oldest)->used_ms > now_ms - DAY_MS)
                        return;
                count_forget(counts, container_of(it, struct count, oldest));
        }
}

static struct person *person_of(struct policy_counts *counts, const char *email)
{
        size_t n = strlen(email);
        struct person *person;

        HASH_FIND(hh, counts->persons, email, (unsigned)n, person);
        if (person != NULL)
                return person;
        person = alloc_zeroed(sizeof(*person) + n + 1);
        memcpy(person->email, email, n);
        list_init(&person->by_use);
        HASH_ADD_KEYPTR(hh, counts->persons, person->email, (unsigned)n, person);
        return person;
}

static struct count *count_new(struct policy_counts *counts, const char *email, const char *tool)
{
        size_t n = strlen(tool);
        struct count *count = alloc_zeroed(sizeof(*count) + n + 1);
        struct person *person;

        if (counts->n == COUNTS_MAX)
                count_forget(counts,
                             container_of(list_first(&counts->by_use), struct count, oldest));
        person = person_of(counts, email);
        memcpy(count->tool, tool, n);
        count->person = person;
        count->bytes = sizeof(*count) + n + 1 + sizeof(*person) + strlen(email) + 1;
        ledger_charge_past(counts->payer, LEDGER_SESSION, count->bytes);
        HASH_ADD_KEYPTR(hh, person->counts, count->tool, (unsigned)n, count);
        list_append(&person->by_use, &count->node);
        list_append(&counts->by_use, &count->oldest);
        person->n++;
        counts->n++;
        return count;
}

static struct count *count_of(struct policy_counts *counts, const char *email, const char *tool)
{
        struct count *count = NULL;
        struct person *person;

        HASH_FIND_STR(counts->persons, email, person);
        if (person != NULL)
                HASH_FIND_STR(person->counts, tool, count);
        if (count == NULL)
                return count_new(counts, email, tool);
        list_move_to_tail(&count->person->by_use, &count->node);
        list_move_to_tail(&counts->by_use, &count->oldest);
        return count;
}

static int64_t seconds_until(int64_t at_ms, int64_t now_ms)
{
        return (at_ms - now_ms + 999) / 1000;
}

/* 0: there is room for one more tool of this person, or in how many seconds there will be. */
static int64_t make_room(struct policy_counts *counts, const char *email, const char *tool,
                         int64_t now_ms)
{
        struct count *count = NULL;
        struct person *person;

        HASH_FIND_STR(counts->persons, email, person);
        if (person == NULL || person->n < TOOLS_PER_USER_MAX)
                return 0;
        HASH_FIND_STR(person->counts, tool, count);
        if (count != NULL)
                return 0;
        count = container_of(list_first(&person->by_use), struct count, node);
        if (count->binds_until_ms > now_ms)
                return seconds_until(count->binds_until_ms, now_ms);
        count_forget(counts, count);
        return 0;
}

/* 0, or in how many seconds there is room. */
static int64_t wait_s(struct window *window, uint32_t max, int64_t length_ms, int64_t now_ms)
{
        if (now_ms >= window->until_ms)
                *window = (struct window){now_ms + length_ms, 0};
        if (max == 0 || window->n < max)
                return 0;
        return seconds_until(window->until_ms, now_ms);
}

int64_t policy_limit_take(struct policy_counts *counts, const char *user, const char *tool,
                          uint32_t per_minute, uint32_t per_day, int64_t now_ms)
{
        struct count *count;
        int64_t minute_s, day_s, room_s;

        forget_old(counts, now_ms);
        if (per_minute == 0 && per_day == 0)
                return 0;
        room_s = make_room(counts, user, tool, now_ms);
        if (room_s > 0)
                return room_s;
        count = count_of(counts, user, tool);
        count->used_ms = now_ms;
        minute_s = wait_s(&count->minute, per_minute, MINUTE_MS, now_ms);
        day_s = wait_s(&count->day, per_day, DAY_MS, now_ms);
        count->binds_until_ms = per_day > 0 ? count->day.until_ms : count->minute.until_ms;
        if (minute_s == 0 && day_s == 0) {
                count->minute.n++;
                count->day.n++;
        }
        return minute_s > day_s ? minute_s : day_s;
}
