/* What upstream sessions tell the session that they are for. */
#include "mgw/session/call.h"
#include "mgw/session/call_stateless.h"
#include "mgw/session/handshake.h"
#include "mgw/session/listing.h"
#include "mgw/session/server_request.h"
#include "mgw/session/task.h"

static void on_settled(struct upstream_client *client)
{
        handshake_on_upstreams_settled(session_of(client));
}

static void on_shared(struct upstream_client *client)
{
        session_touch(session_of(client));
}

static struct upstream_session *find_shared(const struct upstream_client *client,
                                            struct upstream *upstream)
{
        return session_shared_upstream(container_of(client, struct session, client), upstream);
}

/* Walks the streams of one session (streams_per_user_max), to the first that does not read. */
static bool must_wait(const struct upstream_client *client, struct waiter *waiter)
{
        list_for_each (it, &container_of(client, struct session, client)->streams)
                if (request_must_wait(container_of(it, struct stream, node)->req, waiter))
                        return true;
        return false;
}

/* To the call that it belongs to, where that takes it, else to its session. */
static void pass(struct upstream_session *us, struct call *call, const struct rpc_msg *m)
{
        if (call == NULL)
                session_deliver(session_of(us->client), m->root);
        else if (!call_send(call, m->root))
                session_deliver(call->session, m->root);
}

static void on_notification(struct upstream_session *us, struct upstream_call *upstream_call,
                            const struct rpc_msg *m)
{
        bool is_standing = us->client->kind == UPSTREAM_CLIENT_STANDING;
        struct call *call = upstream_call != NULL ? call_of(upstream_call) : NULL;

        switch (method_find(m->method)->class) {
        case METHOD_LIST_CHANGED:
                session_deliver(session_of(us->client), m->root);
                break;
        case METHOD_UPDATED:
                listing_show_uri(us, m->params);
                session_deliver(session_of(us->client), m->root);
                break;
        case METHOD_TASK_CHANGED:
                task_show(us, m->params);
                if (is_standing) /* only who listens for it is told */
                        session_deliver(session_of(us->client), m->root);
                break;
        case METHOD_MESSAGE:
                pass(us, is_standing ? call_stateless_logging_call(us, call) : call, m);
                break;
        default:
                pass(us, call, m);
        }
}

static const struct upstream_client_events client_events = {
        .on_settled = on_settled,
        .on_notification = on_notification,
        .on_server_request = server_request_send,
        .on_server_request_cancelled = server_request_cancel,
        .on_requester_gone = server_request_forget,
        .on_shared = on_shared,
        .find_shared = find_shared,
        .must_wait = must_wait,
};

void session_client_context_init(struct context *context)
{
        context->client_events = &client_events;
}
