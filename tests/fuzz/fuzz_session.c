/* A gateway between a lying client and lying servers. The bytes say what happens next: a request or
 * a cut of the client's, an answer, a message or a cut of a server's, time that passes. Each input
 * has a gateway of its own, which is ended at any moment.
 *
 * The gateway is the real one, but for what would wait: in place of curl and of child processes
 * stand upstream session/http.c and upstream session/child.c, the clock is ours (-Wl,--wrap), and
 * epoll, when nothing is ready, tells of the next byte in place of sleeping. */
#include "fuzz.h"
#include "mgw/base/clock.h"
#include "mgw/base/log.h"
#include "mgw/fastcgi/fcgi_server.h"
#include "mgw/loop/signal.h"
#include "mgw/loop/watchdog.h"
#include "mgw/server/server.h"
#include "mgw/session/call.h"
#include "mgw/session/session.h"
#include "session/world.h"

#include "upstream_inside.h"

#include <signal.h>
#include <sys/epoll.h>
#include <unistd.h>

/* So many messages are remembered. */
#define MESSAGES 16
/* After the input all servers fail, and time passes: so often. */
#define ROUNDS 64
#define ROUND_MS (INT64_C(11) * 60 * 1000)

static struct {
        const uint8_t *p; /* the steps to come */
        size_t n;
        uint8_t step[STEP_BYTES];
        size_t at;
        struct loop *loop;
        struct context *context;
        struct signal_watch *signals;
        struct loop_io io; /* through which the next byte acts, within a turn */
        int64_t now_ms;
        int64_t next_timer_ms;
        uint32_t seed;
        unsigned mrtr;
        const json_t *messages[MESSAGES];
        size_t n_messages;
} world;

static bool is_told; /* FUZZ_SESSION_TELL: each step, and the gateway's log */

/* ---- the input ---- */

uint8_t next_byte(void)
{
        return world.at < STEP_BYTES ? world.step[world.at++] : 0;
}

static void next_step(void)
{
        size_t n = world.n < STEP_BYTES ? world.n : STEP_BYTES;

        memset(world.step, 0, sizeof(world.step));
        memcpy(world.step, world.p, n);
        world.p += n;
        world.n -= n;
        world.at = 0;
}

size_t pick_below(size_t n)
{
        size_t at = next_byte();

        return n < 2 ? 0 : at % n;
}

struct loop *world_loop(void)
{
        return world.loop;
}

void message_note(const json_t *msg)
{
        const json_t **slot = &world.messages[world.n_messages++ % MESSAGES];

        json_decref((json_t *)*slot);
        *slot = json_incref((json_t *)msg);
}

const json_t *message_ago(size_t n)
{
        return n < MESSAGES && n < world.n_messages
                       ? world.messages[(world.n_messages - 1 - n) % MESSAGES]
                       : NULL;
}

void messages_forget(void)
{
        for (size_t i = 0; i < MESSAGES; i++)
                json_decref((json_t *)world.messages[i]);
        memset(world.messages, 0, sizeof(world.messages));
        world.n_messages = 0;
}

/* ---- what is ours in place of the system's ---- */

int64_t __wrap_clock_monotonic_ms(void);
int64_t __wrap_clock_monotonic_ms(void)
{
        return world.now_ms;
}

int64_t __wrap_clock_monotonic_us(void);
int64_t __wrap_clock_monotonic_us(void)
{
        return 1000 * world.now_ms;
}

int64_t __wrap_clock_wall_ms(void);
int64_t __wrap_clock_wall_ms(void)
{
        return INT64_C(1800000000000) + world.now_ms;
}

ssize_t __wrap_getrandom(void *p, size_t n, unsigned flags);
ssize_t __wrap_getrandom(void *p, size_t n, unsigned flags)
{
        uint8_t *at = p;

        (void)flags;
        for (size_t i = 0; i < n; i++) {
                world.seed = world.seed * 1664525 + 1013904223;
                at[i] = (uint8_t)(world.seed >> 24);
        }
        return (ssize_t)n;
}

int __wrap_signal_watch_open(struct loop *loop, struct signal_watch *watch, const int *signos);
int __wrap_signal_watch_open(struct loop *loop, struct signal_watch *watch, const int *signos)
{
        (void)signos;
        world.loop = loop;
        world.signals = watch;
        return 0;
}

/* A thread of each gateway would cost more than the rest of it. */
int __wrap_watchdog_start(struct loop *loop, int64_t slow_ms, int64_t limit_ms,
                          struct watchdog **watchdogp);
int __wrap_watchdog_start(struct loop *loop, int64_t slow_ms, int64_t limit_ms,
                          struct watchdog **watchdogp)
{
        (void)loop;
        (void)slow_ms;
        (void)limit_ms;
        *watchdogp = NULL;
        return 0;
}

