/* Where a browser goes when it has signed in: pages of ours that people sign in for, with their
 * queries, and nothing else, so that nobody is led astray (RFC 9700 4.11). */
#pragma once

#include "mgw/base/str.h"

/* Where nothing else was asked for. */
#define RETURN_PATH_STANDARD "/connect"
#define RETURN_PATH_MAX_BYTES 7000

/* A copy that may stand in a Location and in a cookie, the caller frees it. NULL: it leads
 * elsewhere, or is too long. */
char *return_path_read(struct str path);
