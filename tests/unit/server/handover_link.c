/* Two ends of a link, in a loop: lines, descriptors, and what is none. */
#include "../../../app/server/handover_link.h"

#include "../check.h"
#include "mgw/base/alloc.h"
#include "mgw/wire/rpc.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

struct end {
        struct handover_link link;
        unsigned n_lines;
        char last[64]; /* what the last line was */
        ino_t inode;   /* of the descriptor that it brought; 0: none */
        size_t n_text;
        char why[64]; /* "": it has not ended */
        bool closes;
};

static struct loop *loop;
static struct end here, there;

static void on_line(struct handover_link *link, const char *what, json_t *line)
{
        struct end *end = container_of(link, struct end, link);
        struct stat st;

        end->n_lines++;
        snprintf(end->last, sizeof(end->last), "%s", what);
        end->n_text = json_string_length(json_object_get(line, "text"));
        end->inode = link->line_fd >= 0 && fstat(link->line_fd, &st) == 0 ? st.st_ino : 0;
        if (end->closes)
                handover_link_close(link);
}

static void on_end(struct handover_link *link, const char *why)
{
        struct end *end = container_of(link, struct end, link);

        snprintf(end->why, sizeof(end->why), "%s", why);
}

static void end_init(struct end *end)
{
        *end = (struct end){.link = {.on_line = on_line, .on_end = on_end}};
        handover_link_init(&end->link);
}

static void set_up(void)
{
        int fds[2];

        end_init(&here);
        end_init(&there);
        cr_assert_eq(loop_create(&loop), 0);
        cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
        handover_link_open(&here.link, fds[0]);
        handover_link_open(&there.link, fds[1]);
        cr_assert_eq(handover_link_join(&here.link, loop), 0);
        cr_assert_eq(handover_link_join(&there.link, loop), 0);
}

static void tear_down(void)
{
        handover_link_close(&here.link);
        handover_link_close(&there.link);
        loop_destroy(loop);
}

TestSuite(handover_link, .init = set_up, .fini = tear_down, .timeout = 60);

static void turns(unsigned n)
{
        for (unsigned i = 0; i < n; i++)
                cr_assert_eq(loop_turn(loop, 0), 0);
}

static json_t *text_line(size_t n)
{
        char *text = malloc(n + 1);
        json_t *line;

        memset(text, 'x', n);
        text[n] = '\0';
        line = json_pack("{s:s}", "text", text);
        free(text);
        return line;
}

Test(handover_link, each_line_brings_its_own_descriptor)
{
        struct stat st;
        int fds[2];

        signal(SIGPIPE, SIG_IGN);
        cr_assert_eq(pipe2(fds, O_CLOEXEC), 0);
        cr_assert_eq(fstat(fds[0], &st), 0);
        handover_link_say_take(&here.link, "plain", json_object(), -1);
        handover_link_say_take(&here.link, "with", json_object(), fds[0]);
        turns(4);
        check_str(str_from(there.last), STR("with"));
        check_int((int)there.n_lines, 2);
        cr_assert_eq(there.inode, st.st_ino);
        cr_assert_eq(write(fds[1], "x", 1), -1, "what nobody has taken is closed");
        handover_link_say_take(&here.link, "plain", json_object(), -1);
        turns(4);
        cr_assert_eq(there.inode, 0);
        close(fds[1]);
}

Test(handover_link, many_and_long_lines_wait_until_there_is_room)
{
        for (unsigned i = 0; i < 200; i++)
                handover_link_say_take(&here.link, "long", text_line(100000), dup(STDERR_FILENO));
        cr_assert(!handover_link_is_flushed(&here.link));
        turns(2000);
        check_int((int)there.n_lines, 200);
        check_int((int)there.n_text, 100000);
        cr_assert(there.inode != 0 && handover_link_is_flushed(&here.link));
}

static void check_ends(struct str bytes, const char *why)
{
        tear_down();
        set_up();
        cr_assert_eq(write(here.link.io.fd, bytes.p, bytes.n), (ssize_t)bytes.n);
        turns(8);
        cr_assert_not_null(strstr(there.why, why), "%s, not %s", there.why, why);
        cr_assert(!handover_link_is_open(&there.link));
}

