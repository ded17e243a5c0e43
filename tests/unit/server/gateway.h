/* The whole gateway in the world of tests/world, one at a time. It runs in a thread of its own, and
 * never at the same time as the test: it stands still until the test lets it move, and then moves
 * until it has nothing left to do but to wait. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define HTTP "'u':{'url':'http://u.example/mcp'}"
#define OLD_HTTP "'u':{'url':'http://u.example/sse','type':'sse'}"
#define STDIO "'u':{'command':'/u'}"
#define SHARED "'u':{'command':'/u','scope':'shared'}"

/* A test that runs over each transport: `server` is what stands in mcpServers. */
#define TEST_OVER_EACH(suite, name)                                                                \
        static void suite##_##name(const char *server);                                            \
        Test(suite, name##_over_http)                                                              \
        {                                                                                          \
                suite##_##name(HTTP);                                                              \
        }                                                                                          \
        Test(suite, name##_over_old_http)                                                          \
        {                                                                                          \
                suite##_##name(OLD_HTTP);                                                          \
        }                                                                                          \
        Test(suite, name##_over_stdio)                                                             \
        {                                                                                          \
                suite##_##name(STDIO);                                                             \
        }                                                                                          \
        Test(suite, name##_over_a_shared_program)                                                  \
        {                                                                                          \
                suite##_##name(SHARED);                                                            \
        }                                                                                          \
        static void suite##_##name(const char *server)

/* A test for clients of each era: `version` is what they speak. */
#define TEST_FOR_EACH(suite, name)                                                                 \
        static void suite##_##name(const char *version);                                           \
        Test(suite, name##_in_the_sse_era)                                                         \
        {                                                                                          \
                suite##_##name("2024-11-05");                                                      \
        }                                                                                          \
        Test(suite, name##_in_the_session_era)                                                     \
        {                                                                                          \
                suite##_##name("2025-11-25");                                                      \
        }                                                                                          \
        Test(suite, name##_in_the_stateless_era)                                                   \
        {                                                                                          \
                suite##_##name("2026-07-28");                                                      \
        }                                                                                          \
        static void suite##_##name(const char *version)

/* A file beside the configuration, which may name it; until gateway_stop(). Its path, valid until
 * the next call. */
const char *gateway_file(const char *name, const char *text);
/* JSON with single quotes: what stands in mcpServers, and settings of its own or "". */
void gateway_start(const char *servers, const char *settings);
/* The same, in the place of the process that listens at the socket "s.handover" beside its
 * configuration. */
void gateway_start_over(const char *servers, const char *settings);
/* What has been sent arrives, and what follows from it: clients read, and servers answer what the
 * test has not kept for itself (servers.h). */
void gateway_settle(void);
/* So much time passes, timer by timer. */
void gateway_pass_ms(int64_t ms);
void gateway_signal(int signo);
/* As gateway_start() has it, written and read again. */
void gateway_reload(const char *servers, const char *settings);
bool gateway_is_over(void);
/* Ends it, however it stands; its exit code. The last line of each test: what it has lost is seen
 * here. */
int gateway_stop(void);
/* Its log so far, debug lines too; valid until the next call. */
const char *gateway_log(void);
const char *gateway_socket(void);
