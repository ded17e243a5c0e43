/* Tasks of the extension io.modelcontextprotocol/tasks: the ids that clients see. Each says of
 * which server it is, and bears a mark (HMAC-SHA256) for that user alone: nobody can make an id of
 * what another has been given. The same task has the same id at any time, on all nodes with that
 * key. */
#pragma once

#include "mgw/base/str.h"

#include <stdint.h>

#define TASK_KEY_BYTES 32

/* "<mark>.<server>.<their id>"; the caller frees it. NULL: out of memory. */
char *task_id_show(const uint8_t key[TASK_KEY_BYTES], struct str user, struct str server,
                   struct str theirs);
/* Their id in such an id, borrowed from it; the empty string: it was not given to this user for
 * that server. */
struct str task_id_read(const uint8_t key[TASK_KEY_BYTES], struct str user, struct str server,
                        struct str shown);
