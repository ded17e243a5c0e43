/* [document, arguments]: a call of each tool that comes of the document is a request, or refused.
 * The document is read as the text that it is, and in a second way, from values. */
#include "fuzz_rest.h"

#include "mgw/rest/openapi.h"
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

static void on_note(void *owner, const char *where, const char *why, bool is_left_out)
{
        (void)owner;
        (void)is_left_out;
        REQUIRE(where != NULL && why[0] != '\0');
}

static void try_document(struct json_lazy *lazy, json_t *arguments)
{
        const struct openapi_caller caller = {.on_note = on_note};
        json_t *description, *tool;
        struct rest *rest;
        char why[200] = "";
        size_t i;

        if (openapi_describe(lazy, &caller, &description, why, sizeof(why)) != 0) {
                check_words(why);
                return;
        }
        rest = try_openapi(description);
        json_array_foreach (rest_tools(rest), i, tool)
                try_tool(rest, json_object_get(tool, "name"), arguments);
        rest_destroy(rest);
        json_decref(description);
}

static void try_text(json_t *document, json_t *arguments)
{
        char *text = text_of(document);
        struct json_lazy *lazy;
        size_t at;

        if (json_lazy_create(str_from(text), &lazy, &at) == 0) {
                try_document(lazy, arguments);
                json_lazy_destroy(lazy);
        }
        free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        char *copy = exact_copy(data, size);
        json_t *pair, *none = json_object();
        struct json_lazy *lazy;
        char why[160];
        size_t at;

        if (json_lazy_create((struct str){copy, size}, &lazy, &at) == 0) {
                try_document(lazy, none);
                json_lazy_destroy(lazy);
        }
        if (rpc_parse((struct str){copy, size}, NULL, &pair, why, sizeof(why)) == 0) {
                json_t *document = json_array_get(pair, 0), *arguments = json_array_get(pair, 1);

                if (arguments == NULL)
                        arguments = none;
                if (json_is_object(document)) {
                        try_text(document, arguments);
                        lazy = json_lazy_of_take(json_incref(document));
                        try_document(lazy, arguments);
                        json_lazy_destroy(lazy);
                }
                json_decref(pair);
        }
        json_decref(none);
        free(copy);
        return 0;
}
