#include "world.h"

#include "mgw/base/log.h"
#include "mgw/observe/metrics.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct world world;

/* ---- the transport ---- */

static void fake_create(struct upstream_session *us)
{
        us->peer = NULL;
}

static int fake_open(struct upstream_session *us)
{
        (void)us;
        return 0;
}

static void fake_send(struct pending_request *pending)
{
        if (pending_request_is_request(pending))
                pending->transfer = &world;
        else
                pending_request_end(pending);
}

static void fake_drop(struct pending_request *pending)
{
        pending->transfer = NULL;
}

static void fake_on_ready(struct upstream_session *us)
{
        (void)us;
}

static void fake_destroy(struct upstream_session *us)
{
        (void)us;
}

static const struct transport fake = {
        .create = fake_create,
        .open = fake_open,
        .send = fake_send,
        .drop = fake_drop,
        .on_ready = fake_on_ready,
        .destroy = fake_destroy,
};

/* ---- the owner ---- */

static void on_settled(struct upstream_client *client)
{
        (void)client;
        world.n_settled++;
}

static void on_notification(struct upstream_session *us, struct upstream_call *call,
                            const struct rpc_msg *m)
{
        (void)us;
        (void)m;
        world.n_notifications++;
        world.of_call = call;
}

static void on_server_request(struct requester *from, struct upstream_call *call, json_t *request)
{
        (void)from;
        (void)request;
        world.n_server_requests++;
        world.of_call = call;
}

static void on_server_request_cancelled(struct requester *from, json_t *notification)
{
        (void)from;
        (void)notification;
        world.n_withdrawn++;
}

static void on_requester_gone(struct requester *from)
{
        (void)from;
}

static const struct upstream_client_events owner_events = {
        .on_settled = on_settled,
        .on_notification = on_notification,
        .on_server_request = on_server_request,
        .on_server_request_cancelled = on_server_request_cancelled,
        .on_requester_gone = on_requester_gone,
};

/* ---- its life ---- */

static void load_config(void)
{
        char path[] = "/tmp/mgw-upstream-XXXXXX";
        FILE *f = fdopen(mkstemp(path), "w");

        fputs("{\"mcpServers\": {\"notes\": {\"url\": \"http://127.0.0.1:1/mcp\"}}}", f);
        fclose(f);
        cr_assert_eq(config_load(&world.config, path, stderr), 0);
        unlink(path);
}

void world_make(void)
{
        static char email[] = "ann@example.com";
        json_t *init_params = json_pack("{s:{s:{}}}", "capabilities", "roots");

        world = (struct world){.user = {.email = email, .number = 1, .has_token = true}};
        log_setup(STDERR_FILENO, LOG_FORMAT_TEXT, LOG_LEVEL_ERROR);
        load_config();
        world.context.config = &world.config;
        cr_assert_eq(loop_create(&world.context.loop), 0);
        share_context_init(&world.context);
        metrics_create(&world.context);
        upstreams_create(&world.context);
        world.context.upstreams[0]->transport = &fake;
        world.context.upstreams[0]->first_transport = &fake;
        world.client = (struct upstream_client){.events = &owner_events,
                                                .user = &world.user,
                                                .share = world.context.own_share,
                                                .revision = era_negotiate(STR("2025-06-18")),
                                                .kind = UPSTREAM_CLIENT_SESSION,
                                                .log_level = -1};
        world.us = upstream_session_create(world.context.upstreams[0], &world.client, init_params);
        world.client.upstream_sessions = &world.us;
        json_decref(init_params);
}

void world_turn(void)
{
        cr_assert_eq(loop_turn(world.context.loop, 0), 0);
}

void world_end(void)
{
        if (world.us->state != UPSTREAM_SESSION_ENDED)
                upstream_session_close(world.us);
        world_turn();
        upstreams_destroy(&world.context);
        metrics_destroy(world.context.metrics);
        share_context_finish(&world.context);
        loop_destroy(world.context.loop);
        config_finish(&world.config);
}

/* ---- what the server says ---- */

struct pending_request *world_sent(void)
{
        struct list *last = list_last(&world.us->sent);

        return last != NULL ? container_of(last, struct pending_request, node) : NULL;
}

void world_hear(const char *text)
{
        upstream_session_on_text(world.us, NULL, str_from(text));
}

void world_answer(void)
{
        const struct pending_request *pending = world_sent();
        char text[256];

        cr_assert_not_null(pending);
        snprintf(text, sizeof(text), "{\"jsonrpc\": \"2.0\", \"id\": %d, \"result\": %s}",
                 (int)pending->id,
                 pending_request_is_handshake(pending)
                         ? "{\"protocolVersion\": \"2025-06-18\", \"capabilities\": {\"tools\": "
                           "{}}, \"serverInfo\": {\"name\": \"notes\", \"version\": \"1\"}}"
                         : "{}");
        world_hear(text);
}

void world_open(void)
{
        upstream_session_try(world.us);
        world_answer();
        cr_assert_eq(world.us->state, UPSTREAM_SESSION_READY);
}

/* ---- what is asked ---- */

static void asked_on_answer_take(struct upstream_request *request, json_t *answer)
{
        container_of(request, struct asked, request)->n_answers++;
        json_decref(answer);
}

static void asked_on_fail(struct upstream_request *request, const char *why)
{
        (void)why;
        container_of(request, struct asked, request)->n_failures++;
}

static const struct upstream_request_events asked_events = {asked_on_answer_take, asked_on_fail};

void world_ask(struct asked *asked, struct upstream_call *call, bool may_repeat)
{
        asked->request = (struct upstream_request){
                .events = &asked_events, .call = call, .may_repeat = may_repeat};
        upstream_request_send_take(&asked->request, world.us, "tools/call",
                                   json_pack("{s:s, s:{}}", "name", "read", "_meta"));
}
