/* Signals as events (signalfd). The signals are blocked for the whole process; SIGPIPE is ignored.
 */
#pragma once

#include "mgw/loop/loop.h"

struct signal_watch {
        struct loop_io io;
        struct loop *loop;
        void (*on_signal)(struct signal_watch *watch, int signo);
};

/* signos ends with 0; watch->on_signal is set by the caller. 0, -errno. */
int signal_watch_open(struct loop *loop, struct signal_watch *watch, const int *signos);
/* Harmless when zeroed. */
void signal_watch_close(struct signal_watch *watch);
