#include "http.h"

#include "require.h"
#include "world.h"

#include <string.h>

#define HELD_MAX (64u << 20)

struct http_client {
        struct loop *loop;
        struct http_strangers strangers;
};

struct list world_http_requests = {&world_http_requests, &world_http_requests}; /* of all clients */
static struct list over = {&over, &over}; /* kept, so that who plays may look at them */

int http_client_create(struct loop *loop, struct http_client **clientp)
{
        *clientp = calloc(1, sizeof(**clientp));
        REQUIRE(*clientp != NULL);
        (*clientp)->loop = loop;
        (*clientp)->strangers.loop = loop;
        return 0;
}

struct http_strangers *http_client_strangers(struct http_client *client)
{
        return &client->strangers;
}

static void request_free(struct http_request *r)
{
        free(r->method);
        free(r->url);
        free(r->headers);
        free(r->body);
        buf_finish(&r->held);
        json_decref(r->msg);
        free(r);
}

static void request_over(struct http_request *r)
{
        REQUIRE(!r->is_over);
        r->is_over = true;
        loop_task_cancel(&r->resume);
        list_move_to_tail(&over, &r->node);
}

void http_cancel(struct http_request *r)
{
        if (r != NULL)
                request_over(r);
}

void http_client_destroy(struct http_client *client)
{
        list_for_each_safe (it, &world_http_requests) {
                struct http_request *r = container_of(it, struct http_request, node);

                if (r->client == client)
                        http_cancel(r);
        }
        free(client);
}

void world_http_forget(void)
{
        struct list *it;

        REQUIRE(list_is_empty(&world_http_requests));
        while ((it = list_first(&over)) != NULL) {
                list_unlink(it);
                request_free(container_of(it, struct http_request, node));
        }
}

unsigned http_client_n_sockets(const struct http_client *client)
{
        (void)client;
        return (unsigned)world_http_n();
}

static char *joined(const char *const *headers)
{
        char *text = NULL;
        size_t n = 0;
        FILE *out = open_memstream(&text, &n);

        REQUIRE(out != NULL);
        for (size_t i = 0; headers != NULL && headers[i] != NULL; i++)
                fprintf(out, "%s\n", headers[i]);
        REQUIRE(fclose(out) == 0);
        return text;
}

/* In memory of exactly its size: the sanitizer sees a read past it. */
static void give(struct http_request *r, struct str all)
{
        char *copy = malloc(all.n > 0 ? all.n : 1);

        REQUIRE(copy != NULL);
        memcpy(copy, all.p, all.n);
        if (r->handlers->on_body(r->owner, copy, all.n) == HTTP_PAUSE && !r->is_over) {
                r->is_paused = true;
                REQUIRE(buf_add_str(&r->held, (struct str){copy, all.n}) == 0);
        }
        free(copy);
}

static void tell_end(struct http_request *r)
{
        request_over(r);
        r->handlers->on_done(r->owner, r->failure);
}

static void http_on_resume(struct loop_task *task)
{
        struct http_request *r = container_of(task, struct http_request, resume);
        struct buf held = r->held;

        buf_init(&r->held, HELD_MAX);
        if (held.len > 0)
                give(r, buf_bytes(&held));
        buf_finish(&held);
        if (r->is_ending && !r->is_over && !r->is_paused)
                tell_end(r);
}

int http_start(struct http_client *client, const struct http_options *options,
               const struct http_handlers *handlers, void *owner, struct http_request **requestp)
{
        struct http_request *r = calloc(1, sizeof(*r));

        REQUIRE(r != NULL);
        r->client = client;
        r->handlers = handlers;
        r->owner = owner;
        r->method = strdup(options->method);
        r->url = strdup(options->url);
        r->headers = joined(options->headers);
        r->body = strndup(options->body.n > 0 ? options->body.p : "", options->body.n);
        REQUIRE(r->method != NULL && r->url != NULL && r->body != NULL);
        r->msg = json_loadb(r->body, options->body.n, 0, NULL);
        r->resume.on_run = http_on_resume;
        buf_init(&r->held, HELD_MAX);
        list_append(&world_http_requests, &r->node);
        *requestp = r;
        world.events->on_sent(r->msg, r, NULL);
        return 0;
}

void http_hand_over(struct http_request *r, const struct http_handlers *handlers, void *owner)
{
        REQUIRE(!r->is_over);
        r->handlers = handlers;
        r->owner = owner;
}

void http_resume(struct http_request *r)
{
        REQUIRE(!r->is_over);
        r->is_paused = false;
        loop_defer(r->client->loop, &r->resume);
}

/* ---- what the servers do ---- */

size_t world_http_n(void)
{
        size_t n = 0;

        list_for_each (it, &world_http_requests)
                n++;
        return n;
}

struct http_request *world_http_ago(size_t n)
{
        struct list *it = world_http_requests.prev;

        while (n-- > 0 && it != &world_http_requests)
                it = it->prev;
        return it != &world_http_requests ? container_of(it, struct http_request, node) : NULL;
}

void world_http_head(struct http_request *r, unsigned status, const char *content_type,
                     const char *session_id, int64_t retry_after_s)
{
        const struct http_response response = {
                .status = status,
                .content_type = str_from(content_type),
                .session_id = session_id != NULL ? str_from(session_id) : STR(""),
                .retry_after_s = retry_after_s,
                .max_age_s = -1,
        };

        REQUIRE(!r->is_over && !r->has_head);
        r->has_head = true;
        r->handlers->on_head(r->owner, &response);
}

void world_http_body(struct http_request *r, struct str piece)
{
        REQUIRE(!r->is_over && r->has_head && !r->is_ending);
        if (r->is_paused || r->held.len > 0)
                REQUIRE(buf_add_str(&r->held, piece) == 0);
        else if (piece.n > 0)
                give(r, piece);
}

void world_http_end(struct http_request *r, const struct http_failure *failure)
{
        if (r->is_over || r->is_ending)
                return;
        r->is_ending = true;
        r->failure = failure;
        if (r->is_paused || r->held.len > 0)
                list_move_to_tail(&world_http_requests, &r->node);
        else
                tell_end(r);
}
