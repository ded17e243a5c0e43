/* A link that lodges with another: the child there serves several sessions. Requests go as errands
 * of the host, under its ids and progress tokens, and cannot tell that they are not alone; what is
 * set for all at once (the level of the log, subscriptions) is settled among the lodgers. Once
 * greeted a lodger stays READY: that the child is started again is its host's business. */
#include "link_inside.h"
#include "mgw/gate/call.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A request of the lodger's, as the host sends it. */
struct carried {
        struct errand errand;
        struct exchange *x;
};

static void shared_drop(struct exchange *x)
{
        struct carried *c = x->wire;

        x->wire = NULL;
        if (c->errand.exchange != NULL && c->errand.call != NULL)
                host_on_abandon(x->owner->host, c->errand.call);
        errand_drop(&c->errand, "nobody waits for the answer any more");
        loop_bury(link_loop(x->owner), c, free);
}

/* ---- what comes ---- */

static void shared_on_answer_take(struct errand *errand, json_t *answer)
{
        struct exchange *x = container_of(errand, struct carried, errand)->x;

        json_object_set_new(answer, "id", json_integer(x->id));
        link_on_message(x->owner, x, answer);
        json_decref(answer);
}

/* The host has sent it again already, where that does no harm. */
static void shared_on_fail(struct errand *errand, const char *why)
{
        struct exchange *x = container_of(errand, struct carried, errand)->x;

        if (errand->call != NULL)
                host_on_abandon(x->owner->host, errand->call);
        exchange_fail(x, why, FAULT_FINAL);
}

static void shared_answer_take(struct exchange *x, json_t *result)
{
        json_t *answer = rpc_result_take(exchange_msg_id(x), result);

        if (answer != NULL)
                link_on_message(x->owner, x, answer);
        else
                exchange_fail(x, "out of memory", FAULT_FINAL);
        json_decref(answer);
}

/* ---- what goes ---- */

static void shared_carry(struct exchange *x, const char *method)
{
        struct carried *c = calloc(1, sizeof(*c));

        if (c == NULL) {
                exchange_fail(x, "out of memory", FAULT_FINAL);
                return;
        }
        c->x = x;
        c->errand.call = exchange_call(x);
        c->errand.may_repeat = x->errand != NULL && x->errand->may_repeat;
        c->errand.on_answer_take = shared_on_answer_take;
        c->errand.on_fail = shared_on_fail;
        x->wire = c;
        errand_send_take(&c->errand, x->owner->host, method, json_copy(exchange_params(x)));
}

static void shared_request(struct exchange *x)
{
        struct link *link = x->owner;
        const char *method = exchange_method(x);
        const struct watched *kind;
        bool subscribes;
        const char *name = watched_name(x->msg, &kind, &subscribes);

        if (method_find(method)->class == METHOD_SET_LEVEL) {
                host_tell_level(link->host);
                shared_answer_take(x, json_object());
        } else if (name != NULL && !subscribes &&
                   host_has_subscriber(link->host, kind, name, link)) {
                shared_answer_take(x, json_object());
        } else {
                shared_carry(x, method);
        }
}

/* Of what a session tells all upstreams, initialized is the host's to say, cancels are told by
 * shared_drop(), and roots are not the child's: whoever calls is asked for theirs. */
static void shared_notify(struct exchange *x)
{
        const char *method = exchange_method(x);

        if (method_find(method)->class == METHOD_NOTICE)
                link_send_take(x->owner->host, json_incref(x->msg));
        exchange_end(x);
}

static void shared_send(struct exchange *x)
{
        struct link *host = x->owner->host;

        if (x->kind == EXCHANGE_NOTIFY)
                shared_notify(x);
        else if (x->kind == EXCHANGE_REPLY)
                exchange_end(x); /* the host has asked, and hears it by its own asker */
        else if (x->kind == EXCHANGE_REQUEST)
                shared_request(x);
        else if (host->state == LINK_READY)
                shared_answer_take(x, json_incref(host->hello));
        else
                link_try(host);
}

void shared_on_host(struct link *link, const char *why)
{
        struct list *first = list_first(&link->exchanges);
        struct exchange *x = first != NULL ? container_of(first, struct exchange, link) : NULL;

        if (x == NULL || x->kind != EXCHANGE_INITIALIZE)
                return;
        if (why == NULL)
                shared_answer_take(x, json_incref(link->host->hello));
        else
                exchange_fail(x, why, FAULT_FINAL);
}

/* ---- its life ---- */

static int shared_create(struct link *link)
{
        link->peer = NULL;
        return 0;
}

static int shared_open(struct link *link)
{
        int r;

        if (link->host != NULL)
                return 0;
        r = session_host_link(link->session, link->upstream, &link->host);
        if (r < 0) {
                link_open_failed(link, strerror(-r));
                return r;
        }
        list_append(&link->host->lodgers, &link->lodging);
        session_touch(link->host->session);
        return 0;
}

static void shared_on_ready(struct link *link)
{
        (void)link;
}

static void shared_destroy(struct link *link)
{
        if (link->host == NULL)
                return;
        list_unlink(&link->lodging);
        host_on_leave(link->host, link);
        session_touch(link->host->session);
        link->host = NULL;
}

const struct transport transport_shared = {
        .is_own = true,
        .create = shared_create,
        .open = shared_open,
        .send = shared_send,
        .drop = shared_drop,
        .on_ready = shared_on_ready,
        .destroy = shared_destroy,
};
