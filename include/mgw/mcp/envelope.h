/* Being a client of a stateless server (era C): what each request says of its client, and what is
 * made of the answers for clients that keep sessions. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

/* What initialize would have answered, made of a DiscoverResult: a new object; NULL: out of memory.
 */
json_t *envelope_hello(const json_t *discovered, const char *version);

/* A copy of params (or NULL) whose _meta says who asks: what the client said in initialize, as far
 * as it can be asked through a gateway, and the lowest level that it wants to have logged (NULL:
 * none). NULL: out of memory. */
json_t *envelope_wrap(const json_t *params, const char *version, const json_t *init_params,
                      const char *log_level);
/* The same for a client that has said it by itself, in its _meta. */
json_t *envelope_wrap_own(const json_t *params, const char *version);

enum envelope_type {
        ENVELOPE_COMPLETE,       /* absent counts as this */
        ENVELOPE_INPUT_REQUIRED, /* the client is to be asked, and the request to be sent again */
        ENVELOPE_UNKNOWN,
};
enum envelope_type envelope_type_of(const json_t *result);

/* An answer (result or error) to that method as session-keeping clients know it: a new object;
 * NULL: out of memory. */
json_t *envelope_unwrap(const char *method, const json_t *answer);

/* The filter of a subscriptions/listen: the lists whose changes the server tells of, by the hello
 * made of what it is, and these resources (URI -> anything). An object; NULL: out of memory. */
json_t *envelope_filter(const json_t *hello, json_t *uris);
bool envelope_has_subscriptions(const json_t *hello);
/* Takes the subscription's id, which is owned by the caller, out of a notification's params. NULL:
 * it has none. */
json_t *envelope_take_tag(json_t *params);

/* Is this the code of an error that only a stateless server gives? */
bool envelope_is_stateless_error(json_int_t code);

/* Can a client that said so in initialize be asked this? A request of inputRequests. */
bool envelope_may_ask(const json_t *init_params, const json_t *request);
