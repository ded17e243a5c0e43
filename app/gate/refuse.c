#include "mgw/gate/refuse.h"

#include "mgw/gate/share.h"
#include "mgw/mcp/era.h"
#include "mgw/wire/rpc.h"
#include "mgw/wire/rpc_glance.h"
#include "mgw/wire/rpc_peek.h"

#include <stdio.h>
#include <stdlib.h>

/* In one body of a client, with the names of members. */
#define CLIENT_VALUES_MAX 100000

/* The same for each request of a batch. */
static json_t *errors_of_batch_take(const json_t *ids, int code, const char *why, json_t *data)
{
        json_t *errors = json_array(), *id;
        size_t i;

        json_array_foreach (ids, i, id)
                json_array_append_new(errors, rpc_error_take(id, code, why, json_incref(data)));
        json_decref(data);
        return errors;
}

static void refuse_with(struct request *req, unsigned status, const struct cgi_header *headers,
                        json_t *id, int code, const char *why, json_t *data_take)
{
        json_t *error = json_is_array(id) ? errors_of_batch_take(id, code, why, data_take)
                                          : rpc_error_take(id, code, why, data_take);
        struct str text;

        if (id == NULL)
                json_object_del(error, "id");
        if (error != NULL && rpc_dump(error, &text) == 0) {
                request_reply_json(req, status, headers, text);
                free((void *)text.p);
        } else {
                request_reply(req, 500, NULL, STR("Out of memory.\n"));
        }
        json_decref(error);
}

void refuse_message(struct request *req, unsigned status, json_t *id, int code, const char *why,
                    json_t *data_take)
{
        refuse_with(req, status, NULL, id, code, why, data_take);
}

static void refuse_later(struct request *req, unsigned status, json_t *id, const char *why)
{
        static const struct cgi_header headers[] = {{"Retry-After", "5"}, {0}};

        refuse_with(req, status, headers, id, -32000, why, NULL);
}

void refuse_busy(struct request *req, json_t *id, unsigned status)
{
        refuse_later(req, status, id,
                     status == 503 ? "the gateway is going down or full: try again soon"
                                   : "too many at once of this user: try again soon");
}

static void refuse_memory(struct request *req, json_t *id, int outcome)
{
        if (outcome == RPC_E_PAYER)
                refuse_later(req, 429, id,
                             "what this user has asked for takes as much memory as one may have "
                             "(memory_per_user_max_bytes): try again when some of it is answered");
        else
                refuse_later(req, 503, id,
                             "the gateway has no memory for new work now (memory_max_bytes): try "
                             "again soon");
}

void refuse_version(struct request *req, json_t *id, struct str asked)
{
        json_t *requested = json_stringn(asked.p, asked.n); /* NULL: it is not UTF-8 */
        json_t *data = json_pack("{s:o, s:o}", "supported", era_supported(), "requested",
                                 requested != NULL ? requested : json_null());

        refuse_message(req, 400, id, RPC_UNSUPPORTED_VERSION,
                       "This protocol version is not spoken here", data);
}

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

json_t *glance_at_body(struct request *req)
{
        json_t *root = rpc_glance_call(buf_bytes(&req->in->body), CLIENT_VALUES_MAX);

        if (root != NULL)
                forget_body(req);
        return root;
}

json_t *require_json_body(struct request *req)
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
        if (r == 0)
                return root;
        refuse_body(req, r, peek.id, why);
        json_decref(peek.id);
        return NULL;
}
