#include "mgw/base/privilege.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/capability.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

int privilege_give_up(void)
{
        const struct rlimit none = {0, 0};

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

void privilege_describe(char *text, size_t size)
{
        static const char *const filters[] = {"off", "strict", "on"};
        uint64_t caps = capabilities();
        int seccomp = prctl(PR_GET_SECCOMP);
        char held[40] = "no capabilities";

        if (caps != 0)
                snprintf(held, sizeof(held), "capabilities %" PRIx64, caps);
        snprintf(text, size, "%s, %s, %s, seccomp %s",
                 prctl(PR_GET_DUMPABLE) == 1 ? "dumpable" : "not dumpable",
                 prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? "no_new_privs" : "new privileges",
                 held, filters[seccomp >= 0 && seccomp <= 2 ? seccomp : 0]);
}
