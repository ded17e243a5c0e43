/* A gateway between a lying client and lying servers. The bytes say what happens next: a request or
 * a cut of the client's, an answer, a message or a cut of a server's, time that passes. Each input
 * has a gateway of its own, which is ended at any moment.
 *
 * The gateway is the real one, but for what would wait (tests/world): where it would, the next step
 * is taken. */
#include "fuzz.h"
#include "mgw/base/log.h"
#include "mgw/config/config.h"
#include "mgw/session/call.h"
#include "mgw/session/session.h"
#include "session/world.h"

#include "upstream_inside.h"

#include <signal.h>
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
        unsigned rounds; /* left, after the last step */
        const json_t *messages[MESSAGES];
        size_t n_messages;
} input;

static bool is_told; /* FUZZ_SESSION_TELL: each step, and the gateway's log */

/* ---- the input ---- */

uint8_t next_byte(void)
{
        return input.at < STEP_BYTES ? input.step[input.at++] : 0;
}

static void next_step(void)
{
        size_t n = input.n < STEP_BYTES ? input.n : STEP_BYTES;

        memset(input.step, 0, sizeof(input.step));
        memcpy(input.step, input.p, n);
        input.p += n;
        input.n -= n;
        input.at = 0;
}

size_t pick_below(size_t n)
{
        size_t at = next_byte();

        return n < 2 ? 0 : at % n;
}

static void on_sent(const json_t *msg, struct http_request *request, struct child *child)
{
        const json_t **slot;

        (void)request;
        (void)child;
        if (msg == NULL)
                return;
        slot = &input.messages[input.n_messages++ % MESSAGES];
        json_decref((json_t *)*slot);
        *slot = json_incref((json_t *)msg);
}

const json_t *message_ago(size_t n)
{
        return n < MESSAGES && n < input.n_messages
                       ? input.messages[(input.n_messages - 1 - n) % MESSAGES]
                       : NULL;
}

void messages_forget(void)
{
        for (size_t i = 0; i < MESSAGES; i++)
                json_decref((json_t *)input.messages[i]);
        memset(input.messages, 0, sizeof(input.messages));
        input.n_messages = 0;
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
        world_signal(how % 2 == 0 ? SIGHUP : SIGTERM);
}

static void tell_step(unsigned op, unsigned kind)
{
        http_world_tell();
        fprintf(stderr, "%zu steps left: %u %u %u %u\n", input.n / STEP_BYTES, op % 8, kind,
                input.step[2], input.step[3]);
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
        input.at = STEP_BYTES;
        if (input.rounds + 1 == ROUNDS) {
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
                fprintf(stderr, " pending request %d at %s, state %d, %s %s", pending->kind,
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
                                if (input.n == 0 && input.rounds == 0)
                                        tell_call(container_of(it, struct call, node));
                                return false;
                        }
        }
        return true;
}

static void on_idle(void)
{
        client_world_read();
        check_all();
        if (input.n > 0) {
                play();
        } else if (is_every_call_answered()) {
                signal_server(1);
                signal_server(1); /* ends it at once */
        } else {
                REQUIRE(input.rounds-- > 0);
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
        static const struct world_events events = {.on_idle = on_idle, .on_sent = on_sent};

        prepare();
        memset(&input, 0, sizeof(input));
        input.p = data + (size > 0);
        input.n = size - (size > 0);
        input.rounds = ROUNDS;
        world_begin(&events);
        client_world_begin(socket_path);
        (void)world_run(&configs[size > 0 ? data[0] % N_WORLDS : 0]);
        client_world_end();
        messages_forget();
        world_end();
        return 0;
}
