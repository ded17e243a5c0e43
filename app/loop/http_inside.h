/* The inside of the HTTP client. http_client.c moves requests, http_turn.c holds those that have
 * brought enough in a turn, http_request.c knows one exchange, and one of two carries it: a
 * connection of our own (http_plain.c, those that are kept: http_pool.c) where nothing more is
 * needed, or curl (http_curl.c, driven by http_multi.c). */
#pragma once

#include "mgw/loop/http.h"
#include "mgw/loop/timer.h"

#include <curl/curl.h>

/* A kept connection is left after this time: before the 5 s at which Node's servers close them. */
#define HTTP_IDLE_S 4L

/* Transfers of one handle of curl's: what it walks at each step, and what it takes when empty
 * (about 34 kB), bound it. */
#define HTTP_MULTI_MAX 128u

#define HTTP_REFUSAL_BYTES 128

#define HTTP_N_REACHES 3 /* of enum http_reach */

/* Lines of the head of an answer, and of trailers. */
#define HTTP_HEAD_MAX_BYTES (256u << 10)

/* What one read takes. */
#define HTTP_READ_BYTES 16384

/* Our own connections that carry nothing, and the servers that they lead to. */
struct http_pool {
        struct http_server *servers; /* uthash */
        struct list idle;            /* connections, that which waits for longest first */
        unsigned n_idle;
        struct timer sweep;
        char bytes[HTTP_READ_BYTES]; /* what has been read; of nobody once it has been told */
};

struct http_client {
        struct loop *loop;
        struct loop_task work;
        struct http_pool pool;
        /* Handles of curl's, those with room first: by whether their transfers may be silent for
         * long, and by which addresses they may reach, since who may not must not get a connection
         * that another has opened. */
        struct list pools[2][HTTP_N_REACHES];
        struct list due; /* handles that curl wants to be called for at once */
        struct list starting;
        struct list running;
        struct list resuming; /* running, and to be unpaused */
        struct list failing;
        struct list cancelled;
        struct list sources; /* that hold requests back */
        struct http_source nobody;
        struct http_strangers strangers;
        unsigned n_sockets;
        const char *ca_file; /* of the environment; NULL: curl's own */
        const char *ca_folder;
        bool has_proxy; /* of the environment */
        bool is_curls;  /* everything is; for tests */
        bool is_working;
        bool is_destroyed;
};

struct http_multi {
        struct list node;
        struct list due;
        struct list *pool;
        bool is_for_streams;
        struct http_client *client;
        CURLM *curl;
        struct timer timer;
        struct list sockets;
        unsigned n_running;
};

/* A request in curl's hands. */
struct http_transfer {
        struct http_request *request;
        CURL *easy;
        struct http_multi *multi; /* NULL: in none */
        struct curl_slist *headers;
        struct curl_slist *way; /* from the name for TLS to the host */
        long n_before;          /* bytes that curl has counted when it began to send the request */
        bool is_begun;
        bool is_barred;                  /* by its URL alone */
        size_t n_head_bytes;             /* with 1xx answers and trailers: curl keeps them all */
        char barred[HTTP_REFUSAL_BYTES]; /* by the egress policy; "": not */
        char error[CURL_ERROR_SIZE];
};

enum http_state {
        HTTP_STATE_STARTING,
        HTTP_STATE_RUNNING,
        HTTP_STATE_FAILING,   /* by a fault of ours; on_done to come */
        HTTP_STATE_CANCELLED, /* no handler is called any more */
        HTTP_STATE_DONE,
};

/* A carrier declines: the other one takes the request. */
#define HTTP_E_DECLINED 1

/* Who carries requests. None of it is to be called from within curl's callbacks. */
struct http_carrier {
        /* Takes a request up, whose handlers may be called by then. 0, HTTP_E_DECLINED, -ENOMEM. */
        int (*begin)(struct http_request *request);
        /* What it was held back for is over; handlers may be called. Harmless when it was not. */
        void (*go_on)(struct http_request *request);
        /* May any of it have reached the server? */
        bool (*was_sent)(const struct http_request *request);
        /* Lets it go, whatever has come of it. */
        void (*leave)(struct http_request *request);
};
extern const struct http_carrier http_plain, http_curl;

