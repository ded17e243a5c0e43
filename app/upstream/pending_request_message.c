/* A message as it goes out: to a server without sessions each says who asks, and one with sessions
 * is told nothing of that. */
#include "mgw/mcp/bridge.h"
#include "mgw/mcp/era.h"
#include "upstream_listen.h"

#include <errno.h>

static era_revision pending_request_stateless_revision(const struct pending_request *pending)
{
        era_revision revision;

        return era_revision_find(str_from(pending_request_version(pending)), &revision) == 0
                       ? revision
                       : era_newest_stateless();
}

const char *pending_request_stateless_version(const struct pending_request *pending)
{
        return era_revision_name(pending_request_stateless_revision(pending));
}

/* Who asks, in each request: the client that speaks that era itself has said it in its _meta. */
static int wrap(const struct pending_request *pending, json_t *params)
{
        const struct upstream_session *us = pending->owner;
        const struct upstream_call *call = pending_request_call(pending);
        const json_t *said = upstream_session_init_params(us, call);
        era_revision revision = pending_request_stateless_revision(pending);
        int level = call != NULL ? call->client->log_level : us->client->log_level;
        json_t *capabilities, *info;
        int r;

        if (pending_request_is_of_stateless(pending)) {
                capabilities = bridge_capabilities_along(bridge_client_capabilities(params));
                info = bridge_client_info(params);
                level = bridge_log_level(params);
        } else if (upstream_listen_has_tasks(pending)) {
                capabilities = bridge_tasks_capability();
                info = json_object_get(said, "clientInfo");
        } else {
                capabilities = bridge_capabilities_across(json_object_get(said, "capabilities"));
                info = json_object_get(said, "clientInfo");
        }
        r = bridge_set_meta(params, revision, info, capabilities, level);
        json_decref(capabilities);
        return r;
}

/* The message as it goes out, a new reference; NULL: out of memory. What it carries for a server
 * without sessions, from its client or by mrtr, is nothing for one that has come back with them. */
static json_t *pending_request_message(const struct pending_request *pending)
{
        const json_t *params = pending_request_params(pending);
        bool is_wrapped = pending->is_stateless && pending_request_is_request(pending);
        json_t *msg, *own;

        if (!is_wrapped && !pending_request_is_of_stateless(pending) && pending->mrtr == NULL)
                return json_incref(pending->msg);
        if (is_wrapped)
                own = params != NULL ? json_copy((json_t *)params) : json_object();
        else
                own = bridge_strip(params);
        msg = json_copy(pending->msg);
        if (json_object_set_new(msg, "params", own) == 0 &&
            (!is_wrapped || wrap(pending, own) == 0))
                return msg;
        json_decref(msg);
        return NULL;
}

int pending_request_dump(const struct pending_request *pending, struct str *text)
{
        json_t *msg = pending_request_message(pending);
        int r = msg != NULL ? rpc_dump(msg, text) : -ENOMEM;

        json_decref(msg);
        return r;
}
