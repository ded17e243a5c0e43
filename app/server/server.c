/* The life of the process: open, run, drain on the first SIGTERM or SIGINT (server_drain), end on
 * the second, read anew on SIGHUP (server_reload). */
#include "mgw/server/server.h"

#include "handover.h"
#include "memory.h"
#include "mgw/auth/authority.h"
#include "mgw/auth/caller.h"
#include "mgw/auth/policy.h"
#include "mgw/auth/policy_limit.h"
#include "mgw/base/log.h"
#include "mgw/base/log_budget.h"
#include "mgw/base/notify.h"
#include "mgw/core/share.h"
#include "mgw/login/browser.h"
#include "mgw/login/connect.h"
#include "mgw/loop/child.h"
#include "mgw/loop/http_document.h"
#include "mgw/loop/signal.h"
#include "mgw/loop/sock.h"
#include "mgw/loop/watchdog.h"
#include "mgw/observe/observe.h"
#include "mgw/server/route.h"
#include "mgw/session/page_cache.h"
#include "mgw/session/request_state.h"
#include "mgw/session/session.h"
#include "mgw/status/status.h"
#include "mgw/store/store.h"
#include "mgw/upstream/confine.h"
#include "mgw/upstream/upstream.h"
#include "server_inside.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A turn of the loop that is worth a line in the log. */
#define SLOW_TURN_MS 1000
#define LOG_TELL_MS 1000

static const char *given(const char *text)
{
        return text[0] != '\0' ? text : NULL;
}

static int server_open_store(struct context *context, FILE *err)
{
        const struct config *config = context->config;
        const struct store_options options = {
                .dir = given(config->state_dir),
                .key = given(config->state_key),
                .old_key = given(config->state_key_old),
        };

        int r = store_open(&context->store, context->loop, &options, err);

        if (r < 0)
                return r;
        if (store_is_durable(context->store))
                log_info(NULL, "[mgw] what outlives mgw is kept in %s", options.dir);
        else if (config_needs_state(config))
                fprintf(err, "logins and connected accounts end with mgw: no state_dir is "
                             "configured\n");
        return 0;
}

static void server_on_signal(struct signal_watch *watch, int signo)
{
        struct server *sv = container_of(watch, struct server, signals);

        if (signo == SIGCHLD) {
                children_reap_adopted(sv->context.children);
        } else if (signo == SIGHUP) {
                server_on_hangup(sv);
        } else if (!sv->was_told_to_end) {
                sv->was_told_to_end = true;
                /* it does already when another takes over, or will when that has failed */
                if (!sv->context.is_draining && !handover_is_offering(sv->handover))
                        server_drain(sv);
        } else {
                log_warn(NULL, "[mgw] second signal: ended at once");
                sv->exit_code = 1;
                loop_stop(sv->context.loop);
        }
}

static int server_listen(struct server *sv)
{
        const struct config *config = sv->context.config;
        char why[512];
        int fd = -1;

        if (!handover_take_socket(sv->handover, &fd, &sv->was_inherited))
                sv->was_inherited = sock_inherited(&fd);
        if (fd < 0 && sock_listen(config->listen, config->socket_mode, config->socket_group, &fd,
                                  why, sizeof(why)) < 0) {
                log_error(NULL, "[mgw] cannot listen: %s", why);
                return -EINVAL;
        }
        return fcgi_server_create(&sv->context, fd, &route_events, &sv->fcgi_server);
}

static void server_on_log(struct timer *timer)
{
        struct server *sv = container_of(timer, struct server, log);

        log_budgets_tell(loop_now_ms(sv->context.loop));
        timer_arm(sv->context.loop, timer, LOG_TELL_MS);
}

/* A service manager's watchdog is fed by the loop itself: what hangs feeds nobody. */
static void server_on_feed(struct timer *timer)
{
        struct server *sv = container_of(timer, struct server, feed);

        (void)notify("WATCHDOG=1");
        timer_arm(sv->context.loop, timer, notify_watchdog_ms() / 3);
}

static int server_watch(struct server *sv)
{
        server_on_log(&sv->log);
        if (notify_watchdog_ms() > 0)
                server_on_feed(&sv->feed);
        (void)notify("READY=1");
        return watchdog_start(sv->context.loop, SLOW_TURN_MS, sv->context.config->turn_limit_ms,
                              &sv->watchdog);
}

/* Who calls, and what they may. */
static void server_know_callers(struct context *context)
{
        server_know_policy(context);
        authority_create(context);
        caller_known_create(context);
        caller_issuers_create(context);
        browser_create(context);
        status_open(context);
        connect_create(context);
}

