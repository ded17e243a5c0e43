/* Of a document that somebody else has written, what is read is an address, or is not there. */
#include "mgw/auth/issuer.h"

#include "mgw/base/alloc.h"
#include "mgw/wire/hdr.h"

#include <stdlib.h>
#include <string.h>

#define URL_MAX_BYTES 2048

void issuer_metadata_finish(struct issuer_metadata *m)
{
        free(m->authorization_endpoint);
        free(m->token_endpoint);
        free(m->jwks_uri);
        free(m->userinfo_endpoint);
        free(m->end_session_endpoint);
        *m = (struct issuer_metadata){0};
}

/* NULL: it is not there, or no address that may be meant. */
static char *get_url(const json_t *document, const char *name, bool may_be_http)
{
        const char *text = json_string_value(json_object_get(document, name));
        struct str url = str_from(text);

        if (!hdr_is_visible(url, URL_MAX_BYTES) ||
            !(str_has_prefix(url, STR("https://")) ||
              (may_be_http && str_has_prefix(url, STR("http://")))))
                return NULL;
        return alloc_text(text);
}

static bool has_basic(const json_t *methods)
{
        const json_t *method;
        size_t i;

        json_array_foreach ((json_t *)methods, i, method)
                if (json_is_string(method) &&
                    strcmp(json_string_value(method), "client_secret_basic") == 0)
                        return true;
        return methods == NULL;
}

static void take(struct issuer_metadata *m, const json_t *document, bool may_be_http)
{
        m->authorization_endpoint = get_url(document, "authorization_endpoint", may_be_http);
        m->token_endpoint = get_url(document, "token_endpoint", may_be_http);
        m->jwks_uri = get_url(document, "jwks_uri", may_be_http);
        m->userinfo_endpoint = get_url(document, "userinfo_endpoint", may_be_http);
        m->end_session_endpoint = get_url(document, "end_session_endpoint", may_be_http);
        m->tells_issuer = json_is_true(
                json_object_get(document, "authorization_response_iss_parameter_supported"));
        m->has_basic =
                has_basic(json_object_get(document, "token_endpoint_auth_methods_supported"));
}

const char *issuer_metadata_read(struct issuer_metadata *m, struct str text, const char *issuer)
{
        json_t *document = json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES, NULL);
        const char *name = json_string_value(json_object_get(document, "issuer"));
        const char *wrong = NULL;

        *m = (struct issuer_metadata){0};
        if (name == NULL)
                wrong = "its metadata are no JSON object with an issuer";
        else if (strcmp(name, issuer) != 0)
                wrong = "its metadata are another issuer's";
        else
                take(m, document, str_has_prefix(str_from(issuer), STR("http://")));
        if (wrong == NULL && m->jwks_uri == NULL)
                wrong = "its metadata name no keys (jwks_uri)";
        if (wrong != NULL)
                issuer_metadata_finish(m);
        json_decref(document);
        return wrong;
}
