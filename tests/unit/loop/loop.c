/* The turn: who is called, who is not any more, and in which order. */
#include "mgw/loop/loop.h"
#include "mgw/loop/timer.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

static struct loop *loop;

static void set_up(void)
{
        cr_assert_eq(loop_create(&loop), 0);
}

static void tear_down(void)
{
        loop_destroy(loop);
}

TestSuite(loop, .init = set_up, .fini = tear_down, .timeout = 60);

/* One end of a pair of sockets, with what happened to it. */
struct end {
        struct loop_io io;
        int peer;
        unsigned n_calls;
        uint32_t events;
        struct end *victim;
        struct end *victim_moves_to;
};

static void end_on_io(struct loop_io *io, uint32_t events)
{
        struct end *e = container_of(io, struct end, io);

        e->n_calls++;
        e->events = events;
        if (e->victim != NULL) {
                loop_io_remove(loop, &e->victim->io);
                if (e->victim_moves_to != NULL) {
                        e->victim->io.fd = e->victim_moves_to->io.fd;
                        cr_assert_eq(loop_io_add(loop, &e->victim->io, LOOP_IN), 0);
                }
        }
}

static void end_open(struct end *e, uint32_t events)
{
        int pair[2];

        *e = (struct end){.io.on_io = end_on_io};
        cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
        e->io.fd = pair[0];
        e->peer = pair[1];
        cr_assert_eq(loop_io_add(loop, &e->io, events), 0);
}

static void end_make_ready(struct end *e)
{
        cr_assert_eq(write(e->peer, "x", 1), 1);
}

static void turn(int timeout_ms)
{
        cr_assert_eq(loop_turn(loop, timeout_ms), 0);
}

Test(loop, an_event_reaches_its_io_alone)
{
        struct end a, b;

        end_open(&a, LOOP_IN);
        end_open(&b, LOOP_IN);
        end_make_ready(&a);
        turn(1000);
        cr_assert_eq(a.n_calls, 1);
        cr_assert_eq(a.events, LOOP_IN);
        cr_assert_eq(b.n_calls, 0);
}

Test(loop, bytes_left_unread_come_again)
{
        struct end a;

        end_open(&a, LOOP_IN);
        end_make_ready(&a);
        turn(1000);
        turn(1000);
        cr_assert_eq(a.n_calls, 2);
}

Test(loop, only_the_events_asked_for_are_told)
{
        struct end a;

        end_open(&a, LOOP_OUT);
        end_make_ready(&a);
        turn(1000);
        cr_assert_eq(a.events, LOOP_OUT);
        cr_assert_eq(loop_io_set(loop, &a.io, LOOP_IN | LOOP_OUT), 0);
        turn(1000);
        cr_assert_eq(a.events, LOOP_IN | LOOP_OUT);
        cr_assert_eq(loop_io_set(loop, &a.io, 0), 0);
        turn(0);
        cr_assert_eq(a.n_calls, 2);
}

Test(loop, a_peer_that_left_is_told_unasked)
{
        struct end a;

        end_open(&a, 0);
        close(a.peer);
        turn(1000);
        cr_assert(a.events & LOOP_GONE);
}

Test(loop, a_descriptor_that_cannot_be_watched_is_an_error)
{
        struct loop_io io = {.fd = -1, .on_io = end_on_io};

        cr_assert_eq(loop_io_add(loop, &io, LOOP_IN), -EBADF);
        loop_io_remove(loop, &io);
}

/* Whichever of the two comes first in the batch removes the other: one call in all. */
Test(loop, an_io_removed_in_the_turn_gets_no_event)
{
        struct end a, b;

        end_open(&a, LOOP_IN);
        end_open(&b, LOOP_IN);
        a.victim = &b;
        b.victim = &a;
        end_make_ready(&a);
        end_make_ready(&b);
        turn(1000);
        cr_assert_eq(a.n_calls + b.n_calls, 1);
        cr_assert_eq(a.n_calls == 0 ? a.io.fd : b.io.fd, -1);
}

Test(loop, an_io_added_again_is_not_taken_for_the_old_one)
{
        struct end a, b, idle;

        end_open(&a, LOOP_IN);
        end_open(&b, LOOP_IN);
        end_open(&idle, LOOP_IN);
        loop_io_remove(loop, &(struct loop_io){.fd = idle.io.fd});
        a.victim = &b;
        b.victim = &a;
        a.victim_moves_to = b.victim_moves_to = &idle;
        end_make_ready(&a);
        end_make_ready(&b);
        turn(1000);
        cr_assert_eq(a.n_calls + b.n_calls, 1);
        end_make_ready(&idle);
        a.victim = b.victim = NULL;
        turn(1000);
        cr_assert(a.n_calls > 0 && b.n_calls > 0);
}

Test(loop, more_ready_ios_than_a_batch_are_all_served)
{
        enum { N = 1000 };
        static struct end ends[N];

        for (int i = 0; i < N; i++) {
                end_open(&ends[i], LOOP_IN);
                end_make_ready(&ends[i]);
        }
        for (int i = 0; i < 5; i++)
                turn(0);
        for (int i = 0; i < N; i++)
                cr_assert_gt(ends[i].n_calls, 0, "end %d was never served", i);
}

static void on_alarm(int signo)
{
        (void)signo;
}

