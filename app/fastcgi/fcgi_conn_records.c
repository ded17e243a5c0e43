/* Records to requests: gathers the head, has it judged, gathers the body where one is wanted, and
 * hands the request over when all of it is there. */
#include "fcgi_inside.h"
#include "mgw/base/alloc.h"
#include "mgw/base/log.h"
#include "mgw/config/config.h"
#include "mgw/core/share.h"

#include <fastcgi.h>
#include <string.h>

/* Requests at once on one connection of a multiplexing peer. */
#define REQUESTS_MAX 64
/* Who sends more that nobody wants is not heard out: the answer has long been on its way. */
#define THROWN_AWAY_MAX_BYTES (16u << 20)

/* Walks REQUESTS_MAX at most. */
static struct request *fcgi_conn_find(struct fcgi_conn *c, uint16_t id)
{
        struct request *req;

        LL_SEARCH_SCALAR(c->requests, req, id, id);
        return req;
}

static void refuse(struct request *req, unsigned status, struct str why)
{
        const struct cgi_header headers[] = {
                {"Content-Type", "text/plain"},
                {"Retry-After", status == 503 || status == 429 ? "5" : NULL},
                {0},
        };

        request_has_come(req);
        request_reply(req, status, headers, why);
}

/* One of the two who would have to hold the body has no room for it. */
static void refuse_for_memory(struct request *req, int outcome)
{
        buf_finish(&req->in->body);
        if (outcome == LEDGER_E_PAYER)
                refuse(req, 429,
                       STR("This user has too much under way (memory_per_user_max_bytes).\n"));
        else
                refuse(req, 503,
                       STR("The gateway has no memory for new work (memory_max_bytes).\n"));
}

void fcgi_conn_on_deadline(struct timer *timer)
{
        struct fcgi_conn *c = container_of(timer, struct fcgi_conn, deadline);
        struct request *req, *next;

        if (c->out.len > 0) {
                if (c->share == NULL || share_may_log(c->share, "a client that reads nothing"))
                        log_info(NULL,
                                 "[FastCGI] connection closed: its peer has taken nothing for %g s "
                                 "(answer_timeout_s)",
                                 (double)c->server->context->config->answer_timeout_ms / 1000);
                fcgi_conn_kill(c);
                return;
        }
        if (c->requests == NULL) {
                fcgi_conn_kill(c);
                return;
        }
        LL_FOREACH_SAFE(c->requests, req, next)
        if (!req->is_running && !req->is_held)
                refuse(req, 408, STR("The request did not arrive in time.\n"));
}

static void request_on_turn(struct work *work)
{
        struct request *req = container_of(work, struct request_input, work)->req;

        request_set_coming(req, false);
        req->conn->server->events->on_request(req);
}

/* Hands the request over when all of it is there (rule: CONTENT_LENGTH decides, not the empty
 * STDIN). */
static void request_check_complete(struct request *req, bool at_stdin_end)
{
        const struct cgi_head *head = &req->in->head;
        bool is_short = head->has_length ? req->in->body.len < head->content_length : !at_stdin_end;

        if (req->takes_body && is_short) {
                if (at_stdin_end)
                        refuse(req, 400, STR("The body is shorter than its Content-Length.\n"));
                return;
        }
        request_has_come(req);
        req->in->work.on_run = request_on_turn;
        work_start(&req->in->work, req->share);
}

/* What was kept while it was held is now wanted and paid for, or neither. false: refused. */
static bool request_settle_kept(struct request *req)
{
        struct buf *body = &req->in->body;
        int r;

        if (!req->takes_body) {
                buf_finish(body);
                return true;
        }
        if (body->len > body->max) {
                refuse(req, 413, STR("The body is over the limit (body_max_bytes).\n"));
                return false;
        }
        r = ledger_hold_set(&req->in->hold, body->size);
        if (r != 0)
                refuse_for_memory(req, r);
        return r == 0;
}

