/* The process that comes: asks for the socket and the store, begins, and takes sessions in.
 * Whatever the giver says or does from `go` on, this process serves. */
#include "handover.h"
#include "handover_inside.h"
#include "mgw/base/alloc.h"
#include "mgw/base/base64.h"
#include "mgw/base/clock.h"
#include "mgw/base/log.h"
#include "mgw/config/config.h"
#include "mgw/core/identity.h"
#include "mgw/core/share.h"
#include "mgw/fastcgi/fcgi_server.h"
#include "mgw/loop/sock.h"
#include "mgw/session/endpoint_session.h"
#include "mgw/session/refuse.h"
#include "mgw/wire/json_str.h"
#include "mgw/wire/rpc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* For what the giver is to say next, before go. */
#define PATIENCE_MS 10000
/* A request waits so long for its session, at least. */
#define HELD_MS 5000
#define HELD_MAX 4096
#define HELD_PER_SHARE_MAX 512

/* A request that names a session which is not here: the giver is asked for it. */
struct held {
        struct list node;
        struct handover *h;
        struct request *req; /* NULL: this process's own taker asks for it */
        struct share *share; /* held; NULL: likewise */
        int64_t since_ms;
        char id[ENDPOINT_SESSION_ID_SIZE];
};

static struct handover *of_link(struct handover_link *link)
{
        return container_of(link, struct handover, taker.link);
}

/* ---- who waits ---- */

static struct held *held_new(struct handover *h, struct request *req, struct share *share,
                             struct str id)
{
        struct held *held = alloc_zeroed(sizeof(*held));

        held->h = h;
        held->req = req;
        held->share = share_hold(share);
        if (share != NULL)
                share->n_held++;
        held->since_ms = loop_now_ms(handover_context(h)->loop);
        memcpy(held->id, id.p, id.n);
        list_append(&h->taker.held, &held->node);
        h->taker.n_held++;
        return held;
}

static void held_free(struct held *held)
{
        list_unlink(&held->node);
        held->h->taker.n_held--;
        if (held->share != NULL)
                held->share->n_held--;
        share_let_go(held->share);
        free(held);
}

static void held_on_gone(struct request *req)
{
        held_free(req->owner);
}

/* It is judged again, by what is known now. */
static void held_release(struct held *held)
{
        struct handover *h = held->h;
        struct request *req = held->req;

        if (req == NULL && handover_link_is_open(&h->giver.link))
                handover_giver_say_none(h, held->id);
        held_free(held);
        if (req == NULL)
                return;
        h->taker.is_releasing = true;
        request_release(req);
        h->taker.is_releasing = false;
}

/* With one of them others may go: their clients share a connection. */
static void held_release_due(struct list *due)
{
        struct list *node;

        while ((node = list_first(due)) != NULL)
                held_release(container_of(node, struct held, node));
}

/* id NULL: all that came before. Walks who waits: HELD_MAX at most. */
static void held_release_all(struct handover *h, const char *id, int64_t before_ms)
{
        struct list due;

        list_init(&due);
        list_for_each_safe (it, &h->taker.held) {
                const struct held *held = container_of(it, struct held, node);

                if (id != NULL ? strcmp(held->id, id) == 0 : held->since_ms <= before_ms)
                        list_move_to_tail(&due, it);
        }
        held_release_due(&due);
}

/* Nobody will bring their sessions any more. */
static void held_release_lost(struct handover *h)
{
        struct list due;

        list_init(&due);
        list_for_each_safe (it, &h->taker.held) {
                struct session *s = NULL;

                HASH_FIND_STR(handover_context(h)->sessions,
                              container_of(it, struct held, node)->id, s);
                if (s == NULL)
                        list_move_to_tail(&due, it);
        }
        held_release_due(&due);
}

static void ask(struct handover *h, const char *id)
{
        handover_link_say_take(&h->taker.link, "ask", json_pack("{s:s}", "id", id), -1);
}

bool handover_taker_ask(struct handover *h, const char *id)
{
        if (!handover_link_is_open(&h->taker.link) || h->taker.n_held >= HELD_MAX ||
            strlen(id) >= ENDPOINT_SESSION_ID_SIZE)
                return false;
        (void)held_new(h, NULL, NULL, str_from(id));
        ask(h, id);
        return true;
}

static int64_t patience_ms(const struct handover *h)
{
        int64_t grace_ms = handover_context(h)->config->upstream_grace_ms;

        return grace_ms > HELD_MS ? grace_ms : HELD_MS;
}

