/* A source that waits until what it feeds has room again (backpressure). */
#pragma once

#include "mgw/base/list.h"

struct waiter {
        struct list node; /* of who is waited for; unlink it to be spared the call */
        /* Only says that it may go on: it must not wait again from within. */
        void (*on_drained)(struct waiter *waiter);
};
