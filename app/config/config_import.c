/* mgw import: the servers of several files as one configuration of ours. */
#include "config_inside.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* What stands beside the servers: others is {"gateway", "policy"}, of the first file that has it.
 */
static void import_others(struct loading *l, json_t *root, json_t *others)
{
        const char *key;
        json_t *value;

        json_object_foreach (root, key, value) {
                if (strcmp(key, "$schema") == 0 || config_client_holds_servers(l, key))
                        continue;
                if (strcmp(key, "gateway") != 0 && strcmp(key, "policy") != 0)
                        config_client_ignore(l, key);
                else if (json_object_get(others, key) == NULL)
                        json_object_set_new(others, key, config_settle(l, key, key, value, true));
                else
                        config_note(l, key, "is left out: that of a file before is taken");
        }
}

/* Has it all been taken? */
static bool import_file(struct loading *l, const char *path, json_t *others)
{
        json_t *root = config_file_read(l, path), *servers, *entry;
        size_t n_left_out = l->config->n_left_out;
        const char *name;

        if (root != NULL) {
                servers = config_client_open(l, root);
                json_object_foreach (servers, name, entry)
                        config_servers_add(l, name, entry);
                import_others(l, root, others);
                config_client_tell(l);
                json_decref(servers);
        }
        json_decref(root);
        config_file_forget(l);
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
        json_t *imported = json_object(), *wanted = json_object(), *others = json_object(), *all;
        bool is_whole = true;
        int r;

        for (size_t i = 0; i < n; i++) {
                struct loading l = {.config = &config,
                                    .err = err,
                                    .imported = imported,
                                    .wanted = wanted,
                                    .keeps_variables = true};

                is_whole = import_file(&l, paths[i], others) && is_whole;
        }
        tell_wanted(wanted, err);
        if (json_object_get(others, "gateway") == NULL)
                json_object_set_new(others, "gateway", json_object());
        all = json_pack("{s:o}", "mcpServers", imported);
        json_object_update(all, others);
        r = json_dumpf(all, out, JSON_INDENT(2) | JSON_REAL_PRECISION(15)) == 0 ? 0 : -ENOMEM;
        fputc('\n', out);
        json_decref(all);
        json_decref(others);
        json_decref(wanted);
        config_finish(&config);
        return r < 0 ? r : is_whole ? 0 : -EINVAL;
}
