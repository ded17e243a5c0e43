#include "servers.h"

#include "../../world/honest.h"
#include "../json.h"
#include "gateway.h"

#include <stdio.h>

#define KEPT_MAX 16
#define TEXT_MAX 4096

static struct sent *first, **end = &first;
static char kept[KEPT_MAX][64];
static enum servers_era are;
static const char *(*asked)(const struct sent *sent);
static unsigned n_sessions;

void servers_begin(void)
{
        first = NULL;
        end = &first;
        are = SERVERS_ALL;
        asked = NULL;
        n_sessions = 0;
        memset(kept, 0, sizeof(kept));
}

void servers_end(void)
{
        while (first != NULL) {
                struct sent *sent = first;

                first = sent->next;
                json_decref(sent->msg);
                free(sent);
        }
}

static const char *method_of(const json_t *msg, const struct http_request *http)
{
        const char *method = json_string_value(json_object_get(msg, "method"));

        if (msg == NULL)
                return http->method;
        return method != NULL ? method : "reply";
}

void servers_on_sent(const json_t *msg, struct http_request *request, struct child *child)
{
        struct sent *sent = calloc(1, sizeof(*sent));

        sent->msg = json_incref((json_t *)msg);
        sent->method = method_of(msg, request);
        sent->http = request;
        sent->child = child;
        *end = sent;
        end = &sent->next;
}

static size_t slot_of(const char *method)
{
        size_t at = 0;

        while (at < KEPT_MAX && strcmp(kept[at], method) != 0)
                at++;
        return at;
}

void servers_keep(const char *method)
{
        size_t at = slot_of("");

        cr_assert_lt(at, KEPT_MAX);
        snprintf(kept[at], sizeof(kept[at]), "%s", method);
}

void servers_keep_no_more(const char *method)
{
        size_t at = slot_of(method);

        cr_assert_lt(at, KEPT_MAX);
        kept[at][0] = '\0';
}

void servers_ask(const char *(*fields)(const struct sent *sent))
{
        asked = fields;
}

void servers_are(enum servers_era era)
{
        are = era;
}

static bool is_of_sse(const struct sent *sent)
{
        return strstr(sent->http->url, "/message") != NULL;
}

static bool is_open(const struct sent *sent)
{
        if (sent->is_answered)
                return false;
        if (sent->child != NULL)
                return !sent->child->is_over;
        return !sent->http->is_over || (is_of_sse(sent) && sent->is_stream);
}

struct sent *servers_find(const char *method)
{
        for (struct sent *sent = first; sent != NULL; sent = sent->next)
                if (is_open(sent) && strcmp(sent->method, method) == 0)
                        return sent;
        return NULL;
}

struct sent *servers_await(const char *method)
{
        struct sent *sent;

        gateway_settle();
        sent = servers_find(method);
        cr_assert_not_null(sent, "%s was not sent; %s", method, gateway_log());
        return sent;
}

unsigned servers_count(const char *method)
{
        unsigned n = 0;

        for (const struct sent *sent = first; sent != NULL; sent = sent->next)
                n += strcmp(sent->method, method) == 0;
        return n;
}

struct sent *servers_last(const char *method)
{
        struct sent *last = NULL;

        for (struct sent *sent = first; sent != NULL; sent = sent->next)
                if (strcmp(sent->method, method) == 0)
                        last = sent;
        return last;
}

/* ---- what they answer ---- */

static char *quoted(const char *text)
{
        char *copy = strdup(text);

        for (char *c = copy; *c != '\0'; c++)
                if (*c == '\'')
                        *c = '"';
        return copy;
}

static void head(struct sent *sent, unsigned status, const char *content_type)
{
        char session_id[24];
        bool opens = status == 200 && strcmp(sent->method, "initialize") == 0;

        snprintf(session_id, sizeof(session_id), "s%u", n_sessions + opens);
        n_sessions += opens;
        world_http_head(sent->http, status, content_type, opens ? session_id : NULL, -1);
}

static void event(struct http_request *r, const char *id, const char *text)
{
        char *all;

        cr_assert(asprintf(&all, "%s%s%sdata: %s\n\n", id != NULL ? "id: " : "",
                           id != NULL ? id : "", id != NULL ? "\n" : "", text) >= 0);
        world_http_body(r, str_from(all));
        free(all);
}

/* A GET stream that is open, the newest; of endpoint, where that is not NULL. */
static struct http_request *stream(const char *endpoint)
{
        struct sent *found = NULL;

