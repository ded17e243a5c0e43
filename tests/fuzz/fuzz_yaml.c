/* A text as YAML. What comes out is within the limits, and a refusal has a place and a reason. */
#include "fuzz.h"
#include "mgw/wire/yaml.h"

#include <errno.h>

static const struct yaml_limits limits = {.depth_max = 20, .n_values_max = 2000};

static size_t count(const json_t *value, unsigned depth)
{
        size_t n = 1, i;
        const char *key;
        json_t *one;

        REQUIRE(depth <= limits.depth_max);
        json_array_foreach ((json_t *)value, i, one)
                n += count(one, depth + 1);
        json_object_foreach ((json_t *)value, key, one)
                n += count(one, depth + 1);
        return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        char *copy = exact_copy(data, size);
        struct yaml_fault fault = {0};
        json_t *json = NULL;
        int r = yaml_to_json((struct str){copy, size}, &limits, &json, &fault);

        REQUIRE(r == 0 || (r == -EINVAL && fault.line > 0 && fault.why[0] != '\0' && json == NULL));
        if (r == 0)
                REQUIRE(count(json, 0) <= limits.n_values_max);
        json_decref(json);
        free(copy);
        return 0;
}
