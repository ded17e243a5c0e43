/* What the programs of the benchmark share. All of them end at the first thing that goes wrong: a
 * benchmark that limps measures nothing. */
#pragma once

#include <stddef.h>
#include <stdint.h>

__attribute__((noreturn, format(printf, 1, 2))) void die(const char *fmt, ...);
int64_t now_ns(void);
/* A whole positive number, or the end of the program. */
long number(const char *text);

/* A descriptor in the one epoll set of the program. Its owner embeds it. */
struct source {
        int fd;
        void (*on_ready)(struct source *source, uint32_t events);
};

void source_add(struct source *source, uint32_t events);
/* Looks for other events than before. */
void source_watch(struct source *source, uint32_t events);
/* Looks at it no more, and keeps it open. */
void source_ignore(struct source *source);
/* Closes it too. To be called from its own handler, or when no turn is running. */
void source_remove(struct source *source);
/* Waits at most so long (-1: for ever) and calls the handlers of what is ready. */
void turn(int timeout_ms);

/* Listening, non-blocking. */
int listen_unix(const char *path);
int listen_tcp(uint16_t port);
/* Connected to loopback, non-blocking, without Nagle's delay. */
int connect_tcp(uint16_t port);
