/* A POST of a client to one of our endpoints (/oauth/token, /oauth/revoke): its form is read, and
 * the client has shown who it is (RFC 6749 2.3; RFC 7523 2.2). */
#pragma once

#include "mgw/auth/authorization.h"
#include "mgw/auth/client_assertion.h"
#include "mgw/auth/client_find.h"
#include "mgw/auth/family.h"
#include "mgw/fastcgi/request.h"
#include "mgw/wire/form.h"

struct client_request {
        struct request *req; /* NULL: whoever waits for the answer has left */
        struct authority *authority;
        struct form *form;
        struct client *client;
        /* Goes on, and ends by client_request_end(). */
        void (*on_client)(struct client_request *cr);

        struct client_find find;
        struct client_assertion *assertion; /* being verified; NULL: none */

        /* Of who goes on. */
        struct family_use *use;
        struct authorization of;
        char **scopes;
        unsigned generation;
};

/* Answers, or calls on_client, now or later. */
void client_request_start(struct request *req, void (*on_client)(struct client_request *cr));
/* NULL: it is not there, or empty. */
const char *client_request_get(const struct client_request *cr, const char *name);
/* Answers with an error (RFC 6749 5.2), logs it, and ends. */
void client_request_refuse(struct client_request *cr, unsigned status, const char *error,
                           const char *why);
/* After the answer. */
void client_request_end(struct client_request *cr);
