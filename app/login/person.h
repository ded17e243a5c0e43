/* Who has signed in, as a cookie keeps it: by an ID token of the OpenID provider, or by a token of
 * the gateway. */
#pragma once

#include "mgw/config/config.h"
#include "mgw/core/identity.h"

#include <jansson.h>

struct person {
        enum identity_source source;
        char *email;
        char *subject;   /* NULL: there is none */
        char *domain;    /* of whose accounts it is, lower case; "": of none */
        char **groups;   /* ended by NULL; NULL: none */
        int64_t ends_ms; /* of what they signed in with; INT64_MAX: never */
};

void person_finish(struct person *person);

/* What the claims of an ID token (OpenID Connect Core 2 and 5.1), which has been verified, say.
 * NULL, or what keeps them out, in words for them and for the log, constant. person may be finished
 * in any case. */
const char *person_from_claims(struct person *person, const struct config_login *login,
                               const json_t *claims);
/* Is more to be asked for (UserInfo, OpenID Connect Core 5.3) before the claims are read? */
bool person_misses_claims(const struct config_login *login, const json_t *claims);
/* May who signed in at the provider use the gateway? NULL, or why not, likewise. */
const char *person_is_refused(const struct person *person, const struct config_login *login);

/* A new object. */
json_t *person_to_json(const struct person *person);
/* false: it is none. person may be finished in any case. */
bool person_from_json(struct person *person, const json_t *object);
