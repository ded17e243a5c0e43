/* What the link with a shared child does for those that lodge with it. What the child says of one
 * request goes to that request's call. What it says to all goes to all, and what names no request
 * to the one call that can have caused it: never to a user whose it may not be. */
#include "link_inside.h"
#include "mgw/base/log.h"
#include "mgw/gate/call.h"

#include <string.h>

/* Of a URI that are looked at: more is only what is subscribed to itself. */
#define PARTS_MAX 256
/* A call that was cancelled, or had its time, may so long be what the child speaks of: nothing says
 * when it ends it. */
#define ABANDONED_MS (INT64_C(60) * 1000)
/* Of a message that finds no client, in the log. */
#define SHOWN_MAX 300

static struct link *lodger_of(struct list *it)
{
        return container_of(it, struct link, lodging);
}

/* ---- its life ---- */

void host_on_ready(struct link *host)
{
        host->abandoned_until_ms = 0;
        list_for_each_safe (it, &host->lodgers) {
                struct link *lodger = lodger_of(it);

                if (lodger->state == LINK_OPENING) {
                        shared_on_host(lodger, NULL);
                } else if (lodger->state == LINK_DOWN) {
                        link_try(lodger);
                } else {
                        json_decref(lodger->hello);
                        lodger->hello = json_incref(host->hello);
                        lodger->n_changes++;
                }
        }
}

void host_on_down(struct link *host, const char *why)
{
        list_for_each_safe (it, &host->lodgers)
                if (lodger_of(it)->state == LINK_OPENING)
                        shared_on_host(lodger_of(it), why);
}

/* ---- what is set for all ---- */

/* Walks all lodgers, when one of them leaves or says what it wants. */
int host_log_level(const struct link *host)
{
        const struct session *lowest = NULL;

        list_for_each (it, &host->lodgers) {
                const struct session *s = lodger_of(it)->session;

                if (s->log_level >= 0 && (lowest == NULL || s->log_level < lowest->log_level))
                        lowest = s;
        }
        return lowest != NULL ? lowest->log_level : -1;
}

void host_tell_level(struct link *host)
{
        int level = host_log_level(host);

        if (level != host->told_level && host->state == LINK_READY && !host->is_stateless)
                link_tell_level(host, level);
}

/* What a request subscribes to, or NULL. */
static const char *subscribes_to(const struct exchange *x, const struct watched *kind)
{
        const struct watched *of;
        bool subscribes;
        const char *name = watched_name(x->msg, &of, &subscribes);

        return name != NULL && subscribes && of == kind ? name : NULL;
}

/* Answered already, or on its way to it. */
static bool has_subscribed(const struct link *lodger, const struct watched *kind, const char *name)
{
        if (json_object_get(watched_by(lodger, kind), name) != NULL)
                return true;
        list_for_each (it, &lodger->exchanges) {
                const char *one = subscribes_to(container_of(it, struct exchange, link), kind);

                if (one != NULL && strcmp(one, name) == 0)
                        return true;
        }
        return false;
}

/* Walks the lodgers with what is on their way, to the first that has: at each unsubscribing. */
bool host_has_subscriber(const struct link *host, const struct watched *kind, const char *name,
                         const struct link *but)
{
        list_for_each (it, &host->lodgers)
                if (lodger_of(it) != but && has_subscribed(lodger_of(it), kind, name))
                        return true;
        return false;
}

json_t *host_subscribed(const struct link *host)
{
        json_t *all = json_object();

        list_for_each (it, &host->lodgers)
                json_object_update(all, lodger_of(it)->subscribed);
        return all;
}

/* Takes out of names what a lodger has subscribed to, or is about to. Walks the fewer of the names,
 * and what is on the lodger's way. */
static void take_out_subscribed(json_t *names, const struct link *lodger,
                                const struct watched *kind)
{
        json_t *theirs = watched_by(lodger, kind), *yes;
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
        list_for_each (it, &lodger->exchanges) {
                name = subscribes_to(container_of(it, struct exchange, link), kind);
                if (name != NULL)
                        json_object_del(names, name);
        }
}

/* Walks the lodgers once, however many names there are. */
static void host_leave_watched(struct link *host, const struct link *lodger,
                               const struct watched *kind)
{
        json_t *names = json_copy(watched_by(lodger, kind)), *yes;
        const char *name;

        list_for_each (it, &host->lodgers) {
                if (json_object_size(names) == 0)
                        break;
                if (lodger_of(it) != lodger)
                        take_out_subscribed(names, lodger_of(it), kind);
        }
        json_object_foreach (names, name, yes) {
                watched_remove(host, kind, name);
                link_request_take(host, kind->unsubscribe, json_pack("{s:s}", kind->key, name));
        }
        json_decref(names);
}

void host_on_leave(struct link *host, const struct link *lodger)
{
        if (lodger->session->log_level >= 0) /* else it was not among those asked */
                host_tell_level(host);
        host_leave_watched(host, lodger, &watched_resources);
        host_leave_watched(host, lodger, &watched_tasks);
}

