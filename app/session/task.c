/* An id is made and read here alone, so nothing is kept of tasks, but for the policy's sake the
 * tool that each was begun by. */
#include "mgw/session/task.h"

#include "mgw/mcp/bridge.h"
#include "mgw/mcp/task_id.h"
#include "mgw/session/access.h"
#include "mgw/session/listing.h"
#include "mgw/session/session_handover.h"
#include "mgw/wire/json_str.h"

#include <stdlib.h>
#include <string.h>

/* Tasks of one session whose tools are kept; those begun last. */
#define NOTED_MAX 500
#define NOTED_ID_MAX_BYTES 1000
/* What one takes beside its id. */
#define NOTED_BYTES 250

/* ---- by which tool it was begun: what may not be called is not reached by its tasks ---- */

static size_t noted_bytes(const struct session *s, const char *id)
{
        const json_t *tool = json_object_get(s->task_tools, id);

        return tool != NULL ? NOTED_BYTES + strlen(id) + json_string_length(tool) : 0;
}

static void note(struct session *s, const char *id, const char *tool)
{
        size_t bytes = s->task_tools_hold.bytes - noted_bytes(s, id);

        json_object_set_new(s->task_tools, id, json_string(tool));
        ledger_hold_set_past(&s->task_tools_hold, bytes + noted_bytes(s, id));
}

static void forget_oldest(struct session *s)
{
        const char *oldest = json_object_iter_key(json_object_iter(s->task_tools));
        size_t bytes = s->task_tools_hold.bytes - noted_bytes(s, oldest);

        json_object_del(s->task_tools, oldest);
        ledger_hold_set_past(&s->task_tools_hold, bytes);
}

void task_note(struct session *s, const char *id, const char *tool)
{
        if (session_context(s)->policy == NULL || tool == NULL || strlen(id) > NOTED_ID_MAX_BYTES)
                return;
        if (s->task_tools == NULL) {
                s->task_tools = json_object();
                ledger_hold_init(&s->task_tools_hold, &s->client.share->memory, LEDGER_SESSION);
        }
        if (json_object_size(s->task_tools) >= NOTED_MAX)
                forget_oldest(s);
        note(s, id, tool);
        if (session_handover(s) != NULL)
                session_handover(s)->on_task(s, id, tool);
}

/* Of one whose tool is not known any more: when all tools are. */
static bool may_reach(const struct call *call, const struct upstream_session *us, const char *shown)
{
        const char *tool = json_string_value(json_object_get(call->session->task_tools, shown));

        if (us->upstream->context->policy == NULL)
                return true;
        if (tool != NULL) {
                struct listing_owner owner = listing_owner_of_name(call, LIST_TOOLS, tool);

                return owner.us == us && owner.verdict.outcome == POLICY_ALLOWED;
        }
        return access_to_all_tools(call->identity, us).outcome == POLICY_ALLOWED;
}

/* The end of the id that the client has given: no NUL is in it. */
struct task_owner task_owner(const struct call *call, const char *shown)
{
        const struct session *s = call->session;

        for (size_t i = 0; i < session_context(s)->n_upstreams; i++) {
                struct upstream_session *us = access_upstream_session(s, call->identity, i);
                struct str theirs;

                if (us == NULL)
                        continue;
                theirs =
                        task_id_read(session_context(s)->state_key, str_from(s->client.user->email),
                                     str_from(upstream_name(us->upstream)), str_from(shown));
                if (theirs.n > 0 && may_reach(call, us, shown))
                        return (struct task_owner){us, theirs.p};
        }
        return (struct task_owner){NULL, NULL};
}

static bool client_knows(const struct call *call)
{
        return bridge_has_tasks(bridge_client_capabilities(call->params));
}

bool task_check_client(struct call *call)
{
        if (client_knows(call))
                return true;
        call_answer_take(call, rpc_error_take(call->id, RPC_MISSING_CAPABILITY,
                                              "the client has not declared that it knows tasks",
                                              json_pack("{s:o}", "requiredCapabilities",
                                                        bridge_tasks_capability())));
        return false;
}

void task_show(const struct upstream_session *us, json_t *task)
{
        const json_t *id = json_object_get(task, "taskId");
        char *shown;

        if (!json_is_string(id))
                return;
        shown = task_id_show(us->upstream->context->state_key, str_from(us->client->user->email),
                             str_from(upstream_name(us->upstream)), json_str(id));
        json_object_set_new(task, "taskId", json_string(shown));
        free(shown);
}

bool task_show_answer(struct call *call, json_t *answer)
{
        json_t *result = json_object_get(answer, "result");
        bool is_task = bridge_is_task(result);

        if (is_task && !client_knows(call)) {
                call_fail(call, RPC_INTERNAL_ERROR,
                          "upstream %s: it answered with a task, which the client does not know",
                          upstream_name(call->upstream));
                return false;
        }
        if (is_task || call->method->class == METHOD_BY_TASK)
                task_show(call_upstream_session(call), result);
        if (is_task)
                task_note(call->session, json_string_value(json_object_get(result, "taskId")),
                          call->name);
        return true;
}
