/* What comes from an upstream, as texts: read as leniently as docs/quirks.md says. An answer that
 * cannot be read ends its request. */
#include "mgw/wire/rpc_glance.h"
#include "mgw/wire/rpc_peek.h"
#include "upstream_inside.h"

#include <string.h>

/* In one message of an upstream, with the names of members. */
#define UPSTREAM_VALUES_MAX 1000000
/* What a buffer takes for an answer that may still be relayed is never refused. */
#define GATHERED_FREE_BYTES ((size_t)2 * RELAY_MIN_BYTES)

void upstream_session_hold_init(struct ledger_hold *hold, const struct upstream_session *us)
{
        ledger_hold_init(hold, &us->upstream->memory, LEDGER_MESSAGE);
}

bool upstream_session_has_room(struct ledger_hold *hold, size_t n)
{
        if (n > GATHERED_FREE_BYTES)
                return ledger_hold_set(hold, n) == 0;
        ledger_hold_set_past(hold, n);
        return true;
}

/* Ends what it can only be the answer of; who has asked us something is told. */
static void upstream_session_on_unreadable(struct upstream_session *us, struct pending_request *via,
                                           struct str text, const char *fault)
{
        struct pending_request *pending = NULL;
        struct rpc_peek peek;

        rpc_peek(text, &peek);
        if (peek.has_answer && !peek.has_method)
                pending = upstream_session_whose(us, via, peek.id);
        if (pending != NULL)
                pending_request_unreadable(pending, fault);
        else
                upstream_session_skip(us, fault);
        if (peek.has_method && peek.id != NULL)
                upstream_session_send_take(us,
                                           rpc_error_take(peek.id, RPC_PARSE_ERROR, fault, NULL));
        json_decref(peek.id);
}

/* An answer that goes on as it came: to a call of a client that keeps a session, by a server that
 * keeps one. NULL: it is none. */
static json_t *upstream_session_glance(struct upstream_session *us, struct str text)
{
        json_t *root = us->is_stateless ? NULL : rpc_glance_result(text, UPSTREAM_VALUES_MAX);
        const struct pending_request *pending =
                root != NULL ? pending_request_find(us, json_object_get(root, "id")) : NULL;
        const struct upstream_call *call = pending_request_call(pending);

        if (pending != NULL && call != NULL && !pending->is_stateless &&
            !upstream_call_is_stateless(call) &&
            strcmp(pending_request_method(pending), "tools/call") == 0)
                return root;
        json_decref(root);
        return NULL;
}

/* 0, or as rpc_parse(). */
static int upstream_session_read(struct upstream_session *us, struct pending_request *via,
                                 struct str text, bool is_found, char *why, size_t why_size)
{
        struct ledger_hold hold;
        const struct rpc_bounds bounds = {UPSTREAM_VALUES_MAX, &hold};
        json_t *root;
        int r;

        upstream_session_hold_init(&hold, us);
        root = !is_found && ledger_hold_set(&hold, text.n) == 0 ? upstream_session_glance(us, text)
                                                                : NULL;
        r = root == NULL ? rpc_parse(text, &bounds, &root, why, why_size) : 0;
        if (r != 0) {
                ledger_hold_set_past(&hold, 0);
                return r;
        }
        if (is_found)
                upstream_session_on_one(us, via, root, true);
        else
                upstream_session_on_message(us, via, root);
        json_decref(root);
        ledger_hold_set_past(&hold, 0);
        return 0;
}

/* Messages among other text, one behind the other, or of an array in which one is broken: as many
 * as a turn may bring. Walks the text twice. */
static void upstream_session_salvage(struct upstream_session *us, struct pending_request *via,
                                     struct str text, const char *fault)
{
        const struct upstream_session_moment then = upstream_session_now(us);
        const uint32_t spent = upstream_spent(us->upstream);
        struct str rest = text, found;
        bool is_any = false;
        char why[160];

        while (upstream_spent(us->upstream) - spent < HTTP_SOURCE_SPEND_MAX &&
               rpc_next_message(&rest, &found)) {
                struct pending_request *open =
                        via != NULL && pending_request_is_open(via) ? via : NULL;

                if (upstream_session_is_past(us, then))
                        return;
                is_any = true;
                upstream_spend(us->upstream);
                if (found.n == text.n)
                        upstream_session_on_unreadable(us, open, found, fault);
                else if (upstream_session_read(us, open, found, true, why, sizeof(why)) != 0)
                        upstream_session_on_unreadable(us, open, found, why);
        }
        if (!is_any)
                upstream_session_skip(us, fault);
}

void upstream_session_on_text(struct upstream_session *us, struct pending_request *via,
                              struct str text)
{
        char why[160];
        int r;

        upstream_spend(us->upstream);
        r = upstream_session_read(us, via, text, false, why, sizeof(why));
        if (r == RPC_E_JSON)
                upstream_session_salvage(us, via, text, why);
        else if (r != 0)
                upstream_session_on_unreadable(us, via, text, why);
}

void upstream_session_on_refusal(struct upstream_session *us, struct pending_request *via,
                                 struct str text)
{
        struct rpc_msg m;
        json_t *root = upstream_session_read_refusal(text, &m);

        /* "server-error" is Python's SDK's for a request that it has not read */
        if (root != NULL && json_is_string(m.id) && pending_request_find(us, m.id) == NULL)
                json_object_del(root, "id");
        if (root != NULL)
                upstream_session_on_one(us, via, root, false);
        json_decref(root);
}

void upstream_session_on_last_text(struct upstream_session *us, struct pending_request *via,
                                   struct str text)
{
        char why[160];

        (void)upstream_session_read(us, via, text, false, why, sizeof(why));
}
