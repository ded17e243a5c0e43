/* A session's link to one upstream: a JSON-RPC peer, whatever carries its messages.
 * DOWN -> OPENING (server/discover, initialize) -> READY; a link that went down opens again by
 * itself, and when somebody needs it. */
#pragma once

#include "mgw/gate/ask.h"
#include "mgw/gate/upstream.h"
#include "mgw/gate/upstream_list.h"

enum link_state { LINK_DOWN, LINK_OPENING, LINK_READY };

/* The lists of a link, as the upstream gave them. */
enum link_list { LINK_TOOLS, LINK_PROMPTS, LINK_RESOURCES, LINK_TEMPLATES, LINK_N_LISTS };

struct link {
        struct upstream *upstream;
        struct session *session;
        struct account *account; /* as whom it calls; NULL: it is not for this user */
        json_t *init_params;
        json_t *hello;      /* the result of initialize, or what would be it; NULL: never opened */
        json_t *subscribed; /* the client's subscriptions there: URI -> true; NULL: none so far */
        json_t *tasks;      /* the same of tasks, by their ids there; NULL: none so far */
        struct listen *listen; /* to a server without sessions; NULL: not so far */
        const struct transport *transport;
        void *peer;             /* the transport's */
        struct list exchanges;  /* sent */
        struct exchange *by_id; /* those of them that are requests: hash */
        struct list waiting;    /* for READY */
        struct list parked;     /* for something else */
        struct list overdue;    /* lists that no client waits for any more: gate/listing */
        struct list queued;     /* READY, but many that nobody waits for are on their way */
        struct loop_task pump;  /* of those */
        struct watch_count *watch_counts[2]; /* gate/subscription: resources, tasks */
        struct asker asker;                  /* for the upstream's requests to clients */
        struct timer deadline;               /* of OPENING */
        struct timer retry;                  /* while DOWN */
        struct link *host;                   /* it lodges with; NULL: none (yet) */
        struct list lodging;                 /* on its host's lodgers */
        struct list lodgers;                 /* that share its child */
        const struct user *abandoned_by;     /* of a call there whose answer is not waited for */
        int64_t abandoned_until_ms;          /* the child may be busy with it so long */
        int64_t last_id;
        unsigned generation;  /* counts the upstream sessions */
        unsigned given_up_in; /* the last of them in which a request was cancelled: its answer may
                                 come late */
        unsigned n_turns;     /* from one era to the other, in this opening */
        unsigned n_unproven;  /* of them, those opened since the last answer to a request */
        unsigned n_kept_out;  /* times in a row that it was not to be, by no sign of the upstream's
                                 health */
        unsigned n_unasked;   /* on their way, that nobody waits for */
        unsigned n_sends;     /* messages on their way that get no answer */
        unsigned n_changes;   /* its lists may have changed so often */
        int told_level;       /* of its log, the upstream was told last; -1: none */
        enum link_state state;
        bool is_stateless; /* it keeps no session */
        bool is_probing;   /* OPENING: server/discover was sent in doubt whether it is known */
        bool is_missing;   /* the client may have been told lists without it */
        bool is_settled;   /* READY or DOWN has been seen: the client's initialize need not wait */
        struct {
                struct upstream_list *of; /* NULL: not known */
                int64_t at_ms;
                int64_t ttl_ms; /* how long the upstream lets them be kept; -1: it has not said */
                unsigned as_of; /* n_changes when they were asked for */
        } lists[LINK_N_LISTS];
};

/* One request to an upstream, embedded by whoever wants the answer. Zeroed, but for call,
 * may_repeat and the handlers, before it is sent. Exactly one handler is called, from
 * the loop or from within errand_send_take(); not after errand_drop(). */
struct errand {
        struct exchange *exchange; /* NULL: not on its way */
        struct call *call; /* the upstream's notifications and questions go by it; NULL: none */
        bool may_repeat;   /* to do it twice does no harm */
        /* The whole answer, a result or an error, owned by the handler. */
        void (*on_answer_take)(struct errand *errand, json_t *answer);
        void (*on_fail)(struct errand *errand, const char *why);
};

/* Begins with what the client's initialize said; hello_on_links_settled() tells the end. 0,
 * -ENOMEM.
 */
int link_open(struct upstream *upstream, struct session *session, const json_t *init_params,
              struct link **linkp);
/* The same, but DOWN until somebody needs it. */
int link_create(struct upstream *upstream, struct session *session, const json_t *init_params,
                struct link **linkp);
/* Ends the upstream's session. Its errands must be over. NULL is fine. */
void link_close(struct link *link);
/* Its session has become idle, or is so no more. NULL is fine. */
void link_use(struct link *link);
/* Do its log messages come by a stream of their own? */
bool link_logs_beside(const struct link *link);
/* Does its server, when it last said hello, keep no sessions? Also behind a host. */
bool link_is_of_stateless(const struct link *link);
/* Clients are told that one of its lists is not what they were told. */
void link_tell_list(struct link *link, enum link_list list);
/* The last line of stderr of a program that has not answered yet; NULL: none. Borrowed. */
const char *link_last_words(const struct link *link);
/* Does the upstream have this capability ("tools"; NULL: always)? One that never said counts. */
bool link_can(const struct link *link, const char *capability);

/* Sends a request; the errand's call's progress token, if any, is replaced by one of ours. A link
 * that is down is opened first. */
void errand_send_take(struct errand *errand, struct link *link, const char *method, json_t *params);
/* Nobody waits for it any more; the upstream is told when why is not NULL. */
void errand_drop(struct errand *errand, const char *why);
/* A request whose answer nobody waits for; dropped while the link is down. */
void link_request_take(struct link *link, const char *method, json_t *params);
/* Sends a notification or a reply; dropped while the link is down. */
void link_send_take(struct link *link, json_t *msg);
