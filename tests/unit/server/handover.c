/* One process takes over from another: the test is the one, and says what it likes. */
#include "../../world/fcgi_client.h"
#include "../check.h"
#include "../json.h"
#include "client.h"
#include "gateway.h"
#include "mgw/mcp/task_id.h"
#include "servers.h"
#include "users.h"

#include <fastcgi.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define U "'u':{'url':'http://u.example/mcp'}"
#define LINES_MAX_BYTES (1u << 20)

static struct client c, d;
static int link_fd = -1;
static char lines[LINES_MAX_BYTES + 1]; /* that have come, and have not been heard */
static size_t n_lines;

static void say_with(const char *line, int fd)
{
        char text[4096];
        union {
                struct cmsghdr head;
                char space[CMSG_SPACE(sizeof(int))];
        } control = {.head = {CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS}};
        struct iovec iov = {text, (size_t)snprintf(text, sizeof(text), "%s\n", line)};
        struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

        for (char *at = text; *at != '\0'; at++)
                *at = *at == '\'' ? '"' : *at;
        memcpy(CMSG_DATA(&control.head), &fd, sizeof(fd));
        if (fd >= 0) {
                msg.msg_control = &control;
                msg.msg_controllen = sizeof(control.space);
        }
        cr_assert_eq(sendmsg(link_fd, &msg, MSG_NOSIGNAL), (ssize_t)iov.iov_len);
}

static void say(const char *line)
{
        say_with(line, -1);
}

/* Reads what is there; descriptors that come with it are closed. */
static void hear(void)
{
        union {
                struct cmsghdr head;
                char space[CMSG_SPACE(sizeof(int))];
        } control;

        for (;;) {
                struct iovec iov = {lines + n_lines, LINES_MAX_BYTES - n_lines};
                struct msghdr msg = {.msg_iov = &iov,
                                     .msg_iovlen = 1,
                                     .msg_control = &control,
                                     .msg_controllen = sizeof(control)};
                ssize_t n = recvmsg(link_fd, &msg, MSG_DONTWAIT);
                int fd;

                if (n <= 0)
                        break;
                n_lines += (size_t)n;
                if (CMSG_FIRSTHDR(&msg) == NULL)
                        continue;
                memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(fd));
                close(fd);
        }
        lines[n_lines] = '\0';
}

/* The next line that does that; what comes before it is passed over. The caller's. NULL: none. */
static json_t *heard(const char *what)
{
        hear();
        while (n_lines > 0) {
                char *end = memchr(lines, '\n', n_lines);
                size_t n = end != NULL ? (size_t)(end - lines) + 1 : n_lines;
                json_t *line = end != NULL ? json_loadb(lines, n, 0, NULL) : NULL;

                if (line == NULL)
                        return NULL;
                memmove(lines, lines + n, n_lines - n + 1);
                n_lines -= n;
                if (strcmp(json_text_at(line, "do"), what) == 0)
                        return line;
                json_decref(line);
        }
        return NULL;
}

static bool hears(const char *what)
{
        json_t *line = heard(what);

        json_decref(line);
        return line != NULL;
}

static bool is_served(struct client *who, int id)
{
        struct answer *a = client_ask(who, id, "tools/call", "{'name':'u_t','arguments':{}}");

        gateway_pass_ms(3000);
        return json_at(client_answer(who, a, id), "result") != NULL;
}

static struct sockaddr_un address_of(const char *path)
{
        struct sockaddr_un sun = {.sun_family = AF_UNIX};

        cr_assert_lt(strlen(path), sizeof(sun.sun_path));
        strcpy(sun.sun_path, path);
        return sun;
}

/* ---- the test takes over ---- */

static void knock(void)
{
        struct sockaddr_un sun;
        char path[100];

        snprintf(path, sizeof(path), "%s.handover", gateway_socket());
        sun = address_of(path);
        n_lines = 0;
        link_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        cr_assert_eq(connect(link_fd, (const struct sockaddr *)&sun, sizeof(sun)), 0);
        gateway_settle();
}

static void leave(void)
{
        close(link_fd);
        gateway_settle();
}

static void say_and_settle(const char *line)
{
        say(line);
        gateway_settle();
}

