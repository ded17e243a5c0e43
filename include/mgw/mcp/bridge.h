/* From the messages of one era to those of another: a session client before a stateless upstream, a
 * stateless client before an upstream with a session, and an older session client before a newer
 * upstream. Nothing here waits or sends. What is called for_... makes or changes a message so that
 * its receiver's revision knows it (its JSON schema, and its prose).
 *
 * "A request" is a whole JSON-RPC request that a server sends (elicitation/create,
 * sampling/createMessage, roots/list); "an input request" is its form without id in the stateless
 * era's inputRequests, "an input response" what stands for its reply in inputResponses. */
#pragma once

#include "mgw/mcp/era.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#define BRIDGE_E_INVALID 1 /* not what the specification asks for: code RPC_INVALID_PARAMS */
#define BRIDGE_E_CANNOT 2  /* the receiver's revision has no words for it */

/* ---- what the stateless era carries in params._meta of each request ---- */

/* Is it all there, and well-typed? 0, BRIDGE_E_INVALID with *whyp a constant sentence. */
int bridge_check_meta(const json_t *params, const char **whyp);
/* Borrowed; NULL when it is not there. */
json_t *bridge_client_info(const json_t *params);
json_t *bridge_client_capabilities(const json_t *params);
/* As method_log_level() counts, -1: none is wanted. */
int bridge_log_level(const json_t *params);

/* Sets it in params: for a stateless upstream. client_info may be NULL, log_level -1; capabilities
 * are those of the client, of whatever revision, and may be NULL. What else is in _meta stays. 0,
 * -ENOMEM. */
int bridge_set_meta(json_t *params, era_revision revision, const json_t *client_info,
                    const json_t *capabilities, int log_level);
/* A copy of the capabilities of a client of one era (may be NULL) for a server of another: without
 * what is beyond the core, of which nothing is known there, and without tasks, which are not the
 * same in both. NULL: out of memory. */
json_t *bridge_capabilities_across(const json_t *capabilities);
/* Those of a client for a server of its own era, a new reference: without extensions that are a
 * matter between the client and us. NULL: there were none, or out of memory. */
json_t *bridge_capabilities_along(json_t *capabilities);
/* Adds the extensions and experimental capabilities of a server to those that a client of its own
 * era is told of; the settings of several servers are put together, the first's win. 0, -ENOMEM. */
int bridge_add_extensions(json_t *capabilities, const json_t *theirs, bool is_stateless);
/* The extension io.modelcontextprotocol/tasks: is it among these capabilities? These capabilities
 * with it alone. */
bool bridge_has_tasks(const json_t *capabilities);
json_t *bridge_tasks_capability(void);
/* Is a result a task instead of what was asked for? */
bool bridge_is_task(const json_t *result);
/* A copy of params (may be NULL) for an upstream with a session: without what only the stateless
 * era has. NULL: out of memory. */
json_t *bridge_strip(const json_t *params);

/* ---- answers ---- */

/* Turns the answer of an upstream of any revision, or our own, into one for a stateless client:
 * resultType, ttlMs (ttl_ms unless it has one) and cacheScope where they belong, server_info (may
 * be NULL) in _meta, codes of errors. params: the client's, which say what it can do. The answer's
 * own members are changed, what lies deeper is copied. 0, -ENOMEM. */
int bridge_finish(const char *method, const json_t *params, json_t *answer,
                  const json_t *server_info, int64_t ttl_ms);
/* What a result of an upstream with a session lacks of that, as the text of its first members with
 * a comma behind: for results that are not held as a whole. */
const char *bridge_lacking_members(const char *method);
/* The same for a session client of that revision; is_stateless: the upstream keeps none.
 * Content that the revision does not know becomes some that it knows. */
int bridge_finish_session(era_revision client, const char *method, json_t *answer,
                          bool is_stateless);
/* The result of initialize that says what a stateless upstream's server/discover says. NULL: out of
 * memory. Its capabilities are as the server said them (shape_mend_init_result()). */
json_t *bridge_init_result_of_discover(const json_t *discover, era_revision revision);

/* ---- what servers ask clients for ---- */

