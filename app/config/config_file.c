/* The file of a configuration: JSON as people write it, or YAML. */
#include "config_inside.h"
#include "config_source.h"
#include "mgw/wire/jsonc.h"
#include "mgw/wire/yaml.h"
#include "mgw/wire/yaml_lines.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const struct yaml_limits yaml_limits = {.depth_max = 64, .n_values_max = 100000};

static bool has_ending(const char *path, const char *ending)
{
        size_t n = strlen(path), n_ending = strlen(ending);

        return n > n_ending && strcasecmp(path + n - n_ending, ending) == 0;
}

static json_t *read_yaml(struct loading *l)
{
        struct yaml_fault fault;
        json_t *json = NULL;
        int r = yaml_to_json(l->text, &yaml_limits, &json, &fault);

        if (r < 0)
                config_fault_place(l, r == -EINVAL ? fault.line : 1,
                                   r == -EINVAL ? fault.column : 1,
                                   r == -EINVAL ? fault.why : strerror(-r));
        else
                l->lines = yaml_lines_create(l->text);
        l->text.n = 0;
        return json;
}

static json_t *read_json(struct loading *l)
{
        json_error_t error;
        json_t *json;

        jsonc_to_json((char *)l->text.p, l->text.n);
        json = json_loadb(l->text.p, l->text.n, JSON_REJECT_DUPLICATES, &error);
        if (json == NULL && json_error_code(&error) == json_error_duplicate_key) {
                l->twice = error;
                json = json_loadb(l->text.p, l->text.n, 0, &error);
        }
        if (json == NULL)
                config_fault_place(l, (unsigned)error.line, (unsigned)error.column, error.text);
        return json;
}

json_t *config_file_read(struct loading *l, const char *path)
{
        json_t *json;
        int r;

        l->path = path;
        l->text = (struct str){NULL, 0};
        l->lines = NULL;
        r = config_source_read(path, SOURCE_MAX_BYTES, &l->text);
        if (r < 0) {
                fprintf(l->err, "%s: cannot be read: %s\n", path, strerror(-r));
                l->n_faults++;
                return NULL;
        }
        if (l->text.n >= 2 &&
            (memcmp(l->text.p, "\xff\xfe", 2) == 0 || memcmp(l->text.p, "\xfe\xff", 2) == 0)) {
                config_fault_place(l, 1, 1, "is UTF-16: save it as UTF-8");
                return NULL;
        }
        if (has_ending(path, ".toml")) {
                config_fault_place(l, 1, 1,
                                   "is TOML, which is not read: write its servers as JSON or YAML");
                return NULL;
        }
        json = has_ending(path, ".yaml") || has_ending(path, ".yml") ? read_yaml(l) : read_json(l);
        if (json != NULL && !json_is_object(json)) {
                config_fault_place(l, 1, 1, "must be a JSON object");
                json_decref(json);
                return NULL;
        }
        return json;
}

void config_file_forget(struct loading *l)
{
        yaml_lines_destroy(l->lines);
        free((void *)l->text.p);
}