Test(handover, who_says_hello_twice_is_refused_and_all_goes_on)
{
        gateway_start(U, "");
        client_open(&c, "2025-11-25", "{}");
        knock();
        say_and_settle("{'do':'hello','protocol':1,'pid':1}");
        cr_assert(hears("welcome"));
        say_and_settle("{'do':'hello','protocol':1,'pid':1}");
        cr_assert(hears("refuse"));
        leave();
        gateway_pass_ms(1000);
        cr_assert(is_served(&c, 1));
        client_open(&d, "2025-11-25", "{}");
        cr_assert(is_served(&d, 2), "it accepts again");
        knock();
        say_and_settle("{'do':'hello','protocol':1,'pid':1}");
        cr_assert(hears("welcome"), "another may take over");
        leave();
        gateway_stop();
}

Test(handover, who_is_silent_is_refused_and_all_goes_on)
{
        gateway_start(U, "");
        knock();
        say_and_settle("{'do':'hello','protocol':1,'pid':1}");
        cr_assert(hears("welcome"));
        gateway_pass_ms(11000);
        cr_assert(hears("refuse"));
        leave();
        client_open(&c, "2025-11-25", "{}");
        cr_assert(is_served(&c, 1));
        gateway_stop();
}

static void take_over(void)
{
        knock();
        say_and_settle("{'do':'hello','protocol':1,'pid':1}");
        cr_assert(hears("welcome"));
        say_and_settle("{'do':'ready'}");
        cr_assert(hears("go"));
}

Test(handover, the_first_signal_to_a_process_that_is_replaced_cuts_no_call)
{
        struct sent *call;
        struct answer *a;

        gateway_start(U, "");
        servers_keep("tools/call");
        client_open(&c, "2025-11-25", "{}");
        a = client_ask(&c, 1, "tools/call", "{'name':'u_t','arguments':{}}");
        call = servers_await("tools/call");
        take_over();
        gateway_signal(SIGTERM);
        cr_assert_not(gateway_is_over());
        sent_result(call, "'content':[]");
        cr_assert_not_null(json_at(client_answer(&c, a, 1), "result"), "%s", gateway_log());
        leave();
        gateway_pass_ms(10000);
        cr_assert(gateway_is_over());
        check_int(gateway_stop(), 0);
}

Test(handover, a_signal_while_another_gets_ready_waits_for_it)
{
        gateway_start(U, "");
        client_open(&c, "2025-11-25", "{}");
        client_listen(&c, NULL);
        knock();
        say_and_settle("{'do':'hello','protocol':1,'pid':1}");
        cr_assert(hears("welcome"));
        gateway_signal(SIGTERM);
        gateway_pass_ms(3000);
        cr_assert_not(answer_is_closed(c.stream), "%s", gateway_log());
        say_and_settle("{'do':'ready'}");
        cr_assert(hears("session"));
        cr_assert(hears("stream"));
        leave();
        gateway_pass_ms(1000);
        cr_assert(gateway_is_over());
        check_int(gateway_stop(), 0);
}

Test(handover, a_signal_counts_where_the_other_does_not_come)
{
        gateway_start(U, "");
        client_open(&c, "2025-11-25", "{}");
        knock();
        say_and_settle("{'do':'hello','protocol':1,'pid':1}");
        gateway_signal(SIGTERM);
        cr_assert_not(gateway_is_over());
        leave();
        gateway_pass_ms(3000);
        cr_assert(gateway_is_over());
        check_int(gateway_stop(), 0);
}

#define V "'v':{'url':'http://v.example/mcp'}"

#define ONE_TOOL "'drain_s':25},'policy':{'rules':[{'who':['*'],'allow':{'tools':['u_t']}}]"
#define TASKS "{'extensions':{'io.modelcontextprotocol/tasks':{}}}"
#define TASK                                                                                       \
        "'resultType':'task','taskId':'k','status':'working','ttlMs':1000,"                        \
        "'createdAt':'2026-01-01T00:00:00Z','lastUpdatedAt':'2026-01-01T00:00:00Z'"

