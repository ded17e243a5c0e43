/* What nobody waits for goes out while the upstream session is up, or not at all. */
#include "upstream_inside.h"

void upstream_session_cancel(struct upstream_session *us, int64_t id, const char *why)
{
        upstream_session_send_take(us,
                                   rpc_notification_take("notifications/cancelled",
                                                         json_pack("{s:I, s:s}", "requestId",
                                                                   (json_int_t)id, "reason", why)));
}

void upstream_session_request_take(struct upstream_session *us, const char *method, json_t *params)
{
        int64_t id = ++us->last_id;
        struct pending_request *pending;

        if (!upstream_session_is_up(us)) {
                json_decref(params);
                return;
        }
        pending = pending_request_new(us, PENDING_REQUEST_REQUEST,
                                      rpc_request_take(json_integer(id), method, params));
        pending->id = id;
        if (us->state == UPSTREAM_SESSION_READY)
                pending_request_start(pending);
}

void upstream_session_send_take(struct upstream_session *us, json_t *msg)
{
        struct pending_request *pending;

        if (!upstream_session_is_up(us) || !upstream_session_takes_notification(us, msg)) {
                json_decref(msg);
                return;
        }
        pending = pending_request_new(us,
                                      json_is_string(json_object_get(msg, "method"))
                                              ? PENDING_REQUEST_NOTIFY
                                              : PENDING_REQUEST_REPLY,
                                      msg);
        if (pending != NULL && us->state == UPSTREAM_SESSION_READY)
                pending_request_start(pending);
}
