/* What child processes are kept from by the kernel's Landlock (landlock(7)): files that they may
 * not touch, and every process that is not theirs. */
#pragma once

/* Names that are read on the way to the hidden files; what comes after them is out of reach. */
#define FENCE_ENTRIES_MAX 4096

struct fence;

/* The version of Landlock that we can use; 0: this kernel has none. */
int fence_abi(void);
/* hidden: paths of files, ended by NULL; copied. They need not exist, their folders must. A child
 * can neither read, write, replace nor remove them, and make nothing new in the folders on the way
 * to them: Landlock can only allow, so all that stands beside them is allowed, one by one, but for
 * what is called as a hidden file with a point and more.
 * 0, -errno. */
int fence_create(const char *const *hidden, struct fence **fencep);
/* NULL is fine. */
void fence_destroy(struct fence *fence);
/* The ruleset for landlock_restrict_self(), made anew when what stands in those folders has
 * changed; stays the fence's. Each process that enters it has a domain of its own: none can trace,
 * signal (from version 6 on) or read the environment of a process of another one. -errno. */
int fence_ruleset(struct fence *fence);
