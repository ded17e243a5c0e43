/* It gives out no ID tokens, and its access tokens are for itself to read: what OpenID wants of
 * keys and of subjects is not said, wherever it is asked for. */
#include "mgw/login/server_metadata.h"

#include "mgw/auth/scope.h"
#include "mgw/config/config.h"
#include "mgw/wire/rpc.h"
#include "oauth_answer.h"

#include <stdlib.h>

static void add_address(json_t *object, const struct config *config, const char *key,
                        const char *path)
{
        json_object_set_new(object, key, json_sprintf("%s%s", config->public_url, path));
}

static json_t *auth_methods(void)
{
        return json_pack("[s, s, s, s]", "none", "client_secret_basic", "client_secret_post",
                         "private_key_jwt");
}

static json_t *algorithms(void)
{
        return json_pack("[s, s, s, s]", "RS256", "PS256", "ES256", "EdDSA");
}

static json_t *metadata(const struct context *context)
{
        const struct config *config = context->config;
        char *const *scope = scope_supported(context);
        json_t *object = json_object(), *scopes = json_array();

        for (; *scope != NULL; scope++)
                json_array_append_new(scopes, json_string(*scope));
        add_address(object, config, "issuer", "");
        add_address(object, config, "authorization_endpoint", "/oauth/authorize");
        add_address(object, config, "token_endpoint", "/oauth/token");
        if (config->login.has_registration)
                add_address(object, config, "registration_endpoint", "/oauth/register");
        add_address(object, config, "revocation_endpoint", "/oauth/revoke");
        json_object_set_new(object, "scopes_supported", scopes);
        json_object_set_new(object, "response_types_supported", json_pack("[s]", "code"));
        json_object_set_new(object, "response_modes_supported", json_pack("[s]", "query"));
        json_object_set_new(object, "grant_types_supported",
                            json_pack("[s, s]", "authorization_code", "refresh_token"));
        json_object_set_new(object, "token_endpoint_auth_methods_supported", auth_methods());
        json_object_set_new(object, "token_endpoint_auth_signing_alg_values_supported",
                            algorithms());
        json_object_set_new(object, "revocation_endpoint_auth_methods_supported", auth_methods());
        json_object_set_new(object, "revocation_endpoint_auth_signing_alg_values_supported",
                            algorithms());
        json_object_set_new(object, "code_challenge_methods_supported", json_pack("[s]", "S256"));
        json_object_set_new(object, "authorization_response_iss_parameter_supported", json_true());
        json_object_set_new(object, "client_id_metadata_document_supported", json_true());
        return object;
}

void server_metadata_on_get(struct request *req)
{
        static const struct cgi_header headers[] = {{"Cache-Control", "max-age=300"}, {0}};
        struct str text = {NULL, 0};
        json_t *object;

        if (oauth_answer_authority(req) == NULL)
                return;
        object = metadata(request_context(req));
        if (rpc_dump(object, &text) == 0)
                request_reply_json(req, 200, headers, text);
        else
                request_reply(req, 500, NULL, STR(""));
        free((void *)text.p);
        json_decref(object);
}
