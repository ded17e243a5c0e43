#include "mgw/auth/authorization.h"

#include "mgw/base/alloc.h"
#include "mgw/base/strv.h"

#include <stdlib.h>
#include <string.h>

void authorization_finish(struct authorization *a)
{
        free(a->family);
        free(a->client);
        free(a->email);
        free(a->subject);
        free(a->domain);
        free(a->resource);
        strv_free(a->groups);
        strv_free(a->scopes);
        *a = (struct authorization){.ends_ms = 0};
}

static json_t *list_of(char *const *texts, size_t max_bytes, unsigned *n_left_outp)
{
        json_t *list = json_array();

        for (; texts != NULL && *texts != NULL; texts++) {
                size_t n = strlen(*texts) + 3;

                if (n <= max_bytes) {
                        json_array_append_new(list, json_string(*texts));
                        max_bytes -= n;
                } else if (n_left_outp != NULL) {
                        ++*n_left_outp;
                }
        }
        return list;
}

json_t *authorization_to_json(const struct authorization *a, unsigned *n_left_outp)
{
        json_t *object = json_object();

        if (n_left_outp != NULL)
                *n_left_outp = 0;
        json_object_set_new(object, "f", json_string(a->family));
        json_object_set_new(object, "c", json_string(a->client));
        json_object_set_new(object, "u", json_string(a->email));
        if (a->subject != NULL)
                json_object_set_new(object, "s", json_string(a->subject));
        if (a->domain != NULL)
                json_object_set_new(object, "d", json_string(a->domain));
        json_object_set_new(object, "a", json_string(a->resource));
        json_object_set_new(object, "e", json_integer(a->ends_ms));
        if (a->is_of_file)
                json_object_set_new(object, "k", json_true());
        if (a->groups != NULL)
                json_object_set_new(
                        object, "g",
                        list_of(a->groups, AUTHORIZATION_GROUPS_MAX_BYTES, n_left_outp));
        if (a->scopes != NULL)
                json_object_set_new(object, "o", list_of(a->scopes, SIZE_MAX, NULL));
        return object;
}

/* NULL: it is not there, or no text. */
static char *text_of(const json_t *object, const char *key)
{
        const char *text = json_string_value(json_object_get(object, key));

        return text != NULL ? alloc_text(text) : NULL;
}

static char **texts_of(const json_t *object, const char *key)
{
        const json_t *list = json_object_get(object, key), *text;
        char **texts = NULL;
        size_t i;

        json_array_foreach ((json_t *)list, i, text)
                if (json_is_string(text))
                        (void)strv_add_take(&texts, alloc_text(json_string_value(text)));
        return texts;
}

bool authorization_from_json(struct authorization *a, const json_t *object)
{
        *a = (struct authorization){
                .family = text_of(object, "f"),
                .client = text_of(object, "c"),
                .email = text_of(object, "u"),
                .subject = text_of(object, "s"),
                .domain = text_of(object, "d"),
                .groups = texts_of(object, "g"),
                .scopes = texts_of(object, "o"),
                .resource = text_of(object, "a"),
                .is_of_file = json_is_true(json_object_get(object, "k")),
                .ends_ms = json_integer_value(json_object_get(object, "e")),
        };
        return a->family != NULL && a->client != NULL && a->email != NULL && a->resource != NULL;
}
