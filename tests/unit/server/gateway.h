/* The whole gateway in the world of tests/world, one at a time. It runs in a thread of its own, and
 * never at the same time as the test: it stands still until the test lets it move, and then moves
 * until it has nothing left to do but to wait. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* JSON with single quotes: what stands in mcpServers, and settings of its own or "". */
void gateway_start(const char *servers, const char *settings);
/* What has been sent arrives, and what follows from it: clients read, and servers answer what the
 * test has not kept for itself (servers.h). */
void gateway_settle(void);
/* So much time passes, timer by timer. */
void gateway_pass_ms(int64_t ms);
void gateway_signal(int signo);
bool gateway_is_over(void);
/* Ends it, however it stands; its exit code. The last line of each test: what it has lost is seen
 * here. */
int gateway_stop(void);
/* Its log so far, debug lines too; valid until the next call. */
const char *gateway_log(void);
const char *gateway_socket(void);
