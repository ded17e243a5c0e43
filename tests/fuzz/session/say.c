/* What a lying server says, in words that mean something: the fuzzer has to find the order, not the
 * spelling. */
#include "world.h"

#include "../../world/honest.h"
#include "../fuzz.h"

/* A result under way is relayed when it has grown past 256 KiB. */
#define BIG_BYTES (300u << 10)

static char *result(const json_t *msg, const char *fields)
{
        return honest_print("{\"jsonrpc\":\"2.0\",\"id\":%lld,\"result\":{%s}}", honest_id(msg),
                            fields);
}

static char *error(const json_t *msg, int code, const char *data)
{
        return honest_print(
                "{\"jsonrpc\":\"2.0\",\"id\":%lld,\"error\":{\"code\":%d,\"message\":\"no\"%s%s}}",
                honest_id(msg), code, data[0] != '\0' ? ",\"data\":" : "", data);
}

static char *say_big(const json_t *msg)
{
        char *filler = malloc(BIG_BYTES + 1), *all;

        REQUIRE(filler != NULL);
        memset(filler, 'x', BIG_BYTES);
        filler[BIG_BYTES] = '\0';
        all = honest_print(
                "{\"jsonrpc\":\"2.0\",\"id\":%lld,\"result\":{\"content\":[{\"type\":\"text\","
                "\"text\":\"%s\"}]}}",
                honest_id(msg), filler);
        free(filler);
        return all;
}

static char *ask_for(const json_t *msg, const char *method, const char *params)
{
        return honest_print("{\"jsonrpc\":\"2.0\",\"id\":%lld,\"method\":\"%s\",\"params\":%s}",
                            77 + honest_id(msg), method, params);
}

static char *notice(const char *method, const char *params)
{
        return honest_print("{\"jsonrpc\":\"2.0\",\"method\":\"notifications/%s\",\"params\":%s}",
                            method, params);
}

static char *notice_of(const char *method, const char *fmt, const json_t *msg)
{
        char params[300];

        snprintf(params, sizeof(params), "{%s%lld%s", fmt, honest_id(msg), "}");
        return notice(method, params);
}

#define ELICITATION                                                                                \
        "{\"message\":\"which?\",\"requestedSchema\":{\"type\":\"object\","                        \
        "\"properties\":{\"a\":{\"type\":\"string\"}}}}"
#define INPUT_REQUIRED(requests)                                                                   \
        "\"resultType\":\"input_required\",\"requestState\":\"s\",\"inputRequests\":{" requests "}"

