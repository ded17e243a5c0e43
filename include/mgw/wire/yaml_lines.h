/* Where the keys of a text of YAML stand: for what is told of it once it has been read. */
#pragma once

#include "mgw/base/str.h"

struct yaml_lines;

/* The caller destroys it. NULL: it cannot be read, or there is no memory. */
struct yaml_lines *yaml_lines_create(struct str text);
/* NULL is fine. */
void yaml_lines_destroy(struct yaml_lines *lines);
/* The line (from 1) of the key that path leads to from the top, with dots between the keys (which
 * may hold some) and the numbers of elements (from 1); where it is not there, or comes by "<<", of
 * the last one on the way that is. */
unsigned yaml_lines_find(struct yaml_lines *lines, const char *path);
