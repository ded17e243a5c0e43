#include "mgw/gate/refuse.h"

#include "mgw/mcp/era.h"
#include "mgw/wire/hdr.h"
#include "mgw/wire/rpc.h"

#include <stdlib.h>

void refuse_message(struct request *req, unsigned status, json_t *id, int code, const char *why,
                    json_t *data_take)
{
        json_t *error = rpc_error_take(id, code, why, data_take);
        struct str text;

        if (id == NULL)
                json_object_del(error, "id");
        if (error != NULL && rpc_dump(error, &text) == 0) {
                request_reply_json(req, status, NULL, text);
                free((void *)text.p);
        } else {
                request_reply(req, 500, NULL, STR("Out of memory.\n"));
        }
        json_decref(error);
}

void refuse_busy(struct request *req, unsigned status)
{
        static const struct cgi_header headers[] = {
                {"Content-Type", "text/plain"}, {"Retry-After", "5"}, {0}};

        request_reply(req, status, headers,
                      status == 503 ? STR("The gateway is going down or full; try again soon.\n")
                                    : STR("Too many at once; try again soon.\n"));
}

void refuse_version(struct request *req, json_t *id, struct str asked)
{
        json_t *requested = json_stringn(asked.p, asked.n); /* NULL: it is not UTF-8 */
        json_t *data = json_pack("{s:o, s:o}", "supported", era_supported(), "requested",
                                 requested != NULL ? requested : json_null());

        refuse_message(req, 400, id, RPC_UNSUPPORTED_VERSION,
                       "This protocol version is not spoken here", data);
}

json_t *require_json_body(struct request *req)
{
        json_t *root;
        char why[160];

        if (!hdr_media_is(req->in->head.content_type, STR("application/json"))) {
                refuse_message(req, 415, NULL, RPC_INVALID_REQUEST,
                               "Content-Type must be application/json", NULL);
                return NULL;
        }
        if (rpc_parse(buf_bytes(&req->in->body), NULL, &root, why, sizeof(why)) != 0) {
                refuse_message(req, 400, NULL, RPC_PARSE_ERROR, why, NULL);
                return NULL;
        }
        return root;
}
