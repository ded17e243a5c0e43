/* What two processes say to each other while one takes over: lines of JSON over a unix socket, each
 * an object whose member "do" tells what it is; a line may bring a descriptor. Whoever is at the
 * other end is believed no more than a client is: what is no line, or too long, ends the link. */
#pragma once

#include "mgw/base/buf.h"
#include "mgw/loop/loop.h"

#include <jansson.h>

/* One event of a session at most, which its log may hold. */
#define HANDOVER_LINE_MAX_BYTES (32u << 20)
/* What waits to be sent; with more the link ends. */
#define HANDOVER_QUEUE_MAX_BYTES (512u << 20)

struct handover_link {
        struct loop_io io; /* fd -1: there is no link */
        struct loop *loop; /* NULL: it is waited for (handover_link_wait()) */
        struct list lines; /* to be sent */
        size_t bytes;      /* of them */
        struct buf in;
        uint32_t n_seen; /* bytes in it that are no line's end */
        int fds[4];      /* that have come, of lines that have not */
        unsigned n_fds;
        int line_fd; /* that the line has brought which is being heard; -1: none */
        struct loop_task fault;
        /* line is borrowed. May close the link. */
        void (*on_line)(struct handover_link *link, const char *what, json_t *line);
        /* The other end is gone, or says what is none; the link is closed. */
        void (*on_end)(struct handover_link *link, const char *why);
};

static inline bool handover_link_is_open(const struct handover_link *link)
{
        return link->io.fd >= 0;
}

/* Zeroed but for its handlers; no link. */
void handover_link_init(struct handover_link *link);
/* Takes fd over, a non-blocking socket. */
void handover_link_open(struct handover_link *link, int fd);
/* From the loop from now on. 0, -errno: it is closed. */
int handover_link_join(struct handover_link *link, struct loop *loop);
/* One wait of at most timeout_ms, without a loop. false: nothing came, or it is closed. */
bool handover_link_wait(struct handover_link *link, int timeout_ms);
/* Says it when there is a link. fd (-1: none) is taken over. */
void handover_link_say_take(struct handover_link *link, const char *what, json_t *line, int fd);
/* Within on_line: the line's descriptor, which is the caller's from now on; -1: none came. */
int handover_link_take_fd(struct handover_link *link);
/* Has all of it been taken by the kernel? */
bool handover_link_is_flushed(const struct handover_link *link);
/* Nobody is told. Harmless when there is none. */
void handover_link_close(struct handover_link *link);
