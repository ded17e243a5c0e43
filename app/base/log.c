/* Lines are built in one buffer of PIPE_BUF bytes and queued; whole lines leave by writes of at
 * most so much: a pipe that poll(2) calls writable takes that without blocking. Standard error is
 * shared with other processes, so O_NONBLOCK, which belongs to the open file and not to us, is
 * never set on it. A line too long is cut between characters, closes what it opened, and says so
 * (cut=true). */
#include "mgw/base/log.h"

#include "mgw/base/buf.h"
#include "mgw/base/clock.h"
#include "mgw/base/str.h"
#include "mgw/base/unseen.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LOG_LINE_SIZE PIPE_BUF
/* Kept free for what ends a line, however full it is: a quote, the mark of a cut, '}' and LF. */
#define LOG_TAIL_SIZE 32
/* What waits for a slow reader; some 10,000 lines, as when as many streams open at once. */
#define LOG_QUEUE_MAX_BYTES (1u << 20)

struct log_text {
        char text[LOG_LINE_SIZE];
        size_t n;
        bool is_cut;
};

static struct {
        int fd;
        enum log_format format;
        enum log_level lowest;
        struct buf queue;   /* whole lines, but for the first, which may be out in part */
        uint64_t n_dropped; /* not told yet */
} log_state = {.fd = STDERR_FILENO,
               .format = LOG_FORMAT_TEXT,
               .lowest = LOG_LEVEL_INFO,
               .queue = {.max = LOG_QUEUE_MAX_BYTES}};

static const char *const level_upper[] = {"DEBUG", "INFO", "WARN", "ERROR"};
static const char *const level_lower[] = {"debug", "info", "warn", "error"};

void log_setup(int fd, enum log_format format, enum log_level lowest)
{
        log_state.fd = fd;
        log_state.format = format;
        log_state.lowest = lowest;
        log_state.n_dropped = 0;
        buf_finish(&log_state.queue);
}

void log_adjust(enum log_format format, enum log_level lowest)
{
        log_state.format = format;
        log_state.lowest = lowest;
}

int log_fd(void)
{
        return log_state.fd;
}

bool log_is_on(enum log_level level)
{
        return level >= log_state.lowest;
}

static void put_raw(struct log_text *l, const char *p, size_t n)
{
        memcpy(l->text + l->n, p, n);
        l->n += n;
}

/* Adds all of s, or nothing: then the line is cut here, and what follows is left out. */
static void put(struct log_text *l, struct str s)
{
        if (l->is_cut || l->n + s.n > LOG_LINE_SIZE - LOG_TAIL_SIZE)
                l->is_cut = true;
        else
                put_raw(l, s.p, s.n);
}

/* Everything that could end a line, steer a terminal, mislead its reader or break JSON. */
static bool must_escape(uint32_t c, bool in_quotes)
{
        return c < 0x20 || c == '\\' || (c == '"' && in_quotes) || unseen_is(c);
}

static void put_escape(struct log_text *l, uint32_t c)
{
        static const char letters[] = "\"\"\\\\\nn\rr\tt";
        char escape[16] = "\\";
        const char *at = c < 0x80 && c != 0 ? strchr(letters, (int)c) : NULL;

        if (at != NULL && (at - letters) % 2 == 0)
                escape[1] = at[1];
        else if (c > 0xffff) /* as JSON has it: two surrogates */
                snprintf(escape, sizeof(escape), "\\u%04x\\u%04x", 0xd7c0 + (c >> 10),
                         0xdc00 + (c & 0x3ff));
        else
                snprintf(escape, sizeof(escape), "\\u%04x", c);
        put(l, str_from(escape));
}

/* Escapes as JSON does, in text lines too; what is not UTF-8 becomes U+FFFD. */
static void put_escaped(struct log_text *l, const char *text, bool in_quotes)
{
        struct str s = str_from(text);

        while (s.n > 0 && !l->is_cut) {
                uint32_t c = 0;
                size_t n = str_utf8_first(s, &c);

                if (n == 0)
                        put(l, STR("\xef\xbf\xbd"));
                else if (must_escape(c, in_quotes))
                        put_escape(l, c);
                else
                        put(l, (struct str){s.p, n});
                s.p += n == 0 ? 1 : n;
                s.n -= n == 0 ? 1 : n;
        }
}

static void put_quoted(struct log_text *l, const char *text)
{
        put(l, STR("\""));
        if (l->is_cut)
                return;
        put_escaped(l, text, true);
        put_raw(l, "\"", 1);
}

/* A value that a reader could not tell from what stands around it. */
static bool needs_quotes(const char *value)
{
        const char *at = value;

        while ((unsigned char)*at > ' ' && *at != '=' && *at != '"' && *at != '\\' && *at != 0x7f)
                at++;
        return at == value || *at != '\0';
}

static void put_time(struct log_text *l)
{
        int64_t now_ms = clock_wall_ms();
        time_t now_s = (time_t)(now_ms / 1000);
        char text[40];
        struct tm tm;
        size_t n;

        gmtime_r(&now_s, &tm);
        n = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
        snprintf(text + n, sizeof(text) - n, ".%03dZ", (int)(now_ms % 1000));
        put(l, str_from(text));
}

