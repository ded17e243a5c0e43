/* Lines are built in one buffer of PIPE_BUF bytes and written by one write(2): a pipe that poll(2)
 * calls writable takes so many bytes whole, without blocking. Standard error is shared with other
 * processes, so O_NONBLOCK, which belongs to the open file and not to us, is never set on it. A
 * line too long is cut between characters, closes what it opened, and says so (cut=true). */
#include "mgw/base/log.h"

#include "mgw/base/clock.h"
#include "mgw/base/str.h"

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

struct log_text {
        char text[LOG_LINE_SIZE];
        size_t n;
        bool is_cut;
};

static struct {
        int fd;
        enum log_format format;
        enum log_level lowest;
        uint64_t n_dropped; /* since the last line that got through */
        bool is_torn;       /* the last line got through in part: begin on a new one */
} log_state = {.fd = STDERR_FILENO, .format = LOG_FORMAT_TEXT, .lowest = LOG_LEVEL_INFO};

static const char *const level_upper[] = {"DEBUG", "INFO", "WARN", "ERROR"};
static const char *const level_lower[] = {"debug", "info", "warn", "error"};

void log_setup(int fd, enum log_format format, enum log_level lowest)
{
        log_state.fd = fd;
        log_state.format = format;
        log_state.lowest = lowest;
        log_state.n_dropped = 0;
        log_state.is_torn = false;
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

/* Everything that could end a line, steer a terminal or break JSON. */
static bool must_escape(uint32_t c, bool in_quotes)
{
        return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == '\\' || (c == '"' && in_quotes) ||
               c == 0x2028 || c == 0x2029;
}

static void put_escape(struct log_text *l, uint32_t c)
{
        static const char letters[] = "\"\"\\\\\nn\rr\tt";
        char escape[8] = "\\";
        const char *at = c < 0x80 && c != 0 ? strchr(letters, (int)c) : NULL;

        if (at != NULL && (at - letters) % 2 == 0)
                escape[1] = at[1];
        else
                snprintf(escape, sizeof(escape), "\\u%04x", c & 0xffff);
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

/* Builds and writes one line. False: it did not get through whole. */
static bool write_line(enum log_level level, const char *message, const struct log_field *fields)
{
        struct pollfd pollfd = {.fd = log_state.fd, .events = POLLOUT};
        struct log_text l;
        ssize_t n;

        if (poll(&pollfd, 1, 0) != 1 || pollfd.revents != POLLOUT)
                return false;
        l.n = 0;
        l.is_cut = false;
        if (log_state.is_torn)
                put(&l, STR("\n"));
        if (log_state.format == LOG_FORMAT_JSON)
                build_json(&l, level, message, fields);
        else
                build_text(&l, level, message, fields);
        do
                n = write(log_state.fd, l.text, l.n);
        while (n < 0 && errno == EINTR);
        if (n > 0)
                log_state.is_torn = (size_t)n < l.n;
        return n == (ssize_t)l.n;
}

static bool report_dropped(void)
{
        char count[24];

        snprintf(count, sizeof(count), "%llu", (unsigned long long)log_state.n_dropped);
        return write_line(LOG_LEVEL_WARN, "log lines dropped: standard error took no more",
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
        if (log_state.n_dropped > 0 && report_dropped())
                log_state.n_dropped = 0;
        if (log_state.n_dropped > 0 || !write_line(level, message, fields))
                log_state.n_dropped++;
        errno = saved_errno;
}
