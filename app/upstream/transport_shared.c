/* An upstream session that shares another: the child there serves several sessions. Requests go
 * as requests of the shared session, under its ids and progress tokens, and cannot tell that they
 * are not alone; what is set for all at once (the level of the log, subscriptions) is settled among
 * the user sessions. Once greeted a user session stays READY: that the child is started again is
 * its shared session's business. */
#include "upstream_inside.h"

#include "mgw/base/alloc.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

/* A request of the user session's, as the shared session sends it. */
struct carried {
        struct upstream_request request;
        struct pending_request *pending;
};

static void shared_drop(struct pending_request *pending)
{
        struct carried *c = pending->transfer;

        pending->transfer = NULL;
        if (c->request.pending != NULL && c->request.call != NULL)
                shared_session_on_abandon(pending->owner->shared, c->request.call);
        upstream_request_drop(&c->request, "nobody waits for the answer any more");
        loop_bury(upstream_session_loop(pending->owner), c, free);
}

/* ---- what comes ---- */

static void shared_on_answer_take(struct upstream_request *request, json_t *answer)
{
        struct pending_request *pending = container_of(request, struct carried, request)->pending;

        json_object_set_new(answer, "id", json_integer(pending->id));
        upstream_session_on_message(pending->owner, pending, answer);
        json_decref(answer);
}

/* The shared session has sent it again already, where that does no harm. */
static void shared_on_fail(struct upstream_request *request, const char *why)
{
        struct pending_request *pending = container_of(request, struct carried, request)->pending;

        if (request->call != NULL)
                shared_session_on_abandon(pending->owner->shared, request->call);
        pending_request_fail_as(pending,
                                &(const struct failure){.why = why,
                                                        .fault = FAULT_FINAL,
                                                        .was_silent = request->was_silent});
}

static void shared_answer_take(struct pending_request *pending, json_t *result)
{
        json_t *answer = rpc_result_take(pending_request_msg_id(pending), result);

        if (answer != NULL)
                upstream_session_on_message(pending->owner, pending, answer);
        else
                pending_request_fail(pending, "out of memory", FAULT_FINAL);
        json_decref(answer);
}

static const struct upstream_request_events shared_events = {
        .on_answer_take = shared_on_answer_take,
        .on_fail = shared_on_fail,
};

/* ---- what goes ---- */

static void shared_carry(struct pending_request *pending, const char *method)
{
        struct carried *c = alloc_zeroed(sizeof(*c));

        c->pending = pending;
        c->request.events = &shared_events;
        c->request.call = pending_request_call(pending);
        c->request.may_repeat = pending->request != NULL && pending->request->may_repeat;
        pending->transfer = c;
        upstream_request_send_take(&c->request, pending->owner->shared, method,
                                   json_copy(pending_request_params(pending)));
}

static void shared_request(struct pending_request *pending)
{
        struct upstream_session *us = pending->owner;
        const char *method = pending_request_method(pending);
        const struct subscription_kind *kind;
        bool subscribes;
        const char *name = subscription_kind_name(pending->msg, &kind, &subscribes);

        if (method_find(method)->class == METHOD_SET_LEVEL) {
                shared_session_tell_level(us->shared);
                shared_answer_take(pending, json_object());
        } else if (name != NULL && !subscribes &&
                   shared_session_has_subscriber(us->shared, kind, name, us)) {
                shared_answer_take(pending, json_object());
        } else {
                shared_carry(pending, method);
        }
}

/* Of what a session tells all upstreams, initialized is the shared session's to say, cancels are
 * told by shared_drop(), and roots are not the child's: whoever calls is asked for theirs. */
static void shared_notify(struct pending_request *pending)
{
        const char *method = pending_request_method(pending);

        if (method_find(method)->class == METHOD_NOTICE)
                upstream_session_send_take(pending->owner->shared, json_incref(pending->msg));
        pending_request_end(pending);
}

static void shared_send(struct pending_request *pending)
{
        struct upstream_session *shared = pending->owner->shared;

        assert(shared != NULL); /* nothing is sent before it is open */
        if (pending->kind == PENDING_REQUEST_NOTIFY)
                shared_notify(pending);
        else if (pending->kind == PENDING_REQUEST_REPLY)
                pending_request_end(pending); /* the shared session has asked, and hears it by its
                                                 own requester */
        else if (pending->kind == PENDING_REQUEST_REQUEST)
                shared_request(pending);
        else if (shared->state == UPSTREAM_SESSION_READY)
                shared_answer_take(pending, json_incref(shared->init_result));
        else
                upstream_session_try(shared);
}

static void shared_on_settled(struct upstream_session *us, const char *why)
{
        struct list *first = list_first(&us->sent);
        struct pending_request *pending =
                first != NULL ? container_of(first, struct pending_request, node) : NULL;

        if (pending == NULL || pending->kind != PENDING_REQUEST_INITIALIZE)
                return;
        if (why == NULL)
                shared_answer_take(pending, json_incref(us->shared->init_result));
        else
                pending_request_fail(pending, why, FAULT_FINAL);
}

/* ---- its life ---- */

static void shared_create(struct upstream_session *us)
{
        us->peer = NULL;
}

static int shared_open(struct upstream_session *us)
{
        if (us->shared != NULL)
                return 0;
        us->shared = us->client->events->find_shared(us->client, us->upstream);
        list_append(&us->shared->user_sessions, &us->user_node);
        us->shared->client->events->on_shared(us->shared->client);
        return 0;
}

static void shared_on_ready(struct upstream_session *us)
{
        (void)us;
}

static void shared_destroy(struct upstream_session *us)
{
        if (us->shared == NULL)
                return;
        list_unlink(&us->user_node);
        shared_session_on_leave(us->shared, us);
        us->shared->client->events->on_shared(us->shared->client);
        us->shared = NULL;
}

const struct transport transport_shared = {
        .is_own = true,
        .shares = true,
        .create = shared_create,
        .open = shared_open,
        .send = shared_send,
        .drop = shared_drop,
        .on_ready = shared_on_ready,
        .on_shared_settled = shared_on_settled,
        .destroy = shared_destroy,
};
