/* A disk that fails, and that loses at a power cut what nobody has waited for (fsync): SQLite's own
 * way to files with that between. */
#pragma once

/* All databases that are opened from now on stand on it. */
void disk_install(void);
/* Writes fail with EIO, from now on or no more. */
void disk_fail(int is_failing);
/* Copies the database in `from` to `to` as a power cut would leave it now. */
void disk_copy_after_power_cut(const char *from, const char *to);
