/* What a user has let a client do: sealed into each code and token that comes of it. All of one
 * consent are a family: they end together. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* Of the groups' names, all together: those that go beyond it are left out. */
#define AUTHORIZATION_GROUPS_MAX_BYTES 3000

struct authorization {
        char *family; /* a name of its own */
        char *client; /* its key (auth/client) */
        char *email;
        char *subject; /* NULL: there is none */
        char *domain;  /* of whose accounts it is; NULL: not known */
        char **groups; /* ended by NULL; NULL: none */
        char **scopes; /* likewise */
        char *resource;
        bool is_of_file; /* its user has signed in by a token of the file */
        int64_t ends_ms; /* of the login; wall clock */
};

void authorization_finish(struct authorization *a);
/* A new object; *n_left_outp, where given: groups that had no room. */
json_t *authorization_to_json(const struct authorization *a, unsigned *n_left_outp);
/* False: it is none. a may be finished in any case. */
bool authorization_from_json(struct authorization *a, const json_t *object);
