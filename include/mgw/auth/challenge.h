/* What a client is told to get a token by (WWW-Authenticate, RFC 6750 3, RFC 9728 5.1), and the
 * resources that tokens are for. Where there is no issuer and no login, it is led nowhere: a client
 * that is begins a login that cannot end. */
#pragma once

#include "mgw/core/context.h"

/* Is there one who gives out tokens, to whom clients can be led? */
bool challenge_leads(const struct config *config);
/* The identifier of the resource at a path of ours ("/mcp", "/sse", "/message", any other). The
 * caller frees it. */
char *challenge_resource(const struct config *config, struct str path);
/* The header's value. error: of RFC 6750 3.1, NULL: no token came; description: ASCII without
 * quotes, NULL: none; scope: what is needed, NULL: what there is. The caller frees it. */
char *challenge_bearer(const struct context *context, struct str path, const char *error,
                       const char *description, const char *scope);
