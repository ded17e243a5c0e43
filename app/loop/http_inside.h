/* The inside of the HTTP client: http_client.c drives curl, http_request.c knows one exchange. */
#pragma once

#include "mgw/loop/http.h"
#include "mgw/loop/timer.h"

#include <curl/curl.h>

/* A kept connection is left after this time: before the 5 s at which Node's servers close it. */
#define HTTP_IDLE_S 4L

struct http_client {
        struct loop *loop;
        CURLM *multi;
        struct timer timer;
        struct loop_task work;
        struct list starting;
        struct list running;
        struct list resuming; /* running, and to be unpaused */
        struct list resting; /* running, and to be unpaused in the next turn: each has had its share
                                of this one */
        struct timer rest;
        struct list failing;
        struct list cancelled;
        struct list sockets;
        long n_running; /* in curl's hands */
        unsigned n_sockets;
        bool is_due; /* curl wants to be called at once */
        bool is_working;
        bool is_destroyed;
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
        enum http_state state;
        bool is_in_multi;
        bool is_repeatable;
        bool is_get;
        bool is_head_told;
        bool is_enough; /* of the body of an error: what has come is taken for all */
        const char *failure;
        enum http_fault fault; /* of the failure */
        char *next_url;        /* the answer leads there: it is asked next */
        char *refusal; /* the answer leads where the request does not follow: failure, owned */
        unsigned n_redirects;
        int64_t fed_ms; /* the turn in which n_fed bytes were handed up */
        size_t n_fed;
        struct timer patience; /* with the body of an error */
        size_t n_error_bytes;
        CURL *easy;
        struct curl_slist *headers;
        struct http_handlers handlers;
        void *owner;
        char error[CURL_ERROR_SIZE];
};

/* The one place that moves a request, and with it the list it stands on. */
void http_request_set_state(struct http_request *request, enum http_state state);
/* Ends a live request by a fault of ours (HTTP_FAULT_OURS) at the end of the turn; why is a
 * constant. */
void http_request_fail(struct http_request *request, const char *why);
/* Out of curl's hands, on_done, and to the morgue; never from within curl's callbacks. */
void http_request_end(struct http_request *request, CURLcode result);
/* free_fn of the morgue. */
void http_request_free(void *request);

/* The head of an answer is complete: sets next_url or refusal where it leads elsewhere. */
void http_redirect_read(struct http_request *request, long status);
/* Of what kind the failure is; before the request leaves curl. */
void http_failure_read(const struct http_request *request, CURLcode result,
                       struct http_failure *failure);
/* http_origin() of a URL that has been read. */
char *http_origin_of(CURLU *url);

/* A transfer came to curl (1) or left it (-1). */
void http_client_count_running(struct http_client *client, long change);
/* For curl: the sockets it opens are counted. */
curl_socket_t http_client_open_socket(void *client, curlsocktype purpose,
                                      struct curl_sockaddr *address);
int http_client_close_socket(void *client, curl_socket_t fd);
