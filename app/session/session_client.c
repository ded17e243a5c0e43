/* What upstream sessions tell the session that they are for. */
#include "mgw/session/access.h"
#include "mgw/session/call.h"
#include "mgw/session/call_stateless.h"
#include "mgw/session/handshake.h"
#include "mgw/session/listing.h"
#include "mgw/session/server_request.h"
#include "mgw/session/subscription.h"
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

/* To those of the session that may hear it of that server. */
static void deliver(struct session *s, const struct upstream_session *us, const json_t *msg)
{
        if (s->client.kind == UPSTREAM_CLIENT_STANDING)
                subscriptions_deliver(s, us, msg);
        else if (access_to_notice(s->identity, us, msg))
                session_deliver(s, msg);
}

/* To the call that it belongs to, where that takes it, else to its session. */
static void pass(struct upstream_session *us, struct call *call, const struct rpc_msg *m)
{
        if (call == NULL)
                deliver(session_of(us->client), us, m->root);
        else if (!call_send(call, m->root))
                deliver(call->session, us, m->root);
}

/* A resource by its server's own URI, which no list of the client's may show. */
static void pass_update(struct upstream_session *us, const struct rpc_msg *m)
{
        struct session *s = session_of(us->client);
        const char *uri = rpc_text(m->params, "uri");

        if (s->client.kind != UPSTREAM_CLIENT_STANDING &&
            (uri == NULL || access_to_uri(s->identity, us, uri).outcome != POLICY_ALLOWED))
                return;
        listing_show_uri(us, m->params);
        deliver(s, us, m->root);
}

static void on_notification(struct upstream_session *us, struct upstream_call *upstream_call,
                            const struct rpc_msg *m)
{
        bool is_standing = us->client->kind == UPSTREAM_CLIENT_STANDING;
        struct call *call = upstream_call != NULL ? call_of(upstream_call) : NULL;

        switch (method_find(m->method)->class) {
        case METHOD_LIST_CHANGED:
                deliver(session_of(us->client), us, m->root);
                break;
        case METHOD_UPDATED:
                pass_update(us, m);
                break;
        case METHOD_TASK_CHANGED:
                task_show(us, m->params);
                if (is_standing) /* only who listens for it is told */
                        deliver(session_of(us->client), us, m->root);
                break;
        case METHOD_MESSAGE:
                pass(us, is_standing ? call_stateless_logging_call(us, call) : call, m);
                break;
        default:
                pass(us, call, m);
        }
}

static const struct identity *identity_of(const struct upstream_client *client)
{
        return container_of(client, struct session, client)->identity;
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
        .identity = identity_of,
};

void session_client_context_init(struct context *context)
{
        context->client_events = &client_events;
}