/* Has a client with these capabilities (may be NULL) declared what the request needs? Takes input
 * requests as well. */
bool bridge_can_ask(const json_t *capabilities, const json_t *request);
/* The same of the client of a stateless request. */
bool bridge_client_can(const json_t *params, const json_t *request);
/* The capabilities that it needs, as data.requiredCapabilities of RPC_MISSING_CAPABILITY has them.
 */
json_t *bridge_required_capabilities(const json_t *request);

/* Is what a client gives with a retry, if it is one, well-formed? 0, BRIDGE_E_INVALID with *whyp a
 * constant sentence. */
int bridge_check_input(const json_t *params, const char **whyp);
/* The input request for a request of an upstream with a session. NULL: out of memory. */
json_t *bridge_input_request(const json_t *request);
/* The request for a session client of that revision that stands for an input request, or for a
 * request of an upstream with a session. 0: *requestp with that id, owned by the caller.
 * BRIDGE_E_CANNOT with *whyp a constant sentence; -ENOMEM. */
int bridge_request_for_session(era_revision client, json_t *id, const json_t *input_request,
                               json_t **requestp, const char **whyp);

/* The reply to an upstream with a session that an input response stands for. NULL: it is no
 * response to that input request (ask again), or out of memory. */
json_t *bridge_reply(json_t *id, const json_t *input_request, const json_t *response);
/* The input response that a session client's reply stands for: a result, or an error that means
 * "no" to an elicitation. NULL: it is another error, which ends the call; or out of memory. */
json_t *bridge_input_response(const json_t *input_request, const json_t *reply);

/* Is a stateless upstream's result of a type that we know? One without a type is complete. */
bool bridge_is_known(const json_t *result);
/* Is this an error (may be NULL) that only stateless servers give? */
bool bridge_is_stateless_error(const json_t *error);
/* Is a stateless upstream's result none yet? Then these are its input requests by their keys,
 * borrowed; NULL: it only wants to be called again. */
bool bridge_is_input_required(const json_t *result);
json_t *bridge_input_requests(const json_t *result);
/* Is such a result well-formed? 0, BRIDGE_E_INVALID with *whyp a constant sentence. */
int bridge_check_input_required(const json_t *result, const char **whyp);
/* What a client with these capabilities (may be NULL) has not declared and such a result needs,
 * owned by the caller. NULL: nothing; or out of memory. */
json_t *bridge_lacking_capabilities(const json_t *result, const json_t *capabilities);
/* May the text that begins so be such a result? Complete ones with members called like its own are
 * taken for one too. */
bool bridge_text_may_ask(struct str head);
/* The params of the retry, from those of the call (may be NULL) and such a result. NULL: out of
 * memory. */
json_t *bridge_retry(const json_t *params, const json_t *result, const json_t *responses);

/* ---- subscriptions/listen ---- */

/* 0, BRIDGE_E_INVALID with *whyp a constant sentence. */
int bridge_check_listen(const json_t *params, const char **whyp);
/* The filter with its lists of names as objects, for bridge_filter_takes(): however many there are,
 * one is found at once. NULL: out of memory. */
json_t *bridge_filter_index(const json_t *filter);
/* Does a filter, as bridge_filter_index() makes it, ask for this notification? */
bool bridge_filter_takes(const json_t *filter, const json_t *msg);
/* What of a filter asks for changes of lists. */
json_t *bridge_filter_of_changes(const json_t *asked);
/* The filter that asks an upstream with these capabilities for all changes of lists, and for the
 * resources and tasks (arrays of URIs and ids; may be NULL). NULL: out of memory. */
json_t *bridge_filter_for_upstream(const json_t *capabilities, json_t *uris, json_t *tasks);
/* The id of the subscription in a notification's params, borrowed; NULL: it has none. */
json_t *bridge_tag(const json_t *params);
/* A copy with the id of the subscription; without it. NULL: out of memory. */
json_t *bridge_tag_notification(const json_t *msg, json_t *id);
json_t *bridge_untag_notification(const json_t *msg);
/* The result that ends a subscription with grace. NULL: out of memory. */
json_t *bridge_listen_result(json_t *id);
