/* A tool's result that is longer than its caller may have (policy, result_max_bytes): its texts are
 * cut, and it says so, and where the rest is. */
#pragma once

#include <jansson.h>
#include <stddef.h>

/* Of an answer: an error, or a result of max_bytes as text at most, stays as it is. Else texts are
 * kept as far as they fit, from the first on, cut between two characters; links to resources stay;
 * what cannot be cut (images, sound, resources, structuredContent) is left out where it does not
 * fit. Without the structuredContent that it had it is an error (isError), since clients that were
 * promised some (outputSchema) take no other without. */
void result_limit(json_t *answer, size_t max_bytes);
