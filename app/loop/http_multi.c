/* Handles of curl's on the loop.
 *
 * At each step curl walks what its handle holds: transfers, and connections kept for the same
 * server. So a handle takes HTTP_MULTI_MAX transfers and no more, and those that may be silent for
 * long stand in handles apart from calls: what a step costs does not grow with their number. The
 * first handle of a pool has room, if any has; those that are full stand at its end.
 *
 * Timers: curl asks for one timer a handle. It is armed all the time (far off when curl wants
 * none), so that arming it again cannot fail. A wait of 0 is work for the end of the turn: once a
 * turn, however often curl asks. */
#include "http_inside.h"
#include "http_pool.h"

#include "mgw/base/alloc.h"

#include <errno.h>
#include <stdlib.h>

#define HTTP_IDLE_CONNECTIONS 64
#define HTTP_QUIET_MS (HTTP_IDLE_S * 1000)
#define HTTP_FAR_MS (INT64_C(24) * 3600 * 1000)

/* A socket that curl wants watched. */
struct http_socket {
        struct loop_io io;
        struct list node;
        struct http_multi *multi;
};

/* When curl asks for no time: the end of the quiet, or never. Streams leave no connections that
 * would be worth it to keep a handle. */
static int64_t multi_spare_ms(const struct http_multi *multi)
{
        if (multi->n_running > 0)
                return HTTP_FAR_MS;
        return multi->is_for_streams ? 0 : HTTP_QUIET_MS;
}

/* ---- sockets and the timer ---- */

static void socket_on_io(struct loop_io *io, uint32_t events)
{
        struct http_socket *socket = container_of(io, struct http_socket, io);
        int curl_events = 0;

        /* curl takes its error bit for the end, though an answer may wait to be read: it finds out
         * by reading. */
        if (events & LOOP_GONE)
                events |= io->events;
        if (events & LOOP_IN)
                curl_events |= CURL_CSELECT_IN;
        if (events & LOOP_OUT)
                curl_events |= CURL_CSELECT_OUT;
        http_multi_run(socket->multi, io->fd, curl_events);
}

static int socket_create(struct http_multi *multi, curl_socket_t fd, uint32_t events)
{
        struct http_socket *socket = alloc_zeroed(sizeof(*socket));
        int r;

        socket->multi = multi;
        socket->io.fd = fd;
        socket->io.on_io = socket_on_io;
        r = loop_io_add(multi->client->loop, &socket->io, events);
        if (r < 0) {
                free(socket);
                return r;
        }
        list_append(&multi->sockets, &socket->node);
        curl_multi_assign(multi->curl, fd, socket);
        return 0;
}

static void socket_destroy(struct http_socket *socket)
{
        struct loop *loop = socket->multi->client->loop;

        list_unlink(&socket->node);
        loop_io_remove(loop, &socket->io);
        loop_bury(loop, socket, free);
}

static int multi_on_socket(CURL *easy, curl_socket_t fd, int what, void *userdata, void *socket)
{
        struct http_multi *multi = userdata;
        struct http_socket *known = socket;
        struct http_request *request = NULL;
        uint32_t events = 0;
        int r;

        if (what == CURL_POLL_REMOVE) {
                if (known != NULL)
                        socket_destroy(known);
                return 0;
        }
        if (what & CURL_POLL_IN)
                events |= LOOP_IN;
        if (what & CURL_POLL_OUT)
                events |= LOOP_OUT;
        r = known == NULL ? socket_create(multi, fd, events)
                          : loop_io_set(multi->client->loop, &known->io, events);
        if (r == 0)
                return 0;
        /* To answer -1 would end every transfer of the handle, not only this one. */
        curl_easy_getinfo(easy, CURLINFO_PRIVATE, &request);
        if (request != NULL)
                http_request_fail(request, "Out of memory for a socket");
        return 0;
}

static int multi_on_timer(CURLM *curl, long timeout_ms, void *userdata)
{
        struct http_multi *multi = userdata;

        (void)curl;
        if (multi->client->is_destroyed)
                return 0;
        if (timeout_ms == 0)
                http_turn_defer(multi->client, &multi->due);
        else
                list_unlink(&multi->due);
        timer_arm(multi->client->loop, &multi->timer,
                  timeout_ms > 0 ? timeout_ms : multi_spare_ms(multi));
        return 0;
}

/* ---- the end of transfers ---- */

/* Where a host name has led: whoever comes next needs no curl. */
static void tell_address(struct http_request *request)
{
        char *ip = NULL;

        curl_easy_getinfo(request->transfer->easy, CURLINFO_PRIMARY_IP, &ip);
        if (ip != NULL)
                http_server_learn(request->client, request->server, ip);
}

