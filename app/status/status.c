/* The life of the page's part in the process. */
#include "status_inside.h"

#include "mgw/base/alloc.h"

#include <stdlib.h>

void status_open(struct context *context)
{
        struct status *status = alloc_zeroed(sizeof(*status));

        status->context = context;
        status_feed_init(status);
        context->status = status;
}

void status_close(struct status *status)
{
        if (status == NULL)
                return;
        status_feed_close(status);
        status->context->status = NULL;
        free(status);
}
