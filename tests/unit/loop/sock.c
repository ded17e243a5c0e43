/* Listening sockets: what is refused, what is set, and what happens when descriptors run out. */
#include "mgw/loop/sock.h"

#include "mgw/base/clock.h"
#include "mgw/base/log.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static char dir[64];
static char path[96];
static char address[128];
static char why[512];
static struct loop *loop;

static void set_up(void)
{
        snprintf(dir, sizeof(dir), "/tmp/mgw-sock-XXXXXX");
        cr_assert_not_null(mkdtemp(dir));
        snprintf(path, sizeof(path), "%s/s", dir);
        snprintf(address, sizeof(address), "unix:%s", path);
        cr_assert_eq(loop_create(&loop), 0);
}

static void tear_down(void)
{
        loop_destroy(loop);
        unlink(path);
        rmdir(dir);
}

TestSuite(sock, .init = set_up, .fini = tear_down, .timeout = 60);

static int listen_at(const char *text)
{
        int fd = -1;
        int r;

        why[0] = '\0';
        r = sock_listen(text, 0660, NULL, &fd, why, sizeof(why));
        return r < 0 ? r : fd;
}

static int open_at(const char *text)
{
        int fd = listen_at(text);

        cr_assert_geq(fd, 0, "%s", why);
        return fd;
}

static void assert_why_has(const char *word)
{
        cr_assert_not_null(strstr(why, word), "\"%s\" does not say \"%s\"", why, word);
}

static struct sockaddr_un sun_of_path(void)
{
        struct sockaddr_un sun = {.sun_family = AF_UNIX};

        snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", path);
        return sun;
}

static int connect_to_path(void)
{
        struct sockaddr_un sun = sun_of_path();
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        cr_assert_geq(fd, 0);
        if (connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == 0)
                return fd;
        close(fd);
        return -errno;
}

/* ---- opening ---- */

Test(sock, unix_socket_answers_and_does_not_block)
{
        int fd = open_at(address);
        int client = connect_to_path();

        cr_assert_geq(client, 0);
        cr_assert(fcntl(fd, F_GETFL) & O_NONBLOCK);
        cr_assert(fcntl(fd, F_GETFD) & FD_CLOEXEC);
}

Test(sock, mode_is_as_asked_whatever_the_umask)
{
        struct stat st;
        mode_t mask = umask(0077);
        int fd = -1;

        cr_assert_eq(sock_listen(address, 0666, "", &fd, why, sizeof(why)), 0, "%s", why);
        cr_assert_eq(umask(mask), 0077, "the umask is as before");
        cr_assert_eq(stat(path, &st), 0);
        cr_assert_eq(st.st_mode & 07777, 0666);
        close(fd);
        cr_assert_eq(sock_listen(address, 0600, NULL, &fd, why, sizeof(why)), 0, "%s", why);
        cr_assert_eq(stat(path, &st), 0);
        cr_assert_eq(st.st_mode & 07777, 0600);
}

/* Root may give it to any group; others to their own. */
Test(sock, group_is_as_asked)
{
        const struct group *group = geteuid() == 0 ? getgrnam("daemon") : getgrgid(getegid());
        char name[64];
        gid_t gid;
        struct stat st;
        int fd = -1;

        cr_assert_not_null(group);
        gid = group->gr_gid;
        snprintf(name, sizeof(name), "%s", group->gr_name);
        cr_assert_eq(sock_listen(address, 0660, name, &fd, why, sizeof(why)), 0, "%s", why);
        cr_assert_eq(stat(path, &st), 0);
        cr_assert_eq(st.st_gid, gid);
        cr_assert_eq(st.st_mode & 07777, 0660);
}

Test(sock, unknown_group_is_refused_and_leaves_nothing)
{
        int fd = -1;

        cr_assert_eq(sock_listen(address, 0660, "no-such-group", &fd, why, sizeof(why)), -EINVAL);
        assert_why_has("no-such-group");
        cr_assert_eq(access(path, F_OK), -1);
        cr_assert_eq(fd, -1);
}

Test(sock, stale_socket_is_replaced)
{
        close(open_at(address));
        cr_assert_eq(connect_to_path(), -ECONNREFUSED, "nobody answers on what is left");
        open_at(address);
        cr_assert_geq(connect_to_path(), 0);
}

Test(sock, live_socket_is_left_alone)
{
        open_at(address);
        cr_assert_eq(listen_at(address), -EADDRINUSE);
        assert_why_has(path);
        assert_why_has("another process");
        cr_assert_geq(connect_to_path(), 0, "the first still answers");
}

