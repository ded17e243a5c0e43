/* A REST API as an MCP server: what its description offers is answered here, tools/call by requests
 * to the API. Answers go out at the end of the turn, never from within send(). */
#include "link_inside.h"
#include "mgw/base/log.h"
#include "mgw/base/strv.h"
#include "mgw/gate/account.h"
#include "mgw/gate/credential.h"
#include "mgw/mcp/rest.h"
#include "mgw/mcp/trace.h"
#include "mgw/wire/hdr.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define WHY_SIZE 700

/* One request of ours on its way. */
struct rest_wire {
        struct exchange *x;
        struct loop_task task; /* hands up the reply */
        json_t *reply;
        struct rest_run run;
        struct http_request *http;
        struct credential_use use;
        struct timer deadline;
        struct buf body;
        struct ledger_hold hold; /* of body */
        char **secrets;          /* of the request */
        char *content_type;
        int64_t retry_after_s;
        uint32_t n_read; /* of all pages before */
        unsigned status;
};

static void wire_ask(struct rest_wire *w);

static struct upstream *wire_upstream(const struct rest_wire *w)
{
        return w->x->owner->upstream;
}

static struct loop *wire_loop(const struct rest_wire *w)
{
        return wire_upstream(w)->gate->loop;
}

static void wire_forget_answer(struct rest_wire *w)
{
        buf_finish(&w->body);
        free(w->content_type);
        w->content_type = NULL;
}

static void wire_free(void *object)
{
        struct rest_wire *w = object;

        wire_forget_answer(w);
        strv_free(w->secrets);
        rest_run_finish(&w->run);
        json_decref(w->reply);
        free(w);
}

static void rest_drop(struct exchange *x)
{
        struct rest_wire *w = x->wire;

        x->wire = NULL;
        http_cancel(w->http);
        credential_leave(&w->use);
        timer_disarm(wire_loop(w), &w->deadline);
        loop_task_cancel(&w->task);
        ledger_hold_set_past(&w->hold, 0);
        loop_bury(wire_loop(w), w, wire_free);
}

/* ---- answering ---- */

static void wire_on_task(struct loop_task *task)
{
        struct rest_wire *w = container_of(task, struct rest_wire, task);

        if (w->reply != NULL)
                link_on_message(w->x->owner, w->x, w->reply);
        else
                exchange_fail(w->x, "out of memory", FAULT_UNSENT);
}

static void wire_reply_take(struct rest_wire *w, json_t *reply)
{
        json_decref(w->reply);
        w->reply = reply;
        loop_defer(wire_loop(w), &w->task);
}

static void wire_answer_take(struct rest_wire *w, json_t *result)
{
        wire_reply_take(w, result != NULL ? rpc_result_take(exchange_msg_id(w->x), result) : NULL);
}

static void wire_error(struct rest_wire *w, int code, const char *message)
{
        wire_reply_take(w, rpc_error_take(exchange_msg_id(w->x), code, message, NULL));
}

/* Nothing more is done for the call: it has come to this. */
static void wire_refuse(struct rest_wire *w, const char *why)
{
        http_cancel(w->http);
        w->http = NULL;
        credential_leave(&w->use);
        timer_disarm(wire_loop(w), &w->deadline);
        wire_answer_take(w, rest_error_result("%s: %s", upstream_name(wire_upstream(w)), why));
}

/* The rest is an error of the call, but this is one of the description. */
static void wire_refuse_elsewhere(struct rest_wire *w, const struct failure *f)
{
        char why[80];

        if (upstream_may_log(wire_upstream(w)))
                log_warn(LOG_FIELDS({"user", w->x->owner->session->user->email},
                                    {"detail", f->detail}),
                         "[upstream] %s: %s", upstream_name(wire_upstream(w)), f->why);
        snprintf(why, sizeof(why), "HTTP %u: %s", w->status, f->why);
        wire_refuse(w, why);
}

static void wire_on_deadline(struct timer *timer)
{
        struct rest_wire *w = container_of(timer, struct rest_wire, deadline);
        char why[80];

        snprintf(why, sizeof(why), "no answer within %g s (timeout_s)",
                 (double)wire_upstream(w)->server->answer_timeout_ms / 1000);
        wire_refuse(w, why);
}

/* ---- what comes ---- */

