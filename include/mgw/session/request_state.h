/* The `requestState` that clients of the stateless era give back to us: sealed, for one user, one
 * request and a while (basic patterns, "Multi Round-Trip Requests", server requirements 4 and 5).
 */
#pragma once

#include "mgw/core/context.h"

#include <jansson.h>

/* Makes the key. 0, -ENOMEM. */
int request_state_context_init(struct context *context);
/* Seals a content, which is borrowed, for whoever sends the request again. A new string; NULL: too
 * long, or out of memory. */
json_t *request_state_seal(const struct context *context, const struct user *user,
                           const char *method, const json_t *params, const json_t *content);
/* The content of params.requestState, to be released. NULL: *whyp says why it is refused. */
json_t *request_state_open(const struct context *context, const struct user *user,
                           const char *method, const json_t *params, const char **whyp);
