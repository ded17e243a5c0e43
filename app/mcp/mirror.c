/* Names of headers are compared in the form that CGI gives them, where case is gone and '-' and
 * other signs are '_' (RFC 3875 4.1.18): of two headers whose names fall together the values are
 * joined, and equal nothing. An empty value cannot be told from one that was not sent. */
#include "mgw/mcp/mirror.h"

#include "mgw/base/buf.h"
#include "mgw/base/strv.h"
#include "mgw/mcp/era.h"
#include "mgw/mcp/method.h"
#include "mgw/wire/hdr.h"
#include "mgw/wire/json_str.h"
#include "mgw/wire/rpc_number.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ANNOTATION "x-mcp-header"
#define VALUE_MAX_BYTES (1u << 20)
/* Integers beyond are not the same number to everyone (2^53 - 1). */
#define SAFE_MAX 9007199254740991

static struct str get_param(const void *params, const char *name)
{
        return cgi_param(params, name);
}

struct mirror_headers mirror_headers_of(const struct cgi_params *params)
{
        return (struct mirror_headers){get_param, params};
}

static int __attribute__((format(printf, 3, 4)))
mismatch(char *why, size_t why_size, const char *fmt, ...)
{
        va_list args;

        va_start(args, fmt);
        vsnprintf(why, why_size, fmt, args);
        va_end(args);
        return MIRROR_E_MISMATCH;
}

/* A number that is an integer and the same to everyone. */
static bool is_safe_integer(const json_t *value)
{
        double number = rpc_number_value(value);

        return rpc_is_number(value) && fabs(number) <= SAFE_MAX && trunc(number) == number;
}

/* Is it a value that has a header? */
static bool is_mirrored(const json_t *value)
{
        return rpc_is_string(value) || json_is_boolean(value) || is_safe_integer(value);
}

/* 42, 42.0 and 4.2e1 are one number. */
static bool number_is(const json_t *value, struct str text)
{
        json_t *other = NULL;
        bool is_same = false;

        if (text.n > 0 && (text.p[0] == '-' || (text.p[0] >= '0' && text.p[0] <= '9')))
                other = json_loadb(text.p, text.n, JSON_DECODE_ANY, NULL);
        if (json_is_integer(value) && json_is_integer(other))
                is_same = json_integer_value(value) == json_integer_value(other);
        else if (json_is_number(other))
                is_same = rpc_number_value(value) == json_number_value(other);
        json_decref(other);
        return is_same;
}

static bool value_is(const json_t *value, struct str text)
{
        if (rpc_is_string(value))
                return str_eq(json_str(value), text);
        if (json_is_boolean(value))
                return str_eq(json_is_true(value) ? STR("true") : STR("false"), text);
        return rpc_is_number(value) && number_is(value, text);
}

/* Does a header of that name (for people) say the value that the body has at that place? */
static int compare(struct str header, const char *name, const json_t *value, const char *place,
                   char *why, size_t why_size)
{
        struct buf text;
        int r;

        buf_init(&text, VALUE_MAX_BYTES);
        r = hdr_value_decode(&text, header);
        if (r == HDR_E_BAD)
                r = mismatch(why, why_size,
                             "the value of the header %s is neither visible ASCII nor Base64 in "
                             "\"=?base64?...?=\"",
                             name);
        else if (r == BUF_E_FULL)
                r = mismatch(why, why_size, "the value of the header %s is too long", name);
        else if (r == 0 && !value_is(value, buf_bytes(&text)))
                r = mismatch(why, why_size, "the header %s does not say what %s of the body says",
                             name, place);
        buf_finish(&text);
        return r;
}

static int missing(const char *name, char *why, size_t why_size)
{
        return mismatch(why, why_size, "the header %s is missing", name);
}

static int check_version(const struct mirror_headers *headers, const json_t *params, char *why,
                         size_t why_size)
{
        struct str header = headers->get(headers->from, "HTTP_MCP_PROTOCOL_VERSION");
        struct str claimed = era_claimed_in_meta(params);

        if (header.n == 0)
                return missing("MCP-Protocol-Version", why, why_size);
        if (claimed.n > 0 && !str_eq(header, claimed))
                return mismatch(why, why_size,
                                "the header MCP-Protocol-Version does not say what params._meta of "
                                "the body says");
        return 0;
}

/* The tasks extension asks clients for Mcp-Name, but no server to insist on it. */
static bool name_is_required(const struct method *method)
{
        return method->class == METHOD_BY_NAME || method->class == METHOD_BY_URI;
}

