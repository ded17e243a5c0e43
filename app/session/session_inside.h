/* What the files of session show each other, and nobody else. */
#pragma once

#include "mgw/session/session.h"

/* The session of that id, which another process has made; counted as those that clients make,
 * however many there are. */
struct session *session_adopt(struct context *context, struct identity *identity,
                              struct share *share, enum upstream_client_kind kind, struct str id);
/* A stream that another process has begun goes on. */
void session_go_on(struct session *session, struct request *req, struct channel channel,
                   int64_t age_ms);

/* Makes one that is not counted among those that clients make, and makes no room for it. */
struct session *session_new(struct context *context, struct user *user, struct share *share,
                            enum upstream_client_kind kind);

/* What it holds from now on, more or less than before. Past the caps: who asks has been told. */
void session_charge(struct session *session, size_t bytes);

/* ---- its upstream sessions (session_upstreams.c) ---- */

void session_upstreams_context_init(struct context *context);
/* Those that its user may see now, and that are not there yet. */
void session_open_more(struct session *session);
/* Its client is told that all its lists may be others. */
void session_tell_lists(struct session *session);
void session_close_upstreams(struct session *session);

/* ---- room for it (session_idle.c) ---- */

/* Makes room for one more of the share. 0, -EAGAIN: all are live. */
int sessions_make_room(struct context *context, const struct share *share);
/* Ends the share's idle sessions whose time is over. */
void sessions_expire(struct share *share);
/* Harmless when it is not idle. */
void session_leave_idle(struct session *session);
