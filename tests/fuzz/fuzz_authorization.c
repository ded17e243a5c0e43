/* A query of the authorization endpoint for a client that is known: what is taken leads to one of
 * the client's addresses, has a challenge and a resource of ours, and comes out of its seal as it
 * went in. */
#include "fuzz.h"
#include "mgw/auth/authority.h"
#include "mgw/auth/authorization_request.h"
#include "mgw/auth/pkce.h"
#include "mgw/auth/scope.h"
#include "mgw/base/strv.h"
#include "mgw/config/config.h"

static void look_at(const struct authorization_request *ar, const struct client *client)
{
        struct authorization_request again;
        json_t *object = authorization_request_to_json(ar);
        char *scopes = scope_text(ar->scopes);

        REQUIRE(client_has_redirect(client, str_from(ar->redirect)));
        REQUIRE(pkce_is_challenge(str_from(ar->challenge)));
        REQUIRE(str_has_prefix(str_from(ar->resource), STR("https://mcp.example.com")));
        REQUIRE(strcmp(scopes, "") == 0 || strcmp(scopes, "mcp") == 0);
        REQUIRE(ar->state == NULL || strlen(ar->state) <= AUTHORIZATION_STATE_MAX_BYTES);
        REQUIRE(authorization_request_from_json(&again, object));
        REQUIRE(strcmp(again.redirect, ar->redirect) == 0);
        REQUIRE((again.state == NULL) == (ar->state == NULL));
        REQUIRE(again.state == NULL || strcmp(again.state, ar->state) == 0);
        authorization_request_finish(&again);
        json_decref(object);
        free(scopes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static char url[] = "https://mcp.example.com", web[] = "https://a.example/cb";
        static char loopback[] = "http://localhost/cb", mcp[] = "mcp";
        static char *redirects[] = {web, loopback, NULL}, *scopes[] = {mcp, NULL};
        static struct config config = {.public_url = url};
        static struct authority authority = {.scopes = scopes};
        static struct context context = {.config = &config, .authority = &authority};
        struct client *client = client_new_static("c", NULL, NULL, redirects);
        struct authorization_request ar = {.state = NULL};
        struct authorization_fault fault = {NULL, NULL};
        char *copy = exact_copy(data, size);
        struct form *form;

        if (form_read(&form, (struct str){copy, size}) == 0) {
                if (authorization_request_read_redirect(&ar, form, client)) {
                        if (authorization_request_read(&ar, form, client, &context, &fault))
                                look_at(&ar, client);
                        else
                                REQUIRE(fault.error != NULL && fault.why != NULL);
                }
                form_destroy(form);
        }
        authorization_request_finish(&ar);
        client_let_go(client);
        free(copy);
        return 0;
}