Test(handover, by_which_tool_a_task_was_begun_is_told)
{
        struct answer *a;
        json_t *tasks;
        const char *id;

        gateway_start(U, ONE_TOOL);
        servers_are(SERVERS_STATELESS);
        servers_keep("tools/call");
        client_open(&c, STATELESS, TASKS);
        for (int i = 1; i <= 2; i++) {
                a = client_ask(&c, i, "tools/call", "{'name':'u_t','arguments':{}}");
                if (i == 2)
                        take_over();
                sent_result(servers_await("tools/call"), TASK);
                id = json_text_at(client_answer(&c, a, i), "result/taskId");
                cr_assert_str_neq(id, "", "%s", gateway_log());
                if (i == 1)
                        continue;
                for (int n = 0; n < 2; n++) {
                        tasks = heard("tasks");
                        cr_assert_str_eq(
                                json_string_value(json_object_get(json_at(tasks, "tools"), id)),
                                "u_t");
                        json_decref(tasks);
                }
        }
        leave();
        gateway_stop();
}

Test(handover, a_reload_meanwhile_goes_to_the_new_process)
{
        gateway_start(U, "");
        knock();
        say_and_settle("{'do':'hello','protocol':1,'pid':1}");
        gateway_reload(V, "");
        say_and_settle("{'do':'ready'}");
        cr_assert(hears("go"));
        cr_assert(hears("reload"));
        gateway_reload(U, "");
        cr_assert(hears("reload"));
        cr_assert_null(strstr(gateway_log(), "configuration read again"));
        leave();
        gateway_stop();
}

Test(handover, a_reload_meanwhile_counts_where_the_other_does_not_come)
{
        gateway_start(U, "");
        client_open(&c, "2025-11-25", "{}");
        knock();
        say_and_settle("{'do':'hello','protocol':1,'pid':1}");
        gateway_reload(U "," V, "");
        leave();
        cr_assert_not_null(strstr(gateway_log(), "configuration read again"));
        cr_assert(is_served(&c, 1));
        gateway_stop();
}

Test(handover, who_watches_goes_on_at_the_new_process)
{
        struct answer *feed;

        gateway_start(U, "");
        feed = client_send(&(const struct client_request){
                .method = "GET", .uri = "/status/events", .is_inside = true});
        gateway_settle();
        check_int(answer_status(feed), 200);
        take_over();
        gateway_pass_ms(3000);
        cr_assert(answer_is_closed(feed));
        leave();
        gateway_pass_ms(1000);
        cr_assert(gateway_is_over(), "%s", gateway_log());
        check_int(gateway_stop(), 0);
}

/* All of a request but for its last bytes. */
static struct answer *begin_to_send(const struct client *who, const char *method, const char *body,
                                    const char *last_event_id, size_t n_left)
{
        const char *params[] = {"CONTENT_TYPE",
                                "application/json",
                                "HTTP_ACCEPT",
                                "application/json, text/event-stream",
                                "HTTP_MCP_SESSION_ID",
                                who->session,
                                last_event_id != NULL ? "HTTP_LAST_EVENT_ID" : NULL,
                                last_event_id,
                                NULL};
        struct answer *a = client_connect();
        struct buf all;

        buf_init(&all, LINES_MAX_BYTES);
        fcgi_client_write(
                &all, &(const struct fcgi_client_request){method, "/mcp", params, str_from(body)});
        answer_send(a, buf_bytes(&all).p, all.len - n_left);
        buf_finish(&all);
        return a;
}

Test(handover, a_request_that_is_still_coming_finds_its_session)
{
        static const char call[] = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\","
                                   "\"params\":{\"name\":\"u_t\",\"arguments\":{}}}";
        struct answer *a;
        char settled[200];

        gateway_start(U, "");
        client_open(&c, "2025-11-25", "{}");
        a = begin_to_send(&c, "POST", call, NULL, FCGI_HEADER_LEN + 1);
        take_over();
        snprintf(settled, sizeof(settled), "{'do':'settled','id':'%s'}", c.session);
        say_and_settle(settled);
        gateway_pass_ms(5000);
        answer_send(a, "}", 1);
        gateway_pass_ms(1000);
        cr_assert_not_null(json_at(client_answer(&c, a, 1), "result"), "%u %s", answer_status(a),
                           gateway_log());
        leave();
        gateway_stop();
}

