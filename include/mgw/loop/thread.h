/* Threads beside the loop's: few, each with one job, and none of them runs a handler. */
#pragma once

#include <pthread.h>
#include <stddef.h>

/* Signals to the process stay the loop's thread's. 0, -errno. */
int thread_start(pthread_t *threadp, void *(*run)(void *arg), void *arg, size_t stack_bytes);
/* To be called by the thread: it keeps but the standard descriptors, what the log goes to, and this
 * one. What it opens from then on is its own. */
void thread_leave_descriptors(int kept);
