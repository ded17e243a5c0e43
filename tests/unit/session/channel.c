/* Channels and the streams that carry them, down to the bytes that a client reads: the FastCGI
 * server is the real one. */
#include "mgw/session/channel.h"
#include "mgw/config/config.h"

#include "../check.h"
#include "mgw/base/log.h"
#include "mgw/core/share.h"
#include "mgw/core/work.h"
#include "mgw/fastcgi/fcgi_server.h"
#include "mgw/observe/metrics.h"
#include "mgw/observe/recent.h"
#include "mgw/session/session.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static char node[] = "n";
static char email[] = "a@example.com";

static struct config config = {
        .node = node,
        .sessions_max = 10,
        .session_idle_ms = 60000,
        .retry_ms = 1000,
        .answer_timeout_ms = 60000,
        .body_timeout_ms = 60000,
        .connections_max = 100,
        .head_max_bytes = 4096,
        .stream_queue_max_bytes = 65536,
        .replay_max_bytes = 65536,
};
static struct context context;
static struct user user = {.email = email};
static struct fcgi_server *server;
static struct sockaddr_un address;
static socklen_t address_n = sizeof(address);
static struct request *arrived;
static struct session *session;

static bool on_head(struct request *req)
{
        request_set_share(req, share_hold(context.own_share));
        return true;
}

static void on_request(struct request *req)
{
        arrived = req;
}

static const struct fcgi_server_events events = {.on_head = on_head, .on_request = on_request};

static void turn(void)
{
        cr_assert_eq(loop_turn(context.loop, 0), 0);
}

static void open_session(enum upstream_client_kind kind, const char *revision)
{
        struct identity *identity = identity_create(IDENTITY_FILE, &user);

        cr_assert_eq(session_create(&context, identity, context.own_share, kind, &session), 0);
        cr_assert_eq(era_revision_find(str_from(revision), &session->client.revision), 0);
        identity_let_go(identity);
}

static void set_up(void)
{
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

        log_setup(STDERR_FILENO, LOG_FORMAT_TEXT, LOG_LEVEL_ERROR);
        context.config = &config;
        context.streams_max = 100;
        replay_pool_init(&context.replay, 1 << 20, 60000);
        stream_context_init(&context);
        session_context_init(&context);
        cr_assert_eq(loop_create(&context.loop), 0);
        cr_assert_eq(children_create(context.loop, &context.children), 0);
        share_context_init(&context);
        work_context_init(&context);
        metrics_create(&context);
        recent_create(&context);
        address.sun_family = AF_UNIX; /* the kernel names it */
        cr_assert_eq(bind(fd, (struct sockaddr *)&address, sizeof(address.sun_family)), 0);
        cr_assert_eq(getsockname(fd, (struct sockaddr *)&address, &address_n), 0);
        cr_assert_eq(listen(fd, 10), 0);
        cr_assert_eq(fcgi_server_create(&context, fd, &events, &server), 0);
        open_session(UPSTREAM_CLIENT_SESSION, "2025-11-25");
}

/* All that was kept is gone, and nobody pays for anything any more. */
static void tear_down(void)
{
        session_end_all(&context);
        fcgi_server_stop_listening(server);
        fcgi_server_destroy(server);
        turn();
        check_int(context.replay.bytes, 0);
        check_int(context.ledger.bytes, 0);
        check_int(context.stats.n_streams, 0);
        share_context_finish(&context);
        children_destroy(context.children);
        recent_destroy(context.recent);
        metrics_destroy(context.metrics);
        loop_destroy(context.loop);
}

TestSuite(channel, .init = set_up, .fini = tear_down, .timeout = 60);

/* A client's GET. Returns its end of the connection. */
static int get(const char *last_event_id)
{
        static const char head[] = "POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n";
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        cr_assert_eq(connect(fd, (struct sockaddr *)&address, address_n), 0);
        cr_assert_eq(send(fd, head, sizeof(head) - 1, 0), (ssize_t)sizeof(head) - 1);
        arrived = NULL;
        while (arrived == NULL)
                turn();
        session_open_get(session, arrived, str_from(last_event_id));
        return fd;
}

