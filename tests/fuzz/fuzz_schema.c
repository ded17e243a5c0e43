/* A schema and a value, in an array of two: whatever they are, the check ends soon with an answer
 * that is the same the second time, and a reason in words. */
#include "fuzz.h"
#include "mgw/schema/schema.h"
#include "mgw/wire/rpc.h"

#include <stdbool.h>

#define WHY_SIZE 400

static void check_reason(const char *why)
{
        struct str rest = str_from(why);
        uint32_t c;

        REQUIRE(rest.n > 0 && rest.n < WHY_SIZE);
        while (rest.n > 0) {
                size_t n = str_utf8_first(rest, &c);

                REQUIRE(n > 0 && c >= 0x20 && c != 0x7f);
                rest.p += n;
                rest.n -= n;
        }
}

static int check(const struct schema *schema, const json_t *value)
{
        char why[WHY_SIZE] = "";
        int r = schema_check(schema, value, why, sizeof(why));

        REQUIRE(r == 0 || r == SCHEMA_E_INVALID || r == SCHEMA_E_LIMIT);
        if (r != 0)
                check_reason(why);
        return r;
}

/* {keyword: schema} */
static int check_within(const char *keyword, json_t *schema, const json_t *value)
{
        json_t *outer = json_object();
        struct schema *compiled;
        char why[WHY_SIZE];
        int r;

        REQUIRE(json_object_set_new(outer, keyword, json_deep_copy(schema)) == 0);
        r = schema_create(outer, &compiled, why, sizeof(why));
        json_decref(outer);
        if (r != 0)
                return -1;
        r = check(compiled, value);
        schema_destroy(compiled);
        return r;
}

static void try_both(json_t *json, json_t *value)
{
        struct schema *schema;
        char why[WHY_SIZE] = "";
        int r = schema_create(json, &schema, why, sizeof(why));
        int negated;

        REQUIRE(r == 0 || r == SCHEMA_E_UNSOUND);
        if (r != 0) {
                check_reason(why);
                return;
        }
        r = check(schema, value);
        REQUIRE(check(schema, value) == r);
        schema_destroy(schema);
        /* the opposite, unless a limit or what "#" means says otherwise */
        negated = check_within("not", json, value);
        if (r != SCHEMA_E_LIMIT && (negated == 0 || negated == SCHEMA_E_INVALID) &&
            json_object_get(json, "$id") == NULL && !json_is_boolean(json)) {
                char *text = text_of(json);

                REQUIRE(strstr(text, "$ref") != NULL || (negated == 0) == (r != 0));
                free(text);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        char *copy = exact_copy(data, size);
        char why[160];
        json_t *pair;

        if (rpc_parse((struct str){copy, size}, NULL, &pair, why, sizeof(why)) == 0) {
                if (json_array_size(pair) == 2)
                        try_both(json_array_get(pair, 0), json_array_get(pair, 1));
                json_decref(pair);
        }
        free(copy);
        return 0;
}
