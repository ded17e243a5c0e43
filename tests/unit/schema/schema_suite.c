/* The official JSON-Schema-Test-Suite, as Debian's libtest-json-schema-acceptance-perl ships it.
 * What we cannot check by must be refused when the schema is read: never a wrong answer. */
#include "mgw/schema/schema.h"

#include "../check.h"

#include <dirent.h>
#include <stdio.h>

#define SUITE "/usr/share/perl5/auto/share/dist/Test-JSON-Schema-Acceptance/tests/draft2020-12"

/* Groups whose schemas are refused: their $ref leaves the document or is relative to an $id, or
 * they hold a $dynamicRef. */
static const struct {
        const char *file;
        const char *group; /* NULL: any */
} refused[] = {
        {"dynamicRef.json", NULL},
        {"refRemote.json", NULL},
        {"anchor.json", "Location-independent identifier with base URI change in subschema"},
        {"anchor.json", "same $anchor with different base uri"},
        {"anchor.json", "invalid anchors"},
        {"defs.json", "validate definition against metaschema"},
        {"id.json", NULL},
        {"ref.json", "remote ref, containing refs itself"},
        {"ref.json", "Recursive references between schemas"},
        {"ref.json", "refs with relative uris and defs"},
        {"ref.json", "relative refs with absolute uris and defs"},
        {"ref.json", "$id must be resolved against nearest parent, not just immediate parent"},
        {"ref.json", "order of evaluation: $id and $ref"},
        {"ref.json", "URN base URI with f-component"},
        {"ref.json", "ref with absolute-path-reference"},
};

/* Of what is optional: not the formats, nor the dialects of older drafts; of ECMA-262, \\s is ASCII
 * here. */
static const char *const optional[] = {"float-overflow.json", "no-schema.json",
                                       "non-bmp-regex.json", "refOfUnknownKeyword.json",
                                       "unicode.json"};

struct tally {
        unsigned n_passed, n_failed, n_refused;
};

static bool may_be_refused(const char *file, const char *group, const char *why)
{
        for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
                if (strcmp(refused[i].file, file) == 0 &&
                    (refused[i].group == NULL || strcmp(refused[i].group, group) == 0))
                        return strstr(why, "a $ref must stay in the document") != NULL ||
                               strstr(why, "/$dynamicRef: is not supported") != NULL;
        return false;
}

static void run_test(const struct schema *schema, const char *file, const char *group, json_t *test,
                     struct tally *tally)
{
        const char *description = json_string_value(json_object_get(test, "description"));
        bool is_valid = json_is_true(json_object_get(test, "valid"));
        char why[400] = "";
        int r = schema_check(schema, json_object_get(test, "data"), why, sizeof(why));

        if (r == (is_valid ? 0 : SCHEMA_E_INVALID)) {
                tally->n_passed++;
                return;
        }
        tally->n_failed++;
        cr_log_error("%s: %s: %s: got %d (%s)", file, group, description, r, why);
}

static void run_group(const char *file, json_t *group, struct tally *tally)
{
        const char *description = json_string_value(json_object_get(group, "description"));
        struct schema *schema;
        char why[400] = "";
        json_t *test;
        size_t i;

        if (schema_create(json_object_get(group, "schema"), &schema, why, sizeof(why)) != 0) {
                if (may_be_refused(file, description, why)) {
                        tally->n_refused++;
                        return;
                }
                tally->n_failed++;
                cr_log_error("%s: %s: refused: %s", file, description, why);
                return;
        }
        json_array_foreach (json_object_get(group, "tests"), i, test)
                run_test(schema, file, description, test, tally);
        schema_destroy(schema);
}

static void run_file(const char *folder, const char *name, struct tally *tally)
{
        char path[512];
        json_t *groups, *group;
        json_error_t error;
        size_t i;

        snprintf(path, sizeof(path), "%s/%s", folder, name);
        groups = json_load_file(path, JSON_ALLOW_NUL, &error);
        cr_assert_not_null(groups, "%s: %s", path, error.text);
        json_array_foreach (groups, i, group)
                run_group(name, group, tally);
        json_decref(groups);
}

static void run_folder(const char *path, struct tally *tally)
{
        DIR *folder = opendir(path);
        struct dirent *entry;

        cr_assert_not_null(folder, "no %s: install libtest-json-schema-acceptance-perl", path);
        while ((entry = readdir(folder)) != NULL) {
                const char *end = strrchr(entry->d_name, '.');

                /* custom vocabularies are not read */
                if (strcmp(entry->d_name, "vocabulary.json") == 0)
                        continue;
                if (end != NULL && strcmp(end, ".json") == 0)
                        run_file(path, entry->d_name, tally);
        }
        closedir(folder);
}

Test(schema_suite, draft_2020_12)
{
        struct tally tally = {0};

        run_folder(SUITE, &tally);
        for (size_t i = 0; i < sizeof(optional) / sizeof(optional[0]); i++)
                run_file(SUITE "/optional", optional[i], &tally);
        check_int(tally.n_failed, 0);
        cr_assert_geq(tally.n_passed, 1000, "only %u tests ran", tally.n_passed);
        cr_assert_leq(tally.n_refused, 50, "%u groups were refused", tally.n_refused);
}
