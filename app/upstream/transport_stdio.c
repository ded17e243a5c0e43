/* An MCP server as a child process: a message a line, both ways. It is started when its session
 * needs it, and ended when it has had nothing to do for a while. */
#include "mgw/base/log.h"
#include "mgw/base/strv.h"
#include "mgw/config/config.h"
#include "mgw/core/share.h"
#include "mgw/loop/child.h"
#include "mgw/upstream/account.h"
#include "mgw/upstream/confine.h"
#include "mgw/upstream/leftover.h"
#include "upstream_inside.h"

#include "mgw/base/alloc.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_MAX_BYTES MESSAGE_MAX_BYTES
#define QUEUE_MAX_BYTES (8u << 20)
/* From the end of its input to SIGTERM, and on to SIGKILL. */
#define TERM_AFTER_MS 2000
#define KILL_AFTER_MS 3000

struct stdio_peer {
        struct upstream_session *us;
        struct child *child;
        struct list of_share;            /* share->children while it runs */
        struct pending_request *relayed; /* the line in progress is its answer */
        struct waiter room;              /* a client that does not read holds the child back */
        struct loop_task next_turn;      /* and so does a turn in which it has brought enough */
        struct timer idle;
        int64_t start_until_ms; /* its start may last so long; 0: it has started */
        char last_words[160];   /* of its stderr, before it is ready */
};

/* What a child has of our environment; the rest it is given by its entry. */
static const char *const inherited[] = {"PATH", "HOME", "LANG"};

static struct share *peer_share(const struct stdio_peer *peer)
{
        return peer->us->client->share;
}

static void peer_watch_idle(struct stdio_peer *peer)
{
        list_move_to_tail(&peer_share(peer)->children, &peer->of_share);
        timer_arm(upstream_session_loop(peer->us), &peer->idle,
                  peer->us->upstream->server->idle_ms);
}

static void peer_leave_share(struct stdio_peer *peer)
{
        assert(peer->child == NULL || peer_share(peer)->n_children > 0);
        if (peer->child != NULL)
                peer_share(peer)->n_children--;
        list_unlink(&peer->of_share);
}

static void peer_stop(struct stdio_peer *peer)
{
        peer_leave_share(peer);
        timer_disarm(upstream_session_loop(peer->us), &peer->idle);
        list_unlink(&peer->room.node);
        loop_task_cancel(&peer->next_turn);
        child_stop(peer->child);
        peer->child = NULL;
}

static bool peer_is_quiet(const struct stdio_peer *peer)
{
        return upstream_session_is_quiet(peer->us) && list_is_empty(&peer->room.node);
}

static void peer_sleep(struct stdio_peer *peer, const char *why)
{
        if (upstream_may_log(peer->us->upstream))
                log_info(NULL, "[upstream] %s: process %d is ended: %s",
                         upstream_name(peer->us->upstream), (int)child_pid(peer->child), why);
        peer_stop(peer);
        upstream_session_sleep(peer->us);
}

/* The longest idle of the share makes room. false: all have something to do. Walks
 * children_per_user_max at most. */
static bool share_ends_child(struct share *share)
{
        list_for_each (it, &share->children) {
                struct stdio_peer *peer = container_of(it, struct stdio_peer, of_share);

                if (peer->us->state != UPSTREAM_SESSION_READY || !peer_is_quiet(peer))
                        continue;
                peer_sleep(peer, "its user starts another (children_per_user_max)");
                return true;
        }
        return false;
}

static bool share_has_room(struct share *share)
{
        const struct config *config = share->context->config;
        uint32_t max = config->children_per_user_max;
        uint32_t most = config->children_max - config->children_max / 4; /* others want some too */

        if (max > most)
                max = most;
        if (max == 0 || share == share->context->own_share)
                return true;
        /* Those that are about to end take seconds for it: as many again may. */
        if (share->n_processes >= 2 * max || share->n_processes >= most)
                return false;
        return share->n_children < max || leftover_make_room(share) || share_ends_child(share);
}

