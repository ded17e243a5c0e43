/* What the upstreams say of themselves is put together in the order of the configuration:
 * capabilities are united, instructions stand one behind the other. */
#include "mgw/session/handshake.h"

#include "mgw/base/log.h"
#include "mgw/config/config.h"
#include "mgw/mcp/bridge.h"
#include "mgw/session/access.h"
#include "mgw/session/session_handover.h"
#include "mgw/upstream/account.h"
#include "mgw/upstream/upstream_session.h"
#include "mgw/wire/rpc.h"

#include <string.h>

/* What a client says of itself goes to each server, and to some of them with each request. */
#define SAID_MAX_BYTES (256u << 10)

/* What a capability says about itself: subscribe holds where one upstream has it; changes of the
 * merged lists are told by ourselves too. */
static json_t *capability_of(const char *name, const json_t *theirs, const json_t *so_far)
{
        json_t *one = json_object();

        if (strcmp(name, "prompts") == 0 || strcmp(name, "resources") == 0)
                json_object_set_new(one, "listChanged", json_true());
        if (json_is_true(json_object_get(theirs, "subscribe")) ||
            json_is_true(json_object_get(so_far, "subscribe")))
                json_object_set_new(one, "subscribe", json_true());
        return one;
}

/* What we offer ourselves, and what the upstreams offer of that which is relayed here: others
 * (tasks of 2025-11-25) would only be refused. One that is not there yet may offer anything. */
static json_t *capabilities(const struct call *call)
{
        const struct session *s = call->session;
        static const char *const relayed[] = {"prompts", "resources", "completions"};
        json_t *all = json_pack("{s:{s:b}, s:{}}", "tools", "listChanged", 1, "logging");
        json_t *anything = json_pack("{s:{}, s:{s:b}, s:{}}", "prompts", "resources", "subscribe",
                                     1, "completions");
        bool is_stateless = s->client.kind == UPSTREAM_CLIENT_STANDING;

        for (size_t i = 0; i < session_context(s)->n_upstreams; i++) {
                const struct upstream_session *us = access_upstream_session(s, call->identity, i);
                const json_t *theirs = us != NULL && us->init_result != NULL
                                               ? json_object_get(us->init_result, "capabilities")
                                               : anything;

                if (us == NULL)
                        continue;

                for (size_t k = 0; k < sizeof(relayed) / sizeof(relayed[0]); k++) {
                        const json_t *one = json_object_get(theirs, relayed[k]);

                        if (one != NULL)
                                json_object_set_new(
                                        all, relayed[k],
                                        capability_of(relayed[k], one,
                                                      json_object_get(all, relayed[k])));
                }
                if (upstream_session_is_of_stateless(us) == is_stateless)
                        (void)bridge_add_extensions(all, theirs, is_stateless);
        }
        json_decref(anything);
        return all;
}

/* The instructions of all upstreams, each under its name where there are several. */
static json_t *instructions(const struct call *call)
{
        const struct session *s = call->session;
        json_t *all = NULL;

        for (size_t i = 0; i < session_context(s)->n_upstreams; i++) {
                const struct upstream_session *us = access_upstream_session(s, call->identity, i);
                const char *text;
                json_t *longer;

                if (us == NULL || (text = rpc_text(us->init_result, "instructions")) == NULL ||
                    text[0] == '\0')
                        continue;
                longer = session_context(s)->n_upstreams == 1
                                 ? json_string(text)
                                 : json_sprintf("%s%s# %s\n\n%s",
                                                all != NULL ? json_string_value(all) : "",
                                                all != NULL ? "\n\n" : "",
                                                upstream_name(us->upstream), text);
                json_decref(all);
                all = longer;
        }
        return all;
}

static void answer_initialize(struct call *call)
{
        struct session *s = call->session;
        json_t *result = json_pack("{s:s, s:o, s:o}", "protocolVersion",
                                   era_revision_name(s->client.revision), "capabilities",
                                   capabilities(call), "serverInfo", context_implementation());
        json_t *text = instructions(call);

        if (text != NULL)
                json_object_set_new(result, "instructions", text);
        call_succeed_take(call, result);
        s->client.is_initialized = true; /* from now on who listens wants to hear */
        session_tell_use(s);
}

