/* Regular expressions of JSON Schema (ECMA-262 with the u flag) by PCRE2, bounded in time and
 * memory. They match anywhere in a text, as JSON Schema has it. The dialect is Perl's with the
 * meanings of ECMA-262 where the two differ and PCRE2 can: \d and \w are ASCII, $ is the very end,
 * \uXXXX, [], \1 of an unset group. \s is ASCII white space. */
#pragma once

#include "mgw/base/str.h"

#include <stddef.h>
#include <stdint.h>

#define PATTERN_E_BAD 1   /* not a regular expression that we know */
#define PATTERN_E_NONE 2  /* the text does not match */
#define PATTERN_E_LIMIT 3 /* too much work to tell */

struct pattern;

/* 0: *patternp owned by the caller. PATTERN_E_BAD with PCRE2's reason in why; -ENOMEM. */
int pattern_create(struct str text, struct pattern **patternp, char *why, size_t why_size);
void pattern_destroy(struct pattern *pattern);

/* Does the text match? Takes the work done off *stepsp (about 10 ns a step). 0, PATTERN_E_NONE,
 * PATTERN_E_LIMIT, -ENOMEM. */
int pattern_match(const struct pattern *pattern, struct str text, uint32_t *stepsp);
