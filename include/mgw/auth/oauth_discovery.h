/* Finds the authorization server of an upstream: by the configuration, or by what the upstream says
 * (RFC 9728 3 and 5, then RFC 8414 3 or OpenID Connect Discovery 4; MCP authorization,
 * "Authorization Server Discovery"). A server that names none may be its own. */
#pragma once

#include "mgw/auth/oauth_challenge.h"
#include "mgw/auth/oauth_http.h"
#include "mgw/auth/oauth_party.h"

struct config_oauth;
struct oauth_discovery;

/* fault: NULL, or what is wrong, in words for a log and for a page; then party is NULL. The party
 * is the owner's to take (and to finish) from there. */
typedef void oauth_discovery_fn(void *owner, struct oauth_party *party, const char *fault);

/* url: of the upstream. is_mcp: it may be asked for what protects it. on_done is called once, from
 * the loop or from within. All is borrowed until then. NULL: it has been called. */
struct oauth_discovery *oauth_discovery_start(const struct oauth_http *http, const char *url,
                                              bool is_mcp, const struct config_oauth *oauth,
                                              const struct oauth_challenge *challenge,
                                              oauth_discovery_fn *on_done, void *owner);
/* on_done is not called any more; NULL is fine. */
void oauth_discovery_cancel(struct oauth_discovery *discovery);

/* The well-known address of url (RFC 8414 3.1, RFC 9728 3.1): name stands between its host and its
 * path, or, is_behind, behind both (OpenID). The caller frees it. */
char *oauth_discovery_well_known(const char *url, const char *name, bool has_path, bool is_behind);
