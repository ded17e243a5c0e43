/* The keeper: a process that outlives ours for a moment and ends the process groups that we leave
 * behind, however we ended. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

struct keeper {
        pid_t pid;
        int fd; /* the pipe's end that closes with us */
};

/* Groups that it can hold. */
#define KEEPER_GROUPS_MAX 4096

/* 0, -errno. */
int keeper_start(struct keeper *keeper);
bool keeper_is_alive(const struct keeper *keeper);
/* By the descriptor, for use between vfork() and exec. 0, -errno. */
int keeper_add(int fd, pid_t group);
int keeper_drop(int fd, pid_t group);
/* Closes the pipe, upon which it ends what it holds, and waits for it as long as that takes. */
void keeper_end(struct keeper *keeper);
