/* The FastCGI server: who connects. */
#include "mgw/fastcgi/fcgi_server.h"

#include "fcgi_inside.h"
#include "mgw/base/alloc.h"
#include "mgw/base/log.h"
#include "mgw/config/config.h"
#include "mgw/core/share.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

/* Walks those that end. */
static void fcgi_server_on_end(struct loop_task *task)
{
        struct fcgi_server *server = container_of(task, struct fcgi_server, end);
        struct list due, *node;

        list_take_all(&due, &server->ending);
        while ((node = list_first(&due)) != NULL) {
                list_move_to_tail(&server->conns, node);
                fcgi_conn_end(container_of(node, struct fcgi_conn, node));
        }
}

/* What our own children run may say nothing here: it would speak as HAProxy does. */
static bool fcgi_server_lets_in(struct fcgi_server *server, int fd)
{
        server->peers.since = children_first_tick(server->context->children);
        if (sock_peer_may(&server->peers, fd))
                return true;
        if (share_may_log(server->context->own_share, "connections of mgw's own"))
                log_warn(
                        NULL,
                        "[mgw] a child process has tried to connect to the FastCGI socket, or what "
                        "descends from mgw's process has: process %d of uid %u",
                        server->peers.last_pid, server->peers.last_uid);
        return false;
}

static void fcgi_server_on_accept(struct sock_listener *listener, int fd)
{
        struct fcgi_server *server = container_of(listener, struct fcgi_server, listener);

        if (fcgi_server_lets_in(server, fd))
                fcgi_conn_create(server, fd);
        else
                close(fd);
}

static unsigned fcgi_server_room(struct sock_listener *listener)
{
        const struct context *context =
                container_of(listener, struct fcgi_server, listener)->context;
        unsigned max = context->config->connections_max;

        return context->stats.n_connections < max ? max - context->stats.n_connections : 0;
}

int fcgi_server_create(struct context *context, int listen_fd,
                       const struct fcgi_server_events *events, struct fcgi_server **serverp)
{
        struct fcgi_server *server = alloc_zeroed(sizeof(*server));
        int r;

        server->context = context;
        server->events = events;
        if (context->config->children_uid_first != 0) {
                server->peers.not_uid = context->config->children_uid_first;
                server->peers.not_uid_n = context->config->children_uid_count;
        }
        server->listener.on_accept = fcgi_server_on_accept;
        server->listener.room = fcgi_server_room;
        server->end.on_run = fcgi_server_on_end;
        list_init(&server->conns);
        list_init(&server->ending);
        r = sock_listener_open(context->loop, &server->listener, listen_fd);
        if (r < 0) {
                free(server);
                return r;
        }
        *serverp = server;
        return 0;
}

void fcgi_server_stop_listening(struct fcgi_server *server)
{
        sock_listener_close(&server->listener);
}

void fcgi_server_pause(struct fcgi_server *server)
{
        sock_listener_pause(&server->listener);
}

void fcgi_server_resume(struct fcgi_server *server)
{
        sock_listener_resume(&server->listener);
}

unsigned fcgi_server_n_coming(const struct fcgi_server *server)
{
        return server->n_coming;
}

int fcgi_server_fd(const struct fcgi_server *server)
{
        return server->listener.fd;
}

void fcgi_server_destroy(struct fcgi_server *server)
{
        struct list *node;

        if (server == NULL)
                return;
        loop_task_cancel(&server->end);
        sock_peers_finish(&server->peers);
        sock_listener_close(&server->listener);
        while ((node = list_first(&server->ending)) != NULL ||
               (node = list_first(&server->conns)) != NULL)
                fcgi_conn_close(container_of(node, struct fcgi_conn, node));
        loop_bury(server->context->loop, server, free);
}
