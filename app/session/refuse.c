/* A refusal answers each request that was read, with its id; what was not read has none. */
#include "mgw/session/refuse.h"

#include "mgw/core/share.h"
#include "mgw/mcp/era.h"
#include "mgw/wire/rpc.h"

#include <stdio.h>
#include <stdlib.h>

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

void refuse_memory(struct request *req, json_t *id, int outcome)
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