static void server_warn_of_anybody(const struct config *config)
{
        if (caller_is_anybody(config))
                log_warn(NULL,
                         "[mgw] no users are configured (auth.tokens_file): everybody %s is let "
                         "in, as anonymous",
                         config->auth_anonymous ? "from anywhere" : "on this machine");
}

/* Before the store, which the process that is replaced leaves. */
static int server_open_handover(struct server *sv)
{
        handover_create(sv);
        return sv->context.config->replaces ? handover_take(sv->handover) : 0;
}

static int server_open(struct server *sv, struct config *config)
{
        static const int signos[] = {SIGTERM, SIGINT, SIGHUP, SIGCHLD, 0};
        struct context *context = &sv->context;
        int r;

        sv->config = config;
        context->config = config;
        server_limits(context);
        context->on_calm = server_on_calm;
        context->on_login_end = server_on_login_end;
        sv->deadline.on_due = server_on_deadline;
        sv->last_words.on_due = server_on_last_words;
        sv->expiry.on_due = server_on_expiry;
        sv->feed.on_due = server_on_feed;
        sv->log.on_due = server_on_log;
        sv->signals.on_signal = server_on_signal;
        replay_pool_init(&context->replay, config->replay_total_max_bytes, config->replay_age_ms);
        stream_context_init(context);
        session_context_init(context);
        session_client_context_init(context);
        if ((r = request_state_context_init(context)) < 0 ||
            (r = loop_create(&context->loop)) < 0 ||
            (r = children_create(context->loop, &context->children)) < 0 ||
            (r = signal_watch_open(context->loop, &sv->signals, signos)) < 0 ||
            (r = server_read_tokens(context)) < 0 || (r = server_open_handover(sv)) < 0 ||
            (r = server_read(context, server_open_store)) < 0 ||
            (r = http_client_create(context->loop, &context->http)) < 0)
                return r;
        if (config->allow_private_documents)
                http_document_allow_private(context->http);
        user_table_watch(context->users, server_on_token, sv);
        memory_set_caps(context);
        share_context_init(context);
        work_context_init(context);
        if ((r = observe_open(context)) < 0)
                return r;
        server_know_callers(context);
        context->started_ms = loop_now_ms(context->loop);
        server_check_tokens(sv);
        server_warn_of_anybody(config);
        server_fit_descriptors(context);
        memory_watch(context);
        if ((r = confine_open(context)) < 0)
                return r;
        upstreams_create(context);
        r = server_listen(sv);
        if (r == 0)
                r = handover_begin(sv->handover);
        return r < 0 ? r : server_watch(sv);
}

static void server_close(struct server *sv)
{
        struct context *context = &sv->context;

        watchdog_stop(sv->watchdog);
        memory_unwatch(context);
        handover_destroy(sv->handover); /* who waited for a session is answered */
        session_end_all(context);
        if (sv->fcgi_server != NULL)
                fcgi_server_stop_listening(sv->fcgi_server);
        fcgi_server_destroy(sv->fcgi_server);
        if (sv->fcgi_server != NULL && !sv->was_inherited)
                sock_unlink(context->config->listen);
        caller_known_destroy(context);
        caller_issuers_destroy(context->issuers);
        authority_destroy(context->authority);
        status_close(context->status);
        connect_destroy(context->connects);
        browser_destroy(context->browser);
        observe_close(context);
        http_client_destroy(context->http);
        children_destroy(context->children);
        page_cache_forget_all(context);
        upstreams_destroy(context); /* which pay for what was coming from them */
        confine_close(context);
        policy_counts_destroy(context->policy_counts);
        policy_destroy(context->policy);
        share_context_finish(context);
        signal_watch_close(&sv->signals);
        store_close(context->store);
        loop_destroy(context->loop);
        user_table_destroy(context->users); /* whose shares what was buried has held */
}

int server_run(struct config *config)
{
        struct server sv = {.exit_code = 0};
        int r = server_open(&sv, config);

        if (r < 0) {
                log_error(NULL, "[mgw] cannot start: %s",
                          r == -EINVAL ? "see above" : strerror(-r));
                sv.exit_code = 1;
        } else {
                log_info(NULL, "[mgw] %s listening on %s, keep-alive every %g s, upstreams: %zu",
                         MGW_VERSION, sv.was_inherited ? "an inherited socket" : config->listen,
                         (double)config->keepalive_ms / 1000, config->n_servers);
                r = loop_run(sv.context.loop);
                if (r < 0)
                        sv.exit_code = 1;
        }
        server_close(&sv);
        return sv.exit_code;
}
