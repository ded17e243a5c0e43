/* The connection of a stream, from one process to another: the client sees nothing of it. */
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
