/* What a client without a session wants of its call: the levels of its log, arguments that stand in
 * headers too, and the members that its answers have. */
#include "mgw/session/call_stateless.h"

#include "mgw/config/config.h"
#include "mgw/mcp/bridge.h"
#include "mgw/mcp/mirror.h"
#include "mgw/session/post_response.h"
#include "mgw/wire/json_str.h"

static struct str mirrored_header(const void *headers, const char *name)
{
        const json_t *value = json_object_get(headers, name);

        return json_str(value);
}

bool call_stateless_knows_tool(const struct listing_owner *owner)
{
        const struct upstream_session *us = owner->us;

        return us == NULL || us->lists[LIST_TOOLS].of != NULL ||
               (us->state == UPSTREAM_SESSION_READY && !us->is_stateless);
}

bool call_stateless_check_tool(struct call *call, const struct listing_owner *owner)
{
        const json_t *tool = owner->us != NULL ? upstream_list_find(owner->us->lists[LIST_TOOLS].of,
                                                                    owner->theirs)
                                               : NULL;
        const struct mirror_headers headers = {mirrored_header, call->post->mirrored};
        char why[200];

        if (mirror_check_params(&headers, json_object_get(call->params, "arguments"),
                                json_object_get(tool, "inputSchema"), why, sizeof(why)) == 0)
                return true;
        call_fail(call, RPC_HEADER_MISMATCH, "%s", why);
        return false;
}

/* Walks the calls of a standing session: without tokens those of all clients. */
void call_stateless_set_log_level(struct call *call)
{
        struct session *s = call->session;
        int lowest = -1;

        call->log_level = (int16_t)bridge_log_level(call->params);
        if (call->log_level < 0)
                return;
        list_for_each (it, &s->calls) {
                int level = container_of(it, struct call, node)->log_level;

                if (level >= 0 && (lowest < 0 || level < lowest))
                        lowest = level;
        }
        s->client.log_level = (int16_t)lowest;
}

/* Walks the calls of a standing session to the newest that fits, once any of them has wanted to be
 * told. */
struct call *call_stateless_logging_call(const struct upstream_session *us, struct call *guess)
{
        const struct list *calls = &session_of(us->client)->calls;

        if (guess != NULL && guess->log_level >= 0)
                return guess;
        if (us->client->log_level < 0)
                return NULL;
        for (const struct list *it = calls->prev; it != calls; it = it->prev) {
                struct call *call = container_of(it, struct call, node);

                if (call->upstream == us->upstream && call->log_level >= 0)
                        return call;
        }
        return NULL;
}

bool call_stateless_wants(const struct call *call, const json_t *msg)
{
        const char *method = json_string_value(json_object_get(msg, "method"));
        const char *level =
                json_string_value(json_object_get(json_object_get(msg, "params"), "level"));

        if (method == NULL || method_find(method)->class != METHOD_MESSAGE)
                return true;
        return call->log_level >= 0 && method_log_level(level) >= call->log_level;
}

/* Where nothing has gone out yet (Streamable HTTP, "Protocol Version Header", "Server Validation").
 * otherwise: of all other errors. */
static unsigned status_of(const json_t *error, unsigned otherwise)
{
        switch (json_integer_value(json_object_get(error, "code"))) {
        case RPC_METHOD_NOT_FOUND:
                return 404;
        case RPC_HEADER_MISMATCH:
        case RPC_MISSING_CAPABILITY:
        case RPC_UNSUPPORTED_VERSION:
                return 400;
        default:
                return otherwise;
        }
}

static int64_t fresh_ms(const struct call *call)
{
        switch (call->method->class) {
        case METHOD_LIST:
                return listing_fresh_ms(call);
        case METHOD_DISCOVER:
                return session_context(call->session)->config->catalog_age_ms;
        default:
                return 0;
        }
}

void call_stateless_finish_answer(const struct call *call, json_t *answer)
{
        json_t *info = context_implementation();

        if (call->post != NULL)
                call->post->status =
                        status_of(json_object_get(answer, "error"), call->post->status);
        (void)bridge_finish(call->method->name, call->params, answer, info, fresh_ms(call));
        json_decref(info);
}
