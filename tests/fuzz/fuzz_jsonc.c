/* A text as JSON with comments. What is JSON already stays as it is; nothing moves, and what has
 * been made plain stays so. */
#include "fuzz.h"
#include "mgw/wire/jsonc.h"

#include <jansson.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        char *text = exact_copy(data, size), *again;
        json_t *json = json_loadb((const char *)data, size, JSON_DECODE_ANY, NULL);

        jsonc_to_json(text, size);
        REQUIRE(json == NULL || memcmp(text, data, size) == 0);
        for (size_t i = 0; i < size; i++)
                REQUIRE((uint8_t)text[i] == data[i] || (text[i] == ' ' && data[i] != '\n'));
        again = exact_copy(text, size);
        jsonc_to_json(again, size);
        REQUIRE(memcmp(again, text, size) == 0);
        json_decref(json);
        free(again);
        free(text);
        return 0;
}