Test(sock, live_socket_with_a_full_backlog_is_left_alone)
{
        struct sockaddr_un sun = sun_of_path();
        int fd = socket(AF_UNIX, SOCK_STREAM, 0);
        int client = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

        cr_assert_eq(bind(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
        cr_assert_eq(listen(fd, 0), 0);
        cr_assert_geq(connect_to_path(), 0);
        cr_assert_eq(connect(client, (struct sockaddr *)&sun, sizeof(sun)), -1);
        cr_assert_eq(errno, EAGAIN, "the backlog is full");
        cr_assert_eq(listen_at(address), -EADDRINUSE);
        cr_assert_eq(access(path, F_OK), 0);
}

Test(sock, datagram_socket_is_left_alone)
{
        struct sockaddr_un sun = sun_of_path();
        int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

        cr_assert_eq(bind(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
        cr_assert_lt(listen_at(address), 0);
        assert_why_has("cannot tell");
        cr_assert_eq(access(path, F_OK), 0);
}

Test(sock, file_that_is_no_socket_is_left_alone)
{
        int fd = open(path, O_CREAT | O_WRONLY, 0600);

        cr_assert_geq(fd, 0);
        cr_assert_eq(listen_at(address), -ENOTSOCK);
        assert_why_has("not a socket");
        cr_assert_eq(access(path, F_OK), 0);
}

Test(sock, link_to_a_stale_socket_is_left_alone)
{
        char target[128];

        snprintf(target, sizeof(target), "%s/t", dir);
        cr_assert_eq(symlink(target, path), 0);
        cr_assert_eq(listen_at(address), -ENOTSOCK);
        cr_assert_eq(access(target, F_OK), -1);
}

Test(sock, path_that_is_too_long_is_refused_with_its_length)
{
        char text[256] = "unix:/";

        memset(text + 6, 'a', 107);
        cr_assert_eq(listen_at(text), -ENAMETOOLONG);
        assert_why_has("107");
        assert_why_has("108");
}

Test(sock, longest_path_is_taken)
{
        char text[256];
        int n = snprintf(text, sizeof(text), "unix:%s/", dir);
        int fd;

        memset(text + n, 'a', (size_t)(5 + 107 - n));
        text[5 + 107] = '\0';
        fd = open_at(text);
        close(fd);
        sock_unlink(text);
        cr_assert_eq(access(text + 5, F_OK), -1);
}

Test(sock, missing_directory_is_named_with_what_to_do)
{
        char text[128];

        snprintf(text, sizeof(text), "unix:%s/none/s", dir);
        cr_assert_eq(listen_at(text), -ENOENT);
        snprintf(text, sizeof(text), "%s/none does not exist: create it", dir);
        assert_why_has(text);
}

Test(sock, address_of_no_known_kind_is_refused)
{
        static const char *const texts[] = {"",
                                            "unix:",
                                            "/run/s",
                                            "tcp:",
                                            "tcp:127.0.0.1",
                                            "tcp:localhost:9000",
                                            "tcp:127.0.0.1:",
                                            "tcp:127.0.0.1:70000",
                                            "tcp:127.0.0.1:9000x",
                                            "tcp:::1:9000",
                                            "tcp:[::1:9000",
                                            "tcp:[127.0.0.1]:9000"};

        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
                cr_assert_eq(listen_at(texts[i]), -EINVAL, "%s", texts[i]);
                assert_why_has("write ");
        }
}

static uint16_t port_of(int fd)
{
        struct sockaddr_in6 sin6 = {0}; /* the port stands at the same place in both families */
        socklen_t n = sizeof(sin6);

        cr_assert_eq(getsockname(fd, (struct sockaddr *)&sin6, &n), 0);
        return ntohs(sin6.sin6_port);
}

Test(sock, tcp_listens_and_a_port_in_use_is_told)
{
        int fd = open_at("tcp:127.0.0.1:0");
        char text[64];

        snprintf(text, sizeof(text), "tcp:127.0.0.1:%u", port_of(fd));
        cr_assert_eq(listen_at(text), -EADDRINUSE);
        assert_why_has(text);
        assert_why_has("another process");
        cr_assert(fcntl(fd, F_GETFL) & O_NONBLOCK);
        cr_assert(fcntl(fd, F_GETFD) & FD_CLOEXEC);
}

/* A machine may be without IPv6; the address is understood all the same. */
Test(sock, tcp_listens_on_ipv6)
{
        int fd = listen_at("tcp:[::1]:0");

        if (fd < 0)
                cr_assert(fd == -EADDRNOTAVAIL || fd == -EAFNOSUPPORT, "%s", why);
        else
                cr_assert_gt(port_of(fd), 0);
}

Test(sock, address_of_another_machine_is_told)
{
        cr_assert_eq(listen_at("tcp:192.0.2.1:0"), -EADDRNOTAVAIL);
        assert_why_has("this machine does not have that address");
}

Test(sock, descriptor_0_is_taken_when_it_listens)
{
        int fd = -1;
        int null = open("/dev/null", O_RDONLY);
        int listening = socket(AF_INET, SOCK_STREAM, 0);

        cr_assert_eq(dup2(null, 0), 0);
        cr_assert_not(sock_inherited(&fd), "a file");
        cr_assert_eq(dup2(listening, 0), 0);
        cr_assert_not(sock_inherited(&fd), "a socket that does not listen");
        cr_assert_eq(listen(listening, 1), 0);
        cr_assert(sock_inherited(&fd));
        cr_assert_eq(fd, 0);
        cr_assert(fcntl(0, F_GETFL) & O_NONBLOCK);
        cr_assert(fcntl(0, F_GETFD) & FD_CLOEXEC);
}

/* Of a process that was started with such an environment and such a third descriptor: -1, it
 * inherits nothing; or the descriptor, which is set up as it should be. */
static int inherited_with(bool is_own, const char *n, int third)
{
        pid_t pid = fork();
        int status, fd = -1;

        if (pid == 0) {
                char whose[16];

                snprintf(whose, sizeof(whose), "%d", is_own ? getpid() : getppid());
                setenv("LISTEN_PID", whose, 1);
                setenv("LISTEN_FDS", n, 1);
                dup2(open("/dev/null", O_RDONLY), 0);
                dup2(third, 3);
                if (!sock_inherited(&fd))
                        _exit(100);
                _exit((fcntl(fd, F_GETFL) & O_NONBLOCK) && (fcntl(fd, F_GETFD) & FD_CLOEXEC) ? fd
                                                                                             : 101);
        }
        cr_assert_eq(waitpid(pid, &status, 0), pid);
        cr_assert(WIFEXITED(status));
        return WEXITSTATUS(status) == 100 ? -1 : WEXITSTATUS(status);
}

Test(sock, what_systemd_passes_is_taken_by_whom_it_is_meant_for)
{
        int listening = open_at(address), silent = socket(AF_INET, SOCK_STREAM, 0);

        cr_assert_eq(inherited_with(true, "1", listening), 3);
        cr_assert_eq(inherited_with(true, "2", listening), 3, "the first of several");
        cr_assert_eq(inherited_with(true, "0", listening), -1, "there is none");
        cr_assert_eq(inherited_with(false, "1", listening), -1, "it is the parent's");
        cr_assert_eq(inherited_with(true, "1", silent), -1, "it does not listen");
        close(listening);
        close(silent);
}

Test(sock, unlink_removes_what_is_dead_alone)
{
        int fd = open_at(address);

        sock_unlink(address);
        cr_assert_eq(access(path, F_OK), 0, "somebody answers");
        close(fd);
        sock_unlink("tcp:127.0.0.1:9000");
        sock_unlink(address);
        cr_assert_eq(access(path, F_OK), -1);
        sock_unlink(address);
        close(open(path, O_CREAT | O_WRONLY, 0600));
        sock_unlink(address);
        cr_assert_eq(access(path, F_OK), 0, "no socket");
}

/* ---- accepting ---- */

/* A listener with the descriptors that it was given. */
struct door {
        struct sock_listener listener;
        int fds[1024];
        unsigned n;
        unsigned cap;
        bool close_after_first;
};

static void door_on_accept(struct sock_listener *listener, int fd)
{
        struct door *door = container_of(listener, struct door, listener);

        door->fds[door->n++] = fd;
        if (door->close_after_first)
                sock_listener_close(listener);
}

static unsigned door_room(struct sock_listener *listener)
{
        struct door *door = container_of(listener, struct door, listener);

        return door->cap - door->n;
}

static void door_open(struct door *door, unsigned cap)
{
        *door = (struct door){.cap = cap};
        door->listener.on_accept = door_on_accept;
        door->listener.room = door_room;
        cr_assert_eq(sock_listener_open(loop, &door->listener, open_at(address)), 0);
}

static void door_drop_one(struct door *door)
{
        close(door->fds[--door->n]);
        sock_listener_wake(&door->listener);
}

/* Turns until n are accepted; false after 10 s. */
static bool door_awaits(const struct door *door, unsigned n)
{
        int64_t end_ms = clock_monotonic_ms() + 10000;

        while (door->n < n && clock_monotonic_ms() < end_ms)
                cr_assert_eq(loop_turn(loop, 50), 0);
        return door->n == n;
}

static void turn_for(int64_t ms)
{
        int64_t end_ms = clock_monotonic_ms() + ms;

        while (clock_monotonic_ms() < end_ms)
                cr_assert_eq(loop_turn(loop, 10), 0);
}

/* In a child, so that the clients' descriptors are not ours. */
static void clients_run(pid_t parent, unsigned n)
{
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        close_range(3, ~0U, 0);
        for (unsigned i = 0; i < n; i++)
                connect_to_path();
        while (getppid() == parent)
                pause();
        _exit(0);
}

static pid_t clients_start(unsigned n)
{
        pid_t parent = getpid();
        pid_t pid = fork();

        cr_assert_geq(pid, 0);
        if (pid == 0)
                clients_run(parent, n);
        return pid;
}

static void clients_end(pid_t pid)
{
        cr_assert_eq(kill(pid, SIGKILL), 0);
        cr_assert_eq(waitpid(pid, NULL, 0), pid);
}

static int out_fd;

static void log_to_memory(void)
{
        out_fd = memfd_create("log", MFD_CLOEXEC);
        cr_assert_geq(out_fd, 0);
        log_setup(out_fd, LOG_FORMAT_TEXT, LOG_LEVEL_INFO);
}

static unsigned log_count(const char *words)
{
        static char text[65536];
        ssize_t n = pread(out_fd, text, sizeof(text) - 1, 0);
        unsigned count = 0;

        cr_assert_geq(n, 0);
        text[n] = '\0';
        for (const char *p = text; (p = strstr(p, words)) != NULL; p++)
                count++;
        return count;
}

static bool log_awaits(const char *words)
{
        int64_t end_ms = clock_monotonic_ms() + 10000;

        while (log_count(words) == 0 && clock_monotonic_ms() < end_ms)
                cr_assert_eq(loop_turn(loop, 50), 0);
        return log_count(words) > 0;
}

Test(sock, connections_are_given_away_non_blocking_and_close_on_exec)
{
        struct door door;
        pid_t pid;

        door_open(&door, 1024);
        pid = clients_start(200);
        cr_assert(door_awaits(&door, 200));
        for (unsigned i = 0; i < door.n; i++) {
                cr_assert(fcntl(door.fds[i], F_GETFL) & O_NONBLOCK);
                cr_assert(fcntl(door.fds[i], F_GETFD) & FD_CLOEXEC);
        }
        sock_listener_close(&door.listener);
        sock_listener_close(&door.listener);
        cr_assert_eq(connect_to_path(), -ECONNREFUSED, "closing closes the descriptor");
        clients_end(pid);
}

Test(sock, a_turn_takes_64_at_most)
{
        struct door door;

        door_open(&door, 1024);
        for (int i = 0; i < 100; i++)
                cr_assert_geq(connect_to_path(), 0);
        cr_assert_eq(loop_turn(loop, 1000), 0);
        cr_assert_eq(door.n, 64);
        cr_assert_eq(loop_turn(loop, 1000), 0);
        cr_assert_eq(door.n, 100);
}

Test(sock, tcp_connections_do_not_wait_for_nagle)
{
        struct door door = {.cap = 10};
        int fd = open_at("tcp:127.0.0.1:0");
        struct sockaddr_in sin = {.sin_family = AF_INET, .sin_port = htons(port_of(fd))};
        int client = socket(AF_INET, SOCK_STREAM, 0);
        int is_on = 0;
        socklen_t n = sizeof(is_on);

        door.listener.on_accept = door_on_accept;
        door.listener.room = door_room;
        cr_assert_eq(sock_listener_open(loop, &door.listener, fd), 0);
        sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        cr_assert_eq(connect(client, (struct sockaddr *)&sin, sizeof(sin)), 0);
        cr_assert(door_awaits(&door, 1));
        cr_assert_eq(getsockopt(door.fds[0], IPPROTO_TCP, TCP_NODELAY, &is_on, &n), 0);
        cr_assert(is_on);
}

Test(sock, the_handler_may_close_the_listener)
{
        struct door door;
        pid_t pid;

        door_open(&door, 1024);
        door.close_after_first = true;
        pid = clients_start(5);
        cr_assert(door_awaits(&door, 1));
        turn_for(50);
        cr_assert_eq(door.n, 1);
        clients_end(pid);
}

Test(sock, closing_what_was_never_open_is_harmless)
{
        struct sock_listener listener = {0};

        sock_listener_close(&listener);
        sock_listener_wake(&listener);
        cr_assert_neq(fcntl(0, F_GETFD), -1, "descriptor 0 is not a zeroed listener's");
}

Test(sock, at_the_cap_it_rests_and_a_wake_lets_one_in)
{
        struct door door;
        pid_t pid;

        log_to_memory();
        door_open(&door, 10);
        pid = clients_start(20);
        cr_assert(door_awaits(&door, 10));
        turn_for(INT64_C(3) * SOCK_REST_MS);
        cr_assert_eq(door.n, 10);
        cr_assert_eq(log_count("No new connections"), 1);
        cr_assert_eq(log_count("connections_max"), 1);

        door_drop_one(&door);
        cr_assert_eq(door.n, 9);
        cr_assert_eq(loop_turn(loop, 1000), 0);
        cr_assert_eq(door.n, 10, "at once, not at the next timer");

        door_drop_one(&door);
        cr_assert(door_awaits(&door, 10));
        cr_assert_eq(log_count("No new connections"), 1, "one line for the whole of the rest");
        door.cap = 100;
        cr_assert(door_awaits(&door, 18));
        cr_assert(log_awaits("taken again"));
        cr_assert_eq(log_count("taken again"), 1);
        clients_end(pid);
}

static void limit_descriptors(rlim_t n)
{
        struct rlimit limit;

        cr_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
        limit.rlim_cur = n;
        cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static unsigned n_descriptors_free(void)
{
        int fds[512];
        unsigned n = 0;

        while (n < 512 && (fds[n] = open("/dev/null", O_RDONLY)) >= 0)
                n++;
        for (unsigned i = 0; i < n; i++)
                close(fds[i]);
        return n;
}

Test(sock, out_of_descriptors_it_keeps_the_reserve_and_recovers)
{
        struct door door;
        pid_t pid;
        unsigned n_full;

        log_to_memory();
        door_open(&door, 1024);
        pid = clients_start(400);
        limit_descriptors(400);
        cr_assert(log_awaits("No new connections"));
        n_full = door.n;
        cr_assert_gt(n_full, 300);
        cr_assert_eq(n_descriptors_free(), SOCK_RESERVE);

        turn_for(INT64_C(3) * SOCK_REST_MS);
        cr_assert_eq(door.n, n_full);
        cr_assert_eq(log_count("No new connections"), 1);
        cr_assert_eq(log_count("file descriptors"), 1);
        cr_assert_eq(n_descriptors_free(), SOCK_RESERVE,
                     "trying again costs nothing of the reserve");

        door_drop_one(&door);
        cr_assert(door_awaits(&door, n_full), "one left, one came");
        limit_descriptors(600);
        cr_assert(door_awaits(&door, 399), "a higher limit is noticed by the timer");
        cr_assert(log_awaits("taken again"));
        clients_end(pid);
}

Test(sock, a_small_limit_keeps_a_quarter_in_reserve)
{
        struct door door;
        pid_t pid;

        log_to_memory();
        door_open(&door, 1024);
        pid = clients_start(60);
        limit_descriptors(40);
        cr_assert(log_awaits("No new connections"));
        cr_assert_eq(n_descriptors_free(), 10);
        clients_end(pid);
}

Test(sock, with_no_descriptor_left_at_all_it_rests_and_recovers)
{
        struct door door;
        pid_t pid;
        int fds[512];
        unsigned n = 0;

        log_to_memory();
        door_open(&door, 1024);
        pid = clients_start(3);
        limit_descriptors(100);
        while ((fds[n] = open("/dev/null", O_RDONLY)) >= 0)
                n++;
        cr_assert_eq(errno, EMFILE);
        cr_assert(log_awaits("No new connections"));
        cr_assert_eq(door.n, 0);
        while (n > 0)
                close(fds[--n]);
        cr_assert(door_awaits(&door, 3));
        cr_assert(log_awaits("taken again"));
        clients_end(pid);
}
