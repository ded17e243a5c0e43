#include "mgw/auth/authorization_request.h"

#include "mgw/auth/pkce.h"
#include "mgw/auth/scope.h"
#include "mgw/base/alloc.h"
#include "mgw/base/strv.h"
#include "mgw/config/config.h"

#include <stdlib.h>
#include <string.h>

void authorization_request_finish(struct authorization_request *ar)
{
        free(ar->client_id);
        free(ar->client_key);
        free(ar->redirect);
        free(ar->state);
        free(ar->challenge);
        free(ar->resource);
        strv_free(ar->scopes);
        *ar = (struct authorization_request){.state = NULL};
}

/* ---- reading ---- */

/* NULL: it is not there, or empty. */
static const char *said(const struct form *form, const char *name)
{
        const char *value = form_get(form, name);

        return value != NULL && value[0] != '\0' ? value : NULL;
}

bool authorization_request_read_redirect(struct authorization_request *ar, const struct form *form,
                                         const struct client *client)
{
        const char *redirect = said(form, "redirect_uri"), *state = said(form, "state");

        ar->has_redirect = redirect != NULL;
        if (redirect == NULL && strv_count((const char *const *)client->redirects) == 1)
                redirect = client->redirects[0];
        if (redirect == NULL || !client_has_redirect(client, str_from(redirect)))
                return false;
        ar->redirect = alloc_text(redirect);
        if (state != NULL && strlen(state) <= AUTHORIZATION_STATE_MAX_BYTES)
                ar->state = alloc_text(state);
        return true;
}

static void read_prompt(struct authorization_request *ar, const char *prompt)
{
        struct str rest = str_from(prompt);

        while (rest.n > 0) {
                struct str word = str_cut(&rest, ' ');

                ar->asks_none = ar->asks_none || str_eq(word, STR("none"));
                ar->asks_consent = ar->asks_consent || str_eq(word, STR("consent"));
                ar->asks_login = ar->asks_login || str_eq(word, STR("login")) ||
                                 str_eq(word, STR("select_account"));
        }
}

static bool refuse(struct authorization_fault *fault, const char *error, const char *why)
{
        *fault = (struct authorization_fault){error, why};
        return false;
}

static bool judge_form(const struct form *form, struct authorization_fault *fault)
{
        static const char invalid[] = "invalid_request";
        const char *type = said(form, "response_type"), *mode = said(form, "response_mode");
        const char *method = said(form, "code_challenge_method"), *state = said(form, "state");
        const char *twice = form_repeated(form);

        if (twice != NULL && strcmp(twice, "resource") == 0)
                return refuse(fault, "invalid_target", "one resource at a time");
        if (twice != NULL)
                return refuse(fault, invalid, "a parameter stands there twice");
        if (said(form, "request") != NULL)
                return refuse(fault, "request_not_supported", "request objects are not read here");
        if (said(form, "request_uri") != NULL)
                return refuse(fault, "request_uri_not_supported",
                              "request objects are not read here");
        if (type == NULL)
                return refuse(fault, invalid, "response_type is missing");
        if (strcmp(type, "code") != 0)
                return refuse(fault, "unsupported_response_type", "response_type must be code");
        if (mode != NULL && strcmp(mode, "query") != 0)
                return refuse(fault, invalid, "response_mode must be query");
        if (state != NULL && strlen(state) > AUTHORIZATION_STATE_MAX_BYTES)
                return refuse(fault, invalid, "state is too long");
        if (!pkce_is_challenge(str_from(said(form, "code_challenge"))))
                return refuse(fault, invalid, "a code_challenge (PKCE) of 43 characters is needed");
        if (method == NULL || strcmp(method, "S256") != 0)
                return refuse(fault, invalid, "code_challenge_method must be S256");
        return true;
}

bool authorization_request_read(struct authorization_request *ar, const struct form *form,
                                const struct client *client, const struct context *context,
                                struct authorization_fault *fault)
{
        if (!judge_form(form, fault))
                return false;
        ar->resource = authorization_resource(context, said(form, "resource"));
        if (ar->resource == NULL)
                return refuse(fault, "invalid_target", "the resource is none of this gateway's");
        ar->scopes = scope_choose(context, said(form, "scope"));
        read_prompt(ar, said(form, "prompt"));
        if (ar->asks_none && (ar->asks_login || ar->asks_consent))
                return refuse(fault, "invalid_request", "prompt=none goes with no other");
        ar->client_id = alloc_text(client->id);
        ar->client_key = alloc_text(client->key);
        ar->challenge = alloc_text(said(form, "code_challenge"));
        return true;
}

char *authorization_resource(const struct context *context, const char *resource)
{
        static const char *const paths[] = {"/mcp", "/sse", "/mcp/", "/sse/", "", "/"};
        struct str base = str_from(context->config->public_url), given = str_from(resource), rest;

        if (given.n == 0)
                return alloc_format("%s/mcp", context->config->public_url);
        if (!str_has_prefix(given, base))
                return NULL;
        rest = (struct str){given.p + base.n, given.n - base.n};
        for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
                if (str_eq(rest, str_from(paths[i]))) {
                        given.n -= rest.n > 0 && rest.p[rest.n - 1] == '/';
                        return alloc_str(given);
                }
        return NULL;
}

/* ---- sealed ---- */

json_t *authorization_request_to_json(const struct authorization_request *ar)
{
        json_t *object = json_object();
        char *scopes = scope_text(ar->scopes);

        json_object_set_new(object, "i", json_string(ar->client_id));
        json_object_set_new(object, "c", json_string(ar->client_key));
        json_object_set_new(object, "r", json_string(ar->redirect));
        if (ar->state != NULL)
                json_object_set_new(object, "s", json_string(ar->state));
        json_object_set_new(object, "h", json_string(ar->challenge));
        json_object_set_new(object, "a", json_string(ar->resource));
        json_object_set_new(object, "o", json_string(scopes));
        free(scopes);
        return object;
}

static char *text_of(const json_t *object, const char *key)
{
        const char *text = json_string_value(json_object_get(object, key));

        return text != NULL ? alloc_text(text) : NULL;
}

bool authorization_request_from_json(struct authorization_request *ar, const json_t *object)
{
        struct str rest = str_from(json_string_value(json_object_get(object, "o")));

        *ar = (struct authorization_request){
                .client_id = text_of(object, "i"),
                .client_key = text_of(object, "c"),
                .redirect = text_of(object, "r"),
                .state = text_of(object, "s"),
                .challenge = text_of(object, "h"),
                .resource = text_of(object, "a"),
        };
        while (rest.n > 0)
                (void)strv_add_take(&ar->scopes, alloc_str(str_cut(&rest, ' ')));
        return ar->client_id != NULL && ar->client_key != NULL && ar->redirect != NULL &&
               ar->challenge != NULL && ar->resource != NULL;
}
