/* Which era an upstream session's server is spoken to in: its client's, where the server knows that
 * one, else the other (versioning, "Backward Compatibility"). What is found is kept with the
 * upstream. */
#include "mgw/base/log.h"
#include "mgw/config/config.h"
#include "mgw/mcp/bridge.h"
#include "mgw/mcp/era.h"
#include "upstream_inside.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* A server of which that is not known has this part of the time for an opening to understand
 * server/discover. */
#define PROBE_PART 4
/* So often may a server send us from one era to the other within one opening. */
#define TURNS_MAX 2

int64_t upstream_session_patience_ms(const struct upstream_session *us)
{
        const struct upstream *u = us->upstream;

        return us->transport->is_own ? u->server->start_timeout_ms
                                     : u->context->config->upstream_open_timeout_ms;
}

static int64_t upstream_session_probe_patience_ms(const struct upstream_session *us)
{
        return us->upstream->context->config->upstream_open_timeout_ms / PROBE_PART;
}

/* May it be tried at all? What was found out only says which comes first. */
static bool upstream_session_may_speak(const struct upstream_session *us, bool is_stateless)
{
        enum config_era era = us->upstream->server->era;

        if (is_stateless)
                return us->transport->knows_stateless && era != CONFIG_ERA_SESSION;
        return era != CONFIG_ERA_STATELESS || !us->transport->knows_stateless;
}

static bool upstream_session_is_doubtful(const struct upstream_session *us, bool is_stateless)
{
        return upstream_session_may_speak(us, !is_stateless) &&
               us->upstream->speaks[is_stateless] == UPSTREAM_MAY_SPEAK;
}

static bool upstream_session_first_is_stateless(const struct upstream_session *us)
{
        bool is_clients = us->client->kind == UPSTREAM_CLIENT_STANDING;

        if (!upstream_session_may_speak(us, is_clients))
                return !is_clients;
        if (us->upstream->speaks[is_clients] == UPSTREAM_SPEAKS_NOT &&
            upstream_session_may_speak(us, !is_clients))
                return !is_clients;
        return is_clients;
}

static void upstream_session_handshake_as(struct upstream_session *us, bool is_stateless)
{
        enum pending_request_kind kind =
                is_stateless ? PENDING_REQUEST_DISCOVER : PENDING_REQUEST_INITIALIZE;
        const char *method = is_stateless ? "server/discover" : "initialize";
        json_t *params = is_stateless ? json_object() : json_incref(us->init_params);
        int64_t patience_ms = upstream_session_patience_ms(us);
        struct pending_request *pending = pending_request_new(
                us, kind, rpc_request_take(json_integer(++us->last_id), method, params));

        assert(us->state == UPSTREAM_SESSION_OPENING);
        us->is_stateless = is_stateless;
        if (is_stateless && upstream_session_is_doubtful(us, true)) {
                us->is_probing = true;
                patience_ms = upstream_session_probe_patience_ms(us);
        } else if (us->is_probing) {
                patience_ms -= upstream_session_probe_patience_ms(us);
        }
        timer_arm(upstream_session_loop(us), &us->deadline, patience_ms > 0 ? patience_ms : 1);
        pending->id = us->last_id;
        pending_request_start(pending);
}

void upstream_session_handshake(struct upstream_session *us)
{
        us->n_turns = 0;
        us->is_probing = false;
        upstream_session_handshake_as(us, upstream_session_first_is_stateless(us));
}

/* The server has said that it is of the other era. */
static void upstream_session_turn(struct upstream_session *us)
{
        if (us->n_turns++ < TURNS_MAX)
                upstream_session_handshake_as(us, !us->is_stateless);
        else
                upstream_session_open_failed(us,
                                             "sends us back and forth between protocol versions");
}

/* The other is on its way already. */
static bool greeting_is_late(const struct pending_request *pending)
{
        return (pending->kind == PENDING_REQUEST_DISCOVER) != pending->owner->is_stateless;
}