bool handover_taker_is_busy(const struct handover *h)
{
        int64_t now_ms = loop_now_ms(handover_context(h)->loop);

        return handover_link_is_open(&h->taker.link) ||
               (h->taker.arrived_ms > 0 && now_ms - h->taker.arrived_ms < patience_ms(h));
}

/* Its upstreams are being opened as for an initialize, which would wait for them too. */
void handover_taker_on_settled(struct handover *h, struct session *s)
{
        s->is_arriving = false;
        held_release_all(h, s->id, 0);
}

/* false: it is not here, and nobody can be asked. */
static bool is_elsewhere(const struct handover *h, struct str id, bool *is_askedp)
{
        struct session *s = NULL;

        HASH_FIND(hh, handover_context(h)->sessions, id.p, (unsigned)id.n, s);
        *is_askedp = s == NULL;
        return s != NULL ? s->is_arriving : handover_link_is_open(&h->taker.link);
}

/* Who finds none is told to come again: 404 would tell that its session is over. */
static bool has_room(const struct handover *h, const struct share *share)
{
        return h->taker.n_held < HELD_MAX && share->n_held < HELD_PER_SHARE_MAX;
}

static void hold(struct handover *h, struct request *req, struct str id, bool is_asked)
{
        static const struct request_events events = {.on_gone = held_on_gone};
        struct share *share =
                share_of(handover_context(h), req->in->identity->user, req->in->head.remote_addr);

        if (has_room(h, share)) {
                struct held *held = held_new(h, req, share, id);

                request_own(req, &events, held);
                request_hold(req);
                if (is_asked)
                        ask(h, held->id);
        } else {
                refuse_busy(req, NULL, 503);
        }
        share_let_go(share);
}

bool handover_holds(struct handover *h, struct request *req)
{
        char text[ENDPOINT_SESSION_ID_SIZE];
        struct str id;
        bool is_asked;

        if (h == NULL || h->taker.is_releasing)
                return false;
        id = endpoint_session_named(req, text);
        if (id.n == 0 || id.n >= ENDPOINT_SESSION_ID_SIZE || !is_elsewhere(h, id, &is_asked))
                return false;
        hold(h, req, id, is_asked);
        return true;
}

/* What its upstreams have not said by now is waited for no more, by those that come later either.
 * Walks who waits. */
static void held_release_late(struct handover *h)
{
        int64_t before_ms = loop_now_ms(handover_context(h)->loop) - patience_ms(h);

        list_for_each (it, &h->taker.held) {
                const struct held *held = container_of(it, struct held, node);
                struct session *s = NULL;

                HASH_FIND_STR(handover_context(h)->sessions, held->id, s);
                if (s != NULL && held->since_ms <= before_ms)
                        s->is_arriving = false;
        }
        held_release_all(h, NULL, before_ms);
}

/* Walks all sessions, as long as some may be new here. */
static void tell_who_hears(struct handover *h, bool is_last)
{
        struct session *s, *next;

        HASH_ITER(hh, handover_context(h)->sessions, s, next)
        {
                if (!s->is_untold || (!is_last && (s->is_arriving || !session_hears(s))))
                        continue;
                s->is_untold = s->is_arriving = false;
                session_touch(s);
                handover_link_say_take(&h->taker.link, "settled", json_pack("{s:s}", "id", s->id),
                                       -1);
        }
}

static void taker_on_sweep(struct timer *timer)
{
        struct handover *h = container_of(timer, struct handover, taker.sweep);
        struct loop *loop = handover_context(h)->loop;

        tell_who_hears(h, !handover_taker_is_busy(h));
        held_release_late(h);
        if (handover_taker_is_busy(h))
                timer_arm(loop, timer, HANDOVER_SWEEP_MS);
        else
                handover_watch(h);
}

bool handover_taker_pass(struct handover *h, struct request *req, struct str body)
{
        struct buf records, text;
        int fd = -1;

        if (!handover_link_is_open(&h->taker.link) || h->taker.passes_nothing)
                return false;
        buf_init(&records, HANDOVER_LINE_MAX_BYTES / 2);
        buf_init(&text, HANDOVER_LINE_MAX_BYTES - 1024);
        fd = request_give_whole(req, body, &records);
        if (fd >= 0 && base64_encode(&text, BASE64_STANDARD, buf_bytes(&records)) == 0)
                handover_link_say_take(
                        &h->taker.link, "request",
                        json_pack("{s:s%}", "records", buf_bytes(&text).p, (size_t)text.len), fd);
        else if (fd >= 0)
                close(fd);
        buf_finish(&records);
        buf_finish(&text);
        return fd >= 0;
}

