/* What is given up is never taken back. What is needed later is opened before: once we are not
 * dumpable, /proc/self is not ours to open. */
#include "mgw/base/privilege.h"

#include "mgw/base/syscall_filter.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/capability.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define OOM_SCORE_CHILD 500

/* Opened while it is ours to open; -1: not at all. */
static int oom_fd = -1;
static long oom_own;

static void oom_close(void)
{
        close(oom_fd);
        oom_fd = -1;
}

static void oom_open(void)
{
        char text[16];
        ssize_t n;

        oom_fd = open("/proc/self/oom_score_adj", O_RDWR | O_CLOEXEC);
        if (oom_fd < 0)
                return;
        n = pread(oom_fd, text, sizeof(text) - 1, 0);
        text[n > 0 ? n : 0] = '\0';
        oom_own = strtol(text, NULL, 10);
        /* What is to go even before that stays so. */
        if (n <= 0 || oom_own >= OOM_SCORE_CHILD)
                oom_close();
}

void privilege_fork_expendable(bool is_expendable)
{
        char text[16];
        int n = snprintf(text, sizeof(text), "%ld", is_expendable ? OOM_SCORE_CHILD : oom_own);

        /* Where it is refused (some sandboxes) we all stay as we are. */
        if (oom_fd >= 0 && pwrite(oom_fd, text, (size_t)n, 0) < 0)
                oom_close();
}

int privilege_give_up(void)
{
        const struct rlimit none = {0, 0};

        oom_open();
#ifndef MGW_SANITIZED
        /* LeakSanitizer attaches to us at the end, as a debugger would. */
        if (prctl(PR_SET_DUMPABLE, 0) < 0)
                return -errno;
#endif
        if (setrlimit(RLIMIT_CORE, &none) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
                return -errno;
        return 0;
}

static uint64_t capabilities(void)
{
        struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
        struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {0};

        if (syscall(SYS_capget, &header, data) < 0)
                return 0;
        return (uint64_t)data[1].effective << 32 | data[0].effective;
}

bool privilege_has_uids(void)
{
        const uint64_t needed =
                UINT64_C(1) << CAP_SETUID | UINT64_C(1) << CAP_SETGID | UINT64_C(1) << CAP_KILL;

        return (capabilities() & needed) == needed;
}

void privilege_describe(char *text, size_t size)
{
        static const char *const filters[] = {"off", "strict", "on"};
        uint64_t caps = capabilities();
        int seccomp = prctl(PR_GET_SECCOMP);
        char held[40] = "no capabilities";

        if (caps != 0)
                snprintf(held, sizeof(held), "capabilities %" PRIx64, caps);
        snprintf(text, size, "%s, %s, %s, seccomp %s%s",
                 prctl(PR_GET_DUMPABLE) == 1 ? "dumpable" : "not dumpable",
                 prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? "no_new_privs" : "new privileges",
                 held, filters[seccomp >= 0 && seccomp <= 2 ? seccomp : 0],
                 syscall_filter_is_entered() ? " (mgw's)" : "");
}
