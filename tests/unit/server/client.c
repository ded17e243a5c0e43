#include "client.h"

#include "../../world/fcgi_client.h"
#include "../json.h"
#include "gateway.h"
#include "mgw/wire/fcgi.h"

#include <errno.h>
#include <fastcgi.h>
#include <stdio.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define ANSWER_MAX (64u << 20)
#define PARAMS_MAX 40

static struct answer *answers;

/* ---- bytes ---- */

static size_t add(const char **params, size_t n, const char *name, const char *value)
{
        if (value == NULL)
                return n;
        params[n] = name;
        params[n + 1] = value;
        return n + 2;
}

static struct answer *answer_create(int fd)
{
        struct answer *a = calloc(1, sizeof(*a)), **at = &answers;

        a->fd = fd;
        buf_init(&a->unsent, ANSWER_MAX);
        buf_init(&a->records, ANSWER_MAX);
        buf_init(&a->bytes, ANSWER_MAX);
        while (*at != NULL)
                at = &(*at)->next;
        *at = a;
        return a;
}

/* As much as is taken. */
static bool send_some(struct answer *a)
{
        struct str all = buf_bytes(&a->unsent);
        ssize_t n = a->fd < 0 || all.n == 0 ? -1 : send(a->fd, all.p, all.n, MSG_NOSIGNAL);

        if (n > 0)
                buf_consume(&a->unsent, (size_t)n);
        return n > 0;
}

struct answer *client_connect(void)
{
        int fd = fcgi_client_connect(gateway_socket());

        cr_assert_geq(fd, 0, "nobody listens");
        return answer_create(fd);
}

struct answer *client_connect_raw(void)
{
        struct answer *a = client_connect();

        a->is_raw = true;
        return a;
}

void answer_send(struct answer *a, const void *p, size_t n)
{
        cr_assert_eq(buf_add(&a->unsent, p, n), 0);
        gateway_settle();
}

struct answer *client_send(const struct client_request *r)
{
        const char *method = r->method != NULL ? r->method : "POST";
        bool is_post = strcmp(method, "POST") == 0;
        const char *params[PARAMS_MAX] = {NULL};
        const char *body = r->body != NULL ? r->body : "";
        const char *accept = is_post ? "application/json, text/event-stream" : "text/event-stream";
        size_t n = add(params, 0, "REMOTE_ADDR", r->address != NULL ? r->address : "127.0.0.1");
        struct answer *a;

        n = add(params, n, "SERVER_PROTOCOL", r->is_http2 ? "HTTP/2.0" : "HTTP/1.1");
        n = add(params, n, "MGW_INSIDE", r->is_inside ? "on" : NULL);
        if (is_post)
                n = add(params, n, "CONTENT_TYPE",
                        r->content_type != NULL ? r->content_type : "application/json");
        n = add(params, n, "HTTP_ACCEPT", r->accept != NULL ? r->accept : accept);
        n = add(params, n, "HTTP_MCP_SESSION_ID", r->session);
        n = add(params, n, "HTTP_MCP_PROTOCOL_VERSION", r->version);
        n = add(params, n, "HTTP_LAST_EVENT_ID", r->last_event_id);
        n = add(params, n, "HTTP_AUTHORIZATION", r->authorization);
        n = add(params, n, "HTTP_ORIGIN", r->origin);
        n = add(params, n, "HTTP_SEC_FETCH_SITE", r->fetch_site);
        n = add(params, n, "HTTP_COOKIE", r->cookie);
        n = add(params, n, "HTTP_MCP_METHOD", r->rpc_method);
        (void)add(params, n, "HTTP_MCP_NAME", r->rpc_name);
        a = client_connect();
        fcgi_client_write(&a->unsent, &(const struct fcgi_client_request){
                                              method,
                                              r->uri != NULL ? r->uri : "/mcp",
                                              params,
                                              {body, r->n_body > 0 ? r->n_body : strlen(body)},
                                      });
        send_some(a);
        return a;
}