/* What has come since the last look: events alone, without head and chunks. */
static const char *seen(int fd)
{
        static char bytes[65536], all[65536];
        ssize_t n;
        size_t n_all = 0;

        turn();
        n = recv(fd, bytes, sizeof(bytes) - 1, MSG_DONTWAIT);
        bytes[n > 0 ? n : 0] = '\0';
        all[0] = '\0';
        for (char *rest = bytes, *line; (line = strsep(&rest, "\n")) != NULL;)
                if (strncmp(line, "id: ", 4) == 0 || strncmp(line, "data: ", 6) == 0)
                        n_all += (size_t)snprintf(all + n_all, sizeof(all) - n_all, "%s\n", line);
        return all;
}

static bool has_ended(int fd)
{
        char c;

        turn();
        return recv(fd, &c, 1, MSG_DONTWAIT) == 0;
}

#define check_seen(fd, expected) check_str(str_from(seen(fd)), STR(expected))

static void deliver(int n)
{
        json_t *msg = json_integer(n);

        session_deliver(session, msg);
        json_decref(msg);
}

static void send_on(struct channel *channel, int n)
{
        json_t *msg = json_integer(n);

        channel_send(session, channel, NULL, msg);
        json_decref(msg);
}

/* What is kept, "ID=TEXT " each; * when it has not been sent. */
static const char *kept(void)
{
        static char all[1000];
        char id[REPLAY_ID_SIZE];
        size_t n = 0;

        all[0] = '\0';
        if (session->replay == NULL)
                return all;
        list_for_each (it, &session->replay->entries) {
                const struct replay_entry *e = container_of(it, struct replay_entry, node);

                replay_id_print(e->id, id);
                n += (size_t)snprintf(all + n, sizeof(all) - n, "%s=%.*s%s ", id, (int)e->n,
                                      e->data, e->was_sent ? "" : "*");
        }
        return all;
}

#define check_kept(expected) check_str(str_from(kept()), STR(expected))

/* ---- numbers ---- */

Test(channel, those_of_posts_are_odd_and_none_has_anothers_number)
{
        struct channel a = channel_new(session, false), b = channel_new(session, true),
                       c = channel_new(session, false), d = channel_new(session, true);

        check_int(a.no, 2);
        check_int(b.no, 5);
        check_int(c.no, 6);
        check_int(d.no, 9);
        cr_assert(channel_is_post(&b) && channel_is_post(&d));
        cr_assert(!channel_is_post(&a) && !channel_is_post(&c));
}

Test(channel, each_counts_its_own_events_and_keeps_them)
{
        struct channel a = channel_new(session, false), b = channel_new(session, true);

        send_on(&a, 1);
        send_on(&b, 2);
        send_on(&a, 3);
        check_kept("2-1=1* 5-1=2* 2-2=3* ");
}

Test(channel, an_event_in_parts_has_a_number_and_is_not_kept)
{
        struct channel a = channel_new(session, true), none = {0};
        struct buf out;

        buf_init(&out, 1000);
        send_on(&a, 1);
        check_int(channel_begin_event(&a, &out), 0);
        send_on(&a, 3);
        check_str(buf_bytes(&out), STR("event: message\nid: 3-2\ndata: "));
        check_kept("3-1=1* 3-3=3* ");
        buf_finish(&out);
        buf_init(&out, 1000);
        check_int(channel_begin_event(&none, &out), 0);
        check_str(buf_bytes(&out), STR("event: message\ndata: "));
        buf_finish(&out);
}

Test(channel, other_eras_have_none)
{
        session_end(session);
        open_session(UPSTREAM_CLIENT_SSE, "2024-11-05");
        struct channel none = channel_new(session, false);

        check_int(none.no, 0);
        send_on(&none, 1);
        deliver(2);
        check_int(none.seq, 0);
        check_kept("");
        check_int(session->lost.no, 0);
}

Test(channel, a_stream_begins_with_an_id_where_the_revision_has_it)
{
        char out[CHANNEL_FIRST_SIZE];
        struct replay_id longest = {UINT32_MAX, UINT32_MAX};

        check_str(channel_first(session, longest, out),
                  STR("id: 4294967295-4294967295\ndata: \n\n"));
        check_str(channel_first(session, (struct replay_id){0}, out), STR(SSE_OPEN));
        session_end(session);
        open_session(UPSTREAM_CLIENT_SESSION, "2025-06-18");
        check_str(channel_first(session, longest, out), STR(SSE_OPEN));
}

/* ---- streams ---- */