/* ---- what the giver says ---- */

static void on_welcome(struct handover *h, json_t *line)
{
        struct context *context = handover_context(h);
        const json_t *key = json_object_get(line, "state_key");

        if (h->taker.fd >= 0)
                return;
        h->taker.fd = handover_link_take_fd(&h->taker.link);
        h->taker.was_inherited = json_is_true(json_object_get(line, "was_inherited"));
        for (size_t i = 0; context->config->state_key[0] == '\0' && i < sizeof(context->state_key);
             i++)
                context->state_key[i] = (uint8_t)json_integer_value(json_array_get(key, i));
}

static void on_refuse(struct handover *h, json_t *line)
{
        const char *why = rpc_text(line, "why");

        log_error(NULL, "[mgw] cannot take over (--replace): %.200s", why != NULL ? why : "");
        h->taker.is_refused = true;
        handover_link_close(&h->taker.link);
}

static void on_go(struct handover *h, json_t *line)
{
        (void)line;
        h->taker.may_serve = true;
}

static void on_bye(struct handover *h, json_t *line)
{
        (void)line;
        h->taker.passes_nothing = true;
        handover_link_say_take(&h->taker.link, "bye", json_object(), -1);
}

static void on_session(struct handover *h, json_t *line)
{
        bool is_here = handover_session(h, line) != NULL;
        const char *why, *id = rpc_text(line, "id");
        struct session *s = session_take(handover_context(h), line, &why);

        if (s == NULL) {
                log_warn(NULL, "[mgw] the process that goes has given %s", why);
                if (!is_here && id != NULL)
                        handover_link_say_take(&h->taker.link, "end", json_pack("{s:s}", "id", id),
                                               -1);
                return;
        }
        h->taker.arrived_ms = loop_now_ms(handover_context(h)->loop);
}

/* What has been passed for it has gone before. */
static void on_over(struct handover *h, json_t *line)
{
        struct session *s = handover_session(h, line);

        if (s != NULL)
                s->is_elsewhere = false;
        handover_link_say_take(&h->taker.link, "over", json_copy(line), -1);
}

static void on_reload(struct handover *h, json_t *line)
{
        (void)line;
        server_on_hangup(h->sv);
}

static void on_none(struct handover *h, json_t *line)
{
        const char *id = rpc_text(line, "id");

        if (id != NULL)
                held_release_all(h, id, 0);
}

static void on_event(struct handover *h, json_t *line)
{
        struct session *s = handover_session(h, line);
        const json_t *id = json_object_get(line, "event");

        if (s != NULL)
                session_take_event(
                        s,
                        (struct replay_id){(uint32_t)json_integer_value(json_array_get(id, 0)),
                                           (uint32_t)json_integer_value(json_array_get(id, 1))},
                        json_str(json_object_get(line, "text")),
                        json_is_true(json_object_get(line, "was_sent")));
}

static void on_stream(struct handover *h, json_t *line)
{
        struct session *s = handover_session(h, line);

        if (s != NULL && h->taker.link.line_fd >= 0)
                (void)session_take_stream(s, h->sv->fcgi_server,
                                          handover_link_take_fd(&h->taker.link), line);
}

static void on_tasks(struct handover *h, json_t *line)
{
        session_take_tasks(handover_context(h), line);
}

static void on_message(struct handover *h, json_t *line)
{
        struct session *s = handover_session(h, line);
        char why[160];
        json_t *msg;

        if (s == NULL || rpc_parse(json_str(json_object_get(line, "message")), NULL, &msg, why,
                                   sizeof(why)) != 0)
                return;
        session_deliver(s, msg);
        json_decref(msg);
}

static const struct {
        const char *what;
        void (*on_line)(struct handover *h, json_t *line); /* fd is borrowed */
        bool needs_go;
} lines[] = {
        {"welcome", on_welcome, false},
        {"refuse", on_refuse, false},
        {"go", on_go, false},
        {"bye", on_bye, true},
        {"session", on_session, true},
        {"none", on_none, true},
        {"event", on_event, true},
        {"stream", on_stream, true},
        {"message", on_message, true},
        {"over", on_over, true},
        {"reload", on_reload, true},
        {"tasks", on_tasks, true},
        {"errand", handover_errand_run, true},
};

static void on_line(struct handover_link *link, const char *what, json_t *line)
{
        struct handover *h = of_link(link);

        for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
                if (strcmp(lines[i].what, what) == 0 && (!lines[i].needs_go || h->taker.may_serve))
                        lines[i].on_line(h, line);
}

