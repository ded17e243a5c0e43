/* What becomes of a request: by its method, and by whose the thing is that it asks for. */
#pragma once

#include "mgw/session/call.h"

/* Starts one request; post is NULL for the sse era. It is answered in any case. In a standing
 * session the request is one of the stateless era, and has been checked as such. */
void call_start(struct session *session, struct share *share, struct post_response *post,
                const struct rpc_msg *msg);
/* The call waits for its client's input, who comes as another perhaps: may they have what it is
 * for? */
bool call_may_go_on(const struct call *call);
