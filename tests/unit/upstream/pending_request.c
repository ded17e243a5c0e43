#include "world.h"

#include "../check.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

TestSuite(pending_request, .init = world_make, .fini = world_end);

/* So many that nobody waits for are sent at once. */
#define UNASKED_MAX 16

static struct asked asked;
static const struct failure cut = {.why = "cut", .fault = FAULT_CUT};

/* A request that waits: its upstream session is OPENING. */
static struct pending_request *make(bool may_repeat)
{
        asked = (struct asked){0};
        world_ask(&asked, NULL, may_repeat);
        check_int(asked.request.pending->state, PENDING_REQUEST_WAITING);
        return asked.request.pending;
}

static struct pending_request *make_sent(bool may_repeat)
{
        struct pending_request *pending = make(may_repeat);

        world_answer();
        check_int(pending->state, PENDING_REQUEST_SENT);
        return pending;
}

static void check_over(unsigned n_answers, unsigned n_failures)
{
        cr_assert_null(asked.request.pending);
        check_int(asked.n_answers, n_answers);
        check_int(asked.n_failures, n_failures);
}

/* ---- each event in each state ---- */

Test(pending_request, waiting_is_sent_when_it_is_ready_and_over_when_it_is_down_or_dropped)
{
        make_sent(false);
        upstream_request_drop(&asked.request, NULL);
        check_over(0, 0);
        world_end();

        world_make();
        make(false);
        upstream_session_lost(world.us, &cut);
        check_over(0, 1);

        make(false);
        upstream_request_drop(&asked.request, "no more");
        check_over(0, 0);
}

Test(pending_request, sent_is_over_with_its_answer_its_silence_or_when_it_is_dropped)
{
        struct pending_request *pending;

        make_sent(false);
        world_answer();
        check_over(1, 0);
        world_ask(&asked, NULL, false);
        pending = asked.request.pending;
        pending->silence.on_due(&pending->silence);
        check_over(1, 1);
        world_ask(&asked, NULL, false);
        upstream_request_drop(&asked.request, "no more");
        check_over(1, 1);
}

Test(pending_request, sent_waits_once_more_when_its_session_is_forgotten_or_cut_without_harm)
{
        struct pending_request *pending = make_sent(true);

        pending_request_again(pending);
        check_int(pending->state, PENDING_REQUEST_WAITING);
        check_int(world.us->state, UPSTREAM_SESSION_OPENING);
        world_answer();
        check_int(pending->state, PENDING_REQUEST_SENT);
        upstream_session_lost(world.us, &cut); /* it has had its second try */
        check_over(0, 1);
        world_end();

        world_make();
        pending = make_sent(true);
        upstream_session_lost(world.us, &cut);
        check_int(pending->state, PENDING_REQUEST_WAITING);
        check_int(world.us->state, UPSTREAM_SESSION_OPENING);
        world_answer();
        check_int(pending->state, PENDING_REQUEST_SENT);
        world_answer();
        check_over(1, 0);
}

Test(pending_request, sent_is_over_when_its_connection_is_cut_and_it_may_do_harm_twice)
{
        make_sent(false);
        upstream_session_lost(world.us, &cut);
        check_over(0, 1);
}

Test(pending_request, parked_is_sent_under_a_new_id_or_over)
{
        struct pending_request *pending = make_sent(false);
        int64_t id = pending->id;

        pending_request_park(pending);
        check_int(pending->state, PENDING_REQUEST_PARKED);
        cr_assert_null(world_sent());
        pending_request_unpark(pending);
        check_int(pending->state, PENDING_REQUEST_SENT);
        cr_assert_gt(pending->id, id);
        check_int(json_integer_value(pending_request_msg_id(pending)), pending->id);
        pending_request_park(pending);
        upstream_request_drop(&asked.request, NULL);
        check_over(0, 0);
}

Test(pending_request, of_what_nobody_waits_for_some_are_sent_and_the_rest_is_queued)
{
        const struct pending_request *queued;

        world_open();
        for (unsigned i = 0; i < UNASKED_MAX + 1; i++)
                upstream_session_request_take(world.us, "ping", json_object());
        queued = container_of(list_first(&world.us->queued), struct pending_request, node);
        check_int(queued->state, PENDING_REQUEST_QUEUED);
        world_answer();
        check_int(queued->state, PENDING_REQUEST_QUEUED);
        world_turn();
        check_int(queued->state, PENDING_REQUEST_SENT);
        upstream_session_request_take(world.us, "ping", json_object());
        upstream_session_lost(world.us, &cut);
        cr_assert(list_is_empty(&world.us->queued));
        check_int(world.us->n_unasked, 0);
}

Test(pending_request, no_answer_but_that_to_what_is_sent_is_taken)
{
        struct pending_request *pending = make_sent(false);
        json_t *id = json_incref(pending_request_msg_id(pending));

        cr_assert_eq(pending_request_find(world.us, id), pending);
        pending_request_park(pending);
        cr_assert_null(pending_request_find(world.us, id));
        json_decref(id);
        upstream_request_drop(&asked.request, NULL);
}

/* ---- the table ---- */

/* Does a move end the process? */
static bool is_fatal(enum pending_request_state from, enum pending_request_state to)
{
        pid_t pid = fork();
        int status;

        if (pid == 0) {
                struct pending_request pending = {.owner = world.us, .state = from};

                signal(SIGABRT, SIG_DFL);
                (void)close(STDERR_FILENO);
                pending_request_move(&pending, to);
                _exit(0);
        }
        cr_assert_eq(waitpid(pid, &status, 0), pid);
        return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

Test(pending_request, a_move_that_is_not_in_the_table_is_fatal)
{
        for (unsigned from = 0; from < PENDING_REQUEST_N_STATES; from++)
                for (unsigned to = 0; to < PENDING_REQUEST_N_STATES; to++)
                        cr_assert_eq(is_fatal(from, to), !pending_request_may_move[from][to],
                                     "from %u to %u", from, to);
        check_int(pending_request_may_move[PENDING_REQUEST_OVER][PENDING_REQUEST_WAITING], false);
}