        for (struct sent *sent = first; sent != NULL; sent = sent->next)
                if (strcmp(sent->method, "GET") == 0 && sent->http->has_head &&
                    !sent->http->is_over && !sent->http->is_ending &&
                    (endpoint == NULL || strstr(endpoint, sent->endpoint) != NULL))
                        found = sent;
        return found != NULL ? found->http : NULL;
}

/* The sse era: the POST says that it was taken, no more. */
static void say_by_stream(struct sent *sent, const char *text)
{
        if (!sent->http->has_head) {
                head(sent, 202, "text/plain");
                world_http_end(sent->http, NULL);
        }
        sent->is_stream = true;
        event(stream(sent->http->url), NULL, text);
}

/* One message as the answer, which ends with it. */
static void answer_with(struct sent *sent, unsigned status, const char *text)
{
        sent->is_answered = true;
        if (sent->child != NULL) {
                world_child_line(sent->child, str_from(text));
                return;
        }
        if (is_of_sse(sent)) {
                say_by_stream(sent, text);
                return;
        }
        if (sent->is_stream) {
                event(sent->http, NULL, text);
        } else {
                head(sent, status, "application/json");
                if (!sent->http->is_over)
                        world_http_body(sent->http, str_from(text));
        }
        world_http_end(sent->http, NULL);
}

static void answer_taking(struct sent *sent, unsigned status, char *text)
{
        answer_with(sent, status, text);
        free(text);
}

static char *error_text(const struct sent *sent, int code, const char *message, const char *data)
{
        char *text;

        cr_assert(asprintf(&text,
                           "{\"jsonrpc\":\"2.0\",\"id\":%lld,\"error\":{\"code\":%d,\"message\":"
                           "\"%s\"%s}}",
                           (long long)json_integer_value(json_object_get(sent->msg, "id")), code,
                           message, data) >= 0);
        return text;
}

/* An era that they are not of. */
static bool refuse_era(struct sent *sent)
{
        bool is_stateless =
                sent->msg != NULL &&
                json_object_get(json_object_get(json_object_get(sent->msg, "params"), "_meta"),
                                "io.modelcontextprotocol/protocolVersion") != NULL;
        bool is_request = json_object_get(sent->msg, "id") != NULL;

        if (are == SERVERS_ALL || !is_request || is_stateless == (are == SERVERS_STATELESS))
                return false;
        if (is_stateless)
                answer_taking(sent, 400, error_text(sent, -32601, "no such method", ""));
        else
                answer_taking(sent, 400,
                              error_text(sent, -32022, "no such version",
                                         ",\"data\":{\"supported\":[\"2026-07-28\"]}"));
        return true;
}

static void tell_endpoint(struct sent *sent)
{
        char text[100];

        snprintf(sent->endpoint, sizeof(sent->endpoint), "/message?s=%u.", ++n_sessions);
        snprintf(text, sizeof(text), "event: endpoint\ndata: %s\n\n", sent->endpoint);
        world_http_body(sent->http, str_from(text));
}

static void answer_without_message(struct sent *sent)
{
        if (strcmp(sent->method, "GET") == 0) {
                head(sent, 200, "text/event-stream");
                sent->is_answered = true;
                if (!sent->http->is_over && strstr(sent->http->url, "/sse") != NULL)
                        tell_endpoint(sent);
        } else if (strstr(sent->http->url, "/token") != NULL) {
                answer_with(sent, 200, "{\"access_token\":\"t\",\"expires_in\":3600}");
        } else {
                sent->is_answered = true;
                head(sent, 200, "text/plain");
                world_http_end(sent->http, NULL);
        }
}

static void answer_listen(struct sent *sent)
{
        char *text = honest_acknowledge(sent->msg);

        sent->is_answered = true;
        if (sent->child != NULL) {
                world_child_line(sent->child, str_from(text));
        } else {
                head(sent, 200, "text/event-stream");
                event(sent->http, NULL, text);
        }
        free(text);
}

static void answer_notification(struct sent *sent)
{
        sent->is_answered = true;
        if (sent->http == NULL)
                return;
        head(sent, 202, "text/plain");
        world_http_end(sent->http, NULL);
}

/* True: it has an answer of its own. */
static bool answer_as_asked(struct sent *sent)
{
        const char *fields = asked != NULL ? asked(sent) : NULL;
        char *q;

        if (fields == NULL)
                return false;
        q = quoted(fields);
        answer_taking(sent, 200, honest_result(sent->msg, q));
        free(q);
        return true;
}

static void answer_honestly(struct sent *sent)
{
        if (sent->msg == NULL)
                answer_without_message(sent);
        else if (refuse_era(sent))
                ;
        else if (json_object_get(sent->msg, "id") == NULL || strcmp(sent->method, "reply") == 0)
                answer_notification(sent);
        else if (strcmp(sent->method, "subscriptions/listen") == 0)
                answer_listen(sent);
        else if (!answer_as_asked(sent))
                answer_taking(sent, 200, honest_answer(sent->msg));
}