Test(handover, a_stream_is_given_whose_request_came_in_pieces)
{
        gateway_start(U, "");
        client_open(&c, "2025-11-25", "{}");
        c.stream = begin_to_send(&c, "GET", "", NULL, 4);
        answer_send(c.stream, "\0\0\0\0", 4);
        check_int(answer_status(c.stream), 200);
        take_over();
        cr_assert(hears("stream"), "%s", gateway_log());
        leave();
        gateway_stop();
}

/* ---- the test is taken over from ---- */

static pthread_t giver;
static int door_fd = -1, served_fd = -1;
static void (*after_welcome)(void);

static int listen_at(const char *name)
{
        char file[100], path[120];
        struct sockaddr_un sun;
        int fd;

        snprintf(file, sizeof(file), "%s", gateway_file("x", ""));
        snprintf(path, sizeof(path), "%.*s%s", (int)strlen(file) - 1, file, name);
        sun = address_of(path);
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        cr_assert_eq(bind(fd, (const struct sockaddr *)&sun, sizeof(sun)), 0);
        cr_assert_eq(listen(fd, 8), 0);
        return fd;
}

static void await(const char *what)
{
        for (;;) {
                struct pollfd pollfd = {.fd = link_fd, .events = POLLIN};

                if (hears(what))
                        return;
                cr_assert_eq(poll(&pollfd, 1, 20000), 1);
        }
}

static void *give(void *arg)
{
        (void)arg;
        link_fd = accept(door_fd, NULL, NULL);
        await("hello");
        say_with("{'do':'welcome','was_inherited':false,'state_key':[],'fd':true}", served_fd);
        after_welcome();
        return NULL;
}

static void go(void)
{
        await("ready");
        close(door_fd);
        say("{'do':'go'}");
}

/* Before the gateway starts, which then takes over. */
static void begin_to_give(void (*then)(void))
{
        n_lines = 0;
        served_fd = listen_at("s");
        door_fd = listen_at("s.handover");
        after_welcome = then;
        cr_assert_eq(pthread_create(&giver, NULL, give, NULL), 0);
}

static void give_session(const char *id, const char *identity)
{
        char line[2000];

        snprintf(line, sizeof(line),
                 "{'do':'session','id':'%s','kind':1,'identity':%s,'revision':'2025-11-25',"
                 "'log_level':-1,'is_initialized':true,'last_channel':0,'last_server_request':0,"
                 "'lost':[0,0],'resources':{},'tasks':{},'init':{'protocolVersion':'2025-11-25',"
                 "'capabilities':{},'clientInfo':{'name':'t','version':'1'}}}",
                 id, identity);
        say_and_settle(line);
}

Test(handover, who_may_not_come_by_the_new_configuration_has_no_session_in_it)
{
        static const char *const strangers[] = {
                "{'source':0,'user':'anonymous','has_all_scopes':true,'expires_ms':0}",
                "{'source':1,'user':'eve@example.com','has_all_scopes':true,'expires_ms':0}",
                "{'source':2,'user':'eve@example.com','issuer':'i','expires_ms':99999999999999}",
                "{'source':3,'user':'eve@example.com','login':'l','expires_ms':99999999999999}",
        };
        json_t *end;

        begin_to_give(go);
        users_start_over(U, "");
        pthread_join(giver, NULL);
        for (size_t i = 0; i < sizeof(strangers) / sizeof(strangers[0]); i++) {
                give_session("n.stranger", strangers[i]);
                end = heard("end");
                cr_assert_not_null(end, "%zu: %s", i, gateway_log());
                cr_assert_str_eq(json_text_at(end, "id"), "n.stranger");
                cr_assert_not_null(strstr(gateway_log(), "may not come"), "%s", gateway_log());
                json_decref(end);
        }
        give_session("n.ada", "{'source':1,'user':'ada@example.com','has_all_scopes':true,"
                              "'expires_ms':0}");
        cr_assert_not(hears("end"), "%s", gateway_log());
        c = (struct client){
                .version = "2025-11-25", .authorization = users_ada, .session = "n.ada"};
        cr_assert(is_served(&c, 1), "%s", gateway_log());
        leave();
        gateway_stop();
}

