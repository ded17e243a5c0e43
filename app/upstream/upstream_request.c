/* What its server or its breaker forbids fails at once. All else becomes a pending request, which
 * goes when the upstream session is READY. */
#include "mgw/upstream/upstream_request.h"

#include "mgw/upstream/account.h"
#include "upstream_inside.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

static void upstream_request_refuse_for_rest(struct upstream_request *request, int64_t ms)
{
        char why[80];

        snprintf(why, sizeof(why),
                 "it has asked to be left alone for %" PRId64 " s more (Retry-After)",
                 (ms + 999) / 1000);
        pending_request_end(request->pending);
        request->events->on_fail(request, why);
}

void upstream_request_send_take(struct upstream_request *request, struct upstream_session *us,
                                const char *method, json_t *params)
{
        int64_t id = ++us->last_id;
        int64_t rest_ms = 0;
        struct pending_request *pending;

        assert(request->pending == NULL);
        request->needs_grant = request->was_silent = false;
        if (request->call != NULL && request->call->wants_progress)
                pending_request_set_token(params, id);
        pending = pending_request_new(us, PENDING_REQUEST_REQUEST,
                                      rpc_request_take(json_integer(id), method, params));
        pending->id = id;
        pending->request = request;
        request->pending = pending;
        if (request->call != NULL) /* what it offers may be asked for */
                rest_ms = account_back_off_ms(us->account, pending_request_share(pending));
        if (rest_ms > 0) {
                upstream_request_refuse_for_rest(request, rest_ms);
        } else if (us->state == UPSTREAM_SESSION_READY && !us->transport->is_own &&
                   !upstream_may_try(us->upstream, pending_request_share(pending))) {
                pending_request_end(pending);
                request->events->on_fail(request, upstream_backing_off);
        } else if (us->state == UPSTREAM_SESSION_READY) {
                pending_request_start(pending);
        } else {
                upstream_session_try(us);
        }
}

void upstream_request_drop(struct upstream_request *request, const char *why)
{
        struct pending_request *pending = request->pending;
        struct upstream_session *us;
        bool was_sent;
        int64_t id;

        if (pending == NULL)
                return;
        us = pending->owner;
        was_sent = pending_request_may_cancel(pending);
        id = pending->id;
        if (why != NULL)
                pending_request_note_cancel(pending);
        pending_request_end(pending);
        if (why != NULL && was_sent && us->state == UPSTREAM_SESSION_READY)
                upstream_session_cancel(us, id, why);
}
