/* A client that speaks FastCGI to the gateway, as HAProxy would hand it on. What it learns from the
 * answers (session ids, ids of questions, states) it uses as the input says: rightly or not. */
#include "world.h"

#include "../../world/fcgi_client.h"
#include "../fuzz.h"

#include <sys/socket.h>
#include <unistd.h>

#define CONNECTIONS 12
#define KNOWN 4
#define KNOWN_SIZE 400
#define PARAMS_MAX 16
#define REQUEST_MAX 16384

/* The last of a kind that answers have told; 0 is the newest. */
struct known {
        char texts[KNOWN][KNOWN_SIZE];
};

static int connections[CONNECTIONS];
static struct known sessions, sse_sessions, questions, states;
static unsigned last_id;
static const char *socket_path;

void client_world_begin(const char *path)
{
        socket_path = path;
        memset(connections, -1, sizeof(connections));
        memset(&sessions, 0, sizeof(sessions));
        memset(&sse_sessions, 0, sizeof(sse_sessions));
        memset(&questions, 0, sizeof(questions));
        memset(&states, 0, sizeof(states));
        last_id = 0;
}

void client_world_end(void)
{
        for (size_t i = 0; i < CONNECTIONS; i++)
                if (connections[i] >= 0)
                        close(connections[i]);
}

/* ---- what comes ---- */

static void learn(struct known *known, struct str all, struct str before, char end)
{
        const char *p = all.p, *stop = all.p + all.n;

        while ((p = memmem(p, (size_t)(stop - p), before.p, before.n)) != NULL) {
                const char *to;
                size_t n;

                p += before.n;
                to = memchr(p, end, (size_t)(stop - p));
                n = to != NULL ? (size_t)(to - p) : 0;
                if (n == 0 || n >= KNOWN_SIZE || strncmp(known->texts[0], p, n) == 0)
                        continue;
                memmove(known->texts[1], known->texts[0], (KNOWN - 1) * KNOWN_SIZE);
                snprintf(known->texts[0], KNOWN_SIZE, "%.*s", (int)n, p);
        }
}

void client_world_read(void)
{
        static char bytes[65536];

        for (size_t i = 0; i < CONNECTIONS; i++) {
                ssize_t n = connections[i] < 0
                                    ? -1
                                    : recv(connections[i], bytes, sizeof(bytes), MSG_DONTWAIT);
                struct str all = {bytes, n > 0 ? (size_t)n : 0};

                if (n == 0) {
                        close(connections[i]);
                        connections[i] = -1;
                }
                learn(&sessions, all, STR("Mcp-Session-Id: "), '\r');
                learn(&sse_sessions, all, STR("sessionId="), '\n');
                learn(&questions, all, STR("\"id\":\""), '"');
                learn(&states, all, STR("\"requestState\":\""), '"');
        }
}

/* ---- what goes ---- */

struct head {
        const char *method, *uri;
        const char *session_id; /* NULL or empty: none */
        const char *rpc_method; /* NULL: not of the stateless era */
        const char *rpc_name;   /* likewise */
        const char *last_event_id;
};

/* The oldest connection makes room. */
static void keep(int fd)
{
        if (connections[CONNECTIONS - 1] >= 0)
                close(connections[CONNECTIONS - 1]);
        memmove(&connections[1], &connections[0], sizeof(connections) - sizeof(connections[0]));
        connections[0] = fd;
}

static size_t add_param(const char **params, size_t n, const char *name, const char *value)
{
        if (value == NULL || value[0] == '\0')
                return n;
        params[n] = name;
        params[n + 1] = value;
        return n + 2;
}

static void send_request(const struct head *h, const char *body)
{
        const char *accept = strcmp(h->method, "GET") == 0 ? "text/event-stream"
                                                           : "application/json, text/event-stream";
        const char *params[PARAMS_MAX] = {NULL};
        size_t n = add_param(params, 0, "CONTENT_TYPE", "application/json");
        struct buf out;
        int fd;

        n = add_param(params, n, "HTTP_ACCEPT", accept);
        n = add_param(params, n, "HTTP_MCP_SESSION_ID", h->session_id);
        n = add_param(params, n, "HTTP_LAST_EVENT_ID", h->last_event_id);
        n = add_param(params, n, "HTTP_MCP_PROTOCOL_VERSION",
                      h->rpc_method != NULL ? "2026-07-28" : NULL);
        n = add_param(params, n, "HTTP_MCP_METHOD", h->rpc_method);
        (void)add_param(params, n, "HTTP_MCP_NAME", h->rpc_name);
        fd = fcgi_client_connect(socket_path);
        if (fd < 0)
                return;
        buf_init(&out, REQUEST_MAX);
        fcgi_client_write(&out, &(const struct fcgi_client_request){h->method, h->uri, params,
                                                                    str_from(body)});
        (void)!send(fd, buf_bytes(&out).p, out.len, MSG_NOSIGNAL);
        buf_finish(&out);
        keep(fd);
}