/* Of a session that begins so, and a stream of it. */
static void give_odd(const char *session, const char *channel)
{
        char line[1000];
        int ends[2];

        cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
        snprintf(
                line, sizeof(line),
                "{'do':'session','id':'n.odd',%s,'is_initialized':true,'last_channel':4,'identity':"
                "{'source':0},'init':{'protocolVersion':'2025-11-25','capabilities':{}}}",
                session);
        say_and_settle(line);
        say_and_settle("{'do':'event','id':'n.odd','event':[4,1],'was_sent':false}");
        snprintf(line, sizeof(line),
                 "{'do':'stream','id':'n.odd','channel':%s,'request':1,'fd':true}", channel);
        say_with(line, ends[0]);
        say_and_settle("{'do':'message','id':'n.odd','message':'{\\\"jsonrpc\\\":\\\"2.0\\\","
                       "\\\"method\\\":\\\"notifications/x\\\"}'}");
        gateway_pass_ms(1000);
        close(ends[0]);
        close(ends[1]);
        gateway_settle();
        say_and_settle("{'do':'message','id':'n.odd','message':'{\\\"jsonrpc\\\":\\\"2.0\\\","
                       "\\\"method\\\":\\\"notifications/x\\\"}'}");
}

Test(handover, what_is_odd_in_a_record_is_left_out)
{
        static const char *const odd[][2] = {
                {"'kind':1,'revision':'2025-11-25','log_level':-1,'lost':[0,0]", "[3,7]"},
                {"'kind':1,'revision':'2025-11-25','log_level':-1,'lost':[5,1]", "[4,1]"},
                {"'kind':1,'revision':'2025-11-25','log_level':20000,'lost':[0,0]", "[4,1]"},
                {"'kind':2,'revision':'2024-11-05','log_level':-1,'lost':[4,1]", "[4,1]"},
        };

        for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
                begin_to_give(go);
                gateway_start_over(U, "");
                pthread_join(giver, NULL);
                give_odd(odd[i][0], odd[i][1]);
                leave();
                gateway_stop();
                close(served_fd);
        }
}

/* A call whose answer came by a stream; the id of its first event. */
static void call_by_stream(struct client *who, char id[64])
{
        struct answer *a = client_ask(who, 1, "tools/call", "{'name':'u_t','arguments':{}}");

        gateway_pass_ms(5000);
        cr_assert_null(answer_event(a));
        snprintf(id, 64, "%s", a->event_id);
        sent_result(servers_await("tools/call"), "'content':[]");
        cr_assert_not_null(client_answer(who, a, 1), "%s", gateway_log());
}

Test(handover, a_session_that_is_here_alone_asks_nothing_of_the_other_process)
{
        char id[64];

        begin_to_give(go);
        gateway_start_over(U, "");
        pthread_join(giver, NULL);
        servers_keep("tools/call");
        client_open(&c, "2025-11-25", "{}");
        call_by_stream(&c, id);
        client_listen(&c, id);
        cr_assert_not(hears("request"));
        cr_assert_not_null(client_answer(&c, c.stream, 1), "what it missed");
        leave();
        gateway_stop();
}

#define ANY "{'source':0,'user':'anonymous','has_all_scopes':true,'expires_ms':0}"

Test(handover, a_session_that_is_over_there_asks_nothing_of_the_other_process)
{
        char id[64];

        begin_to_give(go);
        gateway_start_over(U, "");
        pthread_join(giver, NULL);
        servers_keep("tools/call");
        give_session("n.any", ANY);
        c = (struct client){.version = "2025-11-25", .session = "n.any"};
        gateway_pass_ms(1000);
        cr_assert(hears("settled"));
        call_by_stream(&c, id);
        say_and_settle("{'do':'over','id':'n.any'}");
        cr_assert(hears("over"));
        client_listen(&c, id);
        cr_assert_not(hears("request"));
        leave();
        gateway_stop();
}

