/* The answer to one POST of the session or stateless era: JSON when all its calls are answered
 * within the grace or the client takes no stream, else a stream. */
#pragma once

#include "mgw/session/session.h"

struct call;
struct span;

/* What has gone out. Its moves; from all but the last also to OVER:
 *
 *   WAITING -> BODY, STREAM, CUT, LEFT
 *   BODY    -> WHOLE, LEFT
 *   STREAM  -> CUT
 *   CUT     -> STREAM */
enum post_response_state {
        POST_RESPONSE_STATE_WAITING, /* nothing: answers gather (req) */
        POST_RESPONSE_STATE_BODY,    /* a part of its one answer, as a JSON body (req) */
        POST_RESPONSE_STATE_WHOLE,   /* all of that */
        POST_RESPONSE_STATE_STREAM,  /* events, which go on (stream) */
        POST_RESPONSE_STATE_CUT,  /* events, by a stream that is lost: its client may come back */
        POST_RESPONSE_STATE_LEFT, /* none that can be taken up: its client has left */
        POST_RESPONSE_STATE_OVER
};

struct post_response {
        struct request *req;   /* until it is answered, streamed or lost */
        struct stream *stream; /* once it is one */
        struct session *session;
        struct call
                *call; /* the stateless era: its only one, until it is answered; NULL otherwise */
        struct span *span; /* kept by observe; NULL: it is not traced */
        struct timer grace;
        json_t *answers;         /* array, until it becomes a stream */
        struct ledger_hold hold; /* of those that wait for others */
        json_t *mirrored; /* stateless: its headers Mcp-Param-*, by their names in CGI; or NULL */
        struct channel channel;
        unsigned n_open;        /* calls without an answer */
        unsigned status;        /* of a JSON answer */
        uint32_t retry_after_s; /* likewise; 0: nothing is said of it */
        char *scopes;           /* of a 403: what the token must have; NULL: none is asked for */
        uint8_t state;          /* enum post_response_state */
        bool is_batch;
        bool accepts_stream;
        bool wants_stream;  /* it accepts nothing else */
        bool shows_cuts;    /* its client can see that a body of no told length breaks off */
        bool opens_session; /* the answer's head carries the session's id */
};

/* Takes over a POST with n_requests requests; the calls that wait for it are the caller's to start.
 */
struct post_response *post_response_create(struct request *req, struct session *session,
                                           unsigned n_requests, bool is_batch);
/* The running POST whose events go by that channel, or NULL. */
struct post_response *post_response_find(struct session *session, uint32_t channel_no);
/* Makes a stream of it now. False: its client takes none, or has left. */
bool post_response_begin_stream(struct post_response *post);
/* May its one answer be written part by part? As one event of a stream, post->stream, or as a body
 * at post->req: as its server did, where the client takes that and would see that it breaks off. */
bool post_response_begin_parts(struct post_response *post, bool as_event);
/* All of the body has been written; one of which this is not said is cut. */
void post_response_end_body(struct post_response *post);
/* A GET stream goes on where the POST's own was cut. */
void post_response_resume(struct post_response *post, struct stream *stream);
/* Is its client there to hear the answer? */
bool post_response_is_heard(const struct post_response *post);
/* Sends a message before the answer; makes a stream of the POST if need be. False: the client takes
 * no stream. */
bool post_response_send(struct post_response *post, const json_t *msg);
/* Its JSON answer asks for a token with these scopes, a list with spaces between them. */
void post_response_challenge_take(struct post_response *post, char *scopes);
/* One call has its answer (NULL: it was cancelled and gets none); after the last one the POST is
 * over. */
void post_response_answer(struct post_response *post, const json_t *answer);
