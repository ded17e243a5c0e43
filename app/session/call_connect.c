/* The call waits in CALL_STATE_CONNECTING for its client's reply and for the grant, in whichever
 * order they come; then it is routed again. A client of the stateless era has been answered
 * meanwhile (call_input): the call goes on with its retry. */
#include "mgw/session/call_connect.h"

#include "mgw/base/alloc.h"
#include "mgw/base/log.h"
#include "mgw/base/rand.h"
#include "mgw/config/config.h"
#include "mgw/mcp/bridge.h"
#include "mgw/session/server_request.h"
#include "mgw/upstream/account.h"
#include "mgw/upstream/connect_link.h"
#include "mgw/upstream/grant.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* So often may one call send its user to the provider: once for the account, once for more. */
#define ASKS_MAX 2
/* A retry of a client without a session waits so long for a consent that is under way. */
#define RETRY_WAIT_MS (INT64_C(60) * 1000)
#define ID_RANDOM_BYTES 16

struct call_connect {
        struct call *call;
        struct requester requester; /* asks the client */
        struct account_wait wait;   /* for the grant */
        struct account *account;    /* held */
        struct timer deadline;
        char *link;
        char *text;
        bool is_accepted;  /* its client has taken it on */
        bool is_connected; /* there is a grant */
        char id[RAND_TEXT_SIZE(ID_RANDOM_BYTES)];
};

static struct loop *loop_of(const struct call_connect *connect)
{
        return session_context(connect->call->session)->loop;
}

static void connect_free(void *object)
{
        struct call_connect *connect = object;

        free(connect->link);
        free(connect->text);
        free(connect);
}

void call_connect_drop(struct call_connect *connect)
{
        if (connect == NULL)
                return;
        connect->call->connect = NULL;
        server_request_forget(&connect->requester);
        list_unlink(&connect->wait.node);
        timer_disarm(loop_of(connect), &connect->deadline);
        account_let_go(connect->account);
        loop_bury(loop_of(connect), connect, connect_free);
}

/* ---- what it comes to ---- */

static bool is_tool(const struct call *call)
{
        return strcmp(call->method->name, "tools/call") == 0;
}

/* The link, for people to read: tools fail by a result, which models see. */
static void answer_text(struct call *call, const char *text)
{
        if (is_tool(call))
                call_succeed_take(call, json_pack("{s:[{s:s, s:s}], s:b}", "content", "type",
                                                  "text", "text", text, "isError", 1));
        else
                call_answer_take(call, rpc_error_take(call->id, RPC_INTERNAL_ERROR, text, NULL));
}

static void give_up(struct call_connect *connect)
{
        struct call *call = connect->call;
        char *text = alloc_text(connect->text);

        call_connect_drop(connect);
        answer_text(call, text);
        free(text);
}

static void tell_complete(const struct call_connect *connect)
{
        json_t *msg = rpc_notification_take("notifications/elicitation/complete",
                                            json_pack("{s:s}", "elicitationId", connect->id));

        if (!call_is_stateless(connect->call) && connect->is_accepted)
                (void)call_send(connect->call, msg);
        json_decref(msg);
}

/* Is there somebody to answer now? */
static bool has_client(const struct call *call)
{
        return !call_is_stateless(call) || call->post != NULL;
}

static void go_on(struct call_connect *connect)
{
        struct call *call = connect->call;

        if (!connect->is_connected || !has_client(call) ||
            (call_is_stateless(call) && !connect->is_accepted))
                return;
        tell_complete(connect);
        call_connect_drop(connect);
        call->again(call);
}

static void on_connected(struct account_wait *wait)
{
        struct call_connect *connect = container_of(wait, struct call_connect, wait);

        connect->is_connected = true;
        go_on(connect);
}

static void on_deadline(struct timer *timer)
{
        give_up(container_of(timer, struct call_connect, deadline));
}

static void on_reply_take(struct requester *requester, json_t *reply)
{
        struct call_connect *connect = container_of(requester, struct call_connect, requester);
        const char *action = rpc_text(json_object_get(reply, "result"), "action");

        connect->is_accepted = action != NULL && strcmp(action, "accept") == 0;
        json_decref(reply);
        if (connect->call->state != CALL_STATE_CONNECTING)
                return;
        if (!connect->is_accepted) {
                give_up(connect);
                return;
        }
        if (call_is_stateless(connect->call))
                timer_arm(loop_of(connect), &connect->deadline, RETRY_WAIT_MS);
        go_on(connect);
}

/* ---- asking ---- */