static void on_link_end(struct handover_link *link, const char *why)
{
        struct handover *h = of_link(link);

        handover_watch(h);
        log_info(NULL, "[mgw] the process that goes: %s", why);
        held_release_lost(h);
        handover_errands_forget(h);
}

/* ---- its life ---- */

void handover_taker_init(struct handover *h)
{
        list_init(&h->taker.held);
        list_init(&h->taker.errands);
        h->taker.fd = -1;
        h->taker.link.on_line = on_line;
        h->taker.link.on_end = on_link_end;
        h->taker.sweep.on_due = taker_on_sweep;
        handover_link_init(&h->taker.link);
}

void handover_taker_close(struct handover *h)
{
        handover_link_close(&h->taker.link);
        timer_disarm(handover_context(h)->loop, &h->taker.sweep);
        held_release_all(h, NULL, INT64_MAX);
        handover_errands_forget(h);
        if (h->taker.fd >= 0)
                close(h->taker.fd);
}

/* Waits until it is so, or the link is closed. false: neither, in time. */
static bool wait_until(struct handover *h, bool (*is_so)(const struct handover *h))
{
        int64_t until_ms = clock_monotonic_ms() + PATIENCE_MS;

        while (handover_link_is_open(&h->taker.link) && !is_so(h)) {
                int64_t left_ms = until_ms - clock_monotonic_ms();

                if (left_ms <= 0)
                        return false;
                (void)handover_link_wait(&h->taker.link, (int)left_ms);
        }
        return true;
}

static bool has_socket(const struct handover *h)
{
        return h->taker.fd >= 0;
}

static bool may_serve(const struct handover *h)
{
        return h->taker.may_serve;
}

/* The descriptor; -errno: nobody answers there. */
static int door_knock(const char *address)
{
        struct sockaddr_un sun = {.sun_family = AF_UNIX};
        const char *path = address + strlen("unix:");
        int fd;

        if (strlen(path) >= sizeof(sun.sun_path))
                return -ENAMETOOLONG;
        memcpy(sun.sun_path, path, strlen(path));
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (fd >= 0 && connect(fd, (const struct sockaddr *)&sun, sizeof(sun)) < 0) {
                int r = -errno;

                close(fd);
                return r;
        }
        return fd >= 0 ? fd : -errno;
}

int handover_take(struct handover *h)
{
        int fd = h->address != NULL ? door_knock(h->address) : -ENOENT;

        if (fd < 0) {
                log_info(NULL, "[mgw] nobody serves here whom this process could replace: %s",
                         strerror(-fd));
                return 0;
        }
        handover_link_open(&h->taker.link, fd);
        handover_link_say_take(&h->taker.link, "hello",
                               json_pack("{s:i, s:s, s:i, s:b}", "protocol", HANDOVER_PROTOCOL,
                                         "version", MGW_VERSION, "pid", (int)getpid(),
                                         "does_errands", true),
                               -1);
        if (wait_until(h, has_socket) && has_socket(h))
                return 0;
        log_error(NULL, "[mgw] the process that serves here does not let this one take over: stop "
                        "it, and start without --replace");
        return -EINVAL;
}

bool handover_take_socket(struct handover *h, int *fdp, bool *was_inheritedp)
{
        if (h->taker.fd < 0)
                return false;
        *fdp = h->taker.fd;
        *was_inheritedp = h->taker.was_inherited;
        h->taker.fd = -1;
        return true;
}

/* The kernel tells who connects whose socket it is (SO_PEERCRED): that of who has listened last. */
static void socket_claim(const struct handover *h)
{
        (void)listen(fcgi_server_fd(h->sv->fcgi_server), SOCK_BACKLOG);
}

/* Who has said welcome and is gone serves no more; who is there and silent may serve still. */
int handover_taker_begin(struct handover *h)
{
        if (!handover_link_is_open(&h->taker.link))
                return h->taker.is_refused ? -EINVAL : 0;
        handover_watch(h); /* sessions come right behind go */
        handover_link_say_take(&h->taker.link, "ready", json_object(), -1);
        if (!wait_until(h, may_serve) || h->taker.is_refused) {
                log_error(NULL, "[mgw] the process that serves here has fallen silent: it has the "
                                "clients still");
                return -EINVAL;
        }
        socket_claim(h);
        (void)handover_link_join(&h->taker.link, handover_context(h)->loop);
        timer_arm(handover_context(h)->loop, &h->taker.sweep, HANDOVER_SWEEP_MS);
        handover_watch(h);
        return 0;
}
