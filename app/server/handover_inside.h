/* One mgw takes over from another that serves at the same address (`mgw --replace`). The one that
 * goes is the giver, the one that comes the taker; a process in between is both.
 *
 *   taker: hello      giver: accepts no more, leaves the store; welcome, with the listening socket
 *   taker: ready      giver: go; then its sessions, each with its events and streams; and it drains
 *
 *   giver: errand (of the store)    taker: errand (what became of it)
 *   giver: over (a session has nothing here any more)    taker: over; then the giver ends it
 *
 * Up to `go` the giver goes on as if nothing had been, should the taker leave or be silent. From
 * then on a session's calls end where they began: see session/session_handover. */
#pragma once

#include "handover_link.h"
#include "mgw/loop/sock.h"
#include "mgw/session/session_handover.h"
#include "mgw/store/store.h"
#include "server_inside.h"

/* Whoever speaks another one cannot take over: it is started anew. */
#define HANDOVER_PROTOCOL 1
#define HANDOVER_SWEEP_MS 50

enum handover_giver_state {
        HANDOVER_GIVER_NONE,
        HANDOVER_GIVER_OFFERING,   /* welcome has been said */
        HANDOVER_GIVER_RECLAIMING, /* the taker is gone, and the store not yet free */
        HANDOVER_GIVER_GIVING      /* go has been said: there is no way back */
};

struct handover_giver {
        struct handover_link link;
        struct timer
                deadline;   /* the taker is to say hello, or ready; or the store is tried again */
        struct timer sweep; /* GIVING: what can be given now, what is over */
        int64_t reclaim_ms; /* RECLAIMING: until it is tried again */
        struct list asked;  /* sessions that the taker has asked for, and that are not given yet */
        unsigned n_asked;
        struct store_courier courier;
        bool does_errands; /* the taker */
        bool must_reload;  /* OFFERING: whoever serves then */
        bool has_said_bye; /* it wants to end, should the taker pass nothing more to it */
        bool may_end;      /* and the taker does not */
        unsigned n_left;   /* sessions that something is still to be given of */
        enum handover_giver_state state;
};

struct handover_taker {
        struct handover_link link;
        struct timer sweep; /* who has waited for too long */
        struct list held;   /* requests whose session may come */
        unsigned n_held;
        struct list errands; /* of the giver, under way here */
        int fd;              /* the listening socket, until it is listened at; -1 */
        int64_t arrived_ms;  /* the last session; 0: none has come */
        bool was_inherited;  /* by the giver: its path is nobody's to remove */
        bool may_serve;      /* go has been said */
        bool is_releasing;
        bool passes_nothing; /* the giver is about to end */
        bool is_refused;
};

struct handover {
        struct server *sv;
        struct sock_listener door; /* where takers connect */
        struct sock_peers peers;
        char *address; /* of the door; NULL: it has none */
        struct handover_giver giver;
        struct handover_taker taker;
};

static inline struct context *handover_context(const struct handover *handover)
{
        return &handover->sv->context;
}

/* ---- handover.c ---- */

/* What sessions tell goes out while there is another process, and only then. */
void handover_watch(struct handover *handover);
/* The session that a line names; NULL: it is not here. */
struct session *handover_session(const struct handover *handover, const json_t *line);
void handover_door_close(struct handover *handover);

/* ---- handover_errand.c ---- */

/* The taker has the store, and the giver's operations go there. */
void handover_errands_send(struct handover *handover);
void handover_errand_on_done(struct handover *handover, json_t *line);
/* What the giver asks of the store, which is this process's. */
void handover_errand_run(struct handover *handover, json_t *line);
void handover_errands_forget(struct handover *handover);

/* ---- handover_giver.c ---- */

void handover_giver_init(struct handover *handover);
/* Somebody has connected; takes fd over. */
void handover_giver_open(struct handover *handover, int fd);
void handover_giver_close(struct handover *handover);
/* Of a standing session. */
void handover_giver_tell_tasks(struct handover *handover, const struct session *session,
                               const json_t *tools);
/* It does not have that session, nor has its own giver. */
void handover_giver_say_none(struct handover *handover, const char *id);

/* ---- handover_taker.c ---- */

/* 0, -EINVAL (it has been told). */
int handover_taker_begin(struct handover *handover);

void handover_taker_init(struct handover *handover);
void handover_taker_close(struct handover *handover);
/* May a session be waited for still, or what it is to have upstream? */
bool handover_taker_is_busy(const struct handover *handover);
/* A request for what the giver has. false: it is not passed. */
bool handover_taker_pass(struct handover *handover, struct request *req, struct str body);
/* It has what it needs. */
void handover_taker_on_settled(struct handover *handover, struct session *session);
/* Asks the giver for it, in the name of this process's own taker. false: there is none to ask. */
bool handover_taker_ask(struct handover *handover, const char *id);