int __real_fcgi_server_create(struct context *context, int fd,
                              const struct fcgi_server_events *events,
                              struct fcgi_server **fcgi_serverp);
int __wrap_fcgi_server_create(struct context *context, int fd,
                              const struct fcgi_server_events *events,
                              struct fcgi_server **fcgi_serverp);
int __wrap_fcgi_server_create(struct context *context, int fd,
                              const struct fcgi_server_events *events,
                              struct fcgi_server **fcgi_serverp)
{
        world.context = context;
        return __real_fcgi_server_create(context, fd, events, fcgi_serverp);
}

int __real_epoll_wait(int fd, struct epoll_event *events, int max, int timeout_ms);
int __wrap_epoll_wait(int fd, struct epoll_event *events, int max, int timeout_ms);
int __wrap_epoll_wait(int fd, struct epoll_event *events, int max, int timeout_ms)
{
        int n = __real_epoll_wait(fd, events, max, 0);

        if (n != 0 || timeout_ms == 0 || max < 1)
                return n;
        world.next_timer_ms = timeout_ms;
        events[0] = (struct epoll_event){.events = EPOLLIN, .data.ptr = &world.io};
        return 1;
}

/* ---- what must hold ---- */

/* What waits with nothing that could wake it would wait for ever. */
static void check_pending_request(const struct upstream_session *us,
                                  const struct pending_request *pending)
{
        const struct subscription_kind *kind;
        bool subscribes = false;

        REQUIRE(pending->state == PENDING_REQUEST_SENT);
        if (pending_request_is_handshake(pending))
                REQUIRE(us->state == UPSTREAM_SESSION_OPENING);
        if (pending->transfer != NULL ||
            (upstream_session_uses_shared(us) && pending->kind == PENDING_REQUEST_INITIALIZE))
                return;
        REQUIRE(pending->kind == PENDING_REQUEST_REQUEST && pending->is_stateless);
        REQUIRE(subscription_kind_name(pending->msg, &kind, &subscribes) != NULL && subscribes);
}

static void check_upstream_session(const struct upstream_session *us)
{
        REQUIRE(us->state != UPSTREAM_SESSION_ENDED);
        list_for_each (it, &us->sent)
                check_pending_request(us, container_of(it, struct pending_request, node));
        REQUIRE(us->state != UPSTREAM_SESSION_READY || list_is_empty(&us->waiting));
        REQUIRE(us->state != UPSTREAM_SESSION_OPENING || !list_is_empty(&us->sent));
}

static void check_all(void)
{
        const struct session *s, *next;

        HASH_ITER(hh, world.context->sessions, s, next)
        {
                for (size_t i = 0;
                     s->client.upstream_sessions != NULL && i < world.context->n_upstreams; i++)
                        if (s->client.upstream_sessions[i] != NULL) {
                                check_upstream_session(s->client.upstream_sessions[i]);
                                seen_upstream_session(s->client.upstream_sessions[i]);
                        }
        }
}

/* ---- what happens ---- */

static void pass_time(unsigned how)
{
        static const int64_t steps_ms[] = {1, 20, 100, 1000, 15000, 60000, 600000};
        size_t n = sizeof(steps_ms) / sizeof(steps_ms[0]);

        if (how % 8 < n)
                world.now_ms += steps_ms[how % 8];
        else if (world.next_timer_ms > 0)
                world.now_ms += world.next_timer_ms;
}

static void signal_server(unsigned how)
{
        world.signals->on_signal(world.signals, how % 2 == 0 ? SIGHUP : SIGTERM);
}

static void tell_step(unsigned op, unsigned kind)
{
        http_world_tell();
        fprintf(stderr, "%zu steps left: %u %u %u %u\n", world.n / STEP_BYTES, op % 8, kind,
                world.step[2], world.step[3]);
}

static void play(void)
{
        unsigned op, kind;

        next_step();
        op = next_byte();
        kind = next_byte();
        if (is_told)
                tell_step(op, kind);
        switch (op % 8) {
        case 0:
                client_world_do(kind);
                break;
        case 1:
        case 2:
                http_world_answer(kind);
                break;
        case 3:
                http_world_say(kind);
                break;
        case 4:
                child_world_say(kind);
                break;
        case 5:
                pass_time(kind);
                break;
        case 6:
                http_world_end(kind);
                break;
        default:
                if (kind < 8)
                        signal_server(kind);
                else if (kind < 128)
                        child_world_exit();
                else
                        http_world_settle(next_byte() % 8);
        }
}

/* Each server has one more honest word. Then nothing comes any more: whoever waits for one must
 * hear so in time. */