static int check_name(const struct mirror_headers *headers, const struct method *method,
                      const json_t *params, bool is_request, char *why, size_t why_size)
{
        struct str header = headers->get(headers->from, "HTTP_MCP_NAME");
        const json_t *name;
        char place[32];

        if (method->name_key == NULL)
                return 0;
        name = json_object_get(params, method->name_key);
        if (!json_is_string(name))
                return 0;
        if (header.n == 0)
                return is_request && name_is_required(method) && json_string_length(name) > 0
                               ? missing("Mcp-Name", why, why_size)
                               : 0;
        snprintf(place, sizeof(place), "params.%s", method->name_key);
        return compare(header, "Mcp-Name", name, place, why, why_size);
}

int mirror_check(const struct mirror_headers *headers, const json_t *message, char *why,
                 size_t why_size)
{
        struct str header = headers->get(headers->from, "HTTP_MCP_METHOD");
        const json_t *params = json_object_get(message, "params");
        const json_t *method = json_object_get(message, "method");
        bool is_request = json_object_get(message, "id") != NULL;
        int r = check_version(headers, params, why, why_size);

        if (r != 0 || !json_is_string(method))
                return r;
        if (header.n == 0 && is_request)
                return missing("Mcp-Method", why, why_size);
        if (header.n > 0 && !value_is(method, header))
                return mismatch(why, why_size,
                                "the header Mcp-Method does not say what method of the body says");
        return check_name(headers, method_find(json_string_value(method)), params, is_request, why,
                          why_size);
}

/* An annotated parameter: its header's name, and its value in the arguments (NULL: none). */
typedef int param_fn(void *owner, const char *name, const json_t *value);

/* Every annotated parameter of a sound schema. 0, or what on_param() gave that is not 0. */
static int walk_params(const json_t *schema, const json_t *arguments, param_fn *on_param,
                       void *owner)
{
        const char *key;
        json_t *property;

        json_object_foreach (json_object_get(schema, "properties"), key, property) {
                const json_t *name = json_object_get(property, ANNOTATION);
                const json_t *value = json_object_get(arguments, key);
                int r = name == NULL ? 0 : on_param(owner, json_string_value(name), value);

                if (r == 0)
                        r = walk_params(property, value, on_param, owner);
                if (r != 0)
                        return r;
        }
        return 0;
}

struct param_check {
        const struct mirror_headers *headers;
        char *why;
        size_t why_size;
};

static int check_param(void *owner, const char *name, const json_t *value)
{
        struct param_check *check = owner;
        struct str header;
        char *full, *cgi;
        int r = 0;

        if (asprintf(&full, "Mcp-Param-%s", name) < 0)
                return -ENOMEM;
        if (asprintf(&cgi, "HTTP_%s", full) < 0) {
                free(full);
                return -ENOMEM;
        }
        for (char *c = cgi; *c != '\0'; c++) {
                if (*c >= 'a' && *c <= 'z')
                        *c = (char)(*c - 'a' + 'A');
                else if (!(*c >= '0' && *c <= '9') && !(*c >= 'A' && *c <= 'Z'))
                        *c = '_';
        }
        header = check->headers->get(check->headers->from, cgi);
        if (header.n > 0)
                r = compare(header, full, value, "the argument", check->why, check->why_size);
        else if (is_mirrored(value) && !value_is(value, STR("")))
                r = missing(full, check->why, check->why_size);
        free(cgi);
        free(full);
        return r;
}

/* Where a schema stands in another: only a property that is reached through "properties" alone may
 * be annotated. */
enum place { PLACE_ROOT, PLACE_PROPERTY, PLACE_ELSEWHERE };

struct tool_check {
        json_t *names; /* those seen, in lower case, as keys */
        char *why;
        size_t why_size;
};

static int refuse(struct tool_check *check, const char *what)
{
        snprintf(check->why, check->why_size, ANNOTATION " %s", what);
        return MIRROR_E_TOOL;
}

static int check_annotation(struct tool_check *check, const json_t *schema, enum place place)
{
        const json_t *name = json_object_get(schema, ANNOTATION);
        const char *type = json_string_value(json_object_get(schema, "type"));
        char *lower;
        int r;

        if (name == NULL)
                return 0;
        if (place != PLACE_PROPERTY)
                return refuse(check, "stands where no call has one value for it: it must be on a "
                                     "property reached through \"properties\" alone");
        if (!json_is_string(name) || !hdr_is_token(json_str(name)))
                return refuse(check, "is no name that a header can have");
        if (type == NULL || (strcmp(type, "string") != 0 && strcmp(type, "integer") != 0 &&
                             strcmp(type, "boolean") != 0))
                return refuse(check, "is on a property whose type is none of string, integer and "
                                     "boolean");
        lower = strdup(json_string_value(name));
        if (lower == NULL)
                return -ENOMEM;
        for (char *c = lower; *c != '\0'; c++)
                if (*c >= 'A' && *c <= 'Z')
                        *c = (char)(*c - 'A' + 'a');
        if (json_object_get(check->names, lower) != NULL)
                r = refuse(check, "gives two properties one name");
        else
                r = json_object_set_new(check->names, lower, json_null()) < 0 ? -ENOMEM : 0;
        free(lower);
        return r;
}

