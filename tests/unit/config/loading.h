/* A text as the configuration's file. */
#pragma once

#include "mgw/config/config.h"

#define LOADING_PATH_SIZE 32

/* As config_load(). The file is gone again; path: what it was called. *toldp: what was written to
 * err, for the caller to free. */
int loading_text(struct config *config, const char *text, char path[LOADING_PATH_SIZE],
                 char **toldp);
/* JSON with single quotes; where it stood is not told. */
int loading_quoted(struct config *config, const char *text, char **toldp);