static void fail_all(void)
{
        world.at = STEP_BYTES;
        if (world.mrtr + 1 == ROUNDS) {
                http_world_settle(0);
                return;
        }
        http_world_cut();
        child_world_cut();
        world.now_ms += ROUND_MS;
}

/* For who reads why an input failed. */
static void tell_call(const struct call *call)
{
        const struct pending_request *pending = call->request.pending;

        fprintf(stderr, "not answered: %s of a session of kind %d;", call->method->name,
                call->session->client.kind);
        if (pending != NULL)
                fprintf(stderr, " exchange %d at %s, state %d, %s %s", pending->kind,
                        upstream_name(pending->owner->upstream), pending->owner->state,
                        pending->transfer != NULL ? "on its wire" : "on no wire",
                        pending->mrtr != NULL ? "in rounds" : "");
        fprintf(stderr, "%s%s%s\n", call->listing != NULL ? " lists" : "",
                call->input != NULL ? " input" : "", call->lingering != NULL ? " lingers" : "");
}

/* But for those that stay until their client leaves. */
static bool is_every_call_answered(void)
{
        const struct session *s, *next;

        HASH_ITER(hh, world.context->sessions, s, next)
        {
                list_for_each (it, &s->calls)
                        if (container_of(it, struct call, node)->method->class != METHOD_LISTEN) {
                                if (world.n == 0 && world.mrtr == 0)
                                        tell_call(container_of(it, struct call, node));
                                return false;
                        }
        }
        return true;
}

static void on_step(struct loop_io *io, uint32_t events)
{
        (void)io;
        (void)events;
        client_world_read();
        check_all();
        if (world.n > 0) {
                play();
        } else if (is_every_call_answered()) {
                signal_server(1);
                signal_server(1); /* ends it at once */
        } else {
                REQUIRE(world.mrtr-- > 0);
                fail_all();
        }
}

/* ---- the worlds ---- */

#define OAUTH                                                                                      \
        "\"oauth\":{\"token_url\":\"http://t.example/token\",\"client_id\":\"i\","                 \
        "\"client_secret\":\"s\"}"
#define HTTP "\"url\":\"http://u.example/mcp\""

static const char *const servers[N_WORLDS] = {
        "\"u\":{" HTTP "," OAUTH "}",
        "\"u\":{" HTTP "}",
        "\"u\":{" HTTP ",\"type\":\"sse\"," OAUTH "}",
        "\"u\":{\"command\":\"/u\"}",
        "\"u\":{\"command\":\"/u\",\"scope\":\"shared\"}",
        "\"u\":{\"command\":\"/u\",\"scope\":\"user\"},\"v\":{" HTTP ",\"timeout_s\":30}",
        "\"u\":{" HTTP "},\"v\":{\"command\":\"/v\",\"timeout_s\":30}",
};

static struct config configs[N_WORLDS];
static char folder[] = "/tmp/fuzz_session.XXXXXX";
static char socket_path[sizeof(folder) + 8];

static void remove_folder(void)
{
        (void)unlink(socket_path);
        (void)rmdir(folder);
}

static void load_config(size_t i)
{
        char path[sizeof(folder) + 8];
        FILE *file;

        snprintf(path, sizeof(path), "%s/c", folder);
        file = fopen(path, "w");
        REQUIRE(file != NULL);
        fprintf(file,
                "{\"mcpServers\":{%s},\"gateway\":{\"listen\":\"unix:%s\",\"builtin_tools\":false,"
                "\"sessions_max\":4,\"children_max\":3}}",
                servers[i], socket_path);
        REQUIRE(fclose(file) == 0);
        REQUIRE(config_load(&configs[i], path, stderr) == 0);
        unlink(path);
}

static void prepare(void)
{
        if (socket_path[0] != '\0')
                return;
        REQUIRE(mkdtemp(folder) != NULL);
        snprintf(socket_path, sizeof(socket_path), "%s/s", folder);
        REQUIRE(atexit(remove_folder) == 0);
        signal(SIGPIPE, SIG_IGN);
        is_told = getenv("FUZZ_SESSION_TELL") != NULL;
        log_setup(2, LOG_FORMAT_TEXT, is_told ? LOG_LEVEL_DEBUG : LOG_LEVEL_ERROR);
        for (size_t i = 0; i < N_WORLDS; i++)
                load_config(i);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        prepare();
        memset(&world, 0, sizeof(world));
        world.p = data + (size > 0);
        world.n = size - (size > 0);
        world.now_ms = 1000000;
        world.seed = 1;
        world.mrtr = ROUNDS;
        world.io = (struct loop_io){.fd = -1, .on_io = on_step};
        client_world_begin(socket_path);
        (void)server_run(&configs[size > 0 ? data[0] % N_WORLDS : 0]);
        client_world_end();
        messages_forget();
        return 0;
}