static void peer_on_idle(struct timer *timer)
{
        struct stdio_peer *peer = container_of(timer, struct stdio_peer, idle);

        if (peer_is_quiet(peer))
                peer_sleep(peer, "nothing to do (idle_s)");
        else
                peer_watch_idle(peer);
}

/* ---- what comes ---- */

/* The child waits for the client to read: it meets a full pipe. */
static void peer_wait_for_room(struct stdio_peer *peer)
{
        if (peer->child != NULL && upstream_session_serves_one(peer->us) &&
            upstream_session_must_wait(peer->us, &peer->room))
                child_pause(peer->child);
}

static void peer_on_client_room(struct waiter *waiter)
{
        const struct stdio_peer *peer = container_of(waiter, struct stdio_peer, room);

        if (peer->child != NULL)
                child_resume(peer->child);
}

static void peer_on_next_turn(struct loop_task *task)
{
        const struct stdio_peer *peer = container_of(task, struct stdio_peer, next_turn);

        if (peer->child != NULL && list_is_empty(&peer->room.node))
                child_resume(peer->child);
}

/* What one turn may bring of all its upstream's is bounded, as it is of what comes by HTTP. */
static void peer_wait_for_turn(struct stdio_peer *peer)
{
        if (peer->child == NULL || upstream_spent(peer->us->upstream) < HTTP_SOURCE_SPEND_MAX)
                return;
        child_pause(peer->child);
        loop_defer(upstream_session_loop(peer->us), &peer->next_turn);
}

static void peer_on_line(void *owner, struct str line)
{
        struct stdio_peer *peer = owner;

        peer_watch_idle(peer);
        upstream_session_on_text(peer->us, NULL, line);
        peer_wait_for_room(peer);
        peer_wait_for_turn(peer);
}

static bool peer_on_long_line(void *owner, struct str head)
{
        struct stdio_peer *peer = owner;

        peer->relayed = upstream_session_serves_one(peer->us)
                                ? upstream_session_begin_relay(peer->us, false, head)
                                : NULL;
        if (peer->relayed == NULL)
                return false;
        peer_wait_for_room(peer);
        return true;
}

/* Of an answer that nobody waits for any more, the rest is dropped. */
static void peer_on_piece(void *owner, struct str piece, bool is_last)
{
        struct stdio_peer *peer = owner;

        peer_watch_idle(peer);
        if (peer->relayed == NULL)
                return;
        pending_request_heard(peer->relayed);
        pending_request_feed_relay(peer->relayed, piece, is_last);
        peer_wait_for_room(peer);
}

static void peer_on_error_line(void *owner, struct str line)
{
        struct stdio_peer *peer = owner;

        if (peer->us->state == UPSTREAM_SESSION_OPENING && line.n > 0)
                str_to_text(line, peer->last_words, sizeof(peer->last_words));
        if (upstream_may_log(peer->us->upstream))
                log_info(NULL, "[upstream] %s: stderr: %.*s", upstream_name(peer->us->upstream),
                         STR_ARG(line));
}

static void peer_on_room(void *owner)
{
        (void)owner; /* who was refused has been told */
}

static const char *stdio_last_words(const struct upstream_session *us)
{
        const struct stdio_peer *peer = us->peer;

        return peer->last_words[0] != '\0' ? peer->last_words : NULL;
}

static void peer_on_exit(void *owner, int status, const char *how)
{
        struct stdio_peer *peer = owner;

        /* One that ran has come to its end by what it was asked; the others' have not. */
        const struct failure failure = {
                .why = how,
                .detail = stdio_last_words(peer->us),
                .fault = FAULT_CUT,
                .sign = peer->us->state == UPSTREAM_SESSION_OPENING ? BREAKER_UNWELL
                                                                    : BREAKER_NO_SIGN,
        };

        (void)status;
        peer_leave_share(peer);
        peer->child = NULL;
        timer_disarm(upstream_session_loop(peer->us), &peer->idle);
        list_unlink(&peer->room.node);
        loop_task_cancel(&peer->next_turn);
        upstream_session_lost(peer->us, &failure);
}

