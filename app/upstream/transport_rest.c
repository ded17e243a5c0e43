/* A REST API as an MCP server: what its description offers is answered here, tools/call by requests
 * to the API. Answers go out at the end of the turn, never from within send(). */
#include "mgw/base/log.h"
#include "mgw/base/strv.h"
#include "mgw/config/config.h"
#include "mgw/mcp/trace.h"
#include "mgw/rest/rest.h"
#include "mgw/upstream/account.h"
#include "mgw/upstream/credential.h"
#include "mgw/wire/hdr.h"
#include "upstream_inside.h"

#include "mgw/base/alloc.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define WHY_SIZE 700

/* One request of ours on its way. */
struct rest_wire {
        struct pending_request *pending;
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
        bool is_challenged; /* account_is_challenged() */
};

static void transfer_ask(struct rest_wire *w);

static struct upstream *transfer_upstream(const struct rest_wire *w)
{
        return w->pending->owner->upstream;
}

static struct loop *transfer_loop(const struct rest_wire *w)
{
        return transfer_upstream(w)->context->loop;
}

static void transfer_forget_answer(struct rest_wire *w)
{
        buf_finish(&w->body);
        free(w->content_type);
        w->content_type = NULL;
}

static void transfer_free(void *object)
{
        struct rest_wire *w = object;

        transfer_forget_answer(w);
        strv_free(w->secrets);
        rest_run_finish(&w->run);
        json_decref(w->reply);
        free(w);
}

static void rest_drop(struct pending_request *pending)
{
        struct rest_wire *w = pending->transfer;

        pending->transfer = NULL;
        http_cancel(w->http);
        credential_leave(&w->use);
        timer_disarm(transfer_loop(w), &w->deadline);
        loop_task_cancel(&w->task);
        ledger_hold_set_past(&w->hold, 0);
        loop_bury(transfer_loop(w), w, transfer_free);
}

/* ---- answering ---- */

static void transfer_on_task(struct loop_task *task)
{
        struct rest_wire *w = container_of(task, struct rest_wire, task);

        if (w->reply != NULL)
                upstream_session_on_message(w->pending->owner, w->pending, w->reply);
        else
                pending_request_fail(w->pending, "out of memory", FAULT_UNSENT);
}

static void transfer_reply_take(struct rest_wire *w, json_t *reply)
{
        json_decref(w->reply);
        w->reply = reply;
        loop_defer(transfer_loop(w), &w->task);
}

static void transfer_answer_take(struct rest_wire *w, json_t *result)
{
        transfer_reply_take(w, result != NULL
                                       ? rpc_result_take(pending_request_msg_id(w->pending), result)
                                       : NULL);
}

static void transfer_error(struct rest_wire *w, int code, const char *message)
{
        transfer_reply_take(
                w, rpc_error_take(pending_request_msg_id(w->pending), code, message, NULL));
}

/* Nothing more is done for the call: it has come to this. */
static void transfer_refuse(struct rest_wire *w, const char *why)
{
        http_cancel(w->http);
        w->http = NULL;
        credential_leave(&w->use);
        timer_disarm(transfer_loop(w), &w->deadline);
        transfer_answer_take(w,
                             rest_error_result("%s: %s", upstream_name(transfer_upstream(w)), why));
}

/* The rest is an error of the call, but this is one of the description. */
static void transfer_refuse_elsewhere(struct rest_wire *w, const struct failure *f)
{
        char why[80];

        if (upstream_may_log(transfer_upstream(w)))
                log_warn(LOG_FIELDS({"user", w->pending->owner->client->user->email},
                                    {"detail", f->detail}),
                         "[upstream] %s: %s", upstream_name(transfer_upstream(w)), f->why);
        snprintf(why, sizeof(why), "HTTP %u: %s", w->status, f->why);
        transfer_refuse(w, why);
}

static void transfer_on_deadline(struct timer *timer)
{
        struct rest_wire *w = container_of(timer, struct rest_wire, deadline);
        char why[80];

        snprintf(why, sizeof(why), "no answer within %g s (timeout_s)",
                 (double)transfer_upstream(w)->server->answer_timeout_ms / 1000);
        transfer_refuse(w, why);
}

