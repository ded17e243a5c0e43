/* An entry as it may stand in any folder: paths are absolute, and what depends on the file's place
 * is filled in. */
#include "config_inside.h"

#include "mgw/base/alloc.h"

#include <libgen.h>
#include <stdlib.h>
#include <string.h>

/* Is it the name of a file, relative to that of the configuration? */
static bool is_file_key(const char *key)
{
        size_t n = strlen(key);

        return strcmp(key, "rest") == 0 || strcmp(key, "openapi") == 0 ||
               strcmp(key, "state_dir") == 0 || (n > 5 && strcmp(key + n - 5, "_file") == 0);
}

/* path as it is found from any folder; consumed. NULL: there is none, or the folder is not
 * known. */
static char *make_absolute(const struct loading *l, char *path)
{
        char *file, *absolute = NULL;

        if (path == NULL || path[0] == '/' || path[0] == '$' || path[0] == '\0')
                return path;
        file = realpath(l->path, NULL);
        if (file != NULL)
                absolute = alloc_format("%s/%s", dirname(file), path);
        free(file);
        free(path);
        return absolute;
}

static json_t *settle_object(struct loading *l, const char *at, json_t *object, bool has_files)
{
        json_t *out = json_object(), *value;
        char full[CONFIG_KEY_SIZE];
        const char *key;

        json_object_foreach (object, key, value) {
                bool is_map = strcmp(key, "env") == 0 || strcmp(key, "headers") == 0;
                json_t *settled;

                config_key(full, at, key);
                settled = strcmp(key, "tools") == 0
                                  ? json_incref(value)
                                  : config_settle(l, full, key, value, has_files && !is_map);
                if (settled == NULL || json_object_set_new(out, key, settled) < 0) {
                        json_decref(out);
                        return NULL;
                }
        }
        return out;
}

static json_t *settle_array(struct loading *l, const char *at, json_t *array)
{
        json_t *out = json_array(), *value;
        size_t i;

        json_array_foreach (array, i, value) {
                json_t *settled = config_settle(l, at, "", value, false);

                if (settled == NULL || json_array_append_new(out, settled) < 0) {
                        json_decref(out);
                        return NULL;
                }
        }
        return out;
}

json_t *config_settle(struct loading *l, const char *at, const char *key, json_t *value,
                      bool has_files)
{
        json_t *string;
        char *text;

        if (json_is_object(value))
                return settle_object(l, at, value, has_files);
        if (json_is_array(value))
                return settle_array(l, at, value);
        if (!json_is_string(value))
                return json_incref(value);
        text = config_expand(l, at, json_string_value(value));
        if (has_files && is_file_key(key))
                text = make_absolute(l, text);
        string = text != NULL ? json_string(text) : NULL;
        free(text);
        return string;
}

json_t *config_settle_entry(struct loading *l, const char *full, json_t *entry)
{
        json_t *settled;

        l->own_env = json_object_get(entry, "env");
        settled = settle_object(l, full, entry, true);
        l->own_env = NULL;
        return settled;
}
