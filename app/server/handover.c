/* The door: where who is to take over connects; and what sessions tell the other process. Nobody
 * comes in but who has our user, or is root, and is none of our children. */
#include "handover.h"

#include "handover_inside.h"
#include "mgw/base/alloc.h"
#include "mgw/base/log.h"
#include "mgw/config/config.h"
#include "mgw/wire/rpc.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define DOOR_MODE 0600

struct session *handover_session(const struct handover *h, const json_t *line)
{
        const char *id = rpc_text(line, "id");
        struct session *s = NULL;

        if (id != NULL)
                HASH_FIND_STR(handover_context(h)->sessions, id, s);
        return s;
}

/* ---- what sessions tell ---- */

static struct handover *of_session(const struct session *s)
{
        return container_of(session_context(s), struct server, context)->handover;
}

static json_t *line_of(const struct session *s)
{
        return json_pack("{s:s}", "id", s->id);
}

/* As a text: it may be as deep as a message may. */
static void say_message(struct handover_link *link, const char *what, const struct session *s,
                        const json_t *msg)
{
        struct str text;
        json_t *line;

        if (!handover_link_is_open(link) || rpc_dump(msg, &text) < 0)
                return;
        line = line_of(s);
        json_object_set_new(line, "message", json_stringn_nocheck(text.p, text.n));
        free((void *)text.p);
        handover_link_say_take(link, what, line, -1);
}

static void on_message(struct session *s, const json_t *msg)
{
        say_message(&of_session(s)->giver.link, "message", s, msg);
}

static void on_kept(struct session *s, struct replay_id id, struct str text, bool was_sent)
{
        json_t *line = line_of(s);

        json_object_set_new(line, "event",
                            json_pack("[I,I]", (json_int_t)id.stream, (json_int_t)id.seq));
        json_object_set_new(line, "text", json_stringn_nocheck(text.p, text.n));
        json_object_set_new(line, "was_sent", json_boolean(was_sent));
        handover_link_say_take(&of_session(s)->giver.link, "event", line, -1);
}

static void on_task(struct session *s, const char *id, const char *tool)
{
        json_t *tools = json_pack("{s:s}", id, tool);

        handover_giver_tell_tasks(of_session(s), s, tools);
        json_decref(tools);
}

static void on_stray(struct session *s, const json_t *msg)
{
        say_message(&of_session(s)->taker.link, "stray", s, msg);
}

static void on_settled(struct session *s)
{
        handover_taker_on_settled(of_session(s), s);
}

static void on_end(struct session *s)
{
        handover_link_say_take(&of_session(s)->taker.link, "end", line_of(s), -1);
}

static bool on_request(struct request *req, struct str body)
{
        return handover_taker_pass(
                container_of(request_context(req), struct server, context)->handover, req, body);
}

static const struct session_handover_events session_events = {
        .on_message = on_message,
        .on_kept = on_kept,
        .on_task = on_task,
        .on_stray = on_stray,
        .on_settled = on_settled,
        .on_request = on_request,
        .on_end = on_end,
};

void handover_watch(struct handover *h)
{
        bool has_other = handover_link_is_open(&h->giver.link) || handover_taker_is_busy(h);

        handover_context(h)->handover = has_other ? &session_events : NULL;
}

/* ---- the door ---- */

static void on_accept(struct sock_listener *door, int fd)
{
        struct handover *h = container_of(door, struct handover, door);
        uid_t uid = geteuid();
        struct ucred peer;
        socklen_t n = sizeof(peer);

        h->peers.since = children_first_tick(handover_context(h)->children);
        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) == 0 &&
            (peer.uid == uid || peer.uid == 0) && sock_peer_may(&h->peers, fd)) {
                handover_giver_open(h, fd);
                return;
        }
        log_warn(NULL, "[mgw] somebody who may not has tried to take over: process %d of uid %u",
                 peer.pid, peer.uid);
        close(fd);
}

static unsigned room(struct sock_listener *door)
{
        (void)door;
        return 1;
}

/* Beside the socket that is handed over, or where the state is. */
static char *door_address(const struct config *config)
{
        if (strncmp(config->listen, "unix:", 5) == 0)
                return alloc_format("%s.handover", config->listen);
        return config->state_dir[0] != '\0' ? alloc_format("unix:%s/handover", config->state_dir)
                                            : NULL;
}

static void door_open(struct handover *h)
{
        char why[512];
        int fd;

        if (h->address == NULL)
                return;
        if (sock_listen(h->address, DOOR_MODE, NULL, &fd, why, sizeof(why)) < 0) {
                log_warn(NULL, "[mgw] nobody can take over from here (--replace): %s", why);
                return;
        }
        if (sock_listener_open(handover_context(h)->loop, &h->door, fd) < 0)
                log_warn(NULL, "[mgw] nobody can take over from here (--replace)");
}

void handover_door_close(struct handover *h)
{
        if (h->door.loop == NULL)
                return;
        sock_listener_close(&h->door);
        sock_unlink(h->address);
}

/* ---- life ---- */

void handover_create(struct server *sv)
{
        struct handover *h = alloc_zeroed(sizeof(*h));

        h->sv = sv;
        h->door.on_accept = on_accept;
        h->door.room = room;
        h->address = door_address(sv->context.config);
        handover_giver_init(h);
        handover_taker_init(h);
        sv->handover = h;
}

void handover_destroy(struct handover *h)
{
        if (h == NULL)
                return;
        handover_door_close(h);
        sock_peers_finish(&h->peers);
        handover_giver_close(h);
        handover_taker_close(h);
        handover_watch(h);
        free(h->address);
        h->sv->handover = NULL;
        free(h);
}

int handover_begin(struct handover *h)
{
        int r = handover_taker_begin(h);

        if (r == 0)
                door_open(h);
        return r;
}