static const struct child_handlers peer_handlers = {
        .on_line = peer_on_line,
        .on_long_line = peer_on_long_line,
        .on_piece = peer_on_piece,
        .on_error_line = peer_on_error_line,
        .on_drained = peer_on_room,
        .on_exit = peer_on_exit,
};

/* ---- what goes ---- */

static void stdio_send(struct pending_request *pending)
{
        struct stdio_peer *peer = pending->owner->peer;
        struct str text;
        int r;

        if (peer->child == NULL) {
                pending_request_fail(pending, "is not running", FAULT_UNSENT);
                return;
        }
        r = pending_request_dump(pending, &text);
        if (r == 0) {
                ((char *)text.p)[text.n++] = '\n'; /* in the place of its NUL */
                r = child_write(peer->child, text);
                free((void *)text.p);
        }
        if (r == CHILD_E_FULL)
                pending_request_fail(pending, "does not read its input", FAULT_FINAL);
        else if (r < 0 && r != -EPIPE)
                pending_request_fail(pending, strerror(-r), FAULT_FINAL);
        else if (!pending_request_is_request(pending))
                pending_request_end(pending);
        else
                pending->transfer = peer; /* -EPIPE: it is about to end, and how is told then */
}

static void stdio_drop(struct pending_request *pending)
{
        struct stdio_peer *peer = pending->transfer;

        if (peer->relayed == pending)
                peer->relayed = NULL;
        pending->transfer = NULL;
}

/* ---- its life ---- */

static void stdio_create(struct upstream_session *us)
{
        struct stdio_peer *peer = alloc_zeroed(sizeof(*peer));

        peer->us = us;
        peer->idle.on_due = peer_on_idle;
        peer->room.on_drained = peer_on_client_room;
        peer->next_turn.on_run = peer_on_next_turn;
        us->peer = peer;
}

static bool gives(char *const *lines, const char *name)
{
        size_t n = strlen(name);

        for (; lines != NULL && *lines != NULL; lines++)
                if (strncmp(*lines, name, n) == 0 && (*lines)[n] == '=')
                        return true;
        return false;
}

/* A name that stands twice means one thing to some programs, and another to others. */
static void inherit(char ***all, char *const *own, const char *name)
{
        const char *value = getenv(name);

        if (value != NULL && !gives(own, name) && !gives(*all, name))
                (void)strv_add_take(all, alloc_format("%s=%s", name, value));
}

/* NAME=value of what is inherited, then the account's; may be empty. */
static char **make_environment(const struct config_server *server,
                               const struct config_account *account)
{
        char **all = alloc_zeroed(sizeof(*all));

        for (size_t i = 0; i < sizeof(inherited) / sizeof(inherited[0]); i++)
                inherit(&all, account->env, inherited[i]);
        for (char *const *name = server->pass_env; name != NULL && *name != NULL; name++)
                inherit(&all, account->env, *name);
        for (char *const *own = account->env; own != NULL && *own != NULL; own++)
                (void)strv_add_take(&all, alloc_text(*own));
        return all;
}

/* NULL, or why one more may not be started: a limit of ours, no fault of the program's. */
static const char *lacks_room(struct stdio_peer *peer, char *text, size_t size)
{
        const struct context *context = upstream_session_context(peer->us);
        bool has_room = share_has_room(peer_share(peer));

        if (children_n(context->children) >= context->config->children_max)
                snprintf(text, size, "%u children run already (children_max)",
                         context->config->children_max);
        else if (!has_room)
                snprintf(text, size,
                         "%u children of this user run already or are about to end, none of them "
                         "idle (children_per_user_max)",
                         peer_share(peer)->n_processes);
        else
                return NULL;
        return text;
}

