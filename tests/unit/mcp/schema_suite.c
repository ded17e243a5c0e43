/* The official JSON-Schema-Test-Suite, as Debian's libtest-json-schema-acceptance-perl ships it.
 * What we cannot check by must be refused when the schema is read: never a wrong answer. */
#include "mgw/mcp/schema.h"

#include "../check.h"

#include <dirent.h>
#include <stdio.h>

#define SUITE "/usr/share/perl5/auto/share/dist/Test-JSON-Schema-Acceptance/tests/draft2020-12"

/* Groups whose schemas are refused, with what the reason must say. */
static const struct refused {
        const char *file;
        const char *group; /* NULL: any */
        const char *why;
} refused[] = {
        {"dynamicRef.json", NULL, NULL},
        {"refRemote.json", NULL, "must stay in the document"},
};

struct tally {
        unsigned n_passed, n_failed, n_refused;
};

static bool may_be_refused(const char *file, const char *group, const char *why)
{
        for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
                if (strcmp(refused[i].file, file) == 0 &&
                    (refused[i].group == NULL || strcmp(refused[i].group, group) == 0))
                        return refused[i].why == NULL || strstr(why, refused[i].why) != NULL;
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

                if (end != NULL && strcmp(end, ".json") == 0)
                        run_file(path, entry->d_name, tally);
        }
        closedir(folder);
}

Test(schema_suite, draft_2020_12)
{
        struct tally tally = {0};

        run_folder(SUITE, &tally);
        cr_log_warn("%u passed, %u groups refused", tally.n_passed, tally.n_refused);
        check_int(tally.n_failed, 0);
}
