/* System calls that fail with EPERM from now on, for this process and all that descend from it:
 * what is for administrators, debuggers and builders of containers. Neither mgw nor an MCP server
 * has use for it, and it is where faults of the kernel are found. A list of what is denied, not of
 * what is allowed: programs of all kinds run behind it. */
#pragma once

#include <stdbool.h>

/* Needs no_new_privs. 0, -errno. */
int syscall_filter_enter(void);
bool syscall_filter_is_entered(void);
