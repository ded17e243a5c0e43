#include "mgw/login/registration.h"

#include "mgw/auth/authority.h"
#include "mgw/auth/client.h"
#include "mgw/base/clock.h"
#include "mgw/base/log.h"
#include "mgw/config/config.h"
#include "mgw/core/share.h"
#include "mgw/login/decision.h"
#include "mgw/wire/rpc.h"
#include "oauth_answer.h"

#include <stdlib.h>
#include <string.h>

#define BODY_VALUES_MAX 1000

/* NULL: it is none. */
static json_t *read_body(struct request *req)
{
        const struct rpc_bounds bounds = {BODY_VALUES_MAX, NULL};
        json_t *metadata = NULL;
        char why[160];

        if (rpc_parse(buf_bytes(&req->in->body), &bounds, &metadata, why, sizeof(why)) != 0)
                return NULL;
        return metadata;
}

/* "client_secret_post" where that was asked for: some clients use what they are told. */
static const char *method_of(const struct client *client, const json_t *metadata)
{
        const char *asked = rpc_text(metadata, "token_endpoint_auth_method");

        if (client->auth == CLIENT_AUTH_NONE)
                return "none";
        return asked != NULL ? asked : "client_secret_basic";
}

static json_t *answer(const struct authority *authority, const struct client *client,
                      const json_t *metadata)
{
        json_t *redirects = json_array(), *object;

        for (char **redirect = client->redirects; *redirect != NULL; redirect++)
                json_array_append_new(redirects, json_string(*redirect));
        object = json_pack("{s:s, s:I, s:o, s:s, s:[s, s], s:[s]}", "client_id", client->id,
                           "client_id_issued_at", (json_int_t)(clock_wall_ms() / 1000),
                           "redirect_uris", redirects, "token_endpoint_auth_method",
                           method_of(client, metadata), "grant_types", "authorization_code",
                           "refresh_token", "response_types", "code");
        if (client->name[0] != '\0')
                json_object_set_new(object, "client_name", json_string(client->name));
        if (client->auth == CLIENT_AUTH_SECRET) {
                char *secret = client_secret(&authority->keys, client);

                json_object_set_new(object, "client_secret", json_string(secret));
                json_object_set_new(object, "client_secret_expires_at", json_integer(0));
                free(secret);
        }
        return object;
}

static void log_it(struct request *req, const struct client *client,
                   const struct client_fault *fault)
{
        char address[64];

        str_to_text(req->in->head.remote_addr, address, sizeof(address));
        if (!share_may_log(req->share, address))
                return;
        if (client != NULL)
                log_info(LOG_FIELDS({"client", client->key}, {"name", client->name},
                                    {"address", address}),
                         "[OAuth] a client has registered");
        else
                log_info(LOG_FIELDS({"error", fault->error}, {"why", fault->why},
                                    {"address", address}),
                         "[OAuth] a registration is refused");
}

void registration_on_post(struct request *req)
{
        struct authority *authority = oauth_answer_authority(req);
        struct client_fault fault = {.error = "invalid_client_metadata"};
        struct client *client;
        json_t *metadata;

        if (authority == NULL)
                return;
        if (!authority->context->config->login.has_registration) {
                oauth_answer_error(req, 403, "access_denied",
                                   "clients do not register here (auth.login.registration)");
                return;
        }
        if (!oauth_answer_may_ask(req))
                return;
        metadata = read_body(req);
        client = client_register(&authority->keys, metadata, &fault);
        log_it(req, client, &fault);
        decision_tell(authority->context, req,
                      DECISION(.kind = "registration", .outcome = client != NULL ? "ok" : "refused",
                               .client = client != NULL ? client->key : NULL,
                               .reason = client != NULL ? client->name : fault.why,
                               .is_strangers = true));
        if (client != NULL)
                oauth_answer_json_take(req, 201, answer(authority, client, metadata));
        else
                oauth_answer_error(req, 400, fault.error, fault.why);
        client_let_go(client);
        json_decref(metadata);
}
