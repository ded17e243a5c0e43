#include "mgw/base/syscall_filter.h"

#include "../check.h"

#include <errno.h>
#include <linux/keyctl.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

/* Each of these succeeds, or fails otherwise, where no filter is. */
Test(syscall_filter, what_nobody_here_needs_is_denied)
{
        char from = 'a', to = 'b';
        struct iovec here = {&to, 1}, there = {&from, 1};

        check_int(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
        check_int(syscall_filter_is_entered(), 0);
        if (process_vm_readv(getpid(), &here, 1, &there, 1, 0) != 1 || prctl(PR_GET_SECCOMP) < 0)
                cr_skip_test("this machine has no such filters, or denies all this already");
        check_int(syscall_filter_enter(), 0);
        check_int(syscall_filter_is_entered(), 1);
        check_int(process_vm_readv(getpid(), &here, 1, &there, 1, 0), -1);
        check_int(errno, EPERM);
        check_int(ptrace(PTRACE_PEEKUSER, -1, NULL, NULL), -1);
        check_int(errno, EPERM);
        check_int(syscall(SYS_keyctl, -1), -1);
        check_int(errno, EPERM);
        check_int(syscall(SYS_io_uring_setup, 0, NULL), -1);
        check_int(errno, EPERM);
        check_int(syscall(SYS_bpf, -1, NULL, 0), -1);
        check_int(errno, EPERM);
        _exit(0); /* LeakSanitizer would attach to us as a debugger does */
}