static json_t *make_question(const struct call_connect *connect)
{
        return rpc_request_take(json_string(connect->id), "elicitation/create",
                                json_pack("{s:s, s:s, s:s, s:s}", "mode", "url", "elicitationId",
                                          connect->id, "url", connect->link, "message",
                                          connect->text));
}

/* Has the client said that it opens addresses, in words of its own revision? */
static bool may_ask(const struct call *call, const json_t *question)
{
        if (call_is_stateless(call))
                return call->method->may_ask && bridge_client_can(call->params, question);
        return era_has_url_elicitation(call->session->client.revision) &&
               bridge_can_ask(
                       json_object_get(call_upstream_session(call)->init_params, "capabilities"),
                       question);
}

/* 2025-11-25, Elicitation, "URL Elicitation Required Error": for who can be asked, but not while
 * this request runs. */
static void answer_required(struct call_connect *connect)
{
        struct call *call = connect->call;
        json_t *data = json_pack("{s:[{s:s, s:s, s:s, s:s}]}", "elicitations", "mode", "url",
                                 "elicitationId", connect->id, "url", connect->link, "message",
                                 connect->text);
        json_t *error = rpc_error_take(call->id, RPC_URL_ELICITATION_REQUIRED, connect->text, data);

        call_connect_drop(connect);
        call_answer_take(call, error);
}

static void ask(struct call_connect *connect, json_t *question)
{
        struct call *call = connect->call;

        list_append(&connect->account->waits, &connect->wait.node);
        if (!call_is_stateless(call)) /* else it is answered, and call_input has a deadline */
                timer_arm(loop_of(connect), &connect->deadline,
                          session_context(call->session)->config->input_wait_ms);
        server_request_send(&connect->requester, &call->upstream_call, question);
}

/* ---- the beginning ---- */

static char *make_text(const struct call *call, const char *link, bool is_insufficient)
{
        const char *server = upstream_name(call->upstream);
        const char *why = grant_ended_why(call_upstream_session(call)->account);

        if (why != NULL)
                return alloc_format("The account that was connected at %s is so no more: %s. To "
                                    "connect it again, open %s and then repeat the call.",
                                    server, why, link);
        return alloc_format(is_insufficient ? "%s wants more than was granted for this. To grant "
                                              "it, open %s and then repeat the call."
                                            : "%s needs an account of yours. To connect it, open "
                                              "%s and then repeat the call.",
                            server, link);
}

static struct call_connect *connect_create(struct call *call)
{
        const struct context *context = session_context(call->session);
        struct account *account = call_upstream_session(call)->account;
        const struct oauth_challenge *challenge = &account->challenge;
        struct call_connect *connect = alloc_zeroed(sizeof(*connect));

        connect->call = call;
        connect->account = account_hold(account);
        connect->link = connect_link_make(context, upstream_name(call->upstream),
                                          call->session->client.user->email,
                                          challenge->is_insufficient ? challenge->scope : NULL);
        connect->text = make_text(call, connect->link, challenge->is_insufficient);
        connect->wait.on_connected = on_connected;
        connect->deadline.on_due = on_deadline;
        connect->requester.client = &call->session->client;
        connect->requester.on_message_take = on_reply_take;
        list_init(&connect->requester.server_requests);
        rand_text(connect->id, ID_RANDOM_BYTES);
        call->connect = connect;
        return connect;
}

/* Who is nobody has no account of their own: all who are nobody would have it. */
static bool refuses_nobody(struct call *call)
{
        if (!call->session->client.user->is_anonymous)
                return false;
        call_fail(call, RPC_INTERNAL_ERROR,
                  "upstream %s: its users connect accounts of their own, and here everybody is "
                  "anonymous (auth.tokens_file, auth.jwt or auth.login)",
                  upstream_name(call->upstream));
        return true;
}

void call_connect_start(struct call *call)
{
        struct call_connect *connect;
        json_t *question;

        if (refuses_nobody(call))
                return;
        call_set_state(call, CALL_STATE_CONNECTING);
        connect = connect_create(call);
        question = make_question(connect);
        if (share_may_log(call->share, call->session->client.user->email))
                log_info(LOG_FIELDS({"user", call->session->client.user->email}),
                         "[oauth] %s: %s: the user is asked to connect an account",
                         upstream_name(call->upstream), call->method->name);
        if (call->n_connects++ >= ASKS_MAX || !may_ask(call, question))
                give_up(connect);
        else if (!call_is_stateless(call) && !is_tool(call))
                answer_required(connect);
        else
                ask(connect, question);
        json_decref(question);
}
