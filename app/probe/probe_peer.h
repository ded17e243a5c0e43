/* The server that a command speaks to: how it is reached, and what it has said of itself. A
 * command does one thing after the other; what it waits for comes by turns of the loop, in which
 * the streams that are watched go on. */
#pragma once

#include "mgw/loop/http.h"
#include "mgw/loop/signal.h"
#include "probe_options.h"
#include "probe_party.h"

/* How a request goes to the server. */
enum probe_way {
        PROBE_WAY_SESSION,   /* Streamable HTTP with a session */
        PROBE_WAY_STATELESS, /* without: MCP 2026-07-28 */
        PROBE_WAY_SSE,       /* HTTP+SSE: answers come on its stream */
};

struct probe_peer {
        const struct probe_options *options;
        struct loop *loop;
        struct http_client *http;
        struct http_source source;
        struct signal_watch signals;
        bool is_stopped;    /* by a signal */
        char *url;          /* of Streamable HTTP */
        char *sse_url;      /* of HTTP+SSE, where it may be */
        char *message_url;  /* where HTTP+SSE takes messages; NULL: not known (yet) */
        char led_away[256]; /* where it says it does, if no client goes there: another origin */
        char *session_id;   /* NULL: there is none */
        json_t *hello;      /* what initialize brought; NULL: nothing */
        json_t *discovered; /* what server/discover brought; NULL: nothing */
        char refusal[512];  /* why neither did: in words, by its status, */
        unsigned refusal_status;
        enum http_fault refusal_fault; /* and where no answer came */
        bool is_answered;              /* somebody has answered by HTTP */
        int64_t answer_ms;             /* the quickest answer; -1: none yet */
        probe_parties seen;
        uint64_t last_id;
        /* HTTP+SSE: which answer is waited for, and that answer. */
        uint64_t awaited_id;
        json_t *awaited;
};

/* 0, -errno. */
int probe_peer_open(struct probe_peer *peer, const struct probe_options *options);
void probe_peer_close(struct probe_peer *peer);
/* One turn of the loop, of at most so long. */
void probe_peer_turn(struct probe_peer *peer, int64_t ms);
/* A head that came on this way. */
void probe_peer_see(struct probe_peer *peer, const char *lines);