#define CAPABILITIES "{\"elicitation\":{},\"sampling\":{},\"roots\":{\"listChanged\":true}}"
#define CLIENT "{\"name\":\"c\",\"version\":\"1\"}"

/* The same message, to a session of the session era, or of the sse era when is_sse. */
static void post(bool is_sse, unsigned arg, const char *body)
{
        char uri[KNOWN_SIZE + 40];
        struct head h = {.method = "POST", .uri = "/mcp"};

        if (is_sse) {
                snprintf(uri, sizeof(uri), "/message?sessionId=%s", sse_sessions.texts[arg >> 6]);
                h.uri = uri;
        } else {
                h.session_id = sessions.texts[arg >> 6];
        }
        send_request(&h, body);
}

static void initialize(bool is_sse, unsigned arg)
{
        static const char *const versions[] = {"2025-06-18", "2025-11-25", "2025-03-26",
                                               "2024-11-05"};
        char body[600];
        struct head h = {.method = "POST", .uri = "/mcp"};

        snprintf(body, sizeof(body),
                 "{\"jsonrpc\":\"2.0\",\"id\":%u,\"method\":\"initialize\",\"params\":{"
                 "\"protocolVersion\":\"%s\",\"capabilities\":%s,\"clientInfo\":" CLIENT "}}",
                 ++last_id, versions[arg % 4], arg & 4 ? "{}" : CAPABILITIES);
        if (is_sse)
                post(true, arg, body);
        else
                send_request(&h, body);
}

static void call(bool is_sse, unsigned arg, const char *method, const char *params)
{
        char body[2000];

        snprintf(body, sizeof(body),
                 "{\"jsonrpc\":\"2.0\",\"id\":%u,\"method\":\"%s\",\"params\":%s}", ++last_id,
                 method, params);
        post(is_sse, arg, body);
}

static const char *tool(unsigned arg)
{
        static const char *const names[] = {"u_t", "u_w", "v_t", "v_w"};

        return names[arg % 4];
}

static void call_tool(bool is_sse, unsigned arg, bool has_token)
{
        char params[200], token[40] = "";

        if (has_token)
                snprintf(token, sizeof(token), ",\"_meta\":{\"progressToken\":%u}", last_id + 1);
        snprintf(params, sizeof(params), "{\"name\":\"%s\",\"arguments\":{}%s}", tool(arg), token);
        call(is_sse, arg, "tools/call", params);
}

static void reply(bool is_sse, unsigned arg)
{
        char body[600];

        snprintf(body, sizeof(body), "{\"jsonrpc\":\"2.0\",\"id\":\"%s\",%s}",
                 questions.texts[arg % KNOWN],
                 arg & 8 ? "\"error\":{\"code\":-1,\"message\":\"no\"}"
                         : "\"result\":{\"action\":\"accept\",\"content\":{\"a\":\"b\"},"
                           "\"roots\":[],\"role\":\"user\",\"model\":\"m\","
                           "\"content\":{\"type\":\"text\",\"text\":\"x\"}}");
        post(is_sse, arg, body);
}

static void notify(bool is_sse, unsigned arg)
{
        char body[300];

        if (arg % 4 == 0)
                snprintf(body, sizeof(body),
                         "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\","
                         "\"params\":{\"requestId\":%u}}",
                         last_id - (arg >> 2) % 8);
        else
                snprintf(body, sizeof(body),
                         "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/%s\",\"params\":{"
                         "\"progressToken\":\"%s\",\"progress\":1}}",
                         arg % 4 == 1   ? "initialized"
                         : arg % 4 == 2 ? "roots/list_changed"
                                        : "progress",
                         questions.texts[0]);
        post(is_sse, arg, body);
}

/* ---- the stateless era ---- */

