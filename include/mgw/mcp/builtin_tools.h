/* The tools that mgw itself offers: gateway_status, echo, wait (run by session/builtin). */
#pragma once

#include <jansson.h>

/* Their entries for tools/list; a new array. */
json_t *builtin_tools(void);
