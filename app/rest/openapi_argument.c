/* Arguments of a tool: what a parameter or field is called as one. Two of the same name in
 * different places (path, query, body) are two arguments. */
#include "openapi_inside.h"

#include <stdio.h>

/* Its name, or with where it stands before it when that is taken. */
const char *openapi_argument_name(struct operation *op, const char *in, const char *name)
{
        char key[300], argument[OPENAPI_NAME_MAX + 1], longer[400];

        snprintf(key, sizeof(key), "%s %s", in, name);
        if (json_object_get(op->arguments, key) == NULL) {
                openapi_name(argument, name);
                if (argument[0] == '\0' || json_object_get(op->properties, argument) != NULL) {
                        snprintf(longer, sizeof(longer), "%s_%s", in, name);
                        openapi_name(argument, longer);
                }
                /* names without a letter of ours, or that are cut alike */
                for (unsigned i = 2; json_object_get(op->properties, argument) != NULL; i++)
                        snprintf(argument, sizeof(argument), "%.20s_%u", in, i);
                json_object_set_new(op->arguments, key, json_string(argument));
        }
        return json_string_value(json_object_get(op->arguments, key));
}

const char *openapi_argument_add(struct operation *op, const char *in, const char *name,
                                 json_t *own, bool is_required)
{
        const char *argument = openapi_argument_name(op, in, name);

        json_object_set_new(op->properties, argument, own);
        if (is_required)
                json_object_set_new(op->required, argument, json_true());
        return argument;
}
