/* What the upstream session with a shared child does for those that share it. What the child
 * says of one request goes to that request's call. What it says to all goes to all, and what names
 * no request to the one call that can have caused it: never to a user whose it may not be. */
#include "mgw/base/log.h"
#include "mgw/config/config.h"
#include "upstream_inside.h"

#include <assert.h>
#include <string.h>

/* Of a URI that are looked at: more is only what is subscribed to itself. */
#define PARTS_MAX 256
/* A call that was cancelled, or had its time, may so long be what the child speaks of: nothing says
 * when it ends it. */
#define ABANDONED_MS (INT64_C(60) * 1000)
/* Of a message that finds no client, in the log. */
#define SHOWN_MAX 300

static struct upstream_session *user_session_of(struct list *it)
{
        return container_of(it, struct upstream_session, user_node);
}

/* ---- its life ---- */

void shared_session_on_ready(struct upstream_session *shared)
{
        assert(shared->state == UPSTREAM_SESSION_READY);
        shared->abandoned_until_ms = 0;
        list_for_each_safe (it, &shared->user_sessions) {
                struct upstream_session *user_session = user_session_of(it);

                if (user_session->state == UPSTREAM_SESSION_OPENING) {
                        user_session->transport->on_shared_settled(user_session, NULL);
                } else if (user_session->state == UPSTREAM_SESSION_DOWN) {
                        upstream_session_try(user_session);
                } else {
                        json_decref(user_session->init_result);
                        user_session->init_result = json_incref(shared->init_result);
                        user_session->n_changes++;
                }
        }
}

void shared_session_on_down(struct upstream_session *shared, const char *why)
{
        list_for_each_safe (it, &shared->user_sessions)
                if (user_session_of(it)->state == UPSTREAM_SESSION_OPENING)
                        user_session_of(it)->transport->on_shared_settled(user_session_of(it), why);
}

/* ---- what is set for all ---- */

/* Walks all user sessions, when one of them leaves or says what it wants. */
int shared_session_log_level(const struct upstream_session *shared)
{
        const struct upstream_client *lowest = NULL;

        list_for_each (it, &shared->user_sessions) {
                const struct upstream_client *client = user_session_of(it)->client;

                if (client->log_level >= 0 &&
                    (lowest == NULL || client->log_level < lowest->log_level))
                        lowest = client;
        }
        return lowest != NULL ? lowest->log_level : -1;
}

void shared_session_tell_level(struct upstream_session *shared)
{
        int level = shared_session_log_level(shared);

        if (level != shared->told_level && shared->state == UPSTREAM_SESSION_READY &&
            !shared->is_stateless)
                upstream_session_tell_level(shared, level);
}

/* What a request subscribes to, or NULL. */
static const char *subscribes_to(const struct pending_request *pending,
                                 const struct subscription_kind *kind)
{
        const struct subscription_kind *of;
        bool subscribes;
        const char *name = subscription_kind_name(pending->msg, &of, &subscribes);

        return name != NULL && subscribes && of == kind ? name : NULL;
}

/* Answered already, or on its way to it. */
static bool has_subscribed(const struct upstream_session *user_session,
                           const struct subscription_kind *kind, const char *name)
{
        if (json_object_get(subscription_kind_by(user_session, kind), name) != NULL)
                return true;
        list_for_each (it, &user_session->sent) {
                const char *one =
                        subscribes_to(container_of(it, struct pending_request, node), kind);

                if (one != NULL && strcmp(one, name) == 0)
                        return true;
        }
        return false;
}

/* Walks the user sessions with what is on their way, to the first that has: at each unsubscribing.
 */
bool shared_session_has_subscriber(const struct upstream_session *shared,
                                   const struct subscription_kind *kind, const char *name,
                                   const struct upstream_session *but)
{
        list_for_each (it, &shared->user_sessions)
                if (user_session_of(it) != but && has_subscribed(user_session_of(it), kind, name))
                        return true;
        return false;
}

json_t *shared_session_subscribed(const struct upstream_session *shared)
{
        json_t *all = json_object();

        list_for_each (it, &shared->user_sessions)
                json_object_update(all, user_session_of(it)->subscribed);
        return all;
}