static void call_stateless(unsigned arg, const char *method, const char *name, const char *params)
{
        const struct head h = {
                .method = "POST", .uri = "/mcp", .rpc_method = method, .rpc_name = name};
        char body[3000];

        snprintf(body, sizeof(body),
                 "{\"jsonrpc\":\"2.0\",\"id\":%u,\"method\":\"%s\",\"params\":{%s\"_meta\":{%s"
                 "\"io.modelcontextprotocol/protocolVersion\":\"2026-07-28\","
                 "\"io.modelcontextprotocol/clientInfo\":" CLIENT ","
                 "\"io.modelcontextprotocol/clientCapabilities\":%s}}}",
                 ++last_id, method, params,
                 arg & 16 ? "\"io.modelcontextprotocol/logLevel\":\"debug\",\"progressToken\":1,"
                          : "",
                 arg & 8 ? "{}" : CAPABILITIES);
        send_request(&h, body);
}

static void call_tool_stateless(unsigned arg, bool is_retry)
{
        char params[1000], retry[800] = "";

        if (is_retry)
                snprintf(retry, sizeof(retry),
                         "\"requestState\":\"%s\",\"inputResponses\":{\"%s\":{\"action\":"
                         "\"accept\",\"content\":{\"a\":\"b\"}},\"k\":{\"action\":\"decline\"}},",
                         states.texts[arg >> 6], questions.texts[arg >> 6]);
        snprintf(params, sizeof(params), "\"name\":\"%s\",\"arguments\":{},%s", tool(arg), retry);
        call_stateless(arg, "tools/call", tool(arg), params);
}

static void send_stateless(unsigned kind, unsigned arg)
{
        switch (kind % 6) {
        case 0:
        case 1:
                call_tool_stateless(arg, kind % 6 == 1);
                break;
        case 2:
                call_stateless(arg, "tools/list", NULL, "");
                break;
        case 3:
                call_stateless(arg, "server/discover", NULL, "");
                break;
        case 4:
                call_stateless(arg, "subscriptions/listen", NULL,
                               "\"notifications\":{\"toolsListChanged\":true,"
                               "\"resourceSubscriptions\":[\"r://a\",\"r://b\"]},");
                break;
        default:
                call_stateless(arg, "resources/read", "r://a", "\"uri\":\"r://a\",");
        }
}

static void send_in_session(bool is_sse, unsigned kind, unsigned arg)
{
        static const struct {
                const char *method, *params;
        } plain[] = {
                {"tools/list", "{}"},
                {"resources/subscribe", "{\"uri\":\"r://a\"}"},
                {"resources/unsubscribe", "{\"uri\":\"r://a\"}"},
                {"resources/read", "{\"uri\":\"r://a\"}"},
                {"resources/list", "{}"},
                {"logging/setLevel", "{\"level\":\"debug\"}"},
                {"prompts/get", "{\"name\":\"u_p\"}"},
                {"completion/complete",
                 "{\"ref\":{\"type\":\"ref/prompt\",\"name\":\"u_p\"},\"argument\":{\"name\":\"a\","
                 "\"value\":\"b\"}}"},
        };

        switch (kind % 14) {
        case 0:
                initialize(is_sse, arg);
                break;
        case 1:
        case 2:
                call_tool(is_sse, arg, kind % 14 == 2);
                break;
        case 3:
        case 4:
                reply(is_sse, arg);
                break;
        case 5:
                notify(is_sse, arg);
                break;
        default:
                call(is_sse, arg, plain[kind % 14 - 6].method, plain[kind % 14 - 6].params);
        }
}

static void cut(unsigned arg)
{
        int *fd = &connections[arg % CONNECTIONS];

        if (*fd >= 0)
                close(*fd);
        *fd = -1;
}

void client_world_do(unsigned kind)
{
        unsigned arg = next_byte();
        struct head h = {.method = "GET", .uri = "/mcp", .session_id = sessions.texts[arg >> 6]};

        switch (kind % 40) {
        case 0: /* and its session is on its way */
                initialize(false, arg);
                break;
        case 1:
                h.last_event_id = arg & 1 ? "2-1" : NULL;
                send_request(&h, "");
                break;
        case 2:
                h.method = "DELETE";
                send_request(&h, "");
                break;
        case 3:
                h = (struct head){.method = "GET", .uri = "/sse"};
                send_request(&h, "");
                break;
        case 4:
                cut(arg);
                break;
        default:
                if (kind % 40 < 11)
                        send_stateless(kind % 40 - 5, arg);
                else
                        send_in_session(kind % 40 >= 25, kind % 40 - 11, arg);
        }
}
