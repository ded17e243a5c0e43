/* One message to the server, and its answer. */
#pragma once

#include "probe_peer.h"

/* A POST as it goes out. */
struct probe_message {
        char **lines;
        struct str body; /* owned */
        uint64_t id;
};

/* params may be NULL. schema: of the tool that is called, or NULL. 0, -errno. */
int probe_message_make(struct probe_peer *peer, enum probe_way way, const char *method,
                       json_t *params_take, const json_t *schema, struct probe_message *m);
void probe_message_finish(struct probe_message *m);
/* The lines of a GET for a stream, for strv_free(). */
char **probe_message_get_lines(struct probe_peer *peer, bool has_session);

struct probe_answer {
        unsigned status; /* 0: there was none */
        char media_type[64];
        enum http_fault fault; /* where no whole answer came; else HTTP_FAULT_OURS */
        char why[512];         /* "": it was answered; else what went wrong, in a sentence */
        char *session_id;
        json_t *message; /* the JSON-RPC answer; NULL: none */
        int64_t took_ms;
};

/* Waits for the answer. */
void probe_ask(struct probe_peer *peer, enum probe_way way, const char *method, json_t *params_take,
               const json_t *schema, struct probe_answer *a);
/* A notification; its fate is not told. */
void probe_tell(struct probe_peer *peer, enum probe_way way, const char *method);
/* Borrowed; NULL: it is an error, which why tells of, or none. */
json_t *probe_answer_result(const struct probe_answer *a);
void probe_answer_finish(struct probe_answer *a);
