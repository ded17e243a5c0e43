/* One request a connection, as HAProxy has it, with all that it has said read and all that was said
 * to it sent: then the connection's descriptor and the request's number are all there is. */
#include "mgw/fastcgi/request_handover.h"

#include "fcgi_inside.h"
#include "mgw/base/alloc.h"
#include "mgw/core/share.h"

#include <errno.h>
#include <fastcgi.h>
#include <stdio.h>

static bool may_go(const struct request *req)
{
        const struct fcgi_conn *c = req->conn;

        return !c->is_dead && !c->is_http && c->out.len == 0 && c->n_requests == 1 &&
               fcgi_reader_is_between(&c->reader) && !c->closes_when_flushed;
}

int request_give(struct request *req, struct request_handover *handover)
{
        if (req->in != NULL || !may_go(req))
                return -EAGAIN;
        *handover = (struct request_handover){
                .id = req->id, .keep_conn = req->keep_conn, .has_stdin = req->has_stdin};
        req->events = NULL;
        return fcgi_conn_leave(req->conn);
}

struct request *request_take_over(struct fcgi_server *server, int fd,
                                  const struct request_handover *handover, struct share *share)
{
        struct fcgi_conn *c = fcgi_conn_create(server, fd);
        struct request *req;

        if (c == NULL) {
                share_let_go(share);
                return NULL;
        }
        req = alloc_zeroed(sizeof(*req));
        req->conn = c;
        req->id = handover->id;
        req->keep_conn = handover->keep_conn;
        req->has_stdin = handover->has_stdin;
        req->has_params = req->is_running = true;
        req->share = share;
        list_init(&req->waiters);
        c->has_begun = true;
        c->n_requests = 1;
        LL_PREPEND(c->requests, req);
        fcgi_conn_set_share(c, share);
        fcgi_conn_watch_deadline(c);
        return req;
}

/* ---- whole ---- */

static int add_params(struct buf *out, const struct request *req, size_t n_body)
{
        const struct str content_length = STR("CONTENT_LENGTH");
        struct buf pairs;
        char length[24];
        int r = 0;

        buf_init(&pairs, out->max);
        for (char *const *it = req->in->params.envp; r == 0 && *it != NULL; it++) {
                struct str value = str_from(*it), name = str_cut(&value, '=');

                if (!str_eq(name, content_length))
                        r = fcgi_add_pair(&pairs, name, value);
        }
        snprintf(length, sizeof(length), "%zu", n_body);
        if (r == 0)
                r = fcgi_add_pair(&pairs, content_length, str_from(length));
        if (r == 0)
                r = fcgi_add_stream(out, FCGI_PARAMS, req->id, buf_bytes(&pairs));
        buf_finish(&pairs);
        return r == 0 ? fcgi_add_stream_end(out, FCGI_PARAMS, req->id) : r;
}

static int add_whole(struct buf *out, const struct request *req, struct str body)
{
        int r = fcgi_add_begin(out, req->id, req->keep_conn);

        if (r == 0)
                r = add_params(out, req, body.n);
        if (r == 0)
                r = fcgi_add_stream(out, FCGI_STDIN, req->id, body);
        return r == 0 && req->has_stdin ? fcgi_add_stream_end(out, FCGI_STDIN, req->id) : r;
}

int request_give_whole(struct request *req, struct str body, struct buf *records)
{
        if (req->in == NULL || !may_go(req) || add_whole(records, req, body) != 0)
                return -EAGAIN;
        req->events = NULL;
        return fcgi_conn_leave(req->conn);
}

void request_take_whole(struct fcgi_server *server, int fd, struct str records)
{
        struct fcgi_conn *c = fcgi_conn_create(server, fd);

        if (c == NULL)
                return;
        c->has_begun = true;
        fcgi_conn_feed(c, (const uint8_t *)records.p, records.n);
        if (!c->is_dead)
                fcgi_conn_watch_deadline(c);
}
