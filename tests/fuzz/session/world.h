/* The world of fuzz_session: a gateway that is real, from FastCGI records to JSON-RPC, between a
 * client (client.c) and servers (http.c, child.c; say.c has their words) that do what the bytes of
 * an input say. Time stands still unless a byte lets it pass (fuzz_session.c). What of it knows of
 * no bytes is in tests/world. */
#pragma once

#include "../../world/world.h"
#include "mgw/upstream/upstream_session.h"

#include <jansson.h>

/* ---- the input ---- */

/* A byte for the world, and then steps: what happens (play() in fuzz_session.c), how, to which, and
 * one more. A step that is cut off ends in zeros. */
#define STEP_BYTES 4
#define N_WORLDS 7

/* Of the step that is played; 0 behind its end. */
uint8_t next_byte(void);
/* A number below n, so that 0 picks the newest. */
size_t pick_below(size_t n);

/* ---- what the gateway has sent to servers ---- */

/* Of the last of them, by how long ago; borrowed. NULL: there is none. */
const json_t *message_ago(size_t n);
void messages_forget(void);

/* ---- say.c ---- */

/* What a server that means well answers. */
#define SAY_HONEST 0
/* A message about msg (NULL: the GET stream, or nothing in particular), whatever the kind says; new
 * memory. NULL: it has no words. */
char *say(unsigned kind, const json_t *msg);
/* Of a whole answer over HTTP: its status and, NULL or new memory, its body. */
struct answer {
        unsigned status;
        char *body;
        bool is_stream;
        bool has_session_id;
        int64_t retry_after_s;
        const char *cut; /* NULL, or how it ends in place of the end */
        bool was_sent;   /* of a cut */
};
void answer_make(unsigned kind, const char *method, const char *url, const json_t *msg,
                 struct answer *answer);

/* ---- http.c, child.c ---- */

void http_world_answer(unsigned kind);
void http_world_say(unsigned kind);
void http_world_end(unsigned how);
/* Each honestly, and what follows from it, but for so many of the oldest. */
void http_world_settle(size_t n_held);
/* Cuts all. */
void http_world_cut(void);
/* What waits for an answer, for who reads along; the newest first. */
void http_world_tell(void);
void child_world_say(unsigned kind);
void child_world_exit(void);
/* All leave. */
void child_world_cut(void);

/* ---- seen.c ---- */

void seen_upstream_session(const struct upstream_session *us);
void seen_answer(unsigned kind, const char *http_method, const json_t *msg);

/* ---- client.c ---- */

void client_world_begin(const char *socket_path);
/* Reads what has come. */
void client_world_read(void);
void client_world_do(unsigned kind);
void client_world_end(void);
