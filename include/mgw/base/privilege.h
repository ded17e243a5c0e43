/* What the kernel is told to keep from this process and from who takes it over. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* To be called first of all: nobody of our uid may read our memory, our environment or our
 * descriptors (not dumpable), no core is written, and no program that we execute gains rights.
 * Inherited by processes forked later; a program that is executed is dumpable again. 0, -errno. */
int privilege_give_up(void);
/* What holds now, asked of the kernel: "not dumpable, no_new_privs, no capabilities, seccomp off"
 * ("on": of whoever started us; "on (mgw's)": ours too). */
void privilege_describe(char *text, size_t size);
/* May we start processes as users of their own (CAP_SETUID, CAP_SETGID, CAP_KILL)? */
bool privilege_has_uids(void);
/* What is forked while this is so goes before us when memory runs out (oom_score_adj). Has no
 * effect before privilege_give_up(). */
void privilege_fork_expendable(bool is_expendable);
