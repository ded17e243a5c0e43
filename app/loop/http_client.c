/* curl's multi interface on the loop.
 *
 * curl must not be called from within its own callbacks, and handlers run in those. So
 * http_start(), http_resume() and http_cancel() only move the request to another list;
 * client_on_work(), a deferred task, does at the end of the turn what each list stands for. A
 * request that was cancelled has left the lists that lead to its handlers, and the callbacks that
 * curl still makes for it end its transfer.
 *
 * Timers: curl asks for one timer. It is armed all the time (far off when curl wants none), so that
 * arming it again cannot fail; a wait of 0 is work for the end of this turn.
 *
 * Proxies: as curl has it, from http_proxy, https_proxy, all_proxy and no_proxy in the environment.
 * DNS: QUICK_EXIT lets a cancelled lookup end in its own thread; curl would wait for it. */
#include "http_inside.h"
#include "turn.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define HTTP_IDLE_CONNECTIONS 64
#define HTTP_QUIET_MS (HTTP_IDLE_S * 1000)
#define HTTP_FAR_MS (INT64_C(24) * 3600 * 1000)

/* A socket that curl wants watched. */
struct http_socket {
        struct loop_io io;
        struct list link;
        struct http_client *client;
};

/* When curl asks for no time: the end of the quiet, or never. */
static int64_t client_spare_ms(const struct http_client *client)
{
        return client->n_running == 0 && client->n_sockets > 0 ? HTTP_QUIET_MS : HTTP_FAR_MS;
}

/* Idle connections are kept up to a number (about: curl closes one for each that it keeps); it
 * counts those in use with them. */
void http_client_count_running(struct http_client *client, long change)
{
        client->n_running += change;
        curl_multi_setopt(client->multi, CURLMOPT_MAXCONNECTS,
                          client->n_running + HTTP_IDLE_CONNECTIONS);
        if (client->n_running == 0 && !client->is_destroyed)
                (void)timer_arm(client->loop, &client->timer, client_spare_ms(client));
}

/* ---- sockets and the timer ---- */

static void client_run_curl(struct http_client *client, curl_socket_t fd, int events);

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
        client_run_curl(socket->client, io->fd, curl_events);
}

static int socket_create(struct http_client *client, curl_socket_t fd, uint32_t events)
{
        struct http_socket *socket = calloc(1, sizeof(*socket));
        int r;

        if (socket == NULL)
                return -ENOMEM;
        socket->client = client;
        socket->io.fd = fd;
        socket->io.on_io = socket_on_io;
        r = loop_io_add(client->loop, &socket->io, events);
        if (r < 0) {
                free(socket);
                return r;
        }
        list_append(&client->sockets, &socket->link);
        curl_multi_assign(client->multi, fd, socket);
        return 0;
}

static void socket_destroy(struct http_socket *socket)
{
        struct loop *loop = socket->client->loop;

        list_unlink(&socket->link);
        loop_io_remove(loop, &socket->io);
        loop_bury(loop, socket, free);
}

static int client_on_socket(CURL *easy, curl_socket_t fd, int what, void *userdata, void *socket)
{
        struct http_client *client = userdata;
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
        r = known == NULL ? socket_create(client, fd, events)
                          : loop_io_set(client->loop, &known->io, events);
        if (r == 0)
                return 0;
        /* To answer -1 would end every transfer of the client, not only this one. */
        curl_easy_getinfo(easy, CURLINFO_PRIVATE, &request);
        if (request != NULL)
                http_request_fail(request, "Out of memory for a socket");
        return 0;
}

curl_socket_t http_client_open_socket(void *userdata, curlsocktype purpose,
                                      struct curl_sockaddr *address)
{
        struct http_client *client = userdata;
        int fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);

        (void)purpose;
        if (fd < 0)
                return CURL_SOCKET_BAD;
        client->n_sockets++;
        return fd;
}

int http_client_close_socket(void *userdata, curl_socket_t fd)
{
        struct http_client *client = userdata;

        client->n_sockets--;
        return close(fd);
}

static int client_on_timer(CURLM *multi, long timeout_ms, void *userdata)
{
        struct http_client *client = userdata;

        (void)multi;
        if (client->is_destroyed)
                return 0;
        client->is_due = timeout_ms == 0;
        if (client->is_due && !client->is_working)
                loop_defer(client->loop, &client->work);
        (void)timer_arm(client->loop, &client->timer,
                        timeout_ms > 0 ? timeout_ms : client_spare_ms(client));
        return 0;
}

/* Ends what curl has finished. */
static void client_reap(struct http_client *client)
{
        CURLMsg *message;
        int n_left;

        while (!client->is_destroyed &&
               (message = curl_multi_info_read(client->multi, &n_left)) != NULL) {
                struct http_request *request = NULL;

                curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &request);
                if (request->state == HTTP_STATE_RUNNING)
                        http_request_end(request, message->data.result);
        }
}

static void client_run_curl(struct http_client *client, curl_socket_t fd, int events)
{
        int n_running;

        if (client->is_destroyed)
                return;
        curl_multi_socket_action(client->multi, fd, events, &n_running);
        client_reap(client);
}

/* ---- the work at the end of a turn ---- */

/* Runs step for each request that stands on the list now; a handler may move any of them elsewhere
 * meanwhile, or destroy the client. */
