/* What a service manager is told (sd_notify(3)): by one datagram to the socket that it named in
 * NOTIFY_SOCKET. Without it nothing is said. */
#pragma once

#include <stdint.h>

/* Lines such as "READY=1". 0: sent, or nobody asked; -errno. */
int notify(const char *state);
/* How long the manager waits for a "WATCHDOG=1" of this process; 0: it does not. */
int64_t notify_watchdog_ms(void);
