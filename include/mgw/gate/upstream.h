/* One upstream MCP server over Streamable HTTP, and a session's link to it. */
#pragma once

#include "mgw/gate/call.h"

struct upstream;
struct link;

/* 0, -ENOMEM. server is borrowed from the configuration. */
int upstream_create(struct gate *gate, const struct config_server *server,
                    struct upstream **upstreamp);
void upstream_destroy(struct upstream *upstream);
const char *upstream_name(const struct upstream *upstream);
/* Sessions whose end the upstream has not confirmed yet; upstream may be NULL. */
unsigned upstream_n_deletes(const struct upstream *upstream);

/* Begins the upstream session with what the client's initialize said; call_on_link_settled() tells
 * the end. 0, -ENOMEM. */
int link_open(struct upstream *upstream, struct session *session, json_t *init_params,
              struct link **linkp);
/* DELETEs the upstream session; calls must be over. NULL is fine. */
void link_close(struct link *link);
/* What the upstream said in its answer to initialize (an object), or NULL while it is down. */
const json_t *link_hello(const struct link *link);
/* Sends the call's method with these params; answers come by call_answer_take() and call_fail(). A
 * link that is down is opened again first. */
void link_call_take(struct link *link, struct call *call, json_t *params);
/* The call is over for the client: tells the upstream when why is not NULL. */
void link_forget(struct link *link, struct call *call, const char *why);
/* Sends a notification or a reply. */
void link_send_take(struct link *link, json_t *msg);