/* ---- what comes ---- */

static void transfer_on_head(void *owner, const struct http_response *response)
{
        struct rest_wire *w = owner;

        w->status = response->status;
        if (!failure_status_is_unwell(w->status))
                upstream_worked(transfer_upstream(w));
        w->content_type = str_dup(response->content_type);
        w->retry_after_s = response->retry_after_s;
        w->is_challenged = account_is_challenged(w->pending->owner->account, response);
}

static enum http_flow transfer_on_body(void *owner, const char *p, size_t n)
{
        struct rest_wire *w = owner;
        char why[64];

        if (buf_add(&w->body, p, n) != 0) {
                snprintf(why, sizeof(why), "the answer is over %u MB", REST_ANSWER_MAX_BYTES >> 20);
                transfer_refuse(w, why);
        } else if (!upstream_session_has_room(&w->hold, w->body.size)) {
                transfer_refuse(w, UPSTREAM_SESSION_NO_MEMORY);
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
        const char **lines = account_headers(w->pending->owner->account,
                                             (const char *const *)w->secrets, w->use.header);
        size_t n = strv_count((const char *const *)w->secrets);

        for (size_t i = n; lines[i] != NULL; i++)
                lines[i] = secret_of(lines[i]);
        return lines;
}

static void transfer_take_answer(struct rest_wire *w)
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
        int r = rest_run_answer(&w->run, upstream_name(transfer_upstream(w)), &answer, &result);

        free((void *)secrets);
        w->n_read += w->body.len;
        if (r == REST_MORE)
                transfer_ask(w);
        else
                transfer_answer_take(w, result);
}

static void transfer_on_done(void *owner, const struct http_failure *http)
{
        struct rest_wire *w = owner;
        struct failure failure;

        w->http = NULL;
        if (http != NULL)
                failure_of_http(&failure, http);
        if (http != NULL && http->fault == HTTP_FAULT_ELSEWHERE)
                transfer_refuse_elsewhere(w, &failure);
        else if (http != NULL)
                pending_request_fail_as(w->pending, &failure);
        else if (credential_refused(&w->use, w->status))
                transfer_ask(w);
        else if (w->is_challenged)
                pending_request_fail(w->pending, failure_of_grant, FAULT_GRANT);
        else
                transfer_take_answer(w);
}

static const struct http_handlers transfer_handlers = {
        .on_head = transfer_on_head,
        .on_body = transfer_on_body,
        .on_done = transfer_on_done,
};

/* ---- what goes ---- */

/* The account's, then those of the description and of the trace that are not there yet. */
static const char **make_headers(const struct rest_wire *w, char *const *described,
                                 char *const *traced)
{
        const char **own = account_headers(w->pending->owner->account, NULL, w->use.header),
                   **lines;
        char *const *const more[] = {described, traced};
        size_t n = strv_count(own);

        lines = alloc_array(n + strv_count((const char *const *)described) +
                                    strv_count((const char *const *)traced) + 1,
                            sizeof(*lines));
        for (size_t i = 0; i < n; i++)
                lines[i] = own[i];
        for (size_t i = 0; i < 2; i++)
                for (char *const *line = more[i]; line != NULL && *line != NULL; line++)
                        if (!hdr_lines_have(lines, *line))
                                lines[n++] = *line;
        free(own);
        return lines;
}

static int transfer_start(struct rest_wire *w, const struct rest_request *request)
{
        struct upstream *u = transfer_upstream(w);
        char **traced = NULL;
        int r = trace_lines_add(&traced, pending_request_params(w->pending));
        const char **headers = r == 0 ? make_headers(w, request->headers, traced) : NULL;
        const struct http_options options = {
                .method = request->method,
                .url = request->url,
                .headers = headers,
                .body = {request->body, request->body_n},
                .connect_timeout_ms = upstream_connect_timeout_ms(u),
                .source = &u->http,
        };

        if (r == 0)
                r = http_start(u->context->http, &options, &transfer_handlers, w, &w->http);
        free((void *)headers);
        strv_free(traced);
        return r;
}