Test(handover_link, what_is_no_line_ends_it)
{
        check_ends(STR("nonsense\n"), "JSON");
        check_ends(STR("\n"), "JSON");
        check_ends(STR("[1]\n"), "says nothing");
        check_ends(STR("{\"do\":7}\n"), "says nothing");
        check_ends(STR("{\"do\":\"a\"}\n{\n"), "JSON");
        check_int((int)there.n_lines, 1);
}

Test(handover_link, a_line_without_an_end_ends_it)
{
        char *bytes = malloc(1u << 20);

        memset(bytes, 'x', 1u << 20);
        for (size_t n = 0; n < HANDOVER_LINE_MAX_BYTES && handover_link_is_open(&there.link);) {
                ssize_t r = write(here.link.io.fd, bytes, 1u << 20);

                n += r > 0 ? (size_t)r : 0;
                turns(1);
        }
        turns(8);
        check_str(str_from(there.why), STR("a line that is too long"));
        free(bytes);
}

Test(handover_link, what_has_come_is_heard_though_nothing_can_be_said)
{
        there.link.loop = NULL;
        handover_link_say_take(&here.link, "refuse", json_object(), -1);
        handover_link_close(&here.link);
        handover_link_say_take(&there.link, "ready", json_object(), -1);
        (void)handover_link_wait(&there.link, 0);
        check_str(str_from(there.last), STR("refuse"));
}

static unsigned n_open(void)
{
        unsigned n = 0;

        for (int fd = 0; fd < 256; fd++)
                n += fcntl(fd, F_GETFD) >= 0;
        return n;
}

Test(handover_link, descriptors_that_nobody_has_asked_for_are_closed)
{
        unsigned before = n_open();

        for (unsigned i = 0; i < 20; i++) {
                int fds[2] = {STDERR_FILENO, STDERR_FILENO};
                union {
                        struct cmsghdr head;
                        char space[CMSG_SPACE(sizeof(fds))];
                } control = {.head = {CMSG_LEN(sizeof(fds)), SOL_SOCKET, SCM_RIGHTS}};
                struct iovec iov = {"{\"do\":\"a\"}\n", 11};
                struct msghdr msg = {.msg_iov = &iov,
                                     .msg_iovlen = 1,
                                     .msg_control = &control,
                                     .msg_controllen = sizeof(control)};

                memcpy(CMSG_DATA(&control.head), fds, sizeof(fds));
                cr_assert_eq(sendmsg(here.link.io.fd, &msg, MSG_NOSIGNAL), 11);
                turns(2);
        }
        check_int((int)there.n_lines, 20);
        cr_assert_leq(n_open(), before + 4);
        handover_link_close(&there.link);
        check_int((int)n_open(), (int)before - 1);
}

Test(handover_link, a_line_that_is_too_long_is_left_out)
{
        handover_link_say_take(&here.link, "long", text_line(HANDOVER_LINE_MAX_BYTES), -1);
        handover_link_say_take(&here.link, "next", json_object(), -1);
        turns(8);
        check_int((int)there.n_lines, 1);
        check_str(str_from(there.last), STR("next"));
}

Test(handover_link, more_than_may_wait_ends_it)
{
        for (unsigned i = 0; i < 20 && here.why[0] == '\0'; i++) {
                handover_link_say_take(&here.link, "long", text_line(30u << 20), -1);
                cr_assert_leq(here.link.bytes, HANDOVER_QUEUE_MAX_BYTES);
        }
        cr_assert_eq(here.why[0], '\0', "not within");
        turns(1);
        cr_assert(here.why[0] != '\0' && !handover_link_is_open(&here.link));
}

Test(handover_link, it_may_be_closed_while_it_is_heard)
{
        there.closes = true;
        handover_link_say_take(&here.link, "one", json_object(), dup(STDERR_FILENO));
        handover_link_say_take(&here.link, "two", json_object(), dup(STDERR_FILENO));
        turns(4);
        check_int((int)there.n_lines, 1);
        check_str(str_from(there.why), STR(""));
        cr_assert(here.why[0] != '\0' && !handover_link_is_open(&here.link));
        handover_link_say_take(&here.link, "three", json_object(), dup(STDERR_FILENO));
}