void fcgi_conn_judge(struct request *req)
{
        if (!req->conn->server->events->on_head(req))
                return;
        if (!req->was_held || request_settle_kept(req))
                request_check_complete(req, req->has_stdin);
}

static void request_on_head(struct request *req)
{
        req->has_params = true;
        req->conn->server->context->stats.requests++;
        fcgi_conn_judge(req);
}

static void fcgi_conn_throw_away(struct fcgi_conn *c, size_t n)
{
        c->n_thrown_away += (uint32_t)n;
        if (c->n_thrown_away > THROWN_AWAY_MAX_BYTES)
                fcgi_conn_kill(c);
}

static void fcgi_conn_on_begin(struct fcgi_conn *c, const struct fcgi_record *rec)
{
        struct request *req = fcgi_conn_find(c, rec->id);
        uint16_t role;
        bool keep_conn;

        if (rec->id == 0 || fcgi_begin_decode(rec, &role, &keep_conn) != 0) {
                fcgi_conn_fault(c, "malformed BEGIN_REQUEST");
                return;
        }
        if (req != NULL) /* the peer abandoned it */
                request_lose(req);
        if (role != FCGI_RESPONDER) {
                struct buf end;

                buf_init(&end, 64);
                if (fcgi_add_end(&end, rec->id, FCGI_UNKNOWN_ROLE) == 0)
                        (void)fcgi_conn_send_bytes(c, buf_bytes(&end).p, end.len);
                buf_finish(&end);
                if (!keep_conn) {
                        c->closes_when_flushed = true;
                        fcgi_conn_linger(c, rec->id);
                        fcgi_conn_flush(c);
                }
                return;
        }
        req = alloc_zeroed(sizeof(*req));
        req->in = alloc_zeroed(sizeof(*req->in));
        req->conn = c;
        req->id = rec->id;
        req->in->req = req;
        req->keep_conn = keep_conn;
        request_set_coming(req, true);
        list_init(&req->waiters);
        buf_init(&req->in->raw_params, c->server->context->config->head_max_bytes);
        buf_init(&req->in->body, 0);
        c->n_thrown_away = 0;
        if (c->requests == NULL)
                timer_disarm(c->server->context->loop, &c->deadline);
        LL_PREPEND(c->requests, req);
        if (++c->n_requests > REQUESTS_MAX)
                refuse(req, 503, STR("Too many requests at once on this connection.\n"));
}

static void refuse_head(struct request *req)
{
        refuse(req, 431, STR("The request head is over the limit (head_max_bytes).\n"));
}

void fcgi_conn_on_long_head(struct fcgi_conn *c)
{
        if (c->requests != NULL)
                refuse_head(c->requests);
        else
                fcgi_conn_kill(c);
}

static void request_on_params(struct request *req, const struct fcgi_record *rec)
{
        if (req->has_params)
                return;
        if (rec->n_content > 0) {
                if (buf_add(&req->in->raw_params, rec->content, rec->n_content) != 0)
                        refuse_head(req);
                return;
        }
        if (cgi_params_decode(&req->in->params, buf_bytes(&req->in->raw_params)) != 0 ||
            cgi_head_read(&req->in->head, &req->in->params) != 0) {
                refuse(req, 400, STR("The request head is malformed.\n"));
                return;
        }
        buf_finish(&req->in->raw_params);
        request_on_head(req);
}

/* What came with its head, and is not paid for yet: one read brings no more. */
static void request_keep(struct request *req, struct str bytes)
{
        req->in->body.max = FCGI_READ_BYTES;
        if (buf_add_str(&req->in->body, bytes) != 0)
                fcgi_conn_fault(req->conn, "more than one read brings");
}

