#include "mgw/base/notify.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

/* As a service manager has it: an abstract socket, named with an '@'. */
static int manager(void)
{
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        char name[64];
        int n = snprintf(name, sizeof(name), "@mgw-test-%d", (int)getpid());
        int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

        memcpy(address.sun_path + 1, name + 1, (size_t)n - 1);
        cr_assert_eq(
                bind(fd, (struct sockaddr *)&address, (socklen_t)(sizeof(sa_family_t) + (size_t)n)),
                0);
        setenv("NOTIFY_SOCKET", name, 1);
        return fd;
}

Test(notify, tells_the_manager)
{
        int fd = manager();
        char told[64] = "";

        cr_assert_eq(notify("READY=1"), 0);
        cr_assert_eq(recv(fd, told, sizeof(told) - 1, MSG_DONTWAIT), 7);
        cr_assert_str_eq(told, "READY=1");
}

Test(notify, says_nothing_when_nobody_asked)
{
        unsetenv("NOTIFY_SOCKET");
        cr_assert_eq(notify("READY=1"), 0);
        setenv("NOTIFY_SOCKET", "", 1);
        cr_assert_eq(notify("READY=1"), 0);
        setenv("NOTIFY_SOCKET", "relative", 1);
        cr_assert_eq(notify("READY=1"), -EINVAL);
        setenv("NOTIFY_SOCKET", "/nonexistent/socket", 1);
        cr_assert_eq(notify("READY=1"), -ENOENT);
}

Test(notify, knows_whom_the_manager_watches)
{
        char pid[24];

        unsetenv("WATCHDOG_PID");
        unsetenv("WATCHDOG_USEC");
        cr_assert_eq(notify_watchdog_ms(), 0);
        setenv("WATCHDOG_USEC", "30000000", 1);
        cr_assert_eq(notify_watchdog_ms(), 30000);
        snprintf(pid, sizeof(pid), "%d", (int)getpid());
        setenv("WATCHDOG_PID", pid, 1);
        cr_assert_eq(notify_watchdog_ms(), 30000);
        setenv("WATCHDOG_PID", "1", 1);
        cr_assert_eq(notify_watchdog_ms(), 0);
}