static void take_records(struct answer *a)
{
        struct str all = buf_bytes(&a->records);
        size_t at = 0;

        while (all.n - at >= FCGI_HEADER_LEN) {
                const uint8_t *h = (const uint8_t *)all.p + at;
                size_t n = (size_t)h[4] << 8 | h[5], whole = FCGI_HEADER_LEN + n + h[6];

                if (all.n - at < whole)
                        break;
                if (h[1] == FCGI_STDOUT)
                        cr_assert_eq(buf_add(&a->bytes, h + FCGI_HEADER_LEN, n), 0);
                a->is_over |= h[1] == FCGI_END_REQUEST;
                at += whole;
        }
        buf_consume(&a->records, at);
}

static bool read_some(struct answer *a)
{
        static char bytes[65536];
        ssize_t n = a->fd < 0 || a->does_not_read ? -1
                                                  : recv(a->fd, bytes, sizeof(bytes), MSG_DONTWAIT);

        if (n == 0 || (n < 0 && a->fd >= 0 && !a->does_not_read && errno == ECONNRESET)) {
                close(a->fd);
                a->fd = -1;
                return true;
        }
        if (n < 0)
                return false;
        cr_assert_eq(buf_add(a->is_raw ? &a->bytes : &a->records, bytes, (size_t)n), 0);
        take_records(a);
        return true;
}

bool clients_move(void)
{
        bool any = false;

        for (struct answer *a = answers; a != NULL; a = a->next)
                while (read_some(a) || send_some(a))
                        any = true;
        return any;
}

void clients_end(void)
{
        while (answers != NULL) {
                struct answer *a = answers;

                answers = a->next;
                if (a->fd >= 0)
                        close(a->fd);
                buf_finish(&a->unsent);
                buf_finish(&a->records);
                buf_finish(&a->bytes);
                json_decref(a->json);
                free(a);
        }
}

bool answer_is_closed(const struct answer *a)
{
        return a->fd < 0;
}

void answer_cut(struct answer *a)
{
        close(a->fd);
        a->fd = -1;
        gateway_settle();
}

void answer_read(struct answer *a)
{
        a->does_not_read = false;
        gateway_settle();
}

/* ---- HTTP ---- */

/* Bytes of the head with the empty line; 0: it has not come. */
static size_t head_bytes(const struct answer *a)
{
        struct str all = buf_bytes(&a->bytes);
        const char *end = memmem(all.p, all.n, "\r\n\r\n", 4);

        return end != NULL ? (size_t)(end - all.p) + 4 : 0;
}

const char *answer_header(struct answer *a, const char *name)
{
        static char value[16384];
        struct str all = buf_bytes(&a->bytes);
        const char *p = all.p, *stop = all.p + head_bytes(a);
        size_t n = strlen(name);

        while (p < stop) {
                const char *eol = memmem(p, (size_t)(stop - p), "\r\n", 2);

                if ((size_t)(eol - p) > n && strncasecmp(p, name, n) == 0 && p[n] == ':') {
                        snprintf(value, sizeof(value), "%.*s", (int)(eol - p - (int)n - 2),
                                 p + n + 2);
                        return value;
                }
                p = eol + 2;
        }
        return "";
}

unsigned answer_status(struct answer *a)
{
        const char *status;

        if (head_bytes(a) == 0)
                return 0;
        status = answer_header(a, "Status");
        return status[0] != '\0' ? (unsigned)strtoul(status, NULL, 10) : 200;
}

struct str answer_body(struct answer *a)
{
        struct str all = buf_bytes(&a->bytes);
        size_t n = head_bytes(a);

        return (struct str){all.p + n, n > 0 ? all.n - n : 0};
}

static const json_t *note(struct answer *a, json_t *json)
{
        json_decref(a->json);
        return a->json = json;
}

