/* From a request to the function that answers it: Origin, path, method, user. */
#pragma once

#include "mgw/fastcgi/fcgi_server.h"

/* Judges requests at their head, hands them over when their body is in. */
extern const struct fcgi_server_events route_events;
