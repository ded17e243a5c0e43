/* Whose time is over: tokens, logins, and who has come by them. */
#include "mgw/auth/caller.h"
#include "mgw/auth/token.h"
#include "mgw/base/clock.h"
#include "mgw/base/log.h"
#include "mgw/config/config.h"
#include "mgw/session/post_response.h"
#include "mgw/session/session.h"
#include "mgw/session/subscription.h"
#include "mgw/upstream/leftover.h"
#include "server_inside.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Tokens that end one by one are looked at together. */
#define CHECK_TOKENS_AGAIN_MS 100
/* The wall clock may be set: tokens are looked at again at the latest after this. */
#define CHECK_TOKENS_MS (INT64_C(3600) * 1000)

void server_end_listening(struct session *s, bool (*is_over)(void *arg, const struct identity *),
                          void *arg)
{
        list_for_each_safe (it, &s->calls) {
                struct call *call = container_of(it, struct call, node);

                if (call->method->class == METHOD_LISTEN && is_over(arg, call->identity)) {
                        stream_blame(call->post->stream, STREAM_CAUSE_LOGIN);
                        subscription_complete(call);
                }
        }
}

static bool server_is_of_login(void *login, const struct identity *identity)
{
        return identity_is_of_login(identity, login);
}

/* Its streams would go on for as long as their clients stay. A walk over all sessions, when
 * somebody ends a login. */
void server_on_login_end(struct context *context, const char *login)
{
        struct session *s, *next;

        HASH_ITER(hh, context->sessions, s, next)
        {
                if (s->client.kind == UPSTREAM_CLIENT_STANDING)
                        server_end_listening(s, server_is_of_login, (void *)login);
                else if (identity_is_of_login(s->identity, login))
                        session_end_for(s, STREAM_CAUSE_LOGIN);
        }
}

static void server_watch_expiry(struct server *sv, int64_t next_ms)
{
        int64_t now = clock_wall_ms(), delay_ms = next_ms - now;

        sv->checks_at_ms = next_ms;
        if (next_ms == INT64_MAX) {
                timer_disarm(sv->context.loop, &sv->expiry);
                return;
        }
        delay_ms = delay_ms < CHECK_TOKENS_AGAIN_MS ? CHECK_TOKENS_AGAIN_MS : delay_ms;
        timer_arm(sv->context.loop, &sv->expiry,
                  delay_ms < CHECK_TOKENS_MS ? delay_ms : CHECK_TOKENS_MS);
}

/* Whoever has no token any more has no session either: with it go streams, calls and programs. A
 * walk over all sessions, when a token ends. */
void server_check_tokens(struct server *sv)
{
        struct context *context = &sv->context;
        int64_t now = clock_wall_ms(), next = user_table_check(context->users, now);
        struct session *s, *after;

        HASH_ITER(hh, context->sessions, s, after)
        {
                if ((s->client.user->has_token &&
                     !token_login_is_over(context->authority, s->identity, now)) ||
                    s->client.kind == UPSTREAM_CLIENT_SHARED)
                        continue;
                log_info(LOG_FIELDS({"user", s->client.user->email}),
                         "[MCP] session ended: its user has no valid token any more");
                session_end_for(s, STREAM_CAUSE_LOGIN);
        }
        leftovers_end(context, false);
        caller_known_check(context, now);
        server_watch_expiry(sv, next);
}

/* A user has come with a token that is in no file. */
void server_on_token(void *owner, int64_t until_ms)
{
        struct server *sv = owner;

        if (until_ms < sv->checks_at_ms)
                server_watch_expiry(sv, until_ms);
}

void server_on_expiry(struct timer *timer)
{
        server_check_tokens(container_of(timer, struct server, expiry));
}