Test(loop, an_interrupted_wait_is_a_turn)
{
        struct sigaction action = {.sa_handler = on_alarm};
        struct itimerval soon = {.it_value.tv_usec = 20000};

        cr_assert_eq(sigaction(SIGALRM, &action, NULL), 0);
        cr_assert_eq(setitimer(ITIMER_REAL, &soon, NULL), 0);
        turn(-1);
}

/* ---- tasks ---- */

struct job {
        struct loop_task task;
        unsigned n_runs;
        bool again;
        struct job *cancels;
};

static void job_on_run(struct loop_task *task)
{
        struct job *job = container_of(task, struct job, task);

        job->n_runs++;
        if (job->again)
                loop_defer(loop, task);
        if (job->cancels != NULL)
                loop_task_cancel(&job->cancels->task);
}

Test(loop, a_deferred_task_runs_once_and_keeps_the_turn_from_sleeping)
{
        struct job job = {.task.on_run = job_on_run};

        loop_defer(loop, &job.task);
        loop_defer(loop, &job.task);
        turn(-1);
        turn(0);
        cr_assert_eq(job.n_runs, 1);
}

Test(loop, a_task_deferred_by_itself_lets_events_through)
{
        struct job job = {.task.on_run = job_on_run, .again = true};
        struct end a;

        end_open(&a, LOOP_IN);
        loop_defer(loop, &job.task);
        turn(-1);
        cr_assert_eq(job.n_runs, 1);
        end_make_ready(&a);
        turn(-1);
        cr_assert_eq(job.n_runs, 2);
        cr_assert_eq(a.n_calls, 1);
}

Test(loop, a_cancelled_task_does_not_run)
{
        struct job first = {.task.on_run = job_on_run};
        struct job second = {.task.on_run = job_on_run};
        struct job zeroed = {0};

        first.cancels = &second;
        loop_defer(loop, &first.task);
        loop_defer(loop, &second.task);
        loop_task_cancel(&zeroed.task);
        turn(-1);
        turn(0);
        cr_assert_eq(first.n_runs, 1);
        cr_assert_eq(second.n_runs, 0);
}

/* ---- the morgue ---- */

struct corpse {
        unsigned *n_freedp;
        struct corpse *child;
};

static void corpse_free(void *object)
{
        struct corpse *corpse = object;

        ++*corpse->n_freedp;
        if (corpse->child != NULL)
                loop_bury(loop, corpse->child, corpse_free);
        free(corpse);
}

static struct corpse *corpse_create(unsigned *n_freedp)
{
        struct corpse *corpse = calloc(1, sizeof(*corpse));

        cr_assert_not_null(corpse);
        corpse->n_freedp = n_freedp;
        return corpse;
}

struct undertaker {
        struct loop_task task;
        struct corpse *corpse;
        unsigned n_freed_then;
};

static void undertaker_on_run(struct loop_task *task)
{
        struct undertaker *u = container_of(task, struct undertaker, task);

        loop_bury(loop, u->corpse, corpse_free);
        u->n_freed_then = *u->corpse->n_freedp;
}

Test(loop, the_buried_are_freed_at_the_end_of_the_turn)
{
        unsigned n_freed = 0;
        struct undertaker u = {.task.on_run = undertaker_on_run};

        u.corpse = corpse_create(&n_freed);
        u.corpse->child = corpse_create(&n_freed);
        loop_defer(loop, &u.task);
        turn(-1);
        cr_assert_eq(u.n_freed_then, 0);
        cr_assert_eq(n_freed, 2);
}

Test(loop, ten_thousand_are_buried_at_once_and_again)
{
        unsigned n_freed = 0;

        for (int round = 0; round < 2; round++) {
                for (int i = 0; i < 10000; i++)
                        loop_bury(loop, corpse_create(&n_freed), corpse_free);
                turn(0);
        }
        cr_assert_eq(n_freed, 20000);
}

Test(loop, destroy_buries_what_is_left)
{
        struct loop *other;
        unsigned n_freed = 0;

        cr_assert_eq(loop_create(&other), 0);
        loop_bury(other, corpse_create(&n_freed), corpse_free);
        loop_destroy(other);
        cr_assert_eq(n_freed, 1);
        loop_destroy(NULL);
}

/* ---- running and stopping ---- */

static void stop_on_run(struct loop_task *task)
{
        (void)task;
        loop_stop(loop);
}

Test(loop, run_ends_with_the_turn_that_stops_it)
{
        struct loop_task task = {.on_run = stop_on_run};

        loop_defer(loop, &task);
        cr_assert_eq(loop_run(loop), 0);
        loop_defer(loop, &task);
        cr_assert_eq(loop_run(loop), 0, "a loop that was stopped runs again");
}

struct watch {
        struct loop_task task;
        int64_t at_ms[2];
};

static void watch_on_run(struct loop_task *task)
{
        struct watch *w = container_of(task, struct watch, task);

        w->at_ms[0] = loop_now_ms(loop);
        usleep(5000);
        w->at_ms[1] = loop_now_ms(loop);
}

Test(loop, the_time_stands_still_within_a_turn)
{
        struct watch w = {.task.on_run = watch_on_run};

        loop_defer(loop, &w.task);
        turn(-1);
        cr_assert_eq(w.at_ms[0], w.at_ms[1]);
        cr_assert_gt(loop_now_ms(loop), w.at_ms[0]);
}
