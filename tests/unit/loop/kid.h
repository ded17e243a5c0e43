/* A child process as a test sees it: all that its handlers were told. */
#pragma once

#include "mgw/base/clock.h"
#include "mgw/loop/child.h"

#include "../check.h"

/* Turns of the loop until the condition holds; fails after 10 s. */
#define KID_AWAIT(condition)                                                                       \
        do {                                                                                       \
                int64_t end_ms_ = clock_monotonic_ms() + 10000;                                    \
                while (!(condition) && clock_monotonic_ms() < end_ms_)                             \
                        cr_assert_eq(loop_turn(kid_loop, 50), 0);                                  \
                cr_assert(condition, "not within 10 s: %s", #condition);                           \
        } while (0)

struct kid {
        struct child_options options; /* zeroes become kid_start()'s defaults */
        struct child *child;
        struct buf out; /* each line, whole or in pieces, and '|' */
        struct buf err;
        unsigned n_lines;
        unsigned n_long;
        unsigned n_pieces;
        unsigned n_error_lines;
        unsigned n_rooms;
        unsigned n_exits;
        int status;
        char how[128];
        unsigned pause_at;       /* this line; 0 = never */
        unsigned pause_at_piece; /* the same */
        bool refuses_long;
        /* Called by the handlers, after what they note. */
        void (*then_on_line)(struct kid *kid);
        void (*then_on_error_line)(struct kid *kid);
        void (*then_on_room)(struct kid *kid);
        void (*then_on_exit)(struct kid *kid);
};

extern struct loop *kid_loop;
extern struct children *kid_children;
extern char kid_why[512];

void kid_set_up(void);
/* Fails when a process or a descriptor is left. */
void kid_tear_down(void);
/* Waits until no process of ours is left, what our children have left behind included; how many
 * there were. Fails after 10 s. */
unsigned kid_wait_for_all(void);

/* Not as .init and .fini: what fails in these does not fail the test. */
#define KID_TEST(suite, name)                                                                      \
        static void suite##_##name(void);                                                          \
        Test(suite, name)                                                                          \
        {                                                                                          \
                kid_set_up();                                                                      \
                suite##_##name();                                                                  \
                kid_tear_down();                                                                   \
        }                                                                                          \
        static void suite##_##name(void)

/* 0, -errno with kid_why. */
int kid_try(struct kid *kid, const char *const *argv);
void kid_start(struct kid *kid, const char *const *argv);
/* sh -c script. */
void kid_start_sh(struct kid *kid, const char *script);
void kid_write(struct kid *kid, const char *text);
void kid_finish(struct kid *kid);
void kid_turn_for(int64_t ms);
unsigned kid_n_descriptors(void);
