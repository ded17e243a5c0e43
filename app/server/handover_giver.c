/* The process that goes: offers what it has, gives its sessions, and drains. */
#include "handover.h"
#include "handover_inside.h"
#include "mgw/base/alloc.h"
#include "mgw/base/base64.h"
#include "mgw/base/log.h"
#include "mgw/config/config.h"
#include "mgw/fastcgi/fcgi_server.h"
#include "mgw/store/store.h"
#include "mgw/wire/json_str.h"
#include "mgw/wire/rpc.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* For what the taker is to say next, before go. */
#define PATIENCE_MS 10000
/* The taker may have the store still, and end. */
#define RECLAIM_MS 200
#define RECLAIM_MAX_MS 30000
/* Events may still come here that the taker's upstream sessions have been too young for. */
#define SETTLED_MS 500
#define ASKED_MAX 10000
/* While more waits to be sent no further session is given unasked: their records need not stand in
 * memory all at once. */
#define WAITING_MAX_BYTES (64u << 20)

struct asked {
        struct list node;
        char id[];
};

static struct handover *of_link(struct handover_link *link)
{
        return container_of(link, struct handover, giver.link);
}

static void asked_forget(struct handover_giver *giver, struct asked *asked)
{
        list_unlink(&asked->node);
        giver->n_asked--;
        free(asked);
}

/* ---- before go ---- */

static int reclaim(struct context *context, FILE *err)
{
        return store_reclaim(context->store, err);
}

bool handover_is_offering(const struct handover *h)
{
        return h->giver.state == HANDOVER_GIVER_OFFERING;
}

/* What the taker has read may be older than what is to be read. */
bool handover_takes_reload(struct handover *h)
{
        if (handover_is_offering(h))
                return h->giver.must_reload = true;
        if (h->giver.state != HANDOVER_GIVER_GIVING || !handover_link_is_open(&h->giver.link))
                return false;
        handover_link_say_take(&h->giver.link, "reload", json_object(), -1);
        return true;
}

/* Each time that it fails is told: the later, the less often. */
static void giver_reclaim(struct handover *h)
{
        int64_t *wait_ms = &h->giver.reclaim_ms;
        bool is_back = server_read(handover_context(h), reclaim) == 0;

        if (is_back && h->giver.state == HANDOVER_GIVER_RECLAIMING)
                log_info(NULL, "[mgw] the state is this process's again (state_dir)");
        h->giver.state = is_back ? HANDOVER_GIVER_NONE : HANDOVER_GIVER_RECLAIMING;
        if (is_back)
                return;
        timer_arm(handover_context(h)->loop, &h->giver.deadline, *wait_ms);
        *wait_ms = *wait_ms * 2 < RECLAIM_MAX_MS ? *wait_ms * 2 : RECLAIM_MAX_MS;
}

/* As if nothing had been. */
static void giver_take_back(struct handover *h)
{
        timer_disarm(handover_context(h)->loop, &h->giver.deadline);
        fcgi_server_resume(h->sv->fcgi_server);
        h->giver.reclaim_ms = RECLAIM_MS;
        giver_reclaim(h);
        if (h->giver.must_reload)
                server_on_hangup(h->sv);
        h->giver.must_reload = false;
        if (h->sv->was_told_to_end)
                server_drain(h->sv);
}

static void giver_refuse(struct handover *h, const char *why)
{
        log_warn(NULL, "[mgw] another process cannot take over: %s", why);
        timer_disarm(handover_context(h)->loop, &h->giver.deadline);
        handover_link_say_take(&h->giver.link, "refuse", json_pack("{s:s}", "why", why), -1);
        handover_link_close(&h->giver.link);
        handover_watch(h);
        if (h->giver.state == HANDOVER_GIVER_OFFERING)
                giver_take_back(h);
}

static const char *judge_hello(const struct handover *h, const json_t *line)
{
        if (json_integer_value(json_object_get(line, "protocol")) != HANDOVER_PROTOCOL)
                return "its version hands over in another way: stop this one, and start it";
        if (handover_context(h)->is_draining)
                return "this one is about to end";
        return h->giver.state != HANDOVER_GIVER_NONE ? "it says hello twice" : NULL;
}