static void wire_on_head(void *owner, const struct http_response *response)
{
        struct rest_wire *w = owner;

        w->status = response->status;
        if (!failure_status_is_unwell(w->status))
                upstream_worked(wire_upstream(w));
        w->content_type = str_dup(response->content_type);
        w->retry_after_s = response->retry_after_s;
}

static enum http_flow wire_on_body(void *owner, const char *p, size_t n)
{
        struct rest_wire *w = owner;
        char why[64];

        if (buf_add(&w->body, p, n) != 0) {
                snprintf(why, sizeof(why), "the answer is over %u MB", REST_ANSWER_MAX_BYTES >> 20);
                wire_refuse(w, why);
        } else if (!link_has_room(&w->hold, w->body.size)) {
                wire_refuse(w, LINK_NO_ROOM);
        }
        return HTTP_GO_ON;
}

/* Of a line of Authorization what stands behind the scheme, else the value. */
static const char *secret_of(const char *line)
{
        bool has_scheme = strncasecmp(line, "Authorization:", 14) == 0;
        const char *value = strchr(line, ':') + 1;
        const char *credentials;

        value += strspn(value, " ");
        credentials = has_scheme ? strchr(value, ' ') : NULL;
        return credentials != NULL ? credentials + 1 : value;
}

/* What of a request proves who we are; ends with NULL. */
static const char **make_secrets(const struct rest_wire *w)
{
        const char **lines = account_headers(w->x->owner->account, (const char *const *)w->secrets,
                                             w->use.header);
        size_t n = strv_count((const char *const *)w->secrets);

        for (size_t i = n; lines != NULL && lines[i] != NULL; i++)
                lines[i] = secret_of(lines[i]);
        return lines;
}

static void wire_take_answer(struct rest_wire *w)
{
        const char **secrets = make_secrets(w);
        const struct rest_answer answer = {
                .status = w->status,
                .content_type = str_from(w->content_type),
                .retry_after_s = w->retry_after_s,
                .body = buf_bytes(&w->body),
                .secrets = secrets,
        };
        json_t *result = NULL;
        int r = secrets != NULL ? rest_run_answer(&w->run, upstream_name(wire_upstream(w)), &answer,
                                                  &result)
                                : -ENOMEM;

        free((void *)secrets);
        w->n_read += w->body.len;
        if (r == REST_MORE)
                wire_ask(w);
        else
                wire_answer_take(w, result);
}

static void wire_on_done(void *owner, const struct http_failure *http)
{
        struct rest_wire *w = owner;
        struct failure failure;

        w->http = NULL;
        if (http != NULL)
                failure_of_http(&failure, http);
        if (http != NULL && http->fault == HTTP_FAULT_ELSEWHERE)
                wire_refuse_elsewhere(w, &failure);
        else if (http != NULL)
                exchange_fail_as(w->x, &failure);
        else if (credential_refused(&w->use, w->status))
                wire_ask(w);
        else
                wire_take_answer(w);
}

static const struct http_handlers wire_handlers = {
        .on_head = wire_on_head,
        .on_body = wire_on_body,
        .on_done = wire_on_done,
};

/* ---- what goes ---- */

/* The account's, then those of the description and of the trace that are not there yet. */
static const char **make_headers(const struct rest_wire *w, char *const *described,
                                 char *const *traced)
{
        const char **own = account_headers(w->x->owner->account, NULL, w->use.header), **lines;
        char *const *const more[] = {described, traced};
        size_t n = strv_count(own);

        lines = own != NULL ? calloc(n + strv_count((const char *const *)described) +
                                             strv_count((const char *const *)traced) + 1,
                                     sizeof(*lines))
                            : NULL;
        for (size_t i = 0; lines != NULL && i < n; i++)
                lines[i] = own[i];
        for (size_t i = 0; lines != NULL && i < 2; i++)
                for (char *const *line = more[i]; line != NULL && *line != NULL; line++)
                        if (!hdr_lines_have(lines, *line))
                                lines[n++] = *line;
        free(own);
        return lines;
}

static int wire_start(struct rest_wire *w, const struct rest_request *request)
{
        struct upstream *u = wire_upstream(w);
        char **traced = NULL;
        int r = trace_lines_add(&traced, exchange_params(w->x));
        const char **headers = r == 0 ? make_headers(w, request->headers, traced) : NULL;
        const struct http_options options = {
                .method = request->method,
                .url = request->url,
                .headers = headers,
                .body = {request->body, request->body_n},
                .connect_timeout_ms = upstream_connect_timeout_ms(u),
                .source = &u->http,
        };

        r = headers != NULL ? http_start(u->gate->http, &options, &wire_handlers, w, &w->http)
                            : -ENOMEM;
        free((void *)headers);
        strv_free(traced);
        return r;
}

