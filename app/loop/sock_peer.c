/* A process of another user is none of our children: they have ours, or one of those that they were
 * given, and can take no other. Of our own user it is one when the line of its parents leads to us.
 * Its number may become somebody else's when it ends: a pidfd, taken first, tells that it has not.
 */
#include "mgw/loop/sock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <unistd.h>

/* Parents that are looked at: a longer line is taken for one of ours. */
#define ANCESTORS_MAX 64

static bool is_alive(int pidfd)
{
        struct pollfd end = {.fd = pidfd, .events = POLLIN};

        return poll(&end, 1, 0) == 0;
}

struct stat_line {
        int parent;    /* 0: it is outside of what we see */
        int64_t began; /* in ticks since the machine was started */
};

enum sight { SEEN, HIDDEN, GONE };

/* /proc/PID/stat: the parent is the second field behind the name, in which anything may stand, the
 * start the twentieth. */
static enum sight look_at(int pid, struct stat_line *line)
{
        char path[32], text[1024], *at;
        ssize_t n;
        int fd;

        snprintf(path, sizeof(path), "/proc/%d/stat", pid);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return kill(pid, 0) < 0 && errno == ESRCH ? GONE : HIDDEN;
        n = read(fd, text, sizeof(text) - 1);
        close(fd);
        text[n > 0 ? n : 0] = '\0';
        at = strrchr(text, ')');
        if (at == NULL || strlen(at) < 5)
                return GONE;
        line->parent = (int)strtol(at + 4, &at, 10);
        for (int field = 2; field < 19; field++)
                (void)strtoll(at, &at, 10);
        line->began = strtoll(at, NULL, 10);
        return SEEN;
}

/* Who is hidden from us is none of ours: they have our user. */
static bool descends_from_us(int pid, int64_t since)
{
        struct stat_line line;

        for (int i = 0; i < ANCESTORS_MAX; i++) {
                enum sight sight = pid <= 1 ? HIDDEN : look_at(pid, &line);

                if (pid == getpid() || sight == GONE)
                        return true;
                /* Before our first child there was none of theirs. */
                if (sight == HIDDEN || line.began < since)
                        return false;
                pid = line.parent;
        }
        return true;
}

static bool same_user_may(struct sock_peers *peers, int pid)
{
        int pidfd;

        if (peers->since == 0 || (peers->known_pid == pid && is_alive(peers->known_fd)))
                return true;
        pidfd = pidfd_open(pid, 0);
        if (pidfd < 0) /* what cannot tell whether it lives on is not remembered */
                return errno != ESRCH && !descends_from_us(pid, peers->since);
        if (descends_from_us(pid, peers->since) || !is_alive(pidfd)) {
                close(pidfd);
                return false;
        }
        sock_peers_finish(peers);
        peers->known_pid = pid;
        peers->known_fd = pidfd;
        return true;
}

bool sock_peer_may(struct sock_peers *peers, int fd)
{
        struct ucred peer;
        socklen_t n = sizeof(peer), domain_n = sizeof(peers->domain);

        if (peers->domain == AF_UNSPEC) {
                peers->own_uid = geteuid();
                if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &peers->domain, &domain_n) < 0)
                        return true;
        }
        if (peers->domain != AF_UNIX)
                return true;
        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) < 0)
                return false;
        peers->last_pid = peer.pid;
        peers->last_uid = peer.uid;
        if (peer.uid - peers->not_uid < peers->not_uid_n)
                return false;
        /* 0: it lives in another container. */
        return peer.uid != peers->own_uid || peer.pid == 0 || same_user_may(peers, peer.pid);
}

void sock_peers_finish(struct sock_peers *peers)
{
        if (peers->known_pid != 0)
                close(peers->known_fd);
        peers->known_pid = 0;
}
