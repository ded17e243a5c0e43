/* A URI as the server that gets it may read it. There is no one way: some take %2f for a slash,
 * some take "//" for "/" as file systems do, and URLs of browsers know more spellings (WHATWG URL,
 * 4.4). */
#pragma once

#define URI_PLAIN_SLASHES 1u /* %2f and %5c are what they stand for, before ".." takes back */
#define URI_PLAIN_LOOSE                                                                            \
        2u /* as file systems and browsers: '\' and "//" are "/", the scheme is in                 \
              lower case, and a file's has no host and no query */

/* %61 is a, and what ".." takes back is gone. NULL: it is so itself. The caller frees it. */
char *uri_plain(const char *uri, unsigned how);