static void wire_send(struct rest_wire *w)
{
        struct rest_request request;
        char why[WHY_SIZE] = "out of memory";
        const struct config_account *account = w->x->owner->account->config;
        int r = rest_run_request(&w->run, (const char *const *)account->security, &request, why,
                                 sizeof(why));

        strv_free(w->secrets);
        w->secrets = request.secrets;
        request.secrets = NULL;
        wire_forget_answer(w);
        buf_init(&w->body, REST_ANSWER_MAX_BYTES - w->n_read);
        if (r == 0 && wire_start(w, &request) < 0) {
                snprintf(why, sizeof(why), "the request could not be started");
                r = -ENOMEM;
        }
        if (r != 0)
                wire_refuse(w, why);
        rest_request_finish(&request);
}

static void wire_on_token(struct credential_use *use)
{
        wire_send(container_of(use, struct rest_wire, use));
}

static void wire_on_no_token(struct credential_use *use, const char *why)
{
        wire_refuse(container_of(use, struct rest_wire, use), why);
}

/* Sends the next request, once there is a token for it. */
static void wire_ask(struct rest_wire *w)
{
        int r = credential_ask(&w->use);

        if (r == 0)
                wire_send(w);
        else if (r < 0)
                wire_refuse(w, "the request for a token could not be started");
}

static void wire_call(struct rest_wire *w)
{
        const struct config_server *server = wire_upstream(w)->server;
        char why[WHY_SIZE] = "out of memory";
        int r = rest_run_init(&w->run, server->rest, exchange_params(w->x), why, sizeof(why));

        if (r == -ENOENT) {
                wire_error(w, RPC_INVALID_PARAMS, "there is no such tool");
                return;
        }
        if (r != 0) {
                wire_refuse(w, why);
                return;
        }
        if (server->answer_timeout_ms > 0)
                timer_arm(wire_loop(w), &w->deadline, server->answer_timeout_ms);
        wire_ask(w);
}

/* ---- its life ---- */

static json_t *hello(const struct exchange *x)
{
        return json_pack("{s:O, s:{s:{}}, s:{s:s, s:s}}", "protocolVersion",
                         json_object_get(exchange_params(x), "protocolVersion"), "capabilities",
                         "tools", "serverInfo", "name", upstream_name(x->owner->upstream),
                         "version", MGW_VERSION);
}

static void rest_send(struct exchange *x)
{
        const char *method = exchange_method(x);
        struct rest_wire *w = exchange_is_request(x) ? calloc(1, sizeof(*w)) : NULL;

        if (!exchange_is_request(x)) {
                exchange_end(x);
                return;
        }
        if (w == NULL) {
                exchange_fail(x, "out of memory", FAULT_UNSENT);
                return;
        }
        w->x = x;
        w->task.on_run = wire_on_task;
        w->use = (struct credential_use){.credential = x->owner->account->credential,
                                         .on_token = wire_on_token,
                                         .on_fail = wire_on_no_token};
        w->deadline.on_due = wire_on_deadline;
        link_hold_init(&w->hold, x->owner);
        x->wire = w;
        if (x->kind == EXCHANGE_INITIALIZE)
                wire_answer_take(w, hello(x));
        else if (strcmp(method, "tools/list") == 0)
                wire_answer_take(w, json_pack("{s:O}", "tools",
                                              rest_tools(x->owner->upstream->server->rest)));
        else if (strcmp(method, "tools/call") == 0)
                wire_call(w);
        else
                wire_error(w, RPC_METHOD_NOT_FOUND, "a REST API has tools only");
}

static int rest_create_peer(struct link *link)
{
        (void)link;
        return 0;
}

static int rest_open(struct link *link)
{
        (void)link;
        return 0;
}

static void rest_nothing(struct link *link)
{
        (void)link;
}

const struct transport transport_rest = {
        .looks_inside = true,
        .create = rest_create_peer,
        .open = rest_open,
        .send = rest_send,
        .drop = rest_drop,
        .on_ready = rest_nothing,
        .destroy = rest_nothing,
};
