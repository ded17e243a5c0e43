/* "securitySchemes" and "security" of OpenAPI (4.8.27, 4.8.30): where credentials go. */
#include "openapi_inside.h"

#include "mgw/wire/hdr.h"

#include <string.h>
#include <strings.h>

static const char *text_of(const json_t *object, const char *key)
{
        const char *text = json_string_value(json_object_get(object, key));

        return text != NULL ? text : "";
}

static json_t *in_authorization(const char *as)
{
        return json_pack("{s:s, s:s, s:s}", "in", "header", "name", "Authorization", "as", as);
}

static bool is_place(const char *in, const char *name)
{
        if (strcmp(in, "header") == 0)
                return hdr_is_token(str_from(name));
        return name[0] != '\0' && (strcmp(in, "query") == 0 || strcmp(in, "cookie") == 0);
}

/* NULL: one that we do not know (certificates, Digest). */
static json_t *convert(const json_t *scheme)
{
        const char *type = text_of(scheme, "type"), *http = text_of(scheme, "scheme");

        if (strcmp(type, "apiKey") == 0 && is_place(text_of(scheme, "in"), text_of(scheme, "name")))
                return json_pack("{s:s, s:s}", "in", text_of(scheme, "in"), "name",
                                 text_of(scheme, "name"));
        if (strcmp(type, "basic") == 0 ||
            (strcmp(type, "http") == 0 && strcasecmp(http, "basic") == 0))
                return in_authorization("basic");
        if (strcmp(type, "oauth2") == 0 || strcmp(type, "openIdConnect") == 0 ||
            (strcmp(type, "http") == 0 && strcasecmp(http, "bearer") == 0))
                return in_authorization("bearer");
        return NULL;
}

json_t *openapi_security_schemes(struct openapi *o)
{
        struct json_node *root = json_lazy_root(o->lazy), *all;
        json_t *schemes = json_object(), *converted;

        all = o->is_v2 ? json_lazy_get(o->lazy, root, "securityDefinitions")
                       : json_lazy_get(o->lazy, json_lazy_get(o->lazy, root, "components"),
                                       "securitySchemes");
        for (all = json_lazy_first(o->lazy, all); all != NULL; all = json_lazy_next(all)) {
                converted = convert(openapi_resolve(o, json_lazy_value(o->lazy, all)));
                if (converted != NULL)
                        json_object_set_new(schemes, json_lazy_key(all), converted);
        }
        return schemes;
}

/* The names in one requirement; NULL: one of them is not known. */
static json_t *names_of(const struct openapi *o, json_t *requirement)
{
        json_t *names = json_array(), *scopes;
        const char *name;

        json_object_foreach (requirement, name, scopes) {
                if (json_object_get(o->schemes, name) == NULL) {
                        json_decref(names);
                        return NULL;
                }
                json_array_append_new(names, json_string(name));
        }
        return names;
}

json_t *openapi_security(struct openapi *o, struct json_node *spec)
{
        json_t *own = openapi_member(o, spec, "security"), *requirement, *all = NULL, *names;
        size_t i;

        if (own == NULL)
                own = openapi_member(o, json_lazy_root(o->lazy), "security");
        json_array_foreach (own, i, requirement) {
                names = names_of(o, requirement);
                if (all == NULL)
                        all = json_array();
                if (names != NULL)
                        json_array_append_new(all, names);
        }
        return all;
}
