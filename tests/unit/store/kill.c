/* A program that writes is killed (SIGKILL) at moments of all kinds, many times over one folder.
 * What it was told of as done is there afterwards, and nothing is there by half. */
#include "../check.h"
#include "world.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROUNDS 50
#define AT_ONCE 8

TestSuite(store_kill, .timeout = 120);

/* ---- the program ---- */

static struct store *store;
static struct loop *loop;
static int tell_fd;
static unsigned next_no;

struct writer {
        struct store_op op;
        unsigned no;
};

/* Long ones among them, so that a write takes more than one page. */
static struct str value_of(unsigned no, char *text, size_t size)
{
        size_t n = (size_t)snprintf(text, size, "record %u:", no), whole = n + no % 7 * 2000;

        for (; n < whole; n++)
                text[n] = (char)('a' + (no + n) % 26);
        return (struct str){text, n};
}

static void write_next(struct writer *writer)
{
        char key[32], value[16384];

        writer->no = next_no++;
        snprintf(key, sizeof(key), "k/%09u", writer->no);
        store_put(store, &writer->op, str_from(key), value_of(writer->no, value, sizeof(value)),
                  INT64_MAX, STORE_NEW);
}

static void on_written(struct store_op *op)
{
        struct writer *writer = container_of(op, struct writer, op);

        if (op->result != 0 || write(tell_fd, &writer->no, sizeof(writer->no)) < 0)
                _exit(1);
        write_next(writer);
}

static void write_for_ever(const struct store_options *options, unsigned first, int fd)
{
        static struct writer writers[AT_ONCE];

        tell_fd = fd;
        next_no = first;
        if (loop_create(&loop) < 0 || store_open(&store, loop, options, stderr) < 0)
                _exit(1);
        for (size_t i = 0; i < AT_ONCE; i++) {
                writers[i].op.on_done = on_written;
                write_next(&writers[i]);
        }
        for (;;)
                if (loop_turn(loop, -1) < 0)
                        _exit(1);
}

/* ---- who kills it, and looks ---- */

/* Kills it after it has told of n records, and some time more. All that it has told of. */
static unsigned run_and_kill(const struct store_options *options, unsigned first, unsigned n,
                             unsigned more_us, unsigned *told)
{
        int pipe_fds[2], status;
        unsigned n_told = 0;
        pid_t pid;

        cr_assert_eq(pipe(pipe_fds), 0);
        pid = fork();
        cr_assert_geq(pid, 0);
        if (pid == 0)
                write_for_ever(options, first, pipe_fds[1]);
        close(pipe_fds[1]);
        while (n_told < n && read(pipe_fds[0], &told[n_told], sizeof(told[0])) == sizeof(told[0]))
                n_told++;
        cr_assert_eq(n_told, n, "the program has ended");
        usleep(more_us);
        kill(pid, SIGKILL);
        cr_assert_eq(waitpid(pid, &status, 0), pid);
        cr_assert(WIFSIGNALED(status));
        while (read(pipe_fds[0], &told[n_told], sizeof(told[0])) == sizeof(told[0]))
                n_told++;
        close(pipe_fds[0]);
        return n_told;
}

struct look {
        struct store_op op;
        bool is_told;
        unsigned *seen; /* by number */
        unsigned n_max;
        char last[64];
};

static void on_look(struct store_op *op)
{
        struct look *look = container_of(op, struct look, op);
        char value[16384];

        cr_assert_eq(op->result, 0);
        for (size_t i = 0; i < op->n_records; i++) {
                unsigned no = (unsigned)strtoul(op->records[i].key.p + 2, NULL, 10);

                cr_assert_lt(no, look->n_max);
                look->seen[no]++;
                cr_assert(str_eq(op->records[i].value, value_of(no, value, sizeof(value))),
                          "record %u is not whole", no);
                snprintf(look->last, sizeof(look->last), "%.*s", STR_ARG(op->records[i].key));
        }
        look->is_told = true;
}

/* The number of records. */
static unsigned look_at_all(struct world *w, unsigned *seen, unsigned n_max)
{
        struct look look = {.seen = seen, .n_max = n_max, .op.on_done = on_look};
        unsigned n = 0;

        do {
                look.is_told = false;
                store_list(w->store, &look.op, STR("k/"), str_from(look.last), STORE_LIST_MAX);
                while (!look.is_told)
                        cr_assert_eq(loop_turn(w->loop, -1), 0);
                n += (unsigned)look.op.n_records;
        } while (look.op.n_records == STORE_LIST_MAX);
        return n;
}

Test(store_kill, what_was_told_of_as_done_outlives_any_end)
{
        enum { MAX = 100000 };
        unsigned *told = calloc(MAX, sizeof(*told)), *seen = calloc(MAX, sizeof(*seen));
        unsigned n_told = 0, first = 0, seed = (unsigned)getpid();
        struct world w;

        world_open(&w, true);
        for (int round = 0; round < ROUNDS; round++) {
                unsigned n = 1 + (unsigned)rand_r(&seed) % 40;
                unsigned more_us = (unsigned)rand_r(&seed) % 5000;

                world_shut(&w);
                n_told += run_and_kill(&w.options, first, n, more_us, told + n_told);
                world_open_again(&w);
                cr_assert_str_empty(w.warned);
                memset(seen, 0, MAX * sizeof(*seen));
                (void)look_at_all(&w, seen, MAX);
                for (unsigned i = 0; i < n_told; i++)
                        cr_assert_eq(seen[told[i]], 1, "round %d: record %u is gone", round,
                                     told[i]);
                first = told[n_told - 1] + 2 * AT_ONCE;
                cr_assert_lt(first + 1000, MAX);
        }
        world_close(&w);
        free(told);
        free(seen);
}
