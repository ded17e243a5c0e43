/* Walks in a document: members, and references within it. A document may refer to itself in
 * circles, so each walk has a bound. */
#include "openapi_inside.h"

#include "mgw/wire/json_pointer.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define REF_HOPS_MAX 16
#define REF_SIZE 1024
#define WALK_DEPTH_MAX 8

/* The pointer in a reference, without what is percent-encoded (RFC 6901 6). False: it leads out of
 * the document, or is longer than any. */
static bool read_ref(const char *ref, char pointer[REF_SIZE])
{
        size_t n = 0;

        if (ref == NULL || *ref++ != '#')
                return false;
        for (; *ref != '\0'; ref++) {
                int high = *ref == '%' ? str_hex_digit(ref[1]) : -1;
                int low = high >= 0 ? str_hex_digit(ref[2]) : -1;

                if (n + 1 >= REF_SIZE)
                        return false;
                pointer[n++] = (char)(low < 0 ? *ref : high << 4 | low);
                ref += low < 0 ? 0 : 2;
        }
        pointer[n] = '\0';
        return strlen(pointer) == n;
}

json_t *openapi_at(struct openapi *o, const char *ref)
{
        char pointer[REF_SIZE];
        const char *rest;
        struct json_node *node;

        if (!read_ref(ref, pointer) || (node = json_lazy_at(o->lazy, pointer, &rest)) == NULL)
                return NULL;
        return json_pointer(json_lazy_value(o->lazy, node), rest);
}

json_t *openapi_resolve(struct openapi *o, json_t *value)
{
        for (unsigned hops = 0; hops < REF_HOPS_MAX; hops++) {
                const char *ref = json_string_value(json_object_get(value, "$ref"));

                if (ref == NULL)
                        return value;
                value = openapi_at(o, ref);
        }
        return NULL;
}

json_t *openapi_member(struct openapi *o, struct json_node *node, const char *key)
{
        return json_lazy_value(o->lazy, json_lazy_get(o->lazy, node, key));
}

const char *openapi_text(struct openapi *o, struct json_node *node, const char *key)
{
        return json_string_value(openapi_member(o, node, key));
}

struct json_node *openapi_node_resolve(struct openapi *o, struct json_node *node)
{
        char pointer[REF_SIZE];
        const char *rest;

        for (unsigned hops = 0; node != NULL && hops < REF_HOPS_MAX; hops++) {
                const char *ref = openapi_text(o, node, "$ref");

                if (ref == NULL)
                        return node;
                node = read_ref(ref, pointer) ? json_lazy_at(o->lazy, pointer, &rest) : NULL;
                if (node != NULL && rest[0] != '\0')
                        return NULL;
        }
        return NULL;
}

json_t *openapi_object_in(json_t *object, const char *key)
{
        if (json_object_get(object, key) == NULL)
                json_object_set_new(object, key, json_object());
        return json_object_get(object, key);
}

bool openapi_may_step(struct openapi *o, unsigned depth)
{
        if (depth == 0)
                o->n_walk = 0;
        return depth <= WALK_DEPTH_MAX && o->n_walk++ < OPENAPI_WALK_MAX &&
               o->n_steps++ < OPENAPI_STEPS_MAX;
}

/* ---- names, and what is told ---- */

void openapi_name(char out[OPENAPI_NAME_MAX + 1], const char *text)
{
        size_t n = 0;

        for (; *text != '\0' && n < OPENAPI_NAME_MAX; text++)
                if (isalnum((unsigned char)*text) || *text == '_')
                        out[n++] = *text;
                else if (n > 0 && out[n - 1] != '_')
                        out[n++] = '_';
        while (n > 1 && out[n - 1] == '_')
                n--;
        out[n] = '\0';
}

void openapi_tell(struct openapi *o, const char *where, const char *why, bool is_left_out)
{
        o->caller->on_note(o->caller->owner, where, why, is_left_out);
}

void openapi_note(struct operation *op, const char *fmt, ...)
{
        char why[300];
        va_list ap;

        va_start(ap, fmt);
        vsnprintf(why, sizeof(why), fmt, ap);
        va_end(ap);
        openapi_tell(op->o, op->name, why, false);
}
