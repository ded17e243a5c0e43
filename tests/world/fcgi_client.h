/* A client of the FastCGI socket, as HAProxy hands its requests on: a connection for each. */
#pragma once

#include "mgw/base/str.h"

#include <stddef.h>

struct fcgi_client_request {
        const char *method, *uri;
        const char *const *params; /* name, value, ..., NULL: what is not said below; NULL: none */
        struct str body;
};

/* Connects and sends all of it, as far as the socket takes it at once. The descriptor, which does
 * not block; -1: nobody listens. */
int fcgi_client_send(const char *socket_path, const struct fcgi_client_request *request);