static bool is_one_of(const char *key, const char *const *keys)
{
        for (; *keys != NULL; keys++)
                if (strcmp(key, *keys) == 0)
                        return true;
        return false;
}

static int check_schema(struct tool_check *check, const json_t *schema, enum place place);

/* The schemas in the value of a keyword. */
static int check_keyword(struct tool_check *check, const char *keyword, const json_t *value,
                         enum place place)
{
        /* objects of schemas: their keys are names, not keywords */
        static const char *const maps[] = {"properties", "patternProperties", "dependentSchemas",
                                           "$defs",      "definitions",       NULL};
        static const char *const data[] = {"const", "enum", "default", "examples", NULL};
        enum place below = PLACE_ELSEWHERE;
        const char *key;
        json_t *inner;
        size_t i;
        int r = 0;

        if (is_one_of(keyword, data))
                return 0;
        if (strcmp(keyword, "properties") == 0 && place != PLACE_ELSEWHERE)
                below = PLACE_PROPERTY;
        if (json_is_array(value)) {
                json_array_foreach (value, i, inner)
                        if (r == 0)
                                r = check_schema(check, inner, PLACE_ELSEWHERE);
        } else if (is_one_of(keyword, maps)) {
                json_object_foreach ((json_t *)value, key, inner)
                        if (r == 0)
                                r = check_schema(check, inner, below);
        } else {
                r = check_schema(check, value, PLACE_ELSEWHERE);
        }
        return r;
}

static int check_schema(struct tool_check *check, const json_t *schema, enum place place)
{
        int r = check_annotation(check, schema, place);
        const char *keyword;
        json_t *value;

        json_object_foreach ((json_t *)schema, keyword, value)
                if (r == 0 && strcmp(keyword, ANNOTATION) != 0)
                        r = check_keyword(check, keyword, value, place);
        return r;
}

static int check_input_schema(const json_t *schema, char *why, size_t why_size)
{
        struct tool_check check = {json_object(), why, why_size};
        int r = check_schema(&check, schema, PLACE_ROOT);

        json_decref(check.names);
        return r;
}

int mirror_check_tool(const json_t *tool, char *why, size_t why_size)
{
        return check_input_schema(json_object_get(tool, "inputSchema"), why, why_size);
}

int mirror_check_params(const struct mirror_headers *headers, const json_t *arguments,
                        const json_t *input_schema, char *why, size_t why_size)
{
        struct param_check check = {headers, why, why_size};
        int r = check_input_schema(input_schema, why, why_size);

        if (r == MIRROR_E_TOOL)
                return 0;
        return r == 0 ? walk_params(input_schema, arguments, check_param, &check) : r;
}

/* Adds "Name: value", the value encoded. */
static int lines_add(char ***linesp, const char *prefix, const char *name, struct str value)
{
        struct buf line;
        int r;

        buf_init(&line, VALUE_MAX_BYTES);
        r = buf_addf(&line, "%s%s: ", prefix, name);
        if (r == 0)
                r = hdr_value_encode(&line, value);
        if (r == 0)
                r = strv_add_take(linesp, str_dup(buf_bytes(&line)));
        buf_finish(&line);
        return r == BUF_E_FULL ? -E2BIG : r;
}

static int add_param(void *owner, const char *name, const json_t *value)
{
        char number[32];

        if (!is_mirrored(value))
                return 0;
        if (rpc_is_string(value))
                return lines_add(owner, "Mcp-Param-", name, json_str(value));
        if (json_is_boolean(value))
                return lines_add(owner, "Mcp-Param-", name,
                                 json_is_true(value) ? STR("true") : STR("false"));
        snprintf(number, sizeof(number), "%" PRId64, (int64_t)rpc_number_value(value));
        return lines_add(owner, "Mcp-Param-", name, str_from(number));
}

static int lines_fill(char ***linesp, const json_t *message, const json_t *input_schema)
{
        const json_t *params = json_object_get(message, "params");
        const char *name = json_string_value(json_object_get(message, "method"));
        const struct method *method = method_find(name == NULL ? "" : name);
        const json_t *mirrored =
                method->name_key == NULL ? NULL : json_object_get(params, method->name_key);
        int r = lines_add(linesp, "", "Mcp-Method", str_from(name));

        if (r == 0 && rpc_is_string(mirrored))
                r = lines_add(linesp, "", "Mcp-Name", json_str(mirrored));
        if (r == 0 && input_schema != NULL)
                r = walk_params(input_schema, json_object_get(params, "arguments"), add_param,
                                linesp);
        return r;
}

int mirror_lines_make(const json_t *message, const json_t *input_schema, char ***linesp)
{
        char **lines = NULL;
        int r = lines_fill(&lines, message, input_schema);

        if (r != 0) {
                strv_free(lines);
                lines = NULL;
        }
        *linesp = lines;
        return r;
}