static void build_text(struct log_text *l, enum log_level level, const char *message,
                       const struct log_field *fields)
{
        put_time(l);
        put(l, STR(" "));
        put(l, str_from(level_upper[level]));
        put(l, STR(" "));
        put_escaped(l, message, false);
        for (; fields != NULL && fields->key != NULL; fields++) {
                if (fields->value == NULL)
                        continue;
                put(l, STR(" "));
                put_escaped(l, fields->key, true);
                put(l, STR("="));
                if (needs_quotes(fields->value))
                        put_quoted(l, fields->value);
                else
                        put_escaped(l, fields->value, true);
        }
        if (l->is_cut)
                put_raw(l, " cut=true", 9);
        put_raw(l, "\n", 1);
}

/* A member is begun only when its key and the shortest value fit. */
static void put_member(struct log_text *l, const char *key, const char *value)
{
        size_t start = l->n;

        put(l, STR(","));
        put_quoted(l, key);
        put(l, STR(":\""));
        if (l->is_cut) {
                l->n = start;
                return;
        }
        put_escaped(l, value, true);
        put_raw(l, "\"", 1);
}

static void build_json(struct log_text *l, enum log_level level, const char *message,
                       const struct log_field *fields)
{
        put(l, STR("{\"time\":\""));
        put_time(l);
        put(l, STR("\""));
        put_member(l, "level", level_lower[level]);
        put_member(l, "message", message);
        for (; fields != NULL && fields->key != NULL; fields++) {
                if (fields->value != NULL)
                        put_member(l, fields->key, fields->value);
        }
        if (l->is_cut)
                put_raw(l, ",\"cut\":true", 11);
        put_raw(l, "}\n", 2);
}

/* Whole lines at the head of the queue, at most what one write takes. */
static size_t queue_head_size(struct str queue)
{
        size_t n = queue.n < LOG_LINE_SIZE ? queue.n : LOG_LINE_SIZE;

        while (n > 0 && queue.p[n - 1] != '\n')
                n--;
        return n;
}

/* Nobody will ever read them. */
static void queue_drop(void)
{
        struct str queue = buf_bytes(&log_state.queue);

        for (size_t i = 0; i < queue.n; i++)
                log_state.n_dropped += queue.p[i] == '\n';
        buf_finish(&log_state.queue);
}

bool log_flush(void)
{
        int saved_errno = errno;

        while (log_state.queue.len > 0) {
                struct pollfd pollfd = {.fd = log_state.fd, .events = POLLOUT};
                struct str queue = buf_bytes(&log_state.queue);
                size_t size = queue_head_size(queue);
                ssize_t n;

                if (poll(&pollfd, 1, 0) == 0)
                        break;
                n = pollfd.revents == POLLOUT ? write(log_state.fd, queue.p, size) : -1;
                if (n < 0 && pollfd.revents == POLLOUT && (errno == EINTR || errno == EAGAIN))
                        break;
                if (n < 0)
                        queue_drop();
                else
                        buf_consume(&log_state.queue, (size_t)n);
                if (n != (ssize_t)size)
                        break;
        }
        errno = saved_errno;
        return log_state.queue.len == 0;
}

void log_finish(int wait_ms)
{
        int64_t deadline_ms = clock_monotonic_ms() + wait_ms;

        while (!log_flush() && clock_monotonic_ms() < deadline_ms)
                (void)poll(&(struct pollfd){.fd = log_state.fd, .events = POLLOUT}, 1, 10);
        buf_finish(&log_state.queue);
}

static void build(struct log_text *l, enum log_level level, const char *message,
                  const struct log_field *fields)
{
        if (log_state.format == LOG_FORMAT_JSON)
                build_json(l, level, message, fields);
        else
                build_text(l, level, message, fields);
}

static bool queue_line(enum log_level level, const char *message, const struct log_field *fields)
{
        struct log_text l = {.n = 0};

        build(&l, level, message, fields);
        return buf_add(&log_state.queue, l.text, l.n) == 0;
}

static bool queue_report(void)
{
        char count[24];

        snprintf(count, sizeof(count), "%llu", (unsigned long long)log_state.n_dropped);
        return queue_line(LOG_LEVEL_WARN, "log lines dropped: standard error took no more",
                          LOG_FIELDS({"count", count}));
}

void log_line(enum log_level level, const struct log_field *fields, const char *fmt, ...)
{
        int saved_errno = errno;
        char message[LOG_LINE_SIZE + 1];
        va_list ap;

        if (!log_is_on(level))
                return;
        va_start(ap, fmt);
        vsnprintf(message, sizeof(message), fmt, ap);
        va_end(ap);
        if (log_state.n_dropped > 0 && queue_report())
                log_state.n_dropped = 0;
        if (log_state.n_dropped > 0 || !queue_line(level, message, fields))
                log_state.n_dropped++;
        (void)log_flush();
        errno = saved_errno;
}

void log_urgent(enum log_level level, const char *fmt, ...)
{
        struct pollfd pollfd = {.fd = log_state.fd, .events = POLLOUT};
        struct log_text l = {.n = 0};
        char message[LOG_LINE_SIZE + 1];
        va_list ap;

        if (!log_is_on(level))
                return;
        va_start(ap, fmt);
        vsnprintf(message, sizeof(message), fmt, ap);
        va_end(ap);
        build(&l, level, message, NULL);
        if (poll(&pollfd, 1, 0) == 1 && pollfd.revents == POLLOUT)
                (void)!write(log_state.fd, l.text, l.n);
}