bool upstream_session_handshake_otherwise(struct pending_request *pending)
{
        struct upstream_session *us = pending->owner;
        bool was_stateless = pending->kind == PENDING_REQUEST_DISCOVER;

        if (greeting_is_late(pending)) {
                pending_request_end(pending);
                return true;
        }
        if (us->n_turns > 0 || !upstream_session_may_speak(us, !was_stateless))
                return false;
        pending_request_end(pending);
        upstream_session_turn(us);
        return true;
}

/* While it opens, little but the handshake has been sent. */
static struct pending_request *upstream_session_find_opening(const struct upstream_session *us,
                                                             enum pending_request_kind kind)
{
        list_for_each (it, &us->sent) {
                struct pending_request *pending = container_of(it, struct pending_request, node);

                if (pending->kind == kind)
                        return pending;
        }
        return NULL;
}

/* Else initialize is what it does not answer, or it is known to be of the stateless era. */
bool upstream_session_probe_is_over(struct upstream_session *us)
{
        struct pending_request *pending =
                upstream_session_find_opening(us, PENDING_REQUEST_DISCOVER);

        if (pending == NULL || !us->is_stateless || !us->is_probing || us->n_turns > 0)
                return false;
        if (upstream_may_log(us->upstream))
                log_info(NULL, "[upstream] %s: no answer to server/discover: asked to initialize",
                         upstream_name(us->upstream));
        /* Over a pipe the answer of a server that starts slowly comes before that to initialize. */
        if (!us->transport->is_own)
                pending_request_end(pending);
        upstream_session_turn(us);
        return true;
}

bool upstream_session_opens_anew(struct upstream_session *us, const char *why)
{
        if (us->state != UPSTREAM_SESSION_OPENING || !us->is_probing || !us->transport->is_own)
                return false; /* server/discover is not why */
        if (upstream_may_log(us->upstream))
                log_info(NULL, "[upstream] %s: %s: started again without server/discover",
                         upstream_name(us->upstream), why);
        us->upstream->speaks[1] = UPSTREAM_SPEAKS_NOT;
        upstream_session_begin(us);
        return true;
}

void upstream_session_end_handshakes(struct upstream_session *us)
{
        list_for_each_safe (it, &us->sent) {
                struct pending_request *pending = container_of(it, struct pending_request, node);

                if (pending_request_is_handshake(pending))
                        pending_request_end(pending);
        }
}

/* The result of server/discover. */
static void upstream_session_on_discovered(struct pending_request *pending, const json_t *result)
{
        struct upstream_session *us = pending->owner;
        const json_t *versions = json_object_get(result, "supportedVersions");
        era_revision revision;
        bool is_spoken = era_choose(versions, &revision) == 0;
        bool is_of_era = is_spoken && era_is_stateless(revision);
        json_t *init_result;

        if ((!json_is_array(versions) || (is_spoken && !is_of_era)) &&
            upstream_session_handshake_otherwise(pending))
                return;
        init_result = is_of_era ? bridge_init_result_of_discover(result, revision) : NULL;
        upstream_session_end_handshakes(us);
        if (init_result != NULL) {
                us->is_stateless = true;
                upstream_session_on_init_result(us, init_result);
        } else {
                upstream_session_open_failed(
                        us,
                        is_of_era ? "out of memory" : "speaks no protocol version that mgw does");
        }
        json_decref(init_result);
}

/* Only servers that know the stateless era give such errors. Does it point to the other than that
 * which has just been tried? */
static bool points_to_other(const struct pending_request *pending, const json_t *error)
{
        const json_t *versions = json_object_get(json_object_get(error, "data"), "supported");
        bool was_stateless = pending->kind == PENDING_REQUEST_DISCOVER;
        era_revision revision;

        if (versions == NULL)
                return !was_stateless;
        return era_choose(versions, &revision) == 0 && era_is_stateless(revision) != was_stateless;
}