Test(channel, what_came_while_no_stream_was_open_goes_out_on_the_next)
{
        deliver(1);
        deliver(2);
        check_kept("2-1=1* 2-2=2* ");
        int fd = get("");
        check_seen(fd, "id: 2-0\ndata: \nid: 2-1\ndata: 1\nid: 2-2\ndata: 2\n");
        check_kept("2-1=1 2-2=2 ");
        check_int(session->lost.no, 0);
        deliver(3);
        check_seen(fd, "id: 2-3\ndata: 3\n");
        close(fd);
}

Test(channel, only_the_newest_stream_is_sent_what_belongs_to_no_post)
{
        int a = get(""), b = get("");

        check_seen(a, "id: 2-0\ndata: \n");
        check_seen(b, "id: 4-0\ndata: \n");
        deliver(1);
        check_seen(a, "");
        check_seen(b, "id: 4-1\ndata: 1\n");
        close(b);
        turn();
        deliver(2);
        check_seen(a, "id: 2-1\ndata: 2\n");
        close(a);
}

Test(channel, an_announcement_has_no_number_and_is_not_kept)
{
        cr_assert(!channel_announce(session, STR("0")));
        int fd = get("");
        (void)seen(fd);
        cr_assert(channel_announce(session, STR("1")));
        deliver(2);
        check_seen(fd, "data: 1\nid: 2-1\ndata: 2\n");
        check_kept("2-1=2 ");
        close(fd);
}

/* ---- which one a GET goes on with ---- */

Test(channel, who_names_an_event_is_sent_what_came_behind_it_and_the_old_stream_ends)
{
        int old = get(""), fd;

        deliver(1);
        deliver(2);
        deliver(3);
        fd = get("2-1");
        (void)seen(old);
        cr_assert(has_ended(old));
        check_seen(fd, "id: 2-1\ndata: \nid: 2-2\ndata: 2\nid: 2-3\ndata: 3\n");
        check_int(session->lost.no, 0);
        deliver(4);
        check_seen(fd, "id: 2-4\ndata: 4\n");
        close(old);
        close(fd);
}

Test(channel, who_names_no_event_goes_on_with_the_lost_channel_and_is_sent_what_never_went_out)
{
        int fd = get("");

        deliver(1);
        close(fd);
        turn();
        check_int(session->lost.no, 2);
        deliver(2);
        fd = get("");
        check_seen(fd, "id: 2-1\ndata: \nid: 2-2\ndata: 2\n");
        close(fd);
}

Test(channel, a_new_one_begins_where_the_event_can_be_none_of_the_session)
{
        static const char *const ids[] = {"4-1", "1-1", "0-1", "4294967295-7", "2", "no", ""};
        uint32_t last = channel_new(session, false).no;
        struct replay_id from;

        for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
                struct channel c = channel_resume(session, str_from(ids[i]), &from);

                check_int(c.no, last + 2);
                check_int(c.seq, 0);
                cr_assert(from.stream == c.no && from.seq == 0, "%s", ids[i]);
                session->last_channel = last;
        }
}

Test(channel, anothers_event_leaves_the_lost_channel_where_it_is)
{
        int fd = get(""), other;

        deliver(1);
        close(fd);
        fd = get(""); /* 2 is lost: goes on with it */
        other = get("");
        close(other);
        turn();
        check_int(session->lost.no, 4);
        close(fd);
        turn();
        check_int(session->lost.no, 2);
        other = get("4-0");
        check_seen(other, "id: 4-0\ndata: \n");
        check_int(session->lost.no, 2);
        close(other);
}

Test(channel, of_a_post_that_is_over_the_rest_is_sent_and_the_stream_ends)
{
        struct channel post = channel_new(session, true);
        int fd;

        send_on(&post, 1);
        send_on(&post, 2);
        fd = get("3-1");
        check_seen(fd, "id: 3-1\ndata: \nid: 3-2\ndata: 2\n");
        cr_assert(has_ended(fd));
        close(fd);
}

Test(channel, one_that_is_neither_live_nor_lost_counts_on_behind_what_is_kept)
{
        int a = get(""), b;

        deliver(1);
        deliver(2);
        b = get("");
        close(a);
        turn();
        close(b);
        turn();
        check_int(session->lost.no, 4);
        a = get("2-1");
        check_seen(a, "id: 2-1\ndata: \nid: 2-2\ndata: 2\n");
        deliver(3);
        check_seen(a, "id: 2-3\ndata: 3\n");
        close(a);
}