static json_t *hex_of(const uint8_t *bytes, size_t n)
{
        json_t *hex = json_array();

        for (size_t i = 0; i < n; i++)
                json_array_append_new(hex, json_integer(bytes[i]));
        return hex;
}

static void on_hello(struct handover *h, json_t *line)
{
        struct context *context = handover_context(h);
        const char *why = judge_hello(h, line);
        int fd;

        if (why != NULL) {
                giver_refuse(h, why);
                return;
        }
        log_info(NULL, "[mgw] process %d is to take over",
                 (int)json_integer_value(json_object_get(line, "pid")));
        h->giver.state = HANDOVER_GIVER_OFFERING;
        h->giver.does_errands = json_is_true(json_object_get(line, "does_errands"));
        fcgi_server_pause(h->sv->fcgi_server);
        store_yield(context->store);
        timer_arm(context->loop, &h->giver.deadline, PATIENCE_MS);
        fd = fcntl(fcgi_server_fd(h->sv->fcgi_server), F_DUPFD_CLOEXEC, 3);
        handover_link_say_take(&h->giver.link, "welcome",
                               json_pack("{s:b, s:o}", "was_inherited", h->sv->was_inherited,
                                         "state_key",
                                         hex_of(context->state_key, sizeof(context->state_key))),
                               fd);
}

static void giver_on_deadline(struct timer *timer)
{
        struct handover *h = container_of(timer, struct handover, giver.deadline);

        if (h->giver.state == HANDOVER_GIVER_RECLAIMING) {
                giver_reclaim(h);
                return;
        }
        giver_refuse(h, "it has said nothing for too long");
}

/* ---- giving ---- */

static void give_event(void *arg, const struct replay_entry *e)
{
        struct session *s = arg;

        session_handover(s)->on_kept(s, e->id, (struct str){e->data, e->n}, e->was_sent);
}

static void give_streams(struct handover *h, struct session *s)
{
        json_t *record;
        int fd;

        while ((fd = session_give_stream(s, &record)) >= 0)
                handover_link_say_take(&h->giver.link, "stream", record, fd);
}

static void give_session(struct handover *h, struct session *s)
{
        handover_link_say_take(&h->giver.link, "session", session_give(s), -1);
        session_give_events(s, give_event, s);
        give_streams(h, s);
}

static void say_none(struct handover *h, const char *id)
{
        handover_link_say_take(&h->giver.link, "none", json_pack("{s:s}", "id", id), -1);
}

void handover_giver_say_none(struct handover *h, const char *id)
{
        say_none(h, id);
        list_for_each_safe (it, &h->giver.asked) {
                struct asked *asked = container_of(it, struct asked, node);

                if (strcmp(asked->id, id) == 0)
                        asked_forget(&h->giver, asked);
        }
}

/* Walks those that were asked for: they have been given, or are gone, or are to wait. */
static void answer_asked(struct handover *h)
{
        list_for_each_safe (it, &h->giver.asked) {
                struct asked *asked = container_of(it, struct asked, node);
                struct session *s = NULL;

                HASH_FIND_STR(handover_context(h)->sessions, asked->id, s);
                if (s == NULL && handover_link_is_open(&h->taker.link))
                        continue;
                if (s == NULL)
                        say_none(h, asked->id);
                if (s == NULL || s->is_given)
                        asked_forget(&h->giver, asked);
        }
}

/* Nothing of it is here any more but its upstream sessions, which the taker has of its own. What is
 * still coming may be for it. */
static bool is_over(const struct handover *h, const struct session *s)
{
        return s->is_given && s->is_settled && list_is_empty(&s->calls) &&
               !handover_link_is_open(&h->taker.link) &&
               fcgi_server_n_coming(h->sv->fcgi_server) == 0 &&
               loop_now_ms(handover_context(h)->loop) - s->used_ms > SETTLED_MS;
}

/* It ends when the taker has heard that: what it passes for it before finds it. */
static void tell_over(struct handover *h, struct session *s)
{
        if (s->is_told_over)
                return;
        s->is_told_over = true;
        handover_link_say_take(&h->giver.link, "over", json_pack("{s:s}", "id", s->id), -1);
}