static void share_on_child_over(void *counter)
{
        struct share *share = counter;

        assert(share->n_processes > 0);
        share->n_processes--;
        share_let_go(share);
}

static int peer_start(struct stdio_peer *peer, char *detail, size_t size)
{
        struct upstream_session *us = peer->us;
        const struct config_server *server = us->upstream->server;
        char **envp = make_environment(server, us->account->config);
        struct child_options options = {
                .argv = (const char *const *)server->argv,
                .envp = (const char *const *)envp,
                .cwd = server->cwd,
                .memory = upstream_session_is_shared(us) ? &us->upstream->memory
                                                         : &peer_share(peer)->memory,
                .line_max_bytes = LINE_MAX_BYTES,
                .line_long_bytes = RELAY_MIN_BYTES,
                .queue_max_bytes = QUEUE_MAX_BYTES,
                .on_over = share_on_child_over,
                .counter = peer_share(peer),
                .term_after_ms = TERM_AFTER_MS,
                .kill_after_ms = KILL_AFTER_MS,
        };
        int r = confine_child(us, &options, detail, size);

        if (r == 0)
                r = child_start(upstream_session_context(us)->children, &options, &peer_handlers,
                                peer, &peer->child, detail, size);
        strv_free(envp);
        if (r == 0)
                share_hold(peer_share(peer))->n_processes++;
        return r;
}

static bool is_want(int r)
{
        return r == -ENOMEM || r == -EAGAIN || r == -EMFILE || r == -ENFILE;
}

static int stdio_open(struct upstream_session *us)
{
        struct stdio_peer *peer = us->peer;
        char detail[512] = "", text[128];
        struct failure failure = {.fault = FAULT_OURS};
        int r = -EAGAIN;

        peer_stop(peer);
        peer->last_words[0] = '\0';
        failure.why = lacks_room(peer, text, sizeof(text));
        if (failure.why == NULL) {
                r = peer_start(peer, detail, sizeof(detail));
                failure.why = "its program cannot be started";
                failure.detail = detail[0] != '\0' ? detail : NULL;
        }
        if (r < 0 && !is_want(r)) {
                failure.fault = FAULT_FINAL;
                failure.sign = BREAKER_UNWELL;
        }
        if (r < 0) {
                upstream_session_open_failed_as(us, &failure);
                return r;
        }
        if (upstream_may_log(us->upstream))
                log_info(LOG_FIELDS({"user", us->client->user->email}),
                         "[upstream] %s: process %d started", upstream_name(us->upstream),
                         (int)child_pid(peer->child));
        peer->start_until_ms =
                loop_now_ms(upstream_session_loop(us)) + us->upstream->server->start_timeout_ms;
        peer_share(peer)->n_children++;
        peer_watch_idle(peer);
        return 0;
}

static void stdio_on_ready(struct upstream_session *us)
{
        struct stdio_peer *peer = us->peer;

        peer->last_words[0] = '\0';
        peer->start_until_ms = 0;
}

static void stdio_destroy(struct upstream_session *us)
{
        struct stdio_peer *peer = us->peer;
        int64_t left_ms = peer->start_until_ms - loop_now_ms(upstream_session_loop(us));

        if (peer->child != NULL && leftover_take(us, peer->child, left_ms)) {
                peer_leave_share(peer);
                peer->child = NULL;
        }
        peer_stop(peer);
        loop_bury(upstream_session_loop(us), peer, free);
}

const struct transport transport_stdio = {
        .is_own = true,
        .knows_stateless = true,
        .create = stdio_create,
        .open = stdio_open,
        .send = stdio_send,
        .drop = stdio_drop,
        .on_ready = stdio_on_ready,
        .last_words = stdio_last_words,
        .destroy = stdio_destroy,
};