/* ---- whose it is ---- */

void host_on_abandon(struct link *host, const struct call *call)
{
        int64_t now = loop_now_ms(link_loop(host));
        const struct user *user = call->session->user;

        if (host->abandoned_by != NULL && host->abandoned_by != user &&
            now < host->abandoned_until_ms)
                user = &host->upstream->gate->everybody; /* of several */
        host->abandoned_by = user;
        host->abandoned_until_ms = now + ABANDONED_MS;
}

/* Walks to the first call of a second user. */
struct call *host_only_call(const struct link *host)
{
        const struct user *user =
                loop_now_ms(link_loop(host)) < host->abandoned_until_ms ? host->abandoned_by : NULL;
        struct call *newest = NULL;

        list_for_each (it, &host->exchanges) {
                struct call *call = exchange_call(container_of(it, struct exchange, link));

                if (call == NULL)
                        continue;
                if (user != NULL && user != call->session->user)
                        return NULL;
                user = call->session->user;
                newest = call;
        }
        return newest;
}

/* ---- what comes ---- */

/* Walks all lodgers: each is told. */
void host_pass(struct link *host, json_t *msg)
{
        list_for_each_safe (it, &host->lodgers)
                if (lodger_of(it)->state == LINK_READY)
                        link_on_message(lodger_of(it), NULL, msg);
}

/* Is it, or what it lies under, subscribed to? A step for each part of its path, however many are.
 */
static bool is_subscribed(const struct link *lodger, const char *updated)
{
        const json_t *uris = lodger->subscribed;
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

/* Each gets a copy, in which the URI or id may be shown as another. Walks all lodgers, PARTS_MAX
 * look-ups for each that has subscribed to anything. */
static void host_on_updated(struct link *host, const struct rpc_msg *m)
{
        const char *uri = json_string_value(json_object_get(m->params, "uri"));

        list_for_each_safe (it, &host->lodgers) {
                json_t *copy;

                if (uri == NULL || !is_subscribed(lodger_of(it), uri))
                        continue;
                copy = json_deep_copy(m->root);
                link_on_message(lodger_of(it), NULL, copy);
                json_decref(copy);
        }
}

/* Walks all lodgers, with one look-up for each. */
static void host_on_task(struct link *host, const struct rpc_msg *m)
{
        const char *id = json_string_value(json_object_get(m->params, "taskId"));

        list_for_each_safe (it, &host->lodgers) {
                json_t *copy;

                if (id == NULL || json_object_get(lodger_of(it)->tasks, id) == NULL)
                        continue;
                copy = json_deep_copy(m->root);
                link_on_message(lodger_of(it), NULL, copy);
                json_decref(copy);
        }
}

/* The child logs at the lowest level that any session wants. */
static bool session_wants(const struct session *s, const struct rpc_msg *m)
{
        int level = method_log_level(json_string_value(json_object_get(m->params, "level")));

        return method_find(m->method)->class != METHOD_MESSAGE || level < 0 ||
               level >= s->log_level;
}

static void host_log_notice(const struct link *host, const struct rpc_msg *m)
{
        struct str text = {NULL, 0};

        if (!upstream_may_log(host->upstream))
                return;
        if (m->params != NULL)
                (void)rpc_dump(m->params, &text);
        log_info(NULL, "[upstream] %s: %s: no call is known to have caused it: %.*s",
                 upstream_name(host->upstream), m->method, SHOWN_MAX, text.p != NULL ? text.p : "");
        free((void *)text.p);
}

static void host_on_notice(struct link *host, struct call *call, const struct rpc_msg *m)
{
        if (call != NULL) {
                if (session_wants(call->session, m) && !call_send(call, m->root))
                        session_deliver(call->session, m->root);
        } else if (host->upstream->server->scope == CONFIG_SCOPE_SHARED) {
                host_log_notice(host, m);
        } else {
                list_for_each_safe (it, &host->lodgers)
                        if (session_wants(lodger_of(it)->session, m))
                                link_on_message(lodger_of(it), NULL, m->root);
        }
}

void host_on_notification(struct link *host, struct call *call, const struct rpc_msg *m)
{
        switch (method_find(m->method)->class) {
        case METHOD_LIST_CHANGED:
                host_pass(host, m->root);
                break;
        case METHOD_UPDATED:
                host_on_updated(host, m);
                break;
        case METHOD_TASK_CHANGED:
                host_on_task(host, m);
                break;
        default:
                host_on_notice(host, call, m);
        }
}

void host_on_request(struct link *host, struct call *call, const struct rpc_msg *m)
{
        if (call == NULL)
                link_refuse(host, m, RPC_INTERNAL_ERROR,
                            "nobody to ask: it may belong to calls of several users, or to none");
        else if (!link_may_ask(call->session->links[host->upstream->index], m))
                link_refuse(host, m, RPC_METHOD_NOT_FOUND,
                            "the client whose call it is cannot be asked this");
        else
                ask_client(&host->asker, call, m->root);
}
