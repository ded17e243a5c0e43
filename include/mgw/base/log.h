/* The log: one line an event, on standard error, as text or JSON.
 * A line never blocks the process: what standard error does not take waits in memory; past a
 * mebibyte lines are dropped and their number is told before the next one. Values are escaped: no
 * input can forge a line. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARN, LOG_LEVEL_ERROR };
enum log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JSON };

/* A named value that follows the message: ` key=value` in text, a member in JSON. NULL values are
 * left out. */
struct log_field {
        const char *key;
        const char *value;
};

/* Where to write and how; the defaults are standard error, text, info. */
void log_setup(int fd, enum log_format format, enum log_level lowest);
/* Of the lines that come from now on. */
void log_adjust(enum log_format format, enum log_level lowest);
int log_fd(void);
bool log_is_on(enum log_level level);

/* Writes `<UTC time> <LEVEL> <message> key=value...`. fields ends with a NULL key, or is NULL. */
void log_line(enum log_level level, const struct log_field *fields, const char *fmt, ...)
        __attribute__((format(printf, 3, 4)));

/* From any thread, while the one that logs is stuck: past what waits, and lost where standard error
 * takes nothing. */
void log_urgent(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Writes what waits, as far as it is taken now. True: nothing waits. */
bool log_flush(void);
/* For the end of the process: waits so long for standard error to take what is left. */
void log_finish(int wait_ms);

#define LOG_FIELDS(...) ((const struct log_field[]){__VA_ARGS__, {NULL, NULL}})
#define log_debug(fields, ...)                                                                     \
        do {                                                                                       \
                if (log_is_on(LOG_LEVEL_DEBUG))                                                    \
                        log_line(LOG_LEVEL_DEBUG, fields, __VA_ARGS__);                            \
        } while (0)
#define log_info(fields, ...) log_line(LOG_LEVEL_INFO, fields, __VA_ARGS__)
#define log_warn(fields, ...) log_line(LOG_LEVEL_WARN, fields, __VA_ARGS__)
#define log_error(fields, ...) log_line(LOG_LEVEL_ERROR, fields, __VA_ARGS__)
