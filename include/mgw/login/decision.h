/* What is decided for a request, as the audit has it: with where it came from. */
#pragma once

#include "mgw/fastcgi/request.h"
#include "mgw/observe/audit.h"

/* req: NULL, or without its input: whoever asked has left. */
static inline void decision_tell(struct context *context, const struct request *req,
                                 struct audit_decision decision)
{
        if (req != NULL && req->in != NULL) {
                decision.address = req->in->head.remote_addr;
                decision.request_id = req->in->head.request_id;
        }
        audit_decide(context, &decision);
}

#define DECISION(...) ((struct audit_decision){__VA_ARGS__})
