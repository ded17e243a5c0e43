/* From a request to the room that answers it: Origin, path, method, user. */
#pragma once

#include "mgw/gate/front.h"

/* Judges requests at their head, hands them over when their body is in. */
extern const struct front_events route_events;