void http_multi_end(struct http_request *request, CURLcode result)
{
        struct http_transfer *transfer = request->transfer;
        const char *why = NULL;

        if (result == CURLE_OK && request->server != NULL)
                tell_address(request);
        if (result != CURLE_OK && transfer->barred[0] != '\0')
                why = transfer->barred;
        else if (result != CURLE_OK)
                why = transfer->error[0] != '\0' ? transfer->error : curl_easy_strerror(result);
        request->is_reset = http_observe_is_reset(transfer, result);
        http_request_end(request, http_failure_fault(request, result), why);
}

/* Ends what curl has finished. */
static void multi_reap(struct http_multi *multi)
{
        CURLMsg *message;
        int n_left;

        while (!multi->client->is_destroyed &&
               (message = curl_multi_info_read(multi->curl, &n_left)) != NULL) {
                struct http_request *request = NULL;

                curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &request);
                if (http_request_runs(request))
                        http_multi_end(request, message->data.result);
        }
}

void http_multi_run(struct http_multi *multi, curl_socket_t fd, int events)
{
        int n_running;

        if (multi->client->is_destroyed)
                return;
        curl_multi_socket_action(multi->curl, fd, events, &n_running);
        multi_reap(multi);
}

/* ---- its life ---- */

void http_multi_destroy(struct http_multi *multi)
{
        struct list *node;

        list_unlink(&multi->node);
        list_unlink(&multi->due);
        timer_disarm(multi->client->loop, &multi->timer);
        curl_multi_cleanup(multi->curl);
        while ((node = list_first(&multi->sockets)) != NULL)
                socket_destroy(container_of(node, struct http_socket, node));
        free(multi);
}

/* curl closes kept connections only when it makes new ones. After a quiet while they go with the
 * whole handle, or they would lie half closed until somebody calls. */
static void multi_on_due(struct timer *timer)
{
        struct http_multi *multi = container_of(timer, struct http_multi, timer);

        if (multi->client->is_destroyed)
                return; /* curl may be on the stack of who destroyed it: it ends with the client */
        if (multi->n_running == 0) {
                http_multi_destroy(multi);
                return;
        }
        timer_arm(multi->client->loop, timer, HTTP_FAR_MS);
        http_multi_run(multi, CURL_SOCKET_TIMEOUT, 0);
}

static struct http_multi *multi_create(struct http_client *client, struct list *pool,
                                       bool is_for_streams)
{
        struct http_multi *multi = alloc_zeroed(sizeof(*multi));

        multi->client = client;
        multi->pool = pool;
        multi->is_for_streams = is_for_streams;
        multi->timer.on_due = multi_on_due;
        list_init(&multi->sockets);
        multi->curl = curl_multi_init();
        if (multi->curl == NULL) {
                free(multi);
                return NULL;
        }
        timer_arm(client->loop, &multi->timer, HTTP_FAR_MS);
        curl_multi_setopt(multi->curl, CURLMOPT_SOCKETFUNCTION, multi_on_socket);
        curl_multi_setopt(multi->curl, CURLMOPT_SOCKETDATA, multi);
        curl_multi_setopt(multi->curl, CURLMOPT_TIMERFUNCTION, multi_on_timer);
        curl_multi_setopt(multi->curl, CURLMOPT_TIMERDATA, multi);
        list_prepend(pool, &multi->node);
        return multi;
}

/* Idle connections are kept up to a number (about: curl closes one for each that it keeps); it
 * counts those in use with them. */
static void multi_count(struct http_multi *multi, int change)
{
        bool was_full = multi->n_running == HTTP_MULTI_MAX;

        multi->n_running += (unsigned)change;
        curl_multi_setopt(multi->curl, CURLMOPT_MAXCONNECTS,
                          (long)multi->n_running + HTTP_IDLE_CONNECTIONS);
        if (multi->n_running == HTTP_MULTI_MAX) {
                list_move_to_tail(multi->pool, &multi->node);
        } else if (was_full) {
                list_unlink(&multi->node);
                list_prepend(multi->pool, &multi->node);
        }
        if (multi->n_running == 0 && !multi->client->is_destroyed)
                timer_arm(multi->client->loop, &multi->timer, multi_spare_ms(multi));
}

int http_multi_add(struct http_transfer *transfer)
{
        struct http_request *request = transfer->request;
        struct http_client *client = request->client;
        struct list *pool = &client->pools[request->is_stream][request->source->reach];
        struct list *first = list_first(pool);
        struct http_multi *multi =
                first != NULL ? container_of(first, struct http_multi, node) : NULL;

        if (multi == NULL || multi->n_running == HTTP_MULTI_MAX)
                multi = multi_create(client, pool, request->is_stream);
        if (multi == NULL || curl_multi_add_handle(multi->curl, transfer->easy) != CURLM_OK)
                return -ENOMEM;
        transfer->multi = multi;
        multi_count(multi, 1);
        return 0;
}

void http_multi_remove(struct http_transfer *transfer)
{
        if (transfer->multi == NULL)
                return;
        curl_multi_remove_handle(transfer->multi->curl, transfer->easy);
        multi_count(transfer->multi, -1);
        transfer->multi = NULL;
}
