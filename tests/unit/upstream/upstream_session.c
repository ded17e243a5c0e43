#include "world.h"

#include "../check.h"

#include <signal.h>

TestSuite(upstream_session, .init = world_make, .fini = world_end);

/* ---- its states ---- */

enum event {
        NEEDED,
        RETRY_DUE,
        ANSWERED,
        REFUSED,
        FALLS_BACK,
        DEADLINE,
        LOST,
        FORGOTTEN,
        PUT_TO_SLEEP,
        CLOSED,
        N_EVENTS
};

static struct asked asked;

static void refuse(void)
{
        char text[128];

        snprintf(
                text, sizeof(text),
                "{\"jsonrpc\": \"2.0\", \"id\": %d, \"error\": {\"code\": 1, \"message\": \"no\"}}",
                (int)world_sent()->id);
        world_hear(text);
}

static void fall_back(void)
{
        upstream_session_end_handshakes(world.us);
        upstream_session_fall_back(world.us, world.us->transport);
}

static void happens(enum event event)
{
        static const struct failure failure = {.why = "cut", .fault = FAULT_CUT};

        switch (event) {
        case NEEDED:
                world_ask(&asked, NULL, false);
                break;
        case RETRY_DUE:
                world.us->retry.on_due(&world.us->retry);
                break;
        case ANSWERED:
                world_answer();
                break;
        case REFUSED:
                refuse();
                break;
        case FALLS_BACK:
                fall_back();
                break;
        case DEADLINE:
                world.us->deadline.on_due(&world.us->deadline);
                break;
        case LOST:
                upstream_session_lost(world.us, &failure);
                break;
        case FORGOTTEN:
                upstream_session_forgotten(world.us);
                break;
        case PUT_TO_SLEEP:
                upstream_session_sleep(world.us);
                break;
        default:
                upstream_session_close(world.us);
        }
}

static void bring_to(enum upstream_session_state state)
{
        if (state == UPSTREAM_SESSION_OPENING)
                upstream_session_try(world.us);
        else if (state == UPSTREAM_SESSION_READY)
                world_open();
        check_int(world.us->state, state);
}

#define DOWN UPSTREAM_SESSION_DOWN
#define OPENING UPSTREAM_SESSION_OPENING
#define READY UPSTREAM_SESSION_READY
#define ENDED UPSTREAM_SESSION_ENDED
#define NEVER (-1)

/* Where each event leads from each state; NEVER: it cannot happen there. */
static const int leads_to[UPSTREAM_SESSION_ENDED][N_EVENTS] = {
        [DOWN] = {[NEEDED] = OPENING,
                  [RETRY_DUE] = OPENING,
                  [ANSWERED] = NEVER,
                  [REFUSED] = NEVER,
                  [FALLS_BACK] = NEVER,
                  [DEADLINE] = NEVER,
                  [LOST] = DOWN,
                  [FORGOTTEN] = DOWN,
                  [PUT_TO_SLEEP] = DOWN,
                  [CLOSED] = ENDED},
        [OPENING] = {[NEEDED] = OPENING,
                     [RETRY_DUE] = OPENING,
                     [ANSWERED] = READY,
                     [REFUSED] = DOWN,
                     [FALLS_BACK] = OPENING,
                     [DEADLINE] = DOWN,
                     [LOST] = DOWN,
                     [FORGOTTEN] = OPENING,
                     [PUT_TO_SLEEP] = NEVER,
                     [CLOSED] = ENDED},
        [READY] = {[NEEDED] = READY,
                   [RETRY_DUE] = READY,
                   [ANSWERED] = NEVER,
                   [REFUSED] = NEVER,
                   [FALLS_BACK] = NEVER,
                   [DEADLINE] = NEVER,
                   [LOST] = DOWN,
                   [FORGOTTEN] = OPENING,
                   [PUT_TO_SLEEP] = DOWN,
                   [CLOSED] = ENDED},
};

/* Its deadline runs while it opens, its retry while it is down. */
static void check_timers(enum event event)
{
        enum upstream_session_state state = world.us->state;

        check_int(timer_is_armed(&world.us->deadline), state == OPENING);
        if (event == LOST || event == REFUSED || event == DEADLINE)
                cr_assert(timer_is_armed(&world.us->retry));
        cr_assert(state == DOWN || !timer_is_armed(&world.us->retry));
}

Test(upstream_session, each_event_leads_where_the_table_of_moves_allows)
{
        for (int from = DOWN; from < ENDED; from++)
                for (int event = 0; event < N_EVENTS; event++) {
                        if (leads_to[from][event] == NEVER)
                                continue;
                        bring_to((enum upstream_session_state)from);
                        happens((enum event)event);
                        cr_assert_eq((int)world.us->state, leads_to[from][event],
                                     "event %d in state %d leads to %d", event, from,
                                     (int)world.us->state);
                        check_timers((enum event)event);
                        world_end();
                        world_make();
                }
}

