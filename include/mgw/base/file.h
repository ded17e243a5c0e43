/* Small files that hold secrets. */
#pragma once

#include "mgw/base/str.h"

/* Puts text in place of what path holds, with mode 0600, in one step: a reader, now or after a
 * crash, finds the old text or the new one. Waits for the disk. 0, -errno. */
int file_replace(const char *path, struct str text);
/* What path holds, without blanks at its end; the caller frees it. NULL: it cannot be read, or is
 * longer. */
char *file_read(const char *path, size_t max_bytes);
/* Can others than its owner read it, or write it? false too when it is not there. */
bool file_is_open_to_others(const char *path);
