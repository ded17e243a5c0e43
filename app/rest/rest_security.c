/* Security schemes (OpenAPI 4.8.27): which credential goes where. A scheme of a description says
 * where, {"in": "header", "name": "X-Key"}, and what of it, "as": "basic" or "bearer"; the tool
 * says which schemes it wants, and the gateway's entry has the credentials by their names. */
#include "rest_inside.h"

#include "mgw/base/alloc.h"
#include "mgw/base/base64.h"
#include "mgw/base/strv.h"
#include "mgw/wire/hdr.h"
#include "mgw/wire/uri.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VALUE_MAX_BYTES 16384

static const char *text_of(const json_t *object, const char *key)
{
        const char *text = json_string_value(json_object_get(object, key));

        return text != NULL ? text : "";
}

json_t *rest_security_schemes(const struct rest *rest)
{
        return json_object_get(rest->description, "security_schemes");
}

int rest_security_check(json_t *schemes, char *why, size_t why_size)
{
        const char *name;
        json_t *scheme;

        json_object_foreach (schemes, name, scheme) {
                const char *in = text_of(scheme, "in"), *as = text_of(scheme, "as");
                bool is_place = strcmp(in, "header") == 0 || strcmp(in, "query") == 0 ||
                                strcmp(in, "cookie") == 0;
                bool is_kind =
                        as[0] == '\0' || strcmp(as, "basic") == 0 || strcmp(as, "bearer") == 0;
                bool is_name = strcmp(in, "header") == 0
                                       ? hdr_is_token(str_from(text_of(scheme, "name")))
                                       : text_of(scheme, "name")[0] != '\0';

                if (!is_place || !is_kind || !is_name) {
                        snprintf(why, why_size,
                                 "%.100s: takes \"in\" (\"header\", \"query\", \"cookie\"), "
                                 "\"name\", and \"as\" (\"basic\", \"bearer\")",
                                 name);
                        return REST_E_FAULT;
                }
        }
        return 0;
}

/* NULL: there is none for this scheme. */
static const char *credential_of(const char *const *credentials, const char *scheme)
{
        size_t n = strlen(scheme);

        for (; credentials != NULL && *credentials != NULL; credentials++)
                if (strncmp(*credentials, scheme, n) == 0 && (*credentials)[n] == '=')
                        return *credentials + n + 1;
        return NULL;
}

static bool has_all(const char *const *credentials, json_t *names)
{
        json_t *name;
        size_t i;

        json_array_foreach (names, i, name)
                if (credential_of(credentials, json_string_value(name)) == NULL)
                        return false;
        return true;
}

/* The value that is sent; the caller frees it. */
static char *value_of(const json_t *scheme, const char *credential)
{
        const char *as = text_of(scheme, "as");
        char *value = NULL;
        struct buf text;

        if (as[0] == '\0')
                return alloc_text(credential);
        if (strcmp(as, "bearer") == 0)
                return alloc_format("Bearer %s", credential);
        buf_init(&text, 2 * VALUE_MAX_BYTES);
        if (buf_add_str(&text, STR("Basic ")) == 0 &&
            base64_encode(&text, BASE64_STANDARD, str_from(credential)) == 0)
                value = alloc_str(buf_bytes(&text));
        buf_finish(&text);
        return value;
}

static int add_pair(struct buf *out, const char *between, const char *name, const char *value)
{
        int r = out->len > 0 ? buf_add_str(out, str_from(between)) : 0;

        if (r == 0)
                r = uri_encode(out, str_from(name));
        if (r == 0)
                r = buf_add_str(out, STR("="));
        return r != 0 ? r : uri_encode(out, str_from(value));
}

static void keep_secret(const struct making *m, const char *secret)
{
        (void)strv_add_take(&m->request->secrets, alloc_text(secret));
}

static int add_one(const struct making *m, const json_t *scheme, const char *credential,
                   struct buf *query, struct buf *cookies)
{
        const char *in = text_of(scheme, "in"), *name = text_of(scheme, "name");
        char *value = value_of(scheme, credential);
        const char *bare = value != NULL ? strrchr(value, ' ') : NULL;
        int r = value != NULL ? 0 : -ENOMEM;

        keep_secret(m, credential);
        if (bare != NULL)
                keep_secret(m, bare + 1);
        if (r == 0 && strcmp(in, "header") == 0)
                r = rest_making_header(m, name, value);
        else if (r == 0 && strcmp(in, "query") == 0)
                r = add_pair(query, "&", name, value);
        else if (r == 0)
                r = add_pair(cookies, "; ", name, value);
        free(value);
        return r;
}

int rest_security_add(const struct making *m, const char *const *credentials, struct buf *query,
                      struct buf *cookies)
{
        const json_t *schemes = rest_security_schemes(m->run->rest);
        json_t *names = NULL, *name;
        size_t i;
        int r = 0;

        if (credentials == NULL)
                return 0;
        json_array_foreach (m->run->tool->security, i, names)
                if (json_array_size(names) > 0 && has_all(credentials, names))
                        break;
        if (i == json_array_size(m->run->tool->security))
                return 0;
        json_array_foreach (names, i, name) {
                const char *key = json_string_value(name);

                if (r == 0)
                        r = add_one(m, json_object_get(schemes, key),
                                    credential_of(credentials, key), query, cookies);
        }
        return r;
}
