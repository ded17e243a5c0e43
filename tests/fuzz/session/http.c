/* What the HTTP servers do is up to the input. */
#include "world.h"

#include "../fuzz.h"

/* Answers in one step. */
#define SETTLE_MAX 16

static void give_head(struct http_request *r, unsigned status, bool is_stream, bool has_session_id,
                      int64_t retry_after_s)
{
        static unsigned n;
        char session_id[24];

        snprintf(session_id, sizeof(session_id), "s%u", n++ % 100);
        world_http_head(r, status, is_stream ? "text/event-stream" : "application/json",
                        has_session_id ? session_id : NULL, retry_after_s);
}

static const struct http_failure cut_unsent = {
        .fault = HTTP_FAULT_CUT, .was_sent = false, .why = "cut"};
static const struct http_failure cut_sent = {
        .fault = HTTP_FAULT_CUT, .was_sent = true, .why = "cut"};
static const struct http_failure late = {.fault = HTTP_FAULT_LATE, .was_sent = true, .why = "late"};

void http_world_tell(void)
{
        for (struct list *it = world_http_requests.prev; it != &world_http_requests;
             it = it->prev) {
                const struct http_request *r = container_of(it, struct http_request, node);
                char *msg = r->msg != NULL ? json_dumps(r->msg, JSON_COMPACT) : NULL;

                fprintf(stderr, "  %s %s %.120s%s\n", r->method, r->url, msg != NULL ? msg : "",
                        r->has_head ? " (answered in part)" : "");
                free(msg);
        }
}

static struct http_request *pick_request(void)
{
        struct http_request *r = world_http_ago(pick_below(world_http_n()));

        return r != NULL && !r->is_ending ? r : NULL;
}

/* A stream stays open: its end is said apart. */
static void answer(struct http_request *r, unsigned kind)
{
        struct answer a;

        seen_answer(kind, r->method, r->msg);
        answer_make(kind, r->method, r->url, r->msg, &a);
        if (a.cut == NULL && !r->has_head)
                give_head(r, a.status, a.is_stream, a.has_session_id, a.retry_after_s);
        if (!r->is_over && a.body != NULL && a.cut == NULL)
                world_http_body(r, str_from(a.body));
        if (!r->is_over && (!a.is_stream || a.cut != NULL))
                world_http_end(r, a.cut == NULL ? NULL : a.was_sent ? &cut_sent : &cut_unsent);
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
                size_t n = world_http_n();
                struct list *it = world_http_requests.prev;

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
                world_http_body(r, str_from(event));
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
        world_http_end(r, how % 4 < 2 ? NULL : how % 4 == 2 ? &late : &cut_unsent);
}

void http_world_cut(void)
{
        struct list *it;

        for (size_t n = world_http_n(); n > 0 && (it = list_first(&world_http_requests)) != NULL;
             n--)
                world_http_end(container_of(it, struct http_request, node), &cut_sent);
}
