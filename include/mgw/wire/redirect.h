/* Redirect addresses of OAuth clients (RFC 6749 3.1.2; RFC 8252 7; RFC 9700 4.1): which are taken
 * at all, and which is the same as another. */
#pragma once

#include "mgw/base/buf.h"

#include <stdbool.h>

#define REDIRECT_MAX_BYTES 1000

enum redirect_kind {
        REDIRECT_BAD,      /* none that is taken */
        REDIRECT_WEB,      /* https://host/... */
        REDIRECT_LOOPBACK, /* http or https at 127.0.0.1, [::1] or localhost: any program there */
        REDIRECT_APP,      /* a scheme of an application's own: any that has registered it */
};

/* Visible ASCII as RFC 3986 has it, lower-case scheme, no fragment, no user, no segment "." or
 * "..", in whatever spelling; http for loopback alone; no scheme that a browser or the system acts
 * upon itself. */
enum redirect_kind redirect_kind(struct str uri);
/* Is the one that is given the one that was registered? Character by character, but for the port of
 * http at a loopback address (RFC 8252 7.3). */
bool redirect_fits(struct str registered, struct str given);
/* Of one that is taken: "https://host:port", or "app:", as a Content-Security-Policy names it.
 * Borrowed from it. */
struct str redirect_origin(struct str uri);
/* Its host, without the port; of an app's its scheme ("app:"). Borrowed from it. */
struct str redirect_host(struct str uri);
/* Appends uri with the parameters (a query, encoded) behind its own. 0, BUF_E_FULL, -ENOMEM. */
int redirect_add_query(struct buf *out, struct str uri, struct str query);