Test(handover, a_request_for_what_is_there_is_passed_whose_records_came_in_pieces)
{
        struct answer *a;

        begin_to_give(go);
        gateway_start_over(U, "");
        pthread_join(giver, NULL);
        give_session("n.any", ANY);
        c = (struct client){.version = "2025-11-25", .session = "n.any"};
        gateway_pass_ms(1000);
        /* the length of the last record of its head is the first that is missing */
        a = begin_to_send(&c, "GET", "", "3-1", 2 * FCGI_HEADER_LEN - 4);
        answer_send(a, "\0\0\0\0\1\5\0\1\0\0\0\0", 12);
        cr_assert(hears("request"), "%u %s", answer_status(a), gateway_log());
        leave();
        gateway_stop();
}

Test(handover, a_signal_to_the_process_that_goes_has_the_new_one_read_again)
{
        begin_to_give(go);
        gateway_start_over(U, "");
        pthread_join(giver, NULL);
        say_and_settle("{'do':'reload'}");
        cr_assert_not_null(strstr(gateway_log(), "configuration read again"));
        leave();
        gateway_stop();
}

Test(handover, a_task_that_was_begun_at_the_other_process_is_found)
{
        static const uint8_t key[TASK_KEY_BYTES]; /* as give() has it */
        char *id = task_id_show(key, STR("anonymous"), STR("u"), STR("k"));
        char line[1000], params[400];
        struct answer *a;

        begin_to_give(go);
        gateway_start_over(U, ONE_TOOL);
        pthread_join(giver, NULL);
        servers_are(SERVERS_STATELESS);
        snprintf(line, sizeof(line), "{'do':'tasks','identity':" ANY ",'tools':{'%s':'u_t'}}", id);
        say_and_settle(line);
        servers_keep("tasks/get");
        client_open(&c, STATELESS, TASKS);
        snprintf(params, sizeof(params), "{'taskId':'%s'}", id);
        a = client_ask(&c, 1, "tasks/get", params);
        gateway_pass_ms(3000);
        sent_result(servers_await("tasks/get"), "'taskId':'k','status':'completed'");
        cr_assert_str_eq(json_text_at(client_answer(&c, a, 1), "result/taskId"), id);
        free(id);
        leave();
        gateway_stop();
}

Test(handover, a_server_that_is_slow_to_begin_is_waited_for_once)
{
        struct answer *a;

        begin_to_give(go);
        servers_keep("initialize");
        gateway_start_over(U, "");
        servers_keep("initialize");
        pthread_join(giver, NULL);
        give_session("n.any", ANY);
        c = (struct client){.version = "2025-11-25", .session = "n.any"};
        a = client_ask(&c, 1, "ping", "");
        gateway_pass_ms(6000);
        cr_assert_not_null(client_answer(&c, a, 1), "%s", gateway_log());
        a = client_ask(&c, 2, "ping", "");
        gateway_settle();
        cr_assert_not_null(client_answer(&c, a, 2), "%s", gateway_log());
        leave();
        gateway_stop();
}

Test(handover, more_requests_than_may_wait_for_their_sessions_are_told_to_come_again)
{
        struct answer *a = NULL;
        char address[20];

        begin_to_give(go);
        gateway_start_over(U, "'connections_max':10000");
        pthread_join(giver, NULL);
        c = (struct client){.version = "2025-11-25", .session = "n.any"};
        for (int i = 0; i < 513; i++)
                a = client_say(&c, "{'jsonrpc':'2.0','id':1,'method':'ping'}");
        check_int(answer_status(a), 503);
        for (int i = 512; i <= 4096; i++) {
                snprintf(address, sizeof(address), "127.0.0.%d", 2 + i / 512);
                c.address = address;
                a = client_say(&c, "{'jsonrpc':'2.0','id':1,'method':'ping'}");
                check_int(answer_status(a), i < 4096 ? 0 : 503);
        }
        leave();
        gateway_stop();
}

Test(handover, a_session_that_came_where_no_server_is_configured_gets_those_that_come)
{
        begin_to_give(go);
        gateway_start_over("", "");
        pthread_join(giver, NULL);
        give_session("n.any", ANY);
        c = (struct client){.version = "2025-11-25", .session = "n.any"};
        gateway_reload(U, "");
        cr_assert(is_served(&c, 1), "%s", gateway_log());
        leave();
        gateway_stop();
}
