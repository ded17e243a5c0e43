/* A connection, from one process to another: the client sees nothing of it. */
#pragma once

#include "mgw/fastcgi/fcgi_server.h"

/* What the other process must know beside the descriptor. */
struct request_handover {
        uint16_t id;
        bool keep_conn;
        bool has_stdin;
};

/* Gives up a request that has become a stream; nobody hears of its end. The descriptor, which is
 * the caller's; -EAGAIN: bytes wait for its peer, or it is not alone on its connection. */
int request_give(struct request *req, struct request_handover *handover);
/* Goes on with it; takes fd and the share over. NULL: it is lost. */
struct request *request_take_over(struct fcgi_server *server, int fd,
                                  const struct request_handover *handover, struct share *share);

/* Gives up a request that has come whole, with that body: in records what its peer would say to ask
 * it again. Outcomes as request_give(). */
int request_give_whole(struct request *req, struct str body, struct buf *records);
/* Hears these records; takes fd over. */
void request_take_whole(struct fcgi_server *server, int fd, struct str records);
