/* What a client asks a user for at the authorization endpoint (RFC 6749 4.1.1, RFC 7636 4.3, RFC
 * 8707 2), judged. */
#pragma once

#include "mgw/auth/client.h"
#include "mgw/core/context.h"
#include "mgw/wire/form.h"

#define AUTHORIZATION_STATE_MAX_BYTES 2048

struct authorization_request {
        char *client_id;
        char *client_key;
        char *redirect;
        bool has_redirect; /* it was said, not chosen by us */
        char *state;       /* NULL: none */
        char *challenge;
        char *resource;
        char **scopes;
        bool asks_none;  /* prompt=none: no page may be shown */
        bool asks_login; /* prompt=login, or select_account */
        bool asks_consent;
};

struct authorization_fault {
        const char *error; /* RFC 6749 4.1.2.1 */
        const char *why;   /* a constant sentence */
};

void authorization_request_finish(struct authorization_request *ar);
/* The redirect address and the state: where all else that is wrong can be told. false: the address
 * is none of the client's. */
bool authorization_request_read_redirect(struct authorization_request *ar, const struct form *form,
                                         const struct client *client);
/* The rest. false: the fault. */
bool authorization_request_read(struct authorization_request *ar, const struct form *form,
                                const struct client *client, const struct context *context,
                                struct authorization_fault *fault);
/* For a seal: a new object, and back. */
json_t *authorization_request_to_json(const struct authorization_request *ar);
bool authorization_request_from_json(struct authorization_request *ar, const json_t *object);

/* The resource of ours that a client names (NULL or "": the one at /mcp). New memory; NULL: none of
 * ours. */
char *authorization_resource(const struct context *context, const char *resource);
