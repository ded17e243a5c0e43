/* An upstream session between a transport of the test's own, which keeps what is sent, and an owner
 * of the test's own, which counts what it is told. */
#pragma once

#include "mgw/config/config.h"

#include "../../../app/upstream/upstream_inside.h"

struct world {
        struct context context;
        struct config config;
        struct user user;
        struct upstream_client client;
        struct upstream_session *us;
        unsigned n_settled;
        unsigned n_notifications;
        unsigned n_server_requests;
        unsigned n_withdrawn;
        const struct upstream_call *of_call; /* of the last notification or server request */
};

extern struct world world;

/* A world with an upstream session that is DOWN. */
void world_make(void);
void world_end(void);
/* One turn: what was deferred is done, and what died is freed. */
void world_turn(void);
/* The newest that was sent and is not over; NULL: none. */
struct pending_request *world_sent(void);
/* The server says so. */
void world_hear(const char *text);
/* It answers what is on its way with {} (a greeting: with a sound result of initialize). */
void world_answer(void);
void world_open(void);

/* A request with its answer. */
struct asked {
        struct upstream_request request;
        unsigned n_answers;
        unsigned n_failures;
};

/* call: that it is for, NULL: none. */
void world_ask(struct asked *asked, struct upstream_call *call, bool may_repeat);