Test(upstream_session, one_that_is_closed_moves_no_more, .signal = SIGABRT)
{
        upstream_session_close(world.us);
        upstream_session_begin(world.us);
}

Test(upstream_session, nothing_is_opened_for_a_client_that_ends)
{
        world.client.is_ending = true;
        world_ask(&asked, NULL, false);
        check_int(world.us->state, DOWN);
}

/* ---- what its owner hears ---- */

Test(upstream_session, its_owner_hears_once_that_it_is_settled)
{
        upstream_session_try(world.us);
        check_int(world.n_settled, 0);
        world_answer();
        check_int(world.n_settled, 1);
        happens(LOST);
        upstream_session_try(world.us);
        world_answer();
        check_int(world.n_settled, 1);
}

/* ---- what a call hears ---- */

static unsigned n_progress, n_begun, n_fed;
static bool takes_relay;

static void on_progress(struct upstream_call *call, json_t *params)
{
        (void)call;
        (void)params;
        n_progress++;
}

static bool relay_begin(struct upstream_call *call, int64_t id, bool of_stateless, bool as_event,
                        struct str head)
{
        (void)id;
        (void)of_stateless;
        (void)as_event;
        (void)head;
        cr_assert(call->is_relayed, "it is known for that while it begins");
        n_begun++;
        return takes_relay;
}

static void relay_feed(struct upstream_call *call, struct str bytes, bool is_last)
{
        (void)call;
        (void)bytes;
        (void)is_last;
        n_fed++;
}

static const struct upstream_call_events call_events = {
        .on_progress = on_progress, .relay_begin = relay_begin, .relay_feed = relay_feed};

static struct upstream_call call;

static void make_call(bool wants_progress)
{
        n_progress = n_begun = n_fed = 0;
        call = (struct upstream_call){.events = &call_events,
                                      .client = &world.client,
                                      .share = world.client.share,
                                      .wants_progress = wants_progress};
        asked.n_answers = asked.n_failures = 0;
        world_open();
        world_ask(&asked, &call, false);
}

static void hear_progress(void)
{
        char text[160];

        snprintf(text, sizeof(text),
                 "{\"jsonrpc\": \"2.0\", \"method\": \"notifications/progress\", \"params\": "
                 "{\"progressToken\": %d, \"progress\": 1}}",
                 (int)world_sent()->id);
        world_hear(text);
}

Test(upstream_session, progress_goes_to_the_call_that_wants_it)
{
        make_call(true);
        hear_progress();
        check_int(n_progress, 1);
        call.wants_progress = false;
        hear_progress();
        check_int(n_progress, 1);
        check_int(world.n_notifications, 0);
}

Test(upstream_session, a_log_message_and_a_question_go_with_the_call_that_runs)
{
        make_call(false);
        world_hear("{\"jsonrpc\": \"2.0\", \"method\": \"notifications/message\", \"params\": "
                   "{\"level\": \"info\", \"data\": 1}}");
        check_int(world.n_notifications, 1);
        cr_assert_eq(world.of_call, &call);
        world_hear("{\"jsonrpc\": \"2.0\", \"id\": 1, \"method\": \"roots/list\"}");
        check_int(world.n_server_requests, 1);
        cr_assert_eq(world.of_call, &call);
        world_hear("{\"jsonrpc\": \"2.0\", \"method\": \"notifications/cancelled\", \"params\": "
                   "{\"requestId\": 1}}");
        check_int(world.n_withdrawn, 1);
}

Test(upstream_session, what_no_call_has_caused_goes_to_the_client)
{
        world_open();
        world_hear("{\"jsonrpc\": \"2.0\", \"method\": \"notifications/tools/list_changed\"}");
        check_int(world.n_notifications, 1);
        cr_assert_null(world.of_call);
}

Test(upstream_session, a_big_answer_is_relayed_where_its_call_takes_it)
{
        struct str head;
        char text[64];
        int n;

        make_call(false);
        n = snprintf(text, sizeof(text), "{\"jsonrpc\": \"2.0\", \"id\": %d, \"result\": {",
                     (int)world_sent()->id);
        head = (struct str){text, (size_t)n};
        takes_relay = false;
        cr_assert_null(upstream_session_begin_relay(world.us, false, head));
        check_int(call.is_relayed, false);
        takes_relay = true;
        cr_assert_eq(upstream_session_begin_relay(world.us, false, head), world_sent());
        check_int(call.is_relayed, true);
        cr_assert_null(upstream_session_begin_relay(world.us, false, head), "it is already");
        check_int(n_begun, 2);
        pending_request_feed_relay(world_sent(), STR("}}"), true);
        check_int(n_fed, 1);
        upstream_request_drop(&asked.request, NULL);
}
