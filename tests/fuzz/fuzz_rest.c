/* [description, params of tools/call, answers of the API...]: whatever they are, a request is one
 * to the API, and an answer makes a result that quotes no secret. */
#include "fuzz_rest.h"

#include "mgw/wire/rpc.h"
#include "mgw/wire/rpc_number.h"

#define SECRET "ya29.secret"

static void check_result(const json_t *result, const struct rest_answer *answer)
{
        const json_t *content = json_object_get(result, "content");
        const json_t *text = json_object_get(json_array_get(content, 0), "text");

        REQUIRE(json_is_string(text));
        if (!json_is_true(json_object_get(result, "isError")))
                return;
        check_words(json_string_value(text));
        if (answer->status / 100 != 2)
                REQUIRE(strstr(json_string_value(text), SECRET) == NULL);
}

/* {"status", "type", "body": a string as it is, anything else as JSON}. REST_MORE, 0. */
static int try_answer(struct rest_run *run, const json_t *json)
{
        static const char *const secrets[] = {SECRET, NULL};
        const json_t *body = json_object_get(json, "body");
        char *text = body == NULL          ? strdup("")
                     : rpc_is_string(body) ? strdup(json_string_value(body))
                                           : text_of(body);
        struct rest_answer answer = {
                .status = 100 + (unsigned)json_integer_value(json_object_get(json, "status")) % 500,
                .content_type = str_from(json_string_value(json_object_get(json, "type"))),
                .retry_after_s = -1,
                .body = str_from(text),
                .secrets = secrets,
        };
        json_t *result = NULL;
        int r = rest_run_answer(run, "api", &answer, &result);

        REQUIRE(r == REST_MORE || r == 0);
        if (r == 0)
                check_result(result, &answer);
        json_decref(result);
        free(text);
        return r;
}

/* Own words for errors may be anything. */
static bool has_secret(const json_t *description)
{
        char *text = text_of(description);
        bool has = strstr(text, "ya29") != NULL;

        free(text);
        return has;
}

static void try_all(const json_t *all)
{
        const json_t *description = json_array_get(all, 0);
        struct rest *rest = description != NULL ? try_description(description) : NULL;
        struct rest_run run;

        if (rest == NULL)
                return;
        if (!has_secret(description)) {
                int r = try_call(&run, rest, json_array_get(all, 1));

                for (size_t i = 2; r == 0 && i < json_array_size(all); i++)
                        if (try_request(&run) != 0 ||
                            try_answer(&run, json_array_get(all, i)) != REST_MORE)
                                break;
                rest_run_finish(&run);
        }
        rest_destroy(rest);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        char *copy = exact_copy(data, size);
        char why[160];
        json_t *all;

        if (rpc_parse((struct str){copy, size}, NULL, &all, why, sizeof(why)) == 0) {
                try_all(all);
                json_decref(all);
        }
        free(copy);
        return 0;
}
