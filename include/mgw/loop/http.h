/* An HTTP client. What needs no more than HTTP/1.1 to an address that is known goes by connections
 * of its own; all else by libcurl, whose only home this is: TLS, proxies, HTTP/2 where the server
 * offers it over TLS, and names, which curl resolves in a thread of its own. Who asks does not see
 * which. Connections are kept and shared. Proxies come from the environment, as curl knows them
 * (http_proxy, no_proxy...), and so does what is trusted where the source does not say it:
 * SSL_CERT_FILE, or CURL_CA_BUNDLE, and SSL_CERT_DIR, in place of the system's.
 *
 * A redirect is followed three times at most, and only where the request stays what it is: to the
 * same origin, since headers may hold credentials, and with its method and body, so that 301, 302
 * and 303 are followed by GET alone. Any other is told with its status (on_head), and fails with
 * where it leads (on_done).
 *
 * The body of an answer that is no success (300 and above) ends after 64 kB or 3 s, as if that were
 * all of it: nobody is kept waiting by an error. */
#pragma once

#include "mgw/base/buf.h"
#include "mgw/loop/loop.h"

struct http_client;
struct http_request;

/* How servers are known, and we to them. Paths of PEM files, read at each connection; NULL: none.
 * Borrowed. */
struct http_tls {
        const char *ca_file; /* whose certificates are trusted, in place of the system's */
        const char *client_cert_file;
        const char *client_key_file; /* NULL: it stands in client_cert_file */
        const char *server_name;     /* which the certificate must have, and is asked for (SNI), in
                                        place of the host of the URL */
        bool trusts_all; /* any certificate will do: for who looks, and brings no secret */
};

/* Which addresses are connected to, asked on each connection. */
enum http_reach {
        HTTP_REACH_NETWORK, /* all but link-local and metadata addresses. By way of a proxy its
                               address is judged, and the server's where the URL has it as a
                               number: a name is the proxy's to resolve */
        HTTP_REACH_ANY,
        HTTP_REACH_PUBLIC, /* of the Internet alone (RFC 6890), and by no proxy */
};

/* On whose behalf requests are made. What they bring in one turn is bounded together, as each of
 * them is alone; the rest waits for the next turn, in the order in which it came. Embedded by the
 * owner, zeroed; outlives its requests. */
struct http_source {
        struct list node; /* the client's, while something is held back */
        struct list held; /* requests that have brought enough */
        uint64_t turn;    /* in which so much came: */
        uint32_t spent;
        enum http_reach reach;
        struct http_tls tls;
};

struct http_response {
        unsigned status;
        struct str content_type;     /* borrowed, for the call only */
        struct str session_id;       /* Mcp-Session-Id */
        struct str www_authenticate; /* of several the first */
        int64_t retry_after_s;       /* Retry-After, in seconds or as a date; -1: none */
        int64_t max_age_s;           /* of Cache-Control (hdr_max_age_s) */
        struct str lines;            /* http_options.is_observed: "Name: value\n" for each line of
                                        the head; else empty */
};

/* What failed; HTTP_FAULT_AWAY, BARRED, TLS and TRUST: there was no connection. */
enum http_fault {
        HTTP_FAULT_OURS,      /* memory, a limit, a rule of ours: says nothing of the server */
        HTTP_FAULT_AWAY,      /* no name, no way there, refused, or not in time */
        HTTP_FAULT_BARRED,    /* an address that is out of reach (http_source) */
        HTTP_FAULT_TLS,       /* no TLS */
        HTTP_FAULT_TRUST,     /* a certificate that is not trusted */
        HTTP_FAULT_CUT,       /* ended before a byte of the answer */
        HTTP_FAULT_BROKEN,    /* ended within the answer */
        HTTP_FAULT_LATE,      /* http_options.timeout_ms */
        HTTP_FAULT_STRANGE,   /* no HTTP, or past our bounds or curl's */
        HTTP_FAULT_ELSEWHERE, /* a redirect that is not followed */
};

