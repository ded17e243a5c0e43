#include "mgw/mcp/names.h"

#include <errno.h>
#include <string.h>

int names_add_prefix(json_t *entries, const char *server)
{
        for (size_t i = json_array_size(entries); i-- > 0;) {
                json_t *entry = json_array_get(entries, i);
                const char *name = json_string_value(json_object_get(entry, "name"));

                if (name == NULL) {
                        json_array_remove(entries, i);
                        continue;
                }
                json_t *full = json_sprintf("%s_%s", server, name);
                if (full == NULL || json_object_set_new(entry, "name", full) < 0)
                        return -ENOMEM;
        }
        return 0;
}

const char *names_strip_prefix(const char *name, const char *server)
{
        size_t n = strlen(server);

        if (strncmp(name, server, n) != 0 || name[n] != '_' || name[n + 1] == '\0')
                return NULL;
        return name + n + 1;
}
