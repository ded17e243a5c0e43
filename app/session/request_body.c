/* A call that may go on as it came is looked at first, all else is read. The text is freed before
 * the values are used. */
#include "mgw/session/request_body.h"

#include "mgw/core/share.h"
#include "mgw/mcp/trace.h"
#include "mgw/session/refuse.h"
#include "mgw/wire/rpc.h"
#include "mgw/wire/rpc_glance.h"
#include "mgw/wire/rpc_peek.h"

/* In one body of a client, with the names of members. */
#define CLIENT_VALUES_MAX 100000

/* What has been read of it goes at once: the values are kept by who needs them. */
static void forget_body(struct request *req)
{
        buf_finish(&req->in->body);
        ledger_hold_set_past(&req->in->hold, 0);
}

static void refuse_body(struct request *req, int outcome, json_t *id, const char *why)
{
        switch (outcome) {
        case RPC_E_BIG:
                refuse_message(req, 413, id, RPC_INVALID_REQUEST, why, NULL);
                break;
        case RPC_E_PAYER:
        case RPC_E_WHOLE:
                refuse_memory(req, id, outcome);
                break;
        default:
                refuse_message(req, 400, id, RPC_PARSE_ERROR, why, NULL);
        }
}

json_t *request_body_glance(struct request *req)
{
        json_t *root = rpc_glance_call(buf_bytes(&req->in->body), CLIENT_VALUES_MAX);

        if (root != NULL)
                forget_body(req);
        return root;
}

/* Without memory it is missing, and no more. */
static void adopt_trace(const struct request *req, json_t *root)
{
        const struct mirror_headers headers = mirror_headers_of(&req->in->params);
        json_t *message;
        size_t i;

        (void)trace_adopt(root, &headers);
        json_array_foreach (root, i, message)
                (void)trace_adopt(message, &headers);
}

json_t *request_body_json(struct request *req)
{
        struct ledger_hold hold;
        const struct rpc_bounds bounds = {CLIENT_VALUES_MAX, &hold};
        struct rpc_peek peek = {.id = NULL};
        json_t *root;
        char why[160];
        int r;

        ledger_hold_init(&hold, &req->share->memory, LEDGER_CALL);
        r = rpc_parse(buf_bytes(&req->in->body), &bounds, &root, why, sizeof(why));
        if (r != 0)
                rpc_peek(buf_bytes(&req->in->body), &peek);
        forget_body(req);
        ledger_hold_set_past(&hold, 0);
        if (r == 0) {
                adopt_trace(req, root);
                return root;
        }
        refuse_body(req, r, peek.id, why);
        json_decref(peek.id);
        return NULL;
}
