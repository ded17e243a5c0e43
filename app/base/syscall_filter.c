/* What is denied fails and does not kill: programs ask for some of it only to see whether it is
 * there. */
#include "mgw/base/syscall_filter.h"

#include <errno.h>
#include <seccomp.h>
#include <stddef.h>

/* By name: older headers know fewer numbers, and no machine has all of them. */
static const char *const denied[] = {
        /* other processes */
        "ptrace",
        "process_vm_readv",
        "process_vm_writev",
        "pidfd_getfd",
        /* the kernel's own machinery */
        "bpf",
        "perf_event_open",
        "userfaultfd",
        "io_uring_setup",
        "io_uring_enter",
        "io_uring_register",
        "add_key",
        "request_key",
        "keyctl",
        "lookup_dcookie",
        "fanotify_init",
        /* another kernel, or more of it */
        "init_module",
        "finit_module",
        "delete_module",
        "kexec_load",
        "kexec_file_load",
        "reboot",
        /* file systems, and files by their number */
        "mount",
        "umount",
        "umount2",
        "mount_setattr",
        "move_mount",
        "open_tree",
        "fsopen",
        "fsconfig",
        "fsmount",
        "fspick",
        "pivot_root",
        "setns",
        "open_by_handle_at",
        "quotactl",
        "quotactl_fd",
        "swapon",
        "swapoff",
        "acct",
        /* the machine */
        "settimeofday",
        "stime",
        "clock_settime",
        "clock_settime64",
        "clock_adjtime",
        "clock_adjtime64",
        "sethostname",
        "setdomainname",
        "syslog",
        "vhangup",
        "iopl",
        "ioperm",
};

static bool is_entered;

/* The other kinds of programs that this kernel runs: else their calls would be of no list. */
static int add_other_kinds(scmp_filter_ctx filter)
{
#if defined(__x86_64__)
        int r = seccomp_arch_add(filter, SCMP_ARCH_X86);

        return r < 0 ? r : seccomp_arch_add(filter, SCMP_ARCH_X32);
#elif defined(__aarch64__)
        return seccomp_arch_add(filter, SCMP_ARCH_ARM);
#else
        (void)filter;
        return 0;
#endif
}

static int add_denied(scmp_filter_ctx filter)
{
        int r = 0;

        for (size_t i = 0; i < sizeof(denied) / sizeof(denied[0]) && r == 0; i++) {
                int number = seccomp_syscall_resolve_name(denied[i]);

                if (number != __NR_SCMP_ERROR)
                        r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), number, 0);
        }
        return r;
}

static int enter(scmp_filter_ctx filter)
{
        /* Kernels before 5.16 would make all programs slower for it (speculative stores). */
        int r = seccomp_attr_set(filter, SCMP_FLTATR_CTL_SSB, 1);

        if (r == 0)
                r = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(EPERM));
        if (r == 0)
                r = add_other_kinds(filter);
        if (r == 0)
                r = add_denied(filter);
        return r < 0 ? r : seccomp_load(filter);
}

int syscall_filter_enter(void)
{
        scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
        int r = filter == NULL ? -ENOMEM : enter(filter);

        seccomp_release(filter);
        is_entered = r == 0;
        return r;
}

bool syscall_filter_is_entered(void)
{
        return is_entered;
}