/* Takes out of names what a user session has subscribed to, or is about to. Walks the fewer of the
 * names, and what is on the user session's way. */
static void take_out_subscribed(json_t *names, const struct upstream_session *user_session,
                                const struct subscription_kind *kind)
{
        json_t *theirs = subscription_kind_by(user_session, kind), *yes;
        const char *name;
        void *next;

        if (json_object_size(theirs) < json_object_size(names)) {
                json_object_foreach (theirs, name, yes)
                        json_object_del(names, name);
        } else {
                json_object_foreach_safe(names, next, name, yes)
                {
                        if (json_object_get(theirs, name) != NULL)
                                json_object_del(names, name);
                }
        }
        list_for_each (it, &user_session->sent) {
                name = subscribes_to(container_of(it, struct pending_request, node), kind);
                if (name != NULL)
                        json_object_del(names, name);
        }
}

/* Walks the user sessions once, however many names there are. */
static void shared_session_leave_watched(struct upstream_session *shared,
                                         const struct upstream_session *user_session,
                                         const struct subscription_kind *kind)
{
        json_t *names = json_copy(subscription_kind_by(user_session, kind)), *yes;
        const char *name;

        list_for_each (it, &shared->user_sessions) {
                if (json_object_size(names) == 0)
                        break;
                if (user_session_of(it) != user_session)
                        take_out_subscribed(names, user_session_of(it), kind);
        }
        json_object_foreach (names, name, yes) {
                subscription_kind_remove(shared, kind, name);
                upstream_session_request_take(shared, kind->unsubscribe,
                                              json_pack("{s:s}", kind->key, name));
        }
        json_decref(names);
}

void shared_session_on_leave(struct upstream_session *shared,
                             const struct upstream_session *user_session)
{
        if (user_session->client->log_level >= 0) /* else it was not among those asked */
                shared_session_tell_level(shared);
        shared_session_leave_watched(shared, user_session, &subscription_kind_resources);
        shared_session_leave_watched(shared, user_session, &subscription_kind_tasks);
}

/* ---- whose it is ---- */

void shared_session_on_abandon(struct upstream_session *shared, const struct upstream_call *call)
{
        int64_t now = loop_now_ms(upstream_session_loop(shared));
        uint64_t user = call->client->user->number;

        if (shared->abandoned_by != 0 && shared->abandoned_by != user &&
            now < shared->abandoned_until_ms)
                user = UINT64_MAX;
        shared->abandoned_by = user;
        shared->abandoned_until_ms = now + ABANDONED_MS;
}

/* Walks to the first call of a second user. */
struct upstream_call *shared_session_only_call(const struct upstream_session *shared)
{
        uint64_t user = loop_now_ms(upstream_session_loop(shared)) < shared->abandoned_until_ms
                                ? shared->abandoned_by
                                : 0;
        struct upstream_call *newest = NULL;

        list_for_each (it, &shared->sent) {
                struct upstream_call *call =
                        pending_request_call(container_of(it, struct pending_request, node));

                if (call == NULL)
                        continue;
                if (user != 0 && user != call->client->user->number)
                        return NULL;
                user = call->client->user->number;
                newest = call;
        }
        return newest;
}

/* ---- what comes ---- */

/* Whoever is told makes work, as who speaks does. */
static void tell(struct upstream_session *user_session, json_t *msg)
{
        upstream_spend(user_session->upstream);
        upstream_session_on_message(user_session, NULL, msg);
}

/* Walks all user sessions: each is told. */
void shared_session_pass(struct upstream_session *shared, json_t *msg)
{
        list_for_each_safe (it, &shared->user_sessions)
                if (user_session_of(it)->state == UPSTREAM_SESSION_READY)
                        tell(user_session_of(it), msg);
}

/* Is it, or what it lies under, subscribed to? A step for each part of its path, however many are.
 */
