/* A process of another user is none of our children: they have ours, or one of those that they were
 * given, and can take no other. Of our own user it is one when the line of its parents leads to us.
 * Its number may become somebody else's when it ends: a pidfd, taken first, tells that it has not.
 */
#include "mgw/loop/sock.h"

#include <fcntl.h>
#include <poll.h>
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

/* 0: outside of what we see; -1: gone. */
static int parent_of(int pid)
{
        char path[32], text[512];
        const char *after;
        ssize_t n;
        int fd;

        snprintf(path, sizeof(path), "/proc/%d/stat", pid);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return -1;
        n = read(fd, text, sizeof(text) - 1);
        close(fd);
        text[n > 0 ? n : 0] = '\0';
        /* ") S 1 ...": after its name, in which anything may stand. */
        after = strrchr(text, ')');
        return after != NULL && strlen(after) > 4 ? (int)strtol(after + 4, NULL, 10) : -1;
}

static bool descends_from_us(int pid)
{
        for (int i = 0; i < ANCESTORS_MAX; i++) {
                if (pid == getpid() || pid < 0)
                        return true;
                if (pid <= 1)
                        return false;
                pid = parent_of(pid);
        }
        return true;
}

static bool same_user_may(struct sock_peers *peers, int pid)
{
        int pidfd;

        if (peers->known_pid == pid && is_alive(peers->known_fd))
                return true;
        pidfd = pidfd_open(pid, 0);
        if (pidfd < 0)
                return false;
        if (descends_from_us(pid) || !is_alive(pidfd)) {
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
        socklen_t n = sizeof(peer);
        int domain;
        socklen_t domain_n = sizeof(domain);

        if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &domain_n) < 0 || domain != AF_UNIX)
                return true;
        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) < 0)
                return false;
        if (peer.uid - peers->not_uid < peers->not_uid_n)
                return false;
        /* 0: it lives in another container. */
        return peer.uid != geteuid() || peer.pid == 0 || same_user_may(peers, peer.pid);
}

void sock_peers_finish(struct sock_peers *peers)
{
        if (peers->known_pid != 0)
                close(peers->known_fd);
        peers->known_pid = 0;
}