static void client_drain(struct http_client *client, struct list *list,
                         void (*step)(struct http_request *request))
{
        struct list now;
        struct list *link;

        list_take_all(&now, list);
        while ((link = list_first(&now)) != NULL) {
                struct http_request *request = container_of(link, struct http_request, link);

                list_unlink(link);
                if (client->is_destroyed)
                        http_request_set_state(request, HTTP_STATE_CANCELLED);
                else
                        step(request);
        }
}

static void request_end_cancelled(struct http_request *request)
{
        http_request_free(request);
}

static void request_end_failed(struct http_request *request)
{
        http_request_end(request, CURLE_OK);
}

static void request_begin(struct http_request *request)
{
        CURLMcode r;

        http_request_set_state(request, HTTP_STATE_RUNNING);
        r = curl_multi_add_handle(request->client->multi, request->easy);
        if (r != CURLM_OK) {
                http_request_fail(request, curl_multi_strerror(r));
                return;
        }
        request->is_in_multi = true;
        http_client_count_running(request->client, 1);
}

static void request_unpause(struct http_request *request)
{
        http_request_set_state(request, HTTP_STATE_RUNNING);
        /* A failure comes through the transfer's end. */
        (void)curl_easy_pause(request->easy, CURLPAUSE_CONT);
}

static void client_on_work(struct loop_task *task)
{
        struct http_client *client = container_of(task, struct http_client, work);
        bool was_due;

        client->is_working = true;
        client_drain(client, &client->cancelled, request_end_cancelled);
        client_drain(client, &client->failing, request_end_failed);
        client_drain(client, &client->resuming, request_unpause);
        client_drain(client, &client->starting, request_begin);
        was_due = client->is_due;
        client->is_due = false;
        if (was_due)
                client_run_curl(client, CURL_SOCKET_TIMEOUT, 0);
        else
                client_reap(client);
        client->is_working = false;
        if (client->is_due && !client->is_destroyed)
                loop_defer(client->loop, &client->work);
}

/* ---- what the header offers ---- */

static int client_open_multi(struct http_client *client)
{
        CURLM *multi = curl_multi_init();

        if (multi == NULL)
                return -ENOMEM;
        client->multi = multi;
        curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, client_on_socket);
        curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, client);
        curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, client_on_timer);
        curl_multi_setopt(multi, CURLMOPT_TIMERDATA, client);
        curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, (long)HTTP_IDLE_CONNECTIONS);
        return 0;
}

/* curl closes kept connections only when it makes new ones. After a quiet while they go with the
 * whole multi handle, or they would lie half closed until somebody calls. */
static void client_close_idle(struct http_client *client)
{
        CURLM *old = client->multi;

        if (client_open_multi(client) == 0)
                curl_multi_cleanup(old);
}

static void client_on_due(struct timer *timer)
{
        struct http_client *client = container_of(timer, struct http_client, timer);

        (void)timer_arm(client->loop, timer, HTTP_FAR_MS);
        if (client->n_running == 0)
                client_close_idle(client);
        else
                client_run_curl(client, CURL_SOCKET_TIMEOUT, 0);
}

/* Those that had their share of a turn go on. */
static void client_on_rest(struct timer *timer)
{
        struct http_client *client = container_of(timer, struct http_client, rest);
        struct list *link;

        while ((link = list_first(&client->resting)) != NULL)
                http_resume(container_of(link, struct http_request, link));
}

int http_client_create(struct loop *loop, struct http_client **clientp)
{
        struct http_client *client = calloc(1, sizeof(*client));

        if (client == NULL)
                return -ENOMEM;
        list_init(&client->starting);
        list_init(&client->running);
        list_init(&client->resuming);
        list_init(&client->resting);
        client->rest.on_due = client_on_rest;
        list_init(&client->failing);
        list_init(&client->cancelled);
        list_init(&client->sockets);
        client->loop = loop;
        client->timer.on_due = client_on_due;
        client->work.on_run = client_on_work;
        if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
                free(client);
                return -ENOMEM;
        }
        if (timer_arm(loop, &client->timer, HTTP_FAR_MS) < 0 || client_open_multi(client) < 0) {
                timer_disarm(loop, &client->timer);
                curl_global_cleanup();
                free(client);
                return -ENOMEM;
        }
        *clientp = client;
        return 0;
}

static void client_free(void *object)
{
        struct http_client *client = object;
        struct list *link;

        while ((link = list_first(&client->cancelled)) != NULL) {
                list_unlink(link);
                http_request_free(container_of(link, struct http_request, link));
        }
        curl_multi_cleanup(client->multi);
        while ((link = list_first(&client->sockets)) != NULL)
                socket_destroy(container_of(link, struct http_socket, link));
        curl_global_cleanup();
        free(client);
}

static void list_cancel_requests(struct list *list)
{
        struct list *link;

        while ((link = list_first(list)) != NULL)
                http_request_set_state(container_of(link, struct http_request, link),
                                       HTTP_STATE_CANCELLED);
}

void http_client_destroy(struct http_client *client)
{
        if (client == NULL || client->is_destroyed)
                return;
        client->is_destroyed = true;
        list_cancel_requests(&client->starting);
        list_cancel_requests(&client->running);
        list_cancel_requests(&client->resuming);
        list_cancel_requests(&client->resting);
        timer_disarm(client->loop, &client->rest);
        list_cancel_requests(&client->failing);
        loop_task_cancel(&client->work);
        timer_disarm(client->loop, &client->timer);
        /* A handler may be on the stack, and curl below it. */
        loop_bury(client->loop, client, client_free);
}

unsigned http_client_n_sockets(const struct http_client *client)
{
        return client->n_sockets;
}
