/* One request a connection, as HAProxy has it, with all that it has said read and all that was said
 * to it sent: then the connection's descriptor and the request's number are all there is. */
#include "mgw/fastcgi/request_handover.h"

#include "fcgi_inside.h"
#include "mgw/base/alloc.h"
#include "mgw/core/share.h"

#include <errno.h>

static bool may_go(const struct request *req)
{
        const struct fcgi_conn *c = req->conn;

        return req->in == NULL && !c->is_dead && !c->is_http && c->out.len == 0 &&
               c->n_requests == 1 && c->reader.partial.len == 0 && !c->closes_when_flushed;
}

int request_give(struct request *req, struct request_handover *handover)
{
        if (!may_go(req))
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