static void answer_discover(struct call *call)
{
        json_t *result = json_pack("{s:o, s:o}", "supportedVersions", era_supported(),
                                   "capabilities", capabilities(call));
        json_t *text = instructions(call);

        if (text != NULL)
                json_object_set_new(result, "instructions", text);
        call_succeed_take(call, result);
}

static void answer(struct call *call)
{
        const struct session *s = call->session;

        for (size_t i = 0; i < session_n_slots(s); i++)
                if (s->client.upstream_sessions[i] != NULL &&
                    !s->client.upstream_sessions[i]->is_settled)
                        s->client.upstream_sessions[i]->is_missing = true;
        if (call->method->class == METHOD_INITIALIZE)
                answer_initialize(call);
        else
                answer_discover(call);
}

/* One that left others waiting, as this account, is not waited for until it has spoken. */
static bool is_awaited(const struct upstream_session *us)
{
        return us != NULL && us->upstream->retired == NULL && !us->is_settled &&
               !account_is_silent(us->account, ACCOUNT_HANDSHAKE);
}

static bool awaits_upstreams(const struct session *s)
{
        if (s->is_opening)
                return true;
        for (size_t i = 0; i < session_n_slots(s); i++)
                if (is_awaited(s->client.upstream_sessions[i]))
                        return true;
        return false;
}

/* Who is not heard of in time is told of later: by list_changed. */
static void handshake_on_grace(struct timer *timer)
{
        struct call *call = container_of(timer, struct call, work);
        const struct session *s = call->session;

        for (size_t i = 0; i < session_n_slots(s); i++) {
                const struct upstream_session *us = s->client.upstream_sessions[i];
                const char *words = us != NULL ? upstream_session_last_words(us) : NULL;

                if (us != NULL && is_awaited(us) &&
                    account_falls_silent(us->account, ACCOUNT_HANDSHAKE) &&
                    upstream_may_log(us->upstream))
                        log_warn(LOG_FIELDS({"stderr", words}),
                                 "[upstream] %s: initialize is not answered yet: clients are "
                                 "answered without it until it is (upstream_grace_ms)",
                                 upstream_name(us->upstream));
        }
        answer(call);
}

static void handshake_wait(struct call *call)
{
        const struct context *context = session_context(call->session);

        call_set_state(call, CALL_STATE_WAITING);
        call->work.on_due = handshake_on_grace;
        timer_arm(context->loop, &call->work, context->config->upstream_grace_ms);
}

bool handshake_is_settled(const struct session *session)
{
        return !awaits_upstreams(session);
}

/* Walks the calls of a session, once, when the last of its upstream sessions is settled. */
void handshake_on_upstreams_settled(struct session *session)
{
        if (awaits_upstreams(session))
                return;
        if (session_handover(session) != NULL)
                session_handover(session)->on_settled(session);
        list_for_each_safe (it, &session->calls) {
                struct call *call = container_of(it, struct call, node);

                if (call->method->class == METHOD_INITIALIZE ||
                    call->method->class == METHOD_DISCOVER)
                        answer(call);
        }
}

void handshake_discover(struct call *call)
{
        if (awaits_upstreams(call->session))
                handshake_wait(call);
        else
                answer(call);
}

void handshake_initialize(struct call *call)
{
        struct session *s = call->session;
        const char *asked = rpc_text(call->params, "protocolVersion");

        if (s->client.is_initialized || s->client.upstream_sessions != NULL) {
                call_fail(call, RPC_INVALID_REQUEST, "this session is initialized already");
                return;
        }
        if (asked == NULL) {
                call_fail(call, RPC_INVALID_PARAMS, "params.protocolVersion must be a string");
                return;
        }
        if (rpc_cost(call->params) > SAID_MAX_BYTES) {
                call_fail(call, RPC_INVALID_PARAMS,
                          "what the client says of itself is too long (capabilities, clientInfo)");
                return;
        }
        s->client.revision = era_negotiate(str_from(asked));
        session_open_upstreams(s, call->params);
        if (!s->client.is_initialized && awaits_upstreams(s))
                handshake_wait(call);
        else if (!s->client.is_initialized)
                answer(call);
}