static void upstream_session_on_stateless_error(struct pending_request *pending,
                                                const struct failure *failure, const json_t *error)
{
        struct upstream_session *us = pending->owner;
        bool turns = points_to_other(pending, error) &&
                     upstream_session_may_speak(us, !us->is_stateless);

        pending_request_end(pending);
        if (turns)
                upstream_session_turn(us);
        else
                upstream_session_open_failed_as(us, failure);
}

/* A server that refuses a version, where it should offer its own, names those that it speaks
 * (lifecycle, "Error Handling"). Is there another one to ask for, of those that keep sessions? */
static bool names_another_version(const struct upstream_session *us, const json_t *error,
                                  era_revision *revisionp)
{
        const json_t *versions = json_object_get(json_object_get(error, "data"), "supported");
        const char *asked = json_string_value(json_object_get(us->init_params, "protocolVersion"));

        return era_choose(versions, revisionp) == 0 && !era_is_stateless(*revisionp) &&
               asked != NULL && strcmp(asked, era_revision_name(*revisionp)) != 0;
}

static bool upstream_session_asks_older(struct pending_request *pending, const json_t *error)
{
        struct upstream_session *us = pending->owner;
        json_t *params;
        era_revision revision;

        if (pending->kind != PENDING_REQUEST_INITIALIZE || us->n_turns >= TURNS_MAX ||
            !names_another_version(us, error, &revision))
                return false;
        us->n_turns++;
        params = json_copy(us->init_params); /* others may share it */
        json_object_set_new(params, "protocolVersion", json_string(era_revision_name(revision)));
        json_decref(us->init_params);
        us->init_params = params;
        pending_request_end(pending);
        upstream_session_handshake_as(us, false);
        return true;
}

static void upstream_session_on_handshake_refused(struct pending_request *pending,
                                                  const json_t *error)
{
        struct upstream_session *us = pending->owner;
        /* What it says may be of this user, and the upstream session that of several. */
        const struct failure failure = {
                .why = pending->kind == PENDING_REQUEST_DISCOVER ? "has refused server/discover"
                                                                 : "has refused initialize",
                .detail = json_string_value(json_object_get(error, "message")),
                .fault = FAULT_FINAL,
        };

        if (!greeting_is_late(pending) && upstream_session_asks_older(pending, error))
                return;
        if (!greeting_is_late(pending) && bridge_is_stateless_error(error)) {
                upstream_session_on_stateless_error(pending, &failure, error);
        } else if (!upstream_session_handshake_otherwise(pending)) {
                pending_request_end(pending);
                upstream_session_open_failed_as(us, &failure);
        }
}

void upstream_session_on_handshake_answer(struct pending_request *pending, const struct rpc_msg *m)
{
        struct upstream_session *us = pending->owner;
        json_t *root = json_incref(m->root); /* the pending request's end may free it */

        if (m->kind != RPC_RESULT || !json_is_object(m->result)) {
                upstream_session_on_handshake_refused(pending, m->error);
        } else if (pending->kind == PENDING_REQUEST_DISCOVER) {
                upstream_session_on_discovered(pending, m->result);
        } else {
                us->is_stateless = false;
                upstream_session_end_handshakes(us);
                upstream_session_on_init_result(us, m->result);
        }
        json_decref(root);
}

bool upstream_session_takes_refusal(struct pending_request *pending, struct str text)
{
        struct rpc_msg m;
        json_t *root = upstream_session_read_refusal(text, &m);
        era_revision other;
        bool takes = root != NULL && (bridge_is_stateless_error(m.error) ||
                                      (pending->kind == PENDING_REQUEST_INITIALIZE &&
                                       names_another_version(pending->owner, m.error, &other)));

        if (takes)
                upstream_session_on_handshake_answer(pending, &m);
        json_decref(root);
        return takes;
}