struct http_failure {
        enum http_fault fault;
        bool was_sent;   /* the request may have reached the server */
        bool is_reset;   /* by a reset of the connection (RST): known of HTTP_FAULT_CUT and BROKEN
                            of an observed request */
        const char *why; /* for a log, with the server's origin; borrowed, for the call only */
};

enum http_flow { HTTP_GO_ON, HTTP_PAUSE };

/* Set by the caller; called from the loop, never from within http_start(). A handler may call
 * http_cancel() on any request, its own included: then none of its handlers is called again. */
struct http_handlers {
        /* Once, when the head is complete (informational heads are not reported). */
        void (*on_head)(void *owner, const struct http_response *response);
        /* A piece of the body. HTTP_PAUSE: this piece was NOT taken, and comes again after
         * http_resume(). */
        enum http_flow (*on_body)(void *owner, const char *p, size_t n);
        /* The end: failure is NULL when the answer came to its end. The request is freed after this
         * call. */
        void (*on_done)(void *owner, const struct http_failure *failure);
};

struct http_options {
        const char *method; /* "POST", "GET", "DELETE" */
        const char *url;
        const char *const *headers; /* "Name: value" lines, ended by NULL; copied */
        struct str body;            /* copied; empty: none */
        long connect_timeout_ms;    /* 0 = 300 s, as curl has it */
        long timeout_ms;            /* of the exchange, of each where redirects lead; 0 = none */
        bool is_stream;             /* may be silent for long: others do not pay for that */
        struct http_source *source; /* NULL: of no one's */
        bool is_exact;              /* no redirect is followed */
        bool is_elsewhere;          /* not at its server: the server's TLS name is not meant */
        bool is_observed; /* for who looks at the way to the server: HTTP/1.1 on a connection of
                             its own, all of the head is told, and the body may come compressed, as
                             browsers ask for it (it is unpacked) */
};

/* 0, -errno. */
int http_client_create(struct loop *loop, struct http_client **clientp);
/* Cancels what runs; NULL is fine. */
void http_client_destroy(struct http_client *client);
/* Those who have documents fetched that they name (http_document). */
struct http_strangers {
        struct loop *loop;
        struct http_source source; /* of all of them */
        unsigned n;                /* such documents on their way */
};
struct http_strangers *http_client_strangers(struct http_client *client);
/* Descriptors in use by this client. */
unsigned http_client_n_sockets(const struct http_client *client);

/* ref as an address at the server of base (RFC 3986 5), as a whole URL; the caller frees it. NULL:
 * it leads to another origin, names a user, or is no address. */
char *http_resolve(const char *base, const char *ref);
/* Starts a request; *requestp is valid until on_done or http_cancel(). A POST or PATCH is never
 * sent twice, other methods may be when a kept connection closes. What is wrong with the URL comes
 * through on_done. 0; -EINVAL: a line break in a header; another -errno. */
int http_start(struct http_client *client, const struct http_options *options,
               const struct http_handlers *handlers, void *owner, struct http_request **requestp);
void http_resume(struct http_request *request);
/* All of a source may bring so much in one turn. */
#define HTTP_SOURCE_SPEND_MAX (256u << 10)
/* In that turn of the loop: what has come makes as much work as so many bytes more. */
static inline void http_source_spend(struct http_source *source, uint64_t turn, uint32_t n_bytes)
{
        source->spent = (source->turn == turn ? source->spent : 0) + n_bytes;
        source->turn = turn;
}
static inline uint32_t http_source_spent(const struct http_source *source, uint64_t turn)
{
        return source->turn == turn ? source->spent : 0;
}
/* What is still to come of it goes to another owner. */
void http_hand_over(struct http_request *request, const struct http_handlers *handlers,
                    void *owner);
/* Ends it without any further call; NULL is fine. */
void http_cancel(struct http_request *request);
/* What failed, in words that hold nothing of the server's and no address: for clients. */
const char *http_fault_text(enum http_fault fault);
/* scheme://host[:port] of a URL, for a log: what else stands in it may be secret. The caller frees
 * it. NULL: it cannot be read. */
char *http_origin(const char *url);
