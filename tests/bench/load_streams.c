/* Streams are read byte by byte: a line that begins with ':' is a comment, and a '~', which stands
 * in nothing but announcements, is the end of one. Chunk sizes of HTTP stand on lines of their own
 * and look like neither. */
#include "load.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STREAMS_MAX 100000
/* So many may be opening at once. */
#define N_OPENING_MAX 64
#define PATIENCE_NS 20000000000LL

struct stream {
        struct line line;
        char before; /* the last byte read */
        bool is_open;
        bool is_stalled;
};

static struct stream *streams[STREAMS_MAX];
static unsigned n_streams, n_open, n_stalled;
static uint64_t n_comments, n_events;
static struct delays delays;
static int64_t pushed_ns, last_event_ns;
static bool is_announced;

static void stream_read(struct stream *s, const char *p, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                if (p[i] == '~') {
                        n_events++;
                        last_event_ns = now_ns();
                        delays_add(&delays, last_event_ns - pushed_ns);
                } else if (s->before == '\n' && p[i] == ':') {
                        n_comments++;
                } else if (s->before == '\n' && p[i] == '\r' && !s->is_open) {
                        /* The head's end: not every server sends more at once. */
                        s->is_open = true;
                        n_open++;
                }
                s->before = p[i];
        }
}

static void stream_on_ready(struct source *source, uint32_t events)
{
        static char in[65536];
        struct stream *s = container_of(source, struct stream, line.source);
        ssize_t n;

        (void)events;
        do {
                n = line_recv(&s->line, in, sizeof(in));
                if (n < 0 && errno == EAGAIN)
                        return;
                if (n <= 0)
                        die("a stream was closed: %u of %u are open", n_open, n_streams);
                if (!s->is_open && s->before == '\0' && strncmp(in, "HTTP/1.1 200", 12) != 0)
                        die("a stream was refused: %.*s", (int)n, in);
                stream_read(s, in, (size_t)n);
        } while (line_has_more(&s->line));
}

static void stream_start(uint16_t port, const char *path, const char *session)
{
        struct stream *s = calloc(1, sizeof(*s));
        char text[2048];
        int n = snprintf(text, sizeof(text),
                         "GET %s HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n"
                         "%s%s%s%s\r\n",
                         path, session[0] != '\0' ? "Mcp-Session-Id: " : "", session,
                         session[0] != '\0' ? "\r\n" : "", authorization);

        if (s == NULL || n_streams == STREAMS_MAX)
                die("too many streams");
        s->line.source.on_ready = stream_on_ready;
        line_open(&s->line, port);
        line_send(&s->line, text, (size_t)n);
        streams[n_streams++] = s;
}

static void turn_within(int64_t deadline_ns, const char *what)
{
        turn(100);
        if (now_ns() > deadline_ns)
                die("waited in vain for %s: %u of %u streams are open, %llu events came", what,
                    n_open, n_streams, (unsigned long long)n_events);
}

void streams_open(uint16_t port, unsigned n, bool with_session)
{
        static char sessions[STREAMS_MAX][SESSION_SIZE];
        struct exchange x;
        int64_t start, deadline;

        if (with_session) {
                exchange_open(&x, port);
                for (unsigned i = 0; i < n; i++)
                        session_begin(&x, sessions[i]);
                exchange_close(&x);
        }
        start = now_ns();
        deadline = start + 3 * PATIENCE_NS;
        for (unsigned i = 0; i < n; i++) {
                stream_start(port, with_session ? "/mcp" : "/sse", with_session ? sessions[i] : "");
                while (n_streams - n_open >= N_OPENING_MAX)
                        turn_within(deadline, "streams to open");
        }
        while (n_open < n_streams)
                turn_within(deadline, "streams to open");
        printf("{\"streams\":%u,\"seconds\":%.3f}\n", n_open, (double)(now_ns() - start) / 1e9);
}

void streams_close_all(void)
{
        for (unsigned i = 0; i < n_streams; i++) {
                line_close(&streams[i]->line);
                free(streams[i]);
        }
        n_streams = n_open = n_stalled = 0;
        printf("{}\n");
}

void streams_stall_one(void)
{
        for (unsigned i = n_streams; i > 0; i--) {
                struct stream *s = streams[i - 1];

                if (s->is_stalled)
                        continue;
                s->is_stalled = true;
                n_stalled++;
                /* It keeps its socket, and looks at it no more. */
                source_ignore(&s->line.source);
                break;
        }
        printf("{\"stalled\":%u}\n", n_stalled);
}

void streams_count(unsigned seconds)
{
        int64_t start = now_ns(), end = start + seconds * 1000000000LL;
        uint64_t before = n_comments;

        while (now_ns() < end)
                turn((int)((end - now_ns()) / 1000000) + 1);
        printf("{\"comments\":%llu,\"seconds\":%.3f}\n", (unsigned long long)(n_comments - before),
               (double)(now_ns() - start) / 1e9);
}

static void announce_on_answer(struct exchange *x, struct str answer)
{
        (void)x;
        (void)answer;
        is_announced = true;
}

static void push(struct exchange *x, const char *text, size_t n, unsigned n_to)
{
        uint64_t want = n_events + n_to;
        int64_t deadline = now_ns() + PATIENCE_NS;

        is_announced = false;
        pushed_ns = now_ns();
        exchange_send(x, text, n);
        while (n_events < want || !is_announced)
                turn_within(deadline, "events to arrive");
        if (n_events > want)
                die("more events than were announced");
}

void streams_push(uint16_t admin_port, bool to_all, unsigned n_times, unsigned n_bytes)
{
        struct exchange x = {.on_answer = announce_on_answer};
        struct delays last = {0};
        char message[16000], body[sizeof(message) + 100], text[sizeof(body) + 512];
        const char *secret = getenv("MGW_ADMIN_SECRET");
        char user[sizeof(authorization)];
        size_t n;

        if (n_bytes >= sizeof(message))
                die("a message of %u bytes is too long", n_bytes);
        memset(message, 'x', n_bytes);
        message[n_bytes - 1] = '~';
        n = (size_t)snprintf(body, sizeof(body), "{\"message\":\"%.*s\"%s}", (int)n_bytes, message,
                             to_all ? "" : ",\"user\":\"anonymous\",\"once\":true");
        memcpy(user, authorization, sizeof(user));
        snprintf(authorization, sizeof(authorization), "Authorization: Bearer %s\r\n",
                 secret != NULL ? secret : "");
        n = post_text(text, sizeof(text), "/admin/announce", "", body, n);
        memcpy(authorization, user, sizeof(user));
        exchange_open(&x, admin_port);
        for (unsigned i = 0; i < n_times; i++) {
                push(&x, text, n, to_all ? n_open - n_stalled : 1);
                delays_add(&last, last_event_ns - pushed_ns);
        }
        exchange_close(&x);
        printf("{\"p50_us\":%.1f,\"p99_us\":%.1f,\"last_p50_us\":%.1f}\n", delays_us(&delays, 0.5),
               delays_us(&delays, 0.99), delays_us(&last, 0.5));
        delays_finish(&delays);
        delays_finish(&last);
}
