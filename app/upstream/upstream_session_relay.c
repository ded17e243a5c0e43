/* Big answers go on to the client while they come, and what comes waits for clients that do not
 * read. */
#include "mgw/wire/rpc_result.h"
#include "upstream_inside.h"

/* Many servers write the id behind the result. */
struct pending_request *upstream_session_begin_relay(struct upstream_session *us, bool as_event,
                                                     struct str head)
{
        struct pending_request *pending;
        json_t *id_json;
        int64_t id;

        if (!rpc_result_is_under_way(head, &id))
                return NULL;
        id_json = json_integer(id);
        pending = id != RPC_RESULT_ID_UNKNOWN ? pending_request_find(us, id_json)
                                              : upstream_session_only_request(us);
        json_decref(id_json);
        return pending_request_begin_relay(pending, as_event, head) ? pending : NULL;
}

/* Walks the streams and calls of one session (streams_per_user_max, session_calls_max()), to the
 * first that does not read. */
bool upstream_session_must_wait(struct upstream_session *us, struct waiter *waiter)
{
        if (us->client->events->must_wait(us->client, waiter))
                return true;
        list_for_each (it, &us->sent) {
                const struct upstream_call *call =
                        pending_request_call(container_of(it, struct pending_request, node));

                if (call != NULL && call->events->must_wait(call, waiter))
                        return true;
        }
        return false;
}
