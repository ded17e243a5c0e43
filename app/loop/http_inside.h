/* The inside of the HTTP client: http_client.c moves requests, http_multi.c drives curl,
 * http_request.c knows one exchange. */
#pragma once

#include "mgw/loop/http.h"
#include "mgw/loop/timer.h"

#include <curl/curl.h>

/* A kept connection is left after this time: before the 5 s at which Node's servers close it. */
#define HTTP_IDLE_S 4L

/* Transfers of one handle of curl's: what it walks at each step, and what it takes when empty
 * (about 34 kB), bound it. */
#define HTTP_MULTI_MAX 128u

struct http_client {
        struct loop *loop;
        struct loop_task work;
        /* Handles of curl's, those with room first: by whether their transfers may be silent for
         * long, and by whether they may reach link-local addresses, since who may not must not get
         * a connection that another has opened. */
        struct list pools[2][2];
        struct list due; /* handles that curl wants to be called for at once */
        struct list starting;
        struct list running;
        struct list resuming; /* running, and to be unpaused */
        struct list failing;
        struct list cancelled;
        struct list sources; /* that hold requests back */
        struct http_source nobody;
        unsigned n_sockets;
        const char *ca_file; /* of the environment; NULL: curl's own */
        const char *ca_folder;
        bool has_proxy; /* of the environment */
        bool is_working;
        bool is_destroyed;
};

struct http_multi {
        struct list link;
        struct list due;
        struct list *pool;
        bool is_for_streams;
        struct http_client *client;
        CURLM *curl;
        struct timer timer;
        struct list sockets;
        unsigned n_running;
};

enum http_state {
        HTTP_STATE_STARTING,
        HTTP_STATE_RUNNING,
        HTTP_STATE_FAILING,   /* by a fault of ours; on_done to come */
        HTTP_STATE_CANCELLED, /* no handler is called any more */
        HTTP_STATE_DONE,
};

struct http_request {
        struct list link;
        struct http_client *client;
        struct http_multi *multi; /* NULL: not in curl's hands */
        struct http_source *source;
        uint64_t turn; /* in which it brought so much: */
        uint32_t spent;
        uint64_t go_turn; /* in which it was let go on */
        enum http_state state;
        long n_before; /* bytes that curl has counted when it began to send the request */
        bool is_begun;
        bool is_stream;
        bool is_repeatable;
        bool is_get;
        bool is_head_told;
        bool is_barred; /* by its URL alone */
        bool is_enough; /* of the body of an error: what has come is taken for all */
        const char *failure;
        enum http_fault fault;   /* of the failure */
        char *url;               /* where curl has a name for TLS in it; NULL: curl's is it */
        const char *server_name; /* that name; NULL: none */
        struct curl_slist *way;  /* curl's: from that name to the host */
        char *next_url;          /* the answer leads there: it is asked next */
        char *refusal; /* the answer leads where the request does not follow: failure, owned */
        unsigned n_redirects;
        struct timer patience; /* with the body of an error */
        size_t n_error_bytes;
        size_t n_head_bytes; /* with 1xx answers and trailers: curl keeps them all */
        CURL *easy;
        struct curl_slist *headers;
        struct http_handlers handlers;
        void *owner;
        char refused_address[64]; /* by the egress policy; "": none */
        char error[CURL_ERROR_SIZE];
};

/* The one place that moves a request, and with it the list it stands on. */
void http_request_set_state(struct http_request *request, enum http_state state);
/* Ends a live request by a fault of ours (HTTP_FAULT_OURS) at the end of the turn; why is a
 * constant. */
void http_request_fail(struct http_request *request, const char *why);
/* May any of it have reached the server? */
bool http_request_was_sent(const struct http_request *request);
/* Its connection was not to be opened: on_done tells, if no other is. */
void http_request_note_refusal(struct http_request *request, const struct sockaddr *address);
/* Out of curl's hands, on_done, and to the morgue; never from within curl's callbacks. */
void http_request_end(struct http_request *request, CURLcode result);
/* free_fn of the morgue. */
void http_request_free(void *request);

/* Whom it trusts, by what name, and who it is: into curl. false: out of memory. */
bool http_tls_set(struct http_request *request);
/* What of the environment stands for all. */
void http_tls_read_environment(struct http_client *client);
/* Where it goes. false: out of memory. */
bool http_tls_set_url(struct http_request *request, const char *url);
/* Where it is, with the host that it is at; borrowed. */
const char *http_request_url(struct http_request *request);

/* The head of an answer is complete: sets next_url or refusal where it leads elsewhere. */
void http_redirect_read(struct http_request *request, long status);
/* Of what kind the failure is; before the request leaves curl. */
void http_failure_read(const struct http_request *request, CURLcode result,
                       struct http_failure *failure);
/* http_origin() of a URL that has been read. */
char *http_origin_of(CURLU *url);

/* Has it, or its source, brought enough in this turn? Then it is held until there is room. */
bool http_client_holds(struct http_request *request);
/* It has brought so much. */
void http_client_spend(struct http_request *request, uint32_t n_bytes);
/* The handle is to be called for at the end of the turn. */
void http_client_defer(struct http_client *client, struct list *due);

/* Into curl's hands; never from within its callbacks. 0, -ENOMEM. */
int http_multi_add(struct http_request *request);
/* Out of them; harmless when it is in none. */
void http_multi_remove(struct http_request *request);
/* Tells curl that fd is ready, or with CURL_SOCKET_TIMEOUT the time, and ends what has finished. */
void http_multi_run(struct http_multi *multi, curl_socket_t fd, int events);
void http_multi_destroy(struct http_multi *multi);

/* Is it an address that is reached where that is allowed alone? */
bool http_egress_refuses(const struct sockaddr *address);
/* The same of a URL whose host is a number: then that is in *address. */
bool http_egress_refuses_url(const char *url, struct sockaddr_storage *address);

/* For curl: the sockets it opens are counted, those it may not open refused. */
curl_socket_t http_client_open_socket(void *request, curlsocktype purpose,
                                      struct curl_sockaddr *address);
int http_client_close_socket(void *client, curl_socket_t fd);
