/* A datagram for each message, sent without waiting: a service manager that does not read holds
 * nobody up. */
#include "mgw/base/notify.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int notify(const char *state)
{
        const char *path = getenv("NOTIFY_SOCKET");
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        size_t n = path != NULL ? strlen(path) : 0;
        int fd, r;

        if (n == 0)
                return 0;
        if ((path[0] != '/' && path[0] != '@') || n >= sizeof(address.sun_path))
                return -EINVAL;
        memcpy(address.sun_path, path, n);
        if (path[0] == '@')
                address.sun_path[0] = '\0'; /* an abstract name */
        fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0)
                return -errno;
        r = sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&address,
                   (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n)) < 0
                    ? -errno
                    : 0;
        close(fd);
        return r;
}

int64_t notify_watchdog_ms(void)
{
        const char *us = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");

        if (us == NULL || (pid != NULL && strtoll(pid, NULL, 10) != getpid()))
                return 0;
        return strtoll(us, NULL, 10) / 1000;
}
