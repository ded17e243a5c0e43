/* Token by token, each into a buffer of a fixed size. */
#include "mgw/wire/json_pointer.h"

#include "mgw/base/str.h"

#define TOKEN_SIZE 256

bool json_pointer_token(const char **pointerp, char *out, size_t size)
{
        const char *p = *pointerp;
        size_t n = 0;

        if (*p++ != '/')
                return false;
        for (; *p != '\0' && *p != '/'; p++) {
                bool is_escape = *p == '~' && (p[1] == '0' || p[1] == '1');

                if (n + 1 >= size)
                        return false;
                out[n++] = !is_escape ? *p : p[1] == '0' ? '~' : '/';
                p += is_escape;
        }
        out[n] = '\0';
        *pointerp = p;
        return true;
}

static json_t *below(json_t *json, const char *token)
{
        uint64_t i;

        if (!json_is_array(json))
                return json_object_get(json, token);
        return str_to_u64(str_from(token), &i) == 0 ? json_array_get(json, i) : NULL;
}

json_t *json_pointer_parent(json_t *json, const char *pointer, char *token, size_t size)
{
        while (json != NULL && json_pointer_token(&pointer, token, size)) {
                if (pointer[0] == '\0')
                        return json;
                json = below(json, token);
        }
        return NULL;
}

json_t *json_pointer(json_t *json, const char *pointer)
{
        char token[TOKEN_SIZE];

        if (pointer[0] == '\0')
                return json;
        json = json_pointer_parent(json, pointer, token, sizeof(token));
        return json != NULL ? below(json, token) : NULL;
}
