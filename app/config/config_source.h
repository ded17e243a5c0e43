/* Where settings come from: the text of the file, its lines, and the environment. */
#pragma once

#include "mgw/base/str.h"

#include <jansson.h>
#include <stdio.h>

/* Of files that people write. */
#define SOURCE_MAX_BYTES (1u << 20)

/* The file's whole text; the caller frees text->p. 0, -errno, -EFBIG over max_bytes. */
int config_source_read(const char *path, size_t max_bytes, struct str *text);
/* A relative path is meant from where the configuration file lies; the caller frees it. */
char *config_source_beside(const char *config_path, const char *file);
/* The line (from 1) of the key that path leads to from the top, with dots between the keys (which
 * may hold some) and the numbers of elements (from 1); where it is not there, of the last one on
 * the way that is. */
unsigned config_source_line(struct str text, const char *path);
/* "keepalive_s" -> "MGW_KEEPALIVE_S", "auth.tokens_file" -> "MGW_AUTH_TOKENS_FILE". */
void config_source_env_name(const char *key, char *out, size_t size);