static void transfer_send(struct rest_wire *w)
{
        struct rest_request request;
        char why[WHY_SIZE] = "out of memory";
        const struct config_account *account = w->pending->owner->account->config;
        int r = rest_run_request(&w->run, (const char *const *)account->security, &request, why,
                                 sizeof(why));

        strv_free(w->secrets);
        w->secrets = request.secrets;
        request.secrets = NULL;
        transfer_forget_answer(w);
        buf_init(&w->body, REST_ANSWER_MAX_BYTES - w->n_read);
        if (r == 0 && transfer_start(w, &request) < 0) {
                snprintf(why, sizeof(why), "the request could not be started");
                r = -ENOMEM;
        }
        if (r != 0)
                transfer_refuse(w, why);
        rest_request_finish(&request);
}

/* An API has nothing for who is not known to it. */
static void transfer_on_token(struct credential_use *use)
{
        struct rest_wire *w = container_of(use, struct rest_wire, use);

        if (use->is_lacking)
                pending_request_fail(w->pending, failure_of_grant, FAULT_GRANT);
        else
                transfer_send(w);
}

static void transfer_on_no_token(struct credential_use *use, const char *why)
{
        transfer_refuse(container_of(use, struct rest_wire, use), why);
}

/* Sends the next request, once there is a token for it. */
static void transfer_ask(struct rest_wire *w)
{
        int r = credential_ask(&w->use);

        if (r == 0)
                transfer_on_token(&w->use);
        else if (r < 0)
                transfer_refuse(w, "the request for a token could not be started");
}

static void transfer_call(struct rest_wire *w)
{
        const struct config_server *server = transfer_upstream(w)->server;
        char why[WHY_SIZE] = "out of memory";
        int r = rest_run_init(&w->run, server->rest, pending_request_params(w->pending), why,
                              sizeof(why));

        if (r == -ENOENT) {
                transfer_error(w, RPC_INVALID_PARAMS, "there is no such tool");
                return;
        }
        if (r != 0) {
                transfer_refuse(w, why);
                return;
        }
        if (server->answer_timeout_ms > 0)
                timer_arm(transfer_loop(w), &w->deadline, server->answer_timeout_ms);
        transfer_ask(w);
}

/* ---- its life ---- */

static json_t *init_result(const struct pending_request *pending)
{
        return json_pack("{s:O, s:{s:{}}, s:{s:s, s:s}}", "protocolVersion",
                         json_object_get(pending_request_params(pending), "protocolVersion"),
                         "capabilities", "tools", "serverInfo", "name",
                         upstream_name(pending->owner->upstream), "version", MGW_VERSION);
}

static void rest_send(struct pending_request *pending)
{
        const char *method = pending_request_method(pending);
        struct rest_wire *w;

        if (!pending_request_is_request(pending)) {
                pending_request_end(pending);
                return;
        }
        w = alloc_zeroed(sizeof(*w));
        w->pending = pending;
        w->task.on_run = transfer_on_task;
        w->use = (struct credential_use){.credential = pending->owner->account->credential,
                                         .on_token = transfer_on_token,
                                         .on_fail = transfer_on_no_token};
        w->deadline.on_due = transfer_on_deadline;
        upstream_session_hold_init(&w->hold, pending->owner);
        pending->transfer = w;
        if (pending->kind == PENDING_REQUEST_INITIALIZE)
                transfer_answer_take(w, init_result(pending));
        else if (strcmp(method, "tools/list") == 0)
                transfer_answer_take(w,
                                     json_pack("{s:O}", "tools",
                                               rest_tools(pending->owner->upstream->server->rest)));
        else if (strcmp(method, "tools/call") == 0)
                transfer_call(w);
        else
                transfer_error(w, RPC_METHOD_NOT_FOUND, "a REST API has tools only");
}

static int rest_open(struct upstream_session *us)
{
        (void)us;
        return 0;
}

static void rest_nothing(struct upstream_session *us)
{
        (void)us;
}

const struct transport transport_rest = {
        .looks_inside = true,
        .create = rest_nothing,
        .open = rest_open,
        .send = rest_send,
        .drop = rest_drop,
        .on_ready = rest_nothing,
        .destroy = rest_nothing,
};
