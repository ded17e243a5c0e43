/* Who may connect to our unix socket. The test is what mgw would be, a fork of it what descends. */
#include "mgw/loop/sock.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

TestSuite(sock_peer, .timeout = 60);

/* A connection of a process that descends from us. */
static int connection(pid_t *pidp)
{
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        int n = snprintf(address.sun_path + 1, sizeof(address.sun_path) - 1, "mgw-peer-%d",
                         getpid());
        socklen_t size = (socklen_t)(sizeof(sa_family_t) + 1 + (size_t)n);
        int listener = socket(AF_UNIX, SOCK_STREAM, 0), fd;

        cr_assert_eq(bind(listener, (struct sockaddr *)&address, size), 0);
        cr_assert_eq(listen(listener, 1), 0);
        *pidp = fork();
        if (*pidp == 0) {
                int own = socket(AF_UNIX, SOCK_STREAM, 0);

                if (connect(own, (struct sockaddr *)&address, size) == 0)
                        pause();
                _exit(1);
        }
        fd = accept(listener, NULL, NULL);
        close(listener);
        return fd;
}

static bool may(int64_t since)
{
        struct sock_peers peers = {.since = since};
        pid_t pid;
        int fd = connection(&pid);
        bool answer = sock_peer_may(&peers, fd);

        cr_assert_eq(peers.last_pid, pid);
        sock_peers_finish(&peers);
        close(fd);
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        return answer;
}

Test(sock_peer, what_descends_from_us_may_not)
{
        cr_assert_not(may(1));
}

/* A proxy that a script has started before it became mgw. */
Test(sock_peer, what_was_there_before_our_first_child_may)
{
        cr_assert(may(INT64_MAX));
}

Test(sock_peer, where_we_have_started_no_child_all_may)
{
        cr_assert(may(0));
}
