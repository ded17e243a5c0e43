/* What a server that means well answers, in JSON: tools t (only reads) and w, a prompt p, a
 * resource r://a and a template r://{x}. */
#pragma once

#include <jansson.h>

/* As asprintf(); new memory. */
char *honest_print(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Its id, a number; 0: it has none. */
long long honest_id(const json_t *msg);

/* New memory. NULL: it is no request. */
char *honest_answer(const json_t *msg);
/* The fields of a result, as text; with its resultType where msg is of the stateless era and they
 * have none. New memory. */
char *honest_result(const json_t *msg, const char *fields);
/* subscriptions/listen: all that is asked for. New memory. */
char *honest_acknowledge(const json_t *msg);
