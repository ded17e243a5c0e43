/* Names of tools that are known before any server is asked: the built-in ones, those of
 * descriptions, and those that entries give. Two alike would hide one of the tools for good. */
#include "config_inside.h"
#include "mgw/mcp/builtin_tools.h"
#include "mgw/mcp/catalog.h"
#include "mgw/rest/rest.h"

#include <string.h>

/* The server whose longer prefix a name begins with: it would be left out. NULL: none. */
static const struct config_server *find_rival(const struct config *config,
                                              const struct config_server *s, const char *shown)
{
        size_t n = strlen(s->prefix);

        for (size_t i = 0; i < config->n_servers; i++) {
                const char *prefix = config->servers[i]->prefix;

                if (strlen(prefix) > n && strncmp(prefix, shown, strlen(prefix)) == 0)
                        return config->servers[i];
        }
        return NULL;
}

/* owners: the name that clients see -> whose tool it is. */
static void claim(struct loading *l, json_t *owners, const struct config_server *s,
                  const char *theirs)
{
        const struct catalog_rule rule = {.server = s->name,
                                          .prefix = s->prefix,
                                          .include = s->include,
                                          .exclude = s->exclude,
                                          .tools = s->tools,
                                          .is_safe = l->config->has_safe_names};
        bool is_given = json_object_get(json_object_get(s->tools, theirs), "name") != NULL;
        char *shown = catalog_shown_name(&rule, theirs);
        const char *owner =
                shown != NULL ? json_string_value(json_object_get(owners, shown)) : NULL;
        const struct config_server *rival =
                shown != NULL && !is_given ? find_rival(l->config, s, shown) : NULL;
        char where[160], key[CONFIG_KEY_SIZE];

        snprintf(where, sizeof(where), "%s%s%s%s", l->servers_at,
                 l->servers_at[0] != '\0' ? "." : "", s->name, is_given ? ".tools" : "");
        if (is_given)
                config_key(key, where, theirs);
        else
                snprintf(key, sizeof(key), "%s", where);
        if (owner != NULL)
                config_fault_at(l, key, where,
                                "its tool %s would be called %s, as one of %s: give it another "
                                "name under \"tools\", or all of them a \"prefix\"",
                                theirs, shown, owner);
        else if (rival != NULL)
                config_fault_at(l, key, where,
                                "its tool %s would be called %s, which begins with the prefix of "
                                "%s: give it another name under \"tools\", or all of them "
                                "another \"prefix\"",
                                theirs, shown, rival->name);
        else if (shown != NULL && !catalog_fits_all(shown))
                config_note(l, key,
                            "its tool %s is called %s, which some clients drop: over 60 bytes, or "
                            "other than letters, digits, '_' and '-' (\"names\": \"safe\")",
                            theirs, shown);
        if (shown != NULL && owner == NULL && rival == NULL)
                json_object_set_new(owners, shown, json_string(s->name));
        free(shown);
}

static void claim_all(struct loading *l, json_t *owners, const struct config_server *s)
{
        const json_t *described = s->rest != NULL ? rest_tools(s->rest) : NULL, *tool;
        const char *theirs;
        json_t *given;
        size_t i;

        json_array_foreach (described, i, tool)
                claim(l, owners, s, json_string_value(json_object_get(tool, "name")));
        if (described == NULL)
                json_object_foreach (s->tools, theirs, given)
                        if (json_object_get(given, "name") != NULL)
                                claim(l, owners, s, theirs);
}

void config_names_check(struct loading *l)
{
        json_t *owners = json_object();
        json_t *builtin = l->config->has_builtin_tools ? builtin_tools() : NULL, *tool;
        size_t i;

        json_array_foreach (builtin, i, tool)
                json_object_set_new(owners, json_string_value(json_object_get(tool, "name")),
                                    json_string("the gateway's own (\"builtin_tools\")"));
        for (i = 0; i < l->config->n_servers; i++)
                claim_all(l, owners, l->config->servers[i]);
        json_decref(builtin);
        json_decref(owners);
}