const json_t *answer_json(struct answer *a)
{
        struct str body = answer_body(a);

        return note(a, json_loadb(body.p, body.n, JSON_ALLOW_NUL, NULL));
}

static struct str field_of(struct str event, const char *name, char *out, size_t size)
{
        size_t n = strlen(name);
        const char *p = event.p, *stop = event.p + event.n;

        snprintf(out, size, "%s", "");
        while (p < stop) {
                const char *eol = memchr(p, '\n', (size_t)(stop - p));

                if ((size_t)(eol - p) >= n && memcmp(p, name, n) == 0) {
                        struct str value = {p + n, (size_t)(eol - p) - n};

                        snprintf(out, size, "%.*s", (int)value.n, value.p);
                        return value;
                }
                p = eol + 1;
        }
        return STR("");
}

/* False: no more has come whole. */
static bool next_event(struct answer *a, struct str *datap)
{
        struct str body = answer_body(a);
        struct str rest = {body.p + a->n_events, body.n - a->n_events};
        const char *stop = memmem(rest.p, rest.n, "\n\n", 2);
        char scratch[64];
        struct str event;

        if (stop == NULL)
                return false;
        event = (struct str){rest.p, (size_t)(stop - rest.p) + 1};
        a->n_events += event.n + 1;
        a->n_comments += event.p[0] == ':';
        (void)field_of(event, "id: ", a->event_id, sizeof(a->event_id));
        (void)field_of(event, "event: ", a->event_name, sizeof(a->event_name));
        a->event_retry_ms = field_of(event, "retry: ", scratch, sizeof(scratch)).n > 0
                                    ? (int)strtol(scratch, NULL, 10)
                                    : -1;
        *datap = field_of(event, "data: ", scratch, sizeof(scratch));
        return true;
}

const json_t *answer_event(struct answer *a)
{
        struct str data;

        while (next_event(a, &data)) {
                json_t *json = json_loadb(data.p, data.n, JSON_ALLOW_NUL, NULL);

                if (json != NULL)
                        return note(a, json);
        }
        return NULL;
}

/* ---- MCP ---- */

static char *quoted(const char *text)
{
        char *copy = strdup(text);

        for (char *c = copy; *c != '\0'; c++)
                if (*c == '\'')
                        *c = '"';
        return copy;
}

static bool is_sse(const struct client *c)
{
        return strcmp(c->version, SSE) == 0;
}

static bool is_stateless(const struct client *c)
{
        return strcmp(c->version, STATELESS) == 0;
}

static void open_sse(struct client *c)
{
        struct str data;
        char *id;

        c->stream = client_send(&(const struct client_request){
                .method = "GET", .uri = "/sse", .authorization = c->authorization});
        gateway_settle();
        while (c->stream->event_name[0] == '\0')
                cr_assert(next_event(c->stream, &data), "no endpoint: %s", gateway_log());
        id = strndup(data.p, data.n);
        snprintf(c->session, sizeof(c->session), "%s", strstr(id, "sessionId=") + 10);
        free(id);
}

struct answer *client_say(struct client *c, const char *json)
{
        char uri[200], *body = quoted(json);
        struct client_request r = {
                .body = body, .authorization = c->authorization, .address = c->address};
        struct answer *a;

        if (is_sse(c)) {
                snprintf(uri, sizeof(uri), "/message?sessionId=%s", c->session);
                r.uri = uri;
        } else if (c->session[0] != '\0') {
                r.session = c->session;
                r.version = c->version;
        }
        a = client_send(&r);
        free(body);
        gateway_settle();
        return a;
}

