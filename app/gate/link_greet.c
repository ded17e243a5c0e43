/* Which era a server is of, found out by server/discover; what is not understood is asked to
 * initialize (versioning, "Backward Compatibility"). What was found is kept with the upstream. */
#include "link_inside.h"
#include "mgw/base/log.h"
#include "mgw/mcp/bridge.h"
#include "mgw/mcp/era.h"

#include <stdio.h>

/* A server that is not known yet has this part of the time for an opening to understand
 * server/discover. */
#define PROBE_PART 4
/* So often may a server send us from one era to the other within one opening. */
#define TURNS_MAX 2

static void link_greet_take(struct link *link, enum exchange_kind kind, const char *method,
                            json_t *params, int64_t patience_ms)
{
        struct exchange *x = exchange_new(
                link, kind, rpc_request_take(json_integer(++link->last_id), method, params));

        timer_arm(link_loop(link), &link->deadline, patience_ms);
        if (x == NULL) {
                link_open_failed(link, "out of memory");
                return;
        }
        x->id = link->last_id;
        exchange_start(x);
}

static void link_discover(struct link *link)
{
        int64_t patience_ms = link->upstream->gate->config->upstream_open_timeout_ms;

        link->is_stateless = true;
        link_greet_take(link, EXCHANGE_DISCOVER, "server/discover", json_object(),
                        link->is_probing ? patience_ms / PROBE_PART : patience_ms);
}

static void link_initialize(struct link *link)
{
        link->is_stateless = false;
        link_greet_take(link, EXCHANGE_INITIALIZE, "initialize", json_incref(link->init_params),
                        link->upstream->gate->config->upstream_open_timeout_ms);
}

void link_greet(struct link *link)
{
        enum upstream_era era =
                link->transport->knows_stateless ? link->upstream->era : UPSTREAM_KEEPS_SESSIONS;

        link->n_turns = 0;
        link->is_probing = era == UPSTREAM_UNKNOWN;
        if (era == UPSTREAM_KEEPS_SESSIONS)
                link_initialize(link);
        else
                link_discover(link);
}

static bool link_may_turn(struct link *link)
{
        if (link->n_turns++ < TURNS_MAX)
                return true;
        link_open_failed(link, "sends us back and forth between protocol versions");
        return false;
}

static void link_turn_to_sessions(struct link *link)
{
        link->is_probing = true;
        link->upstream->era = UPSTREAM_UNKNOWN;
        if (link_may_turn(link))
                link_initialize(link);
}

void link_not_discovered(struct exchange *x)
{
        struct link *link = x->owner;
        bool was_late = !link->is_stateless; /* initialize is on its way */

        exchange_end(x);
        if (!was_late)
                link_turn_to_sessions(link);
}

/* While it opens, little but the greetings has been sent. */
static struct exchange *link_find_opening(const struct link *link, enum exchange_kind kind)
{
        list_for_each (it, &link->exchanges) {
                struct exchange *x = container_of(it, struct exchange, link);

                if (x->kind == kind)
                        return x;
        }
        return NULL;
}

/* Else initialize is what it does not answer, or it is known to be of era C. */
bool link_probe_is_over(struct link *link)
{
        struct exchange *x = link_find_opening(link, EXCHANGE_DISCOVER);

        if (x == NULL || !link->is_stateless || !link->is_probing)
                return false;
        if (upstream_may_log(link->upstream))
                log_info(NULL, "[upstream] %s: no answer to server/discover: asked to initialize",
                         upstream_name(link->upstream));
        /* Over a pipe the answer of a server that starts slowly comes before that to initialize. */
        if (!link->transport->is_own)
                exchange_end(x);
        link_turn_to_sessions(link);
        return true;
}

bool link_opens_anew(struct link *link, const char *why)
{
        if (link->state != LINK_OPENING || !link->is_probing || !link->transport->is_own)
                return false;
        if (upstream_may_log(link->upstream))
                log_info(NULL, "[upstream] %s: %s: started again without server/discover",
                         upstream_name(link->upstream), why);
        link->upstream->era = UPSTREAM_KEEPS_SESSIONS;
        link_begin(link);
        return true;
}

