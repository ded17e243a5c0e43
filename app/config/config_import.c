/* mgw import: the servers of several files as one configuration of ours. */
#include "config_inside.h"

#include <errno.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>

/* ---- what depends on the place of its file ---- */

/* Is it the name of a file, relative to that of the configuration? */
static bool is_file_key(const char *key)
{
        size_t n = strlen(key);

        return strcmp(key, "rest") == 0 || strcmp(key, "openapi") == 0 ||
               (n > 5 && strcmp(key + n - 5, "_file") == 0);
}

/* path as it is found from any folder; consumed. NULL: out of memory. */
static char *make_absolute(const struct loading *l, char *path)
{
        char *file, *absolute = NULL;

        if (path == NULL || path[0] == '/' || path[0] == '$' || path[0] == '\0')
                return path;
        file = realpath(l->path, NULL);
        if (file == NULL || asprintf(&absolute, "%s/%s", dirname(file), path) < 0)
                absolute = NULL;
        free(file);
        free(path);
        return absolute;
}

static json_t *settle(struct loading *l, const char *at, const char *key, json_t *value,
                      bool has_files);

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
                                  : settle(l, full, key, value, has_files && !is_map);
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
                json_t *settled = settle(l, at, "", value, false);

                if (settled == NULL || json_array_append_new(out, settled) < 0) {
                        json_decref(out);
                        return NULL;
                }
        }
        return out;
}

static json_t *settle(struct loading *l, const char *at, const char *key, json_t *value,
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

json_t *config_import_settle(struct loading *l, const char *full, json_t *entry)
{
        json_t *settled;

        l->own_env = json_object_get(entry, "env");
        settled = settle_object(l, full, entry, true);
        l->own_env = NULL;
        return settled;
}

/* ---- the files ---- */

/* What stands beside the servers. */
static void import_others(struct loading *l, json_t *root, json_t **gateway)
{
        const char *key;
        json_t *value;

        json_object_foreach (root, key, value) {
                if (strcmp(key, "$schema") == 0 || config_client_holds_servers(l, key))
                        continue;
                if (strcmp(key, "gateway") != 0)
                        config_client_ignore(l, key);
                else if (*gateway == NULL)
                        *gateway = settle(l, key, key, value, true);
                else
                        config_note(l, key, "is left out: that of a file before is taken");
        }
}

/* Has it all been taken? */
static bool import_file(struct loading *l, const char *path, json_t **gateway)
{
        json_t *root = config_file_read(l, path), *servers, *entry;
        size_t n_left_out = l->config->n_left_out;
        const char *name;

        if (root != NULL) {
                servers = config_client_open(l, root);
                json_object_foreach (servers, name, entry)
                        config_server_load(l, name, entry);
                import_others(l, root, gateway);
                config_client_tell(l);
                json_decref(servers);
        }
        json_decref(root);
        free((void *)l->text.p);
        return l->n_faults == 0 && l->config->n_left_out == n_left_out;
}

static void tell_wanted(json_t *wanted, FILE *err)
{
        const char *name, *between = "wanted in the environment of mgw: ";
        json_t *value;

        json_object_foreach (wanted, name, value) {
                fprintf(err, "%s%s", between, name);
                between = ", ";
        }
        if (json_object_size(wanted) > 0)
                fputc('\n', err);
}

int config_import(char *const *paths, size_t n, FILE *out, FILE *err)
{
        struct config config = {0};
        json_t *imported = json_object(), *wanted = json_object(), *gateway = NULL, *all;
        bool is_whole = true;
        int r;

        for (size_t i = 0; i < n; i++) {
                struct loading l = {.config = &config,
                                    .err = err,
                                    .imported = imported,
                                    .wanted = wanted,
                                    .keeps_variables = true};

                is_whole = import_file(&l, paths[i], &gateway) && is_whole;
        }
        tell_wanted(wanted, err);
        all = json_pack("{s:o, s:o}", "mcpServers", imported, "gateway",
                        gateway != NULL ? gateway : json_object());
        r = all != NULL && json_dumpf(all, out, JSON_INDENT(2) | JSON_REAL_PRECISION(15)) == 0
                    ? 0
                    : -ENOMEM;
        fputc('\n', out);
        json_decref(all);
        json_decref(wanted);
        config_finish(&config);
        return r < 0 ? r : is_whole ? 0 : -EINVAL;
}
