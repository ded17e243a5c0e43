/* What the files of the server share: how it starts and ends (server), drains (server_drain), and
 * reads anew (server_reload). */
#pragma once

#include "mgw/core/context.h"
#include "mgw/loop/signal.h"

#include <stdio.h>

struct server {
        struct context context;
        struct config *config; /* in force; context.config, too */
        struct config *next;   /* that is being read */
        struct fcgi_server *fcgi_server;
        struct signal_watch signals;
        struct timer deadline;
        struct timer last_words;
        struct timer expiry; /* of the next token */
        struct timer log;    /* lines that were left out are told */
        struct timer feed;   /* of a service manager's watchdog */
        struct watchdog *watchdog;
        int64_t checks_at_ms; /* wall clock: when that timer is due; INT64_MAX: it is not armed */
        int64_t deletes_until_ms; /* 0: the sessions have not been ended yet */
        bool was_inherited;
        bool was_told_to_end; /* by a signal */
        struct handover *handover;
        int exit_code;
};

/* Calls have drain_s to end, streams end at once. */
void server_drain(struct server *sv);
/* A stream or call has ended while it drains. */
void server_on_calm(struct context *context);
void server_on_deadline(struct timer *timer);
void server_on_last_words(struct timer *timer);

/* What is wrong with what open() reads goes into the log, line by line. Outcomes as open(). */
int server_read(struct context *context, int (*open)(struct context *context, FILE *err));
/* For the first time. 0, -errno: told in the log. */
int server_read_tokens(struct context *context);
/* Reads the configuration again, here or where another process serves; not while it drains. */
void server_on_hangup(struct server *sv);
/* By the configuration: what each user may have, how many streams there may be, and who may what.
 */
void server_limits(struct context *context);
void server_fit_descriptors(struct context *context);
void server_know_policy(struct context *context);
/* Whose tokens have ended goes, and so does what they have open. */
void server_check_tokens(struct server *sv);
/* A user has come with a token that is in no file, and lasts until then. */
void server_on_token(void *owner, int64_t until_ms);
void server_on_expiry(struct timer *timer);
/* Of clients without sessions: what they listen by lasts, other calls end by themselves. */
void server_end_listening(struct session *session,
                          bool (*is_over)(void *arg, const struct identity *identity), void *arg);
void server_on_login_end(struct context *context, const char *login);