void link_end_greetings(struct link *link)
{
        list_for_each_safe (it, &link->exchanges) {
                struct exchange *x = container_of(it, struct exchange, link);

                if (exchange_greets(x))
                        exchange_end(x);
        }
}

/* The result of server/discover. */
static void link_on_discovered(struct exchange *x, const json_t *result)
{
        struct link *link = x->owner;
        const json_t *versions = json_object_get(result, "supportedVersions");
        era_revision revision;
        bool is_spoken = era_choose(versions, &revision) == 0;
        json_t *hello;

        if (!json_is_array(versions) || (is_spoken && !era_is_stateless(revision))) {
                link_not_discovered(x);
                return;
        }
        hello = is_spoken ? bridge_hello_of_discover(result, revision) : NULL;
        link_end_greetings(link);
        if (hello != NULL) {
                link->is_stateless = true;
                link_on_hello(link, hello);
        } else {
                link_open_failed(link, is_spoken ? "says nothing of its capabilities"
                                                 : "speaks no protocol version that mgw does");
        }
        json_decref(hello);
}

/* Which era does a refusal by a server of the stateless era point to? */
static enum upstream_era era_of_refusal(const struct exchange *x, const json_t *error)
{
        const json_t *versions = json_object_get(json_object_get(error, "data"), "supported");
        bool was_discover = x->kind == EXCHANGE_DISCOVER;
        enum upstream_era era = UPSTREAM_STATELESS;
        era_revision revision;

        if (versions != NULL && era_choose(versions, &revision) < 0)
                return UPSTREAM_UNKNOWN;
        if (versions != NULL && !era_is_stateless(revision))
                era = UPSTREAM_KEEPS_SESSIONS;
        /* what it names has just been tried */
        return was_discover == (era == UPSTREAM_STATELESS) ? UPSTREAM_UNKNOWN : era;
}

/* Only servers of the stateless era give such errors. */
static void link_on_stateless_error(struct exchange *x, const json_t *error)
{
        struct link *link = x->owner;
        enum upstream_era era = era_of_refusal(x, error);
        /* What it says may be of this user, and the link a host of several. */
        const struct failure failure = {
                .why = x->kind == EXCHANGE_DISCOVER ? "has refused server/discover"
                                                    : "has refused initialize",
                .detail = json_string_value(json_object_get(error, "message")),
                .fault = FAULT_FINAL,
        };

        exchange_end(x);
        if (era == UPSTREAM_KEEPS_SESSIONS)
                link_turn_to_sessions(link);
        else if (era == UPSTREAM_UNKNOWN || !link->transport->knows_stateless)
                link_open_failed_as(link, &failure);
        else if (link_may_turn(link))
                link_discover(link);
}

void link_on_greeting_answer(struct exchange *x, const struct rpc_msg *m)
{
        struct link *link = x->owner;
        bool is_stateless_error = m->kind == RPC_ERROR && bridge_is_stateless_error(m->error);
        json_t *root = json_incref(m->root); /* the exchange's end may free it */

        if (is_stateless_error) {
                link_on_stateless_error(x, m->error);
        } else if (x->kind == EXCHANGE_DISCOVER) {
                if (m->kind == RPC_RESULT)
                        link_on_discovered(x, m->result);
                else
                        link_not_discovered(x);
        } else {
                link_end_greetings(link);
                if (m->kind == RPC_RESULT && json_is_object(m->result))
                        link_on_hello(link, m->result);
                else
                        link_open_failed_as(
                                link,
                                &(const struct failure){.why = "refused to initialize",
                                                        .detail = json_string_value(json_object_get(
                                                                m->error, "message")),
                                                        .fault = FAULT_FINAL});
        }
        json_decref(root);
}

bool link_takes_refusal(struct exchange *x, struct str text)
{
        struct rpc_msg m;
        json_t *root = link_read_refusal(text, &m);
        bool takes = root != NULL && bridge_is_stateless_error(m.error);

        if (takes)
                link_on_greeting_answer(x, &m);
        json_decref(root);
        return takes;
}