void sent_honestly(struct sent *sent)
{
        answer_honestly(sent);
        gateway_settle();
}

bool servers_answer(void)
{
        bool any = false;

        for (struct sent *sent = first; sent != NULL; sent = sent->next) {
                if (!is_open(sent) || sent->is_stream || slot_of(sent->method) < KEPT_MAX)
                        continue;
                answer_honestly(sent);
                any = true;
        }
        return any;
}

void sent_result(struct sent *sent, const char *fields)
{
        char *q = quoted(fields);

        answer_taking(sent, 200, honest_result(sent->msg, q));
        free(q);
        gateway_settle();
}

void sent_error(struct sent *sent, int code, const char *message)
{
        answer_taking(sent, 200, error_text(sent, code, message, ""));
        gateway_settle();
}

void sent_status(struct sent *sent, unsigned status, const char *body)
{
        sent->is_answered = true;
        head(sent, status, "text/plain");
        if (!sent->http->is_over)
                world_http_body(sent->http, str_from(body));
        world_http_end(sent->http, NULL);
        gateway_settle();
}

void sent_status_later(struct sent *sent, unsigned status, int64_t retry_after_s)
{
        sent->is_answered = true;
        world_http_head(sent->http, status, "text/plain", NULL, retry_after_s);
        world_http_end(sent->http, NULL);
        gateway_settle();
}

void sent_event(struct sent *sent, const char *id, const char *json)
{
        char *text = quoted(json);

        if (sent->child != NULL) {
                world_child_line(sent->child, str_from(text));
        } else if (is_of_sse(sent)) {
                say_by_stream(sent, text);
        } else {
                if (!sent->http->has_head)
                        head(sent, 200, "text/event-stream");
                sent->is_stream = true;
                if (!sent->http->is_over)
                        event(sent->http, id, text);
        }
        free(text);
        gateway_settle();
}

void sent_event_result(struct sent *sent, const char *id, const char *fields)
{
        char *q = quoted(fields), *text = honest_result(sent->msg, q);

        sent_event(sent, id, text);
        free(text);
        free(q);
}

void sent_bytes(struct sent *sent, const char *content_type, const char *p, size_t n)
{
        sent->is_stream = true;
        if (!sent->http->has_head)
                head(sent, 200, content_type);
        if (!sent->http->is_over)
                world_http_body(sent->http, (struct str){p, n});
        gateway_settle();
}

void sent_text(struct sent *sent, const char *content_type, const char *text)
{
        sent_bytes(sent, content_type, text, strlen(text));
}

void sent_end(struct sent *sent)
{
        sent->is_answered = true;
        world_http_end(sent->http, NULL);
        gateway_settle();
}

void sent_fail(struct sent *sent, enum http_fault fault, bool was_sent)
{
        static struct http_failure failures[HTTP_FAULT_ELSEWHERE + 1][2];
        struct http_failure *failure = &failures[fault][was_sent];

        *failure = (struct http_failure){.fault = fault,
                                         .was_sent = was_sent,
                                         .why = "http://u.example: as the test has it"};
        sent->is_answered = true;
        world_http_end(sent->http, failure);
        gateway_settle();
}

void servers_say(const char *json)
{
        char *text = quoted(json);
        struct http_request *r = stream(NULL);

        if (r != NULL) {
                event(r, NULL, text);
        } else {
                struct child *child = world_child_ago(0);

                cr_assert_not_null(child, "nothing is open; %s", gateway_log());
                world_child_line(child, str_from(text));
        }
        free(text);
        gateway_settle();
}

void servers_say_bytes(struct str bytes)
{
        world_http_body(stream(NULL), bytes);
        gateway_settle();
}

void servers_listen_say(const char *json)
{
        struct sent *listen = servers_last("subscriptions/listen");
        json_t *msg = json_from(json), *params = json_object_get(msg, "params");
        char *text;

        if (params == NULL)
                json_object_set_new(msg, "params", params = json_object());
        json_object_set_new(params, "_meta",
                            json_pack("{s:O}", "io.modelcontextprotocol/subscriptionId",
                                      json_object_get(listen->msg, "id")));
        text = json_dumps(msg, JSON_COMPACT);
        if (listen->child != NULL)
                world_child_line(listen->child, str_from(text));
        else
                event(listen->http, NULL, text);
        free(text);
        json_decref(msg);
        gateway_settle();
}
