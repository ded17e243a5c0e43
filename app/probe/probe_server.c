/* The conversation with a server that both commands begin, and end, with. */
#include "probe_server.h"

#include "mgw/base/clock.h"
#include "mgw/base/strv.h"
#include "mgw/wire/rpc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GOODBYE_MS 2000
#define PAGES_MAX 100
/* Of a list, as it is held. */
#define LIST_MAX_BYTES ((size_t)64 << 20)
/* From its first page to the last. */
#define LIST_MS 60000

enum probe_way probe_server_way(const struct probe_peer *peer)
{
        if (peer->message_url != NULL)
                return PROBE_WAY_SSE;
        return peer->hello != NULL || peer->discovered == NULL ? PROBE_WAY_SESSION
                                                               : PROBE_WAY_STATELESS;
}

/* ---- greeting ---- */

static void take_hello(struct probe_peer *peer, enum probe_way way, struct probe_answer *a)
{
        peer->hello = json_incref(probe_answer_result(a));
        if (peer->hello == NULL)
                return;
        if (way == PROBE_WAY_SESSION) {
                peer->session_id = a->session_id;
                a->session_id = NULL;
        }
        probe_tell(peer, way, "notifications/initialized");
}

static void greet_by(struct probe_peer *peer, enum probe_way way)
{
        struct probe_answer a;

        probe_ask(peer, way, "initialize", NULL, NULL, &a);
        take_hello(peer, way, &a);
        snprintf(peer->refusal, sizeof(peer->refusal), "%s", a.why);
        peer->refusal_status = a.status;
        peer->refusal_fault = a.fault;
        probe_answer_finish(&a);
}

void probe_server_greet(struct probe_peer *peer)
{
        struct probe_answer a;

        greet_by(peer, PROBE_WAY_SESSION);
        if (!peer->is_answered)
                return;
        probe_ask(peer, PROBE_WAY_STATELESS, "server/discover", NULL, NULL, &a);
        /* A server that knows no such method may answer anything. */
        if (json_is_array(json_object_get(probe_answer_result(&a), "supportedVersions")))
                peer->discovered = json_incref(probe_answer_result(&a));
        probe_answer_finish(&a);
}

void probe_server_greet_by_sse(struct probe_peer *peer)
{
        greet_by(peer, PROBE_WAY_SSE);
}

/* ---- lists ---- */

/* One page: its entries into all. The next cursor, borrowed from the answer; NULL: it was the last.
 */
static const char *take_page(json_t *all, const struct probe_answer *a, const char *key)
{
        json_array_extend(all, json_object_get(probe_answer_result(a), key));
        return rpc_text(probe_answer_result(a), "nextCursor");
}

json_t *probe_server_list(struct probe_peer *peer, const char *method, const char *key, char *why,
                          size_t why_size)
{
        json_t *all = json_array(), *params = NULL;
        struct probe_answer a;
        const char *cursor = NULL;
        int64_t begun_ms = clock_monotonic_ms();
        size_t bytes = 0;
        int n = 0;

        do {
                probe_ask(peer, probe_server_way(peer), method, params, NULL, &a);
                bytes += rpc_cost(a.message);
                snprintf(why, why_size, "%s", a.why);
                if (bytes > LIST_MAX_BYTES)
                        snprintf(why, why_size, "it is too long: over 64 MiB");
                else if (clock_monotonic_ms() - begun_ms > LIST_MS)
                        snprintf(why, why_size, "it takes too long: over 60 s");
                cursor = take_page(all, &a, key);
                params = cursor != NULL ? json_pack("{s:s}", "cursor", cursor) : NULL;
                probe_answer_finish(&a);
        } while (params != NULL && why[0] == '\0' && ++n < PAGES_MAX);
        json_decref(params);
        if (why[0] == '\0')
                return all;
        json_decref(all);
        return NULL;
}

json_t *probe_server_tool(const json_t *tools, const char *name)
{
        size_t i;
        json_t *tool;

        json_array_foreach (tools, i, tool) {
                const char *own = rpc_text(tool, "name");

                if (own != NULL && strcmp(own, name) == 0)
                        return tool;
        }
        return NULL;
}

/* ---- goodbye ---- */

static void goodbye_on_head(void *owner, const struct http_response *response)
{
        (void)owner, (void)response;
}

static enum http_flow goodbye_on_body(void *owner, const char *p, size_t n)
{
        (void)owner, (void)p, (void)n;
        return HTTP_GO_ON;
}

static void goodbye_on_done(void *owner, const struct http_failure *failure)
{
        (void)failure;
        *(bool *)owner = true;
}

void probe_server_leave(struct probe_peer *peer)
{
        static const struct http_handlers handlers = {goodbye_on_head, goodbye_on_body,
                                                      goodbye_on_done};
        char **lines = probe_message_get_lines(peer, true);
        struct http_options options = {
                .method = "DELETE",
                .url = peer->url,
                .headers = (const char *const *)lines,
                .timeout_ms = GOODBYE_MS,
                .source = &peer->source,
        };
        struct http_request *request;
        bool is_done = peer->session_id == NULL;

        if (!is_done && http_start(peer->http, &options, &handlers, &is_done, &request) == 0)
                while (!is_done)
                        probe_peer_turn(peer, 100);
        strv_free(lines);
}