struct http_request {
        struct list node;
        struct http_client *client;
        const struct http_carrier *carrier; /* NULL: it is in no one's hands */
        struct http_transfer *transfer;     /* curl's */
        struct http_connection *connection; /* ours */
        struct http_server *server;         /* where it would go by ours; held; NULL: not known */
        struct http_source *source;
        uint64_t turn; /* in which it brought so much: */
        uint32_t spent;
        uint64_t go_turn; /* in which it was let go on */
        enum http_state state;
        bool is_stream;
        bool is_repeatable;
        bool is_get;
        bool is_exact;
        bool is_observed;
        bool is_reset; /* the connection was, and that ended it */
        bool is_plain; /* its header fields leave the framing to us */
        bool is_curls; /* our own way has led nowhere */
        bool is_fresh; /* not by a connection that has been used: one has failed it */
        bool has_type, has_host;
        bool is_head_told;
        bool is_enough; /* of the body of an error: what has come is taken for all */
        const char *failure;
        enum http_fault fault;   /* of the failure */
        const char *server_name; /* for TLS, where it is another than the URL's host; NULL: none */
        char *next_url;          /* the answer leads there: it is asked next */
        char *refusal; /* the answer leads where the request does not follow: failure, owned */
        unsigned n_redirects;
        struct timer patience; /* with the body of an error */
        size_t n_error_bytes;
        struct http_handlers handlers;
        void *owner;
        long connect_timeout_ms, timeout_ms; /* as in http_options */
        char *moved_url;                     /* owned: where redirects have led; NULL: nowhere */
        /* Within text: */
        const char *url;
        const char *method;
        const char *lines; /* each ended by a NUL, and all by an empty one */
        struct str body;
        char text[];
};

/* What the head of an answer says; texts are ended by a NUL. */
struct http_head {
        unsigned status;
        struct str lines; /* of an observed request */
        struct str content_type, location, retry_after, session_id, cache_control, www_authenticate,
                content_encoding;
};

/* The one place that moves a request, and with it the list it stands on. */
void http_request_set_state(struct http_request *request, enum http_state state);
/* Ends a live request by a fault of ours (HTTP_FAULT_OURS) at the end of the turn; why is a
 * constant. */
void http_request_fail(struct http_request *request, const char *why);
/* The exchange is over: why not well, and by what fault; NULL: well. What is known to the request
 * itself goes before that. Out of the carrier's hands; then on_done and to the morgue, or on to
 * where the answer leads. Never from within curl's callbacks. */
void http_request_end(struct http_request *request, enum http_fault fault, const char *why);
/* Once more from the beginning. */
void http_request_begin_anew(struct http_request *request);
/* One that was cancelled: no handler is called. */
void http_request_destroy(struct http_request *request);
/* Where it is asked now; borrowed. */
static inline const char *http_request_url(const struct http_request *request)
{
        return request->moved_url != NULL ? request->moved_url : request->url;
}

/* For carriers, while it runs: the head of an answer is complete. False: it runs no more. */
bool http_request_take_head(struct http_request *request, const struct http_head *head);
/* A piece of the body. HTTP_PAUSE: it was not taken, and is to come again with go_on(). */
enum http_flow http_request_take_body(struct http_request *request, const char *p, size_t n);
static inline bool http_request_runs(const struct http_request *request)
{
        return request->state == HTTP_STATE_RUNNING;
}

/* Whom it trusts, by what name, and who it is: into curl. false: out of memory. */
bool http_tls_set(struct http_request *request);
/* What of the environment stands for all. */
void http_tls_read_environment(struct http_client *client);
/* Where it goes. false: out of memory. */
bool http_tls_set_url(struct http_request *request);

/* An answer leads to a location: sets next_url or refusal if that is elsewhere. */
void http_redirect_read(struct http_request *request, unsigned status, const char *location);
/* Of what kind a failure of curl's is. */
enum http_fault http_failure_fault(const struct http_request *request, CURLcode result);
/* http_origin() of a URL that has been read. */
char *http_origin_of(CURLU *url);

/* Has it, or its source, brought enough in this turn? */
bool http_turn_is_spent(const struct http_request *request);
/* The same; then it is held until there is room. */
bool http_turn_holds(struct http_request *request);
/* It has brought so much. */
void http_turn_spend(struct http_request *request, uint32_t n_bytes);
/* The handle is to be called for at the end of the turn. */
void http_turn_defer(struct http_client *client, struct list *due);

/* Of an observed request: its options into curl, the lines of the head of its answer, and whether
 * a reset has ended it. false: out of memory. */
bool http_observe_set(struct http_transfer *transfer);
bool http_observe_lines(struct http_transfer *transfer, struct buf *lines);
bool http_observe_is_reset(const struct http_transfer *transfer, CURLcode result);

/* Into a handle of curl's; never from within its callbacks. 0, -ENOMEM. */
int http_multi_add(struct http_transfer *transfer);
/* Out of it; harmless when it is in none. */
void http_multi_remove(struct http_transfer *transfer);
/* The transfer is over. */
void http_multi_end(struct http_request *request, CURLcode result);
/* Tells curl that fd is ready, or with CURL_SOCKET_TIMEOUT the time, and ends what has finished. */
void http_multi_run(struct http_multi *multi, curl_socket_t fd, int events);
void http_multi_destroy(struct http_multi *multi);

/* Is it an address out of this reach? */
bool http_egress_refuses(enum http_reach reach, const struct sockaddr *address);
/* That it is, for on_done. */
void http_egress_tell(enum http_reach reach, const struct sockaddr *address,
                      char why[HTTP_REFUSAL_BYTES]);
/* The same of a URL whose host is a number: then that is in *address. */
bool http_egress_refuses_url(enum http_reach reach, const char *url,
                             struct sockaddr_storage *address);
