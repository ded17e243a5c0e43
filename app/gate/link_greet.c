/* Which era a link's server is spoken to in: its client's, where the server knows that one, else
 * the other (versioning, "Backward Compatibility"). What is found is kept with the upstream. */
#include "link_inside.h"
#include "mgw/base/log.h"
#include "mgw/mcp/bridge.h"
#include "mgw/mcp/era.h"

#include <stdio.h>

/* A server of which that is not known has this part of the time for an opening to understand
 * server/discover. */
#define PROBE_PART 4
/* So often may a server send us from one era to the other within one opening. */
#define TURNS_MAX 2

int64_t link_patience_ms(const struct link *link)
{
        const struct upstream *u = link->upstream;

        return link->transport->is_own ? u->server->start_timeout_ms
                                       : u->gate->config->upstream_open_timeout_ms;
}

static int64_t link_probe_patience_ms(const struct link *link)
{
        return link->upstream->gate->config->upstream_open_timeout_ms / PROBE_PART;
}

/* May it be tried at all? What was found out only says which comes first. */
static bool link_may_speak(const struct link *link, bool is_stateless)
{
        enum config_era era = link->upstream->server->era;

        if (is_stateless)
                return link->transport->knows_stateless && era != CONFIG_ERA_SESSION;
        return era != CONFIG_ERA_STATELESS || !link->transport->knows_stateless;
}

static bool link_is_doubtful(const struct link *link, bool is_stateless)
{
        return link_may_speak(link, !is_stateless) &&
               link->upstream->speaks[is_stateless] == UPSTREAM_MAY_SPEAK;
}

static bool link_first_is_stateless(const struct link *link)
{
        bool is_clients = link->session->kind == SESSION_STANDING;

        if (!link_may_speak(link, is_clients))
                return !is_clients;
        if (link->upstream->speaks[is_clients] == UPSTREAM_SPEAKS_NOT &&
            link_may_speak(link, !is_clients))
                return !is_clients;
        return is_clients;
}

static void link_greet_as(struct link *link, bool is_stateless)
{
        enum exchange_kind kind = is_stateless ? EXCHANGE_DISCOVER : EXCHANGE_INITIALIZE;
        const char *method = is_stateless ? "server/discover" : "initialize";
        json_t *params = is_stateless ? json_object() : json_incref(link->init_params);
        int64_t patience_ms = link_patience_ms(link);
        struct exchange *x = exchange_new(
                link, kind, rpc_request_take(json_integer(++link->last_id), method, params));

        link->is_stateless = is_stateless;
        if (is_stateless && link_is_doubtful(link, true)) {
                link->is_probing = true;
                patience_ms = link_probe_patience_ms(link);
        } else if (link->is_probing) {
                patience_ms -= link_probe_patience_ms(link);
        }
        timer_arm(link_loop(link), &link->deadline, patience_ms > 0 ? patience_ms : 1);
        if (x == NULL) {
                link_open_failed(link, "out of memory");
                return;
        }
        x->id = link->last_id;
        exchange_start(x);
}

void link_greet(struct link *link)
{
        link->n_turns = 0;
        link->is_probing = false;
        link_greet_as(link, link_first_is_stateless(link));
}

/* The server has said that it is of the other era. */
static void link_turn(struct link *link)
{
        if (link->n_turns++ < TURNS_MAX)
                link_greet_as(link, !link->is_stateless);
        else
                link_open_failed(link, "sends us back and forth between protocol versions");
}

/* The other is on its way already. */
static bool greeting_is_late(const struct exchange *x)
{
        return (x->kind == EXCHANGE_DISCOVER) != x->owner->is_stateless;
}

bool link_greets_otherwise(struct exchange *x)
{
        struct link *link = x->owner;
        bool was_stateless = x->kind == EXCHANGE_DISCOVER;

        if (greeting_is_late(x)) {
                exchange_end(x);
                return true;
        }
        if (link->n_turns > 0 || !link_may_speak(link, !was_stateless))
                return false;
        exchange_end(x);
        link_turn(link);
        return true;
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

        if (x == NULL || !link->is_stateless || !link->is_probing || link->n_turns > 0)
                return false;
        if (upstream_may_log(link->upstream))
                log_info(NULL, "[upstream] %s: no answer to server/discover: asked to initialize",
                         upstream_name(link->upstream));
        /* Over a pipe the answer of a server that starts slowly comes before that to initialize. */
        if (!link->transport->is_own)
                exchange_end(x);
        link_turn(link);
        return true;
}

bool link_opens_anew(struct link *link, const char *why)
{
        if (link->state != LINK_OPENING || !link->is_probing || !link->transport->is_own)
                return false; /* server/discover is not why */
        if (upstream_may_log(link->upstream))
                log_info(NULL, "[upstream] %s: %s: started again without server/discover",
                         upstream_name(link->upstream), why);
        link->upstream->speaks[1] = UPSTREAM_SPEAKS_NOT;
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
        bool is_of_era = is_spoken && era_is_stateless(revision);
        json_t *hello;

        if ((!json_is_array(versions) || (is_spoken && !is_of_era)) && link_greets_otherwise(x))
                return;
        hello = is_of_era ? bridge_hello_of_discover(result, revision) : NULL;
        link_end_greetings(link);
        if (hello != NULL) {
                link->is_stateless = true;
                link_on_hello(link, hello);
        } else {
                link_open_failed(link, is_of_era ? "out of memory"
                                                 : "speaks no protocol version that mgw does");
        }
        json_decref(hello);
}

/* Only servers that know the stateless era give such errors. Does it point to the other than that
 * which has just been tried? */
static bool points_to_other(const struct exchange *x, const json_t *error)
{
        const json_t *versions = json_object_get(json_object_get(error, "data"), "supported");
        bool was_stateless = x->kind == EXCHANGE_DISCOVER;
        era_revision revision;

        if (versions == NULL)
                return !was_stateless;
        return era_choose(versions, &revision) == 0 && era_is_stateless(revision) != was_stateless;
}

static void link_on_stateless_error(struct exchange *x, const struct failure *failure,
                                    const json_t *error)
{
        struct link *link = x->owner;
        bool turns = points_to_other(x, error) && link_may_speak(link, !link->is_stateless);

        exchange_end(x);
        if (turns)
                link_turn(link);
        else
                link_open_failed_as(link, failure);
}

static void link_on_greeting_refused(struct exchange *x, const json_t *error)
{
        struct link *link = x->owner;
        /* What it says may be of this user, and the link a host of several. */
        const struct failure failure = {
                .why = x->kind == EXCHANGE_DISCOVER ? "has refused server/discover"
                                                    : "has refused initialize",
                .detail = json_string_value(json_object_get(error, "message")),
                .fault = FAULT_FINAL,
        };

        if (!greeting_is_late(x) && bridge_is_stateless_error(error)) {
                link_on_stateless_error(x, &failure, error);
        } else if (!link_greets_otherwise(x)) {
                exchange_end(x);
                link_open_failed_as(link, &failure);
        }
}

void link_on_greeting_answer(struct exchange *x, const struct rpc_msg *m)
{
        struct link *link = x->owner;
        json_t *root = json_incref(m->root); /* the exchange's end may free it */

        if (m->kind != RPC_RESULT || !json_is_object(m->result)) {
                link_on_greeting_refused(x, m->error);
        } else if (x->kind == EXCHANGE_DISCOVER) {
                link_on_discovered(x, m->result);
        } else {
                link->is_stateless = false;
                link_end_greetings(link);
                link_on_hello(link, m->result);
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
