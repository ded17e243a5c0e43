/* The HTTP client: requests on lists, and the work that each list stands for.
 *
 * A request begins by a connection of our own, if that is all it needs, else in curl's hands. curl
 * must not be called from within its own callbacks, and handlers run in those. So
 * http_start(), http_resume() and http_cancel() only move the request to another list;
 * client_on_work(), a deferred task, does at the end of the turn what each list stands for. A
 * request that was cancelled has left the lists that lead to its handlers, and the callbacks that
 * curl still makes for it end its transfer.
 *
 * A turn is everybody's: who has brought enough in it is held, and goes on in a later one
 * (http_turn.c).
 *
 * Proxies: as curl has it, from http_proxy, https_proxy, all_proxy and no_proxy in the environment.
 * What is judged of a way through one: http_egress.c.
 * DNS: QUICK_EXIT lets a cancelled lookup end in its own thread; curl would wait for it. */
#include "http_inside.h"
#include "http_memory.h"
#include "http_pool.h"
#include "turn.h"

#include "mgw/base/alloc.h"

#include <errno.h>
#include <stdlib.h>

#define N_POOLS ((size_t)2 * HTTP_N_REACHES)

/* ---- the work at the end of a turn ---- */

/* Runs step for each request that stands on the list now; a handler may move any of them elsewhere
 * meanwhile, or destroy the client. */
static void client_drain(struct http_client *client, struct list *list,
                         void (*step)(struct http_request *request))
{
        struct list now;
        struct list *node;

        list_take_all(&now, list);
        while ((node = list_first(&now)) != NULL) {
                struct http_request *request = container_of(node, struct http_request, node);

                list_unlink(node);
                if (client->is_destroyed)
                        http_request_set_state(request, HTTP_STATE_CANCELLED);
                else
                        step(request);
        }
}

static void request_end_failed(struct http_request *request)
{
        http_request_end(request, HTTP_FAULT_OURS, NULL);
}

static int request_begin_by(struct http_request *request, const struct http_carrier *carrier)
{
        request->carrier = carrier;
        return carrier->begin(request);
}

static void request_begin(struct http_request *request)
{
        int r;

        http_request_set_state(request, HTTP_STATE_RUNNING);
        r = request_begin_by(request, &http_plain);
        if (r == HTTP_E_DECLINED)
                r = request_begin_by(request, &http_curl);
        if (r < 0)
                http_request_fail(request, "out of memory");
}

static void request_go_on(struct http_request *request)
{
        http_request_set_state(request, HTTP_STATE_RUNNING);
        if (request->carrier != NULL)
                request->carrier->go_on(request);
}

/* What was held back in this turn stands behind what was before, and stays. Each has its go before
 * the next. */
static void source_release(struct http_client *client, struct http_source *source)
{
        struct list *first;

        while (!client->is_destroyed && (first = list_first(&source->held)) != NULL) {
                struct http_request *request = container_of(first, struct http_request, node);

                if (http_turn_is_spent(request))
                        return;
                request->go_turn = client->loop->n_turns;
                request_go_on(request);
        }
}

/* Walks the upstreams that hold something back. */
static void client_release(struct http_client *client)
{
        list_for_each_safe (it, &client->sources) {
                struct http_source *source = container_of(it, struct http_source, node);

                source_release(client, source);
                if (client->is_destroyed)
                        return;
                if (list_is_empty(&source->held))
                        list_unlink(&source->node);
        }
}

static void client_run_due(struct http_client *client)
{
        struct list now;
        struct list *due;

        list_take_all(&now, &client->due);
        while ((due = list_first(&now)) != NULL) {
                list_unlink(due);
                http_multi_run(container_of(due, struct http_multi, due), CURL_SOCKET_TIMEOUT, 0);
        }
}

static void client_on_work(struct loop_task *task)
{
        struct http_client *client = container_of(task, struct http_client, work);

        client->is_working = true;
        client_drain(client, &client->cancelled, http_request_destroy);
        client_drain(client, &client->failing, request_end_failed);
        client_drain(client, &client->resuming, request_go_on);
        client_release(client);
        client_drain(client, &client->starting, request_begin);
        client_run_due(client);
        client->is_working = false;
        if (!client->is_destroyed &&
            (!list_is_empty(&client->due) || !list_is_empty(&client->sources)))
                loop_defer(client->loop, &client->work);
}

/* ---- what the header offers ---- */

int http_client_create(struct loop *loop, struct http_client **clientp)
{
        struct http_client *client = alloc_zeroed(sizeof(*client));

        list_init(&client->starting);
        list_init(&client->running);
        list_init(&client->resuming);
        list_init(&client->failing);
        list_init(&client->cancelled);
        for (size_t i = 0; i < N_POOLS; i++)
                list_init(&client->pools[i % 2][i / 2]);
        list_init(&client->due);
        list_init(&client->sources);
        client->strangers.source.reach = HTTP_REACH_PUBLIC;
        client->strangers.loop = loop;
        client->loop = loop;
        client->work.on_run = client_on_work;
        http_pool_init(client);
        http_tls_read_environment(client);
        if (!http_memory_init()) {
                free(client);
                return -ENOMEM;
        }
        *clientp = client;
        return 0;
}

static void pool_finish(struct list *pool)
{
        struct list *node;

        while ((node = list_first(pool)) != NULL)
                http_multi_destroy(container_of(node, struct http_multi, node));
}

static void client_free(void *object)
{
        struct http_client *client = object;
        struct list *node;

        while ((node = list_first(&client->cancelled)) != NULL) {
                list_unlink(node);
                http_request_destroy(container_of(node, struct http_request, node));
        }
        for (size_t i = 0; i < N_POOLS; i++)
                pool_finish(&client->pools[i % 2][i / 2]);
        http_pool_finish(client);
        curl_global_cleanup();
        free(client);
}

static void list_cancel_requests(struct list *list)
{
        struct list *node;

        while ((node = list_first(list)) != NULL)
                http_request_set_state(container_of(node, struct http_request, node),
                                       HTTP_STATE_CANCELLED);
}

void http_client_destroy(struct http_client *client)
{
        struct list *node;

        if (client == NULL || client->is_destroyed)
                return;
        client->is_destroyed = true;
        list_cancel_requests(&client->starting);
        list_cancel_requests(&client->running);
        list_cancel_requests(&client->resuming);
        list_cancel_requests(&client->failing);
        while ((node = list_first(&client->sources)) != NULL) {
                list_unlink(node);
                list_cancel_requests(&container_of(node, struct http_source, node)->held);
        }
        loop_task_cancel(&client->work);
        /* A handler may be on the stack, and curl below it. */
        loop_bury(client->loop, client, client_free);
}

struct http_strangers *http_client_strangers(struct http_client *client)
{
        return &client->strangers;
}

unsigned http_client_n_sockets(const struct http_client *client)
{
        return client->n_sockets;
}
