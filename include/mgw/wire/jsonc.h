/* JSON as people write it, for files that are theirs: editors' configuration files ("JSON with
 * comments"). No message is read this way. */
#pragma once

#include "mgw/base/str.h"

/* Blanks, in place, what JSON (RFC 8259) has not: a byte order mark, comments (// to the end of the
 * line, block comments), and a comma after the last member or element. Nothing moves, so that a
 * parser's lines and columns are the file's. What else is no JSON stays for the parser to find. */
void jsonc_to_json(char *text, size_t n);
