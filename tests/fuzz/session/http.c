/* HTTP servers, in place of loop/http_client: a request waits until the input says what becomes of
 * it. As mgw/loop/http.h has it, no handler is called from within http_start(), nor after
 * http_cancel(). */
#include "world.h"

#include "../fuzz.h"
#include "mgw/loop/http.h"

#include <errno.h>

/* Answers in one step. */
#define SETTLE_MAX 16

struct http_client {
        struct loop *loop;
};

struct http_request {
        struct list node;
        struct http_client *client;
        const struct http_handlers *handlers;
        void *owner;
        char *method;
        char *url;
        json_t *msg; /* NULL: it carries none */
        char *held;  /* what came while it was paused */
        bool has_head;
        bool is_over;
};

static struct list requests = {&requests, &requests}; /* of all clients */

int http_client_create(struct loop *loop, struct http_client **clientp)
{
        *clientp = calloc(1, sizeof(**clientp));
        REQUIRE(*clientp != NULL);
        (*clientp)->loop = loop;
        return 0;
}

static void request_free(void *object)
{
        struct http_request *r = object;

        free(r->method);
        free(r->url);
        free(r->held);
        json_decref(r->msg);
        free(r);
}

void http_cancel(struct http_request *r)
{
        if (r == NULL)
                return;
        REQUIRE(!r->is_over);
        r->is_over = true;
        list_unlink(&r->node);
        loop_bury(r->client->loop, r, request_free);
}

void http_client_destroy(struct http_client *client)
{
        list_for_each_safe (it, &requests) {
                struct http_request *r = container_of(it, struct http_request, node);

                if (r->client == client)
                        http_cancel(r);
        }
        free(client);
}

unsigned http_client_n_sockets(const struct http_client *client)
{
        (void)client;
        return (unsigned)http_world_n();
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
        if (options->body.n > 0)
                r->msg = json_loadb(options->body.p, options->body.n, 0, NULL);
        if (r->msg != NULL)
                message_note(r->msg);
        list_append(&requests, &r->node);
        *requestp = r;
        return 0;
}

void http_hand_over(struct http_request *r, const struct http_handlers *handlers, void *owner)
{
        REQUIRE(!r->is_over);
        r->handlers = handlers;
        r->owner = owner;
}

/* ---- what the servers do ---- */

static void give_body(struct http_request *r, const char *text)
{
        size_t n = strlen(text);
        char *copy;

        if (n == 0 || r->is_over)
                return;
        copy = exact_copy(text, n);
        if (r->handlers->on_body(r->owner, copy, n) == HTTP_PAUSE && !r->is_over) {
                char *all;

                REQUIRE(asprintf(&all, "%s%s", r->held != NULL ? r->held : "", text) >= 0);
                free(r->held);
                r->held = all;
        }
        free(copy);
}

void http_resume(struct http_request *r)
{
        REQUIRE(!r->is_over); /* what was held comes before the next piece */
}

static void give_held(struct http_request *r)
{
        char *held = r->held;

        r->held = NULL;
        if (held != NULL)
                give_body(r, held);
        free(held);
}

static void give_head(struct http_request *r, unsigned status, bool is_stream, bool has_session_id,
                      int64_t retry_after_s)
{
        static unsigned n;
        char session_id[24];
        struct http_response response = {
                .status = status,
                .content_type = is_stream ? STR("text/event-stream") : STR("application/json"),
                .retry_after_s = retry_after_s,
        };

        snprintf(session_id, sizeof(session_id), "s%u", n++ % 100);
        if (has_session_id)
                response.session_id = str_from(session_id);
        r->has_head = true;
        r->handlers->on_head(r->owner, &response);
}

static const struct http_failure cut_unsent = {HTTP_FAULT_CUT, false, "cut"};
static const struct http_failure cut_sent = {HTTP_FAULT_CUT, true, "cut"};
static const struct http_failure late = {HTTP_FAULT_LATE, true, "late"};

/* NULL: it comes to its end. */
static void finish(struct http_request *r, const struct http_failure *failure)
{
        if (r->is_over)
                return;
        give_held(r);
        if (r->is_over)
                return;
        r->is_over = true;
        list_unlink(&r->node);
        loop_bury(r->client->loop, r, request_free);
        r->handlers->on_done(r->owner, failure);
}

size_t http_world_n(void)
{
        size_t n = 0;

        list_for_each (it, &requests)
                n++;
        return n;
}

void http_world_tell(void)
{
        for (struct list *it = requests.prev; it != &requests; it = it->prev) {
                const struct http_request *r = container_of(it, struct http_request, node);
                char *msg = r->msg != NULL ? json_dumps(r->msg, JSON_COMPACT) : NULL;

                fprintf(stderr, "  %s %s %.120s%s\n", r->method, r->url, msg != NULL ? msg : "",
                        r->has_head ? " (answered in part)" : "");
                free(msg);
        }
}

static struct http_request *pick_request(void)
{
        size_t n = http_world_n(), at = pick_below(n);
        struct list *it = requests.prev;

        if (n == 0)
                return NULL;
        while (at-- > 0)
                it = it->prev;
        return container_of(it, struct http_request, node);
}

/* A stream stays open: its end is said apart. */
static void answer(struct http_request *r, unsigned kind)
{
        struct answer a;

        seen_answer(kind, r->method, r->msg);
        answer_make(kind, r->method, r->url, r->msg, &a);
        if (a.cut == NULL && !r->has_head)
                give_head(r, a.status, a.is_stream, a.has_session_id, a.retry_after_s);
        if (!r->is_over && a.cut == NULL)
                give_held(r);
        if (!r->is_over && a.body != NULL && a.cut == NULL)
                give_body(r, a.body);
        if (!r->is_over && (!a.is_stream || a.cut != NULL))
                finish(r, a.cut == NULL ? NULL : a.was_sent ? &cut_sent : &cut_unsent);
        free(a.body);
}

void http_world_answer(unsigned kind)
{
        struct http_request *r = pick_request();

        if (r != NULL)
                answer(r, kind);
}

void http_world_settle(size_t n_held)
{
        for (size_t left = SETTLE_MAX; left > 0; left--) {
                size_t n = http_world_n();
                struct list *it = requests.prev;

                while (n > n_held && container_of(it, struct http_request, node)->has_head) {
                        it = it->prev;
                        n--;
                }
                if (n <= n_held)
                        return;
                answer(container_of(it, struct http_request, node), SAY_HONEST);
        }
}

void http_world_say(unsigned kind)
{
        struct http_request *r = pick_request();
        const json_t *about = r != NULL && r->msg != NULL ? r->msg : message_ago(next_byte() % 8);
        char *text, *event;

        if (r == NULL || (text = say(kind, about)) == NULL)
                return;
        if (!r->has_head)
                give_head(r, 200, true, false, -1);
        REQUIRE(asprintf(&event, "id: %u\ndata: %s\n\n", kind, text) >= 0);
        if (!r->is_over)
                give_held(r);
        give_body(r, event);
        free(event);
        free(text);
}

void http_world_end(unsigned how)
{
        struct http_request *r = pick_request();

        if (r == NULL)
                return;
        if (how % 4 < 2 && !r->has_head)
                give_head(r, 200, how % 4 == 0, false, -1);
        finish(r, how % 4 < 2 ? NULL : how % 4 == 2 ? &late : &cut_unsent);
}

void http_world_cut(void)
{
        struct list *it;

        for (size_t n = http_world_n(); n > 0 && (it = list_first(&requests)) != NULL; n--)
                finish(container_of(it, struct http_request, node), &cut_sent);
}