/* Walks all sessions: at first, and some times a second until this process ends. */
static void give_what_may_go(struct handover *h)
{
        struct session *s, *next;

        h->giver.n_left = 0;
        if (!handover_link_is_open(&h->giver.link))
                return;
        HASH_ITER(hh, handover_context(h)->sessions, s, next)
        {
                if (session_may_be_given(s) && h->giver.link.bytes < WAITING_MAX_BYTES)
                        give_session(h, s);
                else if (s->is_given && !list_is_empty(&s->streams))
                        give_streams(h, s);
                if (is_over(h, s))
                        tell_over(h, s);
                h->giver.n_left += s->client.kind == UPSTREAM_CLIENT_SSE ||
                                   s->client.kind == UPSTREAM_CLIENT_SESSION;
        }
        answer_asked(h);
}

static void giver_on_sweep(struct timer *timer)
{
        struct handover *h = container_of(timer, struct handover, giver.sweep);
        struct context *context = handover_context(h);

        give_what_may_go(h);
        timer_arm(context->loop, timer, HANDOVER_SWEEP_MS);
        context->on_calm(context);
}

void handover_giver_tell_tasks(struct handover *h, const struct session *s, const json_t *tools)
{
        json_t *record = session_give_tasks(s, tools);

        if (record != NULL)
                handover_link_say_take(&h->giver.link, "tasks", record, -1);
}

/* Walks all sessions, once. */
static void give_tasks(struct handover *h)
{
        struct session *s, *next;

        HASH_ITER(hh, handover_context(h)->sessions, s, next)
        {
                handover_giver_tell_tasks(h, s, s->task_tools);
        }
}

static void on_ready(struct handover *h, json_t *line)
{
        struct context *context = handover_context(h);

        (void)line;
        if (h->giver.state != HANDOVER_GIVER_OFFERING) {
                giver_refuse(h, "it is ready for nothing");
                return;
        }
        h->giver.state = HANDOVER_GIVER_GIVING;
        timer_disarm(context->loop, &h->giver.deadline);
        handover_door_close(h);
        h->sv->was_inherited = true; /* its path is the other's */
        fcgi_server_stop_listening(h->sv->fcgi_server);
        context->has_successor = true;
        handover_link_say_take(&h->giver.link, "go", json_object(), -1);
        handover_errands_send(h);
        if (h->giver.must_reload)
                handover_link_say_take(&h->giver.link, "reload", json_object(), -1);
        server_drain(h->sv);
        give_tasks(h);
        give_what_may_go(h);
        log_info(NULL, "[mgw] %u sessions are given to the process that takes over",
                 context->stats.n_sessions);
        timer_arm(context->loop, &h->giver.sweep, HANDOVER_SWEEP_MS);
}

static void on_ask(struct handover *h, json_t *line)
{
        const char *id = rpc_text(line, "id");
        struct session *s = handover_session(h, line);
        struct asked *asked;

        if (id == NULL || (s != NULL && s->is_given) || h->giver.n_asked >= ASKED_MAX ||
            (s == NULL && !handover_taker_ask(h, id))) {
                say_none(h, id != NULL ? id : "");
                return;
        }
        asked = alloc_zeroed(sizeof(*asked) + strlen(id) + 1);
        memcpy(asked->id, id, strlen(id) + 1);
        list_append(&h->giver.asked, &asked->node);
        h->giver.n_asked++;
        if (s != NULL && session_may_be_given(s))
                give_session(h, s);
        answer_asked(h);
}

static void on_stray(struct handover *h, json_t *line)
{
        struct session *s = handover_session(h, line);
        char why[160];
        json_t *msg;

        if (s == NULL || rpc_parse(json_str(json_object_get(line, "message")), NULL, &msg, why,
                                   sizeof(why)) != 0)
                return;
        session_take_stray(s, msg);
        json_decref(msg);
}

static void on_settled(struct handover *h, json_t *line)
{
        struct session *s = handover_session(h, line);

        if (s == NULL || s->is_settled)
                return;
        s->is_settled = true;
        s->used_ms = loop_now_ms(handover_context(h)->loop);
}

static void on_over(struct handover *h, json_t *line)
{
        struct session *s = handover_session(h, line);

        if (s == NULL)
                return;
        s->is_told_over = false;
        if (is_over(h, s))
                session_end(s);
}