static void request_take(struct request *req, struct str bytes, bool is_end)
{
        int r;

        if (buf_add_str(&req->in->body, bytes) != 0)
                refuse(req, 413, STR("The body is over the limit (body_max_bytes).\n"));
        else if ((r = ledger_hold_set(&req->in->hold, req->in->body.size)) != 0)
                refuse_for_memory(req, r);
        else
                request_check_complete(req, is_end);
}

static void request_on_stdin(struct request *req, const struct fcgi_record *rec)
{
        struct str bytes = {(const char *)rec->content, rec->n_content};

        req->has_stdin |= bytes.n == 0;
        if (req->is_running) {
                fcgi_conn_throw_away(req->conn, bytes.n);
                return;
        }
        if (!req->has_params) {
                fcgi_conn_fault(req->conn, "STDIN before the end of PARAMS");
                return;
        }
        if (req->in->head.has_length && bytes.n > req->in->head.content_length - req->in->body.len)
                bytes.n = (size_t)(req->in->head.content_length - req->in->body.len);
        if (req->is_held)
                request_keep(req, bytes);
        else
                request_take(req, bytes, rec->n_content == 0);
}

/* Has all come that it is to be answered by, whoever is to know of its head first? */
static bool request_is_whole(const struct request *req)
{
        return req->is_running ||
               (req->is_held &&
                req->in->body.len >= (req->in->head.has_length ? req->in->head.content_length : 0));
}

static void request_on_abort(struct request *req)
{
        req->has_stdin = true; /* nothing more will come */
        if (req->events != NULL && req->events->on_abort != NULL) {
                req->events->on_abort(req);
                return;
        }
        /* HAProxy is being reloaded: the answer comes by itself, or the connection ends. */
        req->is_aborted = request_is_whole(req) && !req->keep_conn;
        if (req->is_aborted)
                return;
        if (req->events != NULL)
                req->events->on_gone(req);
        /* HAProxy 2.6 does not survive an end without a head. */
        refuse(req, 503, STR("The request was aborted.\n"));
}

static void fcgi_conn_on_management(struct fcgi_conn *c, const struct fcgi_record *rec)
{
        struct buf answer;
        int r;

        buf_init(&answer, 4096);
        if (rec->type == FCGI_GET_VALUES)
                r = fcgi_add_values_result(&answer, rec,
                                           c->server->context->config->connections_max);
        else
                r = fcgi_add_unknown_type(&answer, rec->type);
        if (r != 0)
                fcgi_conn_fault(c, "malformed management record");
        else
                (void)fcgi_conn_send_bytes(c, buf_bytes(&answer).p, answer.len);
        buf_finish(&answer);
}

static void fcgi_conn_on_rest(struct fcgi_conn *c, const struct fcgi_record *rec)
{
        bool is_end =
                rec->type == FCGI_ABORT_REQUEST || (rec->type == FCGI_STDIN && rec->n_content == 0);

        fcgi_conn_throw_away(c, rec->n_content);
        if (!c->is_lingering || rec->id != c->lingering_id || !is_end)
                return;
        c->is_lingering = false;
        fcgi_conn_flush(c);
}

void fcgi_conn_on_record(struct fcgi_conn *c, const struct fcgi_record *rec)
{
        struct request *req;

        if (rec->type == FCGI_BEGIN_REQUEST) {
                fcgi_conn_on_begin(c, rec);
                return;
        }
        if (rec->id == 0) {
                fcgi_conn_on_management(c, rec);
                return;
        }
        req = fcgi_conn_find(c, rec->id);
        if (req == NULL) { /* of a request that is over: to be ignored (3.3) */
                fcgi_conn_on_rest(c, rec);
                return;
        }
        if (rec->type == FCGI_PARAMS)
                request_on_params(req, rec);
        else if (rec->type == FCGI_STDIN)
                request_on_stdin(req, rec);
        else if (rec->type == FCGI_ABORT_REQUEST)
                request_on_abort(req);
        else if (rec->type != FCGI_DATA)
                fcgi_conn_fault(c, "unknown record type in a request");
}
