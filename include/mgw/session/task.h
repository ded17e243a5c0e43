/* Tasks (the extension io.modelcontextprotocol/tasks) between stateless clients and servers: whose
 * a task is, and its id as the client knows it. */
#pragma once

#include "mgw/session/call.h"

struct task_owner {
        struct upstream_session *us; /* NULL: no task of this user has that id */
        const char *theirs;
};

/* Needs to know nothing but the id. */
struct task_owner task_owner(const struct call *call, const char *shown);
/* A task of that id, as the client knows it, was begun by that tool. */
void task_note(struct session *session, const char *id, const char *tool);
/* Has the call's client declared that it knows tasks? False: the call is over. */
bool task_check_client(struct call *call);
/* Makes what an upstream says of a task (a result, params of a notification) the client's: its id.
 */
void task_show(const struct upstream_session *us, json_t *task);
/* The answer to a call there. False: the call is over, since it is none that its client knows. */
bool task_show_answer(struct call *call, json_t *answer);