static struct answer *ask_stateless(struct client *c, int id, const char *method,
                                    const char *params)
{
        json_t *given = json_from(params[0] != '\0' ? params : "{}");
        const char *name = json_string_value(json_object_get(given, "name"));
        struct client_request r = {.version = STATELESS,
                                   .rpc_method = method,
                                   .authorization = c->authorization,
                                   .address = c->address,
                                   .rpc_name = name};
        size_t n = strlen(params);
        struct answer *a;
        char *text, *body;

        if (name == NULL)
                r.rpc_name = json_string_value(json_object_get(given, "uri"));
        cr_assert(asprintf(&text,
                           "{'jsonrpc':'2.0','id':%d,'method':'%s','params':{%.*s%s'_meta':{"
                           "'io.modelcontextprotocol/protocolVersion':'" STATELESS "',"
                           "'io.modelcontextprotocol/clientInfo':{'name':'c','version':'1'},"
                           "'io.modelcontextprotocol/clientCapabilities':%s%s}}}",
                           id, method, n > 2 ? (int)n - 2 : 0, n > 2 ? params + 1 : "",
                           n > 2 ? "," : "", c->capabilities, c->meta != NULL ? c->meta : "") >= 0);
        r.body = body = quoted(text);
        a = client_send(&r);
        free(body);
        free(text);
        json_decref(given);
        gateway_settle();
        return a;
}

struct answer *client_ask(struct client *c, int id, const char *method, const char *params)
{
        struct answer *a;
        char *text;

        if (is_stateless(c))
                return ask_stateless(c, id, method, params);
        cr_assert(asprintf(&text, "{'jsonrpc':'2.0','id':%d,'method':'%s'%s%s}", id, method,
                           params[0] != '\0' ? ",'params':" : "", params) >= 0);
        a = client_say(c, text);
        free(text);
        return a;
}

void client_open(struct client *c, const char *version, const char *capabilities)
{
        char params[400];
        struct answer *a;

        c->version = version;
        c->capabilities = capabilities;
        if (is_stateless(c))
                return;
        if (is_sse(c))
                open_sse(c);
        snprintf(params, sizeof(params),
                 "{'protocolVersion':'%s','capabilities':%s,'clientInfo':{'name':'c','version':"
                 "'1'}}",
                 version, capabilities);
        a = client_ask(c, 0, "initialize", params);
        cr_assert_not_null(client_answer(c, a, 0), "%u %s", answer_status(a), gateway_log());
        if (!is_sse(c))
                snprintf(c->session, sizeof(c->session), "%s", answer_header(a, "Mcp-Session-Id"));
        (void)client_say(c, "{'jsonrpc':'2.0','method':'notifications/initialized'}");
}

void client_listen(struct client *c, const char *last_event_id)
{
        c->stream = client_send(&(const struct client_request){.method = "GET",
                                                               .session = c->session,
                                                               .version = c->version,
                                                               .authorization = c->authorization,
                                                               .last_event_id = last_event_id});
        gateway_settle();
        cr_assert_eq(answer_status(c->stream), 200);
}

static bool is_answer_to(const json_t *msg, int id)
{
        return json_integer_value(json_object_get(msg, "id")) == id &&
               json_object_get(msg, "id") != NULL && json_object_get(msg, "method") == NULL;
}

const json_t *client_answer(struct client *c, struct answer *a, int id)
{
        const json_t *msg;

        if (is_sse(c))
                a = c->stream;
        else if ((msg = answer_json(a)) != NULL)
                return is_answer_to(msg, id) ? msg : NULL;
        while ((msg = answer_event(a)) != NULL)
                if (is_answer_to(msg, id))
                        return msg;
        return NULL;
}

const json_t *client_hears(struct client *c, struct answer *a, const char *method)
{
        const json_t *msg;

        if (a == NULL || is_sse(c))
                a = c->stream;
        while ((msg = answer_event(a)) != NULL) {
                const char *said = json_string_value(json_object_get(msg, "method"));

                if (said != NULL && strcmp(said, method) == 0)
                        return msg;
        }
        return NULL;
}

void client_check_each(const struct client_expect *expected, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                struct answer *a = client_send(&expected[i].r);

                gateway_settle();
                cr_assert_eq(answer_status(a), expected[i].status, "%zu: %u", i, answer_status(a));
        }
}
