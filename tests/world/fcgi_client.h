/* A client of the FastCGI socket, as HAProxy hands its requests on: a connection for each. */
#pragma once

#include "mgw/base/buf.h"

#include <stddef.h>

struct fcgi_client_request {
        const char *method, *uri;
        const char *const *params; /* name, value, ..., NULL: what is not said below; NULL: none */
        struct str body;
};

/* A descriptor that does not block; -1: nobody listens. */
int fcgi_client_connect(const char *socket_path);
/* All that goes there for one request. */
void fcgi_client_write(struct buf *out, const struct fcgi_client_request *request);
