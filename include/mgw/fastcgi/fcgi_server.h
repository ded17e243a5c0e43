/* The FastCGI server: who may connect, and what becomes of it. */
#pragma once

#include "mgw/fastcgi/request.h"

struct fcgi_server;

/* What the FastCGI server's owner hears of each request. */
struct fcgi_server_events {
        /* The head is in, nothing of the body has been looked at. true: go on. false: it has been
         * answered; what still comes of it is thrown away. */
        bool (*on_head)(struct request *req);
        /* Head and body are in: it must answer or own it. */
        void (*on_request)(struct request *req);
};

/* 0, -errno (said in the log). Takes listen_fd over. */
int fcgi_server_create(struct context *context, int listen_fd,
                       const struct fcgi_server_events *events, struct fcgi_server **serverp);
/* Accepts no more; what runs goes on. */
void fcgi_server_stop_listening(struct fcgi_server *server);
/* Who connects waits until it is resumed, here or by who has got the descriptor. */
void fcgi_server_pause(struct fcgi_server *server);
void fcgi_server_resume(struct fcgi_server *server);
/* Requests that have begun, and that on_request is to hear of still. */
unsigned fcgi_server_n_coming(const struct fcgi_server *server);
/* The socket that it listens at; borrowed. */
int fcgi_server_fd(const struct fcgi_server *server);
void fcgi_server_destroy(struct fcgi_server *server);
