/* A client session's own session with one upstream: a JSON-RPC peer, whatever carries its messages.
 * One that went down opens again by itself, and when somebody needs it. */
#pragma once

#include "mgw/upstream/account.h"
#include "mgw/upstream/upstream.h"
#include "mgw/upstream/upstream_list.h"
#include "mgw/upstream/upstream_request.h"

enum upstream_session_state {
        UPSTREAM_SESSION_DOWN, /* nothing goes out; it opens when its retry is due, or on demand */
        UPSTREAM_SESSION_OPENING, /* server/discover or initialize is on its way, with a deadline */
        UPSTREAM_SESSION_READY,   /* its server has answered: init_result is known */
        UPSTREAM_SESSION_ENDED,   /* closed, and freed at the end of the turn */
        UPSTREAM_SESSION_N_STATES
};

/* What moves it stands in docs/architecture.md ("States"). */
static const bool upstream_session_may_move[][UPSTREAM_SESSION_N_STATES] = {
        [UPSTREAM_SESSION_DOWN] = {[UPSTREAM_SESSION_DOWN] = true,
                                   [UPSTREAM_SESSION_OPENING] = true,
                                   [UPSTREAM_SESSION_ENDED] = true},
        [UPSTREAM_SESSION_OPENING] = {[UPSTREAM_SESSION_DOWN] = true,
                                      [UPSTREAM_SESSION_OPENING] = true,
                                      [UPSTREAM_SESSION_READY] = true,
                                      [UPSTREAM_SESSION_ENDED] = true},
        [UPSTREAM_SESSION_READY] =
                {[UPSTREAM_SESSION_DOWN] = true, [UPSTREAM_SESSION_ENDED] = true},
        [UPSTREAM_SESSION_ENDED] = {false},
};

/* The lists of an upstream session, as the upstream gave them. */
enum list_kind { LIST_TOOLS, LIST_PROMPTS, LIST_RESOURCES, LIST_TEMPLATES, LIST_N_KINDS };

struct upstream_session {
        struct upstream *upstream;
        struct upstream_client *client; /* for whom it is */
        struct account *account;        /* as whom it calls; held; NULL: it is not for this user */
        struct account_caller as;       /* on its account's callers */
        json_t *init_params;
        json_t *init_result; /* the result of initialize, or what would be it; NULL: never opened */
        json_t *subscribed;  /* the client's subscriptions there: URI -> true; NULL: none so far */
        json_t *tasks;       /* the same of tasks, by their ids there; NULL: none so far */
        struct ledger_hold watched;     /* of both */
        struct upstream_listen *listen; /* to a server without sessions; NULL: not so far */
        const struct transport *transport;
        void *peer;                    /* the transport's */
        struct list sent;              /* sent */
        struct pending_request *by_id; /* those of them that are requests: hash */
        struct list waiting;           /* for READY */
        struct list parked;            /* for something else */
        struct list overdue; /* lists that no client waits for any more; kept by session/listing */
        struct list queued;  /* READY, but many that nobody waits for are on their way */
        struct loop_task pump; /* of those */
        struct watch_count
                *watch_counts[2];        /* of resources, of tasks; kept by session/subscription */
        struct requester requester;      /* for the upstream's requests to clients */
        struct timer deadline;           /* of OPENING */
        struct timer retry;              /* while DOWN */
        struct upstream_session *shared; /* it shares; NULL: none (yet) */
        struct list user_node;           /* on its shared session's user sessions */
        struct list user_sessions;       /* that share its child */
        uint64_t abandoned_by;      /* user->number, 0: nobody, UINT64_MAX: several; of a call there
                                       whose answer is not waited for */
        int64_t abandoned_until_ms; /* the child may be busy with it so long */
        int64_t last_id;
        unsigned generation;  /* counts how often it has begun */
        unsigned given_up_in; /* the last in which one was cancelled: its answer may come late */
        unsigned n_turns;     /* from one era to the other, in this opening */
        unsigned n_unproven;  /* openings since the last answer to a request */
        unsigned n_kept_out;  /* times in a row that it was not to be, by no sign of the upstream's
                                 health */
        unsigned n_unasked;   /* on their way, that nobody waits for */
        unsigned n_sends;     /* messages on their way that get no answer */
        unsigned n_changes;   /* its lists may have changed so often */
        int told_level;       /* of its log, the upstream was told last; -1: none */
        enum upstream_session_state state;
        bool is_stateless;   /* it keeps no session */
        bool is_probing;     /* OPENING: server/discover was sent in doubt whether it is known */
        bool is_unconnected; /* DOWN, until its user connects the account */
        bool is_missing;     /* the client may have been told lists without it */
        bool is_settled; /* READY or DOWN has been seen: the client's initialize need not wait */
        struct {
                struct upstream_list *of; /* NULL: not known */
                int64_t at_ms;
                int64_t ttl_ms; /* how long the upstream lets them be kept; -1: it has not said */
                unsigned as_of; /* n_changes when they were asked for */
        } lists[LIST_N_KINDS];
};

/* Begins with what the client's initialize said; on_settled() tells the end, and finds it in its
 * place. */
void upstream_session_open(struct upstream *upstream, struct upstream_client *client,
                           const json_t *init_params, struct upstream_session **upstream_sessionp);
/* The same, but DOWN until somebody needs it. */
struct upstream_session *upstream_session_create(struct upstream *upstream,
                                                 struct upstream_client *client,
                                                 const json_t *init_params);
/* It takes the place of one whose upstream's entry was another: it subscribes to what that had. */
void upstream_session_succeed(struct upstream_session *us, const struct upstream_session *before);
/* All who wait for answers of it are told why there will be none. */
void upstream_session_abandon(struct upstream_session *us, const char *why);
/* Ends the upstream's session. Its requests must be over, and what is kept with it forgotten. NULL
 * is fine. */
void upstream_session_close(struct upstream_session *us);
/* Its session has become idle, or is so no more. NULL is fine. */
void upstream_session_use(struct upstream_session *us);
/* Is all set up for what its server says unasked, or is that not to be had now? */
bool upstream_session_hears(const struct upstream_session *us);
/* Do its log messages come by a stream of their own? */
bool upstream_session_logs_beside(const struct upstream_session *us);
/* Does its server, when it last initialized, keep no sessions? Also behind a shared session. */
bool upstream_session_is_of_stateless(const struct upstream_session *us);
/* Clients are told that one of its lists is not what they were told. */
void upstream_session_tell_list(struct upstream_session *us, enum list_kind list);
/* The last line of stderr of a program that has not answered yet; NULL: none. Borrowed. */
const char *upstream_session_last_words(const struct upstream_session *us);
/* Does the upstream have this capability ("tools"; NULL: always)? One that never said counts. */
bool upstream_session_can(const struct upstream_session *us, const char *capability);

/* A request whose answer nobody waits for; dropped while the upstream session is down. */
void upstream_session_request_take(struct upstream_session *us, const char *method, json_t *params);
/* Sends a notification or a reply; dropped while the upstream session is down. */
void upstream_session_send_take(struct upstream_session *us, json_t *msg);