static bool is_subscribed(const struct upstream_session *user_session, const char *updated)
{
        const json_t *uris = user_session->subscribed;
        size_t n = 0;

        if (json_object_size(uris) == 0)
                return false;
        for (unsigned i = 0; i < PARTS_MAX; i++, n++) {
                n += strcspn(updated + n, "/?#");
                if (json_object_getn(uris, updated, n) != NULL ||
                    (updated[n] == '/' && json_object_getn(uris, updated, n + 1) != NULL))
                        return true;
                if (updated[n] == '\0')
                        return false;
        }
        return json_object_get(uris, updated) != NULL;
}

/* Each gets a copy, in which the URI or id may be shown as another. Walks all user sessions,
 * PARTS_MAX look-ups for each that has subscribed to anything. */
static void shared_session_on_updated(struct upstream_session *shared, const struct rpc_msg *m)
{
        const char *uri = json_string_value(json_object_get(m->params, "uri"));

        list_for_each_safe (it, &shared->user_sessions) {
                json_t *copy;

                if (uri == NULL || !is_subscribed(user_session_of(it), uri))
                        continue;
                copy = json_deep_copy(m->root);
                tell(user_session_of(it), copy);
                json_decref(copy);
        }
}

/* Walks all user sessions, with one look-up for each. */
static void shared_session_on_task(struct upstream_session *shared, const struct rpc_msg *m)
{
        const char *id = json_string_value(json_object_get(m->params, "taskId"));

        list_for_each_safe (it, &shared->user_sessions) {
                json_t *copy;

                if (id == NULL || json_object_get(user_session_of(it)->tasks, id) == NULL)
                        continue;
                copy = json_deep_copy(m->root);
                tell(user_session_of(it), copy);
                json_decref(copy);
        }
}

/* The child logs at the lowest level that any session wants. */
static bool client_wants(const struct upstream_client *client, const struct rpc_msg *m)
{
        int level = method_log_level(json_string_value(json_object_get(m->params, "level")));

        return method_find(m->method)->class != METHOD_MESSAGE || level < 0 ||
               level >= client->log_level;
}

static void shared_session_log_notice(const struct upstream_session *shared,
                                      const struct rpc_msg *m)
{
        struct str text = {NULL, 0};

        if (!upstream_may_log(shared->upstream))
                return;
        if (m->params != NULL)
                (void)rpc_dump(m->params, &text);
        log_info(NULL, "[upstream] %s: %s: no call is known to have caused it: %.*s",
                 upstream_name(shared->upstream), m->method, SHOWN_MAX,
                 text.p != NULL ? text.p : "");
        free((void *)text.p);
}

static void shared_session_on_notice(struct upstream_session *shared, struct upstream_call *call,
                                     const struct rpc_msg *m)
{
        if (call != NULL) {
                if (client_wants(call->client, m))
                        shared->client->events->on_notification(shared, call, m);
        } else if (shared->upstream->server->scope == CONFIG_SCOPE_SHARED) {
                shared_session_log_notice(shared, m);
        } else {
                list_for_each_safe (it, &shared->user_sessions)
                        if (client_wants(user_session_of(it)->client, m))
                                tell(user_session_of(it), m->root);
        }
}

void shared_session_on_notification(struct upstream_session *shared, struct upstream_call *call,
                                    const struct rpc_msg *m)
{
        switch (method_find(m->method)->class) {
        case METHOD_LIST_CHANGED:
                shared_session_pass(shared, m->root);
                break;
        case METHOD_UPDATED:
                shared_session_on_updated(shared, m);
                break;
        case METHOD_TASK_CHANGED:
                shared_session_on_task(shared, m);
                break;
        default:
                shared_session_on_notice(shared, call, m);
        }
}

void shared_session_on_request(struct upstream_session *shared, struct upstream_call *call,
                               const struct rpc_msg *m)
{
        if (call == NULL)
                upstream_session_refuse(
                        shared, m, RPC_INTERNAL_ERROR,
                        "nobody to ask: it may belong to calls of several users, or to none");
        else if (!upstream_session_may_ask(call->client->upstream_sessions[shared->upstream->index],
                                           m))
                upstream_session_refuse(shared, m, RPC_METHOD_NOT_FOUND,
                                        "the client whose call it is cannot be asked this");
        else
                shared->client->events->on_server_request(&shared->requester, call, m->root);
}