static void on_end(struct handover *h, json_t *line)
{
        struct session *s = handover_session(h, line);

        if (s != NULL)
                session_end_for(s, STREAM_CAUSE_SESSION);
}

static void on_request(struct handover *h, json_t *line)
{
        struct buf records;

        buf_init(&records, HANDOVER_LINE_MAX_BYTES);
        if (h->giver.link.line_fd >= 0 &&
            base64_decode(&records, BASE64_STANDARD, json_str(json_object_get(line, "records"))) ==
                    0)
                request_take_whole(h->sv->fcgi_server, handover_link_take_fd(&h->giver.link),
                                   buf_bytes(&records));
        buf_finish(&records);
}

static void on_bye(struct handover *h, json_t *line)
{
        (void)line;
        h->giver.may_end = h->giver.has_said_bye;
}

/* What the taker has passed by the time that it says bye has come before. */
bool handover_may_leave(struct handover *h)
{
        if (h == NULL || !handover_link_is_open(&h->giver.link))
                return true;
        if (handover_link_is_open(&h->taker.link) || h->giver.n_left > 0 ||
            store_has_errands(handover_context(h)->store))
                return false;
        if (!h->giver.has_said_bye)
                handover_link_say_take(&h->giver.link, "bye", json_object(), -1);
        h->giver.has_said_bye = true;
        return h->giver.may_end && handover_link_is_flushed(&h->giver.link);
}

/* ---- the link ---- */

static const struct {
        const char *what;
        void (*on_line)(struct handover *h, json_t *line); /* fd is borrowed */
        bool needs_go;
} lines[] = {
        {"hello", on_hello, false},    {"ready", on_ready, false},
        {"ask", on_ask, true},         {"stray", on_stray, true},
        {"settled", on_settled, true}, {"over", on_over, true},
        {"end", on_end, true},         {"request", on_request, true},
        {"bye", on_bye, true},         {"errand", handover_errand_on_done, true},
};

static void on_line(struct handover_link *link, const char *what, json_t *line)
{
        struct handover *h = of_link(link);

        for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
                if (strcmp(lines[i].what, what) == 0 &&
                    (!lines[i].needs_go || h->giver.state == HANDOVER_GIVER_GIVING))
                        lines[i].on_line(h, line);
}

static void on_link_end(struct handover_link *link, const char *why)
{
        struct handover *h = of_link(link);

        handover_watch(h);
        log_warn(NULL, "[mgw] the process that takes over: %s", why);
        if (h->giver.state == HANDOVER_GIVER_NONE)
                timer_disarm(handover_context(h)->loop, &h->giver.deadline);
        if (h->giver.state == HANDOVER_GIVER_OFFERING)
                giver_take_back(h);
        else
                store_send(handover_context(h)->store, NULL);
}

void handover_giver_init(struct handover *h)
{
        list_init(&h->giver.asked);
        h->giver.link.on_line = on_line;
        h->giver.link.on_end = on_link_end;
        h->giver.deadline.on_due = giver_on_deadline;
        h->giver.sweep.on_due = giver_on_sweep;
        handover_link_init(&h->giver.link);
}

void handover_giver_open(struct handover *h, int fd)
{
        static const char busy[] =
                "{\"do\":\"refuse\",\"why\":\"another process takes over already\"}\n";

        if (h->giver.state != HANDOVER_GIVER_NONE || handover_link_is_open(&h->giver.link)) {
                (void)!write(fd, busy, sizeof(busy) - 1);
                close(fd);
                return;
        }
        handover_link_open(&h->giver.link, fd);
        (void)handover_link_join(&h->giver.link, handover_context(h)->loop);
        timer_arm(handover_context(h)->loop, &h->giver.deadline, PATIENCE_MS);
        handover_watch(h);
}

void handover_giver_close(struct handover *h)
{
        struct list *node;

        handover_link_close(&h->giver.link);
        if (h->giver.state == HANDOVER_GIVER_GIVING)
                store_send(handover_context(h)->store, NULL);
        timer_disarm(handover_context(h)->loop, &h->giver.deadline);
        timer_disarm(handover_context(h)->loop, &h->giver.sweep);
        while ((node = list_first(&h->giver.asked)) != NULL)
                asked_forget(&h->giver, container_of(node, struct asked, node));
}