char *say(unsigned kind, const json_t *msg)
{
        switch (kind % 32) {
        case 1:
                return ask_for(msg, "ping", "{}");
        case 2:
                return ask_for(msg, "elicitation/create", ELICITATION);
        case 3:
                return ask_for(msg, "sampling/createMessage", "{\"messages\":[],\"maxTokens\":1}");
        case 4:
                return ask_for(msg, "roots/list", "{}");
        case 5:
                return notice_of("progress", "\"progress\":1,\"progressToken\":", msg);
        case 6:
                return notice("tools/list_changed", "{}");
        case 7:
                return notice("resources/updated", "{\"uri\":\"r://a\"}");
        case 8:
                return notice("message", "{\"level\":\"error\",\"data\":\"x\"}");
        case 9:
                return notice_of("cancelled", "\"requestId\":77,\"n\":", msg);
        case 10:
                return honest_acknowledge(msg);
        case 11:
                return notice_of(
                        "tools/list_changed",
                        "\"_meta\":{\"io.modelcontextprotocol/subscriptionId\":1},\"n\":", msg);
        case 12:
                return notice_of("cancelled", "\"requestId\":", msg);
        case 13:
                return error(msg, -32601, "");
        case 14:
                return error(msg, -32022, "{\"supported\":[\"2026-07-28\"]}");
        case 15:
                return error(msg, -32022, "{\"supported\":[\"2025-06-18\"]}");
        case 16:
                return error(msg, -32020, "");
        case 17:
                return error(msg, -32021, "");
        case 18:
                return error(msg, -32603, "");
        case 19:
                return result(msg, INPUT_REQUIRED("\"k\":{\"method\":\"elicitation/create\","
                                                  "\"params\":" ELICITATION "}"));
        case 20:
                return result(msg, INPUT_REQUIRED(""));
        case 21:
                return result(msg, INPUT_REQUIRED("\"k\":{\"method\":\"roots/list\"},\"l\":{"
                                                  "\"method\":\"sampling/createMessage\","
                                                  "\"params\":{\"messages\":[]}}"));
        case 22:
                return result(msg, "\"supportedVersions\":[\"2025-06-18\"]");
        case 23:
                return result(msg, "\"supportedVersions\":[]");
        case 24:
                return result(msg, "\"protocolVersion\":\"2025-03-26\",\"capabilities\":{}");
        case 25:
                return result(msg, "\"tools\":[],\"nextCursor\":\"c\"");
        case 26:
                return result(msg, "\"resultType\":\"odd\"");
        case 27:
                return say_big(msg);
        case 28:
                return notice("tasks", "{\"taskId\":\"k\",\"status\":\"completed\"}");
        case 29:
                return honest_print(
                        "{\"jsonrpc\":\"2.0\",\"error\":{\"code\":-32000,\"message\":\"x\"}}");
        case 30:
                return honest_print("{\"jsonrpc\":\"2.0\",\"id\":%lld,\"meth", honest_id(msg));
        case 31:
                return honest_print("[{\"jsonrpc\":\"2.0\",\"id\":%lld,\"result\":{}},7]",
                                    honest_id(msg));
        default:
                return honest_answer(msg);
        }
}

/* ---- whole answers over HTTP ---- */

static const char token[] = "{\"access_token\":\"t\",\"expires_in\":3600}";

static void answer_honest(const char *method, const char *url, const json_t *msg, struct answer *a)
{
        const char *rpc = json_string_value(json_object_get(msg, "method"));

        a->body = msg != NULL ? say(SAY_HONEST, msg) : NULL;
        a->has_session_id = rpc != NULL && strcmp(rpc, "initialize") == 0;
        a->is_stream = strcmp(method, "GET") == 0;
        if (strstr(url, "/token") != NULL)
                a->body = strdup(token);
        else if (a->is_stream)
                a->body = strdup("event: endpoint\ndata: /message\n\n");
        else if (a->body == NULL)
                a->status = 202;
}

void answer_make(unsigned kind, const char *method, const char *url, const json_t *msg,
                 struct answer *a)
{
        static const uint16_t statuses[] = {401, 404, 400, 405, 403, 500, 502, 301, 202, 204, 501};

        *a = (struct answer){.status = 200, .retry_after_s = -1};
        kind %= 64;
        if (kind == SAY_HONEST) {
                answer_honest(method, url, msg, a);
        } else if (kind < 32) { /* a message: errors of its era come with 400 */
                a->body = say(kind, msg);
                a->status = kind >= 14 && kind <= 17 ? 400 : 200;
        } else if (kind < 32 + sizeof(statuses) / sizeof(statuses[0])) {
                a->status = statuses[kind - 32];
        } else if (kind == 43 || kind == 44) {
                a->status = kind == 43 ? 429 : 503;
                a->retry_after_s = 1;
        } else if (kind == 45 || kind == 46) {
                a->cut = "cut";
                a->was_sent = kind == 45;
        } else if (kind == 47) { /* an answer by a stream */
                char *text = honest_answer(msg);

                a->is_stream = true;
                if (text != NULL)
                        a->body = honest_print("id: 5\nretry: 20\ndata: %s\n\n", text);
                free(text);
        } else if (kind == 48) { /* one that must be asked for again */
                a->is_stream = true;
                a->body = strdup("id: 7\nretry: 10\ndata:\n\n");
        } else if (kind == 49) {
                a->status = 404;
                a->body = error(msg, -32601, "");
        } else if (kind == 50) { /* that keeps no session */
                a->body = honest_answer(msg);
        } else {
                a->body = say(kind, msg);
                a->has_session_id = true;
        }
}
