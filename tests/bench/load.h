/* The load generator: a client of thousands of streams. Its parts. */
#pragma once

#include "mgw/base/list.h"
#include "mgw/base/str.h"
#include "tool.h"

#include <openssl/types.h>
#include <sys/epoll.h>
#include <sys/types.h>

/* --- load_line: a connection, in clear text or in TLS. It dies of what goes wrong --- */

struct line {
        struct source source;
        SSL *ssl; /* NULL: clear text */
};

/* What is connected to this port speaks TLS; 0: nothing does. */
extern uint16_t tls_port;
/* Its handler stands in line->source. Waits for the handshake. */
void line_open(struct line *line, uint16_t port);
void line_close(struct line *line);
/* As recv() of a socket that does not block. */
ssize_t line_recv(struct line *line, void *in, size_t size);
/* There are bytes that no event will tell of: to be read now. */
bool line_has_more(const struct line *line);
/* As much as fits a socket's buffer. */
void line_send(struct line *line, const char *text, size_t n);

/* --- load_calls: HTTP requests on kept connections, one after the other on each --- */

struct exchange {
        struct line line;
        char in[16384];
        size_t n_in;
        int64_t sent_ns;
        void (*on_answer)(struct exchange *exchange, struct str answer);
};

void exchange_open(struct exchange *exchange, uint16_t port);
void exchange_close(struct exchange *exchange);
void exchange_send(struct exchange *exchange, const char *request, size_t n);
/* As whom requests are made from now on: a line of their heads, or "". */
extern char authorization[1000];
/* The text of a POST; session may be "". Returns its length. */
size_t post_text(char *out, size_t size, const char *path, const char *session, const char *body,
                 size_t n_body);
/* POSTs initialize, and copies the session's id ("": the server has none). Runs turns until it is
 * answered. */
#define SESSION_SIZE 128
void session_begin(struct exchange *exchange, char session[SESSION_SIZE]);
/* tools/call as fast as n_clients can, one call each at a time, or each of them every so often (0:
 * as fast). Prints the result. */
void run_calls(uint16_t port, const char *tool, unsigned n_clients, unsigned seconds,
               unsigned every_ms);
/* n sessions of one call each, which are then left alone. */
void run_sessions(uint16_t port, unsigned n, const char *tool);

/* --- load_attack --- */

/* One user who takes what he can get, whatever is answered: "texts" and "values" are calls of 4 MB,
 * "flood" is small ones, each on a connection of its own. */
void run_attack(uint16_t port, const char *kind, unsigned seconds);

/* --- load_streams --- */

/* Opens n more, on /sse, or with a session each on /mcp. */
void streams_open(uint16_t port, unsigned n, bool with_session);
void streams_close_all(void);
/* The newest one that reads stops reading. */
void streams_stall_one(void);
/* Counts keep-alives. */
void streams_count(unsigned seconds);
/* Announces to one stream or to all, n_times one after the other, and waits for each. */
void streams_push(uint16_t admin_port, bool to_all, unsigned n_times, unsigned n_bytes);

/* --- load: figures --- */

/* Delays in ns, to be sorted. */
struct delays {
        int64_t *ns;
        size_t n, size;
};

void delays_add(struct delays *delays, int64_t ns);
/* In microseconds; q from 0 to 1. Sorts. */
double delays_us(struct delays *delays, double q);
void delays_finish(struct delays *delays);
