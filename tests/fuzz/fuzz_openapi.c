/* [document, arguments]: each tool that comes of the document has its place there, and a call of it
 * is a request to the API or refused. */
#include "fuzz_rest.h"

#include "mgw/mcp/openapi.h"
#include "mgw/wire/rpc.h"

static void try_tool(const struct rest *rest, json_t *name, json_t *arguments)
{
        json_t *params = json_pack("{s:O, s:O}", "name", name, "arguments", arguments);
        struct rest_run run;

        if (try_call(&run, rest, params) == 0)
                try_request(&run);
        rest_run_finish(&run);
        json_decref(params);
}

static void check_places(json_t *document, json_t *description, json_t *places)
{
        json_t *tool;
        const char *name;

        json_object_foreach (json_object_get(description, "tools"), name, tool) {
                const char *path, *method;
                json_t *place = json_object_get(places, name);

                REQUIRE(json_unpack(place, "[s, s]", &path, &method) == 0);
                REQUIRE(json_object_get(json_object_get(document, "paths"), path) != NULL);
        }
}

static void try_document(json_t *document, json_t *arguments)
{
        json_t *description, *places, *tool;
        struct rest *rest;
        char why[200] = "";
        size_t i;

        if (openapi_describe(document, &description, &places, why, sizeof(why)) != 0) {
                check_words(why);
                return;
        }
        check_places(document, description, places);
        rest = try_description(description);
        if (rest != NULL) {
                json_array_foreach (rest_tools(rest), i, tool)
                        try_tool(rest, json_object_get(tool, "name"), arguments);
                rest_destroy(rest);
        }
        json_decref(description);
        json_decref(places);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        char *copy = exact_copy(data, size);
        json_t *pair, *none = json_object();
        char why[160];

        if (rpc_parse((struct str){copy, size}, NULL, &pair, why, sizeof(why)) == 0) {
                json_t *arguments = json_array_get(pair, 1);

                try_document(json_array_get(pair, 0), arguments != NULL ? arguments : none);
                json_decref(pair);
        }
        json_decref(none);
        free(copy);
        return 0;
}
